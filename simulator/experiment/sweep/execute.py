"""Jobs through executors: handed out in small batches, kept as they come back, whatever dies meanwhile."""

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
#: Batches of a worker under way: one that it does, one that waits.
IN_FLIGHT = 2
#: Jobs that are looked at ahead of the workers, to find those that are alike.
WINDOW = 256
#: Jobs that are taken from the stream at a time: to make them takes the parent some milliseconds each.
_SIP, _SIPS = 16, 2
#: Workers that break so often without a finished job are no use.
MOST_BREAKS = 3

Batch = tuple[Job, ...]
Done = Callable[[Sequence[Run]], None]


def execute(jobs: Iterable[Job], crew: Crew, done: Done) -> None:
    """Run jobs and hand over what comes back, as it comes.

    Jobs of one kind (``Job.like``) go to one worker, one after the other, since plans for like chips have
    much in common; a worker that finds no kind of its own helps with the largest. When a process dies it is
    replaced, and what it had in flight is run again, job by job in a process of its own: one that kills that
    too is the culprit, and its run says so.

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


class _Ahead:
    """Jobs that were made and are not handed out yet, by kind; each worker keeps to a kind of its own."""

    def __init__(self, jobs: Iterator[Job]) -> None:
        self.jobs = jobs
        self.kinds: dict[str, deque[Job]] = {}
        self.count = 0
        self.over = False
        self.own: dict[int, str] = {}  # worker -> its kind

    def look(self) -> None:
        """Make some more jobs, if there is room and there are any."""
        if self.over or self.count >= WINDOW:
            return
        some = list(islice(self.jobs, _SIP))
        self.over = len(some) < _SIP
        self.count += len(some)
        for job in some:
            self.kinds.setdefault(job.like, deque()).append(job)

    def take(self, worker: int, most: int) -> Batch:
        """The next jobs for a worker; empty when none are left."""
        kind = self.own.get(worker)
        for _ in range(_SIPS):  # there may be more of it a little further on
            if kind is None or kind in self.kinds:
                break
            self.look()
        if kind not in self.kinds:
            kind = self._choose(worker)
        if kind is None:
            return ()
        queue = self.kinds[kind]
        mine = kind == self.own.get(worker)
        batch = tuple(
            queue.popleft() if mine else queue.pop() for _ in range(min(most, self._fair(queue, mine)))
        )
        self.count -= len(batch)
        if not queue:
            del self.kinds[kind]
        return batch if mine else batch[::-1]

    def _choose(self, worker: int) -> str | None:
        """A kind that no other worker has; else, to help with, the one of which most is left."""
        self.own.pop(worker, None)
        while True:
            free = next((kind for kind in self.kinds if kind not in self.own.values()), None)
            if free is not None:
                self.own[worker] = free
                return free
            before = self.count
            self.look()
            if self.count == before:
                return max(self.kinds, key=lambda kind: len(self.kinds[kind]), default=None)

    @staticmethod
    def _fair(queue: deque[Job], mine: bool) -> int:
        """How many a helper takes at most: half, so that both end at about the same time."""
        return len(queue) if mine else -(-len(queue) // 2)


class _Work:
    """What is waiting, in flight and suspected."""

    def __init__(self, jobs: Iterator[Job], crew: Crew, done: Done) -> None:
        self.ahead, self.crew, self.done = _Ahead(jobs), crew, done
        self.flying: dict[Future[list[Run]], tuple[int, Batch]] = {}
        self.returned: deque[Batch] = deque()
        self.batch_size = 1
        self.breaks = 0
        self.alone = not crew.warm  # the first job: it compiles what all need

    def run(self) -> None:
        """Until nothing is left."""
        while True:
            self.hand_out()
            if not self.flying:
                return
            self.ahead.look()  # while the workers work
            ready, _ = wait(self.flying, return_when=FIRST_COMPLETED)
            suspects: dict[int, list[Batch]] = {}
            for future in ready:
                worker, batch = self.flying.pop(future)
                if not self.collect(future, batch):
                    suspects.setdefault(worker, []).append(batch)
            for worker, batches in suspects.items():
                self.recover(worker, batches)

    def hand_out(self) -> None:
        """Keep every worker busy and one batch more waiting for each."""
        load = [0] * self.crew.size
        for worker, _ in self.flying.values():
            load[worker] += 1
        for depth in range(IN_FLIGHT):
            for worker in range(self.crew.size):
                if self.alone and self.flying:
                    return
                if load[worker] > depth:
                    continue
                batch = self.next_batch(worker)
                if not batch:
                    return
                load[worker] += 1
                try:
                    future = self.crew.executor(worker).submit(evaluate, batch, self.crew.plugins)
                    self.flying[future] = worker, batch
                except BrokenExecutor:
                    self.recover(worker, [batch])

    def next_batch(self, worker: int) -> Batch:
        """What a worker is to do next; empty when nothing is left."""
        return self.returned.popleft() if self.returned else self.ahead.take(worker, self.batch_size)

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
        self.alone = False
        self.breaks = 0
        self.done(runs)
        mean_s = sum(run.seconds for run in runs) / len(runs)
        self.batch_size = max(1, min(MOST_IN_BATCH, round(BATCH_S / max(mean_s, 1e-3))))

    def recover(self, worker: int, suspects: list[Batch]) -> None:
        """Replace a worker that died, and try each job that it had in flight in a process of its own."""
        self.breaks += 1
        if self.breaks > MOST_BREAKS:
            message = (
                f"worker processes died {self.breaks} times without finishing anything; is memory short?"
            )
            raise InputError(Problem(message, path="sweep"))
        for future, (whose, batch) in list(self.flying.items()):
            if whose == worker:
                del self.flying[future]
                suspects.append(batch)
        self.crew.drop(self.crew.executor(worker))
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
            self.alone = False
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
