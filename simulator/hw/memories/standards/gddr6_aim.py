"""GDDR6 that computes (GDDR6-AiM: ISSCC 2022, Hot Chips 34): a channel of 16 banks, a unit in each.

A unit: 16 BF16 multipliers and an adder tree into one accumulator; a buffer of 2 KB per channel. Clocks are
of 0.5 ns. MAC_S, AF_S, MUL_S and WRA_S take all banks, MAC_B, RD_CP and WR_CP one; WR_GB, WR_MAC and RD_MAC
write the buffer and the accumulators and read these, in register mode, which TMOD enters and leaves; MRS
sets a mode register; EOC tells the host that all before is done.

Timings and constraints: those of the public simulator of AiM (arkhadem/aim_simulator, MIT), which took most
of them from measurements of the device. Its tRRD (5 and 6 clocks) is that of a x16 device at 2 Gb/s.
"""

from __future__ import annotations

from dataclasses import replace

from simulator.hw.memories.standards.gddr6 import GDDR6
from simulator.hw.standard import STANDARDS, Organisation, Pim, PimCommand, Preset, Rule

_SOURCE = "arkhadem/aim_simulator c2f8ab6 (MIT), GDDR6_AiM_timing; GDDR6-AiM: ISSCC 2022, Hot Chips 34"
_OWN = (
    "ACT_S PRE_S MAC_S MAC_B AF_S MUL_S WRA_S RD_CP WR_CP WR_GB RD_MAC WR_MAC TMOD MRS EOC"
)
_ALL = f"ACT PREpb PREab RD WR RDA WRA REFab REFpb {_OWN}"
_COPIED = "MAC_B RD_CP"
_WRITTEN = "WR WR_CP"

RULES = (
    # fmt: off
    # the data bus of the interface, and that between the banks
    Rule("channel", "RD RDA RD_MAC", "RD_MAC", "nBL"),
    Rule("channel", "RD_MAC", "RD RDA", "nBL"),
    Rule("channel", "WR WRA WRA_S WR_GB WR_MAC", "WRA_S WR_GB WR_MAC", "nBL"),
    Rule("channel", "WRA_S WR_GB WR_MAC", "WR WRA", "nBL"),
    Rule("channel", "RD RDA MAC_B MAC_S RD_CP RD_MAC MUL_S", "MAC_B MAC_S RD_CP RD_MAC MUL_S", "nCCD_L"),
    Rule("channel", "MAC_B MAC_S RD_CP RD_MAC MUL_S", "RD RDA", "nCCD_L"),
    Rule("channel", "WR WRA WR_CP WRA_S WR_MAC", "WR_CP WRA_S WR_MAC MUL_S", "nCCD_L"),
    Rule("channel", "MUL_S", "WR_CP WRA_S WR_MAC", "nCCD_L"),
    Rule("channel", "WR_CP WRA_S WR_MAC MUL_S", "WR WRA", "nCCD_L"),
    # Inferred from the GEMV rows: the bias is in its registers before the buffer is written.
    Rule("channel", "WR_MAC", "WR_GB", "nCWLREG + nBL"),
    # turn-arounds
    Rule("channel", "RD RDA", "WRA_S", "nCL + nBL + 3 + nWPRE - nCWL"),
    Rule("channel", "RD RDA", "WR_GB WR_MAC", "nCL + nBL + 3 + nWPRE - nCWLREG"),
    Rule("channel", "RD_MAC", "WR WRA WRA_S", "nCLREG + nBL + 3 + nWPRE - nCWL"),
    Rule("channel", "RD_MAC", "WR_GB WR_MAC", "nCLREG + nBL + 3 + nWPRE - nCWLREG"),
    Rule("channel", "WR WRA WRA_S", "RD_MAC", "nCWL + nBL + nWTR_L"),
    Rule("channel", "WRA_S", "RD RDA", "nCWL + nBL + nWTR_L"),
    Rule("channel", "WR_GB", "RD RDA RD_MAC", "nCWLREG + nBL + nWTR_S"),
    Rule("channel", "WR_MAC", "RD RDA RD_MAC", "nCWLREG + nBL + nWTR_L"),
    # Requests are served in order: the host has a result before it asks for more (Inferred: three clocks
    # each).
    Rule("channel", "RD_MAC", _ALL, "nCLREG + nBL + 1"),
    Rule("channel", "TMOD", _ALL, "nMODCH"),
    # rows of all banks
    Rule("channel", "ACT", "ACT_S", "nRRD_L"),
    Rule("channel", "ACT_S", "ACT ACT_S REFpb", "nRRD_L"),
    Rule("channel", "ACT_S", "PREab", "nRAS"),
    Rule("channel", "ACT_S", "REFab", "nRC"),
    Rule("channel", "PREab", "ACT_S", "nRP"),
    Rule("channel", "PRE_S", "REFab", "nRP"),
    Rule("channel", "REFab", _OWN, "nRFC"),
    Rule("channel", "REFpb", "ACT_S", "nRREFD"),
    Rule("channel", f"{_COPIED} MAC_S AF_S", "PREab", "nRTP"),
    Rule("channel", "WR_CP", "PREab", "nCWL + nBL + nWR"),
    Rule("channel", "MUL_S", "PREab", "nCWL + nWR"),
    Rule("channel", "WRA_S", "REFab REFpb", "nCWL + nBL + nWR + nRP"),
    Rule("bankgroup", f"RD {_COPIED}", "PRE_S", "nRTP"),
    Rule("bankgroup", _COPIED, "PREpb", "nRTP"),
    Rule("bankgroup", _WRITTEN, "PRE_S", "nCWL + nBL + nWR"),
    Rule("bankgroup", "WR_CP", "PREpb", "nCWL + nBL + nWR"),
    Rule("bank", "ACT", "ACT_S", "nRC"),
    Rule("bank", "ACT_S", "ACT REFpb", "nRC"),
    Rule("bank", "ACT", "PRE_S", "nRAS"),
    Rule("bank", "ACT_S", "PREpb PRE_S", "nRAS"),
    Rule("bank", "PREpb PRE_S", "ACT_S", "nRP"),
    Rule("bank", "PRE_S", "ACT REFpb", "nRP"),
    Rule("bank", "ACT ACT_S", "MAC_S MAC_B", "nRCDMAC"),
    Rule("bank", "ACT ACT_S", "AF_S", "nRCDAF"),
    Rule("bank", "ACT ACT_S", "MUL_S", "nRCDMUL"),
    Rule("bank", "ACT ACT_S", "RD_CP", "nRCDRDCP"),
    Rule("bank", "ACT ACT_S", "WR_CP", "nRCDWRCP"),
    Rule("bank", "ACT ACT_S", "WRA_S", "nRCDWR"),
    Rule("bank", "ACT_S", "RD RDA", "nRCDRD"),
    Rule("bank", "ACT_S", "WR WRA", "nRCDWR"),
    Rule("bank", "MAC_S AF_S", "PREpb PRE_S", "nRTP"),
    Rule("bank", "MUL_S", "PREpb PRE_S", "nCWL + nWR"),
    Rule("bank", "RDA", "ACT_S", "nRTP + nRP"),
    Rule("bank", "WRA WRA_S", "ACT_S", "nCWL + nBL + nWR + nRP"),
    Rule("bank", "WRA_S", "ACT", "nCWL + nBL + nWR + nRP"),
    Rule("bank", "REFpb", "ACT_S", "nRFCpb"),
    # fmt: on
)

