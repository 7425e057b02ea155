"""lower.

Schedule -> Program. Every task becomes loads, tiles and stores; dependencies follow from the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.hw.tiling import NO_OPS, tile_row
from simulator.mapping.builder import Builder, Span
from simulator.mapping.program import About, Program
from simulator.mapping.route import Route, route
from simulator.mapping.runs import extend_rows, groups_of, inside
from simulator.mapping.schedule import Place, Schedule, TaskPlan
from simulator.mapping.shape import extent_x, extent_y, input_rows, row_tiles, spans
from simulator.mapping.slices import make_operand, operand_span, slice_span, slice_spans, split_of
from simulator.workload.work import OPERATION_CLASSES, Contraction, Elementwise, Move


def lower(schedule: Schedule) -> Program:
    """The flat program of a schedule, proved by ``Program.check``."""
    graph, chip = schedule.graph, schedule.chip
    builder = Builder(chip, tuple(node.name for node in graph.nodes))
    written = {name for plan in schedule.tasks for name in plan.task.writes}
    for name, place in sorted(schedule.places.items(), key=lambda item: (item[1].memory, item[1].address)):
        if name not in written:
            builder.hold(place.memory, place.address, place.end)
    macs = np.zeros(len(graph.nodes), np.int64)
    for index, plan in enumerate(schedule.tasks):
        for name in dict.fromkeys((*plan.task.reads, *plan.task.writes)):
            place = schedule.places[name]
            builder.allow(plan.task.node, place.memory, place.address, place.end)
        for buffer in plan.buffers:
            room = schedule.buffers[index, buffer.role]
            for copy in range(buffer.copies):
                low = room.address + copy * buffer.bytes
                builder.allow(plan.task.node, room.memory, low, low + buffer.bytes)
        if isinstance(plan.task.work, Contraction):
            macs[plan.task.node] += plan.task.work.macs
            _Contracting(schedule, index, builder).emit()
        else:
            _slices(schedule, index, builder)
    program = builder.finish(macs, _about(schedule))
    program.check()
    return program


def _about(schedule: Schedule) -> About:
    graph, tasks = schedule.graph, schedule.tasks
    precisions = [plan.task.work.precision for plan in tasks if isinstance(plan.task.work, Contraction)]
    by_use = sorted(set(precisions), key=lambda p: (-precisions.count(p), p))
    first = graph.tensors[graph.inputs[0]] if graph.inputs else None
    return About(
        network=graph.name,
        digest=graph.digest,
        precision="+".join(by_use),
        batch=first.shape[0] if first is not None and len(first.shape) > 2 else 1,
        ops=tuple(node.op for node in graph.nodes),
        shapes=_shapes(schedule),
        origins=tuple(node.origin or node.name for node in graph.nodes),
        assumptions=graph.assumptions,
        not_modelled=schedule.not_modelled,
        peak_memory_bytes=sum(schedule.peak_bytes.values()),
        resolved=dict(schedule.chip.resolved),
        lives=schedule.lives,
        task_nodes=tuple(plan.task.node for plan in tasks),
    )


def _shapes(schedule: Schedule) -> tuple[str, ...]:
    """M x N x K of each node's contraction, with its groups."""
    shapes = [""] * len(schedule.graph.nodes)
    for plan in schedule.tasks:
        work = plan.task.work
        if isinstance(work, Contraction):
            groups = f"{work.groups} x " if work.groups > 1 else ""
            shapes[plan.task.node] = f"{groups}{work.M}x{work.N}x{work.K}"
    return tuple(shapes)


@dataclass(frozen=True)
class _Side:
    """One operand of a task: where it lies, how it is reached, and the room it gets."""

    place: Place
    route: Route
    room: Place | None
    copies: int
    copy_bytes: int

    @property
    def local(self) -> bool:
        return self.place.memory == self.route.memory

    def copy(self, turn: int) -> int:
        """Address of the copy whose turn it is."""
        assert self.room is not None
        return self.room.address + (turn % self.copies) * self.copy_bytes


