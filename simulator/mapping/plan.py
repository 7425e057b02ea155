"""plan: which core, which tiling, what stays on chip, at which addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.base.units import UNLIMITED
from simulator.hw.chip import Chip
from simulator.hw.component import Core
from simulator.mapping.chain import Chain, line_role, stretched
from simulator.mapping.cost import Operands
from simulator.mapping.fuse import Fused, Fuser
from simulator.mapping.pack import Item, pack, peak
from simulator.mapping.parts import cut_contraction, cut_slices, cuts, shared_operand
from simulator.mapping.route import ALONE, Beside, Route, align, route
from simulator.mapping.schedule import Buffer, Place, Schedule, Task, TaskPlan
from simulator.mapping.shape import extent_y, row_tiles
from simulator.mapping.slices import Operand, make_operand, slice_spans, slice_tiling
from simulator.mapping.stages import (
    ONE_STAGE,
    Stages,
    balance,
    core_of_stage,
    group_users,
    most_stages,
)
from simulator.mapping.tasks import TaskList, make_tasks
from simulator.mapping.tile import Choice, contraction_tiling, tile_buffers
from simulator.workload.graph import Graph
from simulator.workload.work import Contraction

#: Shares of each on-chip memory that are set aside for tiles while feature maps are chosen to stay; all are
#: tried.
RESERVES = (0.125, 0.25, 0.5)
#: A tile is a few commands; the engine is meant for some 200 000 commands.
MOST_TILES_OF_A_RUN = 100_000
_SOURCE = "source"  # what a constant that stays on chip is loaded from
_TWIN = "twin"  # where every other inference has what one stage leaves to another


def plan(graph: Graph, chip: Chip, *, stream: bool = False, pipelined: bool = False) -> Schedule:
    """Decide everything that `lower` needs.

    Several shares of on-chip memory are tried for feature maps; for each, every task gets its cheapest tiling
    in what is left; the plan of least expected time is kept. Rules of the chip (``mapping:``) bind each
    choice.

    For a ``stream`` of inferences, weights may stay on chip from one to the next: they are loaded once. It may
    be ``pipelined``: copies of the cores then do consecutive layers, each of another inference.

    Raises
    ------
    InputError
        A buffer is too small for the smallest tile, a rule cannot be met, the network is larger than its
        memory.
    """
    _check_rules(graph, chip)
    tasks = make_tasks(graph, chip)
    stages = ONE_STAGE
    if pipelined and most_stages(tasks.tasks, chip) > 1:
        tasks, stages = _in_stages(graph, chip, tasks)
    planner = _Planner(graph, chip, tasks, stream, stages)
    plans = [
        planner.attempt(reserve, stays, spread)
        for spread, stays in planner.stay_choices()
        for reserve in (RESERVES if stays else RESERVES[:1])
    ]
    best = min(plans, key=_Attempt.expected_fs)
    fused = planner.fused(plans, best)
    chosen = fused or best
    _check_size(graph, chip, [chosen] if fused else plans)
    return planner.schedule(chosen, best)


def _in_stages(graph: Graph, chip: Chip, tasks: TaskList) -> tuple[TaskList, Stages]:
    """Tasks on the cores of their stages, which are balanced by what each task takes one core."""
    alone = _Planner(graph, chip, tasks, True, Stages((0,) * len(tasks.tasks), 1))
    stays = {name: memory for name, memory in alone.stay_choices()[0][1].items() if name in alone.born}
    times = [
        max(plan.expected_fs for plan in step) for step in alone.attempt(RESERVES[0], stays, False).steps
    ]
    stages = balance(times, most_stages(tasks.tasks, chip))
    moved = [
        replace(task, core=core_of_stage(chip, task.core, stage))
        for task, stage in zip(tasks.tasks, stages.of_task, strict=True)
    ]
    return replace(tasks, tasks=tuple(moved)), stages


def _check_size(graph: Graph, chip: Chip, plans: list[_Attempt]) -> None:
    """Refuse a plan of more tiles than the engine is meant for, before memory is spent on it."""
    fewest = min(sum(plan.tiles for step in attempt.steps for plan in step) for attempt in plans)
    if fewest > MOST_TILES_OF_A_RUN:
        message = (
            f"{graph.name} needs {fewest} tiles on this chip, more than the {MOST_TILES_OF_A_RUN} "
            "that a run may have; enlarge the buffers or cut the network"
        )
        raise InputError(chip.problem(message, "memories"))


def _check_rules(graph: Graph, chip: Chip) -> None:
    """Refuse rules for nodes that the network does not have."""
    names = [node.name for node in graph]
    problems = [
        chip.problem(
            f"no node of {graph.name} is called '{pattern}'{did_you_mean(pattern, names)}; see --plan",
            f"mapping.nodes.{pattern}",
        )
        for pattern in chip.rules.nodes
        if not any(fnmatchcase(name, pattern) for name in names)
    ]
    if problems:
        raise InputError(*problems)


@dataclass(frozen=True)
class _Attempt:
    """Plans of the parts of each task, what stays on chip, and where everything lies there."""

    steps: list[list[TaskPlan]]
    stays: dict[str, str]
    addresses: dict[str, dict[object, int]]
    chains: tuple[Chain, ...] = ()

    @property
    def heads(self) -> list[TaskPlan]:
        """The first part of each task."""
        return [step[0] for step in self.steps]

    def expected_fs(self) -> int:
        """Tasks one after the other, the parts of each side by side."""
        return sum(max(plan.expected_fs for plan in step) for step in self.steps)


class _Planner:
    """One plan in the making: lifetimes of storages, and which may stay on chip."""

    def __init__(
        self, graph: Graph, chip: Chip, tasks: TaskList, stream: bool, stages: Stages = ONE_STAGE
    ) -> None:
        self.graph, self.chip, self.list, self.stream = graph, chip, tasks, stream
        self.tasks, self.stages = tasks.tasks, stages
        self.born: dict[str, int] = {}
        self.dies: dict[str, int] = {}
        for i, task in enumerate(self.tasks):
            for name in task.writes:
                self.born.setdefault(name, i)
                self.dies.setdefault(name, i)
            for name in task.reads:
                self.dies[name] = i
        ends = len(self.tasks) - 1
        self.outputs = {tasks.storage[name] for name in graph.outputs}
        self.dies.update({name: ends for name in self.outputs if name in self.born})
        self.routes = {
            (c, role): route(chip, chip.cores[c], role) for c in chip.cores for role in _roles(chip.cores[c])
        }
        self.home = self._homes()
        self._check_paths()
        self.fuser = Fuser(self)

    def stay_choices(self) -> list[tuple[bool, dict[str, str]]]:
        """(whether tasks are shared among cores with memories of their own, what may stay on chip then)."""
        stays = self._can_stay()
        apart = [task for task in self.tasks if self._apart(task) and not self.stages.of_task]
        if not apart:
            maps = {name: memory for name, memory in stays.items() if name in self.born}
            return [(False, stays), (False, maps)] if len(maps) < len(stays) else [(False, stays)]
        touched = {name for task in apart for name in (*task.reads, *task.writes)}
        shared = (True, {n: m for n, m in stays.items() if n not in touched})
        return [shared] if any(self._must_cut(task) for task in apart) else [(False, stays), shared]

    def _must_cut(self, task: Task) -> bool:
        """Whether a rule says along what a task is cut."""
        rule = self.chip.rules.for_node(self.graph.nodes[task.node].name)
        return isinstance(task.work, Contraction) and rule.split not in ("auto", "off")

    def cores_for(self, task: Task, spread: bool) -> tuple[str, ...]:
        """Cores that may share a task: copies of its core that work from the same memories, or any copies."""
        rule = self.chip.rules.for_node(self.graph.nodes[task.node].name)
        alike = self.chip.alike(task.core)
        if rule.core is not None or rule.split == "off" or (self._apart(task) and not spread):
            return (task.core,)
        if self.stages.of_task:
            return (task.core,)
        return alike

    def _apart(self, task: Task) -> bool:
        """Whether copies of a task's core have memories of their own for what tasks leave to each other."""
        alike = self.chip.alike(task.core)
        rule = self.chip.rules.for_node(self.graph.nodes[task.node].name)
        wanted = {tuple(self.chip.cores[c].buffer(r) for r in ("ifmap", "weight", "ofmap")) for c in alike}
        return len(wanted) > 1 and rule.core is None and rule.split != "off"

    def operand_route(self, task: Task, role: str) -> Route:
        """Route of an operand of a task."""
        return self.routes[task.core, role]

    def read_role(self, task: Task, name: str) -> str:
        """Role in which a task reads a storage."""
        return "weight" if isinstance(task.work, Contraction) and name == task.reads[-1] else "ifmap"

    def _homes(self) -> dict[str, str]:
        """Storage -> memory it lies in when it does not stay on chip.

        What is behind the buffer of who touches it.
        """
        home: dict[str, str] = {}
        for task in self.tasks:
            for name in task.reads:
                home.setdefault(name, self.operand_route(task, self.read_role(task, name)).far)
            for name in task.writes:
                home.setdefault(name, self.operand_route(task, "ofmap").far)
        for name in self.list.storage.values():
            home.setdefault(name, self.operand_route(self.tasks[0], "ifmap").far if self.tasks else "")
        return home

    def _check_paths(self) -> None:
        """Refuse operands that lie in a memory from which no link leads to where a core wants them."""
        problems = []
        for task in self.tasks:
            uses = [(name, self.read_role(task, name)) for name in task.reads]
            uses += [(name, "ofmap") for name in task.writes]
            for name, role in uses:
                way = self.operand_route(task, role)
                if self.home[name] not in (way.memory, way.far):
                    message = (
                        f"node '{task.name}' wants {role} '{name}' in '{way.memory}', which is reached from "
                        f"'{way.far}' alone; it lies in '{self.home[name]}'"
                    )
                    problems.append(self.chip.problem(message, f"cores.{task.core}.buffers"))
        if problems:
            raise InputError(*problems)

    def _can_stay(self) -> dict[str, str]:
        """Storage -> on-chip memory in which its producer and all its readers want it."""
        wanted: dict[str, set[str]] = {}
        for task in self.tasks:
            for name in task.reads:
                wanted.setdefault(name, set()).add(
                    self.operand_route(task, self.read_role(task, name)).memory
                )
            for name in task.writes:
                wanted.setdefault(name, set()).add(self.operand_route(task, "ofmap").memory)
        kept = self._resident() if self.stream else {}
        if self.stages.count > 1:
            wanted = {name: m for name, m in wanted.items() if len(self._stages_of(name)) == 1}
        return {
            name: next(iter(memories))
            for name, memories in wanted.items()
            if len(memories) == 1 and next(iter(memories)) != self.home[name]
            and (name in kept or (name in self.born and name not in self.outputs and self._may_stay(name)))
        }  # fmt: skip

    def _resident(self) -> dict[str, float]:
        """Constants that may stay on chip from one inference to the next: storage -> MACs per byte."""
        reuse: dict[str, float] = {}
        for task in self.tasks:
            if isinstance(task.work, Contraction) and task.reads[1] in self.list.constants:
                weight = task.reads[1]
                macs = task.work.macs / max(self.list.sizes[weight], 1)
                reuse[weight] = reuse.get(weight, 0.0) + macs
        return reuse

    def _may_stay(self, name: str) -> bool:
        """Whether the rule of the node that makes a storage lets it stay."""
        node = self.graph.nodes[self.tasks[self.born[name]].node].name
        return self.chip.rules.for_node(node).output == "auto"

    def attempt(self, reserve: float, may_stay: Mapping[str, str], spread: bool) -> _Attempt:
        """Plan with a share of each memory set aside for tiles; storages leave the chip until all fits."""
        stays = dict(may_stay)
        for memory in sorted(set(stays.values())):
            self._evict_to(stays, memory, int(self.stages.share(self.chip, memory) * (1 - reserve)))
        while True:
            try:
                plans = [self._plan_task(i, stays, spread) for i in range(len(self.tasks))]
            except _NoRoom as full:
                self._drop(stays, full.memory, full.task, full.error)
                continue
            addresses, misfit = self._pack_chip(plans, stays)
            if misfit is None:
                return _Attempt(plans, stays, addresses)
            memory, item = misfit
            self._drop(stays, memory, item.first, None)

    def fused(self, plans: list[_Attempt], best: _Attempt) -> _Attempt | None:
        """The best attempt with chains: sooner than the best without, and with less traffic."""
        with_chains = [attempt for attempt in map(self._with_chains, plans) if attempt is not None]
        if not with_chains:
            return None
        most = self.fuser.traffic_bytes(best.heads, best.stays, ())
        less = [
            attempt
            for attempt in with_chains
            if self.fuser.traffic_bytes(attempt.heads, attempt.stays, attempt.chains) < most
        ]
        found = min(less, key=_Attempt.expected_fs, default=None)
        return found if found is not None and found.expected_fs() <= best.expected_fs() else None

    def _with_chains(self, attempt: _Attempt) -> _Attempt | None:
        """An attempt with the chains that help and find room; where one does not, that which saves least goes.

        Tasks that several cores share are not chained, nor is anything beside them.
        """
        if any(len(step) > 1 for step in attempt.steps) or self.stages.count > 1:
            return None
        on_chip = [name for name, memory in self.chip.memories.items() if not memory.EXTERNAL]
        there = {name: self._items(name, [], attempt.stays) for name in on_chip}
        chosen = self.fuser.choose(attempt.heads, attempt.stays, there)
        while chosen:
            fused = self.fuser.apply(attempt.heads, attempt.stays, chosen)
            steps = [[plan] for plan in fused.tasks]
            addresses, misfit = self._pack_chip(steps, fused.stays, fused.chains)
            if misfit is None:
                return _Attempt(steps, fused.stays, addresses, fused.chains)
            near = [w for w in chosen if w.chain.first <= misfit[1].last and w.chain.last >= misfit[1].first]
            chosen.remove(min(near or chosen, key=lambda w: w.chain.unfused_bytes - w.chain.traffic_bytes))
        return None

    def _live(self, stays: Mapping[str, str], memory: str) -> list[int]:
        live = [0] * (len(self.tasks) + 1)
        for name, where in stays.items():
            if where == memory:
                first, last = self._life(name)
                live[first] += align(self.list.sizes[name])
                live[last + 1] -= align(self.list.sizes[name])
        for i in range(1, len(live)):
            live[i] += live[i - 1]
        return live

    def _evict_to(self, stays: dict[str, str], memory: str, limit: int) -> None:
        live = self._live(stays, memory)
        while max(live) > limit:
            worst = live.index(max(live))
            self._drop(stays, memory, worst, None)
            live = self._live(stays, memory)

    def _drop(self, stays: dict[str, str], memory: str, task: int, error: InputError | None) -> None:
        """Send one storage that is alive at a task off chip: the one whose room is worth least.

        Worth is the traffic that staying saves, per byte and step that it occupies.
        """
        alive = [n for n, m in stays.items() if m == memory and self._lives(n, task)]
        alive = alive or [n for n, m in stays.items() if m == memory]
        if not alive:
            if error is not None:
                raise error
            message = "the buffers of one node do not fit together; enlarge the memory"
            raise InputError(self.chip.problem(message, f"memories.{memory}.capacity"))
        del stays[min(alive, key=self._worth)]

    def _life(self, name: str) -> tuple[int, int]:
        """First and last task of a storage; what is there before the run is there to its end."""
        if name in self.born:
            return self.born[name], self.dies[name]
        if self.stages.count > 1:  # for as long as its stage works
            return self.stages.span(self._stages_of(name)[0])
        return 0, len(self.tasks) - 1

    def _stages_of(self, name: str) -> list[int]:
        """Stages whose tasks touch a storage, ascending."""
        touched = {
            stage
            for task, stage in zip(self.tasks, self.stages.of_task, strict=True)
            if name in (*task.reads, *task.writes)
        }
        return sorted(touched)

    def _lives(self, name: str, task: int) -> bool:
        first, last = self._life(name)
        return first <= task <= last

    def _worth(self, name: str) -> tuple[float, float, str]:
        if name not in self.born:  # of weights, those that are used least often per byte wait for DRAM most
            return 1 / len(self.tasks), -self._resident()[name], name
        storage_readers = sum(
            1 for task in self.tasks[self.born[name] : self.dies[name] + 1] if name in task.reads
        )
        return (1 + storage_readers) / (self.dies[name] - self.born[name] + 1), 0.0, name

    def _plan_task(self, i: int, stays: Mapping[str, str], spread: bool) -> list[TaskPlan]:
        """Tilings of a task in half of what is free, so that the next task's tiles have room.

        In all of it if need be. Of the ways to share it among cores, the one of least expected time.
        """
        task = self.tasks[i]
        free = {
            name: self.stages.share(self.chip, name) - self._live_at(stays, name, i)
            for name in self.chip.memories
        }
        cores = self.cores_for(task, spread)
        shares = (2, 1) if len(self.tasks) > 1 else (1,)
        for share in shares:
            room = {name: size // share for name, size in free.items()}
            try:
                return self._share_out(i, self._choose(task, stays, room, ALONE), cores, stays, room)
            except InputError as error:
                if share == 1:
                    raise _NoRoom(self.operand_route(task, "ifmap").memory, i, error) from None
        raise AssertionError(shares)

    def _share_out(
        self, i: int, alone: Choice, cores: tuple[str, ...], stays: Mapping[str, str], room: Mapping[str, int]
    ) -> list[TaskPlan]:
        """Plans of a task on one core, or of its parts on several where that is faster, or a rule says so."""
        task = self.tasks[i]
        best = [_task_plan(task, alone, i, "")]
        bound = self._must_cut(task)
        for parts, shared in self._ways_to_cut(task, cores):
            if len(parts) < 2:
                continue
            beside = Beside(tuple(part.core for part in parts), shared)
            largest = max(parts, key=lambda part: _extent(part))
            try:
                choice = self._choose(replace(largest, core=parts[0].core), stays, room, beside)
            except InputError:
                continue
            if not self._all_fit(choice, parts, stays):
                continue
            if choice.expected_fs < best[0].expected_fs or (bound and len(best) == 1):
                first = self.chip.cores[parts[0].core]
                best = [
                    _task_plan(part, _on_core(choice, first, self.chip.cores[part.core]), i, shared)
                    for part in parts
                ]
        return best

    def _all_fit(self, choice: Choice, parts: list[Task], stays: Mapping[str, str]) -> bool:
        """Whether buffers planned for the largest part serve the others, whose edges may differ."""
        room = {buffer.role: buffer.bytes for buffer in choice.buffers}
        for part in parts:
            if isinstance(part.work, Contraction):
                core = self.chip.cores[part.core]
                need = tile_buffers(part.work, choice.tiling, self.operands(part, stays), core.sum_bits())
                if any(size > room[role] for role, size in need.items()):
                    return False
        return True

    def _ways_to_cut(self, task: Task, cores: tuple[str, ...]) -> list[tuple[list[Task], str]]:
        """Parts of a task, and the operand brought to all of them, for each way to cut it."""
        if len(cores) < 2:
            return []
        if not isinstance(task.work, Contraction):
            return [(cut_slices(task, cores), "")]
        core, rule = self.chip.cores[task.core], self.chip.rules.for_node(task.name)
        granule = core.granule(task.work)
        ways = []
        for along in cuts(task.work, rule):
            grain = granule.n if along == "n" else max(1, granule.m // task.work.ox) if along == "rows" else 1
            for step in sorted({1, grain}):
                parts = cut_contraction(task, cores, along, step)
                ways.append((parts, shared_operand(self.chip, [p.core for p in parts], along)))
        return ways

    def _live_at(self, stays: Mapping[str, str], memory: str, i: int) -> int:
        return sum(
            align(self.list.sizes[name])
            for name, where in stays.items()
            if where == memory and self._lives(name, i)
        )

    def _choose(
        self, task: Task, stays: Mapping[str, str], room: Mapping[str, int], beside: Beside
    ) -> Choice:
        if isinstance(task.work, Contraction):
            rule = self.chip.rules.for_node(task.name)
            operands = self.operands(task, stays)
            return contraction_tiling(
                task.work, operands, task.core, self.chip, room, rule, task.name, beside
            )
        inputs, outputs = self.sliced_operands(task, stays)
        core = self.chip.cores[task.core]
        routed = route(self.chip, core, "ifmap", beside.cores)
        users = beside.users(self.chip, "ifmap", routed.memory)
        own = {name: size // users for name, size in room.items()}
        return slice_tiling(task, inputs, outputs, core, self.chip, routed, own)

    def is_local(self, task: Task, name: str, role: str, stays: Mapping[str, str]) -> bool:
        """Whether a storage lies in the very memory from which (to which) a task's core works."""
        return stays.get(name, self.home[name]) == self.operand_route(task, role).memory

    def operands(self, task: Task, stays: Mapping[str, str]) -> Operands:
        """Widths and places of a contraction's operands."""
        ifmap, weight = task.reads
        node = self.graph.nodes[task.node]
        bits = {s: self.graph.tensors[s].bits for s in (ifmap, weight) if s in self.graph.tensors}
        result = self.graph.results(node)[0]
        return Operands(
            ifmap_bits=bits.get(ifmap, result.bits),
            weight_bits=bits.get(weight, result.bits),
            ofmap_bits=result.bits,
            bias_bytes=task.bias_bytes,
            ifmap_local=self.is_local(task, ifmap, "ifmap", stays),
            weight_local=self.is_local(task, weight, "weight", stays),
            ofmap_local=self.is_local(task, task.writes[0], "ofmap", stays),
        )

    def sliced_operands(self, task: Task, stays: Mapping[str, str]) -> tuple[list[Operand], list[Operand]]:
        """Inputs and outputs of work that is no contraction."""
        sizes = [self.list.sizes[name] for name in task.reads]
        inputs = []
        for i, name in enumerate(task.reads):
            tensor = self.graph.tensors.get(name)
            local = self.is_local(task, name, "ifmap", stays)
            inputs.append(make_operand(task, i, sizes, None if tensor is None else tensor.elements, local))
        outputs = [
            Operand(name, self.list.sizes[name], self.is_local(task, name, "ofmap", stays), True)
            for name in task.writes
        ]
        return inputs, outputs

    def _pack_chip(
        self, steps: list[list[TaskPlan]], stays: Mapping[str, str], chains: tuple[Chain, ...] = ()
    ) -> tuple[dict[str, dict[object, int]], tuple[str, Item] | None]:
        addresses: dict[str, dict[object, int]] = {}
        for memory, spec in self.chip.memories.items():
            if spec.EXTERNAL:
                continue
            items = self._items(memory, steps, stays, chains)
            addresses[memory], misfit = self._pack_stages(memory, items)
            if misfit is not None:
                return addresses, (memory, misfit)
        return addresses, None

    def _pack_stages(self, memory: str, items: list[Item]) -> tuple[dict[object, int], Item | None]:
        """Addresses for items of an on-chip memory; each stage has a share of its own."""
        share = self.stages.share(self.chip, memory)
        addresses: dict[object, int] = {}
        base = 0
        for stage in range(self.stages.count):
            first, last = self.stages.span(stage) if self.stages.count > 1 else (0, len(self.tasks))
            mine = [item for item in items if first <= item.first <= last]
            placed, misfit = pack(mine, share)
            addresses.update({key: base + address for key, address in placed.items()})
            if misfit is not None:
                return addresses, misfit
            base += share if mine and group_users(self.chip, memory, stage) else 0
            base = base if base + share <= self.chip.memories[memory].capacity_bytes else 0
        return addresses, None

    def _items(
        self,
        memory: str,
        steps: list[list[TaskPlan]],
        stays: Mapping[str, str],
        chains: tuple[Chain, ...] = (),
    ) -> list[Item]:
        items = [
            Item(name, align(self.list.sizes[name]), *stretched(*self._life(name), chains))
            for name, where in stays.items()
            if where == memory
        ]
        for i, step in enumerate(steps):
            rooms = {
                _room_key(i, j, b, plan, step[0]): align(b.total)
                for j, plan in enumerate(step)
                for b in plan.buffers
                if b.memory == memory
            }
            first, last = stretched(i, i, chains)
            top = bool(first % 2) and self._bounded(memory)
            items += [Item(key, size, first, last, from_top=top) for key, size in rooms.items()]
        return items + self._at_home(memory, stays, chains)

    def _bounded(self, memory: str) -> bool:
        return self.chip.memories[memory].capacity_bytes < UNLIMITED

    def _at_home(self, memory: str, stays: Mapping[str, str], chains: tuple[Chain, ...] = ()) -> list[Item]:
        """Storages that lie in a memory because it is their home.

        Constants and network inputs for the whole run.
        """
        end = max(len(self.tasks) - 1, 0)
        used = {name for task in self.tasks for name in (*task.reads, *task.writes)}
        items = []
        inner = {name for chain in chains for name in chain.inner()}
        for name in sorted(used - inner):
            if name not in stays and self.home[name] == memory:
                whole = name not in self.born or name in self.outputs or self.stages.count > 1
                first, last = (0, end) if whole else (self.born[name], self.dies[name])
                first, last = stretched(first, last, chains)
                items.append(Item(name, align(self.list.sizes[name]), first, last))
                if self.stages.count > 1 and len(self._stages_of(name)) > 1 and name in self.born:
                    items.append(Item((_TWIN, name), align(self.list.sizes[name]), 0, end))
        loaded = [name for name in stays if name not in self.born and self.home[name] == memory]
        return items + [Item((_SOURCE, name), align(self.list.sizes[name]), 0, end) for name in loaded]

    def schedule(self, attempt: _Attempt, unfused: _Attempt) -> Schedule:
        """Put an attempt together with the layout of external memory; ``unfused``: the best without chains."""
        places: dict[str, Place] = {}
        peaks: dict[str, int] = {}
        rooms: dict[tuple[object, ...], tuple[str, int]] = {}
        for memory, spec in self.chip.memories.items():
            items = self._items(memory, attempt.steps, attempt.stays, attempt.chains)
            addresses = attempt.addresses.get(memory)
            if addresses is None:
                addresses, misfit = pack(items, spec.capacity_bytes)
                if misfit is not None:
                    raise InputError(self._too_large(memory, items))
            peaks[memory] = peak(items)
            for item in items:
                address = addresses[item.key]
                if isinstance(item.key, tuple):
                    rooms[item.key] = memory, address
                else:
                    places[str(item.key)] = Place(memory, address, self.list.sizes[str(item.key)])
        plans = [(i, j, plan, step[0]) for i, step in enumerate(attempt.steps) for j, plan in enumerate(step)]
        buffers = {
            (index, b.role): Place(*rooms[_room_key(i, j, b, plan, head)], b.total)
            for index, (i, j, plan, head) in enumerate(plans)
            for b in plan.buffers
        }
        for chain in attempt.chains:  # no task is shared among cores then: a step is a plan
            for stream in chain.form.streams:
                if stream.inner:
                    owner = chain.first + chain.form.owner(stream)
                    places[stream.storage] = buffers[owner, line_role(stream.storage)]
        return Schedule(
            graph=self.graph,
            chip=self.chip,
            tasks=tuple(plan for _, _, plan, _ in plans),
            places=places,
            buffers=buffers,
            storage=dict(self.list.storage),
            peak_bytes=peaks,
            not_modelled=self.list.not_modelled,
            sources=self._also(_SOURCE, rooms),
            twins=self._also(_TWIN, rooms),
            stages=self.stages.of_task,
            chains=attempt.chains,
            fusion=self.fuser.summary(
                Fused(attempt.heads, attempt.stays, attempt.chains), unfused.heads, unfused.stays
            ),
        )

    def _also(self, kind: str, rooms: Mapping[tuple[object, ...], tuple[str, int]]) -> dict[str, Place]:
        """Second places of storages."""
        return {
            str(key[1]): Place(*room, self.list.sizes[str(key[1])])
            for key, room in rooms.items()
            if key[0] == kind
        }

    def _too_large(self, memory: str, items: list[Item]) -> Problem:
        capacity = self.chip.memories[memory].capacity_bytes
        message = (
            f"the network '{self.graph.name}' does not fit: its weights and feature maps need "
            f"{peak(items)} B at once, the memory has {capacity} B"
        )
        return self.chip.problem(message, f"memories.{memory}.capacity")


def _room_key(step: int, part: int, buffer: Buffer, plan: TaskPlan, head: TaskPlan) -> tuple[object, ...]:
    """Whose a buffer is: of one part, or of all parts whose shared operand goes to the same memory."""
    same = {b.memory for b in head.buffers if b.role == buffer.role}
    joint = buffer.role == plan.shared and buffer.memory in same
    return step, 0 if joint else part, buffer.role, buffer.memory


def _task_plan(task: Task, choice: Choice, step: int, shared: str) -> TaskPlan:
    return TaskPlan(
        task,
        choice.tiling,
        choice.buffers,
        choice.expected_fs,
        choice.bound,
        _tiles(task, choice),
        choice.candidates,
        step,
        shared,
    )


def _tiles(task: Task, choice: Choice) -> int:
    """Tiles of a task, which as a part may have fewer than the largest part, for which was planned."""
    if task.part is None:
        return choice.tiles
    if not isinstance(task.work, Contraction):
        return len(slice_spans(task, choice.tiling.rows))
    t = choice.tiling
    rows = sum(1 for _ in row_tiles(task.work, t.rows))
    return rows * -(-task.work.k // t.n) * -(-task.work.c // t.c) * -(-task.work.groups // t.groups)


def _extent(part: Task) -> int:
    assert part.part is not None
    if not isinstance(part.work, Contraction):
        return part.part.end - part.part.first
    return part.work.macs * extent_y(part.work)  # of as many rows, those inside the image read more


def _on_core(choice: Choice, planned: Core, core: Core) -> Choice:
    """The same tiling on a copy of the core that it was planned for, with buffers in that one's memories."""
    names = {planned.buffers[role]: core.buffers[role] for role in planned.buffers}
    return replace(choice, buffers=tuple(replace(b, memory=names[b.memory]) for b in choice.buffers))


class _NoRoom(Exception):
    """A task found no room; something else on chip has to go."""

    def __init__(self, memory: str, task: int, error: InputError) -> None:
        super().__init__(memory, task, error)
        self.memory, self.task, self.error = memory, task, error


def _roles(core: Core) -> tuple[str, ...]:
    return ("ifmap", "weight", "ofmap", "psum")
