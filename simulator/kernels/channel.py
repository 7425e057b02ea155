"""A shared channel of given bandwidth: masters in turn, page by page, each in its own order, no ticking.

Model and limits: docs/models/memory.md. Time is counted in burst slots of the channel's own clock; one slot
moves ``burst`` bytes.
"""

from __future__ import annotations

import numpy as np

from simulator.kernels.jit import lean, part

#: One transfer in flight: requests ``next`` to ``last`` are to be served, the first after ``offset`` bytes.
FLIGHT = np.dtype(
    [
        ("id", "i8"), ("master", "i8"), ("arrival", "i8"),
        ("next", "i8"), ("last", "i8"), ("offset", "i8"), ("page", "i8"),
    ],
    align=True,
)  # fmt: skip
#: ``free``: first slot not yet given away; ``refresh``: slot of the next one; ``turn``: last master served.
SERVER = np.dtype([("free", "i8"), ("refresh", "i8"), ("turn", "i8"), ("flights", "i8")], align=True)
#: Fixed parameters in bytes and slots: ``row_slots`` is the least time between two row activations.
SHAPE = np.dtype(
    [("burst", "i8"), ("page", "i8"), ("row_slots", "i8"), ("refresh_every", "i8"), ("refresh_slots", "i8")],
    align=True,
)
#: Per node: bytes read and written (whole bursts), rows opened, slots taken.
ACTIVATE, SLOTS = 2, 3  # beside READ and WRITE of ``kernels.request``


@lean
def serve_until(
    until: int,
    stop_at_first: bool,
    shape: np.ndarray,
    requests: np.ndarray,
    flights: np.ndarray,
    server: np.ndarray,
    counts: np.ndarray,
    ended: np.ndarray,
) -> int:
    """Serve every page whose turn comes before slot ``until``; return how many transfers ended.

    Parameters
    ----------
    until
        Slot; a decision at this slot or later is left for the next call.
    stop_at_first
        Return at the first transfer that ends.
    shape
        SHAPE, shape (1,).
    requests
        REQUEST, shape (any,): what the flights point into.
    flights
        FLIGHT, shape (any,); the first ``server.flights`` are live, in the order of submission. Written.
    server
        SERVER, shape (1,), written.
    counts
        int64, shape (nodes, 4), added to.
    ended
        int64, shape (any, 2), room for all that are live, written: id of each transfer that ended, and the
        slot at which its last burst did.
    """
    n_ended = 0
    while server[0].flights > 0:
        start = max(server[0].free, _earliest(flights, server[0].flights))
        if start >= until:
            break
        if shape[0].refresh_every > 0 and start >= server[0].refresh:
            missed = (start - server[0].refresh) // shape[0].refresh_every
            last = server[0].refresh + missed * shape[0].refresh_every
            server[0].refresh = last + shape[0].refresh_every
            server[0].free = max(server[0].free, last) + shape[0].refresh_slots  # begins once the bus is free
            if shape[0].refresh_slots > 0:
                continue
        i = _next(flights, server[0].flights, start, server[0].turn)
        request = requests[flights[i].next]
        addr = request.addr + flights[i].offset
        size = min(request.bytes - flights[i].offset, shape[0].page - addr % shape[0].page)
        slots = (addr + size - 1) // shape[0].burst - addr // shape[0].burst + 1
        page = addr // shape[0].page
        taken = slots
        if page != flights[i].page:
            counts[request.node, ACTIVATE] += 1
            taken = max(slots, shape[0].row_slots)
        flights[i].page = page
        counts[request.node, request.op] += slots * shape[0].burst
        counts[request.node, SLOTS] += taken
        server[0].free = start + taken
        flights[i].offset += size
        if flights[i].offset == request.bytes:
            flights[i].next += 1
            flights[i].offset = 0
        server[0].turn = flights[i].master
        if flights[i].next == flights[i].last:
            ended[n_ended, 0] = flights[i].id
            ended[n_ended, 1] = server[0].free
            n_ended += 1
            for j in range(i, server[0].flights - 1):
                flights[j] = flights[j + 1]
            server[0].flights -= 1
            if stop_at_first:
                break
    return n_ended


@part
def _earliest(flights: np.ndarray, n: int) -> int:
    first = flights[0].arrival
    for i in range(1, n):
        first = min(first, flights[i].arrival)
    return first


@part
def _next(flights: np.ndarray, n: int, start: int, turn: int) -> int:
    """The oldest transfer of the master after ``turn``, among those that have arrived by ``start``."""
    after, first = -1, -1
    for i in range(n):
        if flights[i].arrival <= start:
            if flights[i].master > turn and (after < 0 or flights[i].master < flights[after].master):
                after = i
            if first < 0 or flights[i].master < flights[first].master:
                first = i
    return after if after >= 0 else first
