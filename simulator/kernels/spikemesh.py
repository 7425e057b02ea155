"""Messages of spiking cores through a mesh, event by event: finite queues, links serve their inputs in turn.

A core has its messages ready one after the other; each enters the queue of its core, goes along the row, then
along the column, into the queue of the destination, and takes that core some time. A link takes a message
only if there is a place behind it; a core whose queue is full waits. Model and limits:
docs/models/spiking_chips.md. Time is in femtoseconds.

Queues are numbered: behind links (tile x 4 + direction: +x, -x, +y, -y), of senders, of receivers. A door is
what a message passes next: a link, or the entrance of a receiver's queue.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.kernels.jit import kernel, lean

#: A message: destination, sender, time from the one before (or the start) until it is ready, time that it
#: takes its destination.
MESSAGE = np.dtype([("to", "i4"), ("sender", "i4"), ("gap", "i8"), ("serve", "i8")], align=True)
#: What one sender does: rows of its messages, time from the last one to the end, what still has to end (its
#: messages, and itself), whether it waits for room.
SENDER = np.dtype(
    [
        ("next", "i8"), ("last", "i8"), ("tail", "i8"), ("pending", "i8"), ("command", "i4"), ("waits", "i4"),
    ],
    align=True,
)  # fmt: skip
#: A ring of messages: its front, how many are in it, how many have a place (those on their way included).
QUEUE = np.dtype([("front", "i4"), ("count", "i4"), ("taken", "i4")], align=True)
#: When it can be passed again, input that passed last, when it decides next (-1: nothing asks).
DOOR = np.dtype([("free", "i8"), ("wake", "i8"), ("turn", "i8")], align=True)
#: What happens next; a binary heap by time, then kind, then index.
EVENT = np.dtype([("time", "i8"), ("kind", "i4"), ("index", "i4"), ("message", "i8")], align=True)
#: A sender's message is ready (or its end); a message is behind a door; a receiver is done; a door decides.
READY, ARRIVED, SERVED, DECIDE = 0, 1, 2, 3
#: Fixed: columns and rows of the mesh, cores, hops, the way within a tile, and how long a door is held.
SHAPE = np.dtype(
    [
        ("columns", "i8"), ("rows", "i8"), ("cores", "i8"), ("hop_ew", "i8"), ("hop_ns", "i8"),
        ("within", "i8"), ("holds", "i8"),
    ],
    align=True,
)  # fmt: skip


@kernel
def offer(
    now: int, sender: int, first: int, last: int, tail: int, command: int, messages: np.ndarray,
    senders: np.ndarray, size: np.ndarray, heap: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Let a sender that has nothing to do begin at ``now`` with rows ``first`` to ``last`` of ``messages``.

    ``tail`` is its time after the last one. ``heap`` may have become too small: the one returned takes its
    place.
    """
    senders[sender].next, senders[sender].last, senders[sender].tail = first, last, tail
    senders[sender].command, senders[sender].waits = command, 0
    senders[sender].pending = last - first + 1
    if size[0] + 2 > heap.size:
        heap = np.concatenate((heap, np.empty(heap.size + 2, EVENT)))
    _push(heap, size, now + (messages[first].gap if first < last else tail), READY, sender, 0)
    return heap


