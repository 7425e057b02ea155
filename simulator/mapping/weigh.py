"""What a chain costs: room on chip exactly, traffic and time by estimate.

Equations: docs/models/mapping.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulator.mapping.builder import PIECE_BYTES
from simulator.mapping.chain import PACES, Chain, ChainForm, Pace, Timetable, line_role
from simulator.mapping.piece import Piece
from simulator.mapping.remember import Remembered
from simulator.mapping.route import Route, align
from simulator.mapping.schedule import Buffer, Tiling
from simulator.workload.work import Contraction

#: Numbers of stripes of an image that are tried, and one row per stripe.
_STRIPES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
#: Timetables are tens of kilobytes, and a network has some thousands.
_TABLES: Remembered[tuple, Timetable] = Remembered(4000)
#: So many sizes of stripes are weighed, from the largest that fits: finer ones start and end sooner.
_FINER = 3


#: (core, role of an operand): what says the route of that operand.
Way = tuple[str, str]
Routes = Mapping[Way, Route]


@dataclass(frozen=True, slots=True)
class Apart:
    """An operand that a task of a chain needs whole: its weights, or one that is broadcast.

    ``resident_only``: it cannot come in pieces. ``way`` says the route to it, ``memory`` is the core's own;
    its bytes are 0 where it lies there.
    """

    role: str
    bytes: int
    way: Way
    memory: str
    resident_only: bool


@dataclass(frozen=True)
class Parts:
    """Everything about a chain that does not depend on its stripes, nor on how fast its routes are.

    ``apart`` has the operands that each task needs whole; ``ways`` say the route of each stream between its
    line buffer and where it lies otherwise, where it goes that way.
    """

    form: ChainForm
    pieces: tuple[Piece, ...]
    apart: tuple[tuple[Apart, ...], ...]
    ways: Mapping[str, Way]


@dataclass(frozen=True)
class Weighed:
    """A chain with its tilings, its tiles and the buffers of each of its tasks."""

    chain: Chain
    tilings: tuple[Tiling, ...]
    tiles: tuple[int, ...]
    buffers: tuple[tuple[Buffer, ...], ...]
    busy_fs: tuple[int, ...]


class Offer(NamedTuple):
    """A choice of stripes with its time and traffic; ``_Option.weighed`` makes a chain of it."""

    expected_fs: int
    traffic_bytes: int
    option: _Option


class Ladder:
    """All choices of stripes for one chain, each worked out when it is first asked for.

    ``sums`` is the room for partial sums per memory; all else that a choice needs does not depend on the room
    that there is, nor on how fast the ways to it are, so that attempts with more or less room share a ladder,
    and chips with other memories behind.
    """

    def __init__(self, parts: Parts, sums: Mapping[str, int]) -> None:
        self.parts, self.sums = parts, sums
        self.sizes = _sizes(parts.form)
        self._tables: dict[int, Timetable] = {}
        self._options: dict[tuple[int, Pace, bool], _Option] = {}

    def weigh(self, room: Mapping[str, int], routes: Routes, number: int) -> Offer | None:
        """The choice of least expected time (then least traffic) of those that fit.

        Weights are resident if any stripes fit beside them; else as many as there is room for. Tasks are a
        step apart if any stripes fit so.

        Parameters
        ----------
        room
            Free bytes per memory.
        routes, number
            How operands get to the cores; equal ones have the same number.
        """
        for streamed in (False, True):
            for pace in PACES:
                options = self._largest(room, pace, streamed)
                if options:
                    offers = [option.with_room(room).offer(routes, number) for option in options]
                    return min(offers, key=lambda offer: offer[:2])
        return None

    def fits(self, room: Mapping[str, int]) -> bool:
        """Whether the chain fits at all: a row at a time, tasks together, weights for every stripe."""
        return self._option(1, "together", True).fits(room)

    def _option(self, rows: int, pace: Pace, streamed: bool) -> _Option:
        key = (rows, pace, streamed)
        if key not in self._options:
            if rows not in self._tables:
                self._tables[rows] = _timetable(self.parts.form, rows)
            self._options[key] = _Option(self.parts, self._tables[rows], pace, streamed, self.sums)
        return self._options[key]

    def _largest(self, room: Mapping[str, int], pace: Pace, streamed: bool) -> list[_Option]:
        """The largest stripes that fit and some smaller ones; smaller stripes need less."""
        low, high = 0, len(self.sizes)
        while low < high:
            middle = (low + high) // 2
            if self._option(self.sizes[middle], pace, streamed).fits(room):
                high = middle
            else:
                low = middle + 1
        sizes = self.sizes[low : low + _FINER]
        options = [self._option(rows, pace, streamed) for rows in sizes]
        return [option for option in options if option.fits(room)]


def _timetable(form: ChainForm, rows: int) -> Timetable:
    """The chain's timetable, remembered: rows know no chip, the same come again with every other."""
    key = form.forms, form.streams, rows
    if key not in _TABLES:
        _TABLES[key] = Timetable(form, rows)
    return _TABLES[key]


