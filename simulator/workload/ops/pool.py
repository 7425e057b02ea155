"""Poolings: windows over rows, or over the whole plane."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from simulator.workload.call import BOUNDS, Call, NotExecuted
from simulator.workload.graph import Graph, Node
from simulator.workload.op import Attrs, Example, Op, Operands, Shape, enter_op, positional, required, tensor
from simulator.workload.plain import windows
from simulator.workload.window import Axis, axes, channels_first, in_layout
from simulator.workload.work import Elementwise, Window, Work

#: Operator -> formula, operations per window position, operations per output, whether values pass through.
_WINDOWS = {
    "MaxPool": ("max over the window", "max", (), True),
    "AveragePool": ("sum over the window · 1/n", "add", (("mul", 1),), False),
    "LpPool": ("sqrt(Σ x²) over the window", "mac", (("sqrt", 1),), False),
}
_GLOBAL = {
    "GlobalMaxPool": ("max over the plane", "max", (), True),
    "GlobalAveragePool": ("sum over the plane · 1/n", "add", (("mul", 1),), False),
    "GlobalLpPool": ("sqrt(Σ x²) over the plane", "mac", (("sqrt", 1),), False),
}


class Pool(Op):
    """Pooling by a window, padding included; it is cut between output rows of the first spatial axis."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.formula, self._each, self._last, self.keeps_values = _WINDOWS[name]
        ops = {self._each: 2 * 6 * 5 * 3 * 3 * 2, **{cls: 2 * 6 * 5 * 3 for cls, _ in self._last}}
        ceil = {"ceil_mode": 1} if name != "LpPool" else {}
        row = {self._each: 4 * 6 * 3, **{cls: 4 * 6 for cls, _ in self._last}}
        self.EXAMPLES = (
            Example(
                name,
                (tensor((2, 6, 9, 7)),),
                {"kernel_shape": (3, 2), "strides": (2, 3), "pads": (1, 0, 1, 1)},
                ops=ops,
            ),
            Example(name, (tensor((1, 4, 12)),), {"kernel_shape": (3,), "strides": (2,), **ceil}, ops=row)
            if ceil
            else Example(name, (tensor((1, 4, 13)),), {"kernel_shape": (3,), "strides": (2,)}, ops=row),
        )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Batch, channels, and one extent per spatial axis; MaxPool's indices have the same shape."""
        ifmap = channels_first(required(inputs, 0).shape, attrs)
        spatial = (axis.out for axis in axes(ifmap[2:], attrs["kernel_shape"], attrs))
        result = in_layout((*ifmap[:2], *spatial), attrs)
        return [result, result]

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Return that of the operand, and int64 for indices."""
        return [required(inputs, 0).dtype, "int64"][:outputs]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work with a row window."""
        ifmap = channels_first(required(positional(node, graph), 0).shape, node.attrs)
        placed = axes(ifmap[2:], node.attrs["kernel_shape"], node.attrs)
        out = prod(ifmap[:2]) * prod(axis.out for axis in placed)
        ops = (
            (self._each, out * prod(axis.kernel for axis in placed)),
            *((cls, n * out) for cls, n in self._last),
        )
        row = placed[0]
        window = Window(kernel=row.reach, stride=row.stride, pad=row.begin, iy=row.size, oy=row.out)
        return (Elementwise(ops, split=ifmap[0] * row.out, window=window),)

    def run(self, call: Call) -> list[np.ndarray]:
        """Return the largest, or the mean, of each window; of stored integers as such if scales allow it."""
        attrs, value, result = call.node.attrs, call.operand(0), call.results[0]
        if len(call.results) > 1 or value.array.ndim > 4 or self._name == "LpPool":
            raise NotExecuted("is executed over one or two spatial axes, without indices, for max and mean")
        last = attrs.get("layout") == "NHWC"
        sizes = channels_first(value.array.shape, attrs)[2:]
        unit = Axis(size=1, kernel=1, stride=1, dilation=1, begin=0, end=0, out=1)
        placed = [unit, *axes(sizes, attrs["kernel_shape"], attrs)][-2:]
        whole = value.tensor.quant == result.quant is not None and all(a in BOUNDS for a in call.activations)
        stays = whole and (self.keeps_values or call.numerics.elementwise == "integer")
        if stays and not attrs.get("count_include_pad", 0):
            image = _channels_last(value.array, last)
            kernel = call.arithmetic.maximum if self._name == "MaxPool" else call.arithmetic.average
            made = kernel(image, placed, call.bounds())
        else:
            image = _channels_last(value.real(), last)
            made = call.store_real(_real(self._name, image, placed, bool(attrs.get("count_include_pad", 0))))
        return [(made if last else np.moveaxis(made, -1, 1)).reshape(result.shape)]


def _channels_last(array: np.ndarray, is_last: bool) -> np.ndarray:
    moved = array if is_last else np.moveaxis(array, 1, -1)
    return moved if moved.ndim == 4 else moved[:, None]


def _real(name: str, image: np.ndarray, places: list[Axis], count_padding: bool) -> np.ndarray:
    """Pooling of float32, or of integers without scale; a mean leaves padding out, or counts it as zeros."""
    if name == "MaxPool":
        least = -np.inf if image.dtype.kind == "f" else int(np.iinfo(image.dtype).min)
        return windows(image, places, least).max(axis=(3, 4))
    total = windows(image, places, 0).sum(axis=(3, 4))
    ones = np.ones((1, *image.shape[1:3], 1), image.dtype)
    count = windows(ones, places, int(count_padding)).sum(axis=(3, 4))
    return total / count


class GlobalPool(Op):
    """Pooling over all spatial axes; images are independent (channels lie innermost)."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.formula, self._each, self._last, self.keeps_values = _GLOBAL[name]
        ops = {self._each: 2 * 6 * 9 * 7, **{cls: 2 * 6 for cls, _ in self._last}}
        self.EXAMPLES = (Example(name, (tensor((2, 6, 9, 7)),), ops=ops),)

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Batch, channels, and 1 per spatial axis."""
        ifmap = required(inputs, 0).shape
        return [(*ifmap[:2], *(1 for _ in ifmap[2:]))]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work."""
        ifmap = required(positional(node, graph), 0)
        ops = ((self._each, ifmap.elements), *((cls, n * prod(ifmap.shape[:2])) for cls, n in self._last))
        return (Elementwise(ops, split=ifmap.shape[0]),)

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the largest or the mean over the spatial axes."""
        spatial = tuple(range(2, arrays[0].ndim))
        if self._name == "GlobalLpPool":
            raise NotExecuted("has a model for timing, and none for its values")
        if self._name == "GlobalMaxPool":
            return [arrays[0].max(axis=spatial, keepdims=True)]
        return [arrays[0].mean(axis=spatial, keepdims=True, dtype=arrays[0].dtype)]


for _name in _WINDOWS:
    enter_op(Pool(_name), _name)
for _name in _GLOBAL:
    enter_op(GlobalPool(_name), _name)
