"""Small float networks, written where a test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper


class Nodes:
    """Nodes and constants of a network; node `a` computes tensor `a`."""

    def __init__(self) -> None:
        self.nodes, self.constants = [], {}

    def add(self, op: str, inputs: Sequence[str], outputs: str, **attrs: object) -> None:
        names = outputs.split()
        self.nodes.append(helper.make_node(op, inputs, names, names[0], **attrs))

    def constant(self, **arrays: object) -> None:
        for name, array in arrays.items():
            value = np.asarray(array)
            self.constants[name] = value.astype(np.float32) if value.dtype == np.float64 else value


@pytest.fixture
def network(tmp_path: Path) -> Callable[..., Path]:
    """Write a network that a function builds, with its inputs' shapes and outputs' names."""

    def write(build: Callable[[Nodes], None], opset: int = 17, ir: int = 8, outputs: str = "y", **inputs) -> Path:
        nodes = Nodes()
        build(nodes)
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            nodes.nodes, "small",
            [
                *(value(name, 1, shape) for name, shape in (inputs or {"x": [1, 3, 6, 6]}).items()),
                *(value(name, 1, array.shape) for name, array in nodes.constants.items() if ir < 4),
            ],
            [value(name, 1, None) for name in outputs.split()],
            [numpy_helper.from_array(array, name) for name, array in nodes.constants.items()],
        )  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)
        path = tmp_path / "net.onnx"
        onnx.save(model, path)
        return path

    return write
