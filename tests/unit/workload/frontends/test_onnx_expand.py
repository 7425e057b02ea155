"""Composite operators become primitive nodes that name where they came from."""

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, helper
from onnx.helper import make_node

from simulator.workload.frontends.onnx import load
from simulator.workload.op import is_modelled, work_of
from simulator.workload.work import Contraction


def macs(graph):
    return sum(w.macs for node in graph for w in work_of(node, graph) if isinstance(w, Contraction))


def with_functions(path, *functions):
    model = onnx.load(path)
    model.functions.extend(functions)
    onnx.save(model, path)
    return path


def function(name, nodes, inputs, outputs, attributes=(), domain="mine"):
    imports = [helper.make_opsetid("", 21), helper.make_opsetid("mine", 1)]
    return helper.make_function(domain, name, inputs, outputs, nodes, imports, attributes)


def test_functions_of_the_file_within_each_other(make):
    leaky = make_node("LeakyRelu", ["a"], ["b"])
    leaky.attribute.append(AttributeProto(name="alpha", ref_attr_name="slope", type=AttributeProto.FLOAT))
    inner = function("Inner", [make_node("Mul", ["p", "p"], ["a"]), leaky], ["p"], ["b"], ["slope"])
    call = make_node("Inner", ["q"], ["r"], "call", domain="mine", slope=0.25)
    outer = function("Outer", [call, make_node("Add", ["r", "q"], ["s"])], ["q"], ["s"])
    nodes = [
        make_node("Outer", ["x"], ["y"], "first", domain="mine"),
        make_node("Outer", ["y"], ["z"], "second", domain="mine"),
    ]
    graph = load(with_functions(make(nodes, {"x": [2, 3]}, ["z"], domains=["mine"]), inner, outer))
    assert [node.op for node in graph] == ["Mul", "Add"] * 2
    assert [node.origin for node in graph] == ["first", "first", "second", "second"]
    assert graph.nodes[0].attrs["leaky_relu"] == (0.25,)
    assert len({node.name for node in graph}) == 4


def test_branches_in_a_function_capture_its_values(make, same):
    def branch(name, op):
        return helper.make_graph(
            [make_node(op, ["q", "k"], [name])], name, [], [helper.make_empty_tensor_value_info(name)]
        )

    choice = make_node("If", ["yes"], ["r"], then_branch=branch("t", "Add"), else_branch=branch("e", "Mul"))
    yes = make_node("Constant", [], ["yes"], value=onnx.numpy_helper.from_array(np.bool_(False)))
    k = make_node("Exp", ["q"], ["k"])
    body = function("Chosen", [yes, k, choice], ["q"], ["r"])
    path = make(
        [make_node("Chosen", ["x"], ["y"], "call", domain="mine")], {"x": [2, 3]}, ["y"], domains=["mine"]
    )
    graph = same(with_functions(path, body))
    assert [node.op for node in graph] == ["Exp", "Mul"]


needs_attention = pytest.mark.skipif(
    not onnx.defs.has("Attention"), reason="the installed onnx has no Attention"
)


@needs_attention
@pytest.mark.parametrize(("heads", "kv_heads"), [(8, 8), (8, 2)])
def test_attention(make, same, heads, kv_heads):
    node = make_node("Attention", ["q", "k", "v"], ["y"], "attn", q_num_heads=heads, kv_num_heads=kv_heads)
    inputs = {"q": ["N", 6, 64], "k": ["N", 10, 8 * kv_heads], "v": ["N", 10, 8 * kv_heads]}
    graph = load(make([node], inputs, ["y"], opset=23), batch=2)
    assert graph.tensors["y"].shape == (2, 6, 64)
    assert {n.origin for n in graph} == {"attn"}
    assert all(is_modelled(n.op) for n in graph)
    assert macs(graph) == 2 * heads * (6 * 10 * 8) * 2
    products = [work_of(n, graph)[0] for n in graph if n.op == "MatMul"]
    assert [(w.groups, w.batched) for w in products] == [(2 * heads, True)] * 2
    # A mask of zeros and a selection that is never taken cost nothing.
    assert not {"Add", "Where"}.intersection(n.op for n in graph)


def test_operators_with_a_model_are_not_taken_apart(make, same):
    nodes = [make_node("LayerNormalization", ["x", "s"], ["a"]), make_node("HardSwish", ["a"], ["y"])]
    graph = same(make(nodes, {"x": [2, 3]}, ["y"], {"s": np.ones(3, np.float32)}))
    assert [(n.op, n.epilogue) for n in graph] == [("LayerNormalization", ("hard_swish",))]


def test_operators_of_other_domains_keep_their_domain(make):
    nodes = [
        make_node("Gelu", ["x"], ["a"], domain="com.microsoft"),
        make_node("Relu", ["a"], ["y"], domain="ai.onnx"),
    ]
    path = make(nodes, {"x": [2, 3]}, ["y"], domains=["com.microsoft"])
    assert [(n.op, n.epilogue) for n in load(path)] in ([("Gelu", ()), ("Relu", ())], [("Gelu", ("relu",))])
    attention = make(
        [make_node("Attention", ["x"], ["y"], domain="com.microsoft")],
        {"x": [2, 3]},
        ["y"],
        domains=["com.microsoft"],
    )
    model = onnx.load(attention)
    model.graph.output[0].type.CopyFrom(helper.make_tensor_type_proto(1, [2, 3]))
    onnx.save(model, attention)
    assert [n.op for n in load(attention)] == ["com.microsoft.Attention"]
