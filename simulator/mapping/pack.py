"""Address assignment: rooms that live at the same time must not overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Item:
    """Something that needs ``bytes`` in a memory from step ``first`` to step ``last``, both included.

    ``from_top``: placed from the end of the memory downwards, so that neighbours in time lie apart.
    """

    key: object
    bytes: int
    first: int
    last: int
    from_top: bool = False


def pack(items: Sequence[Item], capacity: int) -> tuple[dict[object, int], Item | None]:
    """Addresses for items, first fit, longest-lived and largest first.

    Returns
    -------
    addresses, misfit
        Address per key, and the first item that found no room (None: all did).
    """
    order = sorted(items, key=lambda item: (item.last == item.first, -item.bytes, item.first))
    first, last, low, high = (np.zeros(len(items), np.int64) for _ in range(4))
    addresses: dict[object, int] = {}
    for count, item in enumerate(order):
        together = np.flatnonzero((first[:count] <= item.last) & (last[:count] >= item.first))
        taken = sorted(zip(low[together].tolist(), high[together].tolist(), strict=True))
        address = _gap(taken, item.bytes, capacity, item.from_top)
        if address is None:
            return addresses, item
        addresses[item.key] = address
        first[count], last[count], low[count], high[count] = (
            item.first,
            item.last,
            address,
            address + item.bytes,
        )
    return addresses, None


def _gap(taken: list[tuple[int, int]], size: int, capacity: int, from_top: bool) -> int | None:
    """Lowest (or highest) address where ``size`` bytes are free."""
    if from_top:
        mirrored = sorted((capacity - high, capacity - low) for low, high in taken)
        address = _gap(mirrored, size, capacity, from_top=False)
        return None if address is None else capacity - address - size
    address = 0
    for low, high in taken:
        if low - address >= size:
            return address
        address = max(address, high)
    return address if capacity - address >= size else None


def peak(items: Sequence[Item]) -> int:
    """Most bytes alive at one step."""
    if not items:
        return 0
    steps = max(item.last for item in items) + 2
    change = np.zeros(steps, np.int64)
    for item in items:
        change[item.first] += item.bytes
        change[item.last + 1] -= item.bytes
    return int(change.cumsum().max())
