"""Operators that put data elsewhere or in another order without computing on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simulator.workload.call import Call, NotExecuted
from simulator.workload.graph import Graph, Node
from simulator.workload.op import (
    Attrs,
    Example,
    Op,
    Operands,
    Shape,
    axis_of,
    constant,
    operator,
    optional,
    positional,
    required,
    rows,
    tensor,
)
from simulator.workload.window import channels_first, in_layout
from simulator.workload.work import Move, Work


class _Mover(Op):
    """Reads as much as it writes, in slices along all axes of the result but the last."""

    arithmetic = False
    keeps_values = True

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One move."""
        written = sum(result.bytes for result in graph.results(node))
        return (Move(self._read(node, graph, written), written, rows(graph.results(node)[0])),)

    def _read(self, node: Node, graph: Graph, written: int) -> int:
        return written


@operator("Concat")
class Concat(_Mover):
    """Operands one after the other along ``axis``."""

    EXAMPLES = (Example("Concat", (tensor((2, 3)), tensor((2, 5), name="y")), {"axis": -1}, moved=(64, 64)),)

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return the first's with the extents along the axis added up."""
        shapes = [required(inputs, i).shape for i in range(len(inputs))]
        axis = axis_of(attrs.get("axis", 1), len(shapes[0]))
        others = {shape[:axis] + shape[axis + 1 :] for shape in shapes}
        if len(others) != 1:
            raise ValueError(f"shapes {', '.join(str(list(s)) for s in shapes)} differ beside axis {axis}")
        return [(*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])]

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return them joined."""
        return [np.concatenate(arrays, axis=attrs.get("axis", 1))]


@operator("Split")
class Split(_Mover):
    """Consecutive parts along ``axis``: of given extents, or equal ones (the last may be smaller)."""

    parameters = {1: "split"}

    EXAMPLES = (
        Example("Split", (tensor((2, 8)), constant([3, 5])), {"axis": 1}, outputs=2, moved=(64, 64)),
        Example("Split", (tensor((7, 2)),), {"num_outputs": 3}, outputs=3, moved=(56, 56)),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """One per part. Equal parts need their number in ``num_outputs``, which a reader fills in."""
        shape = required(inputs, 0).shape
        axis = axis_of(attrs.get("axis", 0), len(shape))
        parts = self.integers(inputs, attrs, "split")
        if not parts:
            count = attrs["num_outputs"]
            size = -(-shape[axis] // count)
            parts = [min(size, shape[axis] - i * size) for i in range(count)]
        if sum(parts) != shape[axis]:
            raise ValueError(
                f"parts {list(parts)} do not add up to the {shape[axis]} elements of axis {axis}"
            )
        return [(*shape[:axis], part, *shape[axis + 1 :]) for part in parts]

    def run(self, call: Call) -> list[np.ndarray]:
        """Return the parts, of the extents that the results have."""
        array = call.operand(0).array
        axis = axis_of(call.node.attrs.get("axis", 0), array.ndim)
        ends = np.cumsum([result.shape[axis] for result in call.results])[:-1]
        _same_scales(call)
        return np.split(array, ends, axis=axis)


@operator("Slice")
class Slice(_Mover):
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
        """Extents by Python's rules of slicing."""
        shape = list(required(inputs, 0).shape)
        starts = self.integers(inputs, attrs, "starts") or []
        ends = self.integers(inputs, attrs, "ends") or []
        axes = self.integers(inputs, attrs, "axes") or range(len(starts))
        steps = self.integers(inputs, attrs, "steps") or [1] * len(starts)
        for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
            place = axis_of(axis, len(shape))
            shape[place] = len(range(*slice(start, end, step).indices(shape[place])))
        return [tuple(shape)]

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the slice that the attributes name."""
        if any(array is not None for array in arrays[1:]) or "starts" not in attrs:
            raise NotExecuted("is executed with constant bounds alone")
        array = arrays[0]
        starts, ends = attrs["starts"], attrs["ends"]
        axes = attrs.get("axes") or range(len(starts))
        steps = attrs.get("steps") or [1] * len(starts)
        cut = [slice(None)] * array.ndim
        for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
            below = step < 0 and end < -array.shape[axis]  # before the first element: down to it
            cut[axis] = slice(start, None if below else end, step)
        return [array[tuple(cut)]]


@operator("Pad")
class Pad(_Mover):
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
        attrs, value = call.node.attrs, call.operand(0)
        mode: Any = attrs.get("mode", "constant")
        if (
            "pads" not in attrs
            or mode not in ("constant", "reflect", "edge", "symmetric")
            or any(v is not None for v in call.operands[1:])
        ):
            raise NotExecuted("is executed with constant extents and values")
        array = call.aligned(value) if call.integer else value.array
        axes = attrs.get("axes") or range(array.ndim)
        margins = [(0, 0)] * array.ndim
        for i, axis in enumerate(axes):
            margins[axis] = (attrs["pads"][i], attrs["pads"][len(axes) + i])
        if mode != "constant":
            return [np.pad(array, margins, mode=mode)]
        real = np.asarray(attrs.get("value", 0.0), np.float32)
        fill = call.quantized(real, call.results[0]) if call.integer else real
        return [np.pad(array, margins, constant_values=fill.item())]


@operator("Transpose")
class Transpose(_Mover):
    """Axes in the order ``perm``, reversed where it is absent."""

    EXAMPLES = (
        Example("Transpose", (tensor((2, 3, 4)),), {"perm": (2, 0, 1)}, moved=(96, 96)),
        Example("Transpose", (tensor((2, 3, 4)),), moved=(96, 96)),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Permuted extents."""
        shape = required(inputs, 0).shape
        perm = attrs.get("perm") or tuple(reversed(range(len(shape))))
        if sorted(perm) != list(range(len(shape))):
            raise ValueError(f"perm {list(perm)} is no permutation of the axes of {list(shape)}")
        return [tuple(shape[axis] for axis in perm)]

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the operand with its axes in that order."""
        return [np.transpose(arrays[0], attrs.get("perm"))]


@operator("Gather")
class Gather(_Mover):
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
        """Return the slices that the last axis of the indices addresses."""
        if attrs.get("batch_dims", 0):
            raise NotExecuted("is executed without batch dimensions")
        return [arrays[0][tuple(np.moveaxis(arrays[1], -1, 0))]]


@operator("Scatter", "ScatterElements", "ScatterND")
class Scatter(_Mover):
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

    def _read(self, node: Node, graph: Graph, written: int) -> int:
        return sum(operand.bytes for operand in graph.operands(node))


@operator("Expand")
class Expand(_Mover):
    """Broadcast to a shape: reads the operand once."""

    parameters = {1: "shape"}

    EXAMPLES = (Example("Expand", (tensor((3, 1)), constant([2, 1, 4])), moved=(12, 96)),)

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return what operand and asked shape broadcast to."""
        return [
            tuple(
                np.broadcast_shapes(
                    required(inputs, 0).shape, tuple(self.integers(inputs, attrs, "shape") or ())
                )
            )
        ]

    def _read(self, node: Node, graph: Graph, written: int) -> int:
        return required(positional(node, graph), 0).bytes

    def run(self, call: Call) -> list[np.ndarray]:
        """Return the operand in the shape of the result, repeated."""
        _same_scales(call)
        array, shape = call.operand(0).array, call.results[0].shape
        if call.node.op == "Tile":
            times = [new // max(old, 1) for new, old in zip(shape, array.shape, strict=True)]
            return [np.tile(array, times)]
        return [np.broadcast_to(array, shape)]


@operator("Tile")
class Tile(Expand):
    """The operand repeated along each axis: reads it once."""

    parameters = {1: "repeats"}

    EXAMPLES = (Example("Tile", (tensor((3, 2)), constant([2, 4])), moved=(24, 192)),)

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Extents times repeats."""
        repeats = self.integers(inputs, attrs, "repeats") or []
        return [tuple(n * times for n, times in zip(required(inputs, 0).shape, repeats, strict=True))]


@operator("DepthToSpace")
class DepthToSpace(_Mover):
    """Channels become pixels of blocks."""

    EXAMPLES = (Example("DepthToSpace", (tensor((1, 8, 2, 3)),), {"blocksize": 2}, moved=(192, 192)),)

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Fewer channels, larger planes."""
        b, c, y, x = channels_first(required(inputs, 0).shape, attrs)
        block = attrs["blocksize"]
        return [in_layout((b, c // block**2, y * block, x * block), attrs)]

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the pixels, whose places are the outer part of the channels (DCR) or the inner (CRD)."""
        last, n = attrs.get("layout") == "NHWC", attrs["blocksize"]
        image = arrays[0] if last else np.moveaxis(arrays[0], 1, -1)
        b, y, x, c = image.shape
        inner = attrs.get("mode", "DCR") == "CRD"
        parts = image.reshape(b, y, x, c // n**2, n, n) if inner else image.reshape(b, y, x, n, n, c // n**2)
        order = (0, 1, 4, 2, 5, 3) if inner else (0, 1, 3, 2, 4, 5)
        made = parts.transpose(order).reshape(b, y * n, x * n, c // n**2)
        return [made if last else np.moveaxis(made, -1, 1)]


@operator("SpaceToDepth")
class SpaceToDepth(_Mover):
    """Pixels of blocks become channels."""

    EXAMPLES = (Example("SpaceToDepth", (tensor((1, 2, 4, 6)),), {"blocksize": 2}, moved=(192, 192)),)

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """More channels, smaller planes."""
        b, c, y, x = channels_first(required(inputs, 0).shape, attrs)
        block = attrs["blocksize"]
        return [in_layout((b, c * block**2, y // block, x // block), attrs)]

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the channels: the places in the block are their outer part (DCR) or the inner (CRD)."""
        last, n = attrs.get("layout") == "NHWC", attrs["blocksize"]
        image = arrays[0] if last else np.moveaxis(arrays[0], 1, -1)
        b, y, x, c = image.shape
        order = (0, 1, 3, 5, 2, 4) if attrs.get("mode", "DCR") == "CRD" else (0, 1, 3, 2, 4, 5)
        parts = image.reshape(b, y // n, n, x // n, n, c).transpose(order)
        made = parts.reshape(b, y // n, x // n, n * n * c)
        return [made if last else np.moveaxis(made, -1, 1)]


@operator("Trilu", "ReverseSequence")
class Rearrange(_Mover):
    """The upper or lower triangle; sequences reversed: as much read as written."""

    EXAMPLES = (
        Example("Trilu", (tensor((4, 4)),), moved=(64, 64)),
        Example("ReverseSequence", (tensor((4, 2)), tensor((2,), "int64", "lengths")), moved=(32, 32)),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of the operand."""
        return [required(inputs, 0).shape]


@operator("OneHot")
class OneHot(_Mover):
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

    def _read(self, node: Node, graph: Graph, written: int) -> int:
        operands = positional(node, graph)
        values = optional(operands, 2)
        return required(operands, 0).bytes + (values.bytes if values else 0)


def _same_scales(call: Call) -> None:
    """Raise unless the results have the scale of what is moved into them."""
    quant = call.operand(0).tensor.quant
    for result in call.results:
        if result.quant != quant:
            raise ValueError(f"'{result.name}' has another scale than '{call.operand(0).tensor.name}'")
