"""Formats of synapses: a matrix of one delay between layers is dense; repeated pairs are no matrix."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.hw.rules import MappingRules
from simulator.mapping.spiking.formats import DENSE, SPARSE, formats_of
from simulator.workload.spiking.network import Population, SpikingNetwork, Synapses

ALL = [(a, b, 1) for a in range(2) for b in range(2, 5)]
SELF = [(a, b, 1) for a in range(2, 5) for b in range(2, 5)]
OTHERS = [each for each in SELF if each[0] != each[1]]


def network(edges: list[tuple[int, int, int]], counts: tuple[int, ...] = (2, 3)) -> SpikingNetwork:
    """Layers of so many neurons, and synapses as (source, target, delay)."""
    pre, post, delay = np.array(edges, np.int64).reshape(-1, 3).T
    firsts = np.concatenate([[0], np.cumsum(counts)])
    layers = tuple(Population(f"layer{i}", int(firsts[i]), count, (count,)) for i, count in enumerate(counts))
    synapses = Synapses.sorted(5, pre, post, np.ones(len(pre)), delay)
    return SpikingNetwork("net", "if", 5, 1, {}, {}, synapses, layers)


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        (ALL, DENSE),
        (ALL[:-1], SPARSE),
        ([*ALL[:-1], ALL[0]], SPARSE),  # as many synapses as pairs, one pair twice
        ([*ALL, ALL[0]], SPARSE),
        ([*ALL[:-1], (1, 4, 2)], SPARSE),  # a matrix has no room for delays
        (SELF, DENSE),
        (OTHERS, DENSE),
        ([*OTHERS[:-1], (2, 2, 1)], SPARSE),
    ],
)
def test_a_matrix_between_layers_is_dense(edges, expected):
    (found,) = formats_of(network(edges), MappingRules()).connections
    assert found.format == expected


def test_a_list_of_edges_is_sparse_even_if_complete():
    every = [(a, b, 1) for a in range(5) for b in range(5)]
    (found,) = formats_of(network(every, (5,)), MappingRules()).connections
    assert found.format == SPARSE
