"""Messages over a network of links: virtual cut-through, each link serves its inputs in turn, no ticking.

The network is a table of routes; nothing here knows its shape, nor what the messages carry. Model and limits:
docs/models/noc.md. Time is counted in cycles of the network's own clock.
"""

from __future__ import annotations

import numpy as np

from simulator.kernels.jit import kernel

#: What is sent: so many bytes on behalf of a node. A message without bytes is a packet of a header alone.
MESSAGE = np.dtype([("bytes", "i8"), ("node", "i8")], align=True)
#: A step of a route: a link, the input of its arbiter that the packet waits at, and the steps that follow
#: (rows ``first`` to ``last``; none where the packet has arrived). Row r is where route r begins, at the link
#: out of its source; there ``ends`` is the number of places that a packet reaches. A step is followed by at
#: most as many as a link has inputs.
ROUTE = np.dtype(
    [("link", "i4"), ("input", "i4"), ("first", "i4"), ("last", "i4"), ("ends", "i4")], align=True
)
#: Messages ``next`` to ``last`` of one master along one route, the first after ``offset`` bytes; ``pending``
#: arrivals are missing. ``behind``: the next one of the same source and master, or the next one not in use.
FLIGHT = np.dtype(
    [
        ("id", "i8"), ("arrival", "i8"), ("route", "i8"), ("next", "i8"),
        ("last", "i8"), ("offset", "i8"), ("pending", "i8"), ("behind", "i8"),
    ],
    align=True,
)  # fmt: skip
#: Flights of one master at one source, in their order; ``beside``: the source's next master, by number.
QUEUE = np.dtype([("master", "i8"), ("first", "i8"), ("last", "i8"), ("beside", "i8")], align=True)
#: ``free``: first cycle not given away; ``wake``: when it decides next, -1 if nothing waits; ``turn``: input
#: (or master) served last; ``queue``: first queue of a source, -1 for a link inside the network.
LINK = np.dtype([("free", "i8"), ("wake", "i8"), ("turn", "i8"), ("queue", "i8")], align=True)
#: Packets that wait at one input of a link, first come first served; -1 where there is none.
INPUT = np.dtype([("first", "i4"), ("last", "i4")], align=True)
PACKET = np.dtype([("flits", "i8"), ("flight", "i4"), ("row", "i4"), ("behind", "i4")], align=True)
#: What happens next: packet ``index`` asks for its link, or link ``index`` decides. A binary heap by time.
EVENT = np.dtype([("time", "i8"), ("kind", "i4"), ("index", "i4")], align=True)
ASK, DECIDE = 0, 1
#: How many events, flights and packets are in use; the first flight and packet that are not.
SERVER = np.dtype(
    [("events", "i8"), ("flights", "i8"), ("packets", "i8"), ("flight", "i8"), ("packet", "i8")], align=True
)
#: Fixed parameters in bytes and cycles: a packet carries ``packet`` bytes behind ``header`` more.
SHAPE = np.dtype([("width", "i8"), ("packet", "i8"), ("header", "i8"), ("router", "i8")], align=True)
#: Per node and route: bytes and flits that were sent.
BYTES, FLITS = 0, 1


