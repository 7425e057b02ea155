"""What a NodeProto says, as plain Python."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from simulator.workload.frontends.onnx.read import tensor_of
from simulator.workload.op import NUMPY
from simulator.workload.tensor import Constant, Tensor


def operand_names(proto: Any) -> tuple[str, ...]:
    """Operands of a node, without trailing empty ones; then what its subgraphs capture from outside."""
    names = list(proto.input)
    while names and not names[-1]:
        names.pop()
    captured = [name for graph in _subgraphs(proto) for name in _captured(graph)]
    return (*names, *dict.fromkeys(name for name in captured if name not in names))


def _subgraphs(proto: Any) -> list[Any]:
    return [graph for a in proto.attribute if a.type in (a.GRAPH, a.GRAPHS) for graph in (*a.graphs, a.g)]


def _captured(graph: Any) -> list[str]:
    own = {value.name for value in (*graph.input, *graph.initializer)}
    own.update(name for node in graph.node for name in node.output)
    read = [name for node in graph.node for name in (*node.input, *operand_names(node)) if name]
    return [name for name in (*read, *(value.name for value in graph.output)) if name not in own]


def attributes(proto: Any, op: str, opset: int, results: int) -> dict[str, Any]:
    """Attributes as plain values; what an older operator set means differently is stated."""
    from onnx import helper, numpy_helper  # heavy: loaded with the file

    attrs: dict[str, Any] = {}
    for attribute in proto.attribute:
        value = helper.get_attribute_value(attribute)
        if attribute.type == attribute.TENSOR:
            value = numpy_helper.to_array(value)
        elif isinstance(value, bytes):
            value = value.decode(errors="replace")
        elif attribute.type in (attribute.INTS, attribute.FLOATS):
            value = tuple(value)
        elif attribute.type == attribute.STRINGS:
            value = tuple(text.decode(errors="replace") for text in value)
        elif attribute.type not in (attribute.INT, attribute.FLOAT):
            continue
        attrs[attribute.name] = value
    if op in ("Softmax", "LogSoftmax", "Hardmax") and opset < 13:
        attrs["coerce"] = 1  # before opset 13 the operator flattens all axes from `axis` on
    if op == "Split" and "split" not in attrs:
        attrs.setdefault("num_outputs", results)
    return attrs


def constant_of(proto: Any, path: Path) -> Tensor:
    """Tensor of a Constant node, whichever attribute holds its value.

    Raises
    ------
    ValueError
        It holds strings.
    """
    attribute = proto.attribute[0]
    if attribute.type == attribute.TENSOR:
        return replace(tensor_of(attribute.t, path), name=proto.output[0])
    number = {attribute.INT: ("int64", attribute.i), attribute.FLOAT: ("fp32", attribute.f)}
    several = {
        attribute.INTS: ("int64", list(attribute.ints)),
        attribute.FLOATS: ("fp32", list(attribute.floats)),
    }
    if attribute.type not in number | several:
        raise ValueError("constants of strings are not supported")
    dtype, value = (number | several)[attribute.type]
    array: np.ndarray = np.asarray(value, NUMPY[dtype])
    return Tensor(proto.output[0], array.shape, dtype, constant=Constant(lambda: array))
