"""Messages of spiking cores through a mesh, step by step: first ready, first served, whole paths at once.

Equations and limits: docs/models/spiking_chips.md. ``simulator.kernels.spikemesh`` decides event by event
what is taken in one go here. Time is in femtoseconds; a run has several calls, of any steps each.
"""

from __future__ import annotations

import numpy as np

from simulator.kernels.jit import lean, part

#: No message is left.
NEVER = np.iinfo(np.int64).max


@lean
def queue_steps(
    offsets: np.ndarray, neurons: np.ndarray, core_of: np.ndarray, first: np.ndarray, core: np.ndarray,
    serve_fs: np.ndarray, ready_fs: np.ndarray, soma_fs: np.ndarray, tile_of: np.ndarray, shape: np.ndarray,
    hop_fs: np.ndarray, lists: np.ndarray, heads: np.ndarray, clocks: np.ndarray, lost: np.ndarray,
    losers: np.ndarray, rings: np.ndarray, queues: np.ndarray, waiting: np.ndarray, start: int,
    taken_fs: np.ndarray,
) -> int:  # fmt: skip
    """Time of each step, its barrier left out, with its messages going through the mesh.

    Messages are taken in the order in which cores have them ready, and follow their whole path at once:
    links give way in that order. Each waits for a place in every queue, for those before it there, and for
    the link. Cores take messages in by arrival.

    Parameters
    ----------
    offsets, neurons, core_of, first, core, serve_fs
        As for ``measure_steps``.
    ready_fs
        int64 (k,): time of a spike's own core from the start of a step until the spike, without messages.
    soma_fs
        int64 (T, C): the same until the end of the step.
    tile_of
        int32 (C + 1, 2): column and row of each core's tile; last those from where outside spikes come.
    shape
        int64 (4,): columns of the mesh, time of sending a message from a core, from outside, time that a
        message holds a link.
    hop_fs
        int64 (2,): time of a hop along a row, along a column.
    lists, heads, clocks
        int64 (k,), (C + 1, 4), (C + 1, 2), written: spikes of a step by sender; of each sender: next spike,
        end, next entry, end; time, and part of it in the soma.
    lost, losers
        int64 (2 P,) each with P the next power of two, written: a tree of matches for the sender whose
        message is ready first; of each match the later one and its time.
    rings
        int64 (queues, places), written: when each place of a queue gets free. Queues are those behind links
        (tile x 4 + direction), of senders, then of receivers.
    queues
        int64 (queues, 3), written: place of the next message; when the last one left; when its door gets
        free.
    waiting
        int64 (C, places + 1, 2), written: messages that each receiver has not taken in yet, a ring by
        arrival: arrival and time that each takes; in front of it, where it begins and how many there are.
    start
        Time of the first step: later than everything in ``rings`` and ``queues``.
    taken_fs
        int64 (T,), written.

    Returns
    -------
    end
        For ``start`` of the next call.
    """
    cores = tile_of.shape[0] - 1
    links, half = queues.shape[0] - 2 * cores - 1, losers.size // 2
    for t in range(offsets.size - 1):
        _sort_by_sender(offsets[t], offsets[t + 1], neurons, core_of, lists, heads)
        for c in range(cores + 1):
            clocks[c, 0], clocks[c, 1], heads[c, 2], heads[c, 3] = start, 0, 0, 0
            lost[half + c] = _advance(c, cores, lists, heads, clocks, neurons, first, ready_fs, shape)
        c, due = _play(lost, losers, half, cores + 1)
        while due != NEVER:
            e = heads[c, 2]
            heads[c, 2] += 1
            clocks[c, 0] = _send(
                due, c, core[e], serve_fs[e], links, cores, tile_of, shape, hop_fs, rings, queues, waiting,
            )  # fmt: skip
            due = _advance(c, cores, lists, heads, clocks, neurons, first, ready_fs, shape)
            c, due = _replay(lost, losers, half, c, due)
        end = start
        for c in range(cores):
            _serve(links + cores + 1 + c, c, NEVER, rings, queues, waiting)
            end = max(end, clocks[c, 0] + soma_fs[t, c] - clocks[c, 1], queues[links + cores + 1 + c, 2])
        taken_fs[t] = end - start
        start = end
    return start


@part
def _sort_by_sender(
    begin: int, end: int, neurons: np.ndarray, core_of: np.ndarray, lists: np.ndarray, heads: np.ndarray
) -> None:
    """Spikes of a step by the core that sends them, those from outside last; each sender's in order."""
    senders = heads.shape[0]
    for c in range(senders):
        heads[c, 1] = 0
    for k in range(begin, end):
        c = core_of[neurons[k]]
        heads[c if c >= 0 else senders - 1, 1] += 1
    at = 0
    for c in range(senders):
        heads[c, 0] = at
        at += heads[c, 1]
        heads[c, 1] = heads[c, 0]
    for k in range(begin, end):
        c = core_of[neurons[k]]
        c = c if c >= 0 else senders - 1
        lists[heads[c, 1]] = k
        heads[c, 1] += 1


@part
def _advance(
    c: int, cores: int, lists: np.ndarray, heads: np.ndarray, clocks: np.ndarray, neurons: np.ndarray,
    first: np.ndarray, ready_fs: np.ndarray, shape: np.ndarray,
) -> int:  # fmt: skip
    """Find a sender's next message; when it is ready."""
    while heads[c, 2] == heads[c, 3] and heads[c, 0] < heads[c, 1]:
        k = lists[heads[c, 0]]
        heads[c, 0] += 1
        heads[c, 2], heads[c, 3] = first[neurons[k]], first[neurons[k] + 1]
        clocks[c, 0] += ready_fs[k] - clocks[c, 1]
        clocks[c, 1] = ready_fs[k]
    if heads[c, 2] == heads[c, 3]:
        return NEVER
    return clocks[c, 0] + shape[1 if c < cores else 2]


