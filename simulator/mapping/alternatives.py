"""Tilings that the planner considered for a contraction, the one it took among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.mapping.cost import (
    Candidates,
    Operands,
    buffer_bytes,
    core_time,
    in_whole_grains,
    link_time,
    traffic_bytes,
    trips,
)
from simulator.mapping.limits import room_bytes
from simulator.mapping.route import route
from simulator.mapping.schedule import Buffer, Schedule, TaskPlan, Tiling
from simulator.mapping.tile import MOST_TILES, ROLES, _candidates, _loads
from simulator.workload.work import Contraction


@dataclass(frozen=True, slots=True)
class Choice:
    """A tiling with its buffers and what it is expected to cost."""

    tiling: Tiling
    buffers: tuple[Buffer, ...]
    expected_fs: int
    bound: str
    tiles: int
    candidates: int
    traffic_bytes: int


def alternatives(schedule: Schedule, task: int, most: int) -> list[Choice]:
    """The tiling of a task and the cheapest other of each loop order and set of held operands.

    Cheapest first, at most ``most`` beside its own; of those that fit where there are any. Nothing for work
    that is no contraction.
    """
    plan, chip = schedule.tasks[task], schedule.chip
    work = plan.task.work
    if not isinstance(work, Contraction):
        return []
    core = chip.cores[plan.task.core]
    ops = _operands(schedule, plan)
    cand = _candidates(work, core, chip.rules.for_node(plan.task.name), bool(core.sum_bits()), False)
    rooms = buffer_bytes(work, cand, trips(work, cand), ops, core.sum_bits())
    need: dict[str, np.ndarray] = {}
    for role, (size, copies) in rooms.items():
        need[core.buffer(role)] = need.get(core.buffer(role), np.zeros_like(size)) + size * copies
    room = room_bytes(schedule, task)
    fits = np.logical_and.reduce([size <= room[memory] for memory, size in need.items()])
    fits &= trips(work, cand).total <= max(MOST_TILES, plan.tiles)
    time_fs, outside, bounds = _costs(work, cand, ops, schedule, plan)
    kinds, total = cand.order * 4 + cand.hold_ifmap * 2 + cand.hold_weight, trips(work, cand).total
    found: dict[tuple[int, ...], Choice] = {}
    for kind in np.unique(kinds).tolist():
        good, every = np.flatnonzero((kinds == kind) & fits), np.flatnonzero(kinds == kind)
        rows = good if good.size else every
        order = np.lexsort((total[rows], outside[rows], time_fs[rows]))
        own = [i for i in every.tolist() if _tiling(cand, i) == plan.tiling][:1]
        for i in (*own, int(rows[order[0]])):
            buffers = (Buffer(r, core.buffer(r), int(s[i]), int(c[i])) for r, (s, c) in rooms.items())
            choice = Choice(
                _tiling(cand, i), tuple(b for b in buffers if b.copies), int(time_fs[i]), bounds[i],
                int(total[i]), cand.rows.size, int(outside[i]),
            )  # fmt: skip
            same = (choice.tiles, choice.expected_fs, choice.traffic_bytes, int(cand.order[i]))
            if choice.tiling == plan.tiling or same not in found:
                found[same] = choice
    ranked = sorted(found.values(), key=lambda c: (c.expected_fs, c.traffic_bytes, c.tiles))
    others = [choice for choice in ranked if choice.tiling != plan.tiling][:most]
    return [choice for choice in ranked if choice.tiling == plan.tiling or choice in others]


def _tiling(cand: Candidates, i: int) -> Tiling:
    return Tiling(
        rows=int(cand.rows[i]),
        groups=int(cand.groups[i]),
        n=int(cand.n[i]),
        c=int(cand.c[i]),
        order="nm" if cand.order[i] else "mn",
        hold_ifmap=bool(cand.hold_ifmap[i]),
        hold_weight=bool(cand.hold_weight[i]),
    )


def _costs(
    work: Contraction, cand: Candidates, ops: Operands, schedule: Schedule, plan: TaskPlan
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Expected fs, bytes over links, and bound of each candidate, as the planner's search has them."""
    chip, core, t = schedule.chip, schedule.chip.cores[plan.task.core], trips(work, cand)
    routes = {role: route(chip, core, role) for role in ROLES}
    traffic = in_whole_grains(traffic_bytes(work, cand, t, ops), work, cand, ops, routes)
    busy, latency, _ = core_time(work, cand, t, ops, core, chip.ports(plan.task.core))
    linked, which = link_time(traffic, routes)
    ends = sum(
        (traffic[role] / np.maximum(_loads(role, cand, t), 1)) * (1e15 / routes[role].bytes_per_s)
        for role in ROLES
        if routes[role].bytes_per_s
    )
    bounds = [
        core.BOUND if core_fs >= link_fs else routes[ROLES[role]].far
        for core_fs, link_fs, role in zip(busy.tolist(), linked.tolist(), which.tolist(), strict=True)
    ]
    return (
        (np.maximum(busy, linked) + latency + ends).astype(np.int64),
        np.asarray(sum(traffic.values())),
        bounds,
    )


def _operands(schedule: Schedule, plan: TaskPlan) -> Operands:
    tensors, task = schedule.graph.tensors, plan.task
    result = schedule.graph.results(schedule.graph.nodes[task.node])[0]
    ifmap, weight = (tensors[name].bits if name in tensors else result.bits for name in task.reads[:2])
    here = {buffer.role for buffer in plan.buffers}
    return Operands(
        ifmap, weight, result.bits, task.bias_bytes,
        "ifmap" not in here, "weight" not in here, "ofmap" not in here,
    )  # fmt: skip
