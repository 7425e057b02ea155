"""Leaky integrate-and-fire as SANA-FE describes Loihi's (model ``sanafe_lif``)."""

from __future__ import annotations

import numpy as np

from simulator.kernels.jit import lean
from simulator.kernels.spiking import BLOCK, deliver, enter, forces, note_busy, record


@lean
def _integrate(
    current: np.ndarray, v: np.ndarray, free: np.ndarray, box: np.ndarray, keep_current: np.ndarray,
    keep_v: np.ndarray, bias: np.ndarray, threshold: np.ndarray, now: float, grain: float,
) -> int:  # fmt: skip
    """One step of neurons that lie side by side, without branches; whether any is above its threshold.

    All arrays are (block,) of one real type; ``box`` is what arrives, and is emptied. v is cut to multiples
    of 1 / ``grain`` after its decay. A resting neuron decays, and drops what arrives.
    """
    above = 0
    for i in range(v.size):
        potential = np.trunc(keep_v[i] * v[i] * grain) / grain
        left = keep_current[i] * current[i]
        resting = now < free[i]
        taken = left if resting else left + box[i]
        potential = potential if resting else (potential + bias[i]) + taken
        current[i] = taken
        v[i] = potential
        box[i] = 0
        above |= (potential > threshold[i]) & (not resting)
    return above


@lean
def run_sanafe(
    state: np.ndarray, free: np.ndarray, inbox: np.ndarray, arrived: np.ndarray, numbers: np.ndarray,
    keeps: np.ndarray, rests: np.ndarray, soft: np.ndarray, scalars: np.ndarray, offsets: np.ndarray,
    targets: np.ndarray, weights: np.ndarray, delays: np.ndarray, delay: int, drive: np.ndarray,
    forced: np.ndarray, busy: np.ndarray, slot: int, steps: int, traced: np.ndarray,
    traces: np.ndarray, spike_steps: np.ndarray, spike_neurons: np.ndarray, first: int,
) -> tuple[int, int]:  # fmt: skip
    """Run a window of steps; arguments: ``simulator.kernels.spiking``.

    State: current, potential. Numbers: bias, reset, threshold. Scalars: 0, 1, and the grain of v.
    """
    current, v, keep_current, keep_v = state[0], state[1], keeps[0], keeps[1]
    bias, reset, threshold = numbers[0], numbers[1], numbers[2]
    n, slots, spikes, done, now = v.size, inbox.shape[0], 0, 0, scalars[0]
    grain = scalars[2]
    while done < steps and spikes + n <= spike_steps.size:
        enter(drive, done, inbox, slot, arrived)
        if busy.shape[0] > 0:
            note_busy(v, keep_v, 1.0 / grain, bias, arrived[slot], busy[done])
        before = spikes
        for low in range(0, n, BLOCK):
            high = min(low + BLOCK, n)
            above = _integrate(
                current[low:high], v[low:high], free[low:high], inbox[slot, low:high], keep_current[low:high],
                keep_v[low:high], bias[low:high], threshold[low:high], now, grain,
            )  # fmt: skip
            if above != 0 or forces(forced, done, low, high):
                for i in range(low, high):
                    given = forced.shape[0] > 0 and forced[done, i] != 0
                    if given or (above != 0 and v[i] > threshold[i] and now >= free[i]):
                        spike_steps[spikes], spike_neurons[spikes] = first + done, i
                        spikes += 1
                        v[i] = v[i] - threshold[i] if soft[i] != 0 else reset[i]
                        free[i] = done + 1 + rests[i]
        deliver(spike_neurons, before, spikes, slot, offsets, targets, weights, delays, delay, inbox, arrived)
        slot = slot + 1 if slot + 1 < slots else 0
        record(state, traced, traces, done)
        done += 1
        now += scalars[1]
    return done, spikes
