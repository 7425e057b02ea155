"""What ran when, command by command: for a timeline viewer. Plain arrays, no engine inside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: One slice: row of ``Trace.tracks`` and of ``Trace.nodes``, kind (row of ``Trace.kinds``), instants in fs.
SLICE = np.dtype(
    [("track", "i4"), ("node", "i4"), ("kind", "i4"), ("start", "i8"), ("end", "i8")], align=True
)


@dataclass(frozen=True)
class Trace:
    """Slices on tracks; on one track they never overlap unless one holds the other.

    Attributes
    ----------
    tracks
        Names: ``layers`` (with further lanes where layers run side by side), every core, every lane of a DMA.
    nodes, kinds
        Names of the nodes, and of what a slice is (``layer``, ``compute``, ``load``, ``store``).
    slices
        SLICE, shape (slices,), by track and start.
    """

    tracks: tuple[str, ...]
    nodes: tuple[str, ...]
    kinds: tuple[str, ...]
    slices: np.ndarray


def lanes(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Lane of each interval so that intervals of one lane do not overlap, int64, shape (intervals,).

    Intervals are given by ascending start; each takes the lowest lane that is free.
    """
    lane = np.zeros(starts.size, np.int64)
    free: list[int] = []
    for i, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        for j, until in enumerate(free):
            if until <= start:
                lane[i], free[j] = j, end
                break
        else:
            lane[i] = len(free)
            free.append(end)
    return lane
