"""DMA: engines that move data between two memories."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from simulator.base.clock import FS_PER_S
from simulator.hw import scaling
from simulator.hw.component import LINKS, Link, Transport

if TYPE_CHECKING:
    import numpy as np
else:
    from simulator.base.lazy import numpy as np


@LINKS.register("dma")
class Dma(Link):
    """Engines that copy between an outer memory and an on-chip one, both ways.

    Model
    -----
    An engine moves ``width`` bytes per cycle, one transfer after the other; memory is asked ``start_cycles``
    after a transfer begins. Up to ``outstanding`` transfers per engine are asked for at once, so that the
    memory's latency is hidden; a transfer is done when both the engine and the memory are done with it.
    Memory serves the loads of a link in their order, and its stores in theirs; each waits in a queue of its
    own, so that a store held up by its producer does not hold up loads.

    With ``compression: zero_value`` data lie compressed in the outer memory: a bit per element says whether
    it is zero, and the others follow. Of b-bit elements of which a share d is not zero, d + 1/b of the bytes
    are left, at most all. They lie at the start of the room that they would have whole (as frame buffer
    compression has it), so that less is moved and nothing saved in capacity. The codec sits on the near side:
    what passes between is compressed, an engine fills or empties ``width`` bytes of data per cycle.

    Not modelled
    ------------
    Descriptors in memory; conflicts with cores in the banks of the on-chip memory; latency of the codec, and
    the lengths of compressed blocks, which are kept beside them.

    Source
    ------
    docs/models/memory.md, docs/models/sparsity.md; zero-value compression: Rhu et al., HPCA 2018,
    arXiv:1705.01626.
    """

    ACTIONS: ClassVar = ("byte", "codec")
    SPENT_IN: ClassVar = {"*": scaling.LOGIC, "byte": scaling.WIRE}

    outer: str = Field(alias="from", description="The memory on the far side: DRAM, or a larger SRAM")
    inner: str = Field(alias="to", description="The memory on the near side, which cores use")
    via: str = Field("", description="A bus or mesh that the transfers also pass")
    engines: int = Field(1, description="Engines side by side", gt=0)
    outstanding: int = Field(
        4, description="Transfers that one engine has in flight, to hide the latency", gt=0
    )
    width_bytes_per_cycle: int = Field(description="What one engine moves per cycle", gt=0)
    start_cycles: int = Field(0, description="Cycles to start a transfer", ge=0)
    compression: Literal["none", "zero_value"] = Field(
        "none", description="How data are compressed in the outer memory"
    )

    def actions(self) -> tuple[str, ...]:
        """Bytes that pass; bytes of data that are compressed or expanded, where they are."""
        return self.ACTIONS if self.compression != "none" else ("byte",)

    def left_of(self, bits: int, density: float) -> float:
        """Non-zero elements and a bit for each of all, over all; at most 1."""
        return 1.0 if self.compression == "none" else min(1.0, density + 1 / bits)

    @property
    def transport(self) -> Transport:
        """Engines between ``from`` and ``to``."""
        return Transport(
            outer=self.outer,
            inner=self.inner,
            via=(self.via,) if self.via else (),
            engines=self.engines,
            slots=self.engines * self.outstanding,
            start_fs=self.start_cycles * FS_PER_S // self.clock_hz,
        )

    def traits(self) -> tuple[str, ...]:
        """Engines and width."""
        plural = "s" if self.engines > 1 else ""
        width = f"{self.engines} engine{plural} of {self.width_bytes_per_cycle} B/cycle"
        return (width,) if self.compression == "none" else (width, "zero-value compression")

    def peak_bytes_per_s(self) -> float:
        """Engines x width x clock."""
        return float(self.engines * self.width_bytes_per_cycle * self.clock_hz)

    def cycles(self, sizes: np.ndarray) -> np.ndarray:
        """Start of each transfer and its bytes over the width."""
        return self.start_cycles + -(-sizes // self.width_bytes_per_cycle)
