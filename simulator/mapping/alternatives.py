"""Tilings that the planner considered for a task, the one it took among them."""

from __future__ import annotations

from simulator.base.errors import InputError
from simulator.mapping.limits import room_bytes
from simulator.mapping.operands import Local, contraction_operands, local_places, sliced_operands
from simulator.mapping.route import Beside
from simulator.mapping.schedule import Schedule, TaskPlan
from simulator.mapping.slices import slice_choices
from simulator.mapping.tile import Choice, Search
from simulator.workload.work import Contraction


def alternatives(schedule: Schedule, task: int, most: int = 8) -> list[Choice]:
    """The best different tilings for a task in the room that it had, the fastest first, its own among them.

    Work inside a memory has no other: all that finds room goes in one stream.

    Parameters
    ----------
    schedule
        With the task; as a part of several, it is looked at beside the others.
    task
        Index of ``schedule.tasks``.
    most
        How many at most, its own included.
    """
    plan, room = schedule.tasks[task], room_bytes(schedule, task)
    if any(buffer.total > room[buffer.memory] for buffer in plan.buffers):
        room = {name: 2 * size for name, size in room.items()}  # it was given all that is free
    find = _tilings if isinstance(plan.task.work, Contraction) else _slicings
    try:
        inside = schedule.chip.cores[plan.task.core].RESIDENT
        found = [] if inside else find(schedule, plan, room, most)
    except InputError:  # its chain, or what stays on chip, leaves it no room of its own
        found = []
    own = next((choice for choice in found if choice.tiling == plan.tiling), None)
    if own is None:
        own = Choice(
            plan.tiling, plan.buffers, plan.expected_fs, plan.expected_bound, plan.tiles, plan.candidates
        )
    others = [choice for choice in found if choice.tiling != plan.tiling][: most - 1]
    return sorted([own, *others], key=lambda choice: (choice.expected_fs, choice.traffic_bytes, choice.tiles))


def _beside(schedule: Schedule, plan: TaskPlan) -> Beside:
    """The parts of the task beside this one, itself included."""
    cores = tuple(other.task.core for other in schedule.tasks if other.step == plan.step)
    return Beside(cores, plan.shared) if len(cores) > 1 else Beside()


def _tilings(schedule: Schedule, plan: TaskPlan, room: dict[str, int], most: int) -> list[Choice]:
    task, chip = plan.task, schedule.chip
    assert isinstance(task.work, Contraction)
    ops = contraction_operands(task, schedule.graph, _sizes(schedule, plan), _local(schedule, plan))
    rule = chip.rules.for_node(task.name)
    search = Search(task.work, ops, task.core, chip, room, rule, task.name, _beside(schedule, plan))
    own = search.find(plan.tiling)
    return search.fastest(most, () if own is None else (own,))


def _slicings(schedule: Schedule, plan: TaskPlan, room: dict[str, int], most: int) -> list[Choice]:
    sizes, local = _sizes(schedule, plan), _local(schedule, plan)
    inputs, outputs = sliced_operands(plan.task, schedule.graph, sizes, local)
    choices = slice_choices(plan.task, inputs, outputs, schedule.chip, room, _beside(schedule, plan))
    return sorted(choices, key=lambda choice: (choice.expected_fs, choice.tiles))


def _sizes(schedule: Schedule, plan: TaskPlan) -> dict[str, int]:
    return {name: schedule.places[name].bytes for name in (*plan.task.reads, *plan.task.writes)}


def _local(schedule: Schedule, plan: TaskPlan) -> Local:
    return local_places(plan.task, schedule.chip, schedule.places)
