"""Timetable and line buffers of a chain, against rows counted one by one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.mapping.chain import Chain, ChainForm, Stream, Timetable, stretched
from simulator.mapping.rowform import RowForm, RowWindow


def line(*windows: tuple[int, int, int], height: int = 20, images: int = 1) -> ChainForm:
    """Tasks one after the other, each with (kernel, stride, pad) over rows of one byte."""
    forms, streams, rows = [], [], height
    for k, (kernel, stride, pad) in enumerate(windows):
        out = (rows + 2 * pad - kernel) // stride + 1
        forms.append(RowForm(images, out, 1, (RowWindow(rows, 1, stride, pad, kernel),)))
        made = (k - 1,) if k else ()
        streams.append(Stream(f"s{k}", "sram", rows, 1, made, ((k, 0),), not k, False, True))
        rows = out
    last = len(windows) - 1
    streams.append(Stream("out", "sram", rows, 1, (last,), (), False, True, True))
    return ChainForm(0, tuple(forms), ("npu",) * len(windows), tuple(streams))


def test_each_stripe_makes_what_the_next_task_lacks():
    """3 x 3 with padding before 3 x 3 of stride 2: a row of the second needs rows 2y - 1 to 2y + 1."""
    table = Timetable(line((3, 1, 1), (3, 2, 1), height=8), 1)
    assert table.stripes == 4
    assert table.ends[1].tolist() == [1, 2, 3, 4]
    assert table.ends[0].tolist() == [2, 4, 6, 8]
    starts, ends = table.loads(table.form.streams[0])
    assert starts.tolist() == [0, 3, 5, 7]
    assert ends.tolist() == [3, 5, 7, 8]
    assert table.inputs((1, 0), 1, 2) == (1, 4)


def test_the_last_stripe_of_an_image_completes_all():
    """1 x 1 of stride 3 over 8 rows reads rows 0, 3 and 6; row 7 is made with the last stripe all the same."""
    table = Timetable(line((1, 1, 0), (1, 3, 0), height=8, images=2), 2)
    assert table.ends[1].tolist() == [2, 3, 5, 6]
    assert table.ends[0].tolist() == [4, 8, 12, 16]
    assert table.loads(table.form.streams[0])[1].tolist() == [4, 8, 12, 16]


def test_tasks_a_step_apart_hold_a_stripe_more():
    form = line((3, 1, 1), (3, 1, 1))
    table = Timetable(form, 2)
    assert form.delays("together") == (0, 0)
    assert form.delays("apart") == (0, 1)
    between = form.streams[1]
    assert table.line_rows(between, form.delays("together")) == 4  # two rows and the halo above and below
    assert table.line_rows(between, form.delays("apart")) == 6


windows = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 1)).map(
    lambda w: (w[0], w[1], min(w[2], w[0] - 1))
)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(windows, min_size=2, max_size=4),
    st.integers(1, 5),
    st.integers(1, 2),
    st.sampled_from(["apart", "together"]),
)
def test_line_buffers_are_exact(chain: list, rows: int, images: int, pace: str):
    """A line buffer holds all rows from the first that a task still needs, at the step when most are there."""
    form = line(*chain, height=30, images=images)
    if min(f.height for f in form.forms) < 1:
        return
    table, delays = Timetable(form, min(rows, form.forms[-1].height)), form.delays(pace)
    for k, stream in enumerate(form.streams[1:-1], 1):
        stripes = table.ends[k].size
        most = 1
        for stripe in range(stripes):  # of the task that makes the rows
            made = int(table.ends[k - 1][stripe])
            now = max(stripe + delays[k - 1] - delays[k], 0)  # stripe that the reader does then, or the first
            todo = [(int(table.starts[k][t]), int(table.ends[k][t])) for t in range(now, stripes)]
            first = min((table.inputs((k, 0), a, b)[0] for a, b in todo if b > a), default=made)
            most = max(most, made - first)
        assert table.line_rows(stream, delays) == most


def test_what_lives_during_a_chain_lives_for_all_of_it():
    form = line((1, 1, 0), (1, 1, 0))
    chain = Chain(form, 1, 20, "apart", (), (True, True), 0, 0)
    assert stretched(1, 1, (chain,)) == (0, 1)
    assert stretched(1, 5, (chain,)) == (0, 5)
    assert stretched(2, 5, (chain,)) == (2, 5)


@pytest.mark.parametrize("pace", ["apart", "together"])
def test_a_result_that_is_stored_has_room_for_the_next_stripe(pace: str):
    form = line((1, 1, 0), (1, 1, 0))
    assert Timetable(form, 3).line_rows(form.streams[-1], form.delays(pace)) == 6
