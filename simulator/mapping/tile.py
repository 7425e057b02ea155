"""The tiling of a contraction: all candidates are screened, the best are run in the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.base.errors import InputError, Problem
from simulator.hw.chip import Chip
from simulator.hw.component import Core
from simulator.hw.rules import NodeRule
from simulator.mapping.builder import PIECE_BYTES
from simulator.mapping.candidates import candidates, largest, least_need, with_copies
from simulator.mapping.cost import (
    Candidates,
    CoreTimes,
    Operands,
    Trips,
    buffer_bytes,
    core_times,
    trips,
)
from simulator.mapping.pipeline import Pipeline, Tables, make_pipeline, make_tables
from simulator.mapping.remember import Remembered
from simulator.mapping.route import ALONE, Beside
from simulator.mapping.schedule import Buffer, Tiling
from simulator.mapping.transfers import ROLES, Bounds, Moves, bounds, moves, passages, rates
from simulator.workload.work import Contraction

#: A node is not cut finer than this unless its buffers leave no choice: the engine's time is per tile.
MOST_TILES = 1024
#: Among tilings of about the same time and traffic, one that gives its rows in at least so many pieces.
ENOUGH_PIECES = 8
#: Times with transfers that differ by less cannot be told apart: traffic decides.
ALIKE = 1.01


@dataclass(frozen=True, slots=True)
class Choice:
    """The tiling that was chosen, with its buffers and what it is expected to cost.

    ``expected_fs`` is the time of the task alone in the pipeline, ``bound`` what takes longest,
    ``tiles`` how many tiles it has, ``candidates`` among how many it was chosen, ``traffic_bytes`` what it
    moves over links, ``apart_fs`` the longer of its time on the core and on the busiest link or far memory
    (0: not worked out).
    """

    tiling: Tiling
    buffers: tuple[Buffer, ...]
    expected_fs: int
    bound: str
    tiles: int
    candidates: int
    traffic_bytes: int = 0
    apart_fs: int = 0


_REMEMBERED: Remembered[tuple, Choice] = Remembered()


def contraction_tiling(
    work: Contraction,
    ops: Operands,
    core_name: str,
    chip: Chip,
    room: Mapping[str, int],
    rule: NodeRule,
    name: str,
    beside: Beside = ALONE,
) -> Choice:
    """The tiling of least expected time (then least external traffic, then least on-chip traffic) that fits.

    Parameters
    ----------
    work, ops
        What is to be computed, and how wide and where its operands are.
    core_name, chip
        The core, one of the chip's.
    room
        Free bytes per memory.
    rule
        Decisions that are already made.
    name
        Of the node, for the message.
    beside
        What does other parts of the node at the same time.

    Raises
    ------
    InputError
        Not even the smallest tile fits, or the rule leaves nothing that does.
    """
    core = chip.cores[core_name]
    users = {role: beside.users(chip, role, core.buffer(role)) for role in (*ROLES, "psum")}
    most = _most_need(work, ops, core_name, chip, rule, users)
    rooms = {memory: room[memory] for memory in sorted({core.buffer(r) for r in (*ROLES, "psum")})}
    useful = {memory: min(size, most.get(memory, 0)) for memory, size in rooms.items()}
    key = (
        chip.core_digest(core_name),
        *users.values(),
        *passages(chip, core, ops, PIECE_BYTES, beside).values(),
        work,
        ops,
        tuple(useful.items()),
        *_rules_of(rule),
    )
    try:
        return remembered(key, lambda: Search(work, ops, core_name, chip, useful, rule, name, beside).best())
    except InputError:  # with the room that there is, which the message tells
        return Search(work, ops, core_name, chip, rooms, rule, name, beside).best()


def _rules_of(rule: NodeRule) -> tuple[object, ...]:
    """What of a rule binds tilings."""
    return rule.m, rule.n, rule.k, rule.groups, rule.order, rule.hold


_MOST_NEED: Remembered[tuple, dict[str, int]] = Remembered()


def _most_need(
    work: Contraction, ops: Operands, core_name: str, chip: Chip, rule: NodeRule, users: dict[str, int]
) -> dict[str, int]:
    """Memory -> bytes that no tiling's buffers exceed: more room than that changes nothing."""
    key = (chip.core_digest(core_name), *users.values(), work, ops, *_rules_of(rule))
    if key not in _MOST_NEED:
        core = chip.cores[core_name]
        need: dict[str, np.ndarray] = {}
        for role, (size, copies) in _every(work, ops, core, rule, fine=True).buffers.items():
            memory, taken = core.buffer(role), size * copies * users[role]
            need[memory] = need[memory] + taken if memory in need else taken
        _MOST_NEED[key] = {memory: int(taken.max()) for memory, taken in need.items()}
    return _MOST_NEED[key]


