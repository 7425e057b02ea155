"""The live side of a DRAM at command level: several masters' transfers in the controllers of its channels."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from simulator.base.clock import Clock
from simulator.hw.addressing import Addressing
from simulator.hw.component import UNDECIDED
from simulator.hw.controller import Controller
from simulator.hw.device import Device
from simulator.hw.dramfold import Fold
from simulator.hw.drampack import background_ticks, make_state, make_tables
from simulator.hw.drampimpack import make_pim_state, make_pim_tables, pim_counts
from simulator.hw.pim.stream import Stream
from simulator.hw.profile import Profile
from simulator.kernels import drampimstate as p
from simulator.kernels import dramstate as k
from simulator.kernels.dram import serve
from simulator.kernels.dramenter import enter, spread
from simulator.kernels.drampim import enter_pim, serve_pim


class DramUnit:
    """Transfers in flight in the channels of one memory.

    A load is done when the data of its last access have come, a store when its last access is taken in by a
    controller (posted writes); both ``latency_fs`` later at the chip's side. A forecast runs a copy of the
    state; when that instant comes and nothing has been submitted since, the copy becomes the state.

    Parameters
    ----------
    device, controller, addressing, channels
        What they are.
    latency_fs
        Way between chip and controllers, there and back.
    requests
        REQUEST, shape (any,): what ``submit`` points into.
    nodes
        Nodes of the graph, for the counts.
    fold
        Simulate one channel for all (``dramfold``).
    """

    def __init__(
        self, device: Device, controller: Controller, addressing: Addressing, channels: int, latency_fs: int,
        requests: np.ndarray, nodes: int, fold: bool = False,
    ) -> None:  # fmt: skip
        period = device.tck_fs
        self.clock = Clock(period.numerator, period.denominator)
        self.device, self.channels, self.latency_fs, self.requests = device, channels, latency_fs, requests
        self._nodes = requests["node"]
        self._fold = Fold(device, channels, nodes) if fold and channels > 1 else None
        self._sizes = np.zeros(channels, np.int64)
        channels = 1 if self._fold else channels  # those that are simulated
        flights, room = 16, 4096  # both double where that is not enough
        self._tables = make_tables(
            device, controller, addressing, np.zeros((flights, room), np.int64), np.zeros((1, 0), np.int64),
            np.zeros((channels, flights), k.PART), posted=True,
        )  # fmt: skip
        self._state = make_state(device, controller, channels, flights=flights, masters=1, nodes=nodes)
        self._masters: dict[int, int] = {}
        self._pim = make_pim_state(device, channels, nodes) if device.standard.pim else None
        self._steps = np.zeros(0, p.STEP)
        self._ahead: tuple[k.State, p.PimState | None, list[tuple[int, int]]] | None = None
        self._found: list[tuple[int, int]] = []  # what has ended in a forecast that was committed
        self._ended = np.zeros((flights, 2), np.int64)
        self._end_fs = 0
        self._decided = 0  # clock up to which everything is; a forecast may have got further
        self._served = 0

    def submit(self, now_fs: int, id: int, master: int, first: int, last: int, way: int = 0) -> None:
        """Add a transfer, whatever its way; the caller has advanced to ``now_fs`` before."""
        self._ahead = None
        f = self._free_flight()
        access = self.device.access_bytes
        while True:
            words = self._tables.pool[f]
            many = spread(self.requests, first, last, access, self._tables.pieces, words, self._sizes)
            if many <= words.size:
                break
            room = np.zeros((self._tables.pool.shape[0], 2 * many), np.int64)
            room[:, : words.size] = self._tables.pool
            self._tables = self._tables._replace(pool=room)
        if many == 0:
            raise ValueError(f"transfer {id} has no bytes")
        cycle, node, sizes = self.clock.cycle_at(now_fs), int(self._nodes[first]), self._sizes
        least = cycle
        if self._fold is not None:
            sizes, left_fs = self._fold.choose(sizes, words, node, self._state.total)
            many, least = int(sizes[0]), self.clock.cycle_at(now_fs + left_fs)
        self._state.flights[f] = (id, node, many, least, cycle, 1)
        enter(self._decided, f, self._master(master), sizes, self._tables, self._state)

    def submit_pim(
        self, now_fs: int, id: int, stream: Stream, node: int, channels: Sequence[int] = ()
    ) -> None:
        """Add a PIM stream, which each of the channels serves (absent: all); advanced to ``now_fs`` before.

        It begins in a channel when the transfers that came before it are done there, and is done when it is
        in all of them; transfers that come later wait until it ends or yields. Folded, it takes the one
        channel whatever channels it is for: what comes later waits in all.

        Raises
        ------
        ValueError
            A stream of another device, or of no transaction.
        """
        if self._pim is None or stream.device != self.device or not stream.rows:
            raise ValueError(f"stream {id}: expected transactions for {self.device.standard.name}")
        self._ahead = None
        f, those = self._free_flight(), channels or range(self.channels)
        if self._fold is not None:
            self._pim, node = self._fold.widen(self._pim, node, len(those))
            those = range(1)
        if (self._pim.engines["flight"] < 0).all():
            self._steps = self._steps[:0]
        first = self._steps.size
        self._steps = np.concatenate([self._steps, stream.steps])
        cycle, last = self.clock.cycle_at(now_fs), self._steps.size
        self._state.flights[f] = (id, node, (last - first) * len(those), cycle, cycle, 1)
        for c in those:
            enter_pim(self._decided, f, c, first, last, self._tables, self._state, self._pim)

    def advance(self, until_fs: int) -> list[tuple[int, int]]:
        """Commit all decisions before ``until_fs``; (id, done_fs) of the transfers whose end they decide."""
        ahead, self._ahead = self._ahead, None
        ended: list[tuple[int, int]] = []
        if ahead is not None and ahead[2][0][1] == until_fs:
            self._state, self._pim, ended = ahead
        if self._found:
            ended, self._found = self._found, []
            if min(done_fs for _, done_fs in ended) == until_fs:
                ended.sort(key=lambda each: each[1])
        self._decided = self.clock.cycle_at(until_fs)
        if self._decided > self._served:
            ended = [*ended, *self._serve(self._state, self._pim, self._decided, False)]
            self._served = self._decided
        return ended

    def forecast(self, next_fs: int | None = None) -> tuple[int, int] | None:
        """(id, done_fs) of the transfer that ends first if nothing more arrives; as ``SharedUnit``."""
        if not self._found and not self._state.flights["live"].any():
            return None
        if next_fs is not None:
            return self._committed(next_fs)
        state, pim = self._state.copy(), self._pim.copy() if self._pim else None
        ended = sorted(self._serve(state, pim, int(k.FOREVER), True), key=lambda each: each[1])
        self._ahead = state, pim, ended
        return ended[0]

    def _committed(self, next_fs: int) -> tuple[int, int]:
        """A forecast that becomes the state at once: to the first end, or to where something may arrive."""
        until = self.clock.cycle_at(next_fs)
        if min(until, self._first_end()) > self._served:
            self._found += self._serve(self._state, self._pim, min(until, self._first_end()), True)
            self._served = min(until, self._first_end())
        if self._first_end() > until:
            return UNDECIDED, next_fs
        return min(self._found, key=lambda each: each[1])

    def _first_end(self) -> int:
        """Clock beyond which nothing ends before what was found to end first."""
        if not self._found:
            return int(k.FOREVER)
        return self.clock.cycle_at(min(done_fs for _, done_fs in self._found) - self.latency_fs)

    def finish(self, end_fs: int) -> None:
        """The run is over: time passes to its end, and what still waits to be written is."""
        self._ahead, self._end_fs = None, end_fs
        self._serve(self._state, self._pim, self.clock.cycle_at(end_fs), False)
        if self._state.total["pending"][0]:
            self._serve(self._state, self._pim, int(k.FOREVER), False)

    def counts(self) -> dict[str, np.ndarray]:
        """Bytes read and written in whole accesses, rows opened, time taken; int64, shape (nodes,).

        Of PIM streams besides: bytes inside banks, into registers, operations of lanes.
        """
        counts, access = self._state.counts, self.device.access_bytes
        counts = counts if self._fold is None else self._fold.counts(counts)
        read, write = counts[:, k.N_READ] * access, counts[:, k.N_WRITE] * access
        busy = [self.clock.fs(cycles // self.channels) for cycles in counts[:, k.N_BUSY].tolist()]
        found = {
            "read": read,
            "write": write,
            "io": read + write,
            "activate": counts[:, k.N_ACT],
            "busy_fs": np.array(busy, np.int64),
        }
        if self._pim is None:
            return found
        pim = self._pim if self._fold is None else self._fold.pim(self._pim)
        inside = pim_counts(self.device, pim)
        found["io"] = found["io"] + inside["io"]
        found["activate"] = found["activate"] + inside["activate"]
        return {
            **found,
            "pim_column": inside["read"] + inside["write"],
            "pim_register": inside["register"],
            "pim_op": inside["ops"],
        }

    def background(self) -> dict[str, int]:
        """Refreshes, and picoseconds that ranks stood by or were powered down, with and without a row open.

        A refresh counts as standby with a row open: its energy is what it takes above that.
        """
        refreshes = self._state.commands.sum(axis=0)
        last = max(self.clock.cycle_at(self._end_fs), int(self._state.total["last_done"][0]))
        ticks = background_ticks(self._state, self._tables, last)
        alike = self.channels // self._state.channels.size
        spent = {name: self.clock.fs(alike * count) // 1000 for name, count in ticks.items()}
        each = {"refresh": int(refreshes[k.REFAB]), "refresh_bank": int(refreshes[k.REFPB])}
        return {**{name: alike * count for name, count in each.items()}, **spent}

    def profile(self) -> Profile:
        """What the channels did over time."""
        total = self._state.total[0]
        stretch = Fraction(self.clock.num, self.clock.den) * 2 ** int(total["bin_shift"])
        bins, access = self._state.bins, self.device.access_bytes
        bins = bins if self._fold is None else self._fold.bins(bins, self._state.counts)
        outcomes = {name: bins[:, i] for i, name in enumerate(("hit", "miss", "conflict"), start=k.N_HIT)}
        return Profile(stretch, {"read": bins[:, 0] * access, "write": bins[:, 1] * access, **outcomes})

    def _serve(
        self, state: k.State, pim: p.PimState | None, until: int, first_only: bool
    ) -> list[tuple[int, int]]:
        """(id, done_fs) of the transfers that end."""
        if len(self._ended) < state.flights.size:
            self._ended = np.zeros((state.flights.size, 2), np.int64)
        ended = self._ended
        if pim is None or (pim.engines["flight"] < 0).all():
            many = serve(until, first_only, self._tables, state, ended)
        else:
            tables, some = make_pim_tables(self.device, self._steps), np.zeros_like(ended)
            many = serve_pim(until, first_only, self._tables, state, tables, pim, ended, some)
        return [
            (int(state.flights["id"][f]), self.clock.fs(tick) + self.latency_fs)
            for f, tick in ended[:many].tolist()
        ]

    def _master(self, master: int) -> int:
        """Row of a master among the streams, which grow by one that is new."""
        if master not in self._masters:
            self._masters[master] = len(self._masters)
            if len(self._masters) > self._state.streams.shape[1]:
                new = np.full((self._state.channels.size, 1), -1, np.int64).repeat(3, axis=1).view(k.STREAM)
                self._state = self._state._replace(streams=np.hstack([self._state.streams, new]))
        return self._masters[master]

    def _free_flight(self) -> int:
        """A row of the flights that no transfer uses; they double where all are in use."""
        flights = self._state.flights
        f = int(flights["live"].argmin())
        if not flights["live"][f]:
            return f
        parts, pool = self._tables.parts, self._tables.pool
        self._tables = self._tables._replace(
            pool=np.vstack([pool, np.zeros_like(pool)]), parts=np.hstack([parts, np.zeros_like(parts)])
        )
        self._state = self._state._replace(flights=np.concatenate([flights, np.zeros_like(flights)]))
        return int(flights.size)
