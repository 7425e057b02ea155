"""Layers and the linear maps between them as a SpikingNetwork of model ``layered``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from types import MappingProxyType

import numpy as np

from simulator.workload.spiking.linear import LinearMap, add, compose, identity, reshape
from simulator.workload.spiking.models import MODELS
from simulator.workload.spiking.network import Kind, Population, SpikingNetwork, Synapses


@dataclass(frozen=True, eq=False)
class Layer:
    """A population to be.

    ``parameters`` are those of the model ``layered``, numbers or arrays of the layer's size; ``values``: it
    sends its potential instead of spikes; ``start``: state variables before the first step.
    """

    name: str
    shape: tuple[int, ...]
    kind: Kind = "neuron"
    values: bool = False
    parameters: Mapping[str, np.ndarray | float] = field(default_factory=lambda: MappingProxyType({}))
    start: Mapping[str, np.ndarray | float] = field(default_factory=lambda: MappingProxyType({}))


#: What passes its input on: inputs, and outputs that only sum.
RELAY = MappingProxyType({"keep": 0.0, "gain": 1.0, "threshold": np.inf})


@dataclass(frozen=True, eq=False)
class Link:
    """What one layer adds to the input of another."""

    source: str
    target: str
    linear: LinearMap


@dataclass(frozen=True, eq=False)
class Signal:
    """What a tensor carries: the sum of linear maps of what layers send, and a constant.

    Attributes
    ----------
    shape
        Of the tensor.
    terms
        Layer -> map of what it sends.
    constant : (elements,) float64
        Flat.
    """

    shape: tuple[int, ...]
    terms: Mapping[str, LinearMap]
    constant: np.ndarray

    @classmethod
    def of(cls, layer: str, shape: tuple[int, ...]) -> Signal:
        """What a layer sends."""
        return cls(shape, {layer: identity(shape)}, np.zeros(prod(shape)))

    def through(self, linear: LinearMap, bias: np.ndarray | float = 0.0) -> Signal:
        """A linear map of it, and something added."""
        terms = {name: compose(linear, reshape(each, linear.inputs)) for name, each in self.terms.items()}
        return Signal(linear.outputs, terms, linear.apply(self.constant) + bias)

    def plus(self, other: Signal) -> Signal:
        """The sum with another one of as many elements."""
        terms = dict(self.terms)
        for name, each in other.terms.items():
            same = reshape(each, self.shape)
            terms[name] = add(terms[name], same) if name in terms else same
        return Signal(self.shape, terms, self.constant + other.constant)

    def links(self, target: str) -> list[Link]:
        """Its maps as links to a layer; the constant is the layer's own bias."""
        return [Link(source, target, linear) for source, linear in self.terms.items()]


def assemble(
    name: str, layers: Sequence[Layer], links: Sequence[Link], outputs: Mapping[str, str], *,
    steps: int | None = None, assumptions: Sequence[str] = (), digest: str = "",
) -> SpikingNetwork:  # fmt: skip
    """A network of layers.

    Inputs come first, then every layer after those that it hears without delay. In a loop some layer has to
    begin: the one nearest to the inputs. What it hears from later ones without delay comes one step later.

    Parameters
    ----------
    name
        Of the network.
    layers
        Each with its own name.
    links
        Between them; several between the same two add up.
    outputs
        Output name -> layer.
    steps, assumptions, digest
        As ``SpikingNetwork`` has them.
    """
    ordered = _ordered(layers, links)
    places, first = {}, 0
    populations: list[Population] = []
    for layer in ordered:
        count = prod(layer.shape)
        places[layer.name] = len(populations)
        populations.append(Population(layer.name, first, count, layer.shape, layer.kind, layer.values))
        first += count
    return SpikingNetwork(
        name=name,
        model="layered",
        neurons=first,
        steps=steps,
        constants={},
        parameters=_parameters(ordered),
        synapses=_synapses(first, populations, places, links),
        populations=tuple(populations),
        outputs={output: populations[places[layer]] for output, layer in outputs.items()},
        start=_start(ordered),
        assumptions=tuple(assumptions),
        digest=digest,
    )


