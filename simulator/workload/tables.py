"""Functions of 16-bit integers by interpolation between the entries of a table, as TensorFlow Lite has them.

Everything here is checked against that runtime, bit for bit, by ``tests/reference/test_tflite_operators.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from math import frexp

import numpy as np

from simulator.workload.rescale import Factors, doubled_high_half, rescale, wrap

Real = Callable[[np.ndarray], np.ndarray]
_SEGMENTS = 512
_LEAST, _MOST = -(1 << 15), (1 << 15) - 1
#: Segments of the sigmoid's table per unit of its argument.
_PER_UNIT = 24


def sampled(function: Real, ends: tuple[np.floating, np.floating], scale: np.floating) -> np.ndarray:
    """Table of a function: 513 entries at equal distances, each nudged by half its error in the middle.

    Parameters
    ----------
    function
        Of an array of reals, in the type of ``ends``.
    ends
        First and last argument; their type is the one in which everything is computed.
    scale
        Stored integers per unit of the function.

    Returns
    -------
    ndarray
        int64, (513,), within 16 bits.
    """
    kind = type(ends[0])
    step = (ends[1] - ends[0]) / kind(_SEGMENTS)
    at = ends[0] + np.arange(_SEGMENTS + 1).astype(kind) * step
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        here, middle = function(at) * scale, function(at[:-1] + step / kind(2)) * scale
        last = function(np.array([ends[1]], kind)) * scale
        entries = _round(here[:-1])
        chord = _round((here[1:] + entries) / kind(2))
        entries = entries - _round((chord - _round(middle)) / kind(2))
    whole = np.append(entries, _round(last))
    return np.where(np.isnan(whole), 0, np.clip(whole, _LEAST, _MOST)).astype(np.int64)


def interpolate(stored: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Value of a table at integers of 16 bits: 128 of them to a segment, half up, in 16 bits that wrap."""
    wide = stored.astype(np.int64)
    place, rest = (wide >> 7) + 256, wide & 127
    base = table[place]
    slope = wrap(table[place + 1] - base, 16)
    return wrap(base + ((slope * rest + 64) >> 7), 16)


def by_segments(function: Real, stored: np.ndarray, scale: float, result_scale: float) -> np.ndarray:
    """A function of symmetric 16-bit integers at one scale, at the scale of the result, as int64."""
    single, result = np.float32(scale), np.float32(result_scale)
    ends = (single * np.float32(_LEAST), single * np.float32(_MOST))
    spread = result * np.float32(_MOST) - result * np.float32(_LEAST)
    return interpolate(stored, sampled(function, ends, np.float32(1 << 16) / spread))


def sigmoid(stored: np.ndarray, scale: float) -> np.ndarray:
    """1 / (1 + exp(−x)) of 16-bit integers, 2^15 to a unit, by 9 bits between entries of a table."""
    multiplier, shift = _argument(scale, (0,))
    half = (1 << shift) >> 1
    scaled = (stored.astype(np.int64) * multiplier + half) >> shift
    inner = _between(np.abs(scaled), 9, _MOST << 10)
    rounding = 1 << 9
    return np.where(scaled >= 0, inner + rounding, (1 << 25) - inner + rounding - 1) >> 10


def tanh(stored: np.ndarray, scale: float) -> np.ndarray:
    """Hyperbolic tangent of 16-bit integers, 2^15 to a unit, by the sigmoid's table."""
    multiplier, shift = _argument(scale, (0, 1))
    half = (1 << shift) >> 1
    scaled = (stored.astype(np.int64) * multiplier + half) >> shift
    inner = _between(np.abs(scaled), 8, 0xFFFF << 8)
    middle, rounding = 1 << 23, 1 << 7
    return np.where(scaled >= 0, inner - middle + rounding, middle - inner + rounding - 1) >> 8


