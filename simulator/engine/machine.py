"""Live units made from a chip for one program: queues drain into them. They keep no clock of their own."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from simulator.base.clock import Clock
from simulator.hw.chip import Chip
from simulator.hw.component import Link, Memory, SharedUnit
from simulator.hw.pim.stream import Stream
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
        """(free_fs, done_fs) of a tile that is ready at ``now_fs``; it starts at the clock's next edge."""
        free_fs = self.clock.fs(self.clock.cycle_at(now_fs)) + self.occupancy_fs[work]
        return free_fs, free_fs + self.latency_fs[work]


@dataclass
class ResidentUnit(CoreUnit):
    """A core inside a memory: its tiles are streams of that memory's commands, one at a time.

    ``occupancy_fs`` is what a tile would take alone; the run writes what it took where that was less.
    """

    memory: str = ""
    streams: list[Stream] = field(default_factory=list)


@dataclass
class DmaUnit:
    """The engines of a link: transfers pass them one after the other, several may be waiting for memory."""

    clock: Clock
    cycles: list[int]
    start_fs: int
    engine_free_fs: list[int]
    slots: int

    @property
    def occupancy_fs(self) -> list[int]:
        """Time that each transfer takes an engine."""
        return [self.clock.fs(cycles) for cycles in self.cycles]

    def serve(self, now_fs: int, work: int) -> tuple[int, int]:
        """(asked_fs, done_fs) on the engine that is free first: memory asked, the engine's part done."""
        engine = self.engine_free_fs.index(min(self.engine_free_fs))
        cycle = self.clock.cycle_at(max(now_fs, self.engine_free_fs[engine]))
        done_fs = self.clock.fs(cycle + self.cycles[work])
        self.engine_free_fs[engine] = done_fs
        return self.clock.fs(cycle) + self.start_fs, done_fs


@dataclass
class SenderUnit:
    """A spiking core: its work is done inside the mesh that it sits on, which is asked for it at once."""

    slots: int = 1

    @property
    def occupancy_fs(self) -> list[int]:
        """Nothing that it does takes a time known before."""
        return []

    def serve(self, now_fs: int, work: int) -> tuple[int, int]:
        """(asked_fs, done_fs): nothing of it is left outside the mesh."""
        return now_fs, now_fs


Unit = CoreUnit | DmaUnit | SenderUnit


@dataclass
class Machine:
    """Everything live in one run.

    Attributes
    ----------
    units
        In the order of ``Program.units``; None for a link that transfers of others pass.
    shared
        Shared resources by name.
    path
        Unit -> the shared resources that its transfers pass.
    held_by
        Transfer -> the shared resource that was done with it last, written by the run; absent where that was
        the link itself.
    """

    units: list[Unit | None]
    shared: dict[str, SharedUnit]
    path: dict[int, tuple[str, ...]]
    held_by: dict[int, str] = field(default_factory=dict)


def build_machine(program: Program, chip: Chip) -> Machine:
    """Live units for one run of a program."""
    units: list[Unit | None] = []
    path: dict[int, tuple[str, ...]] = {}
    shared: dict[str, SharedUnit] = {}
    nodes = len(program.nodes)
    sharable: dict[str, Memory | Link] = {**chip.memories, **chip.links}
    for name, component in sharable.items():
        unit = component.shared_unit(program.requests, program.ways, nodes)
        if unit is not None:
            shared[name] = unit
    for index, name in enumerate(program.units):
        if name in chip.cores:
            core = chip.cores[name]
            tiles = program.tiles[name]
            occupancy, latency = tile_times_fs(core, chip.ports(name), tiles)
            own = (Clock.from_hz(core.clock_hz), occupancy.tolist(), latency.tolist())
            if core.RESIDENT:
                streams = [core.stream(tile) for tile in tiles]
                units.append(ResidentUnit(*own, memory=core.buffer("weight"), streams=streams))
            else:
                units.append(CoreUnit(*own))
            continue
        link = chip.links[name]
        transport = link.transport
        if transport is None:
            units.append(None)
            continue
        cycles = link.cycles(program.moves["bytes"]).tolist()
        free = [0] * transport.engines
        units.append(DmaUnit(Clock.from_hz(link.clock_hz), cycles, transport.start_fs, free, transport.slots))
        passed = (transport.outer, *transport.via)
        path[index] = tuple(resource for resource in passed if resource in shared)
    return Machine(units, shared, path)


def is_compute(program: Program) -> np.ndarray:
    """Mask of the commands that run on cores, bool, shape (commands,)."""
    return program.commands["kind"] == COMPUTE
