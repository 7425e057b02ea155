"""The page of a design sweep: fronts, heat maps, tables that sort and filter; one file, for any screen.

It reads plain data and knows no store: whoever has records can draw them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.report.page import fill
from simulator.report.rounding import number, percent
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
        Sentences about the sweep: best points, the knee, the error of a screening.
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


def render(page: SweepPage) -> str:
    """HTML text of the page."""
    kept = _kept(page)
    failed = [record for record in page.records if record["status"] != "done"]
    cards = [
        (
            "Designs",
            str(len(page.records)),
            f"{len(failed)} without figures" if failed else "all with figures",
        ),
        (
            "On the front",
            str(len(page.front)),
            ", ".join(f"{m}: {way}" for m, way in page.objectives.items()),
        ),
        ("Axes", str(len(page.axes)), ", ".join(page.axes)),
    ]
    return fill(
        "sweep.html.j2",
        {
            "page": page,
            "cards": cards,
            "left_out": len(page.records) - len(kept),
            "effects": [(figure, _effect_rows(page, figure)) for figure in page.effects],
            "pairs": [
                (figure, [(" × ".join(p.axes), percent(p.share)) for p in pairs if p.share >= TELLABLE])
                for figure, pairs in page.interactions.items()
            ],
            "failures": [
                (record["status"], _place(record, page.axes), record["error"])
                for record in failed[:MOST_FAILURES]
            ],
            "data": _data(page, kept),
            "script": (_HERE / "sweep.js").read_text(encoding="utf-8"),
        },
    )  # fmt: skip


def _place(record: Mapping[str, Any], axes: Sequence[str]) -> str:
    return ", ".join(f"{axis}={record[axis]}" for axis in axes if record.get(axis) is not None)


def _kept(page: SweepPage) -> list[int]:
    """Indices of the points that the page carries: all, or as many as it may, the front first."""
    if len(page.records) <= MOST_POINTS:
        return list(range(len(page.records)))
    front = set(page.front)
    others = [i for i in range(len(page.records)) if i not in front]
    return sorted([*page.front, *others[: max(MOST_POINTS - len(front), 0)]])


def _effect_rows(page: SweepPage, figure: str) -> list[tuple[str, str, str, str]]:
    return [
        (
            effect.axis,
            percent(effect.share),
            f"{number(float(f'{effect.range_pct:.3g}'))} %",
            ", ".join(f"{value}: {number(float(f'{mean:.4g}'))}" for value, mean, _ in effect.means[:12]),
        )
        for effect in page.effects[figure]
    ]


def _data(page: SweepPage, kept: Sequence[int]) -> str:
    """All points as JSON that may stand in a page, column by column; words of an axis once."""
    front = set(page.front)
    records = [page.records[i] for i in kept]
    derived = sorted({path for i in kept for path in page.settings[i]} - set(page.axes))
    columns = {column: [_short(record.get(column)) for record in records] for column in page.columns}
    words = {
        name: _coded([record.get(name) for record in records])
        for name in ("chip", "status", "chosen", *page.axes)
    }
    plain = {
        "axes": list(page.axes),
        "objectives": dict(page.objectives),
        "keys": [str(record["key"])[:10] for record in records],
        "words": words,
        "columns": columns,
        "set": {path: _coded([page.settings[i].get(path) for i in kept]) for path in derived},
        "front": [n for n, i in enumerate(kept) if i in front],
        "chips": dict(page.chips),
    }
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


def _coded(values: Sequence[Any]) -> dict[str, Any]:
    """A column of few different values: these, and the index of each entry's."""
    different = list(dict.fromkeys(values))
    index = {value: i for i, value in enumerate(different)}
    return {"values": different, "at": [index[value] for value in values]}


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    return value
