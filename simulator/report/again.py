"""Results that were simulated again at another precision, beside what they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulator.report.headline import Table, metric_text
from simulator.results.brought import Brought
from simulator.results.result import Result

_COLUMNS = ("precision", "latency", "energy", "products on")


def table(brought: Sequence[Brought], names: Sequence[str]) -> Table:
    """What each was and is, as plain headers and rows; those that stay as they are say why."""
    both = [f"{what} {when}" for when in ("before", "now") for what in _COLUMNS]
    headers = ["result", *both, "why not"]
    rows = []
    for each, name in zip(brought, names, strict=True):
        was = _figures(each.before or each.result)
        now = _figures(each.result) if each.before else ["as it was", *["–"] * (len(_COLUMNS) - 1)]
        rows.append([name, *was, *now, "" if each.before else each.kept or "it is at that already"])
    return headers, rows


def not_comparable(brought: Sequence[Brought], names: Sequence[str], precision: str) -> list[str]:
    """What is at another precision than the one asked for, and why; a sentence each reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for each, name in zip(brought, names, strict=True):
        if each.kept:
            found.setdefault((each.result.precision, each.kept), []).append(name)
    return [
        f"{', '.join(who)}: not brought to {precision} but as simulated, {was}: {why}."
        for (was, why), who in found.items()
    ]


def notes(brought: Sequence[Brought], names: Sequence[str], precision: str) -> list[str]:
    """What was simulated again and what that means, a sentence or two each."""
    said = []
    for each, name in zip(brought, names, strict=True):
        if each.before is None:
            continue
        was, now = _figures(each.before), _figures(each.result)
        moved = f" Products ran on {was[3]}, now on {now[3]}." if was[3] != now[3] else ""
        said.append(
            f"{name} was simulated again at {precision}: it was {was[0]}, {was[1]}, {was[2]}; "
            f"now it is {now[1]}, {now[2]}.{moved}"
        )
    if said:
        said.append(
            "Results that were simulated again keep their chip and settings; only the precision changed. "
            "Accuracy is that of the arithmetic in which the samples are executed; a float network that is "
            "costed as if converted is executed in its real numbers."
        )
    return said


def record(each: Brought) -> dict[str, Any]:
    """Columns of compare.csv about a result that was to be brought to a precision."""
    before = each.before
    return {
        "simulated_again": before is not None,
        "precision_before": None if before is None else before.precision,
        "latency_before_s": None if before is None else before.metrics.latency_s,
        "energy_before_j": None if before is None else before.metrics.energy_j,
        "precision_kept": each.kept or None,
    }


def _figures(result: Result) -> list[str]:
    """Precision, latency, energy, and the cores that multiply."""
    cores = dict.fromkeys(row.core for row in result.rows if row.macs)
    figures = [metric_text(result, name) for name in ("latency_s", "energy_j")]
    return [result.precision, *figures, ", ".join(cores) or "–"]
