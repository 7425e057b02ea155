"""LPDDR4 and LPDDR4X SDRAM (JEDEC JESD209-4): one channel of 16 data pins. Densities are those of a channel.

Commands take two clocks (precharge, refresh) or four (two such: ACT-1 and ACT-2, RD-1 and CAS-2); latencies
count from their last clock. Bank groups exist in DRAMsim3's configuration only; a device has one, so that its
``_L`` and ``_S`` timings are the same.

Not modelled: BL32 and on-the-fly burst length, masked writes, DBI, refresh in tFAW, ACT-2 put off, frequency
set points, partial-array and temperature-compensated refresh.
"""

from __future__ import annotations

from simulator.hw.standard import STANDARDS, Currents, Organisation, Power, Preset, Rule, Standard

_DRAMSYS = "DRAMSys 2107966 (BSD) configs/memspec/{}.json, JESD209-4; tDQSCK its maximum, 3.6 ns"
_JEDEC = (
    "derived: the nanoseconds of LPDDR4_3200 in clocks of {} ps; RL and WL (set A, no DBI) as is commonly "
    "stated of JESD209-4, not checked against it"
)
_DRAMSYS_POWER = "DRAMSys 2107966 configs/memspec/MICRON_6Gb_LPDDR4-3200_32bit_A.json, all three rails"
_DRAMSIM3 = "DRAMsim3 2981759 (2021-04-05, MIT), configs/LPDDR4_8Gb_x16_2400.ini"
#: Minima of all rates. nDQSCK is 3.6 ns (its maximum), from the clock to the read strobe; nDQSS the clock
#: from the write latency to the first write strobe; nWPRE the write preamble; nCS the change of rank (DRAMSys
#: tRTRS).
_NS = {
    "tRCD": 18.0, "tRP": 18.0, "tRPab": 21.0, "tRAS": 42.0, "tWR": 18.0, "tFAW": 40.0, "tDQSCK": 3.6,
    "tREFI": 3904.0, "tREFIpb": 488.0,
}  # fmt: skip
_CLOCKS = {"nBL": 8, "nCCD_S": 8, "nCCD_L": 8, "nPPD": 4, "nWPRE": 2, "nDQSS": 1, "nCS": 1}


def _preset(rate: int, tck_ps: int, row: tuple[int, ...], *aliases: str, memspec: str = "") -> Preset:
    cl, cwl, rc, rtp, wtr, rrd = row
    timing = {
        **_NS, **_CLOCKS, "nCL": cl, "nCWL": cwl, "nRC": rc, "nRTP": rtp, "nWTR_S": wtr, "nWTR_L": wtr,
        "nRRD_S": rrd, "nRRD_L": rrd,
    }  # fmt: skip
    source = _DRAMSYS.format(memspec) if memspec else _JEDEC.format(tck_ps)
    origin = "published" if memspec else "derived"
    return Preset(rate, tck_ps, timing, source, origin, aliases=(f"LPDDR4X_{rate}", *aliases))


def _device(row: int, trfc_ns: float, trfcpb_ns: float) -> Organisation:
    counts = {"rank": 1, "bankgroup": 1, "bank": 8, "row": row, "column": 1024}
    timing = {"tRFC": trfc_ns, "tRFCpb": trfcpb_ns}
    return Organisation(16, counts, timing, "JESD209-4: addressing; tRFCab, tRFCpb by density of a channel")


def _rails(origin: str, source: str, band: str) -> Power:
    """VDD1, VDD2 and VDDQ of Micron's device; IDD5 is the burst refresh."""
    return Power(
        (
            Currents(1.8, 3.5, 2, 1.2, 2.25, 1.2, 2.25, 2.25, 10),
            Currents(1.1, 45, 27, 3, 30, 9, 275, 210, 90),
            Currents(1.1, 0.75, 0.75, 0.75, 0.75, 0.75, 150, 55, 0.75),
        ),
        None, origin, source, band,
    )  # fmt: skip


