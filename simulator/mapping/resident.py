"""Work inside a memory that computes: few tiles, weights where they lie, inputs and results over links."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from simulator.base.errors import InputError
from simulator.hw.chip import Chip
from simulator.hw.component import Core
from simulator.hw.tiling import TILE
from simulator.hw.timing import tile_times_fs
from simulator.mapping.builder import Builder, Span
from simulator.mapping.operands import Local, operand_bits
from simulator.mapping.place import whole_tile
from simulator.mapping.route import align
from simulator.mapping.schedule import Buffer, Schedule, Task, Tiling
from simulator.mapping.shape import row_tiles
from simulator.mapping.sides import Side, make_side
from simulator.mapping.tile import Choice
from simulator.mapping.tilerows import contraction_row, sliced_row
from simulator.workload.epilogue import ACTIVATIONS, EPILOGUES
from simulator.workload.graph import Graph
from simulator.workload.work import OPERATION_CLASSES, Contraction


def resident_choice(task: Task, graph: Graph, chip: Chip, room: Mapping[str, int], local: Local) -> Choice:
    """All output rows in one tile, or as few tiles as their inputs and results leave room for.

    Parameters
    ----------
    task, graph, chip
        The task, on a core that computes in a memory.
    room
        Free bytes per memory.
    local
        Whether operands lie where the core wants them.

    Raises
    ------
    InputError
        Not even one row of inputs fits.
    """
    core, work = chip.cores[task.core], task.work
    if not isinstance(work, Contraction):
        time_fs = int(tile_times_fs(core, chip.ports(task.core), whole_tile(work, core))[0].sum())
        return Choice(Tiling(rows=work.split), (), time_fs, core.BOUND, 1, 1)
    rows = work.batch * work.oy
    while True:
        buffers = tuple(_buffers(task, graph, core, local, rows))
        need: dict[str, int] = {}
        for buffer in buffers:
            need[buffer.memory] = need.get(buffer.memory, 0) + align(buffer.total)
        short = [memory for memory, size in need.items() if size > room[memory]]
        if not short:
            break
        if rows == 1:
            text = (
                f"too small for node '{task.name}': a row of its inputs and results needs "
                f"{need[short[0]]} B there, {room[short[0]]} B are free"
            )
            raise InputError(chip.problem(text, f"memories.{short[0]}.capacity"))
        rows = rows // 2 if rows <= work.oy else max(rows // work.oy // 2, 1) * work.oy
    tiles = list(row_tiles(work, rows))
    table = np.array([_row(task, graph, core, tile) for tile in tiles], TILE)
    time_fs = int(tile_times_fs(core, chip.ports(task.core), table)[0].sum())
    tiling = Tiling(rows=rows, n=work.k, c=work.c, hold_ifmap=True, hold_weight=True)
    return Choice(tiling, buffers, time_fs, core.BOUND, len(tiles), 1)


def _buffers(task: Task, graph: Graph, core: Core, local: Local, rows: int) -> Iterator[Buffer]:
    """Rooms for the inputs and the results of some rows, and for biases, where these lie elsewhere."""
    work = task.work
    assert isinstance(work, Contraction)
    bits = operand_bits(task, graph)
    if not local(task.reads[0], "ifmap"):
        yield Buffer("ifmap", core.buffer("ifmap"), -(-rows * work.ox * work.K * bits[0] // 8), 1)
    for i, name in enumerate(task.reads[2:]):
        if not local(name, "ifmap"):
            yield Buffer(f"beside{i}", core.buffer("ifmap"), graph.tensors[name].bytes, 1)
    if not local(task.writes[0], "ofmap"):
        yield Buffer("ofmap", core.buffer("ofmap"), -(-rows * work.ox * work.k * bits[2] // 8), 1)


def walk_resident(schedule: Schedule, index: int, builder: Builder) -> Iterator[tuple[int, ...]]:
    """Emit loads, tiles and stores of work inside a memory; yields each tile's number before it."""
    task = schedule.tasks[index].task
    if isinstance(task.work, Contraction):
        yield from _walk_products(schedule, index, builder)
        return
    yield (0,)
    places = [schedule.places[name] for name in (*task.reads, *task.writes)]
    spans = [(place.memory, place.address, place.end) for place in places]
    elements = schedule.graph.results(schedule.graph.nodes[task.node])[0].elements
    tile = sliced_row(task, (0, task.work.split), task.work.split, elements, (0, 0))
    many = len(task.reads)
    builder.compute(task.core, task.node, tile, spans[:many], spans[many:])


