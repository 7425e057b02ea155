"""Transfers and tiles of one contraction in a pipeline, and when the last byte is out.

Model and limits: docs/models/mapping.md. Loads and stores of a link have a queue each and share its engines;
between two events every memory serves the transfers at the heads of its queues in proportion to their visits,
which is what round robin comes to; one core takes the tiles in order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.kernels.jit import part

#: A link: engines, transfers in flight, start and time per byte of one engine, delay until memory is asked,
#: the memory behind (row of MEMORY, -1: none that limits). In a run: which queue's turn it is.
LINK = np.dtype(
    [
        ("engines", "i8"), ("slots", "i8"), ("start_fs", "f8"), ("byte_fs", "f8"), ("ask_fs", "i8"),
        ("memory", "i8"), ("turn", "i8"),
    ],
    align=True,
)  # fmt: skip
#: A far memory: it begins to serve at multiples of ``slot_fs``, its data arrive ``latency_fs`` later, and it
#: refreshes for ``refresh_fs`` every ``every_fs`` (0: never). In a run: when it is free, when the next
#: refresh is due, how much there is left to serve.
MEMORY = np.dtype(
    [
        ("slot_fs", "f8"), ("latency_fs", "i8"), ("every_fs", "i8"), ("refresh_fs", "i8"),
        ("free", "i8"), ("due", "i8"), ("left_fs", "i8"),
    ],
    align=True,
)  # fmt: skip
#: A transfer: its tile, and the tile (load) or output (store) that has to be done with the room before.
FLIGHT = np.dtype(
    [
        ("tile", "i8"), ("after", "i8"), ("out", "i8"), ("slot", "i8"),
        ("link_fs", "i8"), ("memory_fs", "i8"), ("visit_fs", "f8"), ("asked", "i8"), ("link_done", "i8"),
    ],
    align=True,
)  # fmt: skip
#: A tile in a run: its times, transfers that it still waits for, when the last of those ended.
STEP = np.dtype(
    [
        ("busy_fs", "i8"), ("latency_fs", "i8"), ("waits", "i8"),
        ("ready", "i8"), ("taken", "i8"), ("done", "i8"),
    ],
    align=True,
)  # fmt: skip
#: An output tile in a run: transfers of its store that have not ended, when the last one ended.
OUTPUT = np.dtype([("waits", "i8"), ("end", "i8")], align=True)
#: Queue of transfers of one link in one direction: how many, how many have begun, how many are served, when
#: the last one began, what memory still owes its head (-1: not begun), and what it owes all of them together.
QUEUE = np.dtype(
    [("size", "i8"), ("begun", "i8"), ("served", "i8"), ("last", "i8"), ("owed_fs", "i8"), ("all_fs", "i8")],
    align=True,
)

#: Later than any run ends.
NEVER = 2**62


@part
def _next(
    links: np.ndarray, flights: np.ndarray, places: np.ndarray, queues: np.ndarray, slot_free: np.ndarray,
    steps: np.ndarray, outputs: np.ndarray, tile: int,
) -> tuple[int, int, int]:  # fmt: skip
    """(when, queue, slot) of the next transfer that can begin, as far as is known (``NEVER``: nothing is).

    ``tile`` is the first one whose times are not known yet.
    """
    best, best_queue, best_slot = NEVER, 0, 0
    for link in range(links.size):
        slot = 0
        for i in range(1, links[link].slots):
            if slot_free[link, i] < slot_free[link, slot]:
                slot = i
        for q in (2 * link, 2 * link + 1):
            queue = queues[q]
            if queue.begun == queue.size:
                continue
            flight = flights[places[q, queue.begun]]
            ready = 0
            if flight.out < 0:
                if flight.after >= tile:
                    continue
                if flight.after >= 0:
                    ready = steps[flight.after].taken
            else:
                if flight.tile >= tile or (flight.after >= 0 and outputs[flight.after].waits > 0):
                    continue
                ready = steps[flight.tile].done
                if flight.after >= 0:
                    ready = max(ready, outputs[flight.after].end)
            at = max(ready, queue.last, slot_free[link, slot])
            # both were ready when the slot became free: they take turns; else intake comes before results
            turn = at == best and best_queue == q - 1 and at > ready and links[link].turn == q & 1
            if at < best or turn:
                best, best_queue, best_slot = at, q, slot
    return best, best_queue, best_slot


@part
def _begin(
    at: int, link: Any, memories: np.ndarray, flight: Any, queue: Any, slot: int,
    engines: np.ndarray, slots: np.ndarray, steps: np.ndarray, outputs: np.ndarray,
) -> None:  # fmt: skip
    """Begin a transfer on the engine that is free first."""
    engine = 0
    for i in range(1, link.engines):
        if engines[i] < engines[engine]:
            engine = i
    start = max(at, engines[engine])
    flight.slot = slot
    flight.link_done = start + flight.link_fs
    engines[engine] = flight.link_done
    queue.last = at
    queue.begun += 1
    link.turn = 0 if flight.out >= 0 else 1
    slots[slot] = NEVER
    if link.memory < 0:
        queue.served += 1
        _end(flight, flight.link_done, slots, steps, outputs)
    else:
        slot_fs = memories[link.memory].slot_fs
        flight.asked = np.int64(np.ceil((start + link.ask_fs) / slot_fs) * slot_fs)


@part
def _end(flight: Any, at: int, slots: np.ndarray, steps: np.ndarray, outputs: np.ndarray) -> None:
    """Note that a transfer ends."""
    slots[flight.slot] = at
    if flight.out < 0:
        steps[flight.tile].waits -= 1
        steps[flight.tile].ready = max(steps[flight.tile].ready, at)
    else:
        outputs[flight.out].waits -= 1
        outputs[flight.out].end = max(outputs[flight.out].end, at)


@part
def _refresh(memory: Any, now: int) -> bool:
    """Refresh a memory if that is due before it serves again at ``now``; whether it is held up by that."""
    if memory.every_fs == 0 or now < memory.due:
        return False
    last = memory.due + (now - memory.due) // memory.every_fs * memory.every_fs
    memory.due = last + memory.every_fs
    memory.free = max(memory.free, last) + memory.refresh_fs
    return memory.free > now


@part
def _serve(
    memory: int, now: int, until: int, links: np.ndarray, memories: np.ndarray,
    flights: np.ndarray, places: np.ndarray,
    queues: np.ndarray, slot_free: np.ndarray, steps: np.ndarray, outputs: np.ndarray,
) -> int:  # fmt: skip
    """Let a memory serve the heads of its queues until one is done, at most to ``until``; return how long.

    Each has a share of the time in proportion to its visits.
    """
    if memories[memory].every_fs > 0:
        until = min(until, memories[memory].due)
    round_fs, soonest = 0.0, 1e300
    for q in range(queues.size):
        queue = queues[q]
        if links[q >> 1].memory == memory and queue.served < queue.begun:
            flight = flights[places[q, queue.served]]
            if flight.asked > now:
                until = min(until, flight.asked)
                continue
            if queue.owed_fs < 0:
                queue.owed_fs = flight.memory_fs
            visit_fs = max(min(flight.visit_fs, float(queue.owed_fs)), 1.0)
            round_fs += visit_fs
            soonest = min(soonest, queue.owed_fs / visit_fs)
    whole = int(np.ceil(soonest * round_fs))
    spent = min(whole, until - now)
    for q in range(queues.size):
        queue = queues[q]
        if queue.owed_fs < 0 or links[q >> 1].memory != memory:
            continue
        flight = flights[places[q, queue.served]]
        visit_fs = max(min(flight.visit_fs, float(queue.owed_fs)), 1.0)
        if spent == whole and queue.owed_fs / visit_fs <= soonest:
            queue.owed_fs = -1
            queue.served += 1
            done = max(now + spent + memories[memory].latency_fs, flight.link_done)
            _end(flight, done, slot_free[q >> 1], steps, outputs)
        else:
            queue.owed_fs = max(queue.owed_fs - np.int64(spent * visit_fs / round_fs), 0)
    return spent


@part
def _asked(
    links: np.ndarray, flights: np.ndarray, places: np.ndarray, queues: np.ndarray, memories: np.ndarray
) -> tuple[int, int]:
    """(when, memory) of the next transfer that a memory serves; ``NEVER`` where none waits."""
    first, which = NEVER, 0
    for q in range(queues.size):
        memory = links[q >> 1].memory
        if memory >= 0 and queues[q].served < queues[q].begun:
            at = max(flights[places[q, queues[q].served]].asked, memories[memory].free)
            if at < first:
                first, which = at, memory
    return first, which


@part
def play(
    tiles: int, copies: int, c_tiles: int, clock_num: int, clock_den: int, links: np.ndarray,
    memories: np.ndarray, flights: np.ndarray, places: np.ndarray, queues: np.ndarray,
    steps: np.ndarray, outputs: np.ndarray,
    engine_free: np.ndarray, slot_free: np.ndarray, limit: int,
) -> int:  # fmt: skip
    """Run what ``walk`` listed; return the fs at which the last byte is out, ``NEVER`` if after ``limit``.

    Parameters
    ----------
    tiles, copies, c_tiles
        How many tiles, copies of the ofmap's buffer (0: none) and tiles along the reduction there are.
    clock_num, clock_den
        fs per cycle of the core: tiles start at its edges.
    engine_free, slot_free
        int64, shapes (links, engines) and (links, slots): written.
    """
    core_free, core_left, tile, end = 0, 0, 0, 0
    for i in range(tiles):
        core_left += steps[i].busy_fs
    engine_free[:] = 0
    slot_free[:] = 0
    for i in range(links.size):
        links[i].turn = 0
    for i in range(memories.size):
        memories[i].free, memories[i].due, memories[i].left_fs = 0, memories[i].every_fs, 0
    for q in range(queues.size):
        if links[q >> 1].memory >= 0:
            memories[links[q >> 1].memory].left_fs += queues[q].all_fs
    while True:
        while tile < tiles and steps[tile].waits == 0:
            at = max(core_free, steps[tile].ready)
            out = tile // c_tiles - copies
            if copies > 0 and out >= 0 and (tile + 1) % c_tiles == 0:
                if outputs[out].waits > 0:
                    break
                at = max(at, outputs[out].end)
            cycle = (at * clock_den + clock_num - 1) // clock_num
            core_free = cycle * clock_num // clock_den + steps[tile].busy_fs
            core_left -= steps[tile].busy_fs
            if core_free + core_left > limit:
                return NEVER
            steps[tile].taken = core_free
            steps[tile].done = core_free + steps[tile].latency_fs
            end = max(end, steps[tile].done)
            tile += 1
        at, q, slot = _next(links, flights, places, queues, slot_free, steps, outputs, tile)
        asked, memory = _asked(links, flights, places, queues, memories)
        if at == NEVER and asked == NEVER:
            break
        if at <= asked:
            _begin(
                at, links[q >> 1], memories, flights[places[q, queues[q].begun]], queues[q], slot,
                engine_free[q >> 1], slot_free[q >> 1], steps, outputs,
            )  # fmt: skip
        elif not _refresh(memories[memory], asked):
            spent = _serve(
                memory, asked, at, links, memories, flights, places, queues, slot_free, steps, outputs
            )
            memories[memory].left_fs -= spent
            memories[memory].free = asked + spent
            if asked + spent + memories[memory].left_fs > limit:
                return NEVER
    for i in range(tiles // c_tiles):
        end = max(end, outputs[i].end)
    return end if tile == tiles and end <= limit else NEVER
