"""Element-wise work and moves as commands: slices of their operands in, a tile, slices of the results out."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.hw.tiling import tile_row
from simulator.mapping.builder import Builder, Span
from simulator.mapping.schedule import Schedule, TaskPlan
from simulator.mapping.sides import make_side
from simulator.mapping.slices import make_operand, operand_span, slice_span, slice_spans, split_of
from simulator.workload.work import OPERATION_CLASSES, Elementwise, Move


def walk_slices(schedule: Schedule, index: int, builder: Builder) -> Iterator[tuple[int, ...]]:
    """Emit loads, tiles and stores of element-wise work or a move; yields each tile's number before it."""
    plan = schedule.tasks[index]
    task = plan.task
    split = split_of(task)
    inputs = [make_side(schedule, index, name, "ifmap", f"in{i}") for i, name in enumerate(task.reads)]
    outputs = [make_side(schedule, index, name, "ofmap", f"out{i}") for i, name in enumerate(task.writes)]
    elements = schedule.graph.results(schedule.graph.nodes[task.node])[0].elements
    sizes = [side.place.bytes for side in inputs]
    tensors = [schedule.graph.tensors.get(name) for name in task.reads]
    operands = [
        make_operand(task, i, sizes, None if tensor is None else tensor.elements, inputs[i].local)
        for i, tensor in enumerate(tensors)
    ]
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
