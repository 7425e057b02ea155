"""Resampling of images: new extents along axes, each axis on its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor
from typing import Any

import numpy as np

from simulator.workload.call import BOUNDS, Call, NotExecuted, stored_type
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
from simulator.workload.work import Elementwise, Move, Work

TAPS = {"linear": 2, "cubic": 4}


@dataclass(frozen=True)
class Resampled:
    """One axis: its extent, the new one, how much larger that is, and what part is seen (crops alone)."""

    axis: int
    size: int
    out: int
    scale: float
    start: float = 0.0
    end: float = 1.0

    def coordinates(self, mode: str) -> np.ndarray:
        """Where each new element lies in the old ones, float32.

        ``mode`` as ONNX names it; for align_corners the new length is size · scale, not rounded, as in the
        cases that the onnx package carries (onnxruntime rounds it).
        """
        kind = np.float32
        new, last, length = np.arange(self.out, dtype=kind), self.size - 1, kind(self.scale) * kind(self.size)
        step = kind(self.size / self.out) if self.scale == self.out / self.size else 1 / kind(self.scale)
        if mode == "align_corners":
            return new * (kind(last) / (length - 1)) if self.out > 1 else kind(0) * new
        if mode == "asymmetric":
            return new * step
        if mode == "tf_crop_and_resize":
            start, end = kind(self.start), kind(self.end)
            if self.out == 1:
                return new + kind(0.5) * (start + end) * last
            return start * last + new * ((end - start) * last / kind(self.out - 1))
        if mode == "pytorch_half_pixel" and self.out == 1:
            return kind(0) * new
        half = (new + kind(0.5)) * step - kind(0.5)
        if mode == "half_pixel_symmetric":
            return half + kind(self.size / 2) * (1 - self.out / length)
        return half


#: Mode -> which element a coordinate means.
_NEAREST: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "round_prefer_floor": lambda x: np.ceil(x - np.float32(0.5)),
    "round_prefer_ceil": lambda x: np.floor(x + np.float32(0.5)),
    "floor": np.floor,
    "ceil": np.ceil,
}


def cubic(distance: np.ndarray, a: float) -> np.ndarray:
    """Weight of an element at a distance (Keys 1981): 0 from 2 on."""
    x = np.abs(distance)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def weighted(array: np.ndarray, axis: Resampled, attrs: Attrs) -> np.ndarray:
    """Weighted sums of the elements around each new one along an axis, by ONNX's attributes of Resize."""
    at = axis.coordinates(attrs.get("coordinate_transformation_mode", "half_pixel")).astype(np.float64)
    narrow = min(axis.scale, 1.0) if attrs.get("antialias", 0) else 1.0
    reach = floor((1 if attrs["mode"] == "linear" else 2) / narrow) + 1
    taps = np.floor(at)[:, None] + np.arange(-reach, reach + 1)
    distance = (taps - at[:, None]) * narrow
    if attrs["mode"] == "linear":
        found = np.maximum(1 - np.abs(distance), 0)
    else:
        found = cubic(distance, attrs.get("cubic_coeff_a", -0.75))
    if attrs.get("exclude_outside", 0):
        found = np.where((taps >= 0) & (taps < axis.size), found, 0)
    shares = found / found.sum(axis=1, keepdims=True)
    places = np.clip(taps, 0, axis.size - 1).astype(np.int64)  # outside, the element at the edge repeats
    along = [axis.out if i == axis.axis else 1 for i in range(array.ndim)]
    total = np.zeros(1)
    for place, share in zip(places.T, shares.T.reshape(len(places.T), *along), strict=True):
        total = total + np.where(share == 0, 0, share * np.take(array, place, axis=axis.axis))
    return total


