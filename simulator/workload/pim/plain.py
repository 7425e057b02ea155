"""Arithmetic of memories that compute in readable numpy: the meaning that fast kernels are tested against.

``simulator.workload.pim.fast`` has the same functions over ``simulator.kernels.pim``. Operands are real
numbers of any type, which are rounded to the device's format first. NaN has no payload: any is any other.
"""

from __future__ import annotations

import numpy as np

from simulator.workload.functions import bfloat16
from simulator.workload.pim.devices import LANES, PimArithmetic
from simulator.workload.pim.tables import LOW, PER_UNIT, Table

#: Normal float32 are at least 2^(LEAST − 1).
LEAST = -125


def fp16(x: np.ndarray) -> np.ndarray:
    """Rounded to the nearest FP16, ties to even; beyond 65504 by half a step or more: infinite."""
    return np.asarray(x).astype(np.float16)


def bf16(x: np.ndarray) -> np.ndarray:
    """Rounded to float32 and then to the nearest BF16, ties to even; held as float32."""
    return bfloat16(np.asarray(x, np.float32))


def order(inputs: int, device: PimArithmetic) -> np.ndarray:
    """Groups of ``LANES`` inputs in the order in which they are multiplied; int64.

    Tile t of the inputs lies in set t mod ``sets`` of the banks; the tiles of the first set come first. In a
    tile the groups ascend: a sum is in one register, whose columns are a tile's in ascending order.
    """
    groups = -(-inputs // LANES)
    tiles = -(-groups // device.registers)
    by_set = [tile for first in range(device.sets) for tile in range(first, tiles, device.sets)]
    each = np.array(by_set, np.int64)[:, None] * device.registers + np.arange(device.registers)
    return each.ravel()[each.ravel() < groups]


def grouped(matrix: np.ndarray, device: PimArithmetic) -> np.ndarray:
    """(n, inputs) as (n, groups, LANES) in the order of ``order``, missing inputs 0."""
    padded = np.pad(matrix, ((0, 0), (0, -matrix.shape[1] % LANES)))
    apart = padded.reshape(len(matrix), padded.shape[1] // LANES, LANES)
    return apart[:, order(matrix.shape[1], device)]


def dot_fp16(rows: np.ndarray, columns: np.ndarray, device: PimArithmetic) -> np.ndarray:
    """Products of vectors with a matrix: FP16 sums of 16 lanes, which the host adds in float32.

    Parameters
    ----------
    rows
        Vectors, (M, K).
    columns
        Matrix, (N, K): a row per output.
    device
        Order of the inputs.

    Returns
    -------
    ndarray
        float32, (M, N): lane after lane, from the first on.
    """
    first, second = (grouped(fp16(each), device) for each in (rows, columns))
    sums: np.ndarray = np.zeros((len(first), len(second), LANES), np.float16)
    for group in range(first.shape[1]):
        sums = sums + first[:, None, group] * second[None, :, group]  # numpy rounds either to FP16
    total = sums[..., 0].astype(np.float32)
    for lane in range(1, LANES):
        total = total + sums[..., lane].astype(np.float32)
    return total


def dot_bf16(
    rows: np.ndarray, columns: np.ndarray, start: np.ndarray | None, device: PimArithmetic
) -> np.ndarray:
    """Products of vectors with a matrix: 16 products at once into an accumulator, which is read as BF16.

    Parameters
    ----------
    rows, columns, device
        As ``dot_fp16`` has them.
    start
        (N,): what accumulators begin with, rounded to BF16; None: 0.

    Returns
    -------
    ndarray
        float32 that BF16 has, (M, N).
    """
    first, second = (grouped(bf16(each), device) for each in (rows, columns))
    begin = np.zeros(1, np.float32) if start is None else bf16(start)
    total = np.broadcast_to(begin, (len(first), len(second)))
    for group in range(first.shape[1]):
        total = total + tree(first[:, None, group] * second[None, :, group], device.aligned_bits)
    return bf16(total)


def tree(products: np.ndarray, bits: int) -> np.ndarray:
    """Sum of products over the last axis, aligned to the largest of them and rounded once to float32.

    With the largest below 2^e (e at least −125, as the least normal float32), every one is cut off towards 0
    to a multiple of 2^(e − bits). The sum of these is exact, and +0 if it is 0. Of groups with infinite
    products or NaN, these alone are added, as IEEE 754 has it.
    """
    finite = np.isfinite(products)
    exact = np.where(finite, products, 0).astype(np.float64)
    exponents = np.where(exact != 0, np.frexp(exact)[1], LEAST).max(axis=-1, keepdims=True)
    largest = np.maximum(exponents, LEAST)
    units = np.trunc(np.ldexp(exact, bits - largest)).astype(np.int64).sum(axis=-1)
    aligned = np.ldexp(units.astype(np.float64), largest[..., 0] - bits).astype(np.float32)
    return np.where(finite.all(axis=-1), aligned, np.where(finite, 0, products).sum(axis=-1))


def add_fp16(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Sum of two broadcasting operands, float16."""
    return np.add(fp16(first), fp16(second))


def multiply_fp16(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Product of two broadcasting operands, float16."""
    return np.multiply(fp16(first), fp16(second))


def multiply_bf16(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Product of two broadcasting operands, float32 that BF16 has."""
    return bf16(np.multiply(bf16(first), bf16(second)))


def relu_fp16(x: np.ndarray) -> np.ndarray:
    """Positive part, NaN for NaN, else +0; float16."""
    return _positive(fp16(x))


def relu_bf16(x: np.ndarray) -> np.ndarray:
    """As ``relu_fp16``, float32 that BF16 has."""
    return _positive(bf16(x))


def _positive(x: np.ndarray) -> np.ndarray:
    return np.where((x > 0) | np.isnan(x), x, x.dtype.type(0))


def activate(x: np.ndarray, by: Table) -> np.ndarray:
    """Function of a table: float32 that BF16 has.

    Position p = (x − LOW) · PER_UNIT, point i = floor(p), t_i + (p − i)·(t_{i+1} − t_i): every operation is
    rounded to float32, the result to BF16.
    """
    x = bf16(x)
    position = (x - np.float32(LOW)) * np.float32(PER_UNIT)
    last = len(by.points) - 1
    within = (position >= 0) & (position < last)
    place = np.floor(np.where(within, position, 0))
    left, right = (by.points[place.astype(np.int64) + i] for i in (0, 1))
    made = left + (position - place) * (right - left)
    above = x if by.passes else by.points[last]
    made = np.where(position >= last, above, np.where(position < 0, by.points[0], made))
    return bf16(np.where(np.isnan(x), x, made))
