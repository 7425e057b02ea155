"""Tilings of tasks, on one core or in parts on several, in the room that storages leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from simulator.base.errors import InputError
from simulator.hw.component import Core
from simulator.mapping.cost import Operands
from simulator.mapping.operands import Local, contraction_operands, sliced_operands
from simulator.mapping.parts import cut_contraction, cut_slices, cuts, shared_operand
from simulator.mapping.resident import resident_choice
from simulator.mapping.route import ALONE, Beside
from simulator.mapping.schedule import Task, TaskPlan
from simulator.mapping.shape import extent_y, row_tiles
from simulator.mapping.slices import Operand, slice_spans, slice_tiling
from simulator.mapping.storages import Storages
from simulator.mapping.tile import Choice, contraction_tiling, tile_buffers
from simulator.workload.work import Contraction, Match


class NoRoom(Exception):
    """A task found no room; something else on chip has to go."""

    def __init__(self, memory: str, task: int, error: InputError) -> None:
        super().__init__(memory, task, error)
        self.memory, self.task, self.error = memory, task, error


class Tiler:
    """Chooses how tasks are cut and who does the pieces."""

    def __init__(self, storages: Storages) -> None:
        self.storages, self.chip, self.graph = storages, storages.chip, storages.graph
        self.tasks, self.stages = storages.tasks, storages.stages

    def cores_for(self, task: Task, spread: bool) -> tuple[str, ...]:
        """Cores that may share a task: copies of its core that work from the same memories, or any copies."""
        rule = self.chip.rules.for_node(self.graph.nodes[task.node].name)
        alike = self.chip.alike(task.core)
        if rule.core is not None or rule.split == "off" or (self.apart(task) and not spread):
            return (task.core,)
        if self.stages.of_task or self.chip.cores[task.core].RESIDENT:
            return (task.core,)
        return alike

    def apart(self, task: Task) -> bool:
        """Whether copies of a task's core have memories of their own for what tasks leave to each other."""
        alike = self.chip.alike(task.core)
        rule = self.chip.rules.for_node(self.graph.nodes[task.node].name)
        wanted = {tuple(self.chip.cores[c].buffer(r) for r in ("ifmap", "weight", "ofmap")) for c in alike}
        return len(wanted) > 1 and rule.core is None and rule.split != "off"

    def must_cut(self, task: Task) -> bool:
        """Whether a rule says along what a task is cut."""
        rule = self.chip.rules.for_node(self.graph.nodes[task.node].name)
        return isinstance(task.work, Contraction) and rule.split not in ("auto", "off")

    def plan_task(self, i: int, stays: Mapping[str, str], spread: bool) -> list[TaskPlan]:
        """Tilings of a task in half of what is free, so that the next task's tiles have room.

        In all of it if need be. Of the ways to share it among cores, the one of least expected time.
        """
        task = self.tasks[i]
        free = {
            name: self.stages.share(self.chip, name) - self.storages.live_bytes(stays, name, i)
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
                    raise NoRoom(self.storages.operand_route(task, "ifmap").memory, i, error) from None
        raise AssertionError(shares)

    def _share_out(
        self, i: int, alone: Choice, cores: tuple[str, ...], stays: Mapping[str, str], room: Mapping[str, int]
    ) -> list[TaskPlan]:
        """Plans of a task on one core, or of its parts on several where that is faster, or a rule says so."""
        task = self.tasks[i]
        best = [_task_plan(task, alone, i, "")]
        bound, refused = self.must_cut(task), None
        for parts, shared in self._ways_to_cut(task, cores):
            if len(parts) < 2:
                continue
            beside = Beside(tuple(part.core for part in parts), shared)
            largest = max(parts, key=lambda part: _extent(part))
            try:
                choice = self._choose(replace(largest, core=parts[0].core), stays, room, beside)
            except InputError as error:
                refused = error
                continue
            if not self._all_fit(choice, parts, stays):
                continue
            if choice.expected_fs < best[0].expected_fs or (bound and len(best) == 1):
                first = self.chip.cores[parts[0].core]
                best = [
                    _task_plan(part, _on_core(choice, first, self.chip.cores[part.core]), i, shared)
                    for part in parts
                ]
        if bound and refused is not None and len(best) == 1:
            raise refused
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
        if len(cores) < 2 or isinstance(task.work, Match):  # what neurons have learned is in one place
            return []
        if not isinstance(task.work, Contraction):
            return [(cut_slices(task, cores), "")]
        core, rule = self.chip.cores[task.core], self.chip.rules.for_node(task.name)
        granule = core.granule(task.work)
        ways = []
        for along in [along for along in cuts(task.work) if rule.split in ("auto", along)]:
            grain = granule.n if along == "n" else max(1, granule.m // task.work.ox) if along == "rows" else 1
            for step in sorted({1, grain}):
                parts = cut_contraction(task, cores, along, step)
                ways.append((parts, shared_operand(self.chip, [p.core for p in parts], along)))
        return ways

    def _choose(
        self, task: Task, stays: Mapping[str, str], room: Mapping[str, int], beside: Beside
    ) -> Choice:
        if self.chip.cores[task.core].RESIDENT:
            local = self._local(task, stays)
            return resident_choice(task, self.graph, self.chip, room, local)
        if isinstance(task.work, Contraction):
            rule = self.chip.rules.for_node(task.name)
            operands = self.operands(task, stays)
            return contraction_tiling(
                task.work, operands, task.core, self.chip, room, rule, task.name, beside
            )
        inputs, outputs = self.sliced_operands(task, stays)
        return slice_tiling(task, inputs, outputs, self.chip, room, beside)

    def operands(self, task: Task, stays: Mapping[str, str]) -> Operands:
        """Widths and places of a contraction's operands."""
        return contraction_operands(task, self.graph, self.storages.list.sizes, self._local(task, stays))

    def sliced_operands(self, task: Task, stays: Mapping[str, str]) -> tuple[list[Operand], list[Operand]]:
        """Inputs and outputs of work that is no contraction."""
        return sliced_operands(task, self.graph, self.storages.list.sizes, self._local(task, stays))

    def _local(self, task: Task, stays: Mapping[str, str]) -> Local:
        return lambda name, role: self.storages.is_local(task, name, role, stays)


def _task_plan(task: Task, choice: Choice, step: int, shared: str) -> TaskPlan:
    alone = task.part is None and isinstance(task.work, Contraction)
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
        choice.traffic_bytes if alone else 0,
        choice.apart_fs if alone else 0,
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
