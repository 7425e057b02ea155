"""The timeline of the page: layers, units, bandwidth and room over time, how cores worked together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simulator.report.figure import legend, linear_ticks
from simulator.report.groups import groups
from simulator.report.palette import BLUE, COLOURS, GREEN, KINDS, ROOMS, VIOLET, WAYS
from simulator.report.rounding import binary, binary_scale, decimal_scale, number, percent, si
from simulator.report.timechart import Piece, Series, areas, bars, time_axis
from simulator.report.together import together
from simulator.results.result import MemoryInfo, Result
from simulator.results.timeline import Lane, MemoryUse, Timeline

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
    taken = {use.memory: use for use in timeline.memories if any(use.room_bytes)}
    rooms = {name: [taken[each] for each in names] for name, names in groups(result, taken).items()}
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
            "rooms": [room(uses, infos[uses[0].memory], timeline, marks, name)
                      for name, uses in rooms.items()],
            "room_legend": legend(
                [(ROOMS[name], ROOM_NAMES[name]) for name in ROOMS]
                + ([(COLOURS, "what the fullest copy has above the mean")] if len(rooms) < len(taken) else [])
            ),
            "copies": [room([use], infos[use.memory], timeline, marks, use.memory)
                       for uses in rooms.values() if len(uses) > 1 for use in uses],
            "together": [together(each, result) for each in timeline.together],
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


def room(
    uses: Sequence[MemoryUse],
    info: MemoryInfo,
    timeline: Timeline,
    marks: Sequence[float],
    name: str,
) -> Chart:
    """Room taken over time below the capacity; of several copies the mean, and above it the fullest."""
    instants = [fs / 1e15 for fs in timeline.edges_fs()]
    capacity = info.capacity_bytes
    fullest = [max(each) for each in zip(*(use.room_bytes for use in uses), strict=True)]
    most = max(fullest)
    scale, unit = binary_scale(max(most, capacity or 0))
    count = len(uses)
    maps, buffers = (
        [sum(each) / count for each in zip(*(getattr(use, kind) for use in uses), strict=True)]
        for kind in ("maps_bytes", "buffers_bytes")
    )
    mean = ", mean" if count > 1 else ""
    series = [
        Series(f"{name}: {ROOM_NAMES[kind]}{mean}", ROOMS[kind], values)
        for kind, values in (("maps", maps), ("buffers", buffers))
    ]
    values = [(s.name, [value / scale for value in s.values]) for s in series]
    if count > 1:
        above = [top - a - b for top, a, b in zip(fullest, maps, buffers, strict=True)]
        series.append(Series(f"{name}: fullest copy", COLOURS, above))
        values.append((f"{name}: fullest copy", [value / scale for value in fullest]))
    limit = (capacity, f"capacity {binary(capacity)}") if capacity else None
    steps = [(value * scale, text) for value, text in _steps(max(most, capacity or 0) / scale)]
    chart = areas(f"Room taken in {name} over time", series, instants, steps, limit=limit, marks=marks)
    note = f"at most {binary(most)}" + (" in one copy" if count > 1 else "")
    note += f", {percent(most / capacity)} of the capacity" if capacity else ""
    return Chart(f"{name} ({unit})", note, chart.drawing, chart.height, chart.numbers, _values(values, unit))


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
