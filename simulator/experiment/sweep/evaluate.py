"""One run of a sweep, in whichever process: from names and overrides to plain figures."""

from __future__ import annotations

import gc
import multiprocessing.connection
import os
import signal
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

from simulator.base.errors import InputError
from simulator.base.registry import import_plugin
from simulator.experiment.overrides import split_overrides
from simulator.experiment.sweep.store import Run

#: Environment in which libraries keep to one thread: there is a worker per core.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
#: What a run imports, numba and simpy among it: at the start of a worker, not in its first run.
NEEDED = (
    "simulator.engine.simulate", "simulator.mapping.lower", "simulator.experiment.language",
    "simulator.experiment.single", "simulator.experiment.sweep.measures",
    "simulator.kernels.search", "simulator.kernels.visits", "simulator.kernels.hazard",
)  # fmt: skip
#: Allocations between two collections: what planning remembers is large and lives long, and looking through
#: it as often as Python does by default takes a quarter of a worker's time.
_COLLECT = (100_000, 50, 100)
#: Lines of a traceback that are kept.
_LINES = 12


@dataclass(frozen=True, slots=True)
class Job:
    """What one run takes: names and plain values, so that any process can do it.

    ``overrides`` hold the settings of the workload too; ``given`` are ``inputs``, ``golden``, ``profile``.
    Jobs that are ``like`` have plans with much in common: a worker should do them one after the other.
    """

    key: str
    chip: str
    network: str
    overrides: tuple[tuple[str, str], ...]
    given: tuple[tuple[str, str], ...] = ()
    seed: int = 0
    like: str = ""


def begin() -> None:
    """What a worker process does first: one thread, no interrupts but its parent's, everything loaded."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    os.environ.update(ONE_THREAD)
    load()
    gc.collect()
    gc.freeze()  # what is there now stays: not to be looked through again and again
    gc.set_threshold(*_COLLECT)


def _end_with(sentinel: int) -> None:
    """End when the parent does: a killed one cannot say so, and nobody else would."""
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def load() -> None:
    """Import everything that a run needs."""
    for module in NEEDED:
        import_module(module)


def evaluate(jobs: Sequence[Job], plugins: Sequence[str] = ()) -> list[Run]:
    """Runs of some jobs, in their order; whatever goes wrong with one is what its run says."""
    for module in plugins:
        import_plugin(module)
    return [_evaluate(job) for job in jobs]


def _evaluate(job: Job) -> Run:
    began = time.perf_counter()
    about: dict[str, Any] = {"chip": job.chip, "network": job.network, "set": dict(job.overrides)}
    try:
        figures, left_out = _figures(job)
    except InputError as error:
        run = Run(job.key, "refused", {}, str(error), about)
    except Exception as error:  # a defect of ours costs this point, not the sweep
        lines = traceback.format_exception(error)[-_LINES:]
        run = Run(job.key, "failed", {}, f"{type(error).__name__}: {error}", {**about, "traceback": lines})
    else:
        run = Run(job.key, "done", figures, "", {**about, **left_out})
    return Run(run.key, run.status, run.figures, run.error, run.about, time.perf_counter() - began)


def _figures(job: Job) -> tuple[dict[str, Any], dict[str, Any]]:
    """Metrics of a run, and what its result assumes and leaves out."""
    from simulator.experiment.run import run
    from simulator.experiment.single import finish, prepare_with_values, with_values
    from simulator.experiment.sweep.measures import figures_of
    from simulator.experiment.values import read_given
    from simulator.hw.chip import load_chip
    from simulator.hw.spiking import is_spiking

    overrides = dict(job.overrides)
    for_chip, settings = split_overrides(overrides)
    chip = load_chip(job.chip, for_chip)
    network = job.network, tuple(sorted(settings.items()))
    given: dict[str, Any] = dict(job.given)
    if is_spiking(chip) or not _one_graph(*network):
        inputs, golden, profile = (given.get(name) for name in ("inputs", "golden", "profile"))
        result = run(
            job.chip, job.network, overrides=overrides, seed=job.seed,
            inputs=inputs, golden=golden, profile=profile,
        )  # fmt: skip
    else:
        values = read_given(given.get("inputs"), given.get("golden"), given.get("profile"))
        left = {f"workload.{name}": text for name, text in settings.items()}
        chip, schedule, found = prepare_with_values(chip, _network(*network), overrides=left, given=values)
        result = finish(chip, schedule, seed=job.seed, beside=False, details=False)
        result = with_values(result, found)
    said = {"assumptions": list(result.assumptions), "not_modelled": list(result.not_modelled)}
    return figures_of(result), said


@lru_cache(maxsize=64)
def _one_graph(network: str, settings: tuple[tuple[str, str], ...]) -> bool:
    """Whether a network is one graph that is the same on every chip, and carries no samples."""
    from simulator.experiment.execute import carried_samples
    from simulator.experiment.language import language_model
    from simulator.experiment.matching import matching
    from simulator.experiment.run import refuse_settings
    from simulator.workload.load import is_spiking

    asked = dict(settings)
    if is_spiking(network):
        return False
    refuse_settings(asked)
    others = language_model(network, asked, None), matching(network, asked), carried_samples(network, asked)
    return all(other is None for other in others)


@lru_cache(maxsize=64)  # for the life of a worker, in which nobody edits the file
def _network(network: str, settings: tuple[tuple[str, str], ...]) -> Any:
    from simulator.experiment.single import load_network

    read: Mapping[str, str] = dict(settings)
    return load_network(network, read, None)
