"""Candidates: nothing that differs is left out, buffers fit with as many copies as can be."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from simulator.hw.rules import NodeRule
from simulator.mapping.candidates import candidates, with_copies
from simulator.mapping.cost import Candidates, Operands, buffer_bytes, distinct, traffic_bytes, trips
from simulator.workload.work import Contraction

CONV = Contraction(k=12, c=10, oy=9, ox=8, fy=3, fx=3, batch=2, pad_top=1, pad_left=1, iy=9, ix=8)
OPS = Operands(8, 8, 8)


def rows(cand: Candidates, *fields: str) -> list[tuple[int, ...]]:
    return list(zip(*(getattr(cand, field).tolist() for field in fields), strict=True))


@pytest.mark.parametrize("hold", ["auto", "none", "both"])
@pytest.mark.parametrize("order", ["auto", "mn", "nm"])
def test_what_is_left_out_moves_as_much_as_what_is_kept(small, order: str, hold: str):
    """For every size and every order and hold that the rule allows there is a candidate that moves no more."""
    core = small().cores["array"]
    cand = candidates(CONV, OPS, core, NodeRule(order=order, hold=hold), fine=False)
    t = trips(CONV, cand)
    moved = sum(traffic_bytes(CONV, cand, t, OPS).values())
    least: dict[tuple[int, ...], int] = {}
    for key, size in zip(rows(cand, "rows", "groups", "n", "c"), moved.tolist(), strict=True):
        least[key] = min(size, least.get(key, size))
    loops = list(product({"auto": (0, 1), "mn": (0,), "nm": (1,)}[order],
                         {"auto": (0, 1), "none": (0,), "both": (1,)}[hold],
                         {"auto": (0, 1), "none": (0,), "both": (1,)}[hold]))  # fmt: skip
    every = Candidates.of(np.array([(*key, *loop) for key in least for loop in loops], np.int64).T)
    best: dict[tuple[int, ...], int] = {}
    sizes = sum(traffic_bytes(CONV, every, trips(CONV, every), OPS).values())
    for key, size in zip(rows(every, "rows", "groups", "n", "c"), sizes.tolist(), strict=True):
        best[key] = min(size, best.get(key, size))
    assert best == least


def test_parts_and_multiples_of_the_array_are_tried(small):
    cand = candidates(Contraction(k=40, c=96, oy=30), OPS, small().cores["array"], NodeRule(), fine=False)
    assert set(cand.n.tolist()) == set(range(4, 41, 4))
    assert {96, 48, 32, 24, 20, 16, 12, 8, 4} <= set(cand.c.tolist())
    assert {30, 15, 10, 8, 6, 5, 1} <= set(cand.rows.tolist())


def test_copies_fill_the_room(small):
    """All fit; and where one is single that could be double, the second copy would not fit."""
    core, chip = small().cores["array"], small()
    every = candidates(CONV, OPS, core, NodeRule(), fine=False)
    buffers = buffer_bytes(CONV, every, trips(CONV, every), OPS, core.sum_bits())
    room = {name: memory.capacity_bytes for name, memory in chip.memories.items()}
    cand, origin = with_copies(every, buffers, core, room, dict.fromkeys(buffers, 1))
    kinds = set()
    for i, where in enumerate(origin.tolist()):
        copies = {role: int(getattr(cand, f"{role}_copies")[i]) for role in ("ifmap", "weight", "ofmap")}
        size = {role: int(buffers[role][0][where]) for role in copies}
        used = sum(size[role] * copies[role] for role in copies)
        assert used <= room["sram"]
        for role in copies:
            if copies[role] < buffers[role][1][where]:
                assert used + size[role] > room["sram"]
        kinds.add(tuple(copies.values()))
    assert {(2, 2, 2), (1, 2, 2), (2, 1, 2), (1, 1, 2)} <= kinds


def test_distinct_rows(rng: np.random.Generator):
    table = rng.integers(0, 4, (3, 200))
    first, which = distinct(*table)
    assert len({tuple(row) for row in table.T.tolist()}) == first.size
    np.testing.assert_array_equal(table[:, first][:, which], table)
