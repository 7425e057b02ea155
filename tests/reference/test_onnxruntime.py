"""Quantized ONNX graphs against onnxruntime, optimized and not, where it is installed (extra ``golden``)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx_builder import Builder
from onnx_saturation import signed_weights

pytest.importorskip("onnxruntime", reason="onnxruntime (extra golden) is not installed")
quick = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(seed=st.integers(0, 2**32 - 1), signed=st.booleans())
def test_qlinearconv(seed, signed, tmp_path):
    b = Builder(seed, signed)
    groups = int(b.rng.integers(1, 4))
    depth, filters, fy, fx = b.rng.integers(1, 4, 4).tolist()
    shape = (groups * filters, depth, fy, fx)
    scale = b.rng.uniform(0.001, 0.01, shape[0]).astype(np.float32)
    weight = [
        b.constant("w", signed_weights(b.rng, shape)),
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
        b.constant("w", signed_weights(b.rng, (k, n))),
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
