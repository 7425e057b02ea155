"""Tables and state of PIM streams in the DRAM kernel. No numba here, so that anyone may import it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

#: Columns of ``standard.COMMANDS`` behind those of ``dramstate``.
ACT_S, PRE_S = 12, 13
#: Columns of PIM ``counts``, per node: banks opened; accesses that left and entered cells; accesses written
#: into registers and buffers; accesses that passed the interface; operations of single lanes; commands.
(P_ACT, P_READ, P_WRITE, P_REGISTER, P_IO, P_OPS, P_COMMANDS) = range(7)
PIM_COUNTS = 7

#: One transaction of a stream: ``many`` columns, one after the other, by a command on ``banks`` banks from
#: ``first``, ``stride`` apart, with a row open. ``ops``: lane operations of each column in each bank.
#: ``fence``: begins when the data of all before are where they go. ``yields``: behind it ordinary requests
#: may pass. ``holds``: refreshes that fall due wait.
STEP = np.dtype(
    [
        ("command", "i4"), ("many", "i4"), ("first", "i4"), ("stride", "i4"), ("banks", "i4"),
        ("fence", "i4"), ("yields", "i4"), ("holds", "i4"), ("ops", "i4"),
        ("row", "i8"),
    ],
    align=True,
)  # fmt: skip
#: What a command does: ``hw.standard.PimCommand`` in clocks and flags.
EFFECT = np.dtype(
    [
        ("done", "i8"), ("reads", "i8"), ("writes", "i8"), ("io", "i8"), ("registers", "i8"), ("row", "i8"),
        ("closes", "i8"), ("waits", "i8"),
    ],
    align=True,
)  # fmt: skip
#: The PIM side of a channel: ``flight`` at its head (-1: none) and at its end (``tail``), since when it
#: waits, whether it runs and its next event (``tick``); its ``next`` transaction, of which ``left`` columns
#: are to come, none before ``hold``; when all data so far are where they go. ``ahead``: rows of the next
#: transaction are opened while columns of this one are served.
ENGINE = np.dtype(
    [
        ("flight", "i8"), ("tail", "i8"), ("arrival", "i8"), ("running", "i8"), ("next", "i8"),
        ("left", "i8"), ("hold", "i8"), ("done", "i8"), ("tick", "i8"), ("ahead", "i8"),
    ],
    align=True,
)  # fmt: skip


class PimTables(NamedTuple):
    """What a run only reads.

    Attributes
    ----------
    effects
        EFFECT, shape (commands,).
    steps
        STEP, shape (any,): those of a flight and channel are ``parts[channel, flight]``.
    """

    effects: np.ndarray
    steps: np.ndarray


class PimState(NamedTuple):
    """What a run writes; a copy of it is a forecast.

    Attributes
    ----------
    engines
        ENGINE, shape (channels,).
    counts
        int64, shape (nodes, PIM_COUNTS).
    """

    engines: np.ndarray
    counts: np.ndarray

    def copy(self) -> PimState:
        """A state of its own with the same content."""
        return PimState(*(array.copy() for array in self))