GDDR6_AIM = STANDARDS.register("gddr6_aim")(
    replace(
        GDDR6,
        name="gddr6_aim",
        source=f"{GDDR6.source}; {_SOURCE}",
        commands={
            **GDDR6.commands,
            **dict.fromkeys(
                ("ACT_S", "PRE_S", "MAC_S", "MAC_B", "AF_S", "MUL_S", "WRA_S", "RD_CP", "WR_CP", "WR_GB",
                 "RD_MAC", "WR_MAC", "TMOD", "MRS", "EOC"), 1,
            ),
        },
        rules=(*GDDR6.rules, *RULES),
        presets={
            "GDDR6_AIM_16000": Preset(
                16000, 500,
                {"nBL": 2, "nCL": 50, "nRCDRD": 36, "nRCDMAC": 56, "nRCDMUL": 25, "nRCDAF": 86,
                 "nRCDRDCP": 66, "nRCDWR": 28, "nRCDWRCP": 48, "nRP": 32, "nRAS": 54, "nRC": 89,
                 "nWR": 33, "nRTP": 12, "nCWL": 6, "nCCD_S": 2, "nCCD_L": 2, "nRRD_S": 5, "nRRD_L": 6,
                 "nWTR_S": 9, "nWTR_L": 11,
                 "nFAW": 20, "n32AW": 0,  # four nRRD_S: none of its own, all banks open at once
                 "nRFC": 210, "nRFCpb": 105, "nRREFD": 21, "nREFI": 3333, "nREFIpb": 208, "nPPD": 1,
                 "nRTW": 50,  # CL + BL + 3 - CWL + 1
                 "nCLREG": 0, "nCWLREG": 1, "nWPRE": 1, "nMODCH": 32},
                _SOURCE,
            ),
        },
        organisations={
            "GDDR6_AIM_4Gb": Organisation(
                16, {"bankgroup": 4, "bank": 4, "row": 16384, "column": 1024}, {},
                f"{_SOURCE}: 16 K rows of 2 KB in 16 banks of a channel",
            ),
        },
        power={"": GDDR6.power[""]},
        pim=Pim(
            units=16,
            lanes=16,
            step="nCCD_L",
            registers=64,
            commands={
                "MAC_S": PimCommand("1", reads=1),
                "MAC_B": PimCommand("1", reads=1),
                "AF_S": PimCommand("1"),
                "MUL_S": PimCommand("1", reads=1),
                "WRA_S": PimCommand("nCWL + nBL + nRP", writes=1, io=1, closes=True),
                "RD_CP": PimCommand("1", reads=1, registers=1),
                "WR_CP": PimCommand("1", writes=1),
                "WR_GB": PimCommand("nCWLREG + nBL", io=1, registers=1, row=False),
                "WR_MAC": PimCommand("nCWLREG + nBL", io=1, registers=1, row=False),
                "RD_MAC": PimCommand("nCLREG + nBL", io=1, row=False),
                "TMOD": PimCommand("1", row=False),
                "MRS": PimCommand("1", row=False),
                "EOC": PimCommand("1", row=False, waits=True),
            },
            source="ISSCC 2022: a unit per bank, 16 BF16 lanes, 2 KB buffer per channel",
            ahead=False,  # "requests run in order per channel"
        ),
    )
)  # fmt: skip
