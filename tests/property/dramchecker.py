"""A DRAM channel once more, slowly, in plain Python: what its commands must obey, and a controller that ticks.

Neither shares code with the kernel. ``check`` takes a device's constraints and a log of commands. ``Ticking`` is
written from the words of shared/reference/dram/README.md, and of docs/models/dram.md where that goes further: it asks
in every clock what may issue. ``serve_trace`` runs the kernel on the same trace.
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
from simulator.hw.standard import COLUMN, COMMANDS
from simulator.kernels import dramstate as k
from simulator.kernels.dram import serve


@dataclass(frozen=True, order=True)
class Issued:
    """A command; ``bank`` counts from the channel, the first one of those that a refresh takes.

    ``row`` and ``addr`` are those of the request behind it, -1 for a refresh.
    """

    tick: int
    command: str
    bank: int
    row: int = -1
    addr: int = -1


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

    def taken(self, command: str, bank: int) -> list[int]:
        """Banks that a command takes: one; all of a rank; those that a per-bank refresh has at the same time."""
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
        banks = self.levels.taken(command, bank)
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
        if command in ("ACT", "REFab", "REFpb") and open_:
            yield f"{command} with open banks {open_}"
        if command in ("PREpb", "PREab") and not open_:
            yield f"{command} of closed banks"
        if command in COLUMN and self.rows.get(bank) != row:
            yield f"{command} of row {row}, open: {self.rows.get(bank)}"
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
        elif self.opening and self.opening[0] in self.levels.taken(issued.command, issued.bank):
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
        banks = self.levels.taken(command, bank)
        self.distances.enter(tick, command, banks)
        self.free[self.bus(command)] = tick + self.occupied[command]
        self.started = (command, bank) if command.startswith("CAS") else None
        if command == "ACT" and self.within:
            self.opening = (bank, issued.row, tick)
        elif command in ("ACT", "ACT2"):
            self.rows[bank], self.opening = issued.row, None
        elif command in ("PREpb", "PREab", "RDA", "WRA"):
            for each in banks:
                self.rows.pop(each, None)
        if command in COLUMN and self.runs:
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


@dataclass
class _Waiting:
    """A request in the controller."""

    order: int
    write: bool
    bank: int
    row: int
    since: int
    addr: int
    found: str = ""  # its first command


class Ticking:
    """A channel and its controller, asked in every clock."""

    def __init__(self, device: Device, controller: Controller, mapping: str) -> None:
        self.device, self.controller, self.standard = device, controller, device.standard
        self.addressing = make_addressing(mapping, device, 1)
        self.distances = Distances(device)
        self.levels = self.distances.levels
        self.earliest: dict[tuple[str, int], float] = {}
        self.reads: list[_Waiting] = []
        self.writes: list[_Waiting] = []
        self.active: list[_Waiting] = []
        self.write_mode = False
        self.rows: dict[int, int] = {}
        self.half: tuple[_Waiting, int] | None = None  # whose activate lacks its second half, since when
        self.held: _Waiting | None = None  # whose data clock was started
        self.clock_until: dict[int, int] = defaultdict(int)
        self.refreshes: list[int] = []  # first banks of those that wait
        self.turn = 0
        self.quiet, self.awake = 0, 0  # since when nothing was asked of the device; out of power-down from
        self.found: list[str] = []
        self.outcome = Outcome([])

    def run(self, requests: Sequence[Request]) -> Outcome:
        """Serve a trace; requests are offered one per clock, in order."""
        out, offered, tick = self.outcome, 0, 0
        each = self.levels.per_rank
        groups = each // max(self.levels.some, 1)
        interval = {
            "none": 0, "all_bank": self.device.timing["nREFI"], "per_bank": self.device.timing["nREFI"] // groups
        }[self.controller.refresh]  # fmt: skip
        while offered < len(requests) or self.reads or self.writes or self.active or tick < out.last_done:
            comes = offered < len(requests) and requests[offered].not_before <= tick
            tick += 1
            due = interval and tick % interval == 0
            if comes or due:
                self._wake(tick)
            if comes:
                offered += self._offer(requests[offered], tick - 1, offered)
            if due:
                group = self.turn if self.controller.refresh == "per_bank" else 0
                self.refreshes += [rank + group for rank in range(0, self.levels.banks, each)]
                self.turn = (self.turn + 1) % groups
            for bus in ("column", "row") if self.standard.two_buses else ("any",):
                self._issue(tick, *self._choose(tick, bus))
        out.found = tuple(sum(first in kind for first in self.found) for kind in (HIT, ("ACT",), ("PREpb",)))
        return out

    def _wake(self, tick: int) -> None:
        """What has been quiet for long enough is powered down, and takes a while to come back."""
        patience = self.controller.power_down_cycles
        if not patience or self.reads or self.writes or self.active or self.refreshes:
            return
        if tick - self.quiet > patience:
            self.quiet, self.awake = tick, tick + self.device.timing["nXP"]

    def _place(self, addr: int) -> tuple[int, int]:
        """Bank and row of an address."""
        number = addr >> self.addressing.offset_bits
        value = {
            part: sum((sum(number >> bit & 1 for bit in bits) & 1) << i for i, bits in enumerate(sources))
            for part, sources in self.addressing.sources.items()
        }
        bank = 0
        for level, many in zip(self.standard.levels, self.levels.counts, strict=True):
            bank = bank * many + value.get(level, 0) * (level != "channel")
        return bank, value["row"]

    def _offer(self, request: Request, clock: int, order: int) -> bool:
        """Whether a request was taken in."""
        addr = request.addr - request.addr % self.device.access_bytes
        met = {(waiting.write, waiting.addr) for waiting in (*self.reads, *self.writes, *self.active)}
        if (True, addr) in met:
            self.outcome.last_done = max(self.outcome.last_done, clock + 1)
            if request.write:
                self.outcome.coalesced += 1
            else:
                self.outcome.forwarded += 1
                self._answer(clock, clock + 1)
            return True
        if request.write and (False, addr) in met:
            return False
        queue = self.writes if request.write else self.reads
        if len(queue) >= (self.controller.write_queue if request.write else self.controller.read_queue):
            return False
        queue.append(_Waiting(order, request.write, *self._place(addr), clock, addr))
        return True

    def _answer(self, since: int, tick: int) -> None:
        out = self.outcome
        out.reads += 1
        out.latency += tick - since
        out.worst_latency = max(out.worst_latency, tick - since)
        out.last_done = max(out.last_done, tick)

    def _may(self, tick: int, command: str, bank: int) -> bool:
        """Whether a command may issue in this very clock."""
        key = (command, bank)
        if key not in self.earliest:
            self.earliest[key] = self.distances.binding(command, self.levels.taken(command, bank))[0]
        aligned = self.standard.phases > 1 and command in self.standard.aligned.split()
        return tick >= max(self.earliest[key], self.awake) and not (aligned and tick % 2 == 0)

    def _choose(self, tick: int, bus: str) -> tuple[str, int, _Waiting | None]:
        """Command, bank and request; command "" if nothing may issue."""
        if self.held:
            return self._column(tick, self.held)
        second = self.half and ("ACT2", self.half[0].bank, self.half[0])
        if second and self.half and tick >= self.half[1] + self.device.clocks(self.standard.act2_within):
            return second
        for waiting in self.active[:1] if self.controller.policy == "fcfs" else self.active:
            if bus != "row" and not (self.half and waiting is self.half[0]):
                chosen = self._column(tick, waiting)
                if chosen[0]:
                    return chosen
        if self.refreshes and bus != "column":
            command, bank = self._refresh(tick)
            if command:
                return command, bank, None
        if not self.refreshes or self.controller.refresh == "per_bank":
            chosen = self._from_queue(tick, bus)
            if chosen[0]:
                return chosen
        return second or ("", -1, None)

    def _column(self, tick: int, waiting: _Waiting) -> tuple[str, int, _Waiting | None]:
        """RD or WR of a request whose row is open, or what has to come before."""
        command, bank = "WR" if waiting.write else "RD", waiting.bank
        if not self._may(tick, command, bank):
            return "", -1, None
        if self.standard.sync and self.held is None and tick >= self.clock_until[bank // self.levels.per_rank]:
            if self.half and tick + 1 >= self.half[1] + self.device.clocks(self.standard.act2_within):
                return "ACT2", self.half[0].bank, self.half[0]
            return f"CAS_{command}", bank, waiting
        if self.controller.page == "closed":
            others = [other for other in (*self.reads, *self.writes, *self.active) if other is not waiting]
            if not any((other.bank, other.row) == (bank, waiting.row) for other in others):
                command += "A"
        return command, bank, waiting

    def _refresh(self, tick: int) -> tuple[str, int]:
        """What the oldest refresh needs and may have; "" otherwise."""
        first = self.refreshes[0]
        whole = self.controller.refresh == "all_bank"
        command = "REFab" if whole else "REFpb"
        banks = self.levels.taken(command, first)
        busy = {waiting.bank for waiting in self.active}
        opened = [bank for bank in banks if bank in self.rows or bank in busy]
        if whole and busy & set(opened):
            return "", -1
        if opened:
            command, first = ("PREab", first) if whole else ("PREpb", opened[0])
        ready = first not in busy and self._may(tick, command, first)
        return (command, first) if ready else ("", -1)

    def _from_queue(self, tick: int, bus: str) -> tuple[str, int, _Waiting | None]:
        """The first request of the queue in turn whose next command may issue."""
        policy, size = self.controller.policy, self.controller.write_queue
        if policy == "fcfs":
            both = sorted([*self.reads, *self.writes], key=lambda waiting: waiting.order)
            queue = both[:1]
        else:
            if not self.write_mode:
                self.write_mode = len(self.writes) >= min(int(self.controller.write_high * size) + 1, size) or not self.reads
            elif len(self.writes) < max(self.controller.write_low * size, 1) and self.reads:
                self.write_mode = False
            queue = self.writes if self.write_mode else self.reads
        limit = self.controller.age_limit_cycles or inf
        old = [waits[0] for waits in (self.reads, self.writes) if waits and tick - waits[0].since > limit]
        if old:
            queue = [min(old, key=lambda waiting: waiting.since)]
            self.write_mode = queue[0].write
        busy = {waiting.bank for waiting in self.active}
        refreshed = self.levels.taken("REFpb", self.refreshes[0]) if self.refreshes else []
        may: list[tuple[str, int, _Waiting | None]] = []
        for waiting in queue:
            bank = waiting.bank
            if bank in refreshed or (self.half and self.half[0].bank == bank):
                continue
            if bank not in self.rows:
                command = "" if self.half else "ACT"
            elif self.rows[bank] == waiting.row:
                if bus != "row" and not (policy == "fcfs" and self.active):
                    may.append(self._column(tick, waiting))
                continue
            else:
                command = "" if bank in busy else "PREpb"
            if command and bus != "column" and self._may(tick, command, bank):
                may.append((command, bank, waiting))
        may = [each for each in may if each[0]]
        if policy == "rowhit":
            may.sort(key=lambda each: each[0] in ("ACT", "PREpb"))
        return may[0] if may else ("", -1, None)

    def _issue(self, tick: int, command: str, bank: int, waiting: _Waiting | None) -> None:
        if not command:
            return
        out, banks = self.outcome, self.levels.taken(command, bank)
        out.log.append(Issued(tick, command, bank, waiting.row, waiting.addr) if waiting else Issued(tick, command, bank))
        self.distances.enter(tick, command, banks)
        self.earliest.clear()
        self.held = waiting if command.startswith("CAS") else None
        after = {"REFab": "nRFC", "REFpb": "nRFCpb"}.get(command)
        self.quiet = tick + (self.device.timing[after] if after else self.device.read_latency)
        if command in ("REFab", "REFpb"):
            self.refreshes.pop(0)
        elif command in ("PREpb", "PREab", "RDA", "WRA"):
            for each in banks:
                self.rows.pop(each, None)
        if waiting is None:
            return
        if not waiting.found and not self.held:
            waiting.found = command
            self.found.append(command)
        if command == "ACT":
            (self.writes if waiting.write else self.reads).remove(waiting)
            self.active = sorted([*self.active, waiting], key=lambda each: each.order)
        if command == "ACT" and self.standard.act2_within:
            self.half = waiting, tick
        elif command in ("ACT", "ACT2"):
            self.rows[bank], self.half = waiting.row, None
        if command in COLUMN:
            for queue in (self.reads, self.writes, self.active):
                queue[:] = [each for each in queue if each is not waiting]
            if sync := self.standard.sync:
                rank = bank // self.levels.per_rank
                self.clock_until[rank] = tick + self.device.clocks(sync.write if waiting.write else sync.read)
            if waiting.write:
                out.writes += 1
                out.last_done = max(out.last_done, tick)
            else:
                self._answer(waiting.since, tick + self.device.read_latency)


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
