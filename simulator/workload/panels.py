"""Operands of an integer matrix product as its kernel reads them.

Columns (weights) lie in panels of as many as a block of the kernel has. Rows of a convolution are windows:
they are read where they lie in the image, in runs, one for each stretch that is contiguous.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from simulator.kernels.block import ROWS, WIDTH
from simulator.workload.window import Axis

_remembered: dict[int, dict[Hashable, np.ndarray]] = {}


class Reading(NamedTuple):
    """Where the windows of an image are, counted in elements: of each output, and of each run in a window.

    ``length`` is that of a run, ``shape`` that of the image with its border.
    """

    places: np.ndarray
    runs: np.ndarray
    length: int
    shape: tuple[int, int]


@lru_cache(maxsize=1024)
def reading(y: Axis, x: Axis, channels: int, groups: int) -> Reading:
    """How the windows of the first group of an image are read; other groups begin further on.

    Parameters
    ----------
    y, x
        Placement of the window.
    channels
        Of the image.
    groups
        Among which the channels are divided.
    """
    rows, columns = ((axis.out - 1) * axis.stride + axis.reach for axis in (y, x))
    tops, lefts = (np.arange(axis.out) * axis.stride for axis in (y, x))
    places = ((tops[:, None] * columns + lefts) * channels).ravel()
    down, right = (np.arange(axis.kernel) * axis.dilation for axis in (y, x))
    if groups == 1 and x.dilation == 1:  # neighbours in a row of the window are neighbours in the image
        return Reading(whole(places), down * columns * channels, x.kernel * channels, (rows, columns))
    runs = ((down[:, None] * columns + right) * channels).ravel()
    return Reading(whole(places), runs, channels // groups, (rows, columns))


def whole(places: np.ndarray) -> np.ndarray:
    """Beginnings of rows, the last one repeated until they fill blocks."""
    return np.pad(places, (0, -len(places) % ROWS), mode="edge").astype(np.int64) if places.size else places


def panels(columns: np.ndarray, zero_points: np.ndarray, runs: int) -> np.ndarray:
    """Columns without their zero points, as the kernel reads them.

    Those of an array that cannot be written to are made once, and kept as long as it lives.

    Parameters
    ----------
    columns
        Integers of 8 bits, (N, ...); all but the first axis are one column.
    zero_points
        One or one per column.
    runs
        In how many parts of equal length a column is read; one of odd length is filled up with 0.

    Returns
    -------
    ndarray
        int8, or int16 where that is too narrow: (panels, runs, pairs, WIDTH, 2).
    """
    if columns.flags.writeable:
        return _panels(columns, zero_points, runs)
    interface = columns.__array_interface__["data"][0], columns.shape, columns.strides, columns.dtype.str
    return remembered(
        columns, (interface, zero_points.tobytes(), runs), lambda: _panels(columns, zero_points, runs)
    )


def remembered(array: np.ndarray, key: Hashable, make: Callable[[], np.ndarray]) -> np.ndarray:
    """What was made of an array under a key, as long as the array that owns its memory lives."""
    owner = array.base if isinstance(array.base, np.ndarray) else array
    if id(owner) not in _remembered:
        _remembered[id(owner)] = {}
        weakref.finalize(owner, _remembered.pop, id(owner))
    made = _remembered[id(owner)]
    if key not in made:
        made[key] = make()
    return made[key]


def _panels(columns: np.ndarray, zero_points: np.ndarray, runs: int) -> np.ndarray:
    count = len(columns)
    values = columns.reshape(count, runs, columns.size // max(count * runs, 1)).astype(np.int16)
    values -= np.reshape(zero_points, (-1, 1, 1)).astype(np.int16)
    if values.min(initial=0) >= -128 and values.max(initial=0) <= 127:
        values = values.astype(np.int8)
    values = np.pad(values, ((0, -count % WIDTH), (0, 0), (0, values.shape[2] % 2)))
    apart = values.reshape(-1, WIDTH, runs, values.shape[2] // 2, 2)
    return np.ascontiguousarray(apart.transpose(0, 2, 3, 1, 4))


def spacious(shape: Sequence[int]) -> np.ndarray:
    """An int16 array to be written, with room for the second element of a last pair behind it."""
    size = int(np.prod(shape))
    room = np.empty(size + 1, np.int16)
    room[size] = 0
    return room[:size].reshape(shape)
