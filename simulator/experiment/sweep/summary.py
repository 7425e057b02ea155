"""What a sweep found, in sentences: for the screen and the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simulator.experiment.sweep.collect import SweepResult

#: Effects that are told of each figure.
MOST_EFFECTS = 6
#: Interactions below this share are not told.
_TELLABLE = 0.02


def summary_lines(result: SweepResult) -> list[str]:
    """What a person wants to know besides the front."""
    lines = []
    for figure in result.objectives:
        best = result.best(figure)
        if best is not None:
            where, gain = _place(best, result.axes), _gain(best, figure, result)
            lines.append(f"best {figure}: {number(best[figure])} at {where}{gain}")
    knee = result.knee()
    if knee is not None:
        lines.append(f"knee: {_place(knee, result.axes)}")
    for figure in result.objectives:
        effects = [
            f"{e.axis} {100 * e.share:.0f} %" for e in result.effects(figure)[:MOST_EFFECTS] if e.share
        ]
        pairs = [
            f"{' x '.join(i.axes)} {100 * i.share:.0f} %"
            for i in result.interactions(figure)[:2]
            if i.share >= _TELLABLE
        ]
        if effects:
            together = f"; together {', '.join(pairs)}" if pairs else ""
            lines.append(f"{figure} varies with: {', '.join(effects)}{together}")
    return lines + notice_lines(result)


def notice_lines(result: SweepResult) -> list[str]:
    """What else there is to know: how good a screening was, what is missing, what has no figures."""
    lines = screening_lines(result.facts.get("screening", {}))
    if result.missing:
        lines.append(f"{result.missing} points are not finished; the same command resumes")
    for shard in result.facts.get("missing_shards", []):
        lines.append(f"shard {shard} is missing")
    lines += _empty_lines(result)
    failed = result.failed
    if failed:
        lines.append(f"{len(failed)} points have no figures (status and error in points.csv), such as:")
        for record in failed[:3]:
            lines.append(f"  {record['status']}: {_place(record, result.axes)}: {record['error'][:200]}")
    return lines


def _empty_lines(result: SweepResult) -> list[str]:
    """Why nothing is on the front although there are figures."""
    if result.front or not result.done:
        return []
    unknown = [name for name in result.objectives if all(record.get(name) is None for record in result.done)]
    if unknown:
        return [f"the front is empty: {', '.join(unknown)} is not known of any point"]
    within = [record for record in result.done if record["within_limits"]]
    if not within:
        limits = ", ".join(result.definition["limits"])
        return [f"the front is empty: no point is within the limits ({limits})"]
    return ["the front is empty: no point within the limits knows all objectives"]


def screening_lines(facts: Mapping[str, Any]) -> list[str]:
    """How many points were screened, how fast, and how far off that was."""
    if not facts:
        return []
    lines = [f"screened {facts['points']} points in closed form, {facts['kept']} of them simulated"]
    for metric, error in facts.get("errors", {}).items():
        rank = "unknown" if error["rank_correlation"] is None else f"{error['rank_correlation']:.3f}"
        spread = ", ".join(f"{name} {value:.3f}" for name, value in error["ratio"].items())
        lines.append(
            f"screening of {metric}: rank correlation {rank} over {error['points']} points; "
            f"estimate / simulated: {spread}"
        )
    return lines


def number(value: Any) -> str:
    """A figure with four digits; words as they are."""
    if isinstance(value, bool) or value is None:
        return "–" if value is None else str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _place(record: Mapping[str, Any], axes: Sequence[str]) -> str:
    stated = [f"{axis}={record[axis]}" for axis in axes if record.get(axis) is not None]
    return ", ".join(stated) or "the chip as it is"


def _gain(record: Mapping[str, Any], figure: str, result: SweepResult) -> str:
    change = result.against_baseline(record).get(figure)
    return "" if change is None else f" ({change:+.1f} % against the baseline)"
