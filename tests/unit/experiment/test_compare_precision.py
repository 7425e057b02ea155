"""`chipsim compare --precision`: what is simulated again and equals a run of that precision, what is kept and why."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from simulator import compare, run
from simulator.base.errors import InputError
from simulator.experiment.again import _at, bring
from simulator.results.values import Values
from simulator.workload.precision import parse


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
    assert found.kept.startswith("a language model has its types from its own settings")
    asked.pop("set")
    for there in ("int8", "int4/fp16", "w4a8"):
        weights, activations = parse(there)
        stated = {**asked, "args": {"weights": weights, "activations": activations}}
        again = bring(replace(one, resolved={**one.resolved, "experiment": stated}), there)
        assert again.kept == "", "it is there, whatever its products are called"
        assert f"here {weights} and {activations}" in bring(again.result, "int16").kept


def test_a_network_that_is_quantized_is_quantized_to_other_types(digits):
    """Not taken as if: its samples are executed in the new types."""
    found = bring(digits["npu/edge_npu"], "int4/int8")
    assert found.kept == ""
    settings = found.result.resolved["experiment"]["set"]
    assert settings == {"workload.quantize.weights": "int4", "workload.quantize.activations": "int8"}
    assert found.result.stream.inferences == 20
    assert found.result.values.source == digits["npu/edge_npu"].values.source
    assert "quantized after training to int4 weights" in found.result.assumptions[0]


def test_activations_without_a_sign_stay_so():
    settings = {"workload.quantize.weights": "int8", "workload.quantize.activations": "uint8"}
    assert _at(settings, "w4a8")["workload.quantize.activations"] == "uint8"
    assert _at(settings, "int4")["workload.quantize.activations"] == "uint4"


@pytest.mark.parametrize(("asked", "there"), [("w4a8", True), ("int8", False), ("int4", False)])
def test_a_file_of_mixed_types_is_at_those_alone(chipsim, tiny: Path, asked, there):
    """Its products are int8 ones, its weights are not."""
    tiny.write_text(tiny.read_text() + "precision: {weights: int4, activations: int8}\n")
    told: list[str] = []
    found = bring(run("npu/edge_npu", "tiny.yaml"), asked, told.append)
    refused = f"the network file is quantized already, to int4 and int8; {asked} cannot be assumed"
    assert (found.before, found.kept, told) == (None, "" if there else refused, [])


def test_a_result_that_is_there_needs_no_network(wide, tiny: Path):
    tiny.unlink()
    assert bring(wide, "int16").kept == ""


def test_a_batch_that_python_bound_is_bound_again(chipsim, tmp_path: Path):
    node = helper.make_node("MatMul", ["x", "w"], ["y"], "product")
    weights = numpy_helper.from_array(np.ones((8, 4), np.float32), "w")
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", size]) for n, size in (("x", 8), ("y", 4))]
    graph = helper.make_graph([node], "net", ends[:1], ends[1:], [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), "net.onnx")
    found = bring(run("npu/edge_npu", "net.onnx", batch=3, overrides={"workload.precision": "int8"}), "int4")
    assert (found.kept, found.result.batch, found.result.precision) == ("", 3, "int4")
    assert "--batch 3" in found.result.provenance["command"]


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


@pytest.mark.parametrize("precision", [8, "uint8", ["int8"]])
def test_what_is_no_precision_is_told(wide, tmp_path: Path, precision):
    wide.to_json(tmp_path / "result.json")
    with pytest.raises(InputError, match="--precision: expected an element type"):
        compare([tmp_path, tmp_path], precision=precision)


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
