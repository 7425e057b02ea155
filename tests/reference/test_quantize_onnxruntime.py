"""Networks that are quantized here, in onnxruntime (extra ``golden``): it runs them, and computes the same."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx_saturation import saturates
from trained_network import train

from simulator import execute, load_graph, quantize
from simulator.base.locate import locate
from simulator.workload.frontends import built
from simulator.workload.quantization.calibrate import Range, quant_of
from simulator.workload.quantization.choose import choose
from simulator.workload.quantization.network import read_network
from simulator.workload.quantization.rules import RuleBook, Settings
from simulator.workload.quantization.write import write_qdq

runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
PLAIN = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
FULL = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
COUNT = 60


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    return train(tmp_path_factory.mktemp("trained"))


def theirs(path, feeds, level=PLAIN):
    """Outputs of onnxruntime, sample by sample, by name."""
    options = runtime.SessionOptions()
    options.graph_optimization_level, options.log_severity_level = level, 3
    options.intra_op_num_threads = 1  # more of them wait for each other
    # weights of few bits behind a dequantization: multiply in float32, as the network says
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
    options.add_session_config_entry("session.x64quantprecision", "1")  # see onnx_saturation
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    count = len(next(iter(feeds.values())))
    runs = [session.run(None, {n: a[i : i + 1] for n, a in feeds.items()}) for i in range(count)]
    return {name: np.concatenate([each[j] for each in runs]) for j, name in enumerate(names)}


def ours(path, feeds, **options):
    return execute(load_graph(path), feeds, "onnxruntime", **options).outputs


def differences(path, feeds, step, level):
    """How many outputs differ, of how many, and the largest difference in steps of the output."""
    (mine,), (other,) = ours(path, feeds).values(), theirs(path, feeds, level).values()
    apart = np.abs(mine.reshape(other.shape).astype(np.float64) - other) / step
    return int(np.count_nonzero(apart > 0.01)), apart.size, float(apart.max())


@pytest.fixture
def made(net, tmp_path):
    """Quantize the trained network and write it; its path and what is said of it."""

    def make(**settings):
        found = quantize(net.path, {"x": net.calibration}, **settings)
        found.write(tmp_path / "q.onnx")
        onnx.checker.check_model(str(tmp_path / "q.onnx"), full_check=True)
        return tmp_path / "q.onnx", found

    return make


@pytest.mark.parametrize("activations", ["int8", "uint8"])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("method", ["minmax", "mse"])
def test_int8_is_equal(made, net, activations, per_channel, method):
    path, found = made(activations=activations, per_channel=per_channel, method=method)
    feeds, step = {"x": net.pictures[:COUNT]}, found.layers[-1].scale
    differ, count, most = differences(path, feeds, step, PLAIN)
    assert differ <= 0.005 * count, "bit for bit, save a tie that its sums of float32 decide the other way"
    assert most <= 2.01
    differ, count, most = differences(path, feeds, step, FULL)
    assert differ <= 0.06 * count, "its own integer mean and Softmax round otherwise"
    assert most <= 1.01


@pytest.mark.parametrize("activations", ["int8", "int16"])
def test_int4_weights(made, net, activations):
    path, found = made(weights="int4", activations=activations, per_channel=True, method="mse")
    feeds, step = {"x": net.pictures[:COUNT]}, found.layers[-1].scale
    fast, readable = ours(path, feeds), ours(path, feeds, readable=True)
    np.testing.assert_array_equal(fast["y"], readable["y"])
    _, _, most = differences(path, feeds, step, PLAIN)
    assert most <= (1.01 if activations == "int8" else 20), "int16: sums of float32 are not exact there"
    assert found.accuracy is None


def test_int16_activations_are_near(made, net):
    """onnxruntime has no integer kernels of 16 bits: it computes in float32, ours is exact."""
    path, _ = made(activations="int16", per_channel=True)
    feeds = {"x": net.pictures[:COUNT]}
    _, _, most = differences(path, feeds, 2**-16, PLAIN)
    assert most < 20
    assert np.abs(theirs(path, feeds, FULL)["y"] - theirs(path, feeds)["y"]).max() < 0.02


def test_the_float_network_is_the_same_one(net):
    feeds = {"x": net.pictures[:COUNT]}
    other = theirs(net.path, feeds)["y"]
    np.testing.assert_allclose(ours(net.path, feeds)["y"].reshape(other.shape), other, atol=2e-5)


def small(kind, rng):
    """Nodes, constants, inputs and outputs of a network."""

    def weight(*shape):
        return rng.normal(0, 0.4, shape).astype(np.float32)

    node = helper.make_node
    if kind == "branches":
        constants = {
            "w1": weight(8, 3, 3, 3), "b1": weight(8), "w2": weight(4, 11, 3, 3), "w3": weight(5, 4), "b3": weight(5),
            "low": np.float32(0), "high": np.float32(1.5), "to": np.array([1, -1]), "pads": np.array([0, 0, 1, 1] * 2),
        }  # fmt: skip
        nodes = [
            node("Conv", ["x", "w1", "b1"], ["c"], pads=[1] * 4),
            node("Split", ["c"], ["s", "t"], axis=1, num_outputs=2),
            node("Sigmoid", ["s"], ["g"]), node("Mul", ["s", "g"], ["m"]),
            node("Clip", ["t", "low", "high"], ["clip"]), node("Tanh", ["clip"], ["z"]),
            node("MaxPool", ["x"], ["p"], kernel_shape=[3, 3], pads=[1] * 4),
            node("Concat", ["m", "clip", "p"], ["j"], axis=1), node("Pad", ["j", "pads"], ["d"]),
            node("Conv", ["d", "w2"], ["e"]), node("LeakyRelu", ["e"], ["l"]),
            node("GlobalAveragePool", ["l"], ["a"]), node("Reshape", ["a", "to"], ["f"]),
            node("Gemm", ["f", "w3", "b3"], ["y"], transB=1, alpha=0.5, beta=2.0),
        ]  # fmt: skip
        return nodes, constants, [1, 3, 6, 6], ["y", "clip", "z"]
    constants = {"w": weight(8, 16), "b": weight(16), "v": weight(16, 16), "c": weight(16), "k": np.float32(0.7)}
    nodes = [
        node("MatMul", ["x", "w"], ["a"]), node("Add", ["a", "b"], ["d"]), node("Relu", ["d"], ["r"]),
        node("MatMul", ["r", "v"], ["e"]), node("Add", ["c", "e"], ["f"]), node("Mul", ["f", "k"], ["g"]),
        node("Transpose", ["g"], ["t"], perm=[0, 2, 1]), node("MatMul", ["r", "t"], ["h"]),
        node("Softmax", ["h"], ["s"], axis=-1), node("MatMul", ["s", "r"], ["u"]), node("Sub", ["u", "g"], ["y"]),
    ]  # fmt: skip
    return nodes, constants, [1, 5, 8], ["y"]


def written(kind, seed, path):
    """Write one of the networks; samples for it, and names of its outputs."""
    rng = np.random.default_rng(seed)
    nodes, constants, shape, outputs = small(kind, rng)
    for node in nodes:
        node.name = node.output[0]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, kind, [value("x", 1, shape)], [value(name, 1, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    return {"x": rng.normal(size=(20, *shape[1:])).astype(np.float32)}, outputs


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("attention", "{node: a, weights: float, activations: float}"),
        ("attention", "{node: e, weights: int4, activations: float}"),  # integers times integers, a real bias
        ("attention", "{node: a, activations: int16}"),
        ("attention", "{op: Softmax, activations: float}"),
        ("branches", "{op: Conv, activations: int16}"),
        ("branches", "{node: c, weights: int4, activations: float}"),
        ("branches", "{node: y, weights: int4, activations: float}"),
        ("branches", "{node: m, activations: int16}"),  # a Concat of two types
        ("branches", "{op: Concat, activations: float}"),
        ("branches", "{op: Split, activations: float}"),
        ("branches", "{op: MaxPool, activations: float}"),
    ],
)
def test_mixed_precision(kind, rule, tmp_path):
    feeds, outputs = written(kind, 5, tmp_path / "f.onnx")
    (tmp_path / "rules.yaml").write_text(f"rules: [{rule}]\n")
    found = quantize(tmp_path / "f.onnx", feeds, per_channel=True, rules=tmp_path / "rules.yaml")
    found.write(tmp_path / "q.onnx")
    coarsest = max(layer.scale for layer in found.layers if layer.scale)
    mine, plain, full = (run(tmp_path / "q.onnx", feeds) for run in (ours, theirs, lambda p, f: theirs(p, f, FULL)))
    for name in outputs:
        expected = mine[name].reshape(plain[name].shape)
        differ = np.count_nonzero(np.abs(expected - plain[name]) > 1e-5 + 1e-5 * np.abs(expected))
        assert differ <= 0.01 * expected.size, name
        assert np.abs(expected - full[name]).max() <= 2.01 * coarsest, name


@pytest.mark.parametrize(
    "settings",
    [
        {"activations": "int4"},
        {"activations": "uint4", "per_channel": True},
        {"weights": "int4", "activations": "int4", "symmetric": True},
        {"weights": "int4", "activations": "uint4", "method": "mse"},
    ],
    ids=str,
)
def test_feature_maps_of_four_bits(settings, tmp_path):
    samples, _ = built.carried(locate("digits_mlp", "workloads"))
    quantize("digits_mlp", samples.train, **settings).write(tmp_path / "q.onnx")
    feeds = {"x": samples.test["x"][:, 0]}
    mine, plain = (run(tmp_path / "q.onnx", feeds)["y"] for run in (ours, theirs))
    np.testing.assert_array_equal(mine.reshape(plain.shape), plain)


@pytest.mark.parametrize("kind", ["branches", "attention"])
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"per_channel": True, "activations": "uint8"},
        {"symmetric": True, "method": "percentile", "percentile": 99.9},
        {"weights": "float"},
    ],
    ids=str,
)
def test_other_operators(kind, seed, settings, tmp_path):
    feeds, outputs = written(kind, seed, tmp_path / "f.onnx")
    found = quantize(tmp_path / "f.onnx", feeds, **settings)
    found.write(tmp_path / "q.onnx")
    steps = {layer.node: layer.scale for layer in found.layers}
    mine, plain, full = (run(tmp_path / "q.onnx", feeds) for run in (ours, theirs, lambda p, f: theirs(p, f, FULL)))
    for name in outputs:
        step = steps.get(name) or max(steps.values())
        expected = mine[name].reshape(plain[name].shape)
        differ = np.count_nonzero(np.abs(expected - plain[name]) > 1e-6 + 1e-6 * np.abs(expected))
        real = settings.get("weights") == "float"  # sums of float32 in another order: a step now and then
        assert differ <= (0.01 if real else 0.002) * expected.size, name
        if kind == "attention" and settings.get("symmetric") and saturates():
            continue  # once optimized, a product of two activations is one of unsigned by signed bytes
        assert np.abs(expected - full[name]).max() <= 2.01 * (max(steps.values()) if real else step), name


@pytest.mark.parametrize("per_channel", [False, True])
def test_a_transposed_convolution_in_groups(tmp_path, per_channel):
    """Steps of the way one by one; ranges are those that onnxruntime computes."""
    rng = np.random.default_rng(3)
    constants = {"w": rng.normal(0, 0.4, (4, 3, 3, 3)), "b": rng.normal(0, 0.4, 6)}
    constants |= {"g": rng.uniform(0.5, 2, 6), "o": rng.normal(0, 1, 6), "m": rng.normal(0, 1, 6), "v": rng.uniform(0.1, 2, 6)}
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("ConvTranspose", ["x", "w", "b"], ["t"], "up", strides=[2, 2], group=2),
        helper.make_node("BatchNormalization", ["t", "g", "o", "m", "v"], ["n"], "norm"),
        helper.make_node("Relu", ["n"], ["y"], "relu"),
    ]
    held = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "up", [value("x", 1, [1, 4, 5, 5])], [value("y", 1, None)], held)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "f.onnx")
    network = read_network(tmp_path / "f.onnx")
    onnx.save(network.write(network.nodes, network.constants, []), tmp_path / "folded.onnx")
    feeds = {"x": rng.normal(size=(20, 4, 5, 5)).astype(np.float32)}
    real = theirs(tmp_path / "f.onnx", feeds)["y"]
    np.testing.assert_allclose(theirs(tmp_path / "folded.onnx", feeds)["y"], real, atol=1e-5)
    choice = choose(network, RuleBook(Settings(weights="int16", activations="int16")))
    spans = {"x": Range(feeds["x"].min(), feeds["x"].max()), "y": Range(0, real.max())}
    quants = {name: quant_of(span, "int16", symmetric=False) for name, span in spans.items()}
    written = write_qdq(network, choice, quants, per_channel=per_channel, method="minmax")
    onnx.save(written.model, tmp_path / "q.onnx")
    approximate = theirs(tmp_path / "q.onnx", feeds)["y"]
    assert 10 * np.log10(np.sum(real**2) / np.sum((real - approximate) ** 2)) > 75
    scales = next(each for each in written.model.graph.initializer if each.name == "up.bias.q.scale")
    assert list(scales.dims) == ([6] if per_channel else [])
