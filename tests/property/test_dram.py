"""A DRAM channel: its commands keep every rule and are those of a controller that ticks; all are answered, in order.

``dramchecker`` has the rules once more, ``dramticking`` the controller, without the kernel.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from dramchecker import Issued, Levels, Request, Served, Violation, check, serve_trace
from dramticking import Ticking
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from simulator.hw.addressing import make_addressing, stream_mapping
from simulator.hw.controller import Controller
from simulator.hw.device import Device, make_device
from simulator.hw.standard import STANDARDS

STEADY = settings(
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
SIZES = st.sampled_from([1, 2, 3, 4, 8])
every_standard = pytest.mark.parametrize("name", STANDARDS.names())


@cache
def small(name: str, ranks: int | None = None, refresh: str = "all_bank", slack: int = 200) -> Device:
    """A standard's first device, with refreshes so short and so often that a short trace meets many.

    ``slack`` clocks are left between them: per-bank refresh gives each bank its turn within nREFI.
    """
    standard = STANDARDS[name]
    times = {"nRFC": 40}
    interval = times["nRFC"] + slack
    if refresh == "per_bank":
        times["nRFCpb"] = 20
        interval = (times["nRFCpb"] + slack) * (Levels(make_device(standard)).per_rank // standard.refresh_banks)
    several = ranks if "rank" in standard.levels else None
    return make_device(standard, ranks=several, overrides={**times, "nREFI": interval})


@st.composite
def setups(draw, name: str, policies=("frfcfs", "rowhit", "fcfs"), page="open"):
    """Device, controller, mapping."""
    banked = ["per_bank"] * bool(STANDARDS[name].refresh_banks)
    refresh = draw(st.sampled_from(["all_bank", "none", *banked]))
    device = small(name, draw(st.sampled_from([1, 2, 4])), refresh, draw(st.sampled_from([60, 200, 900])))
    controller = Controller(
        policy=draw(st.sampled_from(policies)), page=page, refresh=refresh, read_queue=draw(SIZES),
        write_queue=draw(SIZES), power_down_cycles=draw(st.sampled_from([None, None, 1, 50])),
        age_limit_cycles=draw(st.sampled_from([None, 100_000, 150])),
    )  # fmt: skip
    mapping = draw(st.sampled_from(["RoBaRaCoCh", "RoRaBaCoCh", "MOP4CLXOR", stream_mapping(device)]))
    return device, controller, mapping


@st.composite
def traces(draw, device: Device, longest: int = 40):
    """Accesses to few places: rows that are open, rows that are not, the same address; with and without gaps."""
    access, row_stride = device.access_bytes, device.capacity_bytes // device.rows
    places = draw(st.lists(st.integers(0, row_stride // access - 1), min_size=1, max_size=6))
    gaps = draw(st.sampled_from([[0], [0], [0, 1, 5], [0, 0, 0, 30], [0, 40, 400]]))
    steps = draw(
        st.lists(
            st.tuples(st.sampled_from(places), st.integers(0, 2), st.integers(0, 1), st.booleans(), st.sampled_from(gaps)),
            min_size=1, max_size=longest,
        )
    )  # fmt: skip
    requests, clock = [], 0
    for place, row, next_, write, gap in steps:
        clock += gap
        addr = row * row_stride + (place + next_) % (row_stride // access) * access
        requests.append(Request(addr, write, clock))
    return requests


@st.composite
def cases(draw, name: str, longest: int = 40, **setup):
    device, controller, mapping = draw(setups(name, **setup))
    return device, controller, mapping, draw(traces(device, longest))


def compare(case) -> None:
    """The kernel's commands keep the rules and are those of the controller that ticks."""
    device, controller, mapping, requests = case
    served = serve_trace(device, controller, mapping, requests)
    check(device, served.log)
    assert served == Ticking(device, controller, mapping).run(requests)


@every_standard
def test_the_kernel_does_what_a_controller_that_ticks_does(name: str):
    """Command for command, and what they find; every rule is kept."""
    settings(STEADY, max_examples=50)(given(cases(name))(compare))()


def test_the_kernel_closes_rows_as_a_controller_that_ticks_does():
    closing = st.one_of([cases(name, page="closed") for name in STANDARDS.names()])
    settings(STEADY, max_examples=100)(given(closing)(compare))()


