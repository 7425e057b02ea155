"""The same data without computing: what an ordinary controller takes to move them, in one channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from simulator.hw.addressing import make_addressing, stream_mapping
from simulator.hw.controller import Controller
from simulator.hw.device import Device

if TYPE_CHECKING:
    import numpy as np
else:
    from simulator.base.lazy import numpy as np


@dataclass(frozen=True)
class Moved:
    """What became of accesses in one channel, in clocks from the first offer.

    Attributes
    ----------
    cycles
        Until the last read's data have come and the last write's are in its bank's row.
    last_read, last_write
        Until the end of the data of the last of each; 0: there is none.
    """

    cycles: int
    last_read: int
    last_write: int


def move(
    device: Device, accesses: Sequence[tuple[int, bool]], controller: Controller | None = None, *,
    mapping: str = "", begin: int = 0,
) -> Moved:  # fmt: skip
    """Serve accesses (address, whether it is a write) of a channel, offered one per clock and in order.

    ``mapping``: absent, that for streams. ``begin``: clock at which they come; refreshes fall due at
    multiples of nREFI.
    """
    from simulator.hw.drampack import make_state, make_tables
    from simulator.kernels import dramstate as k
    from simulator.kernels.dram import serve

    controller, many = controller or Controller(), len(accesses)
    if many == 0:
        return Moved(0, 0, 0)
    pool = np.array([[2 * addr + write for addr, write in accesses]], np.int64)
    parts = np.array([[(0, many, -1)]], k.PART)
    addressing = make_addressing(mapping or stream_mapping(device), device, 1)
    arrivals = np.full((1, many), begin, np.int64)
    tables = make_tables(device, controller, addressing, pool, arrivals, parts, posted=False)
    state = make_state(device, controller, 1, flights=1, masters=1, nodes=1)
    state.flights[0] = (0, 0, many, begin, begin, 1)
    state.total["pending"] = many
    state.streams[0, 0] = (0, 0, 0)
    state.channels["offers"], state.channels["tick"] = begin, 1
    serve(int(k.FOREVER), False, tables, state, np.zeros((1, 2), np.int64))
    writes = any(write for _, write in accesses)
    read = int(state.total["last_read"][0]) - begin if not all(write for _, write in accesses) else 0
    # all are done with the last column command, or the last data
    written = int(state.channels["last_column"][0]) + device.write_latency - begin if writes else 0
    return Moved(max(read, int(state.total["last_done"][0]) - begin), read, written)


def consecutive(device: Device, read_bytes: int, write_bytes: int, channels: int) -> list[tuple[int, bool]]:
    """Accesses of one of so many channels that share a stream: all that is read, then what is written."""
    reads, writes = (ceil(size / (device.access_bytes * channels)) for size in (read_bytes, write_bytes))
    return [(i * device.access_bytes, i >= reads) for i in range(reads + writes)]
