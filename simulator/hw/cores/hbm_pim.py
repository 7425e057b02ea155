"""HBM-PIM: 16 FP16 lanes between two banks each, driven by the commands of a standard controller."""

from __future__ import annotations

from typing import ClassVar

from simulator.hw.component import CORES
from simulator.hw.cores.bankwise import BankwiseCore


@CORES.register("hbm_pim")
class HbmPim(BankwiseCore):
    """The units of an HBM-PIM memory.

    Model
    -----
    A GEMV of M vectors by K x N: ``ceil(N / (64 · channels)) · M`` turns of ``ceil(K / 128)`` tiles, each 8
    register writes and 64 columns of all even or odd banks, in the channels' own bank state, timing and
    refresh, one instruction of all units per column (tCCD_L); the 16 sums of each output go to the banks,
    from where they are read as any data, and are added up by another core. Weights lie in the banks in this
    order before the run, whole tiles and turns; activations are sent for every turn. Add, multiply and the
    positive part take operands of one shape that lie in the banks. Weights of fewer bits than 16 lie there
    as FP16: the units know no other. Channels work in step.

    Not modelled
    ------------
    What docs/models/pim.md names: the command bus that two pseudo channels share, a second computing rank.
    Products whose second operand is computed (attention) are done elsewhere.

    Source
    ------
    Lee et al., "Hardware Architecture and Software Stack for PIM Based on Commercial DRAM Technology", ISCA
    2021; Hot Chips 33. docs/models/pim.md.
    """

    STANDARD: ClassVar = "hbm2_pim"
    MULTIPLIES: ClassVar = {"fp16": "fp16"}
