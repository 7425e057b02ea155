"""What a memory computes of a network: nodes in its arithmetic, and which nodes those can be.

Operands are rounded to the device's format on the way in, results widened to the host's float32 on the way
out; there the host applies what else the node asks for, and rounds once to what the result's tensor stores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np

from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.workload.call import Call
from simulator.workload.functions import EPILOGUE_FUNCTIONS
from simulator.workload.graph import Graph, Node
from simulator.workload.ops.matmul import pairwise, unpacked_weights
from simulator.workload.pim.devices import DEVICES, INTEGER_PRODUCTS, PimArithmetic
from simulator.workload.pim.tables import has_table, table
from simulator.workload.tensor import FLOATS, Tensor

_BYTES = ("int2", "uint2", "int4", "uint4", "int8", "uint8")
_TOO_WIDE = ("fp64",)
#: Element-wise operator -> its function of ``plain`` and ``fast``, without the format.
_OWN = {"Add": "add", "Sum": "add", "Mul": "multiply", "Relu": "relu"}


def run(call: Call) -> list[np.ndarray] | None:
    """Results of a node in the arithmetic of the profile's memory; None where it is the host's."""
    device, op = call.numerics.pim, call.node.op
    tensors = [None if value is None else value.tensor for value in call.operands]
    if device is None or op not in device.operators or not _computable(op, tensors):
        return None
    if op == "MatMulNBits":
        return [_stored(call, device, _few_bits(call, device))]
    if op == "MatMul":
        return [_stored(call, device, _matmul(call, device))]
    if op == "Gemm":
        return [_stored(call, device, _gemm(call, device))]
    return [_stored(call, device, _elements(call, device))]


def refusal(device: PimArithmetic, node: Node, operands: Sequence[Tensor | None]) -> str:
    """Why a device cannot compute a node; empty: it can."""
    known = device.operators
    if device.integers and _whole(operands):
        known = INTEGER_PRODUCTS
    elif not _computable(node.op, operands):
        kinds = ", ".join(dict.fromkeys(tensor.dtype for tensor in operands if tensor is not None))
        wanted = "real numbers of up to 32 bits" + (", or products of 8-bit integers" * device.integers)
        return f"{device.name} computes {wanted}, got {kinds}"
    if node.op in known:
        return ""
    of = " of integers" if known is INTEGER_PRODUCTS else ""
    return f"{device.name} computes {', '.join(known)}{of}, got {node.op}"


def check_placed(graph: Graph, placed: Mapping[str, str]) -> None:
    """Raise unless every node that is placed on a device is there and can be computed by it.

    Parameters
    ----------
    graph
        The network.
    placed
        Node -> device, a key of ``DEVICES``.

    Raises
    ------
    InputError
        With all that is wrong.
    """
    nodes = {node.name: node for node in graph}
    problems = []
    for name, device in placed.items():
        text = ""
        if name not in nodes:
            text = f"expected a node of the network, got '{name}'{did_you_mean(name, nodes)}"
        elif device not in DEVICES:
            text = f"node '{name}': expected one of {', '.join(DEVICES)}, got '{device}'"
            text += did_you_mean(device, DEVICES)
        else:
            operands = [graph.tensors[each] if each else None for each in nodes[name].inputs]
            why = refusal(DEVICES[device], nodes[name], operands)
            text = f"node '{name}': {why}" if why else ""
        if text:
            problems.append(Problem(text, path="pim"))
    if problems:
        raise InputError(*problems)


def _computable(op: str, operands: Sequence[Tensor | None]) -> bool:
    """Whether operands are real, or an operator's packed integers that stand for real numbers."""
    return _real(operands[:1] if op == "MatMulNBits" else operands)


def _real(operands: Sequence[Tensor | None]) -> bool:
    """Whether the first operand is real and the others are or stand for real numbers, none too wide."""
    first, *others = operands
    present = [tensor for tensor in others if tensor is not None]
    reals = all(t.dtype in FLOATS or t.quant is not None or t.blocks is not None for t in present)
    return (
        first is not None
        and first.dtype in FLOATS
        and reals
        and not any(t.dtype in _TOO_WIDE for t in (first, *present))
    )


