"""Quantization parameters that contradict each other are refused, with file, node and tensor; others are kept."""

import numpy as np
import pytest
from onnx import TensorProto
from onnx.helper import make_node

from simulator.base.errors import InputError
from simulator.workload.execute import execute
from simulator.workload.frontends.onnx import load

I8, U8, F = np.int8, np.uint8, np.float32
SHAPE = [2, 3, 4]


def quantize(constants, **attrs):
    names = ["x", "s", *(["z"] if "z" in constants else [])]
    return make_node("QuantizeLinear", names, ["y"], "q", **attrs), {"x": SHAPE}


def dequantize(constants, **attrs):
    names = ["x", "s", *(["z"] if "z" in constants else [])]
    return make_node("DequantizeLinear", names, ["y"], "q", **attrs), {"x": (TensorProto.INT8, SHAPE)}


ONE = "its scale must be positive and finite, got"
CONTRADICTIONS = [
    ({"s": F(0), "z": I8(0)}, {}, f"{ONE} 0.0"),
    ({"s": F(-0.5), "z": I8(0)}, {}, f"{ONE} -0.5"),
    ({"s": F("nan")}, {}, f"{ONE} nan"),
    ({"s": F("inf")}, {}, f"{ONE} inf"),
    ({"s": F([0.1, 0.2, 0]), "z": np.zeros(3, I8)}, {"axis": 1}, f"{ONE} 0.0 (entry 2)"),
    (
        {"s": F([0.1, 0.2]), "z": np.zeros(2, I8)}, {"axis": 1},
        "its scales have shape [2], and axis 1 has 3 channels; expected one scale, or one per channel",
    ),
    (
        {"s": F([[0.1, 0.2, 0.3]]), "z": np.zeros((1, 3), I8)}, {"axis": 1},
        "its scales have shape [1, 3], and axis 1 has 3 channels; expected one scale, or one per channel",
    ),
    ({"s": F([0.1, 0.2, 0.3]), "z": np.zeros(2, I8)}, {}, "its zero points have shape [2], and its scales [3]"),
    ({"s": F([0.1, 0.2, 0.3]), "z": I8(0)}, {}, "its zero points have shape [], and its scales [3]"),
    (
        {"s": F([0.1, 0.2, 0.3]), "z": np.zeros(3, I8)}, {"axis": 3},
        "axis 3 of its scales does not exist in a tensor of 3 dimensions",
    ),
    (
        {"s": F([0.1, 0.2, 0.3]), "z": np.zeros(3, I8)}, {"axis": -4},
        "axis -4 of its scales does not exist in a tensor of 3 dimensions",
    ),
    (
        {"s": np.ones((2, 3, 3), F), "z": np.zeros((2, 3, 3), I8)}, {"axis": 2, "block_size": 2},
        "blocks of 2 along axis 2 of [2, 3, 4] need scales of shape [2, 3, 2], got [2, 3, 3]",
    ),
]  # fmt: skip


@pytest.mark.parametrize("convert", [quantize, dequantize])
@pytest.mark.parametrize(("constants", "attrs", "text"), CONTRADICTIONS)
def test_a_conversion_that_contradicts_itself(make, convert, constants, attrs, text):
    node, inputs = convert(constants, **attrs)
    path = make([node], inputs, ["y"], constants)
    with pytest.raises(InputError) as error:
        load(path)
    assert f"node 'q' ({node.op_type}): tensor 'x': {text}" in str(error.value)
    assert str(path) in str(error.value)


def test_a_zero_point_of_another_type(make):
    node, inputs = dequantize({"z": 0})
    with pytest.raises(InputError, match="tensor 'x': its zero point is uint8, and it is stored as int8"):
        load(make([node], inputs, ["y"], {"s": F(0.1), "z": U8(3)}))
    node, inputs = quantize({"z": 0}, output_dtype=TensorProto.INT16)
    with pytest.raises(InputError, match="tensor 'x': its zero point is int8, and it is stored as int16"):
        load(make([node], inputs, ["y"], {"s": F(0.1), "z": I8(3)}))


def test_a_constant_weight_is_named(make):
    node = make_node("DequantizeLinear", ["w", "s", "z"], ["wd"], "weights", axis=0)
    product = make_node("MatMul", ["x", "wd"], ["y"])
    arrays = {"w": np.ones((4, 6), I8), "s": np.full(6, 0.1, F), "z": np.zeros(6, I8)}
    text = r"node 'weights' \(DequantizeLinear\): tensor 'w': its scales have shape \[6\], and axis 0 has 4 channels"
    with pytest.raises(InputError, match=text):
        load(make([node, product], {"x": [3, 4]}, ["y"], arrays))


