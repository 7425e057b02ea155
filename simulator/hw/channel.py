"""The live side of a shared channel: a bandwidth memory, a bus."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from simulator.base.clock import Clock
from simulator.kernels.channel import ACTIVATE, FLIGHT, SERVER, SHAPE, SLOTS, serve_until
from simulator.kernels.request import READ, WRITE

FOREVER = np.iinfo(np.int64).max


@dataclass
class Channel:
    """Transfers in flight on one shared resource, served round robin a page at a time.

    Time inside is in slots of ``clock``; a slot moves ``burst_bytes``. A forecast runs a copy of the state to
    its first completion; when that instant comes and nothing has been submitted since, the copy becomes the
    state.
    """

    clock: Clock
    burst_bytes: int
    page_bytes: int
    row_slots: int
    refresh_every: int
    refresh_slots: int
    latency_fs: int
    requests: np.ndarray
    nodes: int
    _flights: np.ndarray = field(init=False)
    _server: np.ndarray = field(init=False)
    _counts: np.ndarray = field(init=False)
    _shape: np.ndarray = field(init=False)
    _ended: np.ndarray = field(init=False)
    _ahead: tuple[np.ndarray, np.ndarray, np.ndarray, int, int] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._flights, self._ended = np.zeros(16, FLIGHT), np.zeros((16, 2), np.int64)
        self._server = np.zeros(1, SERVER)
        self._server["refresh"] = self.refresh_every
        self._server["turn"] = -1
        self._counts = np.zeros((self.nodes, 4), np.int64)
        fields = (self.burst_bytes, self.page_bytes, self.row_slots, self.refresh_every, self.refresh_slots)
        self._shape = np.array([fields], SHAPE)

    def submit(self, now_fs: int, id: int, master: int, first: int, last: int, way: int = 0) -> None:
        """Add a transfer, whatever its way; the caller has advanced to ``now_fs`` before."""
        count = int(self._server["flights"][0])
        if count == self._flights.size:
            self._flights = np.concatenate([self._flights, np.zeros(count, FLIGHT)])
            self._ended = np.zeros((2 * count, 2), np.int64)
        self._flights[count] = (id, master, self.clock.cycle_at(now_fs), first, last, 0, -1)
        self._server["flights"] += 1
        self._ahead = None

    def advance(self, until_fs: int) -> list[tuple[int, int]]:
        """Commit all decisions before ``until_fs``; (id, done_fs) of the transfers that ended by them."""
        ahead = self._ahead
        if ahead is not None and ahead[4] == until_fs:
            self._flights, self._server, self._counts, id, _ = ahead
            self._ahead = None
            return [(id, until_fs)]
        until = self.clock.cycle_at(until_fs)
        ended = serve_until(
            until, False, self._shape, self.requests, self._flights, self._server, self._counts, self._ended
        )
        self._ahead = None
        return [(id, self._done_fs(slot)) for id, slot in self._ended[:ended].tolist()] if ended else []

    def forecast(self, next_fs: int | None = None) -> tuple[int, int] | None:
        """(id, done_fs) of the transfer that ends first if nothing more arrives, whatever ``next_fs``."""
        if self._server["flights"][0] == 0:
            return None
        state = self._flights.copy(), self._server.copy(), self._counts.copy()
        serve_until(FOREVER, True, self._shape, self.requests, *state, self._ended)
        id, slot = self._ended[0].tolist()
        done_fs = self._done_fs(slot)
        self._ahead = (*state, id, done_fs)
        return id, done_fs

    def finish(self, end_fs: int) -> None:
        """The run is over; nothing is left to be decided."""
        self.advance(end_fs)

    def background(self) -> dict[str, int]:
        """Nothing happens beside the transfers."""
        return {}

    def profile(self) -> None:
        """What it did over time is not kept."""

    def counts(self) -> dict[str, np.ndarray]:
        """Bytes read and written in whole bursts, rows opened, time taken; int64, shape (nodes,)."""
        busy = np.array([self.clock.fs(n) for n in self._counts[:, SLOTS].tolist()], np.int64)
        columns = {"read": READ, "write": WRITE, "activate": ACTIVATE}
        return {action: self._counts[:, j] for action, j in columns.items()} | {"busy_fs": busy}

    def _done_fs(self, slot: int) -> int:
        return self.clock.fs(slot) + self.latency_fs
