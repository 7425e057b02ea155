"""Profiles compared: where a difference begins, and which nodes make one by themselves."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.base.errors import InputError
from simulator.workload.difference import compare_profiles
from simulator.workload.graph import Graph, Node
from simulator.workload.tensor import Constant, Quant, Tensor


def network():
    """Two products one after the other; the first is exact, the second has halves to round."""

    def weight(name, value):
        return Tensor(name, (2, 2), "int8", Quant((1.0,), (0,)), Constant(lambda: np.array(value, np.int8)))

    scale = {"x": 1.0, "a": 1.0, "b": 2.0}
    tensors = {name: Tensor(name, (1, 2), "int8", Quant((each,), (0,))) for name, each in scale.items()}
    tensors |= {"u": weight("u", [[1, 0], [0, 1]]), "v": weight("v", [[1, 1], [1, -1]])}
    nodes = (
        Node("exact", "MatMul", ("x", "u"), ("a",), epilogue=("requant",)),
        Node("halves", "MatMul", ("a", "v"), ("b",), epilogue=("requant",)),
    )
    return Graph("two", nodes, tensors, ("x",), ("b",))


INPUTS = {"x": np.array([[[3, 2]], [[4, 2]], [[5, 4]]], np.int8)}


def test_a_profile_beside_itself():
    (found,) = compare_profiles(network(), INPUTS, "half_up", ["half_up"])
    assert (found.first, found.sources, found.samples, found.deciding) == (None, (), 3, 0)
    assert [(output.elements, output.differing) for output in found.outputs] == [(6, 0)]


def test_by_hand():
    # sums 5, 1; 6, 2; 9, 1 halved: half up 3, 1; 3, 1; 5, 1, truncated 2, 0; 3, 1; 4, 0, half even 2, 0; 3, 1; 4, 0
    truncated, even = compare_profiles(network(), INPUTS, "half_up", ["truncate", "gemmini"])
    for found in (truncated, even):
        assert found.first.node == "halves"
        assert (found.first.elements, found.first.differing, found.first.largest) == (6, 4, 1.0)
        assert [source.node for source in found.sources] == ["halves"]
        assert found.outputs[0].differing == 4
        assert found.deciding == 0


def test_what_is_passed_on_is_not_a_nodes_own():
    graph = network()
    tensors = {
        **graph.tensors,
        "a": Tensor("a", (1, 2), "int8", Quant((2.0,), (0,))),
        "b": Tensor("b", (1, 2), "int8", Quant((2.0,), (0,))),
    }
    (found,) = compare_profiles(
        Graph("two", graph.nodes, tensors, ("x",), ("b",)), INPUTS, "half_up", ["truncate"]
    )
    assert found.first.node == "exact"
    assert [source.node for source in found.sources] == ["exact"]
    assert found.outputs[0].differing > 0


def test_bad_input():
    with pytest.raises(InputError, match="did you mean 'truncate'"):
        compare_profiles(network(), INPUTS, "half_up", ["truncat"])
    with pytest.raises(InputError, match="input 'x' is missing"):
        compare_profiles(network(), {}, "half_up", ["truncate"])
