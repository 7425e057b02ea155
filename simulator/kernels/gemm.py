"""Exact integer matrix products with explicit accumulators. Meaning: ``multiply`` of workload/plain.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.kernels.jit import lean, part


@part
def wrapped(value: Any, bits: int) -> Any:
    """Two's complement of so many bits, below 64."""
    spare = 64 - bits
    return (np.int64(value) << spare) >> spare


@lean
def dot32(
    rows: np.ndarray, columns: np.ndarray, start: np.ndarray, zero_rows: int, zero_columns: np.ndarray,
    bits: int, out: np.ndarray,
) -> None:  # fmt: skip
    """Products of all rows and columns in 32-bit accumulators that wrap, narrowed to ``bits``.

    Zero points are taken out afterwards: Σ (a − za)(b − zb) = Σ ab − za Σ b − zb Σ a + K·za·zb, which is
    equal modulo 2^32.

    Parameters
    ----------
    rows, columns
        Integers of 8 bits, shapes (M, K) and (N, K), C-contiguous.
    start
        int32, shape (N,): what each sum begins with.
    zero_rows, zero_columns
        Zero points: one; int32, shape (N,).
    bits
        Width of the accumulator, at most 32.
    out
        int32, shape (M, N), written.
    """
    m, k, n = rows.shape[0], rows.shape[1], columns.shape[0]
    for j in range(n):
        total = np.int32(0)
        for q in range(k):
            total = np.int32(total + np.int32(columns[j, q]))
        constant = np.int32(
            start[j] + k * zero_rows * np.int64(zero_columns[j]) - zero_rows * np.int64(total)
        )
        for i in range(m):
            out[i, j] = constant
    for i in range(m):
        total = np.int32(0)
        for q in range(k):
            total = np.int32(total + np.int32(rows[i, q]))
        for j in range(n):
            dot = np.int32(0)
            for q in range(k):
                dot = np.int32(dot + np.int32(np.int32(rows[i, q]) * np.int32(columns[j, q])))
            value = np.int32(np.int64(out[i, j]) + dot - np.int64(zero_columns[j]) * total)
            out[i, j] = value if bits == 32 else wrapped(value, bits)


@lean
def dot64(
    rows: np.ndarray, columns: np.ndarray, start: np.ndarray, zero_rows: int, zero_columns: np.ndarray,
    out: np.ndarray,
) -> None:  # fmt: skip
    """As ``dot32`` for operands of 16 bits in 64-bit accumulators; ``start`` and ``out`` are int64."""
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
    """As ``dot32`` with accumulators that saturate at every addition, in the order of the columns."""
    most = (np.int64(1) << (bits - 1)) - 1
    for i in range(rows.shape[0]):
        for j in range(columns.shape[0]):
            total = min(max(np.int64(start[j]), -most - 1), most)
            zero = np.int64(zero_columns[j])
            for q in range(rows.shape[1]):
                total += (np.int64(rows[i, q]) - zero_rows) * (np.int64(columns[j, q]) - zero)
                total = min(max(total, -most - 1), most)
            out[i, j] = total
