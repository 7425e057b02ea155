"""Who must wait for whom: the history of segments, consecutive bytes between which no access begins or ends.

A command that reads waits for the last writer of each segment; one that writes waits for the last writer, and
until all readers since have taken in what they read. Commands are numbered in program order.
"""

from __future__ import annotations

import numpy as np

from simulator.kernels.jit import kernel, lean, part

#: Writers of segments: nobody has written them, or they were there before the run.
NEVER, BEFORE = -2, -1


@kernel
def waits(
    rows: np.ndarray, low: np.ndarray, high: np.ndarray, write: np.ndarray, writer: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Dependencies of commands from what they access.

    Parameters
    ----------
    rows
        int64, shape (commands + 1,): command i has the accesses ``rows[i]`` to ``rows[i + 1]``, reads first.
    low, high, write
        int64, int64, bool, shape (accesses,): first segment and the one behind the last; whether it writes.
    writer
        int64, shape (segments,): NEVER or BEFORE; written.

    Returns
    -------
    first, sources, early
        int64, shape (commands + 1,); int64 and bool: for each command those that it waits for, in no order;
        ``early`` where it only overwrites what the other has read.
    row
        The first access that reads what was never written, -1: none.
    """
    commands = rows.size - 1
    first = np.zeros(commands + 1, np.int64)
    sources, early = np.empty(1024, np.int64), np.empty(1024, np.bool_)
    noted = np.full(commands, -1, np.int64)  # twice the command that waits, plus 1 where for the end
    newest = np.full(writer.size, -1, np.int64)  # readers of each segment since its last write: a list in
    reader, older = np.empty(1024, np.int64), np.arange(1, 1025)  # a pool, whose free places are one, too
    free, found = 0, 0
    for command in range(commands):
        begin = found
        while sources.size < begin + command:
            sources = np.concatenate((sources, np.empty_like(sources)))
            early = np.concatenate((early, np.empty_like(early)))
        for row in range(rows[command], rows[command + 1]):
            for s in range(low[row], high[row]):
                place = newest[s]
                found = _note(writer[s], command, 1, found, sources, noted)
                if write[row]:
                    while place >= 0:
                        found = _note(reader[place], command, 0, found, sources, noted)
                        after = older[place]
                        older[place], free, place = free, place, after
                    writer[s], newest[s] = command, -1
                elif writer[s] == NEVER:
                    return first, sources, early, row
                elif place < 0 or reader[place] != command:
                    if free == reader.size:
                        older = np.concatenate((older, np.arange(free + 1, 2 * free + 1)))
                        reader = np.concatenate((reader, np.empty_like(reader)))
                    place, free = free, older[free]
                    reader[place], older[place], newest[s] = command, newest[s], place
        for i in range(begin, found):
            early[i] = noted[sources[i]] == 2 * command
        first[command + 1] = found
    return first, sources[:found], early[:found], -1


@part
def _note(
    other: int, command: int, ends: int, found: int, sources: np.ndarray, noted: np.ndarray
) -> int:  # fmt: skip
    """Add another command to those that a command waits for, unless it is there; how many there are."""
    if other < 0 or other == command:
        return found
    if noted[other] < 2 * command:
        sources[found], noted[other] = other, 2 * command
        found += 1
    noted[other] |= ends
    return found


@lean
def unproved(
    command: np.ndarray, low: np.ndarray, high: np.ndarray, write: np.ndarray, writer: np.ndarray,
    first: np.ndarray, sources: np.ndarray, early: np.ndarray, waited: np.ndarray,
) -> tuple[int, int]:  # fmt: skip
    """Paint segments with who wrote them, and find the first read of what was not waited for.

    Parameters
    ----------
    command
        int64, shape (accesses,): whose access it is, ascending; ``low``, ``high``, ``write``, ``writer`` as
        for ``waits``.
    first, sources, early
        The dependencies of the program.
    waited
        int64, shape (commands,), written: room.

    Returns
    -------
    (row, source)
        An access that reads what ``source`` (NEVER: nobody) wrote and does not wait for its end; row -1: none
        does.
    """
    waited[:] = -1
    now = -1
    for row in range(command.size):
        c = command[row]
        if c != now:
            now = c
            for i in range(first[c], first[c + 1]):
                if not early[i]:
                    waited[sources[i]] = c
        missing = -1
        for s in range(low[row], high[row]):
            other = writer[s]
            if write[row]:
                writer[s] = c
            elif other == NEVER:
                return row, NEVER
            elif other >= 0 and other != c and waited[other] != c and (missing < 0 or other < missing):
                missing = other
        if missing >= 0:
            return row, missing
    return -1, -1
