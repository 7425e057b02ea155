"""Operators whose scales and zero points are operands: plain operators once these are known.

Readers replace them by the plain operator between tensors that carry scales wherever the parameters are
constant; what stays computes them during the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simulator.workload.affine import parameters
from simulator.workload.call import Call, Value
from simulator.workload.epilogue import REQUANT
from simulator.workload.graph import Graph, Node
from simulator.workload.op import (
    OPS,
    Attrs,
    Example,
    Op,
    Operands,
    Shape,
    enter_op,
    optional,
    required,
    tensor,
)
from simulator.workload.tensor import Quant, Tensor
from simulator.workload.work import Elementwise, Work


@dataclass(frozen=True)
class Layout:
    """Where a quantized operator has its operands: data, each before its scale and zero point; the rest."""

    op: str
    data: tuple[int, ...]
    result: int  # scale of the result, its zero point after it
    plain: tuple[int, ...] = ()  # operands without scale that come before the data
    bias: int | None = None


_LAYOUTS = {
    "QLinearConv": Layout("Conv", (0, 3), 6, bias=8),
    "QLinearMatMul": Layout("MatMul", (0, 3), 6),
    "QGemm": Layout("Gemm", (0, 3), 7, bias=6),
    "QLinearAdd": Layout("Add", (0, 3), 6),
    "QLinearMul": Layout("Mul", (0, 3), 6),
    "QLinearAveragePool": Layout("AveragePool", (0,), 3),
    "QLinearGlobalAveragePool": Layout("GlobalAveragePool", (0,), 3),
    "QLinearLeakyRelu": Layout("LeakyRelu", (0,), 3),
    "QLinearSigmoid": Layout("Sigmoid", (0,), 3),
    "QLinearSoftmax": Layout("Softmax", (0,), 3),
    "QLinearReduceMean": Layout("ReduceMean", (0,), 3),
    "QLinearWhere": Layout("Where", (1, 4), 7, plain=(0,)),
}
#: Operators on quantized tensors.
QUANTIZED = (*_LAYOUTS, "QLinearConcat")


def layout_of(op: str, operands: int) -> Layout:
    """Places of the operands of a node that has so many."""
    if op == "QLinearConcat":  # scale and zero point of the result, then triples
        return Layout("Concat", tuple(range(2, operands, 3)), 0)
    return _LAYOUTS[op]


def channel_axis(op: str, attrs: Attrs, index: int, rank: int) -> int | None:
    """Axis of an operand that its scales may belong to; None where there must be one scale."""
    if index != 3 or op not in ("QLinearConv", "QLinearMatMul", "QGemm"):
        return None
    if op == "QLinearConv" or (op == "QGemm" and attrs.get("transB", 0)):
        return 0
    return rank - 1


def bias_quant(ifmap: Quant, weight: Quant, channels: int, factor: float = 1.0) -> Quant:
    """Scale of an int32 bias: the product of the operands' scales, and of what multiplies their product."""
    scales = tuple(factor * ifmap.scale[0] * scale for scale in weight.scale)
    return Quant(scales, (0,) * len(scales), 0 if len(scales) == channels > 1 else None)


def plain_attrs(op: str, attrs: Attrs) -> dict[str, Any]:
    """Attributes of the plain operator."""
    changed = dict(attrs)
    if changed.pop("channels_last", 0):
        changed["layout"] = "NHWC"
    if op in ("QLinearAdd", "QLinearMul", "QLinearAveragePool"):
        changed["by_ratios"] = 1
    if op == "QLinearSoftmax":
        changed["coerce"] = int(changed.pop("opset", 13) < 13)
        changed["integer_sums"] = 1
    return changed


