"""What the neurons of a network take of a core, and what a core that holds some of them takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.base.errors import Problem
from simulator.hw.chip import Chip
from simulator.hw.spiking import SpikingParts
from simulator.kernels.spikefill import AXONS_IN, AXONS_OUT, BITS, LIMITS, NEURONS
from simulator.mapping.spiking.formats import CONV, Formats
from simulator.workload.spiking.network import SpikingNetwork

#: Spikes per neuron and step for which load is balanced, where nothing is known of the network's own.
ASSUMED_RATE = 0.05
#: Limit -> how it is called, and the field that states it.
WORDS = {
    NEURONS: ("neurons", "neurons"),
    AXONS_IN: ("axons in (neurons that it hears)", "axons_in"),
    AXONS_OUT: ("axons out (destination cores of its neurons)", "axons_out"),
    BITS: ("bits of synapse memory", "buffers.synapses"),
}


@dataclass(frozen=True, eq=False)
class Demand:
    """A network by what its neurons take.

    Attributes
    ----------
    network, formats, parts
        The network, the formats of its synapses, and what it is put on.
    rates : (n,) float64
        Spikes per step of each neuron, as far as they are known.
    """

    network: SpikingNetwork
    formats: Formats
    parts: SpikingParts
    rates: np.ndarray

    @cached_property
    def caps(self) -> np.ndarray:
        """int64 (LIMITS,): what one core has."""
        core = self.parts.core
        return np.array([core.neurons, core.axons_in, core.axons_out, self.parts.synapse_bits], np.int64)

    @cached_property
    def by_target(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Synapses by target: offsets int64 (n + 1,), sources int32 (s,), formats uint8 (s,) or (1,)."""
        synapses, n = self.network.synapses, self.network.neurons
        order = np.argsort(synapses.targets, kind="stable")
        offsets = np.zeros(n + 1, np.int64)
        np.cumsum(np.bincount(synapses.targets, minlength=n), out=offsets[1:])
        formats = self.formats.of if self.formats.of.size == 1 else self.formats.of[order]
        return offsets, synapses.sources[order], formats

    @cached_property
    def counts(self) -> np.ndarray:
        """int64 (n, formats): synapses that lead to each neuron, by format."""
        offsets, _, formats = self.by_target
        kinds, n = len(self.parts.core.bits()), self.network.neurons
        if formats.size == 1:
            counts = np.zeros((n, kinds), np.int64)
            counts[:, formats[0]] = np.diff(offsets)
            return counts
        target = np.repeat(np.arange(n), np.diff(offsets))
        return np.bincount(target * kinds + formats, minlength=n * kinds).reshape(n, kinds)

    @cached_property
    def bits(self) -> np.ndarray:
        """int64 (n,): synapse memory of each neuron, without what is shared."""
        bits = self.parts.core.bits().copy()
        bits[CONV] = 0
        return self.counts @ bits

    @cached_property
    def shared(self) -> np.ndarray:
        """int64 (populations,): bits of the weights that all neurons of a population share on a core."""
        shared = np.zeros(len(self.network.populations), np.int64)
        for each in self.formats.connections:
            if each.format == CONV:
                shared[each.target] += each.weights * self.parts.core.stored_conv_bits
        return shared

    @cached_property
    def load(self) -> np.ndarray:
        """float64 (n,): time per step of each neuron, fs, by its own rate and those that it hears."""
        core = self.parts.core
        offsets, sources, formats = self.by_target
        event_fs = core.event_fs()[formats].astype(np.float64)
        target = np.repeat(np.arange(self.network.neurons), np.diff(offsets))
        received = np.bincount(target, self.rates[sources] * event_fs, self.network.neurons)
        own = core.access_fs + core.update_fs + self.rates * (core.spike_fs + core.axon_out_fs)
        return own + received

    def used(self, core_of: np.ndarray, cores: int, first: np.ndarray) -> np.ndarray:
        """int64 (cores, LIMITS): what each core takes; ``first`` are the entries of the rows."""
        used = np.zeros((cores, LIMITS), np.int64)
        held = np.flatnonzero(core_of >= 0)
        where = core_of[held]
        used[:, NEURONS] = np.bincount(where, minlength=cores)
        np.add.at(used[:, AXONS_OUT], where, np.diff(first)[held])
        np.add.at(used[:, BITS], where, self.bits[held])
        there = np.unique(where.astype(np.int64) * len(self.shared) + self.formats.population[held])
        np.add.at(used[:, BITS], there // len(self.shared), self.shared[there % len(self.shared)])
        return used

    def problem(self, chip: Chip, message: str, limit: int) -> Problem:
        """What is wrong, at the field that states a limit."""
        field = f"cores.{self.parts.core_name}.{WORDS[limit][1]}"
        if limit == BITS:
            field = f"memories.{self.parts.memory_name}.capacity"
        return chip.problem(message, field)
