"""An experiment: chips x workloads x overrides, from one YAML file to Results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from shlex import quote
from typing import Any

from pydantic import Field

from simulator.base import yamlio
from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.base.locate import locate
from simulator.base.spec import Spec, build
from simulator.experiment.overrides import ARGUMENTS, describe_overrides, split_overrides
from simulator.experiment.paths import check_path, chip_names, for_chip
from simulator.experiment.run import run
from simulator.hw.chip import load_chip
from simulator.report import REPORTS
from simulator.results.result import Result
from simulator.workload.numerics import PROFILES


class WorkloadEntry(Spec):
    """A network with its own settings."""

    network: str = Field(description="Path, or name under workloads/")
    precision: str | None = Field(None, description="Precision to assume, such as int8 or w4a8")
    batch: int | None = Field(None, description="Binds a free batch dimension", ge=1)
    density: float | None = Field(
        None,
        description="Share of elements of feature maps that are not zero, without inputs",
        ge=0,
        le=1,
    )
    weight_density: float | None = Field(None, description="The same of weights [counted]", ge=0, le=1)
    args: dict[str, Any] = Field(
        default_factory=dict, description="Arguments of its builder that take the place of those in its file"
    )
    inputs: str | None = Field(
        None, description="An .npz file to execute the network on: an array per input, `labels` if any"
    )
    golden: str | None = Field(None, description="An .npz file of expected outputs")
    profile: str | None = Field(None, description="Numerics profile [that of each chip]")


class ExperimentFile(Spec):
    """What an experiment's file says."""

    name: str = Field("", description="Short name; the folder's if left out")
    description: str = Field("", description="What is asked")
    chips: list[str] = Field(description="Chips by path or name", min_length=1)
    workloads: list[str | WorkloadEntry] = Field(
        description="Networks, or mappings with their settings", min_length=1
    )
    set: dict[str, Any] = Field(
        default_factory=dict,
        description="Path -> value for every run; paths start with chip., workload., mapping. "
        "or a chip's name",
    )
    sweep: dict[str, list[Any]] = Field(
        default_factory=dict, description="Path -> values: every combination is a run of its own"
    )
    reports: list[str] = Field(
        default_factory=list, description="Further reports for the folder, such as pictures"
    )
    seed: int = Field(0, description="Recorded in every result", ge=0)


#: Fields of a workload that are overrides of a run, and those that it is given to execute.
SETTINGS = ("precision", "batch", "density", "weight_density")
GIVEN = ("inputs", "golden", "profile")


@dataclass(frozen=True)
class Point:
    """One run of an experiment."""

    chip: str
    workload: WorkloadEntry
    overrides: Mapping[str, Any]


@dataclass(frozen=True)
class Experiment:
    """All runs of an experiment, in the order of its file: chips outside, then workloads, then the sweep."""

    name: str
    points: tuple[Point, ...]
    reports: tuple[str, ...]
    seed: int
    file: str

    def results(self) -> Iterator[Result]:
        """Run point after point.

        Raises
        ------
        InputError
            A point cannot be run; the message names it.
        """
        for number, point in enumerate(self.points, 1):
            named = {f"workload.{name}": value for name, value in point.workload.args.items()}
            overrides = {**point.overrides, **chosen(point.workload, SETTINGS, "workload."), **named}
            given = {name: str(value) for name, value in chosen(point.workload, GIVEN).items()}
            what = f"{point.chip} {point.workload.network} {describe_overrides(overrides)}".strip()
            options = "".join(f" --{name} {quote(value)}" for name, value in given.items())
            asked = f"{quote(point.chip)} {quote(point.workload.network)}{options}"
            command = f"chipsim run {asked} {describe_overrides(overrides)}".strip()
            try:
                result = run(
                    point.chip,
                    point.workload.network,
                    inputs=point.workload.inputs,
                    golden=point.workload.golden,
                    profile=point.workload.profile,
                    overrides=overrides,
                    command=command,
                    seed=self.seed,
                )
            except InputError as error:
                which = f"run {number} of {len(self.points)} ({what})"
                raise InputError(*(Problem(f"{which}: {p}", self.file) for p in error.problems)) from None
            yield result


def chosen(workload: WorkloadEntry, fields: Sequence[str], prefix: str = "") -> dict[str, Any]:
    """What a workload states of some fields."""
    stated = {name: getattr(workload, name) for name in fields}
    return {f"{prefix}{name}": value for name, value in stated.items() if value is not None}


def is_experiment(path: str) -> bool:
    """Whether a name given to `run` alone is an experiment's file."""
    return Path(path).suffix in (".yaml", ".yml")


