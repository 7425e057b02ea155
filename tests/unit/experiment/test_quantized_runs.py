"""Runs whose workload is quantized, and runs on samples that a network carries."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from simulator.base.errors import InputError
from simulator.experiment.experiment import load_experiment
from simulator.experiment.quantized import Quantization, overrides_of, read_quantization
from simulator.experiment.run import run
from simulator.experiment.single import load_network

CHIP = "npu/edge_npu"


def asked(**settings: str) -> dict[str, str]:
    return {f"workload.quantize.{name}": text for name, text in settings.items()}


def refused(make, *given, **named) -> list[str]:
    with pytest.raises(InputError) as error:
        make(*given, **named)
    return str(error.value).splitlines()


@pytest.fixture
def product(tmp_path, rng):
    """y = x · w, 8 to 4, as .onnx."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w"], ["y"], "fc")], "product",
        [value("x", TensorProto.FLOAT, [1, 8])], [value("y", TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(rng.normal(size=(8, 4)).astype(np.float32), "w")],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), tmp_path / "p.onnx")
    return tmp_path / "p.onnx"


class TestDigits:
    def test_runs_on_what_it_carries(self):
        result = run(CHIP, "digits_mlp")
        values = result.values
        assert (values.samples, values.labelled, values.correct) == (200, 200, 194)
        assert values.source == "optical_digits.csv"
        assert values.profile.startswith("the network's real numbers")

    def test_types_are_those_asked_for(self):
        result = run(CHIP, "digits_mlp", overrides=asked(weights="int4", activations="int8"))
        graph = load_network("digits_mlp", {"quantize.weights": "int4", "quantize.activations": "int8"}, None)
        types = {name: graph.tensors[name].dtype for node in graph if node.op == "Gemm" for name in node.inputs}
        assert set(types.values()) == {"int8", "int4", "int32"}
        assert result.values.profile == "onnxruntime"
        assert result.values.correct == 192
        said = [text for text in result.assumptions if text.startswith("quantized after training")]
        assert said == [
            "quantized after training to int4 weights and int8 activations (minmax, one weight scale per tensor), "
            "calibrated on 300 samples of optical_digits.csv: constants take 9367 B in place of 68904 B"
        ]

    def test_narrower_types_take_less(self):
        """Of external memory, of energy, and, once both are narrower, of time at the array."""
        wide, narrow, both = (
            run(CHIP, "digits_mlp", overrides={**asked(weights=w, activations=a), "mapping.nodes.fc*.core": "npu"}).metrics
            for w, a in (("int8", "int8"), ("int4", "int8"), ("int4", "int4"))
        )
        read = [m.traffic_bytes["dram"]["read"] for m in (wide, narrow, both)]
        assert read[0] - read[1] == pytest.approx(17024 / 2, rel=0.02), "half of the weights"
        assert read[1] == read[2]
        assert wide.energy_j > narrow.energy_j > both.energy_j
        assert wide.latency_s > narrow.latency_s > both.latency_s

    def test_rules_are_yaml(self):
        rules = '[{"node": "fc3", "weights": "int8"}]'
        result = run(CHIP, "digits_mlp", overrides=asked(weights="int4", rules=rules))
        assert any("but for fc3 int8/int8" in text for text in result.assumptions)

    def test_same_settings_same_bytes(self):
        settings = asked(weights="int4", per_channel="true", method="mse")
        first, second = (run(CHIP, "digits_mlp", overrides=settings).dumps() for _ in range(2))
        assert first == second


def test_an_onnx_network_takes_samples_of_its_own(product, tmp_path, rng):
    np.savez(tmp_path / "s.npz", x=rng.normal(size=(5, 1, 8)).astype(np.float32))
    result = run(CHIP, product, overrides=asked(weights="int8", inputs=str(tmp_path / "s.npz")))
    assert result.values is None
    assert any("calibrated on 5 samples of s.npz" in text for text in result.assumptions)
    assert refused(run, CHIP, product, overrides=asked(weights="int8")) == [
        "workload.quantize.inputs: nothing to calibrate on: expected an .npz file of samples"
    ]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"weights": "int3"}, "--set workload.quantize.weights=int3: weights: expected 'int8', 'int4', 'int16' or 'float', got 'int3'; did you mean 'int4'?"),
        ({"weigths": "int4"}, "--set workload.quantize.weigths=int4: weigths: unknown key; did you mean 'weights'?"),
        ({"percentile": "20"}, "--set workload.quantize.percentile=20: percentile: expected at least 50, got 20"),
        ({"rules": "[{node: fc9, weights: int8}]"}, "digits_mlp: rules.0.node: no node is named 'fc9'; did you mean 'fc3'?"),
        ({"rules": "[{weights: int8}]"}, "digits_mlp: rules.0: expected node or op, to say which nodes are meant"),
    ],
)  # fmt: skip
def test_wrong_settings_are_named(settings, text):
    (line,) = refused(run, CHIP, "digits_mlp", overrides=asked(**settings))
    assert line.split("; did you mean")[0] == text.split("; did you mean")[0]


@pytest.mark.parametrize(
    ("network", "text"),
    [
        ("mobilenet_v1", "expected a float network with values: an .onnx file, or one of the builder dense, got 'mobilenet'"),
        ("llm/gpt2", "a language model has no values to quantize; its types are workload.weights and workload.kv"),
        ("digits_nm500", "a workload of pattern matching has no such setting"),
    ],
)  # fmt: skip
def test_networks_that_cannot_be(network, text, tmp_path):
    np.savez(tmp_path / "s.npz", x=np.zeros((1, 8), np.float32))
    chip = "neuromorphic/nm500" if network == "digits_nm500" else CHIP
    lines = refused(run, chip, network, overrides=asked(weights="int8", inputs=str(tmp_path / "s.npz")))
    assert any(line.endswith(text) for line in lines), lines


