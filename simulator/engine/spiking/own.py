"""Time of cores without their messages: until each spike, and until the end of a step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.kernels.spikefill import NEURONS
from simulator.mapping.spiking.schedule import SpikingSchedule
from simulator.workload.spiking.log import SpikeLog


@dataclass(frozen=True, eq=False)
class OwnTimes:
    """Soma of all cores over a run, fs.

    Attributes
    ----------
    ready : (k,) int64
        From the start of a step until each spike, with the neurons and spikes of its core before it; 0 for
        spikes from outside.
    soma : (T, C) int64
        Until the end.
    access : (C,) int64
        Of looking at every neuron once.
    send : (n,) int64
        Of one spike and its messages.
    """

    ready: np.ndarray
    soma: np.ndarray
    access: np.ndarray
    send: np.ndarray


def own_times(schedule: SpikingSchedule, log: SpikeLog) -> OwnTimes:
    """Times of the soma, neuron by neuron in their order.

    ``ready = access · (neurons before and itself) + update · (those of them with something to do) + spike ·
    (spikes before and itself)``.
    """
    core, cores = schedule.parts.core, len(schedule.cores)
    core_of, neurons = schedule.core_of, log.spike_neurons
    access = core.access_fs * schedule.used[:, NEURONS]
    where = core_of[neurons].astype(np.int64)
    inside = np.flatnonzero(where >= 0)
    key = log.spike_steps[inside] * np.int64(cores) + where[inside]
    order = np.argsort(key, kind="stable")
    key = key[order]
    begins = np.flatnonzero(np.diff(key, prepend=-1))
    lengths = np.diff(np.append(begins, len(key)))
    turn = np.zeros(len(neurons), np.int64)
    turn[inside[order]] = np.arange(len(key)) - np.repeat(begins, lengths) + 1
    rank = _ranks(core_of)[neurons] + 1
    ready = core.access_fs * rank + core.update_fs * log.ahead.astype(np.int64) + core.spike_fs * turn
    ready[where < 0] = 0
    spikes = np.zeros(log.steps * cores, np.int64)
    spikes[key[begins]] = lengths
    soma = access + core.update_fs * log.updated.astype(np.int64)
    soma += core.spike_fs * spikes.reshape(log.steps, cores)
    send = core.spike_fs + core.axon_out_fs * np.diff(schedule.rows.first)
    return OwnTimes(ready, soma, access, send)


def _ranks(core_of: np.ndarray) -> np.ndarray:
    """int64 (n,): how many neurons of its core come before each."""
    order = np.argsort(core_of, kind="stable")
    begins = np.flatnonzero(np.diff(core_of[order], prepend=-2))
    lengths = np.diff(np.append(begins, len(order)))
    ranks = np.empty(len(core_of), np.int64)
    ranks[order] = np.arange(len(order)) - np.repeat(begins, lengths)
    return ranks
