"""What the quantized network looks like, and that it computes what the float one does."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from simulator import execute, load_graph, quantize


def normal(rng, *shape):
    return rng.normal(0, 0.4, shape).astype(np.float32)


def samples(rng, *shape, count=12):
    return rng.normal(0, 1, (count, *shape)).astype(np.float32)


def stored(made):
    """Initializers of a quantized network by name."""
    model = onnx.ModelProto.FromString(made.model)
    onnx.checker.check_model(model, full_check=True)
    return {each.name: each for each in model.graph.initializer}


def run(made, tmp_path, feeds, **options):
    """Outputs of the network as users run it: without further outputs."""
    made.write(tmp_path / "q.onnx")
    return execute(load_graph(tmp_path / "q.onnx"), feeds, "onnxruntime", **options).outputs


def sqnr(real, approximate):
    return 10 * np.log10(np.sum(real**2) / np.sum((real - approximate) ** 2))


def batch_norm(b, rng, x, name, channels):
    b.constant(
        **{f"{name}_g": 1 + normal(rng, channels), f"{name}_b": normal(rng, channels)},
        **{f"{name}_m": normal(rng, channels), f"{name}_v": 0.5 + normal(rng, channels) ** 2},
    )
    b.add("BatchNormalization", [x, *(f"{name}_{part}" for part in "gbmv")], name, epsilon=1e-3)


def branches(rng):
    """Every kind of operator: products, movers that share scales, functions, sums, two results."""

    def build(b):
        b.constant(w1=normal(rng, 8, 3, 3, 3), b1=normal(rng, 8), w2=normal(rng, 4, 14, 3, 3))
        b.constant(w3=normal(rng, 5, 4), b3=normal(rng, 5), low=np.float32(0), high=np.float32(1.5))
        b.constant(pads=np.array([0, 0, 1, 1, 0, 0, 1, 1]), to=np.array([1, -1]), k=np.float32(0.7), c=normal(rng, 1, 3, 1, 1))
        b.add("Conv", ["x", "w1", "b1"], "conv1", pads=[1] * 4)
        b.add("Split", ["conv1"], "part1 part2", axis=1, num_outputs=2)
        b.add("Sigmoid", ["part1"], "gate")
        b.add("Mul", ["part1", "gate"], "silu")
        b.add("Clip", ["part2", "low", "high"], "clip")
        b.add("MaxPool", ["x"], "pool", kernel_shape=[3, 3], pads=[1] * 4)
        b.add("Mul", ["x", "k"], "scaled")
        b.add("Add", ["c", "scaled"], "shifted")
        b.add("Concat", ["silu", "clip", "pool", "shifted"], "joined", axis=1)
        b.add("Pad", ["joined", "pads"], "padded")
        b.add("Conv", ["padded", "w2"], "conv2")
        b.add("LeakyRelu", ["conv2"], "leaky")
        b.add("GlobalAveragePool", ["leaky"], "mean")
        b.add("Reshape", ["mean", "to"], "flat")
        b.add("Gemm", ["flat", "w3", "b3"], "y", transB=1, alpha=0.5, beta=2.0)

    return build


@pytest.mark.parametrize("activations", ["int8", "uint8", "int16"])
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("per_channel", [False, True])
def test_all_kinds_of_operators(network, rng, tmp_path, activations, symmetric, per_channel):
    path = network(branches(rng), opset=18, outputs="y clip")
    feeds = {"x": samples(rng, 3, 6, 6)}
    made = quantize(path, feeds, activations=activations, symmetric=symmetric, per_channel=per_channel)
    before = execute(load_graph(path), feeds, "onnxruntime").outputs
    after, readable = (run(made, tmp_path, feeds, readable=flag) for flag in (False, True))
    for name in ("y", "clip"):
        np.testing.assert_array_equal(after[name], readable[name])
        assert sqnr(before[name], after[name]) == pytest.approx(made.outputs[name], abs=0.01)
        assert made.outputs[name] > 27
    assert all(layer.sqnr_db > 27 for layer in made.layers)
    assert [layer.node for layer in made.layers] == [
        "conv1", "gate", "silu", "clip", "scaled", "shifted", "conv2", "leaky", "mean", "y",
    ]  # fmt: skip


def test_what_only_moves_values_keeps_its_scale(network, rng):
    feeds = {"x": samples(rng, 3, 6, 6)}
    made = quantize(network(branches(rng), opset=18, outputs="y clip"), feeds)
    model = onnx.ModelProto.FromString(made.model)
    scales = {node.output[0]: node.input[1:] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    for group in (
        ("conv1.q", "part1.q", "part2.q"),
        ("x.q", "pool.q", "silu.q", "clip.q", "shifted.q", "joined.q", "padded.q"),
        ("mean.q", "flat.q"),
    ):
        assert len({tuple(scales[name]) for name in group}) == 1, group
    assert scales["gate.q"] != scales["part1.q"]
    everything = next(layer for layer in made.layers if layer.node == "shifted")
    assert everything.low <= feeds["x"].min(), "the range holds all that share it, x among them"


def test_normalizations_are_folded(network, rng, tmp_path):
    def build(b):
        b.constant(w1=normal(rng, 6, 3, 3, 3), w2=normal(rng, 5, 6), b2=normal(rng, 5), axes=np.array([2, 3]))
        b.add("Conv", ["x", "w1"], "conv")
        batch_norm(b, rng, "conv", "norm", 6)
        b.add("Relu", ["norm"], "relu")
        b.add("GlobalAveragePool", ["relu"], "pool")
        b.add("Flatten", ["pool"], "flat")
        b.add("Gemm", ["flat", "w2", "b2"], "gemm", transB=1)
        batch_norm(b, rng, "gemm", "y", 5)

    path, feeds = network(build), {"x": samples(rng, 3, 6, 6)}
    made = quantize(path, feeds, activations="int16", weights="int16")
    ops = [node.op_type for node in onnx.ModelProto.FromString(made.model).graph.node]
    assert "BatchNormalization" not in ops
    assert [layer.node for layer in made.layers] == ["conv", "pool", "gemm"]
    before = execute(load_graph(path), feeds, "onnxruntime").outputs["y"]
    assert sqnr(before, run(made, tmp_path, feeds)["y"]) > 70
    assert made.layers[0].low == 0.0, "the range is that behind Relu"


def test_scales_and_shifts_per_channel_are_folded(network, rng, tmp_path):
    """As converters from other frameworks write a normalization; what differs from row to row stays."""

    def build(b):
        b.constant(w=normal(rng, 4, 3, 3, 3), scale=1 + normal(rng, 4, 1, 1), shift=normal(rng, 1, 4, 1, 1))
        b.constant(by=np.float32(2), less=normal(rng, 4, 1, 1), rows=normal(rng, 4, 1))
        b.add("Conv", ["x", "w"], "conv")
        b.add("Mul", ["scale", "conv"], "scaled")
        b.add("Add", ["scaled", "shift"], "shifted")
        b.add("Div", ["shifted", "by"], "halved")
        b.add("Sub", ["halved", "less"], "lowered")
        b.add("Add", ["lowered", "rows"], "moved")
        b.add("Sub", ["less", "moved"], "y")

    path, feeds = network(build), {"x": samples(rng, 3, 6, 6)}
    made = quantize(path, feeds, activations="int16", weights="int16")
    assert [layer.node for layer in made.layers] == ["conv", "moved", "y"]
    before = execute(load_graph(path), feeds, "onnxruntime").outputs["y"]
    assert sqnr(before, run(made, tmp_path, feeds)["y"]) > 70


def test_integers_are_stored_as_such(network, rng):
    weight = np.array([[0.7, -0.7, 0.1, 0.31], [1.4, 0.0, -1.4, 0.2], [0.0, 0.0, 0.0, 0.07]], np.float32)

    def build(b):
        b.constant(w=weight, b=np.array([0.5, -0.25, 0.0], np.float32))
        b.add("Gemm", ["x", "w", "b"], "y", transB=1)

    made = quantize(network(build, x=[1, 4]), {"x": samples(rng, 4)}, weights="int4", per_channel=True)
    held = stored(made)
    assert held["w.q"].data_type == onnx.TensorProto.INT4
    assert held["w.q"].raw_data == bytes([0x97, 0x31, 0x07, 0x19, 0x00, 0x70]), "two in a byte, low half first"
    expected = [[7, -7, 1, 3], [7, 0, -7, 1], [0, 0, 0, 7]]
    assert numpy_helper.to_array(held["w.q"]).astype(int).tolist() == expected
    np.testing.assert_allclose(numpy_helper.to_array(held["w.q.scale"]), [0.1, 0.2, 0.01], rtol=1e-6)
    step = numpy_helper.to_array(held["x.scale"]) * numpy_helper.to_array(held["w.q.scale"])
    np.testing.assert_array_equal(numpy_helper.to_array(held["y.bias.q.scale"]), step)
    np.testing.assert_array_equal(
        numpy_helper.to_array(held["y.bias.q"]), np.rint(np.array([0.5, -0.25, 0]) / step)
    )
    assert made.constant_bytes[0] == 4 * (12 + 3)
    assert made.constant_bytes[1] == 6 + 3 * 4 + 2 + 3 * 4 + 3 * 4 + 2 * (4 + 1)


def test_a_bias_that_would_not_fit_raises_the_scale(network, rng, tmp_path):
    """Channels of (almost) no weights, as pruned ones are, with a bias."""
    weight = normal(rng, 4, 3, 1, 1)
    weight[1], weight[2] = 0.0, 1e-12
    bias = np.array([0.1, 0.5, -3.0, 0.0], np.float32)

    def build(b):
        b.constant(w=weight, b=bias)
        b.add("Conv", ["x", "w", "b"], "y")

    path, feeds = network(build, x=[1, 3, 4, 4]), {"x": samples(rng, 3, 4, 4)}
    for per_channel in (False, True):
        made = quantize(path, feeds, per_channel=per_channel)
        after = run(made, tmp_path, feeds)["y"].reshape(-1, 4, 4, 4)
        np.testing.assert_allclose(after[:, 1:3], np.broadcast_to(bias[1:3, None, None], after[:, 1:3].shape), atol=0.02)
        assert made.outputs["y"] > 35


def test_weights_alone(network, rng, tmp_path):
    """Activations stay real, weights are stored in 4 bits: as language models are."""

    def build(b):
        b.constant(w=normal(rng, 8, 16), b=normal(rng, 16), w2=normal(rng, 16, 4))
        b.add("MatMul", ["x", "w"], "first")
        b.add("Add", ["first", "b"], "added")
        b.add("Tanh", ["added"], "tanh")
        b.add("MatMul", ["tanh", "w2"], "y")

    path, feeds = network(build, x=[1, 5, 8]), {"x": samples(rng, 5, 8)}
    made = quantize(path, feeds, weights="int4", activations="float", per_channel=True)
    ops = [node.op_type for node in onnx.ModelProto.FromString(made.model).graph.node]
    assert "QuantizeLinear" not in ops
    assert ops.count("DequantizeLinear") == 2
    assert [(layer.weights, layer.activations, layer.scale) for layer in made.layers] == [("int4", "float", None)] * 2
    before = execute(load_graph(path), feeds, "onnxruntime").outputs["y"]
    assert sqnr(before, run(made, tmp_path, feeds)["y"]) == pytest.approx(made.outputs["y"], abs=0.01)


def test_products_of_computed_tensors_and_added_vectors(network, rng, tmp_path):
    """One head of attention, without normalizations."""

    def build(b):
        b.constant(q=normal(rng, 8, 8), k=normal(rng, 8, 8), v=normal(rng, 8, 8), bias=normal(rng, 8))
        for name in "qkv":
            b.add("MatMul", ["x", name], f"m{name}")
        b.add("Add", ["bias", "mq"], "query")
        b.add("Transpose", ["mk"], "key", perm=[0, 2, 1])
        b.add("MatMul", ["query", "key"], "scores")
        b.add("Softmax", ["scores"], "soft", axis=-1)
        b.add("MatMul", ["soft", "mv"], "heads")
        b.add("Add", ["heads", "x"], "y")

    path, feeds = network(build, x=[1, 5, 8]), {"x": samples(rng, 5, 8)}
    made = quantize(path, feeds, per_channel=True)
    graph_nodes = load_graph(path).nodes
    assert [node.op for node in graph_nodes].count("MatMul") == 5
    after = run(made, tmp_path, feeds)["y"]
    before = execute(load_graph(path), feeds, "onnxruntime").outputs["y"]
    assert sqnr(before, after) == pytest.approx(made.outputs["y"], abs=0.01)
    assert made.outputs["y"] > 25
    integer = load_graph(tmp_path / "q.onnx")
    assert [node.epilogue for node in integer if node.op == "MatMul"][0] == ("bias", "requant")
    assert "QuantizeLinear" not in [node.op for node in integer][1:], "all between the ends is integer"


def test_external_data_ends_up_inside(network, rng, tmp_path):
    def build(b):
        b.constant(w=normal(rng, 64, 32))
        b.add("MatMul", ["x", "w"], "y")

    path, feeds = network(build, x=[1, 64]), {"x": samples(rng, 64)}
    inside = quantize(path, feeds)
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert quantize(path, feeds).model == inside.model


def test_an_old_network(network, rng, tmp_path):
    """Operator set 8: attributes that became operands, constants among the inputs, Constant nodes."""

    def build(b):
        b.constant(w=normal(rng, 4, 3, 3, 3))
        b.add("Constant", [], "b", value=numpy_helper.from_array(normal(rng, 4)))
        b.add("Conv", ["x", "w", "b"], "conv")
        b.add("Clip", ["conv"], "clip", min=0.0, max=1.0)
        b.add("Dropout", ["clip"], "drop")
        b.add("AveragePool", ["drop"], "pool", kernel_shape=[4, 4])
        b.add("Softmax", ["pool"], "y", axis=1)  # over all axes from 1 on: becomes several nodes

    path, feeds = network(build, opset=8, ir=3), {"x": samples(rng, 3, 6, 6)}
    made = quantize(path, feeds)
    model = onnx.ModelProto.FromString(made.model)
    assert (model.ir_version, model.opset_import[0].version) == (10, 21)
    assert [value.name for value in model.graph.input] == ["x"]
    assert made.layers[0].high <= 1.0, "the range is that behind Clip"
    assert sqnr(execute(load_graph(path), feeds, "onnxruntime").outputs["y"], run(made, tmp_path, feeds)["y"]) > 40


def test_constant_and_empty_tensors(network, tmp_path):
    """A tensor that is the same number everywhere, one of zeros, one sample."""

    def build(b):
        b.constant(w=np.zeros((4, 4), np.float32), b=np.full(4, 2.5, np.float32), k=np.zeros(4, np.float32))
        b.add("Gemm", ["x", "w", "b"], "same")
        b.add("Mul", ["same", "k"], "zeros")
        b.add("Add", ["same", "zeros"], "y")

    path = network(build, x=[1, 4])
    for method in ("minmax", "percentile", "mse"):
        feeds = {"x": np.zeros((1, 4), np.float32)}
        made = quantize(path, feeds, method=method, percentile=100)
        np.testing.assert_allclose(run(made, tmp_path, feeds)["y"], 2.5, rtol=1e-3)
        assert [layer.sqnr_db for layer in made.layers][1] is None, "zeros are exact"
        assert made.layers[1].scale == 1.0


@pytest.mark.parametrize("op", ["Conv", "Gemm", "MatMul"])
@pytest.mark.parametrize("stored", [False, True])
def test_a_real_bias_behind_integers(network, rng, tmp_path, op, stored):
    """Dequantized operands and a bias that is real, as some exporters write it; the result real or stored."""
    weight = rng.integers(-127, 128, (4, 6, 1, 1) if op == "Conv" else (6, 4)).astype(np.int8)
    bias = normal(rng, 4) * 100

    def build(b):
        b.constant(w=weight, b=bias, s=np.float32(0.02), z=np.int8(3), ws=np.float32(0.1), wz=np.int8(0))
        b.constant(t=np.float32(0.9), u=np.int8(-7))
        b.add("QuantizeLinear", ["x", "s", "z"], "xq")
        b.add("DequantizeLinear", ["xq", "s", "z"], "xd")
        b.add("DequantizeLinear", ["w", "ws", "wz"], "wd")
        operands = ["xd", "wd"] if op == "MatMul" else ["xd", "wd", "b"]
        b.add(op, operands, "product" if op == "MatMul" or stored else "y")
        if op == "MatMul":
            b.add("Add", ["product", "b"], "sum" if stored else "y")
        if stored:
            b.add("QuantizeLinear", ["sum" if op == "MatMul" else "product", "t", "u"], "y")

    path = network(build, opset=21, ir=10, x=[1, 6, 2, 2] if op == "Conv" else [3, 6])
    x = rng.normal(size=(1, 6, 2, 2) if op == "Conv" else (3, 6)).astype(np.float32)
    if stored:
        model = onnx.load(path)
        model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT8
        onnx.save(model, path)
    real = (np.clip(np.rint(x / np.float32(0.02)) + 3, -128, 127) - 3) * 0.02
    rows = np.moveaxis(real, 1, -1).reshape(-1, 6) if op == "Conv" else real
    expected = rows @ (weight.reshape(4, 6).T if op == "Conv" else weight) * 0.1 + bias
    found = execute(load_graph(path), {"x": x}, "onnxruntime").outputs["y"]
    found = np.moveaxis(found, 1, -1).reshape(-1, 4) if op == "Conv" else found
    if stored:
        expected = np.clip(np.rint(expected / 0.9) - 7, -128, 127)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
