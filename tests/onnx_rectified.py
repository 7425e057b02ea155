"""Small ONNX networks of rectified units, with activations written in several ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

#: Ways of writing a staircase or ramp between 0 and an amplitude: (operator, constants) in a row; L: levels,
#: A: amplitude, H: half a step.
WAYS: dict[str, list[tuple[str, tuple[str, ...]]]] = {
    "relu": [("Relu", ())],
    "clip": [("Clip", ("0", "A"))],
    "qcfs": [
        ("Div", ("A",)), ("Clip", ("0", "1")), ("Mul", ("L",)), ("Add", ("0.5",)), ("Floor", ()), ("Div", ("L",)),
        ("Mul", ("A",)),
    ],
    "steps": [("Mul", ("L/A",)), ("Round", ()), ("Clip", ("0", "L")), ("Mul", ("A/L",))],
}  # fmt: skip


class Rectified:
    """Nodes and constants, one after the other."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.shape, self.last, self.count = shape, "x", 0

    def constant(self, value: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value, None if np.asarray(value).dtype.kind == "i" else np.float32)
        return name

    def add(self, op: str, *constants: Any, **attrs: Any) -> str:
        """A node that reads the last result, constants, and tensors by their names."""
        names = [each if isinstance(each, str) else self.constant(each) for each in constants]
        self.count += 1
        name = f"{op.lower()}{self.count}"
        self.nodes.append(helper.make_node(op, [self.last, *names], [name], name=name, **attrs))
        self.last = name
        return name

    def activate(self, way: str, amplitude: float, levels: int = 8) -> str:
        meant = {"A": amplitude, "L": levels, "L/A": levels / amplitude, "A/L": amplitude / levels}
        for op, constants in WAYS[way]:
            self.add(op, *(np.float32(meant[each] if each in meant else float(each)) for each in constants))
        return self.last

    def write(self, path: Path) -> Path:
        graph = helper.make_graph(
            self.nodes,
            path.stem,
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)],
            [helper.make_tensor_value_info(self.last, TensorProto.FLOAT, None)],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.save(model, path)
        return path
