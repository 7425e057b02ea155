"""Spiking networks against reference runs: a specified integer LIF, Brian2, SANA-FE, NIR, a converted classifier."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from onnx_rectified import Rectified

from simulator.workload.execute import execute
from simulator.workload.load import load_graph, load_spiking
from simulator.workload.spiking.conversion.convert import convert
from simulator.workload.spiking.conversion.evaluate import evaluate
from simulator.workload.spiking.drive import poisson
from simulator.workload.spiking.execute import execute_spikes


@pytest.fixture
def spiking(reference: Path) -> Path:
    return reference / "spiking"


@pytest.fixture(params=["compiled", "readable"])
def readable(request) -> bool:
    return request.param == "readable"


def test_lif_int_200(spiking, readable):
    """Every spike in order, every potential of 16 neurons after each step, all final states."""
    wanted = np.load(spiking / "lif_int_200.npz")
    ran = execute_spikes(load_spiking(spiking / "lif_int_200.npz"), traced=range(16), readable=readable)
    assert len(ran.spike_steps) == 14_760
    assert np.array_equal(ran.spike_steps, wanted["spike_t"])
    assert np.array_equal(ran.spike_neurons, wanted["spike_n"])
    assert np.array_equal(ran.traces["v"], wanted["v_trace16"])
    assert np.array_equal(ran.state.variables["u"], wanted["u_final"])
    assert np.array_equal(ran.state.variables["v"], wanted["v_final"])


def test_brian2_cuba_euler_200(spiking, readable):
    """Brian2 2.9: all 2,475 spikes in order, final states to 1e-12."""
    wanted = np.load(spiking / "brian2_cuba_euler_200.npz")
    ran = execute_spikes(load_spiking(spiking / "brian2_cuba_euler_200.npz"), readable=readable)
    assert len(ran.spike_steps) == 2_475
    assert np.array_equal(ran.spike_steps, wanted["spike_step"])
    assert np.array_equal(ran.spike_neurons, wanted["spike_n"])
    for name in ("v", "ge", "gi"):
        assert np.abs(ran.state.variables[name] - wanted[f"{name}_final"]).max() < 1e-12


@pytest.mark.parametrize("timing", ["simple", "detailed", "cycle"])
def test_sanafe_random200(spiking, readable, timing):
    """SANA-FE: fired and updated neurons and synaptic events, in every step and in all."""
    wanted = json.loads((spiking / "random200_results.json").read_text())[timing]
    network = load_spiking(spiking / "random200_net.npz")
    ran = execute_spikes(network, steps=200, groups=np.zeros(200), readable=readable)
    fan_out = network.synapses.fan_out
    events = np.bincount(ran.spike_steps, fan_out[ran.spike_neurons], 200)
    assert np.diff(ran.offsets).tolist() == wanted["perf"]["fired"]
    assert events.tolist() == wanted["perf"]["spikes"]
    assert ran.updated[:, 0].tolist() == wanted["perf"]["updated"]
    assert (len(ran.spike_steps), ran.updated.sum(), events.sum()) == (
        wanted["neurons_fired"],
        wanted["neurons_updated"],
        wanted["spikes"],
    )


def test_updated_neurons_by_core_add_up(spiking):
    network = load_spiking(spiking / "random200_net.npz")
    assert network.core_id is not None
    cores = np.unique(network.core_id, return_inverse=True)[1]
    by_core = execute_spikes(network, steps=200, groups=cores).updated
    assert by_core.shape == (200, 8)
    assert np.array_equal(
        by_core.sum(axis=1), execute_spikes(network, steps=200, groups=cores * 0).updated[:, 0]
    )


def test_one_lif_neuron_of_nir(spiking):
    """Spikes at 460, 510, 710, 760; explicit Euler stays within 0.001 of the exact solution.

    Where spikes arrive in the next step, as on chips, everything is one step later.
    """
    exact = np.loadtxt(spiking / "nir" / "01_lif_lif_exact.csv", delimiter=",")
    network = load_spiking(spiking / "nir" / "01_lif_lif_norse.nir")
    ran = execute_spikes(network, {"input": exact[:, :1]}, traced=[1])
    assert ran.spike_steps[ran.spike_neurons == 1].tolist() == [460, 510, 710, 760]
    assert np.flatnonzero(exact[:, 2]).tolist() == [460, 510, 710, 760]
    assert np.abs(ran.traces["v"][:460, 0] - exact[:460, 1]).max() < 1e-3
    later = execute_spikes(network.delayed(1), {"input": exact[:, :1]})
    assert later.spike_steps[later.spike_neurons == 1].tolist() == [461, 511, 711, 761]


def test_the_same_neuron_on_loihi(spiking, tmp_path):
    """On silicon a spike arrives in the next step, so everything is one step later, integer for integer.

    4096·dt/tau = 163.84 cut to 163, a weight of 10 << 6, a threshold of 25 << 6 and no current left after its
    step. In the step of a spike the chip's trace has 128 where v is 0.
    """
    silicon = np.loadtxt(spiking / "nir" / "01_lif_lif_lava_loihi_fixed.csv", delimiter=",")
    made = {
        "model": "loihi", "N": 2, "steps": 1000, "pre": [0], "post": [1], "w": [10], "delay": [1], "du": 4096,
        "dv": 163, "vth": 25,
    }  # fmt: skip
    np.savez(tmp_path / "lif.npz", **{name: np.asarray(value) for name, value in made.items()})
    forced = np.column_stack([silicon[:, 0], np.zeros(1000)])
    ran = execute_spikes(load_spiking(tmp_path / "lif.npz"), {"spikes": forced}, traced=[1])
    assert ran.spike_steps[ran.spike_neurons == 1].tolist() == [461, 511, 711, 761]
    assert np.flatnonzero(silicon[:, 2]).tolist() == [461, 511, 711, 761]
    shown = np.where(silicon[:, 2] == 1, 0, silicon[:, 1])
    assert np.array_equal(ran.traces["v"].ravel(), shown)


@pytest.mark.parametrize(
    ("file", "neurons", "synapses", "outputs"),
    [
        ("02_cnn_cnn_sinabs", 8970, 1_122_848, 10),
        ("braille_noDelay_bias_zero", 45, 2166, 7),
        ("braille_noDelay_noBias_subtract", 47, 2360, 7),
    ],
)
def test_networks_of_nir_run_on_random_spikes(spiking, file, neurons, synapses, outputs):
    """The N-MNIST CNN and the Braille networks: sizes, and spikes on seeded Poisson input, twice the same."""
    network = load_spiking(spiking / "nir" / f"{file}.nir")
    assert (int(network.computed.sum()), network.synapses.count) == (neurons, synapses)
    inputs = poisson(network, 100, 0.1, 1)
    first, second = (execute_spikes(network, inputs) for _ in range(2))
    assert np.array_equal(first.spike_neurons, second.spike_neurons)
    assert first.outputs["output"].shape == (outputs,)
    for each in network.populations:
        assert first.counts[each.neurons].sum() > 0, each.name
    if neurons < 100:
        plain = execute_spikes(network, inputs, readable=True)
        assert np.array_equal(first.spike_neurons, plain.spike_neurons)
        assert np.array_equal(first.state.variables["v"], plain.state.variables["v"])


def digits(given: dict[str, np.ndarray], folder: Path, way: str) -> Path:
    """The classifier of the digits as a network, its activations written in one way."""
    net = Rectified((1, 64))
    for layer in range(3):
        net.add("Gemm", given[f"W{layer}"], given[f"b{layer}"], transB=1)
        if layer < 2:
            net.activate(way, given["lam"][layer])
    return net.write(folder / "digits.onnx")


def right_of(path: Path, pictures: np.ndarray, labels: np.ndarray) -> int:
    """Pictures that the network itself gets right."""
    graph = load_graph(path)
    out = execute(graph, {"x": pictures}, graph.native).outputs[graph.outputs[0]]
    return int((out.reshape(len(pictures), -1).argmax(axis=1) == labels).sum())


@pytest.mark.parametrize("way", ["clip", "qcfs"])
def test_digits_by_steps(spiking, tmp_path, way):
    """Accuracy against T, and spikes per picture, as in the reference; the network itself 98.2 % (8 levels)."""
    table = json.loads((spiking / "ann2snn_digits.json").read_text())
    given = dict(np.load(spiking / "ann2snn_digits.npz"))
    path = digits(given, tmp_path, way)
    network = convert(load_graph(path)).network
    found = evaluate(network, [{"x": each} for each in given["Xte"]], [1, 2, 4, 8, 16, 32, 64])
    accuracy = {end: right / 500 for end, right in zip(found.steps, found.right(given["yte"]), strict=True)}
    for end, row in table["T"].items():
        assert accuracy[int(end)] == pytest.approx(row["acc_soft_half"], abs=1e-9)
    spikes = [sum(row["spikes_per_img"]) for row in table["T"].values()]
    assert found.spikes == pytest.approx(spikes, abs=1e-9)
    if way == "qcfs":
        assert right_of(path, given["Xte"], given["yte"]) / 500 == table["ann_acc"] == 0.982


def test_digits_with_thresholds_from_data(spiking, tmp_path):
    """A plain ReLU calibrated on 300 digits does as well as the plain network (97.8 %) on the other 200."""
    given = dict(np.load(spiking / "ann2snn_digits.npz"))
    path = digits(given, tmp_path, "relu")
    assert right_of(path, given["Xte"], given["yte"]) / 500 == 0.978
    network = convert(load_graph(path), {"x": given["Xte"][:300]}, percentile=99).network
    pictures, labels = given["Xte"][300:], given["yte"][300:]
    found = evaluate(network, [{"x": each} for each in pictures], [32])
    assert abs(found.right(labels)[0] - right_of(path, pictures, labels)) <= 2