def _whole(operands: Sequence[Tensor | None]) -> bool:
    """Whether both factors are stored integers of at most 8 bits."""
    return len(operands) > 1 and all(t is not None and t.dtype in _BYTES for t in operands[:2])


def _matmul(call: Call, device: PimArithmetic) -> np.ndarray:
    """Matrix product as numpy has it, whichever operand lies in the banks, with its bias; float32."""
    bias = call.optional(2)
    added = None if bias is None else bias.real().reshape(-1)
    first, second = call.operand(0).real(), call.operand(1).real()
    made = pairwise(first, second, lambda rows, columns: _dot(call, device, rows, columns, added))
    return made.reshape(call.results[0].shape)


def _gemm(call: Call, device: PimArithmetic) -> np.ndarray:
    """alpha·A'·B' + beta·C; alpha, beta and what is no bias are the host's, in float32."""
    attrs, third = call.node.attrs, call.optional(2)
    first, second = call.operand(0).real(), call.operand(1).real()
    rows = first.T if attrs.get("transA", 0) else first
    columns = second if attrs.get("transB", 0) else second.T
    alpha, beta = (np.float32(attrs.get(name, 1.0)) for name in ("alpha", "beta"))
    if third is None:
        return alpha * _dot(call, device, rows, columns, None)
    addend = third.real().astype(np.float32)
    if "bias" in call.node.epilogue and alpha == beta == 1:
        return _dot(call, device, rows, columns, addend.reshape(-1))
    return alpha * _dot(call, device, rows, columns, None) + beta * addend


def _few_bits(call: Call, device: PimArithmetic) -> np.ndarray:
    """Product with weights of few bits, which lie in the banks widened and scaled; float32."""
    x, *packed = (None if value is None else value.array for value in call.operands)
    assert x is not None
    weight, bias = unpacked_weights(np.dtype(np.float32), packed, call.node.attrs)
    made = _dot(call, device, x.reshape(-1, x.shape[-1]), weight, bias)
    return made.reshape(call.results[0].shape)


def _dot(
    call: Call, device: PimArithmetic, rows: np.ndarray, columns: np.ndarray, bias: np.ndarray | None
) -> np.ndarray:
    """(M, K) by (N, K), float32. AiM's accumulators begin with the bias; elsewhere the host adds it."""
    if device.element == "bf16":
        start = None if bias is None else np.broadcast_to(bias, (len(columns),))
        made: np.ndarray = call.arithmetic.PIM.dot_bf16(rows, columns, start, device)
        return made
    made = call.arithmetic.PIM.dot_fp16(rows, columns, device)
    return made if bias is None else made + bias.astype(np.float32)


def _elements(call: Call, device: PimArithmetic) -> np.ndarray:
    """Element-wise operators and functions, float32."""
    arithmetic, op = call.arithmetic.PIM, call.node.op
    operands = [value.real() for value in call.operands if value is not None]
    made: np.ndarray
    if op == "Sum":  # one addition after the other
        made = reduce(getattr(arithmetic, f"add_{device.element}"), operands)
    elif op in _OWN:
        made = getattr(arithmetic, f"{_OWN[op]}_{device.element}")(*operands)
    else:
        tanh = op == "Gelu" and call.node.attrs.get("approximate") == "tanh"
        made = arithmetic.activate(operands[0], table("gelu_by_tanh" if tanh else op.lower()))
    return made.astype(np.float32, copy=False)


def _stored(call: Call, device: PimArithmetic, real: np.ndarray) -> np.ndarray:
    """Results after the epilogue: AiM's functions by its tables, others the host's, in float32."""
    for name in call.activations:
        if device.element == "bf16" and has_table(name):
            real = call.arithmetic.PIM.activate(real, table(name))
        else:
            real = EPILOGUE_FUNCTIONS[name](real, *call.node.attrs.get(name, ()))
    return call.quantized(real, call.results[0])
