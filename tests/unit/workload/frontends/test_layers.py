"""Networks given by shapes alone."""

import pytest

from simulator.base.errors import InputError
from simulator.workload.frontends.layers import KINDS, load
from simulator.workload.op import work_of
from simulator.workload.work import Contraction


@pytest.fixture
def read(tmp_path):
    def build(text):
        path = tmp_path / "net.yaml"
        path.write_text(text)
        return load(path)

    return build


@pytest.fixture
def problems(read, tmp_path):
    def found(text):
        with pytest.raises(InputError) as error:
            read(text)
        return str(error.value).replace(f"{tmp_path}/", "").splitlines()

    return found


EXAMPLE = """
name: two_gemms
precision: {weights: int8, activations: int8}
layers:
  - {op: Gemm, m: 512, n: 512, k: 1024}
  - {op: Conv, input: [1, 64, 56, 56], filters: 128, kernel: [3, 3], stride: 2, pad: 1, groups: 1}
"""


def test_the_documented_example(read):
    graph = read(EXAMPLE)
    assert graph.name == "two_gemms"
    gemm, conv = (work_of(node, graph)[0] for node in graph)
    assert (gemm.M, gemm.N, gemm.K, gemm.precision) == (512, 512, 1024, "int8")
    expected = {"k": 128, "c": 64, "oy": 28, "ox": 28, "fy": 3, "fx": 3, "sy": 2, "pad_top": 1, "iy": 56}
    assert {name: getattr(conv, name) for name in expected} == expected
    assert graph.inputs == ("gemm_0.in", "conv_1.in")
    assert graph.outputs == ("gemm_0.out", "conv_1.out")
    assert [node.epilogue for node in graph] == [("requant",)] * 2


def test_a_layer_reads_the_result_before_it_where_the_shapes_meet(read):
    graph = read(
        """
layers:
  - {op: Conv, name: first, input: [2, 3, 32, 32], filters: 16, kernel: 3, pad: 1}
  - {op: Relu}
  - {op: Conv, filters: 16, kernel: 3, groups: 16, pad: [0, 1, 2, 3]}
  - {op: MaxPool, kernel: 2, stride: 2}
  - {op: Add}
  - {op: GlobalAveragePool}
  - {op: Flatten}
  - {op: Gemm, m: 2, k: 16, n: 10}
  - {op: Softmax}
"""
    )
    assert graph.inputs == ("first.in", "add_4.in2")
    assert graph.outputs == ("softmax_8.out",)
    depthwise = work_of(graph.nodes[2], graph)[0]
    assert (depthwise.groups, depthwise.k, depthwise.c, depthwise.oy, depthwise.ox) == (16, 1, 1, 32, 34)
    assert graph.tensors["gemm_7.weight"].shape == (16, 10)


def test_attention_is_a_batch_of_computed_products(read):
    graph = read("layers: [{op: MatMul, batch: 12, m: 128, k: 64, n: 128}, {op: MatMul, m: 4, k: 5, n: 6}]")
    scores, single = (work_of(node, graph)[0] for node in graph)
    assert (scores.groups, scores.batched, scores.macs) == (12, True, 12 * 128 * 64 * 128)
    assert (single.groups, single.batched) == (1, False)
    assert all(graph.tensors[name].constant is None for name in graph.nodes[0].inputs)


@pytest.mark.parametrize("weights,activations,precision,requant", [  # noqa: PT006
    ("int4", "int8", "int8", True), ("int4", "fp16", "fp16", False), ("fp16", "fp16", "fp16", False),
])  # fmt: skip
def test_precision(read, weights, activations, precision, requant):
    types = f"precision: {{weights: {weights}, activations: {activations}}}"
    graph = read(f"{types}\nlayers: [{{op: Gemm, m: 8, n: 8, k: 8}}]")
    (node,) = graph.nodes
    assert work_of(node, graph)[0].precision == precision
    assert [graph.tensors[name].dtype for name in (*node.inputs, *node.outputs)] == [
        activations,
        weights,
        activations,
    ]
    assert ("requant" in node.epilogue) == requant


def test_every_kind_of_layer_can_be_written(read):
    more = {"Gemm": "m: 8, n: 8, k: 8", "MatMul": "m: 8, n: 8, k: 8", "Conv": "filters: 4, kernel: 3"}
    window = dict.fromkeys(("MaxPool", "AveragePool"), "kernel: 2")
    for op in KINDS:
        keys = {**more, **window}.get(op, "")
        shape = "" if op in ("Gemm", "MatMul") else "input: [1, 4, 8, 8], "
        graph = read(f"layers: [{{op: {op}, {shape}{keys}}}]".replace(", }", "}"))
        works = work_of(graph.nodes[0], graph)
        assert works or op == "Flatten"
        assert (op in more) == any(isinstance(work, Contraction) for work in works)


def test_all_problems_at_once_with_their_places(problems):
    assert problems(
        """layers:
  - {op: Gemm, m: 512, n: 512}
  - {op: Convv, input: [1, 64, 56, 56]}
  - {op: Conv, input: [1, 64, 56, 56], filterss: 128, kernel: 3}
  - {op: MaxPool, kernel: 0}
"""
    ) == [
        "net.yaml:2:5: layers.0.k: missing; expected a whole number",
        f"net.yaml:3:6: layers.1.op: expected a layer with 'op', one of {', '.join(KINDS)}, got 'Convv'; "
        "did you mean 'Conv'?",
        "net.yaml:4:40: layers.2.filterss: unknown key; did you mean 'filters'?",
        "net.yaml:5:5: layers.3: kernel must be at least 1",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: x", "net.yaml:1:1: expected a network: a mapping with 'layers'"),
        ("layers: []", "net.yaml:1:1: layers: "),
        (
            "layers: [{op: Relu}]",
            "net.yaml:1:10: layers.0: Relu: the first layer must state the shape of its input",
        ),
        (
            "layers: [{op: Conv, input: [1, 3, 8, 8], filters: 4, kernel: 9}]",
            "layers.0: Conv: a window that reaches over 9 does not fit 8 elements with padding 0 + 0",
        ),
        (
            "layers: [{op: Conv, input: [1, 3, 8, 8], filters: 4, kernel: 3, groups: 2}]",
            "do not fit 2 groups",
        ),
        ("layers: [{op: Relu, input: [1, 0]}]", "expected extents of at least 1, got [1, 0]"),
        ("layers: [{op: Relu, name: a, input: [4]}, {op: Relu, name: a}]", "there is a layer 'a' already"),
        (
            "precision: {weights: int9}\nlayers: [{op: Relu, input: [4]}]",
            "net.yaml:1:13: precision.weights: expected",
        ),
        ("layers: [7]", "net.yaml:1:10: layers.0: expected a mapping, got 7"),
    ],
)
def test_messages(problems, text, expected):
    (message,) = problems(text)
    assert expected in message


def test_nothing_can_be_bound_and_nothing_executed(tmp_path, read):
    graph = read(EXAMPLE)
    path = tmp_path / "net.yaml"
    with pytest.raises(InputError, match="states all its extents: batch and dims cannot be set"):
        load(path, batch=2)
    with pytest.raises(InputError, match="it can be timed, not executed"):
        graph.tensors["gemm_0.weight"].constant.array()


def test_the_digest_is_that_of_the_file(read):
    assert read(EXAMPLE).digest == read(EXAMPLE).digest
    assert read(EXAMPLE).digest != read(EXAMPLE.replace("512", "511")).digest
