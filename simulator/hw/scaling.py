"""Energy, leakage and area of one design at another process node: how much, and between which bounds.

Every estimate is a curve over the node, and a factor is the ratio of its values at both. Silicon tables give
the central one; what other tables, other rows of them and other rules say are the bounds: where methods
disagree, that is the band. Equations, sources and limits: docs/models/normalising.md.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import log2, sqrt
from pathlib import Path
from typing import Any

from simulator.base import yamlio

LOGIC, SRAM, WIRE, MIXED = "logic", "sram", "wire", "mixed"
DRAM, IN_DRAM, BOARD = "dram", "logic in DRAM", "board"
#: What the energy of an action can be spent in, in words.
WORDS = {
    LOGIC: "logic",
    SRAM: "SRAM",
    WIRE: "wires",
    MIXED: "logic and SRAM in one figure",
    DRAM: "external memory and its interface",
    IN_DRAM: "units inside DRAM dies",
    BOARD: "buses off the chip",
}
#: What stays as it is at whatever node the chip's logic is made.
KEPT = (DRAM, IN_DRAM, BOARD)
#: Element types that are multiplied like others of the silicon tables; the rest is like int8.
_LIKE = {
    "fp32": "fp32", "fp64": "fp32", "fp16": "fp16", "bf16": "fp16", "fp8": "fp16", "fp4": "fp16",
    "int32": "int32", "int64": "int32",
}  # fmt: skip
#: What sums are kept in beside each product.
_SUMS = {"int8": "int32_add", "int32": "int32_add", "fp16": "fp16_add", "fp32": "fp32_add"}
#: Between these silicon tables hold; leakage is known up to the third.
_NEW, _OLD, _LEAKS = 7.0, 45.0, 45.0
Curve = Callable[[float], float]


@dataclass(frozen=True)
class Factor:
    """By how much something changes: the central estimate, and what methods that disagree say at most."""

    low: float = 1.0
    central: float = 1.0
    high: float = 1.0

    @property
    def each(self) -> tuple[float, float, float]:
        """Low, central, high."""
        return self.low, self.central, self.high


@cache
def facts() -> Mapping[str, Any]:
    """The table of facts, ``scaling.yaml``, with its sources."""
    return yamlio.load(Path(__file__).with_name("scaling.yaml")).data


def nodes() -> tuple[float, float]:
    """Smallest and largest node in nm."""
    low, high = facts()["nodes"]
    return float(low), float(high)


def energy(spent_in: str, was_nm: float, node_nm: float, *, like: str = "int8", kib: float = 32.0) -> Factor:
    """Factor of a dynamic energy from one node to another.

    Parameters
    ----------
    spent_in
        ``LOGIC``, ``SRAM``, ``WIRE`` or ``MIXED``; what is in ``KEPT`` has the factor 1.
    was_nm, node_nm
        From, to; both within ``nodes()``.
    like
        Element type of logic.
    kib
        Capacity in KiB of a bank of SRAM.
    """
    return Factor() if spent_in in KEPT else _ratio(_energies(spent_in, like, kib), was_nm, node_nm)


def leakage(spent_in: str, was_nm: float, node_nm: float) -> Factor | None:
    """Factor of a leakage; None where no figure covers both nodes.

    The central one is that of power per area times area; bounds are those of logic's energy.
    """
    if spent_in in KEPT or was_nm == node_nm:
        return Factor()
    if max(was_nm, node_nm) > _LEAKS:
        return None
    table = _table(facts()["leakage_mw_per_mm2"])
    size = _areas(spent_in)[0]

    def power(nm: float) -> float:
        """Of what has one area at any node, in units of its own."""
        return _power_law(table, nm) * size(nm)

    return _ratio([power, *_energies(LOGIC, "int8", 0.0)], was_nm, node_nm)


def area(spent_in: str, was_nm: float, node_nm: float) -> Factor:
    """Factor of an area; ``KEPT`` stays."""
    return Factor() if spent_in in KEPT else _ratio(_areas(spent_in), was_nm, node_nm)


def _ratio(curves: Sequence[Curve], was_nm: float, node_nm: float) -> Factor:
    """What the first of some curves says, between what all say."""
    if was_nm == node_nm:
        return Factor()
    ratios = [curve(node_nm) / curve(was_nm) for curve in curves]
    return Factor(min(ratios), ratios[0], max(ratios))


def _energies(spent_in: str, like: str, kib: float) -> list[Curve]:
    """Curves of an energy, the central one first."""
    arithmetic, gates = facts()["arithmetic_pj"], [_gate, _gate_same_v]
    kind = _LIKE.get(like, "int8")
    mac = {nm: arithmetic[f"{kind}_mult"][nm] + arithmetic[_SUMS[kind]][nm] for nm in (45, 7)}
    rows = [arithmetic[name] for name in arithmetic if name != "source"]
    if spent_in == WIRE:
        return [_anchored(mac), _law(mac), _shorter_wire, _same_wire]
    if spent_in == SRAM:
        one, two = _neighbours(kib)
        return [_anchored(_bank(kib)), *(_law(_bank(size)) for size in (one, kib, two)), *gates]
    banks = [_bank(size) for size in _sizes()]
    return [_anchored(mac), *map(_law, rows), *(map(_law, banks) if spent_in == MIXED else ()), *gates]


def _areas(spent_in: str) -> list[Curve]:
    """Curves of an area, the central one first; above 45 nm bit cells go with gates."""

    def cell(nm: float) -> float:
        """Area of a bit cell, um2."""
        table = _table(facts()["bitcell_um2"])
        return _power_law(table, min(nm, _OLD)) * max(_gate_area(nm), 1.0)

    return [cell, _gate_area] if spent_in == SRAM else [_gate_area, cell]


def _bank(kib: float) -> dict[int, float]:
    """Energies of an access to SRAM of so many KiB, between the rows of the table; those outside are ends."""
    table, (one, two) = facts()["sram_pj"], _neighbours(kib)
    share = log2(min(max(kib, one), two) / one) / log2(two / one)
    return {nm: table[one][nm] + share * (table[two][nm] - table[one][nm]) for nm in (45, 7)}


def _sizes() -> list[int]:
    """Capacities of the table in KiB, smallest first."""
    return sorted(size for size in facts()["sram_pj"] if size != "source")


def _neighbours(kib: float) -> tuple[int, int]:
    """The two capacities of the table between which one lies, or that are nearest."""
    sizes = _sizes()
    above = min(max(bisect_left(sizes, kib), 1), len(sizes) - 1)
    return sizes[above - 1], sizes[above]


def _law(ends: Mapping[int, float]) -> Curve:
    """Power law through figures of 45 and 7 nm, beyond them as well."""
    exponent = log2(ends[45] / ends[7]) / log2(_OLD / _NEW)
    return lambda nm: float((nm / _OLD) ** exponent)


def _anchored(ends: Mapping[int, float]) -> Curve:
    """The power law up to 45 nm; above, where no silicon table goes, as gates."""
    law = _law(ends)
    return lambda nm: law(nm) if nm <= _OLD else _gate(nm) / _gate(_OLD)


def _supply(nm: float) -> float:
    """Supply in V: linear in the logarithm of the node; that of 7 nm below."""
    table = _table(facts()["supply_v"])
    where = [(log2(node), volt) for node, volt in table]
    return _linear(where, log2(max(nm, table[0][0])))


def _same_wire(nm: float) -> float:
    """Energy of a wire of one length: its capacitance is about that of any node."""
    return _supply(nm) ** 2


def _shorter_wire(nm: float) -> float:
    """The same of a wire that shrinks with the edge of a die."""
    return _supply(nm) ** 2 * sqrt(_gate_area(nm))


def _gate(nm: float) -> float:
    """Energy of a gate at the supply of its node."""
    return _polynomial(nm, _supply)


def _gate_same_v(nm: float) -> float:
    return _polynomial(nm, lambda _: float(facts()["same_v"]))


def _polynomial(nm: float, supply: Curve) -> float:
    """Energy of a gate: at nodes of the table by its polynomial, in between linear, below as the root."""
    table = []
    for node, (a2, a1, a0) in sorted(facts()["gates"]["energy"].items()):
        volt = supply(node)
        table.append((float(node), a2 * volt**2 + a1 * volt + a0))
    smallest, value = table[0]
    return value * sqrt(nm / smallest) if nm < smallest else _linear(table, nm)


def _gate_area(nm: float) -> float:
    """Area of a gate, that of 45 nm being 1; below the table as the node."""
    table = _table(facts()["gates"]["area"])
    smallest, value = table[0]
    return value * nm / smallest if nm < smallest else _linear(table, nm)


def _table(rows: Mapping[Any, Any]) -> list[tuple[float, float]]:
    """(node, value) of a table, smallest node first."""
    return sorted((float(node), float(value)) for node, value in rows.items() if node != "source")


def _linear(table: Sequence[tuple[float, float]], x: float) -> float:
    """Value between two rows; that of the last row beyond it."""
    places = [place for place, _ in table]
    above = min(max(bisect_left(places, x), 1), len(table) - 1)
    (one, low), (two, high) = table[above - 1], table[above]
    return low + (high - low) * min((x - one) / (two - one), 1.0)


def _power_law(table: Sequence[tuple[float, float]], x: float) -> float:
    """The same on logarithms."""
    return float(2 ** _linear([(log2(place), log2(value)) for place, value in table], log2(x)))