class Quantized(Op):
    """The plain operator on what the stored integers stand for, quantized."""

    def __init__(self, name: str, example: Example, formula: str) -> None:
        self._name, self.formula, self.EXAMPLES = name, formula, (example,)

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """As the plain operator."""
        layout = layout_of(self._name, len(inputs))
        given = [required(inputs, i) for i in (*layout.plain, *layout.data)]
        return OPS[layout.op].shape(given, plain_attrs(self._name, attrs))[:1]

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Return that of the result's zero point, else of the data; float where the result has no scale."""
        layout = layout_of(self._name, len(inputs))
        if optional(inputs, layout.result) is None:
            return ["fp32"]
        zero = optional(inputs, layout.result + 1)
        return [(required(inputs, layout.data[0]) if zero is None else zero).dtype]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """Work of the plain operator, its bias, and the requantization of every result."""
        layout = layout_of(self._name, len(node.inputs))
        n = graph.results(node)[0].elements
        bias = layout.bias is not None and layout.bias < len(node.inputs) and bool(node.inputs[layout.bias])
        counts = [(cls, count * n) for cls, count in REQUANT]
        if bias:
            counts = [(cls, count + n * (cls == "add")) for cls, count in counts]
        return (*OPS[layout.op].work(self._plain(node, layout), graph), Elementwise(tuple(counts), split=n))

    def _plain(self, node: Node, layout: Layout) -> Node:
        """Node of the plain operator over the same tensors."""
        bias = () if layout.bias is None else node.inputs[layout.bias : layout.bias + 1]
        inputs = (*(node.inputs[i] for i in (*layout.plain, *layout.data)), *(name for name in bias if name))
        epilogue = ("bias", "requant") if any(bias) else ("requant",)
        attrs = plain_attrs(node.op, node.attrs)
        return replace(node, op=layout.op, inputs=inputs, attrs=attrs, epilogue=epilogue)

    def run(self, call: Call) -> list[np.ndarray]:
        """Return what the plain operator gives on operands that carry the scales which this one reads."""
        node = call.node
        layout = layout_of(node.op, len(node.inputs))
        quants = [self._quant(call, i + 1, call.operand(i).tensor) for i in layout.data]
        operands: list[Value | None] = [call.operand(i) for i in layout.plain]
        for i, quant in zip(layout.data, quants, strict=True):
            value = call.operand(i)
            operands.append(Value(replace(value.tensor, quant=quant), value.array))
        bias = None if layout.bias is None else call.optional(layout.bias)
        if bias is not None:
            scale = bias_quant(quants[0], quants[1], bias.tensor.elements, node.attrs.get("alpha", 1.0))
            operands.append(Value(replace(bias.tensor, quant=scale), bias.array))
        result = call.results[0]
        if call.optional(layout.result) is not None:
            result = replace(result, quant=self._quant(call, layout.result, result))
        changed = replace(call, node=self._plain(node, layout), operands=operands, results=[result])
        return OPS[layout.op].run(changed)

    def _quant(self, call: Call, scale: int, quantized: Tensor) -> Quant:
        """Parameters that an operand and the one after it hold for a tensor."""
        offsets = call.optional(scale + 1)
        axis = channel_axis(self._name, call.node.attrs, scale - 1, len(quantized.shape))
        zero = None if offsets is None else offsets.array
        return parameters(quantized, call.operand(scale).array, zero, axis)


def _quantized(*shape: int, name: str = "x") -> tuple[Tensor, Tensor, Tensor]:
    """Operand of an example, its scale and its zero point."""
    return tensor(shape, "int8", name), tensor((), "fp32", f"{name}s"), tensor((), "int8", f"{name}z")


def _requant(n: int, **more: int) -> Mapping[str, int]:
    counts = {cls: count * n for cls, count in REQUANT}
    return {cls: counts.get(cls, 0) + more.get(cls, 0) for cls in {**counts, **more}}


_Y = (tensor((), "fp32", "ys"), tensor((), "int8", "yz"))
_X, _W = _quantized(2, 3, 4), _quantized(2, 3, 4, name="w")
_IMAGE, _ROWS, _COLUMNS = _quantized(2, 6, 4, 4), _quantized(7, 16), _quantized(16, 4, name="w")
_BIAS = tensor((4,), "int32", "b")


def _example(name: str, inputs: Sequence[Tensor], shape: Shape, macs: int = 0, attrs: Attrs | None = None,
             moved: tuple[int, int] | None = None, **ops: int) -> Example:  # fmt: skip
    n = int(np.prod(shape))
    shapes = None if name in ("QLinearConv", "QLinearMatMul") else (shape,)
    return Example(name, tuple(inputs), attrs or {}, 1, shapes, macs, _requant(n, **ops), moved)


_EXAMPLES = (
    _example("QLinearConv", (*_quantized(1, 3, 8, 8), *_quantized(4, 3, 3, 3, name="w"), *_Y, _BIAS),
             (1, 4, 6, 6), macs=4 * 36 * 27, add=4 * 36),
    _example("QLinearMatMul", (*_ROWS, *_COLUMNS, *_Y), (7, 4), macs=7 * 4 * 16),
    _example("QGemm", (*_ROWS, *_COLUMNS, _BIAS, *_Y), (7, 4), macs=7 * 4 * 16, add=28),
    _example("QLinearAdd", (*_X, *_W, *_Y), (2, 3, 4), add=24),
    _example("QLinearMul", (*_X, *_W, *_Y), (2, 3, 4), mul=24),
    _example("QLinearAveragePool", (*_IMAGE, *_Y), (2, 6, 2, 2), attrs={"kernel_shape": (3, 3)},
             add=48 * 9, mul=48),
    _example("QLinearGlobalAveragePool", (*_IMAGE, *_Y), (2, 6, 1, 1), add=192, mul=12),
    _example("QLinearLeakyRelu", (*_X, *_Y), (2, 3, 4), mul=24, max=24),
    _example("QLinearSigmoid", (*_X, *_Y), (2, 3, 4), sigmoid=24),
    _example("QLinearSoftmax", (*_X, *_Y), (2, 3, 4), attrs={"axis": -1},
             max=24, add=48, exp=24, mul=24, div=6),
    _example("QLinearReduceMean", (*_X, *_Y), (2, 3, 1), attrs={"axes": (-1,)}, add=24, mul=6),
    _example("QLinearWhere", (tensor((2, 3, 4), "bool", "c"), *_X, *_W, *_Y), (2, 3, 4), logic=24),
    _example("QLinearConcat", (*_Y, *_X, *_W), (2, 6, 4), attrs={"axis": 1}, moved=(48, 48)),
)  # fmt: skip
for _each in _EXAMPLES:
    _plain_name = layout_of(_each.op, len(_each.inputs)).op
    enter_op(Quantized(_each.op, _each, f"{_plain_name} of stored integers, its scales operands"), _each.op)
