"""A DRAM channel and its controller, command by command, from tables: no decision here that a table can hold.

Model, policies and limits: docs/models/dram.md. Time is counted in clocks of the controller, *ticks*. In
every clock one transaction may be offered, then the tick decides on one command, or one per command bus. The
kernel does not tick: it goes from one tick at which something can change to the next. Arrays: ``dramstate``.
"""

from __future__ import annotations

import numpy as np

from simulator.kernels.dramqueue import ACTIVE, activate, count, next_offer, release, remove, take
from simulator.kernels.dramscan import ANY, COLUMNS, REFRESH, ROWS, becomes_urgent, scan
from simulator.kernels.dramstate import (
    ACT,
    ACT2,
    ALL_BANK,
    CAS_RD,
    CAS_WR,
    CLOSED,
    CONFLICT,
    FOREVER,
    HIT,
    MISS,
    N_ACT,
    N_BUSY,
    N_HIT,
    N_READ,
    N_WRITE,
    OPEN,
    OPENING,
    PREAB,
    PREPB,
    RD,
    RDA,
    REFAB,
    REFPB,
    WR,
    WRA,
    State,
    Tables,
)  # fmt: skip
from simulator.kernels.dramtime import book
from simulator.kernels.jit import lean, part


@lean
def serve(until: int, first_only: bool, tables: Tables, state: State, ended: np.ndarray) -> int:
    """Decide on everything up to a tick; return the flights that ended.

    Parameters
    ----------
    until
        Last tick to be decided on; FOREVER stops where nothing is left to do.
    first_only
        Stop once no other flight can end before one that has.
    tables, state
        See ``dramstate``; the state is written.
    ended
        int64, shape (flights, 2), written: row of ``flights`` and tick at which its last transaction was
        done.

    Returns
    -------
    int
        How many rows of ``ended`` were written, in no order.
    """
    shape, rules, rule_first, pieces, pool, arrivals, parts = tables
    channels, banks, ranks, ready, ring, queue, length, slots, due = state[:9]
    flights, streams, total, commands, counts, bins, latencies, log = state[9:]
    found = 0
    while True:
        c = 0
        for other in range(1, channels.size):
            if channels[other].tick < channels[c].tick:
                c = other
        tick = channels[c].tick
        if tick > until or (until == FOREVER and total[0].pending == 0 and tick > total[0].last_done):
            break
        _event(
            tick, c, shape, rules, rule_first, pieces, pool, arrivals, parts, channels, banks, ranks, ready,
            ring, queue, length, slots, due, flights, streams, total, commands, counts, bins, latencies, log,
        )  # fmt: skip
        if total[0].ended > 0:
            total[0].ended = 0
            for f in range(flights.size):
                if flights[f].live and flights[f].left == 0:
                    flights[f].live = 0
                    ended[found, 0], ended[found, 1] = f, flights[f].done
                    found += 1
                    if first_only:
                        until = min(until, flights[f].done)
    return found


@part
def _event(
    tick, c, shape, rules, rule_first, pieces, pool, arrivals, parts, channels, banks, ranks, ready,
    ring, queue, length, slots, due, flights, streams, total, commands, counts, bins, latencies, log,
):  # fmt: skip
    """What one channel does at a tick: take in, owe refreshes, issue."""
    channel = channels[c]
    taken = channel.offers < tick
    if shape[0].down_after > 0 and (taken or tick >= channel.refresh_at):
        wake_up(tick, c, shape, channels, ranks, ready, length)
    if taken:
        take(
            tick - 1, c, shape, pieces, pool, parts, channels, banks, queue, length, slots, flights, streams,
            total, latencies,
        )  # fmt: skip
        channel.dirty = 1
    while tick >= channel.refresh_at:
        _owe_refresh(c, shape, channels, due)
    if tick >= channel.urgent_at:
        channel.dirty = 1
    again, channel.dirty = channel.dirty, 0
    bus = COLUMNS if shape[0].two_buses else ANY
    while True:
        if again:
            at, source, index, command = scan(
                bus, tick, c, shape, channels, banks, ranks, ready, queue, length, slots, due
            )  # fmt: skip
            _expect(bus, at, source, index, command, c, channels)
        elif bus == ROWS:
            at, source = channel.row_tick, channel.row_from
            index, command = channel.row_index, channel.row_command
        else:
            at, source = channel.column_tick, channel.column_from
            index, command = channel.column_index, channel.column_command
        if at == tick:
            _issue(
                tick, c, source, index, command, shape, rules, rule_first, channels, banks, ranks, ready,
                ring, queue, length, slots, due, flights, total, commands, counts, bins, latencies, log,
            )  # fmt: skip
            channel.dirty = again = 1
        if bus != COLUMNS:
            break
        bus = ROWS
    soonest = min(channel.column_tick, channel.row_tick)
    if channel.dirty:
        soonest = tick + 1
    if channel.dirty or taken:
        next_offer(tick, c, shape, pool, arrivals, channels, queue, length, slots, flights, streams)
    channel.urgent_at = becomes_urgent(tick, c, shape, queue, length, slots)
    channel.tick = max(min(soonest, channel.offers + 1, channel.refresh_at, channel.urgent_at), tick + 1)
    if channel.gate < FOREVER:
        _hand_over(tick, c, shape, channels, ranks, ready, length)


