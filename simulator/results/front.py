"""What is best where several figures count: the Pareto front, its volume, its knee. On plain numbers.

All objectives are to be small; whoever wants one large gives its negative.
Definitions: docs/models/sweeps.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Points = Sequence[Sequence[float]] | np.ndarray


def pareto(points: Points) -> list[int]:
    """Indices of the points that no other dominates, ascending.

    One point dominates another if it is nowhere worse and somewhere better; of equal points all are there.

    Parameters
    ----------
    points
        float64, shape (points, objectives).
    """
    table = _table(points)
    if not table.size:
        return []
    order = np.lexsort(table.T[::-1])  # by the first objective: whoever dominates comes before
    kept: list[int] = []
    front = np.empty_like(table)
    for i in order.tolist():
        there = front[: len(kept)]
        worse = (there <= table[i]).all(axis=1) & (there < table[i]).any(axis=1)
        if not worse.any():
            front[len(kept)] = table[i]
            kept.append(i)
    return sorted(kept)


def ranks(points: Points) -> np.ndarray:
    """Rank of each point: 0 on the front, 1 on that of the others, and so on; int64, shape (points,).

    Parameters
    ----------
    points
        float64, shape (points, objectives).
    """
    table = _table(points)
    found = np.full(len(table), -1, np.int64)
    left, rank = np.arange(len(table)), 0
    while left.size:
        best = left[pareto(table[left])]
        found[best] = rank
        left, rank = np.setdiff1d(left, best, assume_unique=True), rank + 1
    return found


def crowding(points: Points) -> np.ndarray:
    """How lonely each point is among those of its front, float64, shape (points,); the ends are infinite.

    The sum over objectives of the distance between its neighbours, over the range (Deb et al., "A Fast and
    Elitist Multiobjective Genetic Algorithm: NSGA-II", IEEE Trans. Evol. Comput. 2002).
    """
    table = _table(points)
    found = np.zeros(len(table))
    for column in table.T:
        order = np.argsort(column, kind="stable")
        span = column[order[-1]] - column[order[0]]
        found[order[[0, -1]]] = np.inf
        if span > 0:
            found[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
    return found


def hypervolume(points: Points, reference: Sequence[float]) -> float:
    """Volume that points dominate up to a reference point, exactly.

    By slices along the last objective (While et al., "A Faster Algorithm for Calculating Hypervolume", IEEE
    Trans. Evol. Comput. 2006).

    Parameters
    ----------
    points
        float64, shape (points, objectives); those not below the reference in every objective add nothing.
    reference
        One number per objective.
    """
    table, corner = _table(points), np.asarray(reference, float)
    if not table.size:
        return 0.0
    table = table[(table < corner).all(axis=1)]
    return _volume(table[pareto(table)], corner) if table.size else 0.0


def _volume(table: np.ndarray, corner: np.ndarray) -> float:
    if table.shape[1] == 1:
        return float(corner[0] - table.min())
    if table.shape[1] == 2:
        order = table[np.lexsort((table[:, 1], table[:, 0]))]
        ceilings = np.minimum.accumulate(np.concatenate([[corner[1]], order[:-1, 1]]))
        return float(((corner[0] - order[:, 0]) * np.maximum(ceilings - order[:, 1], 0)).sum())
    order = table[np.argsort(table[:, -1], kind="stable")]
    depths = np.diff(np.concatenate([order[:, -1], corner[-1:]]))
    total = 0.0
    for i, depth in enumerate(depths.tolist(), 1):
        if depth > 0:
            slice_ = order[:i, :-1]
            total += depth * _volume(slice_[pareto(slice_)], corner[:-1])
    return total


def bulges(points: Points) -> np.ndarray:
    """How far each point of a front bulges towards the ideal, float64, shape (points,).

    With every objective scaled to 0 (the front's best) to 1 (its worst), the distance from the plane through
    the points that are best in one and worst in all others; above 0 on the side of the ideal (Das, "On
    characterizing the knee of the Pareto curve", Structural Optimization 1999).
    """
    table = _table(points)
    if not table.size:
        return np.zeros(0)
    low, high = table.min(axis=0), table.max(axis=0)
    span = high - low
    varies = span > 0
    if varies.sum() < 2:
        return np.zeros(len(table))
    scaled = (table[:, varies] - low[varies]) / span[varies]
    return (1 - scaled.sum(axis=1)) / np.sqrt(varies.sum())


def knee(points: Points) -> int | None:
    """Index of the point of a front beyond which little is won for much: the largest bulge.

    None where nothing bulges: the front is straight or hollow, or has no two ends.
    """
    table = _table(points)
    found = bulges(table)
    if not found.size or found.max() <= 1e-12:
        return None
    return int(found.argmax())


def _table(points: Points) -> np.ndarray:
    table = np.asarray(points, float)
    return table.reshape(len(table), -1) if table.size else np.empty((0, 0))
