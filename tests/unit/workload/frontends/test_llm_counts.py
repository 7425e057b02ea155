"""Language models: parameters as published, and graphs that hold, multiply and move what the closed forms say."""

from __future__ import annotations

from math import prod

import pytest

from simulator.workload.frontends.llm import counts
from simulator.workload.frontends.llm.args import LanguageModel
from simulator.workload.frontends.llm.build import build
from simulator.workload.frontends.llm.models import MODELS
from simulator.workload.graph import Graph
from simulator.workload.op import is_alias, is_modelled, work_of
from simulator.workload.work import Contraction, Move

#: Ends of the names of constants that are parameters of the model, and of the scales of those.
PARAMETERS, SCALES = (".w", ".b", ".scale", ".bias"), (".scales",)

#: weights, activations, cache, head, group
PRECISIONS = [
    ("int4", "fp16", None, None, 128),
    ("int4", "fp16", "int8", "fp16", 32),
    ("int8", "bf16", "int4", None, 128),
    ("fp16", "fp16", None, None, 128),
    ("bf16", "bf16", "int8", "int4", 64),
    ("int8", "int8", None, None, 128),
    ("int4", "int8", "int4", "int8", 100),
]
#: prompt, context, batch, blocks
SIZES = [(1, 1, 1, 2), (7, 300, 3, 3), (64, 900, 2, 1)]


def graph_of(model: str, **given: object) -> tuple[LanguageModel, Graph]:
    args = LanguageModel(model=model, **given)
    return args, build(args, model)


def constants(graph: Graph, ends: tuple[str, ...]) -> list:
    return [t for t in graph.tensors.values() if t.constant is not None and t.name.endswith(ends)]


def macs_of(graph: Graph) -> int:
    works = [work for node in graph for work in work_of(node, graph)]
    return sum(work.macs for work in works if isinstance(work, Contraction))


def computed_bytes(graph: Graph) -> int:
    return sum(t.bytes for node in graph if not is_alias(node.op) for t in graph.results(node))


def read_of(graph: Graph) -> int:
    """Bytes of operands that no node makes, rows of tables alone."""
    total = 0
    views = {n.outputs[0]: n.inputs[0] for n in graph if is_alias(n.op)}
    for node in graph:
        if is_alias(node.op):
            continue
        works = work_of(node, graph)
        if node.op == "Gather":
            assert isinstance(works[0], Move)
            total += works[0].bytes_read
            continue
        names = [views.get(name, name) for name in node.inputs if name]
        total += sum(graph.tensors[name].bytes for name in names if name not in graph.producer)
    return total


@pytest.mark.parametrize("model", MODELS)
def test_parameters_are_as_published(model: str):
    one = MODELS[model]
    args, graph = graph_of(model, prompt=4, generate=4)
    counted = sum(t.elements for t in constants(graph, PARAMETERS))
    assert one.published > 0
    assert counted == counts.parameters(one) == one.published


@pytest.mark.parametrize("precision", PRECISIONS, ids=str)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("phase", ["prefill", "decode"])
@pytest.mark.parametrize("model", MODELS)
def test_graph_is_the_closed_form(model: str, phase: str, sizes: tuple, precision: tuple):
    prompt, context, batch, blocks = sizes
    weights, activations, kv, head, group = precision
    args, graph = graph_of(
        model, phase=phase, prompt=prompt, generate=5, context=context, batch=batch, blocks=blocks,
        weights=weights, activations=activations, kv=kv, head=head, group=group,
    )  # fmt: skip
    assert sum(t.elements for t in constants(graph, PARAMETERS)) == counts.parameters(
        args.architecture, blocks
    )
    assert sum(t.bytes for t in constants(graph, PARAMETERS + SCALES)) == counts.weight_bytes(args)
    assert macs_of(graph) == counts.macs(args)
    assert computed_bytes(graph) == counts.activation_bytes(args)
    assert read_of(graph) == counts.read_bytes(args)
    rows = [graph.tensors[name] for name in graph.outputs[1:]]
    new = prompt if phase == "prefill" else 1
    assert sum(t.bytes for t in rows) == batch * new * counts.kv_bytes_per_token(args)
    caches = [graph.tensors[name] for name in graph.inputs if name.endswith(".cache")]
    expected = counts.kv_bytes(args, context + 1) if phase == "decode" else 0
    assert sum(t.bytes for t in caches) == expected


