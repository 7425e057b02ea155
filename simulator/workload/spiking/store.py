"""A spiking network as named arrays, which the reader of .npz files takes again."""

from __future__ import annotations

import numpy as np

from simulator.workload.spiking.models import MODELS
from simulator.workload.spiking.network import SpikingNetwork


def arrays_of(network: SpikingNetwork) -> dict[str, np.ndarray]:
    """All that a network is, by the keys of .npz files; parameters at their defaults are left out.

    Integer weights are written unshifted. Layered networks have, for each population, its name, size, kind,
    shape (extents joined by ``x``) and whether it sends values; and for each output its population.
    """
    synapses = network.synapses
    weights = synapses.weights
    if "wexp" in network.constants:
        weights = weights >> int(network.constants["wexp"])
    arrays: dict[str, np.ndarray] = {
        "model": np.array(network.model),
        "N": np.array(network.neurons),
        "pre": synapses.sources,
        "post": synapses.targets,
        "w": weights,
        "delay": synapses.delays,
    }
    if network.steps is not None:
        arrays["steps"] = np.array(network.steps)
    for each in MODELS[network.model].parameters:
        held = network.parameters if each.per_neuron else network.constants
        value = np.asarray(held[each.name])
        if each.default is None or (value != each.default).any():
            arrays[each.name] = value
    arrays |= {f"{name}0": values for name, values in network.start.items()}
    if network.core_id is not None:
        arrays["core_id"] = network.core_id
    if MODELS[network.model].layered:
        populations = network.populations
        arrays |= {
            "population": np.array([each.name for each in populations]),
            "population_count": np.array([each.count for each in populations]),
            "population_kind": np.array([each.kind for each in populations]),
            "population_shape": np.array(["x".join(map(str, each.shape)) for each in populations]),
            "population_values": np.array([each.values for each in populations]),
            "output": np.array(list(network.outputs)),
            "output_population": np.array([each.name for each in network.outputs.values()]),
        }
    return arrays
