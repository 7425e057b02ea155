"""One channel for all: what it is given, what it counts, and how far it is from simulating each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.hw.addressing import make_addressing, stream_mapping
from simulator.hw.controller import Controller
from simulator.hw.device import Device, make_device
from simulator.hw.dramunit import DramUnit
from simulator.hw.memories.dram import Dram
from simulator.hw.pim.aim import Aim
from simulator.hw.pim.bankwise import gemv
from simulator.hw.pim.stream import Stream
from simulator.hw.standard import STANDARDS
from simulator.kernels.dramenter import fold
from simulator.kernels.dramstate import TOTAL
from simulator.kernels.request import READ, REQUEST, WRITE

NS = 10**6
CHANNELS = 8


def unit(device: Device, requests: list, folded: bool, channels: int = CHANNELS, **controller) -> DramUnit:
    """Channels of a device over requests (addr, bytes, op, node) of three nodes."""
    mapping = make_addressing(stream_mapping(device), device, channels)
    table = np.array(requests, REQUEST)
    return DramUnit(device, Controller(**controller), mapping, channels, 20 * NS, table, 3, fold=folded)


def drain(dram: DramUnit) -> dict[int, int]:
    """Forecast and commit until nothing is left, then end the run: id -> done_fs."""
    ends: dict[int, int] = {}
    while (ahead := dram.forecast()) is not None:
        ends.update(dram.advance(ahead[1]))
    dram.finish(max(ends.values()))
    return ends


def told(dram: DramUnit) -> dict:
    """All that a unit counts, as plain numbers."""
    profile = dram.profile()
    outcomes = {f"over time {name}": count.tolist() for name, count in profile.counts.items()}
    return {name: count.tolist() for name, count in dram.counts().items()} | dram.background() | outcomes


def lpddr5() -> Device:
    return make_device(STANDARDS["lpddr5"], "LPDDR5_6400", "LPDDR5_16Gb_x16")


def test_what_is_chosen_of_each_transfer():
    """By hand. Five accesses from channel 0 on four channels; then, while these wait, five from channel 1 on: channels
    1, 2 and 3 have room for one each beside the simulated, so that one more fills it, too.
    """
    ahead, asked, served = np.zeros(4, np.int64), np.zeros(2, np.int64), np.zeros(2, np.int64)
    total = np.zeros(1, TOTAL)
    words = np.array([2 * 0, 2 * 128, 2 * 32, 2 * 64, 2 * 96, 0])  # channel by channel: 0 and 4, 1, 2, 3
    assert fold(np.array([2, 1, 1, 1]), ahead, 0, total, words, asked, served) == (2, 0)
    assert words[:2].tolist() == [0, 256]
    assert ahead.tolist() == [0, 1, 1, 1]
    words = np.array([1, 3, 5, 7, 9, 0])
    assert fold(np.array([1, 2, 1, 1]), ahead, 2, total, words, asked, served) == (1, 1)
    assert words[0] == 1, "channels 0 and 1 have three each: the first"
    assert ahead.tolist() == [0, 0, 1, 1]
    total["reads"], total["writes"] = 2, 1  # what was ahead has drained
    assert fold(np.array([0, 0, 1, 0]), ahead, 3, total, np.array([8]), asked, served) == (1, 0)
    assert ahead.tolist() == [1, 1, 0, 1]
    assert (asked.tolist(), served.tolist()) == ([6, 5], [3, 1])


def test_a_transfer_that_another_leaves_room_for_ends_no_sooner_than_its_channels_allow():
    """Sixty-four accesses of channel 0, then as many of channel 1, by another master: these have a channel to
    themselves, of which 63 take 2 clocks of 1.25 ns each.
    """
    apart = 32 * CHANNELS
    requests = [(i * apart, 32, READ, 0) for i in range(64)] + [(i * apart + 32, 32, READ, 1) for i in range(64)]
    ends = {}
    for folded in (False, True):
        dram = unit(lpddr5(), requests, folded, refresh="none")
        dram.submit(0, 0, 0, 0, 64)
        dram.submit(0, 1, 1, 64, 128)
        ends[folded] = drain(dram)
        assert dram.counts()["read"].tolist() == [2048, 2048, 0]
    assert ends[True][0] == pytest.approx(ends[False][0], rel=0.02)
    assert 63 * 2 * 1250 * 1000 <= ends[True][1] - 20 * NS <= ends[False][1]


@pytest.mark.parametrize("name", STANDARDS.names())
@pytest.mark.parametrize("refresh", ["all_bank", "none"])
def test_streams_that_are_alike_in_all_channels_are_equal(name: str, refresh: str):
    """Long loads and stores of two masters at once, whole rows of all channels: every end and every count."""
    device = make_device(STANDARDS[name])
    size = 2 * CHANNELS * device.row_bytes
    requests = [(i * size + (i % 2) * (1 << 24), size, WRITE if i % 2 else READ, i % 3) for i in range(6)]
    ends, found = [], []
    for folded in (False, True):
        dram = unit(device, requests, folded, refresh=refresh)
        for i in range(6):
            dram.submit(0, i, i % 2, i, i + 1)
        ends.append(drain(dram))
        found.append(told(dram))
    assert ends[0] == ends[1]
    assert found[0] == found[1]
    assert sum(found[1]["read"]) + sum(found[1]["write"]) == 6 * size


def stream_of(device: Device) -> Stream:
    if device.standard.name == "gddr6_aim":
        return Aim(device).wr_gb(8).mac_abk(3, 40).rd_mac().finish()
    return gemv(device, 40, 500, 1)


@pytest.mark.parametrize("name", ["hbm2_pim", "gddr6_aim", "lpddr5_pim"])
def test_pim_streams_on_all_channels_are_equal(name: str):
    """Beside ordinary loads, with refreshes: when each ends, and what is counted."""
    device = make_device(STANDARDS[name], overrides={"nREFI": 900, "nRFC": 40, "nRFCpb": 20})
    requests = [(0, 16384, READ, 1), (1 << 20, 16384, WRITE, 1)]
    ends, found = [], []
    for folded in (False, True):
        dram = unit(device, requests, folded)
        dram.submit(0, 0, 0, 0, 1)
        dram.submit_pim(10 * NS, 1, stream_of(device), 2)
        dram.submit_pim(10 * NS, 2, stream_of(device), 0)
        dram.submit(20 * NS, 3, 1, 1, 2)
        ends.append(drain(dram))
        found.append(told(dram))
    assert ends[0] == ends[1]
    assert found[0] == found[1]
    assert found[1]["pim_op"][2] > 0


@pytest.mark.parametrize("name", ["hbm2_pim", "gddr6_aim", "lpddr5_pim"])
def test_pim_streams_on_some_channels_count_those(name: str):
    """One after the other they end as if unfolded; of one node on eight and on three channels both are counted."""
    device = make_device(STANDARDS[name])
    ends, found = [], []
    for folded in (False, True):
        dram = unit(device, [(0, 64, READ, 1)], folded, refresh="none")
        dram.submit_pim(0, 1, stream_of(device), 2)
        ends.append(dict(dram.advance(10**6 * NS)))
        dram.submit_pim(10**6 * NS, 2, stream_of(device), 2, (0, 3, 5))
        ends[-1] |= drain(dram)
        found.append({name: count.tolist() for name, count in dram.counts().items()})
    assert ends[0] == ends[1]
    assert found[0] == found[1]


transfers = st.lists(
    st.tuples(
        st.integers(0, 300), st.integers(0, 2), st.integers(0, 1 << 22), st.integers(1, 2000), st.integers(0, 2)
    ),
    min_size=1, max_size=15,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(transfers, st.sampled_from([2, 4, 8]), st.booleans())
def test_no_byte_is_lost(asked: list, channels: int, refresh: bool):
    """Whatever comes: each transfer ends, once and in time; bytes are those asked for, over time and per node.

    Every transfer has its own MiB, so that no access meets another to its address.
    """
    asked = sorted(asked)
    requests = [
        ((i << 23) + addr, size, WRITE if master == 2 else READ, node)
        for i, (_, master, addr, size, node) in enumerate(asked)
    ]
    dram = unit(lpddr5(), requests, True, channels, refresh="all_bank" if refresh else "none")
    ends: dict[int, int] = {}
    for i, (at, master, *_) in enumerate(asked):
        ends.update(dram.advance(at * NS))
        dram.submit(at * NS, i, master, i, i + 1)
    ends.update(drain(dram))
    assert set(ends) == set(range(len(asked)))
    assert all(ends[i] > at * NS for i, (at, *_) in enumerate(asked))
    moved = np.zeros((3, 2), np.int64)
    for addr, size, op, node in requests:
        moved[node, op] += (-(-(addr + size) // 32) - addr // 32) * 32
    counts, outcomes = dram.counts(), dram.profile().counts
    for i, way in enumerate(("read", "write")):
        assert counts[way].tolist() == moved[:, i].tolist()
        assert outcomes[way].sum() == moved[:, i].sum()
        assert (outcomes[way] >= 0).all()
    assert (counts["io"] == counts["read"] + counts["write"]).all()
    found = sum(outcomes[name].sum() for name in ("hit", "miss", "conflict"))
    assert found == moved.sum() // 32
    assert 0 < counts["activate"].sum() <= found + channels


def test_a_memory_says_that_it_is_folded():
    dram = Dram(kind="dram", standard="lpddr5", channels=8, capacity_bytes=16 << 30)
    assert "for all" not in dram.simulated_as()
    folded, text = dram.folded()
    assert text == "of 8 channels one is simulated"
    assert "every command, one of 8 channels for all, RoRaBaCoBgChXOR" in folded.simulated_as()
    assert folded.folded() is None
    assert not folded.coarser().flaws()


@pytest.mark.parametrize(
    "fields", [{"fold_channels": False}, {"channels": 1}, {"mapping": "ChRaBaRoCo"}, {"model": "bandwidth"}], ids=str
)
def test_a_memory_that_is_not_to_be_folded(fields: dict):
    dram = Dram(**{"kind": "dram", "standard": "lpddr5", "channels": 4, **fields})
    assert dram.folded() is None
    assert dram.flaws() == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mapping": "ChRaBaRoCo"}, "expected a mapping in which channels take turns within 16 KiB, got ChRaBaRoCo: 4 GiB"),
        ({"model": "bandwidth"}, "expected with `model: commands`; a bandwidth is that of all channels"),
    ],
)  # fmt: skip
def test_what_cannot_be_folded(fields: dict, message: str):
    dram = Dram(**{"kind": "dram", "standard": "lpddr5", "channels": 4, "fold_channels": True, **fields})
    (flaw,) = dram.flaws()
    assert (flaw.where, flaw.message) == (("fold_channels",), message)
