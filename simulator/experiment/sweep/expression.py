"""Conditions that a sweep's file states: what they come to at a point. ``grammar`` has the language."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.base import units
from simulator.base.errors import shown
from simulator.experiment.sweep.grammar import (
    FUNCTIONS,
    MOST_CHARACTERS,
    ExpressionError,
    Node,
    Parser,
    Quantity,
    quantity,
)

__all__ = ["Expression", "ExpressionError", "Quantity", "parse", "quantity"]

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod,
}  # fmt: skip


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    Attributes
    ----------
    text
        As it was written.
    names
        Everything that it asks for, in order of appearance.
    """

    text: str
    names: tuple[str, ...]
    _tree: Node

    def value(self, look_up: Callable[[str], Any]) -> Any:
        """What it comes to.

        Parameters
        ----------
        look_up
            Value of a name: a number, a truth value, or text as in YAML (``256 KiB``).

        Raises
        ------
        ExpressionError
            Operands do not go together, or a division by zero.
        """
        return self.quantity(look_up).value

    def quantity(self, look_up: Callable[[str], Any]) -> Quantity:
        """What it comes to, and what that is; otherwise as ``value``."""
        found: Quantity = _guarded(lambda: _value(self._tree, look_up))
        return found

    def holds(self, look_up: Callable[[str], Any]) -> bool:
        """Whether it is true; otherwise as ``value``."""
        found = self.value(look_up)
        if not isinstance(found, bool):
            raise ExpressionError(f"expected a condition such as a <= b, got the value {shown(found)}")
        return found

    def miss(self, look_up: Callable[[str], Any]) -> float:
        """By how much it does not hold, for a search to go by: 0 where it holds.

        Of a comparison the distance over the size of the right side; of ``and`` the sum; else 1.
        """
        return float(_guarded(lambda: _miss(self._tree, look_up)))


def parse(text: Any) -> Expression:
    """Read an expression.

    Raises
    ------
    ExpressionError
        Says what was expected, what came, and at which character.
    """
    if isinstance(text, bool):
        text = str(text).lower()
    if not isinstance(text, str):
        raise ExpressionError(f"expected a condition such as 'cores.npu.rows <= 64', got {shown(text)}")
    if len(text) > MOST_CHARACTERS:
        raise ExpressionError(f"expected at most {MOST_CHARACTERS} characters, got {len(text)}")
    parser = Parser(text)
    tree = parser.any(0)
    if parser.kind:
        raise parser.wrong("expected an operator or the end")
    return Expression(text, tuple(dict.fromkeys(parser.names)), tree)


def _guarded(evaluate: Callable[[], Any]) -> Any:
    """What arithmetic cannot do is told as a problem of the expression."""
    try:
        return evaluate()
    except ZeroDivisionError:
        raise ExpressionError("division by zero") from None
    except (OverflowError, ValueError) as error:
        raise error if isinstance(error, ExpressionError) else ExpressionError(str(error)) from None


def _value(node: Node, look_up: Callable[[str], Any]) -> Quantity:
    kind = node[0]
    if kind == "value":
        found: Quantity = node[1]
        return found
    if kind == "name":
        return quantity(look_up(node[1]))
    if kind in ("and", "or"):
        left = _condition(node[1], look_up)
        if left is (kind == "or"):
            return Quantity(left)
        return Quantity(_condition(node[2], look_up))
    if kind == "not":
        return Quantity(not _condition(node[1], look_up))
    if kind == "call":
        return _called(node[1], [_value(operand, look_up) for operand in node[2:]])
    _, sign, left_node, right_node = node
    left_value, right_value = _value(left_node, look_up), _value(right_node, look_up)
    if kind == "compare":
        return _compared(sign, left_value, right_value)
    return _computed(sign, left_value, right_value)


def _miss(node: Node, look_up: Callable[[str], Any]) -> float:
    if _condition(node, look_up):
        return 0.0
    if node[0] == "and":
        return sum(_miss(side, look_up) for side in node[1:])
    if node[0] == "compare":
        left, right = (_value(side, look_up).value for side in node[2:])
        if _is_number(left) and _is_number(right):
            return float(abs(left - right) / abs(right)) if right and left != right else 1.0
    return 1.0


def _condition(node: Node, look_up: Callable[[str], Any]) -> bool:
    found = _value(node, look_up).value
    if not isinstance(found, bool):
        raise ExpressionError(f"expected a condition beside and, or, not; got the value {shown(found)}")
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _called(name: str, operands: list[Quantity]) -> Quantity:
    for operand in operands:
        if not _is_number(operand.value):
            raise ExpressionError(f"expected numbers in {name}(), got {shown(operand.value)}")
    for operand in operands[1:]:
        _alike(name, operands[0], operand)
    if name == "log2" and operands[0].value <= 0:
        raise ExpressionError(f"expected more than 0 in log2(), got {shown(operands[0].value)}")
    return Quantity(FUNCTIONS[name][0](*(operand.value for operand in operands)),
                    operands[0].dimension if name != "log2" else "")  # fmt: skip


def _compared(sign: str, left: Quantity, right: Quantity) -> Quantity:
    numbers = _is_number(left.value) and _is_number(right.value)
    if not numbers and (type(left.value) is not type(right.value) or sign not in ("==", "!=")):
        pair = f"{shown(left.value)} {sign} {shown(right.value)}"
        raise ExpressionError(f"expected two numbers, or == of two words; got {pair}")
    if numbers:
        _alike(sign, left, right)
    return Quantity(_COMPARE[sign](left.value, right.value))


def _computed(sign: str, left: Quantity, right: Quantity) -> Quantity:
    for side in (left, right):
        if not _is_number(side.value):
            raise ExpressionError(f"expected numbers beside {sign}, got {shown(side.value)}")
    value = _ARITHMETIC[sign](left.value, right.value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ExpressionError(f"{shown(left.value)} {sign} {shown(right.value)} is too large")
    if sign in ("+", "-", "%"):
        _alike(sign, left, right)
        return Quantity(value, right.dimension if left.dimension == "any" else left.dimension)
    if not right.dimension:
        return Quantity(value, left.dimension)
    if not left.dimension and sign == "*":
        return Quantity(value, right.dimension)
    if left.dimension == right.dimension and sign != "*":
        return Quantity(value)
    joined = sorted((left.dimension, right.dimension)) if sign == "*" else (left.dimension, right.dimension)
    return Quantity(value, f"{joined[0]}{sign[0]}{joined[1]}")


def _alike(sign: str, left: Quantity, right: Quantity) -> None:
    """Refuse to compare or add a size and a time, or a quantity and a bare number."""
    if left.dimension == right.dimension or "any" in (left.dimension, right.dimension):
        return
    sides = (_noun(left.dimension), _noun(right.dimension))
    raise ExpressionError(f"expected the same on both sides of {sign}, got {sides[0]} and {sides[1]}")


def _noun(dimension: str) -> str:
    if not dimension:
        return "a bare number"
    return units.DIMENSIONS[dimension].noun if dimension in units.DIMENSIONS else dimension
