"""Values of constant expressions, by the reference evaluator of the onnx package, when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from simulator.workload.affine import dequantize_blocks
from simulator.workload.tensor import Constant, Tensor


def evaluate(node: Any, opset: int, operands: Sequence[np.ndarray | None]) -> list[np.ndarray]:
    """Results of one NodeProto of the default domain for the values of its operands, in order.

    Raises
    ------
    ValueError
        The onnx package cannot evaluate it.
    """
    from onnx import helper  # heavy: loaded with the file
    from onnx.reference import ReferenceEvaluator  # heavy: loaded with the file

    names = [name for name in node.input if name]
    results = [name for name in node.output if name]
    function = helper.make_function(
        "fold", "fold", list(dict.fromkeys(names)), results, [node], [helper.make_opsetid("", opset)]
    )
    values = dict(zip(names, [value for value in operands if value is not None], strict=True))
    try:
        found = iter(ReferenceEvaluator(function).run(None, values, {}))
    except Exception as error:  # whatever an operator's implementation raises; the caller knows the node
        text = f"the constant expression '{node.op_type}' of it cannot be evaluated: {error}"
        raise ValueError(text) from error
    return [np.asarray(next(found)) if name else np.empty(0) for name in node.output]


def lazily(node: Any, opset: int, operands: Sequence[Tensor | None]) -> list[Constant]:
    """Constants for the results of a node over constants, evaluated together at the first use of one."""
    found: list[list[np.ndarray]] = []

    def result(i: int) -> np.ndarray:
        if not found:
            found.append(evaluate(node, opset, [None if t is None else real(t).array() for t in operands]))
        return found[0][i]

    return [Constant(lambda i=i: result(i)) for i in range(len(node.output))]  # type: ignore[misc]


def real(tensor: Tensor) -> Constant:
    """Value of a constant as real numbers: dequantized if it is stored quantized."""
    constant, quant, blocks = tensor.constant, tensor.quant, tensor.blocks
    assert constant is not None, "only constants have a value before the run"
    if blocks is not None:
        return Constant(lambda: dequantize_blocks(tensor, blocks, constant.array()))
    if quant is None:
        return constant

    def make() -> np.ndarray:
        shape = [1] * len(tensor.shape)
        if quant.axis is not None:
            shape[quant.axis] = -1
        scale = np.asarray(quant.scale, np.float32)
        zero = np.asarray(quant.zero_point, np.int32)
        if quant.axis is not None:
            scale, zero = scale.reshape(shape), zero.reshape(shape)
        return ((constant.array().astype(np.int32) - zero) * scale).astype(np.float32)

    return Constant(make)


def as_real(tensor: Tensor) -> Tensor:
    """Return a constant that is stored quantized as the real numbers it stands for; others as they are."""
    if tensor.constant is None or (tensor.quant is None and tensor.blocks is None):
        return tensor
    return replace(tensor, dtype="fp32", quant=None, blocks=None, constant=real(tensor))
