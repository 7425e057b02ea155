"""Which tasks become chains: every pair of first and last task is weighed, the cheapest cut of the list wins.

Equations: docs/models/mapping.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from simulator.hw.timing import tile_times_fs
from simulator.mapping.chain import Chain, ChainForm, Stream
from simulator.mapping.cost import (
    Candidates,
    core_time,
    in_whole_grains,
    link_time,
    traffic_bytes,
    trips,
)
from simulator.mapping.pack import Item
from simulator.mapping.piece import Piece
from simulator.mapping.route import route
from simulator.mapping.rowform import row_forms
from simulator.mapping.schedule import Task, TaskPlan
from simulator.mapping.tasks import whole_tile
from simulator.mapping.weigh import Apart, Parts, Weighed, least_room, weigh
from simulator.results.result import FusedChain, Fusion
from simulator.workload.work import Contraction

if TYPE_CHECKING:
    from simulator.mapping.plan import _Planner

#: A chain has at most so many tasks.
MOST_TASKS = 12
#: Rules that bind a task's own tiles; a task that they bind is planned by itself.
_BINDING = ("m", "n", "k", "groups", "order", "hold", "output", "fuse")


@dataclass(frozen=True, slots=True)
class Single:
    """What a task costs by itself: bytes to and from the memories behind, and its time without its ends."""

    traffic_bytes: int
    time_fs: int


@dataclass(frozen=True)
class Fused:
    """An attempt's tasks with chains: plans of all tasks, what stays on chip whole, and the chains."""

    tasks: list[TaskPlan]
    stays: dict[str, str]
    chains: tuple[Chain, ...]


_SINGLES: dict[tuple, Single] = {}
_WEIGHED: dict[tuple, Weighed | None] = {}


