"""A finished result at another process node: the same counts, every energy scaled by what it is spent in.

What a component spends its energy in is stated by its class (``Component.SPENT_IN``); the factors are those
of ``hw.scaling``. Time, clock and throughput stay: they are the design's. Equations and limits:
docs/models/normalising.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from simulator.base import units
from simulator.hw import scaling
from simulator.hw.component import CORES, LINKS, MEMORIES, Component
from simulator.hw.scaling import Factor
from simulator.results.ledger import STATIC
from simulator.results.result import Metrics, Result

LEAKAGE = "leakage"
#: Actions whose arithmetic is not told by ``mac_<element type>``.
_LIKE = {"requant": "int32"}
_FAMILIES = {"cores": CORES, "memories": MEMORIES, "links": LINKS}
#: Metrics that go with the energy of a run, and those that go against it.
_WITH, _AGAINST = ("energy_j", "average_power_w", "edp_js", "energy_per_sop_j"), ("tops_per_w",)
Column = tuple[str, str]


@dataclass(frozen=True)
class Share:
    """Known energy of a run that is spent in one kind of thing, as simulated, and its factor.

    ``kept`` says why it stays as it is; empty where it is scaled.
    """

    spent_in: str
    was_j: float
    factor: Factor
    kept: str = ""


@dataclass(frozen=True)
class Normalised:
    """A result at a node.

    Attributes
    ----------
    result
        As it was simulated.
    node_nm, was_nm
        The node asked for, and that of the chip; None: not stated.
    reason
        Why it could not be brought there; empty where it could.
    shares
        Of its energy, greatest first; empty where it could not.
    low, central, high
        The result with its energies and area at that node: the central estimate between the bounds of methods
        that disagree. None where it could not, as is what the result holds no counts of: energies of streams
        and of tokens.
    """

    result: Result
    node_nm: float
    was_nm: float | None
    reason: str = ""
    shares: tuple[Share, ...] = ()
    low: Result | None = None
    central: Result | None = None
    high: Result | None = None

    @property
    def each(self) -> tuple[Result, Result, Result] | None:
        """Low, central, high; None where it could not be brought there."""
        if self.low is None or self.central is None or self.high is None:
            return None
        return self.low, self.central, self.high

    def factor(self) -> Factor:
        """Of the known energy of the run."""
        was = sum(share.was_j for share in self.shares)
        sums = [sum(s.was_j * s.factor.each[i] for s in self.shares) for i in range(3)]
        return Factor(*(each / was for each in sums)) if was else Factor()


def normalise(result: Result, node_nm: float) -> Normalised:
    """Bring the energies, the leakage and the area of a result to a node.

    Parameters
    ----------
    result
        Its ledger, its table of energies and its resolved chip are read.
    node_nm
        Within ``scaling.nodes()``.
    """
    chip = result.resolved.get("chip", {})
    was_nm = node_of(chip)
    reason = _reason(result, was_nm)
    if reason or was_nm is None:
        return Normalised(result, node_nm, was_nm, reason)
    prices = {(entry.component, entry.action): entry.pj for entry in result.energy}
    found: dict[Column, tuple[str, Factor, str]] = {}
    joules: dict[Column, float] = {}
    for component, action, count in result.ledger.totals():
        pj = prices.get((component, action))
        if pj is not None:
            found[component, action] = _factor(chip, component, action, was_nm, node_nm)
            joules[component, action] = pj * count * 1e-12
    shares: dict[tuple[str, str], list[Column]] = {}
    for column, (spent_in, _, kept) in found.items():
        shares.setdefault((spent_in, kept), []).append(column)
    made = [
        _share(name, kept, {c: joules[c] for c in columns}, {c: found[c][1] for c in columns})
        for (name, kept), columns in shares.items()
        if any(joules[c] for c in columns)
    ]
    made.sort(key=lambda share: -share.was_j)
    if was_nm == node_nm:
        return Normalised(result, node_nm, was_nm, "", tuple(made), result, result, result)
    size = _area(result, chip, was_nm, node_nm)
    low, central, high = (
        _scaled(result, joules, {c: factor.each[i] for c, (_, factor, _) in found.items()}, size.each[i])
        for i in range(3)
    )
    return Normalised(result, node_nm, was_nm, "", tuple(made), low, central, high)


def node_of(chip: Mapping[str, Any]) -> float | None:
    """Process node in nm that a resolved chip states; None where it does not."""
    stated = chip.get("technology", {})
    try:
        return float(units.parse(_plain(stated.get("node")), "nm"))
    except (ValueError, AttributeError):
        return None


def _reason(result: Result, was_nm: float | None) -> str:
    """Why a result cannot be brought to another node; empty where it can."""
    smallest, largest = scaling.nodes()
    if was_nm is None:
        return "its chip states no process node"
    if not smallest <= was_nm <= largest:
        return f"its process, {was_nm:g} nm, is outside {smallest:g} to {largest:g} nm"
    if not result.metrics.energy_j:
        return "no energy of it is known"
    return ""


def _plain(value: Any) -> Any:
    """A quantity without its origin."""
    return value.get("value") if isinstance(value, dict) else value


def _fields(chip: Mapping[str, Any], name: str) -> tuple[type[Component] | None, dict[str, Any]]:
    """Class and fields of a component; None for a kind that is not known here."""
    for family, registry in _FAMILIES.items():
        fields = _members(chip, family).get(name)
        if isinstance(fields, dict):
            kind = str(fields.get("kind"))
            return (registry[kind], fields) if kind in registry else (None, fields)
    return None, {}


def _members(chip: Mapping[str, Any], family: str) -> dict[str, Any]:
    """Components of a family by name."""
    members = chip.get(family)
    return members if isinstance(members, dict) else {}


def _factor(
    chip: Mapping[str, Any], component: str, action: str, was_nm: float, node_nm: float
) -> tuple[str, Factor, str]:
    """What an action is spent in, its factor, and why it stays where it does."""
    kind, fields = _fields(chip, component)
    spent_in = kind.spent_in(action) if kind is not None else ""
    if not spent_in:
        return "actions of a kind that does not say", Factor(), f"what {component} spends it in is not stated"
    if spent_in in scaling.KEPT:
        return scaling.WORDS[spent_in], Factor(), "another process"
    if action in STATIC:
        leaks = scaling.leakage(spent_in, was_nm, node_nm)
        return LEAKAGE, leaks or Factor(), "" if leaks else "no figure per area for nodes above 45 nm"
    like = _LIKE.get(action, action.removeprefix("mac_"))
    factor = scaling.energy(spent_in, was_nm, node_nm, like=like, kib=_bank_kib(fields))
    return scaling.WORDS[spent_in], factor, ""


def _bank_kib(fields: Mapping[str, Any]) -> float:
    """Capacity of a bank of a memory in KiB."""
    try:
        size = units.parse(_plain(fields.get("capacity")), "bytes")
        return float(size) / 1024 / float(_plain(fields.get("banks", 1)))
    except (ValueError, TypeError, ZeroDivisionError):
        return 32.0


def _share(name: str, kept: str, joules: Mapping[Column, float], factors: Mapping[Column, Factor]) -> Share:
    was_j = sum(joules.values())
    each = [sum(joules[c] * factor.each[i] for c, factor in factors.items()) / was_j for i in range(3)]
    return Share(name, was_j, Factor(*each), kept)


def _area(result: Result, chip: Mapping[str, Any], was_nm: float, node_nm: float) -> Factor:
    """Factor of the area of what is on the chip; that of kinds that do not say what they are stays."""
    outside = {memory.name for memory in result.memories if memory.external}
    sums = [0.0, 0.0, 0.0, 0.0]
    for family in _FAMILIES:
        for name in _members(chip, family):
            kind, fields = _fields(chip, name)
            spent_in = kind.spent_in("area") if kind is not None else ""
            if name in outside or spent_in in scaling.KEPT:
                continue
            try:
                mm2 = float(units.parse(_plain(fields.get("area")), "mm2"))
            except ValueError:
                continue
            factor = scaling.area(spent_in, was_nm, node_nm) if spent_in else Factor()
            sums = [was + mm2 * times for was, times in zip(sums, (1.0, *factor.each), strict=True)]
    return Factor(*(each / sums[0] for each in sums[1:])) if sums[0] else Factor()


def _scaled(
    result: Result, joules: Mapping[Column, float], factors: Mapping[Column, float], size: float
) -> Result:
    """The result with its energies times factors, and all metrics that follow."""
    external = {memory.name for memory in result.memories if memory.external}

    def times(some: Mapping[Column, float]) -> float:
        """By how much the sum of some energies changes."""
        was = sum(some.values())
        return sum(each * factors[column] for column, each in some.items()) / was if was else 1.0

    whole = times(joules)
    metrics: Metrics = result.metrics
    changed: dict[str, Any] = {"energy_per_token_j": None}
    rules = [(name, whole) for name in _WITH] + [(name, 1 / whole) for name in _AGAINST]
    rules.append(("static_energy_j", times({c: j for c, j in joules.items() if c[1] in STATIC})))
    chip = times({c: j for c, j in joules.items() if c[0] not in external})
    rules += [("tops_per_w_chip", 1 / chip), ("area_mm2", size)]
    for name, factor in rules:
        value = getattr(metrics, name)
        changed[name] = None if value is None else value * factor
    table = tuple(
        entry if entry.pj is None else
        replace(entry, pj=entry.pj * factors.get((entry.component, entry.action), 1.0))
        for entry in result.energy
    )  # fmt: skip
    stream = None if result.stream is None else replace(result.stream, energy_j=None)
    beside = None if result.beside is None else replace(result.beside, energy_j=None)
    return replace(
        result, metrics=replace(metrics, **changed), energy=table, stream=stream, beside=beside
    )
