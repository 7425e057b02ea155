"""A design space: chips, axes, conditions and constraints; its points in order, or decoded from places."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

from simulator.base import units
from simulator.base.errors import InputError, Problem
from simulator.experiment.paths import for_chip
from simulator.experiment.sweep.axes import Axis
from simulator.experiment.sweep.expression import Expression, ExpressionError, Quantity

#: Points that are written out one by one; a search may look into a larger space.
MOST_POINTS = 1_000_000


def written(value: Quantity) -> Any:
    """A value as a chip's file has it: with its unit, whole where only whole ones exist.

    Raises
    ------
    ExpressionError
        It is of no sort that a file knows, such as bytes times hertz.
    """
    number, dimension = value.value, value.dimension
    if not dimension:
        return int(number) if isinstance(number, float) and number.is_integer() else number
    if dimension not in units.DIMENSIONS:
        raise ExpressionError(f"expected a plain number or a quantity, got {dimension}")
    return units.format(round(number) if units.DIMENSIONS[dimension].exact else float(number), dimension)


@dataclass(frozen=True)
class Point:
    """One design.

    Attributes
    ----------
    chip
        As the file names it.
    values
        Path -> value of what the axes set here, in their order; paths without the chip's name.
    """

    chip: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def identity(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """What two equal designs have in common."""
        return self.chip, tuple(sorted((path, str(value)) for path, value in self.values.items()))


@dataclass(frozen=True)
class Space:
    """All designs that a sweep may look at.

    Attributes
    ----------
    chips
        Chips as the file names them.
    names
        Chip -> its own name.
    axes
        In the order of the file; the last varies fastest.
    constraints
        What has to hold at a point.
    fixed
        Path -> value for every point.
    derived
        Path -> expression whose value is set there.
    own
        Chip -> path -> value of the chip itself, for names in expressions that no axis sets.
    file
        The sweep's file, for messages.
    """

    chips: tuple[str, ...]
    names: Mapping[str, str]
    axes: tuple[Axis, ...]
    constraints: tuple[Expression, ...]
    fixed: Mapping[str, Any]
    derived: Mapping[str, Expression]
    own: Mapping[str, Mapping[str, Any]]
    file: str

    @property
    def size(self) -> int:
        """Points if every axis varied everywhere."""
        return sum(prod(len(axis.values) for axis in self.axes_of(chip)) for chip in self.chips)

    def axes_of(self, chip: str) -> tuple[Axis, ...]:
        """The axes that concern a chip."""
        return self._axes_of[chip]

    @cached_property
    def _axes_of(self) -> dict[str, tuple[Axis, ...]]:
        return {
            chip: tuple(axis for axis in self.axes if self._local(chip, axis.settings(0)))
            for chip in self.chips
        }

    def overrides(self, point: Point) -> dict[str, Any]:
        """Path -> value of everything that is set at a point.

        Raises
        ------
        InputError
            An expression has no value there.
        """
        found = {**self._fixed_of[point.chip], **point.values}
        for path, expression in self._local(point.chip, self.derived).items():
            try:
                found[path] = written(expression.quantity(self.look_up(point.chip, point.values)))
            except ExpressionError as error:
                raise self._no_value(expression, point.chip, point.values, error) from None
        return found

    def grid(self, *, at: Mapping[str, int] | None = None) -> Iterator[Point]:
        """Every point once, in order: chips outside, then the axes as in the file.

        ``at`` fixes places along axes by their names.

        Raises
        ------
        InputError
            An expression has no value at a point.
        """
        for chip in self.chips:
            axes = self.axes_of(chip)
            if at and not set(at) <= {axis.name for axis in axes}:
                continue
            for values in self._descend(chip, axes, {}, at or {}):
                yield Point(chip, values)

    def at(self, chip: str, places: Sequence[int]) -> Point | None:
        """The point of a chip at places along its axes; None where a constraint forbids it.

        The place along an axis whose condition does not hold is of no account.
        """
        values: dict[str, Any] = {}
        for axis, place in zip(self.axes_of(chip), places, strict=True):
            if self._varies(chip, axis, values):
                values |= self._local(chip, axis.settings(place))
        return Point(chip, values) if self._allowed(chip, values) else None

    def _descend(
        self, chip: str, axes: tuple[Axis, ...], values: dict[str, Any], at: Mapping[str, int]
    ) -> Iterator[dict[str, Any]]:
        if not any(axis.when for axis in axes):  # a product is far quicker
            columns = [[self._local(chip, axis.settings(i)) for i in self._places(axis, at)] for axis in axes]
            for row in product(*columns):
                merged = dict(values)
                for settings in row:
                    merged.update(settings)
                if self._allowed(chip, merged):
                    yield merged
            return
        first, *rest = axes
        if not self._varies(chip, first, values):
            if first.name not in at:
                yield from self._descend(chip, tuple(rest), values, at)
            return
        for i in self._places(first, at):
            merged = {**values, **self._local(chip, first.settings(i))}
            yield from self._descend(chip, tuple(rest), merged, at)

    @staticmethod
    def _places(axis: Axis, at: Mapping[str, int]) -> Sequence[int]:
        return (at[axis.name],) if axis.name in at else range(len(axis.values))

    def _varies(self, chip: str, axis: Axis, values: Mapping[str, Any]) -> bool:
        return axis.when is None or self._holds(axis.when, chip, values)

    def _allowed(self, chip: str, values: Mapping[str, Any]) -> bool:
        return all(self._holds(constraint, chip, values) for constraint in self.constraints)

    def _holds(self, expression: Expression, chip: str, values: Mapping[str, Any]) -> bool:
        try:
            return expression.holds(self.look_up(chip, values))
        except ExpressionError as error:
            raise self._no_value(expression, chip, values, error) from None

    def _no_value(
        self, expression: Expression, chip: str, values: Mapping[str, Any], error: ExpressionError
    ) -> InputError:
        where = ", ".join(f"{path}={value}" for path, value in values.items())
        return InputError(Problem(f"'{expression.text}' has no value at {chip} {where}: {error}", self.file))

    def look_up(self, chip: str, values: Mapping[str, Any]) -> Callable[[str], Any]:
        """The value of a name at a point: what is set there, else the chip's own."""
        fixed, own, name = self._fixed_of[chip], self.own[chip], f"{self.names[chip]}."

        def look_up(asked: str) -> Any:
            path = asked.removeprefix(name).removeprefix("chip.")
            for source in (values, fixed, own):
                if path in source:
                    return source[path]
            raise ExpressionError(f"nothing is called {asked} here")

        return look_up

    @cached_property
    def _fixed_of(self) -> dict[str, dict[str, Any]]:
        return {chip: self._local(chip, self.fixed) for chip in self.chips}

    def _local(self, chip: str, settings: Mapping[str, Any]) -> dict[str, Any]:
        return for_chip(settings, self.names[chip], set(self.names.values()))
