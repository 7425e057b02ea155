"""Jobs through an executor: handed out in small batches, kept as they come back, whatever dies meanwhile."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from itertools import islice

from simulator.base.errors import InputError, Problem
from simulator.experiment.sweep.crew import Crew
from simulator.experiment.sweep.evaluate import Job, evaluate
from simulator.experiment.sweep.store import Run

#: What a batch should take: long against handing it out, short against what a death may cost.
BATCH_S = 0.5
MOST_IN_BATCH = 16
#: An executor that breaks so often without a finished job is no use.
MOST_BREAKS = 3

Batch = tuple[Job, ...]
Done = Callable[[Sequence[Run]], None]


def execute(jobs: Iterable[Job], crew: Crew, done: Done) -> None:
    """Run jobs and hand over what comes back, as it comes.

    Jobs that follow each other go to one worker together, since plans for like chips have much in common.
    When a process dies its executor is replaced, and what was in flight is run again, job by job in a process
    of its own: one that kills that too is the culprit, and its run says so.

    Parameters
    ----------
    jobs
        Taken as workers become free, so they may be made meanwhile.
    crew
        Who does them.
    done
        Takes the runs of a batch.

    Raises
    ------
    InputError
        Nothing that is started stays alive, or the cluster has gone.
    """
    _Work(iter(jobs), crew, done).run()


class _Work:
    """What is waiting, in flight and suspected."""

    def __init__(self, jobs: Iterator[Job], crew: Crew, done: Done) -> None:
        self.jobs, self.crew, self.done = jobs, crew, done
        self.flying: dict[Future[list[Run]], Batch] = {}
        self.returned: deque[Batch] = deque()
        self.batch_size = 1
        self.breaks = self.finished = 0

    def run(self) -> None:
        """Until nothing is left."""
        while True:
            self.hand_out()
            if not self.flying:
                return
            ready, _ = wait(self.flying, return_when=FIRST_COMPLETED)
            suspects: list[Batch] = []
            for future in ready:
                batch = self.flying.pop(future)
                if not self.collect(future, batch):
                    suspects.append(batch)
            if suspects:
                self.recover(suspects)

    def hand_out(self) -> None:
        """Keep every worker busy and one batch more waiting for each."""
        most = 2 * self.crew.size if self.finished else 1  # the first alone: it compiles what all need
        while len(self.flying) < most:
            batch = self.returned.popleft() if self.returned else tuple(islice(self.jobs, self.batch_size))
            if not batch:
                return
            try:
                self.flying[self.crew.executor().submit(evaluate, batch, self.crew.plugins)] = batch
            except BrokenExecutor:
                self.recover([batch])

    def collect(self, future: Future[list[Run]], batch: Batch) -> bool:
        """Take what a batch came to; whether its process lived."""
        try:
            runs = future.result()
        except (BrokenExecutor, CancelledError):
            return False
        except Exception as error:
            if type(error).__name__ == "KilledWorker":  # dask's, after several workers died of it
                self.done([crashed(job, str(error)) for job in batch])
                return True
            raise _gone(error) from error
        self.keep(runs)
        return True

    def keep(self, runs: list[Run]) -> None:
        """Hand runs over, and learn from them how many make a batch."""
        self.finished += len(runs)
        self.breaks = 0
        self.done(runs)
        mean_s = sum(run.seconds for run in runs) / len(runs)
        self.batch_size = max(1, min(MOST_IN_BATCH, round(BATCH_S / max(mean_s, 1e-3))))

    def recover(self, suspects: list[Batch]) -> None:
        """Replace a broken executor, and try each job of what it had in flight in a process of its own."""
        self.breaks += 1
        if self.breaks > MOST_BREAKS:
            message = (
                f"worker processes died {self.breaks} times without finishing anything; is memory short?"
            )
            raise InputError(Problem(message, path="sweep"))
        suspects += self.flying.values()
        self.flying.clear()
        self.crew.drop(self.crew.executor())
        alone = self.crew.alone()
        if alone is None:
            self.returned.extend(suspects)
            return
        try:
            for job in (job for batch in suspects for job in batch):
                alone = self.try_alone(job, alone)
        finally:
            self.crew.drop(alone)

    def try_alone(self, job: Job, alone: Executor) -> Executor:
        """Run a suspect; a new executor if it kills this one."""
        began = time.perf_counter()
        try:
            self.keep(alone.submit(evaluate, (job,), self.crew.plugins).result())
        except BrokenExecutor:
            self.finished += 1
            self.done([crashed(job, "", time.perf_counter() - began)])
            self.crew.drop(alone)
            return self.crew.alone() or alone
        return alone


def crashed(job: Job, said: str, seconds: float = 0.0) -> Run:
    """The run of a job whose process died."""
    why = f" ({said})" if said else ""
    error = f"its process died twice{why}: killed, out of memory, or a crash of compiled code"
    about = {"chip": job.chip, "network": job.network, "set": dict(job.overrides)}
    return Run(job.key, "crashed", {}, error, about, seconds)


def _gone(error: Exception) -> InputError:
    message = f"the workers have gone ({type(error).__name__}: {error}); what is finished is kept, the same "
    return InputError(Problem(f"{message}command resumes", path="sweep"))
