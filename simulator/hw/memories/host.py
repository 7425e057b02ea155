"""Memory of a host: where a chip's data come from and go to, on the far side of its pins."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from simulator.base.units import UNLIMITED
from simulator.hw import scaling
from simulator.hw.component import MEMORIES, Memory


@MEMORIES.register("host")
class Host(Memory):
    """What a host holds. It never limits anything; what passes the pins is counted as its traffic.

    Model
    -----
    Unlimited size and bandwidth: the core that talks to the host states how long that takes.

    Not modelled
    ------------
    The host: its time, and its energy unless the chip states one per byte.

    Source
    ------
    None needed: it has no constant of its own.
    """

    ACTIONS: ClassVar = ("read", "write")
    EXTERNAL: ClassVar = True
    SPENT_IN: ClassVar = {"*": scaling.BOARD}

    capacity_bytes: int = Field(UNLIMITED, description="Size", gt=0)
