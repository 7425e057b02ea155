"""Padding and activations become part of their neighbours; the network computes what it did."""

import numpy as np
import pytest
from onnx.helper import make_node

from simulator.workload.frontends.onnx import load


def conv(rng, *shape):
    return {"w": rng.standard_normal(shape).astype(np.float32)}


ACTIVATIONS = [
    (make_node("Relu", ["y"], ["out"]), {}, "relu", None),
    (make_node("Clip", ["y", "low", "high"], ["out"]), {"low": 0.0, "high": 6.0}, "clip", (0.0, 6.0)),
    (make_node("Clip", ["y", "", "high"], ["out"]), {"high": 1.0}, "clip", (-np.inf, 1.0)),
    (make_node("LeakyRelu", ["y"], ["out"], alpha=0.2), {}, "leaky_relu", (np.float32(0.2),)),
    (make_node("Elu", ["y"], ["out"]), {}, "elu", (1.0,)),
    (make_node("Sigmoid", ["y"], ["out"]), {}, "sigmoid", None),
    (make_node("HardSigmoid", ["y"], ["out"]), {}, "hard_sigmoid", (0.2, 0.5)),
    (make_node("HardSwish", ["y"], ["out"]), {}, "hard_swish", None),
    (make_node("Tanh", ["y"], ["out"]), {}, "tanh", None),
    (make_node("Gelu", ["y"], ["out"]), {}, "gelu", None),
]


@pytest.mark.parametrize(("node", "bounds", "name", "parameters"), ACTIVATIONS, ids=lambda v: str(v)[:12])
def test_activation_after_a_convolution(make, same, rng, node, bounds, name, parameters):
    arrays = conv(rng, 6, 4, 3, 3) | {key: np.float32(value) for key, value in bounds.items()}
    check = load if name == "gelu" else same  # onnx.reference has no Gelu
    graph = check(make([make_node("Conv", ["x", "w"], ["y"]), node], {"x": [1, 4, 6, 6]}, ["out"], arrays))
    (fused,) = graph.nodes
    assert fused.epilogue == (name,)
    assert fused.attrs.get(name) == parameters


def test_activation_after_element_wise_arithmetic(make, same):
    nodes = [make_node("Sum", ["a", "b", "a"], ["y"]), make_node("Relu", ["y"], ["out"])]
    (node,) = same(make(nodes, {"a": [2, 3], "b": [2, 3]}, ["out"])).nodes
    assert (node.op, node.epilogue) == ("Sum", ("relu",))


def test_activation_does_not_join_a_move_nor_a_value_that_others_read(make, same, rng):
    nodes = [make_node("Concat", ["a", "b"], ["y"], axis=1), make_node("Relu", ["y"], ["out"])]
    assert [n.op for n in same(make(nodes, {"a": [2, 3], "b": [2, 3]}, ["out"]))] == ["Concat", "Relu"]
    nodes = [make_node("Add", ["a", "b"], ["y"]), make_node("Relu", ["y"], ["z"])]
    nodes.append(make_node("Mul", ["y", "z"], ["out"]))
    assert [n.op for n in same(make(nodes, {"a": [2, 3], "b": [2, 3]}, ["out"]))] == ["Add", "Relu", "Mul"]
    nodes = [make_node("Add", ["a", "b"], ["y"]), make_node("Relu", ["y"], ["out"])]
    assert len(same(make(nodes, {"a": [2, 3], "b": [2, 3]}, ["out", "y"])).nodes) == 2


def test_bounds_that_the_run_computes_keep_clip_apart(make, same):
    nodes = [make_node("Add", ["a", "b"], ["y"]), make_node("Clip", ["y", "low"], ["out"])]
    path = make(nodes, {"a": [2, 3], "b": [2, 3], "low": []}, ["out"])
    assert [node.op for node in load(path)] == ["Add", "Clip"]


def spelled_silu():
    return [make_node("Sigmoid", ["y"], ["s"]), make_node("Mul", ["y", "s"], ["out"])], {}


def spelled_hard_swish():
    nodes = [
        make_node("HardSigmoid", ["y"], ["s"], alpha=1 / 6, beta=0.5),
        make_node("Mul", ["s", "y"], ["out"]),
    ]
    return nodes, {}


def spelled_relu6_swish():
    nodes = [
        make_node("Add", ["y", "three"], ["a"]),
        make_node("Clip", ["a", "zero", "six"], ["b"]),
        make_node("Mul", ["y", "b"], ["c"]),
        make_node("Div", ["c", "six"], ["out"]),
    ]
    return nodes, {"three": 3.0, "zero": 0.0, "six": 6.0}


def spelled_gelu():
    nodes = [
        make_node("Div", ["y", "root"], ["a"]),
        make_node("Erf", ["a"], ["b"]),
        make_node("Add", ["b", "one"], ["c"]),
        make_node("Mul", ["y", "c"], ["d"]),
        make_node("Mul", ["d", "half"], ["out"]),
    ]
    return nodes, {"root": np.sqrt(2), "one": 1.0, "half": 0.5}


