"""Operators of com.microsoft on quantized tensors against onnxruntime, optimized and not, where it is installed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx_saturation import saturates, signed_weights

from simulator.workload.execute import execute
from simulator.workload.load import load_graph

runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
LEVELS = (
    runtime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    runtime.GraphOptimizationLevel.ORT_ENABLE_ALL,
)
SHAPE, IMAGE, LAST = (4, 5, 64), (2, 24, 9, 8), (2, 9, 8, 24)


@dataclass
class Case:
    """One node: its operands as it has them, constants by name, shapes of inputs."""

    rng: np.random.Generator
    dtype: type
    op: str
    attrs: dict
    names: list[str] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    inputs: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def scale(self, name, low=0.01, high=0.1):
        info = np.iinfo(self.dtype)
        self.constants[f"{name}.s"] = np.asarray(self.rng.uniform(low, high), np.float32)
        self.constants[f"{name}.z"] = np.asarray(self.rng.integers(info.min, info.max + 1), self.dtype)
        self.names += [f"{name}.s", f"{name}.z"]

    def data(self, name, shape):
        self.inputs[name] = shape
        self.names.append(name)
        self.scale(name)

    def constant(self, name, value):
        self.constants[name] = np.asarray(value)
        self.names.append(name)

    def feeds(self):
        info = np.iinfo(self.dtype)
        return {
            name: self.rng.integers(info.min, info.max + 1, shape).astype(self.dtype)
            for name, shape in self.inputs.items()
        }

    def save(self, path, computed=False):
        """Save the model; ``computed``: scales and zero points are inputs."""
        late = [name for name in self.constants if computed and name[-2:] in (".s", ".z")]
        shapes = {**self.inputs, **{name: self.constants[name].shape for name in late}}
        types = {name: self.constants[name].dtype if name in late else np.dtype(self.dtype) for name in shapes}
        values = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(types[name]), shape)
            for name, shape in shapes.items()
        ]
        result = helper.make_tensor_value_info("y", helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype)), None)
        kept = [numpy_helper.from_array(v, name) for name, v in self.constants.items() if name not in late]
        node = helper.make_node(self.op, self.names, ["y"], "n", domain="com.microsoft", **self.attrs)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(helper.make_graph([node], "g", values, [result], kept), opset_imports=opsets, ir_version=10)
        onnx.save(model, path)
        return {name: self.constants[name] for name in late}


def unary(case, shape=SHAPE, low=0.003, high=0.02):
    case.data("x", shape)
    case.scale("y", low, high)


def binary(case, first=SHAPE, second=SHAPE):
    case.data("x", first)
    case.data("w", second)
    case.scale("y")


def softmax(case):
    unary(case, SHAPE, 1 / 256, 1 / 100)


def where(case):
    case.constant("c", case.rng.integers(0, 2, SHAPE).astype(bool))
    binary(case)


def concat(case):
    case.scale("y")
    case.data("x", SHAPE)
    case.data("w", (4, 3, 64))


def gemm(case):
    case.data("x", (33, 64))
    case.constant("w", signed_weights(case.rng, (24, 64)))
    case.constant("w.s", case.rng.uniform(0.002, 0.01, 24).astype(np.float32))
    case.constant("w.z", np.zeros(24, np.int8))
    case.constant("b", case.rng.integers(-3000, 3000, 24).astype(np.int32))
    case.scale("y", 0.1, 0.5)


def broadcast(first, second):
    return lambda case: binary(case, first, second)


CASES = {
    "add": ("QLinearAdd", {}, binary),
    "add, rows repeated": ("QLinearAdd", {}, broadcast((5, 1, 64), (3, 64))),
    "add, columns repeated": ("QLinearAdd", {}, broadcast((5, 64, 1), (5, 64, 64))),
    "add, a number": ("QLinearAdd", {}, broadcast((1,), (5, 64))),
    "mul": ("QLinearMul", {}, binary),
    "mul, columns repeated": ("QLinearMul", {}, broadcast((5, 64, 1), (5, 64, 64))),
    "leaky": ("QLinearLeakyRelu", {"alpha": 0.13}, unary),
    "softmax": ("QLinearSoftmax", {"axis": -1, "opset": 13}, softmax),
    "softmax of old": ("QLinearSoftmax", {"axis": 1, "opset": 11}, softmax),
    "plane": ("QLinearGlobalAveragePool", {"channels_last": 0}, lambda case: unary(case, IMAGE)),
    "plane, channels last": ("QLinearGlobalAveragePool", {"channels_last": 1}, lambda case: unary(case, LAST)),
    "pool": ("QLinearAveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, lambda case: unary(case, IMAGE)),
    "pool, padding counted": (
        "QLinearAveragePool",
        {"kernel_shape": [3, 2], "pads": [1, 0, 1, 1], "count_include_pad": 1},
        lambda case: unary(case, IMAGE),
    ),
    "pool, ceil": (
        "QLinearAveragePool",
        {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
        lambda case: unary(case, IMAGE),
    ),
    "pool, channels last": (
        "QLinearAveragePool", {"kernel_shape": [3, 3], "channels_last": 1}, lambda case: unary(case, LAST)
    ),
    "concat": ("QLinearConcat", {"axis": 1}, concat),
    "where": ("QLinearWhere", {}, where),
    "gemm": ("QGemm", {"transB": 1}, gemm),
    "gemm, scaled": ("QGemm", {"transB": 1, "alpha": 0.4}, gemm),
}  # fmt: skip


def made(name, seed):
    rng = np.random.default_rng(seed)
    op, attrs, build = CASES[name]
    case = Case(rng, (np.int8, np.uint8)[seed % 2], op, attrs)
    build(case)
    return case


def expected(path, feeds):
    for level in LEVELS:
        options = runtime.SessionOptions()
        options.graph_optimization_level, options.log_severity_level = level, 4
        yield runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run(None, feeds)[0]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", CASES)
def test_bits(name, seed, tmp_path):
    case = made(name, seed)
    case.save(tmp_path / "q.onnx")
    feeds = case.feeds()
    found = execute(load_graph(tmp_path / "q.onnx"), feeds, "onnxruntime").outputs["y"]
    for right in expected(tmp_path / "q.onnx", feeds):
        assert found.dtype == right.dtype
        np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize("seed", range(8))
def test_sigmoid_to_a_step(seed, tmp_path):
    """onnxruntime approximates the function by a rational one: rarely another integer, never farther than 1."""
    case = Case(np.random.default_rng(seed), (np.int8, np.uint8)[seed % 2], "QLinearSigmoid", {})
    unary(case)
    case.save(tmp_path / "q.onnx")
    feeds = case.feeds()
    found = execute(load_graph(tmp_path / "q.onnx"), feeds, "onnxruntime").outputs["y"]
    for right in expected(tmp_path / "q.onnx", feeds):
        differ = found.astype(int) - right
        assert np.abs(differ).max() <= 1
        assert np.count_nonzero(differ) <= 0.01 * differ.size


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", CASES)
def test_scales_that_are_operands_give_the_same(name, seed, tmp_path):
    case = made(name, seed)
    case.save(tmp_path / "known.onnx")
    scales = case.save(tmp_path / "computed.onnx", computed=True)
    feeds = case.feeds()
    known = execute(load_graph(tmp_path / "known.onnx"), feeds, "onnxruntime", readable=True).outputs["y"]
    graph = load_graph(tmp_path / "computed.onnx")
    assert [node.op for node in graph] == [case.op]
    assert graph.tensors["y"].shape == known.shape
    computed = execute(graph, {**feeds, **scales}, "onnxruntime", readable=True).outputs["y"]
    np.testing.assert_array_equal(computed, known)


def network(path, rng):
    """A float network with an operator of each kind that onnxruntime quantizes."""

    def weight(name, *shape):
        return numpy_helper.from_array((rng.normal(size=shape) * 0.3).astype(np.float32), name)

    constants = [
        weight("w1", 8, 3, 3, 3), weight("b1", 8), weight("w2", 8, 8, 3, 3), weight("b2", 8),
        weight("w3", 8, 1, 3, 3), weight("fc", 16, 10), weight("fb", 10), weight("mm", 10, 6),
    ]  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], "conv1", pads=[1] * 4),
        helper.make_node("Relu", ["c1"], ["r1"], "relu"),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], "conv2", pads=[1] * 4),
        helper.make_node("Sigmoid", ["c2"], ["s2"], "sigmoid"),
        helper.make_node("Mul", ["c2", "s2"], ["m2"], "mul"),
        helper.make_node("Add", ["m2", "r1"], ["a2"], "add"),
        helper.make_node("LeakyRelu", ["a2"], ["l2"], "leaky", alpha=0.1),
        helper.make_node("Conv", ["l2", "w3"], ["c3"], "conv3", pads=[1] * 4, group=8, strides=[2, 2]),
        helper.make_node("AveragePool", ["c3"], ["p3"], "mean", kernel_shape=[3, 3], pads=[1] * 4),
        helper.make_node("MaxPool", ["c3"], ["p4"], "max", kernel_shape=[3, 3], pads=[1] * 4),
        helper.make_node("Concat", ["p3", "p4"], ["k"], "concat", axis=1),
        helper.make_node("GlobalAveragePool", ["k"], ["g"], "plane"),
        helper.make_node("Flatten", ["g"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "fc", "fb"], ["fo"], "gemm"),
        helper.make_node("MatMul", ["fo", "mm"], ["mo"], "product"),
        helper.make_node("Softmax", ["mo"], ["y"], "softmax", axis=-1),
    ]
    ends = [[helper.make_tensor_value_info("x", 1, [1, 3, 12, 12])], [helper.make_tensor_value_info("y", 1, [1, 6])]]
    graph = helper.make_graph(nodes, "g", *ends, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), path)


def images(rng, count):
    return [rng.normal(size=(1, 3, 12, 12)).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("types", [("QUInt8", "QInt8"), ("QInt8", "QInt8"), ("QUInt8", "QUInt8")])
def test_a_network_that_onnxruntime_quantized(types, per_channel, tmp_path, rng):
    """In its QOperator format every result is the runtime's, bit for bit, optimized and not."""
    quantization = pytest.importorskip("onnxruntime.quantization")
    network(tmp_path / "float.onnx", rng)

    class Reader(quantization.CalibrationDataReader):
        left = images(rng, 8)

        def get_next(self):
            return {"x": self.left.pop()} if self.left else None

    activation, weight = (getattr(quantization.QuantType, name) for name in types)
    path = tmp_path / "quantized.onnx"
    quantization.quantize_static(
        str(tmp_path / "float.onnx"), str(path), Reader(), quant_format=quantization.QuantFormat.QOperator,
        activation_type=activation, weight_type=weight, per_channel=per_channel, reduce_range=saturates(),
    )  # fmt: skip
    graph = load_graph(path)
    for x in images(rng, 4):
        found = execute(graph, {"x": x}, "onnxruntime").outputs["y"]
        for right in expected(path, {"x": x}):
            np.testing.assert_array_equal(found, right)


def test_a_network_that_is_quantized_as_it_runs(tmp_path, rng):
    quantization = pytest.importorskip("onnxruntime.quantization")
    network(tmp_path / "float.onnx", rng)
    path = tmp_path / "quantized.onnx"
    quantization.quantize_dynamic(str(tmp_path / "float.onnx"), str(path))
    graph = load_graph(path)
    assert {"DynamicQuantizeLinear", "ConvInteger", "MatMulInteger"} <= {node.op for node in graph}
    (x,) = images(rng, 1)
    found = execute(graph, {"x": x}, "onnxruntime").outputs["y"]
    np.testing.assert_allclose(found, next(iter(expected(path, {"x": x}))), rtol=1e-5, atol=1e-6)
