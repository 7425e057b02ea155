"""Windows of images as rows of a matrix, and depthwise convolution without them. Images lie channels-last."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.kernels.gemm import wrapped
from simulator.kernels.jit import lean, part

#: Fields of an axis in ``places``, int64, shape (2, 6): y, then x.
SIZE, KERNEL, STRIDE, DILATION, BEGIN, OUT = range(6)


@part
def position(out: int, tap: int, axis: np.ndarray) -> Any:
    """Element of the image that one tap of the window of an output sees; may lie outside."""
    return out * axis[STRIDE] + tap * axis[DILATION] - axis[BEGIN]


@lean
def gather_windows(image: np.ndarray, places: np.ndarray, first: int, padding: int, rows: np.ndarray) -> None:
    """Write the windows of one image as rows, in the order of the weights: y, x, channel.

    Parameters
    ----------
    image
        Shape (Y, X, channels).
    places
        int64, shape (2, 6): fields above.
    first
        First channel of the group.
    padding
        Value outside the image.
    rows
        Type of the image, shape (OY · OX, FY · FX · C), written.
    """
    y, x = places[0], places[1]
    depth = rows.shape[1] // (y[KERNEL] * x[KERNEL])
    for oy in range(y[OUT]):
        for ox in range(x[OUT]):
            row, at = oy * x[OUT] + ox, 0
            for fy in range(y[KERNEL]):
                iy = position(oy, fy, y)
                for fx in range(x[KERNEL]):
                    ix = position(ox, fx, x)
                    inside = 0 <= iy < y[SIZE] and 0 <= ix < x[SIZE]
                    if inside:
                        for c in range(depth):
                            rows[row, at + c] = image[iy, ix, first + c]
                    else:
                        for c in range(depth):
                            rows[row, at + c] = padding
                    at += depth


@lean
def spread(image: np.ndarray, offset: int, border: int, above: int, left: int, out: np.ndarray) -> None:
    """Write one image in another type, with a border for the windows that reach over its edge.

    Parameters
    ----------
    image
        Integers of 8 bits, shape (Y, X, C).
    offset
        Added to every element.
    border
        What is written around them.
    above, left
        Width of the border in front.
    out
        uint8 or int16, shape (all rows that windows see, all columns, C), written.
    """
    more = np.int16(offset)
    for y in range(out.shape[0]):
        inside = 0 <= y - above < image.shape[0]
        begin = min(left, out.shape[1]) if inside else out.shape[1]
        columns = min(image.shape[1], out.shape[1] - begin)
        for x in range(begin):
            out[y, x, :] = border
        for x in range(columns):
            for c in range(image.shape[2]):
                out[y, begin + x, c] = np.int16(np.int16(image[y - above, x, c]) + more)
        for x in range(begin + columns, out.shape[1]):
            out[y, x, :] = border


@lean
def depthwise32(
    image: np.ndarray, taps: np.ndarray, places: np.ndarray, start: np.ndarray,
    zero_image: int, zero_taps: np.ndarray, bits: int, out: np.ndarray,
) -> None:  # fmt: skip
    """Convolution of each channel by itself in 32-bit accumulators that wrap, narrowed to ``bits``.

    Parameters
    ----------
    image
        Integers of 8 bits, shape (Y, X, C).
    taps
        Integers of 8 bits, shape (FY, FX, C).
    places
        int64, shape (2, 6): fields above.
    start
        int32, shape (C,): what each sum begins with.
    zero_image, zero_taps
        Zero points: one; int32, shape (C,).
    bits
        Width of the accumulator, at most 32.
    out
        int32, shape (OY, OX, C), written.
    """
    y, x = places[0], places[1]
    zero = np.int32(zero_image)
    for oy in range(y[OUT]):
        for ox in range(x[OUT]):
            for c in range(out.shape[2]):
                out[oy, ox, c] = start[c]
            for fy in range(y[KERNEL]):
                iy = position(oy, fy, y)
                if iy < 0 or iy >= y[SIZE]:
                    continue
                for fx in range(x[KERNEL]):
                    ix = position(ox, fx, x)
                    if ix < 0 or ix >= x[SIZE]:
                        continue
                    for c in range(out.shape[2]):
                        a = np.int32(np.int32(image[iy, ix, c]) - zero)
                        b = np.int32(np.int32(taps[fy, fx, c]) - zero_taps[c])
                        out[oy, ox, c] = np.int32(out[oy, ox, c] + np.int32(a * b))
            if bits < 32:
                for c in range(out.shape[2]):
                    out[oy, ox, c] = wrapped(out[oy, ox, c], bits)
