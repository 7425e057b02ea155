"""The form in which nodes leave the reader: data as operands, everything else as attributes and epilogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from simulator.workload.frontends.onnx.draft import Draft
from simulator.workload.frontends.onnx.evaluate import real
from simulator.workload.graph import Node
from simulator.workload.op import OPS, Operands, optional
from simulator.workload.ops.matmul import is_bias
from simulator.workload.tensor import Constant


def settle(node: Node, draft: Draft) -> Node:
    """Bring a node whose tensors are in the draft into the form that ``Op.work`` and the passes expect.

    Constant operands that configure an operator become attributes, factors of a Gemm join its constants, and
    an operand that is added per channel becomes the epilogue ``bias``.
    """
    if node.op == "Gemm":
        node = _unit_factors(node, draft)
    operands = [draft.tensors[name] if name else None for name in node.inputs]
    if _has_bias(node, operands, draft):
        node = replace(node, epilogue=("bias", *node.epilogue))
    return _without_parameters(node, operands, draft)


def _without_parameters(node: Node, operands: Operands, draft: Draft) -> Node:
    """Move the value of every constant operand that only configures the node to its attributes."""
    if node.op not in OPS or not OPS[node.op].parameters:
        return node
    inputs, attrs = list(node.inputs), dict(node.attrs)
    for index, name in OPS[node.op].parameters.items():
        operand = optional(operands, index)
        if operand is None or operand.constant is None:
            continue
        inputs[index] = ""
        if node.op == "Reshape":
            attrs[name] = draft.tensors[node.outputs[0]].shape
        else:
            value = real(operand).array()
            attrs[name] = value.item() if value.ndim == 0 else tuple(value.tolist())
    while inputs and not inputs[-1]:
        inputs.pop()
    return replace(node, inputs=tuple(inputs), attrs=attrs)


def _unit_factors(node: Node, draft: Draft) -> Node:
    """Gemm with the factors of constant operands taken into them."""
    for factor, index in (("alpha", 1), ("beta", 2)):
        value, name = node.attrs.get(factor, 1.0), (*node.inputs, "", "")[index]
        tensor = draft.tensors.get(name)
        stored = tensor is not None and (tensor.quant is not None or tensor.blocks is not None)
        if value != 1.0 and tensor is not None and tensor.constant is not None and not stored:
            make = _times(tensor.constant, value)
            scaled = draft.add(f"{node.name}.{factor}", tensor.shape, tensor.dtype, make)
            inputs = (*node.inputs[:index], scaled, *node.inputs[index + 1 :])
            node = replace(node, inputs=inputs, attrs={**node.attrs, factor: 1.0})
    return node


def _times(constant: Constant, factor: float) -> Callable[[], np.ndarray]:
    return lambda: (constant.array() * factor).astype(constant.array().dtype)


def _has_bias(node: Node, operands: Operands, draft: Draft) -> bool:
    addend = optional(operands, 2)
    if addend is None or node.op not in ("Conv", "ConvTranspose", "Gemm"):
        return False
    if node.op != "Gemm":
        return True
    return node.attrs.get("beta", 1.0) == 1.0 and is_bias(addend, draft.tensors[node.outputs[0]].shape[1])
