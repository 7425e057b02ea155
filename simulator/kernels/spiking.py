"""What every spiking kernel shares: how it is called, delivery of spikes over synapses, counting, tracing.

Synapses are rows by source (CSR). ``inbox[slot, target]`` holds what arrives at a neuron: a ring of steps,
row ``(t + delay) mod slots`` for a spike of step t; a row is empty again once its step is over. Inside a
window times count from its first step.

All kernels ``run_*`` have the same arguments, and return how many steps they did and how many spikes there
were. They end early, between steps, where the raster might not hold the spikes of one step more.

===============  ================  =====================================================================
argument         shape, type       meaning (w: written)
===============  ================  =====================================================================
state            (k, n) R          w; state variables; R is int32, float32 or float64
free             (n,) R            w; step from which a neuron integrates
inbox            (slots, m) R      w; what arrives
arrived          (slots, n) u1     w; where something arrived, even if it sums to 0; (0, 0): not noted
numbers          (p, n) R          parameters, by row; of each kernel
keeps            (2, n) R or f8    what a step leaves of current and potential
rests            (n,) i8           steps of rest after a spike
soft             (n,) u1           whether the threshold is subtracted
scalars          (q,)              of each kernel
offsets          (n + 1,) i8       synapses of each neuron
targets          (s,) u4           neurons that they end at
weights          (s,) R            what a spike adds there
delays, delay    (s,) i4, int      steps on the way; no ``delays``: all are ``delay``
drive            (T or 1, w) R     currents into the first w neurons, per step or for all; no rows: none
forced           (T, n) u1         spikes from outside; (0, n): none
busy             (T, n) u1         w; see ``note_busy``; (0, n): not noted
slot, steps      int               row of ``inbox`` of the first step; how many steps
traced, traces   (m,) i8           w; neurons whose state is kept in (k, T, m) R
spike_steps      (c,) i4           w; the raster, with ``spike_neurons``; its steps count from ``first``
first            int               number of the window's first step
===============  ================  =====================================================================
"""

from __future__ import annotations

import numpy as np

from simulator.kernels.jit import part

#: Neurons of one turn of the update loop: spikes are looked for in blocks that have any.
BLOCK = 256


@part
def deliver(
    neurons: np.ndarray, first: int, last: int, slot: int, offsets: np.ndarray, targets: np.ndarray,
    weights: np.ndarray, delays: np.ndarray, delay: int, inbox: np.ndarray, arrived: np.ndarray,
) -> None:  # fmt: skip
    """Send the spikes ``neurons[first:last]`` over their synapses, one after the other.

    ``slot`` is the row of ``inbox`` that stands for the step of the spikes.
    """
    slots = inbox.shape[0]
    noted = arrived.shape[0] > 0
    for place in range(first, last):
        source = neurons[place]
        begin, end = offsets[source], offsets[source + 1]
        if delays.size == 0:
            row = slot + delay
            if row >= slots:
                row -= slots
            if noted:
                for e in range(begin, end):
                    inbox[row, targets[e]] += weights[e]
                    arrived[row, targets[e]] = 1
            else:
                for e in range(begin, end):
                    inbox[row, targets[e]] += weights[e]
        else:
            for e in range(begin, end):
                row = slot + delays[e]
                if row >= slots:
                    row -= slots
                inbox[row, targets[e]] += weights[e]
                if noted:
                    arrived[row, targets[e]] = 1


@part
def enter(drive: np.ndarray, step: int, inbox: np.ndarray, slot: int, arrived: np.ndarray) -> None:
    """Add the outside currents of a step to what arrives in it."""
    if drive.shape[0] == 0:
        return
    row = step if drive.shape[0] > 1 else 0
    for i in range(drive.shape[1]):
        inbox[slot, i] += drive[row, i]
    if arrived.shape[0] > 0:
        for i in range(drive.shape[1]):
            if drive[row, i] != 0:
                arrived[slot, i] = 1


@part
def forces(forced: np.ndarray, step: int, low: int, high: int) -> bool:
    """Whether a spike comes from outside for one of the neurons low to high - 1."""
    any_of_them = 0
    if forced.shape[0] > 0:
        for i in range(low, high):
            any_of_them |= forced[step, i]
    return any_of_them != 0


@part
def note_busy(
    v: np.ndarray, keep: np.ndarray, least: float, bias: np.ndarray, arrived: np.ndarray, busy: np.ndarray
) -> None:
    """Note which neurons have something to do: v is not 0, or something arrived, or there is a bias.

    Parameters
    ----------
    v, keep, least
        (n,) each; a potential is not 0 where ``|v|·keep >= least``, keep being what decay leaves of it.
    bias
        (n,).
    arrived
        uint8 (n,), emptied.
    busy
        uint8 (n,), written.
    """
    for i in range(v.size):
        busy[i] = (abs(v[i]) * keep[i] >= least) | (arrived[i] != 0) | (bias[i] != 0)
        arrived[i] = 0


@part
def record(state: np.ndarray, traced: np.ndarray, traces: np.ndarray, step: int) -> None:
    """Keep the state variables of the traced neurons."""
    for variable in range(state.shape[0]):
        for i in range(traced.size):
            traces[variable, step, i] = state[variable, traced[i]]