LPDDR4 = STANDARDS.register("lpddr4")(
    Standard(
        name="lpddr4",
        source="JESD209-4",
        levels=("channel", "rank", "bankgroup", "bank"),
        power_down_exit=(7.5, 5),  # tXP, JESD209-4: max(5 nCK, 7.5 ns)
        refresh_level="rank",
        channel_width=16,
        prefetch=16,
        commands={
            "ACT": 4, "PREpb": 2, "PREab": 2, "RD": 4, "WR": 4, "RDA": 4, "WRA": 4, "REFab": 2, "REFpb": 2
        },
        rules=(
            # fmt: off
            Rule("channel",   "RD RDA",      "RD RDA",        "nBL"),
            Rule("channel",   "WR WRA",      "WR WRA",        "nBL"),
            Rule("rank",      "RD RDA",      "RD RDA",        "nCCD_S"),
            Rule("rank",      "WR WRA",      "WR WRA",        "nCCD_S"),
            Rule("rank",      "RD RDA",      "WR WRA",        "nCL + nDQSCK + nBL + nWPRE - nCWL"),
            Rule("rank",      "WR WRA",      "RD RDA",        "nCWL + nDQSS + nBL + nWTR_S"),
            Rule("rank",      "RD RDA",      "RD RDA",        "nBL + nCS", sibling=True),
            Rule("rank",      "RD RDA",      "WR WRA", "nCL + nDQSCK + nBL + nCS - nCWL", sibling=True),
            Rule("rank",      "WR WRA",      "RD RDA",        "nCWL + nDQSS + nBL + nCS - nCL", sibling=True),
            Rule("rank",      "RD",          "PREab",         "nRTP"),
            Rule("rank",      "WR",          "PREab",         "nCWL + nDQSS + nBL + nWR"),
            Rule("rank",      "ACT",         "ACT REFpb",     "nRRD_S"),
            Rule("rank",      "ACT",         "ACT",           "nFAW", window=4),
            Rule("rank",      "ACT",         "PREab",         "nRAS"),
            Rule("rank",      "PREab",       "ACT",           "nRPab"),
            Rule("rank",      "PREpb PREab", "PREpb PREab",   "nPPD"),
            Rule("rank",      "ACT",         "REFab",         "nRC"),
            Rule("rank",      "PREpb",       "REFab",         "nRP"),
            Rule("rank",      "PREab",       "REFab REFpb",   "nRPab"),
            Rule("rank",      "RDA",         "REFab",         "nRTP + nRP"),
            Rule("rank",      "WRA",         "REFab",         "nCWL + nDQSS + nBL + nWR + nRP"),
            Rule("rank",      "REFab",       "ACT PREab REFab REFpb", "nRFC"),
            Rule("rank",      "REFpb",       "REFab REFpb",   "nRFCpb"),
            Rule("rank",      "REFpb",       "ACT",           "nRRD_S"),
            Rule("bankgroup", "RD RDA",      "RD RDA",        "nCCD_L"),
            Rule("bankgroup", "WR WRA",      "WR WRA",        "nCCD_L"),
            Rule("bankgroup", "WR WRA",      "RD RDA",        "nCWL + nDQSS + nBL + nWTR_L"),
            Rule("bankgroup", "ACT",         "ACT",           "nRRD_L"),
            Rule("bank",      "ACT",         "ACT",           "nRC"),
            Rule("bank",      "ACT",         "RD WR RDA WRA", "nRCD"),
            Rule("bank",      "ACT",         "PREpb",         "nRAS"),
            Rule("bank",      "PREpb",       "ACT",           "nRP"),
            Rule("bank",      "RD",          "PREpb",         "nRTP"),
            Rule("bank",      "WR",          "PREpb",         "nCWL + nDQSS + nBL + nWR"),
            Rule("bank",      "RDA",         "ACT REFpb",     "nRTP + nRP"),
            Rule("bank",      "WRA",         "ACT REFpb",     "nCWL + nDQSS + nBL + nWR + nRP"),
            Rule("bank",      "REFpb",       "ACT",           "nRFCpb"),
            Rule("bank",      "ACT",         "REFpb",         "nRC"),
            Rule("bank",      "PREpb",       "REFpb",         "nRP"),
            # fmt: on
        ),
        read_latency="nCL + nDQSCK + nBL",
        write_latency="nCWL + nDQSS + nBL",
        presets={
            # fmt: off
            #                                       CL CWL  RC RTP WTR RRD; RC: RAS and RP in clocks
            "LPDDR4_3200": _preset(3200,  625, (28, 14,  97, 12, 16, 16), "LPDDR4-3200",
                                   memspec="JEDEC_512Mbx16_LPDDR4-3200"),
            "LPDDR4_1600": _preset(1600, 1250, (14,  8,  49,  8,  8,  8)),
            "LPDDR4_2133": _preset(2133,  938, (20, 10,  65,  8, 11, 11)),
            "LPDDR4_2667": _preset(2667,  750, (24, 12,  80, 10, 14, 14), "LPDDR4_2666"),
            "LPDDR4_3733": _preset(3733,  536, (32, 16, 113, 14, 19, 19)),
            "LPDDR4_4266": _preset(4266,  468, (36, 18, 129, 17, 22, 22), "LPDDR4_4267",
                                   memspec="JEDEC_1Gbx16_LPDDR4-4266"),
            # fmt: on
            # Bank groups, commands of one clock, tPPD of 2 and a turn-around of tRPRE, as there. tRFCpb is
            # not in the file: 140 ns.
            "DS3_LPDDR4_2400": Preset(
                2410, 830,
                {"nBL": 8, "nCL": 17, "nCWL": 14, "nRCD": 15, "nRP": 15, "nRPab": 15, "nRAS": 32, "nRC": 47,
                 "nWR": 30, "nRTP": 12, "nCCD_S": 4, "nCCD_L": 6, "nRRD_S": 8, "nRRD_L": 8, "nWTR_S": 8,
                 "nWTR_L": 16, "nFAW": 32, "nRFC": 392, "tRFCpb": 140.0, "nREFI": 8660, "nPPD": 2, "nCS": 1,
                 "nDQSCK": 0, "nDQSS": 0, "nWPRE": 1},
                _DRAMSIM3,
                aliases=("DS3_LPDDR4_8Gb_x16_2400",),
                organisations=("DS3_LPDDR4_2400",),
                commands={"ACT": 1, "PREpb": 1, "PREab": 1, "RD": 1, "WR": 1, "RDA": 1, "WRA": 1, "REFab": 1,
                          "REFpb": 1},
            ),
        },
        organisations={
            # fmt: off
            #                          row     tRFCab tRFCpb
            "LPDDR4_8Gb_x16":  _device( 65536, 280.0, 140.0),
            "LPDDR4_2Gb_x16":  _device( 16384, 130.0,  60.0),
            "LPDDR4_4Gb_x16":  _device( 32768, 180.0,  90.0),
            "LPDDR4_6Gb_x16":  _device( 49152, 280.0, 140.0),
            "LPDDR4_16Gb_x16": _device(131072, 380.0, 190.0),
            # fmt: on
            "DS3_LPDDR4_2400": Organisation(
                16, {"rank": 1, "bankgroup": 2, "bank": 4, "row": 65536, "column": 1024}, {}, _DRAMSIM3,
                channel_width=64,
            ),
        },
        power={
            "LPDDR4_3200/LPDDR4_6Gb_x16": _rails("published", _DRAMSYS_POWER, "20 %"),
            "DS3_LPDDR4_2400": Power(
                # Their IPP0 (4 mA) is of a supply that LPDDR4 does not have and is left out.
                (Currents(1.2, 80, 34, 25, 47, 41, 243, 228, 280),), None, "estimate",
                f"{_DRAMSIM3}: one rail at 1.2 V, like a DDR4 device", "50 %",
            ),
            "": _rails("estimate", f"{_DRAMSYS_POWER}: 6 Gb at 3200 MT/s, all others alike", "40 %"),
        },
        refresh_banks=1,
    )
)  # fmt: skip
