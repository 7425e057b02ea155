"""Tiles of tasks as rows of the table that cores are timed and counted on."""

from __future__ import annotations

from simulator.hw.component import Core
from simulator.hw.tiling import NO_OPS, tile_row
from simulator.mapping.schedule import Task
from simulator.workload.work import MATCH_CLASSES, OPERATION_CLASSES, Contraction, Elementwise, Match, Move


def contraction_row(
    task: Task,
    core: Core,
    bits: tuple[int, int, int],
    *,
    pixels: int,
    channels: int,
    groups: int,
    c: int,
    first: bool = True,
    last: bool = True,
) -> tuple:
    """A tile of a contraction: output pixels, output and reduction channels of each of some groups.

    ``bits`` are those of ifmap, weight and ofmap; ``first`` and ``last`` say whether the tile begins and ends
    its sums: the operations that join the task come with the last.
    """
    work = task.work
    assert isinstance(work, Contraction)
    k, taps = core.inner(c, work.fy * work.fx)
    ops, outputs = NO_OPS, pixels * channels * groups
    if last and task.ops:
        counts = dict(task.ops)
        ops = tuple(outputs * counts.get(name, 0) for name in OPERATION_CLASSES)
    return tile_row(
        m=pixels,
        n=channels,
        k=k,
        taps=taps,
        count=groups,
        first=first,
        last=last,
        precision=work.precision,
        bits=bits,
        requant="requant" in task.epilogue,
        density=task.density,
        ops=ops,
    )


def sliced_row(task: Task, span: tuple[int, int], split: int, elements: int, moved: tuple[int, int]) -> tuple:
    """Slices ``span`` of ``split`` of work that is no contraction, whose result has ``elements`` in all.

    ``moved`` are the bytes that the tile reads and writes; a move says itself what it moves.
    """
    work, (first, end) = task.work, span

    def share(total: int) -> int:
        """What of a total falls on the span; shares of all spans sum to it."""
        return total * end // split - total * first // split

    counts = dict.fromkeys(OPERATION_CLASSES, 0)
    own = work.ops if isinstance(work, Elementwise) else ()
    for name, count in (*own, *((name, times * elements) for name, times in task.ops)):
        counts[name] += share(count)
    if isinstance(work, Match):
        classes = dict(work.counts)
        return tile_row(match=tuple(share(classes.get(name, 0)) for name in MATCH_CLASSES))
    if isinstance(work, Move):
        moved = share(work.bytes_read), share(work.bytes_written)
    return tile_row(ops=tuple(counts.values()), read_bytes=moved[0], write_bytes=moved[1])
