"""Networks in the arithmetic of memories: which nodes it is, what goes in and comes out, wrong placements."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulator.base.errors import InputError
from simulator.workload.execute import execute
from simulator.workload.functions import bfloat16
from simulator.workload.graph import Graph, Node
from simulator.workload.numerics import PROFILES
from simulator.workload.pim import plain
from simulator.workload.pim.devices import DEVICES, GDDR6_AIM, HBM_PIM
from simulator.workload.pim.tables import table
from simulator.workload.tensor import NUMPY, Constant, Quant, Tensor

TYPES = ("fp16", "bf16", "fp32")


def stored(array, dtype):
    made = np.asarray(array).astype(NUMPY[dtype])
    return bfloat16(made) if dtype == "bf16" else made


def fixed(name, array, dtype):
    return Tensor(name, array.shape, dtype, constant=Constant(lambda: stored(array, dtype)))


def graph_of(nodes, tensors, inputs=("x",), outputs=("y",)):
    return Graph("g", tuple(nodes), {t.name: t for t in tensors}, inputs, outputs)


@pytest.fixture
def layer(rng):
    """y = relu(x · W' + b), 3 vectors of 300 to 20 outputs, in one of the types."""
    weight, bias = rng.standard_normal((20, 300)), rng.standard_normal(20)

    def make(dtype, op="Gemm", **attrs):
        matrix = weight if op == "Gemm" else weight.T
        tensors = [
            Tensor("x", (3, 300), dtype), fixed("w", matrix, dtype), fixed("b", bias, dtype), Tensor("y", (3, 20), dtype),
        ]  # fmt: skip
        attrs = {"transB": 1, **attrs} if op == "Gemm" else attrs
        node = Node("layer", op, ("x", "w", "b"), ("y",), attrs, ("bias", "relu"))
        return graph_of([node], tensors), stored(matrix if op == "Gemm" else matrix.T, dtype), stored(bias, dtype)

    return make


def expected_layer(device, dtype, x, weight, bias):
    if device is GDDR6_AIM:
        real = plain.dot_bf16(x, weight, bias, device)
    else:
        real = plain.dot_fp16(x, weight, device) + bias.astype(np.float32)
    return stored(np.maximum(real, 0), dtype)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("op", ["Gemm", "MatMul"])
@pytest.mark.parametrize("readable", [False, True])
def test_a_layer_is_computed_as_its_device_does(layer, rng, op, name, dtype, readable):
    graph, weight, bias = layer(dtype, op)
    x = stored(rng.standard_normal((3, 300)), dtype)
    found = execute(graph, {"x": x}, name, readable=readable)
    assert found.profile == name
    np.testing.assert_array_equal(found.outputs["y"], expected_layer(DEVICES[name], dtype, x, weight, bias))
    host = execute(graph, {"x": x}, "onnxruntime").outputs["y"]
    assert host.dtype == found.outputs["y"].dtype
    np.testing.assert_allclose(found.outputs["y"], host, rtol=0.05, atol=1)
    placed = execute(graph, {"x": x}, "onnxruntime", pim={"layer": name}, readable=readable)
    np.testing.assert_array_equal(placed.outputs["y"], found.outputs["y"])
    assert placed.profile == "onnxruntime"


def test_real_numbers_of_32_bits_are_rounded_on_the_way_in_and_not_on_the_way_out():
    """1 + 2^−12 is 1 in FP16; the host's float32 sum of two lanes, 2048 + 1, is not rounded again."""
    tensors = [Tensor("x", (1, 2), "fp32"), fixed("w", np.eye(2, 1) + [[0.0], [1.0]], "fp32"), Tensor("y", (1, 1), "fp32")]
    graph = graph_of([Node("n", "MatMul", ("x", "w"), ("y",))], tensors)
    x = np.array([[2048, 1 + 2.0**-12]], np.float32)
    assert execute(graph, {"x": x}, "hbm_pim").outputs["y"].item() == 2049
    assert execute(graph, {"x": x}, "gddr6_aim").outputs["y"].item() == 2048, "BF16 has no 2049"
    half = graph_of(graph.nodes, [replace(t, dtype="fp16") if not t.constant else fixed("w", t.constant.array(), "fp16") for t in tensors])
    assert execute(half, {"x": x.astype(np.float16)}, "hbm_pim").outputs["y"].item() == 2048, "a tie, to even"


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("op", ["Add", "Mul", "Relu"])
def test_elements(op, dtype, name, rng):
    operands = ("a", "b") if op != "Relu" else ("a",)
    tensors = [Tensor("a", (4, 1, 30), dtype), Tensor("b", (5, 1), dtype), Tensor("y", (4, 5, 30) if op != "Relu" else (4, 1, 30), dtype)]
    graph = graph_of([Node("n", op, operands, ("y",))], tensors, operands)
    feeds = {t.name: stored(rng.standard_normal(t.shape) * 100, dtype) for t in tensors if t.name in operands}
    found = execute(graph, feeds, name).outputs["y"]
    half = DEVICES[name].element == "fp16"
    meaning = {("Add", True): plain.add_fp16, ("Mul", True): plain.multiply_fp16, ("Mul", False): plain.multiply_bf16,
               ("Relu", True): plain.relu_fp16, ("Relu", False): plain.relu_bf16}.get((op, half), np.add)  # fmt: skip
    np.testing.assert_array_equal(found, stored(meaning(*feeds.values()), dtype))
    assert execute(graph, feeds, name, readable=True).outputs["y"].tobytes() == found.tobytes()


@pytest.mark.parametrize(("op", "attrs", "by"), [("Sigmoid", {}, "sigmoid"), ("Gelu", {"approximate": "tanh"}, "gelu_by_tanh")])
def test_functions_by_table_are_those_of_aim_alone(op, attrs, by, rng):
    tensors = [Tensor("x", (50,), "bf16"), Tensor("y", (50,), "bf16")]
    graph = graph_of([Node("n", op, ("x",), ("y",), attrs)], tensors)
    x = stored(rng.standard_normal(50) * 3, "bf16")
    host = execute(graph, {"x": x}, "onnxruntime").outputs["y"]
    np.testing.assert_array_equal(execute(graph, {"x": x}, "hbm_pim").outputs["y"], host)
    np.testing.assert_array_equal(execute(graph, {"x": x}, "gddr6_aim").outputs["y"], plain.activate(x, table(by)))


def test_functions_behind_a_product_are_by_table_as_well(layer, rng):
    graph, weight, bias = layer("bf16")
    graph = replace(graph, nodes=(replace(graph.nodes[0], epilogue=("bias", "tanh")),))
    x = stored(rng.standard_normal((3, 300)) / 8, "bf16")
    sums = plain.dot_bf16(x, weight, bias, GDDR6_AIM)
    np.testing.assert_array_equal(execute(graph, {"x": x}, "gddr6_aim").outputs["y"], plain.activate(sums, table("tanh")))
    sums = plain.dot_fp16(x, weight, HBM_PIM) + bias
    np.testing.assert_array_equal(execute(graph, {"x": x}, "hbm_pim").outputs["y"], bfloat16(np.tanh(sums)))


def test_factors_of_a_gemm_are_the_hosts(layer, rng):
    graph, weight, bias = layer("fp16", alpha=0.5, beta=3.0)
    x = stored(rng.standard_normal((3, 300)), "fp16")
    for name, sums in (("hbm_pim", plain.dot_fp16(x, weight, HBM_PIM)), ("gddr6_aim", plain.dot_bf16(x, weight, None, GDDR6_AIM))):
        expected = np.maximum(np.float32(0.5) * sums + np.float32(3) * bias.astype(np.float32), 0).astype(np.float16)
        np.testing.assert_array_equal(execute(graph, {"x": x}, name).outputs["y"], expected)


def test_a_gemm_of_transposed_operands_and_an_addend_that_is_no_bias(rng):
    shapes = {"x": (40, 3), "w": (40, 20), "c": (3, 20)}
    arrays = {name: stored(rng.standard_normal(shape), "fp16") for name, shape in shapes.items()}
    tensors = [*(Tensor(name, shape, "fp16") for name, shape in shapes.items()), Tensor("y", (3, 20), "fp16")]
    graph = graph_of([Node("n", "Gemm", ("x", "w", "c"), ("y",), {"transA": 1})], tensors, tuple(shapes))
    sums = plain.dot_fp16(arrays["x"].T, arrays["w"].T, HBM_PIM)
    expected = (sums + arrays["c"].astype(np.float32)).astype(np.float16)
    np.testing.assert_array_equal(execute(graph, arrays, "hbm_pim").outputs["y"], expected)


@pytest.mark.parametrize(("first", "second", "result"), [((2, 4, 5, 33), (4, 33, 7), (2, 4, 5, 7)), ((33,), (33, 7), (7,)), ((5, 33), (33,), (5,))])
def test_products_of_batches_and_of_vectors(first, second, result, rng):
    """Products of two activations are the device's too; every pair of matrices is one of its own."""
    tensors = [Tensor("x", first, "fp16"), Tensor("w", second, "fp16"), Tensor("y", result, "fp16")]
    graph = graph_of([Node("n", "MatMul", ("x", "w"), ("y",))], tensors, ("x", "w"))
    x, w = (rng.standard_normal(shape).astype(np.float16) for shape in (first, second))
    found = execute(graph, {"x": x, "w": w}, "hbm_pim").outputs["y"]
    assert found.shape == result
    one = plain.dot_fp16(np.atleast_2d(x[1, 3] if x.ndim == 4 else x), (w[3] if w.ndim == 3 else w.reshape(33, -1)).T, HBM_PIM)
    np.testing.assert_array_equal(found[1, 3] if found.ndim == 4 else found.ravel(), one.astype(np.float16) if found.ndim == 4 else one.astype(np.float16).ravel())


def test_weights_stored_as_integers_are_made_real_first(rng):
    """Operands: x of FP16, W stored in int8 at scale 1/64."""
    weight = rng.integers(-128, 128, (40, 8)).astype(np.int8)
    w = Tensor("w", (40, 8), "int8", Quant((1 / 64,), (0,)), Constant(lambda: weight))
    graph = graph_of([Node("n", "MatMul", ("x", "w"), ("y",))], [Tensor("x", (1, 40), "fp16"), w, Tensor("y", (1, 8), "fp16")])
    x = rng.standard_normal((1, 40)).astype(np.float16)
    expected = plain.dot_fp16(x, (weight / np.float32(64)).T, HBM_PIM).astype(np.float16)
    np.testing.assert_array_equal(execute(graph, {"x": x}, "hbm_pim").outputs["y"], expected)


def integers(rng):
    """An int8 product, requantized."""
    weight = rng.integers(-128, 128, (500, 9)).astype(np.int8)
    w = Tensor("w", (500, 9), "int8", Quant((0.01,), (0,)), Constant(lambda: weight))
    tensors = [Tensor("x", (2, 500), "int8", Quant((0.1,), (3,))), w, Tensor("y", (2, 9), "int8", Quant((2.0,), (-1,)))]
    graph = graph_of([Node("n", "MatMul", ("x", "w"), ("y",), epilogue=("requant",))], tensors)
    return graph, {"x": rng.integers(-128, 128, (2, 500)).astype(np.int8)}


def test_stored_integers_are_exact_in_lpddr5_pim_and_the_hosts_elsewhere(rng):
    """32-bit sums that wrap are the same in any order; requantized as the host does."""
    graph, feeds = integers(rng)
    for host in ("onnxruntime", "tflite_ref", "truncate"):
        plainly = execute(graph, feeds, host).outputs["y"]
        np.testing.assert_array_equal(execute(graph, feeds, host, pim={"n": "lpddr5_pim"}).outputs["y"], plainly)
        if PROFILES[host].library:
            continue  # a library's arithmetic has no other accumulators
        narrow = replace(PROFILES[host], accumulator_bits=12, overflow="saturate")
        assert (execute(graph, feeds, narrow).outputs["y"] != plainly).any()
        placed = execute(graph, feeds, narrow, pim={"n": "lpddr5_pim"})
        np.testing.assert_array_equal(placed.outputs["y"], plainly)
    for name in DEVICES:
        np.testing.assert_array_equal(execute(graph, feeds, name).outputs["y"], execute(graph, feeds, "onnxruntime").outputs["y"])


def test_operators_that_no_device_has_keep_their_meaning(rng):
    """Softmax, Sub, Div, Transpose, an addition of integers; doubles stay with the host."""
    for op, dtype, names in (("Sub", "fp16", "xb"), ("Div", "fp32", "xb"), ("Softmax", "fp16", "x"), ("Add", "int64", "xb"), ("Mul", "fp64", "xb")):
        tensors = [Tensor(name, (3, 50), dtype) for name in ("x", "b", "y")]
        graph = graph_of([Node("n", op, tuple(names), ("y",))], tensors, tuple(names))
        feeds = {name: (rng.standard_normal((3, 50)) * 50).astype(NUMPY[dtype]) for name in names}
        host = execute(graph, feeds, "onnxruntime").outputs["y"]
        for device in DEVICES:
            assert execute(graph, feeds, device).outputs["y"].tobytes() == host.tobytes(), (op, device)


def test_only_nodes_that_are_placed_are_the_devices(rng):
    """Two products, one behind the other: the second alone on HBM-PIM, then each on a device of its own."""
    weight = rng.standard_normal((64, 64)) / 8
    tensors = [Tensor("x", (1, 64), "fp16"), fixed("w", weight, "fp16"), Tensor("m", (1, 64), "fp16"), Tensor("y", (1, 64), "fp16")]
    nodes = [Node("one", "MatMul", ("x", "w"), ("m",)), Node("two", "MatMul", ("m", "w"), ("y",))]
    graph = graph_of(nodes, tensors)
    x = rng.standard_normal((1, 64)).astype(np.float16)
    columns = tensors[1].constant.array().T
    found = execute(graph, {"x": x}, "onnxruntime", pim={"two": "hbm_pim"}, all_tensors=True).tensors
    np.testing.assert_array_equal(found["m"], x @ columns.T)
    np.testing.assert_array_equal(found["y"], plain.dot_fp16(found["m"], columns, HBM_PIM).astype(np.float16))
    both = execute(graph, {"x": x}, "hbm_pim", pim={"one": "gddr6_aim"}, all_tensors=True).tensors
    np.testing.assert_array_equal(both["m"], plain.dot_bf16(x, columns, None, GDDR6_AIM).astype(np.float16))
    np.testing.assert_array_equal(both["y"], plain.dot_fp16(both["m"], columns, HBM_PIM).astype(np.float16))


def test_what_cannot_be_placed_is_said_at_once(rng):
    tensors = [Tensor(name, (4,), "fp16") for name in ("x", "e", "y")] + [Tensor("k", (4,), "int64"), Tensor("s", (4,), "int64")]
    nodes = [
        Node("sum", "Add", ("x", "x"), ("e",)), Node("out", "Exp", ("e",), ("y",)), Node("count", "Add", ("k", "k"), ("s",)),
    ]  # fmt: skip
    graph = graph_of(nodes, tensors, ("x", "k"), ("y", "s"))
    feeds = {"x": np.ones(4, np.float16), "k": np.ones(4, np.int64)}
    pim = {"sun": "hbm_pim", "sum": "hbm-pim", "out": "hbm_pim", "count": "lpddr5_pim"}
    with pytest.raises(InputError) as raised:
        execute(graph, feeds, "onnxruntime", pim=pim)
    assert [problem.message for problem in raised.value.problems] == [
        "expected a node of the network, got 'sun'; did you mean 'sum'?",
        "node 'sum': expected one of hbm_pim, gddr6_aim, lpddr5_pim, got 'hbm-pim'; did you mean 'hbm_pim'?",
        "node 'out': hbm_pim computes MatMul, Gemm, MatMulNBits, Add, Sum, Mul, Relu, got Exp",
        "node 'count': lpddr5_pim computes real numbers of up to 32 bits, or products of 8-bit integers, got int64",
    ]
    with pytest.raises(InputError, match="node 'sum': gddr6_aim computes MatMul, Gemm, MatMulNBits, Mul, Relu, Sigmoid, Tanh, Gelu, got Add"):
        execute(graph, feeds, "onnxruntime", pim={"sum": "gddr6_aim"})
    quantized, stored_feeds = integers(rng)
    with pytest.raises(InputError, match="node 'n': hbm_pim computes real numbers of up to 32 bits, got int8"):
        execute(quantized, stored_feeds, "onnxruntime", pim={"n": "hbm_pim"})


def test_an_integer_element_wise_node_cannot_be_placed():
    q = Quant((0.5,), (3,))
    tensors = [Tensor(name, (4,), "int8", q) for name in ("x", "y")]
    graph = graph_of([Node("n", "Add", ("x", "x"), ("y",), epilogue=("requant",))], tensors)
    with pytest.raises(InputError, match="lpddr5_pim computes MatMul, Gemm, MatMulInteger of integers, got Add"):
        execute(graph, {"x": np.zeros(4, np.int8)}, "onnxruntime", pim={"n": "lpddr5_pim"})


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("biased", [False, True])
def test_weights_of_few_bits_lie_there_as_real_numbers(rng, name, biased):
    """What MatMulNBits packs is widened and scaled before the run; the product is then as that of any weights."""
    packed = rng.integers(0, 256, (24, 4, 16)).astype(np.uint8)
    scales = (rng.standard_normal(96) / 8).astype(np.float16)
    low, high = packed & 15, packed >> 4
    whole = np.stack([low, high], axis=-1).reshape(24, 4, 32).astype(np.float32) - 8
    weight = (whole * scales.astype(np.float32).reshape(24, 4, 1)).reshape(24, 128)[:, :100]
    bias = rng.standard_normal(24).astype(np.float16)
    tensors = [
        Tensor("x", (3, 100), "fp16"), Tensor("y", (3, 24), "fp16"),
        Tensor("w", packed.shape, "uint8", constant=Constant(lambda: packed)),
        Tensor("s", scales.shape, "fp16", constant=Constant(lambda: scales)),
        Tensor("b", bias.shape, "fp16", constant=Constant(lambda: bias)),
    ]  # fmt: skip
    inputs = ("x", "w", "s", "", "", "b") if biased else ("x", "w", "s")
    attrs = {"K": 100, "N": 24, "bits": 4, "block_size": 32}
    graph = graph_of([Node("n", "MatMulNBits", inputs, ("y",), attrs)], tensors)
    x = rng.standard_normal((3, 100)).astype(np.float16)
    device, start = DEVICES[name], bias.astype(np.float32) if biased else None
    if device is GDDR6_AIM:
        expected = plain.dot_bf16(x, weight, start, device)
    else:
        expected = plain.dot_fp16(x, weight, device) + (0 if start is None else start)
    found = execute(graph, {"x": x}, "onnxruntime", pim={"n": name}).outputs["y"]
    np.testing.assert_array_equal(found, expected.astype(np.float16))
    np.testing.assert_array_equal(execute(graph, {"x": x}, name).outputs["y"], found)
    np.testing.assert_allclose(found, execute(graph, {"x": x}, "onnxruntime").outputs["y"], rtol=0.05, atol=0.3)


@pytest.mark.parametrize("name", ["hbm_pim", "lpddr5_pim"])
def test_a_sum_is_one_addition_after_the_other(rng, name):
    """Each rounds: 2048 + 1 + 1 stays 2048 in FP16. Of two operands it is an Add."""
    tensors = [Tensor(each, (3, 40), "fp16") for each in "abcy"]
    feeds = {each: (rng.standard_normal((3, 40)) * 10).astype(np.float16) for each in "abc"}
    feeds["a"][0, 0], feeds["b"][0, 0], feeds["c"][0, 0] = 2048, 1, 1
    graph = graph_of([Node("n", "Sum", ("a", "b", "c"), ("y",))], tensors, ("a", "b", "c"))
    found = execute(graph, feeds, "onnxruntime", pim={"n": name}).outputs["y"]
    assert found[0, 0] == 2048
    np.testing.assert_array_equal(found, plain.add_fp16(plain.add_fp16(feeds["a"], feeds["b"]), feeds["c"]))
    two = graph_of([Node("n", "Sum", ("a", "b"), ("y",))], [t for t in tensors if t.name != "c"], ("a", "b"))
    some = {each: feeds[each] for each in "ab"}
    np.testing.assert_array_equal(execute(two, some, name).outputs["y"], plain.add_fp16(feeds["a"], feeds["b"]))
