"""HBM2 and HBM2E (JEDEC JESD235): one channel of 128 data pins as two pseudo channels of 64.

Row commands and column commands have a bus each; an activate takes two clocks. Density names are those of a
pseudo channel: ``HBM2_8Gb`` is a channel of 2 GiB.

Not modelled: legacy mode but in DRAMsim3's configurations (one pseudo channel of 128 pins), stack identifiers
of 8-high stacks, parity and ECC, DBI, refresh of two banks at once, temperature-compensated refresh.
"""

from __future__ import annotations

from collections.abc import Mapping

from simulator.hw.standard import STANDARDS, Currents, Organisation, Power, Preset, Rule, Standard

_RAMULATOR = "CMU-SAFARI Ramulator 2.1 (c5b1c3a, MIT), preset {}, resolved; JESD235D"
_ADDRESSING = "JESD235D: addressing; tRFC by density of a pseudo channel"
_DRAMSIM3 = "DRAMsim3 2981759 (2021-04-05, MIT), configs/{}.ini"
_STILLWATER = "stillwater KPU hbm2e_configs.hpp (MIT): ns by clock, an estimate; nCCD_S by definition"
_OCONNOR = "TSV 0.5 and interposer I/O 0.3 pJ/b: O'Connor et al., Fine-Grained DRAM, MICRO 2017"
#: nCCD_S is BL/2 and so by definition 2; where the source of HBM2E scales it (3 or 4) no more than 2/3 of the
#: peak could be had, so it is 2 here.
_COLUMNS = (
    "nCL", "nCWL", "nRCDRD", "nRCDWR", "nRP", "nRAS", "nRC", "nWR", "nRTP_L", "nCCD_L", "nRRD_S", "nRRD_L",
    "nWTR_S", "nWTR_L", "nFAW", "nRFCpb", "nRREFD", "nREFI", "nREFIpb",
)  # fmt: skip


def _preset(
    rate: int, tck_ps: int, row: tuple[int, ...], source: str, *aliases: str, origin: str = "published"
) -> Preset:
    timing = {"nBL": 2, "nCCD_S": 2, "nBTA": 2, **dict(zip(_COLUMNS, row, strict=True))}
    return Preset(rate, tck_ps, timing, source, origin=origin, aliases=aliases)


def _dramsim3(name: str, ini: str, *aliases: str) -> Preset:
    # Every command takes one clock there, and the turn-around is tRPRE. nRFCpb and nRREFD are not in the
    # file: those of HBM2_2000Mbps.
    timing = {
        "nBL": 2, "nCL": 14, "nCWL": 4, "nRCDRD": 14, "nRCDWR": 14, "nRP": 14, "nRAS": 34, "nRC": 48,
        "nWR": 16, "nRTP_L": 6, "nCCD_S": 1, "nCCD_L": 2, "nRRD_S": 4, "nRRD_L": 6, "nWTR_S": 6, "nWTR_L": 8,
        "nFAW": 30, "nRFC": 260, "nRFCpb": 160, "nRREFD": 8, "nREFI": 3900, "nREFIpb": 128, "nBTA": 1,
    }  # fmt: skip
    source = _DRAMSIM3.format(ini)
    return Preset(2000, 1000, timing, source, aliases=aliases, organisations=(name,), commands={"ACT": 1})


def _device(row: int, trfc_ns: float) -> Organisation:
    counts = {"pseudochannel": 2, "bankgroup": 4, "bank": 4, "row": row, "column": 128}
    return Organisation(64, counts, {"tRFC": trfc_ns}, _ADDRESSING)


def _legacy(row: int, ini: str) -> Organisation:
    # Its 64 columns are of two words each.
    counts = {"pseudochannel": 1, "bankgroup": 4, "bank": 4, "row": row, "column": 128}
    return Organisation(128, counts, {}, _DRAMSIM3.format(ini), channel_width=128)


