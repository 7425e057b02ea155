"""Messages of spiking cores through a mesh, step by step: first ready, first served, whole paths at once.

Equations and limits: docs/models/spiking_chips.md. ``simulator.kernels.spikemesh`` decides event by event
what is taken in one go here. Time is in femtoseconds; a run has several calls, of any steps each.
"""

from __future__ import annotations

import numpy as np

from simulator.kernels.jit import lean, part

#: Indices that are never below zero, which saves a look at each.
U = np.uint64

#: No message is left.
NEVER = np.iinfo(np.int64).max
#: Row of a queue: where its next place is, when the last message left it, when its door gets free, time of a
#: hop over its link; then its places, when each gets free.
NEXT, LEFT, FREE, HOP, HEAD = 0, 1, 2, 3, 4
#: Row of what a core has not taken in yet: its first place and how many are taken; then places of two.
FRONT, COUNT, FIRST = 0, 1, 2


@lean
def queue_steps(
    offsets: np.ndarray, neurons: np.ndarray, core_of: np.ndarray, first: np.ndarray, core: np.ndarray,
    serve_fs: np.ndarray, ready_fs: np.ndarray, soma_fs: np.ndarray, tile_of: np.ndarray, shape: np.ndarray,
    lists: np.ndarray, heads: np.ndarray, clocks: np.ndarray, tree: np.ndarray, queues: np.ndarray,
    waiting: np.ndarray, start: int, taken_fs: np.ndarray,
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
        int64 (6,): columns of the mesh, time of sending a message from a core, from outside, time that a
        message holds a link, places of a queue, time of a message within a tile.
    lists, heads, clocks
        int64 (k,), (C + 1, 4), (C + 1, 2), written: spikes of a step by sender; of each sender: next spike,
        end, next entry, end; time, and part of it in the soma.
    tree
        int64 (2 P,) with P the next power of two above C, written: matches for the sender whose message is
        ready first, ``_key`` of the later one of each.
    queues
        int64 (any,), see ``make_queues``; written.
    waiting
        int64 (C x (FIRST + 2 x places),), written: messages that each core has not taken in yet, a ring by
        arrival: arrival and time that each takes.
    start
        Time of the first step: later than everything in ``queues``.
    taken_fs
        int64 (T,), written.

    Returns
    -------
    end
        For ``start`` of the next call.
    """
    cores = tile_of.shape[0] - 1
    places, half = shape[4], tree.size // 2
    rows = queues.size - cores * (HEAD + places)  # of receivers
    for t in range(offsets.size - 1):
        _sort_by_sender(offsets[t], offsets[t + 1], neurons, core_of, lists, heads)
        for c in range(cores + 1):
            clocks[c, 0], clocks[c, 1], heads[c, 2], heads[c, 3] = start, 0, 0, 0
            due = _advance(c, cores, lists, heads, clocks, neurons, first, ready_fs, shape)
            tree[half + c] = _key(due, start, c, half)
        tree[0] = _touch(offsets[t], offsets[t + 1], neurons, first, core, serve_fs)
        key = _play(tree, half, cores + 1)
        while key != NEVER:
            c, due = key & (half - 1), start + key // half
            e = U(heads[U(c), 2])
            heads[U(c), 2] += 1
            clocks[U(c), 0] = _send(due, c, core[e], serve_fs[e], cores, tile_of, shape, queues, waiting)
            due = _advance(c, cores, lists, heads, clocks, neurons, first, ready_fs, shape)
            key = _replay(tree, half, c, _key(due, start, c, half))
        end = start
        for c in range(cores):
            into, list = rows + c * (HEAD + places), c * (FIRST + 2 * places)
            while waiting[U(list + COUNT)] > 0:
                _serve(into, list, places, queues, waiting)
            end = max(end, clocks[c, 0] + soma_fs[t, c] - clocks[c, 1], queues[into + FREE])
        taken_fs[t] = end - start
        start = end
    return start


def make_queues(links: int, others: int, places: int, hop_fs: tuple[int, int]) -> np.ndarray:
    """Empty queues: of links (tile x 4 + direction: +x, -x, +y, -y), of senders, then of receivers.

    int64 (queues x (HEAD + places),); ``hop_fs``: time of a hop along a row, along a column.
    """
    rows = np.zeros((links + others, HEAD + places), np.int64)
    rows[:, NEXT] = np.arange(len(rows)) * rows.shape[1] + HEAD
    rows[:links, HOP] = np.tile(np.repeat(hop_fs, 2), links // 4)
    return rows.reshape(-1)


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
def _touch(
    begin: int, end: int, neurons: np.ndarray, first: np.ndarray, core: np.ndarray, serve_fs: np.ndarray
) -> int:
    """Read of every cache line of a step's messages: later each is near, and now none waits for another."""
    found = 0
    for k in range(begin, end):
        for e in range(first[neurons[k]], first[neurons[k] + 1], 8):
            found += serve_fs[e] + core[e]
    return found


@part
def _advance(
    c: int, cores: int, lists: np.ndarray, heads: np.ndarray, clocks: np.ndarray, neurons: np.ndarray,
    first: np.ndarray, ready_fs: np.ndarray, shape: np.ndarray,
) -> int:  # fmt: skip
    """Find a sender's next message; when it is ready."""
    while heads[U(c), 2] == heads[U(c), 3] and heads[U(c), 0] < heads[U(c), 1]:
        k = lists[U(heads[U(c), 0])]
        heads[U(c), 0] += 1
        heads[U(c), 2], heads[U(c), 3] = first[neurons[k]], first[neurons[k] + 1]
        clocks[U(c), 0] += ready_fs[k] - clocks[U(c), 1]
        clocks[U(c), 1] = ready_fs[k]
    if heads[U(c), 2] == heads[U(c), 3]:
        return NEVER
    return clocks[U(c), 0] + shape[1 if c < cores else 2]


@part
def _send(
    ready: int, c: int, to: int, serve: int, cores: int, tile_of: np.ndarray, shape: np.ndarray,
    queues: np.ndarray, waiting: np.ndarray,
) -> int:  # fmt: skip
    """Take a message along its path; when its sender got rid of it."""
    columns, holds, places = shape[0], shape[3], shape[4]
    width = HEAD + places
    rows = queues.size - cores * width  # of receivers; before them those of senders
    row = rows + (c - cores - 1) * width
    place = queues[U(row)]
    gone = max(ready, queues[U(place)])
    queues[U(row)] = _after(place, row, width)
    x, y = np.int64(tile_of[U(c), 0]), np.int64(tile_of[U(c), 1])
    to_x, to_y = np.int64(tile_of[U(to), 0]), np.int64(tile_of[U(to), 1])
    across, east, south = abs(to_x - x), to_x > x, to_y > y
    onward, up = 4 * width if east else -4 * width, 4 * width * columns if south else -4 * width * columns
    turn = ((y * columns + to_x) * 4 + (2 if south else 3)) * width
    link = ((y * columns + x) * 4 + (0 if east else 1)) * width if across > 0 else turn
    now = gone
    left, last = across, -abs(to_y - y)  # a range with a negative step takes a tenth longer
    while left > last:
        left -= 1
        behind = queues[U(link)]
        now = max(max(now, queues[U(row + LEFT)]), max(queues[U(link + FREE)], queues[U(behind)]))
        queues[U(link)] = _after(behind, link, width)
        queues[U(link + FREE)] = now + holds
        queues[U(row + LEFT)] = now
        queues[U(place)] = now
        now += queues[U(link + HOP)]
        row, place = link, behind
        link = turn if left == 0 else link + (onward if left > 0 else up)
    list = to * (FIRST + 2 * places)
    _arrive(now, shape[5], serve, row, place, rows + to * width, list, places, queues, waiting)
    return gone


@part
def _arrive(
    now: int, within: int, serve: int, row: int, place: int, into: int, list: int, places: int,
    queues: np.ndarray, waiting: np.ndarray,
) -> None:  # fmt: skip
    """Let a message into the queue of its destination; the first one goes when all places are taken."""
    if waiting[U(list + COUNT)] == places:
        _serve(into, list, places, queues, waiting)
    count = waiting[U(list + COUNT)]
    behind = queues[U(into)] + count
    if behind >= into + HEAD + places:
        behind -= places
    now = max(max(now, queues[U(row + LEFT)]), queues[U(behind)])
    queues[U(row + LEFT)] = now
    queues[U(place)] = now
    now += within
    waiting[U(list + COUNT)] = count + 1
    at = waiting[U(list)] + count
    if at >= places:
        at -= places
    while count > 0:
        before = at - 1 if at > 0 else places - 1
        if waiting[U(list + FIRST + 2 * before)] <= now:
            break
        waiting[U(list + FIRST + 2 * at)] = waiting[U(list + FIRST + 2 * before)]
        waiting[U(list + FIRST + 2 * at + 1)] = waiting[U(list + FIRST + 2 * before + 1)]
        at = before
        count -= 1
    waiting[U(list + FIRST + 2 * at)], waiting[U(list + FIRST + 2 * at + 1)] = now, serve


@part
def _after(place: int, row: int, width: int) -> int:
    """The next place of a queue: a ring."""
    return place + 1 if place + 1 < row + width else row + HEAD


@part
def _serve(into: int, list: int, places: int, queues: np.ndarray, waiting: np.ndarray) -> None:
    """Let a core take in what arrived first, which makes a place; there is something."""
    front, turn = waiting[U(list)], queues[U(into)]
    begun = max(queues[U(into + FREE)], waiting[U(list + FIRST + 2 * front)])
    queues[U(turn)] = begun
    queues[U(into + FREE)] = begun + waiting[U(list + FIRST + 2 * front + 1)]
    queues[U(into)] = _after(turn, into, HEAD + places)
    waiting[U(list)] = front + 1 if front + 1 < places else 0
    waiting[U(list + COUNT)] -= 1


@part
def _key(due: int, start: int, c: int, half: int) -> int:
    """A sender's number behind its time: the earlier one is the smaller, the lower number at a tie."""
    return NEVER if due == NEVER else (due - start) * half + c


@part
def _play(tree: np.ndarray, half: int, senders: int) -> int:
    """Play all matches of the leaves, the second half of ``tree``; the key of the first.

    Winners rise from the leaves up; then, from the top down, each match keeps who lost it.
    """
    for i in range(senders, half):
        tree[half + i] = NEVER
    for i in range(half - 1, 0, -1):
        tree[i] = min(tree[2 * i], tree[2 * i + 1])
    first = tree[1]
    for i in range(1, half):
        tree[i] = max(tree[2 * i], tree[2 * i + 1])
    return first


@part
def _replay(tree: np.ndarray, half: int, c: int, key: int) -> int:
    """Play the matches of the last winner again with its next message: the key of the new first."""
    i = (half + c) >> 1
    while i > 0:
        other = tree[U(i)]
        tree[U(i)] = max(other, key)
        key = min(other, key)
        i >>= 1
    return key
