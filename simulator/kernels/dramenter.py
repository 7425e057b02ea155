"""How a transfer becomes transactions of channels. Arrays: ``dramstate``."""

from __future__ import annotations

import numpy as np

from simulator.kernels.dramqueue import channel_of, next_offer
from simulator.kernels.dramstate import State, Tables
from simulator.kernels.jit import lean


@lean
def spread(
    requests: np.ndarray, first: int, last: int, access: int, pieces: np.ndarray, words: np.ndarray,
    sizes: np.ndarray,
) -> int:  # fmt: skip
    """Cut requests into accesses, channel by channel, each in the order of the requests.

    Parameters
    ----------
    requests
        REQUEST, shape (any,); ``first`` to ``last`` are meant.
    access
        Bytes of one access.
    pieces
        PIECE.
    words
        int64, shape (any,), written: twice the address, plus 1 of a write.
    sizes
        int64, shape (channels,), written: accesses of each channel.

    Returns
    -------
    int
        Accesses altogether; where they are more than ``words`` holds, nothing but ``sizes`` is of use.
    """
    sizes[:] = 0
    total = 0
    for r in range(first, last):
        request = requests[r]
        start = request.addr & -access
        while start < request.addr + request.bytes:
            sizes[channel_of(start, pieces)] += 1
            total += 1
            start += access
    if total > words.size:
        return total
    place = 0
    for c in range(sizes.size):  # sizes become where the next of each channel goes
        many = sizes[c]
        sizes[c] = place
        place += many
    for r in range(first, last):
        request = requests[r]
        start = request.addr & -access
        while start < request.addr + request.bytes:
            c = channel_of(start, pieces)
            words[sizes[c]] = 2 * start + request.op
            sizes[c] += 1
            start += access
    for c in range(sizes.size - 1, 0, -1):
        sizes[c] -= sizes[c - 1]
    return total


@lean
def enter(clock: int, f: int, m: int, sizes: np.ndarray, tables: Tables, state: State) -> None:
    """Put a flight, whose transactions are in the pool, behind the others of a master, from a clock on.

    ``sizes`` are its transactions per channel, int64, shape (channels,).
    """
    shape, _, _, _, pool, arrivals, parts = tables
    channels, queue, length, slots = state[0], state[5], state[6], state[7]
    flights, streams, total = state[9], state[10], state[11]
    place = 0
    for c in range(sizes.size):
        mine, stream = parts[c, f], streams[c, m]
        mine.first, mine.last, mine.follow = place, place + sizes[c], -1
        place += sizes[c]
        total[0].pending += sizes[c]
        if sizes[c] == 0:
            continue
        if stream.flight < 0:
            stream.flight, stream.next = f, mine.first
        else:
            parts[c, stream.tail].follow = f
        stream.tail = f
        next_offer(clock, c, shape, pool, arrivals, channels, queue, length, slots, flights, streams)
        channels[c].tick = min(channels[c].tick, channels[c].offers + 1)


@lean
def fold(
    sizes: np.ndarray, ahead: np.ndarray, entered: int, total: np.ndarray, words: np.ndarray,
    asked: np.ndarray, served: np.ndarray,
) -> tuple[int, int]:  # fmt: skip
    """Choose what of a transfer the one simulated channel serves for all; see ``hw.dramfold``.

    Parameters
    ----------
    sizes
        int64, shape (channels,): accesses that the transfer has of each channel.
    ahead
        int64, shape (channels,), written: accesses that the simulated channel had waiting more than each.
    entered, total
        Accesses that the simulated channel was given so far; TOTAL, which says how many are done.
    words
        As ``spread`` leaves them; the chosen ones are moved to the front.
    asked, served
        int64, shape (2,), written: reads and writes of the transfer, and of what was chosen, are added.

    Returns
    -------
    (many, left)
        How many were chosen, at least one: those with which no channel has more waiting than the simulated;
        how many more the fullest channel has.
    """
    waiting = entered - total[0].reads - total[0].writes - total[0].coalesced
    most, fullest, first, everyone = -1, 0, 0, 0
    for c in range(sizes.size):
        mine = max(waiting - ahead[c], 0) + sizes[c]
        if sizes[c] > 0 and mine > most:
            most, first = mine, everyone
        fullest = max(fullest, sizes[c])
        everyone += sizes[c]
    many = max(most - waiting, 1)
    for c in range(sizes.size):
        ahead[c] = waiting + many - max(waiting - ahead[c], 0) - sizes[c]
    for i in range(everyone):
        asked[words[i] & 1] += 1
    for i in range(many):
        words[i] = words[first + i]
        served[words[i] & 1] += 1
    return many, max(fullest - many, 0)
