"""Steps of a mapped spiking network: what each counts, and how long its slowest core takes.

Within a step a core updates its neurons one after the other and sends the messages of those that spike, while
it receives messages and goes over their synapses. Equations and limits: docs/models/spiking_chips.md. Time is
in femtoseconds; a run has several calls, of any steps each.
"""

from __future__ import annotations

import numpy as np

from simulator.kernels.jit import lean

#: Sides of a core, columns of what is counted per core.
SEND, RECEIVE = 0, 1
#: Rows of ``times`` of ``measure_steps``: the slowest core's time, that core, its slower side.
SLOWEST, CORE, SIDE = 0, 1, 2


@lean
def measure_steps(
    offsets: np.ndarray, neurons: np.ndarray, core_of: np.ndarray, first: np.ndarray, core: np.ndarray,
    serve_fs: np.ndarray, actions: np.ndarray, send_fs: np.ndarray, updated: np.ndarray,
    access_fs: np.ndarray, update_fs: int, now: np.ndarray, counts: np.ndarray, times: np.ndarray,
    busy: np.ndarray, slowest: np.ndarray,
) -> None:  # fmt: skip
    """Count the actions of each step, and find its slowest core.

    Parameters
    ----------
    offsets, neurons
        int64 (T + 1,), int32 (k,): the raster; spikes of step t are ``offsets[t]`` to ``offsets[t + 1] - 1``.
    core_of, first, core, serve_fs, actions
        Rows, see ``simulator.kernels.spikerows``.
    send_fs
        int64 (n,): time that a spike takes its own core: soma, and a message per destination.
    updated
        int32 (T, C): neurons with something to do, by core.
    access_fs, update_fs
        int64 (C,): time of all accesses of a step, by core; time of an update.
    now
        int64 (C, 2), written: time of each side in one step.
    counts
        int64 (T, ACTIONS), zeros, written.
    times
        int64 (3, T), written: see ``SLOWEST``.
    busy, slowest
        int64 (C, 2), added to: time of each side, over all steps; the same in the steps that it decides.
    """
    for t in range(offsets.size - 1):
        for c in range(access_fs.size):
            now[c, SEND] = access_fs[c] + update_fs * updated[t, c]
            now[c, RECEIVE] = 0
        for k in range(offsets[t], offsets[t + 1]):
            i = neurons[k]
            if core_of[i] >= 0:
                now[core_of[i], SEND] += send_fs[i]
            for e in range(first[i], first[i + 1]):
                now[core[e], RECEIVE] += serve_fs[e]
            for a in range(actions.shape[1]):
                counts[t, a] += actions[i, a]
        most, at, side = 0, 0, 0
        for c in range(access_fs.size):
            for s in range(2):
                busy[c, s] += now[c, s]
                if now[c, s] > most:
                    most, at, side = now[c, s], c, s
        times[SLOWEST, t], times[CORE, t], times[SIDE, t] = most, at, side
        if access_fs.size > 0:
            slowest[at, side] += most
