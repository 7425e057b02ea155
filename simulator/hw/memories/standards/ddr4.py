"""DDR4 SDRAM (JEDEC JESD79-4): one channel of 64 data pins.

Not modelled: fine granularity refresh (tRFC2, tRFC4), gear-down and 2N mode, additive latency, DBI, CRC,
command address latency, burst chop, post-package repair, maximum power saving.
"""

from __future__ import annotations

from simulator.hw.standard import STANDARDS, Currents, Organisation, Power, Preset, Rule, Standard

_RAMULATOR = "CMU-SAFARI Ramulator 2.1 (c5b1c3a, MIT), preset {}, resolved"
_JEDEC = "JESD79-4: speed bin {}, in clocks; tREFI 7.8 us rounded up as Ramulator 2.1 does"
_ADDRESSING = "JESD79-4: addressing; tRFC1 by density, for 8 Gb Ramulator's 360 ns (JESD79-4: 350 ns)"
_DRAMSIM3 = "DRAMsim3 2981759 (2021-04-05, MIT), configs/{}.ini"
#: By rate, what depends on the row: nRRD_L and nFAW of x8 (1 KB; x4 has nFAW 16), nRRD_S, nRRD_L and nFAW of
#: x16 (2 KB). nRRD_S of x4 and x8 is 4.
_BY_PAGE = {
    1600: (5, 20, 5,  6, 28), 1866: (5, 22, 5,  6, 28), 2133: (6, 23, 6,  7, 32), 2400: (6, 26, 7,  8, 36),
    2666: (7, 28, 8,  9, 40), 2933: (8, 31, 8, 10, 44), 3200: (8, 34, 9, 11, 48),
}  # fmt: skip
#: By rate: tCK in ps, nRAS, nWR, nRTP, nCWL, nCCD_L, nWTR_S, nWTR_L, nREFI.
_BY_RATE = {
    1600: (1250, 28, 12,  6,  9, 5, 2,  6,  6240), 1866: (1071, 32, 14,  7, 10, 5, 3,  7,  7283),
    2133: ( 937, 36, 16,  8, 11, 6, 3,  8,  8325), 2400: ( 833, 39, 18,  9, 12, 6, 3,  9,  9364),
    2666: ( 750, 43, 20, 10, 14, 7, 4, 10, 10400), 2933: ( 682, 47, 22, 11, 16, 8, 4, 11, 11437),
    3200: ( 625, 52, 24, 12, 16, 8, 4, 12, 12480),
}  # fmt: skip


def _bin(name: str, cl: int, *aliases: str) -> Preset:
    """A speed bin; CL, RCD and RP are alike in all of them."""
    rate = int(name[5:9])
    tck_ps, ras, wr, rtp, cwl, ccd_l, wtr_s, wtr_l, refi = _BY_RATE[rate]
    rrd_l, faw, rrd_s_x16, rrd_l_x16, faw_x16 = _BY_PAGE[rate]
    timing = {
        "nBL": 4, "nCL": cl, "nRCD": cl, "nRP": cl, "nRAS": ras, "nRC": ras + cl, "nWR": wr, "nRTP": rtp,
        "nCWL": cwl, "nCCD_S": 4, "nCCD_L": ccd_l, "nWTR_S": wtr_s, "nWTR_L": wtr_l, "nCS": 2, "nBTA": 2,
        "nRRD_S": 4, "nRRD_L": rrd_l, "nFAW": faw, "nREFI": refi,
    }  # fmt: skip
    by_dq = {4: {"nFAW": 16}, 16: {"nRRD_S": rrd_s_x16, "nRRD_L": rrd_l_x16, "nFAW": faw_x16}}
    source = (_RAMULATOR if name in ("DDR4_3200AA", "DDR4_2400R") else _JEDEC).format(name)
    return Preset(rate, tck_ps, timing, source, by_dq=by_dq, aliases=aliases)


def _dramsim3(rate: int, tck_ps: int, name: str, timing: dict[str, float]) -> Preset:
    # Its read-to-write turn-around is tRPRE, its change of rank tRTRS.
    both = {"nBL": 4, "nCCD_S": 4, "nCS": 1, "nBTA": 1, "nRRD_S": 4}
    ini = name.replace("DS3_DDR4", "DDR4_8Gb_x8")
    source, aliases = _DRAMSIM3.format(ini), (f"DS3_{ini}",)
    return Preset(rate, tck_ps, {**both, **timing}, source, aliases=aliases, organisations=(name,))


def _device(dq: int, row: int, trfc_ns: float | None = None, source: str = "") -> Organisation:
    counts = {"rank": 1, "bankgroup": 2 if dq == 16 else 4, "bank": 4, "row": row, "column": 1024}
    timing = {} if trfc_ns is None else {"tRFC": trfc_ns}
    return Organisation(dq, counts, timing, source or _ADDRESSING)


