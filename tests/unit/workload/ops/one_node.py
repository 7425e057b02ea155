"""A graph of one operator, executed: for tests of what operators compute."""

from __future__ import annotations

import numpy as np

from simulator.workload.execute import execute
from simulator.workload.graph import Graph, Node
from simulator.workload.op import OPS
from simulator.workload.tensor import Tensor

TYPES = {"float16": "fp16", "float32": "fp32", "float64": "fp64"}


def node_of(op, given, attrs=None, *, quant=None, to=None, outputs=1, shapes=None):
    """Graph of one node and its inputs.

    ``given`` is an operand per array, None for one left out; int8 ones have the scale ``quant``. ``to`` is
    (element type, scale) of the results where they are not those of the operand.
    """
    attrs = attrs or {}
    operands = [
        None
        if array is None
        else Tensor(
            f"x{i}",
            array.shape,
            TYPES.get(array.dtype.name, array.dtype.name),
            quant if array.dtype == np.int8 else None,
        )
        for i, array in enumerate(given)
    ]
    if shapes is None:
        shapes = OPS[op].shape(operands, attrs)[:outputs]
    dtypes = [to[0]] * outputs if to else OPS[op].dtypes(operands, attrs, outputs)
    scale = to[1] if to else quant
    results = [
        Tensor(f"y{i}", shape, dtype, scale if dtype == "int8" else None)
        for i, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=True))
    ]
    names = tuple(t.name if t else "" for t in operands)
    node = Node("n", op, names, tuple(t.name for t in results), attrs)
    tensors = {t.name: t for t in [*operands, *results] if t}
    inputs = tuple(name for name in names if name)
    feeds = {f"x{i}": array for i, array in enumerate(given) if array is not None}
    return Graph("g", (node,), tensors, inputs, tuple(node.outputs)), feeds


def results_of(op, given, attrs=None, *, profile="onnxruntime", **how):
    """Results of the node, in order."""
    graph, feeds = node_of(op, given, attrs, **how)
    found = execute(graph, feeds, profile, readable=True).outputs
    return [found[name] for name in graph.outputs]
