"""What a step of each kind of network means, in plain numpy: the specification of the kernels.

Real numbers are added and multiplied in the same order as there, so that results are equal to the last bit.
"""

from __future__ import annotations

import numpy as np

from simulator.workload.spiking.pack import EVENTS, SPIKES, Packed
from simulator.workload.spiking.window import Window


def run_window(packed: Packed, window: Window) -> tuple[int, int]:
    """Steps done and spikes of a window; arrays are written as kernels write them."""
    step = {"integer": _integer, "sanafe": _sanafe, "cuba": _cuba, "linear": _linear}[packed.kind]
    n, spikes, done, slot = len(window.rests), 0, 0, window.slot
    while done < window.steps and spikes + n <= len(window.spike_steps):
        _enter(window, packed.kind, done, slot)
        fired: list[int] = []
        for begin, end, sends in packed.stages if packed.kind == "linear" else [(0, n, SPIKES)]:
            part = slice(begin, end)
            _count(window, packed.kind, part, done, slot)
            above = step(window, part, done, slot)
            if len(window.forced):
                above |= window.forced[done, part] != 0
            if sends == EVENTS:
                above = window.state[-1, part] != 0
            else:
                _reset(window, packed.kind, np.flatnonzero(above) + begin, done)
            here = (np.flatnonzero(above) + begin).tolist()
            fired += here
            for i in here if sends == SPIKES else range(begin, end):
                _deliver(window, i, None if sends == SPIKES else window.state[-1, i], slot)
        window.spike_steps[spikes : spikes + len(fired)] = window.first + done
        window.spike_neurons[spikes : spikes + len(fired)] = fired
        spikes += len(fired)
        slot = (slot + 1) % len(window.inbox)
        if packed.kind == "cuba" and len(window.inbox) > 1:
            window.state[:2] += window.inbox[slot].reshape(2, n)
            window.inbox[slot] = 0
        window.traces[:, done] = window.state[:, window.traced]
        done += 1
    return done, spikes


def _enter(window: Window, kind: str, done: int, slot: int) -> None:
    """Currents from outside join what arrives in this step."""
    if not len(window.drive):
        return
    drive = window.drive[done if len(window.drive) > 1 else 0]
    box = window.state[0] if kind == "cuba" else window.inbox[slot]
    box[: len(drive)] += drive
    if len(window.arrived):
        window.arrived[slot, : len(drive)] |= drive != 0


def _count(window: Window, kind: str, part: slice, done: int, slot: int) -> None:
    """Neurons that have something to do."""
    if not len(window.busy):
        return
    if kind == "cuba":
        window.busy[done, part] = 1
    else:
        bias = window.numbers[7 if kind == "linear" else 0, part]
        least = 1 / window.scalars[2] if kind == "sanafe" else {"integer": 1.0, "linear": 5e-324}[kind]
        left = np.abs(window.state[-1, part]) * window.keeps[1, part]
        arrived = window.arrived[slot, part] != 0
        window.busy[done, part] = (left.astype(np.float64) >= least) | arrived | (bias != 0)
        window.arrived[slot, part] = 0


def _reset(window: Window, kind: str, fired: np.ndarray, done: int) -> None:
    rows = {"integer": (1, 2, 2), "sanafe": (1, 2, 2), "cuba": (1, 0, 0), "linear": (6, 4, 5)}[kind]
    v, reset, subtracted = window.state[-1], window.numbers[rows[0]], window.numbers[rows[2]]
    v[fired] = np.where(window.soft[fired] != 0, v[fired] - subtracted[fired], reset[fired])
    window.free[fired] = done + 1 + window.rests[fired]


def _deliver(window: Window, source: int, value: float | None, slot: int) -> None:
    """A spike, or a value times the weights, over the synapses of a neuron."""
    if value == 0:
        return
    out = slice(window.offsets[source], window.offsets[source + 1])
    delays = window.delays[out] if len(window.delays) else window.delay
    rows = np.broadcast_to((slot + delays) % len(window.inbox), window.targets[out].shape)
    sent = window.weights[out] if value is None else value * window.weights[out]
    np.add.at(window.inbox, (rows, window.targets[out]), sent)
    if len(window.arrived):
        window.arrived[rows, window.targets[out]] = 1


def _integer(window: Window, part: slice, now: int, slot: int) -> np.ndarray:
    """Integers: u = dec(u) + input; v = dec(v) + u + bias, reset while resting.

    dec(x) = sign(x)·((|x|·(4096 − d)) >> 12). u wraps; v wraps, or saturates.
    """
    spare, saturates = int(window.scalars[0]), bool(window.scalars[1])
    bias, reset, threshold = window.numbers[:, part].astype(np.int64)
    before = window.state[:, part].astype(np.int64)
    left = np.rint(window.keeps[:, part] * 4096).astype(np.int64)
    u, v = np.sign(before) * ((np.abs(before) * left) >> 12)
    u = ((u + window.inbox[slot, part]) << spare) >> spare
    v = v + u + bias
    if saturates:
        most = (1 << (63 - spare)) - 1
        v = np.clip(v, -most, most)
    v = (v << spare) >> spare
    active = now >= window.free[part]
    window.state[:, part] = u, np.where(active, v, reset)
    window.inbox[slot, part] = 0
    return active & (v > threshold)


def _sanafe(window: Window, part: slice, now: int, slot: int) -> np.ndarray:
    """Reals: i = keep·i, v = keep·v cut to its grain; where active, i += input and v = (v + bias) + i."""
    bias, _, threshold = window.numbers[:, part]
    grain = window.scalars[2]
    current, v = window.keeps[:, part] * window.state[:, part]
    v = np.trunc(v * grain) / grain
    active = now >= window.free[part]
    current = np.where(active, current + window.inbox[slot, part], current)
    v = np.where(active, (v + bias) + current, v)
    window.state[:, part] = current, v
    window.inbox[slot, part] = 0
    return active & (v > threshold)


def _cuba(window: Window, part: slice, now: int, slot: int) -> np.ndarray:
    """Reals: v += dt/τm·((ge + gi) − (v − rest)) where active; ge −= dt/τe·ge; gi −= dt/τi·gi."""
    threshold, _, rest = window.numbers[:, part]
    of_v, of_exciting, of_inhibiting = window.scalars[:3]
    exciting, inhibiting, v = window.state[:, part]
    active = now >= window.free[part]
    new = np.where(active, v + of_v * ((exciting + inhibiting) - (v - rest)), v)
    window.state[:, part] = (
        exciting - of_exciting * exciting,
        inhibiting - of_inhibiting * inhibiting,
        new,
    )
    return active & (new > threshold)


def _linear(window: Window, part: slice, now: int, slot: int) -> np.ndarray:
    """Reals: i = keep·i + gain·(input + bias); v = (keep·v + drift) + gain·i where active."""
    gain_current, gain, bias, drift, threshold = window.numbers[:5, part]
    current, v = window.state[:, part]
    current = window.keeps[0, part] * current + gain_current * (window.inbox[slot, part] + bias)
    active = now >= window.free[part]
    new = np.where(active, (window.keeps[1, part] * v + drift) + gain * current, v)
    window.state[:, part] = current, new
    window.inbox[slot, part] = 0
    return active & (new > threshold)
