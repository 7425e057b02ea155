"""Spiking networks in .npz files: what is read, and what is said of what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spiking_cases import PARAMETERS, arrays, load

from simulator.base.errors import InputError
from simulator.workload.load import load_graph, load_spiking
from simulator.workload.spiking.models import MODELS
from simulator.workload.spiking.store import arrays_of

TINY: dict[str, Any] = {
    "model": "sanafe_lif", "pre": [2, 0, 0, 1], "post": [0, 1, 2, 1], "w": [1.5, -2.0, 3.0, 4.0],
    "delay": [1, 2, 3, 1], "thr": [1.0, 2.0, 3.0], "leak": 0.5, "steps": 7,
}  # fmt: skip


def problems(made: dict[str, Any], folder: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        load(made, folder)
    return [str(each).removeprefix(f"{folder}/net.npz: ") for each in caught.value.problems]


def test_edges_become_rows_by_source_in_the_order_of_the_file(tmp_path):
    network = load(TINY | {"core_id": [4, 0, 9], "bias": [0, 1, 2]}, tmp_path)
    synapses = network.synapses
    assert (network.neurons, network.steps, network.model) == (3, 7, "sanafe_lif")
    assert synapses.offsets.tolist() == [0, 2, 3, 4]
    assert synapses.sources.tolist() == [0, 0, 1, 2]
    assert synapses.targets.tolist() == [1, 2, 1, 0]
    assert synapses.weights.tolist() == [-2, 3, 4, 1.5]
    assert synapses.delays.tolist() == [2, 3, 1, 1]
    assert synapses.fan_out.tolist() == [2, 1, 1]
    assert network.parameters["threshold"].tolist() == [1, 2, 3]
    assert network.parameters["leak"].tolist() == [0.5] * 3
    assert network.core_id is not None
    assert network.core_id.tolist() == [4, 0, 9]
    assert network.computed.all()
    assert len(network.digest) == 64


def test_a_model_may_be_named_in_bytes(tmp_path):
    assert load(TINY | {"model": np.bytes_("if")}, tmp_path).model == "if"


def test_integer_weights_are_shifted(tmp_path):
    network = load(arrays("cuba_int", np.random.default_rng(1)) | {"wexp": 3}, tmp_path)
    given = np.load(tmp_path / "net.npz")
    assert network.synapses.weights.dtype == np.int32
    assert sorted(network.synapses.weights) == sorted(given["w"] << 3)


@pytest.mark.parametrize(
    ("model", "drop"), [("cuba_int", "model"), ("cuba_euler", "model"), ("sanafe_lif", "model")]
)
def test_a_file_without_model_is_recognized_by_its_keys(tmp_path, model, drop):
    made = arrays(model, np.random.default_rng(1))
    del made[drop]
    assert load(made, tmp_path).model == model


def test_weights_by_kind_of_source_and_results_in_the_file(tmp_path):
    made = arrays("cuba_euler", np.random.default_rng(1)) | {"ne": 30, "we": 2.5, "wi": -7.0}
    del made["w"]
    made |= {"spike_step": [1], "spike_n": [2], "v_final": [0.0], "v_trace16": [1.0], "colour": 3}
    network = load(made, tmp_path)
    weights = {(s < 30, w) for s, w in zip(network.synapses.sources, network.synapses.weights, strict=True)}
    assert weights == {(True, 2.5), (False, -7.0)}
    assert [(p.name, p.first, p.count) for p in network.populations] == [
        ("excitatory", 0, 30),
        ("inhibitory", 30, 10),
    ]
    assert network.assumptions == ("keys of the file that no model reads: colour",)


@pytest.mark.parametrize("model", sorted(PARAMETERS))
def test_a_network_is_written_and_read_again(tmp_path, model):
    network = load(arrays(model, np.random.default_rng(3)) | {"core_id": np.arange(40) // 8}, tmp_path)
    again = load(arrays_of(network), tmp_path)
    assert again.constants == network.constants
    assert again.populations == network.populations
    assert again.steps == network.steps
    for name in ("offsets", "targets", "weights", "delays"):
        assert np.array_equal(getattr(again.synapses, name), getattr(network.synapses, name))
    for name, values in network.parameters.items():
        assert np.array_equal(again.parameters[name], values)
    for name, values in network.start.items():
        assert np.array_equal(again.start[name], values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"post": [0, 1, 2, 3]}, "post[3]: expected 0 to 2, got 3"),
        ({"pre": [-1, 0, 0, -5]}, "pre[0]: expected 0 to 2, got -1 (and 1 more)"),
        ({"w": [1.0, np.nan, 3.0, np.inf]}, "w[1]: expected a finite number, got nan (and 1 more)"),
        ({"delay": [1, 0, 3, 1]}, "delay[1]: expected 1 to 63, got 0"),
        ({"delay": [1, 2, 64, 1]}, "delay[2]: expected 1 to 63, got 64"),
        ({"delay": [1, 2, 2.5, 1]}, "delay[2]: expected a whole number, got 2.5"),
        ({"w": [1.0]}, "w: expected 4 numbers, one per synapse as in `pre`, got an array of shape [1]"),
        ({"bias": [1.0, 2.0]}, "bias: expected a number or 3 of them, one per neuron, got an array of shape [2]"),
        ({"leak": 1.5}, "leak: expected 0 to 1, got 1.5"),
        ({"soft": [0, 1, 2]}, "soft[2]: expected false or true, got 2"),
        ({"refractory": -1}, "refractory: expected 0 to 2147483647, got -1"),
        ({"model": "sanafe"}, "model: expected one of cuba_int, loihi, sanafe_lif, cuba_euler, if, layered, got 'sanafe'; did you mean 'sanafe_lif'?"),
        ({"refractry": [1, 1, 1]}, "refractry: unknown key; did you mean 'refractory'?"),
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"steps": [1, 2]}, "steps: expected a whole number, got an array of shape [2]"),
        ({"threshold": 1.0}, "thr: says the same as `threshold`; expected one of them"),
        ({"thr": np.array(["a", "b", "c"])}, "thr: expected numbers, got <U1"),
        ({"core_id": [0, 1]}, "core_id: expected a number or 3 of them, one per neuron, got an array of shape [2]"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(tmp_path, change, message):
    assert message in problems(TINY | change, tmp_path)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("thr", "threshold: missing; expected `threshold` or `thr`: spikes where v is above"),
        ("post", "post: missing; expected the neuron at one end of each synapse"),
        ("w", "w: missing; expected a weight per synapse"),
    ],
)
def test_what_is_missing(tmp_path, key, message):
    made = TINY | {"N": 3}
    del made[key]
    assert problems(made, tmp_path) == [message]


def test_missing_keys_name_what_was_probably_meant(tmp_path):
    made = {("postt" if key == "post" else key): value for key, value in TINY.items()}
    assert (
        "post: missing; expected the neuron at one end of each synapse; did you mean 'post' by 'postt'?"
        in (problems(made, tmp_path))
    )


def test_everything_is_said_at_once(tmp_path):
    found = problems(TINY | {"post": [0, 1, 2, 9], "leak": -1, "delay": [0, 1, 1, 1]}, tmp_path)
    assert [each.split(":")[0] for each in found] == ["leak", "post[3]", "delay[0]"]


@pytest.mark.parametrize(
    ("model", "change", "message"),
    [
        ("loihi", {"w": np.full(9, 300)}, "w[0]: expected -256 to 255, got 300 (and 8 more)"),
        ("cuba_int", {"w": np.full(9, 2**26)}, "w[0]: expected -33554432 to 33554431, got 67108864 (and 8 more)"),
        ("cuba_int", {"w": np.full(9, 0.5)}, "w[0]: expected a whole number, got 0.5 (and 8 more)"),
        ("loihi", {"vth": 2**17}, "vth: expected 0 to 131071, got 131072"),
        ("loihi", {"du": 5000}, "du: expected 0 to 4096, got 5000"),
        ("cuba_int", {"vth_mant": 2**20, "vth_exp": 12}, "threshold[0]: expected at most 524287, which 12 bits further left fits 32 bits, got 1048576 (and 39 more)"),
        ("cuba_int", {"wexp": [6, 6]}, "wexp: expected one number for all neurons, got an array of shape [2]"),
    ],
)  # fmt: skip
def test_widths_of_integers(tmp_path, model, change, message):
    made = arrays(model, np.random.default_rng(1))
    if "w" in change:
        made |= {"pre": np.arange(9), "post": np.arange(9), "delay": 1}
    assert message in problems(made | change, tmp_path)


def test_a_file_that_says_no_model_or_size(tmp_path):
    (only,) = problems({"pre": [0], "post": [0], "w": [1.0]}, tmp_path)
    assert only.startswith(
        "model: missing; expected one of cuba_int, loihi, sanafe_lif, cuba_euler, if, layered"
    )
    assert "cuba_int has du, dv, vth_mant" in only
    (only,) = problems({"model": "if", "pre": [0], "post": [0], "w": [1.0], "threshold": 1.0}, tmp_path)
    assert only == "N: missing; no array has a value per neuron, so the file must say how many there are"


def test_layers_must_follow_each_other(tmp_path):
    made = {
        "model": "layered", "pre": [0, 1], "post": [1, 0], "w": [1.0, 1.0], "delay": [0, 0],
        "threshold": [np.inf, 1.0], "population": ["in", "out"], "population_count": [1, 1],
        "population_kind": ["input", "neuron"], "population_shape": ["1", "1"],
        "population_values": [False, False], "output": ["y"], "output_population": ["out"],
    }  # fmt: skip
    assert problems(made, tmp_path) == [
        "delay: expected at least 1 from 'out' to 'in', which is not later in a step, got 0"
    ]
    fine = made | {"delay": [0, 1]}
    assert list(load(fine, tmp_path).outputs) == ["y"]
    assert problems(fine | {"output_population": ["otu"]}, tmp_path) == [
        "output_population[0]: there is no population 'otu'; did you mean 'out'?"
    ]
    assert problems(fine | {"population_count": [1, 2]}, tmp_path) == [
        "population_shape[1]: expected extents such as 2x34x34 with product 2, got '1'"
    ]
    assert problems(fine | {"population_kind": ["input", "neurons"]}, tmp_path) == [
        "population_kind[1]: expected input, neuron, output, got 'neurons'; did you mean 'neuron'?"
    ]


def test_damaged_files(tmp_path):
    load(TINY, tmp_path)
    path = tmp_path / "net.npz"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(
        InputError, match=r"net\.npz: expected an \.npz file with an array per key; it is none, or"
    ):
        load_spiking(path)
    with pytest.raises(InputError, match="no such network"):
        load_spiking(tmp_path / "absent.npz")


def test_the_wrong_kind_of_network(tmp_path):
    load(TINY, tmp_path)
    with pytest.raises(InputError, match=r"expected a network file \(.*\), got a spiking network"):
        load_graph(tmp_path / "net.npz")
    (tmp_path / "a.onnx").write_bytes(b"")
    with pytest.raises(
        InputError, match=r"expected a spiking network \(\.npz, \.nir\), got a network without"
    ):
        load_spiking(tmp_path / "a.onnx")
    with pytest.raises(InputError, match=r"a time step and a way of resetting are for \.nir"):
        load_spiking(tmp_path / "net.npz", dt_s=1e-3)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_every_parameter_says_what_it_is(model):
    for each in MODELS[model].parameters:
        assert each.meaning
        assert each.low <= (each.default or 0) <= each.high or each.default is None
