"""What executed operators on prototypes did, as counts among their attributes: values that shape time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from simulator.workload import neurons
from simulator.workload.graph import Graph, Node


def with_counts(graph: Graph, outputs: Mapping[str, np.ndarray]) -> Graph:
    """The graph with what each of its operators on prototypes counted.

    Parameters
    ----------
    graph
        As it was executed.
    outputs
        Its results by name: everything that such operators give, and what they were given.
    """
    held = {name: t.constant.array() for name, t in graph.tensors.items() if t.constant is not None}
    arrays = {**held, **outputs}
    nodes = tuple(_counted(node, graph, arrays) for node in graph)
    return replace(graph, nodes=nodes)


def _counted(node: Node, graph: Graph, arrays: Mapping[str, np.ndarray]) -> Node:
    count = {"MatchLearn": _learned, "Match": _recognized, "MatchSave": _saved}.get(node.op)
    if count is None:
        return node
    return replace(node, attrs={**node.attrs, "counts": count(node, graph, arrays)})


def _learned(node: Node, graph: Graph, arrays: Mapping[str, np.ndarray]) -> dict[str, int]:
    told = arrays[node.outputs[2]].reshape(-1, neurons.TOLD).astype(np.int64)
    components = graph.tensors[node.inputs[0]].shape[1]
    before = neurons.count_committed(arrays[node.inputs[3]]) if len(node.inputs) > 3 else 0
    since = before + np.cumsum(told[:, neurons.COMMITTED]) - told[:, neurons.COMMITTED]
    return {
        "onto_empty": int((since == 0).sum()),
        "compare": int(told[:, neurons.COMPARED].sum()) * components,
        "teach_known": int(told[:, neurons.KNOWN].sum()),
        "commit": int(told[:, neurons.COMMITTED].sum()),
        "shrink": int(told[:, neurons.SHRUNK].sum()),
    }


def _recognized(node: Node, graph: Graph, arrays: Mapping[str, np.ndarray]) -> dict[str, int]:
    vectors, components = graph.tensors[node.inputs[0]].shape
    registers, attrs = arrays[node.inputs[2]], node.attrs
    heard = int(neurons.takes_part(registers, attrs["context"], attrs["norm"]).sum())
    identified = int((arrays[node.outputs[4]] == neurons.IDENTIFIED).sum())
    return {
        "onto_empty": 0 if neurons.count_committed(registers) else vectors,
        "compare": heard * vectors * components,
        "category_identified": identified * attrs["k"],
    }


def _saved(node: Node, graph: Graph, arrays: Mapping[str, np.ndarray]) -> dict[str, int]:
    return {"save": neurons.count_committed(arrays[node.inputs[1]])}
