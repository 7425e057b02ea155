"""DDR3 SDRAM (JEDEC JESD79-3): one channel of 64 data pins.

Not modelled: additive latency, burst chop, 2N mode, the reduced supply of DDR3L.
"""

from __future__ import annotations

from simulator.hw.standard import STANDARDS, Organisation, Preset, Rule, Standard

_RAMULATOR = "CMU-SAFARI Ramulator 2.1 (c5b1c3a, MIT), preset DDR3_1600K, resolved"
_JEDEC = "JESD79-3: speed bin {}, in clocks"
#: By rate: tCK in ps, nRAS, nWR, nRTP (nWTR is the same), nCWL, nREFI, nRRD and nFAW of x4 and x8 (1 KB
#: rows), nRRD and nFAW of x16 (2 KB). nFAW of x16 at 2133 is 35 ns (Ramulator: 34 clocks).
_BY_RATE = {
    800:  (2500, 15,  6, 4,  5, 3120, 4, 16, 4, 20), 1066: (1875, 20,  8, 4,  6, 4160, 4, 20, 6, 27),
    1333: (1500, 24, 10, 5,  7, 5200, 4, 20, 5, 30), 1600: (1250, 28, 12, 6,  8, 6240, 5, 24, 6, 32),
    1866: (1071, 32, 14, 7,  9, 7283, 5, 26, 6, 33), 2133: ( 937, 36, 16, 8, 10, 8325, 6, 27, 7, 38),
}  # fmt: skip


def _bin(name: str, cl: int, *aliases: str) -> Preset:
    """A speed bin; CL, RCD and RP are alike in all of them."""
    rate = int(name[5:-1])
    tck_ps, ras, wr, rtp, cwl, refi, rrd, faw, rrd_x16, faw_x16 = _BY_RATE[rate]
    timing = {
        "nBL": 4, "nCL": cl, "nRCD": cl, "nRP": cl, "nRAS": ras, "nRC": ras + cl, "nWR": wr, "nRTP": rtp,
        "nCWL": cwl, "nCCD": 4, "nWTR": rtp, "nCS": 2, "nBTA": 2, "nRRD": rrd, "nFAW": faw, "nREFI": refi,
    }  # fmt: skip
    source = _RAMULATOR if name == "DDR3_1600K" else _JEDEC.format(name)
    by_dq = {16: {"nRRD": rrd_x16, "nFAW": faw_x16}}
    return Preset(rate, tck_ps, timing, source, by_dq=by_dq, aliases=aliases)


def _device(dq: int, row: int, trfc_ns: float) -> Organisation:
    counts = {"rank": 1, "bank": 8, "row": row, "column": 2048 if dq == 4 else 1024}
    return Organisation(dq, counts, {"tRFC": trfc_ns}, "JESD79-3: addressing; tRFC by density")


