"""Quantities as people write them and as code counts them: the one table of units of the project."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from fractions import Fraction

from simulator.base.errors import did_you_mean, shown

UNLIMITED = 2**62  # more than any chip has, and sums of two still fit int64

_NUMBER = re.compile(r"([-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)\s*(.*)", re.ASCII)
_PLAIN_LETTERS = str.maketrans("\u00b5\u03bc\u00b2", "uu2")  # micro sign, Greek mu, superscript two
_DECIMAL = Context(prec=2000)  # every double, scaled by any unit, is exact in so many digits


@dataclass(frozen=True)
class Dimension:
    """What a field-name suffix means.

    Attributes
    ----------
    noun : str
        The quantity with its article, for messages.
    example : str
        How one writes it.
    units : Mapping[str, Fraction]
        Size of each accepted unit in the canonical one, which is the first of size 1; where two write a value
        in as few digits, the later is preferred.
    exact : bool
        True if values are integers of the canonical unit, False if they are floats.
    signed : bool
        True if negative values make sense.
    unlimited : bool
        True if the word `unlimited` is accepted.
    refused : Mapping[str, str]
        Units that are often written but mean different things to different people, and what to write.
    """

    noun: str
    example: str
    units: Mapping[str, Fraction]
    exact: bool = False
    signed: bool = False
    unlimited: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def expected(self) -> str:
        """The quantity by example, such as `a frequency such as '700 MHz'`."""
        return f"{self.noun} such as '{self.example}'"

    @property
    def canonical(self) -> str:
        """The unit in which code counts."""
        return next(unit for unit, size in self.units.items() if size == 1)


def _scale(names: str, step: int, first: int = 0) -> dict[str, Fraction]:
    return {name: Fraction(step) ** power for power, name in enumerate(names.split(), first)}


_SIZES = _scale("B KiB MiB GiB TiB", 1024)
_AMBIGUOUS_SIZES = {
    unit: f"{unit} is ambiguous, write {prefix}iB ({size})"
    for prefix, size in (("K", "1024 B"), ("M", "1024 KiB"), ("G", "1024 MiB"), ("T", "1024 GiB"))
    for unit in (prefix, f"{prefix}B", f"{prefix.lower()}B")
}
_AMBIGUOUS_RATES = {"KB/s": "KB is ambiguous, write kB/s (1000 B/s) or KiB/s (1024 B/s)"}
_AMBIGUOUS_BITS = {"Kb": "Kb is ambiguous, write Kib (1024 b)"}
# DRAM densities in Mb and Gb are 2^20 and 2^30 bits (JESD100B.01: mega, giga as prefixes of storage).
_BITS = _scale("b", 1) | _scale("Mb Gb", 1024, 2) | _scale("Kib Mib Gib Tib", 1024, 1)
_RATES = {f"{unit}/s": size for unit, size in (_scale("B kB MB GB TB", 1000) | _SIZES).items()}

DIMENSIONS: Mapping[str, Dimension] = {
    "bytes_per_cycle": Dimension("a width", "32 B/cycle", _scale("B/cycle", 1), unlimited=True),
    "bytes_per_s": Dimension("a bandwidth", "12.8 GB/s", _RATES, refused=_AMBIGUOUS_RATES),
    "bytes": Dimension("a size", "64 KiB", _SIZES, exact=True, unlimited=True, refused=_AMBIGUOUS_SIZES),
    "bits": Dimension("a number of bits", "8 Gib", _BITS, exact=True, refused=_AMBIGUOUS_BITS),
    "hz": Dimension("a frequency", "700 MHz", _scale("Hz kHz MHz GHz", 1000), exact=True),
    "fs": Dimension("a time", "15 ns", _scale("fs ps ns us ms s", 1000), exact=True),
    "pj": Dimension("an energy", "0.07 pJ", _scale("fJ pJ nJ uJ", 1000, -1)),
    "mw": Dimension("a power", "5 mW", _scale("uW mW W", 1000, -1)),
    "ma": Dimension("a current", "40 mA", _scale("uA mA A", 1000, -1)),
    "v": Dimension("a voltage", "1.1 V", _scale("mV V", 1000, -1), signed=True),
    "nm": Dimension("a length", "7 nm", _scale("nm", 1)),
    "mm2": Dimension("an area", "1.5 mm2", _scale("um2 mm2", 10**6, -1)),
    "percent": Dimension("a percentage", "30 %", _scale("%", 1)),
}


def split_suffix(name: str) -> tuple[str, str | None]:
    """Take the unit off a field name: `clock_hz` is `clock` in `hz`, `rows` is `rows` in nothing."""
    for dimension in DIMENSIONS:
        stem = name.removesuffix(f"_{dimension}")
        if stem and stem != name:
            return stem, dimension
    return name, None


def parse(text: object, dimension: str) -> int | float:
    """Read a quantity.

    Parameters
    ----------
    text : object
        What the user wrote, such as `"700 MHz"`; a bare number is an error.
    dimension : str
        Key of `DIMENSIONS`.

    Returns
    -------
    int or float
        Value in the canonical unit, which the key names: an int if the dimension is exact.

    Raises
    ------
    ValueError
        If it is not a quantity of that dimension; the text says what was expected and what came.
    """
    kind = DIMENSIONS[dimension]
    if text == "unlimited" and kind.unlimited:
        return UNLIMITED
    matched = _NUMBER.fullmatch(text.strip()) if isinstance(text, str) else None
    if matched is None:
        bare = isinstance(text, int | float) and not isinstance(text, bool)
        raise _wrong(kind, text, " (a bare number)" if bare else "")
    unit = matched[2].translate(_PLAIN_LETTERS)
    if unit not in kind.units:
        raise _wrong(kind, text, _about_unit(kind, unit))
    return _number(kind, text, Fraction(matched[1].replace("_", "")) * kind.units[unit])


def format(value: int | float, dimension: str) -> str:
    """Write a quantity so that `parse` gives the same value back.

    Parameters
    ----------
    value : int or float
        In the canonical unit.
    dimension : str
        Key of `DIMENSIONS`.

    Returns
    -------
    str
        In the canonical unit or the larger one that takes the fewest digits.
    """
    kind = DIMENSIONS[dimension]
    if value == UNLIMITED and kind.unlimited:
        return "unlimited"
    exact = Decimal(repr(float(value))) if isinstance(value, float) else Decimal(int(value))
    best = ""
    for unit, size in kind.units.items():
        if size < 1 or (size > 1 and abs(exact) < size):
            continue
        number = _plain(_DECIMAL.divide(exact, Decimal(size.numerator)))
        if not best or _digits(number) <= _digits(best.split()[0]):
            best = f"{number} {unit}"
    return best


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _digits(number: str) -> int:
    return sum(character.isdigit() for character in number)


def _number(kind: Dimension, text: object, value: Fraction) -> int | float:
    if value < 0 and not kind.signed:
        raise _wrong(kind, text, " (negative)")
    if kind.exact and value.denominator != 1:
        raise _wrong(kind, text, f" (not a whole number of {kind.canonical})")
    if abs(value) >= 2**63:
        raise _wrong(kind, text, f" (2^63 {kind.canonical} or more)")
    return int(value) if kind.exact else float(value)


def _about_unit(kind: Dimension, unit: str) -> str:
    if not unit:
        return " (no unit)"
    if unit in kind.refused:
        return f": {kind.refused[unit]}"
    return did_you_mean(unit, kind.units) or f": '{unit}' is none of {', '.join(kind.units)}"


def _wrong(kind: Dimension, text: object, why: str) -> ValueError:
    return ValueError(f"expected {kind.expected}, got {shown(text)}{why}")
