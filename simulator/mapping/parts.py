"""Parts: how a task is cut so that several cores do it side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from simulator.hw.chip import Chip
from simulator.mapping.schedule import Part, Task
from simulator.mapping.shape import extent_y, input_rows
from simulator.mapping.slices import split_of
from simulator.workload.work import Contraction, Elementwise

Along = Literal["n", "rows", "batch", "groups"]
#: Operand that all parts want alike, by what is cut; groups have operands of their own.
SHARED = {"n": "ifmap", "rows": "weight", "batch": "weight", "groups": ""}


def cuts(work: Contraction) -> list[Along]:
    """What a contraction can be cut along; empty: it stays whole."""
    there: list[Along] = []
    if work.groups > 1:
        there.append("groups")
    elif work.k > 1:
        there.append("n")
    if work.batch > 1:
        there.append("batch")
    elif work.oy > 1:
        there.append("rows")
    return there


def shared_operand(chip: Chip, cores: Sequence[str], along: Along) -> str:
    """Role of the operand that can be brought to all parts at once; "" where there is none, or no way.

    One memory serves all, or every core's link passes the same medium, which hands one transfer to several.
    """
    role = SHARED[along]
    if not role:
        return ""
    memories = {chip.cores[core].buffer(role) for core in cores}
    if len(memories) == 1:
        return role
    ways = [chip.links[link].transport if (link := chip.link_into(memory)) else None for memory in memories]
    common = [set(way.via) if way is not None else set() for way in ways]
    shared = set.intersection(*common)
    return role if any(chip.links[link].MULTICAST for link in shared) else ""


def cut_contraction(task: Task, cores: Sequence[str], along: Along, granule: int) -> list[Task]:
    """The parts of a contraction, as equal as whole granules allow, on as many of the cores as there are."""
    work = task.work
    assert isinstance(work, Contraction)
    total = {"n": work.k, "rows": work.oy, "batch": work.batch, "groups": work.groups}[along]
    pieces = _even(total, len(cores), granule)
    parts = []
    for index, (first, end) in enumerate(pieces):
        piece, row_in = _piece(work, along, first, end)
        part = Part(along, index, len(pieces), first, work, row_in)
        parts.append(replace(task, core=cores[index], work=piece, part=part))
    return parts


def cut_slices(task: Task, cores: Sequence[str]) -> list[Task]:
    """The parts of work that is no contraction; rows of a window stay together by image where they can."""
    split = split_of(task)
    window = task.work.window if isinstance(task.work, Elementwise) else None
    images = split // window.oy if window is not None else 1
    whole = window is not None and images >= len(cores)
    pieces = _even(split, len(cores), window.oy if window is not None and whole else 1)
    return [
        replace(
            task, core=cores[i], part=Part("slices", i, len(pieces), first, task.work, end=end)
        )
        for i, (first, end) in enumerate(pieces)
    ]  # fmt: skip


def row_channels(task: Task) -> tuple[int, int]:
    """Channels in a row of the ifmap and of the ofmap of a contraction's part, (0, 0) where it is no part."""
    whole = task.whole
    if task.part is None or not isinstance(whole, Contraction):
        return 0, 0
    planes = 1 if whole.batched else whole.groups
    return planes * whole.c, planes * whole.k


def _piece(work: Contraction, along: Along, first: int, end: int) -> tuple[Contraction, int]:
    """A part's work, and the first input row that it reads."""
    size = end - first
    if along == "n":
        return replace(work, k=size), 0
    if along == "batch":
        return replace(work, batch=size), 0
    if along == "groups":
        return replace(work, groups=size), 0
    top, bottom = input_rows(work, first, end)
    pad = max(top - (first * work.sy - work.pad_top), 0)
    full = extent_y(work)
    assert bottom <= full
    return replace(work, oy=size, pad_top=pad, iy=bottom - top), top


def _even(total: int, pieces: int, granule: int) -> list[tuple[int, int]]:
    """At most so many pieces, in whole granules, none empty: (first, end)."""
    units = -(-total // granule)
    pieces = min(pieces, units)
    ends = [min(total, units * (i + 1) // pieces * granule) for i in range(pieces)]
    return list(zip([0, *ends[:-1]], ends, strict=True))
