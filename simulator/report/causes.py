"""What the time of layers went to: bars of causes, for the whole network and for the longest layers."""

from __future__ import annotations

from simulator.report.figure import Bar, Part, bar_chart, legend
from simulator.report.palette import CAUSES, COLOURS
from simulator.report.rounding import percent, si
from simulator.results.result import Result

#: Causes of a smaller share of the time have no entry in the legend.
NEGLIGIBLE = 1e-6
NAMES = {
    "compute": "arrays working",
    "fill_drain": "arrays filling and draining",
    "weight_wait": "waiting for weights",
    "input_wait": "waiting for inputs",
    "output_wait": "waiting for outputs to leave",
    "vector": "vector units working",
    "pim": "memory computing",
    "noc": "on-chip network",
    "sync": "dependencies and synchronization",
}


def draw_causes(result: Result, most: int) -> dict[str, str]:
    """Bars of the whole network and of the ``most`` layers with the longest time; empty if there are none."""
    rows = [row for row in result.rows if any(row.causes_fs.values())]
    if not rows:
        return {"cause_total": "", "cause_bars": "", "cause_legend": ""}
    total: dict[str, int] = dict.fromkeys(NAMES, 0)
    for row in rows:
        for cause, time_fs in row.causes_fs.items():
            total[cause] = total.get(cause, 0) + time_fs
    whole = sum(total.values())
    entries = [
        (CAUSES.get(cause, COLOURS), f"{NAMES.get(cause, cause)} {percent(time_fs / whole)}")
        for cause, time_fs in total.items()
        if time_fs > whole * NEGLIGIBLE  # less is the rounding of instants to femtoseconds
    ]
    order = list(total)
    sums = Bar("all layers", si(whole / 1e15, "s"), _parts("all layers", total, order))
    longest = sorted(rows, key=lambda row: -sum(row.causes_fs.values()))[:most]
    bars = [
        Bar(
            row.node,
            si(sum(row.causes_fs.values()) / 1e15, "s"),
            _parts(row.node, row.causes_fs, order),
            row.op,
        )
        for row in longest
    ]
    return {
        "cause_total": bar_chart("What the time of all layers went to", [sums], "layer time", "s"),
        "cause_bars": bar_chart("What the time of layers went to", bars, "layer time", "s"),
        "cause_legend": legend(entries),
    }


def _parts(name: str, causes_fs: dict[str, int], order: list[str]) -> tuple[Part, ...]:
    whole = sum(causes_fs.values())
    return tuple(
        Part(
            causes_fs[cause] / 1e15,
            CAUSES.get(cause, COLOURS),
            f"{name}: {NAMES.get(cause, cause)} {si(causes_fs[cause] / 1e15, 's')}, "
            f"{percent(causes_fs[cause] / whole)}",
        )
        for cause in order
        if causes_fs.get(cause)
    )