CONVOLUTION = {
    "xs": F(0.05), "xz": U8(120), "w": np.ones((3, 2, 3, 3), I8), "ws": F([0.01, 0.02, 0.03]),
    "wz": np.zeros(3, I8), "ys": F(0.25), "yz": U8(9),
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"xs": F(0)}, f"tensor 'x': {ONE} 0.0"),
        ({"xs": F([0.1, 0.2])}, "tensor 'x': it has 2 scales, and one is expected"),
        ({"xz": I8(3)}, "tensor 'x': its zero point is int8, and it is stored as uint8"),
        ({"ws": F([0.01, 0.02])}, "tensor 'w': its scales have shape [2], and axis 0 has 3 channels"),
        ({"wz": np.zeros(2, I8)}, "tensor 'w': its zero points have shape [2], and its scales [3]"),
        ({"ys": F("nan")}, f"tensor 'y': {ONE} nan"),
    ],
)
def test_a_quantized_operator_that_contradicts_itself(make, changes, text):
    node = make_node("QLinearConv", ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"], ["y"], "conv")
    with pytest.raises(InputError) as error:
        load(make([node], {"x": (TensorProto.UINT8, [1, 2, 5, 5])}, ["y"], CONVOLUTION | changes))
    assert f"node 'conv' (QLinearConv): {text}" in str(error.value)


@pytest.mark.parametrize("op", ["QuantizeLinear", "DequantizeLinear", "QLinearMatMul"])
def test_a_scale_that_becomes_zero_during_the_run(make, op):
    shape, kind = [2, 2], TensorProto.FLOAT if op == "QuantizeLinear" else TensorProto.INT8
    names = ["x", "s", "z"] if op != "QLinearMatMul" else ["x", "s", "z", "x", "s", "z", "s", "z"]
    inputs = {"x": (kind, shape), "s": (TensorProto.FLOAT, []), "z": (TensorProto.INT8, [])}
    graph = load(make([make_node(op, names, ["y"], "n")], inputs, ["y"]))
    feeds = {"x": np.ones(shape, F if op == "QuantizeLinear" else I8), "s": np.asarray(F(0)), "z": np.asarray(I8(0))}
    with pytest.raises(InputError) as error:
        execute(graph, feeds, "onnxruntime", readable=True)
    assert f"node 'n' ({op}): tensor 'x': {ONE} 0.0" in str(error.value)


def test_a_scale_of_blocks_that_is_zero(make):
    """Scales of blocks are looked at when they are used: there may be very many."""
    node = make_node("DequantizeLinear", ["w", "s"], ["wd"], "weights", axis=0, block_size=2)
    product = make_node("MatMul", ["x", "wd"], ["y"], "product")
    arrays = {"w": np.ones((4, 3), I8), "s": F([[0.1, 0.2, 0.3], [0.1, 0, 0.3]])}
    graph = load(make([node, product], {"x": [2, 4]}, ["y"], arrays))
    with pytest.raises(InputError) as error:
        execute(graph, {"x": np.ones((2, 4), F)}, "onnxruntime", readable=True)
    assert f"node 'product' (MatMul): tensor 'wd': {ONE} 0.0 (entry 4)" in str(error.value)


OTHER = {"s": F(0.05), "z": I8(3), "s2": F(0.1), "z2": I8(-7), "s3": F(0.08), "z3": I8(1)}


def test_integers_may_be_dequantized_by_other_parameters(make, rng):
    """The integers stay and mean other numbers."""
    nodes = [
        make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        make_node("DequantizeLinear", ["q", "s2", "z2"], ["d"]),
        make_node("DequantizeLinear", ["q", "s", "z"], ["e"]),
        make_node("Relu", ["d"], ["r"]),
        make_node("QuantizeLinear", ["r", "s3", "z3"], ["rq"]),
        make_node("DequantizeLinear", ["rq", "s3", "z3"], ["y"]),
    ]
    graph = load(make(nodes, {"x": [4, 5]}, ["y", "e"], OTHER))
    x = rng.normal(size=(4, 5)).astype(F)
    found = execute(graph, {"x": x}, "onnxruntime", readable=True).outputs
    stored = np.clip(np.rint(x / F(0.05)) + 3, -128, 127)
    real = np.maximum((stored + 7) * F(0.1), 0)
    np.testing.assert_allclose(found["e"], (stored - 3) * F(0.05), rtol=1e-6)
    np.testing.assert_allclose(found["y"], (np.clip(np.rint(real / F(0.08)) + 1, -128, 127) - 1) * F(0.08), rtol=1e-6)


def test_a_quantized_operator_may_read_by_other_parameters(make, rng):
    nodes = [
        make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        make_node("QLinearMatMul", ["q", "s2", "z2", "w", "s", "z", "s3", "z3"], ["p"]),
        make_node("QLinearMatMul", ["p", "s2", "z2", "w", "s", "z", "s3", "z3"], ["y"], "second"),
    ]
    w = rng.integers(-9, 9, (5, 5)).astype(I8)
    graph = load(make(nodes, {"x": [4, 5]}, ["y"], OTHER | {"w": w}))
    x = rng.normal(size=(4, 5)).astype(F)
    found = execute(graph, {"x": x}, "onnxruntime", readable=True).outputs["y"]

    def product(stored):
        sums = (stored + 7) @ (w.astype(int) - 3)
        return np.clip(np.rint(sums.astype(F) * (F(0.1) * F(0.05) / F(0.08))) + 1, -128, 127).astype(int)

    stored = np.clip(np.rint(x / F(0.05)) + 3, -128, 127).astype(int)
    np.testing.assert_array_equal(found, product(product(stored)))


STORED = {"bs": F([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]), "bz": np.array([[1, 2, 3], [-1, -2, -3]], I8), "s": F(0.5), "z": I8(2),
          "zero": np.array([0]), "two": np.array([2])}  # fmt: skip


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (make_node("Gemm", ["x", "w"], ["y"], alpha=0.5), lambda x, w: 0.5 * (x @ w)),
        (make_node("MatMul", ["x", "w"], ["y"]), lambda x, w: x @ w),
        (make_node("Add", ["x", "wt"], ["y"]), lambda x, w: x + w.T[:2]),
    ],
)
def test_stored_blocks_stand_for_real_numbers_everywhere(make, rng, node, expected):
    stored = rng.integers(-9, 9, (4, 3)).astype(I8)
    nodes = [make_node("DequantizeLinear", ["wq", "bs", "bz"], ["w"], axis=0, block_size=2), node]
    if node.op_type == "Add":
        transpose, part = make_node("Transpose", ["w"], ["t"]), make_node("Slice", ["t", "zero", "two"], ["wt"])
        nodes[1:1] = [transpose, part]
    graph = load(make(nodes, {"x": [2, 4]}, ["y"], STORED | {"wq": stored}))
    x = rng.normal(size=(2, 4)).astype(F)
    w = (stored - np.repeat(STORED["bz"], 2, 0)) * np.repeat(STORED["bs"], 2, 0)
    found = execute(graph, {"x": x}, "onnxruntime", readable=True).outputs["y"]
    np.testing.assert_allclose(found, expected(x, w), rtol=1e-5, atol=1e-6)


