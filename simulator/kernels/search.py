"""Tiles and transfers of a contraction under many tilings, and which tiling is done first.

Model and limits: docs/models/mapping.md. ``walk`` lists what ``mapping.lower`` emits, in its order; then
``pipeline.play`` runs it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.kernels.jit import lean, part
from simulator.kernels.pipeline import play

#: What all candidates have in common. ``*_bits``: ifmap per input row and channel, weight per output and
#: input channel, bias per output channel, ofmap per output row and channel. ``*_link``: row of LINK, -1
#: where the operand is local. ``clock_num / clock_den``: fs per cycle of the core. ``piece``: bytes at which
#: transfers are cut; those of more than ``most_runs`` runs wait for all between their ends.
LAYER = np.dtype(
    [
        ("groups", "i8"), ("k", "i8"), ("c", "i8"), ("batched", "i8"),
        ("ifmap_groups", "i8"), ("weight_groups", "i8"),
        ("ifmap_bits", "i8"), ("weight_bits", "i8"), ("bias_bits", "i8"), ("ofmap_bits", "i8"),
        ("ifmap_link", "i8"), ("weight_link", "i8"), ("ofmap_link", "i8"),
        ("clock_num", "i8"), ("clock_den", "i8"), ("piece", "i8"), ("most_runs", "i8"),
    ],
    align=True,
)  # fmt: skip
#: One tiling. ``rows``: which piece of the row table; ``kinds``: row of the tables of times; ``*_tiles``: how
#: many along each loop; ``byte_fs``, ``visit_fs``: time of the far memory per byte, and of one of its visits,
#: for the ifmap, the ifmap of the last c, weights, the ofmap, the ofmap of the last n.
TILING = np.dtype(
    [
        ("rows", "i8"), ("groups", "i8"), ("n", "i8"), ("c", "i8"), ("order", "i8"),
        ("hold_ifmap", "i8"), ("hold_weight", "i8"),
        ("ifmap_copies", "i8"), ("weight_copies", "i8"), ("ofmap_copies", "i8"),
        ("m_tiles", "i8"), ("n_tiles", "i8"), ("c_tiles", "i8"), ("g_tiles", "i8"), ("kinds", "i8"),
        ("byte_fs", "f8", (5,)), ("visit_fs", "f8", (5,)),
    ],
    align=True,
)  # fmt: skip
#: A tile along the output rows: input rows [low, high) counted over all images, output rows, whether it is
#: smaller than the others.
ROWS = np.dtype([("low", "i8"), ("high", "i8"), ("out", "i8"), ("last", "i8")], align=True)
#: What the current copy of an operand holds, how many copies came before it, and its first tile.
HOLDING = np.dtype(
    [("group", "i8"), ("middle", "i8"), ("inner", "i8"), ("turn", "i8"), ("first", "i8")], align=True
)


@part
def _add(
    flights: np.ndarray, count: int, places: np.ndarray, queue: Any, link: Any,
    size: int, piece: int, byte_fs: float, visit_fs: float, tile: int, after: int, out: int,
) -> int:  # fmt: skip
    """Append a transfer, cut into pieces, to a queue; return how many transfers there are now."""
    while size > 0 and count < flights.size:
        part = min(size, piece)
        flight = flights[count]
        flight.tile, flight.after, flight.out = tile, after, out
        flight.link_fs = np.int64(link.start_fs + part * link.byte_fs)
        flight.memory_fs = np.int64(part * byte_fs) if link.memory >= 0 else 0
        flight.visit_fs = visit_fs
        queue.all_fs += flight.memory_fs
        places[queue.size] = count
        queue.size += 1
        size -= part
        count += 1
    return count


@part
def _share(index: int, step: int, total: int, there: int) -> tuple[int, int]:
    """Groups of an operand that serve a tile's: fewer where the operand is broadcast."""
    first, end = index * step, min((index + 1) * step, total)
    return first * there // total, (end - 1) * there // total + 1


