"""Plan a spiking network on a spiking chip."""

from __future__ import annotations

from fnmatch import fnmatchcase

import numpy as np

from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.hw.chip import Chip
from simulator.hw.rules import NodeRule
from simulator.hw.spiking import SpikingParts, spiking_parts
from simulator.kernels.spikefill import AXONS_IN
from simulator.mapping.spiking.demand import ASSUMED_RATE, WORDS, Demand
from simulator.mapping.spiking.formats import formats_of
from simulator.mapping.spiking.partition import Room, entries, partition
from simulator.mapping.spiking.placement import place
from simulator.mapping.spiking.rows import make_rows
from simulator.mapping.spiking.schedule import SpikingSchedule
from simulator.workload.spiking.network import SpikingNetwork


def plan_spiking(
    network: SpikingNetwork, chip: Chip, file: str = "", rates: np.ndarray | None = None
) -> SpikingSchedule:
    """Put the neurons of a network on the cores of a chip.

    Cores that the rules name for a population come first, then those that the network names; what is left is
    split evenly over the fewest tiles that hold it, near to what it sends to.

    Parameters
    ----------
    network, chip
        What is run, on what.
    file
        Of the network, for messages.
    rates : (n,) float64, optional
        Spikes per step of each neuron, by which load is balanced; None: the same for all.

    Raises
    ------
    InputError
        The chip is not for spikes, the network does not fit, or a pin or rule names what is not there.
    """
    parts = spiking_parts(chip)
    problems = _wrong_rules(network, chip, parts) + _wrong_network(network, file)
    if problems:
        raise InputError(*problems)
    if rates is None:
        rates = np.full(network.neurons, ASSUMED_RATE)
    demand = Demand(network, formats_of(network, chip.rules), parts, rates)
    pinned, placed_by = _pins(network, chip, parts, file)
    fixed = tuple(int(core) for core in np.unique(pinned[pinned >= 0]))
    core_of = np.where(pinned >= 0, np.searchsorted(fixed or (0,), pinned), -1).astype(np.int32)
    tiles = None if chip.rules.tiles == "auto" else int(chip.rules.tiles)
    room = Room(parts.mesh.cores - len(fixed), parts.mesh.cores_per_tile, tiles)
    core_of = partition(demand, chip, core_of, len(fixed), room)
    groups = int(core_of.max(initial=-1)) + 1
    numbers = np.array(_placed(demand, core_of, groups, fixed), np.int64)
    order = np.argsort(numbers)
    rank = np.empty(groups, np.int32)
    rank[order] = np.arange(groups, dtype=np.int32)
    core_of = np.where(core_of >= 0, rank[core_of] if groups else -1, -1).astype(np.int32)
    cores = tuple(int(core) for core in numbers[order])
    rows = make_rows(network, demand.formats, parts, core_of, cores)
    used = demand.used(core_of, groups, rows.first)
    used[:, AXONS_IN] = np.bincount(rows.core, minlength=groups)
    over = _over(demand, chip, used, cores)
    if over:
        raise InputError(*over)
    return SpikingSchedule(network, chip, parts, core_of, cores, placed_by, demand.formats, rows, used)


def _placed(demand: Demand, core_of: np.ndarray, groups: int, fixed: tuple[int, ...]) -> list[int]:
    """Numbers of the chip's cores for groups of neurons, the first of which are fixed."""
    if groups == len(fixed):
        return list(fixed)
    network, mesh = demand.network, demand.parts.mesh
    synapses = network.synapses
    first = entries(demand, core_of, groups)
    source = np.repeat(np.arange(network.neurons), synapses.fan_out)
    target = core_of[synapses.targets]
    pairs = np.unique((source * (groups + 1) + target)[target >= 0])
    source, target = pairs // (groups + 1), pairs % (groups + 1)
    assert len(pairs) == first[-1]
    sender = np.where(core_of[source] >= 0, core_of[source], groups)
    messages = np.bincount(sender * groups + target, minlength=(groups + 1) * groups)
    messages = messages.reshape(groups + 1, groups)
    return place(messages[:groups], fixed, messages[groups] if network.inputs else None, mesh)


