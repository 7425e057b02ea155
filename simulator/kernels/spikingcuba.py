"""Leaky integrate-and-fire with exciting and inhibiting currents, explicit Euler (model ``cuba_euler``)."""

from __future__ import annotations

import numpy as np

from simulator.kernels.jit import lean
from simulator.kernels.spiking import BLOCK, deliver, enter, forces, record


@lean
def _integrate(
    v: np.ndarray, exciting: np.ndarray, inhibiting: np.ndarray, free: np.ndarray, threshold: np.ndarray,
    rest: np.ndarray, now: float, of_v: float, of_exciting: float, of_inhibiting: float,
) -> int:  # fmt: skip
    """One step of neurons that lie side by side, without branches; whether any is above its threshold.

    All arrays are (block,) of one real type; the first three are written.
    """
    above = 0
    for i in range(v.size):
        old = v[i]
        new = old + of_v * ((exciting[i] + inhibiting[i]) - (old - rest[i]))
        resting = now < free[i]
        v[i] = old if resting else new
        exciting[i] -= of_exciting * exciting[i]
        inhibiting[i] -= of_inhibiting * inhibiting[i]
        above |= (new > threshold[i]) & (not resting)
    return above


@lean
def run_cuba(
    state: np.ndarray, free: np.ndarray, inbox: np.ndarray, arrived: np.ndarray, numbers: np.ndarray,
    keeps: np.ndarray, rests: np.ndarray, soft: np.ndarray, scalars: np.ndarray, offsets: np.ndarray,
    targets: np.ndarray, weights: np.ndarray, delays: np.ndarray, delay: int, drive: np.ndarray,
    forced: np.ndarray, busy: np.ndarray, slot: int, steps: int, traced: np.ndarray,
    traces: np.ndarray, spike_steps: np.ndarray, spike_neurons: np.ndarray, first: int,
) -> tuple[int, int]:  # fmt: skip
    """Run a window of steps; arguments: ``simulator.kernels.spiking``.

    State: exciting current, inhibiting current, potential. Numbers: threshold, reset, resting potential.
    Scalars: dt over the time constants of potential, excitation, inhibition; then 0 and 1. A target n + i
    is the inhibiting current of neuron i. What arrives is added at the end of a step; one slot, over the
    memory of the currents: every delay is 1. Resets are hard. Every neuron is updated in every step.
    """
    exciting, inhibiting, v = state[0], state[1], state[2]
    threshold, reset, rest = numbers[0], numbers[1], numbers[2]
    n, slots, spikes, done, now = v.size, inbox.shape[0], 0, 0, scalars[3]
    while done < steps and spikes + n <= spike_steps.size:
        enter(drive, done, state, 0, arrived)
        before = spikes
        for low in range(0, n, BLOCK):
            high = min(low + BLOCK, n)
            above = _integrate(
                v[low:high], exciting[low:high], inhibiting[low:high], free[low:high], threshold[low:high],
                rest[low:high], now, scalars[0], scalars[1], scalars[2],
            )  # fmt: skip
            if above != 0 or forces(forced, done, low, high):
                for i in range(low, high):
                    given = forced.shape[0] > 0 and forced[done, i] != 0
                    if given or (above != 0 and v[i] > threshold[i] and now >= free[i]):
                        spike_steps[spikes], spike_neurons[spikes] = first + done, i
                        spikes += 1
                        v[i] = reset[i]
                        free[i] = done + 1 + rests[i]
        deliver(spike_neurons, before, spikes, slot, offsets, targets, weights, delays, delay, inbox, arrived)
        slot = slot + 1 if slot + 1 < slots else 0
        if slots > 1:
            for i in range(n):
                exciting[i] += inbox[slot, i]
                inhibiting[i] += inbox[slot, n + i]
            inbox[slot, :] = 0
        if busy.shape[0] > 0:
            busy[done, :] = 1
        record(state, traced, traces, done)
        done += 1
        now += scalars[4]
    return done, spikes
