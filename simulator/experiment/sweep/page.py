"""The page of a sweep from its records: what ``report.sweep`` draws, put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.base.errors import InputError
from simulator.experiment.sweep.collect import SweepResult
from simulator.hw.chip import load_chip
from simulator.report.sweep import SweepPage

#: Figures that the page offers besides the objectives, where any point knows them.
OFFERED = (
    "latency_s", "energy_j", "area_mm2", "edp_js", "tops", "utilization", "tops_per_w", "average_power_w",
    "peak_memory_bytes", "accuracy", "tokens_per_s", "energy_per_token_j",
)  # fmt: skip
_OF_EACH = ("latency_s", "energy_j")


def make_page(result: SweepResult, facts: list[str], description: str = "") -> SweepPage:
    """What the page of a sweep shows; ``facts`` are sentences about it."""
    return SweepPage(
        name=result.name,
        description=description,
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
    )


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
