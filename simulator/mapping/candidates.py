"""Tilings worth trying for a contraction: sizes, loop orders, what is held, how many copies fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from math import gcd

import numpy as np

from simulator.hw.component import Core
from simulator.hw.rules import NodeRule, Size
from simulator.mapping.cost import Candidates, Operands, Trips, trips
from simulator.mapping.shape import extent_x
from simulator.workload.work import Contraction

#: Sizes tried along a dimension: one of so many parts of it.
_PARTS = (*range(1, 17), 18, 20, 24, 28, 32, 40, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
#: Where a dimension has at most so many granules, every multiple of the granule is tried.
_ALL_MULTIPLES = 12
#: Rule -> what may be held: (ifmap, weight).
_HOLDS = {
    "auto": ((0, 0), (0, 1), (1, 0), (1, 1)),
    "none": ((0, 0),),
    "ifmap": ((1, 0),),
    "weight": ((0, 1),),
    "both": ((1, 1),),
}
_ORDERS = {"mn": (0,), "nm": (1,), "auto": (0, 1)}
#: Operands whose buffers may have one copy or two, as the search chooses.
_CHOSEN = ("ifmap", "weight", "ofmap")


def candidates(work: Contraction, ops: Operands, core: Core, rule: NodeRule, *, fine: bool) -> Candidates:
    """Every combination of sizes, orders and holds that the rule allows and that differs in what it does.

    ``fine``: also sizes below the core's granule.
    """
    sums = bool(core.sum_bits())
    rows, n, c = _sizes_of(work, core, rule, sums, fine)
    inner = [(1, a, b) for a in n for b in c]
    inner += [(g, work.k, work.c) for g in _sizes(work.groups, 1, rule.groups) if g > 1]
    if isinstance(rule.groups, int) and work.groups > 1 < rule.groups:
        inner = [shape for shape in inner if shape[0] > 1]
    loops = [(order, *hold) for order in _ORDERS[rule.order] for hold in _HOLDS[rule.hold]]
    parts = [np.array(rows, np.int64)[:, None], np.array(inner, np.int64), np.array(loops, np.int64)]
    i, j, k = (axis.reshape(-1) for axis in np.indices([len(part) for part in parts]))
    cand = Candidates.of(np.concatenate([parts[0][i], parts[1][j], parts[2][k]], axis=1).T)
    cand = replace(cand, hold_ifmap=np.where(_splits_bytes(work, cand, ops), 0, cand.hold_ifmap))
    return cand.take(_differs(work, cand, trips(work, cand), rule))


def _differs(work: Contraction, cand: Candidates, t: Trips, rule: NodeRule) -> np.ndarray:
    """Leave out loop orders and holds that do what another candidate does with no more room."""
    mn, nm = cand.order == 0, cand.order == 1
    keep = np.ones(cand.rows.size, bool)
    if rule.hold == "auto":
        keep &= ~((cand.hold_ifmap == 1) & (t.c == 1) & (mn | (t.m == 1)))
        keep &= ~((cand.hold_weight == 1) & (t.c == 1) & (nm | (t.n == 1)))
    if rule.order == "auto":
        halo = (work.fy > 1) & (cand.hold_ifmap == 1)  # a wholly held ifmap needs no halo twice
        keep &= ~(nm & ((t.m == 1) | ((t.n == 1) & ~halo)))
    return keep


def with_copies(
    cand: Candidates,
    buffers: Mapping[str, tuple[np.ndarray, np.ndarray]],
    core: Core,
    room: Mapping[str, int],
    users: Mapping[str, int],
) -> tuple[Candidates, np.ndarray]:
    """Candidates that fit, each with as many copies of its buffers as fit, and which one each came from.

    Two copies where all fit; else every choice of buffers with one copy to which no second one can be added.
    ``users``: role -> how many cores have such a buffer in the same memory.
    """
    most = {role: copies for role, (_, copies) in buffers.items()}
    fits: dict[tuple[bool, ...], np.ndarray] = {}
    for single in product((False, True), repeat=len(_CHOSEN)):
        possible = np.ones(cand.rows.size, bool)
        need: dict[str, np.ndarray] = {}
        for role, (size, copies) in buffers.items():
            alone = role in _CHOSEN and single[_CHOSEN.index(role)]
            possible &= (copies == 2) if alone else True
            taken = size * users[role] * (1 if alone else copies)
            memory = core.buffer(role)
            need[memory] = need[memory] + taken if memory in need else taken
        fits[single] = possible & np.logical_and.reduce([size <= room[name] for name, size in need.items()])
    chosen, origin = [], []
    for single, able in fits.items():
        for i in range(len(_CHOSEN)):
            if single[i]:
                able = able & ~fits[(*single[:i], False, *single[i + 1 :])]
        where = np.flatnonzero(able)
        given = {
            f"{role}_copies": np.where(single[i], 1, most[role][where]) for i, role in enumerate(_CHOSEN)
        }
        chosen.append(replace(cand.take(where), **given))
        origin.append(where)
    fields = Candidates.__dataclass_fields__
    joined = Candidates(*(np.concatenate([getattr(part, name) for part in chosen]) for name in fields))
    return joined, np.concatenate(origin)


def least_need(
    buffers: Mapping[str, tuple[np.ndarray, np.ndarray]], core: Core, users: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """Memory -> bytes that the buffers of each candidate take there with one copy where one will do."""
    need: dict[str, np.ndarray] = {}
    for role, (size, copies) in buffers.items():
        memory = core.buffer(role)
        taken = size * users[role] * (np.minimum(copies, 1) if role in _CHOSEN else copies)
        need[memory] = need[memory] + taken if memory in need else taken
    return need


def largest(cand: Candidates, whole: np.ndarray, rule: NodeRule) -> np.ndarray:
    """Among candidates, those with the largest tile along each dimension whose rule is `max`.

    Groups first, then m, n, k. `max` means what fits with all copies (``whole``), where anything does.
    """
    keep = np.ones(cand.rows.size, bool)
    if "max" in (rule.groups, rule.m, rule.n, rule.k) and whole.any():
        keep &= whole
    for size, sizes in ((rule.groups, cand.groups), (rule.m, cand.rows), (rule.n, cand.n), (rule.k, cand.c)):
        if size == "max":
            keep &= sizes == sizes[keep].max()
    return keep


def _splits_bytes(work: Contraction, cand: Candidates, ops: Operands) -> np.ndarray:
    """Where rows of an ifmap do not end with a byte: it is not held, its rows would share bytes."""
    piece = extent_x(work) * cand.c * cand.groups * ops.ifmap_bits
    last = extent_x(work) * (work.c % cand.c) * cand.groups * ops.ifmap_bits
    whole = extent_x(work) * work.c * work.groups * ops.ifmap_bits
    return (piece % 8 != 0) | (whole % 8 != 0) | (last % 8 != 0)


def _sizes_of(
    work: Contraction, core: Core, rule: NodeRule, sums: bool, fine: bool
) -> tuple[list[int], list[int], list[int]]:
    """Rows, n and c that are worth trying."""
    granule = core.granule(work)
    taps = core.inner(1, work.fy * work.fx)[0]  # positions that share K with the channels
    n = _sizes(work.k, granule.n, rule.n)
    c = _sizes(work.c, granule.k // gcd(granule.k, taps), rule.k) if sums else [work.c]
    if sums and rule.k == "auto":  # channels whose kernel positions just fill one or more folds
        c = [*c, *(max(1, f * granule.k // taps) for f in _PARTS if f * granule.k < work.c * taps)]
    if fine and rule.n == "auto":
        n = [*n, *(max(1, granule.n >> s) for s in range(1, 12))]
    if fine and rule.k == "auto" and sums:
        c = [*c, *(max(1, granule.k >> s) for s in range(1, 12))]
    return _row_sizes(work, granule.m, rule.m), _at_most(work.k, n), _at_most(work.c, c)


def _at_most(total: int, sizes: list[int]) -> list[int]:
    return sorted({min(size, total) for size in sizes}, reverse=True)


def _sizes(total: int, granule: int, rule: Size) -> list[int]:
    """Tile sizes worth trying along one dimension: parts of the total rounded up to the granule."""
    if isinstance(rule, int):
        return [min(rule, total)]
    if rule == "core":
        return [min(granule, total)]
    sizes = {min(total, _up(_up(total, part) // part, granule)) for part in _PARTS if part <= total}
    if total <= _ALL_MULTIPLES * granule:
        sizes |= set(range(granule, total, granule))
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
