"""What the commands of a DRAM channel must obey, slowly, in plain Python; it shares no code with the kernel.

``check`` takes a device's constraints and a log of commands; ``serve_trace`` runs the kernel on a trace.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf, prod

import numpy as np

from simulator.hw.addressing import make_addressing
from simulator.hw.controller import Controller
from simulator.hw.device import Device, TimedRule
from simulator.hw.drampack import make_state, make_tables
from simulator.hw.standard import COLUMN, COMMANDS, PLAIN
from simulator.kernels import dramstate as k
from simulator.kernels.dram import serve


@dataclass(frozen=True, order=True)
class Issued:
    """A command; ``bank`` counts from the channel, the first one of those that a refresh takes.

    ``row`` and ``addr`` are those of the request behind it, -1 for a refresh. A command of a PIM stream has in place of
    the address its number of banks, 65536 times, and how far they are apart.
    """

    tick: int
    command: str
    bank: int
    row: int = -1
    addr: int = -1


#: Commands of sets of banks, and those that close them, need no row, or end a stream.
SETS = COMMANDS[PLAIN:]
NO_ROW = ("REG", "WR_GB", "RD_MAC", "WR_MAC", "TMOD", "MRS", "EOC")
#: First commands of a request that has found its row open.
HIT = ("RD", "WR", "RDA", "WRA")


class Levels:
    """Which nodes of the organisation a bank lies in."""

    def __init__(self, device: Device) -> None:
        self.counts = device.counts
        self.spans = [prod(device.counts[level + 1 :]) for level in range(len(device.counts))]
        self.banks = prod(device.counts)
        self.per_rank = self.spans[device.refresh_level]
        self.some = device.standard.refresh_banks

    def taken(self, command: str, bank: int, addr: int = -1) -> list[int]:
        """Banks that a command takes: one; all of a rank; those that a per-bank refresh has at the same time; a set."""
        if command in SETS:
            return list(range(bank, bank + (addr >> 16) * (addr & 0xFFFF), addr & 0xFFFF))
        if command in ("REFab", "PREab"):
            return list(range(bank, bank + self.per_rank))
        if command == "REFpb":
            return list(range(bank, bank - bank % self.per_rank + self.per_rank, self.per_rank // self.some))
        return [bank]

    def nodes(self, level: int, banks: Iterable[int]) -> list[int]:
        """Nodes of a level in which banks lie."""
        return sorted({bank // self.spans[level] for bank in banks})

    def siblings(self, level: int, node: int) -> list[int]:
        """The other nodes under the same parent."""
        many = self.counts[level]
        return [other for other in range(node - node % many, node - node % many + many) if other != node]


class Distances:
    """Past commands of a channel, and when they allow others by the rules."""

    def __init__(self, device: Device) -> None:
        self.levels = Levels(device)
        self.rules_after: dict[str, list[tuple[int, TimedRule]]] = {name: [] for name in COMMANDS}
        self.rules_before: dict[str, list[tuple[int, TimedRule]]] = {name: [] for name in COMMANDS}
        for i, rule in enumerate(device.rules):
            for column in rule.after:
                self.rules_after[COMMANDS[column]].append((i, rule))
            for column in rule.before:
                self.rules_before[COMMANDS[column]].append((i, rule))
        self.past: dict[tuple[int, int], list[int]] = defaultdict(list)

    def binding(self, command: str, banks: Sequence[int]) -> tuple[float, TimedRule | None]:
        """The first tick at which the past allows a command, and the rule that says so."""
        best: tuple[float, TimedRule | None] = (-inf, None)
        for i, rule in self.rules_after[command]:
            for node in self.levels.nodes(rule.level, banks):
                for other in self.levels.siblings(rule.level, node) if rule.sibling else [node]:
                    past = self.past[i, other]
                    if len(past) >= rule.window and past[-rule.window] + rule.latency > best[0]:
                        best = past[-rule.window] + rule.latency, rule
        return best

    def enter(self, tick: int, command: str, banks: Sequence[int]) -> None:
        for i, rule in self.rules_before[command]:
            for node in self.levels.nodes(rule.level, banks):
                past = self.past[i, node]
                past.append(tick)
                del past[: -rule.window]


class Violation(AssertionError):
    """What a log must not have."""


def check(device: Device, log: Sequence[Issued]) -> None:
    """Raise Violation at the first command of a channel's log that must not be there."""
    watch = _Watch(device)
    for at, issued in enumerate(log):
        for fault in watch.faults(issued):
            around = "\n".join(str(each) for each in log[max(at - 12, 0) : at + 1])
            raise Violation(f"{fault}\n{device.standard.name} {device.preset} {device.organisation}\n{around}")
        watch.enter(issued)


