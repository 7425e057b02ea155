"""A DRAM channel and its controller once more, without the kernel: asked in every clock, written for reading.

From the words of docs/models/dram.md; timings come from ``dramchecker.Distances``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from dramchecker import HIT, Distances, Issued, Outcome, Request

from simulator.hw.addressing import make_addressing
from simulator.hw.controller import Controller
from simulator.hw.device import Device
from simulator.hw.standard import COLUMN


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
