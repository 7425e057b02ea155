"""Sums to stored integers: multiply, round, add the zero point, saturate. Meaning: workload/rescale.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.kernels.jit import lean, part

DOUBLE, HALF_UP, TRUNCATE, HALF_EVEN, HALF_AWAY = 0, 1, 2, 3, 4
SUM, DIFFERENCE, PRODUCT = 0, 1, 2
_HALF = 1 << 30
_TOP = (1 << 31) - 1


@part
def scaled(value: Any, mantissa: Any, shift: Any, ratio: Any, rounding: int) -> Any:
    """One sum rescaled, int64: by m · 2^(shift − 31), or for ``HALF_EVEN`` by a float32."""
    if rounding == HALF_EVEN:
        return np.int64(np.rint(np.float32(np.float32(value) * ratio)))
    if rounding == DOUBLE:
        product = np.int64(np.int32(np.int64(value) << max(shift, 0))) * mantissa
        high = min((product + _HALF) >> 31, _TOP) if product >= 0 else -((_HALF - 1 - product) >> 31)
        bits = max(-shift, 0)
        mask = (np.int64(1) << bits) - 1
        above = (high & mask) > (mask >> 1) + (1 if high < 0 else 0)
        return (high >> bits) + (1 if above else 0)
    bits = 31 - shift
    product = np.int64(value) * mantissa
    half = np.int64(0) if rounding == TRUNCATE else np.int64(1) << (bits - 1)
    if rounding == HALF_AWAY and product < 0:
        half -= 1
    return (product + half) >> bits


@lean
def store_rows(
    sums: np.ndarray, mantissa: np.ndarray, shift: np.ndarray, ratio: np.ndarray, rounding: int,
    zero_point: int, low: int, high: int, out: np.ndarray,
) -> None:  # fmt: skip
    """Rescale sums to stored integers.

    Parameters
    ----------
    sums
        int32 or int64, shape (rows, channels).
    mantissa, shift
        int64, shape (channels,): factor m · 2^(shift − 31); unused for ``HALF_EVEN``.
    ratio
        float32, shape (channels,): factor for ``HALF_EVEN``.
    rounding
        ``DOUBLE``, ``HALF_UP``, ``TRUNCATE``, ``HALF_EVEN`` or ``HALF_AWAY``.
    zero_point, low, high
        Added, then the bounds of what is stored.
    out
        Integers, shape (rows, channels), written.
    """
    for i in range(sums.shape[0]):
        for j in range(sums.shape[1]):
            value = scaled(sums[i, j], mantissa[j], shift[j], ratio[j], rounding) + zero_point
            out[i, j] = min(max(value, low), high)


@lean
def add_rows(
    first: np.ndarray, second: np.ndarray, zero_first: int, zero_second: int, left: int,
    mantissa: np.ndarray, shift: np.ndarray, ratio: np.ndarray, rounding: int, rounding_sum: int,
    zero_point: int, low: int, high: int, out: np.ndarray,
) -> None:  # fmt: skip
    """Sum of two operands in a common scale.

    Parameters
    ----------
    first, second
        Integers, shape (n,).
    zero_first, zero_second
        Their zero points.
    left
        Bits by which both are shifted left before they are rescaled.
    mantissa, shift, ratio
        int64, int64, float32, shape (3,): factors of the first, the second and the sum.
    rounding, rounding_sum
        Of the operands and of the sum, as in ``store_rows``.
    zero_point, low, high
        As in ``store_rows``.
    out
        Integers, shape (n,), written.
    """
    for i in range(first.size):
        a = (np.int64(first[i]) - zero_first) << left
        b = (np.int64(second[i]) - zero_second) << left
        total = scaled(a, mantissa[0], shift[0], ratio[0], rounding)
        total += scaled(b, mantissa[1], shift[1], ratio[1], rounding)
        value = scaled(total, mantissa[2], shift[2], ratio[2], rounding_sum) + zero_point
        out[i] = min(max(value, low), high)


@lean
def multiply_rows(
    first: np.ndarray, second: np.ndarray, zero_first: int, zero_second: int,
    mantissa: np.ndarray, shift: np.ndarray, ratio: np.ndarray, rounding: int,
    zero_point: int, low: int, high: int, out: np.ndarray,
) -> None:  # fmt: skip
    """Product of two operands, rescaled; parameters as in ``add_rows``, one factor."""
    for i in range(first.size):
        product = (np.int64(first[i]) - zero_first) * (np.int64(second[i]) - zero_second)
        value = scaled(product, mantissa[0], shift[0], ratio[0], rounding) + zero_point
        out[i] = min(max(value, low), high)


@lean
def look_up_rows(stored: np.ndarray, least: int, table: np.ndarray, out: np.ndarray) -> None:
    """Entries ``table[stored − least]``; ``stored`` and ``out`` integers, shape (n,), ``out`` written."""
    for i in range(stored.size):
        out[i] = table[np.int64(stored[i]) - least]


@lean
def combine_rows(
    first: np.ndarray, second: np.ndarray, zero_first: int, zero_second: int,
    scale_first: Any, scale_second: Any, scale: Any, function: int,
    zero_point: int, low: int, high: int, out: np.ndarray,
) -> None:  # fmt: skip
    """Sum, difference or product of what two operands stand for, in float32, stored half to even.

    Parameters
    ----------
    first, second
        Integers, shape (n,).
    zero_first, zero_second
        Their zero points.
    scale_first, scale_second, scale
        float32, of the operands and of the result.
    function
        ``SUM``, ``DIFFERENCE`` or ``PRODUCT``.
    zero_point, low, high
        As in ``store_rows``.
    out
        Integers, shape (n,), written.
    """
    least, most = np.float32(low - zero_point), np.float32(high - zero_point)
    for i in range(first.size):
        a = np.float32(np.int32(first[i]) - np.int32(zero_first)) * scale_first
        b = np.float32(np.int32(second[i]) - np.int32(zero_second)) * scale_second
        real = a + b if function == SUM else a - b if function == DIFFERENCE else a * b
        whole = np.rint(np.float32(real / scale))
        out[i] = np.int32(min(max(whole, least), most)) + np.int32(zero_point)


@lean
def add_ratio_rows(
    first: np.ndarray, second: np.ndarray, ratio_first: Any, ratio_second: Any, fixed: Any,
    low: int, high: int, out: np.ndarray,
) -> None:  # fmt: skip
    """Sum of two operands times ratios of scales and a fixed part, each product fused with its addition.

    Parameters
    ----------
    first, second
        Integers of 8 bits, shape (n,): their products with float32 are exact in float64.
    ratio_first, ratio_second, fixed
        float32 values, as float64.
    low, high
        Bounds of what is stored.
    out
        Integers, shape (n,), written.
    """
    least, most = np.float32(low), np.float32(high)
    for i in range(first.size):
        inner = np.float32(np.float64(second[i]) * ratio_second + fixed)
        real = np.float32(np.float64(first[i]) * ratio_first + np.float64(inner))
        out[i] = np.int32(min(max(np.rint(real), least), most))


@lean
def count_other(stored: np.ndarray, value: int) -> int:
    """How many of the integers, shape (n,), are not a value."""
    count = 0
    for i in range(stored.size):
        count += stored[i] != value
    return count
