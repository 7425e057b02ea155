"""Static rows: where each neuron's spike goes, what it meets there, what it counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.hw.links.spike_mesh import SpikeMesh
from simulator.hw.spiking import SpikingParts
from simulator.kernels.spikerows import ACTIONS, count_entries, fill_entries
from simulator.mapping.spiking.formats import Formats
from simulator.workload.spiking.network import SpikingNetwork


@dataclass(frozen=True, eq=False)
class Rows:
    """One row per neuron, input channels included, one entry per core that a spike of it is sent to.

    Attributes
    ----------
    first : (n + 1,) int64
        Row i is entries ``first[i]`` to ``first[i + 1] - 1``, by core.
    core, synapses : (entries,) int32
        Destination (an index of ``SpikingSchedule.cores``), and synapses there.
    serve_fs : (entries,) int64
        Time that the message takes its destination.
    actions : (n, ACTIONS) int64
        What one spike counts, see ``simulator.kernels.spikerows``.
    tile_of : (cores + 1, 2) int32
        Column and row of each core's tile; last those at which outside spikes enter.
    """

    first: np.ndarray
    core: np.ndarray
    synapses: np.ndarray
    serve_fs: np.ndarray
    actions: np.ndarray
    tile_of: np.ndarray


def make_rows(
    network: SpikingNetwork, formats: Formats, parts: SpikingParts, core_of: np.ndarray,
    cores: tuple[int, ...],
) -> Rows:  # fmt: skip
    """Rows of a network whose neurons are on ``cores``; ``core_of``, int32 (n,): an index of these, or -1."""
    synapses, n = network.synapses, network.neurons
    tile_of = places(parts.mesh, cores)
    first = np.zeros(n + 1, np.int64)
    count_entries(
        synapses.offsets, synapses.targets, core_of, np.full(max(len(cores), 1), -1, np.int32), first
    )
    entries = int(first[-1])
    rows = Rows(
        first,
        np.zeros(entries, np.int32),
        np.zeros(entries, np.int32),
        np.zeros(entries, np.int64),
        np.zeros((n, ACTIONS), np.int64),
        tile_of,
    )
    fill_entries(
        synapses.offsets, synapses.targets, formats.of, core_of, first, tile_of, tile_of[core_of],
        parts.core.event_fs(), parts.core.axon_in_fs, np.full(max(len(cores), 1), -1, np.int64), rows.core,
        rows.synapses, rows.serve_fs, rows.actions,
    )  # fmt: skip
    return rows


def places(mesh: SpikeMesh, cores: tuple[int, ...]) -> np.ndarray:
    """int32 (cores + 1, 2): column and row of each core's tile, and those at which outside spikes enter."""
    return np.array([*(mesh.place(core) for core in cores), mesh.entry], np.int32).reshape(-1, 2)
