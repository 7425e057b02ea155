"""Jobs of a sweep handed to workers: kinds stay together, what dies costs itself alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simulator.base.errors import InputError
from simulator.experiment.sweep.evaluate import Job
from simulator.experiment.sweep.execute import MOST_IN_BATCH, execute
from simulator.experiment.sweep.store import Run


class Crew:
    """Stands for a pool that breaks as it is told: batches run in this very thread."""

    size = 2
    plugins = ()

    def __init__(self, deadly: set[str]) -> None:
        self.deadly, self.started = deadly, 0

    warm = False

    def executor(self, worker: int) -> Any:
        return self

    def alone(self) -> Any:
        self.started += 1
        return self

    def drop(self, executor: Any) -> None:
        pass

    def submit(self, function: Callable[..., Any], batch: tuple[Job, ...], plugins: object) -> Any:
        from concurrent.futures import BrokenExecutor, Future

        future: Future[Any] = Future()
        if any(job.key in self.deadly for job in batch):
            future.set_exception(BrokenExecutor("died"))
        else:
            future.set_result([Run(job.key, "done", {"n": 1}, seconds=0.01) for job in batch])
        return future


def test_a_job_that_kills_its_process_costs_itself_alone():
    jobs = [Job(f"{i:02}", "c", "n", ()) for i in range(40)]
    kept: dict[str, str] = {}
    execute(jobs, Crew({"07", "31"}), lambda runs: kept.update({run.key: run.status for run in runs}))  # type: ignore[arg-type]
    assert len(kept) == 40
    assert {key for key, status in kept.items() if status == "crashed"} == {"07", "31"}


def test_jobs_of_a_kind_go_to_one_worker_and_nobody_is_idle():
    """Three kinds in turn as a grid has them where the axis that tells them apart is the last: two workers
    take one each and go through it in order; whoever is done first takes the third, then both share it."""
    jobs = [Job(f"{i:03}", "c", "n", (), like="abc"[i % 3]) for i in range(90)]
    crew = Recording()
    seen: list[str] = []
    execute(jobs, crew, lambda runs: seen.extend(run.key for run in runs))  # type: ignore[arg-type]
    assert sorted(seen) == [job.key for job in jobs]
    of_kind = {kind: [w for w, job in crew.handed if job.like == kind] for kind in "abc"}
    assert len(set(of_kind["a"])) == len(set(of_kind["b"])) == 1
    assert set(of_kind["a"]) != set(of_kind["b"])
    for kind in "ab":
        order = [job.key for _, job in crew.handed if job.like == kind]
        assert order == sorted(order)
    assert max(crew.sizes) <= MOST_IN_BATCH
    loads = [sum(w == worker for w, _ in crew.handed) for worker in (0, 1)]
    assert min(loads) >= 30


class Recording(Crew):
    """Two workers that do their batches in turn, and who was given what."""

    warm = True

    def __init__(self) -> None:
        super().__init__(set())
        self.handed: list[tuple[int, Job]] = []
        self.sizes: list[int] = []

    def executor(self, worker: int) -> Any:
        return _Hand(self, worker)


class _Hand:
    def __init__(self, crew: Recording, worker: int) -> None:
        self.crew, self.worker = crew, worker

    def submit(self, function: Callable[..., Any], batch: tuple[Job, ...], plugins: object) -> Any:
        self.crew.handed += [(self.worker, job) for job in batch]
        self.crew.sizes.append(len(batch))
        return self.crew.submit(function, batch, plugins)


def test_a_pool_that_never_lives_is_given_up():
    jobs = [Job(f"{i:02}", "c", "n", ()) for i in range(40)]

    class Dead(Crew):
        def submit(self, function: Callable[..., Any], batch: tuple[Job, ...], plugins: object) -> Any:
            from concurrent.futures import BrokenExecutor

            raise BrokenExecutor("no memory")

    with pytest.raises(InputError, match="worker processes died 4 times without finishing anything"):
        execute(jobs, Dead(set()), lambda runs: None)  # type: ignore[arg-type]
