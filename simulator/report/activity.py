"""Spiking networks over how often their neurons spike: time and energy of a run, and what of it is power."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from simulator.base.files import fresh_folder
from simulator.report import REPORTS
from simulator.report.compare import omissions, varied
from simulator.report.figure import legend
from simulator.report.headline import Table
from simulator.report.layout import folder_names
from simulator.report.lines import Line, line_chart
from simulator.report.page import fill
from simulator.report.palette import BLUE, GREEN, YELLOW
from simulator.report.rounding import number, percent, si
from simulator.report.runs import activity, dynamic_j
from simulator.results.result import Result


@REPORTS.register("activity")
def draw(results: Sequence[Result], folder: Path) -> list[Path]:
    """Write ``activity.html``, a page that stands alone; runs of other networks are left out."""
    folder = Path(folder)
    with fresh_folder(folder) as temporary:
        (temporary / "activity.html").write_text(render(results), encoding="utf-8", newline="\n")
    return [folder / "activity.html"]


def render(results: Sequence[Result]) -> str:
    """HTML text of the page: a section for each chip and network."""
    folders, settings = folder_names(results), varied(results)
    spiking = [i for i, result in enumerate(results) if result.spiking is not None]
    sections = []
    for chip, network in dict.fromkeys((results[i].chip, results[i].network) for i in spiking):
        mine = [i for i in spiking if (results[i].chip, results[i].network) == (chip, network)]
        mine.sort(key=lambda i: activity(results[i]) or 0.0)
        runs = [results[i] for i in mine]
        links = [f"{folders[i]}/report.html" if len(results) > 1 else "report.html" for i in mine]
        headers, rows = table(runs)
        names = [settings[i] or "as it is" for i in mine]
        sections.append(
            {"title": f"{network} on {chip}", "lead": _lead(runs), "headers": headers}
            | {"rows": list(zip(names, links, rows, strict=True))}
            | {"charts": _charts(runs), "assumed": _assumed(runs)}
        )
    return fill(
        "activity.html.j2", {"sections": sections, "omissions": omissions([results[i] for i in spiking])}
    )


def table(runs: Sequence[Result]) -> Table:
    """A row per run of a spiking network: what it did, took and cost."""
    headers = [
        "spikes per step", "synaptic operations", "latency", "runs/s", "time of a step", "energy",
        "without static power", "the same as power", "per synaptic operation",
    ]  # fmt: skip
    rows = []
    for run in runs:
        metrics, joules = run.metrics, dynamic_j(run)
        each = joules / metrics.sops if joules is not None and metrics.sops else None
        watts = joules / metrics.latency_s if joules is not None and metrics.latency_s else None
        rows.append(
            [
                percent(activity(run) or 0.0),
                number(metrics.sops or 0),
                si(metrics.latency_s, "s"),
                number(1 / metrics.latency_s) if metrics.latency_s else "–",
                si(metrics.latency_s / (metrics.steps or 1), "s"),
                "unknown" if not metrics.energy_complete else si(metrics.energy_j or 0.0, "J"),
                *("unknown" if value is None else si(value, unit)
                  for value, unit in ((joules, "J"), (watts, "W"), (each, "J"))),
            ]
        )  # fmt: skip
    return headers, rows


def _lead(runs: Sequence[Result]) -> str:
    spiking = runs[0].spiking
    assert spiking is not None
    steps = sorted({run.spiking.steps for run in runs if run.spiking is not None})
    neurons = sum(each.neurons for each in spiking.populations if each.cores)
    lengths = " or ".join(number(each) for each in steps)
    return (
        f"{number(neurons)} neurons ({spiking.model}); {lengths} time steps "
        "a run. Static power is drawn for as long as the run takes; without it, what is left is counts of "
        "actions times their energies."
    )


def _charts(runs: Sequence[Result]) -> list[tuple[str, str]]:
    """Energy and latency over activity, where it varies."""
    rates = [activity(run) or 0.0 for run in runs]
    points = [(float(f"{100 * rate:.3g}"), run) for rate, run in zip(rates, runs, strict=True) if rate]
    if len({x for x, _ in points}) < 2:
        return []
    across = "neurons that spike in a step (%)"
    whole = tuple((x, run.metrics.energy_j or 0.0) for x, run in points if run.metrics.energy_complete)
    parts = tuple((x, joules) for x, run in points if (joules := dynamic_j(run)) is not None)
    lines = [Line("in all", YELLOW, whole), Line("without static power", BLUE, parts)]
    time = Line("latency", GREEN, tuple((x, run.metrics.latency_s) for x, run in points))
    return [
        (
            "Energy of a run",
            legend([(line.colour, line.name) for line in lines])
            + line_chart("Energy of a run", lines, across, "energy of a run", "J"),
        ),
        ("Latency of a run", line_chart("Latency of a run", [time], across, "latency of a run", "s")),
    ]


def _assumed(runs: Sequence[Result]) -> list[str]:
    """What all runs assume."""
    common = set.intersection(*(set(run.assumptions) for run in runs))
    return [text for text in runs[0].assumptions if text in common]
