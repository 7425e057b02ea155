"""Leaky integrate-and-fire with a decaying current in integers (models ``cuba_int`` and ``loihi``)."""

from __future__ import annotations

import numpy as np

from simulator.kernels.jit import lean
from simulator.kernels.spiking import BLOCK, deliver, enter, forces, note_busy, record


@lean
def _integrate(
    u: np.ndarray, v: np.ndarray, free: np.ndarray, box: np.ndarray, keep_u: np.ndarray, keep_v: np.ndarray,
    bias: np.ndarray, reset: np.ndarray, threshold: np.ndarray, now: np.integer, low: np.integer,
    high: np.integer, spare: np.integer,
) -> int:  # fmt: skip
    """One step of neurons that lie side by side, without branches; whether any is above its threshold.

    ``box`` int32 is what arrives, and is emptied; ``keep_u``, ``keep_v`` float64 are (4096 - decay) / 4096.
    |x|·(4096 - decay) has at most 44 bits, so that the product of reals is exact and cutting it off at the
    point is the shift of the magnitude. Sums wrap at 64 - ``spare`` bits; v is kept within low to high first.
    """
    above = 0
    for i in range(u.size):
        current = np.int64(np.int32(u[i] * keep_u[i])) + box[i]
        current = (current << spare) >> spare
        potential = np.int64(np.int32(v[i] * keep_v[i])) + current + bias[i]
        potential = (min(max(potential, low), high) << spare) >> spare
        resting = now < free[i]
        potential = np.int64(reset[i]) if resting else potential
        u[i] = current
        v[i] = potential
        box[i] = 0
        above |= (potential > threshold[i]) & (not resting)
    return above


@lean
def run_integer(
    state: np.ndarray, free: np.ndarray, inbox: np.ndarray, arrived: np.ndarray, numbers: np.ndarray,
    keeps: np.ndarray, rests: np.ndarray, soft: np.ndarray, scalars: np.ndarray, offsets: np.ndarray,
    targets: np.ndarray, weights: np.ndarray, delays: np.ndarray, delay: int, drive: np.ndarray,
    forced: np.ndarray, busy: np.ndarray, slot: int, steps: int, traced: np.ndarray,
    traces: np.ndarray, spike_steps: np.ndarray, spike_neurons: np.ndarray, first: int,
) -> tuple[int, int]:  # fmt: skip
    """Run a window of steps; arguments: ``simulator.kernels.spiking``.

    State: current u, potential v. Numbers: bias, reset, threshold, all shifted. Scalars, int32: bits of 64
    that u and v do not have, and 1 if v saturates (its least value is then that of its magnitude).
    """
    u, v, keep_u, keep_v = state[0], state[1], keeps[0], keeps[1]
    bias, reset, threshold = numbers[0], numbers[1], numbers[2]
    n, slots, spikes, done = u.size, inbox.shape[0], 0, 0
    spare = np.int64(scalars[0])
    highest = (np.int64(1) << (63 - spare)) - 1 if scalars[1] != 0 else np.int64(1) << 62
    while done < steps and spikes + n <= spike_steps.size:
        enter(drive, done, inbox, slot, arrived)
        if busy.shape[0] > 0:
            note_busy(v, keep_v, 1.0, bias, arrived[slot], busy[done])
        before = spikes
        for low in range(0, n, BLOCK):
            high = min(low + BLOCK, n)
            above = _integrate(
                u[low:high], v[low:high], free[low:high], inbox[slot, low:high], keep_u[low:high],
                keep_v[low:high], bias[low:high], reset[low:high], threshold[low:high],
                np.int32(done), -highest, highest, spare,
            )  # fmt: skip
            if above != 0 or forces(forced, done, low, high):
                for i in range(low, high):
                    given = forced.shape[0] > 0 and forced[done, i] != 0
                    if given or (above != 0 and v[i] > threshold[i] and done >= free[i]):
                        spike_steps[spikes], spike_neurons[spikes] = first + done, i
                        spikes += 1
                        v[i] = v[i] - threshold[i] if soft[i] != 0 else reset[i]
                        free[i] = done + 1 + rests[i]
        deliver(spike_neurons, before, spikes, slot, offsets, targets, weights, delays, delay, inbox, arrived)
        slot = slot + 1 if slot + 1 < slots else 0
        record(state, traced, traces, done)
        done += 1
    return done, spikes
