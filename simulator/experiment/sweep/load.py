"""A sweep's file, checked: every chip, network, path, value and expression, before anything runs."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simulator.base import units, yamlio
from simulator.base.errors import InputError, Problem, did_you_mean, shown
from simulator.base.locate import locate
from simulator.base.spec import build
from simulator.experiment.experiment import GIVEN, SETTINGS, chosen, given_problems
from simulator.experiment.paths import check_path, chip_names, for_chip
from simulator.experiment.sweep import measures
from simulator.experiment.sweep.axes import Axis, read_axes
from simulator.experiment.sweep.expression import Expression, ExpressionError, parse
from simulator.experiment.sweep.names import own_values, stated_at, unknown_names, valueless, without
from simulator.experiment.sweep.quick import shortened_axes, shortened_workloads
from simulator.experiment.sweep.space import MOST_POINTS, Point, Space
from simulator.experiment.sweep.spec import SEARCHES, Search, SweepFile, SweepWorkload
from simulator.experiment.sweep.witness import value_problems
from simulator.hw.chip import load_chip

WAYS = ("minimize", "maximize")


@dataclass(frozen=True)
class Workload:
    """A network of the mix.

    ``settings`` are overrides of its runs, ``given`` what it is executed on (inputs, golden, profile).
    """

    name: str
    network: str
    weight: float
    settings: Mapping[str, Any]
    given: Mapping[str, str]


@dataclass(frozen=True)
class Objective:
    """A metric that is to be small, or large."""

    metric: str
    maximize: bool


@dataclass(frozen=True)
class Plan:
    """What a screening keeps: a number of points, or a share of them; and how many others are looked at."""

    count: int | None
    share: float | None
    check: int

    def keeps(self, points: int) -> int:
        """How many of so many points are simulated."""
        wanted = self.count if self.count is not None else round((self.share or 0.0) * points)
        return min(points, max(1, wanted))


@dataclass(frozen=True)
class Sweep:
    """A sweep that can run.

    Attributes
    ----------
    space
        Where it looks.
    baseline
        The point to compare with; None where there is none.
    digest
        Names the question: two files that ask the same have the same.
    """

    name: str
    description: str
    space: Space
    workloads: tuple[Workload, ...]
    objectives: tuple[Objective, ...]
    limits: tuple[Expression, ...]
    search: Search
    screening: Plan | None
    baseline: Point | None
    seed: int
    file: str
    digest: str
    definition: Mapping[str, Any]

    @property
    def weights(self) -> list[float]:
        """Shares of the workloads in the mix."""
        return [workload.weight for workload in self.workloads]


def load_sweep(path: str | Path, *, quick: bool = False) -> Sweep:
    """Read a sweep and check everything in it; ``quick``: with what its ``quick`` keeps alone.

    Raises
    ------
    InputError
        With every problem at once, each with its place.
    """
    document = yamlio.load(Path(path))
    _check_sort(document)
    problems: list[Problem] = []
    try:
        top = build(SweepFile, document.data, document, "")
    except InputError as error:  # what can be told without it is told as well
        raise InputError(*_sorted([*error.problems, *_axis_problems(document)])) from None
    names = chip_names(top.chips, document)
    axes, wrong = read_axes(document.data["axes"], document)
    fewer, beyond = shortened_axes(axes, top.quick, document)
    wrong += beyond
    axes = fewer if quick else axes
    sound, lost = _sound(top, axes, names, document)
    problems += [*wrong, *lost]
    own = {chip: own_values(chip) for chip in top.chips}
    constraints = _expressions(top.constraints, "constraints", document, problems)
    limits = _expressions(top.limits, "limits", document, problems)
    derived: dict[str, Expression] = {}
    for where, text in top.derived.items():
        for found in _expressions([str(text)], "derived", document, problems, where):
            derived[where] = found
    workloads = _workloads(top, document, problems)
    less, lacking = shortened_workloads(workloads, top.quick, document)
    problems += lacking
    workloads = less if quick else workloads
    metrics = _metrics(names, workloads)
    objectives = _objectives(top, metrics, document, problems)
    problems += _unknown_metrics(limits, metrics, document)
    search = _search(top, document, problems)
    screening = _screening(top, search, objectives, workloads, document, problems)
    name = _name(top, path, document, problems)
    space = Space(
        tuple(dict.fromkeys(top.chips)), names, tuple(sound), tuple(constraints), top.set, derived, own,
        str(path),
    )  # fmt: skip
    baseline = None
    if top.baseline is not None:
        local = for_chip(top.baseline, names[top.chips[0]], set(names.values()))
        baseline = Point(top.chips[0], local)
    unknown = unknown_names(space, document)
    known = without(space, {problem.path for problem in unknown}, document)
    unknown += valueless(known, document)
    problems += unknown
    if not problems and search.kind == "grid" and space.size > MOST_POINTS:
        message = f"{space.size} points are more than the {MOST_POINTS} of a grid; search: random or nsga2"
        problems.append(document.problem(message, ("axes",)))
    if sound and not any(problem.path.startswith(("set", "baseline", "derived")) for problem in lost):
        meaningless = {problem.path for problem in unknown}
        problems += value_problems(without(space, meaningless, document), baseline, workloads, document)
    if problems:
        raise InputError(*_sorted(problems))
    definition = _definition(space, workloads, objectives, limits, search, screening, baseline, top.seed)
    text = json.dumps(definition, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Sweep(
        name, top.description, space, tuple(workloads), tuple(objectives), tuple(limits), search, screening,
        baseline, top.seed, str(path), digest, definition,
    )  # fmt: skip


def _sound(
    top: SweepFile, axes: Sequence[Axis], names: Mapping[str, str], document: yamlio.Document
) -> tuple[list[Axis], list[Problem]]:
    """Axes whose paths lead somewhere, and what is wrong with the paths of axes and of all other keys."""
    sound, problems = [], []
    for axis in axes:
        tied = isinstance(top.axes[axis.name], dict) and "tie" in top.axes[axis.name]
        lost = [
            problem
            for where in axis.paths
            for problem in check_path(
                where, ("axes", axis.name, *(("tie", where) if tied else ())), names, document
            )
        ]
        problems += lost
        sound += [] if lost else [axis]
    problems += _twice(sound, names, document)
    for key, stated in (("set", top.set), ("baseline", top.baseline or {}), ("derived", top.derived)):
        for where in stated:
            problems += check_path(where, (key, where), names, document)
            if key != "baseline" and _hidden(where, sound, names):
                message = "is an axis as well; leave one of the two out"
                problems.append(document.problem(message, (key, where)))
    return sound, problems


def _locals(where: str, names: Mapping[str, str]) -> set[tuple[str, str]]:
    """(chip, path there) of every chip that a path concerns."""
    every = set(names.values())
    return {(name, path) for name in every for path in for_chip({where: None}, name, every)}


def _twice(axes: Sequence[Axis], names: Mapping[str, str], document: yamlio.Document) -> list[Problem]:
    """Axes that set on some chip, by its name, what another one sets as well."""
    problems: list[Problem] = []
    taken: dict[tuple[str, str], str] = {}
    for axis in axes:
        mine = {spot for where in axis.paths for spot in _locals(where, names)}
        clash = next((spot for spot in sorted(mine) if spot in taken), None)
        if clash is not None:
            message = f"axis '{taken[clash]}' sets {clash[1]} of {clash[0]} already; a path is on one axis"
            problems.append(document.problem(message, ("axes", axis.name)))
        taken |= dict.fromkeys(mine, axis.name)
    return problems


def _hidden(where: str, axes: Sequence[Axis], names: Mapping[str, str]) -> bool:
    """Whether axes set a path on every chip that it concerns."""
    varied = {spot for axis in axes for path in axis.paths for spot in _locals(path, names)}
    return bool(mine := _locals(where, names)) and mine <= varied


def _sorted(problems: Sequence[Problem]) -> list[Problem]:
    once = list(dict.fromkeys(problems))
    return sorted(once, key=lambda problem: (problem.file or "", problem.line, problem.col))


def _check_sort(document: yamlio.Document) -> None:
    """Refuse files of another sort."""
    data = document.data
    if not isinstance(data, dict) or "axes" in data:
        return
    if "sweep" in data or {"chips", "workloads"} <= set(data):
        message = "this is an experiment (no axes): chipsim run FILE, or rename `sweep` to `axes`"
        raise InputError(document.problem(message))
    if {"cores", "layers", "package", "builder"} & set(data):
        what = "chip" if "cores" in data else "network"
        raise InputError(document.problem(f"this is a {what}; expected a sweep with chips, workloads, axes"))


def _axis_problems(document: yamlio.Document) -> list[Problem]:
    data = document.data if isinstance(document.data, dict) else {}
    return read_axes(data["axes"], document)[1] if isinstance(data.get("axes"), dict) else []


def _expressions(
    texts: Sequence[Any], key: str, document: yamlio.Document, problems: list[Problem], path: str = ""
) -> list[Expression]:
    """Those that can be read; they stand at ``path`` under a key, else at their number in its list."""
    found = []
    for i, text in enumerate(texts):
        try:
            found.append(parse(text))
        except ExpressionError as error:
            problems.append(document.problem(str(error), (key, path or i)))
    return found


def _workloads(top: SweepFile, document: yamlio.Document, problems: list[Problem]) -> list[Workload]:
    found: list[Workload] = []
    taken: dict[str, int] = {}
    for i, entry in enumerate(top.workloads):
        whole = SweepWorkload(network=entry) if isinstance(entry, str) else entry
        try:
            locate(whole.network, "workloads")
        except InputError as error:
            problems += [document.problem(p.message, ("workloads", i)) for p in error.problems]
        problems += given_problems(whole, i, document)
        name = whole.name or re.sub(r"\W", "_", Path(whole.network).stem)
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            message = f"expected a word of letters, digits and _, got '{name}'"
            problems.append(document.problem(message, ("workloads", i, "name")))
        if name in taken:
            message = f"the name '{name}' is taken by workload {taken[name]}; give this one a `name`"
            problems.append(document.problem(message, ("workloads", i)))
        taken.setdefault(name, i)
        settings = chosen(whole, SETTINGS, "workload.")
        given = {key: str(value) for key, value in chosen(whole, GIVEN).items()}
        found.append(Workload(name, whole.network, whole.weight, settings, given))
    return found


def _metrics(names: Mapping[str, str], workloads: Sequence[Workload]) -> list[str]:
    """Every metric that objectives and limits may name."""
    memories = dict.fromkeys(memory for chip in names for memory in load_chip(chip).memories)
    plain = [*measures.NAMES, *measures.traffic_names(list(memories))]
    apart = [f"{w.name}.{metric}" for w in workloads for metric in plain] if len(workloads) > 1 else []
    return [*plain, *apart]


def _objectives(
    top: SweepFile, metrics: Sequence[str], document: yamlio.Document, problems: list[Problem]
) -> list[Objective]:
    found = []
    for metric, way in top.objectives.items():
        if metric not in metrics:
            hint = did_you_mean(metric, metrics) or f"; expected one of {', '.join(measures.NAMES)}"
            problems.append(document.problem(f"no such metric{hint}", ("objectives", metric)))
        if way not in WAYS:
            message = f"expected minimize or maximize, got {shown(way)}{did_you_mean(way, WAYS)}"
            problems.append(document.problem(message, ("objectives", metric)))
        found.append(Objective(metric, way == "maximize"))
    if not found:
        problems.append(document.problem("expected at least one objective", ("objectives",)))
    return found


def _unknown_metrics(
    limits: Sequence[Expression], metrics: Sequence[str], document: yamlio.Document
) -> list[Problem]:
    problems = []
    for limit in limits:
        try:
            limit.holds(
                lambda name: 1.5
            )  # any number does: metrics are plain ones, in the unit of their name
        except ExpressionError as error:
            problems.append(document.problem(str(error), stated_at(limit, "limits", document)))
    return problems + [
        document.problem(
            f"no metric is called '{name}'{did_you_mean(name, metrics)}", stated_at(limit, "limits", document)
        )
        for limit in limits
        for name in limit.names
        if name not in metrics
    ]


def _search(top: SweepFile, document: yamlio.Document, problems: list[Problem]) -> Search:
    search = Search(kind=top.search) if isinstance(top.search, str) else top.search
    if search.kind not in SEARCHES:
        place = ("search",) if isinstance(top.search, str) else ("search", "kind")
        hint = did_you_mean(search.kind, SEARCHES)
        message = f"expected one of {', '.join(SEARCHES)}, got {shown(search.kind)}{hint}"
        problems.append(document.problem(message, place))
    elif not isinstance(top.search, str):
        useless = {"grid": ("evaluations", "population"), "random": ("population",)}.get(search.kind, ())
        problems += [
            document.problem(f"{search.kind} has no use for {key}", ("search", key))
            for key in useless
            if key in search.model_fields_set
        ]
    return search


def _screening(
    top: SweepFile, search: Search, objectives: Sequence[Objective], workloads: Sequence[Workload],
    document: yamlio.Document, problems: list[Problem],
) -> Plan | None:  # fmt: skip
    if top.screening is None:
        return None
    from simulator.experiment.sweep.screening import SCREENED, hindrances

    fixed = {path: value for path, value in top.set.items() if path.startswith("workload.")}
    runs = [replace(workload, settings={**fixed, **workload.settings}) for workload in workloads]
    problems += [document.problem(text, place) for place, text in hindrances(top.chips, runs)]

    if search.kind not in ("grid", "random"):
        message = f"screening is for grid and random; {search.kind} chooses from what it has simulated"
        problems.append(document.problem(message, ("screening",)))
    for objective in objectives:
        if objective.metric.rpartition(".")[2] not in SCREENED:
            message = f"cannot be screened, only {', '.join(SCREENED)}; leave `screening` out"
            problems.append(document.problem(message, ("objectives", objective.metric)))
    keep, check = top.screening.keep, top.screening.check
    share = None
    if isinstance(keep, str):
        try:
            share = float(units.parse(keep, "percent")) / 100
        except ValueError:
            share = 0.0
    if (share is not None and not 0 < share <= 1) or (isinstance(keep, int) and keep < 1):
        message = f"expected a number of points such as 200, or a share such as 10 %; got {shown(keep)}"
        problems.append(document.problem(message, ("screening", "keep")))
    return Plan(keep if isinstance(keep, int) else None, share, check)


def _name(top: SweepFile, path: str | Path, document: yamlio.Document, problems: list[Problem]) -> str:
    """A word that can name a folder."""
    stem = Path(path).stem
    name = top.name or (Path(path).resolve().parent.name if stem in ("sweep", "experiment") else stem) or stem
    if top.name and (not re.fullmatch(r"[\w.+ -]+", name) or name.startswith(".") or name != name.strip()):
        message = f"expected a plain word, it names the output folder; got {shown(top.name)}"
        problems.append(document.problem(message, ("name",)))
    return name


def _definition(
    space: Space, workloads: Sequence[Workload], objectives: Sequence[Objective],
    limits: Sequence[Expression], search: Search, screening: Plan | None, baseline: Point | None, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """The question as plain data; what has no influence on the answer is left out."""
    return {
        "chips": list(space.chips),
        "axes": [
            {"name": axis.name, "paths": list(axis.paths), "values": [list(row) for row in axis.values],
             "when": axis.when.text if axis.when else None}
            for axis in space.axes
        ],
        "constraints": [constraint.text for constraint in space.constraints],
        "set": dict(space.fixed),
        "derived": {path: expression.text for path, expression in space.derived.items()},
        "workloads": [
            {"name": w.name, "network": w.network, "weight": w.weight, "settings": dict(w.settings),
             "given": dict(w.given)}
            for w in workloads
        ],
        "objectives": {o.metric: WAYS[o.maximize] for o in objectives},
        "limits": [limit.text for limit in limits],
        "search": {"kind": search.kind, **({} if search.kind == "grid" else
                   {"evaluations": search.evaluations, "population": search.population})},
        "screening": None if screening is None else
                     {"count": screening.count, "share": screening.share, "check": screening.check},
        "baseline": None if baseline is None else {"chip": baseline.chip, "values": dict(baseline.values)},
        "seed": seed,
    }  # fmt: skip
