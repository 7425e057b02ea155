"""Decode steps on a chip with an fp16 array and LPDDR5: what crosses the memory is weights, cache and new rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.base.errors import InputError
from simulator.experiment.language import language_model, run_language_model
from simulator.experiment.run import run
from simulator.workload.frontends.llm import counts
from simulator.workload.frontends.llm.args import LanguageModel
from simulator.workload.frontends.llm.build import build

PARTS = Path(__file__).parents[2] / "hwconfigs" / "parts"
CHIP = f"""
name: fp16_npu
use: {PARTS}/edge_uncore.yaml
cores:
  npu:
    kind: systolic
    rows: 32
    cols: 32
    clock: 1 GHz
    dataflow: ws
    weights: double_buffered
    precision: {{fp16: 1, int8: 2}}
    buffers: {{ifmap: sram, weight: sram, psum: acc, ofmap: sram}}
  vec: {{use: {PARTS}/edge_vector.yaml}}
"""
SMALL = """{"architectures": ["LlamaForCausalLM"], "hidden_act": "silu", "hidden_size": 512, "vocab_size": 4096,
"intermediate_size": 1024, "num_hidden_layers": 3, "num_attention_heads": 8, "num_key_value_heads": 2,
"max_position_embeddings": 2048, "tie_word_embeddings": true}"""
BURST = 64


@pytest.fixture
def chip(tmp_path) -> str:
    path = tmp_path / "fp16_npu.yaml"
    path.write_text(CHIP)
    return str(path)


@pytest.fixture
def small(tmp_path) -> str:
    path = tmp_path / "config.json"
    path.write_text(SMALL)
    return str(path)


@pytest.mark.parametrize(
    "given",
    [
        {"context": 1000},
        {"context": 1, "weights": "int8", "head": "fp16"},
        {"context": 511, "kv": "int8", "batch": 2},
        {"context": 300, "weights": "int8", "activations": "int8", "kv": "int4"},
        {"context": 700, "weights": "fp16"},
    ],
    ids=str,
)
def test_a_step_reads_weights_and_cache_once_and_writes_its_rows(chip: str, small: str, given: dict):
    args = LanguageModel(model=small, phase="decode", **given)
    graph = build(args, "small")
    result = run(chip, graph)
    dram = result.metrics.traffic_bytes["dram"]
    loads = 4 * len(graph.nodes) + counts.read_bytes(args) // (64 * 1024)
    assert 0 <= dram["read"] - counts.read_bytes(args) < loads * BURST
    rows = args.batch * counts.kv_bytes_per_token(args)
    assert 0 <= dram["write"] - rows - 4 * args.batch <= (2 * args.layers + 1) * BURST
    assert result.metrics.macs == counts.macs(args)


def test_attention_reads_the_cache_of_its_block_alone(chip: str, small: str):
    args = LanguageModel(model=small, phase="decode", context=1023)
    result = run(chip, build(args, "small"))
    read = {row["node"]: row["dram_read_B"] for row in result.layers()}
    for layer in range(args.layers):
        for node in ("scores", "mix"):
            assert read[f"block{layer}.{node}"] == 1024 * 2 * 64 * 2
        assert read[f"block{layer}.softmax"] == read[f"block{layer}.k_append"] == 0


def test_a_prefill_multiplies_what_it_should_and_writes_the_cache(chip: str, small: str):
    args = LanguageModel(model=small, prompt=200, batch=2)
    result = run(chip, build(args, "small"))
    assert result.metrics.macs == counts.macs(args)
    dram = result.metrics.traffic_bytes["dram"]
    assert dram["write"] >= counts.kv_bytes(args, 200)
    assert dram["read"] >= counts.read_bytes(args)


def test_settings_of_a_run_choose_phase_context_and_blocks(chip: str):
    settings = {"phase": "decode", "context": 64, "blocks": 1, "weights": "int8", "kv": "int8"}
    result = run(chip, "llm/gpt2", overrides={f"workload.{name}": value for name, value in settings.items()})
    args = LanguageModel(model="gpt2", prompt=896, **settings)
    assert result.metrics.macs == counts.macs(args)
    read = {row["node"]: row["dram_read_B"] for row in result.layers()}
    assert read["block0.scores"] == 65 * 768
    assert read["block0.up"] == 768 * 3072 + 3072 * (2 + 2)


def test_blocks_that_stand_for_others_are_near_all_of_them(chip: str, tmp_path: Path):
    """Of six alike three are simulated: times within 1 %, what is moved and multiplied equal."""
    config = tmp_path / "six.json"
    config.write_text(SMALL.replace('"num_hidden_layers": 3', '"num_hidden_layers": 6'))
    network = tmp_path / "six.yaml"
    network.write_text(f"{{builder: llm, args: {{model: {config}, prompt: 48, generate: 9}}}}")
    request = language_model(network, {}, None)
    each = {"memories.dram.fold_channels": "false"}  # the channels are another matter
    folded, whole = (run_language_model(chip, request, overrides=each, fold=fold) for fold in (True, False))
    for name in ("ttft_s", "tpot_s", "latency_s"):
        assert getattr(folded.metrics, name) == pytest.approx(getattr(whole.metrics, name), rel=0.01)
    assert folded.metrics.macs == whole.metrics.macs
    assert folded.metrics.traffic_bytes["dram"] == whole.metrics.traffic_bytes["dram"]
    assert [row.node for row in folded.rows] == [row.node for row in whole.rows]
    assert "of 6 blocks 3 are simulated; block 1 stands for 3 more" in folded.assumptions
    assert not any("channels" in text for text in folded.assumptions)


@pytest.mark.parametrize("phase", ["prefill", "decode"])
def test_one_channel_is_near_each_of_eight(chip: str, phase: str):
    """A block of GPT-2 small on eight channels: time and energy within 1 %, reads equal, writes but for merged ones."""
    settings = {"phase": phase, "prompt": 96, "context": 500, "blocks": 1}
    overrides = {f"workload.{name}": value for name, value in settings.items()}
    eight = {"memories.dram.channels": 8, "memories.dram.capacity": "16 GiB"}
    each, one = (
        run(chip, "llm/gpt2", overrides={**overrides, **eight, "memories.dram.fold_channels": fold})
        for fold in ("false", "true")
    )
    for name in ("latency_s", "energy_j"):
        assert getattr(one.metrics, name) == pytest.approx(getattr(each.metrics, name), rel=0.01)
    assert one.ledger.total("dram", "activate") == pytest.approx(each.ledger.total("dram", "activate"), rel=0.05)
    moved, there = (result.metrics.traffic_bytes["dram"] for result in (one, each))
    assert moved["read"] == there["read"]
    assert moved["write"] == pytest.approx(there["write"], rel=0.02)
    assert "one of 8 channels for all" in next(memory.model for memory in one.memories if memory.name == "dram")


def test_whether_channels_are_folded(chip: str, small: str, tmp_path: Path):
    """A language model has one channel for all and says so, unless the chip's file or the caller decides otherwise."""
    network = tmp_path / "small.yaml"
    network.write_text(f"{{builder: llm, args: {{model: {small}, prompt: 16, generate: 2}}}}")
    request = language_model(network, {}, None)
    said = "dram: of 2 channels one is simulated, which stands for all"
    found = run_language_model(chip, request)
    assert said in found.assumptions
    assert found.resolved["chip"]["memories"]["dram"]["fold_channels"] is True
    assert said not in run_language_model(chip, request, fold=False).assumptions
    refused = run_language_model(chip, request, overrides={"memories.dram.fold_channels": "false"})
    assert said not in refused.assumptions
    assert refused.resolved["chip"]["memories"]["dram"]["fold_channels"] is False