@part
def _renew(holding: Any, group: int, middle: int, inner: int, copies: int, t: int) -> tuple[bool, int]:
    """Whether tile ``t`` needs a fresh copy of an operand; after which tile that is free (-1: it is)."""
    if holding.group == group and holding.middle == middle and holding.inner == inner:
        return False, -1
    after = (t if copies == 1 else holding.first) - 1 if holding.turn + 1 >= copies else -1
    holding.group, holding.middle, holding.inner = group, middle, inner
    holding.turn += 1
    holding.first = t
    return True, after


@part
def _ifmap(
    tiling: Any, rows: np.ndarray, holding: Any, group: int, m: int, n: int, c: int, t: int
) -> tuple[int, int]:
    """Input rows that tile ``t`` has loaded, and the tile after which there is room for them."""
    size = rows[m].high - rows[m].low
    if tiling.hold_ifmap == 0:
        fresh, after = _renew(holding, group, m, c, tiling.ifmap_copies, t)
        return (size, after) if fresh else (0, -1)
    strip = tiling.n_tiles * tiling.c_tiles
    if tiling.order == 0:
        _renew(holding, group, m, 0, 1, t)
        before = rows[
            (m + 2 * tiling.m_tiles - tiling.ifmap_copies) % tiling.m_tiles
        ]  # strips differ in size
        chunk = min(((c + 1) * size - 1) // (before.high - before.low), tiling.c_tiles - 1)
        after = t - c - tiling.ifmap_copies * strip + strip - tiling.c_tiles + chunk
        there = n == 0 and holding.first == t - c
    else:
        _renew(holding, group, 0, 0, 1, t)
        whole = tiling.m_tiles * strip
        after = t - tiling.ifmap_copies * whole + whole - tiling.m_tiles * tiling.c_tiles
        after += tiling.c_tiles if m + 1 < tiling.m_tiles else 0
        there = n == 0 and holding.first == t - m * tiling.c_tiles - c
        size = rows[m].high - (max(rows[m].low, rows[m - 1].high) if m > 0 else rows[m].low)
    return (max(size, 0), after if holding.turn >= tiling.ifmap_copies else -1) if there else (0, -1)


@part
def _weight(tiling: Any, holding: Any, group: int, m: int, n: int, c: int, t: int) -> tuple[bool, int]:
    """Whether tile ``t`` has its weights loaded, and the tile after which there is room for them."""
    if tiling.hold_weight == 0:
        return _renew(holding, group, n, c, tiling.weight_copies, t)
    if tiling.order == 1:
        _renew(holding, group, n, 0, 1, t)
        turn, there = tiling.m_tiles * tiling.c_tiles, holding.first == t - c
        after = t - tiling.weight_copies * turn + turn - tiling.c_tiles
    else:
        _renew(holding, group, 0, 0, 1, t)
        turn = tiling.m_tiles * tiling.n_tiles * tiling.c_tiles
        there = holding.first == t - n * tiling.c_tiles - c
        after = t - tiling.weight_copies * turn + turn - tiling.n_tiles * tiling.c_tiles
    return m == 0 and there, after if holding.turn >= tiling.weight_copies else -1


@part
def _output_before(tiling: Any, layer: Any, pixel_rows: int, g: int, n: int, out: int) -> int:
    """The store whose bytes interleave with those of an output and that must end before; -1: none."""
    apart = tiling.n_tiles == 1 and (layer.batched == 1 or tiling.g_tiles == 1)
    if pixel_rows <= layer.most_runs or apart or (n == 0 and (g == 0 or layer.batched == 1)):
        return -1
    before = out - (tiling.m_tiles if tiling.order == 1 else 1 if n > 0 else tiling.m_tiles * tiling.n_tiles)
    if n == 0 and tiling.order == 0:
        before += tiling.n_tiles - 1
    return before


@part
def walk(
    tiling: Any, layer: Any, rows: np.ndarray, busy_fs: np.ndarray, latency_fs: np.ndarray,
    links: np.ndarray, flights: np.ndarray, places: np.ndarray, queues: np.ndarray,
    steps: np.ndarray, outputs: np.ndarray, holding: np.ndarray,
) -> int:  # fmt: skip
    """List the tiles and transfers of a tiling in program order; return how many transfers there are.

    Parameters
    ----------
    tiling, layer
        TILING and LAYER, one record each.
    rows
        ROWS, shape (tiles along the output rows,).
    busy_fs, latency_fs
        int64, shape (24,): times of the kinds of tile, by (last in m, last in n, first/middle/last in c, last
        in g).
    links
        LINK, shape (links,).
    flights, places, queues, steps, outputs, holding
        FLIGHT (flights,), int64 (2 x links, flights), QUEUE (2 x links,), STEP (tiles,), OUTPUT (outputs,)
        and HOLDING (2,): written. Queue 2i has the loads of link i, 2i + 1 its stores.
    """
    for q in range(queues.size):
        queues[q].size = queues[q].begun = queues[q].served = queues[q].last = queues[q].all_fs = 0
        queues[q].owed_fs = -1
    for i in range(2):
        holding[i].group = holding[i].turn = -1
    outer, inner = tiling.m_tiles, tiling.n_tiles
    if tiling.order == 1:
        outer, inner = inner, outer
    count, t, out = 0, 0, 0
    for g in range(tiling.g_tiles):
        for a in range(outer):
            for b in range(inner):
                m, n = (a, b) if tiling.order == 0 else (b, a)
                for c in range(tiling.c_tiles):
                    kind = 3 * (2 * rows[m].last + (n == tiling.n_tiles - 1))
                    kind += 0 if c == 0 else 2 if c == tiling.c_tiles - 1 else 1
                    kind = 2 * kind + (g == tiling.g_tiles - 1)
                    steps[t].busy_fs, steps[t].latency_fs = busy_fs[kind], latency_fs[kind]
                    steps[t].ready = 0
                    before = count
                    count = _loads(
                        tiling, layer, rows, links, flights, count, places, queues, holding, g, m, n, c, t
                    )
                    steps[t].waits = count - before
                    t += 1
                before = count
                if layer.ofmap_link >= 0:
                    after = _output_before(tiling, layer, rows[m].out, g, n, out)
                    wide = min(tiling.groups, layer.groups - g * tiling.groups)
                    bits = rows[m].out * layer.ofmap_bits * wide * min(tiling.n, layer.k - n * tiling.n)
                    last = 4 if n == tiling.n_tiles - 1 else 3
                    q = 2 * layer.ofmap_link + 1
                    count = _add(
                        flights, count, places[q], queues[q], links[layer.ofmap_link], (bits + 7) >> 3,
                        layer.piece, tiling.byte_fs[last], tiling.visit_fs[last], t - 1, after, out,
                    )  # fmt: skip
                outputs[out].waits, outputs[out].end = count - before, 0
                out += 1
    return count


@part
def _loads(
    tiling: Any, layer: Any, rows: np.ndarray, links: np.ndarray,
    flights: np.ndarray, count: int, places: np.ndarray, queues: np.ndarray, holding: np.ndarray,
    g: int, m: int, n: int, c: int, t: int,
) -> int:  # fmt: skip
    """Append what tile ``t`` loads: ifmap, then weights; return how many transfers there are now."""
    c_size = min(tiling.c, layer.c - c * tiling.c)
    last = 1 if c == tiling.c_tiles - 1 else 0
    if layer.ifmap_link >= 0:
        low, high = _share(g, tiling.groups, layer.groups, layer.ifmap_groups)
        size, after = _ifmap(tiling, rows, holding[0], low, m, n, c, t)
        bits = size * layer.ifmap_bits * c_size * (high - low)
        q = 2 * layer.ifmap_link
        count = _add(
            flights, count, places[q], queues[q], links[layer.ifmap_link], (bits + 7) >> 3,
            layer.piece, tiling.byte_fs[last], tiling.visit_fs[last], t, after, -1,
        )  # fmt: skip
    if layer.weight_link >= 0:
        low, high = _share(g, tiling.groups, layer.groups, layer.weight_groups)
        fresh, after = _weight(tiling, holding[1], low, m, n, c, t)
        if fresh:
            bits = c_size * layer.weight_bits + last * layer.bias_bits
            bits *= (high - low) * min(tiling.n, layer.k - n * tiling.n)
            q = 2 * layer.weight_link
            count = _add(
                flights, count, places[q], queues[q], links[layer.weight_link], (bits + 7) >> 3,
                layer.piece, tiling.byte_fs[2], tiling.visit_fs[2], t, after, -1,
            )  # fmt: skip
    return count


@lean
def finish_times(
    which: np.ndarray, least_fs: np.ndarray, slack: float, limit: int, first_only: bool, most_steps: int,
    tilings: np.ndarray, layer: Any, rows: np.ndarray, rows_first: np.ndarray,
    busy_fs: np.ndarray, latency_fs: np.ndarray, links: np.ndarray, memories: np.ndarray,
    flights: np.ndarray, places: np.ndarray, steps: np.ndarray, outputs: np.ndarray,
    queues: np.ndarray, holding: np.ndarray, engine_free: np.ndarray, slot_free: np.ndarray,
    finish_fs: np.ndarray,
) -> tuple[int, int]:  # fmt: skip
    """Run tilings one after the other, leaving out and leaving off what cannot be better than the best.

    Parameters
    ----------
    which
        int64, shape (any,): the tilings to run, in this order.
    least_fs
        int64, shape (tilings,): no run can end before.
    slack
        A tiling is left out if ``least_fs`` is above ``slack`` times the best time so far.
    limit
        Only runs that end by then count, fs.
    first_only
        Stop at the first that does.
    most_steps
        Stop after so many tiles and transfers.
    tilings, layer, rows, rows_first, busy_fs, latency_fs, links, memories
        TILING (tilings,), LAYER (1,), ROWS and where each piece of it begins, int64 (kinds, 24) twice, LINK,
        MEMORY.
    flights, places, steps, outputs, queues, holding
        Room for the largest tiling, as ``walk`` wants it. Written.
    finish_fs
        int64, shape (tilings,), written: when the last byte is out, ``NEVER`` where it would be too late.
        Those that have a positive time are not run again.

    Returns
    -------
    best, done : int
        The tiling that ended first (with ``first_only`` the first that ended), -1: none; how many were run.
    """
    best, done, spent = -1, 0, 0
    for i in which:
        if least_fs[i] > limit or (best >= 0 and least_fs[i] > slack * finish_fs[best]):
            continue
        if spent > most_steps and best >= 0:
            break
        tiling = tilings[i]
        if finish_fs[i] <= 0:
            low, high = rows_first[tiling.rows], rows_first[tiling.rows + 1]
            count = walk(tiling, layer[0], rows[low:high], busy_fs[tiling.kinds], latency_fs[tiling.kinds],
                         links, flights, places, queues, steps, outputs, holding)  # fmt: skip
            tiles = tiling.m_tiles * tiling.n_tiles * tiling.c_tiles * tiling.g_tiles
            copies = tiling.ofmap_copies if layer[0].ofmap_link >= 0 else 0
            finish_fs[i] = play(
                tiles, copies, tiling.c_tiles, layer[0].clock_num, layer[0].clock_den, links,
                memories, flights, places, queues, steps, outputs, engine_free, slot_free, limit,
            )  # fmt: skip
            spent += tiles + count
            done += 1
        if finish_fs[i] <= limit:
            best = i
            limit = finish_fs[i] - 1
            if first_only:
                break
    return best, done
