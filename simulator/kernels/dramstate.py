"""Tables and state of the DRAM kernel: what its arrays hold. No numba here, so that anyone may import it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

#: Later than any tick; sums of it and a latency still fit.
FOREVER = 2**61
#: Columns of ``ready``: the order of ``hw.standard.COMMANDS``.
ACT, PREPB, PREAB, RD, WR, RDA, WRA, REFAB, REFPB, ACT2, CAS_RD, CAS_WR = range(12)
#: Stage of a bank; OPENING waits for the second half of a two-step activate.
CLOSED, OPENING, OPEN = 0, 1, 2
#: Which request is served first, and whether a row is closed as soon as nobody waits for it.
FRFCFS, ROWHIT, FCFS = 0, 1, 2
NO_REFRESH, ALL_BANK, PER_BANK = 0, 1, 2
#: Columns of ``counts`` (per node) and of ``bins`` (per stretch of time): accesses, and what they found.
N_READ, N_WRITE, N_HIT, N_MISS, N_CONFLICT, N_ACT, N_BUSY = range(7)
HIT, MISS, CONFLICT = range(3)  # what a transaction found: its row open, the bank closed, another row open
COUNTS, BINS = 7, 5
BIN_COUNT = 1024

#: What does not change in a run. ``access`` in bytes, ``aligned`` a bit per command that
#: starts on odd ticks only, all else in ticks or numbers of things.
SHAPE = np.dtype(
    [
        ("access", "i8"), ("banks", "i8"), ("ranks", "i8"), ("read_latency", "i8"), ("two_buses", "i8"),
        ("aligned", "i8"),
        ("act2_within", "i8"), ("sync_read", "i8"), ("sync_write", "i8"),
        ("read_queue", "i8"), ("write_queue", "i8"), ("high", "i8"), ("low", "i8"),
        ("policy", "i8"), ("close", "i8"), ("posted", "i8"),
        ("refresh", "i8"), ("refresh_every", "i8"), ("refresh_banks", "i8"),
        ("down_after", "i8"), ("down_exit", "i8"), ("age_limit", "i8"),
        ("refresh_time", "i8"),
    ],
    align=True,
)  # fmt: skip
#: One ``after`` of a constraint, on nodes of ``span`` banks. ``ring`` is -1, or where the ``window`` last
#: instants of ``before`` are kept. ``brothers``: it binds the other nodes under the same parent, of which
#: there are so many; else 0.
RULE = np.dtype(
    [
        ("span", "i8"),
        ("after", "i8"),
        ("latency", "i8"),
        ("ring", "i8"),
        ("window", "i8"),
        ("brothers", "i8"),
    ],
    align=True,
)
#: A piece of the address mapping: field ^= (address >> shift & mask) << place; fields are FIELDS.
PIECE = np.dtype([("field", "i8"), ("shift", "i8"), ("mask", "i8"), ("place", "i8")], align=True)
FIELDS = CHANNEL_FIELD, BANK_FIELD, ROW_FIELD = range(3)

#: A channel. ``tick`` is its next event; ``column_tick`` and ``row_tick`` the first ticks at which a command
#: can issue if nothing comes, with where it comes from (where there is one bus, the column's stand for both).
#: ``dirty``: they are to be found again. ``offers``: the next clock in which something
#: is taken in, of master ``offerer``. ``opening``: slot whose activate
#: lacks its second half; ``held_from``, ``held_index``: request whose data clock was started. ``due``
#: refreshes wait. Nothing has been asked of the device since ``quiet_since``. ``hits``: bit 0 of reads, bit 1
#: of writes: all that wait are known to want rows that are open. What arrives after ``gate`` is
#: not offered yet: a PIM stream goes first (``drampimstate``), which has the channel from ``handed`` on.
CHANNEL = np.dtype(
    [
        ("tick", "i8"), ("dirty", "i8"), ("write_mode", "i8"), ("turn", "i8"), ("offers", "i8"),
        ("offerer", "i8"),
        ("column_tick", "i8"), ("column_from", "i8"), ("column_index", "i8"), ("column_command", "i8"),
        ("row_tick", "i8"), ("row_from", "i8"), ("row_index", "i8"), ("row_command", "i8"),
        ("sequence", "i8"), ("free", "i8"), ("opening", "i8"), ("held_from", "i8"), ("held_index", "i8"),
        ("refresh_at", "i8"), ("refresh_bank", "i8"), ("due_first", "i8"), ("due", "i8"),
        ("urgent_at", "i8"), ("last_column", "i8"), ("quiet_since", "i8"), ("hits", "i8"),
        ("gate", "i8"), ("handed", "i8"),
    ],
    align=True,
)  # fmt: skip
#: ``active``: slot for which the row was opened and that has not had its data, -1: none; ``opened``: tick of
#: the ACT.
BANK = np.dtype(
    [("row", "i8"), ("stage", "i4"), ("rank", "i4"), ("active", "i8"), ("opened", "i8")], align=True
)
#: A rank, or whatever all-bank refresh takes: open banks, since when there are some, ticks before that there
#: were; ``sync``: until when its data clock runs; ticks that it was powered down with and without an open
#: bank.
RANK = np.dtype(
    [
        ("open", "i8"),
        ("since", "i8"),
        ("active", "i8"),
        ("sync", "i8"),
        ("down_active", "i8"),
        ("down_idle", "i8"),
    ],
    align=True,
)
#: A place in a queue.
QUEUED = np.dtype([("slot", "i4"), ("bank", "i4"), ("row", "i8")], align=True)
#: A transaction in a queue. ``found`` is HIT, MISS or CONFLICT of its first command, -1 before; ``next`` the
#: next free slot, in those that are free. A posted write outlives its flight, so ``node`` is here, too.
SLOT = np.dtype(
    [
        ("addr", "i8"), ("arrival", "i8"), ("sequence", "i8"), ("flight", "i4"), ("bank", "i4"),
        ("row", "i8"), ("write", "i4"), ("found", "i4"), ("next", "i8"), ("node", "i8"),
    ],
    align=True,
)  # fmt: skip
#: A transfer: ``left`` transactions are not done, ``done`` is the tick at which the last one is so far.
FLIGHT = np.dtype(
    [("id", "i8"), ("node", "i8"), ("left", "i8"), ("done", "i8"), ("arrival", "i8"), ("live", "i8")],
    align=True,
)
#: The transactions of a flight that one channel has: where in ``pool``, and the master's flight after it (-1:
#: none).
PART = np.dtype([("first", "i8"), ("last", "i8"), ("follow", "i8")], align=True)
#: A master at a channel: the flight whose transactions it offers now (-1: none), the next of them, its last
#: flight.
STREAM = np.dtype([("flight", "i8"), ("next", "i8"), ("tail", "i8")], align=True)
#: Sums over all channels. ``pending`` transactions are not done, ``ended`` flights not yet reported.
TOTAL = np.dtype(
    [
        ("pending", "i8"), ("reads", "i8"), ("writes", "i8"), ("latency", "i8"), ("worst_latency", "i8"),
        ("forwarded", "i8"), ("coalesced", "i8"), ("last_read", "i8"), ("last_done", "i8"),
        ("last_accept", "i8"), ("bin_shift", "i8"), ("logged", "i8"), ("ended", "i8"),
    ],
    align=True,
)  # fmt: skip
#: A command as it was issued, for those who want to see them.
LOGGED = np.dtype(
    [("tick", "i8"), ("channel", "i4"), ("command", "i4"), ("bank", "i8"), ("row", "i8"), ("addr", "i8")],
    align=True,
)


class Tables(NamedTuple):
    """What a run only reads.

    Attributes
    ----------
    shape
        SHAPE, shape (1,).
    rules, rule_first
        RULE by preceding command; int32, shape (commands + 1,).
    pieces
        PIECE: the address mapping.
    pool
        int64, shape (flights, transactions): twice the address, plus 1 of a write.
    arrivals
        int64, as ``pool`` or shape (1, 0): clock before which a transaction is not offered.
    parts
        PART, shape (channels, flights).
    """

    shape: np.ndarray
    rules: np.ndarray
    rule_first: np.ndarray
    pieces: np.ndarray
    pool: np.ndarray
    arrivals: np.ndarray
    parts: np.ndarray


class State(NamedTuple):
    """What a run writes; a copy of it is a forecast.

    Attributes
    ----------
    channels, banks, ranks
        CHANNEL, shape (channels,); BANK, shape (channels, banks); RANK, shape (channels, ranks).
    ready
        int64, shape (channels, commands, banks + 1): first tick at which past commands allow each command;
        last what past commands on all banks allow, which is no later.
    ring
        int64, shape (channels, rings, nodes, window + 1): the last instants of a windowed command, and last
        where the next one goes.
    queue, length
        QUEUED, shape (channels, 3, depth): waiting reads, waiting writes, and requests whose row was opened
        for them, oldest first; int64, shape (channels, 3).
    slots
        SLOT, shape (channels, slots).
    due
        int64, shape (channels, any): refreshes that wait, as the first bank that they take; a ring.
    flights, streams
        FLIGHT, shape (flights,); STREAM, shape (channels, masters).
    total
        TOTAL, shape (1,).
    commands
        int64, shape (channels, commands): how often each was issued.
    counts
        int64, shape (nodes, COUNTS).
    bins
        int64, shape (BIN_COUNT, BINS): per 2^bin_shift ticks.
    latencies
        int64, shape (any,): reads by latency in ticks, the last one and beyond together; (0,): not wanted.
    log
        LOGGED, shape (any,); commands beyond its end are not kept.
    """

    channels: np.ndarray
    banks: np.ndarray
    ranks: np.ndarray
    ready: np.ndarray
    ring: np.ndarray
    queue: np.ndarray
    length: np.ndarray
    slots: np.ndarray
    due: np.ndarray
    flights: np.ndarray
    streams: np.ndarray
    total: np.ndarray
    commands: np.ndarray
    counts: np.ndarray
    bins: np.ndarray
    latencies: np.ndarray
    log: np.ndarray

    def copy(self) -> State:
        """A state of its own with the same content."""
        return State(*(array.copy() for array in self))
