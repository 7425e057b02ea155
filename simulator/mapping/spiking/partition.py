"""Which neurons share a core: runs of neurons in their order, within the limits, of even load."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.base.errors import InputError, Problem
from simulator.hw.chip import Chip
from simulator.kernels.spikefill import AXONS_OUT, BITS, LIMITS, NEURONS, fill
from simulator.kernels.spikerows import count_entries
from simulator.mapping.spiking.demand import WORDS, Demand

#: Halvings of the interval in which the least load of a core is sought.
_HALVINGS = 20
#: Rounds in which the destinations of neurons and the cores that these need are made to agree.
_ROUNDS = 12
_UNBOUND = np.iinfo(np.int64).max // 4


@dataclass(frozen=True, eq=False)
class Room:
    """What is left of a chip: ``cores`` that are free, on tiles of ``per_tile``; ``tiles`` if asked for."""

    cores: int
    per_tile: int
    tiles: int | None


def entries(demand: Demand, core_of: np.ndarray, cores: int) -> np.ndarray:
    """int64 (n + 1,): where the row of each neuron begins, with an entry per core that it sends to."""
    synapses = demand.network.synapses
    first = np.zeros(demand.network.neurons + 1, np.int64)
    count_entries(synapses.offsets, synapses.targets, core_of, np.full(max(cores, 1), -1, np.int32), first)
    return first


def partition(demand: Demand, chip: Chip, pinned: np.ndarray, cores: int, room: Room) -> np.ndarray:
    """Cores of all neurons, int32 (n,): those pinned as they are, the others on ``cores``, ``cores + 1``, ...

    The fewest tiles that hold them, all of whose cores share the load; more where the rules say so.

    Parameters
    ----------
    demand, chip
        The network on its chip.
    pinned
        int32 (n,): core of what is pinned, below ``cores``; -1 for the others.
    cores
        Cores that are pinned to.
    room
        What is free.

    Raises
    ------
    InputError
        The free cores do not hold them.
    """
    order = np.flatnonzero(demand.network.computed & (pinned < 0)).astype(np.int32)
    core_of = pinned.copy()
    if not order.size:
        return core_of
    out = np.zeros(demand.network.neurons, np.int64)
    for _ in range(_ROUNDS):
        local = _spread(demand, chip, order, out, room)
        core_of[order] = local[order] + cores
        count = int(core_of.max()) + 1
        first = entries(demand, core_of, count)
        sent = np.diff(first)
        totals = np.zeros(count, np.int64)
        np.add.at(totals, core_of[order], sent[order])
        if (totals <= demand.caps[AXONS_OUT]).all():
            return core_of
        out = np.maximum(out, sent)
    text = f"{int(totals.max())} {WORDS[AXONS_OUT][0]} on one core, a core has {demand.caps[AXONS_OUT]}"
    raise InputError(demand.problem(chip, f"'{demand.network.name}' does not fit: {text}", AXONS_OUT))


def _spread(demand: Demand, chip: Chip, order: np.ndarray, out: np.ndarray, room: Room) -> np.ndarray:
    """Cores from 0 on, within the limits, for neurons that send to so many cores each."""
    least, core_of = _fill(demand, chip, order, out, np.inf, demand.caps)
    if least > room.cores:
        raise InputError(*_too_large(demand, chip, order, out, room))
    tiles = room.tiles or -(-least // room.per_tile)
    wanted = min(tiles * room.per_tile, room.cores, order.size)
    if least > wanted:
        need = f"expected at least {-(-least // room.per_tile)} tiles for '{demand.network.name}'"
        raise InputError(chip.problem(f"{need}, got {tiles}", "mapping.tiles"))
    return _evened(demand, chip, order, out, wanted, core_of)


def _evened(
    demand: Demand, chip: Chip, order: np.ndarray, out: np.ndarray, cores: int, core_of: np.ndarray
) -> np.ndarray:
    """The cores of least load, the highest counting; ``core_of`` is where limits alone decide."""
    load = demand.load[order]
    low, high = max(float(load.sum()) / cores, float(load.max())), float(load.sum())
    for turn in range(_HALVINGS):
        share = low if turn == 0 else (low + high) / 2
        count, found = _fill(demand, chip, order, out, share, demand.caps)
        if count <= cores:
            high, core_of = share, found
        else:
            low = share
        if high <= low * 1.001:
            break
    return core_of


def _fill(
    demand: Demand, chip: Chip, order: np.ndarray, out: np.ndarray, share: float, caps: np.ndarray
) -> tuple[int, np.ndarray]:
    """How many cores are filled, and int32 (n,) which neuron is on which."""
    n = demand.network.neurons
    offsets, sources, _ = demand.by_target
    core_of, used = np.full(n, -1, np.int32), np.zeros(LIMITS, np.int64)
    marks = np.full(n, -1, np.int32), np.full(n, -1, np.int32)
    count = fill(
        order, offsets, sources, demand.formats.population, demand.shared, demand.bits, out, demand.load,
        share, caps, *marks, core_of, used,
    )  # fmt: skip
    if count >= 0:
        return count, core_of
    neuron = -1 - count
    limit = int(np.argmax(used > caps))
    where = demand.network.populations[demand.formats.population[neuron]]
    text = (
        f"neuron {neuron - where.first} of '{where.name}' takes {used[limit]} {WORDS[limit][0]}; a core has "
        f"{caps[limit]}"
    )
    raise InputError(demand.problem(chip, text, limit))


def _too_large(demand: Demand, chip: Chip, order: np.ndarray, out: np.ndarray, room: Room) -> list[Problem]:
    """What is too much for the free cores, each limit by itself; if none is, what all together need."""
    problems = []
    totals = {NEURONS: order.size, AXONS_OUT: int(out[order].sum()), BITS: int(demand.bits[order].sum())}
    for limit in range(LIMITS):
        alone = np.full(LIMITS, _UNBOUND)
        alone[limit] = demand.caps[limit]
        count, _ = _fill(demand, chip, order, out, np.inf, alone)
        if count > room.cores:
            amount = f"its {totals[limit]} " if limit in totals else "its "
            problems.append(
                demand.problem(
                    chip,
                    f"'{demand.network.name}' does not fit: {amount}{WORDS[limit][0]} need {count} cores of "
                    f"{demand.caps[limit]}, the chip has {room.cores}",
                    limit,
                )
            )
    if not problems:
        count, _ = _fill(demand, chip, order, out, np.inf, demand.caps)
        text = f"'{demand.network.name}' does not fit: it needs {count} cores, the chip has {room.cores}"
        problems.append(demand.problem(chip, text, NEURONS))
    return problems