def load_experiment(path: str | Path) -> Experiment:
    """Read an experiment and check every chip, network and path in it.

    Raises
    ------
    InputError
        With every problem at once, each with its place.
    """
    document = yamlio.load(Path(path))
    if isinstance(document.data, dict) and {"cores", "layers", "package"} & set(document.data):
        what = "chip; a network is missing" if "cores" in document.data else "network; a chip is missing"
        raise InputError(document.problem(f"this is a {what}: chipsim run CHIP NETWORK"))
    if isinstance(document.data, dict) and "axes" in document.data:
        raise InputError(document.problem("this is a sweep: chipsim sweep FILE"))
    top = build(ExperimentFile, document.data, document, "")
    names = chip_names(top.chips, document)
    points = []
    problems: list[Problem] = []
    for key in ("set", "sweep"):
        for where in getattr(top, key):
            problems += check_path(where, (key, where), names, document)
    for where, axis in top.sweep.items():
        if not axis:
            problems.append(document.problem("expected at least one value", ("sweep", where)))
    for i, entry in enumerate(top.workloads):
        try:
            locate(entry if isinstance(entry, str) else entry.network, "workloads")
        except InputError as error:
            problems += [document.problem(p.message, ("workloads", i)) for p in error.problems]
        problems += given_problems(entry, i, document) if not isinstance(entry, str) else []
    problems += [
        document.problem(
            f"expected one of the reports {', '.join(REPORTS.names())}, got '{name}'"
            f"{did_you_mean(name, REPORTS.names())}",
            ("reports", i),
        )
        for i, name in enumerate(top.reports)
        if name not in REPORTS
    ]
    if problems:
        raise InputError(*problems)
    for chip, entry in product(top.chips, top.workloads):
        workload = WorkloadEntry(network=entry) if isinstance(entry, str) else entry
        for values in product(*top.sweep.values()):
            settings = {**top.set, **dict(zip(top.sweep, values, strict=True))}
            points.append(Point(chip, workload, for_chip(settings, names[chip], set(names.values()))))
    unique = [point for i, point in enumerate(points) if point not in points[:i]]
    _check_values(unique, top, document)
    return Experiment(
        top.name or Path(path).parent.name, tuple(unique), tuple(top.reports), top.seed, str(path)
    )


def given_problems(entry: WorkloadEntry, index: int, document: yamlio.Document) -> list[Problem]:
    """Files to execute on must be there, and a profile known, before anything runs."""
    place = ("workloads", index)
    problems = [
        document.problem(f"no such file: {value}", (*place, name))
        for name in ("inputs", "golden")
        if (value := getattr(entry, name)) is not None and not Path(value).is_file()
    ]
    if entry.profile is not None and entry.profile not in PROFILES:
        expected = f"expected one of {', '.join(PROFILES)}, got '{entry.profile}'"
        hint = did_you_mean(entry.profile, PROFILES)
        problems.append(document.problem(expected + hint, (*place, "profile")))
    unknown = [name for name in entry.args if name not in ARGUMENTS]
    problems += [
        document.problem(
            f"unknown argument of a builder, expected one of {', '.join(ARGUMENTS)}"
            f"{did_you_mean(name, ARGUMENTS)}",
            (*place, "args", name),
        )
        for name in unknown
    ]
    if entry.inputs is None and (entry.golden is not None or entry.profile is not None):
        name = "golden" if entry.golden is not None else "profile"
        problems.append(document.problem("only inputs can be executed; give them as well", (*place, name)))
    return problems


def _check_values(points: list[Point], top: ExperimentFile, document: yamlio.Document) -> None:
    """Build every chip under every value once, the others as in its first point, before anything runs."""
    problems: list[Problem] = []
    first: dict[str, Mapping[str, Any]] = {}
    for point in points:
        start = first.setdefault(point.chip, point.overrides)
        if sum(start[path] != value for path, value in point.overrides.items()) > 1:
            continue
        try:
            load_chip(point.chip, split_overrides(point.overrides)[0])
        except InputError as error:
            problems += [_in_file(problem, top, document) for problem in error.problems]
    if problems:
        raise InputError(*dict.fromkeys(problems))


def _in_file(problem: Problem, top: ExperimentFile, document: yamlio.Document) -> Problem:
    """The problem of an override, at the key of the experiment that states it."""
    for key in ("sweep", "set"):
        for where in getattr(top, key):
            paths = (where, where.partition(".")[2])  # with the chip's name in front, or after it
            if any((problem.file or "").startswith(f"--set {path}=") for path in paths):
                return document.problem(problem.message, (key, where))
    return problem
