"""DDR5 SDRAM (JEDEC JESD79-5): one sub-channel of 32 data pins, two to a DIMM.

Not modelled: same-bank refresh (REFsb) and fine granularity refresh, refresh management (RFM, PRAC), on-die
ECC scrubbing, BL32, 2N mode, masked and read-modify-write cycles of x8 and x16 devices.
"""

from __future__ import annotations

from simulator.hw.standard import STANDARDS, Organisation, Preset, Rule, Standard

_RAMULATOR = "CMU-SAFARI Ramulator 2.1 (c5b1c3a, MIT), preset {}, resolved"
_JEDEC = (
    "JESD79-5C: speed bin {} (tAA, tRCD, tRP), minima in ns rounded by its 13.2; as a public fork of "
    "Ramulator 2.1 lists them"
)
#: Rates of Ramulator's bins -> nRRD_S, nRRD_L, nFAW of a 1 KB page, nFAW of a 2 KB page (x16), nREFI. Its
#: nRRD_L of 3200 is below its nRRD_S (JESD79-5: 8 clocks) and without effect; above 4800 its nRRD_S is 5 ns
#: (JESD79-5: 8 clocks).
_RAMULATOR_RATE = {
    3200: (8, 5, 32, 40, 6240),
    4800: (8, 12, 48, 60, 9375),
    5600: (14, 14, 56, 70, 10925),
    6400: (16, 16, 64, 80, 12500),
}


def _ramulator(name: str, tck_ps: int, bin_: tuple[int, ...], *aliases: str) -> Preset:
    rate = int(name[:4])
    cl, ras, wr, rtp, ccd_l, ccd_l_wr, wtr_s, wtr_l = bin_
    rrd_s, rrd_l, faw, faw_x16, refi = _RAMULATOR_RATE[rate]
    timing = {
        "nBL": 8, "nCL": cl, "nRCD": cl, "nRP": cl, "nRAS": ras, "nRC": ras + cl, "nWR": wr, "nRTP": rtp,
        "nCWL": cl - 2, "nPPD": 2, "nCCD_S": 8, "nCCD_L": ccd_l, "nCCD_S_WR": 8, "nCCD_L_WR": ccd_l_wr,
        "nRRD_S": rrd_s, "nRRD_L": rrd_l, "nWTR_S": wtr_s, "nWTR_L": wtr_l, "nFAW": faw, "nREFI": refi,
        "nCS": 2, "nBTA": 4,
    }  # fmt: skip
    by_dq = {16: {"nFAW": faw_x16}}
    return Preset(rate, tck_ps, timing, _RAMULATOR.format(f"DDR5_{name}"), by_dq=by_dq, aliases=aliases)


def _jedec(name: str, tck_ps: int, bin_: tuple[int, ...], *aliases: str) -> Preset:
    cl, rcd, ras, wr, rtp, ccd_l, wtr_s, wtr_l, rrd_l, bta, ppd = bin_
    timing = {
        "nBL": 8, "nCL": cl, "nRCD": rcd, "nRP": rcd, "nRAS": ras, "nRC": ras + rcd, "nWR": wr, "nRTP": rtp,
        "nCWL": cl - 2, "nPPD": ppd, "nCCD_S": 8, "nCCD_L": ccd_l, "nCCD_S_WR": 8, "nCCD_L_WR": 2 * ccd_l,
        "nRRD_S": 8, "nRRD_L": rrd_l, "nWTR_S": wtr_s, "nWTR_L": wtr_l, "nFAW": 32, "tREFI": 3900.0,
        "nCS": 2, "nBTA": bta,
    }  # fmt: skip
    # x4 devices read, modify and write: 20 ns between writes to a bank group, not 10 ns.
    by_dq = {4: {"nCCD_L_WR": 4 * ccd_l}, 16: {"nFAW": 40}}
    return Preset(int(name[:4]), tck_ps, timing, _JEDEC.format(name), by_dq=by_dq, aliases=aliases)


