"""lower.

Schedule -> Program. Every task becomes loads, tiles and stores; dependencies follow from the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from simulator.mapping.builder import Builder, Span, Spans
from simulator.mapping.inside import resident_words
from simulator.mapping.operands import operand_bits
from simulator.mapping.program import About, Program
from simulator.mapping.resident import walk_resident
from simulator.mapping.runs import Run, bytes_in, end_of, extend_rows, inside, operand_groups, weight_span
from simulator.mapping.schedule import Schedule, TaskPlan
from simulator.mapping.shape import extent_x, extent_y, input_rows, row_tiles, spans
from simulator.mapping.sides import Intake, Side, make_side
from simulator.mapping.sliced import walk_slices
from simulator.mapping.stripes import Stripes
from simulator.mapping.tilerows import contraction_row
from simulator.workload.work import Contraction


def lower(schedule: Schedule, inferences: int = 1) -> Program:
    """The flat program of a schedule, proved by ``Program.check``.

    Of several inferences one follows the other, each with nodes of its own; what they share they wait for,
    byte by byte. Constants that stay on chip are loaded by the first.
    """
    graph = schedule.graph
    builder = Builder(schedule.chip, tuple(node.name for node in graph.nodes) * inferences)
    written = {name for plan in schedule.tasks for name in plan.task.writes}
    there = {**{n: p for n, p in schedule.places.items() if n not in written}, **schedule.sources}
    for place in sorted(there.values(), key=lambda place: (place.memory, place.address)):
        builder.hold(place.memory, place.address, place.end)
    macs = np.zeros(len(graph.nodes), np.int64)
    for plan in schedule.tasks:
        if isinstance(plan.task.work, Contraction):
            macs[plan.task.node] += plan.task.work.macs
    for inference in range(inferences):
        builder.first_node = inference * len(graph.nodes)
        turns = {name: (schedule.places[name], *others) for name, others in schedule.twins.items()}
        now = {name: places[inference % len(places)] for name, places in turns.items()}
        mine = replace(schedule, places={**schedule.places, **now})
        _emit_tasks(mine, builder, set(schedule.sources) if inference == 0 else set())
    program = builder.finish(np.tile(macs, inferences), _about(schedule))
    program.check()
    return program


def _emit_tasks(schedule: Schedule, builder: Builder, missing: set[str]) -> None:
    """All tasks once; ``missing`` are constants to be loaded before whoever reads them first."""
    parts: list[_Contracting] = []
    walks: list[Iterator[tuple[int, ...]]] = []
    for index, plan in enumerate(schedule.tasks):
        builder.stage = schedule.stages[plan.step] if schedule.stages else 0
        chain = next((c for c in schedule.chains if c.first <= index <= c.last), None)
        if chain is not None:
            if index == chain.first:
                for k in range(chain.first, chain.last + 1):
                    _make_room(schedule, builder, k, missing)
                Stripes(schedule, chain, builder).emit()
            continue
        _make_room(schedule, builder, index, missing)
        if schedule.chip.cores[plan.task.core].RESIDENT:
            walks.append(walk_resident(schedule, index, builder))
        elif isinstance(plan.task.work, Contraction):
            parts.append(_Contracting(schedule, index, builder, parts))
            walks.append(parts[-1].walk())
        else:
            walks.append(walk_slices(schedule, index, builder))
        if plan.task.part is None or len(walks) == plan.task.part.count:
            _run_side_by_side(walks)
            parts, walks = [], []


def _make_room(schedule: Schedule, builder: Builder, index: int, missing: set[str]) -> None:
    """Say what a task may touch, and load the constants that stay on chip and are not there yet."""
    plan = schedule.tasks[index]
    for name in dict.fromkeys((*plan.task.reads, *plan.task.writes)):
        place = schedule.places[name]
        builder.allow(plan.task.node, place.memory, place.address, place.end)
        if name in missing:
            missing.remove(name)
            _load_constant(schedule, builder, plan, name)
    for buffer in plan.buffers:
        room = schedule.buffers[index, buffer.role]
        for copy in range(buffer.copies):
            low = room.address + copy * buffer.bytes
            builder.allow(plan.task.node, room.memory, low, low + buffer.bytes)


def _load_constant(schedule: Schedule, builder: Builder, plan: TaskPlan, name: str) -> None:
    """Bring a constant that stays on chip to its place there."""
    source, place = schedule.sources[name], schedule.places[name]
    link = schedule.chip.link_into(place.memory)
    assert link is not None
    builder.allow(plan.task.node, source.memory, source.address, source.end)
    runs, near = [(source.address, source.bytes)], [(place.memory, place.address)]
    builder.load(link, source, plan.task.node, runs, near, "weight")


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
        assumptions=(*graph.assumptions, *resident_words(schedule.residents)),
        not_modelled=schedule.not_modelled,
        peak_memory_bytes=sum(schedule.peak_bytes.values()),
        resolved=dict(schedule.chip.resolved),
        fusion=schedule.fusion,
        lives=schedule.lives,
        task_nodes=tuple({plan.step: plan.task.node for plan in tasks}.values()),
        densities=_densities(schedule),
        placed=_placed(schedule),
    )


def _shapes(schedule: Schedule) -> tuple[str, ...]:
    """M x N x K of each node's contraction, with its groups."""
    shapes = [""] * len(schedule.graph.nodes)
    for plan in schedule.tasks:
        work = plan.task.whole
        if isinstance(work, Contraction):
            groups = f"{work.groups} x " if work.groups > 1 else ""
            shapes[plan.task.node] = f"{groups}{work.M}x{work.N}x{work.K}"
    return tuple(shapes)


