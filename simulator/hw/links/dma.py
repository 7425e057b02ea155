"""DMA: engines that move data between two memories."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from simulator.hw.component import LINKS, Link


@LINKS.register("dma")
class Dma(Link):
    """Engines that copy between an outer memory and an on-chip one, both ways.

    Model
    -----
    An engine moves ``width`` bytes per cycle, one transfer after the other, each with ``start_cycles`` before it. Up to
    ``outstanding`` transfers per engine have been requested from the outer memory (and the bus) at once, so that its
    latency is hidden; a transfer is done when both the engine and the memory are done with it. Loads and stores wait
    in queues of their own, so that a store held up by its producer does not hold up loads.

    Not modelled
    ------------
    Descriptors in memory; conflicts with cores in the banks of the on-chip memory.

    Source
    ------
    docs/models/memory.md.
    """

    ACTIONS: ClassVar = ("byte",)

    outer: str = Field(alias="from", description="The memory on the far side: DRAM, or a larger SRAM")
    inner: str = Field(alias="to", description="The memory on the near side, which cores use")
    via: str = Field("", description="A bus that the transfers also pass")
    engines: int = Field(1, description="Engines side by side", gt=0)
    outstanding: int = Field(
        4, description="Transfers that one engine has in flight, to hide the latency", gt=0
    )
    width_bytes_per_cycle: int = Field(description="What one engine moves per cycle", gt=0)
    clock_hz: int = Field(description="Clock of the engines", gt=0)
    start_cycles: int = Field(0, description="Cycles to start a transfer", ge=0)