@part
def _hand_over(
    tick: int, c: int, shape: np.ndarray, channels: np.ndarray, ranks: np.ndarray, ready: np.ndarray,
    length: np.ndarray,
) -> None:  # fmt: skip
    """Leave a channel to the PIM stream that waits, once all that arrived before it is done."""
    channel = channels[c]
    if channel.offers < FOREVER or tick <= channel.gate or channel.due > 0:
        return
    if length[c, 0] + length[c, 1] + length[c, 2] > 0:
        return
    if shape[0].down_after > 0:
        wake_up(tick, c, shape, channels, ranks, ready, length)
    channel.handed = tick + 1 if channel.dirty else tick
    channel.tick = FOREVER


@part
def wake_up(
    tick: int, c: int, shape: np.ndarray, channels: np.ndarray, ranks: np.ndarray, ready: np.ndarray,
    length: np.ndarray,
) -> None:  # fmt: skip
    """End the power-down of a channel that was quiet for long enough: commands wait for the exit."""
    channel = channels[c]
    asleep = tick - channel.quiet_since - shape[0].down_after
    if asleep <= 0 or channel.due > 0 or length[c, 0] + length[c, 1] + length[c, 2] > 0:
        return
    for r in range(ranks.shape[1]):
        if ranks[c, r].open > 0:
            ranks[c, r].down_active += asleep
        else:
            ranks[c, r].down_idle += asleep
    for command in range(ready.shape[1]):
        for b in range(ready.shape[2]):
            ready[c, command, b] = max(ready[c, command, b], tick + shape[0].down_exit)
    channel.quiet_since = tick


@part
def _expect(bus: int, tick: int, source: int, index: int, command: int, c: int, channels: np.ndarray) -> None:
    """Remember what will issue next on a bus if nothing comes."""
    channel = channels[c]
    if bus == ROWS:
        channel.row_tick, channel.row_from, channel.row_index, channel.row_command = (
            tick,
            source,
            index,
            command,
        )
    else:
        channel.column_tick, channel.column_from = tick, source
        channel.column_index, channel.column_command = index, command


