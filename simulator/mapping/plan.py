"""plan: which core, which tiling, what stays on chip, at which addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.base.units import UNLIMITED
from simulator.hw.chip import Chip
from simulator.hw.component import Core
from simulator.mapping.cost import Operands
from simulator.mapping.life import Life, lives_of
from simulator.mapping.pack import Item, pack, peak
from simulator.mapping.route import Route, align, route
from simulator.mapping.schedule import Buffer, Place, Schedule, Task, TaskPlan
from simulator.mapping.slices import Operand, make_operand, slice_tiling
from simulator.mapping.tasks import TaskList, make_tasks
from simulator.mapping.tile import Choice, contraction_tiling
from simulator.workload.graph import Graph
from simulator.workload.work import Contraction

#: Shares of each on-chip memory that are set aside for tiles while feature maps are chosen to stay; all are
#: tried.
RESERVES = (0.125, 0.25, 0.5)
#: A tile is a few commands; the engine is meant for some 200 000 commands.
MOST_TILES_OF_A_RUN = 100_000


def plan(graph: Graph, chip: Chip) -> Schedule:
    """Decide everything that `lower` needs.

    Several shares of on-chip memory are tried for feature maps; for each, every task gets its cheapest tiling
    in what is left; the plan of least expected time is kept. Rules of the chip (``mapping:``) bind each
    choice.

    Raises
    ------
    InputError
        A buffer is too small for the smallest tile, a rule cannot be met, the network is larger than its
        memory.
    """
    _check_rules(graph, chip)
    tasks = make_tasks(graph, chip)
    planner = _Planner(graph, chip, tasks)
    plans = [planner.attempt(reserve) for reserve in (RESERVES if planner.can_stay else RESERVES[:1])]
    _check_size(graph, chip, plans)
    best = min(plans, key=lambda attempt: sum(p.expected_fs for p in attempt.tasks))
    return planner.schedule(best)


def _check_size(graph: Graph, chip: Chip, plans: list[_Attempt]) -> None:
    """Refuse a plan of more tiles than the engine is meant for, before memory is spent on it."""
    fewest = min(sum(plan.tiles for plan in attempt.tasks) for attempt in plans)
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
    tasks: list[TaskPlan]
    stays: dict[str, str]
    addresses: dict[str, dict[object, int]]


class _Planner:
    """One plan in the making: lifetimes of storages, and which may stay on chip."""

    def __init__(self, graph: Graph, chip: Chip, tasks: TaskList) -> None:
        self.graph, self.chip, self.list = graph, chip, tasks
        self.tasks = tasks.tasks
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
        self.can_stay = self._can_stay()

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
        return {
            name: next(iter(memories))
            for name, memories in wanted.items()
            if len(memories) == 1 and name in self.born and name not in self.outputs and self._may_stay(name)
            and next(iter(memories)) != self.home[name]
        }  # fmt: skip

    def _may_stay(self, name: str) -> bool:
        """Whether the rule of the node that makes a storage lets it stay."""
        node = self.graph.nodes[self.tasks[self.born[name]].node].name
        return self.chip.rules.for_node(node).output == "auto"

    def attempt(self, reserve: float) -> _Attempt:
        """Plan with a share of each memory set aside for tiles; storages leave the chip until all fits."""
        stays = dict(self.can_stay)
        for memory in sorted(set(stays.values())):
            self._evict_to(stays, memory, int(self.chip.memories[memory].capacity_bytes * (1 - reserve)))
        while True:
            try:
                plans = [self._plan_task(i, stays) for i in range(len(self.tasks))]
            except _NoRoom as full:
                self._drop(stays, full.memory, full.task, full.error)
                continue
            addresses, misfit = self._pack_chip(plans, stays)
            if misfit is None:
                return _Attempt(plans, stays, addresses)
            memory, item = misfit
            self._drop(stays, memory, item.first, None)

    def _live(self, stays: Mapping[str, str], memory: str) -> list[int]:
        live = [0] * (len(self.tasks) + 1)
        for name, where in stays.items():
            if where == memory:
                live[self.born[name]] += align(self.list.sizes[name])
                live[self.dies[name] + 1] -= align(self.list.sizes[name])
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
        alive = [n for n, m in stays.items() if m == memory and self.born[n] <= task <= self.dies[n]]
        alive = alive or [n for n, m in stays.items() if m == memory]
        if not alive:
            if error is not None:
                raise error
            message = "the buffers of one node do not fit together; enlarge the memory"
            raise InputError(self.chip.problem(message, f"memories.{memory}.capacity"))
        del stays[min(alive, key=self._worth)]

    def _worth(self, name: str) -> tuple[float, str]:
        storage_readers = sum(
            1 for task in self.tasks[self.born[name] : self.dies[name] + 1] if name in task.reads
        )
        return ((1 + storage_readers) / (self.dies[name] - self.born[name] + 1), name)

    def _plan_task(self, i: int, stays: Mapping[str, str]) -> TaskPlan:
        """Tiling of a task in half of what is free, so that the next task's tiles have room.

        In all of it if need be.
        """
        task = self.tasks[i]
        free = {
            name: memory.capacity_bytes - self._live_at(stays, name, i)
            for name, memory in self.chip.memories.items()
        }
        shares = (2, 1) if len(self.tasks) > 1 else (1,)
        for share in shares:
            try:
                choice = self._choose(task, stays, {name: size // share for name, size in free.items()})
                break
            except InputError as error:
                if share == 1:
                    raise _NoRoom(self.operand_route(task, "ifmap").memory, i, error) from None
        return TaskPlan(
            task,
            choice.tiling,
            choice.buffers,
            choice.expected_fs,
            choice.bound,
            choice.tiles,
            choice.candidates,
        )

    def _live_at(self, stays: Mapping[str, str], memory: str, i: int) -> int:
        return sum(
            align(self.list.sizes[name])
            for name, where in stays.items()
            if where == memory and self.born[name] <= i <= self.dies[name]
        )

    def _choose(self, task: Task, stays: Mapping[str, str], room: Mapping[str, int]) -> Choice:
        if isinstance(task.work, Contraction):
            rule = self.chip.rules.for_node(task.name)
            return contraction_tiling(
                task.work, self.operands(task, stays), task.core, self.chip, room, rule, task.name
            )
        inputs, outputs = self.sliced_operands(task, stays)
        return slice_tiling(
            task,
            inputs,
            outputs,
            self.chip.cores[task.core],
            self.chip,
            self.operand_route(task, "ifmap"),
            room,
        )

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
        self, plans: list[TaskPlan], stays: Mapping[str, str]
    ) -> tuple[dict[str, dict[object, int]], tuple[str, Item] | None]:
        addresses: dict[str, dict[object, int]] = {}
        for memory, spec in self.chip.memories.items():
            if spec.EXTERNAL:
                continue
            addresses[memory], misfit = pack(self._items(memory, plans, stays), spec.capacity_bytes)
            if misfit is not None:
                return addresses, (memory, misfit)
        return addresses, None

    def _items(self, memory: str, plans: list[TaskPlan], stays: Mapping[str, str]) -> list[Item]:
        items = [
            Item(name, align(self.list.sizes[name]), self.born[name], self.dies[name])
            for name, where in stays.items()
            if where == memory
        ]
        for i, task_plan in enumerate(plans):
            items += [
                Item((i, b.role), align(b.total), i, i, from_top=bool(i % 2) and self._bounded(memory))
                for b in task_plan.buffers
                if b.memory == memory
            ]
        return items + self._at_home(memory, stays)

    def _bounded(self, memory: str) -> bool:
        return self.chip.memories[memory].capacity_bytes < UNLIMITED

    def _at_home(self, memory: str, stays: Mapping[str, str]) -> list[Item]:
        """Storages that lie in a memory because it is their home.

        Constants and network inputs for the whole run.
        """
        end = max(len(self.tasks) - 1, 0)
        used = {name for task in self.tasks for name in (*task.reads, *task.writes)}
        items = []
        for name in sorted(used):
            if name not in stays and self.home[name] == memory:
                whole = name not in self.born or name in self.outputs
                first, last = (0, end) if whole else (self.born[name], self.dies[name])
                items.append(Item(name, align(self.list.sizes[name]), first, last))
        return items

    def schedule(self, attempt: _Attempt) -> Schedule:
        """Put an attempt together with the layout of external memory."""
        places: dict[str, Place] = {}
        buffers: dict[tuple[int, str], Place] = {}
        peaks: dict[str, int] = {}
        lives: list[Life] = []
        rooms: dict[tuple[int, str], Buffer] = {
            (i, b.role): b for i, p in enumerate(attempt.tasks) for b in p.buffers
        }
        for memory, spec in self.chip.memories.items():
            items = self._items(memory, attempt.tasks, attempt.stays)
            addresses = attempt.addresses.get(memory)
            if addresses is None:
                addresses, misfit = pack(items, spec.capacity_bytes)
                if misfit is not None:
                    raise InputError(self._too_large(memory, items))
            peaks[memory] = peak(items)
            if not spec.EXTERNAL:
                lives += lives_of(memory, items, addresses, [task.name for task in self.tasks])
            for item in items:
                address = addresses[item.key]
                if isinstance(item.key, tuple):
                    buffers[item.key] = Place(memory, address, rooms[item.key].total)
                else:
                    places[str(item.key)] = Place(memory, address, self.list.sizes[str(item.key)])
        return Schedule(
            graph=self.graph,
            chip=self.chip,
            tasks=tuple(attempt.tasks),
            places=places,
            buffers=buffers,
            storage=dict(self.list.storage),
            peak_bytes=peaks,
            not_modelled=self.list.not_modelled,
            lives=tuple(lives),
        )

    def _too_large(self, memory: str, items: list[Item]) -> Problem:
        capacity = self.chip.memories[memory].capacity_bytes
        message = (
            f"the network '{self.graph.name}' does not fit: its weights and feature maps need "
            f"{peak(items)} B at once, the memory has {capacity} B"
        )
        return self.chip.problem(message, f"memories.{memory}.capacity")


class _NoRoom(Exception):
    """A task found no room; something else on chip has to go."""

    def __init__(self, memory: str, task: int, error: InputError) -> None:
        super().__init__(memory, task, error)
        self.memory, self.task, self.error = memory, task, error


def _roles(core: Core) -> tuple[str, ...]:
    return ("ifmap", "weight", "ofmap", "psum")
