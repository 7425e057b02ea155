"""Networks given by shapes alone: a YAML file whose ``layers:`` name an operator and its extents."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, model_validator

from simulator.base import yamlio
from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.base.spec import Spec, build
from simulator.workload.graph import Graph, Node
from simulator.workload.op import OPS
from simulator.workload.precision import ACTIVATIONS, WEIGHTS
from simulator.workload.tensor import FLOATS, Constant, Tensor

Shape = tuple[int, ...]


class Precision(Spec):
    """Element types of all layers."""

    weights: str = Field(default="int8", description="Of weights: int4, int8, int16, fp16, bf16, fp32")
    activations: str = Field(
        default="int8", description="Of everything else: int4, int8, int16, fp16, bf16, fp32"
    )


class Header(Spec):
    """A network of layers."""

    name: str = Field(default="", description="Name in reports; the file's where it is absent")
    description: str = Field(default="", description="One line for `chipsim list workloads`")
    precision: Precision = Field(default_factory=Precision, description="Element types")
    layers: list[dict[str, Any]] = Field(description="The layers, in order", min_length=1)


class Layer(Spec):
    """What every layer may state."""

    DATA: ClassVar[int] = 1  # operands that are no weights

    op: str = Field(description="Operator")
    name: str = Field(default="", description="Name in reports; operator and place where it is absent")

    def operand(self) -> Shape | None:
        """Shape of the first operand; None: whatever the layer before gives."""
        return None

    def weight(self, ifmap: Shape) -> Shape | None:
        """Shape of the weights, None if there are none."""
        return None

    def attributes(self, ifmap: Shape) -> dict[str, Any]:
        """Attributes of the ONNX operator."""
        return {}


class GemmLayer(Layer):
    """M × K by K × N with constant weights."""

    m: int = Field(description="Rows", gt=0)
    n: int = Field(description="Columns", gt=0)
    k: int = Field(description="Inner dimension", gt=0)

    def operand(self) -> Shape:
        """M × K."""
        return (self.m, self.k)

    def weight(self, ifmap: Shape) -> Shape | None:
        """K × N."""
        return (self.k, self.n)


class MatMulLayer(GemmLayer):
    """A batch of products of two computed operands, as in attention."""

    DATA: ClassVar[int] = 2

    batch: int = Field(default=1, description="Products", gt=0)

    def operand(self) -> Shape:
        """Batch × M × K, without a batch of 1."""
        return (self.batch, self.m, self.k)[self.batch == 1 :]

    def second(self) -> Shape:
        """Batch × K × N, without a batch of 1."""
        return (self.batch, self.k, self.n)[self.batch == 1 :]

    def weight(self, ifmap: Shape) -> Shape | None:
        """None: both operands are computed."""


class InputLayer(Layer):
    """A layer that works on the result of the one before, or on an input of its own."""

    input: list[int] | None = Field(
        default=None, description="Shape of the ifmap, as N, C, H, W where it is an image"
    )

    def operand(self) -> Shape | None:
        """Return the stated shape."""
        return tuple(self.input) if self.input is not None else None


class _Windowed(InputLayer):
    kernel: int | list[int] = Field(description="Extents of the window")
    stride: int | list[int] = Field(default=1, description="Step of the window")
    pad: int | list[int] = Field(
        default=0, description="Padding: of all sides, per axis, or all begins, then all ends"
    )

    @model_validator(mode="after")
    def _positive(self) -> _Windowed:
        for name, least in (("kernel", 1), ("stride", 1), ("pad", 0)):
            values = getattr(self, name)
            if min(values if isinstance(values, list) else [values], default=least) < least:
                raise ValueError(f"{name} must be at least {least}")
        return self

    def attributes(self, ifmap: Shape) -> dict[str, Any]:
        """Window as ONNX writes it."""
        rank = len(ifmap) - 2
        pad = self.pad if isinstance(self.pad, list) else [self.pad] * rank
        pads = pad if len(pad) == 2 * rank else pad * 2
        return {
            "kernel_shape": _per_axis(self.kernel, rank),
            "strides": _per_axis(self.stride, rank),
            "pads": tuple(pads),
        }


class ConvLayer(_Windowed):
    """Convolution with constant weights."""

    filters: int = Field(description="Output channels", gt=0)
    groups: int = Field(default=1, description="Groups; as many as input channels: depthwise", gt=0)
    dilation: int | list[int] = Field(default=1, description="Step between kernel positions")

    def weight(self, ifmap: Shape) -> Shape:
        """Return the filters, channels of a group and kernel."""
        return (self.filters, ifmap[1] // self.groups, *_per_axis(self.kernel, len(ifmap) - 2))

    def attributes(self, ifmap: Shape) -> dict[str, Any]:
        """Window and groups."""
        dilations = _per_axis(self.dilation, len(ifmap) - 2)
        return {**super().attributes(ifmap), "group": self.groups, "dilations": dilations}


class PoolLayer(_Windowed):
    """Pooling by a window."""


class AddLayer(InputLayer):
    """Sum of two operands of one shape."""

    DATA: ClassVar[int] = 2


class AxisLayer(InputLayer):
    """Normalization along an axis."""

    axis: int = Field(default=-1, description="Axis, counted from the last if negative")

    def attributes(self, ifmap: Shape) -> dict[str, Any]:
        """Return the axis."""
        return {"axis": self.axis}


def _per_axis(value: int | list[int], rank: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, list) else (value,) * rank


#: Operator -> what its layer may state.
KINDS: dict[str, type[Layer]] = {
    "Gemm": GemmLayer,
    "MatMul": MatMulLayer,
    "Conv": ConvLayer,
    "MaxPool": PoolLayer,
    "AveragePool": PoolLayer,
    "Add": AddLayer,
    "Mul": AddLayer,
    "Softmax": AxisLayer,
    "LayerNormalization": AxisLayer,
    "RMSNormalization": AxisLayer,
    **dict.fromkeys(
        ("GlobalAveragePool", "Relu", "Sigmoid", "Tanh", "Gelu", "Silu", "HardSwish", "Flatten"), InputLayer
    ),
}


@dataclass
class _Network:
    """The graph so far."""

    weights: str
    activations: str
    nodes: list[Node] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    last: Tensor | None = None

    def enter(self, layer: Layer, index: int) -> None:
        """Append a layer.

        Raises
        ------
        ValueError
            Its extents do not fit each other, or there is no layer before to take the operand from.
        """
        name = layer.name or f"{layer.op.lower()}_{index}"
        if any(node.name == name for node in self.nodes):
            raise ValueError(f"there is a layer '{name}' already")
        ifmap = self._operand(layer.operand(), f"{name}.in")
        operands = [ifmap]
        if layer.DATA == 2:
            second = layer.second() if isinstance(layer, MatMulLayer) else ifmap.shape
            operands.append(self._fresh(second, f"{name}.in2"))
        weight = layer.weight(ifmap.shape)
        if weight is not None:
            operands.append(self._weights(weight, f"{name}.weight"))
        if layer.op in ("LayerNormalization", "RMSNormalization"):
            operands.append(self._weights(ifmap.shape[-1:], f"{name}.scale", self.activations))
        attrs = layer.attributes(ifmap.shape)
        shape = OPS[layer.op].shape(operands, attrs)[0]
        if prod(shape) < 1:
            raise ValueError(f"its result would have the shape {list(shape)}")
        self.last = self.tensors[f"{name}.out"] = Tensor(f"{name}.out", shape, self.activations)
        epilogue = ("requant",) if self._requantizes(layer.op) else ()
        inputs = tuple(operand.name for operand in operands)
        self.nodes.append(Node(name, layer.op, inputs, (self.last.name,), attrs, epilogue, name))

    def _operand(self, shape: Shape | None, name: str) -> Tensor:
        """Return the result of the layer before if the shape is its, else an input of the network."""
        if self.last is not None and shape in (None, self.last.shape):
            return self.last
        if shape is None:
            raise ValueError("the first layer must state the shape of its input")
        return self._fresh(shape, name)

    def _fresh(self, shape: Shape, name: str) -> Tensor:
        if not shape or min(shape) < 1:
            raise ValueError(f"expected extents of at least 1, got {list(shape)}")
        self.inputs.append(name)
        self.tensors[name] = Tensor(name, shape, self.activations)
        return self.tensors[name]

    def _weights(self, shape: Shape, name: str, dtype: str = "") -> Tensor:
        self.tensors[name] = Tensor(name, shape, dtype or self.weights, constant=Constant(_no_values))
        return self.tensors[name]

    def _requantizes(self, op: str) -> bool:
        return self.activations not in FLOATS and OPS[op].arithmetic and not OPS[op].keeps_values


def _no_values() -> Any:
    raise InputError(Problem("a network given by shapes alone has no weights: it can be timed, not executed"))


def load(path: Path, *, batch: int | None = None, dims: Mapping[str, int] | None = None) -> Graph:
    """Read a network of layers.

    Parameters
    ----------
    path
        YAML file with ``layers:``.
    batch, dims
        For networks with free dimensions; this format has none.

    Raises
    ------
    InputError
        The file is not as described, with every problem and its place; or a dimension was to be bound.
    """
    document = yamlio.load(path)
    if batch is not None or dims:
        raise InputError(
            Problem("a list of layers states all its extents: batch and dims cannot be set", str(path))
        )
    if not isinstance(document.data, dict) or "layers" not in document.data:
        raise InputError(document.problem("expected a network: a mapping with 'layers'"))
    header = build(Header, document.data, document)
    problems = [
        document.problem(
            f"expected one of {', '.join(allowed)}, got '{value}'{did_you_mean(value, allowed)}", place
        )
        for place, value, allowed in (
            ("precision.weights", header.precision.weights, WEIGHTS),
            ("precision.activations", header.precision.activations, ACTIVATIONS),
        )
        if value not in allowed
    ]
    layers: list[Layer] = []
    for i, data in enumerate(document.data["layers"]):
        try:
            layers.append(_layer(data, document, i))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(*problems)
    network = _Network(header.precision.weights, header.precision.activations)
    for i, layer in enumerate(layers):
        try:
            network.enter(layer, i)
        except (ValueError, IndexError) as error:
            raise InputError(document.problem(f"{layer.op}: {error}", ("layers", i))) from error
    return _graph(network, header.name or path.stem, path)


def _layer(data: Any, document: yamlio.Document, index: int) -> Layer:
    place = ("layers", index)
    op = data.get("op") if isinstance(data, dict) else None
    if op not in KINDS:
        text = f"expected a layer with 'op', one of {', '.join(KINDS)}, got {op if op else data!r}"
        where = (*place, "op") if op else place
        raise InputError(document.problem(text + (did_you_mean(op, KINDS) if op else ""), where))
    return build(KINDS[op], data, document, place)


def _graph(network: _Network, name: str, path: Path) -> Graph:
    read = {used for node in network.nodes for used in node.inputs}
    return Graph(
        name=name,
        nodes=tuple(network.nodes),
        tensors=network.tensors,
        inputs=tuple(network.inputs),
        outputs=tuple(out for node in network.nodes for out in node.outputs if out not in read),
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
    )
