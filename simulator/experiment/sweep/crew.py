"""Who does the work: processes of this machine, or a dask cluster. Both are executors, and no more is asked.

A crew hands out the executor of each of its workers, makes a new one where the old one broke, and one of a
single process for jobs that are suspected of having broken it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import forkserver, resource_tracker
from typing import Any, Protocol

from simulator.base.errors import InputError, Problem
from simulator.experiment.sweep.evaluate import NEEDED, ONE_THREAD, begin
from simulator.experiment.sweep.identity import model_version
from simulator.kernels.cache import is_warm


class Crew(Protocol):
    """Executors for ``execute``."""

    size: int  # workers
    plugins: tuple[str, ...]  # modules that every process imports

    @property
    def warm(self) -> bool:
        """Whether kernels are compiled already: then nobody has to be first."""

    def executor(self, worker: int) -> Executor:
        """The executor of a worker, a new one after ``drop``."""

    def alone(self) -> Executor | None:
        """An executor of one process, None where a death costs nobody else's job."""

    def drop(self, executor: Executor) -> None:
        """Let go of an executor that broke, or is done with."""

    def close(self) -> None:
        """Let go of everything, at once."""


class Processes:
    """Processes of this machine, each with an executor of its own.

    They are forked by a server that has imported what a run needs, so that each starts in milliseconds.
    """

    def __init__(self, workers: int, plugins: Sequence[str] = ()) -> None:
        self.size, self.plugins = workers, tuple(plugins)
        self._context = multiprocessing.get_context("forkserver")
        self._open: dict[ProcessPoolExecutor, int] = {}

    @property
    def warm(self) -> bool:
        """Whether some process has compiled kernels before."""
        return is_warm()

    def executor(self, worker: int) -> Executor:
        """The process of a worker."""
        mine = next((pool for pool, whose in self._open.items() if whose == worker), None)
        return mine or self._pool(worker)

    def alone(self) -> Executor:
        """A process beside those of the workers."""
        return self._pool(-1)

    def drop(self, executor: Executor) -> None:
        """End the process of an executor."""
        if isinstance(executor, ProcessPoolExecutor) and self._open.pop(executor, None) is not None:
            _end(executor)

    def close(self) -> None:
        """End all processes, busy or not."""
        for executor in list(self._open):
            self.drop(executor)

    def _pool(self, worker: int) -> ProcessPoolExecutor:
        if not self._open:
            _start_server()
        pool = ProcessPoolExecutor(1, self._context, initializer=begin)
        self._open[pool] = worker
        return pool


def _start_server() -> None:
    """Start the fork server with everything imported; libraries decide then how many threads they have."""
    multiprocessing.set_forkserver_preload([*NEEDED])
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    resource_tracker.ensure_running()  # it lets SIGINT through when it starts, so it is first
    # Ctrl-C goes to the whole group; the server, which inherits this, is not to show where its imports were.
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)  # what came meanwhile is for this process
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _end(executor: ProcessPoolExecutor) -> None:
    """Stop a pool without waiting for what its processes are at; their results are of no use any more."""
    processes = list((getattr(executor, "_processes", None) or {}).values())
    executor.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(timeout=5)


class Cluster:
    """Workers of a dask cluster, by the address of its scheduler.

    Raises
    ------
    InputError
        dask is not installed, nobody answers, nobody works there, or somebody runs another version of us.
    """

    def __init__(self, address: str, plugins: Sequence[str] = (), timeout_s: float = 10.0) -> None:
        self.plugins = tuple(plugins)
        try:
            from distributed import Client  # optional, and heavy
        except ImportError:
            message = "a cluster needs dask: pip install 'chipsim[cluster]'"
            raise InputError(Problem(message, path="--cluster")) from None
        try:
            self._client: Any = Client(address, timeout=timeout_s, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            message = f"expected the address of a dask scheduler such as tcp://host:8786; {address}: {error}"
            raise InputError(Problem(message, path="--cluster")) from None
        try:
            self._workers = self._greet(address)
        except BaseException:
            self._client.close()
            raise
        self.size = len(self._workers)
        self._executors: dict[int, Any] = {}

    def _greet(self, address: str) -> list[str]:
        """See that every worker can do the work; their addresses."""
        threads: dict[str, int] = self._client.nthreads()
        if not threads:
            message = f"nobody works at {address} yet; start `dask worker {address}`"
            raise InputError(Problem(message, path="--cluster"))
        more = [worker for worker, count in threads.items() if count != 1]
        if more:
            message = f"expected workers of one thread each (dask worker --nthreads 1), not {more[0]}"
            raise InputError(Problem(message, path="--cluster"))
        try:
            versions: dict[str, str] = self._client.run(model_version, self.plugins)
        except ImportError as error:
            message = f"workers at {address} lack chipsim ({error}); install the same version there"
            raise InputError(Problem(message, path="--cluster")) from None
        mine = model_version(self.plugins)
        others = sorted({version for version in versions.values() if version != mine})
        if others:
            message = f"expected workers with chipsim {mine}, got {', '.join(others)}"
            raise InputError(Problem(message, path="--cluster"))
        return sorted(threads)

    @property
    def warm(self) -> bool:
        """Nobody knows: workers may be on several machines."""
        return False

    def executor(self, worker: int) -> Executor:
        """A worker as an executor; where it is gone, or slow, others do what it was to do."""
        if worker not in self._executors:
            self._executors[worker] = self._client.get_executor(
                retries=0, workers=[self._workers[worker]], allow_other_workers=True
            )
        found: Executor = self._executors[worker]
        return found

    def alone(self) -> None:
        """Nothing: dask itself tries the jobs of a dead worker again, and gives up one that kills several."""
        return

    def drop(self, executor: Executor) -> None:
        """Let go of an executor."""
        self._executors = {worker: each for worker, each in self._executors.items() if each is not executor}

    def close(self) -> None:
        """Cancel what is left and leave."""
        for executor in self._executors.values():
            executor.shutdown(wait=False)  # cancels what is left
        self._client.close()
