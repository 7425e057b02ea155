"""Who must wait for whom: dependencies from the bytes that commands read and write."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

NOBODY = -1  # the bytes were there before the run
#: Pieces are kept in lists of so many bytes' worth: cutting one piece moves all behind it in its list.
PAGE_BYTES = 256 * 1024


class Region:
    """History of one memory's bytes.

    A command that reads waits for the last writer of each byte; one that writes waits for the last writer,
    and until all readers since have taken in what they read. Commands are numbered in program order.
    """

    def __init__(self) -> None:
        self._pages: dict[int, _Page] = {}

    def read(self, low: int, high: int, command: int, waits: set[int]) -> bool:
        """Note a read of [low, high).

        Add its dependencies to ``waits``. False: some byte was never written.
        """
        return all([page.read(a, b, command, waits) for page, a, b in self._parts(low, high)])

    def write(self, low: int, high: int, command: int, waits: set[int], readers: set[int]) -> None:
        """Note a write of [low, high); add writers before it to ``waits``, and readers to ``readers``."""
        for page, a, b in self._parts(low, high):
            page.write(a, b, command, waits, readers)

    def _parts(self, low: int, high: int) -> Iterator[tuple[_Page, int, int]]:
        """What of a span lies in each page."""
        for number in range(low // PAGE_BYTES, -(-high // PAGE_BYTES)):
            first = number * PAGE_BYTES
            page = self._pages.setdefault(number, _Page())
            yield page, max(low, first), min(high, first + PAGE_BYTES)


class _Page:
    """History of consecutive bytes, as pieces between which nothing differs."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._writer: list[int] = []
        self._readers: list[list[int]] = []

    def read(self, low: int, high: int, command: int, waits: set[int]) -> bool:
        """As ``Region.read``, inside the page."""
        first, last = self._cut(low, high)
        covered = low
        for i in range(first, last):
            whole = self._starts[i] <= covered
            if not whole:
                return False
            covered = self._ends[i]
            if self._writer[i] >= 0:
                waits.add(self._writer[i])
            if self._readers[i][-1:] != [command]:
                self._readers[i].append(command)
        return covered >= high

    def write(self, low: int, high: int, command: int, waits: set[int], readers: set[int]) -> None:
        """As ``Region.write``, inside the page."""
        first, last = self._cut(low, high)
        for i in range(first, last):
            readers.update(self._readers[i])
            if self._writer[i] >= 0:
                waits.add(self._writer[i])
        self._starts[first:last] = [low]
        self._ends[first:last] = [high]
        self._writer[first:last] = [command]
        self._readers[first:last] = [[]]

    def _cut(self, low: int, high: int) -> tuple[int, int]:
        """Indices of the pieces inside [low, high), after cutting those that cross its ends."""
        first = bisect_right(self._ends, low)
        if first < len(self._starts) and self._starts[first] < low:
            self._split(first, low)
            first += 1
        last = bisect_left(self._starts, high)
        if last > first and self._ends[last - 1] > high:
            self._split(last - 1, high)
        return first, last

    def _split(self, i: int, at: int) -> None:
        self._starts.insert(i + 1, at)
        self._ends.insert(i, at)
        self._writer.insert(i + 1, self._writer[i])
        self._readers.insert(i + 1, list(self._readers[i]))