DDR3 = STANDARDS.register("ddr3")(
    Standard(
        name="ddr3",
        source="JESD79-3",
        levels=("channel", "rank", "bank"),
        power_down_exit=(6.0, 3),  # tXP, JESD79-3: max(3 nCK, 6 ns), fast exit
        refresh_level="rank",
        channel_width=64,
        prefetch=8,
        commands={"ACT": 1, "PREpb": 1, "PREab": 1, "RD": 1, "WR": 1, "RDA": 1, "WRA": 1, "REFab": 1},
        rules=(
            # fmt: off
            Rule("channel", "RD RDA",      "RD RDA",        "nBL"),
            Rule("channel", "WR WRA",      "WR WRA",        "nBL"),
            Rule("rank",    "RD RDA",      "RD RDA",        "nCCD"),
            Rule("rank",    "WR WRA",      "WR WRA",        "nCCD"),
            # nBTA: bus turn-around.
            Rule("rank",    "RD RDA",      "WR WRA",        "nCL + nBL + nBTA - nCWL"),
            Rule("rank",    "WR WRA",      "RD RDA",        "nCWL + nBL + nWTR"),
            Rule("rank",    "RD RDA",      "RD WR RDA WRA", "nBL + nCS", sibling=True),
            Rule("rank",    "WR WRA",      "RD RDA",        "nCWL + nBL + nCS - nCL", sibling=True),
            Rule("rank",    "RD",          "PREab",         "nRTP"),
            Rule("rank",    "WR",          "PREab",         "nCWL + nBL + nWR"),
            Rule("rank",    "ACT",         "ACT",           "nRRD"),
            Rule("rank",    "ACT",         "ACT",           "nFAW", window=4),
            Rule("rank",    "ACT",         "PREab",         "nRAS"),
            Rule("rank",    "PREab",       "ACT",           "nRP"),
            Rule("rank",    "ACT",         "REFab",         "nRC"),
            Rule("rank",    "PREpb PREab", "REFab",         "nRP"),
            Rule("rank",    "RDA",         "REFab",         "nRTP + nRP"),
            Rule("rank",    "WRA",         "REFab",         "nCWL + nBL + nWR + nRP"),
            Rule("rank",    "REFab",       "ACT PREab",     "nRFC"),
            Rule("bank",    "ACT",         "ACT",           "nRC"),
            Rule("bank",    "ACT",         "RD WR RDA WRA", "nRCD"),
            Rule("bank",    "ACT",         "PREpb",         "nRAS"),
            Rule("bank",    "PREpb",       "ACT",           "nRP"),
            Rule("bank",    "RD",          "PREpb",         "nRTP"),
            Rule("bank",    "WR",          "PREpb",         "nCWL + nBL + nWR"),
            Rule("bank",    "RDA",         "ACT",           "nRTP + nRP"),
            Rule("bank",    "WRA",         "ACT",           "nCWL + nBL + nWR + nRP"),
            # fmt: on
        ),
        read_latency="nCL + nBL",
        write_latency="nCWL + nBL",
        presets={
            name: _bin(name, cl, *aliases)
            for name, cl, *aliases in (
                # fmt: off
                ("DDR3_1600K", 11, "DDR3-1600"), ("DDR3_1600H",  9), ("DDR3_1600J", 10),
                ("DDR3_800E",   6, "DDR3-800"),  ("DDR3_800D",   5),
                ("DDR3_1066F",  7, "DDR3-1066"), ("DDR3_1066E",  6), ("DDR3_1066G",  8),
                ("DDR3_1333H",  9, "DDR3-1333"), ("DDR3_1333G",  8),
                ("DDR3_1866L", 12, "DDR3-1866"), ("DDR3_1866K", 11),
                ("DDR3_2133M", 13, "DDR3-2133"), ("DDR3_2133L", 12),
                # fmt: on
            )
        },
        organisations={
            # fmt: off
            #                       dq row    tRFC
            "DDR3_4Gb_x8":  _device( 8,  65536, 260.0),
            "DDR3_4Gb_x4":  _device( 4,  65536, 260.0),
            "DDR3_4Gb_x16": _device(16,  32768, 260.0),
            "DDR3_1Gb_x4":  _device( 4,  16384, 110.0),
            "DDR3_1Gb_x8":  _device( 8,  16384, 110.0),
            "DDR3_1Gb_x16": _device(16,   8192, 110.0),
            "DDR3_2Gb_x4":  _device( 4,  32768, 160.0),
            "DDR3_2Gb_x8":  _device( 8,  32768, 160.0),
            "DDR3_2Gb_x16": _device(16,  16384, 160.0),
            "DDR3_8Gb_x4":  _device( 4, 131072, 350.0),
            "DDR3_8Gb_x8":  _device( 8, 131072, 350.0),
            "DDR3_8Gb_x16": _device(16,  65536, 350.0),
            # fmt: on
        },
        # No currents of a DDR3 device at hand: without, no energy.
    )
)  # fmt: skip
