"""Chips with memories that compute: wrong rules, work that they cannot do, models that do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pim_networks import chip_text

CHIP = "pim/edge_npu_lpddr5_pim"
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "hidden_act": "silu", "hidden_size": 512, "vocab_size": 512,
    "intermediate_size": 1024, "num_attention_heads": 8, "num_key_value_heads": 2,
    "max_position_embeddings": 4096, "tie_word_embeddings": False,
}  # fmt: skip
LAYERS = """
name: small
precision: {weights: fp16, activations: fp16}
layers:
  - {op: Gemm, m: 1, n: 256, k: 256}
  - {op: Softmax}
"""


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(LAYERS)
    return path


def of_layers(folder: Path, layers: int, **args: object) -> Path:
    """A language model of many small blocks, of which three are planned."""
    config, path = folder / "config.json", folder / "model.yaml"
    config.write_text(json.dumps({**CONFIG, "num_hidden_layers": layers}))
    fields = {"model": str(config), "prompt": 32, "generate": 2, **args}
    path.write_text(json.dumps({"builder": "llm", "args": fields}))
    return path


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("mapping.cores.pmi=off", "mapping.cores.pmi: no core is called 'pmi'; there is npu, vec, pim; did you mean 'pim'?"),
        ("mapping.cores.pim=of", "mapping.cores.pim: expected 'auto', 'off' or 'prefer', got 'of'; did you mean 'off'?"),
        ("mapping.cores={pim: off, npu: off, vec: off}", "mapping.cores: node 'gemm_0' (Gemm) has no core: mapping.cores takes npu, vec, pim out"),
        ("mapping.nodes={softmax_1: {core: pim}}", "mapping.nodes.softmax_1.core: core 'pim' cannot run Softmax: lpddr5_pim has no Softmax; cores that can: vec"),
        ("mapping.core=pim", "mapping.core: core 'pim' cannot run Softmax: lpddr5_pim has no Softmax; cores that can: vec"),
        ("cores.pim.split=3", "cores.pim.split: expected a divisor of the 8 channels of its memory, got 3"),
        ("cores.pim.clock=1GHz", "cores.pim.clock: expected that of 'dram', 800 MHz, or none"),
        ("cores.pim.kind=hbm_pim", "cores.pim.buffers.weight: hbm_pim computes in a dram of standard hbm2_pim; 'dram' is of standard lpddr5_pim"),
        ("memories.dram.standard=lpddr5", "cores.pim.buffers.weight: lpddr5_pim computes in a dram of standard lpddr5_pim; 'dram' is of standard lpddr5"),
        ("memories.dram.model=bandwidth", "cores.pim.buffers.weight: lpddr5_pim needs the commands of 'dram'; its model is bandwidth"),
    ],
)  # fmt: skip
def test_rules_and_fields(refused, network, rule, message):
    lines = refused("run", CHIP, network, "--set", rule)
    assert any(message in line for line in lines), lines


def test_a_convolution_on_a_memory_alone(refused, tmp_path):
    path = tmp_path / "conv.yaml"
    path.write_text("name: conv\nprecision: {weights: fp16, activations: fp16}\nlayers:\n  - {op: Conv, input: [1, 8, 8, 8], filters: 8, kernel: [3, 3], pad: 1}\n")
    (line,) = refused("run", "pim/hbm_pim", path)
    assert "node 'conv_0' (Conv, 1 x 64 x 8 x 72, kernel 3 x 3) is no work for any core of hbm_pim (pim: fp16; cpu: vector)" in line


def test_integers_on_a_memory_that_multiplies_none(chipsim, tmp_path):
    path = tmp_path / "int8.yaml"
    path.write_text(LAYERS.replace("fp16", "int8"))
    outcome = chipsim("run", "pim/hbm_pim", path)
    assert outcome.code == 2
    assert "node 'gemm_0' (Gemm) multiplies in int8, which no core of hbm_pim does" in outcome.err


def test_weights_of_all_blocks_that_units_do_not_reach(refused, tmp_path):
    """5000 blocks of 2.2 M weights are 6 GB of int4 and 24 GB as they lie in FP16, of 16 GiB.

    Inputs of 512 are divided among four groups of channels, each with turns of 256 outputs: keys and values,
    128, take twice their room.
    """
    path = of_layers(tmp_path, 5000)
    (line,) = refused("run", CHIP, path, "--set", "mapping.cores.pim=prefer")
    taken = 5000 * (2 * 512 * 512 + 2 * 256 * 512 + 3 * 512 * 1024) * 2 + 512 * 512 * 2
    assert line.endswith(
        f"memories.dram.capacity: weights of 35001 nodes take {taken} B in the layout of pim, whose units reach 17179869184 B "
        "of the memory; `mapping.cores.pim: off` does without"
    )


def test_weights_and_cache_that_fit_without_the_layout(refused, tmp_path):
    """3500 blocks are 15.7 GB of FP16 and 4.1 GB of int4; the cache of 64 sequences of 34 tokens 4 GB."""
    path = of_layers(tmp_path, 3500, batch=64)
    (line,) = refused("run", CHIP, path, "--set", "mapping.cores.pim=prefer")
    assert " does not fit: weights and the cache of 34 tokens need " in line
    assert "the memory has 17179869184 B; " in line
    assert line.endswith(" B of these are the layout of pim: `mapping.cores.pim: off` does without")


def test_a_context_that_the_model_does_not_have(refused, tmp_path):
    lines = refused("run", CHIP, of_layers(tmp_path, 2, prompt=4096))
    assert any("prompt + generate = 4098 is more than the context of 4096" in line for line in lines), lines


def test_what_is_wrong_with_a_chip_comes_at_once(refused, tmp_path):
    path = tmp_path / "chip.yaml"
    wrong = chip_text("hbm_pim").replace("{kind: hbm_pim, buffers: {ifmap: sram, weight: dram, ofmap: dram}}", "{kind: hbm_pim, split: 3, buffers: {ifmap: dram, weight: dram, ofmap: sram}}")
    path.write_text(wrong)
    lines = refused("describe", path)
    said = {line[line.index("cores.pim") :] for line in lines if "cores.pim" in line}
    assert said == {
        "cores.pim.split: expected a divisor of the 2 channels of its memory, got 3",
        "cores.pim.buffers.ifmap: inputs are sent to 'dram'; expected another memory",
        "cores.pim.buffers.ofmap: sums of hbm_pim stay in 'dram'; expected that memory",
    }
