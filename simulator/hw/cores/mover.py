"""Mover: what stands in where no core does the arithmetic; data still have to move."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from simulator.hw import scaling
from simulator.hw.component import CORES, Core
from simulator.workload.work import Move

if TYPE_CHECKING:
    import numpy as np
else:
    from simulator.base.lazy import numpy as np


@CORES.register("mover")
class Mover(Core):
    """Reads and writes its buffer as fast as the port allows and computes nothing.

    Model
    -----
    Time is that of the buffer's port for the bytes read and written. A chip without any core for data
    movement gets one by itself, so that work which it cannot do is paid for as movement and named as not
    modelled.

    Not modelled
    ------------
    Any arithmetic.

    Source
    ------
    None needed: it has no constant of its own.
    """

    ROLES: ClassVar = ("data",)
    BOUND: ClassVar = "vector"
    SPENT_IN: ClassVar = {"*": scaling.LOGIC}

    def accepts(self, work: object) -> bool:
        """Moves alone."""
        return isinstance(work, Move)

    def cycles(self, tiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """No time beyond the port's."""
        return np.zeros(tiles.size, np.int64), np.zeros(tiles.size, np.int64)

    def counts(self, tiles: np.ndarray) -> np.ndarray:
        """No actions."""
        return np.zeros((tiles.size, 0), np.int64)

    def accesses(self, tiles: np.ndarray) -> np.ndarray:
        """What is read and written, int64, shape (tiles, 1, 2)."""
        return np.stack([tiles["read_bytes"], tiles["write_bytes"]], axis=1)[:, None, :]
