"""Live units made from a chip for one program: queues drain into them. They keep no clock of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.base.clock import Clock
from simulator.hw.chip import Chip
from simulator.hw.component import SharedUnit
from simulator.hw.timing import tile_times_fs
from simulator.mapping.program import COMPUTE, Program


@dataclass
class CoreUnit:
    """A pipelined core: one tile enters at a time, its result is out some time after the next may enter."""

    clock: Clock
    occupancy_fs: list[int]
    latency_fs: list[int]
    slots: int = 1

    def serve(self, now_fs: int, work: int) -> tuple[int, int]:
        """(free_fs, done_fs) of a tile that is ready at ``now_fs``; it starts at the next edge of the clock."""
        free_fs = self.clock.fs(self.clock.cycle_at(now_fs)) + self.occupancy_fs[work]
        return free_fs, free_fs + self.latency_fs[work]


@dataclass
class DmaUnit:
    """The engines of a link: transfers pass them one after the other, several may be waiting for memory."""

    clock: Clock
    cycles: list[int]
    engine_free_fs: list[int]
    slots: int

    def serve(self, now_fs: int, work: int) -> tuple[int, int]:
        """(start_fs, done_fs) of a transfer on the engine that is free first, memory aside."""
        engine = self.engine_free_fs.index(min(self.engine_free_fs))
        cycle = self.clock.cycle_at(max(now_fs, self.engine_free_fs[engine]))
        start_fs, done_fs = self.clock.fs(cycle), self.clock.fs(cycle + self.cycles[work])
        self.engine_free_fs[engine] = done_fs
        return start_fs, done_fs


@dataclass
class Machine:
    """Units in the order of ``Program.units``, shared resources by name, and which of them a link's transfers pass."""

    units: list[CoreUnit | DmaUnit | None]
    shared: dict[str, SharedUnit]
    path: dict[int, tuple[str, ...]]


def build_machine(program: Program, chip: Chip) -> Machine:
    """Live units for one run of a program."""
    units: list[CoreUnit | DmaUnit | None] = []
    path: dict[int, tuple[str, ...]] = {}
    shared: dict[str, SharedUnit] = {}
    nodes = len(program.nodes)
    for name, component in (*chip.memories.items(), *chip.links.items()):
        unit = component.shared_unit(program.requests, nodes)
        if unit is not None:
            shared[name] = unit
    for index, name in enumerate(program.units):
        if name in chip.cores:
            core = chip.cores[name]
            occupancy, latency = tile_times_fs(core, chip.memories, program.tiles[name])
            units.append(CoreUnit(Clock.from_hz(core.clock_hz), occupancy.tolist(), latency.tolist()))
            continue
        link = chip.links[name]
        if not hasattr(link, "engines"):
            units.append(None)
            continue
        cycles = link.start_cycles + -(-program.moves["bytes"] // link.width_bytes_per_cycle)  # type: ignore[attr-defined]
        clock = Clock.from_hz(link.clock_hz)  # type: ignore[attr-defined]
        units.append(DmaUnit(clock, cycles.tolist(), [0] * link.engines, link.engines * link.outstanding))
        path[index] = tuple(resource for resource in (link.outer, link.via) if resource in shared)  # type: ignore[attr-defined]
    return Machine(units, shared, path)


def is_compute(program: Program) -> np.ndarray:
    """Mask of the commands that run on cores, bool, shape (commands,)."""
    return program.commands["kind"] == COMPUTE