def _device(dq: int, groups: int, each: int, row: int, column: int, trfc_ns: float) -> Organisation:
    counts = {"rank": 1, "bankgroup": groups, "bank": each, "row": row, "column": column}
    return Organisation(dq, counts, {"tRFC": trfc_ns}, "JESD79-5: addressing; tRFC1 by density")


DDR5 = STANDARDS.register("ddr5")(
    Standard(
        name="ddr5",
        source="JESD79-5",
        levels=("channel", "rank", "bankgroup", "bank"),
        power_down_exit=(7.5, 8),  # tXP, JESD79-5: max(8 nCK, 7.5 ns)
        refresh_level="rank",
        channel_width=32,
        prefetch=16,
        # JESD79-5 table 30: what carries a row or column address takes two clocks.
        commands={"ACT": 2, "PREpb": 1, "PREab": 1, "RD": 2, "WR": 2, "RDA": 2, "WRA": 2, "REFab": 1},
        rules=(
            # fmt: off
            Rule("channel",   "RD RDA",      "RD RDA",        "nBL"),
            Rule("channel",   "WR WRA",      "WR WRA",        "nBL"),
            Rule("rank",      "RD RDA",      "RD RDA",        "nCCD_S"),
            Rule("rank",      "WR WRA",      "WR WRA",        "nCCD_S_WR"),
            # nBTA, bus turn-around: 2 clocks and the write preamble tWPRE (2; longer, with tRPST, in JEDEC's
            # bins).
            Rule("rank",      "RD RDA",      "WR WRA",        "nCL + nBL + nBTA - nCWL"),
            Rule("rank",      "WR WRA",      "RD RDA",        "nCWL + nBL + nWTR_S"),
            Rule("rank",      "RD RDA",      "RD WR RDA WRA", "nBL + nCS", sibling=True),
            Rule("rank",      "WR WRA",      "RD RDA",        "nCWL + nBL + nCS - nCL", sibling=True),
            Rule("rank",      "RD",          "PREab",         "nRTP"),
            Rule("rank",      "WR",          "PREab",         "nCWL + nBL + nWR"),
            Rule("rank",      "ACT",         "ACT",           "nRRD_S"),
            Rule("rank",      "ACT",         "ACT",           "nFAW", window=4),
            Rule("rank",      "ACT",         "PREab",         "nRAS"),
            Rule("rank",      "PREab",       "ACT",           "nRP"),
            Rule("rank",      "PREpb PREab", "PREpb PREab",   "nPPD"),
            Rule("rank",      "ACT",         "REFab",         "nRC"),
            Rule("rank",      "PREpb PREab", "REFab",         "nRP"),
            Rule("rank",      "RDA",         "REFab",         "nRTP + nRP"),
            Rule("rank",      "WRA",         "REFab",         "nCWL + nBL + nWR + nRP"),
            Rule("rank",      "REFab",       "ACT PREab",     "nRFC"),
            Rule("bankgroup", "RD RDA",      "RD RDA",        "nCCD_L"),
            Rule("bankgroup", "WR WRA",      "WR WRA",        "nCCD_L_WR"),
            Rule("bankgroup", "WR WRA",      "RD RDA",        "nCWL + nBL + nWTR_L"),
            Rule("bankgroup", "ACT",         "ACT",           "nRRD_L"),
            Rule("bank",      "ACT",         "ACT",           "nRC"),
            Rule("bank",      "ACT",         "RD WR RDA WRA", "nRCD"),
            Rule("bank",      "ACT",         "PREpb",         "nRAS"),
            Rule("bank",      "PREpb",       "ACT",           "nRP"),
            Rule("bank",      "RD",          "PREpb",         "nRTP"),
            Rule("bank",      "WR",          "PREpb",         "nCWL + nBL + nWR"),
            Rule("bank",      "RDA",         "ACT",           "nRTP + nRP"),
            Rule("bank",      "WRA",         "ACT",           "nCWL + nBL + nWR + nRP"),
            # fmt: on
        ),
        read_latency="nCL + nBL",
        write_latency="nCWL + nBL",
        presets={
            # fmt: off
            # JEDEC's B bins, as in modules.          tCK  CL  RCD RAS  WR RTP CCD_L WTR_S WTR_L RRD_L BTA PPD
            "DDR5_4800B":  _jedec("4800B",  416, (40, 39,  77,  72, 18, 12, 6, 24, 12, 4, 2), "DDR5-4800"),
            "DDR5_4000B":  _jedec("4000B",  500, (32, 32,  64,  60, 15, 10, 5, 20, 10, 4, 2), "DDR5-4000"),
            "DDR5_4400B":  _jedec("4400B",  454, (36, 36,  71,  66, 17, 11, 6, 22, 11, 4, 2), "DDR5-4400"),
            "DDR5_5200B":  _jedec("5200B",  384, (42, 42,  84,  78, 20, 13, 7, 26, 13, 6, 2), "DDR5-5200"),
            "DDR5_5600B":  _jedec("5600B",  357, (46, 45,  90,  84, 21, 14, 7, 28, 14, 6, 2), "DDR5-5600"),
            "DDR5_6000B":  _jedec("6000B",  333, (48, 48,  96,  90, 23, 15, 8, 30, 15, 6, 2), "DDR5-6000"),
            "DDR5_6400B":  _jedec("6400B",  312, (52, 52, 103,  96, 24, 16, 8, 32, 16, 6, 2), "DDR5-6400"),
            "DDR5_7200B":  _jedec("7200B",  277, (58, 58, 116, 108, 27, 18, 8, 36, 16, 7, 2), "DDR5-7200"),
            "DDR5_8000B":  _jedec("8000B",  250, (64, 64, 128, 120, 30, 20, 8, 40, 16, 7, 4), "DDR5-8000"),
            # Ramulator's, with RCD = RP = CL:         tCK  CL  RAS  WR RTP CCD_L CCD_L_WR WTR_S WTR_L
            "DDR5_3200AN": _ramulator("3200AN", 625, (24,  52, 48, 12,  8, 32, 6, 16)),
            "DDR5_3200BN": _ramulator("3200BN", 625, (26,  52, 48, 12,  8, 32, 6, 16), "DDR5-3200"),
            "DDR5_3200C":  _ramulator("3200C",  625, (28,  52, 48, 12,  8, 32, 6, 16)),
            "DDR5_4800AN": _ramulator("4800AN", 416, (34,  77, 72, 18, 12, 48, 6, 24)),
            "DDR5_4800BN": _ramulator("4800BN", 416, (36,  77, 72, 18, 12, 48, 6, 24)),
            "DDR5_4800C":  _ramulator("4800C",  416, (38,  77, 72, 18, 12, 48, 6, 24)),
            "DDR5_5600AN": _ramulator("5600AN", 357, (40,  90, 84, 20, 12, 56, 5, 28)),
            "DDR5_6400AN": _ramulator("6400AN", 312, (46, 103, 96, 24, 16, 64, 5, 32)),
            # fmt: on
        },
        organisations={
            # fmt: off
            #                        dq groups each row    column tRFC
            "DDR5_16Gb_x8":  _device( 8, 8, 4,  65536, 1024, 295.0),
            "DDR5_16Gb_x4":  _device( 4, 8, 4,  65536, 2048, 295.0),
            "DDR5_16Gb_x16": _device(16, 4, 4,  65536, 1024, 295.0),
            "DDR5_8Gb_x4":   _device( 4, 8, 2,  65536, 2048, 195.0),
            "DDR5_8Gb_x8":   _device( 8, 8, 2,  65536, 1024, 195.0),
            "DDR5_8Gb_x16":  _device(16, 4, 2,  65536, 1024, 195.0),
            "DDR5_32Gb_x4":  _device( 4, 8, 4, 131072, 2048, 410.0),
            "DDR5_32Gb_x8":  _device( 8, 8, 4, 131072, 1024, 410.0),
            "DDR5_32Gb_x16": _device(16, 4, 4, 131072, 1024, 410.0),
            # fmt: on
        },
        # No currents of a DDR5 device at hand: without, no energy.
    )
)  # fmt: skip
