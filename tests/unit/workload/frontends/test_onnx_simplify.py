"""Nodes without effect and without readers go; names of inputs and results stay."""

import numpy as np
import pytest
from onnx.helper import make_node


@pytest.mark.parametrize(
    "node",
    [
        make_node("Identity", ["a"], ["b"]),
        make_node("Dropout", ["a"], ["b"]),
        make_node("Cast", ["a"], ["b"], to=1),
        make_node("Reshape", ["a", "shape"], ["b"]),
        make_node("Expand", ["a", "shape"], ["b"]),
        make_node("Transpose", ["a"], ["b"], perm=[0, 1]),
        make_node("Concat", ["a"], ["b"], axis=0),
        make_node("Sum", ["a"], ["b"]),
        make_node("Mul", ["a", "one"], ["b"]),
        make_node("Div", ["a", "one"], ["b"]),
        make_node("Add", ["zero", "a"], ["b"]),
        make_node("Add", ["zeros", "a"], ["b"]),
        make_node("Where", ["never", "zero", "a"], ["b"]),
        make_node("Split", ["a"], ["b"], axis=0, num_outputs=1),
    ],
    ids=lambda node: node.op_type,
)
def test_goes(make, same, node):
    arrays = {
        "shape": np.array([2, 3]), "one": np.float32(1), "zero": np.float32(0),
        "zeros": np.zeros((2, 3), np.float32), "never": np.zeros((2, 1), bool),
    }  # fmt: skip
    nodes = [make_node("Exp", ["x"], ["a"]), node, make_node("Sin", ["b"], ["y"])]
    assert [n.op for n in same(make(nodes, {"x": [2, 3]}, ["y"], arrays))] == ["Exp", "Sin"]


@pytest.mark.parametrize(
    "node",
    [
        make_node("Mul", ["a", "two"], ["b"]),
        make_node("Sub", ["zero", "a"], ["b"]),
        make_node("Cast", ["a"], ["b"], to=10),
        make_node("Transpose", ["a"], ["b"]),
        make_node("Add", ["a", "wide"], ["b"]),
        make_node("Where", ["mixed", "zero", "a"], ["b"]),
    ],
    ids=lambda node: node.op_type,
)
def test_stays(make, same, node):
    arrays = {
        "two": np.float32(2), "zero": np.float32(0), "wide": np.zeros((4, 2, 3), np.float32),
        "mixed": np.array([[True], [False]]),
    }  # fmt: skip
    nodes = [make_node("Exp", ["x"], ["a"]), node]
    assert [n.op for n in same(make(nodes, {"x": [2, 3]}, ["b"], arrays))] == ["Exp", node.op_type]


def test_a_transposition_of_extents_of_one_is_a_view(make, same):
    nodes = [make_node("Exp", ["x"], ["a"]), make_node("Transpose", ["a"], ["y"], perm=[0, 2, 3, 1])]
    graph = same(make(nodes, {"x": [2, 1, 3, 4]}, ["y"]))
    assert [(n.op, n.inputs) for n in graph] == [("Exp", ("x",)), ("Reshape", ("a",))]


def test_results_of_the_network_keep_their_names(make, same):
    nodes = [
        make_node("Exp", ["x"], ["a"]),
        make_node("Identity", ["a"], ["y"]),
        make_node("Sin", ["a"], ["z"]),
    ]
    graph = same(make(nodes, {"x": [2]}, ["y", "z"]))
    assert [(n.inputs, n.outputs) for n in graph] == [(("x",), ("y",)), (("y",), ("z",))]


def test_a_value_that_is_two_results_or_an_input_stays_twice(make, same):
    nodes = [
        make_node("Exp", ["x"], ["a"]),
        make_node("Identity", ["a"], ["y"]),
        make_node("Identity", ["a"], ["z"]),
    ]
    assert [n.op for n in same(make(nodes, {"x": [2]}, ["y", "z"]))] == ["Exp", "Identity"]
    assert [n.op for n in same(make([make_node("Identity", ["x"], ["y"])], {"x": [2]}, ["y"]))] == [
        "Identity"
    ]


def test_chains_and_dead_ends_go(make, same):
    nodes = [
        make_node("Identity", ["x"], ["a"]),
        make_node("Identity", ["a"], ["b"]),
        make_node("Exp", ["b"], ["c"]),
        make_node("Sin", ["b"], ["unread"]),
        make_node("Identity", ["c"], ["d"]),
        make_node("Identity", ["d"], ["y"]),
    ]
    graph = same(make(nodes, {"x": [2]}, ["y"]))
    assert [(n.op, n.inputs, n.outputs) for n in graph] == [("Exp", ("x",), ("y",))]
    assert set(graph.tensors) == {"x", "y"}
