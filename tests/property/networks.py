"""Random small networks and random variants of an edge NPU, for the property tests of whole runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from simulator.workload.graph import Graph, Node
from simulator.workload.op import OPS
from simulator.workload.tensor import Constant, Tensor

CHIP = "npu/edge_npu"
INT8 = {"weights": ("int8",), "activations": ("int8",)}


@dataclass
class Sketch:
    """A network in the making: every ``add`` appends a node whose result has the operator's own shape."""

    weights: str = "int8"
    activations: str = "int8"
    nodes: list[Node] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)

    def input(self, *shape: int) -> str:
        """Add a network input and return its name."""
        name = f"in{len(self.inputs)}"
        self.tensors[name] = Tensor(name, shape, self.activations)
        self.inputs.append(name)
        return name

    def constant(self, *shape: int, dtype: str = "") -> str:
        """Add a constant (of the weights' element type unless it is given) and return its name."""
        name = f"w{len(self.tensors)}"
        zeros = Constant(lambda: np.zeros(shape, np.float32))
        self.tensors[name] = Tensor(name, shape, dtype or self.weights, constant=zeros)
        return name

    def add(
        self,
        op: str,
        inputs: Sequence[str],
        attrs: Mapping[str, Any] | None = None,
        epilogue: tuple[str, ...] = (),
    ) -> str:
        """Append a node and return the name of its result."""
        attrs = attrs or {}
        name = f"n{len(self.nodes)}"
        shape = OPS[op].shape([self.tensors[i] for i in inputs], attrs)[0]
        self.tensors[f"{name}:y"] = Tensor(f"{name}:y", shape, self.activations)
        self.nodes.append(Node(name, op, tuple(inputs), (f"{name}:y",), attrs, epilogue, name))
        return f"{name}:y"

    def graph(self) -> Graph:
        """The network; what nobody reads is its output."""
        read = {name for node in self.nodes for name in node.inputs}
        outputs = tuple(n for node in self.nodes for n in node.outputs if n not in read)
        return Graph("random", tuple(self.nodes), self.tensors, tuple(self.inputs), outputs)


@st.composite
def graphs(
    draw: st.DrawFn,
    *,
    max_nodes: int = 5,
    weights: Sequence[str] = ("int8", "int4", "int16"),
    activations: Sequence[str] = ("int8", "int16"),
) -> Graph:
    """Chains of Conv, MatMul, Add, Relu and MaxPool with residuals, on images or on matrices.

    ``weights`` and ``activations`` are the element types that they are drawn from.
    """
    sketch = Sketch(draw(st.sampled_from(weights)), draw(st.sampled_from(activations)))
    if draw(st.integers(0, 3)):
        shape = (draw(st.integers(1, 3)), draw(st.integers(1, 20)), *(draw(st.integers(1, 14)) for _ in "yx"))
        last = sketch.input(*shape)
        for _ in range(draw(st.integers(1, max_nodes))):
            last = _image_node(draw, sketch, last)
    else:
        shape = tuple(draw(st.integers(1, size)) for size in draw(st.sampled_from([(90, 90), (3, 30, 50)])))
        last = sketch.input(*shape)
        for _ in range(draw(st.integers(1, max_nodes))):
            last = _matrix_node(draw, sketch, last)
    return sketch.graph()


