"""Rounded numbers for readers: four digits and the prefix that suits. Files keep the exact ones."""

from __future__ import annotations

import math

PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P"}
BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
NEVER_LARGE = ("s",)
THIN_SPACE = "\u202f"
UNKNOWN = "unknown"

# The longest suffix that fits a metric's name decides; see Metrics for the units.
_BY_SUFFIX = {
    "tops_per_w": lambda v: si(v * 1e12, "OPS/W"),
    "tops_per_w_chip": lambda v: si(v * 1e12, "OPS/W"),
    "tops": lambda v: si(v * 1e12, "OPS"),
    "utilization": lambda v: percent(v),
    "accuracy": lambda v: percent(v),
    "sops_per_s": lambda v: si(v, "SOP/s"),
    "_per_s": lambda v: f"{number(v)} /s",
    "_bytes": lambda v: binary(v),
    "_js": lambda v: si(v, "J·s"),
    "_mm2": lambda v: f"{number(v)} mm²",
    "_j": lambda v: si(v, "J"),
    "_w": lambda v: si(v, "W"),
    "_s": lambda v: si(v, "s"),
}

#: Unit of a column of a metric, and what its values are multiplied with to be in it, by suffix as above.
_UNITS = {
    "tops_per_w": ("OPS/W", 1e12),
    "tops_per_w_chip": ("OPS/W", 1e12),
    "tops": ("OPS", 1e12),
    "utilization": ("%", 100.0),
    "accuracy": ("%", 100.0),
    "sops_per_s": ("SOP/s", 1.0),
    "_per_s": ("/s", 1.0),
    "_bytes": ("B", 1.0),
    "_B": ("B", 1.0),
    "_js": ("J·s", 1.0),
    "_mm2": ("mm²", 1.0),
    "_j": ("J", 1.0),
    "_w": ("W", 1.0),
    "_s": ("s", 1.0),
}
#: Units that take no prefix.
_PLAIN = ("%", "/s", "mm²", "")


def number(value: float) -> str:
    """Four digits, thousands apart: ``12 346``, ``0.01235``, ``1.235e-05``."""
    if value == 0:
        return "0"
    if abs(value) >= 1e15 or abs(value) < 1e-4:
        return f"{value:.4g}"
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", THIN_SPACE)
    return f"{value:.4g}"


def percent(fraction: float) -> str:
    """Show a fraction as per cent, three digits: ``12.3 %``."""
    value = 100 * fraction
    return f"{value:.3g} %" if abs(value) < 1000 else f"{number(value)} %"


def exponent(value: float, unit: str) -> int:
    """Power of ten, a multiple of 3, of the prefix that shows ``value`` as 1 to 999."""
    if value == 0 or not math.isfinite(value):
        return 0
    power = 3 * math.floor(math.log10(abs(float(f"{value:.3e}"))) / 3)
    top = 0 if unit in NEVER_LARGE else max(PREFIXES)
    return min(max(power, min(PREFIXES)), top)


def si(value: float, unit: str) -> str:
    """Four digits and a decimal prefix: ``si(0.00123, "s")`` is ``1.23 ms``."""
    if value == 0:
        return f"0 {unit}"
    power = exponent(value, unit)
    return f"{number(value / 10.0**power)} {PREFIXES[power]}{unit}"


def binary(value: float) -> str:
    """Bytes with a binary prefix: ``binary(1536)`` is ``1.5 KiB``."""
    step, _ = binary_scale(value)
    return f"{number(value / step)} {BINARY[round(math.log(step, 1024))]}"


def binary_scale(largest: float) -> tuple[int, str]:
    """Divisor and unit in which a column of bytes up to ``largest`` reads well."""
    power = 0
    while power < len(BINARY) - 1 and abs(largest) >= 1000 * 1024**power:
        power += 1
    return 1024**power, BINARY[power]


def decimal_scale(largest: float, unit: str) -> tuple[float, str]:
    """Divisor and unit in which a column or an axis up to ``largest`` reads well."""
    power = exponent(largest, unit) if unit else 0
    return 10.0**power, PREFIXES[power] + unit


def metric(name: str, value: float | int | None) -> str:
    """Value of a metric with the unit that its name ends on; ``None`` reads *unknown*, never 0."""
    if value is None:
        return UNKNOWN
    fitting = [suffix for suffix in _BY_SUFFIX if name.endswith(suffix)]
    return _BY_SUFFIX[max(fitting, key=len)](value) if fitting else number(value)


def metric_scale(name: str, largest: float) -> tuple[float, str]:
    """What values of a metric up to ``largest`` are multiplied with to read well, and their unit then.

    ``metric_scale("latency_s", 0.002)`` is ``(1000.0, "ms")``.
    """
    fitting = [suffix for suffix in _UNITS if name.endswith(suffix)]
    unit, factor = _UNITS[max(fitting, key=len)] if fitting else ("", 1.0)
    if unit in _PLAIN:
        return factor, unit
    step, prefixed = binary_scale(largest) if unit == "B" else decimal_scale(largest * factor, unit)
    return factor / step, prefixed
