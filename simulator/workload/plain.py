"""Integer arithmetic of networks in readable numpy: the meaning that the fast kernels are tested against.

Images lie channels-last. ``simulator.workload.fast`` has the same functions over ``simulator.kernels``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import simulator.workload.pim.plain
from simulator.workload.neurons import learn as learn
from simulator.workload.neurons import recognize as recognize
from simulator.workload.numerics import Numerics
from simulator.workload.rescale import Factors, divide_half_away, limits, rescale, wrap
from simulator.workload.window import Axis

#: The same of memories that compute.
PIM = simulator.workload.pim.plain


def windows(image: np.ndarray, places: Sequence[Axis], padding: int | float) -> np.ndarray:
    """Every window of an image of any number of spatial axes.

    Parameters
    ----------
    image
        (B, Y, X, C) with two spatial axes.
    places
        Placement along each of them.
    padding
        Value outside the image.

    Returns
    -------
    ndarray
        (B, OY, OX, FY, FX, C), a view of the padded image.
    """
    ends = [max(a.end, (a.out - 1) * a.stride + a.reach - a.size - a.begin) for a in places]
    margins = [(a.begin, end) for a, end in zip(places, ends, strict=True)]
    padded = np.pad(image, ((0, 0), *margins, (0, 0)), constant_values=padding)
    batch, *along, channel = padded.strides
    steps = [step * a.stride for step, a in zip(along, places, strict=True)]
    inside = [step * a.dilation for step, a in zip(along, places, strict=True)]
    shape = (len(image), *(a.out for a in places), *(a.kernel for a in places), image.shape[-1])
    strides = (batch, *steps, *inside, channel)
    return np.lib.stride_tricks.as_strided(padded, shape, strides, writeable=False)


def within(places: Sequence[Axis]) -> tuple[int, ...]:
    """Axes of the window positions in what ``windows`` gives."""
    return tuple(range(1 + len(places), 1 + 2 * len(places)))


def convolve(
    ifmap: np.ndarray,
    weight: np.ndarray,
    places: Sequence[Axis],
    groups: int,
    zero_points: tuple[int, np.ndarray],
    bias: np.ndarray | None,
    numerics: Numerics,
) -> np.ndarray:
    """Sums of a convolution: Σ (x − zx)(w − zw) + bias, in the accumulator of the profile.

    Parameters
    ----------
    ifmap
        Integers, (B, Y, X, G·C).
    weight
        Integers, (G·K, FY, FX, C).
    places
        Placement of the window along y and x; what it reads outside the image is zx.
    groups
        G.
    zero_points
        Of the ifmap; of the weights, one or one per output channel.
    bias
        Integers, (G·K,), what the sum begins with.
    numerics
        Width and overflow of the accumulator.

    Returns
    -------
    ndarray
        int32, or int64 for operands of 16 bits, (B, OY, OX, G·K).
    """
    seen = windows(ifmap, places, zero_points[0]).astype(np.int64) - zero_points[0]
    filters = weight.astype(np.int64) - np.reshape(zero_points[1], (-1, 1, 1, 1))
    per_group = []
    for g in range(groups):
        channels = slice(g * weight.shape[3], (g + 1) * weight.shape[3])
        mine = slice(g * len(weight) // groups, (g + 1) * len(weight) // groups)
        rows = np.ascontiguousarray(seen[..., channels]).reshape(-1, filters[0].size)
        start = None if bias is None else bias[mine]
        columns = filters[mine].reshape(-1, filters[0].size)
        sums = _sums(rows, columns, start, bits_of(ifmap, weight, numerics), numerics.overflow)
        per_group.append(sums.reshape(*seen.shape[:3], -1))
    return np.concatenate(per_group, axis=3).astype(_type_of_sum(ifmap, weight))


def multiply(
    first: np.ndarray,
    second: np.ndarray,
    zero_points: tuple[int, np.ndarray],
    bias: np.ndarray | None,
    numerics: Numerics,
) -> np.ndarray:
    """Sums of a matrix product: (M, K) by (N, K), both row by row; otherwise as ``convolve``."""
    rows = first.astype(np.int64) - zero_points[0]
    columns = second.astype(np.int64) - np.reshape(zero_points[1], (-1, 1))
    sums = _sums(rows, columns, bias, bits_of(first, second, numerics), numerics.overflow)
    return sums.astype(_type_of_sum(first, second))


def bits_of(first: np.ndarray, second: np.ndarray, numerics: Numerics) -> int:
    """Width of the accumulator for two operands."""
    return 64 if max(first.itemsize, second.itemsize) > 1 else numerics.accumulator_bits


def _type_of_sum(first: np.ndarray, second: np.ndarray) -> type:
    return np.int64 if max(first.itemsize, second.itemsize) > 1 else np.int32


def _sums(
    rows: np.ndarray, columns: np.ndarray, start: np.ndarray | None, bits: int, overflow: str
) -> np.ndarray:
    """Sums of products of rows and columns; wrapping once at the end is wrapping at every addition."""
    begin: np.ndarray | int = 0 if start is None else start.astype(np.int64)
    if overflow == "wrap" or bits == 64:
        return wrap(rows @ columns.T + begin, bits)
    least, most = -(1 << bits - 1), (1 << bits - 1) - 1
    sums = np.clip(np.broadcast_to(begin, (len(rows), len(columns))), least, most)
    for k in range(rows.shape[1]):  # one addition after the other: the order matters
        sums = np.clip(sums + rows[:, k, None] * columns[None, :, k], least, most)
    return sums


def store(sums: np.ndarray, by: Factors, zero_point: int, bounds: tuple[int, int], dtype: str) -> np.ndarray:
    """Rescale sums, add the zero point, keep to the bounds: what is stored."""
    return np.clip(rescale(sums, by) + zero_point, *bounds).astype(dtype)


def add(
    operands: Sequence[np.ndarray],
    zero_points: Sequence[int],
    bys: Sequence[Factors],
    shift: int,
    result: tuple[Factors, int, tuple[int, int], str],
) -> np.ndarray:
    """Sum of two broadcasting operands, each shifted left and rescaled to a common scale, then stored."""
    total = sum(
        rescale((operand.astype(np.int64) - zero) << shift, by)
        for operand, zero, by in zip(operands, zero_points, bys, strict=True)
    )
    return store(np.asarray(total), *result)


def product(
    operands: Sequence[np.ndarray],
    zero_points: Sequence[int],
    result: tuple[Factors, int, tuple[int, int], str],
) -> np.ndarray:
    """Product of two broadcasting operands, without their zero points, stored."""
    first, second = (
        operand.astype(np.int64) - zero for operand, zero in zip(operands, zero_points, strict=True)
    )
    return store(first * second, *result)


def combine(
    name: str,
    operands: Sequence[np.ndarray],
    zero_points: Sequence[int],
    scales: Sequence[float],
    result: tuple[float, int, tuple[int, int], str],
) -> np.ndarray:
    """Add, Sub or Mul of what two broadcasting operands stand for, in float32; stored half to even.

    ``result`` holds scale, zero point, bounds and type of what is stored.
    """
    scale, zero_point, bounds, dtype = result
    first, second = (
        (operand.astype(np.int64) - zero).astype(np.float32) * np.float32(each)
        for operand, zero, each in zip(operands, zero_points, scales, strict=True)
    )
    real = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply}[name](first, second)
    return np.clip(np.rint(real / np.float32(scale)) + zero_point, *bounds).astype(dtype)


def add_ratios(
    operands: Sequence[np.ndarray],
    ratios: Sequence[np.float32],
    fixed: np.float32,
    bounds: tuple[int, int],
    dtype: str,
) -> np.ndarray:
    """round(a·ra + (b·rb + fixed)), of two broadcasting operands; each product fused with its addition."""
    inner = multiply_add(operands[1], ratios[1], fixed)
    return np.clip(np.rint(multiply_add(operands[0], ratios[0], inner)), *bounds).astype(dtype)


def multiply_add(x: np.ndarray, by: np.float32, addend: np.ndarray | np.float32) -> np.ndarray:
    """Fused: rounded to float32 once. Products of 8 by 24 bits are exact in float64."""
    return (x.astype(np.float64) * np.float64(by) + np.asarray(addend, np.float64)).astype(np.float32)


def nonzeros(stored: np.ndarray, zero_point: np.ndarray | int) -> int:
    """How many elements are not their zero point."""
    return int(np.count_nonzero(stored != zero_point))


def average(image: np.ndarray, places: Sequence[Axis], bounds: tuple[int, int]) -> np.ndarray:
    """Mean of the stored integers of each window, without padding, half away from zero; (B, OY, OX, C)."""
    total = windows(image.astype(np.int64), places, 0).sum(axis=within(places))
    ones = np.ones((1, *image.shape[1:-1], 1), np.int64)
    count = windows(ones, places, 0).sum(axis=within(places))
    return np.clip(divide_half_away(total, count), *bounds).astype(image.dtype)


def maximum(image: np.ndarray, places: Sequence[Axis], bounds: tuple[int, int]) -> np.ndarray:
    """Largest stored integer of each window, padding excluded; (B, OY, OX, C)."""
    least = limits(image.dtype.name)[0]
    return np.clip(windows(image, places, least).max(axis=within(places)), *bounds).astype(image.dtype)


def look_up(stored: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Entries of a table of all integers of the operand's type, least first."""
    return table[stored.astype(np.int64) - limits(stored.dtype.name)[0]]
