"""Arithmetic of memories that compute: FP16 rounded step by step, BF16 in aligned sums.

Meaning: ``simulator.workload.pim.plain``. No machine needs instructions for 16 bits: FP16 and BF16 come as
their bits, uint16, and are computed in float32. Why that gives what FP16 itself would:

- *Products.* Two FP16 of 11 significant bits have a product of 22, a multiple of 2^−48 below 2^32: exact in
  float32. So one rounding is left, that to FP16.
- *Sums.* Let a have the larger exponent e, so that its unit is u = 2^(e − 10); b has the exponent f. Where
  f < e − 13, |b| < u/8, and a + b lies within u/8 of a. So does what float32 makes of it, because a ± u/8
  are float32 and rounding is monotonic; all of that rounds to a, whose neighbours are at least u/2 away.
  Else both are multiples of 2^(f − 10) ≥ 2^(e − 23): a sum below 2^(e + 1) is less than 2^24 of these,
  exact. A larger one needs |b| ≥ u, because |a| ≤ 2^(e + 1) − u; then f ≥ e − 10, and it is less than 2^22
  of 2^(e − 20), exact. Sums below 2^−14 are multiples of 2^−24, as FP16 is: exact as well.

Products of BF16 have 16 significant bits: exact in float32 wherever that has its 24.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.kernels.jit import lean, part

#: Elements that a unit multiplies at once; outputs of a block of FP16 (a unit's registers), and of BF16.
LANES, REGISTERS, BLOCK = 16, 8, 64
_SIGN, _MAGNITUDE, _INFINITE = 0x8000_0000, 0x7FFF_FFFF, 0x7F80_0000
#: Bits of float32: 2^−14, the least FP16 with 11 significant bits; 65536, what is too large for FP16.
_NORMAL, _LARGE = 0x3880_0000, 0x4780_0000
_INFINITE16 = 0x7C00
#: What NaN becomes: quiet, without sign and payload.
NAN_FP16, NAN_BF16 = 0x7E00, 0x7FC0


@part
def bits_of(x: Any) -> Any:
    """Bits of a float32, uint32."""
    return np.float32(x).view(np.uint32)


@part
def real_of(bits: Any) -> Any:
    """float32 of 32 bits."""
    return np.uint32(bits).view(np.float32)


@part
def widened(half: Any) -> Any:
    """FP16, as bits, in float32: exponents are biased by 15 and by 127, and fractions are 13 bits apart.

    Denormals m · 2^−24 are (1 + m/1024) · 2^−14 − 2^−14.
    """
    magnitude = np.uint32(np.uint32(half & 0x7FFF) << np.uint32(13))
    normal = real_of(magnitude + np.uint32(112 << 23))
    small = np.float32(real_of(magnitude + np.uint32(113 << 23)) - np.float32(2.0**-14))
    finite = normal if magnitude >= np.uint32(0x400 << 13) else small
    bits = bits_of(finite)
    if magnitude >= np.uint32(_INFINITE16 << 13):
        bits = np.uint32(magnitude + np.uint32(224 << 23))
    return real_of(bits | np.uint32(np.uint32(half & 0x8000) << np.uint32(16)))


@part
def narrowed(x: Any) -> Any:
    """float32 as the bits of the nearest FP16, ties to even.

    From 2^−14 on, half a unit less one, and one more where the last bit kept is odd, is added before 13 bits
    are dropped: a carry goes on into the exponent, and what reaches 65536 is infinite. Below, the unit is
    2^−24 and x / 2^−24 < 2^10: adding 2^23 units leaves the nearest integer in the last bits of a float32,
    by its own rounding. NaN becomes the quiet one without sign and payload.
    """
    bits = bits_of(x)
    magnitude = np.uint32(bits & np.uint32(_MAGNITUDE))
    odd = np.uint32(np.uint32(magnitude >> np.uint32(13)) & np.uint32(1))
    rounded = np.uint32(magnitude + np.uint32(0xFFF) + odd)
    half = np.uint32(np.uint32(rounded - np.uint32(112 << 23)) >> np.uint32(13))
    half = np.uint32(_INFINITE16) if rounded >= np.uint32(_LARGE) else half
    counted = bits_of(np.float32(real_of(magnitude) + np.float32(0.5)))
    half = np.uint32(counted - np.uint32(0x3F00_0000)) if magnitude < np.uint32(_NORMAL) else half
    signed = np.uint32(half | np.uint32(np.uint32(bits & np.uint32(_SIGN)) >> np.uint32(16)))
    return np.uint16(NAN_FP16 if magnitude > np.uint32(_INFINITE) else signed)


@part
def rounded(x: Any) -> Any:
    """float32 of less than 2^114 rounded to the nearest FP16, ties to even, but held as float32.

    With |x| in [2^e, 2^(e+1)) and M = 1.5 · 2^(e+13), x + M lies in [2^(e+13), 2^(e+14)), where the unit of
    float32 is that of FP16 for x, 2^(e−10); M is an even number of these, so that ties go to even ones. Below
    2^−14, M is that of 2^−14. A zero has the sign +: what it is added to is never −0 in an accumulator that
    began with +0. From 65520 on x is infinite.
    """
    exponent = np.uint32(bits_of(x) & np.uint32(_INFINITE))
    shift = real_of(max(exponent, np.uint32(_NORMAL)) + np.uint32((13 << 23) + (1 << 22)))
    near = np.float32(np.float32(x + shift) - shift)
    infinite = np.float32(np.inf) if x > 0 else np.float32(-np.inf)
    return infinite if abs(x) >= np.float32(65520.0) else near


@lean
def dot_fp16(rows: np.ndarray, columns: np.ndarray, sums: np.ndarray, out: np.ndarray) -> None:
    """Products of vectors with a matrix: FP16 sums of 16 lanes; the host adds these in float32, in order.

    Parameters
    ----------
    rows
        float32 that FP16 has, shape (M, groups, REGISTERS · LANES): each group of a vector's inputs
        ``REGISTERS`` times, in the order of multiplication.
    columns
        uint16, shape (blocks, groups, REGISTERS · LANES): FP16, the groups of so many outputs side by side.
    sums
        float32, shape (REGISTERS · LANES,), overwritten.
    out
        float32, shape (M, blocks · REGISTERS), written.
    """
    for block in range(columns.shape[0]):
        for m in range(rows.shape[0]):
            for j in range(REGISTERS * LANES):
                sums[j] = np.float32(0)
            for group in range(columns.shape[1]):
                for j in range(REGISTERS * LANES):
                    product = rounded(np.float32(widened(columns[block, group, j]) * rows[m, group, j]))
                    sums[j] = rounded(np.float32(sums[j] + product))
            for r in range(REGISTERS):
                total = sums[r * LANES]
                for lane in range(1, LANES):
                    total = np.float32(total + sums[r * LANES + lane])
                out[m, block * REGISTERS + r] = total


@part
def multiplied(
    row: np.ndarray, columns: np.ndarray, products: np.ndarray, largest: np.ndarray, at: Any
) -> Any:
    """Bits of the products of a group for ``BLOCK`` outputs, the largest magnitude of each, and of all."""
    for j in range(BLOCK):
        largest[j] = np.uint32(0)
    for lane in range(LANES):
        x = row[at * LANES + lane]
        for j in range(BLOCK):
            weight = real_of(np.uint32(columns[at, lane, j]) << np.uint32(16))
            bits = bits_of(np.float32(weight * x))
            products[lane, j] = bits
            largest[j] = max(largest[j], np.uint32(bits & np.uint32(_MAGNITUDE)))
    peak = np.uint32(0)
    for j in range(BLOCK):
        peak = max(peak, largest[j])
    return peak


@part
def aligned(bits: Any, largest: Any, dropped: Any) -> Any:
    """A product in units of the largest one's last bit, those below and ``dropped`` more cut off; int32."""
    magnitude = np.uint32(bits & np.uint32(_MAGNITUDE))
    exponent, top = np.uint32(magnitude >> np.uint32(23)), np.uint32(largest >> np.uint32(23))
    lead = np.uint32(1 << 23) if exponent > 0 else np.uint32(0)
    significand = np.uint32(np.uint32(magnitude & np.uint32((1 << 23) - 1)) | lead)
    shift = np.uint32(max(top, np.uint32(1)) - max(exponent, np.uint32(1)) + dropped)
    units = np.int32(np.uint32(significand >> min(shift, np.uint32(31))))
    return units if bits < np.uint32(_SIGN) else np.int32(-units)


