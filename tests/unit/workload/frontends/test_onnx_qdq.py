"""Networks with QuantizeLinear and DequantizeLinear: integers inside, the numbers of the file outside."""

import numpy as np
import pytest
from onnx.helper import make_node

from simulator.workload.frontends.onnx import load
from simulator.workload.op import work_of
from simulator.workload.tensor import Quant


def quantize(x, y, s="s", z="z", **attrs):
    return make_node("QuantizeLinear", [x, s, z], [y], f"q_{y}", **attrs)


def dequantize(x, y, s="s", z="z", **attrs):
    return make_node("DequantizeLinear", [x, s, z], [y], f"dq_{y}", **attrs)


SCALES = {
    "s": np.float32(0.05), "z": np.int8(3), "s2": np.float32(0.1), "z2": np.int8(-7),
    "sw": np.float32([0.01, 0.02, 0.03, 0.01, 0.02, 0.03]), "zw": np.zeros(6, np.int8),
}  # fmt: skip


def conv_net(rng, activation="Relu"):
    nodes = [
        quantize("x", "xq"),
        dequantize("xq", "xd"),
        dequantize("wq", "wd", "sw", "zw", axis=0),
        dequantize("bq", "bd", "sb", "zb", axis=0),
        make_node("Conv", ["xd", "wd", "bd"], ["y"], "conv"),
        make_node(activation, ["y"], ["a"], "act"),
        quantize("a", "aq", "s2", "z2"),
        dequantize("aq", "out", "s2", "z2"),
    ]
    arrays = SCALES | {
        "wq": rng.integers(-127, 128, (6, 4, 3, 3)).astype(np.int8),
        "bq": rng.integers(-500, 500, 6).astype(np.int32),
        "sb": SCALES["sw"] * SCALES["s"],
        "zb": np.zeros(6, np.int32),
    }
    return nodes, {"x": [1, 4, 6, 6]}, ["out"], arrays


def test_convolution_computes_on_integers(make, same, rng):
    graph = same(make(*conv_net(rng)))
    assert [node.op for node in graph] == ["QuantizeLinear", "Conv", "DequantizeLinear"]
    conv = graph.nodes[1]
    assert conv.inputs == ("xq", "wd", "bd")
    assert conv.outputs == ("aq",)
    assert conv.epilogue == ("bias", "relu", "requant")
    assert [graph.tensors[name].dtype for name in (*conv.inputs, *conv.outputs)] == [
        "int8",
        "int8",
        "int32",
        "int8",
    ]
    assert graph.tensors["xq"].quant == Quant((float(np.float32(0.05)),), (3,))
    assert graph.tensors["wd"].quant == Quant(tuple(float(s) for s in SCALES["sw"]), (0,) * 6, 0)
    assert work_of(conv, graph)[0].precision == "int8"


def test_conversions_that_stay_read_no_scales(make, rng):
    graph = load(make(*conv_net(rng)))
    assert graph.nodes[0].inputs == ("x",)
    assert graph.nodes[-1].inputs == ("aq",)


def test_result_that_stays_real_is_dequantized_on_the_way_out(make, same, rng):
    nodes, inputs, _, arrays = conv_net(rng)
    conv = same(make(nodes[:-2], inputs, ["a"], arrays)).nodes[-1]
    assert conv.epilogue == ("bias", "dequant", "relu")


def test_weights_alone_quantized_are_read_narrow_and_multiplied_as_floats(make, same, rng):
    nodes = [dequantize("wq", "wd", "sw", "zw", axis=1), make_node("MatMul", ["x", "wd"], ["out"])]
    arrays = SCALES | {"wq": rng.integers(-127, 128, (4, 6)).astype(np.int8)}
    graph = same(make(nodes, {"x": [3, 4]}, ["out"], arrays))
    (node,) = graph.nodes
    assert graph.tensors[node.inputs[1]].dtype == "int8"
    assert work_of(node, graph)[0].precision == "fp32"
    assert node.epilogue == ()


def test_transposed_weights_stay_stored(make, same, rng):
    nodes = [
        dequantize("wq", "wd", "sw", "zw", axis=0),
        make_node("Transpose", ["wd"], ["wt"], perm=[1, 0]),
        make_node("MatMul", ["x", "wt"], ["out"]),
    ]
    arrays = SCALES | {"wq": rng.integers(-127, 128, (6, 4)).astype(np.int8)}
    graph = same(make(nodes, {"x": [3, 4]}, ["out"], arrays))
    weight = graph.tensors[graph.nodes[0].inputs[1]]
    assert (weight.dtype, weight.shape, weight.quant.axis) == ("int8", (4, 6), 1)


