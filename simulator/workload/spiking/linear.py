"""Sparse linear maps between flat arrays, which layers become: matrix, convolution, pooling, delay.

Entries of a matrix or kernel that are exactly 0 make no synapse and are left out. Composing maps multiplies
and adds weights, and adds delays; what meets at the same two ends with the same delay is one synapse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np


@dataclass(frozen=True, eq=False)
class LinearMap:
    """y[rows] += weights · x[columns], ``delays`` steps later.

    Attributes
    ----------
    outputs, inputs
        Shapes of y and x.
    rows, columns : (e,) int64
        Positions in y and x, both flat.
    weights : (e,) float64
    delays : (e,) int64
    """

    outputs: tuple[int, ...]
    inputs: tuple[int, ...]
    rows: np.ndarray
    columns: np.ndarray
    weights: np.ndarray
    delays: np.ndarray

    def apply(self, x: np.ndarray) -> np.ndarray:
        """The map of a constant, flat: delays do not matter to it."""
        return np.bincount(self.rows, self.weights * x[self.columns], prod(self.outputs))


def identity(shape: Sequence[int]) -> LinearMap:
    """Y = x."""
    return scale(np.ones(shape))


def scale(factors: np.ndarray, steps: np.ndarray | int = 0) -> LinearMap:
    """Y = factors · x, element by element, ``steps`` later."""
    index = np.arange(factors.size)
    delays = np.broadcast_to(np.asarray(steps, np.int64), factors.shape).reshape(-1)
    flat = factors.reshape(-1).astype(np.float64)
    return LinearMap(factors.shape, factors.shape, index, index, flat, delays)


def dense(matrix: np.ndarray) -> LinearMap:
    """Matrix products over the last axis; leading axes of ``matrix``, (..., M, N), are separate products."""
    *lead, m, n = matrix.shape
    rows, columns = np.meshgrid(np.arange(m), np.arange(n), indexing="ij")
    first = np.arange(prod(lead)).reshape(-1, 1, 1)
    kept = matrix.reshape(-1, m, n) != 0
    return _undelayed(
        (*lead, m),
        (*lead, n),
        (first * m + rows)[kept],
        (first * n + columns)[kept],
        matrix.reshape(-1, m, n)[kept],
    )


def convolution(
    kernel: np.ndarray, extent: Sequence[int], stride: Sequence[int], padding: Sequence[tuple[int, int]],
    dilation: Sequence[int], groups: int,
) -> LinearMap:  # fmt: skip
    """Convolution (no mirroring) of channels first, in one or two dimensions.

    Parameters
    ----------
    kernel
        (output channels, input channels / groups, *spatial).
    extent
        Of the input, without channels.
    stride, padding, dilation
        Per axis; padding before and after.
    groups
        Channel groups.
    """
    outputs = tuple(
        (size + low + high - step * (taps - 1) - 1) // jump + 1
        for size, (low, high), step, taps, jump in zip(
            extent, padding, dilation, kernel.shape[2:], stride, strict=True
        )
    )
    made, each = kernel.shape[0], kernel.shape[1]
    taken = each * groups
    rows, columns, weights = [], [], []
    places, area_out, area_in = np.indices(outputs).reshape(len(outputs), -1), prod(outputs), prod(extent)
    flat_out = np.arange(area_out)
    channel_in = (np.arange(made) // (made // groups))[:, None] * each + np.arange(each)
    for tap in np.ndindex(*kernel.shape[2:]):
        at = [
            places[axis] * stride[axis] + tap[axis] * dilation[axis] - padding[axis][0]
            for axis in range(len(outputs))
        ]
        inside = np.all([(at[axis] >= 0) & (at[axis] < extent[axis]) for axis in range(len(at))], axis=0)
        source = np.ravel_multi_index([axis[inside] for axis in at], tuple(extent))
        factor = kernel[(slice(None), slice(None), *tap)]
        o, c = np.nonzero(factor)
        rows.append((o[:, None] * area_out + flat_out[inside]).reshape(-1))
        columns.append((channel_in[o, c][:, None] * area_in + source).reshape(-1))
        weights.append(np.repeat(factor[o, c], len(source)))
    joined = [np.concatenate(each_) for each_ in (rows, columns, weights)]
    return _undelayed((made, *outputs), (taken, *extent), *joined)


def pooling(
    channels: int, extent: Sequence[int], kernel: Sequence[int], stride: Sequence[int],
    padding: Sequence[int], weight: float,
) -> LinearMap:  # fmt: skip
    """Weighted sums over windows of each channel; padding counts as 0."""
    ones = np.full((channels, 1, *kernel), weight)
    both = [(each, each) for each in padding]
    return convolution(ones, extent, stride, both, [1] * len(extent), channels)


def _undelayed(
    outputs: tuple[int, ...], inputs: tuple[int, ...], rows: np.ndarray, columns: np.ndarray, w: np.ndarray
) -> LinearMap:
    return LinearMap(outputs, inputs, rows, columns, w.astype(np.float64), np.zeros(len(rows), np.int64))


def reshape(linear: LinearMap, outputs: Sequence[int]) -> LinearMap:
    """The same map into another shape of as many elements."""
    return LinearMap(
        tuple(outputs), linear.inputs, linear.rows, linear.columns, linear.weights, linear.delays
    )


def compose(after: LinearMap, before: LinearMap) -> LinearMap:
    """Y = after(before(x))."""
    order = np.argsort(after.columns, kind="stable")
    starts = np.searchsorted(after.columns[order], np.arange(prod(after.inputs) + 1))
    spread = np.diff(starts)[before.rows]
    first = np.repeat(starts[before.rows], spread)
    within = np.arange(len(first)) - np.repeat(np.cumsum(spread) - spread, spread)
    right, left = np.repeat(np.arange(len(before.rows)), spread), order[first + within]
    return merge(
        LinearMap(
            after.outputs,
            before.inputs,
            after.rows[left],
            before.columns[right],
            after.weights[left] * before.weights[right],
            after.delays[left] + before.delays[right],
        )
    )


def add(first: LinearMap, second: LinearMap) -> LinearMap:
    """Y = first(x) + second(x), of the same shapes."""
    arrays = [
        np.concatenate([getattr(first, name), getattr(second, name)])
        for name in ("rows", "columns", "weights", "delays")
    ]
    return merge(LinearMap(first.outputs, first.inputs, *arrays))


def merge(linear: LinearMap) -> LinearMap:
    """Entries with the same ends and delay added up; ordered by column, then row, then delay."""
    order = np.lexsort((linear.delays, linear.rows, linear.columns))
    keys = np.stack([linear.columns, linear.rows, linear.delays])[:, order]
    if not keys.shape[1]:
        return linear
    new = np.flatnonzero(np.concatenate([[True], (np.diff(keys) != 0).any(axis=0)]))
    weights = np.add.reduceat(linear.weights[order], new)
    columns, rows, delays = keys[:, new]
    return LinearMap(linear.outputs, linear.inputs, rows, columns, weights, delays)
