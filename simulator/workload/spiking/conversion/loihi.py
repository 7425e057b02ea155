"""A converted network in the integers of Loihi 1: weights of 9 bits, thresholds of 17, inputs as rates.

A layer of neurons that a constant current drives stands for the input: at the largest input of the samples
one spikes in every step. Each layer's weights, threshold and bias share a scale s, the largest that fits all
three into their bits; so a spike of the layer still stands for the same number, and only rounding is added.
A spike acts one step later. So layer d (the input is layer 0) begins at θ/2 − d·b: by the step in which its
input arrives, its bias b has brought it to θ/2, and after T + d steps it has seen T steps of input.

    v ← v + Σ w + b;  spike where v ≥ θ;  v ← v − θ
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from simulator.base.errors import InputError, Problem
from simulator.workload.spiking.execute import SpikeActivity
from simulator.workload.spiking.models import MODELS
from simulator.workload.spiking.network import Population, SpikingNetwork, Synapses

_MODEL = "loihi"
_SHIFT = 6  # of weights, thresholds and biases alike
_LARGEST = {"weight": 255, "threshold": 2**17 - 1, "bias": 2**12 - 1}
#: Threshold of the neurons of the input, in the units of their currents before the shift.
_FULL = _LARGEST["bias"]


@dataclass(frozen=True, eq=False)
class Coded:
    """An integer network whose inputs are rates, and whose output is read from potentials.

    Attributes
    ----------
    network
        Of the model ``loihi``; ``steps`` is what one sample takes.
    peak
        Input that makes a neuron of the input layer spike in every step.
    time_steps
        Steps for which each layer sees the sample, T.
    """

    network: SpikingNetwork
    peak: float
    time_steps: int

    @property
    def readout(self) -> Population:
        """The last layer."""
        return next(iter(self.network.outputs.values()))

    def inputs(self, sample: np.ndarray) -> dict[str, np.ndarray]:
        """Currents that stand for a sample, as ``execute_spikes`` takes them."""
        currents = np.zeros(self.network.neurons, np.int64)
        values = np.ravel(sample).astype(np.float64)
        currents[: len(values)] = np.rint(values * (_FULL / self.peak)).astype(np.int64) << _SHIFT
        return {"currents": currents}

    def received(self, activity: SpikeActivity) -> np.ndarray:
        """(elements,) int64: what each neuron of the last layer received in T steps, its bias included."""
        part = self.readout.neurons
        threshold = self.network.parameters["threshold"][part].astype(np.int64) << _SHIFT
        spent = activity.counts[part] * threshold
        return activity.state.variables["v"][part].astype(np.int64) + spent


def code(network: SpikingNetwork, peak: float, time_steps: int) -> Coded:
    """Put a network of ``convert`` into integers.

    Parameters
    ----------
    network
        Layers of integrators that subtract their threshold, one input, one output.
    peak
        Largest input.
    time_steps
        Steps for which each layer is to see a sample, T.

    Raises
    ------
    InputError
        It has several inputs or outputs, or nothing that is above 0 comes in.
    """
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        counts = f"{len(network.inputs)} and {len(network.outputs)}"
        raise InputError(Problem(f"expected a network of one input and one output, got {counts}"))
    if not peak > 0:
        raise InputError(Problem("expected inputs above 0, which rates stand for", path="inputs"))
    populations = tuple(replace(each, kind="neuron", values=False) for each in network.populations)
    depths = _depths(network)
    made = [_Layer(network, at, peak) for at in range(len(populations))]
    bias = np.concatenate([each.bias for each in made])
    threshold = np.concatenate([each.threshold for each in made])
    depth = np.repeat(depths, [each.count for each in populations])
    # + 1: the chip spikes above its threshold, and potentials are multiples of 64 but for this
    start = np.where(np.repeat([each.fires for each in made], [p.count for p in populations]), threshold, 0)
    start = (start << (_SHIFT - 1)) - ((depth * bias) << _SHIFT) + 1
    (output, last), deepest = next(iter(network.outputs.items())), max(depths)
    readout = next(each for each in populations if each.name == last.name)
    coded = SpikingNetwork(
        name=network.name,
        model=_MODEL,
        neurons=network.neurons,
        steps=time_steps + deepest,
        constants=_constants(),
        parameters=_parameters(network.neurons, bias, threshold),
        synapses=_synapses(network, made, peak),
        populations=populations,
        outputs=MappingProxyType({output: readout}),
        start=MappingProxyType({"v": start}),
        assumptions=(*network.assumptions, *_said(time_steps, deepest, peak)),
        digest=network.digest,
    )
    return Coded(coded, peak, time_steps)


def _depths(network: SpikingNetwork) -> list[int]:
    """Steps after which each population first hears of the input."""
    ends = [each.first + each.count for each in network.populations]
    source, target = (
        np.searchsorted(ends, neurons, side="right")
        for neurons in (network.synapses.sources, network.synapses.targets)
    )
    depths = [0] * len(ends)
    for a, b in sorted(set(zip(source.tolist(), target.tolist(), strict=True))):
        if a >= b:
            raise InputError(Problem(f"network '{network.name}' has a loop: no layer is the last"))
        depths[b] = max(depths[b], depths[a] + 1)
    return depths


class _Layer:
    """One population in integers: its scale, biases and thresholds."""

    def __init__(self, network: SpikingNetwork, at: int, peak: float) -> None:
        each, parameters = network.populations[at], network.parameters
        into = _into(network, each)
        weights = network.synapses.weights[into] * _stands_for(network, into, peak)
        bias, threshold = parameters["bias"][each.neurons], parameters["threshold"][each.neurons]
        self.fires = each.kind != "output"
        if each.kind == "input":
            self.scale, self.bias = 1.0, np.zeros(each.count, np.int64)
            self.threshold = np.full(each.count, _FULL, np.int64)
            return
        reach = {"weight": np.abs(weights).max(initial=0.0), "bias": np.abs(bias).max(initial=0.0)}
        reach["threshold"] = float(threshold.max()) if self.fires else 0.0
        self.scale = min(most / reach[name] for name, most in _LARGEST.items() if reach[name] > 0)
        self.bias = np.rint(bias * self.scale).astype(np.int64)
        wanted = np.rint(threshold * self.scale) if self.fires else np.full(each.count, np.inf)
        self.threshold = np.clip(wanted, 1, _LARGEST["threshold"]).astype(np.int64)


def _into(network: SpikingNetwork, population: Population) -> np.ndarray:
    targets = network.synapses.targets
    return (targets >= population.first) & (targets < population.first + population.count)


def _stands_for(network: SpikingNetwork, synapses: np.ndarray, peak: float) -> np.ndarray:
    """What weights are multiplied by: a spike of the input stands for the largest input."""
    (entry,) = network.inputs
    sources = network.synapses.sources[synapses]
    return np.where(sources < entry.first + entry.count, peak, 1.0)


def _synapses(network: SpikingNetwork, layers: list[_Layer], peak: float) -> Synapses:
    """Weights as integers, shifted; a step of delay."""
    synapses = network.synapses
    scale = np.concatenate(
        [np.full(each.count, layer.scale) for each, layer in zip(network.populations, layers, strict=True)]
    )
    real = synapses.weights * _stands_for(network, np.ones(synapses.count, bool), peak)
    weights = np.rint(real * scale[synapses.targets]).astype(np.int64) << _SHIFT
    delays = np.maximum(synapses.delays, 1)
    return Synapses.sorted(network.neurons, synapses.sources, synapses.targets, weights, delays)


def _constants() -> Mapping[str, float]:
    known = {"wexp": _SHIFT, "vth_exp": _SHIFT, "bias_exp": _SHIFT}
    return MappingProxyType(
        {
            each.name: float(known.get(each.name, each.default or 0))
            for each in MODELS[_MODEL].parameters
            if not each.per_neuron
        }
    )


def _parameters(neurons: int, bias: np.ndarray, threshold: np.ndarray) -> Mapping[str, np.ndarray]:
    """Integrators without leak whose current lasts one step, and that subtract their threshold."""
    known: dict[str, np.ndarray | int] = {"bias": bias, "threshold": threshold}
    known |= {"input_decay": 4096, "leak": 0, "soft": 1}
    types: dict[str, type] = {"int": np.int64, "bool": np.bool_}
    return MappingProxyType(
        {
            each.name: np.full(neurons, known.get(each.name, each.default or 0), types[each.kind])
            for each in MODELS[_MODEL].parameters
            if each.per_neuron
        }
    )


def _said(time_steps: int, depth: int, peak: float) -> tuple[str, ...]:
    return (
        f"inputs are rates: a neuron for each, driven by a current, that spikes in every step at {peak:g}",
        f"every layer sees a sample for {time_steps} steps; with a step per layer it takes "
        f"{time_steps + depth}",
        "weights, thresholds and biases are rounded to what Loihi 1 stores; neurons subtract their threshold "
        "at a spike, for which the chip needs a second compartment that is not counted",
        "potentials are set before each sample and those of the last layer are read after it; neither takes "
        "time or energy here",
    )
