"""Segments of memories: consecutive bytes between which no access of a program begins or ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Segments:
    """Accesses as ranges of segments, which are numbered through all memories.

    Attributes
    ----------
    low, high
        int64, shape (accesses,): first segment of each access and the one behind its last; equal where it is
        empty.
    there
        bool, shape (segments,): whether it holds data before the run.
    """

    low: np.ndarray
    high: np.ndarray
    there: np.ndarray


def cut(accesses: np.ndarray, present: Sequence[tuple[int, int, int]], memories: int) -> Segments:
    """Cut memories where accesses begin and end.

    Parameters
    ----------
    accesses
        ACCESS, shape (accesses,).
    present
        (memory, low, high) that hold data before the run.
    memories
        How many there are.
    """
    low, high = np.zeros(accesses.size, np.int64), np.zeros(accesses.size, np.int64)
    there, begin = [], 0
    for memory in range(memories):
        rows = np.flatnonzero((accesses["memory"] == memory) & (accesses["high"] > accesses["low"]))
        ends = accesses["low"][rows], accesses["high"][rows]
        held = np.array([(a, b) for m, a, b in present if m == memory], np.int64).reshape(-1, 2)
        edges = _distinct(np.concatenate([*ends, held.reshape(-1)]))
        low[rows], high[rows] = (begin + np.searchsorted(edges, end) for end in ends)
        mine = np.zeros(edges.size, bool)
        for a, b in np.searchsorted(edges, held).tolist():
            mine[a:b] = True
        there.append(mine)
        begin += edges.size
    return Segments(low, high, np.concatenate([np.zeros(0, bool), *there]))


def _distinct(values: np.ndarray) -> np.ndarray:
    """Values without repetition, ascending; ``numpy.unique`` hashes, which takes longer for very many."""
    values = np.sort(values)
    return values[np.diff(values, prepend=values[:1] - 1) > 0]