def _side(schedule: Schedule, index: int, storage: str, role: str, room: str) -> _Side:
    plan = schedule.tasks[index]
    core = schedule.chip.cores[plan.task.core]
    buffer = next((b for b in plan.buffers if b.role == room), None)
    place = schedule.buffers.get((index, room))
    copies, size = (buffer.copies, buffer.bytes) if buffer else (0, 0)
    return _Side(schedule.places[storage], route(schedule.chip, core, role), place, copies, size)


class _Contracting:
    """Loads, tiles and stores of one contraction, in loop order."""

    def __init__(self, schedule: Schedule, index: int, builder: Builder) -> None:
        self.plan: TaskPlan = schedule.tasks[index]
        self.builder = builder
        task = self.plan.task
        assert isinstance(task.work, Contraction)
        self.work = task.work
        self.tiling = self.plan.tiling
        self.ifmap = _side(schedule, index, task.reads[0], "ifmap", "ifmap")
        self.weight = _side(schedule, index, task.reads[1], "weight", "weight")
        self.ofmap = _side(schedule, index, task.writes[0], "ofmap", "ofmap")
        tensors, node = schedule.graph.tensors, schedule.graph.nodes[task.node]
        result = schedule.graph.results(node)[0]
        self.bits = tuple(tensors[s].bits if s in tensors else result.bits for s in task.reads) + (
            result.bits,
        )
        self.core = schedule.chip.cores[task.core]
        work = self.work
        self.ifmap_groups = groups_of(
            self.ifmap.place.bytes, work, extent_y(work) * extent_x(work) * work.batch * work.c, self.bits[0]
        )
        self.weight_groups = groups_of(self.weight.place.bytes, work, work.k * work.K, self.bits[1])
        self.loaded: dict[str, tuple] = {}  # operand -> key of what its current copy holds
        self.turns = {"ifmap": -1, "weight": -1, "ofmap": -1}
        self.held: dict[str, dict] = {"ifmap": {}, "weight": {}}  # what the current held copy contains

    def emit(self) -> None:
        """Walk the loops."""
        work, t = self.work, self.tiling
        rows = list(row_tiles(work, t.rows))
        channels = spans(work.k, t.n)
        for group in spans(work.groups, t.groups):
            if t.order == "mn":
                for m in rows:
                    for n in channels:
                        self._output_tile(group, m, n)
            else:
                for n in channels:
                    for m in rows:
                        self._output_tile(group, m, n)

    def _output_tile(self, group: tuple[int, int], m: tuple[int, int, int, int], n: tuple[int, int]) -> None:
        reductions = spans(self.work.c, self.tiling.c)
        inputs, weights = self._held_by(group, self.ifmap_groups), self._held_by(group, self.weight_groups)
        for c in reductions:
            reads = [*self._ifmap(inputs, m, c), self._weights(weights, n, c)]
            first, last = c[0] == 0, c is reductions[-1]
            writes = self._ofmap_spans(group, m, n) if last else []
            tile = self._tile(group, m, n, c, first, last)
            self.builder.compute(self.plan.task.core, self.plan.task.node, tile, reads, writes)
        if not self.ofmap.local:
            self._store(group, m, n)

    def _held_by(self, group: tuple[int, int], there: int) -> tuple[int, int]:
        """Groups of an operand that serve some groups of the work: fewer where the operand is broadcast."""
        first, end = group
        return first * there // self.work.groups, (end - 1) * there // self.work.groups + 1

    def _ifmap(self, group: tuple[int, int], m: tuple[int, int, int, int], c: tuple[int, int]) -> list[Span]:
        """Make sure that a tile's inputs are on chip; what the core then reads."""
        height = extent_y(self.work)
        top, bottom = input_rows(self.work, m[2], m[3])
        runs = self._input_runs(group, (m[0] * height + top, (m[1] - 1) * height + bottom), c)
        memory = self.ifmap.route.memory
        if self.ifmap.local:
            low, (last, length) = runs[0][0], runs[-1]
            return [(memory, low, last + length)]
        size = sum(length for _, length in runs)
        outer = (group, m) if self.tiling.order == "mn" else (group,)
        if not self.tiling.hold_ifmap:
            address = self._turn("ifmap", (group, m, c), self.ifmap)
            if address >= 0:
                self._load("ifmap", runs, address)
            address = self.ifmap.copy(self.turns["ifmap"])
        else:
            if self._turn("ifmap", outer, self.ifmap) >= 0:
                self.held["ifmap"] = {}
            address = self.ifmap.copy(self.turns["ifmap"]) + self._held_input_offset(group, m, c)
            self._load_missing(group, m, c, address)
        return [(memory, address, address + size)]

    def _load_missing(
        self, group: tuple[int, int], m: tuple[int, int, int, int], c: tuple[int, int], address: int
    ) -> None:
        """Load the rows of a held ifmap that no earlier tile has brought (tiles come with ascending rows)."""
        height = extent_y(self.work)
        top, bottom = input_rows(self.work, m[2], m[3])
        top, bottom = m[0] * height + top, (m[1] - 1) * height + bottom
        there = max(self.held["ifmap"].get(c, top), top)
        if self.tiling.order == "mn" and c in self.held["ifmap"]:
            return
        if bottom > there:
            runs = self._input_runs(group, (there, bottom), c)
            skipped = sum(n for _, n in self._input_runs(group, (top, there), c)) if there > top else 0
            self._load("ifmap", runs, address + skipped)
            self.held["ifmap"][c] = bottom

    def _weights(self, group: tuple[int, int], n: tuple[int, int], c: tuple[int, int]) -> Span:
        """Make sure that a tile's weights are on chip; what the core then reads."""
        low, high = self._weight_span(group, n, c)
        memory = self.weight.route.memory
        if self.weight.local:
            return memory, low, high
        if not self.tiling.hold_weight:
            address = self._turn("weight", (group, n, c), self.weight)
            if address >= 0:
                self._load("weight", [(low, high - low)], address)
            address = self.weight.copy(self.turns["weight"])
        else:
            outer = (group, n) if self.tiling.order == "nm" else (group,)
            if self._turn("weight", outer, self.weight) >= 0:
                self.held["weight"] = {}
            base = self._weight_span(
                group, n if self.tiling.order == "nm" else (0, self.work.k), (0, self.work.c)
            )[0]
            address = self.weight.copy(self.turns["weight"]) + low - base
            if (n, c) not in self.held["weight"]:
                self.held["weight"][n, c] = True
                self._load("weight", [(low, high - low)], address)
        return memory, address, address + high - low

    def _turn(self, role: str, key: tuple, side: _Side) -> int:
        """Address of a fresh copy if the current one holds something else, else -1."""
        if self.loaded.get(role) == key:
            return -1
        self.loaded[role] = key
        self.turns[role] += 1
        return side.copy(self.turns[role])

    def _load(self, role: str, runs: list[tuple[int, int]], address: int) -> None:
        side = self.ifmap if role == "ifmap" else self.weight
        near = [(side.route.memory, address)]
        self.builder.load(side.route.link, side.place.memory, self.plan.task.node, runs, near, role)

    def _input_runs(
        self, group: tuple[int, int], rows: tuple[int, int], c: tuple[int, int]
    ) -> list[tuple[int, int]]:
        """Consecutive bytes of some input rows (counted over all images): (address, bytes), ascending."""
        work, base, bits = self.work, self.ifmap.place.address, self.bits[0]
        pixel_row = extent_x(work) * bits
        planes = 1 if work.batched else work.groups
        row_bits = pixel_row * work.c * planes
        runs: list[tuple[int, int]] = []
        for g in range(*group) if work.batched else (0,):
            at = (g * work.batch * extent_y(work) + rows[0]) * row_bits
            low = c[0] * pixel_row if work.batched else (group[0] * work.c + c[0]) * pixel_row
            wide = (c[1] - c[0]) * pixel_row * (1 if work.batched else group[1] - group[0])
            extend_rows(runs, base, at, row_bits, rows[1] - rows[0], low, wide)
        return inside(runs, self.ifmap.place)

    def _held_input_offset(
        self, group: tuple[int, int], m: tuple[int, int, int, int], c: tuple[int, int]
    ) -> int:
        """Where a tile's inputs lie inside a held strip (mn) or a held ifmap (nm)."""
        work, size = self.work, self.tiling.c
        row = extent_x(work) * (group[1] - group[0]) * self.bits[0]  # a held ifmap's rows are whole bytes
        piece = row * min(size, work.c) // 8
        chunk = c[0] // size
        top, bottom = input_rows(work, m[2], m[3])
        if self.tiling.order == "mn":
            inside = m[3] - m[2] < work.oy
            return chunk * piece * (bottom - top if inside else (m[1] - m[0]) * extent_y(work))
        above = m[0] * extent_y(work) + top  # rows before the tile's
        own = row * (c[1] - c[0]) // 8
        return chunk * work.batch * extent_y(work) * piece + above * own

    def _weight_span(self, group: tuple[int, int], n: tuple[int, int], c: tuple[int, int]) -> tuple[int, int]:
        """Bytes of a weight tile.

        Weights lie in tile order, with the bias behind each block of output channels.
        """
        work, bits = self.work, self.bits[1]
        taps = work.fy * work.fx
        per_channel = work.c * taps * bits + 8 * self.plan.task.bias_bytes
        channels = n[1] - n[0]
        start = (group[0] * work.k + n[0]) * per_channel
        low = start + channels * c[0] * taps * bits
        high = start + channels * c[1] * taps * bits
        if c[1] == work.c:
            high = start + channels * per_channel
        if group[1] - group[0] > 1:
            low, high = start, start + (group[1] - group[0]) * work.k * per_channel
        base = self.weight.place.address
        return base + low // 8, min(base + -(-high // 8), self.weight.place.end)

    def _output_runs(
        self, group: tuple[int, int], m: tuple[int, int, int, int], n: tuple[int, int]
    ) -> list[tuple[int, int]]:
        work, base = self.work, self.ofmap.place.address
        pixel_row = work.ox * self.bits[2]
        planes = 1 if work.batched else work.groups
        row_bits = pixel_row * work.k * planes
        first, end = m[0] * work.oy + m[2], (m[1] - 1) * work.oy + m[3]
        runs: list[tuple[int, int]] = []
        for g in range(*group) if work.batched else (0,):
            at = (g * work.batch * work.oy + first) * row_bits
            low = n[0] * pixel_row if work.batched else (group[0] * work.k + n[0]) * pixel_row
            wide = (n[1] - n[0]) * pixel_row * (1 if work.batched else group[1] - group[0])
            extend_rows(runs, base, at, row_bits, end - first, low, wide)
        return runs

    def _ofmap_spans(
        self, group: tuple[int, int], m: tuple[int, int, int, int], n: tuple[int, int]
    ) -> list[Span]:
        runs = self._output_runs(group, m, n)
        memory = self.ofmap.route.memory
        if self.ofmap.local:
            return [(memory, address, address + size) for address, size in runs]
        self.turns["ofmap"] += 1
        address = self.ofmap.copy(self.turns["ofmap"])
        return [(memory, address, address + sum(size for _, size in runs))]

    def _store(self, group: tuple[int, int], m: tuple[int, int, int, int], n: tuple[int, int]) -> None:
        side = self.ofmap
        address = side.copy(self.turns["ofmap"])
        runs = self._output_runs(group, m, n)
        near = [(side.route.memory, address)]
        self.builder.store(side.route.link, side.place.memory, self.plan.task.node, runs, near)

    def _tile(
        self, group: tuple[int, int], m: tuple[int, int, int, int], n: tuple[int, int], c: tuple[int, int],
        first: bool, last: bool,
    ) -> tuple:  # fmt: skip
        work = self.work
        k, taps = self.core.inner(c[1] - c[0], work.fy * work.fx)
        pixels = (m[1] - m[0]) * (m[3] - m[2]) * work.ox
        outputs = pixels * (n[1] - n[0]) * (group[1] - group[0])
        return tile_row(
            m=pixels,
            n=n[1] - n[0],
            k=k,
            taps=taps,
            count=group[1] - group[0],
            first=first,
            last=last,
            precision=work.precision,
            bits=self.bits,
            requant="requant" in self.plan.task.epilogue,
            ops=self._ops(outputs) if last and self.plan.task.ops else NO_OPS,
        )

    def _ops(self, outputs: int) -> tuple[int, ...]:
        """Operations that join a tile, per class."""
        counts = dict(self.plan.task.ops)
        return tuple(outputs * counts.get(name, 0) for name in OPERATION_CLASSES)


