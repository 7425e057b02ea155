"""Axes of a design space: what varies, over which values, and under which condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import exp, floor, isfinite, log
from typing import Any

from simulator.base import units
from simulator.base.errors import Problem, did_you_mean, shown
from simulator.base.yamlio import Document, KeyPath
from simulator.experiment.sweep.expression import Expression, ExpressionError, parse, quantity

#: Values of one axis; more are surely a mistake in `step`.
MOST_VALUES = 100_000
#: Keys of an axis that is written as a mapping, those of a range, and those that say how it is spaced.
_RANGE = ("from", "to", "step", "count", "factor", "spacing")
_KEYS = ("values", *_RANGE, "tie", "when")
_FORMS = (
    "expected a list of values, {from, to, step | count | factor}, {values: [...]} or {tie: {path: values}}"
)


@dataclass(frozen=True)
class Axis:
    """One direction of a design space.

    Attributes
    ----------
    name
        As in the file: a path, or the name of paths that are tied.
    paths
        What it sets.
    values
        One entry per place along the axis: a value for each of the paths.
    when
        It varies only where this holds, and sets nothing elsewhere; None: everywhere.
    """

    name: str
    paths: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]
    when: Expression | None = None

    def settings(self, place: int) -> dict[str, Any]:
        """Path -> value at a place along the axis."""
        return dict(zip(self.paths, self.values[place], strict=True))

    @property
    def ordered(self) -> bool:
        """Whether its values are numbers or quantities, so that there is a next one."""
        return all(
            isinstance(number := quantity(row[0]).value, int | float) and not isinstance(number, bool)
            for row in self.values
        )


def read_axes(written: Any, document: Document) -> tuple[list[Axis], list[Problem]]:
    """Axes of a sweep's file, and everything that is wrong with them.

    Parameters
    ----------
    written
        What stands under ``axes``.
    document
        Where it stands.
    """
    if not isinstance(written, dict) or not written:
        message = "expected at least one axis such as cores.npu.rows: [16, 32]"
        return [], [document.problem(message, ("axes",))]
    axes: list[Axis] = []
    problems: list[Problem] = []
    taken: dict[str, str] = {}
    for name, form in written.items():
        place: KeyPath = ("axes", name)
        axis = _Reader(document, problems).axis(str(name), form, place)
        if axis is None:
            continue
        for path in axis.paths:
            bare = path.removeprefix("chip.")
            if bare in taken:
                message = f"axis '{taken[bare]}' sets {path} already; a path is on one axis"
                problems.append(document.problem(message, place))
            taken.setdefault(bare, axis.name)
        axes.append(axis)
    return axes, problems


class _Reader:
    """Reads the forms of an axis; what is wrong is added to ``problems``."""

    def __init__(self, document: Document, problems: list[Problem]) -> None:
        self.document, self.problems = document, problems

    def axis(self, name: str, form: Any, place: KeyPath) -> Axis | None:
        """An axis of any form; None if something is wrong with it."""
        when = None
        rows: list[tuple[Any, ...]] | None
        if isinstance(form, dict):
            self.check_keys(form, _KEYS, place)
            if "when" in form:
                when = self.condition(form["when"], (*place, "when"))
        if isinstance(form, dict) and "tie" in form:
            paths, rows = self.tied(form, place)
        else:
            values = self.values(form, place)
            paths, rows = (name,), None if values is None else [(value,) for value in values]
        if not rows:
            return None
        unique: dict[Any, tuple[Any, ...]] = {}
        for row in rows:
            unique.setdefault(tuple(_same(value) for value in row), row)
        return Axis(name, paths, tuple(unique.values()), when)

    def check_keys(self, form: Mapping[Any, Any], known: Sequence[str], place: KeyPath) -> None:
        """Tell keys that a form does not have."""
        for key in form:
            if key not in known:
                message = f"unknown key, an axis has {', '.join(known)}{did_you_mean(key, known)}"
                self.wrong(message, (*place, key))

    def condition(self, text: Any, place: KeyPath) -> Expression | None:
        """The expression under which an axis varies; None if it is none."""
        try:
            return parse(text)
        except ExpressionError as error:
            self.wrong(str(error), place)
            return None

    def tied(self, form: Mapping[str, Any], place: KeyPath) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Paths that move together, and a row of values for each place."""
        extra = [key for key in form if key in (*_RANGE, "values")]
        tie = form["tie"]
        if extra or not isinstance(tie, dict) or len(tie) < 2:
            got = f" beside {extra[0]}" if extra else "" if isinstance(tie, dict) else f", got {shown(tie)}"
            self.wrong(f"expected two or more paths with their values{got}", (*place, "tie"))
            return (), []
        columns = {str(path): self.values(values, (*place, "tie", path)) for path, values in tie.items()}
        if any(column is None for column in columns.values()):
            return (), []
        known = {path: column for path, column in columns.items() if column is not None}
        sizes = {path: len(column) for path, column in known.items()}
        if len(set(sizes.values())) > 1:
            counts = ", ".join(f"{path} has {size}" for path, size in sizes.items())
            self.wrong(f"expected as many values of each path, they go together; {counts}", (*place, "tie"))
            return (), []
        return tuple(known), list(zip(*known.values(), strict=True))

    def values(self, form: Any, place: KeyPath) -> list[Any] | None:
        """Values of a list or a range; None where it is neither."""
        if isinstance(form, dict) and "values" in form:
            extra = [key for key in form if key in _RANGE]
            if extra:
                return self.wrong(f"expected values or a range, got both (values and {extra[0]})", place)
            form, place = form["values"], (*place, "values")
        if isinstance(form, dict) and {"from", "to"} & set(form):
            return self.range(form, place)
        if not isinstance(form, list):
            return self.wrong(f"{_FORMS}; got {shown(form)}", place)
        if not form:
            return self.wrong("expected at least one value", place)
        for i, value in enumerate(form):
            if isinstance(value, dict | list) or value is None:
                self.wrong(f"expected a number, a word or a quantity, got {shown(value)}", (*place, i))
        return form

    def range(self, form: Mapping[str, Any], place: KeyPath) -> list[Any] | None:
        """Values from one end to the other, by step, factor or count; None if something is wrong."""
        ends = []
        for key in ("from", "to"):
            if key not in form:
                return self.wrong("missing; a range has from and to", (*place, key))
            end = quantity(form[key]) if not isinstance(form[key], dict | list) else None
            if end is None or not _finite(end.value):
                message = f"expected a number or a quantity such as 256 KiB, got {shown(form[key])}"
                return self.wrong(message, (*place, key))
            ends.append(end)
        first, last = ends
        if first.dimension != last.dimension:
            message = f"expected two of a kind, got {shown(form['from'])} and {shown(form['to'])}"
            return self.wrong(message, (*place, "to"))
        if last.value < first.value:
            return self.wrong(f"expected at least {form['from']}, got {form['to']}", (*place, "to"))
        stated = [key for key in ("step", "count", "factor") if key in form]
        if len(stated) != 1:
            came = "none" if not stated else " and ".join(stated)
            return self.wrong(f"expected one of step, count and factor, got {came}", place)
        numbers = self.spaced(form, stated[0], first.value, last.value, first.dimension, place)
        if numbers is None:
            return None
        whole = isinstance(first.value, int) and isinstance(last.value, int)
        return _written(numbers, first.dimension, whole)

    def spaced(
        self, form: Mapping[str, Any], key: str, first: Any, last: Any, dimension: str, place: KeyPath
    ) -> list[Fraction] | None:
        """Numbers from one end to the other, both in the unit of code."""
        low, high = Fraction(first), Fraction(last)
        spacing = form.get("spacing", "linear")
        if spacing not in ("linear", "log") or (spacing == "log" and key != "count"):
            near = did_you_mean(spacing, ("linear", "log"))
            message = f"expected linear or log, beside count; got {shown(spacing)}{near}"
            return self.wrong(message, (*place, "spacing"))
        if (spacing == "log" or key == "factor") and low <= 0:
            return self.wrong(f"expected more than 0, got {shown(form['from'])}", (*place, "from"))
        stated = quantity(form[key]) if not isinstance(form[key], dict | list) else quantity("")
        number = stated.value
        if not _finite(number):
            return self.wrong(f"expected a number, got {shown(form[key])}", (*place, key))
        if key == "count":
            if not isinstance(number, int) or stated.dimension or not 2 <= number <= MOST_VALUES:
                message = f"expected a whole number from 2 to {MOST_VALUES}, got {shown(form[key])}"
                return self.wrong(message, (*place, key))
            return _counted(low, high, number, spacing == "log")
        if key == "step":
            if stated.dimension != dimension or number <= 0:
                kind = units.DIMENSIONS[dimension].expected if dimension else "a number above 0"
                return self.wrong(f"expected {kind}, got {shown(form[key])}", (*place, key))
            if (high - low) / Fraction(number) >= MOST_VALUES:
                return self.wrong(f"makes more than {MOST_VALUES} values", (*place, key))
            return [low + i * Fraction(number) for i in range(floor((high - low) / Fraction(number)) + 1)]
        if stated.dimension or number <= 1:
            return self.wrong(f"expected a number above 1, got {shown(form[key])}", (*place, key))
        if _log(high / low) >= MOST_VALUES * _log(Fraction(number)):
            return self.wrong(f"makes more than {MOST_VALUES} values", (*place, key))
        found = [low]
        while (following := _short(found[-1] * Fraction(number))) <= high:
            found.append(following)
        return found

    def wrong(self, message: str, place: KeyPath) -> Any:
        """Note a problem; None, so that whoever finds it can end with it."""
        self.problems.append(self.document.problem(message, place))


