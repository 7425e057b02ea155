"""Operators that are linear in their data, as sparse linear maps of one sample without its batch axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

import numpy as np

from simulator.workload.call import Value
from simulator.workload.graph import Graph, Node
from simulator.workload.op import is_alias
from simulator.workload.spiking.layers import Signal
from simulator.workload.spiking.linear import (
    LinearMap,
    convolution,
    dense,
    identity,
    pooling,
    reshape,
    scale,
)
from simulator.workload.tensor import Tensor
from simulator.workload.window import axes

#: A map, and what it adds to its result (flat, or one number).
Mapped = tuple[LinearMap, np.ndarray | float]


def linearize(node: Node, graph: Graph) -> Mapped | None:
    """The map of a node, its epilogue apart; None: it is not linear in one operand.

    Raises
    ------
    ValueError
        It is, and its weights or batch are not as they have to be.
    """
    if is_alias(node.op):
        return reshape(identity(_sample(_data(node, graph))), _sample(graph.tensors[node.outputs[0]])), 0.0
    made = _LINEAR.get(node.op)
    return None if made is None else made(node, graph)


def combine(node: Node, graph: Graph, signals: Mapping[str, Signal]) -> Signal | None:
    """Sums of signals, and products with constants element by element; None: the node is neither.

    Raises
    ------
    ValueError
        Operands of different shapes are added.
    """
    if node.op not in ("Add", "Sub", "Sum", "Mul", "Div"):
        return None
    tensors = [graph.tensors[name] for name in node.inputs if name]
    shape = _sample(graph.tensors[node.outputs[0]])
    parts: list[Signal | np.ndarray] = [
        signals[each.name] if each.constant is None else np.broadcast_to(real(each), (1, *shape)).reshape(-1)
        for each in tensors
    ]
    if node.op in ("Mul", "Div"):
        first, second = parts
        if isinstance(second, Signal) and (node.op == "Div" or isinstance(first, Signal)):
            raise ValueError("expected a product with a constant, or a quotient by one")
        data, factors = (second, first) if isinstance(second, Signal) else (first, second)
        if not isinstance(data, Signal) or isinstance(factors, Signal):
            raise ValueError("expected a product with a constant, or a quotient by one")
        return data.through(scale((1 / factors if node.op == "Div" else factors).reshape(data.shape)))
    total: Signal | None = None
    offset: np.ndarray = np.zeros(prod(shape))
    for i, part in enumerate(parts):
        sign = -1.0 if node.op == "Sub" and i else 1.0
        if not isinstance(part, Signal):
            offset = offset + sign * part
            continue
        if part.shape != shape:
            raise ValueError(f"expected operands of shape {list(shape)}, got {list(part.shape)}")
        part = part if sign > 0 else part.through(scale(np.full(shape, sign)))
        total = part if total is None else total.plus(part)
    return None if total is None else Signal(total.shape, total.terms, total.constant + offset)


def real(tensor: Tensor) -> np.ndarray:
    """Numbers that a constant stands for.

    Raises
    ------
    ValueError
        It is computed during the run.
    """
    if tensor.constant is None:
        raise ValueError(f"expected '{tensor.name}' to be constant; it is computed during the run")
    return np.asarray(Value(tensor, tensor.constant.array()).real(), np.float64)


def _data(node: Node, graph: Graph) -> Tensor:
    return graph.tensors[node.inputs[0]]


def _sample(tensor: Tensor) -> tuple[int, ...]:
    if not tensor.shape or tensor.shape[0] != 1:
        raise ValueError(f"expected a batch of 1 in front of '{tensor.name}', got shape {list(tensor.shape)}")
    return tensor.shape[1:]


def _bias(node: Node, graph: Graph, channels: int) -> np.ndarray:
    """A bias per channel; integers without a scale have the product of those of data and weights."""
    if len(node.inputs) < 3 or not node.inputs[2]:
        return np.zeros(channels)
    tensor = graph.tensors[node.inputs[2]]
    numbers = real(tensor)
    if tensor.quant is None and tensor.dtype == "int32":
        quants = [graph.tensors[name].quant for name in node.inputs[:2]]
        scales = [np.array(each.scale) for each in quants if each is not None]
        if len(scales) != 2:
            raise ValueError(f"expected a scale of bias '{tensor.name}', or of data and weights")
        numbers = numbers * scales[0] * scales[1]
    return np.broadcast_to(numbers.reshape(-1), channels)


def _product(node: Node, graph: Graph) -> Mapped:
    data, weight = _sample(_data(node, graph)), real(graph.tensors[node.inputs[1]])
    if node.attrs.get("transA") or weight.ndim != 2 or node.attrs.get("beta", 1) != 1:
        raise ValueError("expected data times one constant matrix, plus a bias")
    matrix = (weight if node.attrs.get("transB") else weight.T) * node.attrs.get("alpha", 1)
    lead = data[:-1]
    linear = dense(np.broadcast_to(matrix, (*lead, *matrix.shape)))
    return linear, np.tile(_bias(node, graph, len(matrix)), prod(lead))


def _convolution(node: Node, graph: Graph) -> Mapped:
    data, weight = _sample(_data(node, graph)), real(graph.tensors[node.inputs[1]])
    if node.attrs.get("layout") == "NHWC":
        raise ValueError("expected channels before rows and columns")
    placed = axes(data[1:], weight.shape[2:], node.attrs)
    linear = convolution(
        weight,
        data[1:],
        [axis.stride for axis in placed],
        [(axis.begin, axis.end) for axis in placed],
        [axis.dilation for axis in placed],
        node.attrs.get("group", 1),
    )
    return linear, np.repeat(_bias(node, graph, len(weight)), prod(linear.outputs[1:]))


def _average(node: Node, graph: Graph) -> Mapped:
    data = _sample(_data(node, graph))
    if node.op == "GlobalAveragePool":
        size = prod(data[1:])
        mean = pooling(data[0], data[1:], data[1:], [1] * len(data[1:]), [0] * len(data[1:]), 1 / size)
        return mean, 0.0
    placed = axes(data[1:], node.attrs["kernel_shape"], node.attrs)
    if node.attrs.get("ceil_mode") or any(axis.dilation != 1 for axis in placed):
        raise ValueError("expected windows without ceil_mode and dilation")
    ones = np.ones((data[0], 1, *(axis.kernel for axis in placed)))
    pads = [(axis.begin, axis.end) for axis in placed]
    sums = convolution(ones, data[1:], [axis.stride for axis in placed], pads, [1] * len(placed), data[0])
    counted = node.attrs.get("count_include_pad")
    among = np.full(prod(sums.outputs), ones[0].size) if counted else sums.apply(np.ones(prod(data)))
    weights = sums.weights / among[sums.rows]
    return LinearMap(sums.outputs, sums.inputs, sums.rows, sums.columns, weights, sums.delays), 0.0


def _unchanged(node: Node, graph: Graph) -> Mapped:
    """A conversion between reals and integers: what it rounds off is left out."""
    return identity(_sample(_data(node, graph))), 0.0


_LINEAR: dict[str, Callable[[Node, Graph], Mapped]] = {
    "Gemm": _product,
    "MatMul": _product,
    "Conv": _convolution,
    "AveragePool": _average,
    "GlobalAveragePool": _average,
    "QuantizeLinear": _unchanged,
    "DequantizeLinear": _unchanged,
}
