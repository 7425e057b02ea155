"""Scales where they do not factor out of an operator, or are not those of its neighbour: values as ONNX has them."""

import numpy as np
import pytest
from onnx import TensorProto
from onnx.helper import make_node

from simulator.base.errors import InputError
from simulator.workload.execute import execute
from simulator.workload.frontends.onnx import load

I8, U8, F = np.int8, np.uint8, np.float32
#: Powers of two, so that sums in float32 are exact in any order.
Q = {"sx": F(0.5), "zx": U8(100), "sy": F(0.25), "zy": U8(30), "sc": F([0.25, 0.5, 2, 0.125]), "zc": U8([3, 200, 0, 77])}
QUANTIZED = make_node("QuantizeLinear", ["x", "sx", "zx"], ["q"], "q")
DEQUANTIZED = make_node("DequantizeLinear", ["q", "sx", "zx"], ["d"], "d")
RESULT = make_node("QuantizeLinear", ["r", "sy", "zy"], ["y"], "store")
PER_CHANNEL = make_node("QuantizeLinear", ["r", "sc", "zc"], ["y"], "store", axis=1)


def stored(real, scale, zero, dtype=U8):
    ends = np.iinfo(dtype)
    return np.clip(np.rint(real / scale) + zero, ends.min, ends.max).astype(dtype)


def passed(x):
    """What x is after having been stored at scale 0.5 and zero point 100."""
    return (stored(x, Q["sx"], 100).astype(F) - 100) * Q["sx"]


def along(values, axis, rank):
    return np.reshape(values, [-1 if i == axis else 1 for i in range(rank)]).astype(F)


def both(graph, feeds):
    """Outputs, which compiled and readable execution agree on."""
    found = [execute(graph, feeds, "onnxruntime", readable=readable).outputs for readable in (True, False)]
    for name in graph.outputs:
        np.testing.assert_array_equal(*(each[name] for each in found), strict=True)
    return found[0]


MOVERS = [
    ("MaxPool", {"kernel_shape": [1, 1]}, lambda q: q),
    ("Transpose", {"perm": [0, 1, 3, 2]}, lambda q: np.swapaxes(q, 2, 3)),
    ("Flatten", {}, lambda q: q.reshape(1, 4)),
    ("Identity", {}, lambda q: q),
    ("Split", {"axis": 1, "num_outputs": 1}, lambda q: q),
]


@pytest.mark.parametrize(("op", "attrs", "moved"), MOVERS, ids=[op for op, *_ in MOVERS])
def test_stored_integers_that_are_moved_to_an_output_stay_what_they_are(make, op, attrs, moved):
    nodes = [QUANTIZED, make_node(op, ["q"], ["y"], "mover", **attrs)]
    graph = load(make(nodes, {"x": [1, 1, 2, 2]}, ["y", "q"], Q))
    found = both(graph, {"x": F([[[[-10, 0], [1, 5]]]])})
    expected = U8([[[[80, 100], [102, 110]]]])
    np.testing.assert_array_equal(found["y"], moved(expected), strict=True)
    np.testing.assert_array_equal(found["q"], expected, strict=True)


def test_integers_of_several_scales_are_moved_as_they_are(make, rng):
    nodes = [
        make_node("QuantizeLinear", ["x", "sc", "zc"], ["q"], axis=1),
        make_node("Transpose", ["q"], ["y"], perm=[1, 0]),
    ]
    x = rng.normal(size=(2, 4)).astype(F) * 9
    found = both(load(make(nodes, {"x": [2, 4]}, ["y"], Q)), {"x": x})["y"]
    np.testing.assert_array_equal(found, stored(x, Q["sc"], Q["zc"]).T, strict=True)


def test_moved_integers_may_be_dequantized_by_other_parameters(make, rng):
    nodes = [QUANTIZED, make_node("Transpose", ["q"], ["t"]), make_node("DequantizeLinear", ["t", "sy", "zy"], ["y"])]
    x = rng.normal(size=(2, 4)).astype(F) * 9
    found = both(load(make(nodes, {"x": [2, 4]}, ["y"], Q)), {"x": x})["y"]
    np.testing.assert_array_equal(found, (stored(x, F(0.5), 100).T.astype(F) - 30) * F(0.25), strict=True)


