"""In which format the synapses between two populations are stored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.hw.rules import MappingRules
from simulator.workload.spiking.network import SpikingNetwork
from simulator.workload.work import SYNAPSE_FORMATS

DENSE, SPARSE, CONV = range(len(SYNAPSE_FORMATS))
#: Axes of what has rows and columns: channels, rows, columns.
_SPATIAL = 3
#: Weights are shared where there are at most so many different ones per synapse.
_SHARED = 0.5


@dataclass(frozen=True)
class Connection:
    """Synapses from one population to another: how many, in which format, how many different weights."""

    source: int
    target: int
    synapses: int
    format: int
    weights: int


@dataclass(frozen=True, eq=False)
class Formats:
    """Formats of all synapses.

    Attributes
    ----------
    of
        uint8 (s,), by synapse; (1,) where all have the same.
    connections
        By source, then target.
    population
        int32 (n,): population of each neuron.
    """

    of: np.ndarray
    connections: tuple[Connection, ...]
    population: np.ndarray


def formats_of(network: SpikingNetwork, rules: MappingRules) -> Formats:
    """Format of each synapse, as rules say.

    Where they say nothing: dense where layers connect all pairs once, with one delay; convolutional where
    both populations have rows and columns and weights repeat; sparse elsewhere. A network of one population
    is a list of edges, without layers: sparse.
    """
    populations, synapses = network.populations, network.synapses
    counts = [each.count for each in populations]
    population = np.repeat(np.arange(len(populations), dtype=np.int32), counts)
    by_source = np.repeat(population, synapses.fan_out)
    pair = by_source * np.int64(len(populations)) + population[synapses.targets]
    keys, sizes = np.unique(pair, return_counts=True)
    connections = []
    for key, size in zip(keys.tolist(), sizes.tolist(), strict=True):
        source, target = divmod(key, len(populations))
        mine = slice(None) if len(keys) == 1 else pair == key
        wanted = rules.for_population(populations[target].name).synapses
        format_, weights = _format(network, source, target, int(size), mine)
        if wanted != "auto":
            format_ = SYNAPSE_FORMATS.index(wanted)
        connections.append(Connection(source, target, int(size), format_, weights))
    chosen = {each.format for each in connections} or {SPARSE}
    if len(chosen) == 1:
        of = np.array([*chosen], np.uint8)
    else:
        of = np.array([each.format for each in connections], np.uint8)[np.searchsorted(keys, pair)]
    return Formats(of, tuple(connections), population)


def _format(
    network: SpikingNetwork, source: int, target: int, size: int, mine: np.ndarray | slice
) -> tuple[int, int]:
    """Format that fits a connection, and its different weights where those are kept once."""
    a, b = network.populations[source], network.populations[target]
    if len(network.populations) > 1 and _is_matrix(network, source, target, size, mine):
        return DENSE, size
    if min(len(a.shape), len(b.shape)) < _SPATIAL:
        return SPARSE, size
    weights = len(np.unique(network.synapses.weights[mine]))
    return (CONV, weights) if weights <= _SHARED * size else (SPARSE, size)


def _is_matrix(
    network: SpikingNetwork, source: int, target: int, size: int, mine: np.ndarray | slice
) -> bool:
    """Whether all pairs have one synapse, of one delay; within a population all, or all but with itself."""
    synapses, a, b = network.synapses, network.populations[source], network.populations[target]
    pairs = a.count * b.count
    if size not in (pairs, pairs - a.count * (source == target)) or np.ptp(synapses.delays[mine]):
        return False
    row, column = synapses.sources[mine] - a.first, synapses.targets[mine] - b.first
    met = np.zeros((a.count, b.count), bool)
    met[row, column] = True
    return int(met.sum()) == size and (size == pairs or not met.diagonal().any())