def remembered(key: tuple, find: Callable[[], Choice]) -> Choice:
    """The choice for everything that it depends on, found once."""
    if key not in _REMEMBERED:
        _REMEMBERED[key] = find()
    return _REMEMBERED[key]


@dataclass(frozen=True)
class _Every:
    """All candidates and, per role, bytes of a buffer and copies worth having; int64, shape (candidates,)."""

    cand: Candidates
    buffers: dict[str, tuple[np.ndarray, np.ndarray]]


#: A megabyte each; cores that differ in their speed alone ask for the same.
_EVERY: Remembered[tuple, _Every] = Remembered(100)


def _sizes_key(work: Contraction, ops: Operands, core: Core, rule: NodeRule) -> tuple[object, ...]:
    """What the sizes of tiles and buffers depend on."""
    inner = core.inner(1, work.fy * work.fx)
    return work, ops, core.granule(work), inner, core.sum_bits(), *_rules_of(rule)


def _every(work: Contraction, ops: Operands, core: Core, rule: NodeRule, *, fine: bool) -> _Every:
    """Candidates whether they fit or not; parameters as for ``candidates``."""
    key = fine, *_sizes_key(work, ops, core, rule)
    if key not in _EVERY:
        cand = candidates(work, ops, core, rule, fine=fine)
        _EVERY[key] = _Every(cand, buffer_bytes(work, cand, trips(work, cand), ops, core.sum_bits()))
    return _EVERY[key]


@dataclass(frozen=True)
class _Fitting:
    """Tilings that fit, with all of them that does not depend on how fast anything is.

    ``sizes``, ``copies`` and ``most`` are int64, shape (candidates,), per role: bytes of a buffer, copies
    that it has, copies worth having; ``considered`` is among how many they were chosen.
    """

    considered: int
    cand: Candidates
    sizes: dict[str, np.ndarray]
    copies: dict[str, np.ndarray]
    most: dict[str, np.ndarray]
    trips: Trips
    moves: Moves


#: Hundreds of kilobytes each; chips that differ in their far memory alone ask for the same.
_FITTING: Remembered[tuple, _Fitting] = Remembered(400)


@dataclass(frozen=True)
class _OnCore:
    """Tilings that fit on one core: what they cost it, and the kernel's tables of them."""

    fitting: _Fitting
    times: CoreTimes
    busy_fs: np.ndarray
    latency_fs: np.ndarray
    moved_bytes: np.ndarray
    tables: Tables


_ON_CORE: Remembered[tuple, _OnCore] = Remembered(400)


def _on_core(
    work: Contraction, ops: Operands, core_name: str, chip: Chip, room: dict[str, int], rule: NodeRule,
    name: str, beside: Beside,
) -> _OnCore:  # fmt: skip
    """Tilings that fit; parameters as for ``contraction_tiling``."""
    core = chip.cores[core_name]
    users = {role: beside.users(chip, role, core.buffer(role)) for role in (*ROLES, "psum")}
    memories = (core.buffer(role) for role in users)
    key = (*_sizes_key(work, ops, core, rule), *users.values(), *memories, *sorted(room.items()))
    if key not in _FITTING:
        _FITTING[key] = _find_fitting(work, ops, core_name, chip, room, rule, name, users)
    timing = chip.core_digest(core_name), *key
    if timing not in _ON_CORE:
        fitting = _FITTING[key]
        times = core_times(work, fitting.cand, ops, core, chip.ports(core_name))
        tables = make_tables(work, fitting.cand, fitting.trips, times)
        _ON_CORE[timing] = _OnCore(
            fitting, times, times.busy(), times.latency(), times.on_chip_bytes(), tables
        )
    return _ON_CORE[timing]