def test_operators_on_integers_do_not_see_a_scale(make, rng):
    """Cast and Concat of stored integers are of the integers."""
    nodes = [
        QUANTIZED,
        make_node("QuantizeLinear", ["x", "sy", "zy"], ["p"]),
        make_node("Concat", ["q", "p"], ["y"], axis=0),
        make_node("Cast", ["q"], ["c"], to=TensorProto.FLOAT),
    ]
    x = rng.normal(size=(2, 4)).astype(F) * 9
    found = both(load(make(nodes, {"x": [2, 4]}, ["y", "c"], Q)), {"x": x})
    first, second = stored(x, F(0.5), 100), stored(x, F(0.25), 30)
    np.testing.assert_array_equal(found["y"], np.concatenate([first, second]), strict=True)
    np.testing.assert_array_equal(found["c"], first.astype(F), strict=True)


def convolved(x, w):
    """1×1 windows are products; larger ones are summed up window by window."""
    rows, columns = x.shape[2] - w.shape[2] + 1, x.shape[3] - w.shape[3] + 1
    made = np.zeros((len(x), len(w), rows, columns))
    for i, j in np.ndindex(*w.shape[2:]):
        made += np.einsum("bcyx,kc->bkyx", x[:, :, i : i + rows, j : j + columns], w[:, :, i, j])
    return made


def spread(x, w):
    made = np.zeros((len(x), w.shape[1], x.shape[2] + w.shape[2] - 1, x.shape[3] + w.shape[3] - 1))
    for i, j in np.ndindex(*w.shape[2:]):
        made[:, :, i : i + x.shape[2], j : j + x.shape[3]] += np.einsum("bcyx,ck->bkyx", x, w[:, :, i, j])
    return made


PRODUCTS = [
    ("MatMul", {}, (3, 4), (4, 4), np.matmul, 1),
    ("MatMul", {}, (4, 3, 4), (4, 4, 4), np.matmul, 2),
    ("MatMul", {}, (3, 4), (4,), np.matmul, None),
    ("Gemm", {}, (3, 4), (4, 4), np.matmul, 1),
    ("Gemm", {"transB": 1}, (3, 4), (4, 4), lambda x, w: x @ w.T, 0),
    ("Conv", {}, (2, 4, 5, 4), (4, 4, 3, 2), convolved, 0),
    ("ConvTranspose", {}, (2, 4, 3, 4), (4, 4, 3, 2), spread, 1),
]


@pytest.mark.parametrize(
    ("op", "attrs", "shape", "weights", "compute", "channels", "axis"),
    [(*case, axis) for case in PRODUCTS for axis in range(len(case[3])) if case[3][axis] == 4],
)
def test_products_are_of_integers_where_the_scales_of_weights_factor_out(
    make, rng, op, attrs, shape, weights, compute, channels, axis
):
    """Scales and zero points of the weights along every axis; results are the same numbers either way."""
    w, zero = rng.integers(-128, 128, weights).astype(I8), rng.integers(-9, 9, 4).astype(I8)
    scale = F([2**-7, 2**-5, 2**-8, 2**-4])
    nodes = [
        QUANTIZED,
        DEQUANTIZED,
        make_node("DequantizeLinear", ["w", "sw", "zw"], ["wd"], "weights", axis=axis),
        make_node(op, ["d", "wd"], ["r"], "product", **attrs),
        RESULT,
    ]
    graph = load(make(nodes, {"x": list(shape)}, ["y"], Q | {"w": w, "sw": scale, "zw": zero}))
    (product,) = (node for node in graph if node.op == op)
    assert (graph.tensors[product.inputs[0]].dtype == "uint8") == (axis == channels)
    x = rng.normal(size=shape).astype(F) * 4
    real = (w.astype(F) - along(zero, axis, w.ndim)) * along(scale, axis, w.ndim)
    found = both(graph, {"x": x})["y"]
    np.testing.assert_array_equal(found, stored(compute(passed(x), real), F(0.25), 30), strict=True)


@pytest.mark.parametrize(
    ("axis", "move", "moved"),
    [
        (1, make_node("Transpose", ["wd"], ["v"], perm=[1, 0]), lambda w: w.T),
        (0, make_node("Transpose", ["wd"], ["v"], perm=[1, 0]), lambda w: w.T),
        (0, make_node("Reshape", ["wd", "shape"], ["v"]), lambda w: w.reshape(8, 2)),
    ],
)
def test_scales_of_weights_move_with_them(make, rng, axis, move, moved):
    w, scale = rng.integers(-128, 128, (4, 4)).astype(I8), F([2**-7, 2**-5, 2**-8, 2**-4])
    constants = {"w": w, "sw": scale, "zw": np.zeros(4, I8), "shape": np.array([8, 2])}
    weights = make_node("DequantizeLinear", ["w", "sw", "zw"], ["wd"], axis=axis)
    nodes = [QUANTIZED, DEQUANTIZED, weights, move, make_node("MatMul", ["d", "v"], ["r"]), RESULT]
    real = moved(w.astype(F) * along(scale, axis, 2))
    x = rng.normal(size=(3, len(real))).astype(F) * 4
    found = both(load(make(nodes, {"x": list(x.shape)}, ["y"], Q | constants)), {"x": x})["y"]
    np.testing.assert_array_equal(found, stored(passed(x) @ real, F(0.25), 30), strict=True)


