"""A shared channel: bandwidth, latency, row visits, refresh, and masters that submit apart."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.base.clock import Clock
from simulator.hw.channel import Channel
from simulator.kernels.request import READ, REQUEST, WRITE

NS = 10**6


def channel(requests, *, row_slots=0, refresh_every=0, refresh_slots=0, latency_fs=0, page=256, burst=64):
    """64 B per ns."""
    return Channel(
        clock=Clock.from_hz(10**9), burst_bytes=burst, page_bytes=page, row_slots=row_slots,
        refresh_every=refresh_every, refresh_slots=refresh_slots, latency_fs=latency_fs,
        requests=requests, nodes=4,
    )  # fmt: skip


def table(*rows):
    return np.array(list(rows), REQUEST)


def drive(live: Channel, arrivals: list[tuple[int, int, int, int]]) -> dict[int, int]:
    """Submit (instant, id, first, last) in order, each after advancing; then run out. id -> done_fs."""
    done: dict[int, int] = {}
    for instant, id, first, last in sorted(arrivals):
        done.update(live.advance(instant))
        live.submit(instant, id, id, first, last)
    while (ahead := live.forecast()) is not None:
        done.update(live.advance(ahead[1]))
    return done


def test_a_long_run_takes_its_bytes_over_the_bandwidth_and_the_latency_once():
    live = channel(table((0, 64_000, READ, 0)), latency_fs=50 * NS)
    assert drive(live, [(0, 7, 0, 1)]) == {7: 1000 * NS + 50 * NS}
    assert live.counts()["read"].tolist() == [64_000, 0, 0, 0]
    assert live.counts()["busy_fs"][0] == 1000 * NS


def test_short_rows_are_bound_by_activations():
    """One burst from each of 10 pages, an activation every 5 slots: 50 ns instead of 10."""
    rows = [(256 * i, 64, READ, 1) for i in range(10)]
    assert drive(channel(table(*rows), row_slots=5), [(0, 0, 0, 10)]) == {0: 50 * NS}
    assert drive(channel(table(*rows)), [(0, 0, 0, 10)]) == {0: 10 * NS}


def test_activations_hide_behind_full_rows():
    """A page of 4 bursts hides an activation time of 4 slots."""
    assert drive(channel(table((0, 2560, READ, 0)), row_slots=4), [(0, 0, 0, 1)]) == {0: 40 * NS}


def test_bursts_are_whole():
    """One byte costs a burst; a byte range across two bursts costs two."""
    live = channel(table((10, 1, WRITE, 2), (60, 8, WRITE, 2)))
    assert drive(live, [(0, 0, 0, 2)]) == {0: 3 * NS}
    assert live.counts()["write"].tolist() == [0, 0, 3 * 64, 0]


def test_refresh_takes_its_share():
    """10 of every 100 slots from the 100th on: 1000 bursts in 100 + 10 x 90 slots, ten refreshes between."""
    live = channel(table((0, 64_000, READ, 0)), refresh_every=100, refresh_slots=10)
    assert drive(live, [(0, 0, 0, 1)]) == {0: 1100 * NS}


def test_refresh_while_idle_delays_nobody_later():
    live = channel(table((0, 64, READ, 0)), refresh_every=100, refresh_slots=10)
    assert drive(live, [(1050 * NS, 0, 0, 1)]) == {0: 1051 * NS}


def test_a_request_during_refresh_waits_for_its_end():
    live = channel(table((0, 64, READ, 0)), refresh_every=100, refresh_slots=10)
    assert drive(live, [(1003 * NS, 0, 0, 1)]) == {0: 1011 * NS}


def test_two_masters_share_fairly():
    """Two equal transfers at once: each gets half, page by page."""
    live = channel(table((0, 2560, READ, 0), (1 << 20, 2560, READ, 1)))
    done = drive(live, [(0, 0, 0, 1), (0, 1, 1, 2)])
    assert done == {0: 76 * NS, 1: 80 * NS}


def test_one_master_is_served_in_its_own_order():
    """Two equal transfers of one master: the first ends as if it were alone."""
    live = channel(table((0, 2560, READ, 0), (1 << 20, 2560, READ, 1)))
    live.submit(0, 0, 5, 0, 1)
    live.submit(0, 1, 5, 1, 2)
    assert live.forecast() == (0, 40 * NS)
    assert live.advance(40 * NS) == [(0, 40 * NS)]
    assert live.forecast() == (1, 80 * NS)


def test_a_late_arrival_overtakes_only_what_is_not_decided():
    """A page that has begun is finished before the newcomer's first."""
    live = channel(table((0, 512, READ, 0), (4096, 64, READ, 1)))
    assert drive(live, [(0, 0, 0, 1), (1 * NS, 1, 1, 2)]) == {1: 5 * NS, 0: 9 * NS}


def test_a_forecast_changes_nothing():
    live = channel(table((0, 2560, READ, 0), (1 << 20, 2560, READ, 1)))
    live.submit(0, 0, 0, 0, 1)
    assert live.forecast() == live.forecast() == (0, 40 * NS)
    live.advance(8 * NS)
    live.submit(8 * NS, 1, 1, 1, 2)
    assert live.forecast() == (0, 72 * NS)


transfers = st.lists(
    st.tuples(st.integers(0, 300), st.integers(0, 60), st.integers(1, 1500), st.sampled_from([READ, WRITE])),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(transfers)
def test_masters_that_submit_apart_equal_one_merged_trace(cases):
    """Advancing step by step, with forecasts in between that are dropped, equals one trace given at once."""
    requests = table(*[(page * 256, size, op, i % 4) for i, (_, page, size, op) in enumerate(cases)])
    arrivals = [(ns * NS, i, i, i + 1) for i, (ns, *_) in enumerate(cases)]
    knobs = {"row_slots": 3, "refresh_every": 90, "refresh_slots": 7, "latency_fs": 5 * NS}
    apart = channel(requests, **knobs)
    done: dict[int, int] = {}
    for instant, id, first, last in sorted(arrivals):
        while (ahead := apart.forecast()) is not None and ahead[1] <= instant:
            done.update(apart.advance(ahead[1]))
        done.update(apart.advance(instant))
        apart.submit(instant, id, id, first, last)
    while (ahead := apart.forecast()) is not None:
        done.update(apart.advance(ahead[1]))
    merged = channel(requests, **knobs)
    assert done == drive(merged, arrivals)
    for action in ("read", "write", "activate", "busy_fs"):
        np.testing.assert_array_equal(apart.counts()[action], merged.counts()[action])


@settings(max_examples=60, deadline=None)
@given(transfers)
def test_every_byte_is_served_once_and_never_faster_than_the_bandwidth(cases):
    requests = table(*[(page * 256, size, op, 0) for page, (_, _, size, op) in enumerate(cases)])
    live = channel(requests)
    done = drive(live, [(ns * NS, i, i, i + 1) for i, (ns, *_) in enumerate(cases)])
    assert sorted(done) == list(range(len(cases)))
    bursts = sum(-(-size // 64) for _, _, size, _ in cases)
    assert sum(live.counts()["read"]) + sum(live.counts()["write"]) == 64 * bursts
    assert max(done.values()) >= (min(ns for ns, *_ in cases) + bursts) * NS
