"""What each node's time went to, instant by instant. Equations and limits: docs/models/causes.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from simulator.engine.finished import Finished
from simulator.engine.machine import CoreUnit
from simulator.hw.component import Core
from simulator.hw.timing import core_times_fs, cycles_fs, port_times_fs
from simulator.mapping.program import COMPUTE, MOVE_ROLES, STORE
from simulator.results.causes import CAUSES, USEFUL

#: Of tiles that run side by side on several cores, the first of these that one of them is in counts.
PRIORITY = (*USEFUL, "fill_drain", "weight_wait", "input_wait", "output_wait", "noc", "sync")


class Stretch(NamedTuple):
    """Time of a node with one cause; ``memory`` is the one that was waited for, "" where none was."""

    start_fs: int
    end_fs: int
    cause: str
    memory: str = ""


def node_stretches(history: History) -> list[list[Stretch]]:
    """Stretches of every node of a run without gap or overlap, ascending, up to its end.

    They begin with its start or, if that is earlier, with what it adds to the run: ``end - exposed``.
    """
    program, tiles, times = history.program, history.tiles, history.ran.nodes
    commands: list[list[int]] = [[] for _ in program.nodes]
    for command, node in enumerate(program.commands["node"].tolist()):
        commands[node].append(command)
    found = []
    for node, (start, end, exposed) in enumerate(zip(*(column.tolist() for column in times), strict=True)):
        low = min(start, end - exposed)
        busy = _side_by_side(part for command in commands[node] for part in tiles.get(command, ()))
        found.append(list(_fill_gaps(busy, low, end, node, commands[node], history)))
    return found


def total_fs(stretches: Iterable[Stretch], since_fs: int) -> dict[str, int]:
    """Cause -> fs from an instant on, in the order of ``CAUSES``, without zeros."""
    sums = dict.fromkeys(CAUSES, 0)
    for stretch in stretches:
        sums[stretch.cause] += max(0, stretch.end_fs - max(stretch.start_fs, since_fs))
    return {cause: time_fs for cause, time_fs in sums.items() if time_fs}


def tile_stretches(ran: Finished) -> dict[int, tuple[Stretch, ...]]:
    """Command -> how its tile takes its core: filling, then useful steps, then waiting for ports."""
    program, chip, machine = ran.program, ran.chip, ran.machine
    found: dict[int, tuple[Stretch, ...]] = {}
    for index, (name, unit) in enumerate(zip(program.units, machine.units, strict=True)):
        where = np.flatnonzero(program.commands["unit"] == index)
        if not isinstance(unit, CoreUnit) or not where.size:
            continue
        core, work = chip.cores[name], program.commands["work"][where]
        tiles = program.tiles[name][work]
        occupancy = np.array(unit.occupancy_fs, np.int64)[work]
        useful = core.BOUND if core.BOUND in USEFUL else "compute"
        own = core_times_fs(core, tiles)
        own = np.minimum(own, occupancy) if core.RESIDENT else own  # an estimate, less refreshes
        own = np.where(own > 0, own, occupancy)  # what only stands in has no time but that of its port
        filling = np.maximum(own - cycles_fs(core.clock_hz, core.streaming(tiles)), 0)
        filling = np.where(core_times_fs(core, tiles) > 0, filling, 0)
        free = ran.held[where, 1]
        begin = free - occupancy
        late = np.flatnonzero(occupancy > own)
        waits = [("", "")] * where.size
        for i, wait in zip(late.tolist(), _port_waits(core, chip.ports(name), tiles[late]), strict=True):
            waits[i] = wait
        rows = zip(where.tolist(), begin.tolist(), (begin + filling).tolist(), (begin + own).tolist(),
                   free.tolist(), waits, strict=True)  # fmt: skip
        for command, first, filled, done, end, (cause, memory) in rows:
            parts = (
                Stretch(first, filled, "fill_drain"),
                Stretch(filled, done, useful),
                Stretch(done, end, cause, memory),
            )
            found[command] = tuple(part for part in parts if part.end_fs > part.start_fs)
    return found


def _port_waits(core: Core, ports: Mapping[str, float | None], tiles: np.ndarray) -> list[tuple[str, str]]:
    """(cause, memory) of what each tile takes longer than its core: the slowest port, its busiest operand."""
    if not tiles.size:
        return []
    taken = port_times_fs(core, ports, tiles)
    names = list(taken)
    slowest = np.argmax(np.stack([taken[name] for name in names]), axis=0)
    moved = core.accesses(tiles)
    waits = []
    for i, which in enumerate(slowest.tolist()):
        there = [j for j, role in enumerate(core.ROLES) if core.buffer(role) == names[which]]
        busiest = max(there, key=lambda j: int(moved[i, j].sum()))
        read, written = moved[i, busiest].tolist()
        waits.append((_wait_of(core.ROLES[busiest], written > read), names[which]))
    return waits


def _wait_of(role: str, writes: bool) -> str:
    """The cause in which a core waits for an operand."""
    if role == "weight":
        return "weight_wait"
    return "output_wait" if role in ("ofmap", "psum") or writes else "input_wait"


def _side_by_side(parts: Iterable[Stretch]) -> list[Stretch]:
    """Tiles of a node on all its cores as stretches without overlap: at any instant the first by priority."""
    given = list(parts)
    if all(one.end_fs <= two.start_fs for one, two in pairwise(given)):
        return given  # one core, or several in turn
    edges: list[tuple[int, int, Stretch]] = []
    for part in given:
        edges += [(part.start_fs, 1, part), (part.end_fs, -1, part)]
    edges.sort(key=lambda edge: (edge[0], PRIORITY.index(edge[2].cause), edge[2].memory))
    running: dict[tuple[int, str], int] = {}
    found: list[Stretch] = []
    since = 0
    for instant, step, part in edges:
        if running and instant > since:
            rank, memory = min(running)
            found.append(Stretch(since, instant, PRIORITY[rank], memory))
        since = instant
        key = (PRIORITY.index(part.cause), part.memory)
        running[key] = running.get(key, 0) + step
        if not running[key]:
            del running[key]
    return found


def _fill_gaps(
    busy: list[Stretch], low: int, high: int, node: int, commands: list[int], history: History
) -> Iterable[Stretch]:
    """The stretches between which a node's cores wait, found from what ends each wait."""
    begins = history.first_tile_at(commands)
    reached = low
    for stretch in busy:
        if stretch.start_fs > reached:
            yield from history.explain(reached, stretch.start_fs, begins[stretch.start_fs], {node})
        yield stretch
        reached = stretch.end_fs
    if high > reached:
        last = max(commands, key=lambda command: (history.end[command], command))
        yield from history.explain(reached, high, last, {node}, itself=True)