def leaky(x):
    return np.where(x >= 0, x, F(0.25) * x)


def mean(x):
    return (x[:, :, 1:, 1:] + x[:, :, 1:, :-1] + x[:, :, :-1, 1:] + x[:, :, :-1, :-1]) / 4


W = np.arange(-32, 32, dtype=I8).reshape(4, 4, 2, 2)
AROUND = ((0, 0), (0, 0), (1, 0), (0, 1))
#: Operator, its operands, its attributes, what it computes of a real operand.
FUNCTIONS = [
    ("Add", ["d", "d"], {}, lambda x: x + x),
    ("Sub", ["c", "d"], {}, lambda x: F(1.5) - x),
    ("Mul", ["d", "d"], {}, lambda x: x * x),
    ("Relu", ["d"], {}, lambda x: np.maximum(x, 0)),
    ("LeakyRelu", ["d"], {"alpha": 0.25}, leaky),
    ("Sigmoid", ["d"], {}, lambda x: 1 / (1 + np.exp(-x))),
    ("Tanh", ["d"], {}, np.tanh),
    ("Pad", ["d", "pads"], {}, lambda x: np.pad(x, AROUND)),
    ("AveragePool", ["d"], {"kernel_shape": [2, 2]}, mean),
    ("MaxPool", ["d"], {"kernel_shape": [1, 2]}, lambda x: np.maximum(x[..., 1:], x[..., :-1])),
    ("MatMul", ["d", "d"], {}, lambda x: x @ x),
    ("Conv", ["d", "wd"], {}, lambda x: convolved(x, W / F(16))),
    ("ConvTranspose", ["d", "wd"], {}, lambda x: spread(x, W / F(16))),
]
MORE = {"c": F(1.5), "pads": np.array([0, 0, 1, 0, 0, 0, 0, 1]), "w": W, "sw": F(1 / 16), "zw": I8(0)}
WEIGHTS = make_node("DequantizeLinear", ["w", "sw", "zw"], ["wd"])


@pytest.mark.parametrize(("op", "operands", "attrs", "compute"), FUNCTIONS, ids=[op for op, *_ in FUNCTIONS])
def test_a_result_with_a_scale_per_channel(make, rng, op, operands, attrs, compute):
    nodes = [QUANTIZED, DEQUANTIZED, WEIGHTS, make_node(op, operands, ["r"], **attrs), PER_CHANNEL]
    x = rng.normal(size=(2, 4, 3, 3)).astype(F) * 4
    found = both(load(make(nodes, {"x": list(x.shape)}, ["y"], Q | MORE)), {"x": x})["y"]
    expected = stored(compute(passed(x)), along(Q["sc"], 1, 4), along(Q["zc"], 1, 4))
    np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize(("op", "operands", "attrs", "compute"), FUNCTIONS, ids=[op for op, *_ in FUNCTIONS])
def test_an_operand_with_a_scale_per_channel(make, rng, op, operands, attrs, compute):
    parameters = ["sc", "zc"]
    nodes = [
        make_node("QuantizeLinear", ["x", *parameters], ["q"], axis=1),
        make_node("DequantizeLinear", ["q", *parameters], ["d"], axis=1),
        WEIGHTS,
        make_node(op, operands, ["r"], **attrs),
        RESULT,
    ]
    x = rng.normal(size=(2, 4, 3, 3)).astype(F) * 4
    scale, zero = along(Q["sc"], 1, 4), along(Q["zc"], 1, 4)
    expected = stored(compute((stored(x, scale, zero) - zero) * scale), F(0.25), 30)
    found = both(load(make(nodes, {"x": list(x.shape)}, ["y"], Q | MORE)), {"x": x})["y"]
    np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize(
    ("op", "compute"), [("QLinearAdd", lambda a, b: a + b), ("QLinearMul", lambda a, b: a * b), ("QLinearMatMul", np.matmul)]
)
def test_one_tensor_read_at_two_scales_by_one_node(make, rng, op, compute):
    names = ["x", "sx", "zx", "x", "sy", "zy", "one", "nine"]
    domain = "" if op == "QLinearMatMul" else "com.microsoft"
    path = make(
        [make_node(op, names, ["y"], domain=domain)], {"x": (TensorProto.UINT8, [4, 4])}, ["y"],
        Q | {"one": F(8), "nine": U8(90)}, domains=["com.microsoft"],
    )  # fmt: skip
    x = rng.integers(0, 256, (4, 4)).astype(U8)
    first, second = (x.astype(F) - 100) * F(0.5), (x.astype(F) - 30) * F(0.25)
    np.testing.assert_array_equal(both(load(path), {"x": x})["y"], stored(compute(first, second), F(8), 90), strict=True)