@part
def _send(
    ready: int, c: int, to: int, serve: int, links: int, cores: int, tile_of: np.ndarray, shape: np.ndarray,
    hop_fs: np.ndarray, rings: np.ndarray, queues: np.ndarray, waiting: np.ndarray,
) -> int:  # fmt: skip
    """Take a message along its path; when its sender got rid of it."""
    places = rings.shape[1]
    queue = links + c
    place = queues[queue, 0]
    gone = max(ready, rings[queue, place])
    queues[queue, 0] = place + 1 if place + 1 < places else 0
    now, columns = gone, shape[0]
    x, y, to_x, to_y = tile_of[c, 0], tile_of[c, 1], tile_of[to, 0], tile_of[to, 1]
    across = abs(to_x - x)
    link, onward = (y * columns + x) * 4 + (0 if to_x > x else 1), 4 if to_x > x else -4
    up, turn = 4 * columns if to_y > y else -4 * columns, (y * columns + to_x) * 4 + (2 if to_y > y else 3)
    for hop in range(across + abs(to_y - y)):
        here = link + hop * onward if hop < across else turn + (hop - across) * up
        now, place = _pass(now, queue, place, here, shape[3], places, rings, queues)
        queue, now = here, now + hop_fs[0 if hop < across else 1]
    into = links + cores + 1 + to
    if waiting[to, 0, 1] == places:
        _serve(into, to, ready, rings, queues, waiting)
    if waiting[to, 0, 1] == places:
        _serve(into, to, waiting[to, 1 + waiting[to, 0, 0], 0], rings, queues, waiting)
    count = waiting[to, 0, 1]
    behind = queues[into, 0] + count
    if behind >= places:
        behind -= places
    now = max(max(now, queues[queue, 1]), rings[into, behind])
    queues[queue, 1] = now
    rings[queue, place] = now
    waiting[to, 0, 1] = count + 1
    at = waiting[to, 0, 0] + count
    if at >= places:
        at -= places
    while count > 0:
        before = at - 1 if at > 0 else places - 1
        if waiting[to, 1 + before, 0] <= now:
            break
        waiting[to, 1 + at, 0] = waiting[to, 1 + before, 0]
        waiting[to, 1 + at, 1] = waiting[to, 1 + before, 1]
        at = before
        count -= 1
    waiting[to, 1 + at, 0], waiting[to, 1 + at, 1] = now, serve
    return gone


@part
def _pass(
    now: int, queue: int, place: int, link: int, holds: int, places: int, rings: np.ndarray,
    queues: np.ndarray,
) -> tuple[int, int]:  # fmt: skip
    """Move a message from a place of a queue to the one behind a link: when it goes, and its place there."""
    behind = queues[link, 0]
    now = max(max(now, queues[queue, 1]), max(queues[link, 2], rings[link, behind]))
    queues[link, 0] = behind + 1 if behind + 1 < places else 0
    queues[link, 2] = now + holds
    queues[queue, 1] = now
    rings[queue, place] = now
    return now, behind


@part
def _serve(
    into: int, to: int, until: int, rings: np.ndarray, queues: np.ndarray, waiting: np.ndarray
) -> None:
    """Let a core take in what has arrived by an instant, first come first served."""
    places = rings.shape[1]
    front, count, turn, free = waiting[to, 0, 0], waiting[to, 0, 1], queues[into, 0], queues[into, 2]
    while count > 0 and waiting[to, 1 + front, 0] <= until:
        free = max(free, waiting[to, 1 + front, 0])
        rings[into, turn] = free
        free += waiting[to, 1 + front, 1]
        turn = turn + 1 if turn + 1 < places else 0
        front = front + 1 if front + 1 < places else 0
        count -= 1
    waiting[to, 0, 0], waiting[to, 0, 1], queues[into, 0], queues[into, 2] = front, count, turn, free


@part
def _play(lost: np.ndarray, losers: np.ndarray, half: int, senders: int) -> tuple[int, int]:
    """Play all matches; the sender whose message is ready first, the lower one at a tie, and its time.

    Times are in the second half of ``lost``; winners rise, so matches are played from the leaves up, and what
    rises is kept in place of a match until that match is played.
    """
    for i in range(half):
        losers[half + i] = i
        if i >= senders:
            lost[half + i] = NEVER
    for i in range(half - 1, 0, -1):
        a, b = 2 * i, 2 * i + 1
        wins = lost[b] < lost[a]
        losers[i], lost[i] = losers[b if wins else a], lost[b if wins else a]
    first, due = losers[1], lost[1]
    for i in range(1, half):
        a, b = 2 * i, 2 * i + 1
        loses = a if losers[b] == losers[i] else b
        losers[i], lost[i] = losers[loses], lost[loses]
    return first, due


@part
def _replay(lost: np.ndarray, losers: np.ndarray, half: int, c: int, due: int) -> tuple[int, int]:
    """Play the matches of the last winner again with its next message: the new winner and its time."""
    i = (half + c) >> 1
    while i > 0:
        other, later = losers[i], lost[i]
        wins = later < due or (later == due and other < c)
        losers[i], lost[i] = (c, due) if wins else (other, later)
        c, due = (other, later) if wins else (c, due)
        i >>= 1
    return c, due
