"""The page of a sweep from its records: what ``report.sweep`` draws, put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.base.errors import InputError
from simulator.experiment.sweep.collect import SweepResult
from simulator.experiment.sweep.names import own_values
from simulator.hw.chip import load_chip
from simulator.report.sweep import SweepPage
from simulator.report.sweepfigures import figure_words

#: Figures that the page offers besides the objectives, where any point knows them.
OFFERED = (
    "latency_s", "energy_j", "area_mm2", "edp_js", "tops", "utilization", "tops_per_w", "average_power_w",
    "peak_memory_bytes", "accuracy", "tokens_per_s", "energy_per_token_j",
)  # fmt: skip
_OF_EACH = ("latency_s", "energy_j")
#: Objectives of which the page says how much of each axis is enough: those that every run has its own of.
OF_RUNS = ("latency_s", "energy_j", "edp_js")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def make_page(result: SweepResult, facts: list[str], description: str = "") -> SweepPage:
    """What the page of a sweep shows; ``facts`` are sentences about it."""
    total = sum(workload["weight"] for workload in result.definition["workloads"])
    return SweepPage(
        name=result.name,
        description=description or result.facts.get("description", ""),
        axes=result.axes,
        objectives=result.objectives,
        columns=_columns(result),
        records=result.records,
        front=result.front,
        settings=result.settings,
        chips=_chips(result),
        effects={figure: result.effects(figure) for figure in result.objectives},
        interactions={figure: result.interactions(figure)[:8] for figure in result.objectives},
        facts=facts,
        envelopes={figure: result.envelopes(figure) for figure in result.objectives},
        picks=_picks(result),
        baseline=result.baseline,
        thrifty={f: r for f in result.objectives if (r := result.thrifty(f)) is not None},
        bests=result.best_per_workload(),
        enough=_enough(result),
        steps=result.steps(),
        stated=_stated(result),
        mix={workload["name"]: workload["weight"] / total for workload in result.definition["workloads"]},
    )


def _picks(result: SweepResult) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Designs that stand out, each with a letter; the baseline last."""
    found: list[tuple[str, Mapping[str, Any] | None]] = []
    for figure, way in result.objectives.items():
        most = "least" if way == "minimize" else "most"
        found.append((f"{most} {figure_words(figure)}", result.best(figure)))
    found.append(("the knee of the front", result.knee()))
    if result.baseline is not None and len(result.objectives) > 1:
        for figure, way in result.objectives.items():
            most = "least" if way == "minimize" else "most"
            words = f"{most} {figure_words(figure)} with all else no worse than the baseline"
            found.append((words, result.thrifty(figure)))
    found.append(("the baseline", result.baseline))
    reasons: dict[str, list[str]] = {}
    records = {record["key"]: record for _, record in found if record is not None}
    for why, record in found:
        if record is not None:
            reasons.setdefault(record["key"], []).append(why)
    return [
        (letter, "; ".join(whys), records[key])
        for letter, (key, whys) in zip(LETTERS, reasons.items(), strict=False)
    ]


def _stated(result: SweepResult) -> dict[str, Any]:
    """The values that the baseline's chip has of the axes, from its file; what cannot be read is left out."""
    if result.baseline is None:
        return {}
    try:
        own = own_values(result.baseline["chip"])
    except InputError:
        return {}
    return {axis: own[axis] for axis in result.axes if axis in own}


def _enough(result: SweepResult) -> dict[str, dict[str, Any]]:
    """Of the mix and each workload, how much of each axis comes near the best."""
    names = [workload["name"] for workload in result.definition["workloads"]]
    wanted = [figure for figure in result.objectives if figure in OF_RUNS]
    columns = [
        column
        for figure in wanted
        for column in (figure, *(f"{name}.{figure}" for name in names if len(names) > 1))
    ]
    return {column: result.enough(column) for column in columns}


def _columns(result: SweepResult) -> list[str]:
    names = [workload["name"] for workload in result.definition["workloads"]]
    apart = [f"{name}.{figure}" for name in names for figure in _OF_EACH] if len(names) > 1 else []
    screened = [f"screened_{figure}" for figure in result.objectives]
    wanted = dict.fromkeys([*result.objectives, *OFFERED, *apart, *screened])
    return [column for column in wanted if any(record.get(column) is not None for record in result.records)]


def _chips(result: SweepResult) -> dict[str, Mapping[str, Any]]:
    """Resolved chips as their files are now; what cannot be read any more is left out."""
    found = {}
    for chip in dict.fromkeys(record["chip"] for record in result.records):
        try:
            found[chip] = load_chip(chip).resolved
        except InputError:
            continue
    return found