def _find_fitting(
    work: Contraction, ops: Operands, core_name: str, chip: Chip, room: dict[str, int], rule: NodeRule,
    name: str, users: dict[str, int],
) -> _Fitting:  # fmt: skip
    core = chip.cores[core_name]
    for fine in (False, True):  # below the core's granule where nothing else fits with all its copies
        every = _every(work, ops, core, rule, fine=fine)
        cand, origin = with_copies(every.cand, every.buffers, core, room, users)
        most = {role: copies[origin] for role, (_, copies) in every.buffers.items()}
        whole = np.logical_and.reduce([getattr(cand, f"{role}_copies") == most[role] for role in ROLES])
        if whole.any():
            break
    if not origin.size:
        raise InputError(_too_small(work, least_need(every.buffers, core, users), room, name, chip))
    keep = largest(cand, whole, rule)
    t = trips(work, cand)
    keep &= t.total <= max(MOST_TILES, 4 * int(t.total[keep].min()))
    kept = cand.take(keep)
    t = trips(work, kept)
    copies = {role: copies[keep] for role, copies in most.items()}
    return _Fitting(
        considered=every.cand.rows.size,
        cand=kept,
        sizes={role: size[origin[keep]] for role, (size, _) in every.buffers.items()},
        copies=copies | {role: getattr(kept, f"{role}_copies") for role in ROLES},
        most=copies,
        trips=t,
        moves=moves(work, kept, t, ops),
    )


class Search:
    """Tilings of one contraction that fit, their bounds, and the pipeline to run them in."""

    def __init__(
        self,
        work: Contraction,
        ops: Operands,
        core_name: str,
        chip: Chip,
        room: dict[str, int],
        rule: NodeRule,
        name: str,
        beside: Beside = ALONE,
    ) -> None:
        self.core = core = chip.cores[core_name]
        mine = _on_core(work, ops, core_name, chip, room, rule, name, beside)
        fitting, self.busy_fs, self.on_chip = mine.fitting, mine.busy_fs, mine.moved_bytes
        self.considered = fitting.considered
        self.cand: Candidates = fitting.cand
        self.sizes, self.copies, self.trips = fitting.sizes, fitting.copies, fitting.trips
        self.passages = passages(chip, core, ops, PIECE_BYTES, beside)
        cost = rates(fitting.moves, self.passages)
        self.bounds: Bounds = bounds(fitting.moves, self.passages, cost)
        alone = self.busy_fs + mine.latency_fs + self.bounds.ends_fs
        self.least_fs = np.maximum(alone, self.bounds.moving_fs)
        self.guess_fs = np.maximum(self.busy_fs, self.bounds.moving_fs) + self.bounds.ends_fs
        for i, role in enumerate(ROLES):  # what has one copy where two would help is moved between tiles
            single = getattr(self.cand, f"{role}_copies") < fitting.most[role]
            self.guess_fs += np.where(single, np.minimum(self.busy_fs, self.bounds.by_role_fs[i]), 0)
        self.ahead = self._loaded_ahead()
        self.traffic = sum(self.bounds.traffic.values(), np.zeros_like(self.trips.total))
        self.pipeline: Pipeline = make_pipeline(
            work, mine.tables, self.trips, ops, core, mine.times, self.passages, cost, self.traffic,
            self.least_fs,
        )  # fmt: skip

    def best(self) -> Choice:
        """The candidate of least time; of those that cannot be told apart, the one of least traffic."""
        fastest, _ = self.pipeline.run(np.argsort(self.guess_fs, kind="stable"), slack=0.999)
        moves = any(passage.link for passage in self.passages.values())  # without transfers times are exact
        limit = int(self.pipeline.finish_fs[fastest] * (ALIKE if moves else 1))
        order = self.by_traffic(np.flatnonzero(self.least_fs <= limit))
        self.pipeline.finish_fs[self.pipeline.finish_fs > limit] = 0  # left off early: to be run again
        best, _ = self.pipeline.run(order, limit=limit, first_only=True)
        return self.choice(best if best >= 0 else fastest)

    def find(self, tiling: Tiling) -> int | None:
        """The candidate that a tiling is, with most copies; None if it is not among them."""
        same = np.ones(self.cand.rows.size, bool)
        for name in ("rows", "groups", "n", "c", "hold_ifmap", "hold_weight"):
            same &= getattr(self.cand, name) == getattr(tiling, name)
        same &= self.cand.order == (tiling.order == "nm")
        return int(np.flatnonzero(same)[0]) if same.any() else None

    def fastest(self, most: int, also: Sequence[int] = ()) -> list[Choice]:
        """The candidates of least time, each tiling once, the fastest first; and some others."""
        found: dict[Tiling, Choice] = {}
        limit: int | None = None
        self.pipeline.finish_fs[:] = 0
        for i in [*also, *np.argsort(self.guess_fs, kind="stable").tolist()]:
            if limit is not None and self.least_fs[i] > limit:
                continue
            if self.pipeline.run(np.array([i]), limit=limit)[0] < 0:
                continue
            choice = self.choice(i)
            if choice.tiling not in found or choice.expected_fs < found[choice.tiling].expected_fs:
                found[choice.tiling] = choice
            if len(found) >= most:
                limit = sorted(choice.expected_fs for choice in found.values())[most - 1]
        ranked = sorted(found.values(), key=lambda choice: (choice.expected_fs, choice.traffic_bytes))
        own = {self.choice(i).tiling for i in also}
        return [choice for rank, choice in enumerate(ranked) if rank < most or choice.tiling in own]

    def _loaded_ahead(self) -> np.ndarray:
        """Bytes that can be loaded before the first tile begins, while other tasks still run."""
        ahead = np.zeros(self.cand.rows.size, np.int64)
        for role in ("ifmap", "weight"):
            if self.passages[role].link:
                ahead += np.minimum(self.sizes[role] * self.copies[role], self.bounds.traffic[role])
        return ahead

    def by_traffic(self, which: np.ndarray) -> np.ndarray:
        """Candidates by external traffic; then by how well they overlap with their neighbours, and by size.

        Rows that are whole early let the next task begin; what is loaded ahead comes under the one before.
        """
        t = self.trips
        whole = np.where(
            self.cand.order == 1, 1 + (t.m - 1) // t.n, t.m
        )  # nm: rows are whole in the last pass
        few = np.maximum(ENOUGH_PIECES - whole, 0)
        keys = (self.on_chip, t.total, -self.ahead, few, self.bounds.outside)
        return which[np.lexsort([key[which] for key in keys])]

    def choice(self, i: int) -> Choice:
        """One of the candidates that were run."""
        cand = self.cand
        buffers = [
            Buffer(role, self.core.buffer(role), int(size[i]), int(self.copies[role][i]))
            for role, size in self.sizes.items()
            if self.copies[role][i]
        ]
        computing = self.busy_fs[i] >= self.bounds.moving_fs[i]
        far = self.passages[ROLES[int(self.bounds.by_role_fs[:, i].argmax())]].far
        return Choice(
            tiling=Tiling(
                rows=int(cand.rows[i]),
                groups=int(cand.groups[i]),
                n=int(cand.n[i]),
                c=int(cand.c[i]),
                order="nm" if cand.order[i] else "mn",
                hold_ifmap=bool(cand.hold_ifmap[i]),
                hold_weight=bool(cand.hold_weight[i]),
            ),
            buffers=tuple(buffers),
            expected_fs=int(self.pipeline.finish_fs[i]),
            bound=self.core.BOUND if computing else far,
            tiles=int(self.trips.total[i]),
            candidates=self.considered,
            traffic_bytes=int(self.traffic[i]),
            apart_fs=int(max(self.busy_fs[i], self.bounds.moving_fs[i])),
        )


