"""What planning remembers from one plan to the next: bounded, and forgotten together."""

from __future__ import annotations

from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")

#: A network has some hundred different layers; a sweep over nights must not fill the memory.
MOST_ENTRIES = 20_000


class Remembered(dict[Key, Value]):
    """A dict that lets its older half go when it has grown to ``most`` entries."""

    def __init__(self, most: int = MOST_ENTRIES) -> None:
        super().__init__()
        self.most = most
        _ALL.append(self)

    def __setitem__(self, key: Key, value: Value) -> None:
        """Keep a value."""
        if len(self) >= self.most:
            for old in list(self)[: self.most // 2]:
                del self[old]
        super().__setitem__(key, value)


_ALL: list[Remembered] = []


def forget() -> None:
    """Forget everything, so that planning can be timed from nothing."""
    for remembered in _ALL:
        remembered.clear()
