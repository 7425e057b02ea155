"""Layers of spiking neurons, each connected to all of the next, with seeded weights: for time and energy."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import MappingProxyType

import numpy as np
from pydantic import Field

from simulator.base import yamlio
from simulator.base.spec import Spec, build
from simulator.workload.spiking.models import MODELS
from simulator.workload.spiking.network import Population, SpikingNetwork, Synapses

#: Name of the builder in YAML files.
BUILDER = "spiking_layers"
_MODEL = "loihi"


class SpikingLayers(Spec):
    """Arguments of the builder `spiking_layers`: neurons of model `loihi`, all pairs of layers connected."""

    layers: dict[str, int] = Field(
        description="Name -> neurons, from the first layer to the last", min_length=1
    )
    steps: int = Field(description="Time steps to run", gt=0)
    seed: int = Field(1, description="Of the weights", ge=0)
    weight: int = Field(
        127, description="Largest weight; all from its negative on are as likely", gt=0, le=255
    )
    threshold: int = Field(
        2**17 - 1, description="Of all neurons; the default is the chip's largest", gt=0, lt=2**17
    )
    leak: int = Field(
        4096, description="Part of potential and current lost in a step, in 4096ths", ge=0, le=4096
    )


class BuiltSpiking(Spec):
    """A spiking network from a builder."""

    name: str = Field("", description="Name in reports; the file's where it is absent")
    description: str = Field("", description="One line for `chipsim list workloads`")
    builder: str = Field(description="Builder: spiking_layers")
    args: SpikingLayers = Field(description="Arguments of the builder")


def load(path: Path) -> SpikingNetwork:
    """Build the network that a YAML file describes.

    Raises
    ------
    InputError
        Its arguments are wrong.
    """
    document = yamlio.load(path)
    made: BuiltSpiking = build(BuiltSpiking, document.data, document, "")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return _build(made.args, made.name or path.stem, digest)


def is_built(path: Path) -> bool:
    """Whether a YAML file asks for this builder."""
    data = yamlio.load(path).data
    return isinstance(data, dict) and data.get("builder") == BUILDER


def _build(args: SpikingLayers, name: str, digest: str) -> SpikingNetwork:
    sizes = list(args.layers.values())
    firsts = np.concatenate([[0], np.cumsum(sizes)])
    n = int(firsts[-1])
    populations = tuple(
        Population(layer, int(first), size, (size,))
        for (layer, size), first in zip(args.layers.items(), firsts, strict=False)
    )
    pre, post = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for a, b, first, then in zip(sizes, sizes[1:], firsts, firsts[1:], strict=False):
        pre.append(np.repeat(first + np.arange(a), b))
        post.append(np.tile(then + np.arange(b), a))
    sources, targets = np.concatenate(pre), np.concatenate(post)
    rng = np.random.default_rng(args.seed)
    weights = rng.integers(-args.weight, args.weight, len(sources), endpoint=True)
    given = {"threshold": args.threshold, "leak": args.leak, "input_decay": args.leak}
    stated = {each.name: given.get(each.name, each.default or 0) for each in MODELS[_MODEL].parameters}
    constants = {
        each.name: float(stated[each.name]) for each in MODELS[_MODEL].parameters if not each.per_neuron
    }
    types: dict[str, type] = {"int": np.int64, "float": np.float64, "bool": np.bool_}
    parameters: dict[str, np.ndarray] = {
        each.name: np.full(n, stated[each.name], types[each.kind])
        for each in MODELS[_MODEL].parameters
        if each.per_neuron
    }
    shift = int(constants["wexp"])
    return SpikingNetwork(
        name=name,
        model=_MODEL,
        neurons=n,
        steps=args.steps,
        constants=MappingProxyType(constants),
        parameters=MappingProxyType(parameters),
        synapses=Synapses.sorted(n, sources, targets, weights << shift, np.ones(len(sources), np.int64)),
        populations=populations,
        assumptions=(f"weights are random, seed {args.seed}: for time and energy, not for what it computes",),
        digest=digest,
    )
