"""Storages: who makes and reads them, where they are at home, and which may stay on chip."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.base.errors import InputError
from simulator.hw.chip import Chip
from simulator.mapping.route import Route, align, route
from simulator.mapping.schedule import Task
from simulator.mapping.stages import ONE_STAGE, Stages
from simulator.mapping.tasks import TaskList
from simulator.workload.graph import Graph
from simulator.workload.work import Contraction

_ROLES = ("ifmap", "weight", "ofmap", "psum")


class Storages:
    """Lifetimes and homes of everything that tasks read and write."""

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
        self.routes = {(c, role): route(chip, chip.cores[c], role) for c in chip.cores for role in _ROLES}
        self.home = self._homes()
        self._check_paths()

    def operand_route(self, task: Task, role: str) -> Route:
        """Route of an operand of a task; a core in a memory has all of what is no contraction there."""
        inside = self.chip.cores[task.core].RESIDENT and not isinstance(task.work, Contraction)
        return self.routes[task.core, "weight" if inside else role]

    def read_role(self, task: Task, name: str) -> str:
        """Role in which a task reads a storage."""
        return "weight" if isinstance(task.work, Contraction) and name == task.reads[:2][-1] else "ifmap"

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

    def can_stay(self) -> dict[str, str]:
        """Storage -> on-chip memory in which its producer and all its readers want it."""
        wanted: dict[str, set[str]] = {}
        for task in self.tasks:
            for name in task.reads:
                wanted.setdefault(name, set()).add(
                    self.operand_route(task, self.read_role(task, name)).memory
                )
            for name in task.writes:
                wanted.setdefault(name, set()).add(self.operand_route(task, "ofmap").memory)
        kept = self.resident() if self.stream else {}
        if self.stages.count > 1:
            wanted = {name: m for name, m in wanted.items() if len(self.stages_of(name)) == 1}
        return {
            name: next(iter(memories))
            for name, memories in wanted.items()
            if len(memories) == 1 and next(iter(memories)) != self.home[name]
            and (name in kept or (name in self.born and name not in self.outputs and self._may_stay(name)))
        }  # fmt: skip

    def resident(self) -> dict[str, float]:
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

    def _live(self, stays: Mapping[str, str], memory: str) -> list[int]:
        live = [0] * (len(self.tasks) + 1)
        for name, where in stays.items():
            if where == memory:
                first, last = self.life(name)
                live[first] += align(self.list.sizes[name])
                live[last + 1] -= align(self.list.sizes[name])
        for i in range(1, len(live)):
            live[i] += live[i - 1]
        return live

    def evict_to(self, stays: dict[str, str], memory: str, limit: int) -> None:
        """Send storages off chip until no more than a limit is ever in use."""
        live = self._live(stays, memory)
        while max(live) > limit:
            worst = live.index(max(live))
            self.drop(stays, memory, worst, None)
            live = self._live(stays, memory)

    def drop(self, stays: dict[str, str], memory: str, task: int, error: InputError | None) -> None:
        """Send one storage that is alive at a task off chip: the one whose room is worth least.

        Worth is the traffic that staying saves, per byte and step that it occupies.
        """
        alive = [n for n, m in stays.items() if m == memory and self.lives_at(n, task)]
        alive = alive or [n for n, m in stays.items() if m == memory]
        if not alive:
            if error is not None:
                raise error
            message = "the buffers of one node do not fit together; enlarge the memory"
            raise InputError(self.chip.problem(message, f"memories.{memory}.capacity"))
        del stays[min(alive, key=self._worth)]

    def life(self, name: str) -> tuple[int, int]:
        """First and last task of a storage; what is there before the run is there to its end."""
        if name in self.born:
            return self.born[name], self.dies[name]
        if self.stages.count > 1:  # for as long as its stage works
            return self.stages.span(self.stages_of(name)[0])
        return 0, len(self.tasks) - 1

    def lives_at(self, name: str, task: int) -> bool:
        """Whether a storage is there while a task runs."""
        first, last = self.life(name)
        return first <= task <= last

    def stages_of(self, name: str) -> list[int]:
        """Stages whose tasks touch a storage, ascending."""
        touched = {
            stage
            for task, stage in zip(self.tasks, self.stages.of_task, strict=True)
            if name in (*task.reads, *task.writes)
        }
        return sorted(touched)

    def _worth(self, name: str) -> tuple[float, float, str]:
        if name not in self.born:  # of weights, those that are used least often per byte wait for DRAM most
            return 1 / len(self.tasks), -self.resident()[name], name
        storage_readers = sum(
            1 for task in self.tasks[self.born[name] : self.dies[name] + 1] if name in task.reads
        )
        return (1 + storage_readers) / (self.dies[name] - self.born[name] + 1), 0.0, name

    def live_bytes(self, stays: Mapping[str, str], memory: str, i: int) -> int:
        """Bytes of what stays in a memory while task ``i`` runs."""
        return sum(
            align(self.list.sizes[name])
            for name, where in stays.items()
            if where == memory and self.lives_at(name, i)
        )

    def is_local(self, task: Task, name: str, role: str, stays: Mapping[str, str]) -> bool:
        """Whether a storage lies in the very memory from which (to which) a task's core works."""
        return stays.get(name, self.home[name]) == self.operand_route(task, role).memory