@operator("Resize")
class Resize(Op):
    """Nearest: a move that reads the operand once. Linear and cubic: 2 or 4 taps per resampled axis."""

    parameters = {1: "roi", 2: "scales", 3: "sizes"}
    _coordinates, _nearest = "half_pixel", "round_prefer_floor"

    EXAMPLES: Sequence[Example] = (
        Example(
            "Resize",
            (tensor((1, 2, 4, 5)), None, constant([1, 1, 2, 2], "fp32")),
            {"mode": "nearest"},
            moved=(160, 640),
        ),
        Example(
            "Resize",
            (tensor((1, 2, 4, 5)), None, None, constant([1, 2, 7, 10])),
            {"mode": "linear"},
            ops={"mac": 2 * 7 * 10 * 4},
        ),
        Example(
            "Resize",
            (tensor((1, 2, 4, 5)), None, constant([1, 1, 1, 1.5], "fp32")),
            {"mode": "cubic"},
            ops={"mac": 2 * 4 * 7 * 4},
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return the asked sizes, or extents times scales rounded down."""
        shape = list(required(inputs, 0).shape)
        sizes = self.integers(inputs, attrs, "sizes") if "sizes" in self.parameters.values() else None
        scales = None if sizes else self.numbers(inputs, attrs, "scales")
        for axis in _resampled(tuple(shape), sizes, scales, None, attrs):
            shape[axis.axis] = axis.out
        return [tuple(shape)]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """Return a move, or macs on every result element."""
        source, result = required(positional(node, graph), 0), graph.results(node)[0]
        taps = TAPS.get(node.attrs.get("mode", "nearest"))
        if taps is None:
            return (Move(source.bytes, result.bytes, rows(result)),)
        resampled = sum(a != b for a, b in zip(source.shape, result.shape, strict=True))
        return (Elementwise((("mac", result.elements * taps**resampled),), split=result.shape[0]),)

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the operand, axis after axis sampled at its new elements; products in float64."""
        result = arrays[0]
        mode = attrs.get("coordinate_transformation_mode", self._coordinates)
        attrs = {"mode": "nearest", **attrs, "coordinate_transformation_mode": mode}
        nearest = _NEAREST[attrs.get("nearest_mode", self._nearest)]
        outside: np.ndarray = np.zeros((1,) * result.ndim, bool)
        for axis in self._axes(arrays, attrs):
            last = axis.size - 1
            if attrs["mode"] == "nearest":
                places = np.clip(nearest(axis.coordinates(mode)), 0, last).astype(np.int64)
                result = np.take(result, places, axis=axis.axis)
            else:
                result = weighted(result, axis, attrs)
            if mode == "tf_crop_and_resize":
                at = axis.coordinates(mode).reshape([-1 if i == axis.axis else 1 for i in range(result.ndim)])
                outside = outside | (at < 0) | (at > last)
        if outside.any():
            result = np.where(outside, result.dtype.type(attrs.get("extrapolation_value", 0.0)), result)
        return [result if attrs["mode"] == "nearest" else result.astype(_real_type(arrays[0].dtype))]

    def _axes(self, arrays: Sequence[Any], attrs: Attrs) -> list[Resampled]:
        sizes, scales, roi = (
            np.ravel(found).tolist() if (found := self._parameter(arrays, attrs, name)) is not None else None
            for name in ("sizes", "scales", "roi")
        )
        return _resampled(arrays[0].shape, sizes, scales, roi, attrs)

    def _parameter(self, arrays: Sequence[Any], attrs: Attrs, name: str) -> np.ndarray | None:
        return self.given(arrays, attrs, name) if name in self.parameters.values() else None

    def run(self, call: Call) -> list[np.ndarray]:
        """Return stored integers of the nearest elements; weighted ones as the profile has them.

        Raises
        ------
        NotExecuted
            Weighted stored integers in another way than TensorFlow Lite's bilinear one.
        """
        if not call.integer or not all(name in BOUNDS for name in call.activations):
            return super().run(call)
        attrs = call.node.attrs
        cropped = attrs.get("coordinate_transformation_mode") == "tf_crop_and_resize"
        if attrs.get("mode", "nearest") == "nearest" and not cropped:
            operands = [call.aligned(call.operand(0)), *(v and v.array for v in call.operands[1:])]
            return self.values(operands, attrs)
        if call.numerics.elementwise != "integer":
            return super().run(call)
        return [_bilinear(call, self._axes([v and v.array for v in call.operands], attrs))]


@operator("Upsample")
class Upsample(Resize):
    """As Resize, by scales alone (before opset 10)."""

    parameters = {1: "scales"}
    _coordinates, _nearest = "asymmetric", "floor"
    EXAMPLES = (
        Example(
            "Upsample",
            (tensor((1, 2, 4, 5)), constant([1, 1, 2, 3], "fp32")),
            shapes=((1, 2, 8, 15),),
            moved=(160, 960),
        ),
    )


def _real_type(kind: np.dtype) -> type:
    return np.float64 if kind == np.float64 else np.float32


def _resampled(
    shape: Shape,
    sizes: Sequence[float] | None,
    scales: Sequence[float] | None,
    roi: Sequence[float] | None,
    attrs: Attrs,
) -> list[Resampled]:
    """Axes with their new extents: the asked sizes, or extents times scales rounded down."""
    axes = [axis_of(axis, len(shape)) for axis in attrs.get("axes") or range(len(shape))]
    if sizes:
        outs, factors = [int(n) for n in sizes], [n / shape[a] for n, a in zip(sizes, axes, strict=True)]
        policy = attrs.get("keep_aspect_ratio_policy", "stretch")
        if policy != "stretch":
            scale = min(factors) if policy == "not_larger" else max(factors)
            outs, factors = [floor(scale * shape[axis] + 0.5) for axis in axes], [scale] * len(axes)
    elif scales:
        factors = list(scales)
        outs = [floor(shape[axis] * scale) for axis, scale in zip(axes, scales, strict=True)]
    else:
        raise ValueError("it has neither sizes nor scales")
    seen = roi or [0.0] * len(axes) + [1.0] * len(axes)
    return [
        Resampled(axis, shape[axis], outs[i], factors[i], seen[i], seen[len(axes) + i])
        for i, axis in enumerate(axes)
    ]


def _bilinear(call: Call, axes: Sequence[Resampled]) -> np.ndarray:
    """Two axes by weights of 10 or 11 bits each, their products rounded once at the end.

    10 bits, half away from zero: reference kernels of TensorFlow Lite (reference/resize_bilinear.h,
    ResizeBilinearInteger). 11 bits, half up: XNNPACK on 8 bits (indirection.c and s8-ibilinear).
    """
    attrs = call.node.attrs
    value, result = call.operand(0), call.results[0]
    mode = attrs.get("coordinate_transformation_mode", "half_pixel")
    modes = ("align_corners", "half_pixel", "asymmetric")
    moved = [axis for axis in axes if axis.size != axis.out]
    if attrs.get("mode") != "linear" or mode not in modes or attrs.get("antialias", 0) or len(moved) > 2:
        raise NotExecuted("on stored integers is executed to the nearest or bilinear along two axes")
    if value.tensor.quant != result.quant:
        raise NotExecuted("on stored integers is executed without another scale for the result")
    eleven = call.numerics.bilinear == "fixed11" and value.tensor.bits <= 8
    if not eleven and value.tensor.dtype.startswith("uint"):
        raise NotExecuted("of unsigned integers is weighted in a way that is not written here")
    total = value.array.astype(np.int64)
    for axis in moved:
        below, part = _eleven_bits(axis, mode) if eleven else _ten_bits(axis, mode)
        part = part.reshape([-1 if i == axis.axis else 1 for i in range(total.ndim)])
        above = np.take(total, np.minimum(below + 1, axis.size - 1), axis.axis)
        total = np.take(total, below, axis.axis) * ((2048 if eleven else 1024) - part) + above * part
    shift = (11 if eleven else 10) * len(moved)
    half = 1 << shift >> 1
    rounded = total + half >> shift if eleven else np.sign(total) * (np.abs(total) + half >> shift)
    return np.clip(rounded, *call.bounds()).astype(stored_type(result))


def _ten_bits(axis: Resampled, mode: str) -> tuple[np.ndarray, np.ndarray]:
    """Element below each new one, and the distance from it in 1/1024, by a step in 1/1024."""
    size, out, new = axis.size, axis.out, np.arange(axis.out, dtype=np.int64)
    step = (1024 * size + out // 2) // out
    if mode == "align_corners" and out > 1:
        step = (1024 * (size - 1) + (out - 1) // 2) // (out - 1)
    at = np.maximum(new * step + (step // 2 - 512 if mode == "half_pixel" else 0), 0)
    below = np.minimum(at // 1024, size - 1)
    return below, at - 1024 * below


def _eleven_bits(axis: Resampled, mode: str) -> tuple[np.ndarray, np.ndarray]:
    """Element below each new one, and the distance from it in 1/2048, by coordinates in float32."""
    less = int(mode == "align_corners" and axis.out > 1)
    step = np.float32(axis.size - less) / np.float32(axis.out - less)
    at = np.arange(axis.out, dtype=np.float32) * step
    if mode == "half_pixel":
        at = np.clip(at + (np.float32(0.5) * step - np.float32(0.5)), 0, np.float32(axis.size - 1))
    below = np.minimum(at.astype(np.int64), axis.size - 1)
    return below, np.rint((at - below.astype(np.float32)) * np.float32(2048)).astype(np.int64)
