"""The page of a design sweep: what is best, fronts, heat maps, tables that sort and filter; one file.

It reads plain data and knows no store: whoever has records can draw them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.report.page import fill
from simulator.report.rounding import metric_scale, number, percent
from simulator.report.sweepfigures import effect_rows, figure_words, front_figure, short_names
from simulator.report.sweeptables import (
    best_rows,
    effect_sentences,
    enough_table,
    gain_sentences,
    pick_table,
    step_sentences,
)  # fmt: skip
from simulator.results.sensitivity import Effect, Interaction

#: Digits of figures in the page; points.csv has all.
DIGITS = 5
#: A page of more points than this shows those of the front and the first others.
MOST_POINTS = 20_000
#: Failures that are listed; points.csv has all.
MOST_FAILURES = 20

#: Interactions below this share are left out.
TELLABLE = 0.005

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class SweepPage:
    """What the page shows.

    Attributes
    ----------
    name, description
        Of the sweep.
    axes
        Columns of the axes.
    objectives
        Metric -> ``minimize`` or ``maximize``.
    columns
        Columns of figures to choose from.
    records
        A mapping per design point: ``key``, ``chosen``, ``chip``, ``status``, ``error``, axes and figures.
    front
        Indices of records on the Pareto front.
    settings
        Of each record, path -> value of all that was set.
    chips
        Chip -> its resolved configuration, to which the settings are applied; may lack some.
    effects, interactions
        Per objective.
    facts
        Sentences about the sweep: the error of a screening, points that are missing.
    envelopes
        Per objective, axis -> (value, best figure there).
    picks
        (a letter, why, record) of designs that stand out.
    baseline
        The record to compare with.
    thrifty
        Objective -> the best record among those that are nowhere worse than the baseline in the others.
    bests
        Workload -> objective -> its best record.
    enough
        Column of a figure -> axis -> the first value with which it comes within 5 % of its best.
    steps
        (axis, neighbours, those of them where more of the axis is slower, by how much at most in per cent,
        and that for one workload), where that may surprise.
    stated
        Axis -> the baseline's own value.
    mix
        Workload -> its share of the inferences.
    """

    name: str
    description: str
    axes: Sequence[str]
    objectives: Mapping[str, str]
    columns: Sequence[str]
    records: Sequence[Mapping[str, Any]]
    front: Sequence[int]
    settings: Sequence[Mapping[str, Any]]
    chips: Mapping[str, Mapping[str, Any]]
    effects: Mapping[str, Sequence[Effect]] = field(default_factory=dict)
    interactions: Mapping[str, Sequence[Interaction]] = field(default_factory=dict)
    facts: Sequence[str] = ()
    envelopes: Mapping[str, Mapping[str, Sequence[tuple[Any, float]]]] = field(default_factory=dict)
    picks: Sequence[tuple[str, str, Mapping[str, Any]]] = ()
    baseline: Mapping[str, Any] | None = None
    thrifty: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    bests: Mapping[str, Mapping[str, Mapping[str, Any] | None]] = field(default_factory=dict)
    enough: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    steps: Sequence[tuple[str, int, int, float, float]] = ()
    stated: Mapping[str, Any] = field(default_factory=dict)
    mix: Mapping[str, float] = field(default_factory=dict)


def render(page: SweepPage) -> str:
    """HTML text of the page."""
    kept = _kept(page)
    failed = [record for record in page.records if record["status"] != "done"]
    short = short_names(page.axes)
    drawing, colours = front_figure(page)
    return fill(
        "sweep.html.j2",
        {
            "page": page,
            "cards": _cards(page, failed, short),
            "said": [
                *gain_sentences(page, short),
                *effect_sentences(page, short),
                *step_sentences(page, short),
                *page.facts,
            ],
            "picks": pick_table(page, short),
            "bests": best_rows(page, short),
            "enough": enough_table(page, short),
            "cloud": drawing,
            "colours_of": colours,
            "left_out": len(page.records) - len(kept),
            "effects": effect_rows(page, short),
            "pairs": [
                (
                    figure_words(figure),
                    [
                        (" × ".join(short.get(axis, axis) for axis in p.axes), percent(p.share))
                        for p in pairs
                        if p.share >= TELLABLE
                    ],
                )
                for figure, pairs in page.interactions.items()
            ],
            "failures": [
                (record["status"], _place(record, page.axes), record["error"])
                for record in failed[:MOST_FAILURES]
            ],
            "data": _data(page, kept, short),
            "script": (_HERE / "sweep.js").read_text(encoding="utf-8"),
        },
    )  # fmt: skip


def _cards(
    page: SweepPage, failed: Sequence[Mapping[str, Any]], short: Mapping[str, str]
) -> list[tuple[str, str, str]]:
    """Sizes of the sweep as (name, value, note)."""
    more = "and the baseline; " if page.baseline is not None else ""
    cards = [
        (
            "Designs",
            number(len(page.records) - (page.baseline is not None)),
            more + (f"{len(failed)} without figures" if failed else "all with figures"),
        ),
        (
            "On the Pareto front",
            number(len(page.front)),
            "; ".join(
                f"{figure_words(m)} {'small' if way == 'minimize' else 'large'}"
                for m, way in page.objectives.items()
            ),
        ),
        ("Axes", number(len(page.axes)), ", ".join(short.values())),
    ]
    if len(page.mix) > 1:
        shares = ", ".join(f"{name} {percent(share)}" for name, share in page.mix.items())
        cards.append(("Workloads", number(len(page.mix)), f"of the mix's inferences: {shares}"))
    return cards


def _place(record: Mapping[str, Any], axes: Sequence[str]) -> str:
    return ", ".join(f"{axis}={record[axis]}" for axis in axes if record.get(axis) is not None)


def _kept(page: SweepPage) -> list[int]:
    """Indices of the points that the page carries: all, or as many as it may, the front first."""
    if len(page.records) <= MOST_POINTS:
        return list(range(len(page.records)))
    front = set(page.front)
    others = [i for i in range(len(page.records)) if i not in front]
    return sorted([*page.front, *others[: max(MOST_POINTS - len(front), 0)]])


def _data(page: SweepPage, kept: Sequence[int], short: Mapping[str, str]) -> str:
    """All points as JSON that may stand in a page, column by column; words of an axis once."""
    front = set(page.front)
    records = [page.records[i] for i in kept]
    derived = sorted({path for i in kept for path in page.settings[i]} - set(page.axes))
    columns = {column: [_short(record.get(column)) for record in records] for column in page.columns}
    words = {
        name: _coded([record.get(name) for record in records])
        for name in ("chip", "status", "chosen", *page.axes)
    }
    first = next(iter(page.objectives), "")
    pair = next((list(p.axes) for p in page.interactions.get(first, ()) if p.share >= TELLABLE), [])
    plain = {
        "axes": list(page.axes),
        "short": dict(short),
        "labels": {column: _label(column, columns[column]) for column in columns},
        "pair": pair,
        "objectives": dict(page.objectives),
        "keys": [str(record["key"])[:10] for record in records],
        "words": words,
        "columns": columns,
        "set": {path: _coded([page.settings[i].get(path) for i in kept]) for path in derived},
        "front": [n for n, i in enumerate(kept) if i in front],
        "marks": {str(record["key"])[:10]: letter for letter, _, record in reversed(page.picks)},
        "chips": dict(page.chips),
    }
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


def _label(column: str, values: Sequence[Any]) -> dict[str, Any]:
    """Words, unit and factor of a column of figures."""
    largest = max((abs(v) for v in values if isinstance(v, int | float)), default=0.0)
    factor, unit = metric_scale(column, largest)
    return {"text": figure_words(column), "unit": unit, "factor": factor}


def _coded(values: Sequence[Any]) -> dict[str, Any]:
    """A column of few different values: these, and the index of each entry's."""
    different = list(dict.fromkeys(values))
    index = {value: i for i, value in enumerate(different)}
    return {"values": different, "at": [index[value] for value in values]}


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    return value
