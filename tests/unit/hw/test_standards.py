"""DRAM standards as tables: every combination makes sense; what contradicts itself is refused."""

from __future__ import annotations

import re
from fractions import Fraction
from math import prod

import pytest

from simulator.hw.device import Device, DeviceError, fitting, make_device
from simulator.hw.standard import COMMANDS, PLAIN, STANDARDS, Standard
from simulator.kernels import drampimstate, dramstate

NAMES = (
    "ddr3", "ddr4", "ddr5", "gddr6", "gddr6_aim", "hbm2", "hbm2_pim", "hbm3", "lpddr4", "lpddr5", "lpddr5_pim"
)  # fmt: skip
TABLES: list[Standard] = [STANDARDS[name] for name in NAMES]
PAIRS = [
    pytest.param(standard, preset, organisation, id=f"{preset}-{organisation}")
    for standard in TABLES
    for preset in standard.presets
    for organisation in fitting(standard, preset)
]
every_table = pytest.mark.parametrize("standard", TABLES, ids=NAMES)
every_pair = pytest.mark.parametrize(("standard", "preset", "organisation"), PAIRS)


def test_all_standards_are_registered():
    assert tuple(STANDARDS.names()) == NAMES


@every_pair
def test_a_combination_makes_a_device(standard: Standard, preset: str, organisation: str):
    device = make_device(standard, preset, organisation)
    speed, shape = standard.presets[preset], standard.organisations[organisation]
    phases = standard.phases
    assert (device.preset, device.organisation) == (preset, organisation)
    assert device.timing["nRC"] >= device.timing["nRAS"] + device.timing["nRP"] - phases
    # What tRFC depends on is stated by the organisation or, where it has none of its own, by the preset.
    assert device.timing["nREFI"] > device.timing["nRFC"] > 0
    wide = (shape.channel_width or standard.channel_width) * (
        shape.counts["pseudochannel"] if "pseudochannel" in standard.levels else 1
    )
    assert device.peak_bytes_per_s == Fraction(speed.rate_mts * 10**6 * wide, 8)
    assert device.capacity_bytes == prod(device.counts) * device.rows * device.row_bytes
    assert device.row_bytes % device.access_bytes == 0
    assert device.devices == int(device.devices) >= 1
    assert device.read_latency > device.timing["nBL"]
    assert all(0 <= rule.level < len(standard.levels) for rule in device.rules)


@every_pair
def test_the_burst_takes_the_bus_as_long_as_the_rate_says(standard: Standard, preset: str, organisation: str):
    device = make_device(standard, preset, organisation)
    burst_fs = device.prefetch * Fraction(10**9, standard.presets[preset].rate_mts)
    assert float(device.timing["nBL"] * device.tck_fs) == pytest.approx(float(burst_fs), rel=0.02)


def gbits(device: Device) -> float:
    """Density that the organisation's name states, from what there is of each level."""
    channel = device.capacity_bytes * 8 / 2**30 / device.counts[device.standard.levels.index("rank")]
    return channel / device.devices


@pytest.mark.parametrize(
    ("standard", "organisation"),
    [
        pytest.param(standard, name, id=name)
        for standard in TABLES
        if "rank" in standard.levels
        for name in standard.organisations
        if not name.startswith("DS3_")
    ],
)
def test_capacity_is_the_density_of_the_name(standard: Standard, organisation: str):
    stated = re.search(r"_(\d+)Gb_x(\d+)$", organisation)
    assert stated is not None
    device = make_device(standard, organisation=organisation)
    assert gbits(device) == int(stated[1])
    assert standard.organisations[organisation].dq == int(stated[2])


