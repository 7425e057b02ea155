"""On-chip SRAM: banks behind ports."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from simulator.base.units import UNLIMITED
from simulator.hw import scaling
from simulator.hw.component import MEMORIES, Memory


@MEMORIES.register("sram")
class Sram(Memory):
    """Software-managed SRAM of ``banks`` single-ported banks.

    Model
    -----
    Peak bandwidth = banks x port x clock, reads and writes together: data are interleaved over the banks, so
    a stream uses all of them. A core's tile takes at least the bytes that it moves over that bandwidth.
    Energy per byte read and written; leakage over the whole run.

    Not modelled
    ------------
    Conflicts between masters in one bank; a DMA's accesses are counted and limited by the DMA's own width.

    Source
    ------
    docs/models/memory.md.
    """

    ACTIONS: ClassVar = ("read", "write")
    SPENT_IN: ClassVar = {"*": scaling.SRAM}

    banks: int = Field(1, description="Banks that work side by side", gt=0)
    port_bytes_per_cycle: int = Field(description="Width of one bank's port", gt=0)
    clock_hz: int = Field(description="Clock of the SRAM", gt=0)

    @property
    def unlimited(self) -> bool:
        """The port was written as `unlimited`."""
        return self.port_bytes_per_cycle >= UNLIMITED

    def peak_bytes_per_s(self) -> float | None:
        """Banks x port x clock; None where the port is unlimited."""
        return None if self.unlimited else float(self.banks * self.port_bytes_per_cycle * self.clock_hz)