@part
def added(
    products: np.ndarray, largest: np.ndarray, dropped: Any, units: np.ndarray, sums: np.ndarray
) -> None:
    """Sums of a group's products, aligned: at most 16 · 2^24 units, scaled in float64, rounded once."""
    for j in range(BLOCK):
        units[j] = np.int32(0)
    for lane in range(LANES):
        for j in range(BLOCK):
            units[j] += aligned(products[lane, j], largest[j], dropped)
    for j in range(BLOCK):
        exponent = np.int64(max(np.uint32(largest[j] >> np.uint32(23)), np.uint32(1))) + np.int64(dropped)
        unit = np.int64(np.int64(exponent - 150 + 1023) << np.int64(52)).view(np.float64)
        sums[j] = np.float32(np.float64(units[j]) * unit)


@part
def added_special(products: np.ndarray, largest: np.ndarray, sums: np.ndarray) -> None:
    """Sums of groups that have infinite products or NaN: of these alone."""
    for j in range(BLOCK):
        if largest[j] >= np.uint32(_INFINITE):
            total = np.float32(0)
            for lane in range(LANES):
                if np.uint32(products[lane, j] & np.uint32(_MAGNITUDE)) >= np.uint32(_INFINITE):
                    total = np.float32(total + real_of(products[lane, j]))
            sums[j] = total


