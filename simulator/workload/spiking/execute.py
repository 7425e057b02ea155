"""Spiking network and inputs to SpikeActivity: which neuron spikes in which step. No time, no cores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from simulator.workload.spiking.network import SpikingNetwork


@dataclass(frozen=True)
class SpikeActivity:
    """What the neurons of a network did.

    Shapes: ``k`` spikes, ``n`` neurons, ``T`` steps, ``G`` groups.

    Attributes
    ----------
    network
        Its name.
    first_step, steps
        The steps that were executed: ``first_step`` to ``first_step + steps - 1``.
    spike_steps, spike_neurons : (k,) int32
        The raster, in the order of spiking: by step, in a step by neuron. Steps count from the network's
        start (0), so that windows join. Spikes of input channels are part of it.
    offsets : (T + 1,) int64
        Spikes of executed step j are rows ``offsets[j]`` to ``offsets[j + 1] - 1``.
    counts : (n,) int64
        Spikes of each neuron.
    updated : (T, G) int64
        Neurons with something to do in a step, by group: v is not 0, or there is an input or a bias.
        G is 1 (all of them) unless groups were given.
    outputs
        Output name -> (count,) spikes of each neuron, or (T, count) values of neurons that do not spike.
    traces
        State variable -> (T, m) values of the m neurons asked for, after each step.
    state
        State variables after the last step, and everything that continuing needs.
    """

    network: str
    first_step: int
    steps: int
    spike_steps: np.ndarray
    spike_neurons: np.ndarray
    offsets: np.ndarray
    counts: np.ndarray
    updated: np.ndarray
    outputs: Mapping[str, np.ndarray]
    state: object
    traces: Mapping[str, np.ndarray] = field(default_factory=dict)


def execute_spikes(
    network: SpikingNetwork,
    inputs: Mapping[str, np.ndarray] | None = None,
    *,
    steps: int | None = None,
    state: object | None = None,
    traced: Sequence[int] = (),
    groups: np.ndarray | None = None,
    precision: str = "float64",
    readable: bool = False,
) -> SpikeActivity:
    """Run a spiking network.

    Parameters
    ----------
    network
        As ``load_network`` reads it.
    inputs
        Input population -> (T, count) spikes (bool or integers) or currents (real numbers); ``currents``:
        (T, n) or (n,) added to the input of every neuron. None: the network is driven by its own biases.
    steps
        How many; None: as long as the inputs, else as the network says.
    state
        ``SpikeActivity.state`` of the steps before: continues from there, with the same numbers as one run.
    traced
        Neurons whose state variables are kept step by step.
    groups : (n,) int, optional
        Group of each neuron (the core it sits on, the layer): ``updated`` counts by it. -1: not counted.
    precision
        ``float64`` or ``float32``, of models with real numbers.
    readable
        Compute in plain numpy instead of compiled kernels: the same numbers, slowly.

    Raises
    ------
    InputError
        Inputs are not those of the network, or nothing says how many steps.
    """
    raise NotImplementedError
