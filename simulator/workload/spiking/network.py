"""A spiking network as a hardware-free, frozen noun: neurons of one model and synapses by source.

Shapes below: ``n`` neurons (input channels of a network that names its inputs among them), ``s`` synapses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Literal

import numpy as np

from simulator.base.errors import InputError, Problem, did_you_mean

#: What a population stands for: channels that outside spikes or currents enter by, neurons, or sums that are
#: only read (an output behind weights). Inputs and outputs need no neuron of a chip.
Kind = Literal["input", "neuron", "output"]


@dataclass(frozen=True)
class Population:
    """Consecutive neurons with a name: a layer.

    Attributes
    ----------
    name
        As the file has it.
    first, count
        Its neurons are ``first`` to ``first + count - 1``.
    shape
        Of one value per neuron, row by row; its product is ``count``.
    kind
        ``input``, ``neuron`` or ``output``, see ``Kind``.
    values
        Its neurons do not spike: they send the value of their potential on, in every step.
    """

    name: str
    first: int
    count: int
    shape: tuple[int, ...] = ()
    kind: Kind = "neuron"
    values: bool = False

    @property
    def neurons(self) -> slice:
        """Its neurons, for indexing an array of one value per neuron."""
        return slice(self.first, self.first + self.count)


@dataclass(frozen=True, eq=False)
class Synapses:
    """Connections by source (CSR): those of neuron i are rows ``offsets[i]`` to ``offsets[i + 1] - 1``.

    Within a source they keep the order of the file, which is the order in which a spike is delivered.

    Attributes
    ----------
    offsets : (n + 1,) int64
    targets : (s,) int32
    weights : (s,) int32 or float64
        Integer models have them shifted left already.
    delays : (s,) int32
        Steps from a spike to its effect. 0 (NIR alone) is within the same step, from a population to a later
        one.
    """

    offsets: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    delays: np.ndarray

    @classmethod
    def sorted(cls, n: int, pre: np.ndarray, post: np.ndarray, w: np.ndarray, delay: np.ndarray) -> Synapses:
        """From lists of edges, (s,) each, whose ends are within 0 to n - 1."""
        order = np.argsort(pre, kind="stable")
        offsets = np.zeros(n + 1, np.int64)
        np.cumsum(np.bincount(pre, minlength=n), out=offsets[1:])
        weights = w[order].astype(np.float64 if w.dtype.kind == "f" else np.int32)
        arrays = offsets, post[order].astype(np.int32), weights, delay[order].astype(np.int32)
        for array in arrays:
            array.flags.writeable = False
        return cls(*arrays)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.targets)

    @property
    def fan_out(self) -> np.ndarray:
        """(n,) int64: synapses that a spike of each neuron goes over."""
        return np.diff(self.offsets)

    @property
    def sources(self) -> np.ndarray:
        """(s,) int32: the neuron that each synapse comes from."""
        return np.repeat(np.arange(len(self.offsets) - 1, dtype=np.int32), self.fan_out)


@dataclass(frozen=True, eq=False)
class SpikingNetwork:
    """Neurons, synapses and what they start from.

    Attributes
    ----------
    name
        Of the file.
    model
        Neuron model, a key of ``simulator.workload.spiking.models.MODELS``.
    neurons
        How many there are, n; inputs and outputs that need no neuron (``Population.kind``) included.
    steps
        Time steps that the file asks for; None: whoever runs it says how many.
    constants
        Scalars of the model, by its own names.
    parameters
        Per neuron, (n,) each, by the names that the model has; all of them are there.
    synapses
        Connections by source.
    populations
        Layers in order, which cover all neurons.
    outputs
        Output name -> population whose spikes (values, of neurons that do not spike) are the result.
    core_id : (n,) int64 or None
        Cores that the file pins the neurons to, as it numbers them.
    start
        State variable -> (n,) values before the first step; 0 for those left out.
    assumptions
        Sentences that a result must repeat.
    digest
        sha256 of the file.
    """

    name: str
    model: str
    neurons: int
    steps: int | None
    constants: Mapping[str, float]
    parameters: Mapping[str, np.ndarray]
    synapses: Synapses
    populations: tuple[Population, ...]
    outputs: Mapping[str, Population] = field(default_factory=lambda: MappingProxyType({}))
    core_id: np.ndarray | None = None
    start: Mapping[str, np.ndarray] = field(default_factory=lambda: MappingProxyType({}))
    assumptions: tuple[str, ...] = ()
    digest: str = ""

    @property
    def inputs(self) -> tuple[Population, ...]:
        """Populations that outside spikes or currents enter by; none: every neuron can take them."""
        return tuple(each for each in self.populations if each.kind == "input")

    @cached_property
    def computed(self) -> np.ndarray:
        """(n,) bool: neurons that a chip has to hold, which is all but inputs and outputs."""
        mask = np.ones(self.neurons, bool)
        for each in self.populations:
            if each.kind != "neuron":
                mask[each.neurons] = False
        return mask

    def population(self, name: str) -> Population:
        """The population of a name.

        Raises
        ------
        InputError
            There is none.
        """
        for each in self.populations:
            if each.name == name:
                return each
        near = did_you_mean(name, [each.name for each in self.populations])
        raise InputError(Problem(f"network '{self.name}' has no population '{name}'{near}"))

    def lasting(self, steps: int) -> SpikingNetwork:
        """The network with another number of steps."""
        return replace(self, steps=steps)

    def delayed(self, least: int) -> SpikingNetwork:
        """The network with delays of at least so many steps: 1 as on chips that deliver in the next step."""
        delays = np.maximum(self.synapses.delays, np.int32(least))
        delays.flags.writeable = False
        return replace(self, synapses=replace(self.synapses, delays=delays))
