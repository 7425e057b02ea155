"""The queues of a DRAM controller: what is offered, taken in, and done. Arrays: ``dramstate``."""

from __future__ import annotations

import numpy as np

from simulator.kernels.dramstate import BANK_FIELD, BIN_COUNT, CHANNEL_FIELD, FOREVER, OPEN, ROW_FIELD
from simulator.kernels.jit import part

READS, WRITES, ACTIVE = 0, 1, 2


@part
def next_offer(
    clock: int, c: int, shape: np.ndarray, pool: np.ndarray, arrivals: np.ndarray,
    channels: np.ndarray, queue: np.ndarray, length: np.ndarray, slots: np.ndarray, flights: np.ndarray,
    streams: np.ndarray,
) -> None:  # fmt: skip
    """Find which master's transaction is taken in next as the queues are, in this clock at the earliest.

    Masters take turns, each in its own order; a master that finds no place lets the others pass. ``offers``
    and ``offerer`` of the channel are set. Behind the gate nothing is offered.
    """
    channel = channels[c]
    masters = streams.shape[1]
    soonest, master = FOREVER, -1
    for step in range(masters):
        m = channel.turn + 1 + step
        m = m - masters if m >= masters else m
        f = streams[c, m].flight
        if f < 0:
            continue
        at = flights[f].arrival
        if arrivals.shape[1] > 0:
            at = max(at, arrivals[f, streams[c, m].next])
        if at > channel.gate:
            continue
        at = max(at, clock)
        if at < soonest:
            word = pool[f, streams[c, m].next]
            write = word & 1
            full = length[c, write] >= (shape[0].write_queue if write else shape[0].read_queue)
            # what meets a waiting write to its address needs no place; a write waits for reads before it
            if full and not _waits(1, word >> 1, c, shape, queue, length, slots):
                continue
            if write and _waits(0, word >> 1, c, shape, queue, length, slots):
                continue
            soonest, master = at, m
    channel.offers, channel.offerer = soonest, master


@part
def _waits(
    write: int, addr: int, c: int, shape: np.ndarray, queue: np.ndarray, length: np.ndarray, slots: np.ndarray
) -> bool:  # fmt: skip
    """Whether a write (or a read) to an address waits, in its queue or for its row that was opened."""
    addr &= -shape[0].access
    for i in range(length[c, write]):
        if slots[c, queue[c, write, i].slot].addr == addr:
            return True
    for i in range(length[c, ACTIVE]):
        slot = slots[c, queue[c, ACTIVE, i].slot]
        if slot.write == write and slot.addr == addr:
            return True
    return False


@part
def take(
    clock: int, c: int, shape: np.ndarray, pieces: np.ndarray, pool: np.ndarray, parts: np.ndarray,
    channels: np.ndarray, banks: np.ndarray, queue: np.ndarray, length: np.ndarray, slots: np.ndarray,
    flights: np.ndarray, streams: np.ndarray, total: np.ndarray, latencies: np.ndarray,
) -> None:  # fmt: skip
    """Take in the transaction that ``next_offer`` has found."""
    channel = channels[c]
    m = channel.offerer
    stream = streams[c, m]
    f = stream.flight
    word = pool[f, stream.next]
    write, addr = word & 1, word >> 1
    addr &= -shape[0].access
    channel.turn = m
    total[0].last_accept = max(total[0].last_accept, clock)
    if _waits(1, addr, c, shape, queue, length, slots):
        total[0].pending -= 1
        if write:
            total[0].coalesced += 1
            finish(clock + 1, f, flights, total)
        else:
            total[0].forwarded += 1
            read_done(clock, clock + 1, f, flights, total, latencies)
    else:
        s = channel.free
        slot = slots[c, s]
        channel.free = slot.next
        slot.addr, slot.arrival, slot.flight, slot.write, slot.found = addr, clock, f, write, -1
        slot.sequence, slot.node = channel.sequence, flights[f].node
        channel.sequence += 1
        bank, row = locate(addr, pieces)
        slot.bank, slot.row = bank, row
        place = queue[c, write, length[c, write]]
        place.slot, place.bank, place.row = s, bank, row
        length[c, write] += 1
        if banks[c, bank].stage != OPEN or banks[c, bank].row != row:
            channel.hits &= ~(1 << write)
        if write and shape[0].posted:
            finish(clock + 1, f, flights, total)
    stream.next += 1
    if stream.next == parts[c, f].last:
        stream.flight = parts[c, f].follow
        if stream.flight < 0:
            stream.tail = -1
        else:
            stream.next = parts[c, stream.flight].first