@pytest.mark.parametrize("beta", [1.0, 2.0])
@pytest.mark.parametrize("shape", [(4,), (1, 4), (3, 1), (3, 4), (1,)])
@pytest.mark.parametrize("kind", ["constant", "computed", "stored"])
def test_a_gemm_with_factors(make, rng, kind, shape, beta):
    w, c = rng.integers(-128, 128, (4, 4)).astype(I8), rng.integers(-99, 99, shape).astype(np.int32)
    constants = {"w": w, "sw": F(2**-6), "zw": I8(0), "c": c, "cr": c.astype(F) / F(16), "scale": F(1 / 16)}
    nodes = [QUANTIZED, DEQUANTIZED, WEIGHTS]
    if kind == "stored":
        nodes.append(make_node("DequantizeLinear", ["c", "scale"], ["cd"]))
    addend = {"constant": "cr", "computed": "ci", "stored": "cd"}[kind]
    nodes += [make_node("Gemm", ["d", "wd", addend], ["r"], alpha=0.5, beta=beta), RESULT]
    inputs = {"x": [3, 4]} | ({"ci": list(shape)} if kind == "computed" else {})
    x = rng.normal(size=(3, 4)).astype(F) * 4
    feeds = {"x": x} | ({"ci": constants["cr"]} if kind == "computed" else {})
    real = F(0.5) * (passed(x) @ (w * F(2**-6))) + F(beta) * constants["cr"]
    found = both(load(make(nodes, inputs, ["y"], Q | constants)), feeds)["y"]
    np.testing.assert_array_equal(found, stored(real, F(0.25), 30), strict=True)


@pytest.mark.parametrize(
    ("names", "attrs", "text"),
    [
        (["b2"], {}, "executed with one addend per column, which 'b2' is not"),
        (["b1"], {"beta": 2.0}, "executed with beta 1, not 2"),
    ],
)
def test_an_integer_gemm_says_what_it_is_not_executed_with(make, names, attrs, text):
    """QGemm has no real form to go back to."""
    operands = ["x", "sx", "zx", "w", "sw", "zw", *names, "sy", "zy"]
    constants = Q | {"w": np.ones((4, 4), U8), "sw": F(1), "zw": U8(0), "b1": np.ones(4, np.int32), "b2": np.ones((3, 4), np.int32)}
    node = make_node("QGemm", operands, ["y"], "gemm", domain="com.microsoft", **attrs)
    graph = load(make([node], {"x": (TensorProto.UINT8, [3, 4])}, ["y"], constants, domains=["com.microsoft"]))
    with pytest.raises(InputError, match=text):
        execute(graph, {"x": np.ones((3, 4), U8)}, "onnxruntime", readable=True)


def test_a_mean_of_stored_integers_is_rounded_with_its_zero_point(make):
    """Means 1.5 and 2.5 and a zero point of 9: half to even of 10.5 and 11.5, not 2 + 9 and 2 + 9."""
    constants = {"one": F(1), "zero": U8(0), "nine": U8(9)}
    node = make_node(
        "QLinearAveragePool", ["x", "one", "zero", "one", "nine"], ["y"],
        domain="com.microsoft", kernel_shape=[1, 2], strides=[1, 2],
    )  # fmt: skip
    path = make([node], {"x": (TensorProto.UINT8, [1, 1, 1, 4])}, ["y"], constants, domains=["com.microsoft"])
    found = both(load(path), {"x": U8([[[[1, 2, 2, 3]]]])})["y"]
    np.testing.assert_array_equal(found, U8([[[[10, 12]]]]), strict=True)
