"""Which nodes are quantized, to which element types, and which tensors share a scale."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from simulator.base.errors import InputError, Problem
from simulator.workload.quantization.network import Network, attribute, is_standard, output_axis
from simulator.workload.quantization.rules import RuleBook, Types
from simulator.workload.tensor import BITS

PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
#: Operators all of whose operands are data.
_JOINS = ("Add", "Sub", "Mul", "Div", "Sum", "Mean", "Max", "Min", "PRelu", "Concat")
_FUNCTIONS = (
    "Relu", "Clip", "LeakyRelu", "Elu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Gelu", "Softmax",
)  # fmt: skip
_MEANS = ("AveragePool", "GlobalAveragePool", "ReduceMean", "ReduceSum")
#: Operators whose results are values of their operands.
_MOVERS = (
    "Concat", "Identity", "Dropout", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice",
    "Split", "Expand", "Tile", "Gather", "Pad", "MaxPool", "GlobalMaxPool", "ReduceMax", "ReduceMin",
    "DepthToSpace", "SpaceToDepth",
)  # fmt: skip
#: Operators that bound what the one before them stores.
_BOUNDS = ("Relu", "Clip")
_BOUNDED = (*PRODUCTS, "Add", "Sub", "Mul", "Sum", *_MEANS)
KNOWN = tuple(dict.fromkeys((*PRODUCTS, *_JOINS, *_FUNCTIONS, *_MEANS, *_MOVERS)))


@dataclass(frozen=True)
class Layer:
    """A node that is quantized, with what is computed as part of it.

    Attributes
    ----------
    node
        Its NodeProto.
    types
        Element types of its weights and of its results.
    data
        Operands that are stored as activations are: computed during the run, or constants.
    weight
        Its constant weights, "" where it has none or they stay real.
    axis
        Axis of the weights that counts output channels; None: they have one scale.
    bias
        Its constant bias, "" where it has none.
    adds
        The NodeProto that adds the bias: the node, or the Add behind a MatMul.
    results
        What is stored: its results, or those of the last node that is computed as part of it.
    moves
        Whether its results are values of its operands, with their scale.
    """

    node: Any
    types: Types
    data: tuple[str, ...]
    weight: str
    axis: int | None
    bias: str
    adds: Any
    results: tuple[str, ...]
    moves: bool


@dataclass
class Choice:
    """What is quantized.

    Attributes
    ----------
    layers
        In topological order.
    types
        Tensor that is quantized -> element type.
    made
        Those of them that a layer computes: whoever reads them reads what is stored.
    """

    layers: list[Layer] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    _above: dict[str, str] = field(default_factory=dict)

    def root(self, name: str) -> str:
        """Tensor that stands for all that share a scale with this one."""
        while name in self._above:
            name = self._above[name]
        return name

    def share(self, names: list[str]) -> None:
        """Let tensors have one scale."""
        first, *others = dict.fromkeys(self.root(name) for name in names)
        self._above.update(dict.fromkeys(others, first))

    def sources(self) -> dict[str, list[str]]:
        """Root -> tensors whose values decide its scale: all that share it but those moved from them."""
        moved = {name for layer in self.layers if layer.moves for name in layer.results}
        found: dict[str, list[str]] = {}
        for name in self.types:
            if name not in moved:
                found.setdefault(self.root(name), []).append(name)
        return found


def choose(network: Network, rules: RuleBook) -> Choice:
    """Decide for every node.

    A node is quantized where its operator is known here, its operands are float32 and its types are not all
    ``float``. What only moves values is quantized where what it moves is, keeps its type, and shares its
    scale. A real operand of a quantized node (an input of the network, a constant, the result of a node that
    stays real) takes the widest type of the nodes that read it.

    Raises
    ------
    InputError
        A rule says nothing about any node, or nothing is quantized.
    """
    chooser = _Chooser(network, rules)
    layers = chooser.layers()
    rules.check([(layer.node.name, layer.node.op_type) for layer in layers], chooser.parts)
    asked = _asked(layers)
    for layer in layers:
        chooser.enter(layer, asked)
    if not chooser.choice.layers:
        text = "nothing in it is quantized: it has no operator for it, or float is asked for everywhere"
        raise InputError(Problem(text, str(network.path)))
    return chooser.choice


def _asked(layers: list[Layer]) -> dict[str, str]:
    """Operand -> widest element type of the layers that read it; who makes it may say otherwise."""
    found: dict[str, str] = {}
    for layer in layers:
        kind = layer.types.activations
        for name in layer.data if kind != "float" else ():
            if name not in found or BITS[kind] > BITS[found[name]]:
                found[name] = kind
    return found


def _data(node: Any) -> list[str]:
    """Operands that a node computes with; others configure it, or are its bias."""
    count = 2 if node.op_type in PRODUCTS else len(node.input) if node.op_type in _JOINS else 1
    return list(node.input)[:count]


class _Chooser:
    def __init__(self, network: Network, rules: RuleBook) -> None:
        self.network, self.rules = network, rules
        self.uses = network.uses()
        self.reader = {name: node for node in network.nodes for name in node.input}
        self.choice = Choice()
        self.parts: dict[str, str] = dict(network.folded)  # node -> that which it is computed as part of

    def layers(self) -> list[Layer]:
        """Every node that can be quantized, whatever its types are."""
        return [
            self._layer(node)
            for node in self.network.nodes
            if node.name not in self.parts and self._known(node)
        ]

    def _known(self, node: Any) -> bool:
        """Whether a node can be quantized: by its operator and the element type of what it computes with."""
        if not is_standard(node) or node.op_type not in KNOWN:
            return False
        data, floats = _data(node), self.network.floats
        if not data or not all(name in floats for name in (*data, node.output[0])):
            return False
        if all(name in self.network.constants for name in data):
            return False  # a table that is gathered from
        return node.op_type not in PRODUCTS or self._adds_vector(node)

    def _adds_vector(self, node: Any) -> bool:
        """Whether a product adds nothing, or a constant per output channel, without factors."""
        bias = node.input[2] if len(node.input) > 2 else ""
        if attribute(node, "alpha", 1.0) != 1.0 or (bias and attribute(node, "beta", 1.0) != 1.0):
            return False
        value = self.network.constants.get(bias)
        return not bias or (value is not None and value.size == (value.shape or (1,))[-1])

    def _layer(self, node: Any) -> Layer:
        constants, types = self.network.constants, self.rules.types(node.name, node.op_type)
        data, weight, bias, axis, last = _data(node), "", "", None, node
        if node.op_type in PRODUCTS:
            weight = next((name for name in data if name in constants), "")
            data = [name for name in data if name != weight]
            bias = node.input[2] if len(node.input) > 2 else ""
            if weight == node.input[1] and (node.op_type != "MatMul" or constants[weight].ndim == 2):
                axis = output_axis(node)
        if node.op_type == "MatMul" and axis is not None:
            last, bias = self._added(node, constants[weight].shape[1])
        adds = last
        if node.op_type in _BOUNDED:
            last = self._bounded(last, node)
        return Layer(
            node,
            types,
            tuple(data),
            weight if types.weights != "float" else "",
            axis,
            bias,
            adds,
            tuple(name for name in last.output if name in self.network.floats and self.uses[name]),
            node.op_type in _MOVERS and self._pads_zero(node),
        )

    def _only_reader(self, node: Any) -> Any:
        """Node that alone reads a node's one result, None if there is no such."""
        name = node.output[0]
        reader = self.reader.get(name) if self.uses[name] == 1 else None
        return reader if reader is not None and is_standard(reader) else None

    def _bounded(self, last: Any, node: Any) -> Any:
        """Relu or Clip by constants behind a node, else the node."""
        reader = self._only_reader(last)
        if reader is None or reader.op_type not in _BOUNDS or reader.input[0] != last.output[0]:
            return last
        if not all(name in self.network.constants for name in list(reader.input)[1:] if name):
            return last
        self.parts[reader.name] = node.name
        return reader

    def _added(self, node: Any, channels: int) -> tuple[Any, str]:
        """Node that adds a constant per column to a MatMul, and the constant; else the MatMul, and ""."""
        add = self._only_reader(node)
        if add is None or add.op_type != "Add":
            return node, ""
        other = next((name for name in add.input if name != node.output[0]), "")
        value = self.network.constants.get(other)
        if value is None or value.shape != (1, channels):  # as ``read_network`` has it
            return node, ""
        self.parts[add.name] = node.name
        return add, other

    def _pads_zero(self, node: Any) -> bool:
        """Whether a Pad puts zeros or copies around its operand; true of all others."""
        value = node.input[2] if node.op_type == "Pad" and len(node.input) > 2 else ""
        return not value or (value in self.network.constants and not np.any(self.network.constants[value]))

    def enter(self, layer: Layer, asked: dict[str, str]) -> None:
        """Enter a layer and its tensors, unless it is left alone."""
        choice, kind = self.choice, layer.types.activations
        if not layer.results or (kind == "float" and not layer.weight):
            return
        if kind == "float":
            choice.layers.append(layer)
            return
        if layer.moves:
            known = [name for name in layer.data if name in choice.types or name in self.network.inputs]
            computed = [name for name in layer.data if name not in self.network.constants]
            if not known:
                return
            kinds = {choice.types.get(name, asked.get(name, kind)) for name in layer.data}
            if known == computed and len(kinds) == 1:
                kind = kinds.pop()
            else:
                layer = replace(layer, moves=False)
        for name in layer.data:
            choice.types.setdefault(name, asked.get(name, kind))
        choice.types.update(dict.fromkeys(layer.results, kind))
        choice.made.update(layer.results)
        choice.layers.append(replace(layer, types=replace(layer.types, activations=kind)))
        if layer.moves:
            choice.share([*layer.data, *layer.results])
