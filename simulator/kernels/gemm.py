"""Exact integer matrix products with explicit accumulators. Meaning: ``multiply`` of workload/plain.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.kernels.block import ROWS, WIDTH, multiply_block
from simulator.kernels.jit import lean, part

#: Rows that are multiplied by every panel before the next ones: they stay in the cache.
CHUNK = 32 * ROWS


@part
def wrapped(value: Any, bits: int) -> Any:
    """Two's complement of so many bits, below 64."""
    spare = 64 - bits
    return (np.int64(value) << spare) >> spare


@lean
def multiply_panels(
    rows: np.ndarray, places: np.ndarray, runs: np.ndarray, panels: np.ndarray, start: np.ndarray,
    bits: int, first: int, count: int, scratch: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    """Products of rows and columns in 32-bit accumulators that wrap, narrowed to ``bits``.

    Both come without their zero points. Wrapping once at the end is wrapping at every addition.

    Parameters
    ----------
    rows, runs, panels
        As ``simulator.kernels.block.multiply_block`` has them.
    places
        int64: where each row begins; the last repeated up to a multiple of ``ROWS``.
    start
        int32, shape (panels · WIDTH,): what each sum begins with.
    bits
        Width of the accumulator, at most 32.
    first, count
        The N columns of ``out`` where the sums go.
    scratch
        int32, shape (ROWS, WIDTH).
    out
        int32, shape (M, all columns), written.
    """
    for top in range(0, out.shape[0], CHUNK):
        for panel in range(panels.shape[0]):
            begin = panel * WIDTH
            width = min(WIDTH, count - begin)
            for i in range(top, min(top + CHUNK, out.shape[0]), ROWS):
                if width == WIDTH and i + ROWS <= out.shape[0]:
                    at = i * out.shape[1] + first + begin
                    multiply_block(rows, places, i, runs, panels, panel, start, out, at, out.shape[1])
                    continue
                multiply_block(rows, places, i, runs, panels, panel, start, scratch, 0, WIDTH)
                for r in range(min(ROWS, out.shape[0] - i)):
                    for j in range(width):
                        out[i + r, first + begin + j] = scratch[r, j]
    if bits < 32:
        for i in range(out.shape[0]):
            for j in range(first, first + count):
                out[i, j] = wrapped(out[i, j], bits)


@lean
def dot64(
    rows: np.ndarray, columns: np.ndarray, start: np.ndarray, zero_rows: int, zero_columns: np.ndarray,
    out: np.ndarray,
) -> None:  # fmt: skip
    """Products of all rows and columns in 64-bit accumulators.

    Parameters
    ----------
    rows, columns
        Integers, at least one of 16 bits, shapes (M, K) and (N, K), C-contiguous.
    start
        int64, shape (N,): what each sum begins with.
    zero_rows, zero_columns
        Zero points: one; int32, shape (N,).
    out
        int64, shape (M, N), written.
    """
    for i in range(rows.shape[0]):
        for j in range(columns.shape[0]):
            total = start[j]
            zero = np.int64(zero_columns[j])
            for q in range(rows.shape[1]):
                total += (np.int64(rows[i, q]) - zero_rows) * (np.int64(columns[j, q]) - zero)
            out[i, j] = total


@lean
def dot_saturating(
    rows: np.ndarray, columns: np.ndarray, start: np.ndarray, zero_rows: int, zero_columns: np.ndarray,
    bits: int, out: np.ndarray,
) -> None:  # fmt: skip
    """As ``dot64`` for operands of 8 bits in accumulators of ``bits`` bits that saturate at every addition.

    They are added in the order of the columns; ``start`` and ``out`` are int32.
    """
    most = (np.int64(1) << (bits - 1)) - 1
    for i in range(rows.shape[0]):
        for j in range(columns.shape[0]):
            total = min(max(np.int64(start[j]), -most - 1), most)
            zero = np.int64(zero_columns[j])
            for q in range(rows.shape[1]):
                total += (np.int64(rows[i, q]) - zero_rows) * (np.int64(columns[j, q]) - zero)
                total = min(max(total, -most - 1), most)
            out[i, j] = total
