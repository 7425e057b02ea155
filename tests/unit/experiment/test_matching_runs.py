"""Pattern matching from the command line: digits taught and recognized, knowledge kept, wrong input."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulator.base.errors import InputError
from simulator.experiment.explain import explain
from simulator.experiment.run import run
from simulator.hw.chip import load_chip
from simulator.results.result import Result

CHIP, DIGITS = "neuromorphic/nm500", "digits_nm500"
CLOCK_HZ = 35_000_000


@pytest.fixture(scope="module")
def digits() -> Result:
    """The shipped digits on the shipped chip."""
    return run(CHIP, DIGITS)


@pytest.fixture
def small(tmp_path) -> Path:
    """A workload without data of its own."""
    path = tmp_path / "small.yaml"
    path.write_text("builder: matching\nargs: {learn: 4, maxif: 50}\n")
    return path


@pytest.fixture
def data(tmp_path):
    """Write labelled vectors; the path."""

    def write(vectors, labels=None, name="data.npz"):
        arrays = {"vectors": np.asarray(vectors)} | ({} if labels is None else {"labels": np.asarray(labels)})
        np.savez(tmp_path / name, **arrays)
        return tmp_path / name

    return write


def given(rows=8, components=3, **named):
    rng = np.random.default_rng(5)
    return {"vectors": rng.integers(0, 256, (rows, components)), "labels": rng.integers(1, 4, rows), **named}


def ways(setting):
    return {f"workload.{name}": value for name, value in setting.items()}


class TestDigits:
    def test_accuracy_with_so_many_neurons(self, digits):
        held = digits.values.neurons
        assert (held.committed, held.capacity, held.degenerate) == (82, 576, 0)
        assert (digits.values.correct, digits.values.labelled) == (177, 200)
        assert digits.metrics.accuracy == 0.885
        recognized = held.recognition
        assert (recognized.identified, recognized.uncertain, recognized.unknown) == (163, 21, 16)

    def test_epochs(self, digits):
        learning = digits.values.neurons.learning
        assert learning.taught == 900
        assert learning.committed == (70, 12, 0)
        assert learning.shrunk == 113 + 25 + 3
        assert learning.refused == 0

    @pytest.mark.parametrize(
        ("setting", "neurons", "right"),
        [
            ({"epochs": 1}, 70, 172),
            ({"mode": "knn"}, 82, 186),
            ({"maxif": 100, "mode": "knn"}, 180, 192),
            ({"norm": "Lsup"}, 97, 159),
            ({"norm": "Lsup", "mode": "knn"}, 97, 179),
        ],
    )
    def test_other_settings(self, setting, neurons, right):
        result = run(CHIP, DIGITS, overrides=ways(setting))
        assert (result.values.neurons.committed, result.values.correct) == (neurons, right)

    def test_cycles_and_time(self, digits):
        learn, best = digits.matching.operations
        assert (learn.name, learn.count, learn.cycles) == ("learn a vector", 900, 900 * (64 + 21))
        assert (best.name, best.count, best.cycles) == ("best match", 200, 200 * (64 + 40))
        cycles = learn.cycles + best.cycles
        assert digits.metrics.latency_s == pytest.approx(cycles / CLOCK_HZ, rel=1e-11)
        assert learn.latency_s == pytest.approx(learn.cycles / CLOCK_HZ, rel=1e-11)
        assert digits.assumptions == (
            "cycles are the manual's totals per operation, 97300 in all; by the manual's single accesses they "
            "would be 79766 (-18.0 %): --set cores.neurons.timing=registers",
        )

    def test_single_accesses_add_up(self, digits):
        """Of 900 taught 818 were known, the first met no neuron, 163 of 200 recognized were identified."""
        result = run(CHIP, DIGITS, overrides={"cores.neurons.timing": "registers"})
        learn, best = (operation.cycles for operation in result.matching.operations)
        assert learn == 900 * 66 - 2 + 82 * 19 + 818 * 1
        assert best == 200 * (66 + 18) + 163 * 3 + 37 * 19
        assert learn + best == 79766
        assert result.values == digits.values, "values never depend on time"

    def test_the_ledger_counts_accesses_and_comparisons(self, digits):
        count = {action: digits.ledger.total("neurons", action) for action in load_chip(CHIP).cores["neurons"].ACTIONS}
        assert count == {
            "component": 1100 * 64, "compare": 4_921_984, "teach": 900, "commit": 82, "shrink": 141, "status": 0,
            "distance": 200, "category": 200, "session": 0, "save": 0, "restore": 0,
        }  # fmt: skip
        assert digits.metrics.traffic_bytes == {"host": {"read": 1100 * 64 + 900 * 2, "write": 400 * 2}}

    def test_known_energy_is_the_power_at_rest(self, digits):
        assert digits.metrics.energy_j == pytest.approx(3.3e-3 * digits.metrics.latency_s)
        assert not digits.metrics.energy_complete
        for operation in digits.matching.operations:
            assert operation.energy_j == pytest.approx(3.3e-3 * operation.latency_s)
            assert not operation.complete
        assert "energy of neurons.compare is unknown" in digits.not_modelled

    def test_estimated_energies_are_counts_times_each(self):
        result = run("neuromorphic/nm500_estimate", DIGITS)
        static = 3.3e-3 * result.metrics.latency_s
        dynamic = 70400 * 1380 + 4_921_984 * 2.2 + 900 * 16600 + (82 + 141) * 10 + 200 * (16600 + 17500)
        assert result.metrics.energy_complete
        assert result.metrics.energy_j == pytest.approx(static + dynamic * 1e-12)
        assert sum(each.energy_j for each in result.matching.operations) == pytest.approx(result.metrics.energy_j)

    def test_a_chain_is_slower_draws_more_and_answers_alike(self, digits):
        chain = run("neuromorphic/nm500_chain", DIGITS)
        assert chain.values.neurons.capacity == 2304
        assert chain.values.correct == digits.values.correct
        assert chain.metrics.latency_s == pytest.approx(97300 / 18e6, rel=1e-11)
        assert chain.metrics.average_power_w == pytest.approx(4 * 3.3e-3)

    def test_json_both_ways(self, digits):
        again = Result.from_dict(json.loads(digits.dumps()))
        assert again.matching == digits.matching
        assert again.values == digits.values
        assert again.dumps() == digits.dumps()

    def test_same_bytes_each_time(self, digits):
        assert run(CHIP, DIGITS).dumps() == digits.dumps()


class TestOperations:
    @pytest.mark.parametrize(
        ("setting", "name", "each"),
        [
            ({"k": 0}, "status of a vector", 64 + 4),
            ({"k": 1}, "best match", 64 + 40),
            ({"k": 3}, "3 best matches", 64 + 3 + 37 * 3),
            ({"k": 10, "mode": "knn"}, "10 best matches", 64 + 3 + 370),
        ],
    )
    def test_cycles_of_what_is_asked(self, setting, name, each):
        found = run(CHIP, DIGITS, overrides=ways(setting)).matching.operations[-1]
        assert (found.name, found.each) == (name, each)

    def test_the_status_alone_has_no_accuracy(self):
        result = run(CHIP, DIGITS, overrides=ways({"k": 0}))
        assert result.metrics.accuracy is None
        assert result.values.neurons.recognition.identified == 163

    def test_sizes_alone(self, tmp_path):
        path = tmp_path / "sizes.yaml"
        path.write_text("builder: matching\nargs: {length: 256, learn: 700, recognize: 1000, k: 2, save: true}\n")
        result = run(CHIP, path)
        assert [operation.cycles for operation in result.matching.operations] == [
            700 * 277,
            1000 * (259 + 74),
            4 + 260 * 576,
        ]
        assert result.values is None
        assert result.assumptions[0].startswith("nothing was executed: every vector taught is taken to commit")
        counts = {action: result.ledger.total("neurons", action) for action in ("commit", "compare")}
        before = sum(range(576)) + (700 - 576) * 576
        assert counts == {"commit": 576, "compare": (before + 1000 * 576) * 256}

    def test_explaining_and_planning(self, chipsim):
        explained = explain(CHIP, DIGITS, "recognize", overrides={"cores.neurons.timing": "registers"}, hints=False)
        assert explained.latency_fs == pytest.approx(79766 / CLOCK_HZ * 1e15, rel=1e-11)
        outcome = chipsim("run", CHIP, DIGITS, "--plan")
        assert outcome.code == 0
        assert "recognize on neurons: matching 200 vector, 12800 component" in outcome.out


class TestFullNetwork:
    def test_learning_stops_and_it_is_said(self, chipsim):
        outcome = chipsim("run", CHIP, DIGITS, "--set", "cores.neurons.neurons=40", "--out", "o")
        assert outcome.code == 0
        result = Result.from_json("o")
        assert result.values.neurons.committed == 40
        assert result.values.neurons.learning.committed == (40, 0, 0)
        assert result.values.neurons.learning.refused == 89
        assert "Network full               89 vectors  wanted a neuron when none was free" in outcome.out
        page = Path("o/report.html").read_text()
        assert "All 40 neurons were committed: 89 of 900 vectors taught wanted one more." in page


class TestData:
    def test_inputs_take_the_place_of_the_workloads_own(self, small, data):
        result = run(CHIP, small, inputs=given())
        assert result.values.samples == 4
        assert result.matching.components == 3
        from_file = run(CHIP, small, inputs=data(**given())).values
        assert replace(from_file, source=result.values.source) == result.values

    def test_arrays_under_other_names(self, small):
        other = {"x": given()["vectors"] / 255, "y": given()["labels"], "w": np.zeros(3)}
        named = run(CHIP, small, inputs=other, overrides=ways({"vectors": "x", "labels": "y", "scale": 255}))
        assert named.values == run(CHIP, small, inputs=given()).values

    def test_without_labels_nothing_is_right_or_wrong(self, small, tmp_path, chipsim, data):
        assert chipsim("execute", small, "--inputs", data(**given()), "--out", "k.npz").code == 0
        asked = {"vectors": given()["vectors"]}
        setting = ways({"learn": 0, "knowledge": tmp_path / "k.npz"})
        result = run(CHIP, small, inputs=asked, overrides=setting)
        assert result.metrics.accuracy is None
        assert result.values.samples == 8

    def test_expected_answers(self, small, tmp_path, chipsim, data):
        file = data(**given())
        assert chipsim("execute", small, "--inputs", file, "--out", "k.npz").code == 0
        result = run(CHIP, small, inputs=file, golden=tmp_path / "k.npz")
        assert {each.output for each in result.values.agreement} >= {"categories", "distances", "prototypes"}
        assert not any(each.differing for each in result.values.agreement)
        with pytest.raises(InputError, match="expected outputs .*, got 'catgories'"):
            run(CHIP, small, inputs=file, golden={"catgories": np.zeros(3)})


class TestKnowledge:
    def test_what_was_saved_answers_alike(self, small, data, chipsim):
        file = data(**given(rows=12))
        outcome = chipsim("execute", small, "--inputs", file, "--out", "k.npz", "--json")
        held = outcome.json["neurons"]
        kept = np.load("k.npz")
        setting = ways({"learn": 0, "knowledge": "k.npz"})
        options = [text for path, value in setting.items() for text in ("--set", f"{path}={value}")]
        rest = data(given(rows=12)["vectors"][4:], given(rows=12)["labels"][4:], "rest.npz")
        again = chipsim("execute", small, "--inputs", rest, "--out", "again.npz", "--json", *options)
        assert again.code == 0, again.err
        assert again.json["neurons"]["committed"] == held["committed"]
        assert again.json["accuracy"] == outcome.json["accuracy"]
        for name in ("categories", "distances", "identifiers", "degenerate", "status"):
            np.testing.assert_array_equal(np.load("again.npz")[name], kept[name])
        for name in ("prototypes", "registers"):  # and it can be kept again
            np.testing.assert_array_equal(np.load("again.npz")[name], kept[name])

    def test_restoring_and_saving_cost_260_cycles_a_neuron(self, small, data, chipsim):
        file = data(**given(rows=12))
        chipsim("execute", small, "--inputs", file, "--out", "k.npz")
        result = run(CHIP, small, inputs=file, overrides=ways({"knowledge": "k.npz", "save": "true"}))
        restore, learn, _, save = result.matching.operations
        held = result.values.neurons
        assert restore.cycles == 4 + 260 * restore.count
        assert save.cycles == 4 + 260 * held.committed
        assert (restore.name, save.name, save.count) == ("restore a neuron", "save a neuron", held.committed)
        assert held.learning.committed == (0,), "all that is taught is known already"
        assert learn.cycles == 4 * (3 + 21)


class TestExecute:
    def test_answers_and_neurons(self, small, data, chipsim):
        outcome = chipsim("execute", small, "--inputs", data(**given()), "--out", "g.npz", "--set", "workload.k=2")
        assert outcome.code == 0, outcome.err
        assert "Neurons committed" in outcome.out
        assert np.load("g.npz")["categories"].shape == (4, 2)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--profile", "onnxruntime"], "--profile: neurons are exact in integers: there is no profile to choose"),
            (["--compare", "tflite_ref"], "--compare: neurons are exact in integers: there is no profile to choose"),
            (["--set", "cores.x=1"], "--set cores.x: there is no chip here; expected workload.NAME=VALUE"),
        ],
    )
    def test_what_has_no_meaning_here(self, small, data, chipsim, options, message):
        outcome = chipsim("execute", small, "--inputs", data(**given()), "--out", "g.npz", *options)
        assert (outcome.code, outcome.err.splitlines()[-1]) == (2, message)
        assert not Path("g.npz").exists()

    def test_other_networks_have_no_settings_here(self, tiny, data, chipsim):
        outcome = chipsim("execute", tiny, "--inputs", data(**given()), "--out", "g.npz", "--set", "workload.k=2")
        message = "--set workload.k: only what matches patterns has settings here"
        assert (outcome.code, outcome.err.splitlines()[-1]) == (2, message)


class TestRefused:
    @pytest.fixture
    def refused(self, chipsim, data, tmp_path):
        def call(vectors, labels, *options, network=DIGITS):
            file = data(vectors, labels)
            setting = ("--set", "workload.learn=2", "--set", "workload.shift=0", "--set", "workload.recognize=1")
            outcome = chipsim("run", CHIP, network, "--inputs", file, *setting, *options)
            assert outcome.code == 2
            assert not outcome.out
            assert "Traceback" not in outcome.err
            assert not (tmp_path / "reports").exists()
            lines = [line for line in outcome.err.splitlines() if not line.endswith("...")]
            return [line.removeprefix(f"{file}: ") for line in lines]

        return call

    @pytest.mark.parametrize("value", [-1, 256, np.nan, 0.25])
    def test_components(self, refused, value):
        vectors = np.ones((3, 2))
        vectors[2, 1] = value
        (message,) = refused(vectors, [1, 2, 3])
        expected = f"'vectors': expected components as whole numbers from 0 to 255, got {vectors[2, 1]} at [2, 1]"
        assert message.startswith(expected)

    @pytest.mark.parametrize("value", [-1, 32767, 40000])
    def test_categories(self, refused, value):
        bounds = "whole numbers from 0 to 32766 (0: a counterexample)"
        message = f"'labels': expected categories as {bounds}, got {value} at [1]"
        assert refused(np.ones((3, 2)), [1, value, 3]) == [message]

    def test_vectors_that_no_neuron_holds(self, refused):
        message = "a neuron stores at most 256 components, the vectors have 257"
        assert refused(np.ones((3, 257)), [1, 2, 3]) == [message]

    def test_settings_of_other_workloads(self, refused):
        expected = "--set workload.precision=int8: a workload of pattern matching has no such setting"
        assert refused(np.ones((3, 2)), [1, 2, 3], "--set", "workload.precision=int8") == [expected]

    @pytest.mark.parametrize(
        ("option", "message"),
        [
            ("workload.learn=900", "--set workload.learn=900: args.learn: 900 rows to learn, the data have 500"),
            ("workload.mode=svm", "--set workload.mode=svm: args.mode: expected 'rce' or 'knn', got 'svm'"),
            ("workload.norm=l1", "--set workload.norm=l1: args.norm: expected 'L1' or 'Lsup', got 'l1'; did you mean 'L1'?"),
        ],
    )
    def test_arguments(self, chipsim, option, message):
        outcome = chipsim("run", CHIP, DIGITS, "--set", option)
        assert (outcome.code, outcome.err.splitlines()[-1]) == (2, message)

    def test_a_batch(self, chipsim):
        outcome = chipsim("run", CHIP, DIGITS, "--batch", 2)
        assert outcome.code == 2
        assert outcome.err.endswith("a network of the builder matching has no batch to bind\n")

    def test_a_network_of_another_kind(self, chipsim, tiny):
        outcome = chipsim("run", CHIP, tiny)
        assert outcome.code == 2
        assert outcome.err.splitlines()[-1].endswith(
            "cores: nm500 has cores of kind pattern_matching alone, and nothing of tiny is work for them; "
            "they run workloads of `builder: matching`, such as digits_nm500"
        )

    def test_a_chip_of_another_kind_says_what_it_leaves_out(self):
        result = run("npu/edge_npu", DIGITS)
        assert result.matching is None
        assert [text.split(";")[0] for text in result.not_modelled] == [
            "no core of edge_npu does the arithmetic of MatchLearn",
            "no core of edge_npu does the arithmetic of Match",
        ]
