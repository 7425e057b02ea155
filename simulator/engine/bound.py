"""Which resource limits a node: the one that works for it most of its time. docs/models/causes.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from simulator.engine.causes import Stretch, total_fs
from simulator.engine.finished import Finished
from simulator.engine.machine import CoreUnit, DmaUnit
from simulator.hw.chip import Chip
from simulator.hw.timing import core_times_fs, port_times_fs
from simulator.mapping.program import COMPUTE, Program
from simulator.results.causes import MEMORY_WAITS, USEFUL

#: A resource limits a node if it works for it at least this share of the node's time.
BUSY_SHARE = 0.5


class Bound(NamedTuple):
    """The word of ``layers.csv``, the resource behind it and its time; no resource: "" and 0."""

    word: str
    limiter: str = ""
    limiter_fs: int = 0


def roofs_fs(ran: Finished) -> dict[str, np.ndarray]:
    """Resource -> time that it worked for each node between the node's start and end; cores first.

    A core's is its own, without its wait for ports; a memory's port is there where it was slower than the
    core. What was prefetched before the start does not count: of a transfer, the part that overlaps.

    Returns
    -------
    dict
        int64, shape (nodes,), fs per resource.
    """
    program, machine, chip, spans = ran.program, ran.machine, ran.chip, ran.spans
    start, end, _ = ran.nodes
    commands, nodes = program.commands, len(program.nodes)
    inside = _inside(program, spans, start, end)
    cores: dict[str, np.ndarray] = {}
    others: dict[str, np.ndarray] = {}

    def add(to: dict[str, np.ndarray], name: str, where: np.ndarray, time_fs: np.ndarray) -> None:
        """Add time of a resource to nodes."""
        np.add.at(to.setdefault(name, np.zeros(nodes)), commands["node"][where], time_fs)

    for index, (name, unit) in enumerate(zip(program.units, machine.units, strict=True)):
        where = np.flatnonzero(commands["unit"] == index)
        if isinstance(unit, CoreUnit):
            tiles = program.tiles[name][commands["work"][where]]
            own = core_times_fs(chip.cores[name], tiles)
            add(cores, name, where, own)
            for memory, port_fs in port_times_fs(chip.cores[name], chip.ports(name), tiles).items():
                add(others, memory, where, np.where(port_fs > own, port_fs, 0))
        elif isinstance(unit, DmaUnit):
            taken = np.array(unit.occupancy_fs, np.int64)[commands["work"][where]]
            add(others, name, where, taken * inside[where] / len(unit.engine_free_fs))
    for name, shared in machine.shared.items():
        passing = [i for i, path in machine.path.items() if name in path]
        where = np.flatnonzero(np.isin(commands["unit"], passing) & (commands["kind"] != COMPUTE))
        moved = program.moves["far_bytes"][commands["work"][where]]
        part, whole = (np.bincount(commands["node"][where], moved * w, nodes)
                       for w in (inside[where], np.ones(where.size)))  # fmt: skip
        busy = shared.counts()["busy_fs"] * part / np.maximum(whole, 1)
        others[name] = others.get(name, 0) + busy
    latency = end - start
    found = {**cores, **others}
    return {
        name: np.minimum(np.rint(found[name]).astype(np.int64), latency)
        for name in (*chip.cores, *chip.memories, *chip.links)
        if name in found
    }


def _inside(program: Program, spans: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Share of each command's span between its node's start and end, float64, shape (commands,)."""
    node = program.commands["node"]
    overlap = np.minimum(spans[:, 1], end[node]) - np.maximum(spans[:, 0], start[node])
    return np.maximum(overlap, 0) / np.maximum(spans[:, 1] - spans[:, 0], 1)


def bound_of(
    stretches: list[Stretch], start_fs: int, latency_fs: int, core: str, roofs: Mapping[str, int], chip: Chip
) -> Bound:
    """What limits a node: the resource that works for it longest, if that is ``BUSY_SHARE`` of its time.

    Else the cause that took most of its time. ``core`` is its main one, ``roofs`` its part of ``roofs_fs``.
    """
    sums = total_fs(stretches, start_fs)
    limiter = max(roofs, key=lambda name: roofs[name], default="")
    if limiter and latency_fs and roofs[limiter] >= BUSY_SHARE * latency_fs:
        return Bound(_word(limiter, sums, chip), limiter, roofs[limiter])
    merged: dict[str, int] = {}
    for cause, time_fs in sums.items():
        word = "latency" if cause in MEMORY_WAITS or cause == "fill_drain" else cause
        merged[word] = merged.get(word, 0) + time_fs
    most = max(merged, key=lambda word: (merged[word], word), default="latency")
    return Bound(chip.cores[core].BOUND if most == "compute" else most)


def bound_in_chain(bound: Bound, exposed_fs: Mapping[str, int], core: str, chip: Chip) -> Bound:
    """What limits a node whose tiles take turns with those of its chain: its core, if it exposes that.

    Between its own tiles it waits for the chain's others by design; ``exposed_fs`` are the causes of the time
    of the chain that counts as the node's.
    """
    most = max(exposed_fs, key=lambda cause: (exposed_fs[cause], cause), default="")
    if most in USEFUL:
        return Bound(chip.cores[core].BOUND, core, exposed_fs[most])
    return bound


def _word(resource: str, sums: Mapping[str, int], chip: Chip) -> str:
    """How ``layers.csv`` calls a resource: a link is the memory that it leads to, a bus or mesh the noc.

    A core that fills and drains for longer than it streams is latency.
    """
    if resource in chip.cores:
        useful = sum(sums.get(cause, 0) for cause in USEFUL)
        return chip.cores[resource].BOUND if useful >= sums.get("fill_drain", 0) else "latency"
    if resource in chip.memories:
        return resource
    transport = chip.links[resource].transport
    return transport.outer if transport else "noc"
