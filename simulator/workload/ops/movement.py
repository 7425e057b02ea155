"""Operators that put data elsewhere or in another order without computing on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simulator.workload.call import Call
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
    positional,
    required,
    rows,
    tensor,
)
from simulator.workload.window import channels_first, in_layout
from simulator.workload.work import Move, Work


class Mover(Op):
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
class Concat(Mover):
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
class Split(Mover):
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
        """Return parts of the extents that the results have; by way of reals where their scales differ."""
        value = call.operand(0)
        axis = axis_of(call.node.attrs.get("axis", 0), value.array.ndim)
        ends = np.cumsum([result.shape[axis] for result in call.results])[:-1]
        if call.numerics.elementwise == "real" and any(r.quant != value.tensor.quant for r in call.results):
            parts = np.split(value.real(), ends, axis=axis)
            return [call.store_real(part, i) for i, part in enumerate(parts)]
        _same_scales(call)
        return np.split(value.array, ends, axis=axis)


@operator("Transpose")
class Transpose(Mover):
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


@operator("Expand")
class Expand(Mover):
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
class DepthToSpace(Mover):
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
class SpaceToDepth(Mover):
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


class _Rearranged(Mover):
    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of the operand."""
        return [required(inputs, 0).shape]


@operator("Trilu")
class Trilu(_Rearranged):
    """The upper or lower triangle of matrices, from the diagonal that the second operand counts."""

    EXAMPLES = (Example("Trilu", (tensor((4, 4)),), moved=(64, 64)),)

    def run(self, call: Call) -> list[np.ndarray]:
        """Return the operand with what stands for 0 outside of the triangle."""
        value, diagonal = call.operand(0), call.optional(1)
        array = call.aligned(value) if call.integer else value.array
        zero = call.result_quant()[1] if call.integer else 0
        triangle = np.triu if call.node.attrs.get("upper", 1) else np.tril
        inside = triangle(np.ones(array.shape[-2:], bool), 0 if diagonal is None else diagonal.array.item())
        return [np.where(inside, array, array.dtype.type(zero))]


@operator("ReverseSequence")
class ReverseSequence(_Rearranged):
    """The first elements along ``time_axis`` reversed: as many as the lengths say for ``batch_axis``."""

    EXAMPLES = (
        Example("ReverseSequence", (tensor((4, 2)), tensor((2,), "int64", "lengths")), moved=(32, 32)),
    )

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the operand with these elements the other way round."""
        array = arrays[0]
        along = [1] * array.ndim
        along[attrs.get("batch_axis", 1)] = -1
        lengths = np.reshape(arrays[1], along)
        time = attrs.get("time_axis", 0)
        steps = np.arange(array.shape[time]).reshape([-1 if i == time else 1 for i in range(array.ndim)])
        places = np.where(steps < lengths, lengths - 1 - steps, steps)
        return [np.take_along_axis(array, places, axis=time)]


def _same_scales(call: Call) -> None:
    """Raise unless the results have the scale of what is moved into them."""
    quant = call.operand(0).tensor.quant
    for result in call.results:
        if result.quant != quant:
            raise ValueError(f"'{result.name}' has another scale than '{call.operand(0).tensor.name}'")
