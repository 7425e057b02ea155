"""HBM3 and HBM3E (JEDEC JESD238): one channel of 64 data pins as two pseudo channels of 32.

Row commands and column commands have a bus each. The row bus runs at double rate: an activate takes one and a
half clocks, precharge and refresh half a clock, so the controller counts half clocks. ``sid`` is the stack
identifier, one per four dies. Organisations are named by die density and dies in the stack; a channel has
density x dies / 16.

Not modelled: refresh management (RFMab, RFMpb, adaptive), stacks of 12 (three identifiers) and dies of 24 Gb,
whose counts are no powers of two, on-die ECC and scrubbing, parity, DBI, temperature-compensated refresh.
"""

from __future__ import annotations

from simulator.hw.standard import STANDARDS, Currents, Organisation, Power, Preset, Rule, Standard

_RAMULATOR = "CMU-SAFARI Ramulator 2.1 (c5b1c3a, MIT), preset HBM3_6400Mbps, resolved; JESD238"
_SCALED = "derived: the nanoseconds of HBM3_6400Mbps in clocks of {} ps, not of a data sheet"
#: HBM3_6400Mbps in nanoseconds.
_NS = {
    "tCL": 12.5, "tCWL": 6.25, "tRCDRD": 19.375, "tRCDWR": 9.375, "tRP": 16.25, "tRAS": 28.125, "tRC": 45.0,
    "tWR": 20.625, "tRTP": 5.625, "tRRD_S": 2.5, "tRRD_L": 3.125, "tFAW": 15.0, "tWTR_S": 4.375,
    "tWTR_L": 6.25, "tRTW": 12.5, "tRFCpb": 200.0, "tREFI": 3900.0,
}  # fmt: skip
#: Clocks; nRREFD as in Ramulator's preset.
_CLOCKS = {"nBL": 2, "nCCD_S": 2, "nPPD": 2, "nRREFD": 8}


def _scaled(rate: int, tck_ps: int, *aliases: str) -> Preset:
    # Between bank groups and stack identifiers at least as many clocks as at 6400 MT/s.
    ccd = {"tCCD_L": 2.5, "tCCD_R": 1.875} if rate > 6400 else {"nCCD_L": 4, "nCCD_R": 3}
    origin = "estimate" if rate > 6400 else "derived"
    timing = {**_CLOCKS, **_NS, **ccd}
    return Preset(rate, tck_ps, timing, _SCALED.format(tck_ps), origin=origin, aliases=aliases)


def _device(sid: int, row: int, trfc_ns: float) -> Organisation:
    counts = {"pseudochannel": 2, "sid": sid, "bankgroup": 4, "bank": 4, "row": row, "column": 256}
    timing = {"tRFC": trfc_ns, "tREFIpb": 3900 / (16 * sid)}
    source = "JESD238 table 4: addressing; table 84: tRFCab by density of a channel"
    return Organisation(32, counts, timing, source)


