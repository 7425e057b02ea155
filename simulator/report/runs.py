"""Several runs in a table: what each takes, in figures that all kinds of chips have."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.report.compare import varied
from simulator.report.headline import Table, metric_text
from simulator.report.rounding import number, percent, si
from simulator.results.result import Result

#: What stands where a run has no such figure.
NONE = "–"


def runs_table(results: Sequence[Result]) -> Table:
    """A row per run, in their order; columns that no run has a figure for are left out.

    Columns are chip, network, the settings in which runs of both differ, share of right answers, how often
    neurons spike in a step, latency, runs per second (1 / latency, or of a stream), energy, that without
    static power, and mean power.
    """
    headers = [
        "chip", "network", "settings", "accuracy", "spikes per step", "latency", "runs/s", "energy",
        "without static", "power",
    ]  # fmt: skip
    rows = [_row(result, settings) for result, settings in zip(results, varied(results), strict=True)]
    kept = [j for j in range(len(headers)) if any(row[j] not in ("", NONE) for row in rows)]
    return [headers[j] for j in kept], [[row[j] for j in kept] for row in rows]


def _row(result: Result, settings: str) -> list[str]:
    metrics = result.metrics
    rate = activity(result)
    return [
        result.chip,
        result.network,
        settings,
        NONE if metrics.accuracy is None else percent(metrics.accuracy),
        NONE if rate is None else percent(rate),
        metric_text(result, "latency_s"),
        number(metrics.throughput_per_s),
        metric_text(result, "energy_j"),
        _dynamic_text(result),
        metric_text(result, "average_power_w"),
    ]


def activity(result: Result) -> float | None:
    """Share of a chip's neurons that spike in a step, on average; None where no spiking network ran."""
    spiking = result.spiking
    if spiking is None:
        return None
    neurons = sum(each.neurons for each in spiking.populations if each.cores)
    return sum(spiking.per_step["fired"]) / (neurons * spiking.steps) if neurons else 0.0


def dynamic_j(result: Result) -> float | None:
    """Energy without static power, J; None where a part of either is not known."""
    whole, static = result.metrics.energy_j, result.metrics.static_energy_j
    if not result.metrics.energy_complete or whole is None or static is None:
        return None
    return whole - static


def _dynamic_text(result: Result) -> str:
    joules = dynamic_j(result)
    return NONE if joules is None else si(joules, "J")
