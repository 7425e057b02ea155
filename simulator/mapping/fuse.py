"""Which tasks become chains: every pair of first and last task is weighed, the cheapest cut of the list wins.

Equations: docs/models/mapping.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import NamedTuple

from simulator.hw.chip import Chip
from simulator.hw.timing import tile_times_fs
from simulator.mapping.attempt import Attempt
from simulator.mapping.builder import PIECE_BYTES
from simulator.mapping.chain import ChainForm
from simulator.mapping.cost import core_times, trips
from simulator.mapping.layout import Layout
from simulator.mapping.operands import operand_bits
from simulator.mapping.pack import Item
from simulator.mapping.piece import Piece
from simulator.mapping.place import whole_tile
from simulator.mapping.remember import Remembered
from simulator.mapping.rowform import row_forms
from simulator.mapping.schedule import Task, TaskPlan
from simulator.mapping.storages import Storages
from simulator.mapping.tile import as_candidate
from simulator.mapping.tiler import Tiler
from simulator.mapping.transfers import bounds, moves, passages, rates
from simulator.mapping.uses import Outline, Outlines
from simulator.mapping.weigh import Ladder, Offer, Weighed
from simulator.results.result import FusedChain, Fusion
from simulator.workload.work import Contraction

#: A chain has at most so many tasks.
MOST_TASKS = 12
#: Rules that bind a task's own tiles; a task that they bind is planned by itself.
_BINDING = ("m", "n", "k", "groups", "order", "hold", "output", "fuse")


@dataclass(frozen=True, slots=True)
class Single:
    """What a task costs by itself: bytes to and from the memories behind, and its time without its ends."""

    traffic_bytes: int
    time_fs: int


#: Where a chain moves no less, it has to take no more than this share of the time; the estimate cannot tell
#: less apart, and neighbours overlap at their seams without a chain too.
SOONER = 0.95
#: A chain that saves no traffic has at most so many tasks, and this share of its time on cores that could
#: work beside the busiest.
MOST_TASKS_FOR_TIME = 8
OVERLAP = 0.2

_SINGLES: Remembered[tuple, Single] = Remembered()
_LADDERS: Remembered[tuple, Ladder] = Remembered(6000)
_CHOSEN: Remembered[tuple, list[Weighed]] = Remembered()


class Fuser:
    """Chains for the attempts of one planner."""

    def __init__(self, storages: Storages, tiler: Tiler, layout: Layout) -> None:
        self.storages, self.tiler, self.layout, self.chip = storages, tiler, layout, storages.chip
        self.tasks: Sequence[Task] = storages.tasks
        graph, sizes = storages.graph, storages.list.sizes
        self.forms = row_forms(self.tasks, graph, sizes)
        for i, task in enumerate(self.tasks):
            rule = self.chip.rules.for_node(graph.nodes[task.node].name)
            resident = self.chip.cores[task.core].RESIDENT
            if resident or any(getattr(rule, name) != "auto" for name in _BINDING):
                self.forms[i] = None
        self.pieces = [self._piece(i) for i in range(len(self.tasks))]
        self.outlines = Outlines(storages, self.forms, self.pieces)
        self._singles: dict[tuple, Single] = {}
        #: Core -> what its times depend on, and the memory of its sums, if it has any.
        self._cores = {
            name: (self.chip.core_digest(name), (core.buffer("psum"),) if core.sum_bits() else ())
            for name, core in self.chip.cores.items()
        }

    def _piece(self, i: int) -> Piece | None:
        task, form = self.tasks[i], self.forms[i]
        if form is None:
            return None
        bits = operand_bits(task, self.storages.graph)
        return Piece(task, form, bits, self.chip.cores[task.core], self.chip)

    def best(self, attempts: Sequence[Attempt], unfused: Attempt) -> Attempt | None:
        """The best attempt with chains: no slower than the best without, and with less traffic; else None."""
        before = self.cost(unfused)
        if not any(self.forms):
            return None
        tried = attempts if before.traffic_bytes > self._compulsory_bytes() else [unfused]
        with_chains = [attempt for attempt in map(self._with_chains, tried) if attempt is not None]
        costs = [self.cost(attempt) for attempt in with_chains]
        better = [
            (cost.time_fs, cost.traffic_bytes, i)
            for i, cost in enumerate(costs)
            if _worth_having(cost.time_fs, cost.traffic_bytes, before.time_fs, before.traffic_bytes)
        ]
        return with_chains[min(better)[2]] if better else None

    def _compulsory_bytes(self) -> int:
        """Bytes that come from off chip or go there whatever the plan: inputs, constants and results."""
        storages = self.storages
        read = {name for task in self.tasks for name in task.reads if name not in storages.born}
        return sum(storages.list.sizes[name] for name in (*read, *storages.outputs))

    def _with_chains(self, attempt: Attempt) -> Attempt | None:
        """An attempt with the chains that help and find room; if one finds none, the least useful goes.

        Tasks that several cores share are not chained, nor is anything beside them.
        """
        if any(len(step) > 1 for step in attempt.steps) or self.storages.stages.count > 1:
            return None
        on_chip = [name for name, memory in self.chip.memories.items() if not memory.EXTERNAL]
        there = {name: self.layout.items(name, [], attempt.stays) for name in on_chip}
        chosen = self.choose(attempt.heads, attempt.stays, there)
        while chosen:
            fused = self._apply(attempt, chosen)
            addresses, misfit = self.layout.pack_chip(fused.steps, fused.stays, fused.chains)
            if misfit is None:
                return replace(fused, addresses=addresses)
            near = [w for w in chosen if w.chain.first <= misfit[1].last and w.chain.last >= misfit[1].first]
            chosen.remove(min(near or chosen, key=lambda w: w.chain.unfused_bytes - w.chain.traffic_bytes))
        return None

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
        capacities = tuple(memory.capacity_bytes for memory in self.chip.memories.values())
        key = (self.chip.timing_digest, capacities, tuple(tasks), tuple(sorted(stays.items())))
        if key not in _CHOSEN:
            _CHOSEN[key] = self._choose(tasks, stays, items)
        return list(_CHOSEN[key])

    def _choose(
        self, tasks: list[TaskPlan], stays: Mapping[str, str], items: Mapping[str, list[Item]]
    ) -> list[Weighed]:
        singles = [self._single(i, plan, stays) for i, plan in enumerate(tasks)]
        best: list[tuple[int, int]] = [(0, 0)]  # of the tasks before each: time, traffic
        via: list[_Worth | None] = []
        ending = self._by_end(singles, stays, items)
        for j, single in enumerate(singles):
            time, traffic = best[j]
            cost, choice = (time + single.time_fs, traffic + single.traffic_bytes), None
            for worth in ending[j]:
                time, traffic = best[worth.first]
                other = time + worth.offer.expected_fs, traffic + worth.offer.traffic_bytes
                if other < cost:
                    cost, choice = other, worth
            best.append(cost)
            via.append(choice)
        chosen: list[Weighed] = []
        j = len(singles)
        while j > 0:
            last = via[j - 1]
            if last is not None:
                option = last.offer.option
                chosen.append(option.weighed(last.offer, last.unfused_bytes, last.unfused_fs))
            j = last.first if last is not None else j - 1
        return chosen[::-1]

    def _apply(self, attempt: Attempt, chosen: Sequence[Weighed]) -> Attempt:
        """An attempt with chains in it, without addresses."""
        tasks, left = list(attempt.heads), dict(attempt.stays)
        for weighed in chosen:
            chain = weighed.chain
            for name in chain.inner():
                left.pop(name, None)
            total = max(sum(weighed.busy_fs), 1)
            for k, busy in enumerate(weighed.busy_fs, chain.first):
                tasks[k] = replace(
                    tasks[k],
                    tiling=weighed.tilings[k - chain.first],
                    buffers=weighed.buffers[k - chain.first],
                    expected_fs=chain.expected_fs * busy // total,
                    expected_bound=self.chip.cores[self.tasks[k].core].BOUND,
                    tiles=weighed.tiles[k - chain.first],
                    candidates=0,
                )
        chains = tuple(weighed.chain for weighed in chosen)
        return replace(attempt, steps=[[plan] for plan in tasks], stays=left, addresses={}, chains=chains)

    def cost(self, attempt: Attempt) -> Single:
        """What a plan costs: all chains, and all tasks in none."""
        inside = {i for chain in attempt.chains for i in range(chain.first, chain.last + 1)}
        alone = [
            self._single(i, plan, attempt.stays) for i, plan in enumerate(attempt.heads) if i not in inside
        ]
        return Single(
            sum(single.traffic_bytes for single in alone)
            + sum(chain.traffic_bytes for chain in attempt.chains),
            sum(single.time_fs for single in alone) + sum(chain.expected_fs for chain in attempt.chains),
        )

    def summary(self, fused: Attempt, unfused: Attempt) -> Fusion:
        """What the chains do, for the result, against the best plan without them."""
        nodes = self.storages.graph.nodes
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
        return Fusion(chains, self.cost(fused).traffic_bytes, self.cost(unfused).traffic_bytes)

    def _single(self, i: int, plan: TaskPlan, stays: Mapping[str, str]) -> Single:
        key = i, plan.tiling, plan.expected_fs, self.outlines.stays_at(i, stays)
        if key not in self._singles:
            self._singles[key] = self._find_single(plan, stays)
        return self._singles[key]

    def _find_single(self, plan: TaskPlan, stays: Mapping[str, str]) -> Single:
        task = plan.task
        if self.chip.cores[task.core].RESIDENT:
            return Single(0, plan.expected_fs)  # in no chain, so that it is the same with and without them
        if not isinstance(task.work, Contraction):
            inputs, outputs = self.tiler.sliced_operands(task, stays)
            moved = sum(operand.bytes for operand in (*inputs, *outputs) if not operand.local)
            way = self.storages.operand_route(task, "ifmap")
            key = (self.chip.core_digest(task.core), task.work)
            if key not in _SINGLES:
                core = self.chip.cores[task.core]
                busy = tile_times_fs(core, self.chip.ports(task.core), whole_tile(task.work, core))[0]
                _SINGLES[key] = Single(0, int(busy[0]))
            linked = moved * 1e15 / way.bytes_per_s if way.bytes_per_s else 0.0
            return Single(moved, max(_SINGLES[key].time_fs, int(linked)))
        if plan.apart_fs:
            return Single(plan.traffic_bytes, plan.apart_fs)
        ops = self.tiler.operands(task, stays)
        core, tiling = self.chip.cores[task.core], plan.tiling
        ways = passages(self.chip, core, ops, PIECE_BYTES)
        timing = self.chip.core_digest(task.core), *ways.values()
        key = (timing, task.work, task.ops, ops, plan.tiling)  # type: ignore[assignment]
        if key not in _SINGLES:
            cand = as_candidate(tiling)
            t = trips(task.work, cand)
            moved_at = moves(task.work, cand, t, ops)
            moving = bounds(moved_at, ways, rates(moved_at, ways))
            busy = core_times(task.work, cand, ops, core, self.chip.ports(task.core)).busy()
            moved = int(sum(bytes_.sum() for bytes_ in moving.traffic.values()))
            _SINGLES[key] = Single(moved, int(max(busy[0], moving.moving_fs[0])))
        return _SINGLES[key]

    def _by_end(
        self, singles: list[Single], stays: Mapping[str, str], items: Mapping[str, list[Item]]
    ) -> list[list[_Worth]]:
        """Chains worth having, by their last task: they save traffic and take no longer."""
        ending: list[list[_Worth]] = [[] for _ in singles]
        # traffic saved, bytes not kept, time, at most
        gains: dict[tuple[int, int], tuple[int, int, int]] = {}
        stays_of = self.outlines.stays_of(stays)
        rooms = _Rooms(self.chip, items, len(singles))
        for i in reversed(range(len(singles))):
            unfused, time = singles[i].traffic_bytes, singles[i].time_fs
            per_core: dict[str, int] = {self.tasks[i].core: time}
            for j in range(i + 1, min(i + MOST_TASKS, len(singles))):
                outline = self.outlines.at((i, j), stays, stays_of)
                if outline is None:
                    break
                unfused, time = unfused + singles[j].traffic_bytes, time + singles[j].time_fs
                core = self.tasks[j].core
                per_core[core] = per_core.get(core, 0) + singles[j].time_fs
                beside = time - max(per_core.values())  # so much different cores can save side by side
                saved = unfused - outline.least_bytes
                gains[i, j] = gain = saved, self._relieved_bytes(outline.form, stays), beside
                short = j - i < MOST_TASKS_FOR_TIME and beside >= OVERLAP * time
                if (saved <= 0 and not short) or any(
                    gain[0] <= a and gain[1] <= b and gain[2] <= c
                    for a, b, c in (gains.get((i + 1, j), (0, 0, 0)), gains.get((i, j - 1), (0, 0, 0)))
                ):
                    continue  # both ends have to contribute
                room = rooms.free(outline.form)
                ladder = self._ladder(outline, room)
                if not ladder.fits(room):
                    continue
                offer = ladder.weigh(room, self.storages.routes, self.outlines.routes)
                if offer and _worth_having(offer.expected_fs, offer.traffic_bytes, time, unfused):
                    ending[j].append(_Worth(i, offer, unfused, time))
        return ending

    def _ladder(self, outline: Outline, room: dict[str, int]) -> Ladder:
        """The chain's ladder, remembered: the same chain comes again in other attempts and runs."""
        form = outline.form
        timing: list[str] = []
        sums: set[str] = set()
        for core in dict.fromkeys(form.cores):
            digest, memory = self._cores[core]
            timing.append(digest)
            sums.update(memory)
        sums_room = {
            memory: room[memory] // (4 if memory in form.line_memories else 1) for memory in sorted(sums)
        }
        key = (outline.number, tuple(timing), tuple(sums_room.items()))
        if key not in _LADDERS:
            _LADDERS[key] = Ladder(self.outlines.parts(outline), sums_room)
        return _LADDERS[key]

    def _relieved_bytes(self, form: ChainForm, stays: Mapping[str, str]) -> int:
        """Bytes of storages that would stay whole on chip, of which a chain needs but some rows."""
        return sum(self.storages.list.sizes[name] for name in form.inner if name in stays)


