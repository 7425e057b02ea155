"""Row form of a task: which rows of its operands the rows of its result need.

A feature map lies row by row (a row holds its channels one after the other), so a task that works on whole
rows can be done a stripe of rows at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from simulator.mapping.schedule import Task
from simulator.mapping.shape import extent_x, extent_y
from simulator.workload.graph import Graph
from simulator.workload.work import Contraction, Elementwise, Match, Move


@dataclass(frozen=True, slots=True)
class RowWindow:
    """Input rows of one image that output rows read: ``reach`` rows from ``row * stride - pad`` on."""

    height: int
    row_bytes: int
    stride: int = 1
    pad: int = 0
    reach: int = 1

    def top(self, first: np.ndarray) -> np.ndarray:
        """First input row of output rows from ``first`` on, as ``shape.input_rows`` clips it."""
        return np.minimum(np.maximum(first * self.stride - self.pad, 0), self.height - 1)

    def bottom(self, end: np.ndarray) -> np.ndarray:
        """Input rows that must be there for the output rows before ``end``; 0 for none."""
        reached = np.minimum((end - 1) * self.stride - self.pad + self.reach, self.height)
        return np.where(end > 0, np.maximum(reached, 1), 0)


@dataclass(frozen=True, slots=True)
class RowForm:
    """A task over ``images`` of ``height`` result rows of ``row_bytes``.

    ``reads`` has an entry per operand: the window over its rows, or None where it is needed whole for every
    row (weights, broadcast operands).
    """

    images: int
    height: int
    row_bytes: int
    reads: tuple[RowWindow | None, ...]


#: Storage -> images and rows of each, as its maker writes it.
Rows = dict[str, tuple[int, int]]


def row_forms(tasks: Sequence[Task], graph: Graph, sizes: Mapping[str, int]) -> list[RowForm | None]:
    """Row form of each task; None where it has none, or takes an operand by other rows than it was made in.

    Parameters
    ----------
    tasks
        In order.
    graph, sizes
        The network, and bytes of each storage.
    """
    rows: Rows = {}
    forms = []
    for task in tasks:
        form = _form(task, graph, sizes, rows)
        if form is not None:
            for name, window in zip(task.reads, form.reads, strict=True):
                if window is not None:
                    rows.setdefault(name, (form.images, window.height))
                    form = form if rows[name] == (form.images, window.height) else None
                    if form is None:
                        break
        if form is not None:
            rows[task.writes[0]] = (form.images, form.height)
        forms.append(form)
    return forms


def _form(task: Task, graph: Graph, sizes: Mapping[str, int], rows: Rows) -> RowForm | None:
    if len(task.writes) != 1 or not task.reads or isinstance(task.work, Match):
        return None
    if isinstance(task.work, Contraction):
        return _contraction_form(task, task.work, graph, sizes)
    if isinstance(task.work, Elementwise) and task.work.window is not None:
        return _window_form(task, task.work, sizes)
    if isinstance(task.work, Elementwise):
        return _pointwise_form(task, task.work, graph, sizes, rows)
    return _concatenation_form(task, task.work, graph, sizes)


def _contraction_form(
    task: Task, work: Contraction, graph: Graph, sizes: Mapping[str, int]
) -> RowForm | None:
    node = graph.nodes[task.node]
    result = graph.results(node)[0]
    ifmap, weight = task.reads[:2]
    bits = graph.tensors[ifmap].bits if ifmap in graph.tensors else result.bits
    row_in, row_out = (
        extent_x(work) * work.c * work.groups * bits,
        work.ox * work.k * work.groups * result.bits,
    )
    images_in, images_out = work.batch * extent_y(work) * row_in, work.batch * work.oy * row_out
    whole = images_in == 8 * sizes[ifmap] and images_out == 8 * sizes[task.writes[0]]
    if work.batched or not whole or row_in % 8 or row_out % 8 or ifmap == weight:
        return None
    reach = (work.fy - 1) * work.dy + 1
    window = RowWindow(extent_y(work), row_in // 8, work.sy, work.pad_top, reach)
    return RowForm(work.batch, work.oy, row_out // 8, (window, *(None for _ in task.reads[1:])))


def _window_form(task: Task, work: Elementwise, sizes: Mapping[str, int]) -> RowForm | None:
    assert work.window is not None
    window, (first, *others) = work.window, task.reads
    images, rest = divmod(work.split, window.oy)
    row_in, rest_in = divmod(sizes[first], max(images, 1) * window.iy)
    row_out, rest_out = divmod(sizes[task.writes[0]], max(images, 1) * window.oy)
    if others or not images or rest or rest_in or rest_out:
        return None
    read = RowWindow(window.iy, row_in, window.stride, window.pad, window.kernel)
    return RowForm(images, window.oy, row_out, (read,))


def _pointwise_form(
    task: Task, work: Elementwise, graph: Graph, sizes: Mapping[str, int], rows: Rows
) -> RowForm | None:
    """Arithmetic whose elements do not know each other; it takes the rows of what it works on."""
    node = graph.nodes[task.node]
    result, out = graph.results(node)[0], task.writes[0]
    apart = work.split == result.elements
    epilogue = task.name != node.name and work.split == result.elements // (result.shape[-1] or 1)
    if not (apart or epilogue) or sizes[out] * 8 != result.elements * result.bits:
        return None
    elements = [
        graph.tensors[name].elements if name in graph.tensors else sizes[name] * 8 // result.bits
        for name in task.reads
    ]
    same = [i for i, count in enumerate(elements) if count == result.elements]
    known = [rows[task.reads[i]] for i in same if task.reads[i] in rows]
    extents = result.map_shape
    images, height = known[0] if known else (extents[0], extents[2]) if extents else (0, 0)
    touched = [sizes[out], *(sizes[task.reads[i]] for i in same)]
    if not same or not images * height or any(size % (images * height) for size in touched):
        return None
    windows = [
        RowWindow(height, sizes[name] // (images * height)) if i in same else None
        for i, name in enumerate(task.reads)
    ]
    return RowForm(images, height, sizes[out] // (images * height), tuple(windows))


def _concatenation_form(task: Task, work: Move, graph: Graph, sizes: Mapping[str, int]) -> RowForm | None:
    """Maps of equal extents put beside each other channel by channel: each row is made of their rows."""
    node = graph.nodes[task.node]
    result = graph.results(node)[0]
    shapes = [operand.map_shape for operand in graph.operands(node)]
    extents = result.map_shape
    if node.op != "Concat" or extents is None or len(shapes) != len(task.reads):
        return None
    images, channels, height = extents[:3]
    beside = all(s is not None and s[0] == images and s[2:] == extents[2:] for s in shapes)
    whole = [sizes[name] for name in (*task.reads, *task.writes)]
    moved = (work.bytes_read, work.bytes_written) == (sum(whole[:-1]), whole[-1])
    if not beside or sum(s[1] for s in shapes if s) != channels or not moved:
        return None
    if prod(result.shape) == 0 or any(size % (images * height) for size in whole):
        return None
    windows = tuple(RowWindow(height, size // (images * height)) for size in whole[:-1])
    return RowForm(images, height, whole[-1] // (images * height), windows)
