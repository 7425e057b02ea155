"""What if one parameter of the chip were better: each in turn, everything planned and simulated anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context

from simulator.base import units
from simulator.base.errors import InputError
from simulator.base.reading import yaml_key
from simulator.base.registry import import_plugin
from simulator.base.units import UNLIMITED
from simulator.experiment.overrides import split_overrides
from simulator.experiment.single import finish, load_network, prepare
from simulator.hw.chip import FAMILIES, Chip, load_chip
from simulator.workload.graph import Graph


@dataclass(frozen=True, slots=True)
class Change:
    """A parameter of a chip by its path, as it is and as it might be, both as ``--set`` takes them."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Case:
    """What is run; changes are overrides beside its own. Names and paths, so that other processes can."""

    chip: str
    network: str
    overrides: Mapping[str, object]
    batch: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Latencies in fs, of the run and of every layer, energy and area; ``refused`` says why none."""

    latency_fs: int = 0
    layers_fs: tuple[int, ...] = ()
    refused: str = ""
    energy_j: float | None = None
    area_mm2: float | None = None


def changes(chip: Chip) -> list[Change]:
    """Every number of the chip's components that can make it faster, twice or half as large; and of clusters.

    Which way is better the component says (``Component.better_when``). Left out is what is unlimited already,
    0, or no part of the chip's file.
    """
    found = [
        Change(f"clusters.{name}.count", str(cluster.count), str(2 * cluster.count))
        for name, cluster in chip.clusters.items()
    ]
    for family in FAMILIES:
        written = {
            chip.written_as(name): component
            for name, component in getattr(chip, family).items()
            if name in (chip.document.data.get(family) or {})
        }
        for name, component in written.items():
            for field in type(component).model_fields:
                value, better = getattr(component, field), component.better_when(field)
                if not better or isinstance(value, bool) or not isinstance(value, int | float):
                    continue
                less = value // 2 if isinstance(value, int) else value / 2
                after = 2 * value if better == "more" else less
                if 0 < value < UNLIMITED and after != value:
                    path = f"{family}.{name}.{yaml_key(field)}"
                    found.append(Change(path, _written(value, field), _written(after, field)))
    return found


def _written(value: int | float, field: str) -> str:
    """A number with its unit, without the space that a shell would cut at."""
    dimension = units.split_suffix(field)[1]
    return units.format(value, dimension).replace(" ", "") if dimension else repr(value)


def outcomes(
    case: Case,
    graph: Graph,
    tried: Sequence[Change],
    *,
    workers: int = 1,
    plugins: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
) -> list[Outcome]:
    """What a run gives under each change alone, in their order; the number of workers changes nothing.

    ``graph`` is the case's network as ``load_network`` read it. Several workers read it again themselves:
    then the case's names have to lead there, and Python has to find its main module again (the usual guard of
    ``multiprocessing``); ``plugins`` are the modules that they import first.
    """
    say = progress or (lambda text: None)
    found: list[Outcome] = []

    def told(outcome: Outcome) -> None:
        found.append(outcome)
        say(f"{len(found)}/{len(tried)} {tried[len(found) - 1].path}={tried[len(found) - 1].after}")

    if workers <= 1 or len(tried) < 2:
        for change in tried:
            told(outcome_of(case, graph, change))
        return found
    fresh = get_context("spawn")  # the same on every system, and safe beside threads
    pool = ProcessPoolExecutor(
        min(workers, len(tried)), fresh, initializer=_begin, initargs=(tuple(plugins),)
    )
    with pool:
        jobs = [pool.submit(_in_worker, case, change) for change in tried]
        try:
            for job in jobs:
                told(job.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return found


def outcome_of(case: Case, graph: Graph, change: Change) -> Outcome:
    """One run under one change."""
    overrides = {**case.overrides, change.path: change.after}
    try:
        result = finish(*prepare(case.chip, graph, overrides=overrides), beside=False)
    except InputError as error:
        return Outcome(refused=error.problems[0].message)
    rows = tuple(row.end_fs - row.start_fs for row in result.rows)
    metrics = result.metrics
    return Outcome(
        round(metrics.latency_s * 1e15), rows, energy_j=metrics.energy_j, area_mm2=metrics.area_mm2
    )


def _begin(plugins: tuple[str, ...]) -> None:
    for module in plugins:
        import_plugin(module)


def _in_worker(case: Case, change: Change) -> Outcome:
    for_chip, settings = (tuple(sorted(each.items())) for each in split_overrides(case.overrides))
    return outcome_of(case, _read(case.chip, case.network, for_chip, settings, case.batch), change)


@cache  # for the life of a worker, in which nobody edits the file
def _read(
    chip: str,
    network: str,
    for_chip: tuple[tuple[str, str], ...],
    settings: tuple[tuple[str, str], ...],
    batch: int | None,
) -> Graph:
    return load_network(network, dict(settings), batch, load_chip(chip, dict(for_chip)))