class _Watch:
    """State of a channel as its commands say it is."""

    def __init__(self, device: Device) -> None:
        self.device, self.standard = device, device.standard
        self.distances = Distances(device)
        self.levels = self.distances.levels
        speed = self.standard.presets[device.preset]
        self.occupied = {
            name: int(clocks * self.standard.phases)
            for name, clocks in {**self.standard.commands, **speed.commands}.items()
        }
        self.within = device.clocks(self.standard.act2_within) if self.standard.act2_within else 0
        sync = self.standard.sync
        self.runs = {"RD": device.clocks(sync.read), "WR": device.clocks(sync.write)} if sync else {}
        self.rows: dict[int, int] = {}
        self.opening: tuple[int, int, int] | None = None  # bank, row, tick of the first half
        self.clock_until: dict[int, int] = defaultdict(int)
        self.started: tuple[str, int] | None = None  # command and bank of the last CAS
        self.free = {False: 0, True: 0}  # when each bus is, if there are two by whether it is for columns

    def bus(self, command: str) -> bool:
        return self.standard.two_buses and command in COLUMN

    def faults(self, issued: Issued) -> Iterable[str]:
        tick, command, bank, row = issued.tick, issued.command, issued.bank, issued.row
        banks = self.levels.taken(command, bank, issued.addr)
        if command not in self.occupied:
            yield f"{command} is no command of this standard"
            return
        if max(banks) >= self.levels.banks:
            yield f"there is no bank {max(banks)}"
        allowed, rule = self.distances.binding(command, banks)
        if tick < allowed:
            yield f"{command} at {tick}, before {allowed}: {rule}"
        if tick < self.free[self.bus(command)]:
            yield f"{command} at {tick}: the bus is taken until {self.free[self.bus(command)]}"
        if self.standard.phases > 1 and command in self.standard.aligned.split() and tick % 2 == 0:
            yield f"{command} at {tick}: not at the start of a clock"
        open_ = [each for each in banks if each in self.rows]
        if command in ("ACT", "ACT_S", "REFab", "REFpb") and open_:
            yield f"{command} with open banks {open_}"
        if command in ("PREpb", "PRE_S", "PREab") and not open_:
            yield f"{command} of closed banks"
        if command in COLUMN and command not in NO_ROW and any(self.rows.get(each) != row for each in banks):
            rows = sorted({str(self.rows.get(each)) for each in banks})
            yield f"{command} of row {row}, open: {', '.join(rows)}"
        yield from self._halves(issued)
        yield from self._data_clock(issued)

    def _halves(self, issued: Issued) -> Iterable[str]:
        """Two-step activates."""
        if issued.command == "ACT" and self.opening:
            yield f"ACT between the halves of another: {self.opening}"
        if issued.command == "ACT2":
            if self.opening is None or self.opening[:2] != (issued.bank, issued.row):
                yield f"ACT2 without its ACT: {self.opening}"
            elif issued.tick - self.opening[2] > self.within:
                yield f"ACT2 {issued.tick - self.opening[2]} ticks after its ACT, more than {self.within}"
        elif self.opening and self.opening[0] in self.levels.taken(issued.command, issued.bank, issued.addr):
            yield f"{issued.command} between the halves of an activate: {self.opening}"

    def _data_clock(self, issued: Issued) -> Iterable[str]:
        if not self.runs:
            return
        stopped = issued.tick >= self.clock_until[issued.bank // self.levels.per_rank]
        start = {"RD": "CAS_RD", "RDA": "CAS_RD", "WR": "CAS_WR", "WRA": "CAS_WR"}.get(issued.command)
        if issued.command.startswith("CAS") and not stopped:
            yield f"{issued.command} while the data clock runs"
        if self.started and self.started != (start, issued.bank):
            yield f"{issued.command} between {self.started} and what it is for"
        if start and stopped and self.started is None:
            yield f"{issued.command} while the data clock stands still"

    def enter(self, issued: Issued) -> None:
        tick, command, bank = issued.tick, issued.command, issued.bank
        banks = self.levels.taken(command, bank, issued.addr)
        self.distances.enter(tick, command, banks)
        self.free[self.bus(command)] = tick + self.occupied[command]
        self.started = (command, bank) if command.startswith("CAS") else None
        if command == "ACT" and self.within:
            self.opening = (bank, issued.row, tick)
        elif command in ("ACT", "ACT2"):
            self.rows[bank], self.opening = issued.row, None
        elif command == "ACT_S":
            self.rows.update(dict.fromkeys(banks, issued.row))
        elif command in ("PREpb", "PRE_S", "PREab", "RDA", "WRA", "WRA_S"):
            for each in banks:
                self.rows.pop(each, None)
        if command in COLUMN and command not in SETS and self.runs:
            self.clock_until[bank // self.levels.per_rank] = tick + self.runs[command[:2]]


@dataclass(frozen=True)
class Request:
    """One access: not offered before a clock."""

    addr: int
    write: bool
    not_before: int = 0


@dataclass
class Outcome:
    """What became of a trace; ``forwarded`` are among the ``reads``.

    ``found``: how many requests found their row open, the bank closed, another row open.
    """

    log: list[Issued]
    found: tuple[int, int, int] = (0, 0, 0)
    reads: int = 0
    writes: int = 0
    forwarded: int = 0
    coalesced: int = 0
    latency: int = 0
    worst_latency: int = 0
    last_done: int = 0


class Served:
    """The kernel on a trace of one channel."""

    def __init__(self, device: Device, controller: Controller, mapping: str, requests: Sequence[Request]) -> None:
        many = len(requests)
        pool = np.array([[2 * request.addr + request.write for request in requests]], np.int64).reshape(1, many)
        arrivals = np.array([[request.not_before for request in requests]], np.int64).reshape(1, many)
        addressing = make_addressing(mapping, device, 1)
        parts = np.zeros((1, 1), k.PART)
        parts[0, 0] = 0, many, -1
        self.tables = make_tables(device, controller, addressing, pool, arrivals, parts, posted=False)
        self.state = make_state(
            device, controller, 1, flights=1, masters=1, nodes=1, latencies=1 << 16, log=16 * many + 4096
        )
        self.state.total["pending"] = many
        if many:
            self.state.flights[0] = 0, 0, many, 0, 0, 1
            self.state.streams[0, 0] = 0, 0, 0
            self.state.channels["offers"] = requests[0].not_before
            self.state.channels["tick"] = requests[0].not_before + 1
        refresh = self.state.channels["refresh_at"]
        self.state.channels["tick"] = np.minimum(self.state.channels["tick"], refresh)

    def advance(self, until: int = int(k.FOREVER)) -> Served:
        serve(until, False, self.tables, self.state, np.zeros((1, 2), np.int64))
        return self

    @property
    def outcome(self) -> Outcome:
        total = self.state.total[0]
        assert total["logged"] < self.state.log.size, "the log is too short"
        log = [
            Issued(tick, COMMANDS[command], bank, row, addr)
            for tick, _, command, bank, row, addr in self.state.log[: total["logged"]].tolist()
        ]
        found = tuple(self.state.counts[0, k.N_HIT : k.N_CONFLICT + 1].tolist())
        names = ("reads", "writes", "forwarded", "coalesced", "latency", "worst_latency", "last_done")
        return Outcome(log, found, *(int(total[name]) for name in names))


def serve_trace(device: Device, controller: Controller, mapping: str, requests: Sequence[Request]) -> Outcome:
    """What the kernel makes of a trace."""
    return Served(device, controller, mapping, requests).advance().outcome