def spelled_gelu_half_first():
    nodes = [
        make_node("Mul", ["y", "half"], ["d"]),
        make_node("Mul", ["y", "root"], ["a"]),
        make_node("Erf", ["a"], ["b"]),
        make_node("Add", ["one", "b"], ["c"]),
        make_node("Mul", ["d", "c"], ["out"]),
    ]
    return nodes, {"root": np.sqrt(0.5), "one": 1.0, "half": 0.5}


@pytest.mark.parametrize(
    ("spell", "name"),
    [
        (spelled_silu, "silu"),
        (spelled_hard_swish, "hard_swish"),
        (spelled_relu6_swish, "hard_swish"),
        (spelled_gelu, "gelu"),
        (spelled_gelu_half_first, "gelu"),
    ],
)
def test_activations_that_the_file_spells_out(make, same, rng, spell, name):
    nodes, scalars = spell()
    arrays = conv(rng, 4, 6) | {key: np.float32(value) for key, value in scalars.items()}
    graph = same(make([make_node("MatMul", ["x", "w"], ["y"]), *nodes], {"x": [3, 4]}, ["out"], arrays))
    assert [(node.op, node.epilogue) for node in graph] == [("MatMul", (name,))]


def test_a_gate_that_others_read_is_kept(make, same):
    nodes = [make_node("Sigmoid", ["x"], ["s"]), make_node("Mul", ["x", "s"], ["out"])]
    assert [node.op for node in same(make(nodes, {"x": [2, 3]}, ["out", "s"]))] == ["Sigmoid", "Mul"]


def test_another_slope_is_no_hard_swish(make, same):
    nodes = [make_node("HardSigmoid", ["x"], ["s"], alpha=0.3), make_node("Mul", ["x", "s"], ["out"])]
    assert [node.op for node in same(make(nodes, {"x": [2, 3]}, ["out"]))] == ["HardSigmoid", "Mul"]


PADS = {"pads": np.array([0, 0, 0, 1, 0, 0, 2, 1])}


def test_padding_before_a_convolution(make, same, rng):
    nodes = [
        make_node("Pad", ["x", "pads"], ["p"]),
        make_node("Conv", ["p", "w"], ["out"], auto_pad="SAME_UPPER"),
    ]
    (node,) = same(make(nodes, {"x": [1, 4, 6, 6]}, ["out"], conv(rng, 6, 4, 3, 3) | PADS)).nodes
    assert node.attrs["pads"] == (1, 2, 3, 2)
    assert "auto_pad" not in node.attrs


def test_padding_before_an_average_pooling_counts(make, same):
    nodes = [
        make_node("Pad", ["x", "pads"], ["p"]),
        make_node("AveragePool", ["p"], ["out"], kernel_shape=[2, 2]),
    ]
    (node,) = same(make(nodes, {"x": [1, 4, 6, 6]}, ["out"], PADS)).nodes
    assert node.attrs["pads"] == (0, 1, 2, 1)
    assert node.attrs["count_include_pad"] == 1


@pytest.mark.parametrize(("before", "count"), [("Relu", 2), ("Tanh", 3)])
def test_zeros_before_a_max_pooling_need_values_that_are_not_negative(make, same, before, count):
    nodes = [
        make_node("Add", ["x", "x"], ["a"]),
        make_node(before, ["a"], ["b"]),
        make_node("Pad", ["b", "pads"], ["p"]),
        make_node("MaxPool", ["p"], ["out"], kernel_shape=[2, 2]),
    ]
    graph = same(make(nodes, {"x": [1, 4, 6, 6]}, ["out"], {"pads": np.array([0, 0, 0, 1, 0, 0, 1, 1])}))
    assert len(graph.nodes) == count


@pytest.mark.parametrize(
    ("pads", "value", "mode"),
    [
        ([0, 1, 0, 0, 0, 1, 0, 0], 0.0, "constant"),
        ([0, 0, -1, 0, 0, 0, 0, 0], 0.0, "constant"),
        ([0, 0, 1, 1, 0, 0, 1, 1], 1.0, "constant"),
        ([0, 0, 1, 1, 0, 0, 1, 1], 0.0, "reflect"),
    ],
)
def test_other_padding_stays(make, same, rng, pads, value, mode):
    nodes = [make_node("Pad", ["x", "pads", "v"], ["p"], mode=mode), make_node("Conv", ["p", "w"], ["out"])]
    channels = 4 + pads[1] + pads[5]
    arrays = conv(rng, 6, channels, 3, 3) | {"pads": np.array(pads), "v": np.float32(value)}
    check = load if min(pads) < 0 else same  # onnx.reference cannot crop
    assert [n.op for n in check(make(nodes, {"x": [1, 4, 6, 6]}, ["out"], arrays))] == ["Pad", "Conv"]