def test_reshaped_weights_keep_their_axis_where_it_remains(make, same, rng):
    nodes = [
        dequantize("wq", "wd", "sw", "zw", axis=0),
        make_node("Reshape", ["wd", "shape"], ["wr"]),
        make_node("Conv", ["x", "wr"], ["out"]),
    ]
    arrays = SCALES | {"wq": rng.integers(-127, 128, (6, 4)).astype(np.int8), "shape": np.array([6, 4, 1, 1])}
    graph = same(make(nodes, {"x": [1, 4, 3, 3]}, ["out"], arrays))
    assert graph.tensors[graph.nodes[0].inputs[1]].quant.axis == 0
    nodes = [*nodes[:2], make_node("Add", ["x", "wr"], ["out"])]
    mixed = same(make(nodes, {"x": [24]}, ["out"], arrays | {"shape": np.array([24])}))
    assert mixed.tensors[mixed.nodes[0].inputs[1]].dtype == "fp32"


def test_bias_added_after_a_matrix_product_stays_integer(make, same, rng):
    nodes = [
        quantize("x", "xq"),
        dequantize("xq", "xd"),
        dequantize("wq", "wd", "sw", "zw", axis=1),
        make_node("MatMul", ["xd", "wd"], ["y"]),
        dequantize("bq", "bd", "sb", "zb", axis=0),
        make_node("Add", ["bd", "y"], ["a"]),
        quantize("a", "out", "s2", "z2"),
    ]
    arrays = SCALES | {
        "wq": rng.integers(-127, 128, (4, 6)).astype(np.int8),
        "bq": rng.integers(-99, 99, 6).astype(np.int32),
        "sb": SCALES["s"] * SCALES["sw"],
        "zb": np.zeros(6, np.int32),
    }
    product = same(make(nodes, {"x": [3, 4]}, ["out"], arrays)).nodes[-1]
    assert (product.op, product.epilogue, product.inputs[2]) == ("MatMul", ("bias", "requant"), "bd")


def pair(name):
    return [quantize(name, f"{name}q"), dequantize(f"{name}q", f"{name}d")]


def test_element_wise_arithmetic_requantizes(make, same):
    nodes = [*pair("a"), *pair("b"), make_node("Add", ["ad", "bd"], ["y"]), make_node("Relu", ["y"], ["r"])]
    nodes.append(quantize("r", "out", "s2", "z2"))
    graph = same(make(nodes, {"a": [2, 3], "b": [2, 3]}, ["out"], SCALES))
    assert [(n.op, n.epilogue) for n in graph][-1] == ("Add", ("relu", "requant"))
    assert graph.nodes[-1].inputs == ("aq", "bq")


def test_what_only_chooses_values_does_not_requantize_at_one_scale(make, same):
    pool = make_node("MaxPool", ["ad"], ["y"], kernel_shape=[2, 2])
    one = same(make([*pair("a"), pool, quantize("y", "out")], {"a": [1, 2, 4, 4]}, ["out"], SCALES))
    assert [(n.op, n.epilogue) for n in one] == [("QuantizeLinear", ()), ("MaxPool", ())]
    other = same(
        make([*pair("a"), pool, quantize("y", "out", "s2", "z2")], {"a": [1, 2, 4, 4]}, ["out"], SCALES)
    )
    assert other.tensors["out"].quant.zero_point == (-7,)
    assert sum("requant" in n.epilogue or n.op == "QuantizeLinear" for n in other) == 2


def test_concat_of_equal_scales_is_a_move_and_of_others_requantizes(make, same):
    concat = make_node("Concat", ["ad", "bd"], ["y"], axis=0)
    shapes = {"a": [2, 3], "b": [2, 3]}
    alike = same(make([*pair("a"), *pair("b"), concat, quantize("y", "out")], shapes, ["out"], SCALES))
    assert alike.nodes[-1].epilogue == ()
    differing = [*pair("a"), *pair("b"), concat, quantize("y", "out", "s2", "z2")]
    assert same(make(differing, shapes, ["out"], SCALES)).nodes[-1].epilogue == ("requant",)


def test_split_into_quantized_parts(make, same):
    nodes = [*pair("a"), make_node("Split", ["ad"], ["u", "v"], axis=1, num_outputs=2)]
    nodes += [quantize("u", "uq"), quantize("v", "vq")]
    graph = same(make(nodes, {"a": [2, 4]}, ["uq", "vq"], SCALES))
    assert graph.nodes[-1].outputs == ("uq", "vq")
    assert graph.nodes[-1].inputs[0] == "aq"