def _pins(
    network: SpikingNetwork, chip: Chip, parts: SpikingParts, file: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """int32 (n,): core that each neuron is pinned to, -1 for none; and what places each population."""
    pinned, placed_by, problems = np.full(network.neurons, -1, np.int32), [], []
    for each in network.populations:
        rule = chip.rules.for_population(each.name)
        if each.kind != "neuron":
            placed_by.append("")
        elif rule.cores is not None:
            split = np.array_split(np.arange(each.count), len(rule.cores))
            for core, mine in zip(rule.cores, split, strict=True):
                pinned[each.first + mine] = core
            placed_by.append("rule")
        elif network.core_id is not None and chip.rules.pins == "network":
            wanted = network.core_id[each.neurons]
            beyond = np.flatnonzero(wanted >= parts.mesh.cores)
            if beyond.size:
                at = each.first + int(beyond[0])
                more = f" (and {beyond.size - 1} more)" if beyond.size > 1 else ""
                text = f"expected a core of {chip.name}, 0 to {parts.mesh.cores - 1}, got {wanted[beyond[0]]}"
                problems.append(Problem(text + more, file or network.name, path=f"core_id[{at}]"))
            pinned[each.neurons] = np.minimum(wanted, parts.mesh.cores - 1)
            placed_by.append("network")
        else:
            placed_by.append("mapper")
    if problems:
        raise InputError(*problems)
    return pinned, tuple(placed_by)


def _wrong_rules(network: SpikingNetwork, chip: Chip, parts: SpikingParts) -> list[Problem]:
    """Rules that mean nothing here."""
    stated = chip.rules.model_fields_set & {*NodeRule.model_fields, "nodes"}
    text = "is for layers of other networks; populations have `mapping.populations`"
    problems = [chip.problem(text, f"mapping.{name}") for name in sorted(stated)]
    names = [each.name for each in network.populations if each.kind == "neuron"]
    if chip.rules.tiles != "auto" and chip.rules.tiles > parts.mesh.tiles:
        text = f"expected at most {parts.mesh.tiles}, the tiles of {chip.name}, got {chip.rules.tiles}"
        problems.append(chip.problem(text, "mapping.tiles"))
    for pattern, rule in chip.rules.populations.items():
        place_ = f"mapping.populations.{pattern}"
        if not any(fnmatchcase(each.name, pattern) for each in network.populations):
            near = did_you_mean(pattern, names)
            there = f"there is {', '.join(names) or 'none'}{near}"
            stated_in = ".".join([place_, *sorted(rule.model_fields_set)[:1]])
            text = f"no population of '{network.name}' is called '{pattern}'; {there}"
            problems.append(chip.problem(text, stated_in))
        for i, core in enumerate(rule.cores or ()):
            if core >= parts.mesh.cores:
                text = f"expected a core from 0 to {parts.mesh.cores - 1}, got {core}"
                problems.append(chip.problem(text, f"{place_}.cores.{i}"))
            elif core in (rule.cores or ())[:i]:
                text = f"expected each core once, got {core} again"
                problems.append(chip.problem(text, f"{place_}.cores.{i}"))
    return problems


def _wrong_network(network: SpikingNetwork, file: str) -> list[Problem]:
    """What no spiking core can do."""
    fan_out = network.synapses.fan_out
    problems = [
        Problem(
            "sends its potential in every step, over synapses; cores of a spiking chip send spikes",
            file or network.name,
            path=each.name,
        )
        for each in network.populations
        if each.values and each.kind == "neuron" and fan_out[each.neurons].any()
    ]
    if not network.computed.any():
        text = "expected a neuron at least, got inputs and outputs alone"
        problems.append(Problem(text, file or network.name))
    return problems


def _over(demand: Demand, chip: Chip, used: np.ndarray, cores: tuple[int, ...]) -> list[Problem]:
    """Cores that hold more than they can, the fullest of each limit."""
    problems = []
    for limit, (words, _) in WORDS.items():
        over = np.flatnonzero(used[:, limit] > demand.caps[limit])
        if over.size:
            worst = over[int(np.argmax(used[over, limit]))]
            more = f", and {over.size - 1} more cores do" if over.size > 1 else ""
            text = (
                f"'{demand.network.name}' does not fit: core {cores[worst]} would take {used[worst, limit]} "
                f"{words}, a core has {demand.caps[limit]}{more}"
            )
            problems.append(demand.problem(chip, text, limit))
    return problems