@every_standard
def test_every_request_is_answered_once(name: str):
    @settings(STEADY, max_examples=30)
    @given(case=cases(name, longest=80))
    def count(case):
        device, controller, mapping, requests = case
        served = serve_trace(device, controller, mapping, requests)
        writes = sum(request.write for request in requests)
        assert served.writes + served.coalesced == writes
        assert served.reads == len(requests) - writes
        moved = [issued.command[:2] for issued in served.log]
        assert moved.count("RD") == served.reads - served.forwarded
        assert moved.count("WR") == served.writes
        assert sum(served.found) == moved.count("RD") + moved.count("WR")

    count()


@every_standard
def test_in_pieces_or_at_once_is_the_same(name: str):
    """And a forecast on a copy leaves no trace."""

    @settings(STEADY, max_examples=20)
    @given(case=cases(name), cuts=st.lists(st.integers(0, 3000), max_size=12))
    def compare(case, cuts):
        whole, pieces = Served(*case).advance(), Served(*case)
        assert same(whole, Served(*case).advance())
        end = whole.outcome.last_done  # later, refreshes would follow
        for until in sorted(cut % (end + 1) for cut in cuts):
            pieces.advance(until)
            before = pieces.state.copy()
            ahead = Served(*case)
            ahead.state = pieces.state.copy()
            assert ahead.advance().outcome == whole.outcome
            assert all(np.array_equal(*pair) for pair in zip(before, pieces.state, strict=True))
        assert same(whole, pieces.advance())

    compare()


def same(one: Served, other: Served) -> bool:
    """Whether two runs have come to the same, to the last bit that counts."""
    fields = ("total", "commands", "counts", "bins", "latencies", "log", "banks", "ranks", "ready", "length")
    return all(np.array_equal(getattr(one.state, field), getattr(other.state, field)) for field in fields)


@every_standard
def test_refreshes_are_never_put_off_beyond_the_limit(name: str):
    """JEDEC: eight may be postponed, so nine intervals lie between two at most; all that fell due are there."""
    banked = ["per_bank"] * bool(STANDARDS[name].refresh_banks)

    @settings(STEADY, max_examples=12)
    @given(data=st.data(), refresh=st.sampled_from(["all_bank", *banked]), policy=st.sampled_from(["frfcfs", "rowhit", "fcfs"]))
    def measure(data, refresh, policy):
        device = small(name, data.draw(st.sampled_from([1, 2])), refresh, 60)
        requests = data.draw(traces(device, 30)) * 6
        served = Served(device, Controller(policy=policy, refresh=refresh), "RoBaRaCoCh", in_order(requests)).advance()
        levels, interval = Levels(device), device.timing["nREFI"]
        at: dict[int, list[int]] = {}
        for issued in served.outcome.log:
            if issued.command in ("REFab", "REFpb"):
                for bank in levels.taken(issued.command, issued.bank):
                    at.setdefault(bank, [0]).append(issued.tick)
        end = served.outcome.last_done
        for bank in range(levels.banks):
            ticks = [*at.get(bank, [0]), end]
            assert max(np.diff(ticks), default=0) <= 9 * interval
            assert len(ticks) - 2 >= end // interval - 9

    measure()