@part
def nearest_bf16(x: Any) -> Any:
    """float32 rounded to the nearest BF16, ties to even, held as float32; NaN as ``NAN_BF16``."""
    bits = bits_of(x)
    odd = np.uint32(np.uint32(bits >> np.uint32(16)) & np.uint32(1))
    near = np.uint32(np.uint32(bits + np.uint32(0x7FFF) + odd) & np.uint32(0xFFFF_0000))
    return real_of(near if x == x else np.uint32(NAN_BF16 << 16))


@lean
def dot_bf16(
    rows: np.ndarray, columns: np.ndarray, start: np.ndarray, dropped: Any, products: np.ndarray,
    largest: np.ndarray, units: np.ndarray, sums: np.ndarray, totals: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    """Products of vectors with a matrix: 16 aligned products at once into a float32, which is read as BF16.

    Parameters
    ----------
    rows
        float32 that BF16 has, shape (M, groups · LANES).
    columns
        uint16, shape (blocks, groups, LANES, BLOCK): BF16.
    start
        float32, shape (blocks · BLOCK,): what accumulators begin with.
    dropped
        uint32: bits that are cut off of the 24 of the largest product.
    products
        uint32, shape (LANES, BLOCK), overwritten.
    largest, units, sums, totals
        uint32, int32, float32, float32, shape (BLOCK,), overwritten.
    out
        float32 that BF16 has, shape (M, blocks · BLOCK), written.
    """
    for block in range(columns.shape[0]):
        for m in range(rows.shape[0]):
            for j in range(BLOCK):
                totals[j] = start[block * BLOCK + j]
            for group in range(columns.shape[1]):
                peak = multiplied(rows[m], columns[block], products, largest, group)
                added(products, largest, dropped, units, sums)
                if peak >= np.uint32(_INFINITE):
                    added_special(products, largest, sums)
                for j in range(BLOCK):
                    totals[j] = np.float32(totals[j] + sums[j])
            for j in range(BLOCK):
                out[m, block * BLOCK + j] = nearest_bf16(totals[j])


@lean
def add_fp16(first: np.ndarray, second: np.ndarray, out: np.ndarray) -> None:
    """Sums of FP16; bits, uint16, shape (n,), ``out`` written."""
    for i in range(first.size):
        out[i] = narrowed(np.float32(widened(first[i]) + widened(second[i])))


@lean
def multiply_fp16(first: np.ndarray, second: np.ndarray, out: np.ndarray) -> None:
    """Products of FP16; bits, uint16, shape (n,), ``out`` written."""
    for i in range(first.size):
        out[i] = narrowed(np.float32(widened(first[i]) * widened(second[i])))


@lean
def multiply_bf16(first: np.ndarray, second: np.ndarray, out: np.ndarray) -> None:
    """Products of BF16: float32 that BF16 has, shape (n,), ``out`` written.

    One rounding: 16 significant bits from 2^−134 on are exact in float32. A product below that, which is half
    of the least BF16, is at most 2^−134 there, a tie between 0 and an odd number: 0 as well.
    """
    for i in range(first.size):
        out[i] = nearest_bf16(np.float32(first[i] * second[i]))


@lean
def round_fp16(x: np.ndarray, out: np.ndarray) -> None:
    """float32 as FP16; ``x`` shape (n,), ``out`` bits, uint16, shape (n,), written."""
    for i in range(x.size):
        out[i] = narrowed(x[i])


@lean
def activate_bf16(
    x: np.ndarray, points: np.ndarray, low: Any, per_unit: Any, passes: bool, out: np.ndarray
) -> None:
    """Function of a table, with straight lines between its points.

    Parameters
    ----------
    x
        float32 that BF16 has, shape (n,).
    points
        float32 that BF16 has, from ``low`` on, ``per_unit`` in a unit.
    low, per_unit
        float32.
    passes
        From the last point on the function is its operand; else the last point.
    out
        float32 that BF16 has, shape (n,), written.
    """
    last = points.size - 1
    for i in range(x.size):
        position = np.float32(np.float32(x[i] - low) * per_unit)
        if position < 0:
            out[i] = points[0]
        elif position < last:
            place = np.int64(position)
            part_of = np.float32(position - np.float32(place))
            line = np.float32(part_of * np.float32(points[place + 1] - points[place]))
            out[i] = nearest_bf16(np.float32(points[place] + line))
        else:
            out[i] = nearest_bf16(x[i]) if passes or x[i] != x[i] else points[last]
