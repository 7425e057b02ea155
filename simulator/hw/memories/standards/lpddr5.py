"""LPDDR5 and LPDDR5X SDRAM (JEDEC JESD209-5): one channel of 16 data pins, bank-group mode, WCK:CK = 4:1.

Clocks are those of CK (800 MHz at 6400 MT/s). Two-step activate: ACT is ACT-1, ACT2 is ACT-2. WCK is
started by a CAS before RD and WR and stops some clocks after the last transfer (``sync``).

Not modelled: 8B and 16B mode, BL32, masked writes, the dynamic voltage and frequency modes, WCK always on,
link ECC, refresh management (RFM), optimised and partial-array refresh.
"""

from __future__ import annotations

from simulator.hw.standard import STANDARDS, Currents, Organisation, Power, Preset, Rule, Standard, Sync

_RAMULATOR = "CMU-SAFARI Ramulator 2.1 (c5b1c3a, MIT), preset LPDDR5_6400, resolved"
_SCALED = "derived: the nanoseconds of LPDDR5_6400 in clocks of {} ps; minima in clocks as there"
#: LPDDR5_6400 in nanoseconds: where JESD209-5 states minima, they round up to the same clocks.
_NS = {
    "tCL": 21.25, "tRCD": 18.75, "tRP": 18.75, "tRPab": 21.25, "tRAS": 42.5, "tRC": 61.25, "tWR": 35.0,
    "tRTP": 10.0, "tCWL": 11.25, "tWTR_S": 6.25, "tWTR_L": 12.5,
}  # fmt: skip
#: Clocks that JESD209-5 states as such; nBL is BL/n_min, nBL_max BL/n_max (table 330), the cycle of a bank
#: group.
_CLOCKS = {
    "nBL": 2, "nBL_max": 4, "nPPD": 2, "nCCD_S": 2, "nCCD_L": 4, "nCCD_S_WR": 2, "nCCD_L_WR": 4, "nWCKPST": 1,
    "nCAS": 0, "nAAD": 8, "nCS": 2, "nBTA": 2, "nRRD_S": 4, "nRRD_L": 4,
}  # fmt: skip
#: tREFI is 3906 ns, tREFIpb 488 ns (JESD209-5B table 235); Ramulator rounds them up.
_REFRESH = {"tpbR2act": 7.5}


def _scaled(rate: int, tck_ps: int, timing: dict[str, float], *aliases: str) -> Preset:
    table = {**_CLOCKS, **_NS, **_REFRESH, "tREFI": 3906.0, "tREFIpb": 488.0, **timing}
    return Preset(rate, tck_ps, table, _SCALED.format(tck_ps), origin="derived", aliases=aliases)


def _device(row: int, trfc_ns: float, trfcpb_ns: float, tpbr2pbr_ns: float) -> Organisation:
    counts = {"rank": 1, "bankgroup": 4, "bank": 4, "row": row, "column": 1024}
    timing = {"tRFC": trfc_ns, "tRFCpb": trfcpb_ns, "tpbR2pbR": tpbr2pbr_ns}
    source = "JESD209-5B: addressing; table 235: tRFCab, tRFCpb, tpbR2pbR by density"
    return Organisation(16, counts, timing, source)


