"""Which core of the chip takes which neurons: near those that they send to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.hw.links.spike_mesh import SpikeMesh

#: Swaps at most: many more than any chip needs.
_SWAPS = 2000


def distances(mesh: SpikeMesh) -> np.ndarray:
    """Hops between the tiles of two cores, int64 (cores, cores)."""
    places = np.array([mesh.place(core) for core in range(mesh.cores)], np.int64)
    return np.abs(places[:, None] - places[None]).sum(axis=2)


def place(
    messages: np.ndarray, fixed: Sequence[int], outside: np.ndarray | None, mesh: SpikeMesh
) -> list[int]:
    """Number of the chip's core for each group of neurons.

    Groups are put on the tiles that lie closest together, then pairs change places as long as that saves
    hops, the most first.

    Parameters
    ----------
    messages
        int64 (groups, groups): messages from one to another if every neuron spikes once.
    fixed
        Cores of the first groups, which stay.
    outside
        int64 (groups,): messages from outside to each; None: there are none.
    mesh
        Where the cores are.
    """
    count, hops = len(messages), distances(mesh)
    slots = _slots(count - len(fixed), set(fixed), outside is not None, mesh, hops)
    where = np.array([*fixed, *slots], np.int64)
    weight = np.zeros((len(where), len(where)), np.int64)
    weight[:count, :count] = messages + messages.T
    np.fill_diagonal(weight, 0)
    entry = np.zeros(len(where), np.int64)
    if outside is not None:
        entry[:count] = outside
    to_entry = hops[_entry_core(mesh)]
    movable = np.arange(len(where)) >= len(fixed)
    for _ in range(_SWAPS):
        between = hops[np.ix_(where, where)]
        cost = weight @ between + entry[:, None] * to_entry[where][None]  # group i where group j is
        here = np.diag(cost)
        gain = here[:, None] + here[None] - cost - cost.T - 2 * weight * between
        gain[~movable] = gain[:, ~movable] = 0
        i, j = divmod(int(np.argmax(gain)), len(where))
        if gain[i, j] <= 0:
            break
        where[i], where[j] = where[j], where[i]
    return [int(core) for core in where[:count]]


def _entry_core(mesh: SpikeMesh) -> int:
    """A core on the tile at which outside spikes enter."""
    return next(core for core in range(mesh.cores) if mesh.place(core) == tuple(mesh.entry))


def _slots(count: int, taken: set[int], outside: bool, mesh: SpikeMesh, hops: np.ndarray) -> list[int]:
    """Free cores of as few tiles as hold ``count`` groups, tile by tile, each next to those before."""
    free: dict[int, list[int]] = {}
    for core in range(mesh.cores):
        if core not in taken:
            free.setdefault(core // mesh.cores_per_tile, []).append(core)
    chosen: list[int] = []
    distance = np.zeros(mesh.cores, np.int64)
    for core in taken:
        distance += hops[core]
    if outside:
        distance += hops[_entry_core(mesh)]
    while len(chosen) < count:
        tile = min(free, key=lambda tile: (distance[free[tile][0]], -len(free[tile]), tile))
        cores = free.pop(tile)
        chosen += cores
        distance += hops[cores[0]]
    return chosen