@kernel
def offer(
    flight: np.ndarray,
    queue: int,
    shape: np.ndarray,
    messages: np.ndarray,
    routes: np.ndarray,
    sent: np.ndarray,
    flights: np.ndarray,
    queues: np.ndarray,
    links: np.ndarray,
    server: np.ndarray,
    heap: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Add a flight behind those of its queue.

    Parameters
    ----------
    flight
        FLIGHT, shape (1,): ``id``, ``arrival``, ``route``, ``next`` and ``last`` (at least one message); not
        before what is decided already.
    queue
        That of the flight's master at the source of its route.
    shape, messages, routes
        SHAPE, MESSAGE, ROUTE.
    sent
        int64, shape (nodes, routes, 2), added to: BYTES with headers, FLITS.
    flights, queues, links, server, heap
        The state, written.

    Returns
    -------
    flights, heap
        In place of those given, which may have become too small.
    """
    route, packets = flight[0].route, 0
    for m in range(flight[0].next, flight[0].last):
        size = messages[m].bytes
        whole, rest = size // shape[0].packet, size % shape[0].packet
        flits = whole * _flits(shape, shape[0].packet)
        if rest > 0 or size == 0:
            flits += _flits(shape, rest)
            whole += 1
        packets += whole
        sent[messages[m].node, route, BYTES] += size + whole * shape[0].header
        sent[messages[m].node, route, FLITS] += flits
    if server[0].flight < 0:
        n = flights.size
        flights = np.concatenate((flights, np.empty(n, FLIGHT)))
        for i in range(n, 2 * n):
            flights[i].behind = i + 1 if i + 1 < 2 * n else -1
        server[0].flight = n
    i = server[0].flight
    server[0].flight = flights[i].behind
    server[0].flights += 1
    flights[i] = flight[0]
    flights[i].offset, flights[i].behind = 0, -1
    flights[i].pending = packets * routes[route].ends
    if queues[queue].first < 0:
        queues[queue].first = i
    else:
        flights[queues[queue].last].behind = i
    queues[queue].last = i
    link = routes[route].link
    time = max(links[link].free, flight[0].arrival)
    if links[link].wake < 0 or time < links[link].wake:
        links[link].wake = time
        if server[0].events == heap.size:
            heap = np.concatenate((heap, np.empty(heap.size, EVENT)))
        _push(heap, server, time, DECIDE, link)
    return flights, heap


@kernel
def deliver_until(
    until: int,
    stop_at_first: bool,
    shape: np.ndarray,
    messages: np.ndarray,
    routes: np.ndarray,
    flights: np.ndarray,
    queues: np.ndarray,
    links: np.ndarray,
    inputs: np.ndarray,
    server: np.ndarray,
    heap: np.ndarray,
    pool: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take every decision that falls before a cycle.

    Parameters
    ----------
    until
        Cycle; what is decided at this one or later is left for the next call.
    stop_at_first
        Leave also what is decided after the first flight's end.
    shape, messages, routes
        SHAPE, shape (1,); MESSAGE, what the flights point into; ROUTE.
    flights, queues, links, server, heap, pool
        The state: FLIGHT, QUEUE, LINK, SERVER of shape (1,), EVENT, PACKET. Written.
    inputs
        INPUT, shape (links, inputs), written.

    Returns
    -------
    ended : int64, shape (ended, 2)
        Flights whose last arrival is decided: id, and the cycle at which its last byte is out; by cycle.
    heap, pool
        In place of those given, which may have become too small.
    """
    ended = np.empty((server[0].flights, 2), np.int64)
    due = np.empty(links.size, np.int64)
    n_ended, most = 0, inputs.shape[1] + 1  # events and packets that one step can add
    while server[0].events > 0 and heap[0].time < until:
        now, n_due = heap[0].time, 0
        while server[0].events > 0 and heap[0].time == now:
            if heap.size - server[0].events < most:
                heap = np.concatenate((heap, np.empty(heap.size, EVENT)))
            if pool.size - server[0].packets < most:
                pool = _doubled(pool, server)
            kind, index = heap[0].kind, heap[0].index
            _pop(heap, server)
            if kind == ASK:
                link = routes[pool[index].row].link
                _wait(index, routes[pool[index].row].input, link, inputs, pool)
                if links[link].wake < 0:
                    links[link].wake = max(now, links[link].free)
                    if links[link].wake == now:
                        due[n_due] = link
                        n_due += 1
                    else:
                        _push(heap, server, links[link].wake, DECIDE, link)
            elif links[index].queue < 0:
                due[n_due] = index
                n_due += 1
            elif links[index].wake == now:
                _inject(now, index, shape, messages, routes, flights, queues, links, server, heap, pool)
        for i in range(n_due):  # all that ask in this cycle have asked
            if heap.size - server[0].events < most:
                heap = np.concatenate((heap, np.empty(heap.size, EVENT)))
            if pool.size - server[0].packets < most:
                pool = _doubled(pool, server)
            flight = _grant(now, due[i], shape, routes, flights, links, inputs, server, heap, pool)
            if flight >= 0 and flights[flight].pending == 0:
                # on every branch the same packet comes last, so the last one given a link ends last
                ended[n_ended] = flights[flight].id, links[due[i]].free
                n_ended += 1
                if stop_at_first:
                    until = min(until, links[due[i]].free)
                flights[flight].behind = server[0].flight
                server[0].flight = flight
                server[0].flights -= 1
    return _by_cycle(ended[:n_ended]), heap, pool


@kernel
def _inject(
    now: int,
    link: int,
    shape: np.ndarray,
    messages: np.ndarray,
    routes: np.ndarray,
    flights: np.ndarray,
    queues: np.ndarray,
    links: np.ndarray,
    server: np.ndarray,
    heap: np.ndarray,
    pool: np.ndarray,
) -> None:
    """The next packet of the master after the source's last one, among those with a flight that is there."""
    chosen, q = -1, links[link].queue
    while q >= 0:
        if queues[q].first >= 0 and flights[queues[q].first].arrival <= now:
            if queues[q].master > links[link].turn:
                chosen = q
                break
            if chosen < 0:
                chosen = q
        q = queues[q].beside
    i = queues[chosen].first
    size = min(messages[flights[i].next].bytes - flights[i].offset, shape[0].packet)
    flits = _flits(shape, size)
    row = routes[flights[i].route]
    for step in range(row.first, row.last):
        p = _packet(pool, server, flits, i, step)
        _push(heap, server, now + shape[0].router, ASK, p)
    links[link].free = now + flits
    links[link].turn = queues[chosen].master
    flights[i].offset += size
    if flights[i].offset == messages[flights[i].next].bytes:
        flights[i].next += 1
        flights[i].offset = 0
        if flights[i].next == flights[i].last:
            queues[chosen].first = flights[i].behind
    first, q = -1, links[link].queue
    while q >= 0:
        if queues[q].first >= 0 and (first < 0 or flights[queues[q].first].arrival < first):
            first = flights[queues[q].first].arrival
        q = queues[q].beside
    links[link].wake = -1
    if first >= 0:
        links[link].wake = max(first, links[link].free)
        _push(heap, server, links[link].wake, DECIDE, link)


@kernel
def _grant(
    now: int,
    link: int,
    shape: np.ndarray,
    routes: np.ndarray,
    flights: np.ndarray,
    links: np.ndarray,
    inputs: np.ndarray,
    server: np.ndarray,
    heap: np.ndarray,
    pool: np.ndarray,
) -> int:
    """Give a link to the first packet of the input after the last one; its flight if it arrives so, or -1."""
    input = _input_after(links[link].turn, inputs[link])
    p = inputs[link, input].first
    inputs[link, input].first = pool[p].behind
    flits, flight, row = pool[p].flits, pool[p].flight, pool[p].row
    links[link].free = now + flits
    links[link].turn = input
    links[link].wake = -1
    if _input_after(input, inputs[link]) >= 0:
        links[link].wake = now + flits
        _push(heap, server, now + flits, DECIDE, link)
    first, last = routes[row].first, routes[row].last
    if first == last:
        pool[p].behind = server[0].packet
        server[0].packet = p
        server[0].packets -= 1
        flights[flight].pending -= 1
        return flight
    pool[p].row = first
    _push(heap, server, now + 1 + shape[0].router, ASK, p)
    for step in range(first + 1, last):
        copy = _packet(pool, server, flits, flight, step)
        _push(heap, server, now + 1 + shape[0].router, ASK, copy)
    return -1


@kernel
def _input_after(turn: int, inputs: np.ndarray) -> int:
    """The next input after one at which a packet waits, itself the last choice; -1 if none does."""
    for i in range(turn + 1, inputs.size):
        if inputs[i].first >= 0:
            return i
    for i in range(turn + 1):
        if inputs[i].first >= 0:
            return i
    return -1


@kernel
def _flits(shape: np.ndarray, size: int) -> int:
    """Cycles that a packet takes a link."""
    return max(-(-(size + shape[0].header) // shape[0].width), 1)


@kernel
def _wait(packet: int, input: int, link: int, inputs: np.ndarray, pool: np.ndarray) -> None:
    pool[packet].behind = -1
    if inputs[link, input].first < 0:
        inputs[link, input].first = packet
    else:
        pool[inputs[link, input].last].behind = packet
    inputs[link, input].last = packet


@kernel
def _packet(pool: np.ndarray, server: np.ndarray, flits: int, flight: int, row: int) -> int:
    """A packet that was not in use; there is one."""
    p = server[0].packet
    server[0].packet = pool[p].behind
    server[0].packets += 1
    pool[p].flits, pool[p].flight, pool[p].row = flits, flight, row
    return p


@kernel
def _doubled(pool: np.ndarray, server: np.ndarray) -> np.ndarray:
    """Twice as many packets."""
    n = pool.size
    pool = np.concatenate((pool, np.empty(n, PACKET)))
    for i in range(n, 2 * n):
        pool[i].behind = i + 1 if i + 1 < 2 * n else server[0].packet
    server[0].packet = n
    return pool


@kernel
def _push(heap: np.ndarray, server: np.ndarray, time: int, kind: int, index: int) -> None:
    """Add an event; there is room."""
    i = server[0].events
    server[0].events += 1
    while i > 0 and heap[(i - 1) >> 1].time > time:
        heap[i] = heap[(i - 1) >> 1]
        i = (i - 1) >> 1
    heap[i].time, heap[i].kind, heap[i].index = time, kind, index


@kernel
def _pop(heap: np.ndarray, server: np.ndarray) -> None:
    server[0].events -= 1
    n, i = server[0].events, 0
    time = heap[n].time
    while 2 * i + 1 < n:
        child = 2 * i + 1
        if child + 1 < n and heap[child + 1].time < heap[child].time:
            child += 1
        if heap[child].time >= time:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = heap[n]


@kernel
def _by_cycle(ended: np.ndarray) -> np.ndarray:
    """Sorted by cycle, then id."""
    for i in range(1, ended.shape[0]):
        id, cycle, j = ended[i, 0], ended[i, 1], i
        while j > 0 and (ended[j - 1, 1] > cycle or (ended[j - 1, 1] == cycle and ended[j - 1, 0] > id)):
            ended[j, 0], ended[j, 1] = ended[j - 1, 0], ended[j - 1, 1]
            j -= 1
        ended[j, 0], ended[j, 1] = id, cycle
    return ended