def tile_buffers(work: Contraction, tiling: Tiling, ops: Operands, psum_bits: int) -> dict[str, int]:
    """Role -> bytes of one copy of the buffer that a tiling needs; roles without a buffer are left out."""
    cand = as_candidate(tiling)
    rooms = buffer_bytes(work, cand, trips(work, cand), ops, psum_bits)
    return {role: int(size[0]) for role, (size, copies) in rooms.items() if copies[0]}


def as_candidate(tiling: Tiling) -> Candidates:
    """A tiling as the only candidate; its copies are not said."""
    order = int(tiling.order == "nm")
    fields = (tiling.rows, tiling.groups, tiling.n, tiling.c, order, tiling.hold_ifmap, tiling.hold_weight)
    return Candidates.of(np.array(fields, np.int64)[:, None])


def _too_small(
    work: Contraction, need: dict[str, np.ndarray], room: dict[str, int], name: str, chip: Chip
) -> Problem:
    """The memory that is furthest from holding the smallest tile, in bytes."""
    lacking = {memory: int(size.min()) for memory, size in need.items()}
    memory = max(lacking, key=lambda m: lacking[m] / max(room[m], 1))
    message = (
        f"too small for node '{name}': the smallest tile of its {work.M} x {work.N} x {work.K} contraction "
        f"needs {lacking[memory]} B of buffers there, {room[memory]} B are free; enlarge the memory "
        "or shrink the array"
    )
    return chip.problem(message, f"memories.{memory}.capacity")