def _slices(schedule: Schedule, index: int, builder: Builder) -> None:
    """Loads, tiles and stores of element-wise work or a move."""
    plan = schedule.tasks[index]
    task = plan.task
    split = split_of(task)
    inputs = [_side(schedule, index, name, "ifmap", f"in{i}") for i, name in enumerate(task.reads)]
    outputs = [_side(schedule, index, name, "ofmap", f"out{i}") for i, name in enumerate(task.writes)]
    elements = schedule.graph.results(schedule.graph.nodes[task.node])[0].elements
    sizes = [side.place.bytes for side in inputs]
    tensors = [schedule.graph.tensors.get(name) for name in task.reads]
    operands = [
        make_operand(task, i, sizes, None if tensor is None else tensor.elements, inputs[i].local)
        for i, tensor in enumerate(tensors)
    ]
    for turn, (first, last) in enumerate(slice_spans(task, plan.tiling.rows)):
        reads: list[Span] = []
        for i, (side, operand) in enumerate(zip(inputs, operands, strict=True)):
            low, high = operand_span(operand, task, i, first, last)
            if side.local:
                reads.append((side.route.memory, side.place.address + low, side.place.address + high))
                continue
            address = side.copy(turn if operand.sliced else 0)
            if operand.sliced or turn == 0:
                runs = [(side.place.address + low, high - low)]
                near = [(side.route.memory, address)]
                builder.load(side.route.link, side.place.memory, task.node, runs, near)
            reads.append((side.route.memory, address, address + high - low))
        writes: list[Span] = []
        for side in outputs:
            low, high = slice_span(side.place.bytes, split, first, last)
            address = side.place.address + low if side.local else side.copy(turn)
            writes.append((side.route.memory, address, address + high - low))
        tile = _slice_tile(plan, (first, last), elements, reads, writes)
        builder.compute(task.core, task.node, tile, reads, writes)
        for side, (_, low_near, _) in zip(outputs, writes, strict=True):
            if not side.local:
                low, high = slice_span(side.place.bytes, split, first, last)
                runs = [(side.place.address + low, high - low)]
                near = [(side.route.memory, low_near)]
                builder.store(side.route.link, side.place.memory, task.node, runs, near)


def _slice_tile(
    plan: TaskPlan, span: tuple[int, int], elements: int, reads: list[Span], writes: list[Span]
) -> tuple:
    """Slices ``span`` of element-wise work or a move, whose result has ``elements`` in all."""
    task, split = plan.task, split_of(plan.task)

    def share(total: int) -> int:
        return total * span[1] // split - total * span[0] // split

    counts = dict.fromkeys(OPERATION_CLASSES, 0)
    own = task.work.ops if isinstance(task.work, Elementwise) else ()
    for name, count in (*own, *((name, times * elements) for name, times in task.ops)):
        counts[name] += share(count)
    if isinstance(task.work, Move):
        moved = share(task.work.bytes_read), share(task.work.bytes_written)
    else:
        moved = sum(high - low for _, low, high in reads), sum(high - low for _, low, high in writes)
    return tile_row(ops=tuple(counts.values()), read_bytes=moved[0], write_bytes=moved[1])
