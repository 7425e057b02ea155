"""Who does the work: processes of this machine, or a dask cluster. Both are executors, and no more is asked.

A crew hands out its executor, makes a new one where the old one broke, and one of a single process for jobs
that are suspected of having broken it.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from typing import Any, Protocol

from simulator.base.errors import InputError, Problem
from simulator.experiment.sweep.evaluate import begin
from simulator.experiment.sweep.identity import model_version


class Crew(Protocol):
    """Executors for ``execute``."""

    size: int  # jobs at a time
    plugins: tuple[str, ...]  # modules that every process imports

    def executor(self) -> Executor:
        """The executor, a new one after ``drop``."""

    def alone(self) -> Executor | None:
        """An executor of one process, None where a death costs nobody else's job."""

    def drop(self, executor: Executor) -> None:
        """Let go of an executor that broke, or is done with."""

    def close(self) -> None:
        """Let go of everything, at once."""


class Processes:
    """Processes of this machine, from a server that forks them before anything is loaded."""

    def __init__(self, workers: int, plugins: Sequence[str] = ()) -> None:
        self.size, self.plugins = workers, tuple(plugins)
        self._context = multiprocessing.get_context("forkserver")
        self._open: list[ProcessPoolExecutor] = []
        self._executor: ProcessPoolExecutor | None = None

    def executor(self) -> Executor:
        """The pool of all workers."""
        if self._executor is None:
            self._executor = self._pool(self.size)
        return self._executor

    def alone(self) -> Executor:
        """A pool of one."""
        return self._pool(1)

    def drop(self, executor: Executor) -> None:
        """End the processes of a pool."""
        if executor is self._executor:
            self._executor = None
        if isinstance(executor, ProcessPoolExecutor) and executor in self._open:
            self._open.remove(executor)
            _end(executor)

    def close(self) -> None:
        """End all processes, busy or not."""
        for executor in list(self._open):
            self.drop(executor)

    def _pool(self, workers: int) -> ProcessPoolExecutor:
        pool = ProcessPoolExecutor(workers, self._context, initializer=begin)
        self._open.append(pool)
        return pool


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
            self.size = self._greet(address)
        except BaseException:
            self._client.close()
            raise
        self._executor: Any = None

    def _greet(self, address: str) -> int:
        """See that every worker can do the work; how many jobs they take at a time."""
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
        return len(threads)

    def executor(self) -> Executor:
        """The cluster as an executor."""
        if self._executor is None:
            self._executor = self._client.get_executor(retries=0)
        found: Executor = self._executor
        return found

    def alone(self) -> None:
        """Nothing: dask itself tries the jobs of a dead worker again, and gives up one that kills several."""
        return

    def drop(self, executor: Executor) -> None:
        """Let go of the executor."""
        self._executor = None

    def close(self) -> None:
        """Cancel what is left and leave."""
        if self._executor is not None:
            self._executor.shutdown(wait=False)  # cancels what is left
        self._client.close()
