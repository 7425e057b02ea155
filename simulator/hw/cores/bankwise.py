"""What the cores whose units step column by column have in common: those of HBM-PIM and LPDDR5-PIM."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import ClassVar, Literal

from pydantic import Field

from simulator.hw.component import Flaw, Memory
from simulator.hw.cores.pim import PimCore
from simulator.hw.memories.dram import Dram
from simulator.hw.pim import bankwise
from simulator.hw.pim.stream import Stream
from simulator.workload.work import Contraction

#: Operation class -> microkernel.
KERNELS = {"add": "add", "mul": "mul", "max": "relu"}


class BankwiseCore(PimCore):
    """Units that step column by column and accumulate in registers: see ``hw.pim.bankwise``."""

    ELEMENTWISE: ClassVar = {"add": 2, "mul": 2, "max": 1}

    split: int | Literal["auto"] = Field(
        "auto",
        description="Groups of channels among which the inputs of a matrix are divided; each leaves sums of "
        "its own. auto: whatever ends first",
    )

    def flaws(self, memories: Mapping[str, Memory]) -> list[Flaw]:
        """Besides what all such cores want: groups of equal numbers of channels."""
        found, memory = super().flaws(memories), memories.get(self.buffers.get("weight", ""))
        if isinstance(memory, Dram) and self.split != "auto" and (
            self.split < 1 or memory.channels % self.split
        ):  # fmt: skip
            text = f"expected a divisor of the {memory.channels} channels of its memory, got {self.split}"
            found.append(Flaw(("split",), text))
        return found

    def gemv(self, outputs: int, inputs: int, batch: int, precision: str, activated: bool) -> Stream:
        """Matrix times vectors; an activation is not among its instructions."""
        parts = self.parts(outputs, inputs, precision)
        channels, lanes = self.memory.channels // parts, self.lanes(precision)
        return bankwise.gemv(self.memory.device, outputs, ceil(inputs / parts), channels, batch, lanes)

    def some_turns(self, turns: int, like: tuple[int, int], precision: str, activated: bool) -> Stream:
        """So many whole turns of a matrix of ``like`` outputs and inputs."""
        parts = self.parts(*like, precision)
        outputs, inputs = turns * (self.outputs_of_turn() // parts), ceil(like[1] / parts)
        channels, lanes = self.memory.channels // parts, self.lanes(precision)
        return bankwise.gemv(self.memory.device, outputs, inputs, channels, 1, lanes)

    def parts(self, outputs: int, inputs: int, precision: str) -> int:
        """Groups of channels among which the inputs are divided, each with all outputs.

        Of those that divide the channels, the one that is done first: columns and results of all turns at
        the rate of the units, and then the sums of all groups over the interface.
        """
        if self.split != "auto":
            return self.split
        key = ("parts", outputs, inputs, precision)
        if key not in self._known:
            memory, pim = self.memory, self.memory.device.standard.pim
            assert pim is not None
            step_fs = memory.device.clocks(pim.step) * memory.device.tck_fs
            tile = pim.registers * self.lanes(precision)

            def taken(parts: int) -> float:
                turns = ceil(outputs / (self.outputs_of_turn() // parts))
                tiles = ceil(ceil(inputs / parts) / tile)
                columns = turns * (tiles * (pim.registers + 1) + 1) * pim.registers
                sums = outputs * parts * memory.device.access_bytes
                return float(columns * step_fs) + sums / memory.peak_bytes_per_s() * 1e15

            able = [
                n for n in range(1, memory.channels + 1) if not memory.channels % n and n * tile <= inputs
            ]
            self._known[key] = min(able or [1], key=taken)
        return self._known[key]

    def elementwise(self, operation: str, elements: int) -> Stream:
        """Add or multiply two operands, or the positive part of one."""
        kind = KERNELS[operation]
        return bankwise.elementwise(self.memory.device, kind, elements, self.memory.channels)  # type: ignore[arg-type]

    def outputs_of_turn(self) -> int:
        """A register of each unit for each output."""
        pim = self.memory.device.standard.pim
        assert pim is not None
        return pim.units * pim.registers * self.memory.channels

    def turns(self, outputs: int, inputs: int, precision: str) -> int:
        """How often the inputs are sent, to groups of channels, for so many outputs."""
        return ceil(outputs / (self.outputs_of_turn() // self.parts(outputs, inputs, precision)))

    def leaves_sums(self) -> bool:
        """A register of sums for each output goes to the banks."""
        return True

    def partial_sums(self, work: object) -> tuple[int, int]:
        """The lanes of a register: sums of 16 bit of floats, of 32 bit of integers."""
        if not isinstance(work, Contraction):
            return 0, 0
        size, parts = self.memory.device.access_bytes, self.parts(work.N, work.K, work.precision)
        wide = 4 if self.MULTIPLIES[work.precision] == "int8" else 2
        return size // wide * parts, size * parts

    def resident_bytes(self, work: object) -> int:
        """Whole tiles of inputs in even and odd banks, for whole turns of outputs."""
        assert isinstance(work, Contraction)
        device, pim = self.memory.device, self.memory.device.standard.pim
        assert pim is not None
        sets = device.banks // device.ranks // pim.units
        parts, lanes = self.parts(work.N, work.K, work.precision), self.lanes(work.precision)
        tiles = ceil(ceil(ceil(work.K / parts) / (pim.registers * lanes)) / sets) * sets
        turns = self.turns(work.N, work.K, work.precision)
        return turns * tiles * pim.registers**2 * pim.units * device.access_bytes * self.memory.channels
