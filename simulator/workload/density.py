"""Shares of elements that are not zero: measured, declared, or those of constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from simulator.workload.graph import Graph
from simulator.workload.op import work_of
from simulator.workload.tensor import Tensor
from simulator.workload.work import Contraction


def with_densities(graph: Graph, shares: Mapping[str, float]) -> Graph:
    """The graph with the densities of some tensors; names that it does not have are passed over."""
    tensors = {
        name: replace(tensor, density=shares[name]) if name in shares else tensor
        for name, tensor in graph.tensors.items()
    }
    return graph.with_tensors(tensors)


def declared(graph: Graph, share: float) -> dict[str, float]:
    """The same density for every tensor that is computed during the run, and for inputs."""
    return {name: share for name, tensor in graph.tensors.items() if tensor.constant is None}


def of_weights(graph: Graph, share: float | None = None) -> dict[str, float]:
    """Densities of the constants that contractions read: counted, or all as declared.

    Raises
    ------
    InputError
        The network has shapes alone, and no density is declared.
    """
    found: dict[str, float] = {}
    for node in graph:
        if not any(isinstance(work, Contraction) for work in work_of(node, graph)):
            continue
        for tensor in graph.operands(node)[:2]:
            if tensor.constant is not None and tensor.name not in found:
                found[tensor.name] = counted(tensor) if share is None else share
    return found


def counted(tensor: Tensor) -> float:
    """Share of the elements of a constant that stand for something else than 0."""
    assert tensor.constant is not None
    stored, zero = tensor.constant.array(), np.zeros(1, np.int64)
    if tensor.quant is not None:
        zero = np.array(tensor.quant.zero_point)
        if tensor.quant.axis is not None and zero.size > 1:
            zero = zero.reshape([-1 if i == tensor.quant.axis else 1 for i in range(stored.ndim)])
    return int(np.count_nonzero(stored != zero)) / max(stored.size, 1)
