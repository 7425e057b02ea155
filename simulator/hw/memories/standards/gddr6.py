"""GDDR6 SGRAM (JEDEC JESD250): one channel of 16 data pins, two to a device.

There are no ranks; an all-bank refresh takes the channel. A device in x8 mode shares its channel with another
one (clamshell). Densities are those of a device, two channels.

Not modelled: refresh of two banks at once (REFp2b), t32AW, pseudo-channel mode, EDC and its replay, DBI,
masked writes, low-power states, temperature-compensated refresh.
"""

from __future__ import annotations

from simulator.hw.standard import STANDARDS, Currents, Organisation, Power, Preset, Rule, Standard

_RAMULATOR = "CMU-SAFARI Ramulator 2.1 (c5b1c3a, MIT), preset {}, resolved; Samsung K4Z80325BC"
_DRAMSIM3 = "DRAMsim3 2981759 (2021-04-05, MIT), configs/GDDR6_8Gb_x16.ini"
#: tRFCab 120 ns and tRFCpb 60 ns, in clocks, are those of 8 Gb; Ramulator has them for all densities.
_COMMON = {
    "nBL": 2, "nCL": 24, "nCWL": 6, "nRTP": 4, "nCCD_S": 2, "nCCD_L": 4, "nWTR_S": 9, "nWTR_L": 11,
    "nRFC": 211, "nRFCpb": 106, "nREFI": 3333,
    # Ramulator's nCL + 1, "per spec nCL and turn-around": less nCWL, as data on the bus would allow, it would
    # be 21.
    "nRTW": 25,
    "n32AW": 0,  # t32AW, of 32 activates: not in Ramulator's preset
}  # fmt: skip
_COLUMNS = ("nRCDRD", "nRCDWR", "nRP", "nRAS", "nRC", "nWR", "nRRD_S", "nRRD_L", "nFAW", "nRREFD", "nPPD")


def _preset(name: str, row: tuple[int, ...], *aliases: str) -> Preset:
    timing = {**_COMMON, **dict(zip(_COLUMNS, row, strict=True))}
    return Preset(14000, 570, timing, _RAMULATOR.format(name), aliases=aliases)


def _device(dq: int, row: int, column: int) -> Organisation:
    counts = {"bankgroup": 4, "bank": 4, "row": row, "column": column}
    return Organisation(dq, counts, {}, "JESD250 table 19: addressing")


def _power(source: str) -> Power:
    """Currents per device of DRAMsim3's configuration; those of its GDDR5 are the same numbers."""
    return Power((Currents(1.35, 71, 60, 45, 61, 50, 248, 231, 286),), None, "estimate", source, "50 %")


