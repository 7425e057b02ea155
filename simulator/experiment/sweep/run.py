"""sweep: a design sweep from its file to its tables; what a folder's store knows is not done again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any

from simulator.base.errors import InputError, Problem
from simulator.base.registry import import_plugin
from simulator.experiment.sweep.collect import SweepResult, collect, figures_of_point, misses
from simulator.experiment.sweep.crew import Cluster, Crew, Processes
from simulator.experiment.sweep.evaluate import Job
from simulator.experiment.sweep.execute import execute
from simulator.experiment.sweep.export import export
from simulator.experiment.sweep.identity import Keys, point_key
from simulator.experiment.sweep.load import Sweep, load_sweep
from simulator.experiment.sweep.merge import shard_facts, shards_of
from simulator.experiment.sweep.progress import Progress, scores_of
from simulator.experiment.sweep.search import Answer, rounds
from simulator.experiment.sweep.space import Point
from simulator.experiment.sweep.store import KeptPoint, Run, Store

#: Points whose keys are looked up together.
_SLICE = 64
#: Points that follow each other go to one shard together, so many at most and fewer where shards have few:
#: plans for like chips have much in common.
_SHARD_BLOCK = 16
_MOST_SHARDS = 10_000
#: Points that are counted before they run; more would take longer to count than it tells.
_MOST_COUNTED = 200_000

Watch = Callable[[Progress], None]


def sweep(
    file: str | Path | Sweep,
    *,
    workers: int | None = None,
    cluster: str | None = None,
    shard: tuple[int, int] | None = None,
    out: str | Path | None = None,
    plugins: Sequence[str] = (),
    retry: bool = False,
    watch: Watch | None = None,
) -> SweepResult:
    """Run a design sweep, or the rest of it.

    Every run that is finished goes to ``store.sqlite`` in the output folder at once. The same call again goes
    on where an interrupted one ended, and gives the same tables, byte for byte. Another sweep with the same
    folder finds there what both ask for.

    Parameters
    ----------
    file
        A sweep's YAML file, or what ``load_sweep`` made of it.
    workers
        Processes; None: one per processor.
    cluster
        Address of a dask scheduler, to use its workers instead.
    shard
        (i, n): do the i-th of n parts of the points, counted from 1; ``merge`` joins the stores.
    out
        Output folder; None: ``reports/<name>``.
    plugins
        Modules that every worker imports first.
    retry
        Try points again that have no figures.
    watch
        Called with the progress when it changes.

    Returns
    -------
    SweepResult
        Plain records: ``pandas.DataFrame(result.records)`` is a frame of them.

    Raises
    ------
    InputError
        With every problem of the file; the folder is in use, damaged, of another version or full; the cluster
        cannot be had.
    KeyboardInterrupt
        After what is finished was kept and written.
    """
    for module in plugins:
        import_plugin(module)
    asked = file if isinstance(file, Sweep) else load_sweep(file)
    if shard is not None:
        _check_shard(shard, asked)
    folder = Path(out) if out is not None else Path("reports") / asked.name
    with Store(folder) as store:
        crew: Crew = (
            Cluster(cluster, plugins) if cluster is not None else Processes(workers or _processors(), plugins)
        )
        keys = Keys(asked, plugins)
        running = _Running(keys, store, crew, shard, retry, watch or (lambda progress: None))
        try:
            running.run()
        except BaseException:
            crew.close()
            with suppress(InputError):  # the first error is the one to tell
                export(collect(store), folder, page=False)
            raise
        crew.close()
        result = collect(store)
        export(result, folder)
    return result


def _processors() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check_shard(shard: tuple[int, int], asked: Sweep) -> None:
    part, parts = shard
    if not 1 <= part <= parts:
        raise InputError(Problem(f"expected I/N with 1 <= I <= N such as 1/3, got {part}/{parts}", "--shard"))
    if parts > _MOST_SHARDS:
        raise InputError(Problem(f"expected at most {_MOST_SHARDS} shards, got {parts}", "--shard"))
    if asked.search.kind not in ("grid", "random"):
        message = (
            f"{asked.search.kind} chooses points by what it has seen of all; shards are for grid and random"
        )
        raise InputError(Problem(message, "--shard"))


class _Running:
    """A sweep while it runs: the parent's side."""

    def __init__(
        self, keys: Keys, store: Store, crew: Crew, shard: tuple[int, int] | None, retry: bool, watch: Watch
    ) -> None:
        self.sweep, self.store, self.crew, self.shard = keys.sweep, store, crew, shard
        self.retry, self.watch = retry, watch
        self.keys, self.progress = keys, Progress()
        self.first: list[Point] = []  # the baseline, until it is done
        self.waiting: dict[str, list[KeptPoint]] = {}  # key of a run -> points that wait for it
        self.runs: dict[str, Run] = {}  # of the points that wait and of the round
        self.objectives: dict[str, str] = dict(self.sweep.definition["objectives"])
        self.estimates: dict[Any, dict[str, Any]] = {}

    def run(self) -> None:
        """All of it."""
        self.store.begin(self.sweep.digest, self.sweep.name, self.sweep.definition)
        facts: dict[str, Any] = {"model": self.keys.model, "description": self.sweep.description}
        facts |= self._shards(str(facts["model"]))
        self.store.state(self.sweep.digest, facts)
        if self.sweep.baseline is not None and self.shard in (None, (1, self.shard and self.shard[1])):
            self.first.append(self.sweep.baseline)
        for points in rounds(self.sweep, self.answer):
            if self.sweep.screening is not None:
                self.screened(points, facts)
            else:
                self.points(self._mine(points), self.sweep.search.kind, self._count(points))
        if self.first:  # no other point was to be done
            self.points([], "", 0)
        self.store.state(self.sweep.digest, facts)

    def _shards(self, model: str) -> dict[str, Any]:
        """Facts of the shards that this folder holds, this one and those that were done there before."""
        latest = self.store.latest()
        if self.shard is None or latest is None:
            return {}
        before = latest[3] if latest[3].get("model") == model else None
        there = shards_of(before or {})
        if before and not there:
            return {}  # the whole was begun here
        return shard_facts({*there, self.shard}, told="missing_shards" in (before or {}))

    def points(self, points: Iterable[Point], chosen: str, count: int | None) -> None:
        """Simulate points, the baseline first; ``count`` is how many, if that is known."""
        self.runs.clear()
        if count is not None:
            self.progress.total = (self.progress.total or 0) + count + len(self.first)
        self.watch(self.progress)
        first, self.first = self.first, []
        execute(chain(self._jobs(first, "baseline"), self._jobs(points, chosen)), self.crew, self.keep)

    def screened(self, points: Iterable[Point], facts: dict[str, Any]) -> None:
        """Estimate points in closed form, simulate the best and some others, and tell the error."""
        from simulator.experiment.sweep import screening  # numpy and the planner: only for this

        assert self.sweep.screening is not None
        self.progress.phase = "screening"
        self.watch(self.progress)
        found = screening.screen(self.sweep, list(points))
        facts["screening"] = found.facts
        self.store.state(self.sweep.digest, facts)
        self.progress.phase = "simulating"
        for chosen, some in (("screened", found.survivors), ("check", found.checks)):
            mine = list(self._mine(some))
            self.estimates = {p.identity: found.estimates[p.identity] for p in mine}
            self.points(mine, chosen, len(mine))
        records = collect(self.store).records
        facts["screening"] = {**found.facts, **screening.errors(records, list(self.objectives))}

    def answer(self, points: Sequence[Point]) -> list[Answer]:
        """Objectives and misses of the points of the last round, for a search."""
        answers: list[Answer] = []
        for point in points:
            runs = [self.runs[job.key] for job in self.keys.jobs(point)]
            if any(run.status != "done" for run in runs):
                answers.append((None, ()))
                continue
            figures = figures_of_point(runs, self.sweep.definition["workloads"])
            values = [figures.get(metric) for metric in self.objectives]
            known = None if None in values else tuple(float(v) for v in values if v is not None)
            answers.append((known, tuple(misses(figures, self.sweep.limits))))
        return answers

    def keep(self, runs: Sequence[Run]) -> None:
        """Put runs into the store, and count the points that are complete by them."""
        self.store.add(runs)
        for run in runs:
            self.runs[run.key] = run
            for point in self.waiting.pop(run.key, []):
                if all(key in self.runs for key in point.runs):
                    self._complete(point)
        self.watch(self.progress)

    def _jobs(self, points: Iterable[Point], chosen: str) -> Iterator[Job]:
        """Runs that are not there yet; the points are put down on the way."""
        stream = iter(points)
        while some := list(islice(stream, _SLICE)):
            jobs = [self.keys.jobs(point) for point in some]
            kept = [
                KeptPoint(
                    point_key(point.chip, point.values, mine), chosen, point.chip, point.values,
                    tuple(job.key for job in mine), self.estimates.get(point.identity, {}),
                )
                for point, mine in zip(some, jobs, strict=True)
            ]  # fmt: skip
            self.store.add_points(self.sweep.digest, kept)
            known = self.store.known([job.key for mine in jobs for job in mine])
            if self.retry:
                lost = [key for key, run in known.items() if run.status != "done"]
                self.store.forget(lost)
                known = {key: run for key, run in known.items() if key not in lost}
            self.runs |= known
            for point, mine in zip(kept, jobs, strict=True):
                lacking = [job for job in mine if job.key not in self.runs]
                if not lacking:
                    self._complete(point, known=True)
                for job in lacking:
                    asked = job.key in self.waiting
                    self.waiting.setdefault(job.key, []).append(point)
                    if not asked:
                        yield job

    def _complete(self, point: KeptPoint, known: bool = False) -> None:
        runs = [self.runs[key] for key in point.runs]
        if known:
            self.progress.known += 1
        else:
            self.progress.done += 1
        if any(run.status != "done" for run in runs):
            self.progress.failed += 1
        elif point.chosen != "baseline":
            figures = figures_of_point(runs, self.sweep.definition["workloads"])
            scores = scores_of(figures, self.objectives)
            if scores is not None and not any(misses(figures, self.sweep.limits)):
                self.progress.front.add(scores)
        if known:
            self.watch(self.progress)

    def _mine(self, points: Iterable[Point]) -> Iterable[Point]:
        """Those of this shard."""
        if self.shard is None:
            return points
        part, parts = self.shard
        size = len(points) if isinstance(points, Sequence) else self.sweep.space.size
        block = max(1, min(_SHARD_BLOCK, size // (4 * parts)))
        return (p for i, p in enumerate(points) if i // block % parts == part - 1)

    def _count(self, points: Iterable[Point]) -> int | None:
        """How many of a round are this shard's."""
        if isinstance(points, Sequence):
            return sum(1 for _ in self._mine(points))
        if self.sweep.space.size > _MOST_COUNTED:
            return None
        return sum(1 for _ in self._mine(self.sweep.space.grid()))
