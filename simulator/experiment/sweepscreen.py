"""What the command line shows of a sweep: progress on stderr while it runs, then its front."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from simulator.experiment import screen
from simulator.experiment.sweep.collect import scores
from simulator.experiment.sweep.progress import Progress
from simulator.experiment.sweep.summary import number, summary_lines

if TYPE_CHECKING:
    from simulator.experiment.sweep.collect import SweepResult

#: Rows of the front that a terminal shows; pareto.csv has all.
MOST_ROWS = 20


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
    if rows:
        screen.show_table(columns, rows, len(columns) - len(result.objectives), title)
    screen.emit(summary_lines(result))


def _cells(record: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    return [number(record.get(column)) for column in columns]
