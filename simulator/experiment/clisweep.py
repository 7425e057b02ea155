"""Verbs of the command line for design sweeps: sweep and merge."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.base.errors import InputError, Problem
from simulator.experiment import screen
from simulator.experiment.clioptions import NONE, Json, Plugin, Quiet, import_plugins

if TYPE_CHECKING:
    from simulator.experiment.sweep.collect import SweepResult


def sweep(
    file: Annotated[
        str, typer.Argument(metavar="SWEEP.yaml", help="What varies, over which values, what for")
    ],
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Processes [one per processor]")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="tcp://HOST:PORT", help="Scheduler of a dask cluster to use instead")
    ] = None,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Do the I-th of N parts; `merge` joins them")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Output folder [reports/<name>]")
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Try points that failed before again")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only what the file's `quick` keeps of axes and workloads")
    ] = False,
    json_: Json = False,
    quiet: Quiet = False,
    plugin: Plugin = NONE,
) -> None:
    """Search a space of designs; the same command resumes where it was interrupted."""
    import_plugins(plugin)
    part = _shard(shard)
    if cluster is not None and workers is not None:
        raise InputError(Problem("a cluster has its own workers; leave one of the two out", "--workers"))
    if cluster is not None and "://" not in cluster:
        message = f"expected the address of a dask scheduler such as tcp://host:8786, got '{cluster}'"
        raise InputError(Problem(message, "--cluster"))
    _end_cleanly()
    from simulator.experiment.sweep.load import load_sweep
    from simulator.experiment.sweepscreen import live, show_sweep

    asked = load_sweep(file, quick=quick)
    from simulator.experiment.sweep.run import sweep as run_sweep

    folder = out or Path("reports") / (asked.name + "_quick" * quick)
    try:
        with live(quiet) as watch:
            result = run_sweep(
                asked, workers=workers, cluster=cluster, shard=part, out=folder, plugins=plugin, retry=retry,
                watch=watch,
            )  # fmt: skip
    except KeyboardInterrupt:
        screen.note(f"what is finished is kept in {folder}; the same command resumes", quiet)
        raise
    if json_:
        screen.emit_json(result.to_dict())
    elif not quiet:
        show_sweep(result)
        screen.emit([f"wrote {folder / 'report.html'}, points.csv, pareto.csv and store.sqlite"])
    _end_without_figures(result, quiet)


def _end_without_figures(result: SweepResult, quiet: bool) -> None:
    """Exit 2 where all points were refused, 1 where none has figures for other reasons."""
    failed = result.failed
    if not failed or len(failed) < len(result.records):
        return
    screen.note(f"none of {len(failed)} points has figures", quiet)
    raise typer.Exit(2 if all(record["status"] == "refused" for record in failed) else 1)


def merge(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Output folders of shards")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the joined store")],
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Join the shards of a sweep."""
    from simulator.experiment.sweep.merge import merge as merge_folders
    from simulator.experiment.sweepscreen import show_sweep

    result = merge_folders(folders, out)
    if json_:
        screen.emit_json(result.to_dict())
    elif not quiet:
        show_sweep(result)
        screen.emit([f"wrote {out / 'report.html'}, points.csv, pareto.csv and store.sqlite"])


def _shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    part, slash, parts = text.partition("/")
    if not slash or not part.isdecimal() or not parts.isdecimal():
        raise InputError(Problem(f"expected I/N such as 1/3, got '{text}'", "--shard"))
    return int(part), int(parts)


def _end_cleanly() -> None:
    """End as by Ctrl-C where a batch system ends the job: what is finished is kept and in the tables.

    SLURM sends SIGTERM; LSF sends SIGUSR2 at a run limit, then SIGINT and SIGTERM; others SIGXCPU.
    """
    for name in ("SIGTERM", "SIGUSR2", "SIGXCPU"):
        number = getattr(signal, name, None)  # not everywhere
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
