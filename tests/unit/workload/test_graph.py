"""Nodes in topological order over tensors that someone writes."""

import pytest

from simulator.base.errors import InputError
from simulator.workload.graph import Graph, Node, sort_nodes
from simulator.workload.tensor import Tensor

A = Node("a", "Relu", ("x",), ("y",))
B = Node("b", "Add", ("y", "x"), ("z",))
C = Node("c", "Clip", ("z", "", "y"), ("w", ""))


def message(nodes, known=("x",)):
    with pytest.raises(InputError) as error:
        sort_nodes(nodes, set(known), "net.onnx")
    return str(error.value)


def test_order():
    assert sort_nodes([A, B, C], {"x"}) == (A, B, C)
    assert sort_nodes([C, B, A], {"x"}) == (A, B, C)
    assert sort_nodes([], set()) == ()


def test_what_cannot_be_ordered():
    assert message([A, B], ()) == (
        "net.onnx: node 'a' (Relu) reads tensor 'x', which nothing writes\n"
        "net.onnx: node 'b' (Add) reads tensor 'x', which nothing writes"
    )
    again = Node("again", "Relu", ("x",), ("y",))
    assert message([A, again]) == "net.onnx: tensor 'y' is written by node 'again' and by node 'a'"
    over = Node("over", "Relu", ("y",), ("x",))
    assert "tensor 'x' is written by node 'over' and by an input or constant" in message([A, over])
    loop = [Node(f"n{i}", "Add", ("x", f"t{(i + 1) % 7}"), (f"t{i}",)) for i in range(7)]
    assert message(loop).endswith("through or before nodes 'n0', 'n1', 'n2', 'n3', 'n4' and 2 more")


def test_who_writes_and_reads():
    graph = Graph("g", (A, B, C), {n: Tensor(n, (2,)) for n in "xyzw"}, ("x",), ("w",))
    assert graph.producer == {"y": 0, "z": 1, "w": 2}
    assert graph.consumers == {"x": (0, 1), "y": (1, 2), "z": (2,)}
    assert [t.name for t in graph.operands(C)] == ["z", "y"]
    assert [t.name for t in graph.results(C)] == ["w"]
    assert list(graph) == [A, B, C]


def test_other_tensors():
    graph = Graph("g", (A,), {n: Tensor(n, (2,)) for n in "xy"}, ("x",), ("y",), ("one",))
    changed = graph.with_tensors({n: Tensor(n, (2,), "int8") for n in "xy"}, "two")
    assert changed.tensors["x"].dtype == "int8"
    assert changed.assumptions == ("one", "two")
    assert graph.tensors["x"].dtype == "fp32"
