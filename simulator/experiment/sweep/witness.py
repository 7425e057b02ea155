"""Every value of every axis at one real point, built before anything runs, so that what is wrong is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from simulator.base.errors import InputError, Problem
from simulator.base.yamlio import Document
from simulator.experiment.overrides import split_overrides
from simulator.experiment.sweep.axes import Axis
from simulator.experiment.sweep.space import Point, Space
from simulator.hw.chip import Chip, load_chip

if TYPE_CHECKING:
    from simulator.experiment.sweep.load import Workload

#: Values of one axis that are tried: of a fine range, the ends and what lies between evenly.
_MOST_TRIED = 64
#: Problems that are told of one file.
_MOST_TOLD = 40


def value_problems(
    space: Space, baseline: Point | None, workloads: Sequence[Workload], document: Document
) -> list[Problem]:
    """What is wrong with values: chips that cannot be built with them, networks that cannot be read.

    Each value is tried at the first point that has it, so conditions and constraints hold there.
    """
    problems: dict[Problem, None] = {}
    seen: set[Any] = set()
    for axis, place, point in _witnesses(space, baseline):
        if point is None:
            message = "no point meets the constraints"
            where = ("constraints",) if space.constraints else ("axes",)
            return [document.problem(message, where)]
        if point.identity in seen:
            continue
        seen.add(point.identity)
        for problem in _wrong_at(point, space, workloads, document):
            placed = _placed(problem, axis, place, point, space, document)
            if point is baseline:
                placed = _in_baseline(problem, space, document) or placed
            problems.setdefault(placed)
        if len(problems) >= _MOST_TOLD:
            break
    return list(problems)


def _witnesses(space: Space, baseline: Point | None) -> Iterator[tuple[Axis | None, int, Point | None]]:
    """(axis, place along it, the first point there) for each value; the point is None where there is none."""
    first = next(space.grid(), None)
    yield None, 0, first
    if first is None:
        return
    if baseline is not None:
        yield None, 0, baseline
    for axis in space.axes:
        last = len(axis.values) - 1
        tried = min(len(axis.values), _MOST_TRIED)
        for place in sorted({last * i // max(tried - 1, 1) for i in range(tried)}):
            for point in islice(space.grid(at={axis.name: place}), 1):
                yield axis, place, point


def _wrong_at(point: Point, space: Space, workloads: Sequence[Workload], document: Document) -> list[Problem]:
    try:
        for_chip, settings = split_overrides(space.overrides(point))
        chip = load_chip(point.chip, for_chip)
    except InputError as error:
        return list(error.problems)
    if not any(path.startswith("workload.") for path in point.values) and not _is_first(space, point):
        return []
    problems: list[Problem] = []
    for i, workload in enumerate(workloads):
        own = split_overrides(workload.settings)[1]
        for problem in _network_problems(workload, {**settings, **own}, chip):
            bare = problem.file in (None, "", workload.network) and not problem.line and not problem.path
            problems.append(document.problem(problem.message, ("workloads", i)) if bare else problem)
    return problems


def _is_first(space: Space, point: Point) -> bool:
    """Whether networks are read at this point with what holds for all points."""
    first = next(space.grid(), None)
    return first is not None and point.identity == first.identity


def _network_problems(workload: Workload, settings: Mapping[str, str], chip: Chip) -> list[Problem]:
    """What is wrong with a network and the settings of its runs."""
    from simulator.experiment.language import language_model  # readers of networks: heavy
    from simulator.experiment.single import load_network, with_precision
    from simulator.experiment.spikingrun import prepare_spiking, refuse_settings, spikes
    from simulator.experiment.values import with_zeros

    network = workload.network
    try:
        if spikes(chip, network):
            prepare_spiking(chip, network, settings, workload.given.get("inputs"))
            return []
        refuse_settings(settings)
        if language_model(network, settings, None) is None:
            graph = with_precision(load_network(network, settings, None), chip, settings.get("precision"))
            with_zeros(graph, chip, settings, None)
    except InputError as error:
        return list(error.problems)
    return []


def _placed(
    problem: Problem, axis: Axis | None, place: int, point: Point, space: Space, document: Document
) -> Problem:
    """The problem at the value that brought it in, if it is the file's; else with the point beside it."""
    stated = problem.file or ""
    stated_in = (("set", space.fixed), ("baseline", _baseline(document)), ("derived", space.derived))
    keys = {(key, path) for key, paths in stated_in for path in paths}
    for key, where in sorted(keys):
        bare = where.partition(".")[2]
        if any(stated.startswith(f"--set {path}=") for path in (where, bare)) and where not in point.values:
            return document.problem(problem.message, (key, where))
    for path in point.values:
        above = problem.path and f"{path}.".startswith(f"{problem.path}.")  # came into being with it
        if stated.startswith(f"--set {path}=") or above:
            found = next((other for other in space.axes if path in _local(other, point, space)), None)
            if found is not None:
                return document.problem(problem.message, _where(found, path, point, space, document))
    if axis is None:
        return problem if problem.line else document.problem(problem.message, ("axes",))
    said = ", ".join(f"{path}={value}" for path, value in zip(axis.paths, axis.values[place], strict=True))
    return replace(problem, message=f"with {said}: {problem.message}")


def _in_baseline(problem: Problem, space: Space, document: Document) -> Problem | None:
    """The problem at the value of the baseline that brought it in; None where the file has another place."""
    stated = problem.file or ""
    for path in _baseline(document):
        bare = path.removeprefix(f"{space.names[space.chips[0]]}.").removeprefix("chip.")
        if stated.startswith(f"--set {bare}="):
            return document.problem(problem.message, ("baseline", path))
    return document.problem(problem.message, ("baseline",)) if stated == space.file else None


def _baseline(document: Document) -> Mapping[str, Any]:
    return document.data.get("baseline") or {}


def _local(axis: Axis, point: Point, space: Space) -> tuple[str, ...]:
    name = f"{space.names[point.chip]}."
    return tuple(path.removeprefix(name).removeprefix("chip.") for path in axis.paths)


def _where(axis: Axis, path: str, point: Point, space: Space, document: Document) -> tuple[str | int, ...]:
    """Key path of the value of a path at a point: the item of its list, or its range."""
    column = _local(axis, point, space).index(path)
    form = document.data["axes"][axis.name]
    keys: tuple[str | int, ...] = ("axes", axis.name)
    if isinstance(form, dict) and "tie" in form:
        written = axis.paths[column]
        form, keys = form["tie"][written], (*keys, "tie", written)
    if isinstance(form, dict) and "values" in form:
        form, keys = form["values"], (*keys, "values")
    if isinstance(form, list) and point.values[path] in form:
        return (*keys, form.index(point.values[path]))
    return keys
