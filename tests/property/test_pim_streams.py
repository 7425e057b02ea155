"""PIM streams: their commands keep every rule, share channels with ordinary requests, and lose nothing."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from dramchecker import Issued, Violation, check
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from simulator.hw.addressing import make_addressing, stream_mapping
from simulator.hw.controller import Controller
from simulator.hw.device import Device, make_device
from simulator.hw.dramunit import DramUnit
from simulator.hw.pim.aim import Aim
from simulator.hw.pim.bankwise import Bankwise, elementwise, gemv
from simulator.hw.pim.stream import Stream, compute
from simulator.hw.standard import COMMANDS, STANDARDS
from simulator.kernels import dramstate as k
from simulator.kernels.request import REQUEST

STEADY = settings(
    deadline=None, derandomize=True, max_examples=25, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
NAMES = ("hbm2_pim", "gddr6_aim", "lpddr5_pim")
every = pytest.mark.parametrize("name", NAMES)
#: Rows of ordinary requests are below.
PIM_ROWS = 1000
NS = 10**6


@cache
def small(name: str, interval: int = 400) -> Device:
    """Refreshes so short and so often that short streams meet many."""
    return make_device(STANDARDS[name], overrides={"nRFC": 40, "nRFCpb": 20, "nREFI": interval})


@st.composite
def streams(draw, name: str, interval: int = 400) -> Stream:
    """Transactions in any order, with fences anywhere."""
    device = small(name, interval)
    rows, many = st.integers(PIM_ROWS, PIM_ROWS + 3), st.integers(1, 9)
    if name == "gddr6_aim":
        stream = Aim(device)
        one = st.integers(0, 15)
        instructions = st.one_of(
            st.tuples(st.sampled_from(["mac_abk", "ewmul"]), rows, many),
            st.tuples(st.sampled_from(["mac_sbk", "copy_bkgb", "copy_gbbk"]), rows, many, one),
            st.tuples(st.just("wr_gb"), many),
            st.tuples(st.sampled_from(["af", "wr_abk"]), rows),
            st.tuples(st.sampled_from(["rd_mac", "wr_bias", "select"])),
        )
        for what, *given_ in draw(st.lists(instructions, min_size=1, max_size=25)):
            getattr(stream, what)(*given_)
        return stream.finish()
    stream = Bankwise(device)
    sets = st.sampled_from([*stream.sets, stream.all_banks])
    for _ in range(draw(st.integers(1, 25))):
        if draw(st.booleans()):
            stream.fence()
        what = draw(st.sampled_from(["RD_S", "WR_S", "REG"]))
        if what == "REG":
            stream.add(what, draw(many))
        else:
            stream.columns(what, draw(st.integers(0, 60)), draw(many), draw(sets), draw(rows), 32)
    return stream


def issued(log: np.ndarray, channel: int = 0) -> list[Issued]:
    return [
        Issued(tick, COMMANDS[command], bank, row, addr)
        for tick, c, command, bank, row, addr in log.tolist() if c == channel
    ]  # fmt: skip


@every
@STEADY
@given(data=st.data())
def test_no_command_breaks_a_rule(name: str, data: st.DataObject):
    stream = data.draw(streams(name))
    refresh = data.draw(st.sampled_from(["all_bank", "none"]))
    ran = compute(stream, Controller(refresh=refresh), begin=data.draw(st.integers(0, 500)))
    check(stream.device, issued(ran.log))
    for command in set(COMMANDS[row[0]] for row in stream.rows):
        planned = sum(many for place, many, *_ in stream.rows if COMMANDS[place] == command)
        assert ran.commands[command] == planned, command
    assert ran.counts["ops"] == sum(row[1] * row[4] * row[8] for row in stream.rows)


@every
def test_the_checker_sees_what_comes_too_early(name: str):
    """Each command of a log a clock earlier than it was: those that a rule had bound are found."""
    device = small(name)
    stream = Aim(device).mac_abk(0, 4).mac_abk(1, 4).wr_gb(4).finish() if name == "gddr6_aim" else gemv(device, 1, 300, 1)
    log = issued(compute(stream, Controller(refresh="none")).log)
    found = 0
    for i, each in enumerate(log):
        early = [*log[:i], Issued(each.tick - 1, *list(vars_of(each))[1:]), *log[i + 1 :]]
        try:
            check(device, early)
        except Violation:
            found += 1
    assert found > len(log) // 2


def vars_of(each: Issued) -> tuple:
    return each.tick, each.command, each.bank, each.row, each.addr


@pytest.mark.parametrize("name", NAMES)
def test_channels_that_do_the_same_are_one(name: str):
    device = small(name)
    stream = Aim(device).wr_gb(8).mac_abk(3, 40).rd_mac().finish() if name == "gddr6_aim" else gemv(device, 40, 500, 1)
    one, four = compute(stream), compute(stream, channels=4)
    assert (one.cycles, one.counts, one.commands) == (four.cycles, four.counts, four.commands)
    assert (one.log == four.log).all()


def unit(name: str, requests: list, channels: int, **controller) -> DramUnit:
    device = small(name, 900)
    made = make_addressing(stream_mapping(device), device, channels)
    table = np.array(requests, REQUEST)
    dram = DramUnit(device, Controller(**controller), made, channels, 0, table, 3)
    dram._state = dram._state._replace(log=np.zeros(200_000, k.LOGGED))
    return dram


@st.composite
def mixes(draw, name: str):
    """Ordinary transfers (first rows) and streams, submitted at growing instants."""
    channels = draw(st.sampled_from([1, 2]))
    requests, events, at = [], [], 0
    for i in range(draw(st.integers(2, 8))):
        at += draw(st.integers(0, 600)) * NS
        if draw(st.booleans()):
            stream = draw(streams(name, 900))
            only = draw(st.sampled_from([(), (channels - 1,)]))
            events.append((at, i, stream, only))
        else:
            start = draw(st.integers(0, 200)) * 64
            requests.append((start, draw(st.integers(1, 3000)), draw(st.integers(0, 1)), 1))
            events.append((at, i, len(requests) - 1, draw(st.integers(0, 1))))
    requests = requests or [(0, 64, 0, 1)]
    return channels, requests, events, draw(st.sampled_from(["all_bank", "none"]))


def run(dram: DramUnit, events: list, ask: str) -> dict[int, int]:
    """Submit as the engine does; ``ask``: with a forecast before each, of a ``copy`` or what is then ``kept``."""
    ends: dict[int, int] = {}
    for at, i, what, who in events:
        known = at if ask == "kept" else None
        while ask and (ahead := dram.forecast(known)) is not None and ahead[0] >= 0 and ahead[1] <= at:
            ended = dram.advance(ahead[1])
            assert not set(ends) & set(dict(ended))
            ends.update(ended)
        ended = dram.advance(at)
        assert not set(ends) & set(dict(ended))
        ends.update(ended)
        if isinstance(what, int):
            dram.submit(at, i, who, what, what + 1)
        else:
            dram.submit_pim(at, i, what, 2, who)
    while (ahead := dram.forecast()) is not None:
        ended = dram.advance(ahead[1])
        assert ahead[0] in dict(ended)
        assert not set(ends) & set(dict(ended))
        ends.update(ended)
    dram.finish(max(ends.values()))
    return ends


@every
@STEADY
@given(data=st.data())
def test_streams_and_ordinary_requests_share_channels(name: str, data: st.DataObject):
    """Everything ends once, whether forecasts are asked for or not; no rule is broken; a stream is not interrupted."""
    channels, requests, events, refresh = data.draw(mixes(name))
    asked, quiet, kept = (unit(name, requests, channels, refresh=refresh) for _ in range(3))
    ends = run(asked, events, ask="copy")
    assert ends == run(quiet, events, ask="") == run(kept, events, ask="kept")
    assert set(ends) == {i for _, i, *_ in events}
    for other in (quiet, kept):
        assert {n: c.tolist() for n, c in asked.counts().items()} == {n: c.tolist() for n, c in other.counts().items()}
    counts, access = asked.counts(), asked.device.access_bytes
    moved = sum(
        (addr % access + size + access - 1) // access * access
        for (addr, size, *_), used in ((requests[w], w) for _, _, w, _ in events if isinstance(w, int))
        if used >= 0
    )  # fmt: skip
    assert counts["read"][2] == counts["write"][2] == 0
    merged = int(asked._state.total["forwarded"][0] + asked._state.total["coalesced"][0])
    assert counts["read"][1] + counts["write"][1] == moved - merged * access
    those = [(w, len(only) or channels) for _, _, w, only in events if not isinstance(w, int)]
    assert counts["pim_op"][2] == sum(row[1] * row[4] * row[8] * many for w, many in those for row in w.rows)
    assert counts["pim_op"][1] == 0
    log = asked._state.log[: asked._state.total["logged"][0]]
    for c in range(channels):
        check(asked.device, issued(log, c))


@every
def test_who_comes_first_goes_first_and_a_yield_lets_others_pass(name: str):
    """A read that comes into a running stream waits for its end, or for the place where it yields."""
    ends = {}
    for yields in (False, True):
        dram = unit(name, [(0, 64, 0, 1), (4096, 4096, 0, 1)], 1, refresh="none")
        device = dram.device
        stream = Aim(device) if name == "gddr6_aim" else Bankwise(device)
        what = "MAC_S" if name == "gddr6_aim" else "RD_S"
        for i in range(6):
            stream.add(what, 30, row=PIM_ROWS + i)
            if yields and i == 2:
                stream.yields()
        events = [(0, 0, 1, 0), (0, 1, stream, ()), (300 * NS, 2, 0, 0)]
        ends[yields] = run(dram, events, ask="copy")
        log = issued(dram._state.log[: dram._state.total["logged"][0]])
        check(device, log)
        first = next(i for i, each in enumerate(log) if each.row >= PIM_ROWS)
        rows = [each.row >= PIM_ROWS for each in log]
        assert not any(rows[:first])
        last = len(rows) - rows[::-1].index(True)
        between = [i for i in range(first, last) if not rows[i] and log[i].row >= 0]
        assert bool(between) == yields
        if yields:  # the third run of columns is over, the fourth not begun
            assert sum(each.command == what for each in log[: between[0]]) == 90
    assert ends[False][0] == ends[True][0] < ends[False][1]
    assert ends[False][2] > ends[False][1]
    assert ends[True][2] < ends[True][1]


@every
def test_a_stream_begins_once_what_came_before_is_done(name: str):
    dram = unit(name, [(0, 8192, 0, 1), (1 << 16, 8192, 0, 1)], 1, refresh="none")
    stream = elementwise(dram.device, "relu", 10, 1) if name != "gddr6_aim" else Aim(dram.device).mac_abk(PIM_ROWS, 5)
    ends = run(dram, [(0, 0, 0, 0), (10 * NS, 1, stream, ()), (20 * NS, 2, 1, 1)], ask="")
    assert ends[0] < ends[1] < ends[2]


def test_a_stream_of_another_device_is_refused():
    dram = unit("hbm2_pim", [(0, 64, 0, 1)], 1)
    with pytest.raises(ValueError, match="stream 7: expected transactions for hbm2_pim"):
        dram.submit_pim(0, 7, Aim(small("gddr6_aim")).finish(), 0)
    with pytest.raises(ValueError, match="stream 8"):
        dram.submit_pim(0, 8, Bankwise(dram.device), 0)
