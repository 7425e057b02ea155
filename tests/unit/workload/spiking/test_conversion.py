"""Rectified units as spiking neurons: shapes of activations, layers, accuracy by steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_rectified import WAYS, Rectified

from simulator.base.errors import InputError
from simulator.workload.execute import execute
from simulator.workload.load import load_graph
from simulator.workload.quantization.quantize import quantize
from simulator.workload.spiking.conversion.convert import convert
from simulator.workload.spiking.conversion.evaluate import evaluate
from simulator.workload.spiking.conversion.response import Affine, Response, response


def staircase(levels: int, amplitude: float, threshold: float):
    return lambda p: amplitude * np.clip(np.floor(p * levels / threshold + 0.5), 0, levels) / levels


@pytest.mark.parametrize("levels", [1, 2, 4, 8, 15, 255])
def test_a_staircase_is_known_by_its_steps(levels):
    found = response(staircase(levels, 3.0, 1.25))
    assert isinstance(found, Response)
    assert found.threshold == pytest.approx(1.25, rel=1e-12)
    assert (found.amplitude, found.levels) == (3.0, levels)


def test_ramps_and_rectifiers():
    assert response(lambda p: np.clip(2 * p, 0, 5)) == Response(2.5, 5.0, 2.0)
    assert response(lambda p: 3 * np.maximum(p, 0)) == Response(np.inf, np.inf, 3.0)
    assert response(lambda p: 3 * np.maximum(p, 0)).at(0.5) == Response(0.5, 1.5, 3.0)  # type: ignore[union-attr]
    assert response(lambda p: 2 * p - 1) == Affine(2.0, -1.0)


@pytest.mark.parametrize(
    "function",
    [
        lambda p: np.where(p > 0, p, 0.1 * p),
        lambda p: 1 / (1 + np.exp(-np.clip(p, -50, 50))),
        lambda p: p / (1 + np.exp(-np.clip(p, -50, 50))),
        lambda p: np.clip(p - 1, 0, 2),
        lambda p: np.minimum(np.maximum(p, 0) ** 2, 4),
        lambda p: np.maximum(p, 0) + 1,
        lambda p: np.full_like(p, 2.0),
    ],
    ids=["leaky", "sigmoid", "silu", "late", "square", "offset", "constant"],
)
def test_what_no_neuron_does_is_refused(function):
    assert not isinstance(response(function), Response)


def small(way: str, folder: Path, rng: np.random.Generator, amplitude: float = 2.0) -> Path:
    """Two products with an activation between them."""
    net = Rectified((1, 6))
    net.add("Gemm", rng.normal(size=(5, 6)), rng.normal(size=5) * 0.1, transB=1)
    net.activate(way, amplitude)
    net.add("Gemm", rng.normal(size=(3, 5)), rng.normal(size=3), transB=1)
    return net.write(folder / f"{way}.onnx")


@pytest.mark.parametrize("way", ["clip", "qcfs", "steps"])
def test_thresholds_from_activations(tmp_path, way):
    """However it is written; what a reader took into the weights is in the threshold as well."""
    drawn = np.random.default_rng(3)
    graph = load_graph(small(way, tmp_path, np.random.default_rng(3)))
    converted = convert(graph)
    (only,) = converted.thresholds
    assert only.source == "activation"
    assert only.amplitude == pytest.approx(2.0)
    assert only.levels == (0 if way == "clip" else 8)
    held = converted.network.synapses.weights[:30].reshape(6, 5).T
    assert held * only.amplitude / only.threshold == pytest.approx(drawn.normal(size=(5, 6)), rel=1e-5)


@pytest.mark.parametrize("way", sorted(WAYS))
def test_outputs_approach_those_of_the_network(tmp_path, rng, way):
    """A rate of T steps is off by half a spike at most; one of as many steps as a staircase has levels is exact."""
    graph = load_graph(small(way, tmp_path, rng))
    samples = rng.normal(size=(30, 6)).astype(np.float32)
    wanted = execute(graph, {"x": samples}, graph.native).outputs[graph.outputs[0]].reshape(30, 3)
    network = convert(graph, {"x": samples}, percentile=100).network
    found = evaluate(network, [{"x": each} for each in samples], [8, 256])
    reach = (
        np.abs(network.synapses.weights[30:]).reshape(5, 3).sum(axis=0).max()
    )  # all neurons off by one spike
    if way in ("qcfs", "steps"):
        assert np.allclose(found.outputs[0], wanted, atol=1e-5)
    else:
        assert np.abs(found.outputs[1] - wanted).max() <= reach * 0.5 / 256 + 1e-5


def test_a_percentile_of_data_is_the_threshold_of_a_relu(tmp_path, rng):
    graph = load_graph(small("relu", tmp_path, rng))
    samples = {"x": rng.normal(size=(50, 6)).astype(np.float32)}
    values = execute(graph, samples, graph.native, all_tensors=True).tensors[graph.nodes[0].outputs[0]]
    for percentile in (90, 100):
        (only,) = convert(graph, samples, percentile=percentile).thresholds
        assert (
            only.threshold == only.amplitude == pytest.approx(np.percentile(values.astype(float), percentile))
        )
        assert only.source == "data"


@pytest.mark.parametrize("activations", ["uint8", "int8"])
def test_quantized_activations_are_staircases(tmp_path, rng, activations):
    """Of 255 levels of its scale; quantizing inputs and outputs is no activation."""
    samples = {"x": rng.normal(size=(50, 6)).astype(np.float32)}
    quantized = quantize(str(small("relu", tmp_path, rng)), samples, activations=activations)
    quantized.write(tmp_path / "q.onnx")
    graph = load_graph(tmp_path / "q.onnx")
    converted = convert(graph)
    (only,) = converted.thresholds
    scale = next(t for n in graph if n.op == "Gemm" for t in graph.results(n)).quant.scale[0]
    assert only.levels == 255
    assert only.threshold == pytest.approx(255 * scale, rel=1e-6)
    assert only.amplitude == pytest.approx(255 * scale, rel=1e-6)
    wanted = execute(graph, samples, graph.native).outputs[graph.outputs[0]].reshape(50, 3)
    found = evaluate(converted.network, [{"x": each} for each in samples["x"]], [255]).outputs[0]
    assert np.abs(found - wanted).max() < 0.1 * np.abs(wanted).max()


def picture(folder: Path, rng: np.random.Generator) -> Path:
    """Convolution, activation, mean pooling, a sum around a second activation, global mean, product."""
    net = Rectified((1, 2, 8, 8))
    net.add("Conv", rng.normal(size=(4, 2, 3, 3)) * 0.5, rng.normal(size=4) * 0.1, pads=[1, 1, 1, 1])
    net.activate("clip", 1.5)
    pooled = net.add("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    net.add("Conv", rng.normal(size=(4, 4, 3, 3)) * 0.3, pads=[1, 1, 1, 1])
    net.add("Add", pooled)
    net.activate("clip", 2.0)
    net.add("GlobalAveragePool")
    net.add("Flatten")
    net.add("MatMul", rng.normal(size=(4, 3)))
    net.add("Softmax", axis=1)
    return net.write(folder / "picture.onnx")


def test_pictures_sums_and_means(tmp_path, rng):
    graph = load_graph(picture(tmp_path, rng))
    converted = convert(graph)
    assert [each.neurons for each in converted.thresholds] == [256, 64]
    assert any("Softmax" in each for each in converted.network.assumptions)
    samples = rng.uniform(0, 1, (6, 2, 8, 8)).astype(np.float32)
    wanted = execute(graph, {"x": samples}, graph.native).outputs[graph.outputs[0]].reshape(6, 3)
    found = evaluate(converted.network, [{"x": each} for each in samples], [400]).outputs[0]
    likely = np.exp(found) / np.exp(found).sum(axis=1, keepdims=True)
    assert np.abs(likely - wanted).max() < 0.01


def test_neurons_spike_with_half_a_threshold_to_begin_with(tmp_path, rng):
    network = convert(load_graph(small("clip", tmp_path, rng))).network
    layer = network.populations[1]
    assert network.start["v"][layer.neurons].tolist() == [1.0] * 5
    assert network.parameters["soft"][layer.neurons].all()
    assert network.parameters["inclusive"][layer.neurons].all()
    assert [each.kind for each in network.populations] == ["input", "neuron", "output"]


def test_spikes_and_operations_are_counted_per_sample(tmp_path, rng):
    network = convert(load_graph(small("clip", tmp_path, rng))).network
    found = evaluate(network, [{"x": np.ones(6)}, {"x": np.zeros(6)}], [4, 2, 4])
    assert found.steps == (2, 4)
    assert found.outputs.shape == (2, 2, 3)
    assert (np.diff(found.spikes) >= 0).all()
    assert found.synaptic_operations[0] >= 2 * 6 * 5 / 2, "inputs of 1 reach all neurons in every step"
    assert found.right(found.outputs[1].argmax(axis=1))[1] == 2


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda net: net.add("MaxPool", kernel_shape=[2, 2]), "node 'maxpool1' (MaxPool): has no spiking form"),
        (lambda net: net.add("Sigmoid"), "node 'sigmoid1' (Sigmoid): is no ReLU, no clipped one and no staircase"),
        (lambda net: net.add("Mul", "x"), "node 'mul1' (Mul): expected a product with a constant"),
        (lambda net: net.add("Relu"), "activations of 'relu1' do not saturate; expected samples"),
    ],
)  # fmt: skip
def test_what_cannot_be_converted(tmp_path, build, message):
    net = Rectified((1, 2, 4, 4))
    build(net)
    with pytest.raises(InputError) as caught:
        convert(load_graph(net.write(tmp_path / "net.onnx")))
    assert message in str(caught.value)


def test_samples_that_tell_nothing(tmp_path, rng):
    graph = load_graph(small("relu", tmp_path, rng))
    with pytest.raises(InputError, match="% of its activations are 0 for these samples"):
        convert(graph, {"x": np.zeros((2, 6), np.float32)}, percentile=1)
    with pytest.raises(InputError, match="--percentile: expected a percentage above 0, at most 100, got 101"):
        convert(graph, {"x": np.zeros((2, 6), np.float32)}, percentile=101)
