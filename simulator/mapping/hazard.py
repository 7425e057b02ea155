"""Who must wait for whom: dependencies from the bytes that commands read and write."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.mapping.segments import cut


class UnwrittenError(Exception):
    """An access reads bytes that nothing has written; ``row`` is its row."""

    def __init__(self, row: int) -> None:
        super().__init__(row)
        self.row = row


def dependencies(
    accesses: np.ndarray, present: Sequence[tuple[int, int, int]], memories: int, commands: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What each command waits for.

    A command that reads waits for the last writer of each byte; one that writes waits for the last writer,
    and until all readers since have taken in what they read. Commands are numbered in program order.

    Parameters
    ----------
    accesses
        ACCESS, by command, reads before writes.
    present
        (memory, low, high) that hold data before the run.
    memories, commands
        How many there are.

    Returns
    -------
    first, sources, early
        As ``Program.dependency_first``, ``dependencies`` and ``early``; sources of a command ascending.

    Raises
    ------
    UnwrittenError
        A command reads what no command before it writes.
    """
    from simulator.kernels.hazard import BEFORE, NEVER, waits  # numba: only when something is simulated

    segments = cut(accesses, present, memories)
    rows = np.searchsorted(accesses["command"], np.arange(commands + 1))
    write, writer = accesses["write"].copy(), np.where(segments.there, BEFORE, NEVER)
    first, sources, early, row = waits(rows, segments.low, segments.high, write, writer)
    if row >= 0:
        raise UnwrittenError(row)
    order = np.lexsort((sources, np.repeat(np.arange(commands), np.diff(first))))
    return first, sources[order], early[order]
