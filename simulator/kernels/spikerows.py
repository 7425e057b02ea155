"""Static rows of a mapped spiking network: where each neuron's spike goes, and what it meets there.

A row has an entry for each core that holds a target, by core. Counters of a run are its raster times rows.
"""

from __future__ import annotations

import numpy as np

from simulator.kernels.jit import lean

#: What one spike of a neuron counts, by column of ``actions``: messages (one per destination core), hops
#: along rows and along columns of the mesh, synaptic events by the format of the synapse.
MESSAGES, HOPS_EW, HOPS_NS, DENSE, SPARSE, CONV = range(6)
ACTIONS = 6


@lean
def count_entries(
    offsets: np.ndarray, targets: np.ndarray, core_of: np.ndarray, seen: np.ndarray, first: np.ndarray
) -> None:
    """Entries of each neuron's row.

    Parameters
    ----------
    offsets, targets
        Synapses by source: int64 (n + 1,), int32 (s,).
    core_of
        int32 (n,): core of each neuron, -1 for what is on none.
    seen
        int32 (cores,), all -1; written.
    first
        int64 (n + 1,), written: row i is entries ``first[i]`` to ``first[i + 1] - 1``.
    """
    count = 0
    first[0] = 0
    for i in range(first.size - 1):
        for e in range(offsets[i], offsets[i + 1]):
            core = core_of[targets[e]]
            if core >= 0 and seen[core] != i:
                seen[core] = i
                count += 1
        first[i + 1] = count


@lean
def fill_entries(
    offsets: np.ndarray, targets: np.ndarray, formats: np.ndarray, core_of: np.ndarray, first: np.ndarray,
    tile_of: np.ndarray, sender: np.ndarray, event_fs: np.ndarray, message_fs: int, seen: np.ndarray,
    core: np.ndarray, synapses: np.ndarray, serve_fs: np.ndarray, actions: np.ndarray,
) -> None:  # fmt: skip
    """Entries of all rows, each row by core.

    Parameters
    ----------
    offsets, targets, core_of, first
        As ``count_entries`` has them.
    formats
        uint8 (s,): format of each synapse, 0 dense, 1 sparse, 2 convolutional; (1,): that of all.
    tile_of
        int32 (cores, 2): column and row of each core's tile.
    sender
        int32 (n, 2): column and row of the tile that each neuron's spikes start from.
    event_fs, message_fs
        int64 (3,): time of a synaptic event by format; time of a message on arrival.
    seen
        int64 (cores,), all -1; written.
    core, synapses, serve_fs
        int32, int32, int64 (entries,), written: destination, synapses there, time that a message takes it.
    actions
        int64 (n, ACTIONS), written: see ``ACTIONS``.
    """
    single = formats.size == 1
    for i in range(first.size - 1):
        begin, end = first[i], first[i]
        for e in range(offsets[i], offsets[i + 1]):
            to = core_of[targets[e]]
            if to < 0:
                continue
            if seen[to] < begin:
                seen[to] = end
                core[end], synapses[end], serve_fs[end] = to, 0, message_fs
                end += 1
            kind = formats[0] if single else formats[e]
            synapses[seen[to]] += 1
            serve_fs[seen[to]] += event_fs[kind]
            actions[i, DENSE + kind] += 1
        for e in range(begin, end):
            actions[i, HOPS_EW] += abs(tile_of[core[e], 0] - sender[i, 0])
            actions[i, HOPS_NS] += abs(tile_of[core[e], 1] - sender[i, 1])
        actions[i, MESSAGES] = end - begin
        _sort(core, synapses, serve_fs, begin, end)


@lean
def _sort(core: np.ndarray, synapses: np.ndarray, serve_fs: np.ndarray, begin: int, end: int) -> None:
    """Sort a row by core: few are out of order, since targets of a neuron are mostly in order."""
    for i in range(begin + 1, end):
        to, count, time, j = core[i], synapses[i], serve_fs[i], i
        while j > begin and core[j - 1] > to:
            core[j], synapses[j], serve_fs[j] = core[j - 1], synapses[j - 1], serve_fs[j - 1]
            j -= 1
        core[j], synapses[j], serve_fs[j] = to, count, time


@lean
def tally(
    busy: np.ndarray, groups: np.ndarray, runs: np.ndarray, offsets: np.ndarray, neurons: np.ndarray,
    by_group: np.ndarray, ahead: np.ndarray, total: np.ndarray,
) -> None:  # fmt: skip
    """Neurons with something to do: by group, in front of each spike, and step by step of each neuron.

    Parameters
    ----------
    busy
        uint8 (T, n): 1 where a neuron has something to do.
    groups
        int32 (n,): -1 for none.
    runs
        int64 (any,): where neurons of one group in a row end, n last.
    offsets, neurons
        int64 (T + 1,), int32 (k,): the raster of these steps, in a step by neuron.
    by_group
        int32 (T, G), zeros, written.
    ahead
        int32 (k,), written: neurons of the spiking one's group up to itself that have something to do.
    total
        int64 (n,), added to: steps in which each neuron had something to do.
    """
    for t in range(busy.shape[0]):
        begin, run = 0, 0
        for spike in range(offsets[t], offsets[t + 1] + 1):
            last = spike == offsets[t + 1]
            end = groups.size if last else neurons[spike] + 1
            while begin < end:
                while runs[run] <= begin:
                    run += 1
                stop, found = min(end, runs[run]), 0
                for i in range(begin, stop):
                    found += busy[t, i]
                if groups[begin] >= 0:
                    by_group[t, groups[begin]] += found
                begin = stop
            if not last:
                group = groups[neurons[spike]]
                ahead[spike] = by_group[t, group] if group >= 0 else 0
        for i in range(groups.size):
            total[i] += busy[t, i] if groups[i] >= 0 else 0
