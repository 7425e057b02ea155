"""What lies in on-chip memories, and while which tasks run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulator.mapping.pack import Item


@dataclass(frozen=True, slots=True)
class Life:
    """Room that something takes in an on-chip memory while tasks ``first`` to ``last`` run, both included.

    ``buffer``: tiles pass through it; else it is a storage. ``whole``: it lies there for the whole run.
    """

    memory: str
    name: str
    address: int
    bytes: int
    first: int
    last: int
    buffer: bool
    whole: bool

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.address + self.bytes


def lives_of(
    memory: str, items: Sequence[Item], addresses: Mapping[object, int], tasks: Sequence[str]
) -> list[Life]:
    """Rooms of a memory as they were packed; ``tasks`` are names.

    The key of a buffer is (task, part, role, memory); that of a storage's further places begins with a word.
    """
    lives = []
    for item in items:
        key = item.key
        buffer, name = isinstance(key, tuple) and isinstance(key[0], int), str(key)
        if isinstance(key, tuple):
            name = f"{tasks[key[0]]}: {key[2]}" if buffer else str(key[1])
        whole = not buffer and (item.first, item.last) == (0, len(tasks) - 1)
        room = (addresses[item.key], item.bytes, item.first, item.last)
        lives.append(Life(memory, name, *room, buffer, whole))
    return lives
