"""The schedule: decisions, printable. It contains no cycles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from simulator.hw.chip import Chip
from simulator.mapping.life import Life
from simulator.results.result import Fusion
from simulator.workload.graph import Graph
from simulator.workload.work import Contraction, Elementwise, Match, Work

if TYPE_CHECKING:
    from simulator.mapping.chain import Chain


@dataclass(frozen=True, slots=True)
class Place:
    """Where bytes lie, and of what kind their elements are: bits of one, and how many are not zero."""

    memory: str
    address: int
    bytes: int
    bits: int = 8
    density: float = 1.0

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.address + self.bytes


@dataclass(frozen=True, slots=True)
class Part:
    """The piece of a task that one of several cores does, which work side by side.

    Attributes
    ----------
    along
        What the pieces cut: output channels ``n``, output ``rows``, images (``batch``), ``groups`` (heads,
        depthwise channels), or the ``slices`` of work that is no contraction.
    index, count
        Which piece of how many.
    first
        First channel of each group, output row, image, group or slice.
    row_in
        First input row, where rows are cut.
    whole
        The work of the task; ``Task.work`` is the piece, except that of slices.
    end
        Behind the last slice.
    """

    along: Literal["n", "rows", "batch", "groups", "slices"]
    index: int
    count: int
    first: int
    whole: Work
    row_in: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work of a node on one core.

    ``reads`` and ``writes`` are storages (names of tensors whose bytes exist; aliases such as a Reshape's
    output are resolved). The second of a contraction's reads is its weights; ``bias_bytes`` per output
    channel ride with them. ``epilogue`` is what the core applies to results; ``ops`` are the operations per
    element of the result that this costs it. ``density`` is the share of elements of a contraction's ifmap
    and weights that are not zero. ``why`` and ``expected`` are those of its ``Placement``.
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
    part: Part | None = None
    density: tuple[float, float] = (1.0, 1.0)
    why: str = ""
    expected: Mapping[str, int] = field(default_factory=dict, hash=False)

    def first(self, along: str) -> int:
        """Where the task's piece begins along one dimension; 0 unless it is cut there."""
        return self.part.first if self.part is not None and self.part.along == along else 0

    @property
    def whole(self) -> Work:
        """The work of all pieces."""
        return self.work if self.part is None else self.part.whole


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
    """A task with its tiling, its buffers and what the planner expected of it (shown by `--plan` alone).

    Plans of one ``step`` are the parts of one task and run side by side; the operand in the role ``shared``
    is brought to all of them at once. ``traffic_bytes`` and ``apart_fs`` are what a contraction that one core
    does by itself moves over links, and the longer of its time on the core and on the busiest link or far
    memory; 0: not worked out.
    """

    task: Task
    tiling: Tiling
    buffers: tuple[Buffer, ...]
    expected_fs: int
    expected_bound: str
    tiles: int
    candidates: int
    step: int = 0
    shared: str = ""
    traffic_bytes: int = 0
    apart_fs: int = 0


@dataclass(frozen=True, slots=True)
class Resident:
    """Weights of a node that lie in a memory that computes, in its own layout, before the run.

    ``storage`` is the layout's name: that of the weights, unless these are ``copied``, because others read
    them as the network has them. ``bytes`` with padding, ``network_bytes`` as the network has them; products
    are in ``multiplied`` where the network has ``precision``.
    """

    node: str
    weight: str
    core: str
    memory: str
    storage: str
    bytes: int
    network_bytes: int
    precision: str
    multiplied: str
    copied: bool = False


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
    sources: Mapping[str, Place] = field(default_factory=dict)  # constant kept on chip -> where from
    twins: Mapping[str, tuple[Place, ...]] = field(
        default_factory=dict
    )  # storage -> where next inferences have it
    stages: tuple[int, ...] = ()  # stage of each step; empty: all cores work on one inference
    not_modelled: tuple[str, ...] = field(default=())
    residents: tuple[Resident, ...] = field(default=())
    chains: tuple[Chain, ...] = field(default=())
    fusion: Fusion = Fusion()
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
            "part": "" if task.part is None else f"{task.part.index + 1}/{task.part.count} {task.part.along}",
            "placed": placed_words(task),
            "work": work_words(task.work) + (f", then {', '.join(task.epilogue)}" if task.epilogue else ""),
            "tiling": f"{tiling_words(plan)}; expected {plan.expected_fs / 1e9:.3f} us, "
            f"{plan.expected_bound}" + (f"; {plan.candidates} candidates" if plan.candidates else ""),
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
            "chain": self._chain_words(i),
        }

    def _chain_words(self, i: int) -> str:
        """To which chain a task belongs, and at the chain's first task how it runs."""
        for number, chain in enumerate(self.chains, 1):
            if i == chain.first:
                return f"{number}, {chain.words([plan.task.name for plan in self.tasks])}"
            if chain.first < i <= chain.last:
                return str(number)
        return ""


def placed_words(task: Task) -> str:
    """What chose the core of a task, and what each was expected to take; "" where there was no choice."""
    times = ", ".join(f"{name} {fs / 1e9:.3f} us" for name, fs in sorted(task.expected.items()))
    return f"{task.why} ({times})" if task.why and times else task.why


def work_words(work: Work) -> str:
    """Kind and extent of a piece of work."""
    if isinstance(work, Contraction):
        groups = f"{work.groups} groups of " if work.groups > 1 else ""
        kernel = f", kernel {work.fy} x {work.fx} over {work.c} channels" if work.fy * work.fx > 1 else ""
        return f"contraction {groups}{work.M} x {work.N} x {work.K} (M x N x K) {work.precision}{kernel}"
    if isinstance(work, Elementwise):
        return "element-wise " + ", ".join(f"{count} {name}" for name, count in work.ops)
    if isinstance(work, Match):
        return "matching " + ", ".join(f"{count} {name}" for name, count in work.counts)
    return f"move {work.bytes_read} B read, {work.bytes_written} B written"


def tiling_words(plan: TaskPlan, tiling: Tiling | None = None, tiles: int = 0) -> str:
    """A task's tiling, its own or another one of so many tiles."""
    tiling, tiles, work = tiling or plan.tiling, tiles or plan.tiles, plan.task.work
    count = "1 tile" if tiles == 1 else f"{tiles} tiles"
    if not isinstance(work, Contraction):
        return f"{count} of {tiling.rows} of {work.split} slices"
    groups = f"{tiling.groups} groups x " if work.groups > 1 else ""
    size = f"{groups}{tiling.rows} rows of {work.ox} x {tiling.n} out x {tiling.c} in channels"
    held = [name for name, held in (("ifmap", tiling.hold_ifmap), ("weight", tiling.hold_weight)) if held]
    return f"{tiles} tiles of {size}, order {tiling.order}" + (
        f", holds {' and '.join(held)}" if held else ""
    )
