"""Poolings of stored integers over windows. Meaning: ``average`` and ``maximum`` of workload/plain.py."""

from __future__ import annotations

import numpy as np

from simulator.kernels.conv import KERNEL, OUT, SIZE, position
from simulator.kernels.jit import lean


@lean
def average_pool(image: np.ndarray, places: np.ndarray, low: int, high: int, out: np.ndarray) -> None:
    """Mean of each window without padding, half away from zero.

    Parameters
    ----------
    image
        Integers, shape (Y, X, C).
    places
        int64, shape (2, 6): fields of ``simulator.kernels.conv``.
    low, high
        Bounds of what is stored.
    out
        Type of the image, shape (OY, OX, C), written.
    """
    y, x = places[0], places[1]
    for oy in range(y[OUT]):
        for ox in range(x[OUT]):
            for c in range(out.shape[2]):
                total, count = 0, 0
                for fy in range(y[KERNEL]):
                    iy = position(oy, fy, y)
                    for fx in range(x[KERNEL]):
                        ix = position(ox, fx, x)
                        if 0 <= iy < y[SIZE] and 0 <= ix < x[SIZE]:
                            total += int(image[iy, ix, c])
                            count += 1
                mean = (abs(total) + count // 2) // max(count, 1)
                out[oy, ox, c] = min(max(mean if total >= 0 else -mean, low), high)


@lean
def max_pool(image: np.ndarray, places: np.ndarray, least: int, low: int, high: int, out: np.ndarray) -> None:
    """Largest of each window, padding excluded; ``least`` is the type's. Parameters as ``average_pool``."""
    y, x = places[0], places[1]
    for oy in range(y[OUT]):
        for ox in range(x[OUT]):
            out[oy, ox, :] = least
            for fy in range(y[KERNEL]):
                iy = position(oy, fy, y)
                if iy < 0 or iy >= y[SIZE]:
                    continue
                for fx in range(x[KERNEL]):
                    ix = position(ox, fx, x)
                    if ix < 0 or ix >= x[SIZE]:
                        continue
                    for c in range(out.shape[2]):
                        out[oy, ox, c] = max(out[oy, ox, c], image[iy, ix, c])
            for c in range(out.shape[2]):
                out[oy, ox, c] = min(max(out[oy, ox, c], low), high)
