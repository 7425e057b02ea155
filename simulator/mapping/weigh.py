"""What a chain costs: room on chip exactly, traffic and time by estimate.

Equations: docs/models/mapping.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.mapping.builder import PIECE_BYTES
from simulator.mapping.chain import PACES, Chain, ChainForm, Pace, Stream, Timetable, line_role
from simulator.mapping.piece import Piece
from simulator.mapping.remember import Remembered
from simulator.mapping.route import Route, align
from simulator.mapping.schedule import Buffer, Tiling
from simulator.mapping.shape import spans

#: Numbers of stripes of an image that are tried, and one row per stripe.
_STRIPES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
#: Timetables are tens of kilobytes, and a network has some thousands.
_TABLES: Remembered[tuple, Timetable] = Remembered(4000)
#: So many sizes of stripes are weighed, from the largest that fits: finer ones start and end sooner.
_FINER = 3


@dataclass(frozen=True, slots=True)
class Apart:
    """An operand that a task of a chain needs whole: its weights, or one that is broadcast.

    ``resident_only``: it cannot come in pieces. ``route`` leads to it; its bytes are 0 where it lies in the
    core's own memory.
    """

    role: str
    bytes: int
    route: Route
    resident_only: bool


@dataclass(frozen=True)
class Parts:
    """Everything about a chain that does not depend on its stripes.

    ``apart`` has the operands that each task needs whole; ``routes`` the way of each stream between its line
    buffer and where it lies otherwise, where it goes that way.
    """

    form: ChainForm
    pieces: tuple[Piece, ...]
    apart: tuple[tuple[Apart, ...], ...]
    routes: Mapping[str, Route]

    @cached_property
    def ways(self) -> tuple[object, ...]:
        """All routes: what tells parts apart whose chains are built alike."""
        return *self.routes.items(), *(apart.route for aparts in self.apart for apart in aparts)


@dataclass(frozen=True)
class Weighed:
    """A chain with its tilings, its tiles and the buffers of each of its tasks."""

    chain: Chain
    tilings: tuple[Tiling, ...]
    tiles: tuple[int, ...]
    buffers: tuple[tuple[Buffer, ...], ...]
    busy_fs: tuple[int, ...]


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

    def weigh(self, room: Mapping[str, int], parts: Parts) -> Weighed | None:
        """The chain of least expected time (then least traffic) of those that fit.

        Weights are resident if any stripes fit beside them; else as many as there is room for. Tasks are a
        step apart if any stripes fit so.

        Parameters
        ----------
        room
            Free bytes per memory.
        parts
            The chain, equal to the ladder's but for its routes.
        """
        for streamed in (False, True):
            for pace in PACES:
                found = [option.with_room(room, parts) for option in self._largest(room, pace, streamed)]
                if found:
                    return min(found, key=lambda w: (w.chain.expected_fs, w.chain.traffic_bytes))
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
        self._weighed: dict[tuple[object, ...], Weighed] = {}
        self._settled: dict[tuple[int, ...], _Option] = {}  # by room
        self._distinct: dict[tuple[bool, ...], _Option] = {}  # by what is resident
        self._on_cores: _OnCores | None = None

    def fits(self, room: Mapping[str, int]) -> bool:
        """Whether everything has room."""
        return self.possible and all(size <= room[memory] for memory, size in self.need.items())

    def with_room(self, room: Mapping[str, int], parts: Parts) -> Weighed:
        """The chain weighed; of weights that come in stripes as many stay as there is room for."""
        if all(self.resident):
            return self._weighed_with(parts)
        key = tuple(room[memory] for memory in self.need)
        if key not in self._settled:
            settled = self._settle(room)
            self._settled[key] = self._distinct.setdefault(tuple(settled.resident), settled)
        return self._settled[key]._weighed_with(parts)

    def _weighed_with(self, parts: Parts) -> Weighed:
        if parts.ways not in self._weighed:
            self._weighed[parts.ways] = self._weigh(parts)
        return self._weighed[parts.ways]

    def _settle(self, room: Mapping[str, int]) -> _Option:
        """The option with as many weights resident as there is room for, the largest first."""
        streamed = [k for k, stays in enumerate(self.resident) if not stays]
        settled = copy(self)
        settled._on_cores, settled._weighed = None, {}
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
                found[k].append(Buffer(apart.role, apart.route.memory, align(size), 1 if whole else 2))
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
                    yield apart.route.memory, align(size), 1 if whole else 2
            tiles = piece.tiles(self.tilings[k], self.most[k])
            size = piece.sums_bytes(self.tilings[k], self.most[k], max(tiles, 2))
            if size > sums.get(piece.task.core, (0, ""))[0]:
                sums[piece.task.core] = size, piece.core.buffer("psum")
        for size, memory in sums.values():
            yield memory, size // 2, 2

    def _weigh(self, parts: Parts) -> Weighed:
        """The chain with its traffic and its time."""
        self._on_cores = cores = self._on_cores or self._find_on_cores()
        ways = list(self._transfers(parts))
        traffic = sum(way.bytes + way.cuts * way.route.burst_bytes for way in ways)
        at_once = _link_fs(way for way in ways if way.first_step)
        later = _link_fs(way for way in ways if not way.first_step)
        ends = sum(way.bytes * _per_byte_fs(way.route) / way.stripes for way in ways if way.stripes)
        chain = Chain(
            form=self.parts.form,
            rows=self.table.rows,
            stripes=self.table.stripes,
            pace=self.pace,
            lines=tuple((stream.storage, rows) for stream, rows in self.lines),
            resident=tuple(self.resident),
            traffic_bytes=traffic,
            expected_fs=int(at_once + max(cores.steps_fs, later) + ends),
        )
        return Weighed(chain, tuple(self.tilings), cores.tiles, cores.buffers, cores.busy_fs)

    def _find_on_cores(self) -> _OnCores:
        """What has nothing to do with the ways to far memories."""
        busy, steps_fs = self._core_time()
        tiles = tuple(
            sum(piece.tiles(tiling, rows) * times for rows, times in zip(*counted, strict=True) if rows)
            for piece, tiling, counted in zip(
                self.parts.pieces, self.tilings, self.table.counted, strict=True
            )
        )
        buffers = tuple(tuple(found) for found in self.buffers())
        return _OnCores(tuple(busy), steps_fs, tiles, buffers)

    def _core_time(self) -> tuple[list[int], int]:
        """Time of each task's core, and of all steps, in fs: in a step the busiest core counts."""
        steps = self.table.steps(self.delays)
        together = self.pace == "together"
        per_core: dict[str, np.ndarray] = {}
        busy = []
        for k, (piece, counts) in enumerate(zip(self.parts.pieces, self.table.counts, strict=True)):
            sizes, where = self.table.sizes[k]
            times, latency = piece.times_fs(self.tilings[k], sizes)
            time = np.array(times)[where]
            busy.append(int(time.sum()))
            if together:
                time = time + np.where(counts > 0, latency, 0)
            line = per_core.setdefault("" if together else piece.task.core, np.zeros(steps, np.int64))
            line[self.delays[k] : self.delays[k] + counts.size] += time
        return busy, int(np.max(list(per_core.values()), axis=0).sum())

    def _transfers(self, parts: Parts) -> Iterator[_Way]:
        stripes = self.table.stripes * self.parts.form.images
        for stream, rows in self.lines:
            if stream.loaded:
                starts, ends = self.table.loads(stream)
                moved = int((ends - starts).sum()) * stream.row_bytes
                yield _way(parts.routes[stream.storage], moved, stripes, rows, stream)
            if stream.stored:
                moved = stream.height * self.parts.form.images * stream.row_bytes
                yield _way(parts.routes[stream.storage], moved, stripes, rows, stream)
        for k, piece in enumerate(self.parts.pieces):
            for apart in parts.apart[k]:
                if apart.bytes:
                    whole = self.resident[k] or apart.resident_only
                    tiles, block = 1, apart.bytes
                    if not apart.resident_only:
                        tiling, work = self.tilings[k], piece.task.work
                        tiles = len(spans(work.k, tiling.n)) * len(spans(work.groups, tiling.groups))  # type: ignore[union-attr]
                        block = apart.bytes // tiles
                    times = 1 if whole else stripes
                    ragged = block % apart.route.burst_bytes != 0
                    cuts = times * (tiles + apart.bytes // PIECE_BYTES) if ragged else 0
                    yield _Way(apart.route, times * apart.bytes, times * tiles, cuts, 0, whole)


@dataclass(frozen=True, slots=True)
class _OnCores:
    """Time of each task's core and of all steps, tiles and buffers of each task."""

    busy_fs: tuple[int, ...]
    steps_fs: int
    tiles: tuple[int, ...]
    buffers: tuple[tuple[Buffer, ...], ...]


@dataclass(frozen=True, slots=True)
class _Way:
    """Bytes along a route, in ``starts`` transfers; ``cuts`` of them open a row of the far memory for a rest.

    ``stripes`` pieces, of which one is exposed at the chain's start or end; ``first_step``: all of it is
    needed before the second stripe.
    """

    route: Route
    bytes: int
    starts: int
    cuts: int
    stripes: int
    first_step: bool


def _way(route: Route, moved: int, stripes: int, line_rows: int, stream: Stream) -> _Way:
    """Rows through a line buffer: a run per stripe, cut where the line buffer begins anew."""
    cuts = stripes + moved // (line_rows * stream.row_bytes) + moved // PIECE_BYTES
    ragged = stream.row_bytes % route.burst_bytes != 0
    return _Way(route, moved, cuts, cuts if ragged else 0, stripes, False)


def _per_byte_fs(route: Route) -> float:
    return 1e15 / route.bytes_per_s if route.bytes_per_s else 0.0


def _link_fs(ways: Iterator[_Way]) -> float:
    """Time in fs of the busiest link or far memory; what short runs waste costs the memory alone."""
    taken: dict[tuple[str, str], float] = {}
    for way in ways:
        route = way.route
        linked = way.bytes * 1e15 / route.link_bytes_per_s if route.link_bytes_per_s else 0.0
        served = way.bytes * 1e15 / route.far_bytes_per_s if route.far_bytes_per_s else 0.0
        link, far = ("link", route.link), ("far", route.far)
        taken[link] = taken.get(link, 0.0) + linked + way.starts * route.start_fs
        taken[far] = taken.get(far, 0.0) + served + way.cuts * route.far_run_fs
    return max(taken.values(), default=0.0)
