"""Tilings that the planner considered for a task, the one it took among them."""

from __future__ import annotations

from collections.abc import Callable

from simulator.base.errors import InputError
from simulator.mapping.cost import Operands
from simulator.mapping.limits import room_bytes
from simulator.mapping.parts import row_channels
from simulator.mapping.route import Beside, route
from simulator.mapping.runs import operand_groups
from simulator.mapping.schedule import Schedule, TaskPlan
from simulator.mapping.slices import Operand, make_operand, slice_choices
from simulator.mapping.tile import Choice, Search
from simulator.workload.work import Contraction


def alternatives(schedule: Schedule, task: int, most: int = 8) -> list[Choice]:
    """The best different tilings for a task in the room that it had, the fastest first, its own among them.

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
        found = find(schedule, plan, room, most)
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


def _local(schedule: Schedule, plan: TaskPlan) -> Callable[[str, str], bool]:
    core = schedule.chip.cores[plan.task.core]
    return lambda name, role: schedule.places[name].memory == route(schedule.chip, core, role).memory


def _tilings(schedule: Schedule, plan: TaskPlan, room: dict[str, int], most: int) -> list[Choice]:
    task, tensors, chip = plan.task, schedule.graph.tensors, schedule.chip
    assert isinstance(task.work, Contraction)
    assert isinstance(task.whole, Contraction)
    result = schedule.graph.results(schedule.graph.nodes[task.node])[0]
    ifmap, weight = (tensors[name].bits if name in tensors else result.bits for name in task.reads[:2])
    sizes = schedule.places[task.reads[0]].bytes, schedule.places[task.reads[1]].bytes
    groups = operand_groups(task.whole, sizes, (ifmap, weight))
    if task.part is not None and task.part.along == "groups":
        groups = (0, 0)
    local = _local(schedule, plan)
    ops = Operands(
        ifmap, weight, result.bits, task.bias_bytes,
        local(task.reads[0], "ifmap"), local(task.reads[1], "weight"), local(task.writes[0], "ofmap"),
        *groups, task.ops, row_channels(task),
    )  # fmt: skip
    rule = chip.rules.for_node(task.name)
    search = Search(task.work, ops, task.core, chip, room, rule, task.name, _beside(schedule, plan))
    own = search.find(plan.tiling)
    return search.fastest(most, () if own is None else (own,))


def _slicings(schedule: Schedule, plan: TaskPlan, room: dict[str, int], most: int) -> list[Choice]:
    task, tensors, chip = plan.task, schedule.graph.tensors, schedule.chip
    core, beside, local = chip.cores[task.core], _beside(schedule, plan), _local(schedule, plan)
    sizes = [schedule.places[name].bytes for name in task.reads]
    inputs = [
        make_operand(
            task, i, sizes, tensors[name].elements if name in tensors else None, local(name, "ifmap")
        )
        for i, name in enumerate(task.reads)
    ]
    outputs = [Operand(name, schedule.places[name].bytes, local(name, "ofmap"), True) for name in task.writes]
    routed = route(chip, core, "ifmap", beside.cores)
    users = beside.users(chip, "ifmap", routed.memory)
    own = {name: size // users for name, size in room.items()}
    choices = slice_choices(task, inputs, outputs, core, chip, routed, own)
    return sorted(choices, key=lambda choice: (choice.expected_fs, choice.tiles))
