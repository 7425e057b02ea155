"""Runs of equal distance stand for what lists of single runs say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.mapping.builder import MOST_RUNS, PIECE_BYTES, _merged, _pieces
from simulator.mapping.runs import Run, bytes_in, end_of, extend, extend_rows, inside, many_in
from simulator.mapping.schedule import Place


def single(runs) -> list[tuple[int, int]]:
    """Address and bytes of each run."""
    return [(run.address + i * run.pitch, run.bytes) for run in runs for i in range(run.many)]


def joined(bits: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """(first bit, bits) as whole bytes, joined where they touch."""
    runs: list[tuple[int, int]] = []
    for at, wide in bits:
        low, high = at // 8, -(-(at + wide) // 8)
        if runs and sum(runs[-1]) >= low:
            runs[-1] = (runs[-1][0], high - runs[-1][0])
        else:
            runs.append((low, high - low))
    return runs


#: Bits of a row and, of it, what is before and what is meant; rows; bits between this and what follows.
parts = st.tuples(st.integers(1, 40), st.integers(0, 40), st.integers(1, 40), st.integers(1, 6), st.integers(0, 20))


@given(st.lists(parts, min_size=1, max_size=4), st.sampled_from([1, 4, 8]))
def test_rows_are_as_if_appended_one_by_one(rows: list, element: int):
    runs: list[Run] = []
    bits: list[tuple[int, int]] = []
    at = 0
    for row, low, wide, many, gap in rows:
        row, low, wide, gap = (element * n for n in (row, low % row, wide, gap))
        wide = min(wide, row - low)
        extend_rows(runs, 1000, at, row, many, low, wide)
        bits += [(at, row * many)] if wide == row else [(at + i * row + low, wide) for i in range(many)]
        at += row * many + gap
    assert single(runs) == [(1000 + low, size) for low, size in joined(bits)]
    assert (bytes_in(runs), many_in(runs)) == (sum(n for _, n in joined(bits)), len(joined(bits)))
    assert end_of(runs[-1]) == 1000 + sum(joined(bits)[-1])


def test_rows_of_whole_bytes_are_one_entry():
    runs: list[Run] = []
    extend_rows(runs, 64, 800, 256, 100, 64, 128)
    assert runs == [Run(64 + 108, 16, 32, 100)]
    extend(runs, 64, 800 + 99 * 256 + 192, 8)
    assert runs == [Run(64 + 108, 16, 32, 99), Run(64 + 108 + 99 * 32, 17)], "what follows joins the last row"


def test_runs_are_moved_into_their_place():
    place = Place("dram", 100, 40)
    assert inside([Run(100, 8, 16, 2)], place) == [Run(100, 8, 16, 2)]
    assert inside([Run(100, 8, 16, 4)], place) == [Run(100, 8), Run(116, 8), Run(132, 8), Run(132, 8)]


@given(st.lists(st.tuples(st.integers(0, 100_000), st.integers(1, 100), st.integers(1, 40)), max_size=4))
def test_pieces_are_the_runs_cut_every_so_many_bytes(entries: list):
    runs, at = [], 0
    for size, gap, many in entries:
        runs.append(Run(at, size, size + gap, many))
        at = end_of(runs[-1]) + gap
    pieces = _pieces(runs)
    cut, room = [[]], PIECE_BYTES
    for address, size in single(runs):
        while size:
            some = min(size, room)
            cut[-1].append((address, some))
            address, size, room = address + some, size - some, room - some
            if not room:
                cut.append([])
                room = PIECE_BYTES
    assert [single(piece) for piece, _, _ in pieces] == [each for each in cut if each]
    sizes = [sum(size for _, size in each) for each in cut if each]
    assert [size for _, _, size in pieces] == sizes
    assert [offset for _, offset, _ in pieces] == [sum(sizes[:i]) for i in range(len(sizes))]


@pytest.mark.parametrize("many", [MOST_RUNS, MOST_RUNS + 1])
def test_very_many_runs_are_taken_as_all_between(many: int):
    piece = [Run(10, 2, 4, many - 1), Run(10_000, 6)]
    assert _merged(piece) == (piece if many == MOST_RUNS else [Run(10, 9996)])


def test_a_pair_is_one_run():
    assert _pieces([(5, 7)]) == [([Run(5, 7)], 0, 7)]
    assert bytes_in([(5, 7), (20, 3)]) == 10
