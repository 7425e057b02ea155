"""Five int8 networks of MLPerf Tiny against what TensorFlow Lite computed: every number equal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simulator.workload.execute import execute
from simulator.workload.frontends.tflite.read import read
from simulator.workload.load import load_graph
from simulator.workload.rescale import limits

NETWORKS = ("ad01_int8", "kws_ref_model", "pretrainedResnet_quant", "str_ww_ref_model", "vww_96_int8")
PROFILES = {"tflite_ref": "ref", "tflite_xnnpack": "xnnpack"}


@pytest.fixture(scope="module")
def folder(reference: Path) -> Path:
    return reference / "quantized"


@pytest.fixture(scope="module")
def golden(folder):
    return np.load(folder / "golden.npz")


def outputs(graph, inputs, profile, readable=False):
    samples = np.reshape(inputs, (-1, *graph.tensors[graph.inputs[0]].shape))
    return execute(graph, {graph.inputs[0]: samples}, profile, readable=readable).outputs[graph.outputs[0]]


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_equal(name, profile, folder, golden):
    """Eight seeded inputs each, and recorded ones where the reference has them (201)."""
    graph = load_graph(folder / f"{name}.tflite")
    pairs = [("x", f"y_{PROFILES[profile]}"), ("sample_x", f"sample_y_{PROFILES[profile]}")]
    compared = 0
    for inputs, expected in pairs:
        if f"{name}/{inputs}" in golden:
            found = outputs(graph, golden[f"{name}/{inputs}"], profile)
            np.testing.assert_array_equal(found, golden[f"{name}/{expected}"].reshape(found.shape))
            compared += len(found)
    assert compared >= 8


@pytest.mark.parametrize("name", NETWORKS)
def test_every_tensor_is_equal(name, folder):
    """All intermediate tensors of the reference kernels for two inputs."""
    path = folder / f"{name}.tflite"
    graph, tensors = load_graph(path), read(path).tensors
    layers = np.load(folder / f"layers_{name}.npz")
    for i in (0, 1):
        keys = [key for key in layers if key.startswith(f"x{i}/t")]
        activity = execute(graph, {graph.inputs[0]: layers[f"x{i}/in"]}, "tflite_ref", all_tensors=True)
        assert len(keys) == len(graph.nodes), "the reference has one tensor per operator"
        for key in keys:
            name_of = tensors[int(key.split("/t")[1])].name
            np.testing.assert_array_equal(activity.tensors[name_of], layers[key], err_msg=key)


@pytest.mark.parametrize("name", ["kws_ref_model", "str_ww_ref_model"])
def test_plain_numpy_is_equal(name, folder, golden):
    graph = load_graph(folder / f"{name}.tflite")
    found = outputs(graph, golden[f"{name}/x"][:2], "tflite_ref", readable=True)
    np.testing.assert_array_equal(found, golden[f"{name}/y_ref"][:2])


def test_the_wakeword_network_reaches_its_accuracy(folder):
    """41 of 45 labelled spectrograms, 91.1 %."""
    graph = load_graph(folder / "str_ww_ref_model.tflite")
    quant = graph.tensors[graph.inputs[0]].quant
    samples = np.load(folder / "calibration_samples.npz")
    stored = np.clip(np.rint(samples["specs"] / quant.scale[0]) + quant.zero_point[0], *limits("int8"))
    found = outputs(graph, stored.astype(np.int8), "tflite_ref").reshape(45, 3).argmax(axis=1)
    assert (found == samples["labels"]).sum() == 41


def test_profiles_differ(folder, golden):
    """Rounding is visible in the outputs of a whole network: the equalities above are no matter of course."""
    graph = load_graph(folder / "ad01_int8.tflite")
    inputs = golden["ad01_int8/x"]
    reference = outputs(graph, inputs, "tflite_ref")
    assert (outputs(graph, inputs, "truncate") != reference).mean() > 0.1
    assert (outputs(graph, inputs, "half_up") == reference).all(), "fully connected layers round half up"
