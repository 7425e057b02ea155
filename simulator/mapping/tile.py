"""Tilings: candidates, the cheapest that fits, remembered per shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import gcd

import numpy as np

from simulator.base.errors import InputError, Problem
from simulator.hw.chip import Chip
from simulator.hw.component import Core
from simulator.hw.rules import NodeRule, Size
from simulator.mapping.cost import (
    Candidates,
    Operands,
    buffer_bytes,
    core_time,
    in_whole_grains,
    link_time,
    traffic_bytes,
    trips,
)
from simulator.mapping.route import ALONE, Beside, Route, route
from simulator.mapping.schedule import Buffer, Tiling
from simulator.mapping.shape import extent_x
from simulator.workload.work import Contraction

#: A node is not cut finer than this unless its buffers leave no choice: the engine's time is per tile.
MOST_TILES = 1024
#: Among tilings of about the same time and traffic, one that gives its results in at least so many pieces.
ENOUGH_TILES = 16
_PARTS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 48, 64, 96, 128, 256, 512, 1024)
ROLES = ("ifmap", "weight", "ofmap")
#: Rule -> what may be held: (ifmap, weight).
_HOLDS = {
    "auto": ((0, 0), (0, 1), (1, 0), (1, 1)),
    "none": ((0, 0),),
    "ifmap": ((1, 0),),
    "weight": ((0, 1),),
    "both": ((1, 1),),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """The tiling that was chosen, with its buffers and what it is expected to cost."""

    tiling: Tiling
    buffers: tuple[Buffer, ...]
    expected_fs: int
    bound: str
    tiles: int
    candidates: int
    traffic_bytes: int = 0


_REMEMBERED: dict[tuple, Choice] = {}


def contraction_tiling(
    work: Contraction,
    ops: Operands,
    core_name: str,
    chip: Chip,
    room: Mapping[str, int],
    rule: NodeRule,
    name: str,
    beside: Beside = ALONE,
) -> Choice:
    """The tiling of least expected time (then least external traffic, then least on-chip traffic) that fits.

    Parameters
    ----------
    work, ops
        What is to be computed, and how wide and where its operands are.
    core_name, chip
        The core, one of the chip's.
    room
        Free bytes per memory.
    rule
        Decisions that are already made.
    name
        Of the node, for the message.
    beside
        What does other parts of the node at the same time.

    Raises
    ------
    InputError
        Not even the smallest tile fits, or the rule leaves nothing that does.
    """
    core = chip.cores[core_name]
    rooms = tuple(sorted((memory, room[memory]) for memory in {core.buffer(r) for r in (*ROLES, "psum")}))
    key = (
        chip.digest,
        core_name,
        work,
        ops,
        rooms,
        rule.m,
        rule.n,
        rule.k,
        rule.groups,
        rule.order,
        rule.hold,
        beside,
    )
    if key not in _REMEMBERED:
        _REMEMBERED[key] = _search(work, ops, core_name, chip, dict(rooms), rule, name, beside)
    return _REMEMBERED[key]


def _search(
    work: Contraction, ops: Operands, core_name: str, chip: Chip, room: dict[str, int], rule: NodeRule,
    name: str, beside: Beside,
) -> Choice:  # fmt: skip
    core = chip.cores[core_name]
    psum_bits = core.sum_bits()
    for fine in (False, True):  # below the core's granule only where nothing else fits
        cand = _candidates(work, core, rule, bool(psum_bits), fine)
        cand = replace(cand, hold_ifmap=np.where(_splits_bytes(work, cand, ops), 0, cand.hold_ifmap))
        t = trips(work, cand)
        buffers = buffer_bytes(work, cand, t, ops, psum_bits)
        need = _need(buffers, core, chip, beside)
        fits = np.logical_and.reduce([size <= room[memory] for memory, size in need.items()])
        if fits.any():
            break
    else:
        raise InputError(_too_small(work, need, room, name, chip))
    considered = cand.rows.size
    fits = _apply_max(fits, cand, rule)
    coarse = fits & (t.total <= max(MOST_TILES, 4 * int(t.total[fits].min())))
    cand = cand.take(coarse)
    t = trips(work, cand)
    best, time_fs, bound, outside = _cheapest(work, cand, ops, core_name, chip, beside)
    size = {role: (int(s[coarse][best]), int(c[coarse][best])) for role, (s, c) in buffers.items()}
    return Choice(
        tiling=Tiling(
            rows=int(cand.rows[best]),
            groups=int(cand.groups[best]),
            n=int(cand.n[best]),
            c=int(cand.c[best]),
            order="nm" if cand.order[best] else "mn",
            hold_ifmap=bool(cand.hold_ifmap[best]),
            hold_weight=bool(cand.hold_weight[best]),
        ),
        buffers=tuple(Buffer(role, core.buffer(role), s, c) for role, (s, c) in size.items() if c),
        expected_fs=time_fs,
        bound=bound,
        tiles=int(t.total[best]),
        candidates=considered,
        traffic_bytes=outside,
    )


def tile_buffers(work: Contraction, tiling: Tiling, ops: Operands, psum_bits: int) -> dict[str, int]:
    """Role -> bytes of one copy of the buffer that a tiling needs; roles without a buffer are left out."""
    order = int(tiling.order == "nm")
    fields = (tiling.rows, tiling.groups, tiling.n, tiling.c, order, tiling.hold_ifmap, tiling.hold_weight)
    cand = Candidates.of(np.array(fields, np.int64)[:, None])
    rooms = buffer_bytes(work, cand, trips(work, cand), ops, psum_bits)
    return {role: int(size[0]) for role, (size, copies) in rooms.items() if copies[0]}


def _splits_bytes(work: Contraction, cand: Candidates, ops: Operands) -> np.ndarray:
    """Where rows of an ifmap do not end with a byte: it is not held, its rows would share bytes."""
    piece = extent_x(work) * cand.c * cand.groups * ops.ifmap_bits
    last = extent_x(work) * (work.c % cand.c) * cand.groups * ops.ifmap_bits
    whole = extent_x(work) * work.c * work.groups * ops.ifmap_bits
    return (piece % 8 != 0) | (whole % 8 != 0) | (last % 8 != 0)


def _need(
    buffers: Mapping[str, tuple[np.ndarray, np.ndarray]], core: Core, chip: Chip, beside: Beside
) -> dict[str, np.ndarray]:
    """Memory -> bytes that the buffers of each candidate take there, those of all parts together."""
    need: dict[str, np.ndarray] = {}
    for role, (size, copies) in buffers.items():
        memory = core.buffer(role)
        room = size * copies * beside.users(chip, role, memory)
        need[memory] = need[memory] + room if memory in need else room
    return need


def _cheapest(
    work: Contraction, cand: Candidates, ops: Operands, core_name: str, chip: Chip, beside: Beside
) -> tuple[int, int, str, int]:
    """(index, expected time in fs, what bounds it, bytes to and from outside) of the best candidate."""
    core, ports = chip.cores[core_name], chip.ports(core_name)
    t = trips(work, cand)
    shapes = np.stack([cand.rows, cand.groups, cand.n, cand.c])
    unique, back = np.unique(shapes, axis=1, return_inverse=True)
    distinct = Candidates.of(unique)
    busy, latency, moved = core_time(work, distinct, trips(work, distinct), ops, core, ports)
    back = back.reshape(-1)
    busy, latency, moved = busy[back], latency[back], moved[back]
    routes: dict[str, Route] = {
        role: route(chip, core, role, () if role == beside.shared else beside.cores) for role in ROLES
    }
    traffic = in_whole_grains(traffic_bytes(work, cand, t, ops), work, cand, ops, routes)
    linked, which = link_time(traffic, routes)
    ends = latency + sum(
        (traffic[role] / np.maximum(_loads(role, cand, t), 1)) * (1e15 / routes[role].bytes_per_s)
        for role in ROLES
        if routes[role].bytes_per_s
    )
    time = np.maximum(busy, linked) + ends
    outside = np.sum(list(traffic.values()), axis=0)
    near = time <= time.min() * 1.005  # within what the estimate can tell apart, traffic decides
    few = np.maximum(ENOUGH_TILES - t.m * t.n * t.g, 0)  # results that come out in pieces let others begin
    order = np.lexsort((moved, t.total, few, outside, ~near))
    best = int(order[0])
    far = routes[ROLES[int(which[best])]].far
    return best, int(time[best]), core.BOUND if busy[best] >= linked[best] else far, int(outside[best])


def _loads(role: str, cand: Candidates, t: object) -> np.ndarray:
    """Transfers that the traffic of a role is split into; one of them is exposed at the start or the end."""
    m, n, c, g = t.m, t.n, t.c, t.g  # type: ignore[attr-defined]
    if role == "ofmap":
        return m * n * g
    if role == "ifmap":
        return np.where(cand.hold_ifmap == 1, m * c * g, np.where(c == 1, m * g, m * n * c * g))
    return np.where(cand.hold_weight == 1, n * c * g, np.where(c == 1, n * g, m * n * c * g))


def _candidates(work: Contraction, core: Core, rule: NodeRule, partial_sums: bool, fine: bool) -> Candidates:
    granule = core.granule(work)
    taps = core.inner(1, work.fy * work.fx)[0]  # positions that share K with the channels
    rows = _row_sizes(work, granule.m, rule.m)
    n = _sizes(work.k, granule.n, rule.n)
    c = _sizes(work.c, granule.k // gcd(granule.k, taps), rule.k) if partial_sums else [work.c]
    if partial_sums and rule.k == "auto":  # channels whose kernel positions just fill one or more folds
        c = sorted({*c, *(max(1, f * granule.k // taps) for f in _PARTS if f * granule.k < work.c * taps)})
    if fine:
        n = sorted({*n, *(max(1, granule.n >> s) for s in range(1, 12))}) if rule.n == "auto" else n
        c = (
            sorted({*c, *(max(1, granule.k >> s) for s in range(1, 12))})
            if rule.k == "auto" and partial_sums
            else c
        )
        n, c = [x for x in n if x <= work.k], [x for x in c if x <= work.c]
    inner = [(1, a, b) for a in n for b in c]
    inner += [(g, work.k, work.c) for g in _sizes(work.groups, 1, rule.groups) if g > 1]
    if isinstance(rule.groups, int) and work.groups > 1 < rule.groups:
        inner = [shape for shape in inner if shape[0] > 1]
    orders = {"mn": [0], "nm": [1], "auto": [0, 1]}[rule.order]
    holds = _HOLDS[rule.hold]
    table = np.array([(r, *i, o, *h) for r in rows for i in inner for o in orders for h in holds], np.int64)
    return Candidates.of(table.T)


def _sizes(total: int, granule: int, rule: Size) -> list[int]:
    """Tile sizes worth trying along one dimension: parts of the total rounded up to the granule."""
    if isinstance(rule, int):
        return [min(rule, total)]
    if rule == "core":
        return [min(granule, total)]
    sizes = {min(total, _up(_up(total, part) // part, granule)) for part in _PARTS if part <= total}
    return sorted(sizes | {min(granule, total)}, reverse=True)


def _up(size: int, step: int) -> int:
    """Round up to a multiple."""
    return -(-size // step) * step


def _row_sizes(work: Contraction, granule: int, rule: Size) -> list[int]:
    if isinstance(rule, int):
        return [max(1, min(-(-rule // work.ox), work.oy * work.batch))]
    if rule == "core":
        return [max(1, min(-(-granule // work.ox), work.oy))]
    rows = set(_sizes(work.oy, max(1, granule // work.ox), "auto")) | {1}
    return sorted(rows | {work.oy * images for images in _sizes(work.batch, 1, "auto")}, reverse=True)


def _apply_max(fits: np.ndarray, cand: Candidates, rule: NodeRule) -> np.ndarray:
    """Among what fits, the largest tile along each dimension whose rule is `max`: groups, m, n, then k."""
    for size, sizes in ((rule.groups, cand.groups), (rule.m, cand.rows), (rule.n, cand.n), (rule.k, cand.c)):
        if size == "max":
            fits = fits & (sizes == sizes[fits].max())
    return fits


def _too_small(
    work: Contraction, need: dict[str, np.ndarray], room: dict[str, int], name: str, chip: Chip
) -> Problem:
    """The memory that is furthest from holding the smallest tile, in bytes."""
    lacking = {memory: int(size.min()) for memory, size in need.items()}
    memory = max(lacking, key=lambda m: lacking[m] / max(room[m], 1))
    message = (
        f"too small for node '{name}': the smallest tile of its {work.M} x {work.N} x {work.K} contraction "
        f"needs {lacking[memory]} B of buffers there, {room[memory]} B are free; enlarge the memory "
        "or shrink the array"
    )
    return chip.problem(message, f"memories.{memory}.capacity")


def forget() -> None:
    """Forget remembered tilings, so that planning can be timed from nothing."""
    _REMEMBERED.clear()