def _image_node(draw: st.DrawFn, sketch: Sketch, last: str) -> str:
    _, channels, *plane = sketch.tensors[last].shape
    kind = draw(st.sampled_from(["Conv", "Conv", "Conv", "Add", "Relu", "MaxPool"]))
    if kind == "Add":
        return _residual(draw, sketch, last)
    if kind == "Relu":
        return sketch.add("Relu", [last])
    dilations = [draw(st.integers(1, 2)) if kind == "Conv" else 1 for _ in plane]
    kernel = [
        draw(st.integers(1, max(1, min(4, (size - 1) // step + 1))))
        for size, step in zip(plane, dilations, strict=True)
    ]
    pads = [draw(st.integers(0, k - 1)) for k in (*kernel, *kernel)]
    window = {"strides": tuple(draw(st.integers(1, 3)) for _ in plane), "pads": tuple(pads)}
    if kind == "MaxPool":
        return sketch.add("MaxPool", [last], {**window, "kernel_shape": tuple(kernel)})
    groups = draw(st.sampled_from([g for g in (1, 1, 2, 3, channels) if channels % g == 0]))
    filters = groups * draw(st.integers(1, max(1, 24 // groups)))
    operands = [last, sketch.constant(filters, channels // groups, *kernel)]
    return sketch.add("Conv", *_biased(draw, sketch, operands, filters, {
        **window, "dilations": tuple(dilations), "group": groups}))  # fmt: skip


def _matrix_node(draw: st.DrawFn, sketch: Sketch, last: str) -> str:
    *lead, rows, inner = sketch.tensors[last].shape
    kind = draw(st.sampled_from(["MatMul", "MatMul", "pairs", "Add", "Relu"]))
    if kind == "Add":
        return _residual(draw, sketch, last)
    if kind == "Relu":
        return sketch.add("Relu", [last])
    columns = draw(st.integers(1, 70))
    if kind == "pairs":  # both operands computed or given, a product per leading index, as in attention
        return sketch.add("MatMul", [last, sketch.input(*lead, inner, columns)], {}, ("requant",))
    return sketch.add("MatMul", *_biased(draw, sketch, [last, sketch.constant(inner, columns)], columns, {}))


def _biased(
    draw: st.DrawFn, sketch: Sketch, operands: list[str], channels: int, attrs: dict[str, Any]
) -> tuple[list[str], dict[str, Any], tuple[str, ...]]:
    """Operands, attributes and epilogue of a contraction, some with a bias, an activation, a requant."""
    epilogue = draw(st.sampled_from([("requant",), (), ("requant", "relu"), ("sigmoid", "requant")]))
    if draw(st.booleans()):
        operands, epilogue = [*operands, sketch.constant(channels, dtype="int32")], ("bias", *epilogue)
    return operands, attrs, epilogue


def _residual(draw: st.DrawFn, sketch: Sketch, last: str) -> str:
    """Add any earlier result or input of the same shape (or the tensor to itself)."""
    shape = sketch.tensors[last].shape
    made = [t.name for t in sketch.tensors.values() if t.shape == shape and t.constant is None]
    return sketch.add("Add", [last, draw(st.sampled_from(made))], {}, ("requant",))


@st.composite
def variants(draw: st.DrawFn) -> dict[str, str]:
    """Overrides of the edge NPU: array, dataflow, memories, links, rules."""
    pick = {
        "cores.npu.rows": [4, 7, 16, 32],
        "cores.npu.cols": [4, 5, 16, 64],
        "cores.npu.dataflow": ["ws", "os", "is"],
        "cores.npu.weights": ["exposed", "double_buffered"],
        "cores.npu.conv": ["im2col", "channel_first"],
        "cores.npu.clock": ["1 GHz", "700 MHz"],
        "cores.vec.contractions": ["false", "false", "true"],
        "memories.sram.capacity": ["6 KiB", "24 KiB", "100 KiB", "2 MiB"],
        "memories.acc.capacity": ["2 KiB", "16 KiB", "256 KiB"],
        "memories.dram.model": ["commands", "bandwidth"],
        "memories.dram.bandwidth": ["1 GB/s", "12.8 GB/s", "100 GB/s"],
        "links.dma.width": ["4 B/cycle", "32 B/cycle"],
        "links.dma.engines": [1, 2],
        "links.dma.outstanding": [1, 4],
        "mapping.output": ["auto", "auto", "spill"],
        "mapping.order": ["auto", "auto", "mn", "nm"],
        "mapping.hold": ["auto", "auto", "none", "ifmap", "weight", "both"],
    }
    chosen = {path: str(draw(st.sampled_from(values))) for path, values in pick.items()}
    if chosen["memories.dram.model"] == "commands":
        del chosen["memories.dram.bandwidth"]
    return chosen


def to_onnx(graph: Graph) -> onnx.ModelProto:
    """Return the network as a float ONNX model: epilogues as nodes of their own, without requantization."""
    nodes, rename = [], {name: name for name in graph.tensors}
    for node in graph.nodes:
        inputs = [rename[name] for name in node.inputs]
        split_bias = node.op == "MatMul" and len(inputs) == 3
        steps = [(node.op, inputs[:2] if split_bias else inputs, dict(node.attrs))]
        steps += [("Add", [inputs[2]], {})] if split_bias else []
        steps += [(name.capitalize(), [], {}) for name in node.epilogue if name in ("relu", "sigmoid")]
        last = ""
        for i, (op, operands, attrs) in enumerate(steps):
            operands = [last, *operands] if i else operands
            last = f"{node.name}.{i}"
            nodes.append(helper.make_node(op, operands, [last], last, **attrs))
        rename[node.outputs[0]] = last
    constants = [t for t in graph.tensors.values() if t.constant is not None]
    return helper.make_model(
        helper.make_graph(
            nodes,
            graph.name,
            [_value(name, graph.tensors[name]) for name in graph.inputs],
            [_value(rename[name], graph.tensors[name]) for name in graph.outputs],
            [numpy_helper.from_array(np.ones(t.shape, np.float32), t.name) for t in constants],
        )
    )


def _value(name: str, tensor: Tensor) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, tensor.shape)