def softmax(stored: np.ndarray, by: Factors) -> np.ndarray:
    """Softmax along the last axis of 16-bit integers, 2^15 to a unit, by tables of exp and of 1/(1 + x).

    ``by`` turns distances to the largest into steps of 10 / 65535, of which 65535 are told apart.
    """
    wide = stored.astype(np.int64)
    steps = rescale(wide - wide.max(-1, keepdims=True), by) + _MOST
    unit = np.float64(1 << 16) / np.float64(2)
    exponentials = interpolate(np.clip(steps, _LEAST, _MOST), _unit_table(np.exp, -10.0, 0.0, unit))
    total = exponentials.sum(-1, keepdims=True)
    zeros = 32 - np.frexp(total.astype(np.float64))[1]  # leading ones of 32 bits
    shifted = ((total << (zeros - 1)) + (1 << 13)) >> 14
    place = np.clip(shifted - (3 << 15), _LEAST, _MOST)
    inverse = interpolate(place, _unit_table(lambda x: 1 / (1 + x), 0.0, 1.0, unit))
    back = 31 - zeros
    return np.clip((exponentials * inverse + (np.left_shift(1, back) >> 1)) >> back, 0, _MOST)


def inverse_root(value: int) -> tuple[int, int]:
    """Mantissa and exponent of 1/√v ≈ m · 2^(e − 31), by five steps of Newton's method in 28 binary places.

    Parameters
    ----------
    value
        At least 1, below 2^29.
    """
    if value <= 1:
        return (1 << 31) - 1, 0
    pairs = (32 - value.bit_length() - 1) // 2 - 1
    scaled, exponent = value << (2 * pairs), pairs - 11
    whole = scaled >> 1
    half = (whole + 1) >> 1
    x = 1 << 28
    for _ in range(5):
        cube = _fraction(_fraction(x, x), x) << 6
        x = (_fraction((1 << 28) + (1 << 27), x) - _fraction(half, cube)) << 3
    root = _fraction(x, round(2**31 / np.sqrt(2)))
    return (root << exponent, 0) if exponent > 0 else (root, exponent)


def _fraction(a: int, b: int) -> int:
    return int(doubled_high_half(np.asarray(a), np.asarray(b)))


def power_of_two(scale: float) -> int | None:
    """Exponent of a scale that is a power of 2 to 1 in a thousand of an octave; else None."""
    exact = float(np.log2(np.float64(scale)))
    return round(exact) if abs(exact - round(exact)) < 1e-3 else None


def _unit_table(function: Real, low: float, high: float, unit: np.floating) -> np.ndarray:
    return sampled(function, (np.float64(low), np.float64(high)), unit)


def _round(values: np.ndarray) -> np.ndarray:
    """Nearest integer, half away from zero, still real; infinity and what is no number stay."""
    return np.copysign(np.floor(np.abs(values) + values.dtype.type(0.5)), values)


def _argument(scale: float, plain: tuple[int, ...]) -> tuple[int, int]:
    """Multiplier and right shift from stored integers to 3·2^12 to a unit; both exact for 2^(plain − 12)."""
    exponent = power_of_two(scale)
    if exponent is not None and exponent + 12 in plain:
        return 3 << (exponent + 12), 0
    multiplier = float(np.float32(scale)) * 4096 * 3
    shift = max(0, 14 - frexp(multiplier)[1])
    while multiplier * 2.0**shift <= 32767 / 2 and shift <= 30:
        shift += 1
    return int(multiplier * 2.0**shift), shift


def _between(magnitude: np.ndarray, bits: int, largest: int) -> np.ndarray:
    """Entries of the sigmoid's table, so many bits of the argument between them; beyond them the largest.

    Each entry is lowered by half of what the chord to the next lies above the curve in the middle.
    """
    curve = 65536 / (1 + np.exp(-np.arange(2 * 256 + 1) / (2 * _PER_UNIT)))
    here, middle = curve[::2], curve[1::2]
    entries = np.floor(here[:-1] - ((here[1:] + here[:-1]) / 2 - middle) / 2 + 0.5)
    table = np.append(entries[:-1], 65535).astype(np.int64)
    place = np.minimum(magnitude >> bits, 254)
    rest = magnitude & ((1 << bits) - 1)
    inside = (table[place] << bits) + rest * (table[place + 1] - table[place])
    return np.where(magnitude >> bits >= 255, largest, inside)
