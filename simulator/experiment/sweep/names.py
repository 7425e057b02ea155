"""Names in the expressions of a sweep's file: what they may mean, and those that mean nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from simulator.base import yamlio
from simulator.base.errors import Problem, did_you_mean
from simulator.experiment.paths import for_chip
from simulator.experiment.sweep.expression import Expression, ExpressionError
from simulator.experiment.sweep.space import Space
from simulator.hw.chip import load_chip


def own_values(chip: str) -> dict[str, Any]:
    """Path -> value of a chip as its file has it, defaults filled in; of clusters, of each member."""
    built = load_chip(chip)
    found: dict[str, Any] = {}

    def walk(value: Any, path: str) -> None:
        if isinstance(value, Mapping) and "value" not in value:
            for key, item in value.items():
                walk(item, f"{path}.{key}" if path else str(key))
        elif not isinstance(value, list | tuple):
            found[path] = value["value"] if isinstance(value, Mapping) else value

    walk(built.resolved, "")
    walk({"clusters": built.document.data.get("clusters", {})}, "")
    for name in list(found):
        family, _, rest = name.partition(".")
        member, _, field = rest.partition(".")
        if built.written_as(member) != member:
            found.setdefault(f"{family}.{built.written_as(member)}.{field}", found[name])
    return found


def unknown_names(space: Space, document: yamlio.Document) -> list[Problem]:
    """Names in conditions that mean nothing on a chip, or an axis further down."""
    problems = []
    for chip in space.chips:
        axes = space.axes_of(chip)
        paths = [path for axis in axes for path in axis.paths]
        mine = for_chip(dict.fromkeys((*paths, *space.fixed)), space.names[chip], set(space.names.values()))
        known = [*mine, *space.own[chip]]
        for constraint in space.constraints:
            place = stated_at(constraint, "constraints", document)
            problems += _missing(constraint, space, chip, known, place, document)
        for path, expression in space.derived.items():
            if for_chip({path: None}, space.names[chip], set(space.names.values())):
                problems += _missing(expression, space, chip, known, ("derived", path), document)
        for i, axis in enumerate(axes):
            if axis.when is None:
                continue
            place = ("axes", axis.name, "when")
            problems += _missing(axis.when, space, chip, known, place, document)
            later = [path for other in axes[i:] for path in other.paths]
            problems += [
                document.problem(f"'{name}' is this axis or one further down; move it above this one", place)
                for name in axis.when.names
                if name in later
            ]
    return problems


def stated_at(expression: Expression, key: str, document: yamlio.Document) -> yamlio.KeyPath:
    """Where an expression stands in the list under a key."""
    return key, [str(text) for text in document.data[key]].index(expression.text)


def valueless(space: Space, document: yamlio.Document) -> list[Problem]:
    """Conditions and derived values that have none at the first place of every axis, each where it stands."""
    problems = []
    for chip in space.chips:
        values: dict[str, Any] = {}
        for axis in space.axes_of(chip):
            values |= for_chip(axis.settings(0), space.names[chip], set(space.names.values()))
        look_up = space.look_up(chip, values)
        checks: list[tuple[yamlio.KeyPath, Callable[[], Any]]] = [
            *((stated_at(c, "constraints", document), partial(c.holds, look_up)) for c in space.constraints),
            *((("axes", a.name, "when"), partial(a.when.holds, look_up)) for a in space.axes if a.when),
            *((("derived", p), partial(e.quantity, look_up)) for p, e in space.derived.items()),
        ]
        for place, check in checks:
            try:
                check()
            except ExpressionError as error:
                problems.append(document.problem(str(error), place))
    return problems


def without(space: Space, paths: set[str], document: yamlio.Document) -> Space:
    """The space without the conditions at these paths of the file."""
    texts = document.data.get("constraints") or []
    wrong = {texts[i] for i in range(len(texts)) if f"constraints.{i}" in paths}
    kept = tuple(c for c in space.constraints if c.text not in wrong)
    axes = tuple(
        replace(axis, when=None) if f"axes.{axis.name}.when" in paths else axis for axis in space.axes
    )
    derived = {path: e for path, e in space.derived.items() if f"derived.{path}" not in paths}
    return replace(space, constraints=kept, axes=axes, derived=derived)


def _missing(
    expression: Expression, space: Space, chip: str, known: Sequence[str], place: yamlio.KeyPath,
    document: yamlio.Document,
) -> list[Problem]:  # fmt: skip
    name = f"{space.names[chip]}."
    problems = []
    for asked in expression.names:
        if asked.removeprefix(name).removeprefix("chip.") not in known:
            word = f"; text is written in quotes: '{asked}'" if "." not in asked else ""
            hint = did_you_mean(asked, known) or word
            message = f"chip {space.names[chip]} has nothing called '{asked}'{hint}"
            problems.append(document.problem(message, place))
    return problems
