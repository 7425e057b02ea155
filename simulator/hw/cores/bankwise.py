"""What the cores whose units step column by column have in common: those of HBM-PIM and LPDDR5-PIM."""

from __future__ import annotations

from math import ceil
from typing import ClassVar

from simulator.hw.cores.pim import PimCore
from simulator.hw.pim import bankwise
from simulator.hw.pim.stream import Stream
from simulator.workload.work import Contraction

#: Operation class -> microkernel.
KERNELS = {"add": "add", "mul": "mul", "max": "relu"}


class BankwiseCore(PimCore):
    """Units that step column by column and accumulate in registers: see ``hw.pim.bankwise``."""

    ELEMENTWISE: ClassVar = {"add": 2, "mul": 2, "max": 1}

    def gemv(self, outputs: int, inputs: int, batch: int, precision: str, activated: bool) -> Stream:
        """Matrix times vectors; an activation is not among its instructions."""
        channels, lanes = self.memory.channels, self.lanes(precision)
        return bankwise.gemv(self.memory.device, outputs, inputs, channels, batch, lanes)

    def elementwise(self, operation: str, elements: int) -> Stream:
        """Add or multiply two operands, or the positive part of one."""
        kind = KERNELS[operation]
        return bankwise.elementwise(self.memory.device, kind, elements, self.memory.channels)  # type: ignore[arg-type]

    def outputs_of_turn(self) -> int:
        """A register of each unit for each output."""
        pim = self.memory.device.standard.pim
        assert pim is not None
        return pim.units * pim.registers * self.memory.channels

    def leaves_sums(self) -> bool:
        """A register of sums for each output goes to the banks."""
        return True

    def partial_sums(self, work: object) -> tuple[int, int]:
        """The lanes of a register: sums of 16 bit of floats, of 32 bit of integers."""
        if not isinstance(work, Contraction):
            return 0, 0
        size = self.memory.device.access_bytes
        wide = 4 if self.MULTIPLIES[work.precision] == "int8" else 2
        return size // wide, size

    def resident_bytes(self, work: object) -> int:
        """Whole tiles of inputs in even and odd banks, for whole turns of outputs."""
        assert isinstance(work, Contraction)
        device, pim = self.memory.device, self.memory.device.standard.pim
        assert pim is not None
        sets = device.banks // device.ranks // pim.units
        tiles = ceil(ceil(work.K / (pim.registers * self.lanes(work.precision))) / sets) * sets
        turns = self.turns(work.N, work.precision)
        return turns * tiles * pim.registers**2 * pim.units * device.access_bytes * self.memory.channels