def test_metrics_of_a_whole_generation(chip: str, small: str, tmp_path: Path):
    network = tmp_path / "small.yaml"
    network.write_text(f"{{builder: llm, args: {{model: {small}, prompt: 64, generate: 17, batch: 2}}}}")
    metrics = run(chip, network).metrics
    args = LanguageModel(model=small, prompt=64, generate=17, batch=2)
    assert metrics.latency_s == pytest.approx(metrics.ttft_s + 16 * metrics.tpot_s, rel=1e-9)
    assert metrics.tokens_per_s == pytest.approx(2 / metrics.tpot_s)
    assert metrics.kv_bytes == counts.kv_bytes(args, 80)
    prefill = run(chip, network, overrides={"workload.phase": "prefill"}).metrics
    assert metrics.ttft_s == prefill.latency_s
    assert prefill.ttft_s is None
    steps = [run(chip, network, overrides={"workload.phase": "decode", "workload.context": n}) for n in (64, 79)]
    low, high = (step.metrics.latency_s for step in steps)
    assert low <= metrics.tpot_s <= high


def test_a_model_larger_than_the_memory(chip: str, small: str, tmp_path: Path):
    network = tmp_path / "small.yaml"
    network.write_text(f"{{builder: llm, args: {{model: {small}, prompt: 64, generate: 17, batch: 40000}}}}")
    with pytest.raises(InputError, match=r"memories.dram.capacity: .*does not fit: weights and the cache of 81 tokens"):
        run(chip, network)


def test_what_is_for_one_graph(chip: str):
    with pytest.raises(InputError, match="--stream is for one graph; choose one with --set workload.phase=prefill"):
        run(chip, "llm/gpt2", stream=2)