@part
def _owe_refresh(c: int, shape: np.ndarray, channels: np.ndarray, due: np.ndarray) -> None:
    """Refreshes that fall due join those that wait: of every rank, or of the banks whose turn it is."""
    channel = channels[c]
    each = shape[0].banks // shape[0].ranks
    for rank in range(shape[0].ranks):
        first = rank * each
        if shape[0].refresh != ALL_BANK:
            first += channel.refresh_bank
        due[c, (channel.due_first + channel.due) % due.shape[1]] = first
        channel.due += 1
    channel.refresh_bank = (channel.refresh_bank + 1) % max(each // max(shape[0].refresh_banks, 1), 1)
    channel.refresh_at += shape[0].refresh_every
    channel.dirty = 1


@part
def _issue(
    tick, c, source, index, command, shape, rules, rule_first, channels, banks, ranks, ready, ring, queue,
    length, slots, due, flights, total, commands, counts, bins, latencies, log,
):  # fmt: skip
    """Issue the command that a scan has found."""
    commands[c, command] += 1
    if command not in (RD, WR, CAS_RD, CAS_WR):
        channels[c].hits = 0  # rows are opened or closed
    refreshes = command in (REFAB, REFPB)
    channels[c].quiet_since = tick + (shape[0].refresh_time if refreshes else shape[0].read_latency)
    if source == REFRESH:
        _log(tick, c, command, index, -1, -1, total, log)
        _refresh(
            tick, c, command, index, shape, rules, rule_first, channels, banks, ranks, ready, ring, due
        )  # fmt: skip
        return
    channel = channels[c]
    s, b = queue[c, source, index].slot, queue[c, source, index].bank
    slot = slots[c, s]
    node = slot.node
    _log(tick, c, command, b, slot.row, slot.addr, total, log)
    book(tick, command, c, b, b + 1, rules, rule_first, ready, ring)
    if command in (CAS_RD, CAS_WR):
        channel.held_from, channel.held_index = source, index
        return
    if slot.found < 0:
        slot.found = MISS if command == ACT else CONFLICT if command == PREPB else HIT
        count(tick, N_HIT + slot.found, node, total, counts, bins)
    if command == PREPB:
        _close(tick, c, b, shape, banks, ranks)
    elif command == ACT:
        remove(c, source, index, queue, length)
        activate(c, s, queue, length, slots)
        _open(tick, c, b, shape, banks, ranks)
        banks[c, b].row, banks[c, b].active = slot.row, s
        counts[node, N_ACT] += 1
        if shape[0].act2_within > 0:
            banks[c, b].stage = OPENING
            channel.opening = s
    elif command == ACT2:
        banks[c, b].stage = OPEN
        channel.opening = -1
    else:
        remove(c, source, index, queue, length)
        if source == ACTIVE:
            banks[c, b].active = -1
        if shape[0].sync_read > 0:
            runs = shape[0].sync_write if slot.write else shape[0].sync_read
            ranks[c, banks[c, b].rank].sync = tick + runs
            channel.held_from = -1
        counts[node, N_BUSY] += tick - max(channel.last_column, slot.arrival)
        channel.last_column = tick
        count(tick, N_WRITE if slot.write else N_READ, node, total, counts, bins)
        release(tick, c, s, shape, channels, slots, flights, total, latencies)
        if command in (RDA, WRA):
            _close(tick, c, b, shape, banks, ranks)


@part
def _log(
    tick: int, c: int, command: int, bank: int, row: int, addr: int, total: np.ndarray, log: np.ndarray
) -> None:  # fmt: skip
    kept = total[0].logged
    if kept < log.size:
        entry = log[kept]
        entry.tick, entry.channel, entry.command, entry.bank, entry.row, entry.addr = (
            tick,
            c,
            command,
            bank,
            row,
            addr,
        )
        total[0].logged = kept + 1


@part
def _refresh(
    tick, c, command, first, shape, rules, rule_first, channels, banks, ranks, ready, ring, due
):  # fmt: skip
    """A refresh that was due, or what closes its banks before."""
    channel = channels[c]
    each = shape[0].banks // shape[0].ranks
    if command == PREPB:
        book(tick, PREPB, c, first, first + 1, rules, rule_first, ready, ring)
        _close(tick, c, first, shape, banks, ranks)
        return
    if command == REFPB:
        apart = each // shape[0].refresh_banks
        for i in range(shape[0].refresh_banks):
            b = first + i * apart
            book(tick, REFPB, c, b, b + 1, rules, rule_first, ready, ring)
    else:
        book(tick, command, c, first, first + each, rules, rule_first, ready, ring)
        if command == PREAB:
            for b in range(first, first + each):
                if banks[c, b].stage != CLOSED:
                    _close(tick, c, b, shape, banks, ranks)
            return
    channel.due_first = (channel.due_first + 1) % due.shape[1]
    channel.due -= 1


@part
def _open(tick: int, c: int, b: int, shape: np.ndarray, banks: np.ndarray, ranks: np.ndarray) -> None:
    rank = ranks[c, banks[c, b].rank]
    banks[c, b].stage, banks[c, b].opened = OPEN, tick
    if rank.open == 0:
        rank.since = tick
    rank.open += 1


@part
def _close(tick: int, c: int, b: int, shape: np.ndarray, banks: np.ndarray, ranks: np.ndarray) -> None:
    rank = ranks[c, banks[c, b].rank]
    banks[c, b].stage, banks[c, b].row = CLOSED, -1
    rank.open -= 1
    if rank.open == 0:
        rank.active += tick - rank.since
