"""HBM2 that computes (HBM-PIM: ISCA 2021, Hot Chips 33): a pseudo channel with its own controller.

Sixteen banks, a unit per two of them: 16 FP16 lanes. Modes and their commands: docs/models/pim.md. In
all-bank modes ACT_S, PRE_S, RD_S and WR_S take all even or all odd banks (or all), a column every tCCD_L.
REG writes registers of all units over the data bus; reserved rows answer to it, no row is switched for it
(inferred).

Not modelled: the command bus that two pseudo channels of a channel share, tFAW of ordinary banks for ACT_S
(all banks of a set are opened by one command), temperature.
"""

from __future__ import annotations

from dataclasses import replace

from simulator.hw.memories.standards.hbm2 import HBM2
from simulator.hw.standard import STANDARDS, Organisation, Pim, PimCommand, Preset, Rule

_SOURCE = "HBM-PIM as published (ISCA 2021, Hot Chips 33), timings of its public simulator at tCK 1 ns"
_TIMING = {
    "nBL": 2, "nCL": 20, "nCWL": 8, "nRCDRD": 14, "nRCDWR": 10, "nRP": 14, "nRAS": 33, "nRC": 47, "nWR": 16,
    # inferred: tRTP is 5; BL/2 + tRTP - tCCD, as DRAMSim2 counts, fits rows that switch in 31
    "nRTP_L": 3, "nCCD_S": 2, "nCCD_L": 4, "nRRD_S": 4, "nRRD_L": 6, "nWTR_S": 4, "nWTR_L": 9, "nRFC": 350,
    "nREFI": 3900,
    # not stated there: four activates each nRRD_S apart; one clock of turn-around and REFpb as DRAMsim3's and
    # Ramulator's HBM2
    # inferred: what the two mode changes of a run take beyond their commands, in equal parts
    "nMOD": 82,
    "nFAW": 16, "nBTA": 1, "nRFCpb": 160, "nRREFD": 8, "nREFIpb": 122,
}  # fmt: skip

RULES = (
    # fmt: off
    Rule("pseudochannel", "RD_S RD RDA", "RD_S", "nCCD_L"),
    Rule("pseudochannel", "RD_S", "RD RDA", "nCCD_L"),
    Rule("pseudochannel", "WR_S REG WR WRA", "WR_S REG", "nCCD_L"),
    Rule("pseudochannel", "WR_S REG", "WR WRA", "nCCD_L"),
    Rule("pseudochannel", "RD_S RD RDA", "WR_S REG", "nCL + nBL + nBTA - nCWL"),
    Rule("pseudochannel", "RD_S", "WR WRA", "nCL + nBL + nBTA - nCWL"),
    Rule("pseudochannel", "WR_S REG WR WRA", "RD_S", "nCWL + nBL + nWTR_L"),
    Rule("pseudochannel", "WR_S REG", "RD RDA", "nCWL + nBL + nWTR_L"),
    Rule("pseudochannel", "ACT", "ACT_S", "nRRD_L"),
    Rule("pseudochannel", "ACT_S", "ACT ACT_S", "nRRD_L"),
    Rule("pseudochannel", "ACT_S", "REFpb", "nRRD_S"),
    Rule("pseudochannel", "ACT_S", "PREab", "nRAS"),
    Rule("pseudochannel", "ACT_S", "REFab", "nRC"),
    Rule("pseudochannel", "RD_S", "PREab", "nRTP_L"),
    Rule("pseudochannel", "WR_S", "PREab", "nCWL + nBL + nWR"),
    Rule("pseudochannel", "PREab", "ACT_S", "nRP"),
    Rule("pseudochannel", "PRE_S", "REFab", "nRP"),
    Rule("pseudochannel", "REFab", "ACT_S PRE_S REG", "nRFC"),
    Rule("pseudochannel", "REFpb", "ACT_S", "nRREFD"),
    Rule("bank", "ACT ACT_S", "ACT_S", "nRC"),
    Rule("bank", "ACT_S", "ACT", "nRC"),
    Rule("bank", "ACT ACT_S", "RD_S", "nRCDRD"),
    Rule("bank", "ACT ACT_S", "WR_S", "nRCDWR"),
    Rule("bank", "ACT_S", "RD RDA", "nRCDRD"),
    Rule("bank", "ACT_S", "WR WRA", "nRCDWR"),
    Rule("bank", "ACT ACT_S", "PRE_S", "nRAS"),
    Rule("bank", "ACT_S", "PREpb", "nRAS"),
    Rule("bank", "PREpb PRE_S", "ACT_S", "nRP"),
    Rule("bank", "PRE_S", "ACT REFpb", "nRP"),
    Rule("bank", "RD RD_S", "PRE_S", "nRTP_L"),
    Rule("bank", "RD_S", "PREpb", "nRTP_L"),
    Rule("bank", "WR WR_S", "PRE_S", "nCWL + nBL + nWR"),
    Rule("bank", "WR_S", "PREpb", "nCWL + nBL + nWR"),
    Rule("bank", "RDA", "ACT_S", "nRTP_L + nRP"),
    Rule("bank", "WRA", "ACT_S", "nCWL + nBL + nWR + nRP"),
    Rule("bank", "REFpb", "ACT_S", "nRFCpb"),
    Rule("bank", "ACT_S", "REFpb", "nRC"),
    Rule("pseudochannel", "TMOD", "ACT ACT_S PREpb PRE_S PREab RD RD_S WR WR_S REG REFab REFpb TMOD", "nMOD"),
    # fmt: on
)

HBM2_PIM = STANDARDS.register("hbm2_pim")(
    replace(
        HBM2,
        name="hbm2_pim",
        source=f"{HBM2.source}; {_SOURCE}",
        commands={**HBM2.commands, "ACT_S": 1, "PRE_S": 1, "RD_S": 1, "WR_S": 1, "REG": 1, "TMOD": 1},
        rules=(*HBM2.rules, *RULES),
        presets={
            # An activate counts from its first clock there, so it takes one.
            "HBM2_PIM_2000": Preset(2000, 1000, _TIMING, _SOURCE, commands={"ACT": 1}),
            # Units at 300 MHz: a column every four clocks of 1.2 GHz. The same clocks, an estimate.
            "HBM2_PIM_2400": Preset(
                2400, 833, {**_TIMING, "nREFI": 4682, "nRFC": 420}, f"{_SOURCE}; clocks at 1.2 GHz the same",
                origin="estimate", commands={"ACT": 1},
            ),
        },
        organisations={
            "HBM2_PIM_4Gb": Organisation(
                64, {"pseudochannel": 1, "bankgroup": 4, "bank": 4, "row": 16384, "column": 128}, {},
                "JESD235D: addressing; a pseudo channel behind a controller, half the rows (ISCA 2021)",
            ),
        },
        power={"": HBM2.power[""]},
        pim=Pim(
            units=8,
            lanes=16,
            step="nCCD_L",
            registers=8,
            commands={
                "RD": PimCommand("nCL + nBL", reads=1, io=1),
                "WR": PimCommand("nCWL + nBL", writes=1, io=1),
                "RD_S": PimCommand("nCL + nBL", reads=1),
                "WR_S": PimCommand("nCWL + nBL", writes=1),
                "REG": PimCommand("nCWL + nBL", io=1, registers=1, row=False),
                "TMOD": PimCommand("nMOD", row=False),
            },
            source="ISCA 2021: a unit per two banks, 16 FP16 lanes, two register files of 8 x 256 bit",
        ),
    )
)  # fmt: skip
