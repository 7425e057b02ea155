"""Nodes of a NIR graph as layers and the linear maps between them."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from simulator.base.errors import InputError, did_you_mean
from simulator.workload.frontends.nir.neurons import STATEFUL, TIMES, VALUES, parameters
from simulator.workload.frontends.nir.stateless import STATELESS
from simulator.workload.frontends.nir.tree import PRIMITIVES, RawNode, Tree
from simulator.workload.spiking.layers import RELAY, Layer, Link, Signal, assemble
from simulator.workload.spiking.network import SpikingNetwork

Shape = tuple[int, ...]


def build(tree: Tree, name: str, *, dt_s: float, soft_reset: bool, digest: str) -> SpikingNetwork:
    """The network.

    Raises
    ------
    InputError
        Everything that is wrong with fields, shapes and edges.
    """
    builder = _Builder(tree, dt_s, soft_reset)
    builder.close()
    for node in tree.nodes.values():
        builder.check(node)
    builder.stop()
    for node in tree.nodes.values():
        builder.layer(node)
        builder.signal(node.name)  # what leads nowhere has to be right as well
    builder.stop()
    return assemble(
        name,
        builder.layers,
        builder.links,
        builder.outputs,
        assumptions=builder.assumptions(),
        digest=digest,
    )


class _Builder:
    def __init__(self, tree: Tree, dt_s: float, soft_reset: bool) -> None:
        self.tree, self.dt_s, self.soft_reset = tree, dt_s, soft_reset
        self.layers: list[Layer] = []
        self.links: list[Link] = []
        self.outputs: dict[str, str] = {}
        self.rounded: set[str] = set()
        self._signals: dict[str, Signal | None] = {}
        self._shapes: dict[str, Shape | None] = {}

    def stop(self) -> None:
        if self.tree.problems:
            raise InputError(*dict.fromkeys(self.tree.problems))

    def assumptions(self) -> list[str]:
        found = [f"time steps of {self.dt_s:g} s"]
        if self.soft_reset:
            found.append("a spike subtracts the threshold")
        if any(node.type in ("I", "IF") for node in self.tree.nodes.values()):
            found.append("integrators without time constant count time in steps")
        found += [f"delays of '{name}' are rounded to whole steps" for name in sorted(self.rounded)]
        return found

    def close(self) -> None:
        """Give nodes that hear nothing an input, and those that nobody hears an output, as NIR does."""
        tree = self.tree
        heard = {a for a, b in tree.edges}
        hearing = {b for a, b in tree.edges}
        for node in list(tree.nodes.values()):
            if node.type == "Input" and "." in node.name and node.name in hearing:
                continue
            if node.type != "Input" and node.name not in hearing:
                self._extra(f"input_{node.name}", "Input", lambda extra, name=node.name: (extra, name))
            if node.type != "Output" and node.name not in heard:
                self._extra(f"output_{node.name}", "Output", lambda extra, name=node.name: (name, extra))

    def _extra(self, name: str, kind: str, edge: Any) -> None:
        while name in self.tree.nodes:
            name += "_"
        self.tree.nodes[name] = RawNode(name, kind, {})
        self.tree.edges.append(edge(name))

    def check(self, node: RawNode) -> None:
        """Numbers of a node must be finite, times above 0, and other fields known."""
        for key, value in node.fields.items():
            place = f"{node.name}.{key}"
            if isinstance(value, str | dict):
                continue
            array = np.asarray(value)
            if array.dtype.kind not in "biuf":
                self.tree.wrong(place, f"expected numbers, got {array.dtype}")
            elif not np.isfinite(array).all():
                at = np.argwhere(~np.isfinite(np.atleast_1d(array)))[0].tolist()
                bad = np.atleast_1d(array)[tuple(at)]
                self.tree.wrong(f"{place}{at}", f"expected a finite number, got {bad}")
            elif key in TIMES and not (array > 0).all():
                self.tree.wrong(place, f"expected times above 0, got {array.min():g}")
        known = (*PRIMITIVES[node.type], "input_shape", "input_type", "v_reset", "w_in", "shape")
        for key in set(node.fields) - set(known):
            self.tree.wrong(f"{node.name}.{key}", f"unknown field of {node.type}{did_you_mean(key, known)}")

    def layer(self, node: RawNode) -> None:
        """Make a layer of what has state, of inputs, and of outputs that are no layer's own."""
        if node.type == "Output":
            self._output(node)
        elif node.type == "Input" and not self.tree.sources(node.name):
            shape = self._input_shape(node)
            if shape is not None:
                self.layers.append(Layer(node.name, shape, "input", False, RELAY))
        elif node.type in STATEFUL:
            self._neurons(node)

    def _input_shape(self, node: RawNode) -> Shape | None:
        if "shape" in node.fields:
            return _shape(node.fields["shape"])
        reader = next(b for a, b in self.tree.edges if a == node.name)  # of an input that was added
        return self.expected(self.tree.nodes[reader])

    def expected(self, node: RawNode) -> Shape | None:
        """Shape of what a node hears, from its own fields."""
        if node.type in STATEFUL:
            return self._own_shape(node)
        shape = STATELESS[node.type].expects(node.fields) if node.type in STATELESS else None
        if node.type == "Output":
            self.tree.wrong(node.name, "expected an edge that leads to it, got none")
        elif shape is None:
            self.tree.wrong(
                node.name, f"hears nothing, and a {node.type} does not say the shape of its input"
            )
        return shape

    @staticmethod
    def _own_shape(node: RawNode) -> Shape:
        shapes = [np.atleast_1d(node.fields[key]).shape for key in PRIMITIVES[node.type]]
        return max(shapes, key=lambda shape: (prod(shape), len(shape)))

    def _neurons(self, node: RawNode) -> None:
        heard = self.heard(node)
        shape = self.shape_of(node.name)
        if heard is None or shape is None:
            return
        fields = {key: np.asarray(value) for key, value in node.fields.items()}
        for key, array in fields.items():
            if array.size != 1 and prod(array.shape) != prod(shape):
                self.tree.wrong(
                    f"{node.name}.{key}", f"expected shape {list(shape)}, got {list(array.shape)}"
                )
                return
        if prod(heard.shape) != prod(shape):
            text = f"expected an input of shape {list(shape)}, got {list(heard.shape)}"
            self.tree.wrong(node.name, text)
            return
        made = parameters(node.type, fields, self.dt_s, self.soft_reset)
        if heard.constant.any():
            made["bias"] = heard.constant
        self.layers.append(Layer(node.name, shape, "neuron", node.type in VALUES, made))
        self.links += heard.links(node.name)

    def _output(self, node: RawNode) -> None:
        if any(a == node.name for a, b in self.tree.edges):
            return  # of a subgraph: it passes on what it hears
        heard = self.heard(node)
        if heard is None:
            return
        shape = _shape(node.fields["shape"]) if "shape" in node.fields else heard.shape
        if prod(shape) != prod(heard.shape):
            self.tree.wrong(node.name, f"expected shape {list(shape)}, got {list(heard.shape)}")
            return
        sources = self.tree.sources(node.name)
        if len(sources) == 1 and self.tree.nodes[sources[0]].type in STATEFUL:
            self.outputs[node.name] = sources[0]
            return
        self.layers.append(Layer(node.name, shape, "output", True, dict(RELAY) | {"bias": heard.constant}))
        self.links += heard.links(node.name)
        self.outputs[node.name] = node.name

    def heard(self, node: RawNode) -> Signal | None:
        """Sum of what comes to a node; None where that is wrong, which has been said."""
        signals = [self.signal(name) for name in self.tree.sources(node.name)]
        if not signals or any(each is None for each in signals):
            return None
        present = [each for each in signals if each is not None]
        total = present[0]
        for name, each in zip(self.tree.sources(node.name)[1:], present[1:], strict=True):
            if prod(each.shape) != prod(total.shape):
                text = f"adds up inputs of shapes {list(total.shape)} and, from '{name}', {list(each.shape)}"
                self.tree.wrong(node.name, text)
                return None
            total = total.plus(each)
        return total

    def signal(self, name: str) -> Signal | None:
        """What a node sends on."""
        if name not in self._signals:
            self._signals[name] = None  # a loop without state finds this
            self._signals[name] = self._signal(self.tree.nodes[name])
        elif self._signals[name] is None and not self.tree.problems:
            self.tree.wrong(name, "is part of a loop in which nothing has state")
        return self._signals[name]

    def _signal(self, node: RawNode) -> Signal | None:
        if node.type in STATEFUL or (node.type == "Input" and not self.tree.sources(node.name)):
            shape = self.shape_of(node.name)
            if shape is None:
                return None
            return Signal.of(node.name, shape)
        heard = self.heard(node)
        if heard is None or node.type in ("Input", "Output"):
            return heard
        try:
            linear, bias = STATELESS[node.type].map(node.fields, heard.shape, self.dt_s)
        except ValueError as error:
            self.tree.wrong(node.name, str(error))
            return None
        if node.type == "Delay" and self._cut(node):
            self.rounded.add(node.name)
        return heard.through(linear, bias)

    def _cut(self, node: RawNode) -> bool:
        steps = np.asarray(node.fields["delay"]) / self.dt_s
        return bool((np.abs(steps - np.rint(steps)) > 1e-6).any())

    def shape_of(self, name: str) -> Shape | None:
        """Shape of a node with state or of an input: its own, or, if that is one number, what it hears."""
        if name not in self._shapes:
            node = self.tree.nodes[name]
            if node.type == "Input":
                self._shapes[name] = self._input_shape(node)
                return self._shapes[name]
            self._shapes[name] = own = self._own_shape(node)
            behind = self.tree.reached(name)
            ahead = [each for each in self.tree.sources(name) if each not in behind]
            if prod(own) == 1 and ahead:
                first = self.signal(ahead[0])
                self._shapes[name] = first.shape if first is not None else None
        return self._shapes[name]


def _shape(value: Any) -> Shape:
    return tuple(int(each) for each in np.atleast_1d(value))
