"""Layout: an address for everything, in every memory; and the schedule that comes of it."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.base.errors import InputError, Problem
from simulator.base.units import UNLIMITED
from simulator.mapping.attempt import Attempt
from simulator.mapping.chain import Chain, line_role, stretched
from simulator.mapping.inside import more_bytes, without
from simulator.mapping.life import Life, lives_of
from simulator.mapping.pack import Item, pack, peak
from simulator.mapping.route import align
from simulator.mapping.schedule import Buffer, Place, Schedule, TaskPlan
from simulator.mapping.stages import group_users
from simulator.mapping.storages import Storages
from simulator.results.result import Fusion

_SOURCE = "source"  # what a constant that stays on chip is loaded from
_TWIN = "twin"  # where other inferences have what one stage leaves to another


class Layout:
    """Packs attempts."""

    def __init__(self, storages: Storages) -> None:
        self.storages, self.chip, self.graph = storages, storages.chip, storages.graph
        self.tasks, self.stages, self.list = storages.tasks, storages.stages, storages.list

    def pack_chip(
        self, steps: list[list[TaskPlan]], stays: Mapping[str, str], chains: tuple[Chain, ...] = ()
    ) -> tuple[dict[str, dict[object, int]], tuple[str, Item] | None]:
        """Addresses in the memories on chip, and what finds no place in which memory."""
        addresses: dict[str, dict[object, int]] = {}
        for memory, spec in self.chip.memories.items():
            if spec.EXTERNAL:
                continue
            items = self.items(memory, steps, stays, chains)
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

    def items(
        self,
        memory: str,
        steps: list[list[TaskPlan]],
        stays: Mapping[str, str],
        chains: tuple[Chain, ...] = (),
    ) -> list[Item]:
        """What needs room in a memory, and from which task to which."""
        items = [
            Item(name, align(self.list.sizes[name]), *stretched(*self.storages.life(name), chains))
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
            if name not in stays and self.storages.home[name] == memory:
                whole = (
                    name not in self.storages.born or name in self.storages.outputs or self.stages.count > 1
                )
                first, last = (0, end) if whole else (self.storages.born[name], self.storages.dies[name])
                first, last = stretched(first, last, chains)
                items.append(Item(name, align(self.list.sizes[name]), first, last))
                items += [
                    Item((_TWIN, name, turn), align(self.list.sizes[name]), 0, end)
                    for turn in range(1, self._turns(name))
                ]
        loaded = [
            name for name in stays if name not in self.storages.born and self.storages.home[name] == memory
        ]
        return items + [Item((_SOURCE, name), align(self.list.sizes[name]), 0, end) for name in loaded]

    def _turns(self, name: str) -> int:
        """Places of a storage that inferences use in turn: one for each stage from its first to its last."""
        if self.stages.count == 1 or name not in self.storages.born:
            return 1
        stages = self.storages.stages_of(name)
        return stages[-1] - stages[0] + 1

    def schedule(self, attempt: Attempt, fusion: Fusion) -> Schedule:
        """An attempt with the layout of external memory; ``unfused``: the best attempt without chains."""
        places: dict[str, Place] = {}
        peaks: dict[str, int] = {}
        rooms: dict[tuple[object, ...], tuple[str, int]] = {}
        lives: list[Life] = []
        for memory, spec in self.chip.memories.items():
            items = self.items(memory, attempt.steps, attempt.stays, attempt.chains)
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
                    rooms[item.key] = memory, address
                else:
                    places[str(item.key)] = self._place(str(item.key), memory, address)
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
            residents=self.list.residents,
            sources={name: places[0] for name, places in self._also(_SOURCE, rooms).items()},
            twins=self._also(_TWIN, rooms),
            stages=self.stages.of_task,
            chains=attempt.chains,
            fusion=fusion,
            lives=tuple(lives),
        )

    def _also(
        self, kind: str, rooms: Mapping[tuple[object, ...], tuple[str, int]]
    ) -> dict[str, tuple[Place, ...]]:
        """Further places of storages, in the order of their turns."""
        found: dict[str, tuple[Place, ...]] = {}
        for key, room in rooms.items():
            if key[0] == kind:
                name = str(key[1])
                found[name] = (*found.get(name, ()), self._place(name, *room))
        return found

    def _place(self, storage: str, memory: str, address: int) -> Place:
        contents = self.list.contents.get(storage, (8, 1.0))
        return Place(memory, address, self.list.sizes[storage], *contents)

    def _too_large(self, memory: str, items: list[Item]) -> Problem:
        capacity = self.chip.memories[memory].capacity_bytes
        message = (
            f"the network '{self.graph.name}' does not fit: its weights and feature maps need "
            f"{peak(items)} B at once, the memory has {capacity} B"
        )
        more = more_bytes(self.list.residents, memory)
        if more:
            cores = [each.core for each in self.list.residents if each.memory == memory]
            message += f"; {more} B of these are the layout of {cores[0]}: {without(cores)}"
        return self.chip.problem(message, f"memories.{memory}.capacity")


def _room_key(step: int, part: int, buffer: Buffer, plan: TaskPlan, head: TaskPlan) -> tuple[object, ...]:
    """Whose a buffer is: of one part, or of all parts whose shared operand goes to the same memory."""
    same = {b.memory for b in head.buffers if b.role == buffer.role}
    joint = buffer.role == plan.shared and buffer.memory in same
    return step, 0 if joint else part, buffer.role, buffer.memory
