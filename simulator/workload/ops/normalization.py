"""Normalizations by statistics of the data or by learned constants."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from simulator.workload.call import NotExecuted
from simulator.workload.graph import Graph, Node
from simulator.workload.op import (
    Attrs,
    Example,
    Op,
    Operands,
    Shape,
    axis_of,
    operator,
    optional,
    positional,
    required,
    tensor,
)
from simulator.workload.work import Elementwise, Work


def _centred(elements: int, slices: int, affine: int) -> tuple[tuple[str, int], ...]:
    """Operations of (x − mean)/sqrt(var + ε), and of a scale and a shift where ``affine`` counts them.

    Per element: addition to the mean, subtraction, square accumulated, scaling by 1/σ; per slice: two
    divisions by the count (multiplications), adding ε, root, reciprocal.
    """
    ops = {"add": 2 * elements + slices, "mac": elements, "mul": elements + 2 * slices}
    ops["mul"] += elements * (affine > 0)
    ops["add"] += elements * (affine > 1)
    return (*ops.items(), ("sqrt", slices), ("div", slices))


def _rms(elements: int, slices: int) -> tuple[tuple[str, int], ...]:
    """Operations of x/sqrt(Σx²/n + ε) · scale: a mac and two multiplications per element."""
    return (
        ("mac", elements),
        ("mul", 2 * elements + slices),
        ("add", slices),
        ("sqrt", slices),
        ("div", slices),
    )


def _wide(x: np.ndarray) -> np.ndarray:
    """Operand in the type of statistics: at least float32."""
    return x.astype(np.promote_types(x.dtype, np.float32), copy=False)


def _normalized(
    x: np.ndarray, axes: tuple[int, ...], epsilon: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (x − mean)/sqrt(var + ε) over axes, the mean, and the inverse deviation, which keep the axes."""
    mean = x.mean(axis=axes, keepdims=True)
    centred = x - mean
    inverse = 1 / np.sqrt((centred * centred).mean(axis=axes, keepdims=True) + x.dtype.type(epsilon))
    return centred * inverse, mean, inverse


