"""How long tiles take a core, the ports of its buffers included.

The planner estimates with it, the engine runs on it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simulator.base.clock import INT64_MAX, Clock
from simulator.hw.component import Core


def tile_times_fs(
    core: Core, ports: Mapping[str, float | None], tiles: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Time that each tile occupies the core, and by how much later its result is out.

    ``occupancy = max(core cycles, max over memories of bytes / bandwidth)``; operands that share a memory
    share its bandwidth.

    Parameters
    ----------
    core, ports
        The core, and the bytes/s that each memory's ports give it (``Chip.ports``).
    tiles
        ``tiling.TILE``, shape (tiles,).

    Returns
    -------
    occupancy, latency : int64, shape (tiles,), femtoseconds
    """
    cycles, latency = core.cycles(tiles)
    occupancy = cycles_fs(core.clock_hz, cycles)
    for port_fs in port_times_fs(core, ports, tiles).values():
        occupancy = np.maximum(occupancy, port_fs)
    return occupancy, cycles_fs(core.clock_hz, latency)


def core_times_fs(core: Core, tiles: np.ndarray) -> np.ndarray:
    """Time of the core alone for each tile, int64, shape (tiles,), fs."""
    return cycles_fs(core.clock_hz, core.cycles(tiles)[0])


def port_times_fs(core: Core, ports: Mapping[str, float | None], tiles: np.ndarray) -> dict[str, np.ndarray]:
    """Memory -> fs that its ports need for each tile, int64, shape (tiles,); unlimited ones are left out."""
    times = {}
    for memory, moved in bytes_by_memory(core, tiles).items():
        bandwidth = ports[memory]
        if bandwidth is not None:
            times[memory] = np.ceil(moved.sum(axis=1) * (1e15 / bandwidth)).astype(np.int64)
    return times


def bytes_by_memory(core: Core, tiles: np.ndarray) -> dict[str, np.ndarray]:
    """Memory -> bytes read and written by each tile, int64, shape (tiles, 2).

    Roles that share a memory are summed.
    """
    accesses = core.accesses(tiles)
    moved: dict[str, np.ndarray] = {}
    for j, role in enumerate(core.ROLES):
        memory = core.buffer(role)
        moved[memory] = moved[memory] + accesses[:, j] if memory in moved else accesses[:, j].copy()
    return moved


def cycles_fs(clock_hz: int, cycles: np.ndarray) -> np.ndarray:
    """How long so many cycles of a clock last, int64, shape (tiles,), fs."""
    clock = Clock.from_hz(clock_hz)
    if clock.den == 1:
        return cycles * clock.num
    if cycles.size and int(np.abs(cycles).max()) <= INT64_MAX // clock.num:
        return cycles * clock.num // clock.den
    return np.array([clock.fs(n) for n in cycles.tolist()], np.int64)
