"""A phase of a language model whose weights lie as another phase wants them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from simulator.workload.graph import Graph, Node


def as_inside(graph: Graph, types: Mapping[str, str]) -> Graph:
    """The graph with weights of another type, in plain products without scales.

    Parameters
    ----------
    graph
        What ``build`` made.
    types
        Weight -> type that it has in memory. One that others than linear layers read stays as it is.
    """
    changed = {
        name: dtype
        for name, dtype in types.items()
        if all(graph.nodes[i].op in ("MatMulNBits", "Gemm") for i in graph.consumers.get(name, ()))
    }
    if not changed:
        return graph
    tensors = {
        name: replace(tensor, dtype=changed[name]) if name in changed else tensor
        for name, tensor in graph.tensors.items()
    }
    nodes = tuple(_plain(node) if set(node.inputs) & set(changed) else node for node in graph.nodes)
    return replace(graph, nodes=nodes, tensors=tensors)


def _plain(node: Node) -> Node:
    """A product with weights of its own precision; what it had beside scales stays."""
    if node.op == "Gemm":
        return node
    operand, weight, _, *rest = node.inputs
    return replace(node, op="Gemm", inputs=(operand, weight, *rest[2:]), attrs={"transB": 1})