class Fuser:
    """Chains for the attempts of one planner."""

    def __init__(self, planner: _Planner) -> None:
        self.planner, self.chip = planner, planner.chip
        self.tasks: Sequence[Task] = planner.tasks
        graph, sizes = planner.graph, planner.list.sizes
        self.forms = row_forms(self.tasks, graph, sizes)
        for i, task in enumerate(self.tasks):
            rule = self.chip.rules.for_node(graph.nodes[task.node].name)
            if any(getattr(rule, name) != "auto" for name in _BINDING):
                self.forms[i] = None
        self.pieces = [self._piece(i) for i in range(len(self.tasks))]

    def _piece(self, i: int) -> Piece | None:
        task, form = self.tasks[i], self.forms[i]
        if form is None:
            return None
        tensors = self.planner.graph.tensors
        result = self.planner.graph.results(self.planner.graph.nodes[task.node])[0]
        reads = [tensors[name].bits if name in tensors else result.bits for name in task.reads[:2]]
        bits = (reads[0], reads[-1], result.bits)
        return Piece(task, form, bits, self.chip.cores[task.core], self.chip)

    def choose(
        self, tasks: list[TaskPlan], stays: Mapping[str, str], items: Mapping[str, list[Item]]
    ) -> list[Weighed]:
        """Chains that save traffic and take no longer, in order: those of the cheapest cut of the list.

        Parameters
        ----------
        tasks, stays
            An attempt: every task planned by itself, and what stays on chip whole.
        items
            On-chip memory -> what lies there besides the tasks' buffers.
        """
        singles = [self._single(plan, stays) for plan in tasks]
        best: list[tuple[int, int]] = [(0, 0)]  # of the tasks before each: time, traffic
        via: list[Weighed | None] = [None]
        ending = self._by_end(singles, stays, items)
        for j, single in enumerate(singles):
            time, traffic = best[j]
            cost, choice = (time + single.time_fs, traffic + single.traffic_bytes), None
            for weighed in ending[j]:
                chain = weighed.chain
                time, traffic = best[chain.first]
                other = time + chain.expected_fs, traffic + chain.traffic_bytes
                if other < cost:
                    cost, choice = other, weighed
            best.append(cost)
            via.append(choice)
        chosen: list[Weighed] = []
        j = len(singles)
        while j > 0:
            last = via[j]
            chosen += [last] if last is not None else []
            j = last.chain.first if last is not None else j - 1
        return chosen[::-1]

    def apply(self, tasks: list[TaskPlan], stays: Mapping[str, str], chosen: Sequence[Weighed]) -> Fused:
        """An attempt with chains in it."""
        fused, left = list(tasks), dict(stays)
        for weighed in chosen:
            chain = weighed.chain
            for name in chain.inner():
                left.pop(name, None)
            total = max(sum(weighed.busy_fs), 1)
            for k, busy in enumerate(weighed.busy_fs):
                fused[chain.first + k] = replace(
                    tasks[chain.first + k],
                    tiling=weighed.tilings[k],
                    buffers=weighed.buffers[k],
                    expected_fs=chain.expected_fs * busy // total,
                    expected_bound=self.chip.cores[self.tasks[chain.first + k].core].BOUND,
                    tiles=weighed.tiles[k],
                    candidates=0,
                )
        return Fused(fused, left, tuple(weighed.chain for weighed in chosen))

    def traffic_bytes(self, tasks: list[TaskPlan], stays: Mapping[str, str], chains: Sequence[Chain]) -> int:
        """Bytes to and from the memories behind, of all chains and of all tasks in none."""
        inside = {i for chain in chains for i in range(chain.first, chain.last + 1)}
        alone = sum(self._single(p, stays).traffic_bytes for i, p in enumerate(tasks) if i not in inside)
        return alone + sum(chain.traffic_bytes for chain in chains)

    def summary(self, fused: Fused, tasks: list[TaskPlan], stays: Mapping[str, str]) -> Fusion:
        """What the chains do, for the result; ``tasks`` and ``stays`` of the best plan without them."""
        nodes = self.planner.graph.nodes
        chains = tuple(
            FusedChain(
                nodes=tuple(
                    dict.fromkeys(nodes[self.tasks[i].node].name for i in range(chain.first, chain.last + 1))
                ),
                stripes=chain.stripes,
                rows=chain.rows,
                line_bytes=chain.line_bytes(),
                bytes=chain.traffic_bytes,
                unfused_bytes=chain.unfused_bytes,
            )
            for chain in fused.chains
        )
        if not chains:
            return Fusion()
        moved = self.traffic_bytes(fused.tasks, fused.stays, fused.chains)
        return Fusion(chains, moved, self.traffic_bytes(tasks, stays, ()))

    def _single(self, plan: TaskPlan, stays: Mapping[str, str]) -> Single:
        task = plan.task
        if not isinstance(task.work, Contraction):
            inputs, outputs = self.planner.sliced_operands(task, stays)
            moved = sum(operand.bytes for operand in (*inputs, *outputs) if not operand.local)
            way = self.planner.operand_route(task, "ifmap")
            key = (self.chip.digest, task.core, task.work)
            if key not in _SINGLES:
                core = self.chip.cores[task.core]
                busy = tile_times_fs(core, self.chip.ports(task.core), whole_tile(task.work, core))[0]
                _SINGLES[key] = Single(0, int(busy[0]))
            linked = moved * 1e15 / way.bytes_per_s if way.bytes_per_s else 0.0
            return Single(moved, max(_SINGLES[key].time_fs, int(linked)))
        ops = self.planner.operands(task, stays)
        key = (self.chip.digest, task.core, task.work, ops, plan.tiling)
        if key not in _SINGLES:
            core, tiling = self.chip.cores[task.core], plan.tiling
            columns = [tiling.rows, tiling.groups, tiling.n, tiling.c, int(tiling.order == "nm")]
            columns += [int(tiling.hold_ifmap), int(tiling.hold_weight)]
            cand = Candidates.of(np.array(columns, np.int64)[:, None])
            t = trips(task.work, cand)
            traffic = traffic_bytes(task.work, cand, t, ops)
            routes = {role: route(self.chip, core, role) for role in ("ifmap", "weight", "ofmap")}
            linked = link_time(in_whole_grains(traffic, task.work, cand, ops, routes), routes)[0][0]
            busy = core_time(task.work, cand, t, ops, core, self.chip.ports(task.core))[0][0]
            moved = int(sum(bytes_.sum() for bytes_ in traffic.values()))
            _SINGLES[key] = Single(moved, max(int(busy), int(linked)))
        return _SINGLES[key]

    def _by_end(
        self, singles: list[Single], stays: Mapping[str, str], items: Mapping[str, list[Item]]
    ) -> list[list[Weighed]]:
        """Chains worth having, by their last task: they save traffic and take no longer."""
        ending: list[list[Weighed]] = [[] for _ in singles]
        saves: dict[tuple[int, int], int] = {}
        for i in reversed(range(len(singles))):
            for j in range(i + 1, min(i + MOST_TASKS, len(singles))):
                parts = self._parts(i, j, stays)
                if parts is None:
                    break
                alone = singles[i : j + 1]
                unfused = sum(single.traffic_bytes for single in alone)
                saves[i, j] = unfused - self._least_traffic(parts)
                shorter = max(saves.get((i + 1, j), 0), saves.get((i, j - 1), 0), 0)
                if saves[i, j] <= shorter:
                    continue
                room = self._room(parts.form, items)
                if not least_room(parts, room):
                    continue
                weighed = self._weigh(parts, room)
                time = sum(single.time_fs for single in alone)
                if (
                    weighed is None
                    or weighed.chain.traffic_bytes >= unfused
                    or weighed.chain.expected_fs > time
                ):
                    continue
                chain = replace(weighed.chain, unfused_bytes=unfused, unfused_fs=time)
                ending[j].append(replace(weighed, chain=chain))
        return ending

    def _weigh(self, parts: Parts, room: dict[str, int]) -> Weighed | None:
        """``weigh``, remembered: the same chain with the same room comes again in other attempts and runs."""
        tasks = [self.tasks[i] for i in range(parts.form.first, parts.form.last + 1)]
        works = tuple((t.work, t.core, t.ops, t.epilogue, t.bias_bytes) for t in tasks)
        bits = tuple(piece.bits for piece in parts.pieces)
        rooms = tuple(sorted(room.items()))
        form = parts.form
        key = (self.chip.digest, works, bits, form.first, form.forms, form.streams, parts.apart, rooms)
        if key not in _WEIGHED:
            _WEIGHED[key] = weigh(parts, room)
        return _WEIGHED[key]

    @staticmethod
    def _least_traffic(parts: Parts) -> int:
        """Traffic of a chain if everything that it needs comes once."""
        rows = sum(
            stream.height * parts.form.images * stream.row_bytes * (stream.loaded + stream.stored)
            for stream in parts.form.streams
        )
        return rows + sum(apart.bytes for aparts in parts.apart for apart in aparts)

    def _room(self, form: ChainForm, items: Mapping[str, list[Item]]) -> dict[str, int]:
        """Free bytes per memory while a chain runs: what is needed by any of its tasks is needed by all."""
        inner = {stream.storage for stream in form.streams if stream.inner}
        room = {name: memory.capacity_bytes for name, memory in self.chip.memories.items()}
        for memory, there in items.items():
            room[memory] -= sum(
                item.bytes
                for item in there
                if item.first <= form.last and item.last >= form.first and item.key not in inner
            )
        return room

    def _parts(self, i: int, j: int, stays: Mapping[str, str]) -> Parts | None:
        """Tasks ``i`` to ``j`` as a chain; None where they cannot be one."""
        forms, pieces = self.forms[i : j + 1], self.pieces[i : j + 1]
        images = forms[0].images if forms[0] is not None else 0
        if any(form is None or form.images != images for form in forms):
            return None
        uses = _Uses(self, i, j, stays)
        if not uses.collect():
            return None
        cores = tuple(self.tasks[k].core for k in range(i, j + 1))
        form = ChainForm(i, tuple(f for f in forms if f is not None), cores, tuple(uses.streams))
        return Parts(form, tuple(p for p in pieces if p is not None), tuple(uses.apart), uses.routes)


