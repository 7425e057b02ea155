"""What a run of a spiking network says besides energy: steps, populations, cores, links. Plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

#: Action of the ledger -> column of ``Spiking.per_step`` that counts it.
STEP_ACTIONS: Mapping[str, str] = {
    "synapse_dense": "sops_dense",
    "synapse_sparse": "sops_sparse",
    "synapse_conv": "sops_conv",
    "access": "accessed",
    "update": "updated",
    "spike": "fired",
    "axon_in": "messages",
    "axon_out": "sent",
    "hop_ew": "hops_ew",
    "hop_ns": "hops_ns",
    "barrier": "barriers",
}


@dataclass(frozen=True, slots=True)
class PopulationRun:
    """What one population did; the order of ``Result.rows``.

    ``sops`` are synaptic operations that arrive in it, ``messages`` and ``hops`` those of its spikes;
    ``cores`` are numbers of the chip's cores, empty for inputs and outputs. ``placed_by`` says what chose
    them: ``network``, ``rule`` or ``mapper``.
    """

    name: str
    kind: str
    neurons: int
    cores: tuple[int, ...]
    tiles: tuple[int, ...]
    placed_by: str
    format: str
    spikes: int
    sops: int
    messages: int
    hops: int


@dataclass(frozen=True, slots=True)
class CoreRun:
    """One core that holds neurons: where it is, what it holds, what it did over all steps.

    ``send_fs`` and ``receive_fs`` are the times of its two sides; ``decisive_fs`` is its time in the steps in
    which it was the slowest.
    """

    core: int
    tile: int
    column: int
    row: int
    neurons: int
    axons_in: int
    axons_out: int
    synapse_bytes: int
    spikes: int
    sops: int
    messages_in: int
    messages_out: int
    send_fs: int
    receive_fs: int
    decisive_fs: int


@dataclass(frozen=True, slots=True)
class LinkRun:
    """One link of the mesh that messages passed: from a tile to its neighbour."""

    column: int
    row: int
    to_column: int
    to_row: int
    messages: int


@dataclass(frozen=True, slots=True)
class Activity:
    """Spikes over time: ``counts[r][b]`` are those of group r (consecutive neurons) in bin b of steps.

    ``groups`` are first neuron and end of each, ``bins`` first step and end.
    """

    groups: tuple[tuple[int, int], ...]
    bins: tuple[tuple[int, int], ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Spiking:
    """A run of a spiking network.

    Attributes
    ----------
    model, timing
        Neuron model, and how the time of a step was found.
    columns, rows, cores_per_tile
        Tiles of the chip.
    limits
        What one core has: neurons, axons_in, axons_out, synapse_bytes; None: no limit.
    barrier_fs
        Time of the barrier of a step.
    per_step
        Column -> a number per step: ``fired`` (neurons that spiked), ``inputs`` (events of input channels),
        ``updated`` (neurons with something to do), ``accessed`` (neurons), ``sops_dense``, ``sops_sparse``,
        ``sops_conv``, ``messages``, ``sent`` (those that cores sent), ``hops_ew``, ``hops_ns``, ``barriers``,
        ``time_fs`` (barrier included), ``slowest_fs`` (of the slowest core alone), ``slowest_core``,
        ``slowest_side`` (0: it sends, 1: it receives).
    populations, cores, links, activity
        See there.
    outputs
        Output name -> spikes of each of its neurons, where it spikes and is small.
    """

    model: str
    timing: str
    columns: int
    rows: int
    cores_per_tile: int
    limits: dict[str, int | None]
    barrier_fs: int
    per_step: dict[str, tuple[int, ...]]
    populations: tuple[PopulationRun, ...]
    cores: tuple[CoreRun, ...]
    links: tuple[LinkRun, ...]
    activity: Activity
    outputs: dict[str, tuple[int, ...]]

    @property
    def steps(self) -> int:
        """How many there were."""
        return len(self.per_step["time_fs"])

    @property
    def simple_fs(self) -> int:
        """Time of the run by the slowest core and the barrier of every step alone."""
        return sum(self.per_step["slowest_fs"]) + self.steps * self.barrier_fs

    @property
    def tiles(self) -> tuple[int, ...]:
        """Tiles with neurons."""
        return tuple(sorted({core.tile for core in self.cores}))

    def sops(self) -> list[int]:
        """Synaptic operations of each step."""
        columns = (self.per_step[f"sops_{name}"] for name in ("dense", "sparse", "conv"))
        return [sum(each) for each in zip(*columns, strict=True)]

    def hops(self) -> list[int]:
        """Hops of each step."""
        return [a + b for a, b in zip(self.per_step["hops_ew"], self.per_step["hops_ns"], strict=True)]

    def to_dict(self) -> dict[str, Any]:
        """Plain form, JSON-ready."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Spiking:
        """Inverse of ``to_dict``, also of what JSON made of it."""
        activity = data["activity"]
        return cls(
            **{
                **data,
                "per_step": {name: tuple(column) for name, column in data["per_step"].items()},
                "populations": tuple(
                    PopulationRun(**{**each, "cores": tuple(each["cores"]), "tiles": tuple(each["tiles"])})
                    for each in data["populations"]
                ),
                "cores": tuple(CoreRun(**each) for each in data["cores"]),
                "links": tuple(LinkRun(**each) for each in data["links"]),
                "activity": Activity(
                    *(tuple(tuple(each) for each in activity[name]) for name in ("groups", "bins", "counts"))
                ),
                "outputs": {name: tuple(counts) for name, counts in data["outputs"].items()},
            }
        )
