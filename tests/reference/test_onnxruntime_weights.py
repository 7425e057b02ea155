"""Weights of few bits behind DequantizeLinear against onnxruntime, where it is installed (extra ``golden``).

Without its optimizations: with them it quantizes activations in front of such weights on the fly.
"""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from simulator.workload.execute import execute
from simulator.workload.load import load_graph

runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
TYPES = {"int4": (TensorProto.INT4, -8, 8), "uint4": (TensorProto.UINT4, 0, 16), "int8": (TensorProto.INT8, -128, 128)}
#: Operator -> shapes of input and weight, axis of the output channels, axis of the sum, attributes.
PRODUCTS = {
    "MatMul": ((5, 24), (24, 6), 1, 0, {}),
    "Gemm": ((5, 24), (6, 24), 0, 1, {"transB": 1}),
    "Conv": ((1, 8, 7, 6), (6, 8, 3, 3), 0, 1, {"pads": [1, 1, 1, 1]}),
}


def expected(path, feeds):
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run(None, feeds)[0]


def model(path, nodes, shape, constants):
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", 1, shape)], [helper.make_tensor_value_info("y", 1, None)], constants
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)


def quantized_weight(rng, shape, axis, kind, block, zero_points):
    """Packed integers, scales and zero points, and the attributes of their DequantizeLinear."""
    number, low, high = TYPES[kind]
    parameters = list(shape) if block else [shape[axis]]
    if block:
        parameters[axis] = -(-shape[axis] // block)
    constants = [
        helper.make_tensor("w", number, shape, rng.integers(low, high, shape).ravel()),
        numpy_helper.from_array(rng.uniform(0.01, 0.1, parameters).astype(np.float32), "ws"),
    ]
    if zero_points:
        constants.append(helper.make_tensor("wz", number, parameters, rng.integers(low, high, parameters).ravel()))
    attrs = {"axis": axis, **({"block_size": block} if block else {})}
    return constants, helper.make_node("DequantizeLinear", [c.name for c in constants], ["wd"], **attrs)


@pytest.mark.parametrize("zero_points", [False, True])
@pytest.mark.parametrize("block", [0, 4, 16])
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("op", PRODUCTS)
def test_real_activations(op, kind, block, zero_points, tmp_path):
    rng, path = np.random.default_rng(3), tmp_path / "m.onnx"
    shape, weight, channels, inner, attrs = PRODUCTS[op]
    constants, dequantize = quantized_weight(rng, weight, inner if block else channels, kind, block, zero_points)
    node = helper.make_node(op, ["x", "wd"], ["y"], **attrs)
    model(path, [dequantize, node], shape, constants)
    x = rng.normal(size=shape).astype(np.float32)
    graph = load_graph(path)
    assert graph.tensors[graph.nodes[-1].inputs[1]].dtype == kind
    found = execute(graph, {"x": x}, "onnxruntime").outputs["y"]
    np.testing.assert_allclose(found, expected(path, {"x": x}), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["int4", "uint4"])
@pytest.mark.parametrize("block", [0, 8])
def test_a_transposed_weight(kind, block, tmp_path):
    """What moves packed weights moves the parameters with them."""
    rng, path = np.random.default_rng(4), tmp_path / "m.onnx"
    constants, dequantize = quantized_weight(rng, (6, 24), 1 if block else 0, kind, block, True)
    nodes = [
        dequantize,
        helper.make_node("Transpose", ["wd"], ["wt"], perm=[1, 0]),
        helper.make_node("MatMul", ["x", "wt"], ["y"]),
    ]
    model(path, nodes, (5, 24), constants)
    x = rng.normal(size=(5, 24)).astype(np.float32)
    found = execute(load_graph(path), {"x": x}, "onnxruntime").outputs["y"]
    np.testing.assert_allclose(found, expected(path, {"x": x}), rtol=1e-4, atol=1e-4)


def test_rows_of_a_packed_table(tmp_path):
    rng, path = np.random.default_rng(5), tmp_path / "m.onnx"
    constants, dequantize = quantized_weight(rng, (16, 8), 1, "int4", 4, True)
    constants.append(numpy_helper.from_array(np.array([3, 0, 15]), "rows"))
    nodes = [
        dequantize,
        helper.make_node("Gather", ["wd", "rows"], ["found"]),
        helper.make_node("MatMul", ["x", "found"], ["y"]),
    ]
    model(path, nodes, (2, 3), constants)
    x = rng.normal(size=(2, 3)).astype(np.float32)
    found = execute(load_graph(path), {"x": x}, "onnxruntime").outputs["y"]
    np.testing.assert_allclose(found, expected(path, {"x": x}), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["int4", "int8"])
@pytest.mark.parametrize("op", PRODUCTS)
def test_quantized_activations(op, kind, tmp_path):
    """Integers on both sides: equal to onnxruntime's real arithmetic but for ties."""
    rng, path = np.random.default_rng(6), tmp_path / "m.onnx"
    shape, weight, channels, _, attrs = PRODUCTS[op]
    constants, dequantize = quantized_weight(rng, weight, channels, kind, 0, False)
    constants += [
        numpy_helper.from_array(np.float32(0.03), "xs"), numpy_helper.from_array(np.int8(5), "xz"),
        numpy_helper.from_array(np.float32(0.2), "ys"), numpy_helper.from_array(np.int8(-7), "yz"),
    ]  # fmt: skip
    nodes = [
        dequantize,
        helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "xs", "xz"], ["xd"]),
        helper.make_node(op, ["xd", "wd"], ["p"], **attrs),
        helper.make_node("QuantizeLinear", ["p", "ys", "yz"], ["pq"]),
        helper.make_node("DequantizeLinear", ["pq", "ys", "yz"], ["y"]),
    ]
    model(path, nodes, shape, constants)
    x = rng.normal(size=shape).astype(np.float32)
    graph = load_graph(path)
    assert graph.tensors[next(n for n in graph if n.op == op).inputs[1]].dtype == kind
    found = execute(graph, {"x": x}, "onnxruntime").outputs["y"]
    steps = (found - expected(path, {"x": x})) / 0.2
    assert np.abs(steps).max() <= 1 + 1e-5
    assert np.count_nonzero(np.abs(steps) > 0.5) <= 0.02 * steps.size