def _sizes(form: ChainForm) -> list[int]:
    """Rows per stripe worth trying, the largest first."""
    height = form.forms[-1].height
    whole = {height} if form.images > 1 or height == 1 else set()
    return sorted(whole | {-(-height // count) for count in _STRIPES if count <= height} | {1}, reverse=True)


class _Option:
    """One choice of stripes, pace and weights."""

    def __init__(
        self, parts: Parts, table: Timetable, pace: Pace, streamed: bool, sums: Mapping[str, int]
    ) -> None:
        self.parts, self.table, self.pace, self.sums = parts, table, pace, sums
        self.delays = parts.form.delays(pace)
        self.most = [int((e - s).max()) for e, s in zip(table.ends, table.starts, strict=True)]
        self.lines = [
            (stream, table.line_rows(stream, self.delays)) for stream in parts.form.streams if stream.rolling
        ]
        self.resident = [not streamed or self._together(k) for k in range(len(parts.pieces))]
        self.possible = self._tile()
        if streamed and self.possible:
            for k, piece in enumerate(self.parts.pieces):
                if not self.resident[k]:  # two tiles of weights may be as much as all of them
                    two = 2 * piece.weight_tile_bytes(self.tilings[k])
                    self.resident[k] = two >= max(apart.bytes for apart in self.parts.apart[k])
            self.possible = self._tile()
        self.need = self._need() if self.possible else {}
        self._offers: dict[int, Offer] = {}  # by number of the routes
        self._settled: dict[tuple[int, ...], _Option] = {}  # by room
        self._distinct: dict[tuple[bool, ...], _Option] = {}  # by what is resident
        self._flows: list[_Flow] = []
        self.busy_fs: tuple[int, ...] = ()
        self.steps_fs = 0

    def fits(self, room: Mapping[str, int]) -> bool:
        """Whether everything has room."""
        return self.possible and all(size <= room[memory] for memory, size in self.need.items())

    def with_room(self, room: Mapping[str, int]) -> _Option:
        """Itself; where weights come in stripes, with as many of them resident as there is room for."""
        if all(self.resident):
            return self
        key = tuple(room[memory] for memory in self.need)
        if key not in self._settled:
            settled = self._settle(room)
            self._settled[key] = self._distinct.setdefault(tuple(settled.resident), settled)
        return self._settled[key]

    def offer(self, routes: Routes, number: int) -> Offer:
        """With its traffic and its time; parameters as for ``Ladder.weigh``."""
        if number not in self._offers:
            self._offers[number] = self._offer(routes)
        return self._offers[number]

    def _settle(self, room: Mapping[str, int]) -> _Option:
        """The option with as many weights resident as there is room for, the largest first."""
        streamed = [k for k, stays in enumerate(self.resident) if not stays]
        settled = copy(self)
        settled._flows, settled._offers = [], {}
        settled.resident, settled.tilings = list(self.resident), list(self.tilings)
        for k in sorted(streamed, key=lambda k: -sum(apart.bytes for apart in self.parts.apart[k])):
            before = list(settled.tilings)
            settled.resident[k] = True
            settled.possible = settled._tile()
            settled.need = settled._need() if settled.possible else {}
            if not settled.fits(room):
                settled.resident[k], settled.tilings = False, before
        return settled

    def _together(self, k: int) -> bool:
        """Whether a task has no weights that could come again for every stripe."""
        return all(apart.resident_only for apart in self.parts.apart[k])

    def _tile(self) -> bool:
        """Choose every task's tiles; False where one has none."""
        self.tilings = []
        for k, piece in enumerate(self.parts.pieces):
            sums = self.sums[piece.core.buffer("psum")] if piece.core.sum_bits() else 0
            tiling = piece.tiling(self.most[k], sums, not self.resident[k])
            if tiling is None:
                return False
            self.tilings.append(tiling)
        return True

    def buffers(self) -> list[list[Buffer]]:
        """Buffers of each task; the partial sums of all tasks of a core take turns in one."""
        found: list[list[Buffer]] = [[] for _ in self.parts.pieces]
        for stream, rows in self.lines:
            line = Buffer(line_role(stream.storage), stream.memory, rows * stream.row_bytes, 1)
            found[self.parts.form.owner(stream)].append(line)
        sums: dict[str, tuple[int, int]] = {}  # core -> (bytes of two tiles, task)
        for k, piece in enumerate(self.parts.pieces):
            for apart in self.parts.apart[k]:
                if not apart.bytes:
                    continue
                whole = self.resident[k] or apart.resident_only
                size = apart.bytes if whole else piece.weight_tile_bytes(self.tilings[k])
                found[k].append(Buffer(apart.role, apart.memory, align(size), 1 if whole else 2))
            tiles = piece.tiles(self.tilings[k], self.most[k])
            size = piece.sums_bytes(self.tilings[k], self.most[k], max(tiles, 2))
            if size > sums.get(piece.task.core, (0, 0))[0]:
                sums[piece.task.core] = size, k
        for size, k in sums.values():
            found[k].append(Buffer("psum", self.parts.pieces[k].core.buffer("psum"), size // 2, 2))
        return found

    def _need(self) -> dict[str, int]:
        """Memory -> bytes of all buffers."""
        need: dict[str, int] = {}
        for memory, size, copies in self._rooms():
            need[memory] = need.get(memory, 0) + align(size * copies)
        return need

    def _rooms(self) -> Iterator[tuple[str, int, int]]:
        """What ``buffers`` will hold: (memory, bytes of a copy, copies) of each."""
        for stream, rows in self.lines:
            yield stream.memory, rows * stream.row_bytes, 1
        sums: dict[str, tuple[int, str]] = {}
        for k, piece in enumerate(self.parts.pieces):
            for apart in self.parts.apart[k]:
                if apart.bytes:
                    whole = self.resident[k] or apart.resident_only
                    size = apart.bytes if whole else piece.weight_tile_bytes(self.tilings[k])
                    yield apart.memory, align(size), 1 if whole else 2
            tiles = piece.tiles(self.tilings[k], self.most[k])
            size = piece.sums_bytes(self.tilings[k], self.most[k], max(tiles, 2))
            if size > sums.get(piece.task.core, (0, ""))[0]:
                sums[piece.task.core] = size, piece.core.buffer("psum")
        for size, memory in sums.values():
            yield memory, size // 2, 2

    def _offer(self, routes: Routes) -> Offer:
        if not self._flows:
            self._flows = list(self._find_flows())
            self.busy_fs, self.steps_fs = self._core_time()
        ends, traffic = 0.0, 0
        taken: tuple[dict[str, float], dict[str, float]] = {}, {}  # of link or far memory: later, first step
        for flow in self._flows:
            route, moved = routes[flow.way], flow.bytes
            cuts = flow.cuts if flow.run_bytes % route.burst_bytes else 0
            traffic += moved + cuts * route.burst_bytes
            linked = moved * 1e15 / route.link_bytes_per_s if route.link_bytes_per_s else 0.0
            served = moved * 1e15 / route.far_bytes_per_s if route.far_bytes_per_s else 0.0
            used, link, far = taken[flow.first_step], "link " + route.link, "far " + route.far
            used[link] = used.get(link, 0.0) + linked + flow.starts * route.start_fs
            used[far] = used.get(far, 0.0) + served + cuts * route.far_run_fs
            if flow.stripes:
                ends += moved * (1e15 / route.bytes_per_s if route.bytes_per_s else 0.0) / flow.stripes
        later, at_once = (max(used.values(), default=0.0) for used in taken)
        return Offer(int(at_once + max(self.steps_fs, later) + ends), traffic, self)

    def weighed(self, offer: Offer, unfused_bytes: int, unfused_fs: int) -> Weighed:
        """The chain that was offered; what its tasks move and take without it is for ``Chain`` to tell."""
        tiles = tuple(
            sum(piece.tiles(tiling, rows) * times for rows, times in counted if rows)
            for piece, tiling, counted in zip(
                self.parts.pieces, self.tilings, self.table.counted, strict=True
            )
        )
        chain = Chain(
            form=self.parts.form,
            rows=self.table.rows,
            stripes=self.table.stripes,
            pace=self.pace,
            lines=tuple((stream.storage, rows) for stream, rows in self.lines),
            resident=tuple(self.resident),
            traffic_bytes=offer.traffic_bytes,
            expected_fs=offer.expected_fs,
            unfused_bytes=unfused_bytes,
            unfused_fs=unfused_fs,
        )
        buffers = tuple(tuple(found) for found in self.buffers())
        return Weighed(chain, tuple(self.tilings), tiles, buffers, self.busy_fs)

    def _core_time(self) -> tuple[tuple[int, ...], int]:
        """Time of each task's core, and of all steps, in fs: in a step the busiest core counts."""
        together, cores = self.pace == "together", self.parts.form.cores
        busy, waits, by_rows = [], 0, []
        for piece, tiling, counted in zip(self.parts.pieces, self.tilings, self.table.counted, strict=True):
            times, latency = piece.times_fs(tiling, [rows for rows, _ in counted])
            busy.append(sum(time * many for time, (_, many) in zip(times, counted, strict=True)))
            waits += latency * sum(many for rows, many in counted if rows)
            by_rows.append({rows: time for time, (rows, _) in zip(times, counted, strict=True)})
        if together or len(set(cores)) == 1:
            return tuple(busy), sum(busy) + (waits if together else 0)
        per_core: dict[str, np.ndarray] = {}
        for core, delay, counts, times_of in zip(
            cores, self.delays, self.table.counts, by_rows, strict=True
        ):
            line = per_core.setdefault(core, np.zeros(self.table.steps(self.delays), np.int64))
            line[delay : delay + counts.size] += [times_of[rows] for rows in counts.tolist()]
        return tuple(busy), int(np.max(list(per_core.values()), axis=0).sum())

    def _find_flows(self) -> Iterator[_Flow]:
        """What goes to and from the memories behind; rows are cut where their line buffer begins anew."""
        form, stripes = self.parts.form, self.table.stripes * self.parts.form.images
        for stream, rows in self.lines:
            moved = []
            if stream.loaded:
                starts, ends = self.table.loads(stream)
                moved.append(int((ends - starts).sum()) * stream.row_bytes)
            if stream.stored:
                moved.append(stream.height * form.images * stream.row_bytes)
            for size in moved:
                way, row_bytes = self.parts.ways[stream.storage], stream.row_bytes
                cuts = stripes + size // (rows * row_bytes) + size // PIECE_BYTES
                yield _Flow(way, size, cuts, cuts, row_bytes, stripes, False)
        for k, piece in enumerate(self.parts.pieces):
            for apart in self.parts.apart[k]:
                if apart.bytes:
                    whole = self.resident[k] or apart.resident_only
                    tiles, block = 1, apart.bytes
                    if not apart.resident_only:
                        tiling, work = self.tilings[k], piece.task.work
                        assert isinstance(work, Contraction)
                        tiles = -(-work.k // tiling.n) * -(-work.groups // tiling.groups)
                        block = apart.bytes // tiles
                    times = 1 if whole else stripes
                    cuts = times * (tiles + apart.bytes // PIECE_BYTES)
                    yield _Flow(apart.way, times * apart.bytes, times * tiles, cuts, block, 0, whole)


class _Flow(NamedTuple):
    """Bytes along a route, in ``starts`` transfers.

    Unless ``run_bytes`` are whole bursts, ``cuts`` of them open a row of the far memory for a rest.
    ``stripes`` pieces, of which one is exposed at the chain's start or end; ``first_step``: all of it is
    needed before the second stripe.
    """

    way: Way
    bytes: int
    starts: int
    cuts: int
    run_bytes: int
    stripes: int
    first_step: bool
