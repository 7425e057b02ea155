"""Cycles and buffer accesses of a batch of tiles on a systolic array. Equations: docs/models/systolic.md."""

from __future__ import annotations

import numpy as np

from simulator.kernels.jit import kernel

WS, OS, IS = 0, 1, 2


@kernel
def _ceil(a: int, b: int) -> int:
    return (a + b - 1) // b


@kernel
def array_cycles(
    m: np.ndarray, n: np.ndarray, k: np.ndarray, taps: np.ndarray, count: np.ndarray,
    rows: int, cols: int, dataflow: int, overlapped: bool,
    occupancy: np.ndarray, latency: np.ndarray,
) -> None:  # fmt: skip
    """Cycles of each tile: how long the array is taken, and how much longer until the last result is out.

    A tile is ``count`` independent GEMMs of m x k by k x n, each repeated for ``taps`` kernel positions that
    occupy separate folds (1 for im2col, where the kernel positions are part of k).

    Parameters
    ----------
    m, n, k, taps, count
        int64, shape (tiles,).
    rows, cols
        Size of the array in PEs.
    dataflow
        ``WS``, ``OS`` or ``IS``: the operand that stays in the PEs.
    overlapped
        True: the next fold's stationary operand (os: the last fold's results) moves while this one computes.
    occupancy, latency
        int64, shape (tiles,), written, cycles.
    """
    for i in range(m.size):
        if dataflow == WS:
            folds, stream, depth = taps[i] * _ceil(k[i], rows) * _ceil(n[i], cols), m[i], rows
        elif dataflow == IS:
            folds, stream, depth = taps[i] * _ceil(k[i], rows) * _ceil(m[i], cols), n[i], rows
        else:
            folds, stream, depth = _ceil(m[i], rows) * _ceil(n[i], cols), k[i] * taps[i], 0
        folds *= count[i]
        if overlapped:
            # A fold cannot be shorter than the rows that are shifted in (ws, is) or out (os) beside it.
            occupancy[i] = folds * max(stream, rows)
            latency[i] = (2 * rows - 1 if dataflow != OS else rows) + rows + cols - 2
        else:
            occupancy[i] = folds * (stream + depth + rows + cols - 2)
            latency[i] = 0


@kernel
def array_accesses(
    m: np.ndarray, n: np.ndarray, k: np.ndarray, taps: np.ndarray, count: np.ndarray,
    deep: np.ndarray, first: np.ndarray,
    rows: int, cols: int, dataflow: int,
    ifmap: np.ndarray, weight: np.ndarray, psum_read: np.ndarray, psum_write: np.ndarray,
) -> None:  # fmt: skip
    """Elements that each tile reads from and writes to the buffers beside the array.

    A stationary operand is read once per element, a streamed one once per fold across the other spatial
    dimension; partial sums are written at every fold over k and read back at all but the first.

    Parameters
    ----------
    m, n, k, taps, count
        As in ``array_cycles``.
    deep
        int64, shape (tiles,): k over the products that a PE makes per cycle at the tile's precision.
    first
        bool, shape (tiles,): the tile starts its sums (nothing to read back at its first fold over k).
    ifmap, weight, psum_read, psum_write
        int64, shape (tiles,), written, elements.
    """
    for i in range(m.size):
        fm = _ceil(m[i], cols if dataflow == IS else rows)
        fn = _ceil(n[i], cols)
        fk = taps[i] * _ceil(deep[i], rows)
        inputs, weights, outputs = m[i] * k[i] * taps[i], k[i] * taps[i] * n[i], m[i] * n[i]
        if dataflow == WS:
            ifmap[i], weight[i], sums = inputs * fn, weights, fk
        elif dataflow == IS:
            ifmap[i], weight[i], sums = inputs, weights * fm, fk
        else:
            ifmap[i], weight[i], sums = inputs * fn, weights * fm, 1
        ifmap[i] *= count[i]
        weight[i] *= count[i]
        psum_write[i] = outputs * sums * count[i]
        psum_read[i] = outputs * (sums - np.int64(first[i])) * count[i]
