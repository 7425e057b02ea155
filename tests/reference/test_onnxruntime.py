"""Quantized ONNX graphs against onnxruntime, optimized and not, where it is installed (extra ``golden``)."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from simulator.workload.execute import execute
from simulator.workload.load import load_graph

runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
LEVELS = (
    runtime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    runtime.GraphOptimizationLevel.ORT_ENABLE_ALL,
)
quick = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Builder:
    """A graph of quantized operators between QuantizeLinear and DequantizeLinear."""

    def __init__(self, seed, signed):
        self.rng = np.random.default_rng(seed)
        self.dtype = np.int8 if signed else np.uint8
        self.nodes, self.constants = [], {}

    def constant(self, name, value):
        self.constants[name] = np.asarray(value)
        return name

    def add(self, op, inputs, name, **attrs):
        self.nodes.append(helper.make_node(op, inputs, [name], **attrs))
        return name

    def scale(self, name, low=0.01, high=0.1):
        info = np.iinfo(self.dtype)
        zero = self.dtype(self.rng.integers(info.min, info.max + 1))
        return [
            self.constant(f"{name}.s", np.float32(self.rng.uniform(low, high))),
            self.constant(f"{name}.z", zero),
        ]

    def requantized(self, real, name):
        """Quantize and dequantize a real tensor; the real tensor after it."""
        scale = self.scale(name)
        self.add("QuantizeLinear", [real, *scale], f"{name}.q")
        return self.add("DequantizeLinear", [f"{name}.q", *scale], f"{name}.d")

    def weight(self, name, shape, axis=None):
        count = 1 if axis is None else shape[axis]
        scale = self.rng.uniform(0.002, 0.01, count).astype(np.float32)
        scale, zero = (scale[0], np.int8(0)) if axis is None else (scale, np.zeros(count, np.int8))
        self.constant(f"{name}.w", self.rng.integers(-128, 128, shape).astype(np.int8))
        names = [f"{name}.w", self.constant(f"{name}.ws", scale), self.constant(f"{name}.wz", zero)]
        attrs = {} if axis is None else {"axis": axis}
        return self.add("DequantizeLinear", names, f"{name}.wd", **attrs)

    def check(self, path, inputs, outputs):
        """Save, execute, and compare with the runtime at each level."""
        ends = [
            [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(np.dtype(t)), s)
             for n, t, s in each]
            for each in (inputs, outputs)
        ]  # fmt: skip
        constants = [numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        graph = helper.make_graph(self.nodes, "g", *ends, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        onnx.save(model, path)
        feeds = {}
        for name, dtype, shape in inputs:
            if np.dtype(dtype).kind == "f":
                feeds[name] = self.rng.normal(size=shape).astype(dtype)
            else:
                info = np.iinfo(dtype)
                feeds[name] = self.rng.integers(info.min, info.max + 1, shape).astype(dtype)
        found = execute(load_graph(path), feeds, "onnxruntime").outputs
        for level in LEVELS:
            options = runtime.SessionOptions()
            options.graph_optimization_level, options.log_severity_level = level, 3
            session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            for (name, *_), expected in zip(outputs, session.run(None, feeds), strict=True):
                np.testing.assert_array_equal(found[name], expected, err_msg=str(level))


@quick
@given(seed=st.integers(0, 2**32 - 1), signed=st.booleans())
def test_qlinearconv(seed, signed, tmp_path):
    b = Builder(seed, signed)
    groups = int(b.rng.integers(1, 4))
    depth, filters, fy, fx = b.rng.integers(1, 4, 4).tolist()
    shape = (groups * filters, depth, fy, fx)
    scale = b.rng.uniform(0.001, 0.01, shape[0]).astype(np.float32)
    weight = [
        b.constant("w", b.rng.integers(-128, 128, shape).astype(np.int8)),
        b.constant("ws", scale),
        b.constant("wz", np.zeros(shape[0], np.int8)),
    ]
    bias = b.constant("b", b.rng.integers(-3000, 3000, shape[0]).astype(np.int32))
    stride = int(b.rng.integers(1, 3))
    names = ["x", *b.scale("x"), *weight, *b.scale("y"), bias]
    b.add("QLinearConv", names, "y", pads=[1, 1, 1, 1], strides=[stride] * 2, group=groups)
    rows = (7 + 2 - fy) // stride + 1, (6 + 2 - fx) // stride + 1
    inputs = [("x", b.dtype, (1, groups * depth, 7, 6))]
    b.check(tmp_path / "q.onnx", inputs, [("y", b.dtype, (1, shape[0], *rows))])


@quick
@given(seed=st.integers(0, 2**32 - 1), signed=st.booleans())
def test_qlinearmatmul(seed, signed, tmp_path):
    b = Builder(seed, signed)
    m, k, n = b.rng.integers(1, 40, 3).tolist()
    weight = [
        b.constant("w", b.rng.integers(-128, 128, (k, n)).astype(np.int8)),
        b.constant("ws", np.float32(0.004)),
        b.constant("wz", np.int8(0)),
    ]
    b.add("QLinearMatMul", ["x", *b.scale("x"), *weight, *b.scale("y")], "y")
    b.check(tmp_path / "q.onnx", [("x", b.dtype, (m, k))], [("y", b.dtype, (m, n))])


@quick
@given(seed=st.integers(0, 2**32 - 1), signed=st.booleans())
def test_conversions_around_a_convolution(seed, signed, tmp_path):
    """x quantized, a convolution with bias and Relu, quantized: as one integer convolution."""
    b = Builder(seed, signed)
    x = b.requantized("x", "in")
    weight = b.weight("c", (5, 3, 3, 3), axis=0)
    scale = (b.constants["in.s"] * b.constants["c.ws"]).astype(np.float32)
    bias = [
        b.constant("bias", b.rng.integers(-3000, 3000, 5).astype(np.int32)),
        b.constant("bias.s", scale),
        b.constant("bias.z", np.zeros(5, np.int32)),
    ]
    b.add("DequantizeLinear", bias, "bias.d", axis=0)
    b.add("Conv", [x, weight, "bias.d"], "c", pads=[1, 1, 1, 1])
    b.add("Relu", ["c"], "r")
    b.add("QuantizeLinear", ["r", *b.scale("y")], "y")
    b.check(tmp_path / "q.onnx", [("x", np.float32, (1, 3, 6, 5))], [("y", b.dtype, (1, 5, 6, 5))])


@quick
@given(seed=st.integers(0, 2**32 - 1), signed=st.booleans(), op=st.sampled_from(["Add", "Mul"]))
def test_conversions_around_elements(seed, signed, op, tmp_path):
    b = Builder(seed, signed)
    operands = [b.requantized(name, f"in_{name}") for name in ("x", "w")]
    b.add(op, operands, "c")
    b.add("QuantizeLinear", ["c", *b.scale("y")], "y")
    shape = (1, 3, 6, 5)
    inputs = [("x", np.float32, shape), ("w", np.float32, shape)]
    b.check(tmp_path / "q.onnx", inputs, [("y", b.dtype, shape)])


@quick
@given(
    seed=st.integers(0, 2**32 - 1),
    signed=st.booleans(),
    op=st.sampled_from(["Relu", "Tanh", "Sigmoid", "LeakyRelu", "Clip"]),
)
def test_conversions_around_functions(seed, signed, op, tmp_path):
    """A function alone between conversions, whose scales differ."""
    b = Builder(seed, signed)
    x = b.requantized("x", "in")
    bounds = [b.constant("low", np.float32(-0.5)), b.constant("high", np.float32(0.7))] if op == "Clip" else []
    b.add(op, [x, *bounds], "f")
    b.add("QuantizeLinear", ["f", *b.scale("y")], "y")
    b.check(tmp_path / "q.onnx", [("x", np.float32, (1, 3, 6, 5))], [("y", b.dtype, (1, 3, 6, 5))])
