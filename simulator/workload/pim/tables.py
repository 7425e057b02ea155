"""Activation functions of GDDR6-AiM: points in a reserved row, straight lines between them.

Published (JSSC 58(1), 2023): the table lies in a word line of the bank, and GELU, sigmoid and tanh are among
its functions; SK hynix's US 12,254,283 interpolates between what the bits of the sum select. Assumed: 1024
points in BF16, as many as a row of 2 KiB holds, evenly over [−8, 8).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from simulator.workload.functions import bfloat16, gelu, gelu_by_tanh, sigmoid

POINTS, LOW, PER_UNIT = 1024, -8.0, 64.0
_FUNCTIONS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], bool]] = {
    "sigmoid": (sigmoid, False),
    "tanh": (np.tanh, False),
    "gelu": (gelu, True),
    "gelu_by_tanh": (gelu_by_tanh, True),
}


class Table(NamedTuple):
    """Points of a function from ``LOW`` on, ``PER_UNIT`` in a unit; float32 that BF16 has, (POINTS,).

    Below the first point the function keeps its value; from the last one on as well, or it is its operand
    (``passes``).
    """

    points: np.ndarray
    passes: bool


@lru_cache(maxsize=len(_FUNCTIONS))
def table(name: str) -> Table:
    """Table of a function: ``sigmoid``, ``tanh``, ``gelu`` or ``gelu_by_tanh``."""
    function, passes = _FUNCTIONS[name]
    points = bfloat16(function(LOW + np.arange(POINTS) / PER_UNIT).astype(np.float32))
    points.flags.writeable = False
    return Table(points, passes)


def has_table(name: str) -> bool:
    """Whether the device has such a function in a table."""
    return name in _FUNCTIONS
