"""Element-wise work and moves as commands: slices of their operands in, a tile, slices of the results out."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.mapping.builder import Builder, Span
from simulator.mapping.operands import local_places, sliced_operands
from simulator.mapping.schedule import Schedule
from simulator.mapping.sides import make_side
from simulator.mapping.slices import operand_span, slice_span, slice_spans, split_of
from simulator.mapping.tilerows import sliced_row


def walk_slices(schedule: Schedule, index: int, builder: Builder) -> Iterator[tuple[int, ...]]:
    """Emit loads, tiles and stores of element-wise work or a move; yields each tile's number before it."""
    plan = schedule.tasks[index]
    task = plan.task
    split = split_of(task)
    inputs = [make_side(schedule, index, name, "ifmap", f"in{i}") for i, name in enumerate(task.reads)]
    outputs = [make_side(schedule, index, name, "ofmap", f"out{i}") for i, name in enumerate(task.writes)]
    elements = schedule.graph.results(schedule.graph.nodes[task.node])[0].elements
    sizes = {name: schedule.places[name].bytes for name in (*task.reads, *task.writes)}
    local = local_places(task, schedule.chip, schedule.places)
    operands = sliced_operands(task, schedule.graph, sizes, local)[0]
    for turn, (first, last) in enumerate(slice_spans(task, plan.tiling.rows)):
        yield (turn,)
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
                builder.load(side.route.link, side.place, task.node, runs, near)
            reads.append((side.route.memory, address, address + high - low))
        writes: list[Span] = []
        for side in outputs:
            low, high = slice_span(side.place.bytes, split, first, last)
            address = side.place.address + low if side.local else side.copy(turn)
            writes.append((side.route.memory, address, address + high - low))
        moved = sum(high - low for _, low, high in reads), sum(high - low for _, low, high in writes)
        tile = sliced_row(task, (first, last), split, elements, moved)
        builder.compute(task.core, task.node, tile, reads, writes)
        for side, (_, low_near, _) in zip(outputs, writes, strict=True):
            if not side.local:
                low, high = slice_span(side.place.bytes, split, first, last)
                runs = [(side.place.address + low, high - low)]
                near = [(side.route.memory, low_near)]
                builder.store(side.route.link, side.place, task.node, runs, near)