class History:
    """When each command began, gave its unit back and ended, and which other command it began after."""

    def __init__(self, ran: Finished) -> None:
        self.ran, self.program, self.chip, self.held_by = ran, ran.program, ran.chip, ran.machine.held_by
        program, spans = ran.program, ran.spans
        commands = program.commands
        self.node, self.kind, self.work, self.unit = (
            commands[f].tolist() for f in ("node", "kind", "work", "unit")
        )
        self.start, self.end = spans[:, 0].tolist(), spans[:, 1].tolist()
        leave, begin = ran.held[:, 1], spans[:, 0].copy()
        for index, unit in enumerate(ran.machine.units):
            if isinstance(unit, CoreUnit):
                where = np.flatnonzero(commands["unit"] == index)
                begin[where] = leave[where] - np.array(unit.occupancy_fs, np.int64)[commands["work"][where]]
        self.leave, self.begin = leave.tolist(), begin.tolist()
        self.first, self.sources, self.early = (
            a.tolist() for a in (program.dependency_first, program.dependencies, program.early)
        )
        self.gave_way: dict[tuple[int, int], int] = {}  # (unit, instant) -> command that left it then
        self.ahead: list[int] = [-1] * program.size  # the command before it in its queue
        tails: dict[tuple[int, int], int] = {}
        for command, queue in enumerate(commands["queue"].tolist()):
            self.gave_way[self.unit[command], self.leave[command]] = command
            self.ahead[command] = tails.get((self.unit[command], queue), -1)
            tails[self.unit[command], queue] = command

    @cached_property
    def tiles(self) -> dict[int, tuple[Stretch, ...]]:
        """``tile_stretches`` of the run."""
        return tile_stretches(self.ran)

    def first_tile_at(self, commands: Iterable[int]) -> dict[int, int]:
        """Instant -> the tile that begins there, of some commands."""
        return {
            self.begin[c]: c for c in commands if self.kind[c] == COMPUTE and self.leave[c] > self.begin[c]
        }

    def explain(
        self, low: int, high: int, command: int, nodes: Set[int], *, itself: bool = False
    ) -> list[Stretch]:
        """Stretches from ``low`` to ``high``, at which a command of ``nodes`` begins (``itself``: ends).

        From the command back to the one that it began after, and on from there: each has the time from its
        own start on.
        """
        found: list[Stretch] = []
        current = command if itself else self.before(command)
        while high > low:
            if current < 0:
                found.append(Stretch(low, high, "sync"))
                break
            since = max(low, self.start[current])
            if since < high:
                found.append(Stretch(since, high, *self.cause(current, nodes)))
                high = since
            current = self.before(current)
        return found[::-1]

    def before(self, command: int) -> int:
        """What a command began after, -1 for nothing.

        The dependency that was met last, if that was when it began; else who gave it its place on the unit;
        else who was in front of it in the queue.
        """
        start = self.start[command]
        met, latest = -1, -1
        for i in range(self.first[command], self.first[command + 1]):
            source = self.sources[i]
            when = self.leave[source] if self.early[i] else self.end[source]
            if when >= latest:
                met, latest = source, when
        if met >= 0 and latest == start:
            return met
        giver = self.gave_way.get((self.unit[command], start), -1)
        if giver >= 0 and (self.start[giver], giver) < (start, command):
            return giver
        ahead = self.ahead[command]
        return ahead if ahead >= 0 and self.start[ahead] >= latest else met

    def cause(self, command: int, nodes: Set[int]) -> tuple[str, str]:
        """Why waiting for a command is what nodes do, and for which memory."""
        if self.node[command] not in nodes:
            return "sync", ""
        if self.kind[command] == COMPUTE:
            return "fill_drain", ""
        if self.held_by.get(command, "") in self.chip.links:
            return "noc", ""
        move = self.program.moves[self.work[command]]
        role = MOVE_ROLES[move["role"]]
        return _wait_of(role, self.kind[command] == STORE), self.program.ways[move["way"]].far