GDDR6 = STANDARDS.register("gddr6")(
    Standard(
        name="gddr6",
        source="JESD250",
        levels=("channel", "bankgroup", "bank"),
        power_down_exit=(8.0, 10),  # tXP, DRAMsim3 GDDR6_8Gb_x16: 12 clocks of 0.66 ns
        refresh_level="channel",
        channel_width=16,
        prefetch=16,
        commands={
            "ACT": 1, "PREpb": 1, "PREab": 1, "RD": 1, "WR": 1, "RDA": 1, "WRA": 1, "REFab": 1, "REFpb": 1
        },
        rules=(
            # fmt: off
            Rule("channel",   "RD RDA",      "RD RDA",      "nBL"),
            Rule("channel",   "WR WRA",      "WR WRA",      "nBL"),
            Rule("channel",   "RD RDA",      "RD RDA",      "nCCD_S"),
            Rule("channel",   "WR WRA",      "WR WRA",      "nCCD_S"),
            Rule("channel",   "RD RDA",      "WR WRA",      "nRTW"),
            Rule("channel",   "WR WRA",      "RD RDA",      "nCWL + nBL + nWTR_S"),
            Rule("channel",   "RD",          "PREab",       "nRTP"),
            Rule("channel",   "WR",          "PREab",       "nCWL + nBL + nWR"),
            Rule("channel",   "ACT",         "ACT REFpb",   "nRRD_S"),
            Rule("channel",   "ACT",         "ACT REFpb",   "nFAW", window=4),
            Rule("channel",   "REFpb",       "ACT REFpb",   "nFAW", window=4),
            Rule("channel",   "ACT",         "ACT",         "n32AW", window=32),
            Rule("channel",   "ACT",         "PREab",       "nRAS"),
            Rule("channel",   "PREab",       "ACT",         "nRP"),
            Rule("channel",   "PREpb PREab", "PREpb PREab", "nPPD"),
            Rule("channel",   "ACT",         "REFab",       "nRC"),
            Rule("channel",   "PREab",       "REFab REFpb", "nRP"),
            Rule("channel",   "RDA",         "REFab REFpb", "nRTP + nRP"),
            Rule("channel",   "WRA",         "REFab REFpb", "nCWL + nBL + nWR + nRP"),
            Rule("channel",   "REFab",       "ACT PREpb PREab RD WR RDA WRA REFab REFpb", "nRFC"),
            Rule("channel",   "REFpb",       "ACT REFpb",   "nRREFD"),
            Rule("channel",   "REFpb",       "REFab",       "nRFCpb"),
            Rule("bankgroup", "RD RDA",      "RD RDA",      "nCCD_L"),
            Rule("bankgroup", "WR WRA",      "WR WRA",      "nCCD_L"),
            Rule("bankgroup", "WR WRA",      "RD RDA",      "nCWL + nBL + nWTR_L"),
            Rule("bankgroup", "ACT",         "ACT REFpb",   "nRRD_L"),
            Rule("bank",      "ACT",         "ACT",         "nRC"),
            Rule("bank",      "ACT",         "RD RDA",      "nRCDRD"),
            Rule("bank",      "ACT",         "WR WRA",      "nRCDWR"),
            Rule("bank",      "ACT",         "PREpb",       "nRAS"),
            Rule("bank",      "PREpb",       "ACT",         "nRP"),
            Rule("bank",      "RD",          "PREpb",       "nRTP"),
            Rule("bank",      "WR",          "PREpb",       "nCWL + nBL + nWR"),
            Rule("bank",      "RDA",         "ACT",         "nRTP + nRP"),
            Rule("bank",      "WRA",         "ACT",         "nCWL + nBL + nWR + nRP"),
            Rule("bank",      "ACT",         "REFpb",       "nRC"),
            Rule("bank",      "PREpb",       "REFpb",       "nRP"),
            Rule("bank",      "RDA",         "REFpb",       "nRTP + nRP"),
            Rule("bank",      "WRA",         "REFpb",       "nCWL + nBL + nWR + nRP"),
            Rule("bank",      "REFpb",       "ACT REFpb",   "nRFCpb"),
            # fmt: on
        ),
        read_latency="nCL + nBL",
        write_latency="nCWL + nBL",
        presets={
            # fmt: off
            #                                          RCDRD RCDWR RP RAS RC WR RRD_S RRD_L FAW RREFD PPD
            "GDDR6_14000_1350mV_double": _preset("GDDR6_14000_1350mV_double",
                                                 (27, 16, 27, 53, 79, 27,  8,  8, 29, 15, 1), "GDDR6_14000"),
            "GDDR6_14000_1250mV_double": _preset("GDDR6_14000_1250mV_double",
                                                 (30, 20, 30, 60, 90, 30, 11, 11, 43, 22, 2)),
            # fmt: on
            # 16 transfers in a clock of 660 ps are 24 Gb/s: its numbers, not those of a device of 2021. The
            # turn-around is CL + BL + tRPRE - CWL; nRREFD is not in the file: nRRD_S.
            "DS3_GDDR6": Preset(
                24242, 660,
                {"nBL": 1, "nCL": 24, "nCWL": 16, "nRCDRD": 24, "nRCDWR": 20, "nRP": 24, "nRAS": 54,
                 "nRC": 78, "nWR": 16, "nRTP": 3, "nCCD_S": 3, "nCCD_L": 3, "nRRD_S": 9, "nRRD_L": 9,
                 "nWTR_S": 7, "nWTR_L": 7, "nFAW": 32, "nRFC": 126, "nRFCpb": 30, "nRREFD": 9, "nREFI": 11862,
                 "nREFIpb": 238, "nPPD": 2, "nRTW": 10,
                 "n32AW": 420},  # bankgroup_enable = false: one tCCD
                _DRAMSIM3,
                aliases=("DS3_GDDR6_8Gb_x16",),
                organisations=("DS3_GDDR6",),
            ),
        },
        organisations={
            "GDDR6_8Gb_x16": _device(16, 16384, 1024),
            "GDDR6_8Gb_x8": _device(8, 16384, 2048),
            "GDDR6_16Gb_x16": _device(16, 16384, 2048),
            "GDDR6_16Gb_x8": _device(8, 32768, 2048),
            # Its 128 columns are of 16 words each; eight devices side by side.
            "DS3_GDDR6": Organisation(
                16, {"bankgroup": 4, "bank": 4, "row": 16384, "column": 2048}, {}, _DRAMSIM3,
                channel_width=128,
            ),
        },
        power={
            "DS3_GDDR6": _power(f"{_DRAMSIM3}; equal to its GDDR5, so hardly of a data sheet"),
            "": _power(f"{_DRAMSIM3}, of a x16 device, equal to its GDDR5; other densities and modes alike"),
        },
        refresh_banks=1,
    )
)  # fmt: skip
