"""How an operand gets from where it lies to the buffer where a core wants it."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.hw.chip import Chip
from simulator.hw.component import Core

ALIGN = 64  # bytes; storages and buffers start at multiples, so that no burst is shared


def align(size: int) -> int:
    """Size rounded up to the alignment."""
    return -(-size // ALIGN) * ALIGN


@dataclass(frozen=True, slots=True)
class Route:
    """The buffer memory of one operand, and the link and memory behind it.

    ``link`` is "" and ``far`` the memory itself where nothing lies behind. ``bytes_per_s`` is what all engines of the
    link and the far memory allow a long stream; 0 stands for unlimited. ``start_fs`` is the cost of starting a transfer.
    """

    memory: str
    link: str
    far: str
    bytes_per_s: float
    start_fs: int


def route(chip: Chip, core: Core, role: str) -> Route:
    """The route of an operand (``ifmap``, ``weight``, ``psum``, ``ofmap``) of a core."""
    memory = core.buffer(role)
    name = chip.link_into(memory)
    if name is None:
        return Route(memory, "", memory, 0.0, 0)
    link = chip.links[name]
    width = float(link.engines * link.width_bytes_per_cycle * link.clock_hz)  # type: ignore[attr-defined]
    limits = [width]
    stream = chip.memories[link.outer].stream_bytes_per_s(1 << 20)  # type: ignore[attr-defined]
    if stream is not None:
        limits.append(stream)
    if link.via:  # type: ignore[attr-defined]
        bus = chip.links[link.via]  # type: ignore[attr-defined]
        limits.append(float(bus.width_bytes_per_cycle * bus.clock_hz))  # type: ignore[attr-defined]
    start_fs = link.start_cycles * 10**15 // link.clock_hz  # type: ignore[attr-defined]
    return Route(memory, name, link.outer, min(limits), start_fs)  # type: ignore[attr-defined]
