"""A phase of a language model whose weights lie as another phase wants them: wider, without scales."""

from __future__ import annotations

import pytest

from simulator.workload.frontends.llm.args import LanguageModel
from simulator.workload.frontends.llm.build import build
from simulator.workload.frontends.llm.inside import as_inside
from simulator.workload.op import work_of


@pytest.fixture
def graph():
    return build(LanguageModel(model="qwen2.5-0.5b", prompt=8, generate=2, blocks=1), "model")


def test_weights_widened_are_plain_products_with_their_bias(graph):
    """Queries have a bias and int4 weights with scales: what is left are FP16 weights and the bias."""
    made = as_inside(graph, {"block0.q.w": "fp16"})
    before, after = (next(node for node in each if node.name == "block0.q") for each in (graph, made))
    assert before.op == "MatMulNBits"
    assert (after.op, after.inputs, dict(after.attrs)) == (
        "Gemm", (before.inputs[0], "block0.q.w", before.inputs[-1]), {"transB": 1},
    )  # fmt: skip
    assert after.epilogue == before.epilogue == ("bias",)
    assert made.tensors["block0.q.w"].bytes == 4 * graph.tensors["block0.q.w"].bytes
    assert work_of(after, made) == work_of(before, graph), "the same product"
    others = [node for node in graph if node.name != "block0.q"]
    assert [node for node in made if node.name != "block0.q"] == others


def test_a_table_that_is_looked_up_as_well_stays(graph):
    assert as_inside(graph, {"tokens.w": "fp16"}) is graph
    assert as_inside(graph, {}) is graph


def test_floats_change_their_type_alone():
    graph = build(LanguageModel(model="llama-3-8b", weights="fp16", prompt=8, generate=2, blocks=1), "model")
    made = as_inside(graph, {"block0.up.w": "bf16"})
    assert made.nodes == graph.nodes
    assert made.tensors["block0.up.w"].dtype == "bf16"
