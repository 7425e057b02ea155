"""The language of conditions: numbers, names, comparisons, arithmetic; text to a tree.

Nothing of Python can be reached from it: there are no calls but those of ``FUNCTIONS``, no attributes (a dot
is part of a name), no powers, no loops. Text, tokens and nesting are bounded, and so is the time that an
evaluation takes.

::

    any    = all {"or" all}                     all   = test {"and" test}
    test   = "not" test | sum {compare sum}     sum   = product {("+" | "-") product}
    product = sign {("*" | "/" | "//" | "%") sign}    sign = "-" sign | atom
    atom   = number [unit] | 'text' | true | false | name | function "(" any {"," any} ")" | "(" any ")"

A chain ``a < b < c`` means ``a < b and b < c``. A quantity counts in the unit of code (bytes, Hz, fs, pJ)
and remembers what it is: sizes are compared with and added to sizes only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from simulator.base import units
from simulator.base.errors import did_you_mean

MOST_CHARACTERS = 1000
MOST_TOKENS = 200
MOST_LEVELS = 32
#: Digits of a number, more than any quantity has; products of all tokens are then at most some kilobytes.
MOST_DIGITS = 30

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)"
    r"|(?P<name>[A-Za-z_]\w*(?:\.\w+)*)"
    r"|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<sign>\*\*|<=|>=|==|!=|//|[-+*/%<>(),]))",
    re.ASCII,
)
_UNIT = re.compile(r"\s*([A-Za-z]+2?(?:/[A-Za-z]+)?)", re.ASCII)
_WORDS = ("and", "or", "not", "true", "false")
#: Signs of other languages -> what they are called here.
_MEANT = {"=": "==", "&": "and", "|": "or", "!": "not", "≤": "<=", "≥": ">=", "≠": "!=", "^": "a * a"}
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
#: Name -> (function, fewest operands, most).
FUNCTIONS: Mapping[str, tuple[Callable[..., Any], int, int]] = {
    "min": (min, 2, 20),
    "max": (max, 2, 20),
    "abs": (abs, 1, 1),
    "log2": (math.log2, 1, 1),
}
_DIMENSION_OF = {unit: name for name, kind in units.DIMENSIONS.items() for unit in kind.units}

Node = tuple[Any, ...]


class ExpressionError(ValueError):
    """What is wrong with an expression, or with its value at a point."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value with what it is: ``dimension`` is a key of ``units.DIMENSIONS``, "" for a plain number.

    Products of quantities have a dimension that only equals itself, such as ``bytes*hz``.
    """

    value: Any
    dimension: str = ""


@lru_cache(maxsize=4096, typed=True)  # true is no 1
def quantity(value: Any) -> Quantity:
    """A value as YAML has it: ``256 KiB`` is a number of bytes, text without a unit stays text."""
    if isinstance(value, str):
        parsed = re.fullmatch(r"\s*([-+]?[\d_.]+(?:[eE][-+]?\d{1,3})?)\s*(\S.*?)\s*", value, re.ASCII)
        dimension = _DIMENSION_OF.get(parsed[2]) if parsed else None
        if dimension is not None:
            try:
                return Quantity(units.parse(value, dimension), dimension)
            except ValueError:
                return Quantity(value)
        try:
            return Quantity(int(value) if re.fullmatch(r"[-+]?\d{1,30}", value) else float(value))
        except ValueError:
            return Quantity(value)
    return Quantity(value)


class Parser:
    """Recursive descent over the tokens; every level of nesting is counted."""

    def __init__(self, text: str) -> None:
        self.text, self.names = text, list[str]()
        self.tokens = self._tokens()
        self.count, self.place = 0, 0
        self.kind = self.token = ""
        self.number: Quantity | None = None
        self.step()

    def step(self) -> None:
        """Go to the next token; ``kind`` is "" behind the last."""
        self.kind, self.token, self.number, self.place = next(self.tokens, ("", "", None, len(self.text)))
        self.count += 1
        if self.count > MOST_TOKENS:
            raise ExpressionError(f"expected at most {MOST_TOKENS} words, numbers and signs, got more")

    def wrong(self, expected: str) -> ExpressionError:
        """What was expected here, and what came."""
        came = f"'{self.token[:40]}'" if self.kind else "the end"
        hint = ""
        if self.token == "**":
            hint = "; there are no powers, write a * a"
        elif self.token == "(":
            hint = f"; the functions are {', '.join(FUNCTIONS)}"
        return ExpressionError(f"{expected} at character {self.place + 1}, got {came}{hint}")

    def take(self, *tokens: str) -> str:
        """The token if it is one of these signs or words, and go on; else ""."""
        if self.kind in ("sign", "word") and self.token in tokens:
            found = self.token
            self.step()
            return found
        return ""

    def any(self, level: int) -> Node:
        """``a or b``."""
        if level > MOST_LEVELS:
            raise ExpressionError(f"expected at most {MOST_LEVELS} levels of nesting, got more")
        tree = self.all(level)
        while self.take("or"):
            tree = ("or", tree, self.all(level))
        return tree

    def all(self, level: int) -> Node:
        """``a and b``."""
        tree = self.test(level)
        while self.take("and"):
            tree = ("and", tree, self.test(level))
        return tree

    def test(self, level: int) -> Node:
        """``not a``, and comparisons, also in chains."""
        if level > MOST_LEVELS:
            raise ExpressionError(f"expected at most {MOST_LEVELS} levels of nesting, got more")
        if self.take("not"):
            return ("not", self.test(level + 1))
        left = self.sum(level)
        tree: Node | None = None
        while sign := self.take(*COMPARISONS):
            right = self.sum(level)
            link: Node = ("compare", sign, left, right)
            tree = link if tree is None else ("and", tree, link)
            left = right
        return left if tree is None else tree

    def sum(self, level: int) -> Node:
        """``a + b``."""
        tree = self.product(level)
        while sign := self.take("+", "-"):
            tree = ("arithmetic", sign, tree, self.product(level))
        return tree

    def product(self, level: int) -> Node:
        """``a * b``."""
        tree = self.sign(level)
        while sign := self.take("*", "/", "//", "%"):
            tree = ("arithmetic", sign, tree, self.sign(level))
        return tree

    def sign(self, level: int) -> Node:
        """``-a``."""
        if level > MOST_LEVELS:
            raise ExpressionError(f"expected at most {MOST_LEVELS} levels of nesting, got more")
        if self.take("-"):
            zero: Node = ("value", Quantity(0, "any"))
            return ("arithmetic", "-", zero, self.sign(level + 1))
        return self.atom(level)

    def atom(self, level: int) -> Node:
        """A number, a name, text, or something in brackets."""
        kind, token, number = self.kind, self.token, self.number
        if self.take("("):
            tree = self.any(level + 1)
            self.close()
            return tree
        if self.take("true", "false"):
            return ("value", Quantity(token == "true"))
        if kind not in ("number", "text", "name"):
            raise self.wrong("expected a number, a name or (")
        self.step()
        if kind == "number":
            return ("value", number)
        if kind == "text":
            return ("value", Quantity(token[1:-1]))
        if token in FUNCTIONS and self.kind == "sign" and self.token == "(":
            self.step()
            return self.call(token, level)
        self.names.append(token)
        return ("name", token)

    def call(self, name: str, level: int) -> Node:
        """Operands of a function, behind its bracket."""
        operands = [self.any(level + 1)]
        while self.take(","):
            operands.append(self.any(level + 1))
        self.close()
        _, fewest, most = FUNCTIONS[name]
        if not fewest <= len(operands) <= most:
            wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
            raise ExpressionError(f"expected {wanted} operands of {name}, got {len(operands)}")
        return ("call", name, *operands)

    def close(self) -> None:
        """A closing bracket."""
        if not self.take(")"):
            raise self.wrong("expected )")

    def _tokens(self) -> Iterator[tuple[str, str, Quantity | None, int]]:
        at = 0
        while self.text[at:].strip():
            found = _TOKEN.match(self.text, at)
            if found is None:
                start = at + len(self.text[at:]) - len(self.text[at:].lstrip())
                came = self.text[start]
                words = "names, numbers, comparisons and arithmetic"
                hint = f"; write {_MEANT[came]}" if came in _MEANT else ""
                raise ExpressionError(f"expected {words}, got '{came}' at character {start + 1}{hint}")
            kind, start, at = str(found.lastgroup), found.start(str(found.lastgroup)), found.end()
            token, number = found[kind], None
            if kind == "number":
                number, at = self._number(token, at)
            elif kind == "name" and token in _WORDS:
                kind = "word"
            yield kind, token, number, start

    def _number(self, token: str, at: int) -> tuple[Quantity, int]:
        """A number with the unit behind it, and where it ends."""
        if sum(character.isdigit() for character in token) > MOST_DIGITS:
            raise ExpressionError(f"expected at most {MOST_DIGITS} digits, got {len(token)}")
        unit = _UNIT.match(self.text, at)
        if unit is not None and unit[1] not in _WORDS:
            written = unit[1] if unit[1] in _DIMENSION_OF else unit[1].partition("/")[0]
            if written not in _DIMENSION_OF:
                place = f"at character {unit.start(1) + 1}"
                refused = [k.refused[unit[1]] for k in units.DIMENSIONS.values() if unit[1] in k.refused]
                near = f"; {refused[0]}" if refused else did_you_mean(unit[1], _DIMENSION_OF)
                raise ExpressionError(f"expected a unit or an operator {place}, got '{unit[1]}'{near}")
            try:
                value = units.parse(f"{token} {written}", _DIMENSION_OF[written])
            except ValueError as error:
                raise ExpressionError(str(error)) from None
            return Quantity(value, _DIMENSION_OF[written]), unit.start(1) + len(written)
        plain = token.replace("_", "")
        return Quantity(int(plain) if plain.isdigit() else float(plain)), at
