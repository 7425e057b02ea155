"""Builds small quantized ONNX graphs and runs them in onnxruntime; for tests, needs onnxruntime."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx_saturation import signed_weights

from simulator.workload.execute import execute
from simulator.workload.load import load_graph

LEVELS = ("ORT_DISABLE_ALL", "ORT_ENABLE_ALL")


def session(model, level, unsigned):
    """One thread, at a level of optimization.

    The option for machines whose products saturate knows no int8, and not all operators: see
    ``onnx_saturation``.
    """
    import onnxruntime as runtime

    options = runtime.SessionOptions()
    options.graph_optimization_level = getattr(runtime.GraphOptimizationLevel, level)
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.x64quantprecision", str(int(unsigned)))
    given = model if isinstance(model, bytes) else str(model)
    return runtime.InferenceSession(given, options, providers=["CPUExecutionProvider"])


class Builder:
    """A graph of quantized operators between QuantizeLinear and DequantizeLinear."""

    def __init__(self, seed, signed, powers=False, even=False):
        self.rng = np.random.default_rng(seed)
        self.dtype = np.int8 if signed else np.uint8
        self.even = even  # zero points are even
        self.powers = powers  # scales are powers of two: then sums in float32 are exact
        self.nodes, self.constants = [], {}

    def constant(self, name, value):
        self.constants[name] = np.asarray(value)
        return name

    def add(self, op, inputs, name, **attrs):
        self.nodes.append(helper.make_node(op, inputs, [name], **attrs))
        return name

    def between(self, low, high, count=()):
        """Random scales, float32."""
        scales = self.rng.uniform(low, high, count)
        return (np.exp2(np.round(np.log2(scales))) if self.powers else scales).astype(np.float32)

    def scale(self, name, low=0.01, high=0.1):
        info = np.iinfo(self.dtype)
        zero = self.dtype(self.rng.integers(info.min, info.max + 1) & (-2 if self.even else -1))
        return [
            self.constant(f"{name}.s", self.between(low, high)),
            self.constant(f"{name}.z", zero),
        ]

    def requantized(self, real, name):
        """Quantize and dequantize a real tensor; the real tensor after it."""
        scale = self.scale(name)
        self.add("QuantizeLinear", [real, *scale], f"{name}.q")
        return self.add("DequantizeLinear", [f"{name}.q", *scale], f"{name}.d")

    def weight(self, name, shape, axis=None):
        scale = self.between(0.002, 0.01, () if axis is None else shape[axis])
        zero = np.zeros(scale.shape, np.int8)
        self.constant(f"{name}.w", signed_weights(self.rng, shape))
        names = [f"{name}.w", self.constant(f"{name}.ws", scale), self.constant(f"{name}.wz", zero)]
        attrs = {} if axis is None else {"axis": axis}
        return self.add("DequantizeLinear", names, f"{name}.wd", **attrs)

    def save(self, path, inputs, outputs):
        """Write the file; inputs and outputs as (name, type, shape)."""
        ends = [
            [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(np.dtype(t)), s)
             for n, t, s in each]
            for each in (inputs, outputs)
        ]  # fmt: skip
        constants = [numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        graph = helper.make_graph(self.nodes, "g", *ends, constants)
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)

    def feeds(self, inputs):
        """Random inputs: real ones normal, integers over their whole range, or its ends alone."""
        made = {}
        for name, dtype, shape in inputs:
            if np.dtype(dtype).kind == "f":
                made[name] = (self.rng.normal(size=shape) * self.rng.choice([1, 20])).astype(dtype)
                continue
            info, ends = np.iinfo(dtype), self.rng.random() < 0.3
            whole = self.rng.integers(info.min, info.max + 1, shape)
            made[name] = (self.rng.choice([info.min, info.max], shape) if ends else whole).astype(dtype)
        return made

    def check(self, path, inputs, outputs):
        """Save, execute, and compare with the runtime at each level."""
        self.save(path, inputs, outputs)
        feeds = self.feeds(inputs)
        found = execute(load_graph(path), feeds, "onnxruntime").outputs
        for level in LEVELS:
            runtime = session(path, level, self.dtype == np.uint8)
            for (name, *_), expected in zip(outputs, runtime.run(None, feeds), strict=True):
                np.testing.assert_array_equal(found[name], expected, err_msg=level)
