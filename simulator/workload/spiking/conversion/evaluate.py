"""How well a converted network does after so many steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.workload.spiking.execute import execute_spikes
from simulator.workload.spiking.network import SpikingNetwork
from simulator.workload.spiking.pack import begin


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Outputs of a network after several numbers of steps.

    Attributes
    ----------
    steps
        Numbers of steps, ascending.
    outputs : (len(steps), samples, elements) float64
        Mean of what the output received in a step.
    spikes, synaptic_operations : (len(steps),) float64
        Per sample; spikes of neurons, operations of inputs and neurons.
    """

    steps: tuple[int, ...]
    outputs: np.ndarray
    spikes: np.ndarray
    synaptic_operations: np.ndarray

    def right(self, labels: np.ndarray) -> list[int]:
        """Samples whose largest output is where the label says, by number of steps."""
        return [int((each.argmax(axis=1) == labels.ravel()).sum()) for each in self.outputs]


def evaluate(
    network: SpikingNetwork, samples: Sequence[Mapping[str, np.ndarray]], steps: Sequence[int]
) -> Evaluated:
    """Put samples through a converted network, each as a current that stays.

    Parameters
    ----------
    network
        Of ``convert``, with one output.
    samples
        Inputs by name, each of the input's shape.
    steps
        After how many steps to look.
    """
    ends = tuple(sorted(set(steps)))
    (output,) = network.outputs
    start = begin(network)
    fan_out = network.synapses.fan_out
    outputs, spikes, operations = [], np.zeros(len(ends)), np.zeros(len(ends))
    for sample in samples:
        ran = execute_spikes(network, sample, steps=ends[-1], state=start)
        received = ran.outputs[output].reshape(ends[-1], -1).cumsum(axis=0)
        outputs.append([received[end - 1] / end for end in ends])
        neurons = network.computed[ran.spike_neurons]
        for i, end in enumerate(ends):
            until = ran.offsets[end]
            spikes[i] += neurons[:until].sum()
            operations[i] += fan_out[ran.spike_neurons[:until]].sum()
    return Evaluated(
        ends,
        np.array(outputs).transpose(1, 0, 2),
        spikes / max(len(samples), 1),
        operations / max(len(samples), 1),
    )