def _power(idd: Currents, origin: str, source: str, band: str) -> Power:
    """VDD, and IPP0 of VPP, of which nothing else is published."""
    return Power((idd, Currents(2.5, idd0_ma=3.0)), None, origin, f"{source}; VPP is 2.5 V by JESD79-4", band)


#: Per x8 device of 8 Gb, configs/DDR4_8Gb_x8_3200.ini and _2400.ini.
_IDD_3200 = Currents(1.2, 57, 37, 25, 52, 43, 168, 150, 250)
_IDD_2400 = Currents(1.2, 48, 34, 25, 43, 37, 135, 123, 250)

DDR4 = STANDARDS.register("ddr4")(
    Standard(
        name="ddr4",
        source="JESD79-4",
        levels=("channel", "rank", "bankgroup", "bank"),
        power_down_exit=(6.0, 4),  # tXP, JESD79-4: max(4 nCK, 6 ns)
        refresh_level="rank",
        channel_width=64,
        prefetch=8,
        commands={"ACT": 1, "PREpb": 1, "PREab": 1, "RD": 1, "WR": 1, "RDA": 1, "WRA": 1, "REFab": 1},
        rules=(
            # fmt: off
            Rule("channel",   "RD RDA",    "RD RDA",        "nBL"),
            Rule("channel",   "WR WRA",    "WR WRA",        "nBL"),
            Rule("rank",      "RD RDA",    "RD RDA",        "nCCD_S"),
            Rule("rank",      "WR WRA",    "WR WRA",        "nCCD_S"),
            # nBTA, bus turn-around: one clock and the write preamble.
            Rule("rank",      "RD RDA",    "WR WRA",        "nCL + nBL + nBTA - nCWL"),
            Rule("rank",      "WR WRA",    "RD RDA",        "nCWL + nBL + nWTR_S"),
            Rule("rank",      "RD RDA",    "RD WR RDA WRA", "nBL + nCS", sibling=True),
            Rule("rank",      "WR WRA",    "RD RDA",        "nCWL + nBL + nCS - nCL", sibling=True),
            Rule("rank",      "RD",        "PREab",         "nRTP"),
            Rule("rank",      "WR",        "PREab",         "nCWL + nBL + nWR"),
            Rule("rank",      "ACT",       "ACT",           "nRRD_S"),
            Rule("rank",      "ACT",       "ACT",           "nFAW", window=4),
            Rule("rank",      "ACT",       "PREab",         "nRAS"),
            Rule("rank",      "PREab",     "ACT",           "nRP"),
            Rule("rank",      "ACT",       "REFab",         "nRC"),
            Rule("rank",      "PREpb PREab", "REFab",       "nRP"),
            Rule("rank",      "RDA",       "REFab",         "nRTP + nRP"),
            Rule("rank",      "WRA",       "REFab",         "nCWL + nBL + nWR + nRP"),
            Rule("rank",      "REFab",     "ACT PREab",     "nRFC"),
            Rule("bankgroup", "RD RDA",    "RD RDA",        "nCCD_L"),
            Rule("bankgroup", "WR WRA",    "WR WRA",        "nCCD_L"),
            Rule("bankgroup", "WR WRA",    "RD RDA",        "nCWL + nBL + nWTR_L"),
            Rule("bankgroup", "ACT",       "ACT",           "nRRD_L"),
            Rule("bank",      "ACT",       "ACT",           "nRC"),
            Rule("bank",      "ACT",       "RD WR RDA WRA", "nRCD"),
            Rule("bank",      "ACT",       "PREpb",         "nRAS"),
            Rule("bank",      "PREpb",     "ACT",           "nRP"),
            Rule("bank",      "RD",        "PREpb",         "nRTP"),
            Rule("bank",      "WR",        "PREpb",         "nCWL + nBL + nWR"),
            Rule("bank",      "RDA",       "ACT",           "nRTP + nRP"),
            Rule("bank",      "WRA",       "ACT",           "nCWL + nBL + nWR + nRP"),
            # fmt: on
        ),
        read_latency="nCL + nBL",
        write_latency="nCWL + nBL",
        presets={
            **{
                name: _bin(name, cl, *aliases)
                for name, cl, *aliases in (
                    # fmt: off
                    ("DDR4_3200AA", 22, "DDR4-3200"), ("DDR4_3200W", 20), ("DDR4_3200AC", 24),
                    ("DDR4_2933Y", 21, "DDR4-2933"), ("DDR4_2933V", 19), ("DDR4_2933W", 20),
                    ("DDR4_2933AA", 22),
                    ("DDR4_2666V", 19, "DDR4-2666"), ("DDR4_2666T", 17), ("DDR4_2666U", 18),
                    ("DDR4_2666W", 20),
                    # T is 17 and U 18 in JESD79-4; Ramulator has them the other way round.
                    ("DDR4_2400T", 17, "DDR4-2400"), ("DDR4_2400P", 15), ("DDR4_2400R", 16),
                    ("DDR4_2400U", 18),
                    ("DDR4_2133P", 15, "DDR4-2133"), ("DDR4_2133N", 14), ("DDR4_2133R", 16),
                    ("DDR4_1866M", 13, "DDR4-1866"), ("DDR4_1866L", 12), ("DDR4_1866N", 14),
                    ("DDR4_1600K", 11, "DDR4-1600"), ("DDR4_1600J", 10), ("DDR4_1600L", 12),
                    # fmt: on
                )
            },
            "DS3_DDR4_3200": _dramsim3(
                3175, 630, "DS3_DDR4_3200",
                {"nCL": 22, "nCWL": 16, "nRCD": 22, "nRP": 22, "nRAS": 52, "nRC": 74, "nWR": 24, "nRTP": 12,
                 "nCCD_L": 8, "nRRD_L": 8, "nWTR_S": 4, "nWTR_L": 12, "nFAW": 34, "nRFC": 560,
                 "nREFI": 12480},
            ),
            "DS3_DDR4_2400": _dramsim3(
                2410, 830, "DS3_DDR4_2400",
                {"nCL": 17, "nCWL": 12, "nRCD": 17, "nRP": 17, "nRAS": 39, "nRC": 56, "nWR": 18, "nRTP": 9,
                 "nCCD_L": 6, "nRRD_L": 6, "nWTR_S": 3, "nWTR_L": 9, "nFAW": 26, "nRFC": 420, "nREFI": 9360},
            ),
        },
        organisations={
            # fmt: off
            #                        dq row     tRFC1
            "DDR4_8Gb_x8":   _device( 8,  65536, 360.0),
            "DDR4_8Gb_x4":   _device( 4, 131072, 360.0),
            "DDR4_8Gb_x16":  _device(16,  65536, 360.0),
            "DDR4_2Gb_x4":   _device( 4,  32768, 160.0),
            "DDR4_2Gb_x8":   _device( 8,  16384, 160.0),
            "DDR4_2Gb_x16":  _device(16,  16384, 160.0),
            "DDR4_4Gb_x4":   _device( 4,  65536, 260.0),
            "DDR4_4Gb_x8":   _device( 8,  32768, 260.0),
            "DDR4_4Gb_x16":  _device(16,  32768, 260.0),
            "DDR4_16Gb_x4":  _device( 4, 262144, 550.0),
            "DDR4_16Gb_x8":  _device( 8, 131072, 550.0),
            "DDR4_16Gb_x16": _device(16, 131072, 550.0),
            "DS3_DDR4_3200": _device( 8,  65536, source=_DRAMSIM3.format("DDR4_8Gb_x8_3200")),
            "DS3_DDR4_2400": _device( 8,  65536, source=_DRAMSIM3.format("DDR4_8Gb_x8_2400")),
            # fmt: on
        },
        power={
            **dict.fromkeys(
                ("DS3_DDR4_3200", *(f"DDR4_3200{grade}/DDR4_8Gb_x8" for grade in ("W", "AA", "AC"))),
                _power(_IDD_3200, "published", _DRAMSIM3.format("DDR4_8Gb_x8_3200"), "20 %"),
            ),
            **dict.fromkeys(
                ("DS3_DDR4_2400", *(f"DDR4_2400{grade}/DDR4_8Gb_x8" for grade in "PRTU")),
                _power(_IDD_2400, "published", _DRAMSIM3.format("DDR4_8Gb_x8_2400"), "20 %"),
            ),
            **dict.fromkeys(
                [f"DDR4_2400{grade}/DDR4_4Gb_x8" for grade in "PRTU"],
                Power(
                    (Currents(1.2, 60.75, 38.25, 17, 44, 22.5, 184.5, 168.75, 118), Currents(2.5, 4.05)),
                    source="DRAMSys 2107966 configs/memspec/MICRON_4Gb_DDR4-2400_8bit_A.json; IDD5B; of VPP "
                    "IPP0, the rest of it is 0 or that of VDD there",
                    band="20 %",
                ),
            ),
            "": _power(
                _IDD_3200, "estimate",
                f"{_DRAMSIM3.format('DDR4_8Gb_x8_3200')}: an x8 device of 8 Gb at 3200 MT/s, whatever the "
                "device and rate are",
                "40 %",
            ),
        },
    )
)  # fmt: skip
