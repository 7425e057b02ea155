"""`chipsim compare --precision`: what is simulated again and equals a run of that precision, what is kept and why."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulator import compare, run
from simulator.experiment.again import bring
from simulator.results.values import Values


@pytest.fixture
def wide(chipsim, tiny: Path):
    """A run of the tiny network, in real numbers, as int16 on a changed chip."""
    tiny.write_text(tiny.read_text() + "precision: {weights: fp32, activations: fp32}\n")
    rows = {"cores.npu.rows": 16, "workload.precision": "int16"}
    return run("npu/edge_npu", "tiny.yaml", overrides=rows, command="chipsim run npu/edge_npu tiny.yaml")


def plain(result):
    """What a result says but for how it came about."""
    told = result.to_dict()
    return {**told, "provenance": {**told["provenance"], "command": ""}, "resolved": told["resolved"]["chip"]}


def test_a_result_simulated_again_is_a_run_of_that_precision(wide):
    found = bring(wide, "int8")
    assert (found.before, found.kept) == (wide, "")
    direct = run("npu/edge_npu", "tiny.yaml", overrides={"cores.npu.rows": 16, "workload.precision": "int8"})
    assert plain(found.result) == plain(direct)
    assert found.result.resolved["experiment"]["set"] == {"cores.npu.rows": 16, "workload.precision": "int8"}
    again = bring(found.result, "int16")
    assert plain(again.result) == plain(wide), "there and back"


def test_one_that_is_there_already_stays(wide):
    found = bring(wide, "int16")
    assert (found.result, found.before, found.kept) == (wide, None, "")


def test_mixed_types_are_told_from_the_wider_one(wide):
    """w4a8 multiplies as int8: a run of it is not yet one of int8."""
    mixed = bring(wide, "w4a8").result
    assert mixed.precision == "int8"
    assert bring(mixed, "w4a8").before is None
    assert bring(mixed, "int8").before is mixed


@pytest.mark.parametrize(
    ("chip", "precision", "why"),
    [("neuromorphic/loihi_1", "int8", "spikes are added, not multiplied: there is no precision of products"),
     ("neuromorphic/nm500", "int8", "its neurons compare, they multiply nothing"),
     ("npu/edge_npu", "fp16", "no array of edge_npu multiplies fp16")],
)  # fmt: skip
def test_what_cannot_be_is_kept_with_the_reason(digits, chip, precision, why):
    found = bring(digits[chip], precision)
    assert (found.result, found.before, found.kept) == (digits[chip], None, why)


def test_language_models_have_types_of_their_own(digits):
    one = digits["npu/edge_npu"]
    asked = {**one.resolved["experiment"], "network": "llm/gpt2"}
    found = bring(replace(one, resolved={**one.resolved, "experiment": asked}), "int16")
    assert found.kept.startswith("a language model has settings of its own")
    stated = {**asked, "args": {"weights": "int8", "activations": "int8"}}
    assert bring(replace(one, resolved={**one.resolved, "experiment": stated}), "int8").kept == "", "it is there"


def test_a_network_that_is_quantized_is_quantized_to_other_types(digits):
    """Not taken as if: its samples are executed in the new types."""
    found = bring(digits["npu/edge_npu"], "int4/int8")
    assert found.kept == ""
    settings = found.result.resolved["experiment"]["set"]
    assert settings == {"workload.quantize.weights": "int4", "workload.quantize.activations": "int8"}
    assert found.result.stream.inferences == 20
    assert found.result.values.source == digits["npu/edge_npu"].values.source
    assert "quantized after training to int4 weights" in found.result.assumptions[0]


def test_a_network_that_has_changed_since_is_not_simulated(wide, tiny: Path):
    tiny.write_text(tiny.read_text().replace("filters: 8", "filters: 16", 1))
    assert bring(wide, "int8").kept == "its network is another one here than it was: the file has changed"
    tiny.unlink()
    assert bring(wide, "int8").kept == "its network is not found from here: tiny.yaml"


def test_a_chip_that_was_built_otherwise_is_not_simulated(wide):
    other = replace(wide, provenance={**wide.provenance, "chip_sha256": "0"})
    assert bring(other, "int8").kept.startswith("its chip is another one here than it was")


def test_inputs_are_those_of_the_command_or_none_are_known(wide):
    """Arrays that Python gave are in no result; a file that is gone is named."""
    executed = replace(wide, values=Values("exact", 1))
    assert bring(executed, "int8").kept == "what it was executed on is not in the result: arrays that Python gave it"
    gone = replace(wide, provenance={**wide.provenance, "command": "chipsim run a b --inputs gone.npz"})
    assert bring(gone, "int8").kept == "gone.npz: cannot read the inputs: No such file or directory"


def test_a_result_that_somebody_wrote_has_no_traceback(wide):
    odd = {"set": {"nosuch.path": 1}, "network": "tiny.yaml", "stream": "x", "seed": "y", "chip": 3}
    for experiment in (odd, {}, {"set": []}, {"set": {"workload.nosuch": 1}, "network": "tiny.yaml"}):
        found = bring(replace(wide, resolved={**wide.resolved, "experiment": experiment}), "int8")
        assert found.result.resolved["experiment"] is experiment or found.before is not None
    quoted = replace(wide, provenance={**wide.provenance, "command": "chipsim run 'a"})
    assert bring(quoted, "int8").before is quoted


def test_the_command(chipsim, wide, tmp_path: Path):
    narrow = run("npu/edge_npu", "tiny.yaml", overrides={"workload.precision": "int8"})
    for name, result in (("wide", wide), ("narrow", narrow)):
        (tmp_path / name).mkdir()
        result.to_json(tmp_path / name / "result.json")
    done = chipsim("compare", "narrow", "wide", "--precision", "int8", "--out", "o")
    assert done.code == 0, done.err
    assert "simulating again: edge_npu tiny at int8" in done.err
    assert "note: edge_npu / tiny (rows=16) was simulated again at int8: it was int16, " in done.out
    assert "precision int16" not in done.out, "nothing differs any more"
    rows = list(csv.DictReader((tmp_path / "o" / "compare.csv").open()))
    assert [row["simulated_again"] for row in rows] == ["False", "True"]
    assert (rows[1]["precision"], rows[1]["precision_before"]) == ("int8", "int16")
    assert float(rows[1]["latency_before_s"]) == wide.metrics.latency_s != float(rows[1]["latency_s"])
    page = (tmp_path / "o" / "report.html").read_text()
    assert 'href="at_int8/edge_npu__tiny/report.html"' in page
    assert "Simulated again at int8" in page
    again = json.loads((tmp_path / "o" / "at_int8" / "edge_npu__tiny" / "result.json").read_text())
    assert again["metrics"]["latency_s"] == float(rows[1]["latency_s"])
    assert json.loads((tmp_path / "wide" / "result.json").read_text())["precision"] == "int16", "untouched"


def test_in_python(wide, tmp_path: Path):
    wide.to_json(tmp_path / "a.json")
    wide.to_json(tmp_path / "b.json")
    found = compare(["a.json", "b.json"], precision="int8", node=7)
    assert [result.precision for result in found.results] == ["int8", "int8"]
    assert found.normals[0].result is found.results[0]
    assert np.isfinite(found.records()[0]["node_energy_j"])


def test_a_precision_that_is_none_is_refused(refused, wide, tmp_path: Path):
    wide.to_json(tmp_path / "a.json")
    (line,) = refused("compare", "a.json", "--precision", "int9", "--out", "o")
    assert line.startswith("--precision: expected an element type (int4, int8, int16")
    assert line.endswith("got 'int9'; did you mean 'int8'?")
