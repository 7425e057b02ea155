"""PNG pictures for slides: rooflines, timelines, and time and energy side by side."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simulator.base.files import fresh_folder
from simulator.report import REPORTS
from simulator.report.compare import titles
from simulator.report.energy import split_by_component
from simulator.report.memorychart import follows_rows, row_shares
from simulator.report.page import bound_colours
from simulator.report.palette import BLUE, COLOURS, LIGHT, OUTCOMES, REST_LIGHT, ROOMS, WAYS
from simulator.report.roofline import roofline
from simulator.report.rounding import binary_scale, decimal_scale
from simulator.report.timeline import lane_colour
from simulator.results.result import Result
from simulator.results.timeline import Timeline

DPI = 150


@REPORTS.register("pictures")
def draw(results: Sequence[Result], folder: Path) -> list[Path]:
    """Write ``roofline.png``, ``comparison.png`` and, where any time passed, ``timeline.png``.

    The same results give the same bytes.
    """
    folder = Path(folder)
    pictures = {"roofline.png": _rooflines(results), "comparison.png": _comparison(results)}
    timed = [result for result in results if result.timeline is not None and result.timeline.end_fs]
    if timed:
        pictures["timeline.png"] = _timelines(timed)
    with fresh_folder(folder) as temporary:
        for name, figure in pictures.items():
            data = io.BytesIO()
            figure.savefig(data, format="png", dpi=DPI, metadata={"Software": None})
            (temporary / name).write_bytes(data.getvalue())
    return [folder / name for name in pictures]


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure  # heavy; only where a picture is drawn

    return Figure(figsize=(width, height), layout="constrained")


def _shade(index: int) -> str:
    """Colour of an index; what is past the palette shares one."""
    return LIGHT[index] if index < COLOURS else REST_LIGHT


def _rooflines(results: Sequence[Result]) -> Any:
    """One panel per result: a dot per layer under the two roofs."""
    figure = _figure(7, 4.2 * len(results))
    panels = figure.subplots(len(results), 1, squeeze=False)[:, 0]
    for panel, name, result in zip(panels, titles(results), results, strict=True):
        line = roofline(result)
        dots = [dot for dot in line.dots if dot.ops_per_byte and dot.ops_per_s]
        colours = bound_colours(result)
        for dot in dots:
            colour = _shade(colours.get(dot.bound, COLOURS))
            panel.plot(dot.ops_per_byte, dot.ops_per_s / 1e12, "o", color=colour, markersize=4)
        low = min([dot.ops_per_byte or 1.0 for dot in dots] + [line.ridge or 1.0]) / 2
        high = max([dot.ops_per_byte or 1.0 for dot in dots] + [line.ridge or 1.0]) * 2
        if line.peak_ops_per_s and line.bytes_per_s and line.ridge:
            xs = [low, line.ridge, high]
            ys = [min(x * line.bytes_per_s, line.peak_ops_per_s) / 1e12 for x in xs]
            panel.plot(xs, ys, color="black", linewidth=1.2)
        for bound in sorted({dot.bound for dot in dots}):
            panel.plot([], [], "o", color=_shade(colours.get(bound, COLOURS)), label=bound)
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
    left.barh(names, [result.metrics.latency_s * 1e3 for result in results], color=_shade(BLUE))
    left.set(xlabel="latency (ms)")
    left.invert_yaxis()
    components = list(dict.fromkeys(e.component for result in results for e in split_by_component(result)))
    start = [0.0] * len(results)
    for j, component in enumerate(components):
        known = [
            sum((e.total.pj or 0.0) / 1e9 for e in split_by_component(result) if e.component == component)
            for result in results
        ]
        right.barh(names, known, left=start, label=component, color=_shade(j))
        start = [a + b for a, b in zip(start, known, strict=True)]
    right.set(xlabel="energy, known part (mJ)")
    right.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _timelines(results: Sequence[Result]) -> Any:
    """Of each result: what units did, traffic and row buffers of external memories, room in on-chip ones."""
    lines = [result.timeline for result in results if result.timeline is not None]
    figure = _figure(10, sum(0.8 + 0.25 * len(line.lanes) + 1.3 * _charts(line) for line in lines))
    heights = [h for line in lines for h in (0.8 + 0.25 * len(line.lanes), *[1.3] * _charts(line))]
    panels = iter(figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0])
    for name, result, line in zip(titles(results), results, lines, strict=True):
        step, unit = decimal_scale(line.end_fs / 1e15, "s")
        units = next(panels)
        _units(units, line, step)
        units.set(title=name)
        shown = [units]
        instants = [fs / 1e15 / step for fs in line.edges_fs()]
        for use in line.memories:
            info = next(memory for memory in result.memories if memory.name == use.memory)
            if info.external:
                shown.append(next(panels))
                counts = {"read": use.read_bytes, "write": use.write_bytes}
                width_s = line.end_fs / line.bins / 1e15
                rates = {way: [count / width_s / 1e9 for count in each] for way, each in counts.items()}
                limit = info.bandwidth_bytes_per_s and info.bandwidth_bytes_per_s / 1e9
                _stack(shown[-1], instants, rates, WAYS, limit, f"{use.memory} (GB/s)")
                if follows_rows(use):
                    shown.append(next(panels))
                    found = row_shares(use)
                    _stack(shown[-1], instants, found.shown, OUTCOMES, None, f"{use.memory} rows (%)")
                    shown[-1].set(ylim=(0, found.top))
            elif any(use.room_bytes):
                shown.append(next(panels))
                scale, size = binary_scale(max(*use.room_bytes, info.capacity_bytes or 0))
                rooms = {"maps": use.maps_bytes, "buffers": use.buffers_bytes}
                values = {room: [count / scale for count in each] for room, each in rooms.items()}
                limit = info.capacity_bytes and info.capacity_bytes / scale
                _stack(shown[-1], instants, values, ROOMS, limit, f"{use.memory} ({size})")
        for panel in shown:
            panel.set(xlim=(0, instants[-1]))
        shown[-1].set(xlabel=f"time ({unit})")
    return figure


def _charts(line: Timeline) -> int:
    """Number of charts that a timeline shows below its lanes."""
    memories = sum(any(use.room_bytes) or not use.maps_bytes for use in line.memories)
    return memories + sum(follows_rows(use) and not use.maps_bytes for use in line.memories)


def _units(panel: Any, line: Timeline, step: float) -> None:
    """One lane per unit and kind."""
    for row, lane in enumerate(line.lanes):
        spans = [
            (a / 1e15 / step, (b - a) / 1e15 / step) for a, b in zip(lane.start_fs, lane.end_fs, strict=True)
        ]
        panel.broken_barh(spans, (row - 0.4, 0.8), color=_shade(lane_colour(lane)), linewidth=0)
    names = [lane.unit if lane.kind == "compute" else f"{lane.unit} {lane.kind}" for lane in line.lanes]
    panel.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.4, -0.6))


def _stack(
    panel: Any,
    instants: Sequence[float],
    series: Mapping[str, Sequence[float]],
    colours: Mapping[str, int],
    limit: float | None,
    label: str,
) -> None:
    """Stacked steps below a line."""
    base = [0.0] * (len(instants) - 1)
    for name, values in series.items():
        top = [low + value for low, value in zip(base, values, strict=True)]
        panel.stairs(top, instants, baseline=base, fill=True, color=_shade(colours[name]), label=name)
        base = top
    if limit:
        panel.axhline(limit, color="black", linewidth=1)
    panel.set(ylabel=label, ylim=(0, None))
    panel.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
