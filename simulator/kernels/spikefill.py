"""Neurons to cores one after the other, within the limits of a core."""

from __future__ import annotations

import numpy as np

from simulator.kernels.jit import lean

#: What a core has only so much of, columns of ``caps`` and of what is used.
NEURONS, AXONS_IN, AXONS_OUT, BITS = range(4)
LIMITS = 4


@lean
def fill(
    order: np.ndarray, offsets: np.ndarray, sources: np.ndarray, population: np.ndarray, shared: np.ndarray,
    bits: np.ndarray, axons_out: np.ndarray, load: np.ndarray, share: float, caps: np.ndarray,
    heard: np.ndarray, seen: np.ndarray, core_of: np.ndarray, used: np.ndarray,
) -> int:  # fmt: skip
    """Give each neuron the core of the one before, or the next core.

    A core is left when the neuron would exceed one of its limits, or the share of the load that a core gets.

    Parameters
    ----------
    order
        int32 (m,): neurons in the order in which they are placed.
    offsets, sources
        int64 (n + 1,), int32 (s,): synapses by target, and the neurons that they come from.
    population
        int32 (n,): population of each neuron.
    shared
        int64 (populations,): bits that a core keeps once for all neurons of a population.
    bits, axons_out, load
        int64 (n,), int64 (n,), float64 (n,): what each neuron takes.
    share
        Load of a core at most, unless a neuron alone has more.
    caps
        int64 (LIMITS,).
    heard, seen
        int32 (n,) each, all -1, written: core that hears a source; neuron that was looked at last for it.
    core_of
        int32 (n,), written.
    used
        int64 (LIMITS,), written: what the last neuron looked at takes alone.

    Returns
    -------
    cores
        How many there are; -1 - i where neuron i alone exceeds a limit.
    """
    core, neurons, axons, out, stored, last = 0, 0, 0, 0, 0, -1
    m, done = order.size, 0.0
    for place in range(m):
        i = order[place]
        for turn in range(2):
            new = 0
            for e in range(offsets[i], offsets[i + 1]):
                source = sources[e]
                if heard[source] != core and seen[source] != 2 * place + turn:
                    seen[source] = 2 * place + turn
                    new += 1
            more = bits[i] + (shared[population[i]] if population[i] != last else 0)
            full = (
                neurons + 1 > caps[NEURONS]
                or axons + new > caps[AXONS_IN]
                or out + axons_out[i] > caps[AXONS_OUT]
                or stored + more > caps[BITS]
            )
            if turn == 0 and neurons > 0 and (full or done + load[i] > share):
                core, neurons, axons, out, stored, done, last = core + 1, 0, 0, 0, 0, 0.0, -1
                continue
            if full:
                used[NEURONS], used[AXONS_IN], used[AXONS_OUT], used[BITS] = 1, new, axons_out[i], more
                return -1 - i
            break
        for e in range(offsets[i], offsets[i + 1]):
            heard[sources[e]] = core
        core_of[i] = core
        neurons, axons, out, stored = neurons + 1, axons + new, out + axons_out[i], stored + more
        done, last = done + load[i], population[i]
    return core + 1 if m > 0 else 0
