"""Language models as workloads: their files, arguments from outside, configuration files, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simulator.base.errors import InputError
from simulator.base.locate import names
from simulator.workload.frontends.llm.args import LanguageModel
from simulator.workload.frontends.llm.config import read_config
from simulator.workload.frontends.llm.models import MODELS
from simulator.workload.load import load_graph

#: Published configurations, without what has no bearing on shapes.
CONFIGS: dict[str, dict[str, Any]] = {
    "gpt2": {
        "architectures": ["GPT2LMHeadModel"], "activation_function": "gelu_new", "n_ctx": 1024, "n_embd": 768,
        "n_head": 12, "n_layer": 12, "n_positions": 1024, "vocab_size": 50257, "n_inner": None,
    },
    "llama-3.2-1b": {
        "architectures": ["LlamaForCausalLM"], "attention_bias": False, "head_dim": 64, "hidden_act": "silu",
        "hidden_size": 2048, "intermediate_size": 8192, "max_position_embeddings": 131072, "mlp_bias": False,
        "num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8, "rms_norm_eps": 1e-05,
        "rope_scaling": {"factor": 32.0, "rope_type": "llama3"}, "tie_word_embeddings": True,
        "vocab_size": 128256,
    },
    "llama-2-7b": {
        "architectures": ["LlamaForCausalLM"], "hidden_act": "silu", "hidden_size": 4096,
        "intermediate_size": 11008, "max_position_embeddings": 4096, "num_attention_heads": 32,
        "num_hidden_layers": 32, "num_key_value_heads": 32, "rope_scaling": None,
        "tie_word_embeddings": False, "vocab_size": 32000,
    },
    "gemma-2-2b": {
        "architectures": ["Gemma2ForCausalLM"], "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0,
        "head_dim": 256, "hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh",
        "hidden_size": 2304, "intermediate_size": 9216, "max_position_embeddings": 8192,
        "num_attention_heads": 8, "num_hidden_layers": 26, "num_key_value_heads": 4,
        "query_pre_attn_scalar": 256, "sliding_window": 4096, "vocab_size": 256000,
    },
    "phi-3-mini": {
        "architectures": ["Phi3ForCausalLM"], "hidden_act": "silu", "hidden_size": 3072,
        "intermediate_size": 8192, "max_position_embeddings": 4096, "num_attention_heads": 32,
        "num_hidden_layers": 32, "num_key_value_heads": 32, "sliding_window": 2047,
        "tie_word_embeddings": False, "vocab_size": 32064,
    },
    "qwen2.5-0.5b": {
        "architectures": ["Qwen2ForCausalLM"], "hidden_act": "silu", "hidden_size": 896,
        "intermediate_size": 4864, "max_position_embeddings": 32768, "max_window_layers": 21,
        "num_attention_heads": 14, "num_hidden_layers": 24, "num_key_value_heads": 2, "sliding_window": 32768,
        "tie_word_embeddings": True, "use_sliding_window": False, "vocab_size": 151936,
    },
}  # fmt: skip


def write(folder: Path, config: dict[str, Any]) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(config, indent=2))
    return path


def refused(call: Any, *given: Any, **named: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        call(*given, **named)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("model", CONFIGS)
def test_a_published_configuration_is_the_model_of_that_name(tmp_path, model: str):
    read = read_config(str(write(tmp_path, CONFIGS[model])))
    known = MODELS[model]
    assert replace(read, name="", source="", published=0) == replace(known, name="", source="", published=0)


def test_every_model_is_a_workload_by_name():
    there = {name for name in names("workloads") if name.startswith("llm/")}
    assert there == {f"llm/{name}" for name in MODELS}
    graph = load_graph("llm/llama-3.2-1b")
    assert graph.name == "llama-3.2-1b"
    assert graph.tensors["tokens"].shape == (1, 1024)
    assert graph.tensors["block15.q.w"].dtype == "int4"


def test_arguments_from_outside_take_the_place_of_the_files():
    given = {"phase": "decode", "context": "77", "kv": "int8", "blocks": "2", "weights": "int8"}
    graph = load_graph("llm/qwen2.5-1.5b", arguments=given, batch=3)
    assert graph.tensors["block1.v.cache"].shape == (3, 78, 2, 128)
    assert graph.tensors["block1.v.cache"].dtype == "int8"
    assert graph.tensors["block0.q.w"].dtype == "int8"
    assert not any(node.name.startswith("block2.") for node in graph)
    other = load_graph("llm/qwen2.5-1.5b", arguments={**given, "context": "78"}, batch=3)
    assert other.digest != graph.digest


def test_a_configuration_lies_beside_the_file_that_names_it(tmp_path):
    write(tmp_path, CONFIGS["llama-3.2-1b"])
    file = tmp_path / "net.yaml"
    file.write_text("builder: llm\nargs: {model: config.json, prompt: 3, blocks: 1}\n")
    graph = load_graph(file)
    by_name = load_graph("llm/llama-3.2-1b", arguments={"prompt": "3", "blocks": "1"})
    assert graph.nodes == by_name.nodes
    assert graph.tensors == by_name.tensors
    write(tmp_path, {**CONFIGS["llama-3.2-1b"], "intermediate_size": 4096})
    assert load_graph(file).digest != graph.digest


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("{model: lama-3-8b}", "2:8: args.model: expected a path of a config.json or one of gpt2, .*; "
                               "got 'lama-3-8b'; did you mean 'llama-3-8b'"),
        ("{model: gpt2, prompt: 1000, generate: 25}",
         "args: prompt [+] generate = 1025 is more than the context of 1024 of gpt2$"),
        ("{model: gpt2, prompt: 9, context: 1024}", "args: context [+] 1 = 1025 is more than the context of 1024"),
        ("{model: gpt2, prompt: 9, blocks: 13}", "args: blocks: 13 is more than the layers: 12 of gpt2"),
        ("{model: gpt2, weights: int5}", "2:21: args.weights: expected 'int4', .* did you mean 'int8'"),
        ("{model: gpt2, prompt: 9, weights: bf16}", "weights in bf16 need activations in bf16, got fp16"),
        ("{model: gpt2, prompt: 9, activations: int8, kv: fp16}", "kv in fp16 need activations in fp16, got int8"),
        ("{model: gpt2, batch: 0}", "args.batch: expected at least 1, got 0"),
        ("{model: gpt2, phase: decoding}", "args.phase: expected 'all', 'generate', 'prefill' or 'decode'"),
        ("{promt: 9}", "args.promt: unknown key; did you mean 'prompt'"),
        ("{model: no/config.json}", "no file 'no/config.json'"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named_with_their_place(tmp_path, args: str, message: str):
    file = tmp_path / "net.yaml"
    file.write_text(f"builder: llm\nargs: {args}\n")
    with pytest.raises(InputError, match=message):
        load_graph(file)


def test_wrong_arguments_from_outside_are_named(tmp_path):
    assert refused(load_graph, "llm/gpt2", arguments={"prompt": "2000"})[0].endswith(
        "prompt + generate = 2128 is more than the context of 1024 of gpt2"
    )
    found = refused(load_graph, "llm/gpt2", arguments={"kv": "int3"})
    assert found[0].startswith("--set workload.kv=int3: args.kv: expected 'fp16', 'bf16', 'int8'")
    file = tmp_path / "net.yaml"
    file.write_text("layers: [{op: Gemm, m: 4, n: 4, k: 4}]\n")
    assert "workload.prompt is for networks from a builder" in refused(
        load_graph, file, arguments={"prompt": "4"}
    )[0]  # fmt: skip


def test_the_next_step_is_checked_as_well():
    args = LanguageModel(model="gpt2", prompt=100)
    assert args.at(phase="decode", context=1023).seen == 1024
    assert "context + 1 = 1025" in refused(args.at, phase="decode", context=1024)[0]


@pytest.mark.parametrize(
    ("model", "change", "messages"),
    [
        ("llama-2-7b", {"num_attention_heads": 48}, ["num_attention_heads: expected a divisor of hidden_size "
            "(4096), got 48", "num_key_value_heads: expected a divisor of num_attention_heads (48), got 32"]),
        ("llama-3.2-1b", {"num_key_value_heads": 5},
         ["num_key_value_heads: expected a divisor of num_attention_heads (32), got 5"]),
        ("gpt2", {"n_head": 7}, ["n_head: expected a divisor of n_embd (768), got 7"]),
        ("gpt2", {"n_layer": None, "vocab_size": "many"},
         ["n_layer: missing; expected a whole number in 'n_layer'",
          "vocab_size: expected a whole number of at least 1, got 'many'"]),
        ("phi-3-mini", {"hidden_act": "relu6"}, ["hidden_act: expected one of silu, "]),
        ("phi-3-mini", {"partial_rotary_factor": 1.5}, ["partial_rotary_factor: expected at most 1, got 1.5"]),
        ("gemma-2-2b", {"final_logit_softcapping": -1}, ["final_logit_softcapping: expected a number above 0"]),
        ("qwen2.5-0.5b", {"use_sliding_window": "no"}, ["use_sliding_window: expected true or false, got 'no'"]),
        ("gpt2", {"architectures": ["GPT2LMHead"]}, ["architectures: expected a list with one of "]),
        ("gpt2", {"architectures": []}, ["architectures: expected a list with one of "]),
    ],
)  # fmt: skip
def test_what_a_configuration_lacks_or_contradicts_is_named(tmp_path, model, change, messages):
    path = write(tmp_path, {**CONFIGS[model], **change})
    found = refused(read_config, str(path))
    assert len(found) == len(messages)
    for text, message in zip(found, messages, strict=True):
        assert text.startswith(f"{path}:")
        assert message in text


def test_parts_of_a_configuration_that_change_the_network(tmp_path):
    phi = read_config(str(write(tmp_path, {**CONFIGS["phi-3-mini"], "partial_rotary_factor": 0.75})))
    assert phi.rotary_dim == 72
    full = {**CONFIGS["phi-3-mini"], "sliding_window": None}
    assert read_config(str(write(tmp_path, full))).windows == (0,)
    bare = {**CONFIGS["gemma-2-2b"], "attn_logit_softcapping": None}
    assert read_config(str(write(tmp_path, bare))).attention_cap == 0
    windowed = {**CONFIGS["qwen2.5-0.5b"], "use_sliding_window": True, "sliding_window": 512}
    qwen = read_config(str(write(tmp_path, windowed)))
    assert [qwen.attended(layer, 1000) for layer in (0, 20, 21, 23)] == [1000, 1000, 512, 512]
