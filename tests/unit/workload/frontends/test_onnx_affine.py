"""Scales and shifts fold into weights without changing what the network computes."""

import numpy as np
import pytest
from onnx.helper import make_node

from simulator.workload.frontends.onnx import load


def constants(rng, channels):
    return {
        "scale": rng.uniform(0.5, 2, channels).astype(np.float32),
        "beta": rng.standard_normal(channels).astype(np.float32),
        "mean": rng.standard_normal(channels).astype(np.float32),
        "var": rng.uniform(0.5, 2, channels).astype(np.float32),
    }


NORMALIZE = make_node("BatchNormalization", ["y", "scale", "beta", "mean", "var"], ["z"], "bn", epsilon=1e-3)


def test_batch_normalization_scale_and_shift_fold_into_a_convolution(make, same, rng):
    nodes = [
        make_node("Conv", ["x", "w"], ["y"], "conv", pads=[1, 1, 1, 1]),
        NORMALIZE,
        make_node("Mul", ["z", "m"], ["a"], "mul"),
        make_node("Add", ["a", "s"], ["b"], "add"),
        make_node("Relu", ["b"], ["out"], "act"),
    ]
    more = {
        "w": rng.standard_normal((6, 4, 3, 3)).astype(np.float32),
        "m": rng.standard_normal((6, 1, 1)).astype(np.float32),
        "s": rng.standard_normal((1, 6, 1, 1)).astype(np.float32),
    }
    graph = same(make(nodes, {"x": [2, 4, 5, 5]}, ["out"], constants(rng, 6) | more))
    (conv,) = graph.nodes
    assert (conv.name, conv.op, conv.epilogue) == ("conv", "Conv", ("bias", "relu"))
    assert conv.inputs == ("x", "conv.weight", "conv.bias")
    assert graph.tensors["conv.weight"].constant is not None


@pytest.mark.parametrize("transposed", [0, 1])
def test_into_a_gemm(make, same, rng, transposed):
    nodes = [make_node("Gemm", ["x", "w", "c"], ["y"], "fc", transB=transposed), NORMALIZE]
    shape = (6, 4) if transposed else (4, 6)
    more = {
        "w": rng.standard_normal(shape).astype(np.float32),
        "c": rng.standard_normal(6).astype(np.float32),
    }
    (node,) = same(make(nodes, {"x": [3, 4]}, ["z"], constants(rng, 6) | more)).nodes
    assert (node.op, node.epilogue) == ("Gemm", ("bias",))


def test_into_a_transposed_convolution(make, same, rng):
    nodes = [make_node("ConvTranspose", ["x", "w"], ["y"], "up", strides=[2, 2]), NORMALIZE]
    more = {"w": rng.standard_normal((4, 6, 3, 3)).astype(np.float32)}
    (node,) = same(make(nodes, {"x": [1, 4, 5, 5]}, ["z"], constants(rng, 6) | more)).nodes
    assert node.epilogue == ("bias",)


def test_into_a_transposed_convolution_in_groups(make, rng):
    scale = np.arange(1, 7, dtype=np.float32)
    nodes = [
        make_node("ConvTranspose", ["x", "w"], ["y"], "up", group=2),
        make_node("Mul", ["y", "s"], ["z"]),
    ]
    arrays = {"w": np.ones((4, 3, 3, 3), np.float32), "s": scale.reshape(6, 1, 1)}
    graph = load(make(nodes, {"x": [1, 4, 5, 5]}, ["z"], arrays))
    weight = graph.tensors[graph.nodes[0].inputs[1]].constant.array()
    # input channels 0, 1 belong to output channels 0 to 2, input channels 2, 3 to 3 to 5
    assert (weight[:2] == scale[:3].reshape(1, 3, 1, 1)).all()
    assert (weight[2:] == scale[3:].reshape(1, 3, 1, 1)).all()


def test_a_chain_without_a_product_becomes_one_normalization(make, same, rng):
    nodes = [
        make_node("BatchNormalization", ["x", "scale", "beta", "mean", "var"], ["y"], "bn"),
        make_node("Mul", ["m", "y"], ["a"]),
        make_node("Sub", ["a", "s"], ["b"]),
        make_node("Relu", ["b"], ["out"]),
    ]
    more = {"m": np.full((6, 1, 1), 0.5, np.float32), "s": rng.standard_normal((6, 1, 1)).astype(np.float32)}
    (node,) = same(make(nodes, {"x": [2, 6, 3, 3]}, ["out"], constants(rng, 6) | more)).nodes
    assert (node.op, node.epilogue, len(node.inputs)) == ("BatchNormalization", ("relu",), 5)