@pytest.mark.parametrize(
    ("name", "refresh"),
    [(name, "all_bank") for name in STANDARDS.names()]
    + [(name, "per_bank") for name in STANDARDS.names() if STANDARDS[name].refresh_banks],
)
def test_each_bank_is_refreshed_once_in_each_interval(name: str, refresh: str):
    """Nothing else happens for twelve intervals, so that each comes when it falls due, or a few clocks later."""
    device = small(name, 2, refresh, 60)
    levels, interval = Levels(device), device.timing["nREFI"]
    groups = levels.per_rank // levels.some if refresh == "per_bank" else 1
    last = 12 * (interval // groups * groups)
    log = serve_trace(device, Controller(refresh=refresh), "RoBaRaCoCh", [Request(0, False, last + 50)]).log
    at: dict[int, list[int]] = {bank: [] for bank in range(levels.banks)}
    for issued in log:
        for bank in levels.taken(issued.command, issued.bank) if issued.command.startswith("REF") else []:
            at[bank].append(issued.tick)
    for bank, ticks in at.items():
        turn = bank % levels.per_rank % groups + 1
        due = [(i * groups + turn) * (interval // groups) for i in range(12)]
        late = np.array(ticks[:12]) - due
        assert len(ticks) == 12
        assert late.min() >= 0
        assert late.max() < 60


def in_order(requests: list[Request]) -> list[Request]:
    """None is offered before the one ahead of it, whatever its own clock."""
    clock, found = 0, []
    for request in requests:
        clock = max(clock, request.not_before)
        found.append(Request(request.addr, request.write, clock))
    return found


def address(device: Device, bank: int, row: int, column: int = 0) -> int:
    """Under RoRaBaCoCh, the bank counted from the channel."""
    addressing = make_addressing("RoRaBaCoCh", device, 1)
    parts = {"row": row, "column": column}
    for level, many in reversed(list(zip(device.standard.levels, device.counts, strict=True))):
        bank, parts[level] = divmod(bank, many)
    number = 0
    for part, value in parts.items():
        for i, bits in enumerate(addressing.sources[part]):
            number |= (value >> i & 1) << bits[0]
    return number << addressing.offset_bits


def hits_and_a_victim(device: Device, write: bool, many: int = 4000) -> list[Request]:
    """Accesses of one open row without end, and a read of another row of the bank behind the first of them."""
    columns = device.row_bytes // device.access_bytes
    hits = [Request(address(device, 0, 0, i % columns), write) for i in range(many)]
    return [*hits[:40], Request(address(device, 0, 1), False), *hits[40:]]


def victims_wait(device: Device, requests: list[Request], **policy) -> tuple[int, int]:
    """Ticks that the victim waits, and that everything takes."""
    outcome = serve_trace(device, Controller(**policy), "RoRaBaCoCh", requests)
    victim = next(issued for issued in outcome.log if issued.command == "RD" and issued.row == 1)
    return victim.tick, outcome.last_done


@pytest.mark.parametrize("policy", ["frfcfs", "rowhit"])
@pytest.mark.parametrize(
    ("name", "refresh"),
    [(name, "all_bank") for name in STANDARDS.names()]
    + [(name, "per_bank") for name in STANDARDS.names() if STANDARDS[name].refresh_banks],
)
def test_hits_starve_nobody_beyond_a_refresh(name: str, refresh: str, policy: str):
    """A refresh closes the row, and then the oldest is first; two intervals are generous."""
    device = small(name, None, refresh, 900)
    waits, all_take = victims_wait(device, hits_and_a_victim(device, False), refresh=refresh, policy=policy)
    assert waits < 2 * device.timing["nREFI"] + 40 * device.timing["nRC"]
    assert all_take > waits


@pytest.mark.parametrize("write", [False, True])
@every_standard
def test_in_order_nobody_starves(name: str, write: bool):
    device = small(name)
    waits, all_take = victims_wait(device, hits_and_a_victim(device, write, 1000), refresh="none", policy="fcfs")
    assert waits < all_take / 2


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("policy", ["frfcfs", "rowhit"])
def test_hits_starve_nobody_without_refresh(policy: str, write: bool):
    device = small("ddr4")
    requests = hits_and_a_victim(device, write)
    waits, all_take = victims_wait(device, requests, refresh="none", policy=policy, age_limit_cycles=2000)
    assert waits < 2000 + 40 * device.timing["nRC"] < all_take / 2


def test_writes_starve_no_read():
    """While writes come faster than they go, they never fall below the low mark: the age limit is what helps."""
    device = small("ddr4", None, "all_bank", 900)
    waits, all_take = victims_wait(device, hits_and_a_victim(device, True), age_limit_cycles=2000)
    assert waits < all_take / 2


def test_a_low_mark_of_nothing_lets_reads_through():
    """A write, and a read when it is done."""
    device, controller = plain("ddr4", write_low=0, age_limit_cycles=None)
    served = Served(device, controller, "RoRaBaCoCh", [Request(0, True), Request(device.row_bytes, False, 200)])
    assert served.advance(10_000).outcome.reads == 1


@st.composite
def pairs(draw, device: Device, first_writes: bool):
    """Each address is used twice, once read and once written, with others in between."""
    access, row_stride = device.access_bytes, device.capacity_bytes // device.rows
    many = draw(st.integers(1, 20))
    places = draw(st.lists(st.integers(0, row_stride // access - 1), min_size=many, max_size=many, unique=True))
    order = draw(st.permutations(list(range(many)) * 2))
    seen: set[int] = set()
    requests, clock = [], 0
    for i in order:
        clock += draw(st.sampled_from([0, 0, 5, 20]))
        addr = i % 2 * row_stride + places[i] * access
        requests.append(Request(addr, first_writes != (i in seen), clock))
        seen.add(i)
    return requests


def turned_round(served: Served, requests: list[Request]) -> list[int]:
    """Addresses whose two accesses went in the other order than they came."""
    first = {request.addr: request.write for request in reversed(requests)}
    found: dict[int, list[str]] = {}
    for issued in served.outcome.log:
        if issued.command[:2] in ("RD", "WR"):
            found.setdefault(issued.addr, []).append(issued.command[:2])
    return [addr for addr, went in found.items() if len(went) == 2 and (went[0] == "WR") != first[addr]]


@every_standard
def test_in_order_each_address_is_read_and_written_in_turn(name: str):
    @settings(STEADY, max_examples=15)
    @given(data=st.data(), first_writes=st.booleans())
    def order(data, first_writes):
        device, controller, mapping = data.draw(setups(name, policies=("fcfs",)))
        requests = data.draw(pairs(device, first_writes))
        served = Served(device, controller, mapping, requests).advance()
        assert turned_round(served, requests) == []

    order()


def plain(name: str, ranks: int | None = None, **policy) -> tuple[Device, Controller]:
    """A standard's first device without refresh."""
    return make_device(STANDARDS[name], ranks=ranks), Controller(**{"refresh": "none", **policy})


@pytest.mark.parametrize(
    ("name", "second", "third"),
    [("ddr3", 1, 6), ("ddr4", 1, 5), ("ddr5", 1, 9), ("gddr6", 11, 12), ("lpddr4", 1, 17), ("lpddr5", 1, 5)],
)
def test_a_read_gets_what_was_written_before(name: str, second: int, third: int):
    """A read elsewhere; a write, whose row is opened; a read of the same address, which need not wait for the bus."""
    device, controller = plain(name)
    other, addr = address(device, 1 if name in ("ddr3", "lpddr4") else 4, 0), address(device, 0, 0)
    requests = [Request(other, False), Request(addr, True, second), Request(addr, False, third)]
    served = Served(device, controller, "RoRaBaCoCh", requests).advance()
    assert turned_round(served, requests) == []


def test_a_read_does_not_get_what_is_written_after():
    """HBM2: from activate to write is shorter than to read."""
    device, controller = plain("hbm2")
    requests = [Request(0, False), Request(0, True, 2)]
    served = Served(device, controller, "RoRaBaCoCh", requests).advance()
    assert turned_round(served, requests) == []


@pytest.mark.parametrize("name", ["hbm2", "hbm3", "gddr6"])
def test_a_row_is_not_closed_under_the_request_that_opened_it(name: str):
    """A read opens a row; a write to it may go first and takes itself for the last that wants the row."""
    device, controller = plain(name, page="closed")
    requests = [Request(0, False), Request(device.access_bytes, True, 1)]
    check(device, serve_trace(device, controller, "RoRaBaCoCh", requests).log)


def test_a_row_is_closed_after_a_data_clock_was_started():
    device, controller = plain("lpddr5", page="closed")
    log = serve_trace(device, controller, "RoRaBaCoCh", [Request(0, False)]).log
    assert [issued.command for issued in log] == ["ACT", "ACT2", "CAS_RD", "RDA"]


@pytest.mark.parametrize(("write", "runs"), [(False, 17 + 2 + 1), (True, 9 + 2 + 1)])
@pytest.mark.parametrize("after", [-2, -1, 0, 1])
def test_the_data_clock_runs_to_its_end_and_no_longer(write: bool, runs: int, after: int):
    """LPDDR5-6400: nCL (nCWL) + nBL + nWCKPST after the last access; one in that clock needs a CAS."""
    device, controller = plain("lpddr5")
    first = 1 + 15 + 1  # ACT, nRCD, CAS
    second = first + runs + after
    requests = [Request(0, write), Request(device.access_bytes, write, second - 1)]
    log = serve_trace(device, controller, "RoRaBaCoCh", requests).log
    access = "WR" if write else "RD"
    assert (log[3].tick, log[3].command) == (first, access)
    started = [(second, f"CAS_{access}"), (second + 1, access)]
    assert [(issued.tick, issued.command) for issued in log[4:]] == (started if after >= 0 else [(second, access)])


def test_the_second_half_of_an_activate_is_not_late():
    """Two ranks: six precharges in a row after an ACT, then a CAS and its RD: ACT2 comes 9 clocks after ACT."""
    device, controller = plain("lpddr5", ranks=2)
    opened = [Request(address(device, bank, 0), False, 100 * i) for i, bank in enumerate([0, 1, 2, 16, 17, 18, 4])]
    conflicts = [Request(address(device, bank, 1), False, 1000) for bank in [0, 16, 1, 17, 2, 18]]
    requests = [
        *opened, Request(address(device, 8, 0), False, 1000), *conflicts, Request(address(device, 4, 0), False, 1000),
    ]  # fmt: skip
    check(device, serve_trace(device, controller, "RoRaBaCoCh", requests).log)


GOOD = [Issued(1, "ACT", 0, 7), Issued(23, "RD", 0, 7), Issued(31, "RD", 0, 7), Issued(53, "PREpb", 0)]


@pytest.mark.parametrize(
    ("log", "fault"),
    [
        ([*GOOD[:1], Issued(22, "RD", 0, 7)], "RD at 22, before 23"),
        ([*GOOD[:2], Issued(30, "RD", 0, 7)], "RD at 30, before 31"),
        ([*GOOD[:2], Issued(31, "RD", 0, 8)], "RD of row 8, open: 7"),
        ([*GOOD[:3], Issued(52, "PREpb", 0)], "PREpb at 52, before 53"),
        ([*GOOD, Issued(74, "ACT", 0, 1)], "ACT at 74, before 75"),
        ([*GOOD, Issued(75, "ACT", 0, 1), Issued(76, "ACT", 1, 1)], "ACT at 76, before 83"),
        ([Issued(1, "ACT", 0, 1), Issued(200, "ACT", 0, 1)], r"ACT with open banks \[0\]"),
        ([Issued(1, "PREpb", 0)], "PREpb of closed banks"),
        ([Issued(1, "ACT", 0, 1), Issued(200, "REFab", 0)], r"REFab with open banks \[0\]"),
        ([Issued(1, "REFab", 16)], "there is no bank 31"),
        ([Issued(1, "ACT2", 0, 1)], "no command of this standard"),
        ([Issued(1 + 4 * i, "ACT", 4 * i, 1) for i in range(4)] + [Issued(30, "ACT", 1, 1)], "before 35"),
    ],
)  # fmt: skip
def test_the_checker_sees(log: list[Issued], fault: str):
    """DDR4-3200AA: nRCD 22, nCCD_L 8, nRAS 52, nRP 22, nRC 74, nRRD_L 8, nFAW 34."""
    device = make_device(STANDARDS["ddr4"], "DDR4_3200AA", "DDR4_8Gb_x8")
    check(device, GOOD)
    with pytest.raises(Violation, match=fault):
        check(device, log)


@pytest.mark.parametrize(
    ("log", "fault"),
    [
        ([Issued(1, "ACT", 0, 1), Issued(5, "ACT", 4, 1)], "ACT between the halves"),
        ([Issued(1, "ACT", 0, 1), Issued(10, "ACT2", 0, 1)], "ACT2 9 ticks after its ACT, more than 8"),
        ([Issued(1, "ACT2", 0, 1)], "ACT2 without its ACT"),
        ([Issued(1, "ACT", 0, 1), Issued(2, "ACT2", 0, 1), Issued(16, "RD", 0, 1)], "data clock stands still"),
        ([Issued(1, "ACT", 0, 1), Issued(2, "ACT2", 0, 1), Issued(16, "CAS_WR", 0, 1), Issued(17, "RD", 0, 1)],
         "RD between"),
        ([Issued(1, "ACT", 0, 1), Issued(2, "ACT2", 0, 1), Issued(16, "CAS_RD", 0, 1), Issued(17, "RD", 0, 1),
          Issued(36, "CAS_RD", 0, 1)], "CAS_RD while the data clock runs"),
        ([Issued(1, "ACT", 0, 1), Issued(2, "ACT2", 0, 1), Issued(16, "CAS_RD", 0, 1), Issued(17, "RD", 0, 1),
          Issued(37, "RD", 0, 1)], "data clock stands still"),
    ],
)  # fmt: skip
def test_the_checker_sees_halves_and_data_clocks(log: list[Issued], fault: str):
    """LPDDR5-6400: nAAD 8, nRCD 15; the data clock runs for 17 + 2 + 1 clocks after a RD."""
    with pytest.raises(Violation, match=fault):
        check(make_device(STANDARDS["lpddr5"], "LPDDR5_6400"), log)


@pytest.mark.parametrize(
    ("log", "fault"),
    [
        ([Issued(2, "ACT", 0, 1)], "not at the start of a clock"),
        ([Issued(1, "ACT", 0, 1), Issued(3, "ACT", 32, 1)], "ACT at 3, before 4"),
        ([Issued(1, "REFab", 0), Issued(1, "REFab", 32)], "bus is taken until 2"),
    ],
)  # fmt: skip
def test_the_checker_sees_half_clocks_and_buses(log: list[Issued], fault: str):
    """HBM3: an ACT takes the row bus for three half clocks."""
    device = make_device(STANDARDS["hbm3"], "HBM3_6400Mbps")
    check(device, [Issued(1, "ACT", 0, 1), Issued(65, "RD", 0, 1), Issued(65, "ACT", 32, 1)])
    with pytest.raises(Violation, match=fault):
        check(device, log)
