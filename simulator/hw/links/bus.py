"""Bus: what several masters share on the chip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from simulator.base.clock import Clock
from simulator.hw import scaling
from simulator.hw.component import LINKS, Link, Service, SharedUnit, Way

if TYPE_CHECKING:
    import numpy as np
else:
    from simulator.base.lazy import numpy as np


@LINKS.register("bus")
class Bus(Link):
    """A shared medium of given width; masters take turns, ``turn_bytes`` at a time.

    Model
    -----
    ``width`` bytes per cycle, round robin over the transfers in flight, a turn of ``turn_bytes`` each; no
    further latency. What it carries can be taken by several memories at once (multicast).

    Not modelled
    ------------
    Address phases, arbitration cycles, reads and writes side by side.

    Source
    ------
    docs/models/memory.md.
    """

    ACTIONS: ClassVar = ("read", "write")
    SPENT_IN: ClassVar = {"*": scaling.LOGIC, **dict.fromkeys(ACTIONS, scaling.WIRE)}
    MULTICAST: ClassVar = True

    width_bytes_per_cycle: int = Field(description="Bytes per cycle", gt=0)
    turn_bytes: int = Field(1024, description="Bytes that a master moves before the next one's turn", gt=0)

    def traits(self) -> tuple[str, ...]:
        """Width."""
        return (f"{self.width_bytes_per_cycle} B/cycle",)

    def peak_bytes_per_s(self) -> float:
        """Width x clock."""
        return float(self.width_bytes_per_cycle * self.clock_hz)

    def service(self) -> Service:
        """A cycle per width."""
        return Service(self.width_bytes_per_cycle, 1e15 / self.clock_hz, self._turn_bytes())

    def shared_unit(self, requests: np.ndarray, ways: Sequence[Way], nodes: int) -> SharedUnit:
        """A live arbiter."""
        from simulator.hw.channel import Channel  # numba: only when something is simulated

        return Channel(
            clock=Clock.from_hz(self.clock_hz),
            burst_bytes=self.width_bytes_per_cycle,
            page_bytes=self._turn_bytes(),
            row_slots=0,
            refresh_every=0,
            refresh_slots=0,
            latency_fs=0,
            requests=requests,
            nodes=nodes,
        )

    def _turn_bytes(self) -> int:
        return max(self.turn_bytes // self.width_bytes_per_cycle, 1) * self.width_bytes_per_cycle
