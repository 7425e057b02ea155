"""How far a sweep is: counts, rate, time left, and the front so far."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Progress:
    """Counted while a sweep runs; shown by whoever wants to.

    Attributes
    ----------
    phase
        What is being done, in a word.
    total
        Points to do; None while that is not known.
    known, done, failed
        Points that were there already, that were finished now, and those of either without figures.
    """

    phase: str = "simulating"
    total: int | None = None
    known: int = 0
    done: int = 0
    failed: int = 0
    front: Archive = field(default_factory=lambda: Archive())
    _began: float = field(default_factory=time.monotonic)

    @property
    def rate(self) -> float:
        """Points per second that were not there already."""
        return self.done / max(time.monotonic() - self._began, 1e-9)

    @property
    def left_s(self) -> float | None:
        """Seconds to go at this rate."""
        if self.total is None or not self.done:
            return None
        return max(self.total - self.known - self.done, 0) / self.rate

    def line(self) -> str:
        """All of it in a line."""
        total = "" if self.total is None else f"/{self.total}"
        left = "" if self.left_s is None else f", {duration(self.left_s)} left"
        return (
            f"{self.known + self.done}{total} points, {self.rate:.3g}/s{left}, {self.failed} failed, "
            f"front {len(self.front)}"
        )


class Archive:
    """Scores that no other dominates, kept up to date one by one; all are to be small."""

    def __init__(self) -> None:
        self._scores: np.ndarray | None = None

    def __len__(self) -> int:
        return 0 if self._scores is None else len(self._scores)

    def add(self, scores: Sequence[float]) -> None:
        """Take in one point."""
        new = np.asarray(scores, float)
        if self._scores is None:
            self._scores = new[None]
            return
        old = self._scores
        if ((old <= new).all(axis=1) & (old < new).any(axis=1)).any():
            return
        beaten = (new <= old).all(axis=1) & (new < old).any(axis=1)
        self._scores = np.vstack([old[~beaten], new])


def duration(seconds: float) -> str:
    """Seconds as people say them: ``42 s``, ``3 min 5 s``, ``2 h 10 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def scores_of(figures: Mapping[str, float | None], objectives: Mapping[str, str]) -> tuple[float, ...] | None:
    """Objectives, all to be small; None where one is not known."""
    found = [figures.get(metric) for metric in objectives]
    if None in found:
        return None
    ways = objectives.values()
    return tuple(
        -value if way == "maximize" else value
        for value, way in zip(found, ways, strict=True)
        if value is not None
    )
