"""Normalizations by statistics of the data or by learned constants."""

from __future__ import annotations

from math import prod

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


@operator("SkipLayerNormalization", "SkipSimplifiedLayerNormalization")
class SkipNormalization(Op):
    """Normalization of x + skip (+ bias) over the last axis (com.microsoft); the sum is the fourth result."""

    _OPERANDS = (tensor((2, 3, 4)), tensor((2, 3, 4), name="skip"), tensor((4,), name="scale"))
    EXAMPLES = (
        Example(
            "SkipLayerNormalization",
            (*_OPERANDS, tensor((4,), name="beta")),
            shapes=((2, 3, 4),),
            ops={"add": 24 + 3 * 24 + 6, "mac": 24, "mul": 2 * 24 + 2 * 6, "sqrt": 6, "div": 6},
        ),
        Example(
            "SkipSimplifiedLayerNormalization",
            _OPERANDS,
            shapes=((2, 3, 4),),
            ops={"add": 24 + 6, "mac": 24, "mul": 2 * 24 + 6, "sqrt": 6, "div": 6},
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of the operand; statistics keep the leading axes."""
        shape = required(inputs, 0).shape
        statistics = (*shape[:-1], 1)
        return [shape, statistics, statistics, shape]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work, cut between slices."""
        operands = positional(node, graph)
        operand = required(operands, 0)
        slices = prod(operand.shape[:-1])
        simplified = node.op == "SkipSimplifiedLayerNormalization"
        bias = optional(operands, 3 if simplified else 4) is not None
        affine = 2 if optional(operands, 3) is not None else 1
        base = _rms(operand.elements, slices) if simplified else _centred(operand.elements, slices, affine)
        ops = dict(base)
        ops["add"] += operand.elements * (1 + bias)
        return (Elementwise(tuple(ops.items()), split=slices),)


@operator("GroupNormalization", "InstanceNormalization", "MeanVarianceNormalization")
class PlaneNormalization(_Normalization):
    """(x − mean)/sqrt(var + ε) · scale + bias over the plane of a group of channels; images are independent.

    Slices are images × groups (GroupNormalization), images × channels (InstanceNormalization), or channels
    over the whole batch (MeanVarianceNormalization, which neither scales nor shifts).
    """

    _OPERANDS = (tensor((2, 6, 4, 4)), tensor((6,), name="scale"), tensor((6,), name="bias"))
    EXAMPLES = (
        Example(
            "GroupNormalization",
            _OPERANDS,
            {"num_groups": 3},
            shapes=((2, 6, 4, 4),),
            ops={"add": 3 * 192 + 6, "mac": 192, "mul": 2 * 192 + 12, "sqrt": 6, "div": 6},
        ),
        Example(
            "InstanceNormalization",
            _OPERANDS,
            ops={"add": 3 * 192 + 12, "mac": 192, "mul": 2 * 192 + 24, "sqrt": 12, "div": 12},
        ),
        Example(
            "MeanVarianceNormalization",
            _OPERANDS[:1],
            shapes=((2, 6, 4, 4),),
            ops={"add": 2 * 192 + 6, "mac": 192, "mul": 192 + 12, "sqrt": 6, "div": 6},
        ),
    )

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work, cut between images."""
        operand = required(positional(node, graph), 0)
        images, channels = operand.shape[:2]
        if node.op == "MeanVarianceNormalization":
            return (Elementwise(_centred(operand.elements, channels, 0)),)
        slices = images * node.attrs.get("num_groups", channels)
        return (Elementwise(_centred(operand.elements, slices, 2), split=images),)


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


@operator("BatchNormalization")
class BatchNormalization(_Normalization):
    """x · scale' + shift', both known before the run: one multiply-accumulate per element."""

    _VECTORS = tuple(tensor((6,), name=name) for name in ("scale", "bias", "mean", "var"))
    EXAMPLES = (Example("BatchNormalization", (tensor((2, 6, 4, 4)), *_VECTORS), ops={"mac": 192}),)

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work; elements are independent."""
        elements = required(positional(node, graph), 0).elements
        return (Elementwise((("mac", elements),), split=elements),)


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