def _counted(low: Fraction, high: Fraction, count: int, logarithmic: bool) -> list[Fraction]:
    """So many numbers, evenly spaced, or with even ratios; the ends are exact."""
    if not logarithmic:
        return [low + (high - low) * i / (count - 1) for i in range(count)]
    ratio = _log(high / low)
    halves = 1 if ratio < 700 else 2  # of what a float cannot hold, the root can be had
    inner = [low * Fraction(exp(ratio * i / (count - 1) / halves)) ** halves for i in range(1, count - 1)]
    return [low, *inner, high]


def _log(number: Fraction) -> float:
    return log(number.numerator) - log(number.denominator)


def _short(number: Fraction) -> Fraction:
    """The number to 256 bits where it has grown beyond twice as many, lest products take ever longer."""
    bits = number.denominator.bit_length()
    if bits <= 512:
        return number
    scale = 1 << max(0, 256 + bits - number.numerator.bit_length())
    return Fraction(round(number * scale), scale)


def _finite(value: Any) -> bool:
    """Whether it is a number that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return isfinite(value)
    except OverflowError:
        return False


def _same(value: Any) -> tuple[Any, ...]:
    """What values that mean one thing have in common, such as 1 MiB and 1024 KiB."""
    if isinstance(value, dict | list) or value is None:
        return (str(value),)  # refused elsewhere
    meant = quantity(value)
    return meant.dimension, isinstance(meant.value, bool), meant.value


def _written(numbers: Sequence[Fraction], dimension: str, whole: bool) -> list[Any]:
    """Numbers as a file would have them; whole where the ends are, each once."""
    exact = bool(dimension) and units.DIMENSIONS[dimension].exact
    found: list[Any] = []
    for number in numbers:
        value: int | float = round(number) if whole or exact else float(number)
        written = units.format(value, dimension) if dimension else value
        if not found or found[-1] != written:
            found.append(written)
    return found