@part
def locate(addr: int, pieces: np.ndarray) -> tuple[int, int]:
    """Bank and row of an address."""
    bank, row = 0, 0
    for i in range(pieces.size):
        piece = pieces[i]
        value = (addr >> piece.shift & piece.mask) << piece.place
        if piece.field == BANK_FIELD:
            bank ^= value
        elif piece.field == ROW_FIELD:
            row ^= value
    return bank, row


@part
def channel_of(addr: int, pieces: np.ndarray) -> int:
    """Channel of an address."""
    channel = 0
    for i in range(pieces.size):
        if pieces[i].field == CHANNEL_FIELD:
            channel ^= (addr >> pieces[i].shift & pieces[i].mask) << pieces[i].place
    return channel


@part
def remove(c: int, source: int, index: int, queue: np.ndarray, length: np.ndarray) -> None:
    """Take a request off its queue."""
    length[c, source] -= 1
    for i in range(index, length[c, source]):
        queue[c, source, i] = queue[c, source, i + 1]


@part
def activate(c: int, s: int, queue: np.ndarray, length: np.ndarray, slots: np.ndarray) -> None:
    """Put a request whose row was opened for it among its like, oldest first."""
    i = length[c, ACTIVE]
    while i > 0 and slots[c, queue[c, ACTIVE, i - 1].slot].sequence > slots[c, s].sequence:
        queue[c, ACTIVE, i] = queue[c, ACTIVE, i - 1]
        i -= 1
    place = queue[c, ACTIVE, i]
    place.slot, place.bank, place.row = s, slots[c, s].bank, slots[c, s].row
    length[c, ACTIVE] += 1


@part
def release(
    tick: int, c: int, s: int, shape: np.ndarray, channels: np.ndarray, slots: np.ndarray,
    flights: np.ndarray, total: np.ndarray, latencies: np.ndarray,
) -> None:  # fmt: skip
    """A request's data are on their way: it is done, and its slot free."""
    slot, channel = slots[c, s], channels[c]
    total[0].pending -= 1
    if slot.write:
        total[0].writes += 1
        total[0].last_done = max(total[0].last_done, tick)
        if not shape[0].posted:
            finish(tick, slot.flight, flights, total)
    else:
        read_done(slot.arrival, tick + shape[0].read_latency, slot.flight, flights, total, latencies)
    slot.next = channel.free
    channel.free = s


@part
def read_done(
    arrival: int, tick: int, f: int, flights: np.ndarray, total: np.ndarray, latencies: np.ndarray
) -> None:  # fmt: skip
    """Book a read that is answered at a tick."""
    total[0].reads += 1
    total[0].latency += tick - arrival
    total[0].worst_latency = max(total[0].worst_latency, tick - arrival)
    total[0].last_read = max(total[0].last_read, tick)
    if latencies.size > 0:
        latencies[min(tick - arrival, latencies.size - 1)] += 1
    finish(tick, f, flights, total)


@part
def finish(tick: int, f: int, flights: np.ndarray, total: np.ndarray) -> None:
    """One transaction less of a flight."""
    flight = flights[f]
    flight.left -= 1
    flight.done = max(flight.done, tick)
    total[0].last_done = max(total[0].last_done, tick)
    if flight.left == 0:
        total[0].ended += 1


@part
def count(tick: int, column: int, node: int, total: np.ndarray, counts: np.ndarray, bins: np.ndarray) -> None:
    """Count something for a node and for the stretch of time around a tick."""
    counts[node, column] += 1
    while tick >> total[0].bin_shift >= BIN_COUNT:  # stretches twice as long
        for i in range(BIN_COUNT):
            for j in range(bins.shape[1]):
                bins[i, j] = bins[2 * i, j] + bins[2 * i + 1, j] if i < BIN_COUNT // 2 else 0
        total[0].bin_shift += 1
    bins[tick >> total[0].bin_shift, column] += 1
