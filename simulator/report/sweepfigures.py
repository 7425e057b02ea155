"""Figures of a sweep's page: the cloud of designs, what each axis does; and words for its columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simulator.report.cloud import Speck, cloud_drawings
from simulator.report.effects import Series, effect_chart
from simulator.report.figure import legend
from simulator.report.headline import label
from simulator.report.palette import BLUE, COLOURS, GREY, ORANGE
from simulator.report.picture import picture
from simulator.report.rounding import metric, metric_scale, number, percent
from simulator.report.scatter import Axis, Spot

if TYPE_CHECKING:
    from simulator.report.sweep import SweepPage

#: Colours of the values of an axis, those next to each other apart.
SCALE = (0, 2, 4, 1, 3, 7, 5)
#: Designs beyond this many are drawn by the script of the page alone.
MOST_SPECKS = 1500
_OWN = {"tops": "operations per second", "edp_js": "energy × delay"}


def figure_words(column: str) -> str:
    """A column of figures in words: ``mobilenet_v1.latency_s`` is ``latency of mobilenet_v1``."""
    workload, _, name = column.rpartition(".")
    estimated = name.startswith("screened_")
    name = name.removeprefix("screened_")
    way = next((way for way in ("read", "write") if name.endswith(f"_{way}_B")), "")
    text = f"{name.removesuffix(f'_{way}_B')} {way}" if way else _OWN.get(name) or label(name).lower()
    return f"{text}{', estimated' * estimated}{f' of {workload}' if workload else ''}"


def short_names(axes: Sequence[str]) -> dict[str, str]:
    """Axis -> the end of its path that tells it from all others and says whose it is."""
    found = {}
    for axis in axes:
        parts = axis.split(".")
        lengths = range(min(2, len(parts)), len(parts) + 1)
        ends = [".".join(parts[-n:]) for n in lengths]
        found[axis] = next(
            end for end in ends if not any(o != axis and f".{o}".endswith(f".{end}") for o in axes)
        )
    return found


def design(record: Mapping[str, Any], short: Mapping[str, str]) -> str:
    """The values of a record's axes in words."""
    stated = [f"{short[axis]} {record[axis]}" for axis in short if record.get(axis) is not None]
    return ", ".join(stated) or "the chip as it is"


def front_drawings(page: SweepPage) -> tuple[dict[str, str], list[tuple[int, str]], list[tuple[str, str]]]:
    """All designs by the first two objectives.

    Returns
    -------
    tuple
        Drawings by the class of screens that they are for; (colour, value) of the axis that matters most to
        the first objective; (letter, why) of the marks. All empty where nothing can be drawn.
    """
    objectives = list(page.objectives)
    if len(objectives) < 2 or not page.records or len(page.records) > MOST_SPECKS:
        return {}, [], []
    first, second = objectives[:2]
    effects = page.effects.get(first) or ()
    axis = effects[0].axis if effects and len(effects[0].means) <= len(SCALE) else ""
    values = [value for value, _, _ in effects[0].means] if axis else []
    colours = {str(value): SCALE[i] for i, value in enumerate(values)}
    short = short_names(page.axes)
    front = set(page.front)
    specks, marks = [], []
    picked = {record["key"]: (letter, why) for letter, why, record in reversed(page.picks)}
    for i, record in enumerate(page.records):
        x, y = record.get(first), record.get(second)
        if not x or not y or x < 0 or y < 0:
            continue
        said = f"{design(record, short)}: {metric(first, x)}, {metric(second, y)}"
        if record.get("chosen") != "baseline":
            at = colours.get(str(record.get(axis)), GREY)
            specks.append(Speck(x, y, at if axis else (BLUE if i in front else COLOURS), said, i in front))
        if record["key"] in picked:
            letter, why = picked[record["key"]]
            marks.append(Spot(x, y, letter, GREY, f"{why}: {said}"))
    marks.sort(key=lambda mark: mark.label)
    across, up = (Axis(figure_words(name), metric_scale(name, 1.0)[1]) for name in (first, second))
    title = f"{up.words.capitalize()} over {across.words} of all designs, both logarithmic"
    drawings = cloud_drawings(title, specks, marks, across, up)
    named = short.get(axis, axis)
    entries = [(colours[str(value)], f"{named} {value}") for value in values]
    return drawings, entries, [(letter, why) for letter, why, _ in page.picks]


def front_figure(page: SweepPage) -> tuple[str, str]:
    """Drawings of all designs for the page, and the legend of their colours; empty where there are none."""
    drawings, entries, _ = front_drawings(page)
    return "".join(drawings.values()), legend(entries) if entries else ""


def effect_rows(page: SweepPage, short: Mapping[str, str]) -> list[dict[str, Any]]:
    """Of each objective, its charts axis by axis, and the numbers in a table."""
    rows = []
    for figure, effects in page.effects.items():
        if not effects:
            continue
        bests = page.envelopes.get(figure, {})
        largest = max((mean for effect in effects for _, mean, _ in effect.means), default=0.0)
        factor, unit = metric_scale(figure, largest)
        charts = []
        for effect in effects:
            words = [str(value) for value, _, _ in effect.means]
            best = {str(value): found for value, found in bests.get(effect.axis, ())}
            series = [Series("mean", ORANGE, tuple(mean for _, mean, _ in effect.means))]
            if all(word in best for word in words):
                series.append(Series("best", BLUE, tuple(best[word] for word in words)))
            if min((v for each in series for v in each.values), default=0.0) < 0 or len(words) < 2:
                continue
            name = short.get(effect.axis, effect.axis)
            title = f"{figure_words(figure)} over {name}".capitalize()
            drawing = effect_chart(title, words, series, largest, factor, unit or "1")
            charts.append((name, percent(effect.share), drawing))
        table = [
            (
                short.get(effect.axis, effect.axis),
                percent(effect.share),
                f"{number(float(f'{effect.range_pct:.3g}'))} %",
                ", ".join(f"{value}: {metric(figure, mean)}" for value, mean, _ in effect.means[:12]),
            )
            for effect in effects
        ]
        rows.append({"figure": figure_words(figure).capitalize(), "charts": charts, "table": table})
    return rows


def front_picture(page: SweepPage) -> str:
    """All designs by the first two objectives as an SVG file; empty where nothing can be drawn."""
    drawings, entries, marks = front_drawings(page)
    if not drawings:
        return ""
    first, second = (figure_words(name) for name in list(page.objectives)[:2])
    count = sum(record.get("chosen") != "baseline" for record in page.records)
    subtitle = f"{second.capitalize()} over {first} of {count} designs"
    if len(page.mix) > 1:
        subtitle += f", one inference of a mix of {', '.join(page.mix)}"
    below = ["Large dots: on the Pareto front of all objectives; below the dashed steps there is nothing."]
    below += [f"{letter}: {why}" for letter, why in marks]
    return picture(page.name.replace("_", " "), subtitle, drawings["wide"], entries, below)
