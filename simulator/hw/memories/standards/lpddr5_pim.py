"""LPDDR5 that computes (LPDDR5-PIM, Hot Chips 2023): a x16 channel of 16 banks, a unit in each.

Published: 102.4 GB/s inside a x16 part of 12.8 GB/s. That is 32 bytes of all 16 banks every tCCD_L (4 clocks
of 1.25 ns), so a unit per bank. All else is not published and derived from LPDDR5 and HBM-PIM (estimate):
ACT_S is ACT-1 and ACT-2 for all banks, two clocks on the bus; columns of a set need no data clock; REG,
which brings data, is a CAS and a write, two clocks.
"""

from __future__ import annotations

from dataclasses import replace

from simulator.hw.memories.standards.lpddr5 import LPDDR5
from simulator.hw.standard import STANDARDS, Pim, PimCommand, Rule

RULES = (
    # fmt: off
    Rule("rank", "RD_S RD RDA", "RD_S", "nCCD_L"),
    Rule("rank", "RD_S", "RD RDA", "nCCD_L"),
    Rule("rank", "WR_S REG WR WRA", "WR_S REG", "nCCD_L_WR"),
    Rule("rank", "WR_S REG", "WR WRA", "nCCD_L_WR"),
    Rule("rank", "RD_S RD RDA", "WR_S REG", "nCL + nBL_max + nBTA - nCWL"),
    Rule("rank", "RD_S", "WR WRA", "nCL + nBL_max + nBTA - nCWL"),
    Rule("rank", "WR_S REG WR WRA", "RD_S", "nCWL + nBL_max + nWTR_L"),
    Rule("rank", "WR_S REG", "RD RDA", "nCWL + nBL_max + nWTR_L"),
    Rule("rank", "ACT", "ACT_S", "nRRD_L"),
    Rule("rank", "ACT_S", "ACT ACT_S", "nRRD_L"),
    Rule("rank", "ACT_S", "PREab", "nRAS"),
    Rule("rank", "ACT_S", "REFab", "nRC"),
    Rule("rank", "RD_S", "PREab", "nRTP"),
    Rule("rank", "WR_S", "PREab", "nCWL + nBL_max + nWR"),
    Rule("rank", "PREab", "ACT_S", "nRPab"),
    Rule("rank", "PRE_S", "ACT_S ACT REFpb", "nRPab"),
    Rule("rank", "PRE_S", "REFab", "nRP"),
    Rule("rank", "PRE_S", "PREpb PREab", "nPPD"),
    Rule("rank", "PREpb PREab", "PRE_S", "nPPD"),
    Rule("rank", "REFab", "ACT_S PRE_S REG", "nRFC"),
    Rule("rank", "REFpb", "ACT_S", "npbR2act"),
    Rule("bank", "ACT ACT_S", "ACT_S", "nRC"),
    Rule("bank", "ACT_S", "ACT REFpb", "nRC"),
    Rule("bank", "ACT ACT_S", "RD_S WR_S", "nRCD"),
    Rule("bank", "ACT_S", "RD WR RDA WRA", "nRCD"),
    Rule("bank", "ACT ACT_S", "PRE_S", "nRAS"),
    Rule("bank", "ACT_S", "PREpb", "nRAS"),
    Rule("bank", "PREpb", "ACT_S", "nRP"),
    Rule("bank", "RD RD_S", "PRE_S", "nRTP"),
    Rule("bank", "RD_S", "PREpb", "nRTP"),
    Rule("bank", "WR WR_S", "PRE_S", "nCWL + nBL_max + nWR"),
    Rule("bank", "WR_S", "PREpb", "nCWL + nBL_max + nWR"),
    Rule("bank", "RDA", "ACT_S", "nRTP + nRP"),
    Rule("bank", "WRA", "ACT_S", "nCWL + nBL + nWR + nRP"),
    Rule("bank", "REFpb", "ACT_S", "nRFCpb"),
    Rule("rank", "TMOD", "ACT ACT_S PREpb PRE_S PREab RD RD_S WR WR_S REG REFab REFpb TMOD", "nMOD"),
    # fmt: on
)

_PLAIN = LPDDR5.presets["LPDDR5_6400"]

LPDDR5_PIM = STANDARDS.register("lpddr5_pim")(
    replace(
        LPDDR5,
        name="lpddr5_pim",
        source=f"{LPDDR5.source}; LPDDR5-PIM: Hot Chips 2023; constraints of its commands are estimates",
        commands={**LPDDR5.commands, "ACT_S": 2, "PRE_S": 1, "RD_S": 1, "WR_S": 1, "REG": 2, "TMOD": 1},
        rules=(*LPDDR5.rules, *RULES),
        presets={"LPDDR5_6400": replace(_PLAIN, timing={**_PLAIN.timing, "nMOD": 66})},  # the ns of HBM-PIM
        pim=Pim(
            units=16,
            lanes=16,
            step="nCCD_L",
            registers=8,
            commands={
                "RD": PimCommand("nCL + nBL_max", reads=1, io=1),
                "WR": PimCommand("nCWL + nBL_max", writes=1, io=1),
                "RD_S": PimCommand("nCL + nBL_max", reads=1),
                "WR_S": PimCommand("nCWL + nBL_max", writes=1),
                "REG": PimCommand("nCWL + nBL", io=1, registers=1, row=False),
                "TMOD": PimCommand("nMOD", row=False),
            },
            source="estimate: units as those of HBM-PIM, one per bank, which gives the published 102.4 GB/s",
        ),
    )
)  # fmt: skip
