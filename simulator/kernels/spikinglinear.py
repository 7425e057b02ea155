"""Neurons whose steps are linear between spikes: integrators with and without leak, synapse and threshold.

The models ``if`` and ``layered``: populations follow each other within a step, so that what has no delay
arrives in the same step, as layers of a feed-forward network do.
"""

from __future__ import annotations

import numpy as np

from simulator.kernels.jit import lean, part
from simulator.kernels.spiking import BLOCK, deliver, enter, forces, note_busy, record

#: What a population sends on: a spike, its potential, or its potential as an event where it is not 0.
SPIKES, VALUES, EVENTS = 0, 1, 2


@lean
def _integrate(
    synapse: np.ndarray, v: np.ndarray, free: np.ndarray, box: np.ndarray, keep_synapse: np.ndarray,
    gain_synapse: np.ndarray, keep_v: np.ndarray, gain_v: np.ndarray, bias: np.ndarray, rest: np.ndarray,
    threshold: np.ndarray, now: float,
) -> int:  # fmt: skip
    """One step of neurons that lie side by side, without branches; whether any is above its threshold.

    All arrays are (block,) of one real type; ``box`` is what arrives, and is emptied.
    """
    above = 0
    for i in range(v.size):
        taken = keep_synapse[i] * synapse[i] + gain_synapse[i] * (box[i] + bias[i])
        potential = (keep_v[i] * v[i] + rest[i]) + gain_v[i] * taken
        resting = now < free[i]
        synapse[i] = taken
        v[i] = v[i] if resting else potential
        box[i] = 0
        above |= (potential > threshold[i]) & (not resting)
    return above


@part
def _send_values(
    low: int, high: int, values: np.ndarray, slot: int, offsets: np.ndarray, targets: np.ndarray,
    weights: np.ndarray, delays: np.ndarray, delay: int, inbox: np.ndarray, arrived: np.ndarray,
) -> None:  # fmt: skip
    """Send the values of neurons low to high - 1 over their synapses, those that are 0 excepted."""
    slots = inbox.shape[0]
    for i in range(low, high):
        if values[i] == 0:
            continue
        for e in range(offsets[i], offsets[i + 1]):
            row = slot + (delays[e] if delays.size > 0 else delay)
            if row >= slots:
                row -= slots
            inbox[row, targets[e]] += values[i] * weights[e]
            if arrived.shape[0] > 0:
                arrived[row, targets[e]] = 1


@lean
def run_linear(
    state: np.ndarray, free: np.ndarray, inbox: np.ndarray, arrived: np.ndarray, numbers: np.ndarray,
    keeps: np.ndarray, rests: np.ndarray, soft: np.ndarray, scalars: np.ndarray, offsets: np.ndarray,
    targets: np.ndarray, weights: np.ndarray, delays: np.ndarray, delay: int, drive: np.ndarray,
    forced: np.ndarray, busy: np.ndarray, slot: int, steps: int, traced: np.ndarray,
    traces: np.ndarray, spike_steps: np.ndarray, spike_neurons: np.ndarray, first: int, stages: np.ndarray,
) -> tuple[int, int]:  # fmt: skip
    """Run a window of steps; arguments: ``simulator.kernels.spiking``, and the populations.

    State: current, potential. Numbers: gain of the current, gain of the potential, bias of the input, drift
    towards rest, threshold that is compared with, what a soft reset subtracts, reset, not 0 where there is a
    bias or drift. Scalars: 0 and 1.
    ``stages``, int64 (populations, 3): first neuron, neuron after the last, what it sends (``SPIKES``, ...).
    """
    synapse, v, gain, bias = state[0], state[1], numbers[1], numbers[2]
    threshold, drop, reset, biased = numbers[4], numbers[5], numbers[6], numbers[7]
    n, slots, spikes, done, now = v.size, inbox.shape[0], 0, 0, scalars[0]
    while done < steps and spikes + n <= spike_steps.size:
        enter(drive, done, inbox, slot, arrived)
        for stage in range(stages.shape[0]):
            begin, end, sends = stages[stage, 0], stages[stage, 1], stages[stage, 2]
            if busy.shape[0] > 0:
                note_busy(
                    v[begin:end], keeps[1, begin:end], 5e-324, biased[begin:end], arrived[slot, begin:end],
                    busy[done, begin:end],
                )  # fmt: skip
            before = spikes
            for low in range(begin, end, BLOCK):
                high = min(low + BLOCK, end)
                above = _integrate(
                    synapse[low:high], v[low:high], free[low:high], inbox[slot, low:high],
                    keeps[0, low:high], numbers[0, low:high], keeps[1, low:high], gain[low:high],
                    bias[low:high], numbers[3, low:high], threshold[low:high], now,
                )  # fmt: skip
                if above == 0 and sends != EVENTS and not forces(forced, done, low, high):
                    continue
                for i in range(low, high):
                    given = forced.shape[0] > 0 and forced[done, i] != 0
                    if sends == EVENTS and v[i] != 0:
                        spike_steps[spikes], spike_neurons[spikes] = first + done, i
                        spikes += 1
                    elif (v[i] > threshold[i] and now >= free[i]) or given:
                        spike_steps[spikes], spike_neurons[spikes] = first + done, i
                        spikes += 1
                        v[i] = v[i] - drop[i] if soft[i] != 0 else reset[i]
                        free[i] = done + 1 + rests[i]
            if sends == SPIKES:
                deliver(
                    spike_neurons, before, spikes, slot, offsets, targets, weights, delays, delay, inbox,
                    arrived,
                )  # fmt: skip
            else:
                _send_values(begin, end, v, slot, offsets, targets, weights, delays, delay, inbox, arrived)
        slot = slot + 1 if slot + 1 < slots else 0
        record(state, traced, traces, done)
        done += 1
        now += scalars[1]
    return done, spikes
