"""An experiment: chips x workloads x overrides, from one YAML file to Results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import Field

from simulator.base import yamlio
from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.base.locate import locate
from simulator.base.spec import Spec, build
from simulator.experiment.overrides import ARGUMENTS, describe_overrides, run_command, split_overrides
from simulator.experiment.paths import check_path, chip_names, for_chip
from simulator.experiment.quantized import Quantization, overrides_of
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
    quantize: Quantization | None = Field(None, description="Quantize it before it runs [as it is]")
    chips: list[str] = Field(default_factory=list, description="Those of the chips that it is for [all]")
    stream: int = Field(1, description="Also so many inferences back to back, for the throughput", ge=1)
    inputs: str | None = Field(
        None,
        description="An .npz file to execute the network on: an array per input, `labels` if any [the "
        "samples to test on that it carries]",
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
    quick: dict[str, Any] = Field(
        default_factory=dict,
        description="Path -> value of a quick run (`--quick`), in place of all others; `workload.network` is "
        "another network. Runs that become equal are run once",
    )
    seed: int = Field(0, description="Recorded in every result", ge=0)


#: Fields of a workload that are overrides of a run, and those that it is given to execute.
SETTINGS = ("precision", "batch", "density", "weight_density")
GIVEN = ("inputs", "golden", "profile")
#: Path of a quick run that is another network.
NETWORK = "workload.network"


@dataclass(frozen=True)
class Point:
    """One run of an experiment; ``last`` are overrides in place of all others."""

    chip: str
    workload: WorkloadEntry
    overrides: Mapping[str, Any]
    last: Mapping[str, Any] = field(default_factory=dict)

    @property
    def network(self) -> str:
        """Path or name of the network."""
        return str(self.last.get(NETWORK, self.workload.network))

    def settings(self) -> dict[str, Any]:
        """All overrides of the run."""
        named = {f"workload.{name}": value for name, value in self.workload.args.items()}
        last = {path: value for path, value in self.last.items() if path != NETWORK}
        stated = overrides_of(self.workload.quantize, self.overrides)
        return {**stated, **chosen(self.workload, SETTINGS, "workload."), **named, **last}

    def given(self) -> dict[str, str]:
        """What it is given to execute."""
        return {name: str(value) for name, value in chosen(self.workload, GIVEN).items()}


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
            overrides, given = point.settings(), point.given()
            what = f"{point.chip} {point.network} {describe_overrides(overrides)}".strip()
            stream = point.workload.stream
            options = {"stream": stream if stream > 1 else None, **given}
            command = run_command(point.chip, point.network, overrides, options)
            try:
                result = run(
                    point.chip,
                    point.network,
                    inputs=given.get("inputs"),
                    golden=given.get("golden"),
                    profile=given.get("profile"),
                    overrides=overrides,
                    stream=stream,
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


def load_experiment(path: str | Path, *, quick: bool = False) -> Experiment:
    """Read an experiment and check every chip, network and path in it; ``quick``: the runs of a quick one.

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
    for key in ("set", "sweep", "quick"):
        for where in getattr(top, key):
            if (key, where) != ("quick", NETWORK):
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
    problems += _check_choices(top, document)
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
    last = top.quick if quick else {}
    for chip, entry in product(top.chips, top.workloads):
        workload = WorkloadEntry(network=entry) if isinstance(entry, str) else entry
        if workload.chips and chip not in workload.chips:
            continue
        for values in product(*top.sweep.values()):
            mixed = {**top.set, **dict(zip(top.sweep, values, strict=True))}
            mine, final = (for_chip(each, names[chip], set(names.values())) for each in (mixed, last))
            points.append(Point(chip, workload, mine, final))
    runs = [(p.chip, p.network, p.given(), p.workload.stream, p.settings()) for p in points]
    unique = [point for i, point in enumerate(points) if runs[i] not in runs[:i]]
    _check_values(unique, top, document)
    return Experiment(
        top.name or Path(path).parent.name, tuple(unique), tuple(top.reports), top.seed, str(path)
    )


def _check_choices(top: ExperimentFile, document: yamlio.Document) -> list[Problem]:
    """Chips that a workload is for must be chips of the experiment, and a quick run's network be there."""
    problems = [
        document.problem(
            f"expected one of the chips of the experiment, {', '.join(top.chips)}, got '{chip}'"
            f"{did_you_mean(chip, top.chips)}",
            ("workloads", i, "chips", j),
        )
        for i, entry in enumerate(top.workloads)
        for j, chip in enumerate([] if isinstance(entry, str) else entry.chips)
        if chip not in top.chips
    ]
    try:
        if NETWORK in top.quick:
            locate(str(top.quick[NETWORK]), "workloads")
    except InputError as error:
        problems += [document.problem(p.message, ("quick", NETWORK)) for p in error.problems]
    return problems


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
            load_chip(point.chip, split_overrides(point.settings())[0])
        except InputError as error:
            problems += [_in_file(problem, top, document) for problem in error.problems]
    if problems:
        raise InputError(*dict.fromkeys(problems))


def _in_file(problem: Problem, top: ExperimentFile, document: yamlio.Document) -> Problem:
    """The problem of an override, at the key of the experiment that states it."""
    for key in ("quick", "sweep", "set"):
        for where in getattr(top, key):
            paths = (where, where.partition(".")[2])  # with the chip's name in front, or after it
            if any((problem.file or "").startswith(f"--set {path}=") for path in paths):
                return document.problem(problem.message, (key, where))
    return problem
