"""How long lanes that skip zeros take when they wait for the slowest of them."""

from __future__ import annotations

from functools import lru_cache
from math import exp, lgamma, log


@lru_cache(maxsize=1 << 14)
def slowest(operands: int, density: float, lanes: int) -> float:
    """Mean number of operands that are left in the lane that has most.

    Each of ``lanes`` has ``operands`` of which each is left with probability ``density``, independently; the
    number left in one is binomial, F its distribution, and the largest of L has the mean

    E = Σ over t from 0 to n − 1 of (1 − F(t)^L).

    Limits: density 1 gives n, 0 gives 0, one lane n·density; many lanes tend to n.

    Parameters
    ----------
    operands, lanes
        n and L, at least 0 and 1.
    density
        Between 0 and 1.
    """
    if operands == 0 or density <= 0:
        return 0.0
    if density >= 1:
        return float(operands)
    choose = lgamma(operands + 1)
    below = total = 0.0
    for t in range(operands):
        ways = choose - lgamma(t + 1) - lgamma(operands - t + 1)
        below = min(below + exp(ways + t * log(density) + (operands - t) * log(1 - density)), 1.0)
        total += 1 - below**lanes
    return total