@kernel
def deliver_until(
    until: int, stop_at_first: bool, shape: np.ndarray, messages: np.ndarray, tile_of: np.ndarray,
    inputs: np.ndarray, senders: np.ndarray, queues: np.ndarray, places: np.ndarray, doors: np.ndarray,
    busy: np.ndarray, size: np.ndarray, heap: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Take every decision that falls before an instant.

    Parameters
    ----------
    until
        What is decided at this instant or later is left for the next call.
    stop_at_first
        Leave also what is decided after the first command's end.
    shape, messages
        SHAPE, shape (1,); MESSAGE.
    tile_of
        int32 (senders, 2): column and row of each core's tile, then of other senders.
    inputs
        int32 (tiles, most): queues whose messages are at a tile, in the order in which doors take them; -1.
    senders, queues, doors
        SENDER, QUEUE, DOOR; written.
    places
        int32 (queues, places): messages in their places; written.
    busy
        int64 (cores,): message that each core takes in, -1 for none; written.
    size, heap
        int64 (1,), EVENT: events that are to come; written.

    Returns
    -------
    ended : int64, shape (ended, 2)
        Commands that ended, and when, by time; each sender ends one at most.
    heap
        In place of the one given, which may have become too small.
    """
    ended = np.empty((senders.size, 2), np.int64)
    n_ended = 0
    own = shape[0].columns * shape[0].rows * 4 + tile_of.shape[0]  # queues of receivers
    while size[0] > 0 and heap[0].time < until:
        if size[0] + 16 > heap.size:
            heap = np.concatenate((heap, np.empty(heap.size + 16, EVENT)))
        now, kind, index, message = heap[0].time, heap[0].kind, heap[0].index, heap[0].message
        _pop(heap, size)
        one = np.int64(-1)  # the sender of which something ended
        if kind == READY:
            if senders[index].next == senders[index].last:
                one = np.int64(index)
            elif not _enter(now, index, shape, messages, tile_of, senders, queues, places, doors, size, heap):
                senders[index].waits = 1
        elif kind == ARRIVED:
            _put(index, message, queues, places)
            if index >= own:
                _begin(
                    now, index - own, shape, messages, tile_of, queues, places, doors, busy, size, heap
                )
            elif queues[index].count == 1:
                _ask(now, index, shape, messages, tile_of, queues, places, doors, size, heap)
        elif kind == SERVED:
            one = np.int64(messages[busy[index]].sender)
            busy[index] = -1
            _begin(now, index, shape, messages, tile_of, queues, places, doors, busy, size, heap)
        elif doors[index].wake == now:
            _decide(now, index, shape, messages, tile_of, inputs, senders, queues, places, doors, size, heap)
        if one >= 0:
            senders[one].pending -= 1
            if senders[one].pending == 0:
                ended[n_ended, 0], ended[n_ended, 1] = senders[one].command, now
                n_ended += 1
                if stop_at_first:
                    until = min(until, now + 1)
    return ended[:n_ended].copy(), heap


@lean
def _enter(
    now: int, sender: int, shape: np.ndarray, messages: np.ndarray, tile_of: np.ndarray, senders: np.ndarray,
    queues: np.ndarray, places: np.ndarray, doors: np.ndarray, size: np.ndarray, heap: np.ndarray,
) -> bool:  # fmt: skip
    """Let a sender's message into its queue, if there is a place, and the sender go on."""
    queue = shape[0].columns * shape[0].rows * 4 + sender
    if queues[queue].taken == places.shape[1]:
        return False
    queues[queue].taken += 1
    _put(queue, senders[sender].next, queues, places)
    if queues[queue].count == 1:
        _ask(now, queue, shape, messages, tile_of, queues, places, doors, size, heap)
    senders[sender].next += 1
    senders[sender].waits = 0
    more = senders[sender].next < senders[sender].last
    wait = messages[senders[sender].next].gap if more else senders[sender].tail
    _push(heap, size, now + wait, READY, sender, 0)
    return True


@lean
def _decide(
    now: int, door: int, shape: np.ndarray, messages: np.ndarray, tile_of: np.ndarray, inputs: np.ndarray,
    senders: np.ndarray, queues: np.ndarray, places: np.ndarray, doors: np.ndarray, size: np.ndarray,
    heap: np.ndarray,
) -> None:  # fmt: skip
    """Let one message pass a door: that of the next input after the last one, if there is a place behind."""
    doors[door].wake = -1
    links = shape[0].columns * shape[0].rows * 4
    behind = door if door < links else door + tile_of.shape[0]
    tile = door // 4 if door < links else _tile(tile_of[door - links, 0], tile_of[door - links, 1], shape)
    if queues[behind].taken == places.shape[1]:
        return
    chosen, most = -1, inputs.shape[1]
    for k in range(1, most + 1):
        i = (doors[door].turn + k) % most
        queue = inputs[tile, i]
        if queue < 0 or queues[queue].count == 0:
            continue
        if _door(queue, shape, messages, tile_of, queues, places) == door:
            chosen = i
            break
    if chosen < 0:
        return
    queue = inputs[tile, chosen]
    message = places[queue, queues[queue].front]
    doors[door].turn, doors[door].free = chosen, now + shape[0].holds
    queues[behind].taken += 1
    _leave(now, queue, shape, messages, tile_of, senders, queues, places, doors, size, heap)
    _wake(now, door, doors, size, heap)
    hop = shape[0].within
    if door < links:
        hop = shape[0].hop_ew if door % 4 < 2 else shape[0].hop_ns
    _push(heap, size, now + hop, ARRIVED, behind, message)


@lean
def _leave(
    now: int, queue: int, shape: np.ndarray, messages: np.ndarray, tile_of: np.ndarray, senders: np.ndarray,
    queues: np.ndarray, places: np.ndarray, doors: np.ndarray, size: np.ndarray, heap: np.ndarray,
) -> None:  # fmt: skip
    """Take the front of a queue away: who waits for its place goes on, the next one asks for its door."""
    links = shape[0].columns * shape[0].rows * 4
    _take(queue, queues, places)
    if queue < links:
        _wake(now, queue, doors, size, heap)
    elif queue < links + tile_of.shape[0] and senders[queue - links].waits == 1:
        _enter(now, queue - links, shape, messages, tile_of, senders, queues, places, doors, size, heap)
    if queues[queue].count > 0:
        _ask(now, queue, shape, messages, tile_of, queues, places, doors, size, heap)


@lean
def _begin(
    now: int, core: int, shape: np.ndarray, messages: np.ndarray, tile_of: np.ndarray, queues: np.ndarray,
    places: np.ndarray, doors: np.ndarray, busy: np.ndarray, size: np.ndarray, heap: np.ndarray,
) -> None:  # fmt: skip
    """Let a core take in its next message, if it is free and there is one."""
    links = shape[0].columns * shape[0].rows * 4
    queue = links + tile_of.shape[0] + core
    if busy[core] >= 0 or queues[queue].count == 0:
        return
    busy[core] = places[queue, queues[queue].front]
    _take(queue, queues, places)
    _push(heap, size, now + messages[busy[core]].serve, SERVED, core, 0)
    _wake(now, links + core, doors, size, heap)


@lean
def _door(
    queue: int, shape: np.ndarray, messages: np.ndarray, tile_of: np.ndarray, queues: np.ndarray,
    places: np.ndarray,
) -> int:  # fmt: skip
    """The door that the front of a queue passes next: along the row first, then along the column."""
    columns, links = shape[0].columns, shape[0].columns * shape[0].rows * 4
    to = messages[places[queue, queues[queue].front]].to
    if queue < links:
        x, y = (queue // 4) % columns, queue // 4 // columns
        x += (1 if queue % 4 == 0 else 0) - (1 if queue % 4 == 1 else 0)
        y += (1 if queue % 4 == 2 else 0) - (1 if queue % 4 == 3 else 0)
    else:
        x, y = np.int64(tile_of[queue - links, 0]), np.int64(tile_of[queue - links, 1])
    tile, to_x, to_y = y * columns + x, tile_of[to, 0], tile_of[to, 1]
    if to_x != x:
        return tile * 4 + (0 if to_x > x else 1)
    if to_y != y:
        return tile * 4 + (2 if to_y > y else 3)
    return links + to


@lean
def _ask(
    now: int, queue: int, shape: np.ndarray, messages: np.ndarray, tile_of: np.ndarray, queues: np.ndarray,
    places: np.ndarray, doors: np.ndarray, size: np.ndarray, heap: np.ndarray,
) -> None:  # fmt: skip
    _wake(now, _door(queue, shape, messages, tile_of, queues, places), doors, size, heap)


@lean
def _wake(now: int, door: int, doors: np.ndarray, size: np.ndarray, heap: np.ndarray) -> None:
    """Have a door decide as soon as it can be passed; those that ask in the same instant are all heard."""
    time = max(now, doors[door].free)
    if doors[door].wake < 0 or time < doors[door].wake:
        doors[door].wake = time
        _push(heap, size, time, DECIDE, door, 0)


@lean
def _tile(x: int, y: int, shape: np.ndarray) -> int:
    return y * shape[0].columns + x


@lean
def _put(queue: int, message: int, queues: np.ndarray, places: np.ndarray) -> None:
    at = queues[queue].front + queues[queue].count
    places[queue, at if at < places.shape[1] else at - places.shape[1]] = message
    queues[queue].count += 1


@lean
def _take(queue: int, queues: np.ndarray, places: np.ndarray) -> None:
    front = queues[queue].front + 1
    queues[queue].front = front if front < places.shape[1] else 0
    queues[queue].count -= 1
    queues[queue].taken -= 1


@lean
def _before(a: Any, time: int, kind: int, index: int) -> bool:
    if a.time != time:
        return a.time < time
    return a.kind < kind or (a.kind == kind and a.index < index)


@lean
def _push(heap: np.ndarray, size: np.ndarray, time: int, kind: int, index: int, message: int) -> None:
    """Add an event; there is room."""
    i = size[0]
    size[0] += 1
    while i > 0 and not _before(heap[(i - 1) >> 1], time, kind, index):
        heap[i] = heap[(i - 1) >> 1]
        i = (i - 1) >> 1
    heap[i].time, heap[i].kind, heap[i].index, heap[i].message = time, kind, index, message


@lean
def _pop(heap: np.ndarray, size: np.ndarray) -> None:
    size[0] -= 1
    n, i = size[0], 0
    time, kind, index = heap[n].time, heap[n].kind, heap[n].index
    while 2 * i + 1 < n:
        child = 2 * i + 1
        if child + 1 < n and _before(heap[child + 1], heap[child].time, heap[child].kind, heap[child].index):
            child += 1
        if not _before(heap[child], time, kind, index):
            break
        heap[i] = heap[child]
        i = child
    heap[i] = heap[n]
