"""How an operand gets from where it lies to the buffer where a core wants it."""

from __future__ import annotations

from collections.abc import Sequence
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
    engines of the link and the far memory allow a long stream, ``link_bytes_per_s`` and ``far_bytes_per_s``
    what each of them does; 0 stands for unlimited. ``start_fs`` is the cost of starting a transfer,
    ``far_run_fs`` what opening a row of the far memory takes at least, however few bytes of it are wanted,
    and ``burst_bytes`` the least that it moves.
    """

    memory: str
    link: str
    far: str
    bytes_per_s: float
    start_fs: int
    link_bytes_per_s: float = 0.0
    far_bytes_per_s: float = 0.0
    far_run_fs: float = 0.0
    burst_bytes: int = 1


@dataclass(frozen=True, slots=True)
class Beside:
    """The cores that do parts of a node at the same time, and the role of what is brought to all at once."""

    cores: tuple[str, ...] = ()
    shared: str = ""

    def users(self, chip: Chip, role: str, memory: str) -> int:
        """Buffers for a role that the parts have in one memory together."""
        if role == self.shared or not self.cores:
            return 1
        return sum(chip.cores[core].buffer(role) == memory for core in self.cores)


ALONE = Beside()


def route(chip: Chip, core: Core, role: str, beside: Sequence[str] = ()) -> Route:
    """The route of an operand (``ifmap``, ``weight``, ``psum``, ``ofmap``) of a core.

    ``beside`` names the cores that work at the same time, itself included: what they share is divided.
    """
    memory = core.buffer(role)
    key = "route", memory, role, tuple(beside)
    if key not in chip.derived:
        chip.derived[key] = _find_route(chip, memory, role, beside)
    found: Route = chip.derived[key]
    return found


def _find_route(chip: Chip, memory: str, role: str, beside: Sequence[str]) -> Route:
    name = chip.link_into(memory)
    transport = chip.links[name].transport if name is not None else None
    if name is None or transport is None:
        return Route(memory, "", memory, 0.0, 0)
    others = [chip.link_into(chip.cores[other].buffer(role)) for other in beside]
    ways = [chip.links[link].transport for link in others if link is not None]
    limits = [chip.links[name].peak_bytes_per_s() / max(others.count(name), 1)]
    for via in transport.via:
        users = sum(way is not None and via in way.via for way in ways)
        limits.append(chip.links[via].peak_bytes_per_s() / max(users, 1))
    behind = chip.memories[transport.outer]
    users = max(sum(way is not None and way.outer == transport.outer for way in ways), 1)
    stream, service = behind.stream_bytes_per_s(1 << 20), behind.service()
    far = stream / users if stream is not None else 0.0
    run_fs = max(service.burst_fs, service.page_fs) * users if service is not None else 0.0
    least = min([*limits, far] if far else limits)
    burst = service.burst_bytes if service is not None else 1
    return Route(memory, name, transport.outer, least, transport.start_fs, min(limits), far, run_fs, burst)
