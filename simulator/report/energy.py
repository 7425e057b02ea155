"""Energy of a run, split by component and by node, with what is unknown kept apart from what is 0."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from simulator.report.groups import actions_once, ledger_labels
from simulator.results.result import Result


@dataclass(frozen=True)
class EnergySum:
    """A sum over actions that occurred.

    Attributes
    ----------
    pj
        Known part in pJ; None where actions occurred and the energy of none of them is known.
    complete
        Every action that occurred has a known energy.
    """

    pj: float | None
    complete: bool

    @classmethod
    def of(cls, energies_pj: Iterable[float | None]) -> EnergySum:
        """Sum of the energies of actions that occurred; None is unknown."""
        energies = list(energies_pj)
        known = [pj for pj in energies if pj is not None]
        return cls(sum(known) if known or not energies else None, len(known) == len(energies))


@dataclass(frozen=True)
class ComponentEnergy:
    """Energy of one component or its copies, in pJ for each action that occurred; None is unknown."""

    component: str
    actions: tuple[tuple[str, float | None], ...]

    @property
    def total(self) -> EnergySum:
        """Sum over the actions."""
        return EnergySum.of(pj for _, pj in self.actions)


def prices_pj(result: Result) -> list[float | None]:
    """Energy of one count of each column of the ledger, in pJ; None is unknown."""
    price = {(entry.component, entry.action): entry.pj for entry in result.energy}
    return [price.get(column) for column in result.ledger.columns]


def unknown_actions(result: Result) -> list[tuple[str, int]]:
    """``component.action`` and count of each action that occurred and has no known energy; copies are one."""
    prices = dict(zip(result.ledger.columns, prices_pj(result), strict=True))
    counts = {(c, a): count for c, a, count in result.ledger.totals() if prices[c, a] is None}
    return [(name, sum(counts[p] for p in pairs)) for name, pairs in actions_once(result, counts).items()]


def split_by_component(result: Result) -> list[ComponentEnergy]:
    """Components with actions that occurred, greatest energy first, unknown ones last; copies are one."""
    prices = dict(zip(result.ledger.columns, prices_pj(result), strict=True))
    label = ledger_labels(result)
    actions: dict[str, dict[str, float | None]] = {}
    for component, action, count in result.ledger.totals():
        mine, each = actions.setdefault(label[component], {}), prices[component, action]
        before = mine.get(action, 0.0)
        mine[action] = None if each is None or before is None else before + each * count
    split = [ComponentEnergy(component, tuple(each.items())) for component, each in actions.items()]
    return sorted(split, key=lambda each: (each.total.pj is None, -(each.total.pj or 0.0)))


def split_by_node(result: Result) -> list[EnergySum]:
    """Energy of each node, static share included; the order of ``result.rows``."""
    prices = prices_pj(result)
    sums = []
    for counts in result.ledger.counts.tolist():
        occurred = [(price, count) for price, count in zip(prices, counts, strict=True) if count]
        sums.append(EnergySum.of(None if price is None else price * count for price, count in occurred))
    return sums


def split_by_node_and_component(result: Result) -> dict[str, np.ndarray]:
    """Known energy in pJ of each component of the ledger, copies as one, float64, shape (nodes,)."""
    split: dict[str, np.ndarray] = {}
    label = ledger_labels(result)
    for column, ((name, _), pj) in enumerate(zip(result.ledger.columns, prices_pj(result), strict=True)):
        component = label[name]
        energy = result.ledger.counts[:, column] * (pj or 0.0)
        split[component] = split[component] + energy if component in split else energy
    return split


def split_by_origin(result: Result) -> list[tuple[str, float]]:
    """Origin of the energy figures and the known energy in pJ that rests on each, greatest first."""
    shares: dict[str, float] = {}
    for record in result.energy_table():
        if record["energy_uJ"] is not None:
            shares[record["origin"]] = shares.get(record["origin"], 0.0) + record["energy_uJ"] * 1e6
    return sorted(shares.items(), key=lambda share: -share[1])