@pytest.mark.parametrize(
    ("name", "organisation", "gibibits"),
    [
        # GDDR6: two channels of a device; two devices to a channel in x8 mode.
        ("gddr6", "GDDR6_8Gb_x16", 8 / 2),
        ("gddr6", "GDDR6_8Gb_x8", 8),
        ("gddr6", "GDDR6_16Gb_x16", 16 / 2),
        ("gddr6", "GDDR6_16Gb_x8", 16),
        # HBM2: the density of a pseudo channel, of which a channel has two.
        ("hbm2", "HBM2_1Gb", 2 * 1),
        ("hbm2", "HBM2_2Gb", 2 * 2),
        ("hbm2", "HBM2_4Gb", 2 * 4),
        ("hbm2", "HBM2_8Gb", 2 * 8),
        # HBM3: dies of a density, sixteen channels.
        ("hbm3", "HBM3_4Gb", 4 * 16 / 16),
        ("hbm3", "HBM3_8Gb_8hi", 8 * 8 / 16),
        ("hbm3", "HBM3_8Gb_16hi", 16 * 8 / 16),
        ("hbm3", "HBM3_16Gb_8hi", 8 * 16 / 16),
        ("hbm3", "HBM3_16Gb_16hi", 16 * 16 / 16),
        ("hbm3", "HBM3_32Gb_8hi", 8 * 32 / 16),
        ("hbm3", "HBM3_32Gb_16hi", 16 * 32 / 16),
    ],
)
def test_capacity_of_a_channel(name: str, organisation: str, gibibits: float):
    device = make_device(STANDARDS[name], organisation=organisation)
    assert device.capacity_bytes * 8 == gibibits * 2**30


@pytest.mark.parametrize(
    ("name", "preset", "gibibytes", "access", "row"),
    [
        # configs/*.ini: channel_size, BL x bus_width, and one row of a rank.
        ("ddr4", "DS3_DDR4_3200", 8, 64, 8192),
        ("lpddr4", "DS3_LPDDR4_2400", 4, 128, 8192),
        ("hbm2", "DS3_HBM2", 1, 64, 2048),
        ("hbm2", "DS3_HBM2_4Gb", 0.5, 64, 2048),
        ("gddr6", "DS3_GDDR6", 8, 256, 32768),
    ],
)
def test_channels_of_dramsim3(name: str, preset: str, gibibytes: float, access: int, row: int):
    device = make_device(STANDARDS[name], preset)
    assert device.organisation == preset
    assert (device.capacity_bytes, device.access_bytes, device.row_bytes) == (gibibytes * 2**30, access, row)


@every_table
def test_rules_name_what_there_is(standard: Standard):
    assert set(standard.commands) <= set(COMMANDS)
    assert standard.refresh_level in standard.levels
    for rule in standard.rules:
        assert rule.level in standard.levels
        assert {*rule.before.split(), *rule.after.split()} <= set(standard.commands), rule
    assert set(standard.aligned.split()) <= set(standard.commands)
    assert ("REFpb" in standard.commands) == (standard.refresh_banks > 0)
    assert ("ACT2" in standard.commands) == bool(standard.act2_within)
    assert ("CAS_RD" in standard.commands) == (standard.sync is not None)
    for speed in standard.presets.values():
        assert set(speed.commands) <= set(standard.commands)
        assert set(speed.organisations) <= set(standard.organisations)


@every_table
def test_no_rule_stands_twice(standard: Standard):
    stated = [
        (rule.level, before, after, rule.latency, rule.window, rule.sibling)
        for rule in standard.rules
        for before in rule.before.split()
        for after in rule.after.split()
    ]
    assert len(stated) == len(set(stated))


@every_table
def test_every_figure_has_a_source(standard: Standard):
    assert standard.source
    for entry in (*standard.presets.values(), *standard.organisations.values(), *standard.power.values()):
        assert len(entry.source) > 8
    for entry in (*standard.presets.values(), *standard.power.values()):
        assert entry.origin in ("published", "derived", "estimate")
    for power in standard.power.values():
        assert power.supplies
        assert re.fullmatch(r"\d+ %", power.band)


@every_table
def test_power_is_of_something(standard: Standard):
    for key in standard.power:
        for part in filter(None, key.split("/")):
            assert part in standard.presets or part in standard.organisations
        if "/" in key:
            preset, organisation = key.split("/")
            assert organisation in fitting(standard, preset)
    if standard.power:
        assert "" in standard.power


@every_table
def test_bursts_cost_more_than_standing_by(standard: Standard):
    for power in standard.power.values():
        core = max(power.supplies, key=lambda supply: supply.vdd_v * (supply.idd4r_ma or 0))
        assert core.idd2p_ma is not None
        assert core.idd2n_ma is not None
        assert core.idd3n_ma is not None
        assert core.idd2p_ma < core.idd2n_ma < core.idd3n_ma
        for busy in (core.idd4r_ma, core.idd4w_ma, core.idd5_ma):
            assert busy is not None
            assert busy > core.idd3n_ma


