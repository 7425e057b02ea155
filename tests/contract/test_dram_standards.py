"""Every DRAM standard, preset and organisation: peak bandwidth, unloaded latency, and no rule broken."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from simulator.hw.addressing import stream_mapping
from simulator.hw.controller import Controller
from simulator.hw.device import Device, fitting, make_device
from simulator.hw.standard import STANDARDS

sys.path.append(str(Path(__file__).parent.parent / "property"))
from dramchecker import Levels, Request, Served, check, serve_trace

#: Every preset with its first organisation, every organisation with its first preset.
CHOICES = sorted(
    {(name, preset, fitting(standard, preset)[0]) for name in STANDARDS.names() if (standard := STANDARDS[name]) for preset in standard.presets}
    | {(name, make_device(STANDARDS[name], "", each).preset, each) for name in STANDARDS.names() for each in STANDARDS[name].organisations}
)  # fmt: skip
every = pytest.mark.parametrize(("name", "preset", "organisation"), CHOICES, ids=["-".join(each[1:]) for each in CHOICES])
#: tCCD_S is 3 clocks, a burst is 1: DRAMsim3's clock, not its CCD, makes this 24 Gb/s a pin.
GAPS_IN_THE_BURSTS = {"DS3_GDDR6": 3}


def words(device: Device) -> str:
    """Row, bank, rank, column, bank group, from the top: accesses to the other groups fill the gap of nCCD_L.

    Pseudo channels have buses of their own and take turns, so that both work; ranks share one bus and change rarely.
    Without bank groups, or with one, the column is lowest.
    """
    levels = device.standard.levels
    group = "Bg" * ("bankgroup" in levels)
    return f"RoBaCo{group}RaCh" if "pseudochannel" in levels else f"RoBaRaCo{group}Ch"


def share_of_peak(device: Device, controller: Controller, mapping: str) -> float:
    """Of the peak less refresh, over two refresh intervals; as in every clock one read is offered, in order."""
    many = int(2 * device.timing["nREFI"] * device.tck_fs * device.peak_bytes_per_s / 10**15 / device.access_bytes)
    reads = [Request(i * device.access_bytes, False) for i in range(many)]
    total = Served(device, controller, mapping, reads).advance().state.total[0]
    seconds = float(int(total["last_read"]) * device.tck_fs) / 1e15
    refresh = 1 - device.timing["nRFC"] / device.timing["nREFI"]
    return many * device.access_bytes / seconds / float(device.peak_bytes_per_s) / refresh


@every
def test_consecutive_reads_come_at_the_peak(name: str, preset: str, organisation: str):
    """95 % of peak · (1 − nRFC / nREFI), by plain words and by what chips have unless they say otherwise.

    HBM with a queue of 128: all bank groups change rows at the same time, and the 16 reads ahead that each pseudo
    channel has in a queue of 32 are over before the next rows are open (next test).
    """
    device = make_device(STANDARDS[name], preset, organisation)
    controller = Controller(read_queue=128 if "pseudochannel" in device.standard.levels else 32)
    gaps = GAPS_IN_THE_BURSTS.get(preset, 1)
    for mapping in (words(device), stream_mapping(device)):
        assert 0.95 / gaps <= share_of_peak(device, controller, mapping) <= 1.02 / gaps, mapping


@pytest.mark.parametrize(
    ("name", "preset", "share"),
    [
        ("hbm2", "HBM2_2000Mbps", 0.99), ("hbm2", "HBM2E_3200", 0.95), ("hbm2", "HBM2E_3600", 0.93),
        ("hbm3", "HBM3_6400Mbps", 0.94), ("hbm3", "HBM3E_8000Mbps", 0.90), ("hbm3", "HBM3E_9600Mbps", 0.86),
    ],
)  # fmt: skip
def test_a_queue_of_32_is_short_for_two_fast_pseudo_channels(name: str, preset: str, share: float):
    device = make_device(STANDARDS[name], preset)
    assert share_of_peak(device, Controller(), words(device)) == pytest.approx(share, abs=0.01)


#: Ticks that PREpb, ACT and RD take on the command bus where they are not one each, by the standards' command tables.
BUS = {"ddr5": (1, 2, 2), "lpddr4": (2, 4, 4), "hbm2": (1, 2, 1), "hbm3": (1, 3, 2)}


def read_after(device: Device, taken_in: int, found: str) -> int:
    """Tick at which a lone read, taken in at a clock, has its data, by the chain of its commands.

    From the last clock of a command to the last of the next: nRP from precharge to activate, nRCD (nRCDRD) from
    activate to read, nCL and nBL from read to the end of the data; LPDDR4 has nDQSCK in between. LPDDR5 activates by
    ACT-1 and ACT-2, which takes no time of its own (nRCD counts from the first), and sends a CAS, to start the data
    clock, in place of the read, which comes a clock later. HBM3 counts half clocks; ACT and RD start at odd ones.
    """
    standard, timing = device.standard, device.timing
    precharge, activate, read = (1, 1, 1) if device.preset.startswith("DS3") else BUS.get(standard.name, (1, 1, 1))
    tick = taken_in + 1
    if found == "conflict":
        tick += timing["nRP"] + (precharge - 1) - (activate - 1)
    if standard.name == "hbm3":
        tick |= 1
    if found != "hit":
        tick += timing["nRCD" if "nRCD" in timing else "nRCDRD"] + (activate - 1) - (read - 1)
    if standard.name == "hbm3":
        tick |= 1
    if standard.name.startswith("lpddr5"):
        tick += 1
    return tick + timing["nCL"] + timing.get("nDQSCK", 0) + timing["nBL"]


@every
def test_a_lone_read_takes_the_chain_of_its_commands(name: str, preset: str, organisation: str, rng: np.random.Generator):
    """Random reads of few rows, so far apart (an odd number of clocks) that nothing but the open row is left."""
    device = make_device(STANDARDS[name], preset, organisation)
    timing = device.timing
    gap = 2 * (timing["nRC"] + timing["nFAW"] + device.read_latency) | 1
    stride = device.capacity_bytes // device.rows
    places = rng.integers(stride // device.access_bytes, size=8) * device.access_bytes
    reads = [
        Request(int(rng.integers(2) * stride + rng.choice(places)), False, gap * i) for i in range(80)
    ]
    served = Served(device, Controller(refresh="none"), "RoBaRaCoCh", reads).advance()
    first = {issued.addr: issued.bank for issued in served.outcome.log}
    rows: dict[int, int] = {}
    expected: Counter[int] = Counter()
    for request in reads:
        bank, row = first[request.addr], request.addr // stride
        found = "miss" if bank not in rows else "hit" if rows[bank] == row else "conflict"
        rows[bank] = row
        expected[read_after(device, request.not_before, found) - request.not_before] += 1
    histogram = served.state.latencies
    assert {int(at): int(histogram[at]) for at in np.flatnonzero(histogram)} == expected


def requests_of(kind: str, device: Device, rng: np.random.Generator, many: int = 150) -> list[Request]:
    """Accesses at random, one after the other, at random with writes, or each to another row of one bank."""
    access, stride = device.access_bytes, device.capacity_bytes // device.rows
    writes = rng.random(many) < {"mixed": 0.4, "conflict": 0.2}.get(kind, 0)
    if kind == "sequential":
        at = np.arange(many)
    elif kind == "conflict":
        at = rng.integers(4, size=many) * (stride // access) + rng.integers(4, size=many)
    else:
        at = rng.integers(device.capacity_bytes // access, size=many)
    return [Request(addr * access, write) for addr, write in zip(at.tolist(), writes.tolist(), strict=True)]


@every
def test_no_command_breaks_a_rule(name: str, preset: str, organisation: str, rng: np.random.Generator):
    """Two ranks where there are ranks, refreshes so often that many fall into a short trace."""
    standard = STANDARDS[name]
    ranks = 2 if "rank" in standard.levels else None
    device = make_device(standard, preset, organisation, ranks=ranks)
    groups = Levels(device).per_rank // max(standard.refresh_banks, 1)
    clocks = {key: value // standard.phases for key, value in device.timing.items()}
    setups = [("none", 0), ("all_bank", clocks["nRFC"] + 150)]
    if standard.refresh_banks:
        setups.append(("per_bank", max(clocks["nRFC"], (clocks["nRFCpb"] + 60) * groups)))
    policies = ("frfcfs", "rowhit", "fcfs")
    for i, kind in enumerate(("random", "sequential", "mixed", "conflict")):
        refresh, interval = setups[i % len(setups)]
        overrides = {"nREFI": interval} if interval else {}
        device = make_device(standard, preset, organisation, ranks=ranks, overrides=overrides)
        controller = Controller(refresh=refresh, policy=policies[i % 3])
        mapping = (words(device), "RoBaRaCoCh", "MOP4CLXOR")[i % 3]
        outcome = serve_trace(device, controller, mapping, requests_of(kind, device, rng))
        check(device, outcome.log)
        assert outcome.reads + outcome.writes + outcome.coalesced == 150
