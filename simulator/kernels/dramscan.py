"""Which command a DRAM controller issues next, and when, if nothing more arrives. Arrays: ``dramstate``."""

from __future__ import annotations

import numpy as np

from simulator.kernels.dramqueue import ACTIVE, READS, WRITES
from simulator.kernels.dramstate import (
    ACT,
    ACT2,
    ALL_BANK,
    CAS_RD,
    CAS_WR,
    CLOSED,
    FCFS,
    FOREVER,
    OPEN,
    PER_BANK,
    PREAB,
    PREPB,
    RD,
    RDA,
    REFAB,
    REFPB,
    ROWHIT,
    WR,
    WRA,
)  # fmt: skip
from simulator.kernels.dramtime import allowed_below
from simulator.kernels.jit import part

REFRESH = 3
#: Command buses: one for all, or one of two.
ANY, COLUMNS, ROWS = 0, 1, 2


@part
def scan(
    bus: int, tick: int, c: int, shape: np.ndarray,
    channels: np.ndarray, banks: np.ndarray, ranks: np.ndarray, ready: np.ndarray, queue: np.ndarray,
    length: np.ndarray, slots: np.ndarray, due: np.ndarray,
) -> tuple[int, int, int, int]:  # fmt: skip
    """First command of a bus to issue from a tick on: (tick, source, index, command).

    Sources in the order of precedence: the request whose data clock was started; the second half of an
    activate that is due; requests whose row was opened for them; refreshes; while none waits, the queue of
    the mode; second halves. Of several that may issue at the earliest tick the first in this order wins.
    ``index`` is a place in the source's queue; for REFRESH the first bank. The mode of the channel is
    written.
    """
    channel = channels[c]
    if channel.held_from >= 0:
        held = queue[c, channel.held_from, channel.held_index]
        command = WR if slots[c, held.slot].write else RD
        at = max(tick, ready[c, command, held.bank])
        command = _closing(c, held.slot, held.bank, held.row, command, shape, queue, length)
        return at, channel.held_from, channel.held_index, command
    best, source, index, command = FOREVER, -1, -1, -1
    second, due_second, place = FOREVER, FOREVER, -1
    if channel.opening >= 0:
        b = slots[c, channel.opening].bank
        second = max(tick, ready[c, ACT2, b])
        due_second = banks[c, b].opened + shape[0].act2_within
        best, source, command = max(second, due_second), ACTIVE, ACT2
    for i in range(length[c, ACTIVE]):
        waiting = queue[c, ACTIVE, i]
        if waiting.slot == channel.opening:
            place = i
            if command == ACT2:
                index = i
        elif bus != ROWS and (i == 0 or shape[0].policy != FCFS):
            column = WR if slots[c, waiting.slot].write else RD
            at = _on_grid(max(tick, ready[c, column, waiting.bank]), column, shape)
            if at < best:
                best, source, index, command = at, ACTIVE, i, column
    if channel.due > 0 and bus != COLUMNS:
        at, first, refresh = _refresh(tick, c, shape, channels, banks, ready, due)
        if at < best:
            best, source, index, command = at, REFRESH, first, refresh
    if best > tick and (channel.due == 0 or shape[0].refresh == PER_BANK):
        _settle_mode(c, shape, channels, queue, length, slots)
        urgent = _urgent(tick, c, shape, queue, length, slots)
        if urgent >= 0:
            channel.write_mode = urgent
        at, i, wanted = _queue(bus, tick, c, urgent >= 0, shape, channels, banks, ready, queue, length, due)
        if at < best:
            best, source, index, command = at, channel.write_mode, i, wanted
    if second < best:
        best, source, index, command = second, ACTIVE, place, ACT2
    if command in (RD, WR):
        asked = queue[c, source, index]
        stands = shape[0].sync_read > 0 and best >= ranks[c, banks[c, asked.bank].rank].sync
        if not stands:
            command = _closing(c, asked.slot, asked.bank, asked.row, command, shape, queue, length)
        elif channel.opening >= 0 and second <= best and best + 1 >= due_second:
            source, index, command = ACTIVE, place, ACT2  # a CAS and its data would make it late
        else:
            command = CAS_RD if command == RD else CAS_WR
    return best, source, index, command


@part
def _on_grid(tick: int, command: int, shape: np.ndarray) -> int:
    """The tick, or the next odd one where a command starts on those only."""
    return tick | (shape[0].aligned >> command & 1)


@part
def _settle_mode(
    c: int, shape: np.ndarray, channels: np.ndarray, queue: np.ndarray, length: np.ndarray, slots: np.ndarray
) -> None:  # fmt: skip
    """Writes are served from when they are many, or alone, until they are few."""
    channel, reads, writes = channels[c], length[c, READS], length[c, WRITES]
    if shape[0].policy == FCFS:
        channel.write_mode = 0
        if writes > 0:
            oldest = slots[c, queue[c, WRITES, 0].slot].sequence
            if reads == 0 or oldest < slots[c, queue[c, READS, 0].slot].sequence:
                channel.write_mode = 1
    elif channel.write_mode == 0:
        if writes >= shape[0].high or reads == 0:
            channel.write_mode = 1
    elif writes < shape[0].low and reads > 0:
        channel.write_mode = 0


