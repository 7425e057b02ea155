"""Slices of element-wise work and moves: byte ranges, buffers, tilings."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.base.errors import InputError
from simulator.mapping.schedule import Task
from simulator.mapping.slices import (
    Operand,
    make_operand,
    operand_span,
    slice_span,
    slice_spans,
    slice_tiling,
    window_span,
)
from simulator.workload.work import Elementwise, Move, Window


def task(work: Elementwise | Move, *reads: str) -> Task:
    return Task(0, "n", "lanes", work, reads or ("x",), ("y",))


@given(st.integers(0, 5000), st.integers(1, 40), st.integers(1, 40))
def test_slices_share_all_bytes_and_none_twice(size: int, split: int, rows: int):
    cuts = [(first, min(first + rows, split)) for first in range(0, split, rows)]
    spans = [slice_span(size, split, *cut) for cut in cuts]
    assert [spans[0][0], *(high for _, high in spans)] == [*(low for low, _ in spans), size]


@st.composite
def windows(draw: st.DrawFn) -> Window:
    kernel, stride = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    pad = draw(st.integers(0, kernel - 1))
    iy = draw(st.integers(kernel, 20))
    return Window(kernel, stride, pad, iy, (iy + 2 * pad - kernel) // stride + 1)


@settings(deadline=None)
@given(windows(), st.integers(1, 3), st.integers(1, 7), st.data())
def test_a_slice_of_a_pooling_reads_every_row_that_it_covers(
    window: Window, images: int, row_bytes: int, data: st.DataObject
):
    split = images * window.oy
    first = data.draw(st.integers(0, split - 1))
    last = data.draw(st.integers(first + 1, split))
    low, high = window_span(images * window.iy * row_bytes, window, split, first, last)
    for image, row in (divmod(i, window.oy) for i in range(first, last)):
        top = row * window.stride - window.pad
        for covered in range(max(top, 0), min(top + window.kernel, window.iy)):
            at = (image * window.iy + covered) * row_bytes
            assert low <= at
            assert at + row_bytes <= high
    assert 0 <= low < high <= images * window.iy * row_bytes


def test_what_slices_do_not_divide_is_read_whole():
    """A row of 8 that is added to 12 rows of 8."""
    add = task(Elementwise((("add", 96),), split=12), "x", "row")
    whole = make_operand(add, 1, [96, 8], 8, local=False)
    assert (whole.sliced, operand_span(whole, add, 1, 3, 4)) == (False, (0, 8))
    cut = make_operand(add, 0, [96, 8], 96, local=False)
    assert (cut.sliced, operand_span(cut, add, 0, 3, 4)) == (True, (24, 32))


def test_a_move_reads_what_it_says_not_what_its_tensors_hold():
    """A Slice that takes 100 of 1000 B."""
    taken = make_operand(task(Move(100, 100, split=10)), 0, [1000], 1000, local=False)
    assert taken == Operand("x", 100, False, True)


def tiling(small, work, inputs, outputs, room=4096):
    chip = small()
    return slice_tiling(task(work), inputs, outputs, chip, {"sram": room})


def sizes(choice, work, operand, index=0):
    cuts = slice_spans(task(work), choice.tiling.rows)
    spans = [operand_span(operand, task(work), index, *cut) for cut in cuts]
    return [high - low for low, high in spans]


@settings(
    deadline=None,
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(windows(), st.integers(1, 3), st.integers(1, 200))
def test_every_slice_of_a_pooling_fits_its_buffer(small, window, images, row_bytes):
    """Slices that cross from one image to the next, and those at the top and the bottom of one, differ in
    rows.
    """
    work = Elementwise((("max", images * window.oy * 9),), images * window.oy, window)
    operand = Operand("x", images * window.iy * row_bytes, False, True)
    result = Operand("y", images * window.oy * row_bytes, False, True)
    choice = tiling(small, work, [operand], [result], room=1 << 20)
    buffer = next(b for b in choice.buffers if b.role == "in0")
    assert max(sizes(choice, work, operand)) <= buffer.bytes


def test_two_copies_take_turns_where_there_is_more_than_one_tile(small):
    work = Elementwise((("add", 3200),), split=100)
    choice = tiling(small, work, [Operand("x", 3200, False, True)], [Operand("y", 3200, False, True)])
    assert choice.tiles > 1
    assert [(b.role, b.copies) for b in choice.buffers] == [("in0", 2), ("out0", 2)]
    assert sum(b.total for b in choice.buffers) <= 4096


def test_what_is_there_already_needs_no_buffer(small):
    work = Elementwise((("add", 3200),), split=100)
    choice = tiling(small, work, [Operand("x", 3200, True, True)], [Operand("y", 3200, True, True)])
    assert choice.buffers == ()


def test_a_slice_that_does_not_fit_is_an_error_of_the_user(small):
    work = Elementwise((("add", 3200),), split=2)
    with pytest.raises(InputError) as caught:
        tiling(small, work, [Operand("x", 3200, False, True)], [Operand("y", 3200, False, True)])
    message = str(caught.value)
    assert (
        "memories.sram.capacity: too small for node 'n': its smallest tile needs 6400 B of buffers there"
        in message
    )
    assert "4096 B are free; enlarge the memory" in message


def test_time_is_bound_by_lanes_or_by_the_link(small):
    """3200 operations on one lane, or 51 200 B at 64 B per ns."""
    few, many = Elementwise((("add", 1),), split=100), Elementwise((("add", 3200),), split=100)
    slow = tiling(small, many, [Operand("x", 3200, False, True)], [Operand("y", 3200, False, True)])
    assert slow.bound == "vector"
    assert slow.expected_fs >= 3200 * 10**6
    fast = tiling(
        small, few, [Operand("x", 51200, False, True)], [Operand("y", 100, False, True)], room=1 << 20
    )
    assert fast.bound == "dram"
    assert fast.expected_fs >= 800 * 10**6
