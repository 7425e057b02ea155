"""The quantized network as standard ONNX: QuantizeLinear and DequantizeLinear around every quantized node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simulator.workload.quantization.calibrate import quantize, weight_quant
from simulator.workload.quantization.choose import PRODUCTS, Choice, Layer
from simulator.workload.quantization.network import Network, attribute
from simulator.workload.tensor import Quant

#: Element type -> ONNX's number of it.
_NUMBERS = {"float": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "uint4": 21, "int4": 22}
#: Largest stored bias: sums of products have as much room again in an accumulator of 32 bits.
_LARGEST_BIAS = 1 << 30


@dataclass
class Written:
    """A quantized network.

    Attributes
    ----------
    model
        ModelProto.
    shown
        Tensor of the float network -> the tensor that stands for it, real again.
    constant_bytes
        Of all constants of the float network, made ready, and of this one.
    """

    model: Any
    shown: dict[str, str]
    constant_bytes: tuple[int, int]


def write_qdq(
    network: Network, choice: Choice, quants: Mapping[str, Quant], *, per_channel: bool, method: str
) -> Written:
    """Write the quantized network.

    Parameters
    ----------
    network
        The float network.
    choice
        What is quantized.
    quants
        Tensor of ``choice.sources()`` -> scale and zero point.
    per_channel
        A weight scale per output channel.
    method
        How weights are clipped, see ``weight_quant``.

    Returns
    -------
    Written
        Integers are stored as such; a bias is int32 with the scale sx·sw.
    """
    writer = _Writer(network, choice, quants, per_channel, method)
    writer.write_all()
    model = network.write(writer.nodes, network.constants, [])
    model.graph.initializer.extend(writer.stored.values())
    before = network.write(network.nodes, network.constants, [])
    sizes = [sum(len(each.raw_data) for each in one.graph.initializer) for one in (before, model)]
    return Written(model, writer.shown, (sizes[0], sizes[1]))


class _Writer:
    def __init__(
        self, network: Network, choice: Choice, quants: Mapping[str, Quant], per_channel: bool, method: str
    ) -> None:
        self.network, self.choice, self.quants = network, choice, quants
        self.per_channel, self.method = per_channel, method
        self.nodes: list[Any] = []
        self.stored: dict[str, Any] = {}  # name -> TensorProto
        self.taken = set(network.constants) | {name for node in network.nodes for name in node.output}
        self.taken.update(network.inputs)
        self.shown: dict[str, str] = {}
        self.replaced: dict[str, dict[str, str]] = {}  # node -> its operands that are others now
        self.parameters: dict[str, list[str]] = {}  # tensor -> names of the scale and zero point it has
        self.weights: dict[tuple[str, str, Quant], str] = {}

    def write_all(self) -> None:
        """Nodes in order, each tensor quantized as soon as it is there."""
        for name in (*self.network.inputs, *self.network.constants):
            if name in self.choice.types:
                self._pair(name, name)
        layers = {layer.node.name: layer for layer in self.choice.layers}
        for node in self.network.nodes:
            layer = layers.get(node.name)
            if layer is not None:
                self._operands(layer)
            self._emit(node)

    def _emit(self, node: Any) -> None:
        """A node with its operands and results under their new names, and its results quantized."""
        copy = type(node)()
        copy.CopyFrom(node)
        others = self.replaced.get(node.name, {})
        for i, name in enumerate(node.input):
            made = self.shown.get(name, name) if name in self.choice.made else name
            copy.input[i] = others.get(name, made)
        for i, name in enumerate(node.output):
            if name in self.choice.made and name in self.network.outputs:
                copy.output[i] = self._free(f"{name}.real")
        self.nodes.append(copy)
        for name, real in zip(node.output, copy.output, strict=True):
            if name in self.choice.types:
                self._pair(name, real)

    def _operands(self, layer: Layer) -> None:
        """Decide what a quantized node reads: real numbers made of what is stored."""
        node, others = layer.node, self.replaced.setdefault(layer.node.name, {})
        if layer.types.activations != "float":
            others.update({name: self.shown[name] for name in layer.data})
        if node.op_type not in PRODUCTS:
            return
        scales = [self._quant(name).scale[0] for name in layer.data if name in self.choice.types]
        integer = len(scales) == len(layer.data) and layer.types.activations != "float"
        if layer.weight:
            bias = self.network.constants[layer.bias] if layer.bias and integer else None
            quant = self._weight_quant(layer, scales[0] if integer else 1.0, bias)
            others[layer.weight] = self._weight(layer.weight, layer.types.weights, quant)
            if bias is not None:
                self._bias(layer, np.float32(scales[0]) * np.array(quant.scale, np.float32), bias)
        elif layer.bias and integer and len(layer.data) == 2:
            scale = np.float32(scales[0]) * np.float32(scales[1])
            self._bias(layer, scale.reshape(1), self.network.constants[layer.bias])

    def _weight_quant(self, layer: Layer, scale: float, bias: np.ndarray | None) -> Quant:
        """Scale of weights; raised where the bias would not fit 32 bits at the scale sx·sw."""
        weight = self.network.constants[layer.weight]
        axis = layer.axis if self.per_channel else None
        quant = weight_quant(weight, layer.types.weights, axis, self.method)
        if bias is None:
            return quant
        count = len(quant.scale)
        reach = np.abs(np.ravel(bias)).astype(np.float64)
        if reach.size < count:
            reach = np.broadcast_to(reach, count)
        least = reach.reshape(-1, count).max(axis=0) / (scale * _LARGEST_BIAS)  # groups, channels of a group
        rows = weight.reshape(1, -1) if axis is None else np.moveaxis(weight, axis, 0).reshape(count, -1)
        empty = ~rows.any(axis=1) & (least > 0)  # a channel of zeros: the scale serves its bias alone
        scales = np.where(empty, least, np.maximum(quant.scale, least)).astype(np.float32)
        return Quant(tuple(scales.astype(float).tolist()), quant.zero_point, quant.axis)

    def _weight(self, name: str, dtype: str, quant: Quant) -> str:
        """Real form of stored weights; nodes that store the same ones share them."""
        key = (name, dtype, quant)
        if key not in self.weights:
            self.weights[key] = self._constant(name, self.network.constants[name], quant, dtype)
        return self.weights[key]

    def _bias(self, layer: Layer, scales: np.ndarray, bias: np.ndarray) -> None:
        """Bias as int32 at the scale sx·sw; the node that adds it reads that."""
        axis = None
        if scales.size > 1:  # a transposed convolution has the scales of one group for each of them
            groups = attribute(layer.node, "group", 1) if layer.node.op_type == "ConvTranspose" else 1
            scales, axis = np.tile(scales, groups), 0
            bias = np.broadcast_to(np.ravel(bias), scales.shape)
        quant = Quant(tuple(scales.astype(float).tolist()), (0,) * scales.size, axis)
        if layer.node.op_type == "MatMul":
            bias, quant = bias.reshape(1, -1), replace(quant, axis=None if axis is None else 1)
        name = self._constant(f"{layer.node.name}.bias", bias, quant, "int32")
        self.replaced.setdefault(layer.adds.name, {})[layer.bias] = name

    def _constant(self, name: str, real: np.ndarray, quant: Quant, dtype: str) -> str:
        """Store a constant's integers; its real form."""
        stored = self._free(f"{name}.q")
        self._store(stored, quantize(real.astype(np.float64), quant, dtype), dtype)
        shape = () if quant.axis is None else (-1,)
        names = [stored, self._free(f"{stored}.scale")]
        self._store(names[1], np.array(quant.scale, np.float32).reshape(shape), "float")
        if dtype != "int32":  # whose zero point ONNX takes as 0
            names.append(self._free(f"{stored}.zero"))
            self._store(names[2], np.array(quant.zero_point).reshape(shape), dtype)
        return self._convert("DequantizeLinear", names, self._free(f"{name}.dq"), quant.axis)

    def _pair(self, name: str, real: str) -> None:
        """Quantize a tensor and make it real again; what reads it reads that."""
        kind, root = self.choice.types[name], self.choice.root(name)
        quant = self._quant(name)
        if name in self.network.constants:
            self.shown[name] = self._constant(name, self.network.constants[name], quant, kind)
            return
        if root not in self.parameters:
            self.parameters[root] = [self._free(f"{root}.scale"), self._free(f"{root}.zero")]
            self._store(self.parameters[root][0], np.array(quant.scale[0], np.float32), "float")
            self._store(self.parameters[root][1], np.array(quant.zero_point[0]), kind)
        parameters = self.parameters[root]
        stored = self._convert("QuantizeLinear", [real, *parameters], self._free(f"{name}.q"))
        again = name if name != real else self._free(f"{name}.dq")
        self.shown[name] = self._convert("DequantizeLinear", [stored, *parameters], again)

    def _convert(self, op: str, names: list[str], result: str, axis: int | None = None) -> str:
        from onnx import helper  # heavy: needed for ONNX files alone

        attrs: dict[str, Any] = {} if axis is None else {"axis": axis}
        self.nodes.append(helper.make_node(op, names, [result], f"{result}/{op}", **attrs))
        return result

    def _quant(self, name: str) -> Quant:
        return self.quants[self.choice.root(name)]

    def _free(self, wanted: str) -> str:
        """The name, or one like it that no tensor has."""
        name = wanted
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def _store(self, name: str, values: np.ndarray, dtype: str) -> None:
        """Enter an initializer; integers of 4 bits lie two in a byte, the first in its low half."""
        from onnx import TensorProto  # heavy: needed for ONNX files alone

        proto = TensorProto(name=name, data_type=_NUMBERS[dtype], dims=values.shape)
        if dtype in ("int4", "uint4"):
            even = np.append(np.ravel(values), np.zeros(values.size % 2, np.int64))
            halves = even.astype(np.int8).view(np.uint8) & 15
            proto.raw_data = (halves[::2] | halves[1::2] << 4).astype(np.uint8).tobytes()
        else:
            proto.raw_data = values.astype("float32" if dtype == "float" else dtype).tobytes()
        self.stored[name] = proto
