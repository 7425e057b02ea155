"""From sums to stored integers: what a profile's multiplier and rounding mean, in numpy.

This is the readable meaning; ``simulator.kernels.requant`` does the same faster and is tested against it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.workload.numerics import Rescaling
from simulator.workload.tensor import BITS


@dataclass(frozen=True)
class Factors:
    """Multipliers of one rescaling, one or one per channel.

    ``mantissa`` and ``shift`` (int64) hold m · 2^(shift − 31) for fixed31; ``ratio`` (float32) holds the
    factor for float32.
    """

    rescaling: Rescaling
    mantissa: np.ndarray
    shift: np.ndarray
    ratio: np.ndarray


def factors(ratios: np.ndarray, rescaling: Rescaling) -> Factors:
    """Multipliers that stand for real ratios of scales.

    Parameters
    ----------
    ratios
        float64, one or one per channel, positive.
    rescaling
        Kind and rounding.
    """
    ratios = np.atleast_1d(np.asarray(ratios, np.float64))
    if rescaling.multiplier == "float32":
        unused = np.zeros(ratios.shape, np.int64)
        return Factors(rescaling, unused, unused, ratios.astype(np.float32))
    mantissa, exponent = fixed_point(ratios)
    if rescaling.multiplier == "fixed15":  # m · 2^(e − 15) as m · 2^((e + 16) − 31)
        mantissa, exponent = np.minimum((mantissa + (1 << 15)) >> 16, (1 << 15) - 1), exponent + 16
    if rescaling.multiplier == "fixed8":
        mantissa, exponent = np.rint(256 * ratios).astype(np.int64), np.full(ratios.shape, 31 - 8)
    return Factors(rescaling, mantissa, exponent, ratios.astype(np.float32))


def fixed_point(ratios: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mantissas of 31 bits and exponents of ratios: ratio ≈ m · 2^(e − 31), m in [2^30, 2^31); int64.

    Rounded half away from zero; what is below 2^−31 becomes 0 (Jacob et al., arXiv:1712.05877, section 2.2).
    """
    fraction, exponent = np.frexp(ratios)
    mantissa = (fraction * (1 << 31) + 0.5).astype(np.int64)
    over = mantissa == 1 << 31
    mantissa, exponent = np.where(over, mantissa >> 1, mantissa), exponent.astype(np.int64) + over
    gone = exponent < -31
    return np.where(gone, 0, mantissa), np.where(gone, 0, exponent)


def rescale(sums: np.ndarray, by: Factors) -> np.ndarray:
    """Sums times factors, rounded, as int64; the last axis of the sums is that of the channels."""
    if by.rescaling.multiplier == "float32":
        return np.rint(sums.astype(np.float32) * by.ratio).astype(np.int64)
    if by.rescaling.rounding == "double":
        shifted = wrap(sums.astype(np.int64) << np.maximum(by.shift, 0), 32)
        return shift_half_away(doubled_high_half(shifted, by.mantissa), np.maximum(-by.shift, 0))
    product = sums.astype(np.int64) * by.mantissa
    bits = 31 - by.shift
    half = 0 if by.rescaling.rounding == "truncate" else np.left_shift(1, bits - 1)
    if by.rescaling.rounding == "half_away":
        half = half - (product < 0)
    return (product + half) >> bits


def doubled_high_half(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Product a · b / 2^31, rounded to nearest, half up; −2^31 squared saturates."""
    product = a * b
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    rounded = np.where(nudged >= 0, nudged >> 31, -(-nudged >> 31))  # division towards zero
    return np.minimum(rounded, (1 << 31) - 1)


def shift_half_away(values: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Quotient values / 2^bits, rounded to nearest, half away from zero."""
    rest = values & (np.left_shift(1, bits) - 1)
    half = (np.left_shift(1, bits) - 1 >> 1) + (values < 0)
    return (values >> bits) + (rest > half)


def divide_half_away(values: np.ndarray, by: np.ndarray | int) -> np.ndarray:
    """Integer quotient rounded to nearest, half away from zero; ``by`` is positive."""
    magnitude = (np.abs(values) + by // 2) // np.maximum(by, 1)
    return np.where(values < 0, -magnitude, magnitude)


def round_half_away(values: np.ndarray) -> np.ndarray:
    """Nearest integer of reals, half away from zero, as int64."""
    magnitude = np.floor(np.abs(values))
    return (np.sign(values) * (magnitude + (np.abs(values) - magnitude >= 0.5))).astype(np.int64)


def wrap(values: np.ndarray, bits: int) -> np.ndarray:
    """Two's complement of so many bits, as int64."""
    if bits >= 64:
        return values
    half = 1 << (bits - 1)
    return ((values + half) & ((1 << bits) - 1)) - half


def limits(dtype: str) -> tuple[int, int]:
    """Least and largest stored integer of an element type."""
    bits = BITS[dtype]
    return (0, (1 << bits) - 1) if dtype.startswith("uint") else (-(1 << bits - 1), (1 << bits - 1) - 1)