@pytest.mark.parametrize("model", MODELS)
def test_whole_models_at_their_longest(model: str):
    most = MODELS[model].context
    for phase in ("prefill", "decode"):
        args, graph = graph_of(model, phase=phase, prompt=most - 1, generate=1)
        assert macs_of(graph) == counts.macs(args)
        assert computed_bytes(graph) == counts.activation_bytes(args)
        assert read_of(graph) == counts.read_bytes(args)
        assert all(is_modelled(node.op) for node in graph)


def test_windows_bound_the_cache_of_local_blocks():
    args, graph = graph_of("gemma-2-2b", phase="decode", context=7000)
    keys = [graph.tensors[f"block{i}.k.cache"].shape[1] for i in range(4)]
    assert keys == [4096, 7001, 4096, 7001]
    token = 2 * 4 * 256 * 2
    assert counts.kv_bytes(args, 7001) == 13 * (4096 + 7001) * token
    assert counts.kv_bytes_per_token(args) == 26 * token


def test_figures_that_are_known():
    """Llama 3 8B: 128 KiB of fp16 keys and values per token; 2·(parameters without the token table) per token."""
    args, _ = graph_of("llama-3-8b", phase="decode", context=1, blocks=1)
    assert counts.kv_bytes_per_token(args.at(blocks=None)) == 128 * 1024
    llama2 = LanguageModel(model="llama-2-7b", weights="fp16")
    assert counts.kv_bytes_per_token(llama2) == 512 * 1024
    assert counts.weight_bytes(llama2) == 2 * 6_738_415_616
    step = llama2.at(phase="decode", context=1023)
    linear = 6_738_415_616 - 32000 * 4096 - 65 * 4096
    assert counts.macs(step) == linear + 2 * 32 * 4096 * 1024


def test_each_key_is_read_once_for_all_its_queries():
    _, graph = graph_of("llama-3-8b", phase="decode", context=99, batch=2, blocks=1)
    nodes = {node.name: node for node in graph}
    scores = work_of(nodes["block0.scores"], graph)[0]
    assert isinstance(scores, Contraction)
    assert (scores.groups, scores.M, scores.N, scores.K, scores.batched) == (2 * 8, 4, 100, 128, True)
    mix = work_of(nodes["block0.mix"], graph)[0]
    assert isinstance(mix, Contraction)
    assert (mix.groups, mix.M, mix.N, mix.K) == (2 * 8, 4, 128, 100)
    assert graph.tensors["block0.k.cache"].elements == scores.groups * scores.N * scores.K


def test_the_head_sees_the_last_token_alone():
    _, graph = graph_of("llama-3.2-1b", prompt=50, batch=3, blocks=1)
    head = next(work_of(node, graph)[0] for node in graph if node.name == "head")
    assert isinstance(head, Contraction)
    assert (head.M, head.N, head.K) == (3, 128256, 2048)
    assert graph.tensors[graph.outputs[0]].shape == (3, 1)


def test_blocks_are_alike_but_for_their_names():
    _, graph = graph_of("qwen2.5-0.5b", prompt=16, blocks=3)

    def block(k: int) -> list:
        return [
            (node.name.split(".", 1)[1], node.op, [graph.tensors[n].shape for n in node.inputs if n])
            for node in graph
            if node.name.startswith(f"block{k}.")
        ]

    assert len(block(0)) > 15
    assert block(0) == block(1) == block(2)
    assert prod(graph.tensors["block2.k.w"].shape) == 896 * 128