class _Worth(NamedTuple):
    """A chain worth having: its first task, its stripes, and what its tasks move and take by themselves."""

    first: int
    offer: Offer
    unfused_bytes: int
    unfused_fs: int


class _Rooms:
    """What lies in each memory while consecutive tasks run."""

    def __init__(self, chip: Chip, items: Mapping[str, list[Item]], tasks: int) -> None:
        self.capacities = {name: memory.capacity_bytes for name, memory in chip.memories.items()}
        self.items = {memory: {item.key: item for item in there} for memory, there in items.items()}
        #: Memory -> bytes of what comes by each task, and of what has gone before it.
        self.flow = {memory: (_sums(((i.first, i.bytes) for i in there), tasks),
                              _sums(((i.last + 1, i.bytes) for i in there), tasks))
                     for memory, there in items.items()}  # fmt: skip

    def free(self, form: ChainForm) -> dict[str, int]:
        """Free bytes per memory while a chain runs: what is needed by any of its tasks is needed by all."""
        first, last = form.first, form.last
        room = dict(self.capacities)
        for memory, (come, gone) in self.flow.items():
            room[memory] -= come[last] - gone[first]
            for name in form.inner:
                item = self.items[memory].get(name)
                if item is not None and item.first <= last and item.last >= first:
                    room[memory] += item.bytes
        return room


def _sums(changes: Iterable[tuple[int, int]], tasks: int) -> list[int]:
    """Sums of bytes up to and with each task."""
    by_task = [0] * (tasks + 1)
    for task, size in changes:
        by_task[task] += size
    return list(accumulate(by_task))


def _worth_having(time_fs: int, traffic: int, other_fs: int, other_traffic: int) -> bool:
    """Whether a plan moves less and takes no longer than another, or moves no more and is clearly sooner."""
    if traffic < other_traffic:
        return time_fs <= other_fs
    return traffic == other_traffic and time_fs < SOONER * other_fs
