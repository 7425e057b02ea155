"""Samples one after the other through a spiking network, each from its start: a log, and answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.workload.spiking.conversion.loihi import Coded
from simulator.workload.spiking.execute import execute_spikes
from simulator.workload.spiking.log import SpikeLog, log_spikes


def log_samples(
    coded: Coded, samples: Sequence[np.ndarray], groups: np.ndarray
) -> tuple[SpikeLog, np.ndarray]:
    """Run a network on every sample.

    Parameters
    ----------
    coded
        The network, and how a sample enters it.
    samples
        One at least.
    groups
        int32 (n,): group of each neuron, as ``log_spikes`` takes it.

    Returns
    -------
    log : SpikeLog
        Of all samples, the steps of one behind those of the other.
    received : (samples, elements) int64
        What each neuron of the last layer received.
    """
    logs, received = [], []
    for sample in samples:
        inputs = coded.inputs(sample)
        logs.append(log_spikes(coded.network, inputs, groups))
        received.append(coded.received(execute_spikes(coded.network, inputs)))
    return _joined(logs), np.stack(received)


def _joined(logs: Sequence[SpikeLog]) -> SpikeLog:
    """Logs of runs one after the other."""
    before = np.cumsum([0, *(log.steps for log in logs)])
    spikes = np.cumsum([0, *(len(log.spike_steps) for log in logs)])
    pairs = list(zip(logs, before.tolist(), spikes.tolist(), strict=False))
    return SpikeLog(
        steps=int(before[-1]),
        spike_steps=np.concatenate([log.spike_steps + np.int32(start) for log, start, _ in pairs]),
        spike_neurons=np.concatenate([log.spike_neurons for log in logs]),
        offsets=np.concatenate([*(log.offsets[:-1] + first for log, _, first in pairs), spikes[-1:]]),
        ahead=np.concatenate([log.ahead for log in logs]),
        updated=np.concatenate([log.updated for log in logs]),
        busy_steps=np.sum([log.busy_steps for log in logs], axis=0),
        counts=np.sum([log.counts for log in logs], axis=0),
        outputs={
            name: np.sum([log.outputs[name] for log in logs], axis=0) for name in logs[0].outputs
        },
    )
