"""A language model on the NPU with plain LPDDR5, with LPDDR5-PIM left alone, and with LPDDR5-PIM at work.

Two blocks of width 1024, so that what is moved takes tens of megabytes. Decode with the units off is bound by
the interface: weights and cache over what a stream gets, which is the peak less refreshes. Prefill of 256
tokens is bound by the array: each weight is used 256 times, and 8192 MACs a cycle need one at 32 bytes a
cycle from 103 uses on.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulator.experiment.run import run
from simulator.experiment.single import finish, prepare
from simulator.hw.chip import load_chip
from simulator.hw.pim.plain import consecutive, move
from simulator.mapping.inside import distinct
from simulator.workload.frontends.llm import counts
from simulator.workload.frontends.llm.args import LanguageModel
from simulator.workload.frontends.llm.build import build
from simulator.workload.work import Contraction

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "hidden_act": "silu", "hidden_size": 1024, "vocab_size": 4096,
    "intermediate_size": 2816, "num_hidden_layers": 2, "num_attention_heads": 16, "num_key_value_heads": 4,
    "max_position_embeddings": 8192, "tie_word_embeddings": False,
}  # fmt: skip
PLAIN, INSIDE, OFF = "pim/edge_npu_lpddr5", "pim/edge_npu_lpddr5_pim", {"mapping.cores.pim": "off"}
BURST = 64
STEPS = [
    {"context": 512},
    {"context": 4000, "kv": "int8"},
    {"context": 1024, "weights": "fp16", "batch": 2},
    {"context": 2048, "weights": "int8"},
]


@pytest.fixture
def model(tmp_path: Path) -> str:
    return written(tmp_path, CONFIG)


def written(folder: Path, config: dict) -> str:
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return str(path)


def stream_bytes_per_s(chip: str) -> float:
    """Peak less refreshes: what of each interval between two is not spent on one."""
    dram = load_chip(chip).memories["dram"]
    timing = dram.device.timing
    return dram.peak_bytes_per_s() * (1 - timing["nRFC"] / timing["nREFI"])


def test_a_stream_gets_the_peak_less_refreshes():
    """4 MiB read from one channel, command by command: what decode is measured against, within 2 %."""
    dram = load_chip(PLAIN).memories["dram"]
    moved = move(dram.device, consecutive(dram.device, 4 << 20, 0, 1), dram.controller)
    rate = (4 << 20) / (moved.cycles * float(dram.device.tck_fs) * 1e-15) * dram.channels
    assert rate == pytest.approx(stream_bytes_per_s(PLAIN), rel=0.02)


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_decode_without_units_is_weights_and_cache_over_the_bandwidth(model: str, step: dict):
    args = LanguageModel(model=model, phase="decode", **step)
    graph = build(args, "model")
    plain, off = run(PLAIN, graph), run(INSIDE, graph, overrides=OFF)
    assert off.metrics.latency_s == plain.metrics.latency_s, "commands of PIM take nothing from ordinary ones"
    assert off.metrics.traffic_bytes == plain.metrics.traffic_bytes
    moved = counts.read_bytes(args) + args.batch * counts.kv_bytes_per_token(args)
    assert moved / stream_bytes_per_s(PLAIN) < off.metrics.latency_s < 1.05 * moved / stream_bytes_per_s(PLAIN)


def test_prefill_is_bound_by_the_array(model: str):
    args = LanguageModel(model=model, phase="prefill", prompt=256)
    chip = load_chip(PLAIN)
    array = chip.cores["npu"]
    least = counts.macs(args) / (array.macs_per_cycle("fp16") * array.clock_hz)
    result = run(PLAIN, build(args, "model"))
    assert least < result.metrics.latency_s < 1.3 * least
    linear = [row for row in result.rows if row.op == "MatMulNBits" and row.node != "head"]
    assert len(linear) == 2 * 7
    assert {row.bound for row in linear} == {"compute"}


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_what_crosses_the_interface_and_what_is_read_inside(model: str, step: dict):
    """The weights of nodes inside stay; their sums come out, 32 bytes for each output and group of channels.

    Inside, each layout is read once for each sequence; a stream besides leaves 8 accesses of each unit for a
    turn, and 17 banks answer for a change of modes.
    """
    args = LanguageModel(model=model, phase="decode", **step)
    graph = build(args, "model")
    chip, schedule = prepare(INSIDE, graph)
    result = finish(chip, schedule, beside=False)
    core, memory = chip.cores["pim"], chip.memories["dram"]
    inside = [plan.task for plan in schedule.tasks if plan.task.core == "pim"]
    assert {task.name for task in inside} >= {"block0.q", "block1.down", "head"}
    stay = sums = columns = 0
    for task in inside:
        assert isinstance(task.work, Contraction)
        stay += sum(t.bytes for t in graph.operands(graph.nodes[task.node])[1:])
        sums += task.work.M * task.work.N * core.partial_sums(task.work)[1]
        turns = core.turns(task.work.N, task.work.K, task.work.precision) * task.work.M
        columns += task.work.M * core.resident_bytes(task.work)
        columns += memory.channels * (turns * 8 * 16 + 17) * memory.device.access_bytes
    dram = result.metrics.traffic_bytes["dram"]
    loads = 4 * len(graph.nodes) + (counts.read_bytes(args) - stay + sums) // (64 * 1024) + 8 * len(inside)
    assert 0 <= dram["read"] - (counts.read_bytes(args) - stay + sums) < loads * BURST
    rows = args.batch * counts.kv_bytes_per_token(args)
    assert 0 <= dram["write"] - rows - 4 * args.batch <= (2 * args.layers + 1) * BURST
    assert result.ledger.total("dram", "pim_column") == columns
    assert result.ledger.total("dram", "io") - dram["read"] - dram["write"] >= result.ledger.total("dram", "pim_register")
    assert result.metrics.macs == counts.macs(args)


def test_units_at_work_are_faster_than_the_interface_allows(model: str):
    """FP16 weights on 8 times the bandwidth: more than twice as fast, and no faster than the units are."""
    args = LanguageModel(model=model, phase="decode", context=512, weights="fp16")
    graph = build(args, "model")
    off, at_work = run(INSIDE, graph, overrides=OFF), run(INSIDE, graph)
    assert at_work.metrics.latency_s < off.metrics.latency_s / 2
    dram = load_chip(INSIDE).memories["dram"]
    assert at_work.metrics.latency_s > at_work.ledger.total("dram", "pim_column") / dram.inside_bytes_per_s()
    assert at_work.metrics.energy_j < off.metrics.energy_j / 2


@pytest.mark.parametrize("weights", ["int4", "fp16"])
def test_a_whole_generation_has_one_layout(tmp_path: Path, weights: str):
    """Decode is planned first; the prefill's array reads weights as they then lie, widened where they are."""
    model = written(tmp_path, {**CONFIG, "hidden_size": 512, "intermediate_size": 1408, "vocab_size": 1024, "num_attention_heads": 8})
    network = tmp_path / "whole.yaml"
    network.write_text(f"{{builder: llm, args: {{model: {model}, weights: {weights}, prompt: 64, generate: 2}}}}")
    args = LanguageModel(model=model, weights=weights, prompt=64, generate=2)
    at_work, off = run(INSIDE, network), run(INSIDE, network, overrides=OFF)
    said = [text for text in at_work.assumptions if text.startswith("weights of")]
    assert len(said) == 1, said
    residents = distinct(prepare(INSIDE, build(args.at(phase="decode"), "model"))[1].residents)
    more = sum(each.bytes - each.network_bytes for each in residents)
    least = counts.weight_bytes(args) + more + at_work.metrics.kv_bytes
    assert least <= at_work.metrics.peak_memory_bytes < least + counts.activation_bytes(args)
    if weights == "fp16":  # int4 are read inside as four times the bytes, at eight times the rate at most
        assert at_work.metrics.tpot_s < off.metrics.tpot_s
    inside = {each.node for each in residents}
    assert "block0.down" in inside
    (row,) = (row for row in at_work.layers() if row["node"] == "prefill/block0.down")
    assert row["core"] == "npu"
    assert row["dram_read_B"] == pytest.approx(1408 * 512 * 2, rel=0.02), "fp16 there, whatever the network has"


def test_a_prompt_alone(tmp_path: Path):
    """One token after a prompt of one: the prefill itself is placed inside, and says so once."""
    model = written(tmp_path, {**CONFIG, "hidden_size": 512, "intermediate_size": 1408, "vocab_size": 1024, "num_attention_heads": 8})
    network = tmp_path / "whole.yaml"
    network.write_text(f"{{builder: llm, args: {{model: {model}, weights: fp16, prompt: 1, generate: 1}}}}")
    result = run(INSIDE, network, overrides={"mapping.cores.pim": "prefer"})
    said = [text for text in result.assumptions if text.startswith("weights of")]
    assert len(said) == 1
    assert "weights of 15 nodes lie in 'dram' in the layout of pim" in said[0]
    assert result.metrics.tpot_s is None
    args = LanguageModel(model=model, weights="fp16", prompt=1, generate=1)
    residents = distinct(prepare(INSIDE, build(args, "model"), overrides={"mapping.cores.pim": "prefer"})[1].residents)
    more = sum(each.bytes - each.network_bytes for each in residents)
    assert result.metrics.peak_memory_bytes >= counts.weight_bytes(args) + more
