"""Geometry of a contraction's tiles.

Sizes, counts, input rows with their halo. Shared by search and lowering.
"""

from __future__ import annotations

from collections.abc import Iterator

from simulator.workload.work import Contraction


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