def test_zeros_that_are_stored_are_not_zero(make, rng):
    """Adding integers 0 of zero point 2 adds −1: the addition stays."""
    nodes = [make_node("DequantizeLinear", ["c", "s", "z"], ["d"]), make_node("Add", ["x", "d"], ["y"])]
    graph = load(make(nodes, {"x": [2, 4]}, ["y"], STORED | {"c": np.zeros(4, I8)}))
    x = rng.normal(size=(2, 4)).astype(F)
    found = execute(graph, {"x": x}, "onnxruntime", readable=True).outputs["y"]
    np.testing.assert_allclose(found, x - 1, rtol=1e-6)


def test_bounds_that_are_stored_are_real_numbers(make, rng):
    nodes = [
        make_node("DequantizeLinear", ["low", "s", "z"], ["least"]),
        make_node("DequantizeLinear", ["high", "s", "z"], ["most"]),
        make_node("Clip", ["x", "least", "most"], ["y"]),
    ]
    graph = load(make(nodes, {"x": [2, 4]}, ["y"], STORED | {"low": I8(1), "high": I8(3)}))
    x = rng.normal(size=(2, 4)).astype(F)
    found = execute(graph, {"x": x}, "onnxruntime", readable=True).outputs["y"]
    np.testing.assert_allclose(found, np.clip(x, -0.5, 0.5), rtol=1e-6)


@pytest.mark.parametrize(
    ("scale", "zero", "stored"),
    [(F(0.5 * 0.25), 0, True), (F(0.03), 0, False), (F(0.5 * 0.25), 7, False), (F([0.125, 0.01]), [0, 0], False)],
)
def test_a_stored_bias_joins_sums_of_its_scale_alone(make, rng, scale, zero, stored):
    """Of any other scale or zero point it is added as the real numbers that it stands for."""
    weight, bias = rng.integers(-9, 9, (2, 3)).astype(I8), np.array([40, -90], np.int32)
    constants = {
        "w": weight, "b": bias, "sx": F(0.5), "zx": U8(3), "sw": F(0.25), "zw": I8(0),
        "sb": scale, "zb": np.array(zero, np.int32), "sy": F(0.75), "zy": U8(100),
    }  # fmt: skip
    nodes = [
        make_node("DequantizeLinear", ["x", "sx", "zx"], ["xd"]),
        make_node("DequantizeLinear", ["w", "sw", "zw"], ["wd"]),
        make_node("DequantizeLinear", ["b", "sb", "zb"], ["bd"], axis=0),
        make_node("Gemm", ["xd", "wd", "bd"], ["real"], "gemm", transB=1),
        make_node("QuantizeLinear", ["real", "sy", "zy"], ["y"]),
    ]
    graph = load(make(nodes, {"x": (TensorProto.UINT8, [4, 3])}, {"y": TensorProto.UINT8}, constants))
    (gemm,) = (node for node in graph if node.op == "Gemm")
    assert (graph.tensors[gemm.inputs[2]].dtype == "int32") == stored
    x = rng.integers(0, 256, (4, 3)).astype(U8)
    real = (x.astype(float) - 3) * 0.5 @ (weight.T * 0.25) + (bias - np.array(zero)) * scale.astype(float)
    expected = np.clip(np.rint(real / 0.75) + 100, 0, 255)
    for readable in (True, False):
        np.testing.assert_array_equal(execute(graph, {"x": x}, "onnxruntime", readable=readable).outputs["y"], expected)
