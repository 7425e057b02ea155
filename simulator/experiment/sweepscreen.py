"""What the command line shows of a sweep: progress on stderr while it runs, then its front."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from simulator.experiment import screen
from simulator.experiment.sweep.collect import scores
from simulator.experiment.sweep.progress import Progress

if TYPE_CHECKING:
    from simulator.experiment.sweep.collect import SweepResult

#: Rows of the front that a terminal shows; pareto.csv has all.
MOST_ROWS = 20
#: Effects and errors that are shown of each.
MOST_LINES = 6
#: Interactions below this share are not shown.
_TELLABLE = 0.02


@contextmanager
def live(quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """Something to tell the progress to: a bar where stderr is a terminal, else a line now and then."""
    if quiet:
        yield lambda progress: None
    elif not sys.stderr.isatty():
        say = screen.paced("sweep:", quiet)
        last = [Progress()]

        def tell(progress: Progress) -> None:
            """Note it, and say it if it is time."""
            last[0] = progress
            say(progress.line())

        yield tell
        screen.note(f"sweep: {last[0].line()}", quiet)
    else:
        from rich.console import Console  # heavy; only where a person watches
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[line]}"))
        with Bar(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("sweep", total=None, line="")
            yield lambda progress: bar.update(
                task, description=progress.phase, total=progress.total,
                completed=progress.known + progress.done, line=progress.line(),
            )  # fmt: skip


def show_sweep(result: SweepResult) -> None:
    """The front, the knee, what depends on what, and what went wrong."""
    axes = [axis for axis in result.axes if len({r.get(axis) for r in result.records}) > 1]
    several = len(result.definition["chips"]) > 1
    columns = [*(("chip",) if several else ()), *axes, *result.objectives]
    front = sorted(result.pareto, key=lambda record: scores(record, result.objectives))
    rows = [_cells(record, columns) for record in front[:MOST_ROWS]]
    more = f", the first {MOST_ROWS} of {len(result.front)}" if len(result.front) > MOST_ROWS else ""
    title = f"{result.name}: Pareto front{more}, of {len(result.records)} points"
    screen.show_table(columns, rows, len(columns) - len(result.objectives), title)
    screen.emit(summary_lines(result))


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
        effects = [f"{e.axis} {100 * e.share:.0f} %" for e in result.effects(figure)[:MOST_LINES] if e.share]
        pairs = [
            f"{' x '.join(i.axes)} {100 * i.share:.0f} %"
            for i in result.interactions(figure)[:2]
            if i.share >= _TELLABLE
        ]
        if effects:
            together = f"; together {', '.join(pairs)}" if pairs else ""
            lines.append(f"{figure} varies with: {', '.join(effects)}{together}")
    lines += screening_lines(result.facts.get("screening", {}))
    if result.missing:
        lines.append(f"{result.missing} points are not finished; the same command resumes")
    for shard in result.facts.get("missing_shards", []):
        lines.append(f"shard {shard} is missing")
    failed = result.failed
    if failed:
        lines.append(f"{len(failed)} points have no figures (status and error in points.csv), such as:")
        for record in failed[:3]:
            lines.append(f"  {record['status']}: {_place(record, result.axes)}: {record['error'][:200]}")
    return lines


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


def _cells(record: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    return [number(record.get(column)) for column in columns]


def _place(record: Mapping[str, Any], axes: Sequence[str]) -> str:
    stated = [f"{axis}={record[axis]}" for axis in axes if record.get(axis) is not None]
    return ", ".join(stated) or "the chip as it is"


def _gain(record: Mapping[str, Any], figure: str, result: SweepResult) -> str:
    change = result.against_baseline(record).get(figure)
    return "" if change is None else f" ({change:+.1f} % against the baseline)"
