"""What shapes a linear result: a node's epilogue and the element-wise nodes behind it, as one function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.workload.functions import EPILOGUE_FUNCTIONS
from simulator.workload.graph import Graph, Node
from simulator.workload.op import OPS
from simulator.workload.rescale import limits
from simulator.workload.spiking.conversion.linearized import real
from simulator.workload.spiking.conversion.response import Affine, Response, response
from simulator.workload.tensor import Tensor

#: Operators of two operands that are element-wise if one of them is one constant number.
BINARY = ("Add", "Sub", "Mul", "Div", "Min", "Max")
#: Operators that are no activation if they stand alone, such as the quantization of an input.
CONVERSIONS = ("QuantizeLinear", "DequantizeLinear")
_SILENT = ("bias", "requant", "dequant")


@dataclass(frozen=True, eq=False)
class Chain:
    """Nodes in a row; of the first, if it is ``linear``, the epilogue alone."""

    graph: Graph
    nodes: Sequence[Node]
    linear: bool

    def shape(self, length: int) -> Response | Affine | None:
        """Shape of the first nodes as one function; None: none that neurons have."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return response(lambda x: self._values(x, length))

    def _values(self, x: np.ndarray, length: int) -> np.ndarray:
        for i, node in enumerate(self.nodes[:length]):
            if i or not self.linear:
                x = np.asarray(OPS[node.op].values(self._operands(node, x), node.attrs)[0], np.float64)
            for name in node.epilogue:
                if name not in _SILENT:
                    x = EPILOGUE_FUNCTIONS[name](x, *node.attrs.get(name, ()))
            if i or node.op not in CONVERSIONS:
                x = _stored(x, self.graph.tensors[node.outputs[0]], "relu" in node.epilogue or bool(i))
        return x

    def _operands(self, node: Node, x: np.ndarray) -> list[np.ndarray | None]:
        tensors = [self.graph.tensors[name] if name else None for name in node.inputs]
        return [
            None if each is None else x if each.constant is None else real(each).reshape(-1)[:1]
            for each in tensors
        ]


def _stored(x: np.ndarray, tensor: Tensor, bounded: bool) -> np.ndarray:
    """What is left of real numbers in a quantized tensor, if it has no values below 0."""
    quant = tensor.quant
    if quant is None or len(quant.scale) != 1:
        return x
    low, high = limits(tensor.dtype)
    scale, zero = quant.scale[0], quant.zero_point[0]
    if zero != low and not bounded:
        return x  # a result of both signs: its rounding is left out
    return (np.clip(np.rint(x / scale) + zero, low, high) - zero) * scale


def follow(node: Node, graph: Graph) -> Chain:
    """A node and the element-wise ones that alone read what is before them."""
    linear = not _elementwise(node, graph)
    nodes = [node]
    while True:
        result = nodes[-1].outputs[0]
        readers = graph.consumers.get(result, ())
        if len(readers) != 1 or result in graph.outputs or not _elementwise(graph.nodes[readers[0]], graph):
            return Chain(graph, nodes, linear)
        nodes.append(graph.nodes[readers[0]])


def _elementwise(node: Node, graph: Graph) -> bool:
    """Whether every element of the result depends on one element of one tensor, all in the same way."""
    if node.op not in OPS or OPS[node.op].alias:
        return False
    tensors = [graph.tensors[name] for name in node.inputs if name]
    data = [each for each in tensors if each.constant is None]
    if len(data) != 1 or graph.tensors[node.outputs[0]].shape != data[0].shape:
        return False
    if OPS[node.op].pointwise:
        return True
    others = [each for each in tensors if each.constant is not None]
    return node.op in BINARY and all(len(np.unique(real(each))) == 1 for each in others)