@part
def _urgent(
    tick: int, c: int, shape: np.ndarray, queue: np.ndarray, length: np.ndarray, slots: np.ndarray
) -> int:  # fmt: skip
    """The queue whose oldest request has waited beyond the age limit, the longer if both have; -1: none."""
    since, urgent = tick - shape[0].age_limit, -1
    for mode in range(2):
        if length[c, mode] > 0 and slots[c, queue[c, mode, 0].slot].arrival < since:
            since, urgent = slots[c, queue[c, mode, 0].slot].arrival, mode
    return urgent


@part
def becomes_urgent(
    tick: int, c: int, shape: np.ndarray, queue: np.ndarray, length: np.ndarray, slots: np.ndarray
) -> int:  # fmt: skip
    """The first tick after this one at which a waiting request passes the age limit; FOREVER: none does."""
    first = FOREVER
    for mode in range(2):
        if length[c, mode] > 0:
            passes = slots[c, queue[c, mode, 0].slot].arrival + shape[0].age_limit + 1
            if passes > tick:
                first = min(first, passes)
    return first


@part
def _queue(
    bus: int, tick: int, c: int, oldest_only: bool, shape: np.ndarray, channels: np.ndarray,
    banks: np.ndarray, ready: np.ndarray, queue: np.ndarray, length: np.ndarray, due: np.ndarray,
) -> tuple[int, int, int]:  # fmt: skip
    """The first command that the queue of the mode has: (tick, place, command).

    Where all that wait want rows that are open, no command is sooner than what binds all banks lets it be.
    """
    channel = channels[c]
    mode, policy = channel.write_mode, shape[0].policy
    many = length[c, mode]
    if policy == FCFS or oldest_only:
        many = min(many, 1)
    hits = channel.hits >> mode & 1
    soonest = 2 * _on_grid(max(tick, ready[c, RD + mode, shape[0].banks]), RD + mode, shape)
    best, place, command, others = 2 * FOREVER, -1, -1, 0
    for i in range(many):
        waiting = queue[c, mode, i]
        b = waiting.bank
        bank = banks[c, b]
        if bank.stage == OPEN and bank.row == waiting.row:
            wanted = RD + mode
            if bus == ROWS or (policy == FCFS and length[c, ACTIVE] > 0):
                continue
        else:
            others += 1
            if bank.stage == OPEN:
                wanted = PREPB
                if bus == COLUMNS or bank.active >= 0:
                    continue
            elif bank.stage == CLOSED:
                wanted = ACT
                if bus == COLUMNS or channel.opening >= 0:
                    continue
            else:
                continue
        if shape[0].refresh == PER_BANK and channel.due > 0 and _refreshed(b, c, shape, channels, due):
            continue
        at = 2 * _on_grid(max(tick, ready[c, wanted, b]), wanted, shape)
        if policy == ROWHIT and wanted < RD:
            at += 1
        if at < best:
            best, place, command = at, i, wanted
            if at == 2 * tick or (hits and at == soonest):
                return best // 2, place, command
    if others == 0 and many == length[c, mode]:
        channel.hits |= 1 << mode
    return best // 2, place, command


@part
def _refreshed(b: int, c: int, shape: np.ndarray, channels: np.ndarray, due: np.ndarray) -> bool:
    """Whether the oldest refresh that waits takes a bank."""
    first = due[c, channels[c].due_first]
    apart = shape[0].banks // shape[0].ranks // shape[0].refresh_banks
    return b >= first and (b - first) % apart == 0 and (b - first) // apart < shape[0].refresh_banks


@part
def _refresh(
    tick: int, c: int, shape: np.ndarray, channels: np.ndarray, banks: np.ndarray,
    ready: np.ndarray, due: np.ndarray,
) -> tuple[int, int, int]:  # fmt: skip
    """Next command of the oldest refresh that waits: (tick, first bank, command).

    Open banks are closed first; it waits while a request has opened one of them and not had its data.
    """
    first = due[c, channels[c].due_first]
    each = shape[0].banks // shape[0].ranks
    if shape[0].refresh == ALL_BANK:
        command = REFAB
        for b in range(first, first + each):
            if banks[c, b].stage != CLOSED:
                command = PREAB
                if banks[c, b].active >= 0:
                    return FOREVER, -1, -1
        at = max(tick, allowed_below(command, c, first, first + each, ready))
        return _on_grid(at, command, shape), first, command
    apart = each // shape[0].refresh_banks
    at = tick
    for i in range(shape[0].refresh_banks):
        b = first + i * apart
        if banks[c, b].stage != CLOSED:
            if banks[c, b].active >= 0:
                return FOREVER, -1, -1
            return _on_grid(max(tick, ready[c, PREPB, b]), PREPB, shape), b, PREPB
        at = max(at, ready[c, REFPB, b])
    return _on_grid(at, REFPB, shape), first, REFPB


@part
def _closing(
    c: int, s: int, b: int, row: int, command: int, shape: np.ndarray, queue: np.ndarray, length: np.ndarray
) -> int:  # fmt: skip
    """What a RD or WR becomes: RDA or WRA where rows are closed and no other request wants this one."""
    if not shape[0].close:
        return command
    for waiting in range(3):
        for i in range(length[c, waiting]):
            other = queue[c, waiting, i]
            if other.slot != s and other.bank == b and other.row == row:
                return command
    return RDA if command == RD else WRA
