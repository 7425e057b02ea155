"""Operators on quantized tensors become the plain operator between tensors that carry scales."""

import numpy as np
import pytest
from onnx.helper import make_node

from simulator.workload.frontends.onnx import load
from simulator.workload.tensor import Quant

U8 = np.uint8
PARAMETERS = {
    "xs": np.float32(0.05), "xz": U8(120), "ws": np.float32([0.01, 0.02, 0.03]), "wz": np.zeros(3, np.int8),
    "ys": np.float32(0.25), "yz": U8(9), "w1": np.float32(0.02), "w0": np.int8(0),
}  # fmt: skip
X = (2, [1, 2, 5, 5])  # uint8


def test_convolution(make, same, rng):
    node = make_node("QLinearConv", ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"], ["y"], "conv")
    arrays = PARAMETERS | {
        "w": rng.integers(-127, 128, (3, 2, 3, 3)).astype(np.int8),
        "b": rng.integers(-999, 999, 3).astype(np.int32),
    }
    feeds = {"x": rng.integers(0, 256, (1, 2, 5, 5)).astype(U8)}
    graph = same(make([node], {"x": X}, ["y"], arrays), feeds, tolerance=0)
    (conv,) = graph.nodes
    assert (conv.op, conv.inputs, conv.epilogue) == ("Conv", ("x", "w", "b"), ("bias", "requant"))
    assert graph.tensors["x"].quant == Quant((float(np.float32(0.05)),), (120,))
    assert graph.tensors["w"].quant.axis == 0
    assert graph.tensors["b"].quant.scale[2] == pytest.approx(0.05 * 0.03)
    assert [graph.tensors[n].dtype for n in ("x", "w", "b", "y")] == ["uint8", "int8", "int32", "uint8"]


def test_matrix_product(make, same, rng):
    node = make_node("QLinearMatMul", ["x", "xs", "xz", "w", "w1", "w0", "ys", "yz"], ["y"])
    arrays = PARAMETERS | {"w": rng.integers(-127, 128, (4, 6)).astype(np.int8)}
    feeds = {"x": rng.integers(0, 256, (3, 4)).astype(U8)}
    (product,) = same(make([node], {"x": (2, [3, 4])}, ["y"], arrays), feeds, tolerance=0).nodes
    assert (product.op, product.inputs, product.epilogue) == ("MatMul", ("x", "w"), ("requant",))


MICROSOFT = [
    ("QLinearAdd", ["x", "xs", "xz", "k", "xs", "xz", "ys", "yz"], {}, "Add", ("x", "k"), ("requant",)),
    ("QLinearMul", ["x", "xs", "xz", "k", "xs", "xz", "ys", "yz"], {}, "Mul", ("x", "k"), ("requant",)),
    (
        "QLinearGlobalAveragePool",
        ["x", "xs", "xz", "ys", "yz"],
        {},
        "GlobalAveragePool",
        ("x",),
        ("requant",),
    ),
    ("QLinearSigmoid", ["x", "xs", "xz", "ys", "yz"], {}, "Sigmoid", ("x",), ("requant",)),
    ("QLinearLeakyRelu", ["x", "xs", "xz", "ys", "yz"], {"alpha": 0.1}, "LeakyRelu", ("x",), ("requant",)),
    (
        "QLinearSoftmax",
        ["x", "xs", "xz", "ys", "yz"],
        {"axis": -1, "opset": 13},
        "Softmax",
        ("x",),
        ("requant",),
    ),
    (
        "QLinearConcat",
        ["ys", "yz", "x", "xs", "xz", "k", "ys", "yz"],
        {"axis": 1},
        "Concat",
        ("x", "k"),
        ("requant",),
    ),
    ("QLinearConcat", ["xs", "xz", "x", "xs", "xz", "k", "xs", "xz"], {"axis": 1}, "Concat", ("x", "k"), ()),
]


@pytest.mark.parametrize(("op", "names", "attrs", "plain", "inputs", "epilogue"), MICROSOFT)
def test_operators_of_com_microsoft(make, op, names, attrs, plain, inputs, epilogue):
    node = make_node(op, names, ["y"], "n", domain="com.microsoft", **attrs)
    path = make(
        [node], {"x": X}, ["y"], PARAMETERS | {"k": np.ones((1, 2, 5, 5), U8)}, domains=["com.microsoft"]
    )
    graph = load(path)
    assert [(n.op, n.inputs, n.epilogue) for n in graph] == [(plain, inputs, epilogue)]
    result = graph.tensors["y"]
    assert result.dtype == "uint8"
    assert result.quant is not None


def test_pooling_and_dense_layer_of_com_microsoft(make):
    pool = make_node(
        "QLinearAveragePool",
        ["x", "xs", "xz", "ys", "yz"],
        ["p"],
        domain="com.microsoft",
        kernel_shape=[5, 5],
    )
    flat = make_node("Flatten", ["p"], ["f"])
    names = ["f", "ys", "yz", "w", "w1", "w0", "b"]
    dense = make_node("QGemm", names, ["y"], domain="com.microsoft", transB=1)
    arrays = PARAMETERS | {"w": np.ones((3, 2), np.int8), "b": np.ones(3, np.int32)}
    graph = load(make([pool, flat, dense], {"x": X}, ["y"], arrays, domains=["com.microsoft"]))
    assert [node.op for node in graph] == ["AveragePool", "Flatten", "Gemm"]
    assert graph.nodes[-1].epilogue == ("bias", "dequant")
    assert graph.tensors["y"].dtype == "fp32"


def test_scales_that_the_run_computes_leave_the_operator_as_it_is(make):
    node = make_node("QLinearMatMul", ["x", "xs", "xz", "w", "w1", "w0", "ys", "yz"], ["y"])
    arrays = {k: v for k, v in PARAMETERS.items() if k != "ys"} | {"w": np.ones((4, 6), np.int8)}
    graph = load(make([node], {"x": (2, [3, 4]), "ys": []}, ["y"], arrays))
    assert [n.op for n in graph] == ["QLinearMatMul"]
