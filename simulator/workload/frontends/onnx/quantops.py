"""Operators on quantized tensors (QLinearConv, ...) as plain operators between tensors that carry scales."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from simulator.workload.affine import check_scale, check_shapes, check_zero_point, parameters
from simulator.workload.frontends.onnx.draft import Draft
from simulator.workload.graph import Node
from simulator.workload.op import Operands, optional, required
from simulator.workload.ops.conversion import ELEMENT_TYPES
from simulator.workload.ops.quantized import bias_quant, channel_axis, layout_of, plain_attrs
from simulator.workload.tensor import FLOATS, Quant, Tensor


def quant_of(draft: Draft, name: str, scale: str, zero: str, axis: int | None) -> Quant | None:
    """Quantization parameters of a tensor from two constants; None if one is computed during the run.

    Raises
    ------
    ValueError
        They contradict each other or the tensor.
    """
    scales, zeros = draft.value(scale), draft.value(zero) if zero else np.zeros(1, np.int8)
    if scales is None or zeros is None:
        return None
    return parameters(draft.tensors[name], scales, zeros, axis)


def check_conversion(node: Node, operands: Operands) -> None:
    """Refuse a QuantizeLinear or DequantizeLinear whose parameters contradict each other or the data.

    Values of scales are looked at where they are constant, those of blocks when they are used.

    Raises
    ------
    ValueError
        With the name of the tensor that is converted.
    """
    data, scale, zero = required(operands, 0), required(operands, 1), optional(operands, 2)
    block, axis = node.attrs.get("block_size", 0), node.attrs.get("axis", 1)
    try:
        check_shapes(data.shape, scale.shape, zero.shape if zero else None, axis, block)
        dtype = _stored_type(node, data, zero)
        if scale.constant is not None and not block:
            check_scale(scale.constant.array())
        if zero is not None and zero.constant is not None and not block:
            check_zero_point(zero.constant.array(), dtype)
    except ValueError as error:
        raise ValueError(f"tensor '{data.name}': {error}") from error


def _stored_type(node: Node, data: Tensor, zero: Tensor | None) -> str:
    """Element type of the integers of a conversion."""
    if node.op == "DequantizeLinear":
        stored = data.dtype
    else:
        asked = node.attrs.get("output_dtype", 0)
        stored = ELEMENT_TYPES[asked] if asked else zero.dtype if zero else "uint8"
    if zero is not None and zero.dtype != stored:
        raise ValueError(f"its zero point is {zero.dtype}, and it is stored as {stored}")
    if node.op == "DequantizeLinear" and stored in FLOATS[2:]:
        raise ValueError(f"it is {stored}, and only stored integers are dequantized")
    return stored


def plain(node: Node, draft: Draft) -> tuple[Node, Callable[[str], None]] | None:
    """Plain form of a quantized node, and what gives a result tensor its scale once it exists.

    Operands get theirs at once. None if a scale is computed during the run, or an operand has another scale
    already: then the operator stays as it is.

    Raises
    ------
    ValueError
        Scales and zero points contradict each other or a tensor.
    """
    names = [*node.inputs, *[""] * 9]
    layout = layout_of(node.op, len(node.inputs))
    quants = [_operand(node, draft, names, i) for i in layout.data]
    floating = not names[layout.result]  # QGemm without a scale for its result gives floats
    known = all(draft.value(name) is not None for name in names[layout.result : layout.result + 2] if name)
    if any(quant is None for quant in quants) or not known:
        return None
    given = [quant for quant in quants if quant is not None]
    meant = [*zip((names[i] for i in layout.data), given, strict=True)]
    once = dict(meant)  # a tensor that comes twice has one scale, or the operator stays
    if any(draft.tensors[name].quant not in (None, quant) or once[name] != quant for name, quant in meant):
        return None
    for i, quant in zip(layout.data, given, strict=True):
        _give(draft, names[i], quant)
    inputs = [names[i] for i in (*layout.plain, *layout.data)]
    bias = names[layout.bias] if layout.bias is not None else ""
    if bias:
        inputs.append(bias)
        scale = bias_quant(given[0], given[1], draft.tensors[bias].elements, node.attrs.get("alpha", 1.0))
        _give(draft, bias, scale)
    attrs = plain_attrs(node.op, node.attrs)
    epilogue: tuple[str, ...] = ("dequant",) if floating else ("requant",)
    if layout.op == "Concat" and _passes(draft, names, given):
        epilogue = ()
    made = replace(node, op=layout.op, inputs=tuple(inputs), attrs=attrs, epilogue=epilogue)

    def give(name: str) -> None:
        if not floating:
            scale, zero = names[layout.result], names[layout.result + 1]
            _give(draft, name, quant_of(draft, name, scale, zero, None))

    return made, give


def _operand(node: Node, draft: Draft, names: list[str], index: int) -> Quant | None:
    """Quantization of one operand, whose scale and zero point stand behind it."""
    name, scale, zero = names[index : index + 3]
    data = draft.tensors[name]
    if zero and draft.tensors[zero].dtype != data.dtype:
        text = f"its zero point is {draft.tensors[zero].dtype}, and it is stored as {data.dtype}"
        raise ValueError(f"tensor '{name}': {text}")
    axis = channel_axis(node.op, node.attrs, index, len(data.shape))
    return quant_of(draft, name, scale, zero, axis)


def _passes(draft: Draft, names: list[str], quants: list[Quant]) -> bool:
    """Whether a concatenation has one scale for its operands and its result."""
    scale, zero = draft.value(names[0]), draft.value(names[1]) if names[1] else np.zeros(1)
    if scale is None or zero is None:
        return False
    result = (float(np.ravel(scale)[0]),), (int(np.ravel(zero)[0]),)
    return all((quant.scale, quant.zero_point) == result for quant in quants)


def _give(draft: Draft, name: str, quant: Quant | None) -> None:
    draft.tensors[name] = replace(draft.tensors[name], quant=quant)