def test_a_bias_of_a_matrix_product_and_a_division(make, same, rng):
    nodes = [
        make_node("MatMul", ["x", "w"], ["y"], "mm"),
        make_node("Div", ["y", "d"], ["a"]),
        make_node("Add", ["a", "b"], ["out"]),
    ]
    arrays = {
        "w": rng.standard_normal((4, 6)).astype(np.float32),
        "d": np.float32(3),
        "b": rng.standard_normal(6).astype(np.float32),
    }
    (node,) = same(make(nodes, {"x": [2, 3, 4]}, ["out"], arrays)).nodes
    assert (node.op, node.epilogue, len(node.inputs)) == ("MatMul", ("bias",), 3)


def test_a_scale_between_two_computed_operands_stays(make, same):
    nodes = [make_node("MatMul", ["q", "k"], ["y"]), make_node("Mul", ["y", "s"], ["out"])]
    graph = same(make(nodes, {"q": [2, 3, 4], "k": [2, 4, 5]}, ["out"], {"s": np.float32(0.125)}))
    assert [node.op for node in graph] == ["MatMul", "Mul"]


def test_nothing_folds_behind_an_activation_or_into_a_value_that_others_read(make, same, rng):
    weights = {"w": rng.standard_normal((6, 4)).astype(np.float32), "s": np.float32(2)}
    behind = [make_node("Gemm", ["x", "w"], ["y"], transB=1), make_node("Relu", ["y"], ["z"])]
    behind.append(make_node("Mul", ["z", "s"], ["out"]))
    assert [n.op for n in same(make(behind, {"x": [3, 4]}, ["out"], weights))] == ["Gemm", "Mul"]
    shared = [make_node("Gemm", ["x", "w"], ["y"], transB=1), make_node("Mul", ["y", "s"], ["out"])]
    assert [n.op for n in same(make(shared, {"x": [3, 4]}, ["out", "y"], weights))] == ["Gemm", "Mul"]


def test_weights_that_two_nodes_share_are_folded_apart(make, same, rng):
    nodes = [
        make_node("Gemm", ["x", "w"], ["a"], "one", transB=1),
        make_node("Mul", ["a", "s"], ["b"]),
        make_node("Gemm", ["x", "w"], ["c"], "two", transB=1),
        make_node("Mul", ["c", "t"], ["d"]),
        make_node("Add", ["b", "d"], ["out"]),
    ]
    arrays = {"w": rng.standard_normal((6, 4)).astype(np.float32), "s": np.float32(2), "t": np.float32(-3)}
    graph = same(make(nodes, {"x": [3, 4]}, ["out"], arrays))
    assert [node.op for node in graph] == ["Gemm", "Gemm", "Add"]
    assert graph.nodes[0].inputs[1] != graph.nodes[1].inputs[1]


def test_a_scale_along_another_axis_stays(make, same, rng):
    arrays = {"w": rng.standard_normal((6, 4)).astype(np.float32), "s": np.full((3, 1), 2, np.float32)}
    nodes = [make_node("Gemm", ["x", "w"], ["y"], transB=1), make_node("Mul", ["y", "s"], ["out"])]
    assert [n.op for n in same(make(nodes, {"x": [3, 4]}, ["out"], arrays))] == ["Gemm", "Mul"]


def test_weights_are_not_evaluated_while_loading(make, rng):
    nodes = [
        make_node("ConstantOfShape", ["shape"], ["w"]),
        make_node("Gemm", ["x", "w"], ["y"]),
        make_node("Mul", ["y", "s"], ["out"]),
    ]
    arrays = {"shape": np.array([1 << 20, 1 << 20]), "s": np.float32(2)}
    graph = load(make(nodes, {"x": [1, 1 << 20]}, ["out"], arrays))
    assert graph.nodes[0].op == "Gemm"
    assert graph.tensors[graph.nodes[0].inputs[1]].shape == (1 << 20, 1 << 20)  # 4 TiB, had it been made
