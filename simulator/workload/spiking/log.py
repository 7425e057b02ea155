"""What a spiking network did, as a chip needs it: the raster, and who had something to do when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from simulator.workload.spiking.drive import outside
from simulator.workload.spiking.execute import SpikeActivity, execute_spikes
from simulator.workload.spiking.network import SpikingNetwork

#: Numbers of one window: steps times neurons.
_WINDOW = 1 << 22


@dataclass(frozen=True, eq=False)
class SpikeLog:
    """A run of a network whose neurons are in groups (the cores that hold them).

    Shapes: ``k`` spikes, ``n`` neurons, ``T`` steps, ``G`` groups.

    Attributes
    ----------
    steps
        How many, T.
    spike_steps, spike_neurons : (k,) int32
        The raster, by step and then by neuron; events of input channels are part of it.
    offsets : (T + 1,) int64
        Spikes of step t are rows ``offsets[t]`` to ``offsets[t + 1] - 1``.
    ahead : (k,) int32
        Neurons of the spiking one's group, up to itself, that had something to do in that step.
    updated : (T, G) int32
        Neurons that had something to do, by group.
    busy_steps : (n,) int64
        Steps in which each neuron had something to do.
    counts : (n,) int64
        Spikes of each neuron.
    outputs
        Output name -> what ``SpikeActivity`` has, over all steps.
    """

    steps: int
    spike_steps: np.ndarray
    spike_neurons: np.ndarray
    offsets: np.ndarray
    ahead: np.ndarray
    updated: np.ndarray
    busy_steps: np.ndarray
    counts: np.ndarray
    outputs: Mapping[str, np.ndarray] = field(default_factory=dict)


def log_spikes(
    network: SpikingNetwork,
    inputs: Mapping[str, np.ndarray] | None,
    groups: np.ndarray,
    *,
    steps: int | None = None,
) -> SpikeLog:
    """Run a network, window by window, and keep what a chip needs.

    Parameters
    ----------
    network, inputs, steps
        As for ``execute_spikes``.
    groups
        int32 (n,): group of each neuron, -1 for none.

    Raises
    ------
    InputError
        As ``execute_spikes`` does.
    """
    given = dict(inputs or {})
    total = outside(network, given, steps)[1]
    length = max(1, min(total, _WINDOW // max(network.neurons, 1)))
    count = int(groups.max(initial=-1)) + 1
    busy_steps = np.zeros(network.neurons, np.int64)
    parts: list[SpikeActivity] = []
    ahead, updated, state = [], np.zeros((total, count), np.int32), None
    for first in range(0, total, length):
        now = min(length, total - first)
        window = {
            name: array[first : first + now] if len(array) == total and array.ndim > 1 else array
            for name, array in given.items()
        }
        part = execute_spikes(network, window, steps=now, state=state, every=True)
        ahead.append(_tally(part, groups, updated[first : first + now], busy_steps))
        state = part.state
        parts.append(part)
    offsets = np.zeros(total + 1, np.int64)
    np.cumsum(np.concatenate([np.diff(part.offsets) for part in parts]), out=offsets[1:])
    return SpikeLog(
        steps=total,
        spike_steps=np.concatenate([part.spike_steps for part in parts]),
        spike_neurons=np.concatenate([part.spike_neurons for part in parts]),
        offsets=offsets,
        ahead=np.concatenate(ahead),
        updated=updated,
        busy_steps=busy_steps,
        counts=sum((part.counts for part in parts), np.zeros(network.neurons, np.int64)),
        outputs=_joined(parts),
    )


def _tally(
    part: SpikeActivity, groups: np.ndarray, updated: np.ndarray, busy_steps: np.ndarray
) -> np.ndarray:
    from simulator.kernels.spikerows import tally  # numba: only when something runs

    ahead = np.zeros(len(part.spike_neurons), np.int32)
    runs = np.append(np.flatnonzero(np.diff(groups)) + 1, len(groups))
    tally(part.updated, groups, runs, part.offsets, part.spike_neurons, updated, ahead, busy_steps)
    return ahead


def _joined(parts: list[SpikeActivity]) -> dict[str, np.ndarray]:
    """Outputs of all windows: values step by step, spikes added up."""
    joined = {}
    for name, array in parts[0].outputs.items():
        all_of = [part.outputs[name] for part in parts]
        stepwise = array.dtype.kind == "f"
        joined[name] = np.concatenate(all_of) if stepwise else np.sum(all_of, axis=0)
    return joined