def _synapses(
    n: int, populations: Sequence[Population], places: Mapping[str, int], links: Sequence[Link]
) -> Synapses:
    """All links; what goes back, or stays in its layer, takes a step at least."""
    edges: list[tuple[np.ndarray, ...]] = []
    for link in sorted(links, key=lambda each: (places[each.source], places[each.target])):
        source, target = populations[places[link.source]], populations[places[link.target]]
        back = places[link.target] <= places[link.source]
        delays = np.maximum(link.linear.delays, int(back))
        edges.append(
            (link.linear.columns + source.first, link.linear.rows + target.first, link.linear.weights, delays)
        )
    none: tuple[np.ndarray, ...] = (np.zeros(0, np.int64),) * 2 + (np.zeros(0), np.zeros(0, np.int64))
    pre, post, weights, delays = (np.concatenate(each) for each in zip(none, *edges, strict=True))
    return Synapses.sorted(n, pre, post, weights, delays)


def _parameters(layers: Sequence[Layer]) -> dict[str, np.ndarray]:
    kinds = {"int": np.int64, "float": np.float64, "bool": np.bool_}
    made: dict[str, np.ndarray] = {}
    for each in MODELS["layered"].parameters:
        default = np.inf if each.default is None else each.default
        rows = [
            np.broadcast_to(np.ravel(layer.parameters.get(each.name, default)), prod(layer.shape))
            for layer in layers
        ]
        made[each.name] = np.concatenate([*rows, np.zeros(0)]).astype(kinds[each.kind])
        made[each.name].flags.writeable = False
    return made


def _start(layers: Sequence[Layer]) -> dict[str, np.ndarray]:
    names = {name for layer in layers for name in layer.start}
    return {
        name: np.concatenate(
            [np.broadcast_to(np.ravel(layer.start.get(name, 0.0)), prod(layer.shape)) for layer in layers]
        )
        for name in sorted(names)
    }


def _ordered(layers: Sequence[Layer], links: Sequence[Link]) -> list[Layer]:
    """Layers in the order in which they are computed within a step."""
    needs: dict[str, set[str]] = {layer.name: set() for layer in layers}
    for link in links:
        if link.source != link.target and (not link.linear.delays.size or (link.linear.delays == 0).any()):
            needs[link.target].add(link.source)
    distance = _distances(layers, links)
    placed: list[Layer] = [layer for layer in layers if layer.kind == "input"]
    left = [layer for layer in layers if layer.kind != "input"]
    while left:
        done = {layer.name for layer in placed}
        ready = [layer for layer in left if not needs[layer.name] - done]
        if not ready:  # a loop: what waits for nothing but itself, by whatever way
            waiting = {layer.name: _behind(layer.name, needs, done) for layer in left}
            ready = [a for a in left if all(a.name in waiting[b] for b in waiting[a.name])]
        begun = min(ready, key=lambda layer: distance.get(layer.name, len(layers)))
        placed.append(begun)
        left.remove(begun)
    return placed


def _behind(name: str, needs: Mapping[str, set[str]], done: set[str]) -> set[str]:
    """Everything not yet placed that a layer waits for, directly or not."""
    found: set[str] = set()
    open_ = [name]
    while open_:
        new = needs[open_.pop()] - done - found
        found |= new
        open_ += new
    return found


def _distances(layers: Sequence[Layer], links: Sequence[Link]) -> dict[str, int]:
    """Links from an input to each layer that can be reached."""
    distance = {layer.name: 0 for layer in layers if layer.kind == "input"}
    reached = list(distance)
    while reached:
        at = reached.pop(0)
        for link in links:
            if link.source == at and link.target not in distance:
                distance[link.target] = distance[at] + 1
                reached.append(link.target)
    return distance
