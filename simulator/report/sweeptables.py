"""Tables and sentences of a sweep's page: what is best, how much of each axis is enough, what matters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simulator.report.headline import Table
from simulator.report.rounding import metric, percent
from simulator.report.sweepfigures import design, figure_words

if TYPE_CHECKING:
    from simulator.report.sweep import SweepPage

#: Axes and pairs of axes with less of a figure's variance than this are not named in a sentence.
NAMED = 0.02
#: Pairs of axes that a sentence names.
MOST_PAIRS = 2
#: Changes below this share are none.
HARDLY = 0.002


def change(value: float | None, base: float | None) -> str:
    """How far a figure is from the baseline's: ``−12.3 %``; empty where one is not known."""
    if value is None or not base:
        return ""
    text = percent(abs(value / base - 1))
    return "as the baseline" if text == "0 %" else f"{'+' if value > base else '−'}{text}"


def pick_table(page: SweepPage, short: Mapping[str, str]) -> dict[str, Any]:
    """Designs that stand out: a letter, why, values of axes, objectives with the change from the baseline."""
    rows = []
    for letter, why, record in page.picks:
        own = record is page.baseline
        cells = [
            (metric(name, record.get(name)), "" if own else change(record.get(name), _base(page, name)))
            for name in page.objectives
        ]
        there = {**page.stated, **{axis: v for axis, v in record.items() if v is not None}} if own else record
        values = ["–" if there.get(axis) is None else str(there[axis]) for axis in short]
        rows.append({"letter": letter, "why": why, "key": str(record["key"])[:10], "values": values,
                     "cells": cells})  # fmt: skip
    names = [figure_words(name) for name in page.objectives]
    return {"axes": list(short.values()), "figures": names, "rows": rows}


def _base(page: SweepPage, name: str) -> float | None:
    return None if page.baseline is None else page.baseline.get(name)


def best_rows(page: SweepPage, short: Mapping[str, str]) -> list[tuple[str, list[dict[str, str]]]]:
    """Of each workload, the best design by each objective that is its own; one that all share is left out."""
    rows = []
    if len(page.bests) > 1:
        for workload, found in page.bests.items():
            cells = []
            ways = {n: "least" if way == "minimize" else "most" for n, way in page.objectives.items()}
            for name, record in found.items():
                column = f"{workload}.{name}"
                if record is None or record.get(column) is None or name not in own_objectives(page):
                    continue
                cells.append(
                    {
                        "name": f"{ways[name]} {figure_words(name)}",
                        "figure": metric(name, record[column]),
                        "change": change(record[column], _base(page, column)),
                        "design": design(record, short),
                        "key": str(record["key"])[:10],
                    }
                )
            rows.append((workload, cells))
    return [row for row in rows if row[1]]


def own_objectives(page: SweepPage) -> list[str]:
    """Objectives that each workload has a value of its own for: area, say, is the chip's."""
    names = list(page.bests)
    return [
        name
        for name in page.objectives
        if any(record.get(f"{w}.{name}") != record.get(name) for w in names for record in page.records)
    ]


def enough_table(page: SweepPage, short: Mapping[str, str]) -> Table:
    """How much of each axis comes within 5 % of the best, by figure."""
    axes = [axis for axis in short if any(axis in found for found in page.enough.values())]
    rows = [
        [figure_words(column), *("–" if found.get(axis) is None else str(found[axis]) for axis in axes)]
        for column, found in page.enough.items()
    ]
    return ["within 5 % of the best", *(short[axis] for axis in axes)], rows


def gain_sentences(page: SweepPage, short: Mapping[str, str]) -> list[str]:
    """What can be won over the baseline at no cost in the other objectives."""
    if page.baseline is None:
        return []
    won = []
    for figure, record in page.thrifty.items():
        value, base = record.get(figure), page.baseline.get(figure)
        if value and base and abs(value / base - 1) >= HARDLY:
            won.append(f"{figure_words(figure)} {change(value, base)} ({design(record, short)})")
    if not won:
        return ["No design is better than the baseline in one objective and no worse in the others."]
    return [f"Against the baseline, with no other objective worse: {'; '.join(won)}."]


def effect_sentences(page: SweepPage, short: Mapping[str, str]) -> list[str]:
    """What each objective depends on."""
    said = []
    for figure, effects in page.effects.items():
        shares = [f"{short.get(e.axis, e.axis)} {percent(e.share)}" for e in effects if e.share >= NAMED]
        shares += [
            f"{' and '.join(short.get(axis, axis) for axis in pair.axes)} together {percent(pair.share)}"
            for pair in page.interactions.get(figure, ())
            if pair.share >= NAMED
        ][:MOST_PAIRS]
        if shares:
            said.append(
                f"What {figure_words(figure)} varies with, as shares of its variance: {', '.join(shares)}."
            )
    return said


def step_sentences(page: SweepPage, short: Mapping[str, str]) -> list[str]:
    """Where more of a memory makes runs slower."""
    said = []
    for axis, pairs, worse, most, single in page.steps:
        if worse:
            alone = f" (for one network up to {percent(single / 100)})" if single > most else ""
            said.append(
                f"In {worse} of {pairs} pairs of neighbours more of {short.get(axis, axis)} is slower, by up "
                f"to {percent(most / 100)}{alone}: the planner's choices are heuristics, and smaller "
                "differences along this axis say nothing."
            )
    return said
