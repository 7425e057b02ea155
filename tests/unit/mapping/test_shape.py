"""Geometry of tiles against counting positions one by one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.mapping.shape import extent_x, extent_y, input_rows, row_tiles, spans
from simulator.workload.work import Contraction


@st.composite
def convolutions(draw: st.DrawFn) -> Contraction:
    """Any window that fits, its padding smaller than its reach."""
    fy, dy, sy = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    reach = (fy - 1) * dy + 1
    top, bottom = draw(st.integers(0, reach - 1)), draw(st.integers(0, reach - 1))
    iy = draw(st.integers(max(1, reach - top - bottom), 20))
    oy = (iy + top + bottom - reach) // sy + 1
    return Contraction(
        k=1, c=1, oy=oy, fy=fy, dy=dy, sy=sy, iy=iy, pad_top=top, batch=draw(st.integers(1, 3))
    )


@settings(deadline=None)
@given(convolutions(), st.data())
def test_input_rows_are_the_hull_of_what_windows_cover(work: Contraction, data: st.DataObject):
    """From the first to the last row that any window of the tile touches; one row where all is padding."""
    first = data.draw(st.integers(0, work.oy - 1))
    last = data.draw(st.integers(first + 1, work.oy))
    rows = [o * work.sy + f * work.dy - work.pad_top for o in range(first, last) for f in range(work.fy)]
    inside = [row for row in rows if 0 <= row < work.iy]
    low, high = input_rows(work, first, last)
    assert 0 <= low < high <= work.iy
    assert low <= min(inside, default=low)
    assert high >= max(inside, default=0) + 1
    assert low == max(min(rows), 0) or min(rows) >= work.iy
    assert high == min(max(rows) + 1, work.iy) or high == low + 1


@settings(deadline=None)
@given(convolutions(), st.integers(1, 60))
def test_row_tiles_cover_every_output_row_once(work: Contraction, rows: int):
    """A tile is rows of one image or whole images, and as large as asked for but for the last."""
    seen = [
        (image, row)
        for first, end, top, bottom in row_tiles(work, rows)
        for image in range(first, end)
        for row in range(top, bottom)
    ]
    assert seen == [(image, row) for image in range(work.batch) for row in range(work.oy)]
    for first, end, top, bottom in row_tiles(work, rows):
        assert (end - first) * (bottom - top) <= rows or rows < work.oy
        assert end - first == 1 or (top, bottom) == (0, work.oy)


@given(st.integers(1, 500), st.integers(1, 100))
def test_spans_are_pieces_of_one_size(total: int, size: int):
    pieces = spans(total, size)
    assert [i for first, end in pieces for i in range(first, end)] == list(range(total))
    assert {end - first for first, end in pieces[:-1]} <= {size}


def test_extents_are_those_of_the_file_or_what_a_plain_nest_reads():
    assert extent_y(Contraction(k=1, c=1, oy=5, fy=3, sy=2, dy=2)) == 4 * 2 + 2 * 2 + 1
    assert extent_y(Contraction(k=1, c=1, oy=5, fy=3, sy=2, iy=7)) == 7
    assert extent_x(Contraction(k=1, c=1, ox=6, fx=1, sx=3)) == 16
