"""The schedule: decisions, printable. It contains no cycles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from simulator.hw.chip import Chip
from simulator.mapping.life import Life
from simulator.workload.graph import Graph
from simulator.workload.work import Contraction, Elementwise, Work


@dataclass(frozen=True, slots=True)
class Place:
    """Where bytes lie."""

    memory: str
    address: int
    bytes: int

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.address + self.bytes


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work of a node on one core.

    ``reads`` and ``writes`` are storages (names of tensors whose bytes exist; aliases such as a Reshape's
    output are resolved). The second of a contraction's reads is its weights; ``bias_bytes`` per output
    channel ride with them. ``epilogue`` is what the core applies to results; ``ops`` are the operations per
    element of the result that this costs it.
    """

    node: int
    name: str
    core: str
    work: Work
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    epilogue: tuple[str, ...] = ()
    bias_bytes: int = 0
    ops: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a task is cut.

    Contractions: ``groups`` groups, ``rows`` output rows (of all pixels of a row), ``n`` output channels and
    ``c`` reduction channels per tile; loops run over groups, then in ``order`` (``mn``: rows outside), then
    over c. ``hold_ifmap``/``hold_weight``: the operand stays in its buffer for the whole inner loop instead
    of a tile's time. Other work: ``rows`` slices per tile.
    """

    rows: int
    groups: int = 1
    n: int = 1
    c: int = 1
    order: Literal["mn", "nm"] = "mn"
    hold_ifmap: bool = False
    hold_weight: bool = False


@dataclass(frozen=True, slots=True)
class Buffer:
    """Room for an operand of a task: ``copies`` pieces of ``bytes`` that take turns."""

    role: str
    memory: str
    bytes: int
    copies: int

    @property
    def total(self) -> int:
        """Bytes of all copies."""
        return self.bytes * self.copies


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """A task with its tiling, its buffers and what the planner expected of it (shown by `--plan` alone)."""

    task: Task
    tiling: Tiling
    buffers: tuple[Buffer, ...]
    expected_fs: int
    expected_bound: str
    tiles: int
    candidates: int


@dataclass(frozen=True)
class Schedule:
    """All decisions about one network on one chip."""

    graph: Graph
    chip: Chip
    tasks: tuple[TaskPlan, ...]
    places: Mapping[str, Place]  # storage -> where it lies for its whole life
    buffers: Mapping[tuple[int, str], Place]  # (task, role) -> where its copies lie
    storage: Mapping[str, str]  # tensor -> storage
    peak_bytes: Mapping[str, int]  # memory -> most bytes in use at once
    not_modelled: tuple[str, ...] = field(default=())
    lives: tuple[Life, ...] = field(default=())  # of what lies on chip

    def describe(self) -> list[dict[str, object]]:
        """One plain record per task, for printing; keys are column headers."""
        return [self._record(i, plan) for i, plan in enumerate(self.tasks)]

    def layout(self) -> list[dict[str, object]]:
        """Every storage with its memory, address and size, by address."""
        order = sorted(self.places.items(), key=lambda item: (item[1].memory, item[1].address, item[0]))
        return [
            {"storage": name, "memory": p.memory, "address": p.address, "bytes": p.bytes} for name, p in order
        ]

    def _record(self, i: int, plan: TaskPlan) -> dict[str, object]:
        task, tiling = plan.task, plan.tiling
        held = [name for name, held in (("ifmap", tiling.hold_ifmap), ("weight", tiling.hold_weight)) if held]
        return {
            "task": task.name,
            "core": task.core,
            "work": _words(task.work) + (f", then {', '.join(task.epilogue)}" if task.epilogue else ""),
            "tiling": _tiling_words(plan, held),
            "tiles": plan.tiles,
            "rows": tiling.rows,
            "groups": tiling.groups,
            "n": tiling.n,
            "c": tiling.c,
            "order": tiling.order,
            "hold": "+".join(held),
            "expected_us": plan.expected_fs / 1e9,
            "bound": plan.expected_bound,
            "candidates": plan.candidates,
            "reads": ", ".join(f"{name} in {self.places[name].memory}" for name in task.reads),
            "writes": ", ".join(f"{name} in {self.places[name].memory}" for name in task.writes),
            "buffers": ", ".join(
                f"{b.role} {b.copies} x {b.bytes} B at {b.memory}+{self.buffers[i, b.role].address}"
                for b in plan.buffers
            ),
        }


def _words(work: Work) -> str:
    if isinstance(work, Contraction):
        groups = f"{work.groups} groups of " if work.groups > 1 else ""
        kernel = f", kernel {work.fy} x {work.fx} over {work.c} channels" if work.fy * work.fx > 1 else ""
        return f"contraction {groups}{work.M} x {work.N} x {work.K} (M x N x K) {work.precision}{kernel}"
    if isinstance(work, Elementwise):
        return "element-wise " + ", ".join(f"{count} {name}" for name, count in work.ops)
    return f"move {work.bytes_read} B read, {work.bytes_written} B written"


def _tiling_words(plan: TaskPlan, held: list[str]) -> str:
    tiling, work = plan.tiling, plan.task.work
    expected = (
        f"expected {plan.expected_fs / 1e9:.3f} us, {plan.expected_bound}; {plan.candidates} candidates"
    )
    if not isinstance(work, Contraction):
        return f"{plan.tiles} tiles of {tiling.rows} of {work.split} slices; {expected}"
    groups = f"{tiling.groups} groups x " if work.groups > 1 else ""
    size = f"{groups}{tiling.rows} rows of {work.ox} x {tiling.n} out x {tiling.c} in channels"
    hold = f", holds {' and '.join(held)}" if held else ""
    return f"{plan.tiles} tiles of {size}, order {tiling.order}{hold}; {expected}"
