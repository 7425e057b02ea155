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

    ``link`` is "" and ``far`` the memory itself where nothing lies behind. ``bytes_per_s`` is what all
    engines of the link and the far memory allow a long stream; 0 stands for unlimited. ``start_fs`` is the
    cost of starting a transfer.
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
    transport = chip.links[name].transport if name is not None else None
    if name is None or transport is None:
        return Route(memory, "", memory, 0.0, 0)
    limits = [chip.links[link].peak_bytes_per_s() for link in (name, *transport.via)]
    stream = chip.memories[transport.outer].stream_bytes_per_s(1 << 20)
    if stream is not None:
        limits.append(stream)
    return Route(memory, name, transport.outer, min(limits), transport.start_fs)