HBM3 = STANDARDS.register("hbm3")(
    Standard(
        name="hbm3",
        source="JESD238",
        levels=("channel", "pseudochannel", "sid", "bankgroup", "bank"),
        power_down_exit=(8.0, 5),  # tXP, as HBM2
        refresh_level="pseudochannel",
        channel_width=32,
        prefetch=8,
        commands={
            "ACT": 1.5, "PREpb": 0.5, "PREab": 0.5, "RD": 1, "WR": 1, "RDA": 1, "WRA": 1, "REFab": 0.5,
            "REFpb": 0.5
        },
        rules=(
            # fmt: off
            Rule("pseudochannel", "RD RDA",      "RD RDA",      "nBL"),
            Rule("pseudochannel", "WR WRA",      "WR WRA",      "nBL"),
            # nRTW is a parameter of its own in Ramulator: CL + BL/4 - CWL and 8 clocks, whose origin it does
            # not say.
            Rule("pseudochannel", "RD RDA",      "WR WRA",      "nRTW"),
            Rule("pseudochannel", "WR WRA",      "RD RDA",      "nCWL + nBL + nWTR_S"),
            Rule("pseudochannel", "RD",          "PREab",       "nRTP"),
            Rule("pseudochannel", "WR",          "PREab",       "nCWL + nBL + nWR"),
            Rule("pseudochannel", "ACT",         "ACT",         "nRRD_S"),
            Rule("pseudochannel", "ACT",         "ACT",         "nFAW", window=4),
            Rule("pseudochannel", "ACT",         "PREab",       "nRAS"),
            Rule("pseudochannel", "PREab",       "ACT",         "nRP"),
            Rule("pseudochannel", "PREpb PREab", "PREpb PREab", "nPPD"),
            Rule("pseudochannel", "ACT",         "REFab",       "nRC"),
            Rule("pseudochannel", "PREpb PREab", "REFab",       "nRP"),
            Rule("pseudochannel", "RDA",         "REFab",       "nRTP + nRP"),
            Rule("pseudochannel", "WRA",         "REFab",       "nCWL + nBL + nWR + nRP"),
            Rule("pseudochannel", "REFab",       "ACT PREab",   "nRFC"),
            Rule("pseudochannel", "REFpb",       "REFpb ACT",   "nRREFD"),
            Rule("pseudochannel", "ACT",         "REFpb",       "nRRD_S"),
            Rule("sid",           "RD RDA",      "RD RDA",      "nCCD_S"),
            Rule("sid",           "WR WRA",      "WR WRA",      "nCCD_S"),
            Rule("sid",           "RD RDA",      "RD RDA",      "nCCD_R", sibling=True),
            Rule("bankgroup",     "RD RDA",      "RD RDA",      "nCCD_L"),
            Rule("bankgroup",     "WR WRA",      "WR WRA",      "nCCD_L"),
            Rule("bankgroup",     "WR WRA",      "RD RDA",      "nCWL + nBL + nWTR_L"),
            Rule("bankgroup",     "ACT",         "ACT",         "nRRD_L"),
            Rule("bank",          "ACT",         "ACT",         "nRC"),
            Rule("bank",          "ACT",         "RD RDA",      "nRCDRD"),
            Rule("bank",          "ACT",         "WR WRA",      "nRCDWR"),
            Rule("bank",          "ACT",         "PREpb",       "nRAS"),
            Rule("bank",          "PREpb",       "ACT",         "nRP"),
            Rule("bank",          "RD",          "PREpb",       "nRTP"),
            Rule("bank",          "WR",          "PREpb",       "nCWL + nBL + nWR"),
            Rule("bank",          "RDA",         "ACT REFpb",   "nRTP + nRP"),
            Rule("bank",          "WRA",         "ACT REFpb",   "nCWL + nBL + nWR + nRP"),
            Rule("bank",          "REFpb",       "ACT",         "nRFCpb"),
            Rule("bank",          "ACT",         "REFpb",       "nRC"),
            Rule("bank",          "PREpb",       "REFpb",       "nRP"),
            # fmt: on
        ),
        read_latency="nCL + nBL",
        write_latency="nCWL + nBL",
        presets={
            "HBM3_6400Mbps": Preset(
                6400, 625,
                {**_CLOCKS, "nCL": 20, "nCWL": 10, "nRCDRD": 31, "nRCDWR": 15, "nRP": 26, "nRAS": 45,
                 "nRC": 72, "nWR": 33, "nRTP": 9, "nCCD_L": 4, "nCCD_R": 3, "nRRD_S": 4, "nRRD_L": 5,
                 "nFAW": 24, "nWTR_S": 7, "nWTR_L": 10, "nRTW": 20, "nRFCpb": 320, "nREFI": 6240},
                _RAMULATOR,
                aliases=("HBM3_6400",),
            ),
            "HBM3_4800Mbps": _scaled(4800, 833, "HBM3_4800"),
            "HBM3_5200Mbps": _scaled(5200, 769, "HBM3_5200"),
            "HBM3_5600Mbps": _scaled(5600, 714, "HBM3_5600"),
            "HBM3E_8000Mbps": _scaled(8000, 500, "HBM3E_8000", "HBM3_8000Mbps"),
            "HBM3E_9200Mbps": _scaled(9200, 435, "HBM3E_9200", "HBM3_9200Mbps"),
            "HBM3E_9600Mbps": _scaled(9600, 417, "HBM3E_9600", "HBM3_9600Mbps"),
        },
        organisations={
            # fmt: off
            #                        sid row    tRFCab
            "HBM3_16Gb_8hi":  _device(2, 16384, 350.0),
            # Ramulator's name: 4 Gb of a channel, four dies of 16 Gb.
            "HBM3_4Gb":       _device(1, 16384, 260.0),
            "HBM3_8Gb_8hi":   _device(2,  8192, 260.0),
            "HBM3_8Gb_16hi":  _device(4,  8192, 350.0),
            "HBM3_16Gb_16hi": _device(4, 16384, 450.0),
            "HBM3_32Gb_8hi":  _device(2, 32768, 450.0),
            "HBM3_32Gb_16hi": _device(4, 32768, 550.0),
            # fmt: on
        },
        power={
            # A pseudo channel opens 1 KB like HBM2's: half of DRAMsim3's currents of an HBM2 channel, as
            # there. IDD4 over IDD3N by the ratio of the bandwidths, 25.6 to 16 GB/s: the same energy per bit
            # but for the supply.
            "": Power(
                (Currents(1.1, 32.5, 20, 14, 27.5, 20, 295.5, 383.5, 125),),
                0.8, "estimate",
                "no currents of HBM3 are published: those of HBM2 (DRAMsim3 configs/HBM2_8Gb_x128.ini) per "
                "pseudo channel at 1.1 V, burst currents scaled to 25.6 GB/s; I/O of HBM2, O'Connor et al., "
                "MICRO 2017",
                "100 %",
            ),
        },
        phases=2,
        aligned="ACT RD WR RDA WRA REFab REFpb",
        two_buses=True,
        refresh_banks=1,
    )
)  # fmt: skip
