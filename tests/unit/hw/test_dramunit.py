"""The live channels of a DRAM: transfers of several masters, forecasts, what is counted."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.hw.addressing import make_addressing
from simulator.hw.component import UNDECIDED
from simulator.hw.controller import Controller
from simulator.hw.device import make_device
from simulator.hw.dramunit import DramUnit
from simulator.hw.standard import STANDARDS
from simulator.kernels.request import READ, REQUEST, WRITE

NS = 10**6
LPDDR5 = make_device(STANDARDS["lpddr5"], "LPDDR5_6400", "LPDDR5_16Gb_x16")
TCK = 1250 * 1000  # fs


def unit(requests, *, channels: int = 1, latency_fs: int = 0, mapping: str = "RoRaBaCoBgCh", **controller) -> DramUnit:
    """Channels of LPDDR5-6400 over requests (addr, bytes, op, node)."""
    table = np.array(requests, REQUEST)
    nodes = int(table["node"].max()) + 1
    made = Controller(**{"refresh": "none", **controller})
    return DramUnit(LPDDR5, made, make_addressing(mapping, LPDDR5, channels), channels, latency_fs, table, nodes)


def drain(dram: DramUnit) -> dict[int, int]:
    """Forecast and commit until nothing is left: id -> done_fs."""
    ends = {}
    while (ahead := dram.forecast()) is not None:
        ends.update(dram.advance(ahead[1]))
    return ends


def test_a_lone_read_takes_the_standards_chain():
    """Offered at 0: ACT1 at clock 1, CAS at 1 + nRCD 15, RD a clock later, data nCL 17 + nBL 2 after: 36 clocks."""
    dram = unit([(0, 32, READ, 0)], latency_fs=20 * NS)
    dram.submit(0, 7, 0, 0, 1)
    assert dram.forecast() == (7, (1 + 15 + 1 + 17 + 2) * TCK + 20 * NS)


def test_a_store_is_done_once_it_is_taken_in_and_written_by_the_end():
    dram = unit([(0, 64, WRITE, 0)])
    dram.submit(0, 1, 0, 0, 1)
    assert dram.forecast() == (1, 2 * TCK), "two accesses, one per clock"
    assert dram.advance(2 * TCK) == [(1, 2 * TCK)]
    assert dram.counts()["write"].sum() == 0, "still in the controller"
    dram.finish(100 * NS)
    assert dram.counts()["write"].sum() == 64
    assert dram.counts()["io"].sum() == 64


def test_a_long_read_comes_at_the_peak_less_the_first_access():
    """64 KiB of consecutive bytes on two channels: 1024 accesses each, one per nBL = 2 clocks."""
    dram = unit([(0, 65536, READ, 0)], channels=2)
    dram.submit(0, 0, 0, 0, 1)
    (end,) = drain(dram).values()
    least = 1024 * 2 * TCK
    assert least < end <= 1.03 * least
    outcomes = dram.profile().counts
    assert outcomes["hit"].sum() + outcomes["miss"].sum() + outcomes["conflict"].sum() == 2048
    assert outcomes["hit"].sum() >= 2000


def test_a_forecast_changes_nothing():
    requests = [(i * 4096, 2048, READ, 0) for i in range(4)]
    asked, quiet = unit(requests), unit(requests)
    for dram in (asked, quiet):
        dram.submit(0, 0, 0, 0, 2)
    for _ in range(3):
        asked.forecast()
    for dram in (asked, quiet):
        dram.advance(100 * NS)
        dram.submit(100 * NS, 1, 2, 2, 4)
    assert drain(asked) == drain(quiet)


def test_a_forecast_that_may_be_committed_stops_where_something_may_come():
    """A read of 36 clocks and 20 ns: undecided before its data are there, then it ends when it does in a copy."""
    quiet, told = (unit([(0, 32, READ, 0)], latency_fs=20 * NS) for _ in range(2))
    for dram in (quiet, told):
        dram.submit(0, 7, 0, 0, 1)
    done_fs = 36 * TCK + 20 * NS
    assert told.forecast(10 * TCK) == (UNDECIDED, 10 * TCK)
    assert told.forecast(35 * TCK) == (UNDECIDED, 35 * TCK)
    assert told.forecast(36 * TCK) == told.forecast(40 * TCK) == quiet.forecast() == (7, done_fs)
    assert told.advance(40 * TCK) == quiet.advance(40 * TCK) == [(7, done_fs)]
    assert told.forecast(60 * TCK) is None


def test_who_comes_at_the_very_instant_of_a_forecast_moves_nobody_into_the_past():
    """A forecast fires, is adopted, and a transfer is submitted at that instant, after one ``advance``, as the engine
    does it: every other transfer ends when it does without the forecast.
    """
    requests = [(0, 32, READ, 0), (1 << 20, 16384, READ, 0), (2 << 20, 16384, READ, 0), (3 << 20, 2048, READ, 0)]
    ends = {}
    for adopts in (True, False):
        dram = unit(requests, read_queue=512, write_queue=512)  # still taking in then
        for i in range(3):
            dram.submit(0, i, i, i, i + 1)
        first, instant = dram.forecast()
        if not adopts:
            dram._ahead = None
        found = dict(dram.advance(instant))
        assert found[first] == instant
        dram.submit(instant, 3, 3, 3, 4)
        ends[adopts] = {**found, **drain(dram)}
    assert ends[True] == ends[False]


def test_a_transfer_without_bytes_is_refused():
    with pytest.raises(ValueError, match="transfer 5 has no bytes"):
        unit([(0, 0, READ, 0)]).submit(0, 5, 0, 0, 1)


def test_refresh_is_no_sleep():
    """Idle for 1 ms and powered down after 50 clocks: what the refreshes take stays standby with a row open."""
    dram = unit([(0, 32, READ, 0)], refresh="all_bank", power_down_cycles=50)
    dram.submit(0, 0, 0, 0, 1)
    drain(dram)
    dram.finish(1_000_000 * NS)
    background = dram.background()
    refreshing = background["refresh"] * LPDDR5.timing["nRFC"] * TCK // 1000
    assert refreshing <= background["standby_active"] <= 1.1 * refreshing
    assert background["down_active"] + background["down_idle"] < 1e9 - refreshing


def test_busy_time_is_no_more_than_there_is():
    dram = unit([(i * 65536, 4096, READ, i) for i in range(3)])
    for i in range(3):
        dram.submit(0, i, i, i, i + 1)
    end = max(drain(dram).values())
    assert dram.counts()["busy_fs"].sum() <= end


def test_counts_are_split_by_node():
    dram = unit([(0, 64, READ, 0), (1 << 20, 128, WRITE, 1)])
    dram.submit(0, 0, 0, 0, 1)
    dram.submit(0, 1, 1, 1, 2)
    drain(dram)
    dram.finish(1000 * NS)
    counts = dram.counts()
    assert counts["read"].tolist() == [64, 0]
    assert counts["write"].tolist() == [0, 128]
    assert counts["activate"].sum() == dram.profile().counts["miss"].sum() + dram.profile().counts["conflict"].sum()


def test_every_rank_is_in_one_state_at_a_time_and_refreshes_on_time():
    dram = unit([(0, 64, READ, 0)], channels=2, refresh="all_bank")
    dram.submit(0, 0, 0, 0, 1)
    drain(dram)
    dram.finish(100_000 * NS)
    background = dram.background()
    assert background["refresh"] == 2 * (100_000 * NS // (3125 * TCK))
    spent = sum(background[state] for state in ("standby_active", "standby_idle", "down_active", "down_idle"))
    assert spent == pytest.approx(2 * 100_000 * 1000, abs=4), "picoseconds"
    assert background["down_idle"] == 0


def test_power_down_saves_standby_and_costs_an_exit():
    """One access, a pause of 1000 clocks, another: asleep from 100 clocks after the first until the second."""
    requests = [(0, 32, READ, 0), (32 << 20, 32, READ, 0)]
    ends = {}
    for after in (None, 100):
        dram = unit(requests, power_down_cycles=after)
        dram.submit(0, 0, 0, 0, 1)
        drain(dram)
        dram.advance(1000 * TCK)
        dram.submit(1000 * TCK, 1, 0, 1, 2)
        ends[after] = drain(dram)[1]
        dram.finish(1100 * TCK)
        slept = sum(dram.background()[state] for state in ("down_active", "down_idle"))
        first = 1 + 15 + 1 + 17 + 2  # clocks of the first access
        assert slept == (0 if after is None else (1001 - first - 100) * TCK // 1000)
    assert ends[100] - ends[None] == 6 * TCK, "tXP of 7 ns is 6 clocks; the command waits from the clock it is offered"


masters = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 2), st.integers(0, 2**16), st.integers(1, 300), st.booleans()),
    min_size=1, max_size=12,
)  # fmt: skip


def next_end(dram: DramUnit, clock: int, commit: bool) -> int | None:
    """Instant of the next end up to a clock before which nothing comes; ``commit``: in steps, and the unit knows."""
    if not commit:
        ahead = dram.forecast()
        return ahead[1] if ahead is not None and ahead[1] <= clock * TCK else None
    for step in (clock // 2, clock):
        ahead = dram.forecast(step * TCK)
        if ahead is None or ahead == (UNDECIDED, step * TCK):
            continue
        return ahead[1] if ahead[1] <= clock * TCK else None
    return None


@settings(max_examples=60, deadline=None)
@given(
    masters, st.sampled_from([1, 2, 4]), st.sampled_from(["frfcfs", "fcfs", "rowhit"]), st.booleans(), st.booleans(),
    st.sampled_from([0, 7 * TCK, 20 * NS]),
)  # fmt: skip
def test_masters_that_submit_apart_equal_one_merged_trace(
    transfers, channels: int, policy: str, refresh: bool, commit: bool, latency_fs: int
):
    """Submitting as time goes on, with forecasts between, ends every transfer when one run from the start does.

    (clock, master, address, bytes, write) per transfer; those of one master come in order. Whether forecasts are of a
    copy or become the state at once, up to when the next transfer comes, is the same.
    """
    transfers = sorted(transfers, key=lambda each: each[0])
    requests = [(addr, size, WRITE if write else READ, i) for i, (_, _, addr, size, write) in enumerate(transfers)]
    options = {"channels": channels, "policy": policy, "refresh": "all_bank" if refresh else "none"}
    options["latency_fs"] = latency_fs
    apart, merged = unit(requests, **options), unit(requests, **options)
    ends: dict[int, int] = {}
    for i, (clock, master, *_) in enumerate(transfers):
        while (instant := next_end(apart, clock, commit)) is not None:
            found = apart.advance(instant)
            assert found[0][1] == instant
            ends.update(found)
        ends.update(apart.advance(clock * TCK))
        apart.submit(clock * TCK, i, master, i, i + 1)
    ends.update(drain(apart))
    for i, (clock, master, *_) in enumerate(transfers):
        merged.submit(clock * TCK, i, master, i, i + 1)  # in the future: nothing is offered before its clock
    expected = drain(merged)
    assert ends == expected
    for dram in (apart, merged):
        dram.finish(max(ends.values()) + 10_000 * NS)
    assert all((apart.counts()[key] == merged.counts()[key]).all() for key in apart.counts())
    served = apart.counts()["read"] + apart.counts()["write"]
    assert (served <= [(-(-(addr + size) // 32) - addr // 32) * 32 for _, _, addr, size, _ in transfers]).all()


def test_a_profile_is_cut_into_other_bins_without_loss():
    dram = unit([(0, 65536, READ, 0)])
    dram.submit(0, 0, 0, 0, 1)
    end = max(drain(dram).values())
    profile = dram.profile()
    for bins in (1, 7, 400):
        edges = [end * i // bins for i in range(bins + 1)]
        assert profile.per_bin("read", edges).sum() == 65536
    assert isinstance(profile.stretch_fs, Fraction)