def _densities(schedule: Schedule) -> tuple[tuple[float, float], ...]:
    """Shares of elements that are not zero, of what each node multiplies."""
    found = {plan.task.node: plan.task.density for plan in reversed(schedule.tasks)}
    return tuple(found.get(i, (1.0, 1.0)) for i in range(len(schedule.graph.nodes)))


def _placed(schedule: Schedule) -> tuple[tuple[str, Mapping[str, int]], ...]:
    """By what the core of each node's first task was chosen, and what cores were expected to take."""
    found = {plan.task.node: (plan.task.why, plan.task.expected) for plan in reversed(schedule.tasks)}
    return tuple(found.get(i, ("", {})) for i in range(len(schedule.graph.nodes)))


def _run_side_by_side(walks: Sequence[Iterator[tuple[int, ...]]]) -> None:
    """Emit the tiles of a task's parts in turn: in each round those at the same place of the loops."""
    heads = [next(walk, None) for walk in walks]
    while any(head is not None for head in heads):
        now = min(head for head in heads if head is not None)
        heads = [next(walk, None) if head == now else head for walk, head in zip(walks, heads, strict=True)]


class _Contracting:
    """Loads, tiles and stores of one contraction, or of one core's part of it, in loop order.

    ``before`` are the parts before it; the operand that is shared has one intake together.
    """

    def __init__(
        self, schedule: Schedule, index: int, builder: Builder, before: Sequence[_Contracting]
    ) -> None:
        self.plan: TaskPlan = schedule.tasks[index]
        self.builder = builder
        task = self.plan.task
        assert isinstance(task.work, Contraction)
        assert isinstance(task.whole, Contraction)
        self.work, self.whole = task.work, task.whole
        self.tiling = self.plan.tiling
        self.ifmap = make_side(schedule, index, task.reads[0], "ifmap", "ifmap")
        self.weight = make_side(schedule, index, task.reads[1], "weight", "weight")
        self.ofmap = make_side(schedule, index, task.writes[0], "ofmap", "ofmap")
        self.bits = operand_bits(task, schedule.graph)
        self.core = schedule.chip.cores[task.core]
        sizes = self.ifmap.place.bytes, self.weight.place.bytes
        self.ifmap_groups, self.weight_groups = operand_groups(
            self.whole, sizes, (self.bits[0], self.bits[1])
        )
        self.intakes = {
            role: _join(role, side, before if self.plan.shared == role else ())
            for role, side in (("ifmap", self.ifmap), ("weight", self.weight))
        }
        self.reductions = spans(self.work.c, self.tiling.c)
        self.out_turn = -1
        self.tiles: dict[tuple[int, int, int, int, bool, bool], tuple] = {}  # rows of TILE by their sizes

    def walk(self) -> Iterator[tuple[int, int, int, int]]:
        """Walk the loops; before each tile its place in them is given out: (group, outer, inner, c)."""
        work, t, task = self.work, self.tiling, self.plan.task
        rows = list(enumerate(row_tiles(work, t.rows)))
        channels = list(enumerate(_shifted(spans(work.k, t.n), task.first("n"))))
        for g, group in enumerate(_shifted(spans(work.groups, t.groups), task.first("groups"))):
            if t.order == "mn":
                for (i, m), (j, n) in product(rows, channels):
                    yield from ((g, i, j, c) for c in self._output_tile(group, m, n))
            else:
                for (i, n), (j, m) in product(channels, rows):
                    yield from ((g, i, j, c) for c in self._output_tile(group, m, n))

    def _output_tile(
        self, group: tuple[int, int], m: tuple[int, int, int, int], n: tuple[int, int]
    ) -> Iterator[int]:
        reductions = self.reductions
        inputs, weights = self._held_by(group, self.ifmap_groups), self._held_by(group, self.weight_groups)
        for i, c in enumerate(reductions):
            yield i
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
        return first * there // self.whole.groups, (end - 1) * there // self.whole.groups + 1

    def _ifmap(self, group: tuple[int, int], m: tuple[int, int, int, int], c: tuple[int, int]) -> list[Span]:
        """Make sure that a tile's inputs are on chip; what the core then reads."""
        height = extent_y(self.work)
        top, bottom = input_rows(self.work, m[2], m[3])
        runs = self._input_runs(group, (m[0] * height + top, (m[1] - 1) * height + bottom), c)
        memory = self.ifmap.route.memory
        if self.ifmap.local:
            return [(memory, runs[0].address, end_of(runs[-1]))]
        intake, size = self.intakes["ifmap"], bytes_in(runs)
        if not self.tiling.hold_ifmap:
            if intake.turns((group, m, c)):
                intake.load(self.builder, self.plan.task.node, runs, 0)
            offset = 0
        else:
            intake.turns((group, m) if self.tiling.order == "mn" else group)
            offset = self._held_input_offset(group, m, c)
            self._load_missing(group, m, c, offset)
        address = self.ifmap.copy(intake.turn) + offset
        return [(memory, address, address + size)]

    def _load_missing(
        self, group: tuple[int, int], m: tuple[int, int, int, int], c: tuple[int, int], offset: int
    ) -> None:
        """Load the rows of a held ifmap that no earlier tile has brought (tiles come with ascending rows)."""
        intake, height = self.intakes["ifmap"], extent_y(self.work)
        top, bottom = input_rows(self.work, m[2], m[3])
        top, bottom = m[0] * height + top, (m[1] - 1) * height + bottom
        there = max(intake.held.get(c, top), top)
        if self.tiling.order == "mn" and c in intake.held:
            return
        if bottom > there:
            runs = self._input_runs(group, (there, bottom), c)
            skipped = bytes_in(self._input_runs(group, (top, there), c)) if there > top else 0
            intake.load(self.builder, self.plan.task.node, runs, offset + skipped)
            intake.held[c] = bottom

    def _weights(self, group: tuple[int, int], n: tuple[int, int], c: tuple[int, int]) -> Span:
        """Make sure that a tile's weights are on chip; what the core then reads."""
        low, high = self._weight_span(group, n, c)
        memory, intake, node = self.weight.route.memory, self.intakes["weight"], self.plan.task.node
        if self.weight.local:
            return memory, low, high
        offset = 0
        if not self.tiling.hold_weight:
            if intake.turns((group, n, c)):
                intake.load(self.builder, node, [(low, high - low)], 0)
        else:
            inside = self.tiling.order == "nm"
            intake.turns((group, n) if inside else group)
            first = self.plan.task.first("n")
            channels = n if inside else (first, first + self.work.k)
            offset = low - self._weight_span(group, channels, (0, self.work.c))[0]
            if (n, c) not in intake.held:
                intake.held[n, c] = high
                intake.load(self.builder, node, [(low, high - low)], offset)
        address = self.weight.copy(intake.turn) + offset
        return memory, address, address + high - low

    def _input_runs(self, group: tuple[int, int], rows: tuple[int, int], c: tuple[int, int]) -> list[Run]:
        """Consecutive bytes of some input rows (counted over all images), ascending."""
        work, base, bits = self.whole, self.ifmap.place.address, self.bits[0]
        part = self.plan.task.part
        above = self.plan.task.first("batch") * extent_y(work) + (part.row_in if part is not None else 0)
        pixel_row = extent_x(work) * bits
        planes = 1 if work.batched else work.groups
        row_bits = pixel_row * work.c * planes
        runs: list[Run] = []
        for g in range(*group) if work.batched else (0,):
            at = (g * work.batch * extent_y(work) + above + rows[0]) * row_bits
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
        return weight_span(
            self.whole, self.bits[1], self.plan.task.bias_bytes, self.weight.place, group, n, c
        )

    def _output_runs(
        self, group: tuple[int, int], m: tuple[int, int, int, int], n: tuple[int, int]
    ) -> list[Run]:
        work, task, base = self.whole, self.plan.task, self.ofmap.place.address
        above = task.first("batch") * work.oy + task.first("rows")
        pixel_row = work.ox * self.bits[2]
        planes = 1 if work.batched else work.groups
        row_bits = pixel_row * work.k * planes
        first, end = above + m[0] * work.oy + m[2], above + (m[1] - 1) * work.oy + m[3]
        runs: list[Run] = []
        for g in range(*group) if work.batched else (0,):
            at = (g * work.batch * work.oy + first) * row_bits
            low = n[0] * pixel_row if work.batched else (group[0] * work.k + n[0]) * pixel_row
            wide = (n[1] - n[0]) * pixel_row * (1 if work.batched else group[1] - group[0])
            extend_rows(runs, base, at, row_bits, end - first, low, wide)
        return runs

    def _ofmap_spans(self, group: tuple[int, int], m: tuple[int, int, int, int], n: tuple[int, int]) -> Spans:
        runs = self._output_runs(group, m, n)
        memory = self.ofmap.route.memory
        if self.ofmap.local:
            return [(memory, low, low + size, pitch, many) for low, size, pitch, many in runs]
        self.out_turn += 1
        address = self.ofmap.copy(self.out_turn)
        return [(memory, address, address + bytes_in(runs))]

    def _store(self, group: tuple[int, int], m: tuple[int, int, int, int], n: tuple[int, int]) -> None:
        side = self.ofmap
        near = [(side.route.memory, side.copy(self.out_turn))]
        runs = self._output_runs(group, m, n)
        self.builder.store(side.route.link, side.place, self.plan.task.node, runs, near)

    def _tile(
        self, group: tuple[int, int], m: tuple[int, int, int, int], n: tuple[int, int], c: tuple[int, int],
        first: bool, last: bool,
    ) -> tuple:  # fmt: skip
        pixels = (m[1] - m[0]) * (m[3] - m[2]) * self.work.ox
        channels, groups, deep = n[1] - n[0], group[1] - group[0], c[1] - c[0]
        key = pixels, channels, groups, deep, first, last
        if key not in self.tiles:
            self.tiles[key] = contraction_row(
                self.plan.task, self.core, self.bits,
                pixels=pixels, channels=channels, groups=groups, c=deep, first=first, last=last,
            )  # fmt: skip
        return self.tiles[key]


def _shifted(pieces: list[tuple[int, int]], by: int) -> list[tuple[int, int]]:
    return [(first + by, end + by) for first, end in pieces]


def _join(role: str, side: Side, before: Sequence[_Contracting]) -> Intake:
    """An intake of one's own, or that of the parts before with one more side."""
    if not before:
        return Intake(role, [side])
    intake = before[0].intakes[role]
    intake.sides = [*intake.sides, side]
    return intake
