"""Decode steps on a chip with an fp16 array and LPDDR5: what crosses the memory is weights, cache and new rows."""

from __future__ import annotations

from pathlib import Path

import pytest

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
