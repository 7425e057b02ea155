"""Operands of an integer matrix product as its kernel reads them.

Columns (weights) lie in panels of as many as a block of the kernel has. Rows of a convolution are windows:
they are read where they lie in the image, in runs, one for each stretch that is contiguous.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import numpy as np

from simulator.kernels.block import QUADS, ROWS, WIDTH
from simulator.workload.window import Axis

_remembered: dict[int, dict[Hashable, Any]] = {}

Arranged = TypeVar("Arranged")


class Reading(NamedTuple):
    """Where the windows of an image are, counted in elements: of each output, and of each run in a window.

    ``shape`` is that of the image with its border: rows, columns.
    """

    places: np.ndarray
    runs: np.ndarray
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
        return Reading(whole(places), down * columns * channels, (rows, columns))
    runs = ((down[:, None] * columns + right) * channels).ravel()
    return Reading(whole(places), runs, (rows, columns))


def whole(places: np.ndarray) -> np.ndarray:
    """Beginnings of rows, the last one repeated until they fill blocks."""
    missing = -len(places) % ROWS
    return np.pad(places, (0, missing), mode="edge").astype(np.int64) if len(places) else places


class Panels(NamedTuple):
    """Columns as the kernel reads them, and what it takes to read rows in the same way.

    ``values`` has shape (groups, panels, runs, steps, WIDTH, depth), ``totals`` (groups, N) holds the sums of
    the columns, int64.
    """

    values: np.ndarray
    totals: np.ndarray

    def rows(self, stored: np.dtype, zero_point: int) -> tuple[type, int, int]:
        """Type of the rows, what is added to stored integers, and what their zero point becomes."""
        if self.values.shape[-1] == 2:
            return np.int16, -zero_point, 0
        offset = 128 if stored == np.int8 else 0
        return np.uint8, offset, zero_point + offset

    def start(self, start: np.ndarray, zero: int, group: int) -> np.ndarray:
        """What the sums of a group begin with where the rows' zero point is ``zero``; int32, whole panels."""
        begin = (start - zero * self.totals[group]).astype(np.int32)
        return np.concatenate((begin, np.zeros(-len(begin) % WIDTH, np.int32)))


def panels(columns: np.ndarray, zero_points: np.ndarray, runs: int, groups: int = 1) -> Panels:
    """Columns without their zero points, as the kernel reads them.

    Those of an array that cannot be written to are ``remembered``.

    Parameters
    ----------
    columns
        Integers of 8 bits, (groups · N, ...); all but the first axis are one column.
    zero_points
        One or one per column.
    runs
        In how many parts of equal length a column is read.
    groups
        Each has panels of its own.
    """
    key = (zero_points.tobytes(), runs, groups, QUADS)
    return remembered(columns, key, lambda: _panels(columns, zero_points, runs, groups))


def remembered(array: np.ndarray, key: Hashable, make: Callable[[], Arranged]) -> Arranged:
    """What is made of an array that cannot be written to: made once, and kept as long as the array lives.

    ``key`` says all that it depends on besides. Of an array that can be written to it is made every time.
    """
    if array.flags.writeable:
        return make()
    owner = array.base if isinstance(array.base, np.ndarray) else array
    if id(owner) not in _remembered:
        _remembered[id(owner)] = {}
        weakref.finalize(owner, _remembered.pop, id(owner))
    where = array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.str
    kept = _remembered[id(owner)]
    if (where, key) not in kept:
        kept[where, key] = make()
    made: Arranged = kept[where, key]
    return made


def _panels(columns: np.ndarray, zero_points: np.ndarray, runs: int, groups: int) -> Panels:
    """Quads where the machine has them and 8 bits suffice for the columns, else pairs."""
    count = len(columns)
    values = columns.reshape(count, runs, columns.size // max(count * runs, 1)).astype(np.int16)
    values -= np.reshape(zero_points, (-1, 1, 1)).astype(np.int16)
    totals = values.sum(axis=(1, 2), dtype=np.int64).reshape(groups, -1)
    narrow = values.min(initial=0) >= -128 and values.max(initial=0) <= 127
    depth = 4 if narrow and QUADS else 2
    stored: np.ndarray = values.astype(np.int8 if narrow else np.int16)
    stored = stored.reshape(groups, count // groups, runs, -1)
    missing = ((0, 0), (0, -stored.shape[1] % WIDTH), (0, 0), (0, -stored.shape[3] % depth))
    stored = np.pad(stored, missing)
    apart = stored.reshape(groups, -1, WIDTH, runs, stored.shape[3] // depth, depth)
    return Panels(np.ascontiguousarray(apart.transpose(0, 1, 3, 4, 2, 5)), totals)


def spacious(shape: Sequence[int], dtype: type) -> np.ndarray:
    """An array to be written, with room for the rest of a last step behind it."""
    size = int(np.prod(shape))
    room: np.ndarray = np.empty(size + 3, dtype)
    room[size:] = 0
    return room[:size].reshape(shape)
