"""Executing a graph: samples, what is kept and counted, and how wrong inputs and nodes are answered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulator.base.errors import InputError
from simulator.workload.execute import execute
from simulator.workload.graph import Graph, Node
from simulator.workload.tensor import Constant, Quant, Tensor

Q = Quant((0.5,), (3,))


def graph_of(*nodes, tensors, inputs=("x",), outputs=("y",)):
    return Graph("g", nodes, {t.name: t for t in tensors}, inputs, outputs)


@pytest.fixture
def chain():
    """Relu, then a sum with the operand itself: y = max(x, 0) + x, all at scale 0.5 with zero point 3."""
    tensors = [Tensor(name, (1, 4), "int8", Q) for name in ("x", "r", "y")]
    relu = Node("relu", "Relu", ("x",), ("r",), epilogue=("requant",))
    add = Node("add", "Add", ("r", "x"), ("y",), epilogue=("requant",))
    return graph_of(relu, add, tensors=tensors)


STORED = np.array([[3, 1, 5, 127]], np.int8)  # 0, -1, 1, 62


@pytest.mark.parametrize("profile", ["onnxruntime", "tflite_ref", "tflite_xnnpack", "half_up", "gemmini"])
@pytest.mark.parametrize("readable", [False, True])
def test_the_numbers_are_those_of_the_formula(chain, profile, readable):
    """0, -1, 1 + 1 = 2, and 62 + 62 saturates at (127 − 3) / 2."""
    activity = execute(chain, {"x": STORED}, profile, all_tensors=True, readable=readable)
    assert activity.outputs["y"].tolist() == [[3, 1, 7, 127]]
    assert activity.tensors["r"].tolist() == [[3, 3, 5, 127]]


def test_nonzeros_are_counted_against_the_zero_point(chain):
    activity = execute(chain, {"x": STORED}, "tflite_ref")
    assert activity.nonzeros == {"x": 3, "r": 2, "y": 3}
    assert activity.elements == {"x": 4, "r": 4, "y": 4}
    assert activity.density("r") == 0.5
    assert activity.tensors == {}, "not asked for"


@pytest.mark.parametrize(("shape", "result"), [((6, 1, 4), (6, 1, 4)), ((6, 4), (6, 4))])
def test_samples_may_be_stacked_or_take_the_batch(chain, shape, result, rng):
    inputs = rng.integers(-128, 128, shape).astype(np.int8)
    whole = execute(chain, {"x": inputs}, "tflite_ref")
    assert whole.samples == 6
    assert whole.outputs["y"].shape == result
    alone = [execute(chain, {"x": one.reshape(1, 4)}, "tflite_ref") for one in inputs]
    np.testing.assert_array_equal(whole.outputs["y"].ravel(), np.ravel([a.outputs["y"] for a in alone]))
    assert whole.nonzeros["y"] == sum(a.nonzeros["y"] for a in alone)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"X": STORED}, "expected inputs 'x', got 'X'; did you mean 'x'?"),
        ({}, "input 'x' is missing"),
        ({"x": STORED[:, :3]}, r"expected shape \[1, 4\], or samples of it in front, got \[1, 3\]"),
        (
            {"x": STORED.astype(float)},
            r"expected int8, got float64; real numbers x are stored as clip\(round\(x / 0.5\) \+ 3, -128, 127\)",
        ),
    ],
)
def test_wrong_inputs_are_explained(chain, inputs, message):
    with pytest.raises(InputError, match=message):
        execute(chain, inputs, "tflite_ref")


def test_inputs_must_agree_on_samples():
    tensors = [Tensor(name, (1, 2), "int8", Q) for name in ("a", "b", "y")]
    graph = graph_of(
        Node("n", "Add", ("a", "b"), ("y",), epilogue=("requant",)), tensors=tensors, inputs=("a", "b")
    )
    feeds = {"a": np.zeros((3, 1, 2), np.int8), "b": np.zeros((1, 2), np.int8)}
    with pytest.raises(InputError, match="as many samples of every input"):
        execute(graph, feeds, "tflite_ref")


def test_what_cannot_be_executed_is_named_with_its_node(chain):
    training = replace(chain.nodes[0], name="bn", op="BatchNormalization", attrs={"training_mode": 1}, epilogue=())
    with pytest.raises(InputError, match="node 'bn': BatchNormalization is executed as at inference"):
        execute(replace(chain, nodes=(training, chain.nodes[1])), {"x": STORED}, "tflite_ref")
    strange = replace(chain.nodes[0], name="odd", op="Strange")
    with pytest.raises(InputError, match="node 'odd': operator Strange is not supported"):
        execute(replace(chain, nodes=(strange, chain.nodes[1])), {"x": STORED}, "tflite_ref")


def test_a_network_that_was_only_taken_as_integers_has_no_values(chain):
    """Timing may assume int8; then results have no scale."""
    bare = {name: replace(tensor, quant=None) for name, tensor in chain.tensors.items()}
    with pytest.raises(InputError, match="node 'relu' .*result 'r' is int8 without scale"):
        execute(replace(chain, tensors=bare), {"x": STORED}, "tflite_ref")


def test_a_constant_output_is_given_back():
    value = np.array([1.5, 2.5], np.float32)
    tensors = [
        Tensor("x", (2,)), Tensor("y", (2,)), Tensor("c", (2,), constant=Constant(lambda: value)),
    ]  # fmt: skip
    graph = graph_of(Node("n", "Mul", ("x", "c"), ("y",)), tensors=tensors, outputs=("y", "c"))
    outputs = execute(graph, {"x": np.array([2, 4], np.float32)}, "onnxruntime").outputs
    assert outputs["y"].tolist() == [3.0, 10.0]
    assert outputs["c"].tolist() == [1.5, 2.5]


def test_float_convolution_equals_its_definition(rng):
    image = rng.normal(size=(1, 4, 6, 5)).astype(np.float32)
    weight = rng.normal(size=(6, 2, 3, 2)).astype(np.float32)
    tensors = [
        Tensor("x", image.shape), Tensor("w", weight.shape, constant=Constant(lambda: weight)),
        Tensor("y", (1, 6, 3, 5)),
    ]  # fmt: skip
    attrs = {"group": 2, "strides": (2, 1), "pads": (1, 0, 1, 1), "relu": ()}
    node = Node("n", "Conv", ("x", "w"), ("y",), attrs, ("relu",))
    found = execute(graph_of(node, tensors=tensors), {"x": image}, "onnxruntime").outputs["y"]
    padded = np.pad(image, ((0, 0), (0, 0), (1, 1), (0, 1)))
    for k, oy, ox in np.ndindex(6, 3, 5):
        channels = slice(0, 2) if k < 3 else slice(2, 4)
        sum_ = (padded[0, channels, 2 * oy : 2 * oy + 3, ox : ox + 2] * weight[k]).sum()
        assert found[0, k, oy, ox] == pytest.approx(max(sum_, 0), abs=1e-5)
