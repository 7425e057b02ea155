"""A network of rectified units as a spiking one: thresholds from its activations, or from data.

Every activation becomes a layer of integrate-and-fire neurons that subtract their threshold θ when they spike
and start at θ/2 (see ``simulator.workload.spiking.conversion.response``); everything between two activations
is linear and becomes synapses and a constant input. Inputs are currents that stay for all steps; an output
adds up what it receives, so its mean over the steps stands for the network's output.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from simulator.base.errors import InputError, Problem
from simulator.workload.execute import execute
from simulator.workload.graph import Graph, Node
from simulator.workload.spiking.conversion.chain import Chain, follow
from simulator.workload.spiking.conversion.linearized import combine, linearize
from simulator.workload.spiking.conversion.response import Affine, Response
from simulator.workload.spiking.layers import RELAY, Layer, Link, Signal, assemble
from simulator.workload.spiking.linear import LinearMap, scale
from simulator.workload.spiking.network import SpikingNetwork

#: What may stand at the very end, because it keeps the order of its inputs.
MONOTONE_ENDS = ("Softmax", "LogSoftmax")


@dataclass(frozen=True)
class Threshold:
    """A layer of neurons that an activation became.

    Attributes
    ----------
    layer
        Name of the node that it belongs to.
    neurons
        How many.
    threshold, amplitude
        At what input a neuron spikes, and what a spike stands for in the network's own numbers.
    levels
        Steps of the activation; 0: it has none.
    source
        Where the threshold is from: ``activation`` or ``data``.
    """

    layer: str
    neurons: int
    threshold: float
    amplitude: float
    levels: int
    source: str


@dataclass(frozen=True, eq=False)
class Converted:
    """The spiking network, and its layers."""

    network: SpikingNetwork
    thresholds: tuple[Threshold, ...]


def convert(
    graph: Graph, calibration: Mapping[str, np.ndarray] | None = None, *, percentile: float = 99.9
) -> Converted:
    """Make a spiking network of one with ReLU, clipped or staircase activations.

    Parameters
    ----------
    graph
        From ONNX, with a batch of 1.
    calibration
        Samples of each input, as ``execute`` takes them; needed where an activation does not saturate.
    percentile
        Percentage of an activation's values over the samples that lie below its threshold; 100: all.

    Raises
    ------
    InputError
        Every node that has no spiking form, and activations that would need samples where there are none.
    """
    if not 0 < percentile <= 100:
        text = f"expected a percentage above 0, at most 100, got {percentile:g}"
        raise InputError(Problem(text, "--percentile"))
    converter = _Converter(graph)
    converter.build()
    thresholds = _balanced(graph, converter.activations, calibration, percentile)
    layers = [converter.layers[name] for name in converter.layers]
    links = list(converter.links)
    for each in thresholds:
        at = [layer.name for layer in layers].index(each.layer)
        layers[at] = _firing(layers[at], each)
        links = [
            replace(link, linear=_scaled(link, each.amplitude)) if link.source == each.layer else link
            for link in links
        ]
    network = assemble(
        graph.name, layers, links, converter.outputs, assumptions=converter.assumptions, digest=graph.digest
    )
    return Converted(network, tuple(thresholds))


def _scaled(link: Link, amplitude: float) -> LinearMap:
    return replace(link.linear, weights=link.linear.weights * amplitude)


def _firing(layer: Layer, given: Threshold) -> Layer:
    """A layer with its threshold: soft reset, from half of it."""
    parameters = dict(layer.parameters) | {"threshold": given.threshold}
    return replace(layer, parameters=parameters, start={"v": given.threshold / 2})


def _balanced(
    graph: Graph, activations: Mapping[str, tuple[str, int, Response]],
    calibration: Mapping[str, np.ndarray] | None, percentile: float,
) -> list[Threshold]:  # fmt: skip
    """Thresholds of all layers: what activations say, else what samples say."""
    open_ = [layer for layer, (_, _, shape) in activations.items() if not shape.saturates]
    if open_ and calibration is None:
        names = ", ".join(f"'{name}'" for name in open_)
        text = f"activations of {names} do not saturate; expected samples that tell their thresholds"
        raise InputError(Problem(text, path="inputs"))
    values: Mapping[str, np.ndarray] = {}
    if open_ and calibration is not None:
        values = execute(graph, calibration, graph.native, all_tensors=True).tensors
    found, problems = [], []
    for layer, (tensor, neurons, shape) in activations.items():
        source = "activation"
        if not shape.saturates:
            source, most = "data", float(np.percentile(values[tensor].astype(np.float64), percentile))
            if most <= 0:
                text = f"node '{layer}': {percentile:g} % of its activations are 0 for these samples"
                problems.append(Problem(f"{text}; expected a higher --percentile, or others", path="inputs"))
                continue
            shape = shape.at(most / shape.slope)
        found.append(Threshold(layer, neurons, shape.threshold, shape.amplitude, shape.levels, source))
    if problems:
        raise InputError(*problems)
    return found


class _Converter:
    """Layers and links of a graph, thresholds apart."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.layers: dict[str, Layer] = {}
        self.links: list[Link] = []
        self.outputs: dict[str, str] = {}
        #: Layer -> tensor of its activation, neurons, shape.
        self.activations: dict[str, tuple[str, int, Response]] = {}
        self.assumptions: list[str] = list(graph.assumptions)
        self._signals: dict[str, Signal] = {}
        self._problems: list[Problem] = []

    def build(self) -> None:
        for name in self.graph.inputs:
            shape = self.graph.tensors[name].shape[1:]
            self.layers[name] = Layer(name, shape, "input", False, RELAY)
            self._signals[name] = Signal.of(name, shape)
        done: set[str] = set()
        for node in self.graph:
            if node.name not in done:
                done |= self._node(node)
        if self._problems:
            raise InputError(*self._problems)
        for name in self.graph.outputs:
            signal = self._signals[name]
            layer = f"{name} (sum)" if name in self.layers else name
            self.layers[layer] = Layer(
                layer, signal.shape, "output", True, dict(RELAY) | {"bias": signal.constant}
            )
            self.links += signal.links(layer)
            self.outputs[name] = layer

    def _node(self, node: Node) -> set[str]:
        """Take a node, and those that shape its result; the names of all of them."""
        chain = follow(node, self.graph)
        try:
            before = self._before(node, chain)
        except ValueError as error:
            self._wrong(node, str(error))
            return {node.name}
        if before is None:
            return {node.name}
        for length in range(len(chain.nodes), 0, -1):
            shape = chain.shape(length)
            if shape is not None:
                self._take(node, chain.nodes[length - 1].outputs[0], before, shape)
                return {each.name for each in chain.nodes[:length]}
        self._wrong(node, "is no ReLU, no clipped one and no staircase, which spiking neurons are like")
        return {node.name}

    def _before(self, node: Node, chain: Chain) -> Signal | None:
        """What a node shapes: a linear map of what is known; None where something before is wrong."""
        names = [name for name in node.inputs if name and self.graph.tensors[name].constant is None]
        if any(name not in self._signals for name in names):
            return None  # said of the node that should have made it
        if node.op in MONOTONE_ENDS and node.outputs[0] in self.graph.outputs:
            self.assumptions.append(f"{node.op} '{node.name}' at the end is left out; it keeps the order")
            return self._signals[names[0]]
        if not chain.linear:
            return self._signals[names[0]]
        joined = combine(node, self.graph, self._signals)
        if joined is not None:
            return joined
        made = linearize(node, self.graph)
        if made is None:
            raise ValueError("has no spiking form")
        return self._signals[node.inputs[0]].through(*made)

    def _take(self, node: Node, tensor: str, before: Signal, shape: Response | Affine) -> None:
        if isinstance(shape, Affine):
            factors = np.full(before.shape, shape.scale)
            same = shape == Affine(1.0, 0.0)
            self._signals[tensor] = before if same else before.through(scale(factors), shape.offset)
            return
        parameters: dict[str, np.ndarray | float] = {"soft": 1.0, "inclusive": 1.0}
        parameters["bias"] = before.constant
        self.layers[node.name] = Layer(node.name, before.shape, "neuron", False, parameters)
        self.links += before.links(node.name)
        self.activations[node.name] = (tensor, int(np.prod(before.shape)), shape)
        self._signals[tensor] = Signal.of(node.name, before.shape)

    def _wrong(self, node: Node, message: str) -> None:
        self._problems.append(Problem(f"node '{node.name}' ({node.op}): {message}"))
