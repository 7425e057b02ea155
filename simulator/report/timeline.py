"""The timeline of the page: layers, units, bandwidth and room over time, how cores worked together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simulator.report.figure import Bar, Part, bar_chart, legend, linear_ticks
from simulator.report.palette import BLUE, COLOURS, GREEN, GREY, KINDS, ROOMS, VIOLET, WAYS
from simulator.report.rounding import binary, binary_scale, decimal_scale, number, percent, si
from simulator.report.timechart import Piece, Series, areas, bars, time_axis
from simulator.results.result import MemoryInfo, Result
from simulator.results.timeline import Lane, MemoryUse, Timeline, Together

#: Colours of what cores of a kind do.
CORE_KINDS = {"vector": GREEN, "pim": VIOLET}
WAY_NAMES = {"read": "read", "write": "written"}
ROOM_NAMES = {"maps": "tensors that lie there", "buffers": "buffers of tiles"}
#: Layer boundaries closer than this share of the time are not drawn.
MARK = 1 / 300
READOUT_DIGITS = 4


@dataclass(frozen=True)
class Chart:
    """A chart in its place: caption, drawing, numbers on its left, values for the readout (name, per bin)."""

    caption: str
    note: str
    drawing: str
    height: int = 0
    numbers: tuple[tuple[str, float], ...] = ()
    values: str = ""


def panels(result: Result, colours: dict[str, int], coarse: float = 1.0) -> dict[str, Any]:
    """What the template shows; empty where the result has no timeline or took no time.

    Parameters
    ----------
    result
        The result.
    colours
        Index of the colour of each bound.
    coarse
        Above 1, more short spans are gathered and the page gets smaller.
    """
    timeline = result.timeline
    if timeline is None or not timeline.end_fs:
        return {"timeline": None}
    total = timeline.end_fs / 1e15
    infos = {memory.name: memory for memory in result.memories}
    marks, last = [], 0
    for end in _frontiers(result):
        if end - last >= timeline.end_fs * MARK:
            marks.append(end / 1e15)
            last = end
    layers = bars("Layers over time", _layers(result, colours), total, coarse)
    drawn: dict[bool, list[Chart]] = {True: [], False: []}
    for use in timeline.memories:
        if any(use.read_bytes) or any(use.write_bytes):
            drawn[infos[use.memory].external].append(traffic(use, infos[use.memory], timeline, marks))
    return {
        "timeline": {
            "seconds": total,
            "axis": time_axis(total),
            "lanes": [Chart("layers", "coloured by what bounds each", layers),
                      *(unit_lane(lane, result, coarse) for lane in timeline.lanes)],
            "lane_legend": legend(_kinds(timeline, result, colours)),
            "external": drawn[True],
            "internal": drawn[False],
            "way_legend": legend([(WAYS[way], WAY_NAMES[way]) for way in WAYS]),
            "rooms": [room(use, infos[use.memory], timeline, marks) for use in timeline.memories
                      if any(use.room_bytes)],
            "room_legend": legend([(ROOMS[name], ROOM_NAMES[name]) for name in ROOMS]),
            "together": [together(each, total) for each in timeline.together],
        }
    }  # fmt: skip


def _frontiers(result: Result) -> list[int]:
    """Instant in fs up to which each layer moved the end of the run."""
    ends, now = [], 0
    for row in result.rows:
        now += row.exposed_fs
        ends.append(now)
    return ends


def _layers(result: Result, colours: dict[str, int]) -> list[Piece]:
    """A piece per layer that was exposed, in the colour of its bound."""
    pieces = []
    for row, end in zip(result.rows, _frontiers(result), strict=True):
        if row.exposed_fs:
            start_s, end_s = (end - row.exposed_fs) / 1e15, end / 1e15
            title = (
                f"{row.node} ({row.op}): exposed {si(row.exposed_fs / 1e15, 's')} from {si(start_s, 's')}, "
                f"bound by {row.bound}"
            )
            pieces.append(Piece(start_s, end_s, colours.get(row.bound, COLOURS), title, row.node))
    return pieces


def lane_colour(lane: Lane) -> int:
    """Colour of what a unit does."""
    return KINDS[lane.kind] if lane.kind != "compute" else CORE_KINDS.get(lane.unit_kind, BLUE)


def _kinds(timeline: Timeline, result: Result, colours: dict[str, int]) -> list[tuple[int, str]]:
    """Legend of the lanes: what units do, and the bounds of layers in colours that no unit has."""
    names: dict[int, list[str]] = {}
    for lane in timeline.lanes:
        names.setdefault(lane_colour(lane), []).append(
            lane.unit_kind if lane.kind == "compute" else lane.kind
        )
    for row in result.rows:
        if row.exposed_fs:
            names.setdefault(colours.get(row.bound, COLOURS), []).append(f"bound by {row.bound}")
    return [(index, ", ".join(dict.fromkeys(words))) for index, words in sorted(names.items())]


def unit_lane(lane: Lane, result: Result, coarse: float = 1.0) -> Chart:
    """What one unit did of one kind."""
    assert result.timeline is not None
    total_fs, shade = result.timeline.end_fs, lane_colour(lane)
    word = "busy" if lane.kind == "compute" else "in flight"
    pieces = []
    for node, start, end, busy in zip(lane.node, lane.start_fs, lane.end_fs, lane.busy_fs, strict=True):
        share = busy / (end - start)
        title = f"{result.rows[node].node}: {si((end - start) / 1e15, 's')} from {si(start / 1e15, 's')}"
        title += f", {word} {percent(share)}" if share < 0.995 else ""
        pieces.append(Piece(start / 1e15, end / 1e15, shade, title, result.rows[node].node, share))
    kind = "" if lane.kind == "compute" else f" · {lane.kind}"
    title = f"{lane.unit}{kind}"
    note = f"{word} {percent(lane.total_fs / total_fs)}"
    return Chart(title, note, bars(title, pieces, total_fs / 1e15, coarse))


def traffic(use: MemoryUse, info: MemoryInfo, timeline: Timeline, marks: Sequence[float]) -> Chart:
    """Bytes per second of a memory over time, reads and writes stacked, below its peak."""
    instants = [fs / 1e15 for fs in timeline.edges_fs()]
    widths = [b - a for a, b in zip(instants, instants[1:], strict=False)]
    series = []
    for way, counts in (("read", use.read_bytes), ("write", use.write_bytes)):
        rates = [count / width for count, width in zip(counts, widths, strict=True)]
        series.append(Series(f"{use.memory} {WAY_NAMES[way]}", WAYS[way], rates))
    most = max(sum(each) for each in zip(*(s.values for s in series), strict=True))
    peak = info.bandwidth_bytes_per_s
    scale, unit = decimal_scale(max(most, peak or 0.0), "B/s")
    limit = (peak, f"peak {si(peak, 'B/s')}") if peak else None
    steps = [(value * scale, text) for value, text in _steps(max(most, peak or 0.0) / scale)]
    chart = areas(f"Traffic of {use.memory} over time", series, instants, steps, limit=limit, marks=marks)
    note = f"at most {si(most, 'B/s')}" + (f", {percent(most / peak)} of the peak" if peak else "")
    values = _values([(s.name, [value / scale for value in s.values]) for s in series], unit)
    return Chart(f"{use.memory} ({unit})", note, chart.drawing, chart.height, chart.numbers, values)


def room(use: MemoryUse, info: MemoryInfo, timeline: Timeline, marks: Sequence[float]) -> Chart:
    """Room taken in an on-chip memory over time, below its capacity."""
    instants = [fs / 1e15 for fs in timeline.edges_fs()]
    most, capacity = max(use.room_bytes), info.capacity_bytes
    scale, unit = binary_scale(max(most, capacity or 0))
    series = [
        Series(f"{use.memory}: {ROOM_NAMES[name]}", ROOMS[name], values)
        for name, values in (("maps", use.maps_bytes), ("buffers", use.buffers_bytes))
    ]
    limit = (capacity, f"capacity {binary(capacity)}") if capacity else None
    steps = [(value * scale, text) for value, text in _steps(max(most, capacity or 0) / scale)]
    chart = areas(f"Room taken in {use.memory} over time", series, instants, steps, limit=limit, marks=marks)
    note = f"at most {binary(most)}" + (f", {percent(most / capacity)} of the capacity" if capacity else "")
    values = _values([(s.name, [value / scale for value in s.values]) for s in series], unit)
    return Chart(f"{use.memory} ({unit})", note, chart.drawing, chart.height, chart.numbers, values)


def _steps(largest: float) -> list[tuple[float, str]]:
    """Values for the left of a chart, none so near to the top that it touches the line there."""
    return [
        (value, number(round(value, 9))) for value in linear_ticks(largest, 4)[1:] if value < 0.95 * largest
    ]


def _values(series: Sequence[tuple[str, Sequence[float]]], unit: str) -> str:
    """Values for the readout: ``name|unit|runs`` apart by ``;``, a run as ``value`` or ``value*times``."""
    texts = []
    for name, values in series:
        runs: list[list[Any]] = []
        for value in (f"{each:.{READOUT_DIGITS - 1}g}" for each in values):
            if runs and runs[-1][0] == value:
                runs[-1][1] += 1
            else:
                runs.append([value, 1])
        packed = ",".join(value if times == 1 else f"{value}*{times}" for value, times in runs)
        texts.append(f"{name.replace('|', ' ').replace(';', ' ')}|{unit}|{packed}")
    return ";".join(texts)


def together(each: Together, total: float) -> dict[str, str]:
    """Why several cores of a kind are not so many times as fast: how many of them were busy at once."""
    count = len(each.cores)
    mean = sum(n * time for n, time in enumerate(each.time_fs)) / (total * 1e15)
    parts, names = [], []
    for n, time in sorted(enumerate(each.time_fs), reverse=True):
        if time:
            word = "none" if n == 0 else f"all {count}" if n == count else str(n)
            shade, solid = (BLUE, 0.25 + 0.75 * n / count) if n else (GREY, 1.0)
            parts.append(Part(time / 1e15, shade, f"{word} busy: {si(time / 1e15, 's')}", solid))
            names.append((shade, f"{word} busy {percent(time / (total * 1e15))}"))
    bars = [Bar("busy at once", f"{number(round(mean, 2))} of {count}", tuple(parts))]
    for core, busy in zip(each.cores, each.busy_fs, strict=True):
        part = Part(busy / 1e15, BLUE, f"{core}: {si(busy / 1e15, 's')}")
        bars.append(Bar(core, percent(busy / (total * 1e15)), (part,)))
    return {
        "title": f"Why {count} {each.kind} cores are not {count} times as fast",
        "said": f"On average {number(round(mean, 2))} of {count} were busy at once. The others had no work "
        "at that time, or waited for data.",
        "legend": legend(names, [part.solid for part in parts]),
        "chart": bar_chart(f"Busy {each.kind} cores", bars, "time", "s", longest=total),
    }
