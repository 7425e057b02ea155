"""Geometry of a contraction's tiles.

Sizes, counts, input rows with their halo. Shared by search and lowering.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np

from simulator.mapping.remember import Remembered
from simulator.workload.work import Contraction

Size = TypeVar("Size", int, np.ndarray)

#: Work -> rows of a tile -> what ``rows_read`` says: the same for every core and chip.
_ROWS_READ: Remembered[Contraction, dict[int, tuple[int, int, int]]] = Remembered(4000)


def extent_y(work: Contraction) -> int:
    """Input rows per image."""
    return work.iy or (work.oy - 1) * work.sy + (work.fy - 1) * work.dy + 1


def extent_x(work: Contraction) -> int:
    """Input columns."""
    return work.ix or (work.ox - 1) * work.sx + (work.fx - 1) * work.dx + 1


def input_rows(work: Contraction, first: int, last: int) -> tuple[int, int]:
    """Input rows of an image that output rows ``first`` to ``last`` (excluded) read, clipped to the image."""
    top = first * work.sy - work.pad_top
    bottom = (last - 1) * work.sy - work.pad_top + (work.fy - 1) * work.dy + 1
    height = extent_y(work)
    low = min(max(top, 0), height - 1)
    return low, max(min(bottom, height), low + 1)


def rows_read(work: Contraction, rows: int) -> tuple[int, int, int]:
    """Input rows for output tiles of ``rows`` rows: of the largest tile, of all tiles, of their union."""
    known = _ROWS_READ.get(work)
    if known is None:
        known = _ROWS_READ[work] = {}
    if rows not in known:
        known[rows] = _find_rows_read(work, rows)
    return known[rows]


def _find_rows_read(work: Contraction, rows: int) -> tuple[int, int, int]:
    tiles = [
        (first, end, *input_rows(work, top, bottom)) for first, end, top, bottom in row_tiles(work, rows)
    ]
    if rows >= work.oy:
        most = max(end - first for first, end, _, _ in tiles) * extent_y(work)
        return most, work.batch * extent_y(work), work.batch * extent_y(work)
    most = max(bottom - top for _, _, top, bottom in tiles)
    every = sum(bottom - top for _, _, top, bottom in tiles)
    union, until, image = 0, 0, -1
    for first, _, top, bottom in tiles:
        until = until if first == image else 0
        union, until, image = union + max(0, bottom - max(top, until)), max(until, bottom), first
    return most, every, union


def row_bytes(elements: Size, bits: int) -> Size:
    """Room for some elements of a row in a buffer; those narrower than a byte may begin inside one."""
    return elements * bits // 8 + (2 if bits < 8 else 0)


def row_tiles(work: Contraction, rows: int) -> Iterator[tuple[int, int, int, int]]:
    """Tiles along the output rows of all images: (first image, end image, first row, end row).

    A tile holds rows of one image, or whole images.
    """
    if rows < work.oy:
        for image in range(work.batch):
            for first in range(0, work.oy, rows):
                yield image, image + 1, first, min(first + rows, work.oy)
        return
    images = max(1, rows // work.oy)
    for image in range(0, work.batch, images):
        yield image, min(image + images, work.batch), 0, work.oy


def spans(total: int, size: int) -> list[tuple[int, int]]:
    """Pieces of ``size`` (the last one smaller) that make up ``total``: (first, end)."""
    return [(first, min(first + size, total)) for first in range(0, total, size)]


def span_sizes(total: int, size: int) -> list[tuple[int, int]]:
    """Sizes of the pieces that ``spans`` makes, each once, and how many pieces have it."""
    whole, rest = divmod(total, size)
    return [(size, whole)] * (whole > 0) + [(rest, 1)] * (rest > 0)