def test_what_a_workload_says_comes_back_from_its_settings():
    stated = Quantization.model_validate(
        {"weights": "int4", "per_channel": True, "percentile": 99.5, "rules": [{"node": "*", "activations": "int16"}]}
    )
    settings = stated.settings()
    assert settings["quantize.rules"] == '[{"node": "*", "activations": "int16"}]'
    assert read_quantization(settings).model_dump() == stated.model_dump()


def test_what_a_workload_leaves_open_is_swept_else_int8():
    swept = {"workload.quantize.weights": "int4"}
    assert overrides_of(Quantization(), {}) == {
        "workload.quantize.weights": "int8", "workload.quantize.activations": "int8",
    }  # fmt: skip
    assert overrides_of(Quantization(activations="int16"), swept) == {
        "workload.quantize.weights": "int4", "workload.quantize.activations": "int16",
    }  # fmt: skip
    assert overrides_of(Quantization(weights="int16"), swept)["workload.quantize.weights"] == "int16"
    assert overrides_of(None, swept) == swept


EXPERIMENT = """
chips: [npu/edge_npu, neuromorphic/nm500]
workloads:
  - {network: digits_mlp, quantize: {weights: int4, rules: [{node: fc3, weights: int8}]}, stream: 4, chips: [npu/edge_npu]}
  - {network: digits_nm500, chips: [neuromorphic/nm500]}
"""


class TestExperiments:
    def test_workloads_meet_their_chips_alone(self, chipsim, tmp_path):
        (tmp_path / "e.yaml").write_text(EXPERIMENT)
        first, second = chipsim("run", "e.yaml", "--json", "--quiet").json
        assert (first["chip"], second["chip"]) == ("edge_npu", "nm500")
        assert first["metrics"]["accuracy"] == 0.96
        assert first["stream"]["inferences"] == 4
        assert first["provenance"]["command"] == (
            "chipsim run npu/edge_npu digits_mlp --stream 4 --set workload.quantize.weights=int4 --set "
            "workload.quantize.activations=int8 --set 'workload.quantize.rules=[{\"node\": \"fc3\", \"weights\": \"int8\"}]'"
        )

    def test_a_point_is_what_its_own_command_gives(self, chipsim, tmp_path):
        """But for the seed of the experiment, which the command line has not."""
        (tmp_path / "e.yaml").write_text(EXPERIMENT)
        point = next(iter(load_experiment(tmp_path / "e.yaml").results()))
        command = ["run", "npu/edge_npu", "digits_mlp", "--stream", "4"]
        for path, value in point.resolved["experiment"]["set"].items():
            command += ["--set", f"{path}={value}"]
        alone = chipsim(*command, "--json", "--quiet").json
        assert alone["metrics"] == point.to_dict()["metrics"]
        assert alone["values"]["correct"] == point.values.correct

    @pytest.mark.parametrize(
        ("old", "new", "text"),
        [
            ("chips: [npu/edge_npu]}", "chips: [npu/edge]}", "e.yaml:4:121: workloads.0.chips.0: expected one of the chips of the experiment, npu/edge_npu, neuromorphic/nm500, got 'npu/edge'"),
            ("weights: int4", "weights: int5", "workloads.0.quantize.weights: expected 'int8', 'int4', 'int16' or 'float', got 'int5'"),
            ("stream: 4", "stream: 0", "workloads.0.stream: expected at least 1, got 0"),
        ],
    )  # fmt: skip
    def test_wrong_entries_are_named(self, chipsim, tmp_path, old, new, text):
        assert old in EXPERIMENT
        (tmp_path / "e.yaml").write_text(EXPERIMENT.replace(old, new))
        outcome = chipsim("run", "e.yaml")
        assert outcome.code == 2
        assert text.partition("workloads")[2] in outcome.err, outcome.err


class TestCommandsWithoutInputs:
    """`execute`, `convert` and `quantize` take what a network carries."""

    def test_execute(self, chipsim, tmp_path):
        outcome = chipsim("execute", "digits_mlp", "--out", "y.npz", "--json")
        assert (outcome.json["samples"], outcome.json["correct"]) == (200, 194)
        assert np.load(tmp_path / "y.npz")["y"].shape == (200, 1, 10)

    def test_convert(self, chipsim):
        """Thresholds from the 300 to train on, the comparison on the 200 others."""
        found = chipsim("convert", "digits_mlp", "--out", "s.npz", "--steps", "8", "--json").json
        assert (found["samples"], found["correct"]) == (200, 194)
        assert found["by_steps"][0]["correct"] == 195

    def test_quantize(self, chipsim):
        found = chipsim("quantize", "digits_mlp", "--out", "q.onnx", "--weights", "int4", "--json").json
        assert found["samples"] == 300
        assert {layer["weights"] for layer in found["layers"]} == {"int4"}

    @pytest.mark.parametrize("verb", ["execute", "quantize"])
    def test_others_carry_none(self, chipsim, product, verb):
        outcome = chipsim(verb, product, "--out", "x.onnx" if verb == "quantize" else "x.npz")
        assert outcome.code == 2
        assert "--inputs: missing; expected an .npz file" in outcome.err


def test_explain_executes_nothing(monkeypatch):
    from simulator.experiment import values
    from simulator.experiment.explain import explain

    monkeypatch.setattr(values, "execute", lambda *given, **named: pytest.fail("executed"))
    found = explain(CHIP, "digits_mlp", "fc1", hints=False)
    assert found.layer is not None