LPDDR5 = STANDARDS.register("lpddr5")(
    Standard(
        name="lpddr5",
        source="JESD209-5",
        levels=("channel", "rank", "bankgroup", "bank"),
        power_down_exit=(7.0, 3),  # tXP, JESD209-5: max(3 nCK, 7 ns)
        refresh_level="rank",
        channel_width=16,
        prefetch=16,
        commands=dict.fromkeys(
            ("ACT", "ACT2", "PREpb", "PREab", "CAS_RD", "CAS_WR", "RD", "WR", "RDA", "WRA", "REFab",
             "REFpb"), 1,
        ),
        rules=(
            # fmt: off
            Rule("channel",   "RD RDA",      "RD RDA",        "nBL"),
            Rule("channel",   "WR WRA",      "WR WRA",        "nBL"),
            Rule("rank",      "RD RDA",      "RD RDA",        "nCCD_S"),
            Rule("rank",      "WR WRA",      "WR WRA",        "nCCD_S_WR"),
            # nBTA: bus turn-around.
            Rule("rank",      "RD RDA",      "WR WRA",        "nCL + nBL + nBTA - nCWL"),
            Rule("rank",      "WR WRA",      "RD RDA",        "nCWL + nBL + nWTR_S"),
            Rule("rank",      "RD RDA",      "RD WR RDA WRA", "nBL + nCS", sibling=True),
            # As Ramulator has it; data of another rank would need no more than nCWL + nBL + nCS - nCL.
            Rule("rank",      "WR WRA",      "RD RDA",        "nCL + nBL + nCS - nCWL", sibling=True),
            Rule("rank",      "RD",          "PREab",         "nRTP"),
            Rule("rank",      "WR",          "PREab",         "nCWL + nBL + nWR"),
            Rule("rank",      "ACT",         "ACT",           "nRRD_S"),
            Rule("rank",      "ACT",         "ACT",           "nFAW", window=4),
            Rule("rank",      "ACT",         "PREab",         "nRAS"),
            Rule("rank",      "PREab",       "ACT",           "nRPab"),
            Rule("rank",      "PREpb PREab", "PREpb PREab",   "nPPD"),
            Rule("rank",      "ACT",         "REFab",         "nRC"),
            Rule("rank",      "PREpb PREab", "REFab",         "nRP"),
            Rule("rank",      "RDA",         "REFab",         "nRTP + nRP"),
            Rule("rank",      "WRA",         "REFab",         "nCWL + nBL + nWR + nRP"),
            Rule("rank",      "REFab",       "ACT PREab REFab REFpb", "nRFC"),
            Rule("rank",      "REFpb",       "REFpb",         "npbR2pbR"),
            Rule("rank",      "REFpb",       "REFab",         "nRFCpb"),
            Rule("rank",      "REFpb",       "ACT",           "npbR2act"),
            Rule("bankgroup", "RD RDA",      "RD RDA",        "nCCD_L"),
            Rule("bankgroup", "WR WRA",      "WR WRA",        "nCCD_L_WR"),
            Rule("bankgroup", "WR WRA",      "RD RDA",        "nCWL + nBL_max + nWTR_L"),
            Rule("bankgroup", "ACT",         "ACT",           "nRRD_L"),
            Rule("bank",      "CAS_RD",      "RD RDA",        "nCAS"),
            Rule("bank",      "CAS_WR",      "WR WRA",        "nCAS"),
            Rule("bank",      "ACT",         "ACT",           "nRC"),
            Rule("bank",      "ACT",         "RD WR RDA WRA", "nRCD"),
            Rule("bank",      "ACT",         "PREpb",         "nRAS"),
            Rule("bank",      "PREpb",       "ACT",           "nRP"),
            Rule("bank",      "RD",          "PREpb",         "nRTP"),
            Rule("bank",      "WR",          "PREpb",         "nCWL + nBL + nWR"),
            Rule("bank",      "RDA",         "ACT REFpb",     "nRTP + nRP"),
            Rule("bank",      "WRA",         "ACT REFpb",     "nCWL + nBL + nWR + nRP"),
            Rule("bank",      "REFpb",       "ACT",           "nRFCpb"),
            Rule("bank",      "ACT",         "REFpb",         "nRC"),
            Rule("bank",      "PREpb",       "REFpb",         "nRP"),
            # fmt: on
        ),
        read_latency="nCL + nBL",
        write_latency="nCWL + nBL",
        presets={
            "LPDDR5_6400": Preset(
                6400, 1250,
                {**_CLOCKS, **_REFRESH, "nCL": 17, "nRCD": 15, "nRP": 15, "nRPab": 17, "nRAS": 34, "nRC": 49,
                 "nWR": 28, "nRTP": 8, "nCWL": 9, "nWTR_S": 5, "nWTR_L": 10, "nFAW": 16, "nREFI": 3125,
                 "nREFIpb": 391},
                _RAMULATOR,
                aliases=("LPDDR5-6400",),
            ),
            "LPDDR5_4267": _scaled(4267, 1875, {"nFAW": 16}, "LPDDR5-4266"),
            "LPDDR5_5500": _scaled(5500, 1454, {"nFAW": 16}),
            "LPDDR5X_7500": _scaled(7500, 1067, {"tFAW": 20.0, "nRRD_S": 5, "nRRD_L": 5}, "LPDDR5_7500"),
            # tCCD_L and tAAD scaled too, so nBL_max is (JESD209-5B: 4 clocks, 4 clocks and 8 clocks).
            "LPDDR5X_8533": Preset(
                8533, 938,
                {**_CLOCKS, **_REFRESH, "nBL_max": 6, "nCL": 23, "nRCD": 20, "nRP": 20, "nRPab": 23,
                 "nRAS": 46, "nRC": 66, "nWR": 38, "nRTP": 11, "nCWL": 12, "nCCD_L": 6, "nCCD_L_WR": 6,
                 "nWTR_S": 7, "nWTR_L": 14, "nAAD": 11, "nRRD_S": 6, "nRRD_L": 6, "nFAW": 22, "tREFI": 3906.0,
                 "tREFIpb": 488.0},
                "a public fork of Ramulator 2.1, preset LPDDR5_8533: LPDDR5-6400 scaled by 4/3",
                origin="estimate",
                aliases=("LPDDR5_8533",),
            ),
        },
        organisations={
            # fmt: off
            #                             row     tRFCab tRFCpb tpbR2pbR
            "LPDDR5_8Gb_x16":  _device( 32768, 210.0, 120.0, 90.0),
            "LPDDR5_2Gb_x16":  _device(  8192, 130.0,  60.0, 60.0),
            "LPDDR5_4Gb_x16":  _device( 16384, 180.0,  90.0, 90.0),
            "LPDDR5_16Gb_x16": _device( 65536, 280.0, 140.0, 90.0),
            "LPDDR5_32Gb_x16": _device(131072, 380.0, 190.0, 90.0),
            # fmt: on
        },
        power={
            # Their IPP0 (4.5 mA) is of a supply that LPDDR5 does not have and is left out.
            "": Power(
                supplies=(
                    Currents(1.05, 100, 40, 30, 55, 48, 295, 280, 340),
                ),
                origin="estimate",
                source="casys-kaist/LLMServingSim@5daddb21 configs/pim/LPDDR5_2GB_6400_pim.ini: its authors' "
                "figures, one rail for all, no data sheet named; other rates and densities alike",
                band="50 %",
            ),
        },
        act2_within="nAAD",
        sync=Sync(read="nCL + nBL + nWCKPST", write="nCWL + nBL + nWCKPST"),
        # tREFIpb is tREFI / 8: in bank-group mode one REFpb takes two of the 16 banks.
        refresh_banks=2,
    )
)  # fmt: skip
