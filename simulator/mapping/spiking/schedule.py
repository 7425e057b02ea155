"""The schedule of a spiking network: which core holds which neurons, and what follows from that."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from simulator.hw.chip import Chip
from simulator.hw.spiking import SpikingParts
from simulator.kernels.spikefill import AXONS_IN, AXONS_OUT, BITS, NEURONS
from simulator.kernels.spikerows import HOPS_EW, HOPS_NS, MESSAGES
from simulator.mapping.spiking.formats import Formats
from simulator.mapping.spiking.rows import Rows
from simulator.workload.spiking.network import SpikingNetwork
from simulator.workload.work import SYNAPSE_FORMATS


@dataclass(frozen=True, eq=False)
class SpikingSchedule:
    """Decisions for a network on a chip.

    Attributes
    ----------
    network, chip, parts
        What is run, on what.
    core_of : (n,) int32
        Index of ``cores`` for each neuron; -1 for inputs and outputs, which no core holds.
    cores
        Numbers of the chip's cores that hold neurons, ascending.
    placed_by
        Of each population: ``network`` (its core_id), ``rule``, ``mapper``, or "" where no core holds it.
    formats, rows
        Formats of synapses; static rows.
    used : (cores, LIMITS) int64
        What each core takes of its limits, see ``simulator.kernels.spikefill``.
    """

    network: SpikingNetwork
    chip: Chip
    parts: SpikingParts
    core_of: np.ndarray
    cores: tuple[int, ...]
    placed_by: tuple[str, ...]
    formats: Formats
    rows: Rows
    used: np.ndarray

    @cached_property
    def tiles(self) -> tuple[int, ...]:
        """Tiles with neurons, ascending."""
        per_tile = self.parts.mesh.cores_per_tile
        return tuple(sorted({core // per_tile for core in self.cores}))

    @property
    def barrier_fs(self) -> int:
        """Time of the barrier of a step."""
        return self.parts.mesh.barrier_of(len(self.tiles))

    def cores_of(self, population: int) -> list[int]:
        """Numbers of the cores that hold a population, ascending."""
        mine = np.unique(self.core_of[self.network.populations[population].neurons])
        return [self.cores[index] for index in mine.tolist() if index >= 0]

    def describe(self) -> list[dict[str, Any]]:
        """Populations as plain records: where they are, by what, and the formats of their synapses."""
        records = []
        for index, each in enumerate(self.network.populations):
            cores = self.cores_of(index)
            leading = {SYNAPSE_FORMATS[c.format] for c in self.formats.connections if c.target == index}
            records.append(
                {
                    "population": each.name,
                    "kind": each.kind,
                    "neurons": each.count,
                    "cores": cores,
                    "tiles": sorted({core // self.parts.mesh.cores_per_tile for core in cores}),
                    "placed_by": self.placed_by[index],
                    "synapses": sum(c.synapses for c in self.formats.connections if c.target == index),
                    "format": "+".join(sorted(leading)),
                }
            )
        return records

    def layout(self) -> list[dict[str, Any]]:
        """Cores as plain records: where each is, and what it takes of its limits."""
        mesh = self.parts.mesh
        return [
            {
                "core": core,
                "tile": core // mesh.cores_per_tile,
                "place": list(mesh.place(core)),
                "neurons": int(used[NEURONS]),
                "axons_in": int(used[AXONS_IN]),
                "axons_out": int(used[AXONS_OUT]),
                "synapse_bytes": -(-int(used[BITS]) // 8),
            }
            for core, used in zip(self.cores, self.used, strict=True)
        ]

    def hops(self) -> tuple[int, int]:
        """(messages, hops) if every neuron and input spiked once."""
        actions = self.rows.actions
        return int(actions[:, MESSAGES].sum()), int(actions[:, [HOPS_EW, HOPS_NS]].sum())


def ranges(numbers: list[int]) -> str:
    """Numbers in words: ``0-3,5``."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ",".join("-".join(str(end) for end in part) for part in parts)
