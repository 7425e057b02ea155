"""Commands on a chip with a memory that computes: explain, plan, stream, trace, rules in an experiment."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from pim_networks import Sketch, chip_text

from simulator.experiment.explain import explain
from simulator.experiment.run import run
from simulator.experiment.single import prepare, with_precision
from simulator.hw.chip import load_chip
from simulator.workload.frontends.llm.args import LanguageModel
from simulator.workload.frontends.llm.build import build
from simulator.workload.op import work_of

NETWORK = """
name: two
precision: {weights: fp16, activations: fp16}
layers:
  - {op: Gemm, m: 1, n: 512, k: 512}
  - {op: Gemm, m: 1, n: 512, k: 512}
"""


@pytest.fixture
def chip(tmp_path: Path) -> Path:
    path = tmp_path / "chip.yaml"
    path.write_text(chip_text("hbm_pim").replace(", capacity: 512 MiB", ""))  # that of its channels
    return path


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = tmp_path / "two.yaml"
    path.write_text(NETWORK)
    return path


def test_explain_a_layer_inside_a_memory(chip, network):
    """Bound by the memory's own units; there is one tiling; the memory's clock and its ranks are no choices."""
    told = explain(chip, network, "gemm_1")
    assert told.layer is not None
    assert (told.layer.core, told.layer.bound) == ("pim", "pim")
    inside, adding = told.layer.tasks
    assert (inside.core, adding.core) == ("pim", "vec")
    assert inside.alternatives == ()
    assert adding.alternatives
    assert {"pim", "input_wait"} <= set(told.layer.causes_cycles)
    words = [limit.what for limit in told.layer.limits]
    assert any("MACs on pim" in text for text in words), words
    paths = {hint.path for hint in told.hints}
    assert "memories.dram.channels" in paths
    assert not any(path.startswith("cores.pim") for path in paths)
    assert not any(path.startswith("cores.pim") for path, _ in told.refused)
    best = max(told.hints, key=lambda hint: hint.gain)
    assert best.path == "memories.dram.channels"
    assert best.latency_fs[1] < best.latency_fs[0]


def test_the_plan_says_what_runs_where(chipsim, chip, network):
    found = chipsim("run", chip, network, "--plan")
    assert found.code == 0
    assert "gemm_0 on pim: contraction 1 x 512 x 512 (M x N x K) fp16" in found.out
    assert "gemm_0#1 on vec: element-wise" in found.out
    assert "    writes: gemm_0:out in dram" in found.out


def test_a_stream_reads_no_weights(chip, network):
    """Inferences back to back: the second waits for the first byte by byte; nothing stays, for all is there. A refresh more or less."""
    result = run(chip, network, stream=3)
    assert result.stream is not None
    alone = result.metrics.traffic_bytes["dram"]["read"]
    assert result.stream.traffic_bytes["dram"]["read"] == pytest.approx(alone, rel=0.05)
    assert alone < 512 * 512 * 2 / 2
    assert result.stream.resident_bytes == 0
    assert result.stream.interval_fs <= 1.05 * result.metrics.latency_s * 1e15


def test_streams_stand_in_the_trace(chipsim, chip, network, tmp_path):
    assert chipsim("run", chip, network, "--trace", "--out", tmp_path / "out").code == 0
    events = json.loads(gzip.decompress((tmp_path / "out" / "trace.json.gz").read_bytes()))["traceEvents"]
    tracks = {each["tid"]: each["args"]["name"] for each in events if each["name"] == "thread_name"}
    streams = [each["name"] for each in events if each["ph"] == "X" and tracks[each["tid"]] == "pim"]
    assert streams == ["gemm_0", "gemm_1"]


def test_what_a_result_says_of_places(chipsim, chip, network, tmp_path):
    assert chipsim("run", chip, network, "--out", tmp_path / "out").code == 0
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    rows = {row["node"]: row for row in result["nodes"]}
    assert rows["gemm_0"]["core"] == "pim"
    assert rows["gemm_0"]["placed_by"] == "cost"
    expected = rows["gemm_0"]["expected_fs"]
    assert expected["pim"] == min(expected.values())
    assert any("weights of 2 nodes lie in 'dram' in the layout of pim" in text for text in result["assumptions"])


def test_rules_in_an_experiment(chipsim, chip, network, tmp_path):
    experiment = tmp_path / "experiment.yaml"
    experiment.write_text(f"chips: [{chip}]\nworkloads: [{network}]\nsweep: {{mapping.cores.pim: [off, prefer]}}\n")
    assert chipsim("run", experiment, "--out", tmp_path / "out").code == 0
    cores = []
    for folder in sorted((tmp_path / "out").iterdir()):
        if folder.is_dir():
            rows = json.loads((folder / "result.json").read_text())["nodes"]
            cores.append({row["core"] for row in rows})
    assert cores == [{"npu"}, {"pim"}]


def test_a_precision_stands_in_that_the_arrays_have(chip):
    """An int8 array beside FP16 units: a float network is taken as int8, not as what the memory alone multiplies."""
    mixed = load_chip(chip, {"cores.npu.precision": "{int8: 1}"})
    net = Sketch("fp32")
    net.linear("layer", net.input("x", 1, 64), 64)
    taken = with_precision(net.graph(), mixed, None)
    assert {work.precision for node in taken for work in work_of(node, taken) if hasattr(work, "precision")} == {"int8"}
    asked = with_precision(net.graph(), mixed, "fp16")
    assert prepare(mixed, asked)[1].tasks[0].task.core == "pim"
    alone = load_chip("pim/hbm_pim")
    taken = with_precision(net.graph(), alone, None)
    assert {work.precision for node in taken for work in work_of(node, taken) if hasattr(work, "precision")} == {"fp16"}


def test_integers_of_several_scales_are_not_added_up_inside():
    """int4 in groups of 128 beside int8: the sums of 32 bit run over all groups. int8 has a scale for each output."""
    placed = {}
    for weights in ("int4", "int8"):
        args = LanguageModel(
            model="qwen2.5-0.5b", phase="decode", context=8, blocks=1, weights=weights, head="int8", activations="int8"
        )
        schedule = prepare("pim/edge_npu_lpddr5_pim", build(args, "model"), overrides={"mapping.cores.pim": "prefer"})[1]
        placed[weights] = {plan.task.name: plan.task.core for plan in schedule.tasks}
    assert placed["int4"]["block0.up"] == "npu"
    assert placed["int8"]["block0.up"] == placed["int4"]["head"] == "pim"
