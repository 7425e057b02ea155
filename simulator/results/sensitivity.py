"""What a figure depends on: main effects of axes, interactions of two, differences to a baseline.

On plain records: mappings of a column's name to its value. Definitions and limits: docs/models/sweeps.md.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

Record = Mapping[str, Any]
#: Share of the sum of squares below which a variance is that of rounding.
_ROUNDING = 1e-24


@dataclass(frozen=True, slots=True)
class Effect:
    """What one axis does to a figure.

    Attributes
    ----------
    axis
        Column of the axis.
    means
        (value of the axis, mean of the figure there, how many records), in the order in which values appear.
    range_pct
        Largest mean less the smallest, in percent of the mean of all.
    share
        Share of the figure's variance between the values of the axis: 0 nothing, 1 all.
    """

    axis: str
    means: tuple[tuple[Any, float, int], ...]
    range_pct: float
    share: float


@dataclass(frozen=True, slots=True)
class Interaction:
    """What two axes do together beyond what each does: share of the variance, at least 0."""

    axes: tuple[str, str]
    share: float


def main_effects(records: Sequence[Record], axes: Sequence[str], figure: str) -> list[Effect]:
    """Effect of each axis, that with the largest share first.

    The share is the sum of squares between the groups of equal values over that of all, ``eta squared``.

    Parameters
    ----------
    records
        Those without the figure (None, or absent) are left out.
    axes
        Columns; a record without one counts as a value of its own.
    figure
        Column of numbers.
    """
    known, y = _known(records, figure)
    if not known:
        return []
    mean, total = float(y.mean()), float(((y - y.mean()) ** 2).sum())
    found = []
    for axis in axes:
        groups = _groups(known, (axis,))
        means = tuple((key[0], float(y[rows].mean()), len(rows)) for key, rows in groups.items())
        values = [value for _, value, _ in means]
        spread = (max(values) - min(values)) / abs(mean) * 100 if mean else 0.0
        found.append(Effect(axis, means, spread, _share(groups, y, total)))
    return sorted(found, key=lambda effect: -effect.share)


def interactions(records: Sequence[Record], axes: Sequence[str], figure: str) -> list[Interaction]:
    """Interaction of each pair of axes, the largest first.

    Share of the variance between the cells of a pair, less the shares of both axes alone. On a full grid this
    is the interaction of an analysis of variance; where combinations are missing it also holds what the two
    axes have in common.
    """
    known, y = _known(records, figure)
    if not known:
        return []
    total = float(((y - y.mean()) ** 2).sum())
    alone = {axis: _share(_groups(known, (axis,)), y, total) for axis in axes}
    found = [
        Interaction(pair, max(0.0, _share(_groups(known, pair), y, total) - sum(alone[a] for a in pair)))
        for pair in combinations(axes, 2)
    ]
    return sorted(found, key=lambda each: -each.share)


def envelope(
    records: Sequence[Record], axis: str, figure: str, *, maximize: bool = False
) -> list[tuple[Any, float]]:
    """(value of an axis, the best of a figure there), in the order in which values appear."""
    known, y = _known(records, figure)
    pick = np.max if maximize else np.min
    return [(key[0], float(pick(y[rows]))) for key, rows in _groups(known, (axis,)).items()]


def enough(
    records: Sequence[Record], axis: str, figure: str, *, slack: float = 0.05, maximize: bool = False
) -> Any:
    """The first value of an axis at which the best of a figure is near the best of all.

    Parameters
    ----------
    records
        In the order of the axis: the first values first.
    axis, figure
        Columns.
    slack
        How near, as a share of the best of all.
    maximize
        Whether the largest is the best.

    Returns
    -------
    The value; None where the figure is not known.
    """
    bests = envelope(records, axis, figure, maximize=maximize)
    if not bests:
        return None
    best = max(value for _, value in bests) if maximize else min(value for _, value in bests)
    room = slack * abs(best)
    return next(value for value, there in bests if abs(there - best) <= room)


def differences_pct(record: Record, baseline: Record, figures: Sequence[str]) -> dict[str, float | None]:
    """Figure -> by how many percent a record is above a baseline; None where one is not known, or 0."""
    found: dict[str, float | None] = {}
    for name in figures:
        value, base = record.get(name), baseline.get(name)
        found[name] = None if value is None or not base else (value / base - 1) * 100
    return found


def best(records: Sequence[Record], figure: str, *, maximize: bool = False) -> Record | None:
    """The first record with the least (``maximize``: largest) of a figure; None where none is known."""
    known, y = _known(records, figure)
    if not known:
        return None
    return known[int(y.argmax() if maximize else y.argmin())]


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Spearman's rank correlation, equal values sharing their rank; None where one does not vary."""
    first, second = _ranked(a), _ranked(b)
    if first.size < 2 or first.std() == 0 or second.std() == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def _ranked(values: Sequence[float]) -> np.ndarray:
    column = np.asarray(values, float)
    if not column.size:
        return column
    _, which, counts = np.unique(column, return_inverse=True, return_counts=True)
    last = counts.cumsum()
    return (last - (counts - 1) / 2)[which.reshape(-1)]


def _known(records: Sequence[Record], figure: str) -> tuple[list[Record], np.ndarray]:
    known = [record for record in records if record.get(figure) is not None]
    return known, np.array([float(record[figure]) for record in known])


def _groups(records: Sequence[Record], axes: Sequence[str]) -> dict[tuple[Hashable, ...], list[int]]:
    found: dict[tuple[Hashable, ...], list[int]] = {}
    for i, record in enumerate(records):
        found.setdefault(tuple(record.get(axis) for axis in axes), []).append(i)
    return found


def _share(groups: Mapping[tuple[Hashable, ...], list[int]], y: np.ndarray, total: float) -> float:
    mean = y.mean()
    if total <= _ROUNDING * max(float((y**2).sum()), 1e-300):
        return 0.0  # it does not vary but for the last digits
    return float(sum(len(rows) * (y[rows].mean() - mean) ** 2 for rows in groups.values()) / total)
