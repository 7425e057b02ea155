"""DDR4 SDRAM."""

from __future__ import annotations

from simulator.hw.standard import STANDARDS, Organisation, Preset, Rule, Standard

_RAMULATOR = "CMU-SAFARI Ramulator 2.1 (c5b1c3a, MIT), preset {}, resolved"


def _device(dq: int, banks: tuple[int, int], row: int, trfc_ns: float) -> Organisation:
    groups, each = banks
    counts = {"rank": 1, "bankgroup": groups, "bank": each, "row": row, "column": 1024}
    return Organisation(dq, counts, {"tRFC": trfc_ns}, "JESD79-4: organisation; tRFC1 by density")


DDR4 = STANDARDS.register("ddr4")(
    Standard(
        name="ddr4",
        source="JESD79-4",
        levels=("channel", "rank", "bankgroup", "bank"),
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
            Rule("rank",      "RD RDA",    "WR WRA",        "nCL + nBL + 2 - nCWL"),
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
            "DDR4_3200AA": Preset(
                3200, 625,
                {"nBL": 4, "nCL": 22, "nRCD": 22, "nRP": 22, "nRAS": 52, "nRC": 74, "nWR": 24, "nRTP": 12,
                 "nCWL": 16, "nCCD_S": 4, "nCCD_L": 8, "nWTR_S": 4, "nWTR_L": 12, "nCS": 2, "nRRD_S": 4,
                 "nRRD_L": 8, "nFAW": 34, "nREFI": 12480},
                _RAMULATOR.format("DDR4_3200AA"),
            ),
        },
        organisations={"DDR4_8Gb_x8": _device(8, (4, 4), 65536, 360.0)},
    )
)  # fmt: skip