def _walk_products(schedule: Schedule, index: int, builder: Builder) -> Iterator[tuple[int, ...]]:
    plan = schedule.tasks[index]
    task, core = plan.task, schedule.chip.cores[plan.task.core]
    work = task.work
    assert isinstance(work, Contraction)
    ifmap = make_side(schedule, index, task.reads[0], "ifmap", "ifmap")
    ofmap = make_side(schedule, index, task.writes[0], "ofmap", "ofmap")
    weight = schedule.places[task.reads[1]]
    named = enumerate(task.reads[2:])
    beside = [make_side(schedule, index, name, "ifmap", f"beside{i}") for i, name in named]
    with_all: list[Span] = [(weight.memory, weight.address, weight.end)]
    rows = work.batch * work.oy
    row_in = work.ox * work.K * operand_bits(task, schedule.graph)[0]
    for turn, tile in enumerate(row_tiles(work, plan.tiling.rows)):
        yield (turn,)
        first, end = tile[0] * work.oy + tile[2], (tile[1] - 1) * work.oy + tile[3]
        low, high = first * row_in // 8, -(-end * row_in // 8)
        inputs: Span = (ifmap.route.memory, ifmap.place.address + low, ifmap.place.address + high)
        if not ifmap.local:
            near = ifmap.copy(turn)
            runs = [(ifmap.place.address + low, high - low)]
            builder.load(ifmap.route.link, ifmap.place, task.node, runs, [(ifmap.route.memory, near)])
            inputs = (ifmap.route.memory, near, near + high - low)
        low, high = ofmap.place.bytes * first // rows, ofmap.place.bytes * end // rows
        results: Span = (ofmap.place.memory, ofmap.place.address + low, ofmap.place.address + high)
        if not ofmap.local:
            results = (ofmap.route.memory, ofmap.copy(turn), ofmap.copy(turn) + high - low)
        if turn == 0:
            with_all += [_brought(side, task.node, builder) for side in beside]
        row = _row(task, schedule.graph, core, tile)
        builder.compute(task.core, task.node, row, [inputs, *with_all], [results])
        if not ofmap.local:
            runs = [(ofmap.place.address + low, high - low)]
            builder.store(ofmap.route.link, ofmap.place, task.node, runs, [results[:2]])


def _brought(side: Side, node: int, builder: Builder) -> Span:
    """Where a whole operand is for the core, loaded if it lies elsewhere."""
    if side.local:
        return side.place.memory, side.place.address, side.place.end
    near, runs = side.copy(0), [(side.place.address, side.place.bytes)]
    builder.load(side.route.link, side.place, node, runs, [(side.route.memory, near)])
    return side.route.memory, near, near + side.place.bytes


def _row(task: Task, graph: Graph, core: Core, tile: tuple[int, int, int, int]) -> tuple:
    """A tile of some output rows, with the operations of an activation that joins it."""
    work = task.work
    assert isinstance(work, Contraction)
    joined = [name for name in task.epilogue if name in {a.epilogue for a in ACTIVATIONS.values()}]
    pixels = (tile[1] - tile[0]) * (tile[3] - tile[2]) * work.ox
    row = contraction_row(
        task, core, operand_bits(task, graph), pixels=pixels, channels=work.k, groups=1, c=work.c
    )
    if not joined:
        return row
    counts = dict.fromkeys(OPERATION_CLASSES, 0)
    for name in joined:
        for operation, times in EPILOGUES[name]:
            counts[operation] += times * pixels * work.k
    ops = (TILE.names or ()).index("ops")
    return (*row[:ops], tuple(counts.values()), *row[ops + 1 :])
