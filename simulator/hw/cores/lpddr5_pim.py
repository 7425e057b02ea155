"""LPDDR5-PIM: a unit in each bank of an LPDDR5 channel."""

from __future__ import annotations

from typing import ClassVar

from simulator.hw.component import CORES
from simulator.hw.cores.bankwise import BankwiseCore


@CORES.register("lpddr5_pim")
class Lpddr5Pim(BankwiseCore):
    """The units of an LPDDR5-PIM memory.

    Model
    -----
    As ``hbm_pim`` with a unit per bank: all 16 banks of a channel are one set, and a turn has
    ``128 · channels`` outputs. FP16: 16 products of a column; INT8: 32, of which neighbours of four are added
    into 8 sums of 32 bit.

    Not modelled
    ------------
    As ``hbm_pim``. All but the rate inside is not published: an estimate.

    Source
    ------
    Hot Chips 2023 (102.4 GB/s inside a x16 part); microkernels as HBM-PIM's. docs/models/pim.md.
    """

    STANDARD: ClassVar = "lpddr5_pim"
    MULTIPLIES: ClassVar = {"fp16": "fp16", "int8": "int8"}
