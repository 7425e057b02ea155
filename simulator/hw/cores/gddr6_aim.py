"""GDDR6-AiM: a multiplier tree in each bank, with a buffer of inputs per channel."""

from __future__ import annotations

from math import ceil
from typing import ClassVar

from simulator.hw.component import CORES
from simulator.hw.cores.pim import PimCore
from simulator.hw.pim import aim
from simulator.hw.pim.stream import Stream
from simulator.workload.work import Contraction


@CORES.register("gddr6_aim")
class Gddr6Aim(PimCore):
    """The units of a GDDR6-AiM memory.

    Model
    -----
    A GEMV of M vectors by K x N: ``ceil(N / (16 · channels)) · M`` turns; each writes the accumulators (the
    bias), then for each 1024 inputs the buffer, and multiplies a row of all 16 banks with it; an activation
    is looked up in a table of the banks (one command for 16 outputs); the results are read. Multiplication
    element by element of operands in the banks, four banks groups side by side. BF16: what is FP16 in the
    network is multiplied in BF16, and said so.

    Not modelled
    ------------
    What docs/models/pim.md names. Products whose second operand is computed (attention) are done elsewhere.

    Source
    ------
    Lee et al., "A 1ynm 1.25V 8Gb, 16Gb/s/pin GDDR6-based Accelerator-in-Memory", ISSCC 2022; Hot Chips 34.
    docs/models/pim.md.
    """

    STANDARD: ClassVar = "gddr6_aim"
    MULTIPLIES: ClassVar = {"bf16": "bf16", "fp16": "bf16"}
    ELEMENTWISE: ClassVar = {"mul": 2}
    #: Functions by table (JSSC 58(1), 2023).
    TABLES: ClassVar = ("relu", "leaky_relu", "sigmoid", "tanh", "gelu")

    def applies(self, name: str) -> bool:
        """The bias, which the accumulators begin with, and functions of one operand by table."""
        return name == "bias" or name in self.TABLES

    def gemv(self, outputs: int, inputs: int, batch: int, precision: str, activated: bool) -> Stream:
        """Matrix times vectors."""
        return aim.gemv(self.memory.device, outputs, inputs, self.memory.channels, batch, activated)

    def some_turns(self, turns: int, like: tuple[int, int], precision: str, activated: bool) -> Stream:
        """So many whole turns of a matrix of ``like`` outputs and inputs."""
        return self.gemv(turns * self.outputs_of_turn(), like[1], 1, precision, activated)

    def elementwise(self, operation: str, elements: int) -> Stream:
        """Products of two operands."""
        return aim.products(self.memory.device, elements, self.memory.channels)

    def outputs_of_turn(self) -> int:
        """One of each bank."""
        pim = self.memory.device.standard.pim
        assert pim is not None
        return pim.units * self.memory.channels

    def resident_bytes(self, work: object) -> int:
        """Rows of all banks: each 1024 inputs of an output begin one."""
        assert isinstance(work, Contraction)
        device = self.memory.device
        rows = ceil(ceil(work.K / self.lanes(work.precision)) * device.access_bytes / device.row_bytes)
        return self.turns(work.N, work.K, work.precision) * rows * device.row_bytes * self.outputs_of_turn()