class _Uses:
    """What tasks ``i`` to ``j`` read and write: streams of rows, and operands that they need whole."""

    def __init__(self, fuser: Fuser, i: int, j: int, stays: Mapping[str, str]) -> None:
        self.fuser, self.planner, self.i, self.j, self.stays = fuser, fuser.planner, i, j, stays
        self.streams: list[Stream] = []
        self.apart: list[tuple[Apart, ...]] = []
        self.routes: dict = {}

    def collect(self) -> bool:
        """Fill in; False where the tasks cannot be a chain."""
        readers: dict[str, list[tuple[int, int]]] = {}
        makers: dict[str, list[int]] = {}
        whole: set[str] = set()
        for k in range(self.i, self.j + 1):
            task, form = self.planner.tasks[k], self.fuser.forms[k]
            assert form is not None
            aparts = []
            for operand, (name, window) in enumerate(zip(task.reads, form.reads, strict=True)):
                if window is not None:
                    readers.setdefault(name, []).append((k - self.i, operand))
                else:
                    whole.add(name)
                    aparts.append(self._apart(task, operand, name))
            self.apart.append(tuple(aparts))
            makers.setdefault(task.writes[0], []).append(k - self.i)
        if whole & set(makers):
            return False
        for name in dict.fromkeys((*readers, *makers)):
            stream = self._stream(name, tuple(readers.get(name, ())), tuple(makers.get(name, ())))
            if stream is None:
                return False
            self.streams.append(stream)
        return True

    def _apart(self, task: Task, operand: int, name: str) -> Apart:
        role = self.planner.read_role(task, name)
        way = self.planner.operand_route(task, role)
        local = self.planner.is_local(task, name, role, self.stays)
        size = 0 if local else self.planner.list.sizes[name]
        weight = isinstance(task.work, Contraction)
        return Apart("weight" if weight else f"in{operand}", size, way, not weight)

    def _stream(
        self, name: str, readers: tuple[tuple[int, int], ...], makers: tuple[int, ...]
    ) -> Stream | None:
        """A storage's rows; None where its users want them in different places or at odds with each other."""
        planner = self.planner
        elsewhere = bool(makers) and (makers[0] in {k for k, _ in readers})  # written in place over what was
        if not self._in_turn(readers, makers, elsewhere):
            return None
        ways = [planner.operand_route(planner.tasks[self.i + k], "ifmap") for k, _ in readers]
        ways += [planner.operand_route(planner.tasks[self.i + k], "ofmap") for k in makers]
        memory = ways[0].memory
        height, row_bytes = self._extent(readers, makers)
        if any(way.memory != memory for way in ways) or not row_bytes:
            return None
        loaded = not makers or elsewhere
        ends_here = planner.dies[name] <= self.j and name not in planner.outputs
        stored = bool(makers) and not ends_here
        if (loaded or stored) and self.stays.get(name, planner.home[name]) == memory:
            return Stream(name, memory, height, row_bytes, makers, readers, False, False, False)
        if loaded or stored:
            far = [way for way in ways if way.link and way.far == planner.home[name]]
            if len(far) != len(ways):
                return None
            self.routes[name] = far[0]
        return Stream(name, memory, height, row_bytes, makers, readers, loaded, stored, True)

    @staticmethod
    def _in_turn(readers: tuple[tuple[int, int], ...], makers: tuple[int, ...], elsewhere: bool) -> bool:
        """Whether each task that writes over rows is the only one to read what was there."""
        before = -1
        for number, maker in enumerate(makers):
            taken = [k for k, _ in readers if before < k <= maker]
            before = maker
            if (number or elsewhere) and taken != [maker]:
                return False
        return True

    def _extent(self, readers: tuple[tuple[int, int], ...], makers: tuple[int, ...]) -> tuple[int, int]:
        """Rows of an image and bytes of a row, (0, 0) where users see them differently."""
        seen = set()
        for k, operand in readers:
            form = self.fuser.forms[self.i + k]
            window = form.reads[operand] if form is not None else None
            assert window is not None
            seen.add((window.height, window.row_bytes))
        for k in makers:
            form = self.fuser.forms[self.i + k]
            assert form is not None
            seen.add((form.height, form.row_bytes))
        return seen.pop() if len(seen) == 1 else (0, 0)


def forget() -> None:
    """Forget remembered chains, so that planning can be timed from nothing."""
    _SINGLES.clear()
    _WEIGHED.clear()