@every_table
def test_a_name_means_one_thing(standard: Standard):
    for table in (standard.presets, standard.organisations):
        called = [
            re.sub(r"[-_ .]|mbps$", "", alias.casefold())
            for name, entry in table.items()
            for alias in {re.sub(r"[-_ .]|mbps$", "", each.casefold()) for each in (name, *entry.aliases)}
        ]
        assert len(called) == len(set(called))


@pytest.mark.parametrize(
    ("name", "called", "preset"),
    [
        ("ddr3", "DDR3-1600", "DDR3_1600K"),
        ("ddr4", "DDR4-3200", "DDR4_3200AA"),
        ("ddr4", "ddr4_2666", "DDR4_2666V"),
        ("ddr5", "DDR5-4800", "DDR5_4800B"),
        ("gddr6", "GDDR6_14000", "GDDR6_14000_1350mV_double"),
        ("hbm2", "HBM2_2000", "HBM2_2000Mbps"),
        ("hbm2", "HBM2E-3600", "HBM2E_3600"),
        ("hbm3", "hbm3-6400mbps", "HBM3_6400Mbps"),
        ("lpddr4", "LPDDR4X-4266", "LPDDR4_4266"),
        ("lpddr5", "LPDDR5-6400", "LPDDR5_6400"),
        ("lpddr5", "LPDDR5X-8533", "LPDDR5X_8533"),
        ("ddr4", "", "DDR4_3200AA"),
    ],
)
def test_presets_go_by_the_names_that_people_use(name: str, called: str, preset: str):
    assert make_device(STANDARDS[name], called).preset == preset


def test_nanoseconds_become_clocks():
    device = make_device(STANDARDS["lpddr5"], "LPDDR5X_7500")  # 1067 ps
    assert device.timing["nCL"] == 20  # 21.25 ns, 19.9
    assert device.timing["nRCD"] == 18  # 18.75 ns, 17.6
    assert device.timing["nREFI"] == 3660  # 3906 ns, 3660.7: no longer than that
    scaled = make_device(STANDARDS["lpddr5"], "LPDDR5_6400").timing
    assert device.timing["nBL"] == scaled["nBL"] == 2


def test_wider_devices_open_larger_rows_and_have_other_timings():
    narrow = make_device(STANDARDS["ddr4"], "DDR4_2400T", "DDR4_8Gb_x4").timing
    plain = make_device(STANDARDS["ddr4"], "DDR4_2400T", "DDR4_8Gb_x8").timing
    wide = make_device(STANDARDS["ddr4"], "DDR4_2400T", "DDR4_8Gb_x16").timing
    assert [timing["nFAW"] for timing in (narrow, plain, wide)] == [16, 26, 36]
    assert [timing["nRRD_L"] for timing in (narrow, plain, wide)] == [6, 6, 8]
    assert make_device(STANDARDS["ddr5"], "DDR5_4800B", "DDR5_16Gb_x4").timing["nCCD_L_WR"] == 48  # 20 ns
    assert make_device(STANDARDS["ddr5"], "DDR5_4800B", "DDR5_16Gb_x8").timing["nCCD_L_WR"] == 24  # 10 ns


def test_hbm3_counts_half_clocks():
    device = make_device(STANDARDS["hbm3"])
    assert device.tck_fs == Fraction(625_000, 2)
    assert device.timing["nCL"] == 40
    assert device.clocks("nCL + 1") == 42


def test_a_preset_that_claims_an_organisation_is_its_first():
    assert make_device(STANDARDS["gddr6"], "DS3_GDDR6").organisation == "DS3_GDDR6"
    assert make_device(STANDARDS["gddr6"], organisation="DS3_GDDR6").preset == "DS3_GDDR6"
    assert make_device(STANDARDS["gddr6"], organisation="GDDR6_16Gb_x16").preset == "GDDR6_14000_1350mV_double"
    assert "DS3_HBM2" not in fitting(STANDARDS["hbm2"], "HBM2_2000Mbps")


HBM3_PRESETS = (
    "HBM3_6400Mbps, HBM3_4800Mbps, HBM3_5200Mbps, HBM3_5600Mbps, HBM3E_8000Mbps, HBM3E_9200Mbps, HBM3E_9600Mbps"
)


