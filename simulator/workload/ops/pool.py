"""Poolings: windows over rows, or over the whole plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from simulator.workload import plain, ratios
from simulator.workload.call import BOUNDS, Call
from simulator.workload.graph import Graph, Node
from simulator.workload.op import Attrs, Example, Op, Operands, Shape, enter_op, positional, required, tensor
from simulator.workload.plain import windows, within
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
        """Return the largest, mean or norm of each window; of stored integers as such if scales allow it."""
        attrs, value, result = call.node.attrs, call.operand(0), call.results[0]
        last = attrs.get("layout") == "NHWC"
        sizes = channels_first(value.array.shape, attrs)[2:]
        placed = axes(sizes, attrs["kernel_shape"], attrs)
        whole = value.tensor.quant == result.quant is not None and all(a in BOUNDS for a in call.activations)
        stays = whole and (self.keeps_values or call.numerics.elementwise == "integer")
        if len(call.node.outputs) > 1 and any(call.node.outputs[1:]):
            found = _with_indices(value.real(), placed, attrs)
            return call.stored(found)
        if stays and self._name != "LpPool" and not attrs.get("count_include_pad", 0):
            made = _of_integers(call, self._name, _channels_last(value.array, last), placed)
        else:
            real = _real(self._name, _channels_last(value.real(), last), placed, attrs)
            made = ratios.quantize(call, real) if ratios.applies(call) else call.store_real(real)
        return [(made if last else np.moveaxis(made, -1, 1)).reshape(result.shape)]


def _channels_last(array: np.ndarray, is_last: bool) -> np.ndarray:
    return array if is_last else np.moveaxis(array, 1, -1)


def _of_integers(call: Call, name: str, image: np.ndarray, places: list[Axis]) -> np.ndarray:
    """Pooling of stored integers; the kernels have two spatial axes."""
    flat = [Axis(size=1, kernel=1, stride=1, dilation=1, begin=0, end=0, out=1)] * (2 - len(places))
    arithmetic = call.arithmetic if len(places) <= 2 else plain
    kernel = arithmetic.maximum if name == "MaxPool" else arithmetic.average
    shaped = image[:, None] if flat else image
    made = kernel(shaped, [*flat, *places], call.bounds())
    return made[:, 0] if flat else made


def _least(dtype: np.dtype) -> int | float:
    """What no element is below."""
    return -np.inf if dtype.kind == "f" else int(np.iinfo(dtype).min)


def _real(name: str, image: np.ndarray, places: list[Axis], attrs: Attrs) -> np.ndarray:
    """Pooling in the type of the operand; a mean leaves padding out, or counts it as zeros."""
    axis = within(places)
    if name == "MaxPool":
        return windows(image, places, _least(image.dtype)).max(axis=axis)
    if name == "LpPool":
        return _norm(windows(image, places, 0), axis, attrs)
    total = windows(image, places, 0).sum(axis=axis)
    counted = np.ones((1, *image.shape[1:-1], 1), image.dtype)
    if attrs.get("count_include_pad", 0):  # what the padding says, not what the last window reaches beyond it
        margins = [(a.begin, a.end) for a in places]
        counted = np.pad(counted, ((0, 0), *margins, (0, 0)), constant_values=1)
        places = [replace(a, size=a.size + a.begin + a.end, begin=0, end=0) for a in places]
    return total / windows(counted, places, 0).sum(axis=axis)


def _norm(x: np.ndarray, axis: tuple[int, ...], attrs: Attrs, keepdims: bool = False) -> np.ndarray:
    """Norm of order ``p`` over axes, in the type of the operand."""
    p = attrs.get("p", 2)
    powers = np.abs(x).astype(np.promote_types(x.dtype, np.float32)) ** p
    return (powers.sum(axis=axis, keepdims=keepdims) ** (1 / p)).astype(x.dtype)


def _with_indices(image: np.ndarray, places: list[Axis], attrs: Attrs) -> list[np.ndarray]:
    """Largest of each window and where it lies: the index into the flattened tensor, channels first.

    ``storage_order`` 1 counts the positions of a plane column by column.
    """
    sizes = image.shape[2:]
    if attrs.get("storage_order", 0):
        places_of = np.arange(prod(sizes)).reshape(sizes[::-1]).T[None, ..., None]
    else:
        places_of = np.arange(prod(sizes)).reshape(sizes)[None, ..., None]
    seen = windows(np.moveaxis(image, 1, -1), places, _least(image.dtype))
    where = np.broadcast_to(windows(places_of, places, -1), (1, *seen.shape[1:-1], 1))
    outer = seen.shape[: 1 + len(places)]
    flat = np.moveaxis(seen, -1, 1 + len(places)).reshape(*outer, seen.shape[-1], -1)
    flat_where = where.reshape(1, *outer[1:], 1, -1)
    inside = np.where(flat_where >= 0, flat, _least(image.dtype))
    best = inside.argmax(-1)[..., None]
    chosen = np.take_along_axis(np.broadcast_to(flat_where, flat.shape), best, -1)[..., 0]
    plane = np.arange(prod(image.shape[:2])).reshape(image.shape[:2]) * prod(sizes)
    index = np.moveaxis(chosen, -1, 1) + plane.reshape(*image.shape[:2], *(1 for _ in sizes))
    return [np.moveaxis(np.take_along_axis(flat, best, -1)[..., 0], -1, 1), index.astype(np.int64)]


class GlobalPool(Op):
    """Pooling over all spatial axes; images are independent (channels lie innermost)."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.formula, self._each, self._last, self.keeps_values = _GLOBAL[name]
        ops = {self._each: 2 * 6 * 9 * 7, **{cls: 2 * 6 for cls, _ in self._last}}
        self.EXAMPLES = (Example(name, (tensor((2, 6, 9, 7)),), ops=ops),)

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Batch, channels, and 1 per spatial axis."""
        ifmap = channels_first(required(inputs, 0).shape, attrs)
        return [in_layout((*ifmap[:2], *(1 for _ in ifmap[2:])), attrs)]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work."""
        ifmap = required(positional(node, graph), 0)
        planes = prod(channels_first(ifmap.shape, node.attrs)[:2])
        ops = ((self._each, ifmap.elements), *((cls, n * planes) for cls, n in self._last))
        return (Elementwise(ops, split=ifmap.shape[0]),)

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the largest, the mean or the norm over the spatial axes."""
        first = 1 if attrs.get("layout") == "NHWC" else 2
        spatial = tuple(range(first, arrays[0].ndim + first - 2))
        if self._name == "GlobalLpPool":
            return [_norm(arrays[0], spatial, attrs, keepdims=True)]
        if self._name == "GlobalMaxPool":
            return [arrays[0].max(axis=spatial, keepdims=True)]
        return [arrays[0].mean(axis=spatial, keepdims=True, dtype=arrays[0].dtype)]


for _name in _WINDOWS:
    enter_op(Pool(_name), _name)
for _name in _GLOBAL:
    enter_op(GlobalPool(_name), _name)
