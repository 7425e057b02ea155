"""What a memory did over time, in stretches of equal length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

#: What an access found: the row open, the bank closed, another row open. Word of a result -> name in a
#: profile.
OUTCOMES = {"hits": "hit", "misses": "miss", "conflicts": "conflict"}


@dataclass(frozen=True)
class Profile:
    """Counts per stretch.

    Attributes
    ----------
    stretch_fs
        Length of a stretch.
    counts
        Name -> int64, shape (stretches,).
    """

    stretch_fs: Fraction
    counts: dict[str, np.ndarray]

    def per_bin(self, name: str, instants: Sequence[int]) -> np.ndarray:
        """The same counts for other bins, evenly within a stretch, to whole numbers; their sum stays.

        ``instants`` are the ends of the bins in fs, one more than there are bins. What lies beyond the last
        end goes to the last bin.
        """
        counts = self.counts[name]
        ends = np.arange(counts.size + 1) * float(self.stretch_fs)
        passed = np.concatenate([[0], np.cumsum(counts)])
        until = np.floor(np.interp(np.array(instants, float), ends, passed)).astype(np.int64)
        until[0], until[-1] = 0, passed[-1]
        return np.diff(until)