@pytest.mark.parametrize(
    ("name", "choice", "where", "message"),
    [
        (
            "hbm3", {"preset": "HBM3-6401"}, "preset",
            f"unknown preset 'HBM3-6401', expected one of {HBM3_PRESETS}; did you mean 'HBM3_6400'?",
        ),
        (
            "hbm3", {"preset": "x"}, "preset", f"unknown preset 'x', expected one of {HBM3_PRESETS}",
        ),
        (
            "gddr6", {"organisation": "GDDR6_8Gb_x32"}, "organisation",
            "unknown organisation 'GDDR6_8Gb_x32', expected one of GDDR6_8Gb_x16, GDDR6_8Gb_x8, GDDR6_16Gb_x16, "
            "GDDR6_16Gb_x8, DS3_GDDR6; did you mean 'GDDR6_8Gb_x8'?",
        ),
        (
            "hbm2", {"preset": "HBM2_2000", "organisation": "DS3_HBM2"}, "organisation",
            "DS3_HBM2 goes with DS3_HBM2 only, not with HBM2_2000Mbps",
        ),
        (
            "hbm2", {"preset": "DS3_HBM2", "organisation": "HBM2_8Gb"}, "organisation",
            "DS3_HBM2 goes with DS3_HBM2 only, not with HBM2_8Gb",
        ),
        (
            "ddr4", {"overrides": {"nRC": 60}}, "timing.nRC",
            "expected at least nRAS 52 + nRP 22 = 74 clocks, got nRC 60",
        ),
        (
            "ddr4", {"overrides": {"tRC": Fraction(40)}}, "timing.nRC",
            "expected at least nRAS 52 + nRP 22 = 74 clocks, got nRC 64",
        ),
        (
            "ddr4", {"overrides": {"tREFI": Fraction(100)}}, "timing.nREFI",
            "expected at least nRFC 576 clocks, got nREFI 160",
        ),
        (
            "ddr4", {"overrides": {"nWR": -1}}, "timing.nWR", "expected no negative time, got -1 clocks",
        ),
        (
            "ddr4", {"overrides": {"tRCC": 1}}, "timing.tRCC", "ddr4 has no timing tRCC; did you mean 'tRC'?",
        ),
        ("hbm2", {"ranks": 2}, "ranks", "hbm2 has no ranks"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(name: str, choice: dict, where: str, message: str):
    with pytest.raises(DeviceError) as caught:
        make_device(STANDARDS[name], **choice)
    assert (caught.value.where, caught.value.message) == (where, message)


def test_one_clock_of_rounding_is_no_contradiction():
    assert make_device(STANDARDS["ddr4"], overrides={"nRC": 73}).timing["nRC"] == 73


@pytest.mark.parametrize("name", [name for name in STANDARDS.names() if STANDARDS[name].refresh_banks])
def test_a_refresh_of_a_bank_waits_for_all_that_uses_it(name: str):
    device = make_device(STANDARDS[name])
    bank = device.standard.levels.index("bank")
    waits = {
        COMMANDS[before]
        for rule in device.rules
        if rule.level == bank and COMMANDS.index("REFpb") in rule.after
        for before in rule.before
    }
    assert {"ACT", "PREpb", "RDA", "WRA"} <= waits


def test_the_interval_of_a_banks_refresh_follows_from_trefi():
    with pytest.raises(DeviceError) as caught:
        make_device(STANDARDS["lpddr5"], overrides={"nREFIpb": 100})
    assert caught.value.args == ("timing.nREFIpb", "it follows from tREFI: every bank has its turn within it")


def test_an_interval_in_which_not_every_bank_has_its_turn_is_refused():
    """LPDDR5: eight turns, 72 clocks apart at least."""
    with pytest.raises(DeviceError) as caught:
        make_device(STANDARDS["lpddr5"], overrides={"nREFI": 300}).check_refresh_turns()
    expected = "expected at least 577 clocks for 8 refreshes of banks, got nREFI 300"
    assert caught.value.args == ("timing.nREFI", expected)


def test_the_kernels_columns_are_the_commands():
    named = {name.upper(): place for place, name in enumerate(COMMANDS[:PLAIN])}
    assert {name: getattr(dramstate, name) for name in named} == named
    assert COMMANDS[PLAIN:].index("ACT_S") == drampimstate.ACT_S - PLAIN
    assert COMMANDS[PLAIN:].index("PRE_S") == drampimstate.PRE_S - PLAIN
