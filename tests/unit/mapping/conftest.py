"""One convolution or product as a network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from simulator.workload.graph import Graph, Node
from simulator.workload.op import OPS
from simulator.workload.tensor import Constant, Tensor

#: Contractions on the array, none on the lanes.
ON_ARRAY = {"cores.lanes.contractions": "false"}


def _network(
    op: str, ifmap: tuple[int, ...], weight: tuple[int, ...], types: str = "int8/int8", **attrs
) -> Graph:
    weights, activations = types.split("/")
    tensors = {
        "x": Tensor("x", ifmap, activations),
        "w": Tensor("w", weight, weights, constant=Constant(lambda: np.zeros(weight))),
    }
    shape = OPS[op].shape([tensors["x"], tensors["w"]], attrs)[0]
    tensors["y"] = Tensor("y", shape, activations)
    return Graph("one", (Node("one", op, ("x", "w"), ("y",), attrs, ("requant",)),), tensors, ("x",), ("y",))


@pytest.fixture
def network() -> Callable[..., Graph]:
    """Make a network of one operator with constant weights; ``types`` are those of weights/activations."""
    return _network