def test_a_real_result_keeps_the_conversion_apart(make, same):
    nodes = [*pair("a"), make_node("Softmax", ["ad"], ["out"])]
    graph = same(make(nodes, {"a": [2, 3]}, ["out"], SCALES))
    assert [node.op for node in graph] == ["QuantizeLinear", "DequantizeLinear", "Softmax"]


def test_quantization_behind_a_pooling_moves_before_it(make, same, rng):
    """Conversions only around products, as some exporters write them: the convolution still requantizes."""
    nodes, inputs, _, arrays = conv_net(rng)
    nodes = [
        *nodes[:-2],
        make_node("MaxPool", ["a"], ["p"], kernel_shape=[2, 2]),
        quantize("p", "pq", "s2", "z2"),
    ]
    nodes.append(make_node("Identity", ["pq"], ["out"]))
    graph = same(make(nodes, inputs, ["out"], arrays))
    assert [node.op for node in graph] == ["QuantizeLinear", "Conv", "MaxPool"]
    assert graph.nodes[1].epilogue == ("bias", "relu", "requant")
    assert {graph.tensors[graph.nodes[2].inputs[0]].dtype, graph.tensors["out"].dtype} == {"int8"}


def test_dequantization_before_a_view_moves_behind_it(make, same, rng):
    nodes = [
        *pair("a"),
        make_node("Reshape", ["ad", "shape"], ["r"]),
        dequantize("wq", "wd", "sw", "zw", axis=1),
        make_node("MatMul", ["r", "wd"], ["y"]),
        quantize("y", "out", "s2", "z2"),
    ]
    arrays = SCALES | {"wq": rng.integers(-127, 128, (4, 6)).astype(np.int8), "shape": np.array([3, 4])}
    graph = same(make(nodes, {"a": [3, 2, 2]}, ["out"], arrays))
    assert [node.op for node in graph] == ["QuantizeLinear", "Reshape", "MatMul"]
    assert graph.nodes[-1].epilogue == ("requant",)


def test_a_pair_that_undoes_itself_vanishes_and_another_stays(make, same):
    back = [*pair("a"), quantize("ad", "out")]
    assert [n.op for n in same(make(back, {"a": [2, 3]}, ["out"], SCALES))] == ["QuantizeLinear"]
    change = [*pair("a"), quantize("ad", "out", "s2", "z2")]
    assert len(same(make(change, {"a": [2, 3]}, ["out"], SCALES)).nodes) == 3


def test_blocks_of_weights_bring_their_scales_along(make, rng):
    nodes = [
        dequantize("wq", "wd", "bs", "bz", axis=0, block_size=2),
        make_node("MatMul", ["x", "wd"], ["out"]),
    ]
    arrays = {
        "wq": rng.integers(-7, 8, (4, 6)).astype(np.int8),
        "bs": np.ones((2, 6), np.float32),
        "bz": np.zeros((2, 6), np.int8),
    }
    graph = load(make(nodes, {"x": [3, 4]}, ["out"], arrays))
    (node,) = graph.nodes
    assert node.inputs == ("x", "wd", "", "bs", "bz")
    assert graph.tensors["wd"].dtype == "int8"


def test_scales_that_the_run_computes_keep_the_operators(make):
    nodes = [
        make_node("DynamicQuantizeLinear", ["x"], ["xq", "xs", "xz"]),
        make_node("MatMulInteger", ["xq", "w", "xz"], ["y"]),
        make_node("Cast", ["y"], ["f"], to=1),
        make_node("Mul", ["f", "xs"], ["out"]),
    ]
    graph = load(make(nodes, {"x": [3, 4]}, ["out"], {"w": np.ones((4, 6), np.int8)}))
    assert [node.op for node in graph] == ["DynamicQuantizeLinear", "MatMulInteger", "Cast", "Mul"]
    assert graph.tensors["y"].dtype == "int32"
    assert work_of(graph.nodes[1], graph)[0].precision == "int8"


@pytest.mark.parametrize("activation", ["Relu", "Sigmoid"])
def test_the_same_file_gives_the_same_graph(make, rng, activation):
    path = make(*conv_net(rng, activation))
    one, other = load(path), load(path)
    assert one.nodes == other.nodes
    assert one.tensors == other.tensors
    assert one.digest == other.digest
