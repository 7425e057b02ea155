"""chipsim execute and convert, of spiking networks: files in, files out, and what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_rectified import Rectified
from spiking_cases import arrays


@pytest.fixture
def network(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "net.npz"
    np.savez(path, **arrays("sanafe_lif", rng))
    return path


def test_a_raster_is_written(chipsim, network, tmp_path):
    outcome = chipsim("execute", network, "--out", tmp_path / "out.npz")
    assert outcome.code == 0, outcome.err
    assert "net (sanafe_lif), 60 steps" in outcome.out
    with np.load(tmp_path / "out.npz") as written:
        assert written.files == ["spike_steps", "spike_neurons", "counts", "i_final", "v_final"]
        assert (np.diff(written["spike_steps"]) >= 0).all()
        assert written["counts"].sum() == len(written["spike_neurons"]) > 0


def test_every_state_of_every_step(chipsim, network, tmp_path):
    chipsim("execute", network, "--out", "out.npz", "--all-tensors", "--steps", 5)
    with np.load(tmp_path / "out.npz") as written:
        assert written["v_trace"].shape == (5, 40)
        assert np.array_equal(written["v_trace"][-1], written["v_final"])


def test_random_spikes_are_the_same_for_a_seed(chipsim, network, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        outcome = chipsim("execute", network, "--out", f"{name}.npz", "--rate", 0.1, "--seed", seed, "--json")
        assert outcome.json["steps"] == 60
        assert outcome.json["spikes"] > 200
        assert outcome.json["populations"][0]["synaptic_operations"] == outcome.json["synaptic_operations"]
    a, b, c = ((tmp_path / f"{name}.npz").read_bytes() for name in "abc")
    assert a == b != c


def test_inputs_of_a_file(chipsim, network, tmp_path):
    np.savez(tmp_path / "in.npz", currents=np.full((7, 40), 100.0))
    outcome = chipsim(
        "execute", network, "--inputs", "in.npz", "--out", "out.npz", "--json", "--precision", "float32"
    )
    assert outcome.json["steps"] == 7
    with np.load(tmp_path / "out.npz") as written:
        assert written["v_final"].dtype == np.float32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rate", "2"], "--rate: expected spikes per step from 0 to 1, got 2"),
        (["--steps", "0"], "--steps: expected at least 1 step, got 0"),
        (["--rate", "0.1", "--inputs", "in.npz"], "--rate: random spikes take the place of --inputs; give one of them"),
        (["--inputs", "in.npz"], "in.npz: expected 'currents' or 'spikes' for all neurons, got 'spike'; did you mean 'spikes'?"),
        (["--profile", "truncate"], "--profile: is for networks without spikes"),
        (["--dt", "1 ms"], "net.npz: a time step and a way of resetting are for .nir; the file says what it has"),
        (["--dt", "soon"], "--dt: expected a time such as '15 ns', got 'soon'"),
        (["--precision", "float"], "expected float64 or float32, got 'float'"),
    ],
)  # fmt: skip
def test_wrong_options(chipsim, network, files, tmp_path, options, message):
    np.savez(tmp_path / "in.npz", spike=np.zeros((3, 40)))
    before = files()
    outcome = chipsim("execute", network, "--out", "out.npz", *options)
    assert (outcome.code, message in outcome.err) == (2, True), outcome.err
    assert files() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"post": np.full(300, 40)}, "net.npz: post: expected"),
        ({"w": np.nan}, "net.npz: w: expected"),
        ({"delay": np.array(64)}, "net.npz: delay: expected 1 to 63, got 64"),
        ({"threshold": np.nan}, "net.npz: threshold: expected a finite number, got nan"),
    ],
)
def test_wrong_networks(chipsim, network, files, change: dict[str, Any], message):
    with np.load(network) as read:
        np.savez(network, **(dict(read) | change))
    before = files()
    outcome = chipsim("execute", network, "--out", "out.npz")
    assert (outcome.code, message in outcome.err) == (2, True), outcome.err
    assert files() == before


def test_a_spiking_network_has_no_place_on_other_ways(chipsim, network, tiny):
    outcome = chipsim("run", "npu/edge_npu", network)
    assert (outcome.code, "edge_npu has no cores for spikes" in outcome.err) == (2, True), outcome.err
    outcome = chipsim("execute", tiny, "--out", "out.npz", "--rate", "0.1")
    assert (outcome.code, "--rate: is for spiking networks" in outcome.err) == (2, True), outcome.err
    outcome = chipsim("execute", tiny, "--out", "out.npz")
    assert (outcome.code, "--inputs: missing; expected an .npz file" in outcome.err) == (2, True), outcome.err


@pytest.fixture
def rectified(tmp_path: Path, rng: np.random.Generator) -> Path:
    net = Rectified((1, 6))
    net.add("Gemm", rng.normal(size=(9, 6)), rng.normal(size=9) * 0.1, transB=1)
    net.activate("qcfs", 2.0)
    net.add("Gemm", rng.normal(size=(3, 9)), rng.normal(size=3), transB=1)
    return net.write(tmp_path / "rectified.onnx")


def test_a_network_is_converted_compared_and_executed(chipsim, rectified, tmp_path, rng):
    np.savez(tmp_path / "in.npz", x=rng.normal(size=(20, 6)).astype(np.float32), labels=np.arange(20) % 3)
    arguments = ("convert", rectified, "--inputs", "in.npz", "--out", "spiking.npz", "--steps", "8,2")
    outcome = chipsim(*arguments)
    assert outcome.code == 0, outcome.err
    assert "the network itself:" in outcome.out
    record = chipsim(*arguments, "--json").json
    assert [each["steps"] for each in record["by_steps"]] == [2, 8]
    assert record["by_steps"][1]["agree"] == 20, "as many steps as levels are exact"
    assert record["by_steps"][1]["correct"] == record["correct"]
    assert (record["neurons"], record["synapses"], record["layers"][0]["levels"]) == (9, 81, 8)
    np.savez(tmp_path / "one.npz", x=np.ones(6))
    outcome = chipsim("execute", "spiking.npz", "--inputs", "one.npz", "--steps", 8, "--out", "out.npz")
    assert outcome.code == 0, outcome.err
    with np.load(tmp_path / "out.npz") as written:
        assert [name for name in written.files if name.startswith("output.")] == ["output.gemm9"]
        assert written["output.gemm9"].shape == (8, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--steps", "4;8"], "--steps: expected numbers such as 4,8,16, got '4;8'"),
        (["--steps", "0"], "--steps: expected numbers of steps from 1 on, such as 4,8,16"),
        (["--out", "net.onnx"], "--out: expected a file name that ends in .npz, got 'net.onnx'"),
        (["--percentile", "0"], "--percentile: expected a percentage above 0, at most 100, got 0"),
        (["--inputs", "in.npz"], "in.npz: input 'x': expected float32, got float64"),
    ],
)
def test_wrong_conversions(chipsim, rectified, files, tmp_path, options, message):
    np.savez(tmp_path / "in.npz", x=np.zeros((2, 6)))
    before = files()
    outcome = chipsim("convert", rectified, "--out", "spiking.npz", *options)
    assert (outcome.code, message in outcome.err) == (2, True), outcome.err
    assert files() == before
