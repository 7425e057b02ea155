"""Operators that choose elements of their operand, or put elements into it, by bounds or by indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simulator.workload.call import Call, NotExecuted, Value
from simulator.workload.graph import Graph, Node
from simulator.workload.op import (
    Attrs,
    Example,
    Operands,
    Shape,
    axis_of,
    constant,
    operator,
    optional,
    positional,
    required,
    tensor,
)
from simulator.workload.ops.movement import Mover


@operator("Slice")
class Slice(Mover):
    """From ``starts`` to ``ends`` in ``steps`` along ``axes``."""

    parameters = {1: "starts", 2: "ends", 3: "axes", 4: "steps"}

    EXAMPLES = (
        Example("Slice", (tensor((10, 6)), constant([1, -4]), constant([9, 2**31])), moved=(128, 128)),
        Example(
            "Slice",
            (tensor((10, 6)), constant([8]), constant([-20]), constant([0]), constant([-3])),
            moved=(72, 72),
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Extents of what the bounds leave."""
        shape = list(required(inputs, 0).shape)
        starts = self.integers(inputs, attrs, "starts") or []
        ends = self.integers(inputs, attrs, "ends") or []
        axes = self.integers(inputs, attrs, "axes") or range(len(starts))
        steps = self.integers(inputs, attrs, "steps") or [1] * len(starts)
        for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
            place = axis_of(axis, len(shape))
            shape[place] = len(_chosen(start, end, step, shape[place]))
        return [tuple(shape)]

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the slice, whose bounds are attributes or operands."""
        array = arrays[0]
        starts, ends, axes, steps = (self.given(arrays, attrs, name) for name in self.parameters.values())
        if starts is None or ends is None:
            raise ValueError("it has no bounds")
        axes = np.arange(len(starts)) if axes is None or not axes.size else axes
        steps = np.ones(len(starts), np.int64) if steps is None or not steps.size else steps
        cut = [slice(None)] * array.ndim
        bounds = (each.tolist() for each in (starts, ends, axes, steps))
        for start, end, axis, step in zip(*bounds, strict=True):
            kept = _chosen(start, end, step, array.shape[axis])
            cut[axis] = slice(kept.start, kept.stop if kept.stop >= 0 else None, step)
        return [array[tuple(cut)]]


def _chosen(start: int, end: int, step: int, n: int) -> range:
    """Elements of an axis of n between bounds, which count from the end where negative and are clamped."""
    first, last = (bound + n if bound < 0 else bound for bound in (start, end))
    if step > 0:
        return range(min(max(first, 0), n), min(max(last, 0), n), step)
    return range(min(max(first, 0), n - 1), min(max(last, -1), n - 1), step)


@operator("Pad")
class Pad(Mover):
    """Elements put around the operand: of a constant, or copies of its own."""

    parameters = {1: "pads", 2: "value", 3: "axes"}

    EXAMPLES = (Example("Pad", (tensor((2, 3)), constant([0, 1, 2, 0])), moved=(24, 64)),)

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Extents with both paddings added."""
        shape = list(required(inputs, 0).shape)
        pads = self.integers(inputs, attrs, "pads") or []
        given = self.integers(inputs, attrs, "axes")
        axes = [axis_of(axis, len(shape)) for axis in given] if given else list(range(len(shape)))
        for i, axis in enumerate(axes):
            shape[axis] += pads[i] + pads[len(axes) + i]
        return [tuple(shape)]

    def _read(self, node: Node, graph: Graph, written: int) -> int:
        return min(written, required(positional(node, graph), 0).bytes)

    def run(self, call: Call) -> list[np.ndarray]:
        """Return the operand with the constant around it: of stored integers, the stored form of it."""
        value, result, attrs = call.operand(0), call.results[0], call.node.attrs
        mode: Any = attrs.get("mode", "constant")
        operands = [None if each is None else each.real() for each in call.operands]
        pads, fill, axes = (self.given(operands, attrs, name) for name in self.parameters.values())
        if pads is None:
            raise ValueError("it has no extents")
        quants = value.tensor.quant, result.quant
        stored = all(quant is not None and quant.axis is None for quant in quants)  # padding: one integer
        array = call.aligned(value) if stored else value.real()
        margins = np.zeros((array.ndim, 2), np.int64)
        margins[slice(None) if axes is None or not axes.size else axes] = np.reshape(pads, (2, -1)).T
        kept = (slice(max(0, -a), n - max(0, -b)) for (a, b), n in zip(margins, array.shape, strict=True))
        array, margins = array[tuple(kept)], np.maximum(margins, 0)
        if mode != "constant":
            return [call.quantized(np.pad(array, margins, mode=mode), result)]
        fill = np.zeros(1, np.float32) if fill is None or not fill.size else np.ravel(fill)
        if stored:
            fill = call.quantized(fill.astype(np.float32), result)
        padded = np.pad(array, margins, constant_values=fill.astype(array.dtype).item())
        return [call.quantized(padded, result)]