def _root_mean_square(x: np.ndarray, axes: tuple[int, ...], epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """Return x/sqrt(mean(x²) + ε) over axes, and the inverse root, which keeps the axes."""
    inverse = 1 / np.sqrt((x * x).mean(axis=axes, keepdims=True) + x.dtype.type(epsilon))
    return x * inverse, inverse


def _from(attrs: Attrs, rank: int) -> tuple[int, ...]:
    """Axes from ``axis`` on, the last alone unless it is given."""
    return tuple(range(axis_of(attrs.get("axis", -1), rank), rank))


def _affine(x: np.ndarray, scale: np.ndarray, shift: np.ndarray | None, dtype: np.dtype) -> np.ndarray:
    """Scaled and shifted, in the type of the operand."""
    scaled = x * scale
    return (scaled if shift is None else scaled + shift).astype(dtype)


def _per_channel(vector: np.ndarray, rank: int) -> np.ndarray:
    """One value per channel, along the second of so many axes."""
    return vector.reshape(-1, *(1 for _ in range(rank - 2)))


class _Normalization(Op):
    """Keeps the shape of its operand."""

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of the operand."""
        return [required(inputs, 0).shape]


def _kept(shape: Shape, axis: int) -> Shape:
    """Shape of the statistics: 1 from the axis on."""
    return shape[:axis] + (1,) * (len(shape) - axis)


@operator("LayerNormalization")
class LayerNormalization(Op):
    """(x − mean)/sqrt(var + ε) · scale + bias over all axes from ``axis`` on."""

    EXAMPLES = (
        Example(
            "LayerNormalization",
            (tensor((2, 3, 4)), tensor((4,), name="scale"), tensor((4,), name="bias")),
            outputs=3,
            ops={"add": 3 * 24 + 6, "mac": 24, "mul": 2 * 24 + 2 * 6, "sqrt": 6, "div": 6},
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of the operand; mean and inverse deviation keep the leading axes."""
        shape = required(inputs, 0).shape
        statistics = _kept(shape, axis_of(attrs.get("axis", -1), len(shape)))
        return [shape, statistics, statistics]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work, cut between slices."""
        operands = positional(node, graph)
        operand = required(operands, 0)
        slices = prod(operand.shape[: axis_of(node.attrs.get("axis", -1), len(operand.shape))])
        affine = 2 if optional(operands, 2) is not None else 1
        return (Elementwise(_centred(operand.elements, slices, affine), split=slices),)

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the normalized operand, mean and inverse deviation, both at least float32."""
        x, scale, shift = (*arrays, None)[:3]
        axes, epsilon = _from(attrs, x.ndim), attrs.get("epsilon", 1e-5)
        made, mean, inverse = _normalized(_wide(x), axes, epsilon)
        return [_affine(made, scale, shift, x.dtype), mean, inverse]


@operator("RMSNormalization", "SimplifiedLayerNormalization")
class RMSNormalization(Op):
    """x/sqrt(mean(x²) + ε) · scale over all axes from ``axis`` on."""

    _OPS = {"mac": 24, "mul": 2 * 24 + 6, "add": 6, "sqrt": 6, "div": 6}
    EXAMPLES = (
        Example("RMSNormalization", (tensor((2, 3, 4)), tensor((4,), name="scale")), ops=_OPS),
        Example(
            "SimplifiedLayerNormalization",
            (tensor((2, 3, 4)), tensor((4,), name="scale")),
            shapes=((2, 3, 4),),
            ops=_OPS,
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of the operand; the inverse deviation keeps the leading axes."""
        shape = required(inputs, 0).shape
        return [shape, _kept(shape, axis_of(attrs.get("axis", -1), len(shape)))]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work, cut between slices."""
        operand = required(positional(node, graph), 0)
        slices = prod(operand.shape[: axis_of(node.attrs.get("axis", -1), len(operand.shape))])
        return (Elementwise(_rms(operand.elements, slices), split=slices),)

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the normalized operand and the inverse root of the mean square, at least float32."""
        x, scale = arrays[:2]
        made, inverse = _root_mean_square(_wide(x), _from(attrs, x.ndim), attrs.get("epsilon", 1e-5))
        return [_affine(made, scale, None, x.dtype), inverse]


class _SkipNormalization(Op):
    """Normalization of x + skip (+ bias) over the last axis (com.microsoft); the sum is the fourth result."""

    _OPERANDS = (tensor((2, 3, 4)), tensor((2, 3, 4), name="skip"), tensor((4,), name="scale"))
    _BIAS: int  # operand that is added with skip

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of the operand; statistics keep the leading axes."""
        shape = required(inputs, 0).shape
        statistics = (*shape[:-1], 1)
        return [shape, statistics, statistics, shape]

    def _elementwise(self, operands: Operands, base: tuple[tuple[str, int], ...]) -> tuple[Work, ...]:
        """One element-wise work, cut between slices: a normalization, and the additions before it."""
        operand = required(operands, 0)
        ops = dict(base)
        ops["add"] += operand.elements * (1 + (optional(operands, self._BIAS) is not None))
        return (Elementwise(tuple(ops.items()), split=prod(operand.shape[:-1])),)

    def _sum(self, arrays: Sequence[Any]) -> np.ndarray:
        """Return x + skip (+ bias), at least float32."""
        x, skip, bias = arrays[0], arrays[1], (*arrays, None, None, None)[self._BIAS]
        total = _wide(x) + skip
        return total if bias is None else total + bias


@operator("SkipLayerNormalization")
class SkipLayerNormalization(_SkipNormalization):
    """LayerNormalization of x + skip (+ bias) over the last axis (com.microsoft); the sum is the fourth."""

    EXAMPLES = (
        Example(
            "SkipLayerNormalization",
            (*_SkipNormalization._OPERANDS, tensor((4,), name="beta")),
            shapes=((2, 3, 4),),
            ops={"add": 24 + 3 * 24 + 6, "mac": 24, "mul": 2 * 24 + 2 * 6, "sqrt": 6, "div": 6},
        ),
    )
    _BIAS = 4

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work, cut between slices."""
        operands = positional(node, graph)
        operand = required(operands, 0)
        affine = 2 if optional(operands, 3) is not None else 1
        return self._elementwise(operands, _centred(operand.elements, prod(operand.shape[:-1]), affine))

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the normalized sum, mean and inverse deviation, the sum."""
        x, total = arrays[0], self._sum(arrays)
        made, mean, inverse = _normalized(total, (-1,), attrs.get("epsilon", 1e-12))
        return [_affine(made, arrays[2], (*arrays, None)[3], x.dtype), mean, inverse, total.astype(x.dtype)]


@operator("SkipSimplifiedLayerNormalization")
class SkipSimplifiedLayerNormalization(_SkipNormalization):
    """RMSNormalization of x + skip (+ bias) over the last axis (com.microsoft); the sum is the fourth."""

    EXAMPLES = (
        Example(
            "SkipSimplifiedLayerNormalization",
            _SkipNormalization._OPERANDS,
            shapes=((2, 3, 4),),
            ops={"add": 24 + 6, "mac": 24, "mul": 2 * 24 + 6, "sqrt": 6, "div": 6},
        ),
    )
    _BIAS = 3

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work, cut between slices."""
        operands = positional(node, graph)
        operand = required(operands, 0)
        return self._elementwise(operands, _rms(operand.elements, prod(operand.shape[:-1])))

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the normalized sum, nothing, the inverse root of the mean square, the sum."""
        x, total = arrays[0], self._sum(arrays)
        made, inverse = _root_mean_square(total, (-1,), attrs.get("epsilon", 1e-12))
        zero = np.zeros_like(inverse)
        return [_affine(made, arrays[2], None, x.dtype), zero, inverse, total.astype(x.dtype)]


class _PlaneNormalization(_Normalization):
    """(x − mean)/sqrt(var + ε) · scale + bias over planes of channels; images are independent."""

    _OPERANDS = (tensor((2, 6, 4, 4)), tensor((6,), name="scale"), tensor((6,), name="bias"))

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work, cut between images."""
        operand = required(positional(node, graph), 0)
        images, channels = operand.shape[:2]
        slices = images * node.attrs.get("num_groups", channels)
        return (Elementwise(_centred(operand.elements, slices, 2), split=images),)


@operator("GroupNormalization")
class GroupNormalization(_PlaneNormalization):
    """(x − mean)/sqrt(var + ε) · scale + bias; a slice is the plane of a group of channels of an image."""

    EXAMPLES = (
        Example(
            "GroupNormalization",
            _PlaneNormalization._OPERANDS,
            {"num_groups": 3},
            shapes=((2, 6, 4, 4),),
            ops={"add": 3 * 192 + 6, "mac": 192, "mul": 2 * 192 + 12, "sqrt": 6, "div": 6},
        ),
    )

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Normalize; scale and bias are one per channel, or one per group (opset 18)."""
        x, groups = arrays[0], attrs["num_groups"]
        split = _wide(x).reshape(len(x), groups, -1)
        made = _normalized(split, (2,), attrs.get("epsilon", 1e-5))[0].reshape(x.shape)
        scale, bias = (np.repeat(vector, x.shape[1] // vector.size) for vector in arrays[1:3])
        return [_affine(made, _per_channel(scale, x.ndim), _per_channel(bias, x.ndim), x.dtype)]


@operator("InstanceNormalization")
class InstanceNormalization(_PlaneNormalization):
    """(x − mean)/sqrt(var + ε) · scale + bias; a slice is the plane of a channel of an image."""

    EXAMPLES = (
        Example(
            "InstanceNormalization",
            _PlaneNormalization._OPERANDS,
            ops={"add": 3 * 192 + 12, "mac": 192, "mul": 2 * 192 + 24, "sqrt": 12, "div": 12},
        ),
    )

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Normalize every plane."""
        x, (scale, bias) = arrays[0], (_per_channel(vector, arrays[0].ndim) for vector in arrays[1:3])
        made = _normalized(_wide(x), tuple(range(2, x.ndim)), attrs.get("epsilon", 1e-5))[0]
        return [_affine(made, scale, bias, x.dtype)]


@operator("MeanVarianceNormalization")
class MeanVarianceNormalization(_Normalization):
    """(x − mean)/(σ + 10⁻⁹); a slice is a channel over the whole batch, neither scaled nor shifted."""

    EXAMPLES = (
        Example(
            "MeanVarianceNormalization",
            _PlaneNormalization._OPERANDS[:1],
            shapes=((2, 6, 4, 4),),
            ops={"add": 2 * 192 + 6, "mac": 192, "mul": 192 + 12, "sqrt": 6, "div": 6},
        ),
    )

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work."""
        operand = required(positional(node, graph), 0)
        return (Elementwise(_centred(operand.elements, operand.shape[1], 0)),)

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Normalize over ``axes``."""
        x = _wide(arrays[0])
        axes = tuple(axis_of(axis, x.ndim) for axis in attrs.get("axes", (0, 2, 3)))
        centred = x - x.mean(axis=axes, keepdims=True)
        deviation = np.sqrt((centred * centred).mean(axis=axes, keepdims=True))
        return [(centred / (deviation + x.dtype.type(1e-9))).astype(arrays[0].dtype)]


@operator("LRN")
class LocalResponse(_Normalization):
    """x / (k + α/n · Σ x²)^β over ``size`` neighbouring channels.

    Per element: its square, size − 1 additions, scaling and shifting of the sum (a mac), power, division.
    """

    EXAMPLES = (
        Example(
            "LRN",
            (tensor((2, 6, 4, 4)),),
            {"size": 5},
            ops={"mul": 192, "add": 4 * 192, "mac": 192, "pow": 192, "div": 192},
        ),
    )

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work, cut between pixels (channels lie innermost)."""
        operand = required(positional(node, graph), 0)
        n = operand.elements
        ops = (("mul", n), ("add", n * (node.attrs["size"] - 1)), ("mac", n), ("pow", n), ("div", n))
        return (Elementwise(ops, split=n // operand.shape[1]),)

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Divide by the power of the sum of squares around each channel."""
        x, size = _wide(arrays[0]), attrs["size"]
        before = (size - 1) // 2
        around = ((0, 0), (before, size - 1 - before), *((0, 0) for _ in x.shape[2:]))
        squares = np.pad(x * x, around)
        total = sum(squares[:, i : i + x.shape[1]] for i in range(size))
        alpha, beta = x.dtype.type(attrs.get("alpha", 1e-4) / size), x.dtype.type(attrs.get("beta", 0.75))
        made = x / (x.dtype.type(attrs.get("bias", 1.0)) + alpha * total) ** beta
        return [made.astype(arrays[0].dtype)]


@operator("BatchNormalization")
class BatchNormalization(_Normalization):
    """x · scale' + shift', both known before the run: one multiply-accumulate per element."""

    _VECTORS = tuple(tensor((6,), name=name) for name in ("scale", "bias", "mean", "var"))
    EXAMPLES = (Example("BatchNormalization", (tensor((2, 6, 4, 4)), *_VECTORS), ops={"mac": 192}),)

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work; elements are independent."""
        elements = required(positional(node, graph), 0).elements
        return (Elementwise((("mac", elements),), split=elements),)

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Scale and shift by the statistics that are given, as at inference."""
        if attrs.get("training_mode", 0):
            raise NotExecuted("is executed as at inference, not in training mode")
        x = arrays[0]
        scale, bias, mean, variance = (_per_channel(_wide(vector), x.ndim) for vector in arrays[1:5])
        root = np.sqrt(variance + variance.dtype.type(attrs.get("epsilon", 1e-5)))
        return [_affine((_wide(x) - mean) / root, scale, bias, x.dtype)]


@operator("LpNormalization")
class LpNormalization(_Normalization):
    """x / ‖x‖ along one axis: mac and multiplication per element, root and reciprocal per slice."""

    EXAMPLES = (
        Example("LpNormalization", (tensor((2, 3, 4)),), ops={"mac": 24, "mul": 24, "sqrt": 6, "div": 6}),
    )

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work, cut between slices."""
        operand = required(positional(node, graph), 0)
        axis = axis_of(node.attrs.get("axis", -1), len(operand.shape))
        n, slices = operand.elements, operand.elements // operand.shape[axis]
        return (Elementwise((("mac", n), ("mul", n), ("sqrt", slices), ("div", slices)), split=slices),)

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Divide by the norm of order ``p``, 1 or 2; a slice of zeros stays one."""
        x, axis = _wide(arrays[0]), axis_of(attrs.get("axis", -1), arrays[0].ndim)
        powers = np.abs(x) if attrs.get("p", 2) == 1 else x * x
        norm = powers.sum(axis=axis, keepdims=True)
        norm = norm if attrs.get("p", 2) == 1 else np.sqrt(norm)
        return [(x / np.where(norm == 0, 1, norm)).astype(arrays[0].dtype)]
