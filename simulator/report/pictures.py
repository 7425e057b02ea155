"""PNG pictures for slides: the roofline of each result, and time and energy side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simulator.base.files import fresh_folder
from simulator.report import REPORTS
from simulator.report.compare import titles
from simulator.report.energy import split_by_component
from simulator.report.roofline import roofline
from simulator.results.result import Result

BOUND_COLOURS = {"compute": "#2563c9", "vector": "#1d8a4e", "latency": "#888888", "noc": "#8a3ab9"}
MEMORY_COLOUR = "#d9660a"
DPI = 150
#: Colours after the ten of matplotlib's cycle: the light half of its tab20.
_FURTHER = (
    "#aec7e8", "#ffbb78", "#98df8a", "#ff9896", "#c5b0d5",
    "#c49c94", "#f7b6d2", "#c7c7c7", "#dbdb8d", "#9edae5",
)  # fmt: skip


@REPORTS.register("pictures")
def draw(results: Sequence[Result], folder: Path) -> list[Path]:
    """Write ``roofline.png`` and ``comparison.png``; the same results give the same bytes."""
    folder = Path(folder)
    pictures = {"roofline.png": _rooflines(results), "comparison.png": _comparison(results)}
    with fresh_folder(folder) as temporary:
        for name, figure in pictures.items():
            data = io.BytesIO()
            figure.savefig(data, format="png", dpi=DPI, metadata={"Software": None})
            (temporary / name).write_bytes(data.getvalue())
    return [folder / name for name in pictures]


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure  # heavy; only where a picture is drawn

    return Figure(figsize=(width, height), layout="constrained")


def _rooflines(results: Sequence[Result]) -> Any:
    """One panel per result: a dot per layer under the two roofs."""
    figure = _figure(7, 4.2 * len(results))
    panels = figure.subplots(len(results), 1, squeeze=False)[:, 0]
    for panel, name, result in zip(panels, titles(results), results, strict=True):
        line = roofline(result)
        dots = [dot for dot in line.dots if dot.ops_per_byte and dot.ops_per_s]
        for dot in dots:
            colour = BOUND_COLOURS.get(dot.bound, MEMORY_COLOUR)
            panel.plot(dot.ops_per_byte, dot.ops_per_s / 1e12, "o", color=colour, markersize=4)
        low = min([dot.ops_per_byte or 1.0 for dot in dots] + [line.ridge or 1.0]) / 2
        high = max([dot.ops_per_byte or 1.0 for dot in dots] + [line.ridge or 1.0]) * 2
        if line.peak_ops_per_s and line.bytes_per_s and line.ridge:
            xs = [low, line.ridge, high]
            ys = [min(x * line.bytes_per_s, line.peak_ops_per_s) / 1e12 for x in xs]
            panel.plot(xs, ys, color="black", linewidth=1.2)
        for bound in sorted({dot.bound for dot in dots}):
            panel.plot([], [], "o", color=BOUND_COLOURS.get(bound, MEMORY_COLOUR), label=bound)
        panel.set(
            xscale="log", yscale="log", xlabel="ops per byte of external memory", ylabel="TOPS", title=name
        )
        panel.grid(visible=True, which="major", alpha=0.3)
        if dots:
            panel.legend(frameon=False, fontsize=8)
    return figure


def _comparison(results: Sequence[Result]) -> Any:
    """Latency, and known energy by component, of every result."""
    figure = _figure(10, 1.6 + 0.5 * len(results))
    left, right = figure.subplots(1, 2, sharey=True)
    names = titles(results)
    left.barh(names, [result.metrics.latency_s * 1e3 for result in results], color="#2563c9")
    left.set(xlabel="latency (ms)")
    left.invert_yaxis()
    components = list(dict.fromkeys(e.component for result in results for e in split_by_component(result)))
    start = [0.0] * len(results)
    for j, component in enumerate(components):
        known = [
            sum((e.total.pj or 0.0) / 1e9 for e in split_by_component(result) if e.component == component)
            for result in results
        ]
        right.barh(names, known, left=start, label=component, color=f"C{j}" if j < 10 else _FURTHER[j % 10])
        start = [a + b for a, b in zip(start, known, strict=True)]
    right.set(xlabel="energy, known part (mJ)")
    right.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