@operator("Gather")
class Gather(Mover):
    """Slices of the operand along ``axis``, as the indices say: reads what it returns, and the indices."""

    EXAMPLES = (
        Example(
            "Gather",
            (tensor((1000, 8)), tensor((2, 3), "int64", "i")),
            moved=(2 * 3 * 8 * 4 + 48, 2 * 3 * 8 * 4),
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return the indices' shape in place of the axis."""
        shape, indices = required(inputs, 0).shape, required(inputs, 1).shape
        axis = axis_of(attrs.get("axis", 0), len(shape))
        return [(*shape[:axis], *indices, *shape[axis + 1 :])]

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return what the indices choose; negative ones count from the end."""
        return [np.take(arrays[0], arrays[1], axis=attrs.get("axis", 0))]

    def _read(self, node: Node, graph: Graph, written: int) -> int:
        return written + required(positional(node, graph), 1).bytes


@operator("GatherElements")
class GatherElements(Gather):
    """One element per index."""

    EXAMPLES = (
        Example(
            "GatherElements", (tensor((9, 8)), tensor((2, 3), "int64", "i")), moved=(2 * 3 * 12, 2 * 3 * 4)
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of the indices."""
        return [required(inputs, 1).shape]

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return one element per index."""
        return [np.take_along_axis(arrays[0], arrays[1], axis=attrs.get("axis", 0))]


@operator("GatherND")
class GatherND(Gather):
    """Slices addressed by the last axis of the indices."""

    EXAMPLES = (
        Example(
            "GatherND", (tensor((9, 8, 7)), tensor((5, 2), "int64", "i")), moved=(5 * 7 * 4 + 80, 5 * 7 * 4)
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return the indices' leading axes, then what they do not address."""
        shape, indices = required(inputs, 0).shape, required(inputs, 1).shape
        return [(*indices[:-1], *shape[attrs.get("batch_dims", 0) + indices[-1] :])]

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the slices that the last axis of the indices addresses, after equal batch dimensions."""
        batches = np.indices(arrays[1].shape[:-1])[: attrs.get("batch_dims", 0)]
        return [arrays[0][(*batches, *np.moveaxis(arrays[1], -1, 0))]]


#: How an update is put in where it is not to replace.
_REDUCTIONS = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}


@operator("Scatter", "ScatterElements", "ScatterND")
class Scatter(Mover):
    """A copy of the operand with some elements replaced: reads operand, indices and updates."""

    EXAMPLES = (
        Example(
            "ScatterElements",
            (tensor((9, 8)), tensor((2, 3), "int64", "i"), tensor((2, 3), name="u")),
            moved=(288 + 48 + 24, 288),
        ),
        Example(
            "ScatterND",
            (tensor((9, 8)), tensor((3, 1), "int64", "i"), tensor((3, 8), name="u")),
            moved=(288 + 24 + 96, 288),
        ),
        Example(
            "Scatter",
            (tensor((9, 8)), tensor((2, 3), "int64", "i"), tensor((2, 3), name="u")),
            shapes=((9, 8),),
            moved=(288 + 48 + 24, 288),
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of the operand."""
        return [required(inputs, 0).shape]

    def run(self, call: Call) -> list[np.ndarray]:
        """Return the operand with the updates in it; later ones win, or are reduced with what is there.

        Raises
        ------
        NotExecuted
            Sums or products of stored integers: that would be of their scales as well.
        """
        reduction = call.node.attrs.get("reduction", "none")
        if call.integer and reduction in ("add", "mul"):
            raise NotExecuted("with sums or products is executed on real numbers alone")
        array, updates = (self._stored(call, value) for value in (call.operand(0), call.operand(2)))
        result, places = array.copy(), self._places(call)
        if reduction == "none":
            result[places] = updates
        else:
            _REDUCTIONS[reduction].at(result, places, updates)
        return [result if call.integer else call.store_real(result)]

    def _stored(self, call: Call, value: Value) -> np.ndarray:
        """Stored integers at the scale of the result, or real numbers."""
        if not call.integer:
            return value.real()
        return call.aligned(value) if value.tensor.quant else call.quantized(value.array, call.results[0])

    def _places(self, call: Call) -> tuple[np.ndarray, ...]:
        """Index per axis of every update."""
        indices = call.operand(1).array
        if call.node.op == "ScatterND":
            return tuple(np.moveaxis(indices, -1, 0))
        places: list[np.ndarray] = list(np.indices(indices.shape))
        places[call.node.attrs.get("axis", 0)] = indices
        return tuple(places)

    def _read(self, node: Node, graph: Graph, written: int) -> int:
        return sum(operand.bytes for operand in graph.operands(node))


@operator("OneHot")
class OneHot(Mover):
    """A row of ``depth`` values per index: reads indices and the two values, writes the rows."""

    parameters = {1: "depth"}

    EXAMPLES = (
        Example(
            "OneHot", (tensor((2, 3), "int64"), constant(5), tensor((2,), name="v")), moved=(48 + 8, 120)
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return the indices' shape with ``depth`` inserted at ``axis``."""
        shape = required(inputs, 0).shape
        axis = axis_of(attrs.get("axis", -1), len(shape) + 1)
        return [(*shape[:axis], (self.integers(inputs, attrs, "depth") or [0])[0], *shape[axis:])]

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Return that of the two values."""
        return [required(inputs, 2).dtype]

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the second value where an index counts, negative ones from the end, else the first."""
        depth = self.given(arrays, attrs, "depth")
        if depth is None:
            raise ValueError("it has no depth")
        size, axis = int(depth.item()), axis_of(attrs.get("axis", -1), arrays[0].ndim + 1)
        index = np.expand_dims(np.where(arrays[0] < 0, arrays[0] + size, arrays[0]), axis)
        along = [-1 if i == axis else 1 for i in range(index.ndim)]
        return [np.where(index == np.arange(size).reshape(along), arrays[2][1], arrays[2][0])]

    def _read(self, node: Node, graph: Graph, written: int) -> int:
        operands = positional(node, graph)
        values = optional(operands, 2)
        return required(operands, 0).bytes + (values.bytes if values else 0)
