"""Fully connected networks as ONNX models and as graphs, and the samples that they carry."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.base.errors import InputError, Problem
from simulator.workload.arrays import Split, read_table
from simulator.workload.frontends import onnx
from simulator.workload.frontends.dense.args import Dense
from simulator.workload.frontends.dense.weights import read_layers
from simulator.workload.graph import Graph
from simulator.workload.labels import LABELS

#: Names of the input and the output.
INPUT, OUTPUT = "x", "y"
_OPSET = 21


def model(args: Dense, name: str) -> Any:
    """ModelProto: Gemm and Relu, layer after layer.

    Raises
    ------
    InputError
        The file of the weights is not as it should be.
    """
    from onnx import TensorProto, helper, numpy_helper  # heavy: needed for the networks of this builder alone

    layers = read_layers(args.weights)
    nodes, constants, before = [], [], INPUT
    for i, layer in enumerate(layers):
        result = OUTPUT if i == len(layers) - 1 else f"{layer.name}.out"
        sums = f"{layer.name}.sum" if layer.rectified else result
        names = [f"{layer.name}.weight", f"{layer.name}.bias"]
        constants += [
            numpy_helper.from_array(array, each)
            for each, array in zip(names, (layer.weight, layer.bias), strict=True)
        ]
        nodes.append(helper.make_node("Gemm", [before, *names], [sums], layer.name))
        if layer.rectified:
            nodes.append(helper.make_node("Relu", [sums], [result], f"{layer.name}.relu"))
        before = result
    shapes = {INPUT: len(layers[0].weight), OUTPUT: layers[-1].bias.size}
    values = [
        helper.make_tensor_value_info(each, TensorProto.FLOAT, [1, size]) for each, size in shapes.items()
    ]
    graph = helper.make_graph(nodes, name, values[:1], values[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=10)


def build(args: Dense, name: str) -> Graph:
    """The network as the reader of ONNX files has it; errors as for ``model``."""
    return onnx.load_model(model(args, name), args.weights)


def split(args: Dense) -> Split | None:
    """Samples to train on, and those to test on; None if the network carries none.

    Raises
    ------
    InputError
        The file cannot be read, has no such arrays, or nothing is left to test on.
    """
    if not args.data:
        return None
    arrays = read_table(args.data, args.labels, args.vectors)
    missing = [name for name in (args.vectors, args.labels) if name not in arrays]
    if missing:
        there = ", ".join(f"'{name}'" for name in arrays)
        raise InputError(Problem(f"no array '{missing[0]}' among the samples; there is {there}", args.data))
    vectors = arrays[args.vectors]
    if args.train >= len(vectors):
        text = f"{args.train} rows to train on, the data have {len(vectors)}: none is left to test on"
        raise InputError(Problem(text, path="args.train"))
    inputs = (vectors.reshape(len(vectors), -1) * args.scale).astype(np.float32)[:, None, :]
    labels = arrays[args.labels].reshape(len(vectors), -1)[:, 0]
    rows = slice(args.train), slice(args.train, None)
    return Split(*({INPUT: inputs[some], LABELS: labels[some]} for some in rows))