def _currents(share: float) -> Currents:
    """Currents of DRAMsim3's HBM2 channel of 128 pins, or a share of them."""
    idd: Mapping[str, float] = {
        "idd0_ma": 65, "idd2n_ma": 40, "idd2p_ma": 28, "idd3n_ma": 55, "idd3p_ma": 40, "idd4r_ma": 390,
        "idd4w_ma": 500, "idd5_ma": 250,
    }  # fmt: skip
    return Currents(1.2, **{name: current * share for name, current in idd.items()})


HBM2 = STANDARDS.register("hbm2")(
    Standard(
        name="hbm2",
        source="JESD235",
        levels=("channel", "pseudochannel", "bankgroup", "bank"),
        power_down_exit=(8.0, 5),  # tXP, DRAMsim3 HBM2_8Gb_x128: 8 clocks of 1 ns
        refresh_level="pseudochannel",
        channel_width=64,
        prefetch=4,
        commands={
            "ACT": 2, "PREpb": 1, "PREab": 1, "RD": 1, "WR": 1, "RDA": 1, "WRA": 1, "REFab": 1, "REFpb": 1
        },
        rules=(
            # fmt: off
            Rule("pseudochannel", "RD RDA",      "RD RDA",    "nBL"),
            Rule("pseudochannel", "WR WRA",      "WR WRA",    "nBL"),
            Rule("pseudochannel", "RD RDA",      "RD RDA",    "nCCD_S"),
            Rule("pseudochannel", "WR WRA",      "WR WRA",    "nCCD_S"),
            # nBTA: bus turn-around.
            Rule("pseudochannel", "RD RDA",      "WR WRA",    "nCL + nBL + nBTA - nCWL"),
            Rule("pseudochannel", "WR WRA",      "RD RDA",    "nCWL + nBL + nWTR_S"),
            Rule("pseudochannel", "RD",          "PREab",     "nRTP_L"),
            Rule("pseudochannel", "WR",          "PREab",     "nCWL + nBL + nWR"),
            Rule("pseudochannel", "ACT",         "ACT",       "nRRD_S"),
            Rule("pseudochannel", "ACT",         "ACT",       "nFAW", window=4),
            Rule("pseudochannel", "ACT",         "PREab",     "nRAS"),
            Rule("pseudochannel", "PREab",       "ACT",       "nRP"),
            Rule("pseudochannel", "ACT",         "REFab",     "nRC"),
            Rule("pseudochannel", "PREpb PREab", "REFab",     "nRP"),
            Rule("pseudochannel", "RDA",         "REFab",     "nRTP_L + nRP"),
            Rule("pseudochannel", "WRA",         "REFab",     "nCWL + nBL + nWR + nRP"),
            Rule("pseudochannel", "REFab",       "ACT PREab", "nRFC"),
            Rule("pseudochannel", "REFpb",       "ACT REFpb", "nRREFD"),
            Rule("pseudochannel", "ACT",         "REFpb",     "nRRD_S"),
            Rule("bankgroup",     "RD RDA",      "RD RDA",    "nCCD_L"),
            Rule("bankgroup",     "WR WRA",      "WR WRA",    "nCCD_L"),
            Rule("bankgroup",     "WR WRA",      "RD RDA",    "nCWL + nBL + nWTR_L"),
            Rule("bankgroup",     "ACT",         "ACT",       "nRRD_L"),
            Rule("bank",          "ACT",         "ACT",       "nRC"),
            Rule("bank",          "ACT",         "RD RDA",    "nRCDRD"),
            Rule("bank",          "ACT",         "WR WRA",    "nRCDWR"),
            Rule("bank",          "ACT",         "PREpb",     "nRAS"),
            Rule("bank",          "PREpb",       "ACT",       "nRP"),
            Rule("bank",          "RD",          "PREpb",     "nRTP_L"),
            Rule("bank",          "WR",          "PREpb",     "nCWL + nBL + nWR"),
            Rule("bank",          "RDA",         "ACT REFpb", "nRTP_L + nRP"),
            Rule("bank",          "WRA",         "ACT REFpb", "nCWL + nBL + nWR + nRP"),
            Rule("bank",          "REFpb",       "ACT",       "nRFCpb"),
            Rule("bank",          "ACT",         "REFpb",     "nRC"),
            Rule("bank",          "PREpb",       "REFpb",     "nRP"),
            # fmt: on
        ),
        read_latency="nCL + nBL",
        write_latency="nCWL + nBL",
        presets={
            # fmt: off
            #   CL CWL RCDRD RCDWR RP RAS RC WR RTP CCD_L RRD_S RRD_L WTR_S WTR_L FAW RFCpb RREFD REFI REFIpb
            "HBM2_2000Mbps": _preset(2000, 1000,
                (14, 5, 14, 12, 14, 34, 48, 16,  5, 4, 4, 4,  6,  8, 15, 160,  8, 3900, 122),
                _RAMULATOR.format("HBM2_2000Mbps"), "HBM2_2000"),
            "HBM2_1600Mbps": _preset(1600, 1250,
                (10, 4, 10,  8, 10, 24, 34, 12,  4, 4, 4, 4,  5,  6, 12, 128,  7, 3120,  98),
                _RAMULATOR.format("HBM2_1600Mbps"), "HBM2_1600"),
            "HBM2_2400Mbps": _preset(2400, 833,
                (17, 6, 17, 14, 17, 40, 57, 19,  6, 4, 5, 5,  8, 10, 19, 193, 10, 4682, 147),
                _RAMULATOR.format("HBM2_2400Mbps"), "HBM2_2400"),
            # REFIpb: tREFI / 32, RREFD: 8 ns, both as above.
            "HBM2E_3200": _preset(3200, 625,
                (29, 11, 19, 10, 22, 45, 67, 26, 10, 6, 5, 6, 6, 13, 26, 208, 13, 6240, 195),
                _STILLWATER,
                "HBM2E_3200Mbps", "HBM2_3200Mbps", origin="estimate"),
            "HBM2E_3600": _preset(3600, 556,
                (32, 13, 22, 11, 25, 50, 76, 29, 11, 7, 5, 7, 7, 14, 29, 234, 15, 7020, 219),
                _STILLWATER,
                "HBM2E_3600Mbps", "HBM2_3600Mbps", origin="estimate"),
            "DS3_HBM2": _dramsim3("DS3_HBM2", "HBM2_8Gb_x128", "DS3_HBM2_8Gb_x128"),
            "DS3_HBM2_4Gb": _dramsim3("DS3_HBM2_4Gb", "HBM2_4Gb_x128", "DS3_HBM2_4Gb_x128"),
            # fmt: on
        },
        organisations={
            # fmt: off
            "HBM2_8Gb": _device(65536, 350.0),
            "HBM2_1Gb": _device( 8192, 110.0),
            "HBM2_2Gb": _device(16384, 160.0),
            "HBM2_4Gb": _device(32768, 260.0),
            "DS3_HBM2":     _legacy(32768, "HBM2_8Gb_x128"),
            "DS3_HBM2_4Gb": _legacy(16384, "HBM2_4Gb_x128"),
            # fmt: on
        },
        power={
            **{
                name: Power(
                    (_currents(1),), 0.8, "published", f"{_DRAMSIM3.format(ini)}; I/O: {_OCONNOR}", "30 %"
                )
                for name, ini in {"DS3_HBM2": "HBM2_8Gb_x128", "DS3_HBM2_4Gb": "HBM2_4Gb_x128"}.items()
            },
            "": Power(
                (_currents(0.5),), 0.8, "estimate",
                f"half the currents of {_DRAMSIM3.format('HBM2_8Gb_x128')}, as a pseudo channel is half a "
                f"channel and opens half a row, whatever the rate and density; I/O: {_OCONNOR}",
                "50 %",
            ),
        },
        two_buses=True,
        refresh_banks=1,
    )
)  # fmt: skip
