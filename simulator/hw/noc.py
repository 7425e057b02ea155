"""The live side of a network on chip: messages along routes, whatever they carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from simulator.base.clock import Clock
from simulator.hw.mesh import Routes
from simulator.kernels.noc import (
    BYTES,
    EVENT,
    FLIGHT,
    FLITS,
    INPUT,
    LINK,
    MESSAGE,
    PACKET,
    QUEUE,
    ROUTE,
    SERVER,
    SHAPE,
    deliver_until,
    offer,
)

FOREVER = np.iinfo(np.int64).max


@dataclass
class _State:
    """What the kernel writes, without what only grows: counts, and what is fixed."""

    flights: np.ndarray
    queues: np.ndarray
    links: np.ndarray
    inputs: np.ndarray
    server: np.ndarray
    heap: np.ndarray
    pool: np.ndarray

    def copy(self) -> _State:
        """A state of its own."""
        return _State(*(array.copy() for array in vars(self).values()))


@dataclass(kw_only=True)
class Noc:
    """Messages in flight on a network of links; packets take turns on each.

    Time inside is in cycles of ``clock``. A forecast runs a copy of the state to its first completion; when
    that instant comes and nothing has been submitted since, the copy becomes the state.

    Attributes
    ----------
    clock
        Of all links and routers.
    width_bytes, packet_bytes, header_bytes, router_cycles
        Bytes per cycle of a link; payload and header of a packet; from a packet's head at a router to its
        asking for the next link.
    routes
        What ``submit`` chooses from.
    messages
        MESSAGE, shape (any,): what ``submit`` points into.
    nodes
        Nodes of the graph, for the counts.
    """

    clock: Clock
    width_bytes: int
    packet_bytes: int
    header_bytes: int
    router_cycles: int
    routes: Routes
    messages: np.ndarray
    nodes: int
    _state: _State = field(init=False)
    _queue_of: dict[tuple[int, int], int] = field(init=False, default_factory=dict)
    _ahead: tuple[_State, list[tuple[int, int]]] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        shape = (self.width_bytes, self.packet_bytes, self.header_bytes, self.router_cycles)
        self._shape = np.array([shape], SHAPE)
        self._table = np.array(self.routes.table, ROUTE)
        self._sent = np.zeros((self.nodes, len(self.routes.passes), 2), np.int64)
        links = len(self.routes.links)
        self._state = _State(
            flights=_unused(np.zeros(16, FLIGHT)),
            queues=np.zeros(0, QUEUE),
            links=np.full(links, -1, np.int64).repeat(4).view(LINK),
            inputs=np.full((links, self.routes.inputs * 2), -1, np.int32).view(INPUT),
            server=np.zeros(1, SERVER),
            heap=np.zeros(64, EVENT),
            pool=_unused(np.zeros(64, PACKET)),
        )
        self._state.links["free"] = 0

    def submit(self, now_fs: int, id: int, master: int, first: int, last: int, route: int) -> None:
        """Send messages ``first`` to ``last``, at least one; the caller has advanced to ``now_fs`` before."""
        state = self._state
        flight = np.zeros(1, FLIGHT)
        flight[0] = (id, self.clock.cycle_at(now_fs), route, first, last, 0, 0, -1)
        queue = self._queue(int(self._table["link"][route]), master)
        state.flights, state.heap = offer(
            flight, queue, self._shape, self.messages, self._table, self._sent,
            state.flights, state.queues, state.links, state.server, state.heap,
        )  # fmt: skip
        self._ahead = None

    def advance(self, until_fs: int) -> list[tuple[int, int]]:
        """Commit all decisions before ``until_fs``; (id, done_fs) of the transfers whose end they decide."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[1][0][1] == until_fs:
            self._state = ahead[0]
            return ahead[1]
        return self._deliver(self._state, self.clock.cycle_at(until_fs), False)

    def forecast(self, next_fs: int | None = None) -> tuple[int, int] | None:
        """(id, done_fs) of the transfer that ends first if nothing more arrives, whatever ``next_fs``."""
        if self._state.server["flights"][0] == 0:
            return None
        state = self._state.copy()
        ended = self._deliver(state, FOREVER, True)
        self._ahead = state, ended
        return ended[0]

    def finish(self, end_fs: int) -> None:
        """The run is over; nothing is left to be decided."""
        self.advance(end_fs)

    def background(self) -> dict[str, int]:
        """Nothing happens beside the transfers."""
        return {}

    def profile(self) -> None:
        """What it did over time is not kept."""

    def counts(self) -> dict[str, np.ndarray]:
        """Bytes sent, bytes x hops, time of the busiest link; int64, shape (nodes,)."""
        sent = self._sent[:, :, BYTES]
        busy = self.busy_cycles().max(axis=1, initial=0)
        return {
            "byte": sent.sum(axis=1),
            "hop_byte": sent @ np.array(self.routes.hops, np.int64),
            "busy_fs": np.array([self.clock.fs(n) for n in busy.tolist()], np.int64),
        }

    def busy_cycles(self) -> np.ndarray:
        """Cycles that each link takes for what was sent, int64, shape (nodes, links)."""
        passes = np.zeros((len(self.routes.passes), len(self.routes.links)), np.int64)
        for route, links in enumerate(self.routes.passes):
            passes[route, list(links)] = 1
        return self._sent[:, :, FLITS] @ passes

    def _deliver(self, state: _State, until: int, stop_at_first: bool) -> list[tuple[int, int]]:
        ended, state.heap, state.pool = deliver_until(
            until, stop_at_first, self._shape, self.messages, self._table, *vars(state).values()
        )
        return [(id, self.clock.fs(cycle)) for id, cycle in ended.tolist()]

    def _queue(self, link: int, master: int) -> int:
        """The queue of a master at a source; a new one is put among those of the source by its number."""
        if (link, master) not in self._queue_of:
            new = len(self._queue_of)
            queues = np.concatenate([self._state.queues, np.array([(master, -1, -1, -1)], QUEUE)])
            before, after = -1, int(self._state.links["queue"][link])
            while after >= 0 and queues["master"][after] < master:
                before, after = after, int(queues["beside"][after])
            queues["beside"][new] = after
            if before < 0:
                self._state.links["queue"][link] = new
            else:
                queues["beside"][before] = new
            self._state.queues = queues
            self._queue_of[link, master] = new
        return self._queue_of[link, master]


@dataclass(kw_only=True)
class MemoryNoc(Noc):
    """A network between memories: transfers name a way, and a load goes the other way than a store.

    Attributes
    ----------
    operations
        READ or WRITE of each message, int, shape (messages,).
    route_of
        (way, READ or WRITE) -> the route, for the ways that transfers take.
    """

    operations: np.ndarray
    route_of: Mapping[tuple[int, int], int]

    def submit(self, now_fs: int, id: int, master: int, first: int, last: int, way: int) -> None:
        """Send the bytes of a transfer from where they are to where they go."""
        route = self.route_of[way, int(self.operations[first])]
        super().submit(now_fs, id, master, first, last, route)


def messages_of(requests: np.ndarray) -> np.ndarray:
    """MESSAGE of each REQUEST, in its order."""
    messages = np.zeros(requests.size, MESSAGE)
    messages["bytes"], messages["node"] = requests["bytes"], requests["node"]
    return messages


def _unused(table: np.ndarray) -> np.ndarray:
    """A table whose rows are chained by ``behind``: none is in use."""
    table["behind"] = np.arange(1, table.size + 1)
    table["behind"][-1] = -1
    return table
