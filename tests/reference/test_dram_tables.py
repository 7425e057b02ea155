"""DRAM standards against Ramulator 2.1 and DRAMsim3: constraints of every configuration, timings of every preset."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from simulator.hw.device import Device, make_device
from simulator.hw.standard import COMMANDS, STANDARDS

#: Its commands in the order of its numbers, by our names; what we leave out is not named.
NUMBERS = {
    "DDR3": "ACT PREpb PREab RD WR RDA WRA REFab",
    "DDR4": "ACT PREpb PREab RD WR RDA WRA REFab",
    "DDR5": "ACT PREpb PREab RD WR RDA WRA REFab",
    "HBM2": "ACT PREpb PREab RD WR RDA WRA REFab REFpb",
    "HBM3": "ACT PREpb PREab RD WR RDA WRA REFab REFpb RFMab RFMpb",
    # It numbers PREab before PREpb here: its table closes all banks of the channel by the former.
    "GDDR6": "ACT PREab PREpb RD WR RDA WRA REFab REFpb",
    "LPDDR5": "ACT ACT2 PREpb PREab CAS_RD CAS_WR RD WR RDA WRA REFab REFpb",
}
#: Configuration (up to the controller's name) -> our preset, organisation, nREFI in clocks of the controller.
CONFIGS = {
    "DDR4_3200AA": ("DDR4_3200AA", "DDR4_8Gb_x8", 12480),
    "DDR5_4800BN": ("DDR5_4800BN", "DDR5_16Gb_x8", 9375),
    "GDDR6_14000": ("GDDR6_14000_1350mV_double", "GDDR6_8Gb_x16", 3333),
    "HBM2_2000": ("HBM2_2000Mbps", "HBM2_8Gb", 3900),
    "HBM3_6400": ("HBM3_6400Mbps", "HBM3_16Gb_8hi", 12480),
    "LPDDR5_6400": ("LPDDR5_6400", "LPDDR5_8Gb_x16", 3125),
}
VARIANTS = (
    "DDR4_3200AA_frfcfs", "DDR4_3200AA_mop4clxor", "DDR4_3200AA_noref", "DDR4_3200AA_rowhit", "DDR5_4800BN_frfcfs",
    "GDDR6_14000_frfcfs", "HBM2_2000_frfcfs", "HBM2_2000_mop4clxor", "HBM2_2000_noref", "HBM3_6400_frfcfs",
    "HBM3_6400_mop4clxor", "LPDDR5_6400_frfcfs", "LPDDR5_6400_mop4clxor",
)  # fmt: skip
#: Presets of timing.yaml under Ramulator's names.
PRESETS = (
    "DDR4_3200AA__DDR4_8Gb_x8", "DDR4_2400R__DDR4_8Gb_x8", "DDR5_3200AN__DDR5_16Gb_x8", "DDR5_4800BN__DDR5_16Gb_x8",
    "DDR5_5600AN__DDR5_16Gb_x8", "DDR5_6400AN__DDR5_16Gb_x8", "LPDDR5_6400__LPDDR5_8Gb_x16",
    "LPDDR5_6400__LPDDR5_16Gb_x16", "GDDR6_14000_1350mV_double__GDDR6_8Gb_x16",
    "GDDR6_14000_1250mV_double__GDDR6_8Gb_x16", "HBM2_1600Mbps__HBM2_8Gb", "HBM2_2000Mbps__HBM2_8Gb",
    "HBM2_2400Mbps__HBM2_8Gb", "HBM3_6400Mbps__HBM3_16Gb_8hi", "HBM3_6400Mbps__HBM3_4Gb", "DDR3_1600K__DDR3_4Gb_x8",
)  # fmt: skip
#: Entries of timing.yaml for standards that we do not have.
ABSENT = {"R2_LPDDR6_10667_BL24__LPDDR6_16Gb_x12", "R2_GDDR7_28000_PAM3__GDDR7_16Gb_x8", "R2_HBM1_2Gbps__HBM1_4Gb",
          "R2_HBM4_8000Mbps__HBM4_32Gb_8Hi"}  # fmt: skip
#: Names there that differ from ours by more than the first letter.
NAMES = {"BL_cycles": "nBL", "BL_max_cycles": "nBL_max", "tRFCab": "nRFC"}
#: Refresh management is not modelled.
NOT_MODELLED = ("nRFMab", "nRFMpb")

Constraint = tuple[int, str, str, int, int, bool]


def constraints(device: Device) -> set[Constraint]:
    """Our table, a pair of commands at a time."""
    return {
        (rule.level, COMMANDS[before], COMMANDS[after], rule.latency, rule.window, rule.sibling)
        for rule in device.rules
        for before in rule.before
        for after in rule.after
    }


def expanded(entries: Iterable[list[Any]], numbers: list[str], known: Iterable[str]) -> set[Constraint]:
    """Its table, a pair of commands at a time, without commands that we leave out."""
    return {
        (level, numbers[before], numbers[after], latency, *([1, False] if not more else (*more, False)[:2]))
        for level, befores, afters, latency, *more in entries
        for before in befores
        for after in afters
        if numbers[before] in known and numbers[after] in known
    }


def resolved(reference: Path, config: str) -> dict[str, Any]:
    """The DRAM of a configuration."""
    text = (reference / "dram" / "configs" / f"ramulator2_{config}.yaml").read_text()
    return yaml.safe_load(text)["memory_system"]["controllers"][0]["dram"]


def chosen(config: str) -> tuple[Device, int]:
    """Our device of a configuration, and its nREFI."""
    preset, organisation, refi = CONFIGS[config.rpartition("_")[0]]
    return make_device(STANDARDS[preset.partition("_")[0].lower()], preset, organisation), refi


@pytest.mark.parametrize("config", VARIANTS)
def test_constraints_are_ramulators(reference: Path, config: str):
    device, refi = chosen(config)
    theirs = resolved(reference, config)
    numbers = NUMBERS[theirs["impl"]].split()
    stated = expanded(theirs["timing_constraints"], numbers, device.standard.commands)
    beyond = {each for each in constraints(device) - stated if each[1] in ("RDA", "WRA", "REFpb")}
    assert {each[2] for each in beyond} <= {"REFpb"}, "left out there: what per-bank refresh waits for"
    assert constraints(device) - beyond == stated
    assert device.read_latency == theirs["read_latency"]
    assert device.timing["nREFI"] == refi
    cycles = dict(zip(numbers, theirs["command_cycles"], strict=True))
    ours = {name: clocks * device.standard.phases for name, clocks in device.standard.commands.items()}
    assert ours == {name: cycles[name] for name in ours}
    assert set(cycles) - set(ours) <= {"RFMab", "RFMpb"}


@pytest.mark.parametrize("config", VARIANTS)
def test_organisations_are_ramulators(reference: Path, config: str):
    device, _ = chosen(config)
    theirs = resolved(reference, config)
    assert [*device.counts, device.rows, device.columns] == theirs["org"]["count"]
    assert device.channel_width == theirs["channel_width"]
    assert device.standard.organisations[device.organisation].dq == theirs["org"]["dq"]


def test_every_configuration_is_compared(reference: Path):
    found = {path.stem for path in (reference / "dram" / "configs").glob("ramulator2_*.yaml")}
    assert found == {f"ramulator2_{config}" for config in VARIANTS}


@pytest.fixture(scope="module")
def timings(reference: Path) -> dict[str, Any]:
    """timing.yaml."""
    return yaml.load((reference / "dram" / "timing.yaml").read_text(), yaml.CSafeLoader)


def ours(name: str) -> str:
    """Our name of a timing there."""
    if name in NAMES:
        return NAMES[name]
    return name if name.startswith("n") else f"n{name.removeprefix('t')}"


@pytest.mark.parametrize("key", PRESETS)
def test_timings_are_ramulators(timings: dict[str, Any], key: str):
    theirs = timings[f"R2_{key}"]
    preset, organisation = key.split("__")
    device = make_device(STANDARDS[preset.partition("_")[0].lower()], preset, organisation)
    phases = device.standard.phases
    modelled = {name: value for name, value in theirs["timing"].items() if name not in NOT_MODELLED}
    assert {name: device.timing[ours(name)] / phases for name in modelled} == modelled
    assert device.tck_fs * phases == theirs["tCK_ps"] * 1000
    assert device.standard.presets[preset].rate_mts == theirs["rate_MTs"]
    assert device.access_bytes == theirs["bytes_per_access"]
    assert float(device.peak_bytes_per_s) == pytest.approx(theirs["peak_GBps_per_channel"] * 1e9)


def test_every_preset_is_compared(timings: dict[str, Any]):
    assert {key for key in timings if key.startswith("R2_")} - ABSENT == {f"R2_{key}" for key in PRESETS}


#: DRAMsim3's configurations -> our standard and preset.
DRAMSIM3 = {
    "DS3_DDR4_8Gb_x8_3200": ("ddr4", "DS3_DDR4_3200"),
    "DS3_DDR4_8Gb_x8_2400": ("ddr4", "DS3_DDR4_2400"),
    "DS3_LPDDR4_8Gb_x16_2400": ("lpddr4", "DS3_LPDDR4_2400"),
    "DS3_HBM2_8Gb_x128": ("hbm2", "DS3_HBM2"),
    "DS3_HBM2_4Gb_x128": ("hbm2", "DS3_HBM2_4Gb"),
    "DS3_GDDR6_8Gb_x16": ("gddr6", "DS3_GDDR6"),
}
#: Its names where ours differ by more than the first letter; tRPRE is in the turn-around.
DRAMSIM3_NAMES = {"tRTP_L": ("nRTP_L", "nRTP"), "tRFCb": ("nRFCpb",), "tREFIb": ("nREFIpb",), "tRTRS": ("nCS",)}
#: What it states and we do not model: additive latency, power-down and self-refresh, other refresh modes, tRTP_S.
DRAMSIM3_OTHERS = {"AL", "tRFC2", "tRFC4", "tRPRE", "tWPRE", "tWR2", "tCKE", "tCKESR", "tCKSRE", "tXS", "tXP",
                   "tRTP_S"}  # fmt: skip
#: Its GDDR6 runs with ``bankgroup_enable = false``: every access is as one to another bank group.
UNGROUPED = {("gddr6", "tCCD_L"): "tCCD_S"}
#: Columns there are bursts or pairs of words; here they are words.
WORDS = {"hbm2": 2, "gddr6": 16}
#: No ranks here.
RANKLESS = {"hbm2", "gddr6"}


@pytest.mark.parametrize("key", DRAMSIM3)
def test_timings_are_dramsim3s(timings: dict[str, Any], key: str):
    theirs = timings[key]
    standard, preset = DRAMSIM3[key]
    device = make_device(STANDARDS[standard], preset)
    for name in theirs["timing"]:
        if name in DRAMSIM3_OTHERS or (name == "tRTRS" and standard in RANKLESS):
            continue
        value = theirs["timing"][UNGROUPED.get((standard, name), name)]
        found = [device.timing[one] for one in DRAMSIM3_NAMES.get(name, (ours(name),)) if one in device.timing]
        assert found == [value], name
    assert device.tck_fs == theirs["tCK_ps"] * 1000
    assert device.channel_width == theirs["channel_width_bits"]
    assert device.access_bytes == theirs["BL"] * theirs["channel_width_bits"] // 8
    assert device.rows == theirs["org"]["row"]
    assert device.columns == theirs["org"]["column"] * WORDS.get(standard, 1)
    assert device.counts[-2:] == (theirs["org"]["bankgroup"], theirs["org"]["bank"])
    assert set(device.standard.presets[preset].commands.values()) <= {1}


#: JEDEC's LPDDR4 as DRAMSys has it -> our preset, organisation; its names where ours differ.
DRAMSYS = {
    "DRAMSYS_JEDEC_512Mbx16_LPDDR4-3200": ("LPDDR4_3200", "LPDDR4_8Gb_x16"),
    "DRAMSYS_JEDEC_8Gb_LPDDR4-3200_16bit": ("LPDDR4_3200", "LPDDR4_8Gb_x16"),
    "DRAMSYS_MICRON_6Gb_LPDDR4-3200_32bit_A": ("LPDDR4_3200", "LPDDR4_6Gb_x16"),
    "DRAMSYS_JEDEC_1Gbx16_LPDDR4-4266": ("LPDDR4_4266", "LPDDR4_16Gb_x16"),
}
DRAMSYS_NAMES = {
    "tRL": "nCL", "tWL": "nCWL", "tCCD": "nCCD_L", "tFAW": "nFAW", "tPPD": "nPPD", "tRCD": "nRCD", "tREFI": "nREFI",
    "tREFIpb": "nREFIpb", "tRFCab": "nRFC", "tRFCpb": "nRFCpb", "tRAS": "nRAS", "tRPab": "nRPab", "tRPpb": "nRP",
    "tRRD": "nRRD_S", "tRTP": "nRTP", "tWR": "nWR", "tWTR": "nWTR_S",
}  # fmt: skip


@pytest.mark.parametrize("key", DRAMSYS)
def test_timings_are_dramsys(timings: dict[str, Any], key: str):
    theirs = timings[key]
    device = make_device(STANDARDS["lpddr4"], *DRAMSYS[key])
    expected = {name: theirs["timing"][name] for name in DRAMSYS_NAMES}
    assert {name: device.timing[known] for name, known in DRAMSYS_NAMES.items()} == expected
    assert device.timing["nRC"] == (theirs["timing"]["tRCpb"] or theirs["timing"]["tRC"])
    assert (device.banks, device.rows) == (theirs["org"]["banks_total"], theirs["org"]["row"])


def test_timings_of_lpddr5x_are_as_estimated(timings: dict[str, Any]):
    theirs = timings["LPDDR5X_8533"]["timing"]
    device = make_device(STANDARDS["lpddr5"], "LPDDR5X_8533")
    plain = {name: value for name, value in theirs.items() if isinstance(value, int)}
    assert {name: device.timing[ours(name)] for name in plain} == plain
    assert (device.timing["nRRD_S"], device.timing["nFAW"]) == (6, 22)


@pytest.mark.parametrize("preset", ["HBM2E_3200", "HBM2E_3600"])
def test_timings_of_hbm2e_are_as_estimated_but_for_the_burst(timings: dict[str, Any], preset: str):
    theirs = timings[preset]["timing"]
    device = make_device(STANDARDS["hbm2"], preset)
    # tCCD_S is BL / 2 and not of the clock; the turn-around is a sum here; tRFCab goes by the density.
    known = {
        name: value for name, value in theirs.items() if name not in ("tCCD_S", "tRTW", "tRFCab", "tRTP")
    }
    assert {name: device.timing[ours(name)] for name in known} == known
    assert (device.timing["nCCD_S"], device.timing["nRTP_L"]) == (2, theirs["tRTP"])


#: energy.yaml -> our standard, preset and organisation, and which part of its currents.
CURRENTS = {
    "DS3_DDR4_8Gb_x8_3200": ("ddr4", "DDR4_3200AA", "DDR4_8Gb_x8", 1),
    "DS3_DDR4_8Gb_x8_2400": ("ddr4", "DDR4_2400R", "DDR4_8Gb_x8", 1),
    "DS3_LPDDR4_8Gb_x16_2400": ("lpddr4", "DS3_LPDDR4_2400", "", 1),
    "DS3_HBM2_8Gb_x128": ("hbm2", "HBM2_2000Mbps", "", 0.5),
    "DS3_HBM2_4Gb_x128": ("hbm2", "DS3_HBM2_4Gb", "", 1),
    "DS3_GDDR6_8Gb_x16": ("gddr6", "GDDR6_14000", "", 1),
    "LLMServingSim_LPDDR5_6400_pim": ("lpddr5", "LPDDR5_6400", "", 1),
}


@pytest.mark.parametrize("key", CURRENTS)
def test_currents_are_of_the_table(reference: Path, key: str):
    theirs = yaml.safe_load((reference / "dram" / "energy.yaml").read_text())[key]
    standard, preset, organisation, share = CURRENTS[key]
    power = make_device(STANDARDS[standard], preset, organisation).power
    assert power is not None
    core = power.supplies[0]
    names = {"IDD0": "idd0_ma", "IDD2P": "idd2p_ma", "IDD2N": "idd2n_ma", "IDD3P": "idd3p_ma", "IDD3N": "idd3n_ma",
             "IDD4W": "idd4w_ma", "IDD4R": "idd4r_ma", "IDD5AB": "idd5_ma"}  # fmt: skip
    assert {name: getattr(core, field) for name, field in names.items()} == {
        name: theirs[name] * share for name in names
    }
    assert core.vdd_v == theirs["VDD"]
