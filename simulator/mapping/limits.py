"""Below what a layer cannot come, and what room a task had: the planner's view, for explanations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.hw.chip import Chip
from simulator.mapping.place import whole_tile
from simulator.mapping.route import align
from simulator.mapping.schedule import Schedule, TaskPlan
from simulator.workload.work import OPERATION_CLASSES, Contraction


@dataclass(frozen=True, slots=True)
class Roof:
    """What a layer needs at least of one resource at its peak; ``amount`` of ``unit`` at ``per_s``."""

    resource: str
    amount: float
    unit: str
    per_s: float

    @property
    def time_fs(self) -> float:
        """Amount over rate."""
        return self.amount / self.per_s * 1e15


def compute_roofs(schedule: Schedule, node: int) -> list[Roof]:
    """Per core that works on a node: MACs over the slots of an array, cycles of its work on other cores."""
    found: dict[tuple[str, str], Roof] = {}
    for plan in _tasks_of(schedule, node):
        core, work = schedule.chip.cores[plan.task.core], plan.task.work
        slots = core.macs_per_cycle(work.precision) if isinstance(work, Contraction) else 0.0
        if isinstance(work, Contraction) and slots and core.precisions():
            roof = Roof(plan.task.core, work.macs, "MAC", slots * core.clock_hz)
        else:
            cycles = int(core.cycles(_whole(plan, schedule))[0][0])
            roof = Roof(plan.task.core, cycles, "cycles", float(core.clock_hz))
        before = found.get((roof.resource, roof.unit))
        amount = roof.amount + (before.amount if before else 0)
        found[roof.resource, roof.unit] = Roof(roof.resource, amount, roof.unit, roof.per_s)
    return list(found.values())


def _whole(plan: TaskPlan, schedule: Schedule) -> np.ndarray:
    """A task as one tile, with the operations that join it, TILE, shape (1,)."""
    tile = whole_tile(plan.task.work, schedule.chip.cores[plan.task.core])
    elements = schedule.graph.results(schedule.graph.nodes[plan.task.node])[0].elements
    for name, times in plan.task.ops:
        tile["ops"][:, OPERATION_CLASSES.index(name)] += times * elements
    return tile


def memory_roofs(schedule: Schedule, node: int, moved_bytes: dict[str, int]) -> list[Roof]:
    """Per external memory: the bytes of the node's operands there, each once, over its peak bandwidth.

    ``moved_bytes`` is what a run moved: where only a part of an operand is read, the bytes are not more.
    """
    chip = schedule.chip
    touched = {name for plan in _tasks_of(schedule, node) for name in (*plan.task.reads, *plan.task.writes)}
    roofs = []
    for memory, spec in chip.memories.items():
        peak = spec.peak_bytes_per_s()
        size = sum(schedule.places[name].bytes for name in touched if schedule.places[name].memory == memory)
        size = min(size, moved_bytes.get(memory, size))
        if spec.EXTERNAL and peak is not None and size:
            roofs.append(Roof(memory, size, "B", peak))
    return roofs


def room_bytes(schedule: Schedule, task: int) -> dict[str, int]:
    """Memory -> bytes that a task's buffers may take at the planner's first try.

    Half of what feature maps leave, so that the next task's buffers find room; all where there is one task.
    """
    chip, share = schedule.chip, 2 if len(schedule.tasks) > 1 else 1
    return {name: (chip.memories[name].capacity_bytes - held) // share for name, held in
            _held_bytes(schedule, task, chip).items()}  # fmt: skip


def _held_bytes(schedule: Schedule, task: int, chip: Chip) -> dict[str, int]:
    """Memory -> bytes of what other tasks have left there and still need."""
    life: dict[str, list[int]] = {}
    for i, plan in enumerate(schedule.tasks):
        for name in (*plan.task.reads, *plan.task.writes):
            life.setdefault(name, []).append(i)
    held = dict.fromkeys(chip.memories, 0)
    for name, uses in life.items():
        if uses[0] <= task <= uses[-1]:
            held[schedule.places[name].memory] += align(schedule.places[name].bytes)
    return held


def _tasks_of(schedule: Schedule, node: int) -> list[TaskPlan]:
    return [plan for plan in schedule.tasks if plan.task.node == node]
