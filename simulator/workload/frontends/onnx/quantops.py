"""Operators on quantized tensors (QLinearConv, ...) as plain operators between tensors that carry scales."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simulator.workload.frontends.onnx.draft import Draft
from simulator.workload.graph import Node
from simulator.workload.tensor import Quant


@dataclass(frozen=True)
class _Layout:
    """Where a quantized operator has its operands: data, each before its scale and zero point; the rest."""

    op: str
    data: tuple[int, ...]
    result: int  # scale of the result, its zero point after it
    plain: tuple[int, ...] = ()  # operands without scale that come before the data
    bias: int | None = None


_LAYOUTS = {
    "QLinearConv": _Layout("Conv", (0, 3), 6, bias=8),
    "QLinearMatMul": _Layout("MatMul", (0, 3), 6),
    "QGemm": _Layout("Gemm", (0, 3), 7, bias=6),
    "QLinearAdd": _Layout("Add", (0, 3), 6),
    "QLinearMul": _Layout("Mul", (0, 3), 6),
    "QLinearAveragePool": _Layout("AveragePool", (0,), 3),
    "QLinearGlobalAveragePool": _Layout("GlobalAveragePool", (0,), 3),
    "QLinearLeakyRelu": _Layout("LeakyRelu", (0,), 3),
    "QLinearSigmoid": _Layout("Sigmoid", (0,), 3),
    "QLinearSoftmax": _Layout("Softmax", (0,), 3),
    "QLinearReduceMean": _Layout("ReduceMean", (0,), 3),
    "QLinearWhere": _Layout("Where", (1, 4), 7, plain=(0,)),
}
#: Operators that this module rewrites.
QUANTIZED = (*_LAYOUTS, "QLinearConcat")


def quant_of(draft: Draft, scale: str, zero: str, axis: int | None) -> Quant | None:
    """Quantization parameters from two constants; None if one is computed during the run.

    ``axis`` is dropped where there is one scale.
    """
    scales, zeros = draft.value(scale), draft.value(zero) if zero else np.zeros(1, np.int8)
    if scales is None or zeros is None:
        return None
    flat, offsets = np.ravel(scales), np.ravel(zeros)
    if flat.size == 1:
        axis = None
    if offsets.size == 1 < flat.size:
        offsets = np.broadcast_to(offsets, flat.shape)
    return Quant(tuple(flat.astype(float).tolist()), tuple(offsets.astype(int).tolist()), axis)


def plain(node: Node, draft: Draft) -> tuple[Node, Callable[[str], None]] | None:
    """Plain form of a quantized node, and what gives a result tensor its scale once it exists.

    Operands get theirs at once. None if a scale is computed during the run: then the operator stays as it is.
    """
    names = [*node.inputs, *[""] * 9]
    layout = _LAYOUTS.get(node.op)
    if layout is None:  # QLinearConcat: result's scale and zero point, then triples
        layout = _Layout("Concat", tuple(range(2, len(node.inputs), 3)), 0)
    quants = [quant_of(draft, names[i + 1], names[i + 2], _weight_axis(node, i)) for i in layout.data]
    floating = not names[layout.result]  # QGemm without a scale for its result gives floats
    result = None if floating else quant_of(draft, names[layout.result], names[layout.result + 1], None)
    if any(quant is None for quant in quants) or (result is None and not floating):
        return None
    for i, quant in zip(layout.data, quants, strict=True):
        _give(draft, names[i], quant)
    inputs = [names[i] for i in (*layout.plain, *layout.data)]
    attrs: dict[str, Any] = dict(node.attrs)
    bias = names[layout.bias] if layout.bias is not None else ""
    if bias:
        inputs.append(bias)
        _give(draft, bias, _bias_quant(quants[0], quants[1], draft.tensors[bias].elements))
    if node.op == "QLinearSoftmax":
        attrs["coerce"] = int(attrs.pop("opset", draft.opset) < 13)
    epilogue: tuple[str, ...] = ("dequant",) if floating else ("requant",)
    if layout.op == "Concat" and all(quant == result for quant in quants):
        epilogue = ()
    made = replace(node, op=layout.op, inputs=tuple(inputs), attrs=attrs, epilogue=epilogue)
    return made, lambda name: None if floating else _give(draft, name, result)


def zero_point_type(node: Node, draft: Draft) -> str:
    """Element type of the result: of its zero point, else of the first operand; float if it has no scale."""
    layout = _LAYOUTS.get(node.op, _Layout("Concat", (2,), 0))
    names = [*node.inputs, *[""] * 9]
    zero = names[layout.result + 1]
    if not names[layout.result]:
        return "fp32"
    return draft.tensors[zero if zero else names[layout.data[0]]].dtype


def _weight_axis(node: Node, index: int) -> int | None:
    """Axis that a scale per channel belongs to."""
    if node.op == "QLinearConv":
        return 0
    if node.op == "QGemm" and index == 3:
        return 0 if node.attrs.get("transB", 0) else 1
    return 1 if index else 0


def _bias_quant(ifmap: Quant | None, weight: Quant | None, channels: int) -> Quant | None:
    """Scale of an int32 bias: the product of the operands' scales."""
    if ifmap is None or weight is None:
        return None
    scales = tuple(ifmap.scale[0] * scale for scale in weight.scale)
    return Quant(scales, (0,) * len(scales), 0 if len(scales) == channels > 1 else None)


def _give(draft: Draft, name: str, quant: Quant | None) -> None:
    draft.tensors[name] = replace(draft.tensors[name], quant=quant)
