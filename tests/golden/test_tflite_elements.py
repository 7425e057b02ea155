"""Single elements that TensorFlow Lite's reference kernels computed, with everything that they depend on.

``tflite_elements.json`` is cut out of two int8 networks of MLPerf Tiny (Apache-2.0) and of the tensors that the
reference kernels gave for them; each entry says where from.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from simulator.workload.execute import execute
from simulator.workload.graph import Graph, Node
from simulator.workload.tensor import Constant, Quant, Tensor

FACTS = json.loads((Path(__file__).parent / "tflite_elements.json").read_text())


def constant(name, values, dtype, scale, axis=None):
    array = np.array(values, dtype)
    quant = Quant(tuple(scale), (0,) * len(scale), axis)
    return Tensor(name, array.shape, dtype, quant, Constant(lambda: array))


def computed(name, shape, scale, zero):
    return Tensor(name, tuple(shape), "int8", Quant((scale,), (zero,)))


def outcome(op, attrs, epilogue, tensors, feeds, profile="tflite_ref", readable=False):
    """What a graph of one node gives; the last tensor is its result."""
    node = Node("n", op, tuple(t.name for t in tensors[:-1]), (tensors[-1].name,), attrs, epilogue)
    graph = Graph("g", (node,), {t.name: t for t in tensors}, tuple(feeds), (tensors[-1].name,))
    arrays = {name: np.array(values, np.int8) for name, values in feeds.items()}
    return execute(graph, arrays, profile, readable=readable).outputs[tensors[-1].name].ravel().tolist()


def product(kind, profile="tflite_ref", readable=False):
    """A convolution of one pixel, a corner of a depthwise one, or a fully connected layer."""
    fact = FACTS[kind]
    per_channel = len(fact["w_scale"]) > 1
    x = np.array(fact["x"])
    shape = {"conv": (1, 1, 1, 64), "depthwise": (1, 2, 2, 6), "dense": (1, 64)}[kind]
    weight = np.array(fact["w"])
    weight = weight.reshape(6, 1, 1, 64) if kind == "conv" else weight
    result = {"conv": (1, 1, 1, 6), "depthwise": (1, 2, 2, 6), "dense": (1, 6)}[kind]
    scales = [fact["x_scale"] * scale for scale in fact["w_scale"]]
    tensors = [
        computed("x", shape, fact["x_scale"], fact["x_zero"]),
        constant("w", weight, "int8", fact["w_scale"], 0 if per_channel else None),
        constant("b", fact["bias"], "int32", scales, 0 if per_channel else None),
        computed("y", result, fact["y_scale"], fact["y_zero"]),
    ]
    attrs = (
        {"layout": "NHWC", "group": 6, "pads": (1, 1, 1, 1)} if kind == "depthwise" else {"layout": "NHWC"}
    )
    op, relu = ("Gemm", ()) if kind == "dense" else ("Conv", ("relu",))
    attrs = {"transB": 1} if kind == "dense" else attrs
    epilogue = ("bias", *relu, "requant")
    found = outcome(op, attrs, epilogue, tensors, {"x": x.reshape(shape)}, profile, readable)
    return found[:6], fact["y"]


@pytest.mark.parametrize("readable", [False, True], ids=["fast", "readable"])
@pytest.mark.parametrize("kind", ["conv", "depthwise", "dense"])
def test_products(kind, readable):
    found, expected = product(kind, readable=readable)
    assert found == expected


def test_the_facts_tell_profiles_apart():
    """Truncation gives other numbers: the elements are no matter of luck."""
    assert any(product(kind, "truncate")[0] != FACTS[kind]["y"] for kind in ("conv", "depthwise", "dense"))


@pytest.mark.parametrize("profile", ["tflite_ref", "tflite_xnnpack"])
def test_addition(profile):
    fact = FACTS["add"]
    tensors = [computed(n, (16,), fact[f"{n}_scale"], fact[f"{n}_zero"]) for n in ("a", "b", "y")]
    feeds = {"a": fact["a"], "b": fact["b"]}
    assert outcome("Add", {}, ("relu", "requant"), tensors, feeds, profile) == fact["y"]


def test_softmax():
    fact = FACTS["softmax"]
    tensors = [computed(n, (12,), fact[f"{n}_scale"], fact[f"{n}_zero"]) for n in ("x", "y")]
    assert outcome("Softmax", {"axis": -1}, ("requant",), tensors, {"x": fact["x"]}) == fact["y"]


def test_average():
    fact = FACTS["average"]
    tensors = [computed("x", (1, 25, 5, 2), 0.5, -128), computed("y", (1, 1, 1, 2), 0.5, -128)]
    attrs = {"layout": "NHWC", "kernel_shape": (25, 5), "auto_pad": "VALID"}
    assert outcome("AveragePool", attrs, ("requant",), tensors, {"x": [fact["x"]]}) == fact["y"]
