"""Charts of one memory over time: bytes per second, what rows were found, room taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from simulator.report.figure import linear_ticks
from simulator.report.memorymodel import OUTCOME_NAMES, row_words
from simulator.report.palette import COLOURS, OUTCOMES, ROOMS, WAYS
from simulator.report.rounding import binary, binary_scale, decimal_scale, number, percent, si
from simulator.report.timechart import Series, areas
from simulator.results.result import MemoryInfo
from simulator.results.timeline import MemoryUse, Timeline

WAY_NAMES = {"read": "read", "write": "written"}
ROOM_NAMES = {"maps": "tensors that lie there", "buffers": "buffers of tiles"}
READOUT_DIGITS = 4
#: Ends of the axis of what accesses found, in per cent.
ROW_AXES = (4.0, 10.0, 20.0, 40.0, 100.0)
#: Bins with less than this share of the accesses of the fullest do not stretch that axis.
FEW = 0.2


@dataclass(frozen=True)
class Chart:
    """A chart in its place: caption, drawing, numbers on its left, values for the readout (name, per bin)."""

    caption: str
    note: str
    drawing: str
    height: int = 0
    numbers: tuple[tuple[str, float], ...] = ()
    values: str = ""


def traffic(
    use: MemoryUse, info: MemoryInfo, timeline: Timeline, marks: Sequence[float], losses: str = ""
) -> Chart:
    """Bytes per second of a memory over time, reads and writes stacked, below its peak.

    ``losses`` is what the caption says of the time in which nothing moved.
    """
    instants = [fs / 1e15 for fs in timeline.edges_fs()]
    widths = [b - a for a, b in pairwise(instants)]
    series = []
    for way, counts in (("read", use.read_bytes), ("write", use.write_bytes)):
        rates = [count / width for count, width in zip(counts, widths, strict=True)]
        series.append(Series(f"{use.memory} {WAY_NAMES[way]}", WAYS[way], rates))
    most = max(sum(each) for each in zip(*(s.values for s in series), strict=True))
    mean = (sum(use.read_bytes) + sum(use.write_bytes)) / instants[-1]
    peak = info.bandwidth_bytes_per_s
    scale, unit = decimal_scale(max(most, peak or 0.0), "B/s")
    limit = (peak, f"peak {si(peak, 'B/s')}") if peak else None
    steps = [(value * scale, text) for value, text in _steps(max(most, peak or 0.0) / scale)]
    chart = areas(f"Traffic of {use.memory} over time", series, instants, steps, limit=limit, marks=marks)
    note = f"at most {si(most, 'B/s')}" + (f", {percent(most / peak)} of the peak" if peak else "")
    note += f"; on average {si(mean, 'B/s')}" + (f", {percent(mean / peak)}" if peak else "")
    note += f"; {losses}" if losses else ""
    values = written_values([(s.name, [value / scale for value in s.values]) for s in series], unit)
    return Chart(f"{use.memory} ({unit})", note, chart.drawing, chart.height, chart.numbers, values)


@dataclass(frozen=True)
class RowShares:
    """Outcome -> its share of the accesses of each bin in per cent, from the bottom of a chart to its top.

    ``shown`` is cut at ``top``, the end of the axis: hits fill it, and bins of few accesses may be higher.
    """

    values: dict[str, list[float]]
    shown: dict[str, list[float]]
    top: float


def follows_rows(use: MemoryUse) -> bool:
    """Whether it is known what accesses found, and there were any."""
    return any(use.hits) or any(use.misses) or any(use.conflicts)


def row_shares(use: MemoryUse) -> RowShares:
    """What accesses found, per bin; a bin without access has none. Where little is lost the axis is short."""
    counts = {name: getattr(use, name) for name in OUTCOMES}
    totals = [sum(each) for each in zip(*counts.values(), strict=True)]
    values = {
        name: [100 * count / total if total else 0.0 for count, total in zip(found, totals, strict=True)]
        for name, found in counts.items()
    }
    enough = FEW * max(totals)
    lost = max(
        100 - hits for hits, total in zip(values["hits"], totals, strict=True) if total and total >= enough
    )
    top = next(end for end in ROW_AXES if end >= lost - 1e-9)
    left, shown = [top if total else 0.0 for total in totals], {}
    for name, shares in values.items():
        shown[name] = [min(share, room) for share, room in zip(shares, left, strict=True)]
        left = [room - share for room, share in zip(left, shown[name], strict=True)]
    return RowShares(values, shown, top)


def rows(use: MemoryUse, info: MemoryInfo, timeline: Timeline, marks: Sequence[float]) -> Chart:
    """Accesses of a memory over time by what they found; the caption has the whole run."""
    found = row_shares(use)
    top, names = found.top, {name: f"{use.memory} {OUTCOME_NAMES[name]}" for name in OUTCOMES}
    series = [Series(names[name], OUTCOMES[name], shares) for name, shares in found.shown.items()]
    chart = areas(
        f"Accesses of {use.memory} over time by what they found",
        series,
        [fs / 1e15 for fs in timeline.edges_fs()],
        [(value, number(value)) for value in (top / 4, top / 2, 3 * top / 4)],
        limit=(top, f"{number(top)} % of the accesses"),
        marks=marks,
    )
    note = row_words(info) + (f"; the axis ends at {number(top)} %, hits fill the rest" if top < 100 else "")
    values = written_values([(names[name], found.values[name]) for name in OUTCOME_NAMES], "%")
    return Chart(f"{use.memory} (%)", note, chart.drawing, chart.height, chart.numbers, values)


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
    shown = written_values(values, unit)
    return Chart(f"{name} ({unit})", note, chart.drawing, chart.height, chart.numbers, shown)


def _steps(largest: float) -> list[tuple[float, str]]:
    """Values for the left of a chart, none so near to the top that it touches the line there."""
    return [
        (value, number(round(value, 9))) for value in linear_ticks(largest, 4)[1:] if value < 0.95 * largest
    ]


def written_values(series: Sequence[tuple[str, Sequence[float]]], unit: str) -> str:
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
