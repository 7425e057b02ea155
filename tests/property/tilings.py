"""Every tiling of a layer, and the simulation of one of them without planning anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from simulator.engine.machine import build_machine
from simulator.engine.run import run
from simulator.hw.chip import Chip
from simulator.hw.component import Core
from simulator.hw.memories.bandwidth import Bandwidth
from simulator.hw.memories.dram import Dram
from simulator.mapping.candidates import with_copies
from simulator.mapping.cost import Candidates, Operands, buffer_bytes, core_times, traffic_bytes, trips
from simulator.mapping.lower import lower
from simulator.mapping.plan import plan
from simulator.mapping.route import align
from simulator.mapping.schedule import Buffer, Place, Schedule, Tiling
from simulator.workload.graph import Graph
from simulator.workload.work import Contraction

ROLES = ("ifmap", "weight", "ofmap")


@dataclass(frozen=True)
class Layer:
    """A layer alone on a chip, planned; its operands come from outside and its result goes there."""

    schedule: Schedule
    work: Contraction
    core: Core
    operands: Operands

    @classmethod
    def of(cls, graph: Graph, chip: Chip) -> Layer:
        """Plan a network of one contraction of eight-bit operands."""
        schedule = plan(graph, chip)
        (planned,) = schedule.tasks
        work = planned.task.work
        assert isinstance(work, Contraction)
        operands = Operands(8, 8, 8, planned.task.bias_bytes)
        return cls(schedule, work, chip.cores[planned.task.core], operands)

    def latency_fs(self, tiling: Tiling, buffers: tuple[Buffer, ...]) -> int:
        """Simulated time of the layer under any tiling: its buffers one behind the other."""
        top = dict.fromkeys(self.schedule.chip.memories, 0)
        places = {}
        for buffer in buffers:
            places[0, buffer.role] = Place(buffer.memory, top[buffer.memory], buffer.total)
            top[buffer.memory] += align(buffer.total)
        task = replace(self.schedule.tasks[0], tiling=tiling, buffers=buffers)
        program = lower(replace(self.schedule, tasks=(task,), buffers=places))
        return int(run(program, build_machine(program, self.schedule.chip))[:, 1].max())

    def chosen_fs(self) -> int:
        """Simulated time under the planner's tiling."""
        planned = self.schedule.tasks[0]
        return self.latency_fs(planned.tiling, planned.buffers)

    def all_that_fit(self) -> Candidates:
        """Every size along every loop, both orders, whatever is held, with as many copies as fit."""
        work = self.work
        rows = [*range(1, work.oy + 1), *(work.oy * images for images in range(2, work.batch + 1))]
        sizes = [(1, n, c) for n in range(1, work.k + 1) for c in range(1, work.c + 1)]
        sizes += [(groups, work.k, work.c) for groups in range(2, work.groups + 1)]
        loops = [(order, i, w) for order in (0, 1) for i in (0, 1) for w in (0, 1)]
        every = Candidates.of(np.array([(r, *s, *x) for r in rows for s in sizes for x in loops], np.int64).T)
        t = trips(work, every)
        buffers = buffer_bytes(work, every, t, self.operands, self.core.sum_bits())
        room = {name: memory.capacity_bytes for name, memory in self.schedule.chip.memories.items()}
        return with_copies(every, buffers, self.core, room, dict.fromkeys((*ROLES, "psum"), 1))[0]

    def least_fs(self, cand: Candidates) -> np.ndarray:
        """What no run can beat, float64, shape (candidates,).

        All bytes at peak bandwidth; or the core's tiles one after the other, between a first load and a last
        store that each wait for a start and for the memory.
        """
        chip = self.schedule.chip
        dram, dma = chip.memories["dram"], chip.links["dma"]
        assert isinstance(dram, Dram | Bandwidth)
        assert dma.transport is not None
        ports = chip.ports(self.schedule.tasks[0].task.core)
        times = core_times(self.work, cand, self.operands, self.core, ports)
        moved = traffic_bytes(self.work, cand, trips(self.work, cand), self.operands)
        alone = times.busy() + times.latency_fs.min() + 2 * dma.transport.start_fs
        alone = alone + dram.service().latency_fs + dram.latency_fs  # a store is over when its data are taken in
        return np.maximum(
            alone, 1e15 * sum(moved.values()) / min(dram.peak_bytes_per_s(), dma.peak_bytes_per_s())
        )

    def tilings(self, cand: Candidates) -> Iterator[tuple[Tiling, tuple[Buffer, ...]]]:
        """Each candidate as a tiling with its buffers."""
        t = trips(self.work, cand)
        sizes = buffer_bytes(self.work, cand, t, self.operands, self.core.sum_bits())
        copies = {role: getattr(cand, f"{role}_copies") for role in ROLES} | {"psum": sizes["psum"][1]}
        for i in range(cand.rows.size):
            tiling = Tiling(
                rows=int(cand.rows[i]),
                groups=int(cand.groups[i]),
                n=int(cand.n[i]),
                c=int(cand.c[i]),
                order="nm" if cand.order[i] else "mn",
                hold_ifmap=bool(cand.hold_ifmap[i]),
                hold_weight=bool(cand.hold_weight[i]),
            )
            yield (
                tiling,
                tuple(
                    Buffer(role, self.core.buffer(role), int(size[i]), int(copies[role][i]))
                    for role, (size, _) in sizes.items()
                ),
            )
