"""Energy from currents: by hand for DDR4, what is unknown, what contradicts itself, sums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.hw.device import Device, DeviceError, fitting, make_device
from simulator.hw.dramenergy import ACTIONS, EnergyRow, action_energies, command_energy
from simulator.hw.standard import COMMANDS, STANDARDS, Currents, Power

#: A device of 8 Gb x8 at 3200 MT/s: energy.yaml, DS3_DDR4_8Gb_x8_3200.
IDD = {"idd0_ma": 57, "idd2n_ma": 37, "idd2p_ma": 25, "idd3n_ma": 52, "idd3p_ma": 43, "idd4r_ma": 168,
       "idd4w_ma": 150, "idd5_ma": 250}  # fmt: skip
VDD = Currents(1.2, **IDD)
#: What an action needs.
NEEDS = {
    "activate": {"idd0_ma", "idd2n_ma", "idd3n_ma"}, "read": {"idd4r_ma", "idd3n_ma"},
    "write": {"idd4w_ma", "idd3n_ma"}, "refresh": {"idd5_ma", "idd3n_ma"}, "standby_active": {"idd3n_ma"},
    "standby_idle": {"idd2n_ma"}, "down_active": {"idd3p_ma"}, "down_idle": {"idd2p_ma"},
}  # fmt: skip
EVERY = [
    pytest.param(name, preset, organisation, id=f"{preset}-{organisation}")
    for name in STANDARDS.names()
    for preset in STANDARDS[name].presets
    for organisation in fitting(STANDARDS[name], preset)
]


def ddr4(*supplies: Currents, io: float | None = None) -> Device:
    """DDR4-3200 of eight x8 devices with other currents."""
    power = Power(supplies, io, "published", "a data sheet", "20 %")
    return replace(make_device(STANDARDS["ddr4"], "DDR4_3200AA", "DDR4_8Gb_x8"), power=power)


def pj(device: Device) -> dict[str, float | None]:
    return {action: energy.pj for action, energy in action_energies(device).items()}


def commands(**counts: int) -> list[int]:
    return [counts.get(name, 0) for name in COMMANDS]


def test_ddr4_by_hand():
    """V · mA = mW; mW · ns = pJ. tCK 0.625 ns, nRC 74, nRAS 52, nBL 4, tRFC 360 ns, 8 devices, 64 B.

    tRC 46.25 ns, tRAS 32.5 ns, the rest 13.75 ns, burst 2.5 ns.

    - activate: 57 · 46.25 = 2636.25 mA ns in all, of which 52 · 32.5 = 1690 and 37 · 13.75 = 508.75 are for standing
      by: 437.5 mA ns; 1.2 V · 437.5 = 525 pJ a device, eight of them 4200 pJ.
    - read: 168 − 52 = 116 mA; 1.2 · 116 · 2.5 = 348 pJ; · 8 = 2784 pJ for 64 B: 43.5 pJ a byte.
    - write: 150 − 52 = 98 mA; 1.2 · 98 · 2.5 = 294 pJ; · 8 = 2352 pJ for 64 B: 36.75 pJ a byte.
    - refresh: 250 − 52 = 198 mA; 1.2 · 198 · 360 = 85 536 pJ; · 8 = 684 288 pJ.
    - standing by with a row open: 1.2 · 52 · 8 = 499.2 mW = 499.2e9 pJ/s = 0.4992 pJ/ps; without: 1.2 · 37 · 8 =
      355.2 mW; powered down 1.2 · 43 · 8 = 412.8 mW and 1.2 · 25 · 8 = 240 mW.
    - interface: 5.5 pJ/bit = 44 pJ a byte.
    """
    assert pj(ddr4(VDD, io=5.5)) == {
        "activate": 4200.0,
        "read": 43.5,
        "write": 36.75,
        "io": 44.0,
        "refresh": 684_288.0,
        "standby_active": 0.4992,
        "standby_idle": 0.3552,
        "down_active": 0.4128,
        "down_idle": 0.24,
    }


def test_the_table_of_ddr4_gives_the_same():
    table = pj(make_device(STANDARDS["ddr4"], "DDR4_3200AA", "DDR4_8Gb_x8"))
    assert table == pj(ddr4(VDD))


@pytest.mark.parametrize(
    ("entry", "names"),
    [
        ("DS3_DDR4_8Gb_x8_3200", ("ddr4", "DDR4_3200AA", "DDR4_8Gb_x8")),
        ("DS3_HBM2_8Gb_x128", ("hbm2", "DS3_HBM2", "")),
        ("DS3_GDDR6_8Gb_x16", ("gddr6", "", "")),
        ("LLMServingSim_LPDDR5_6400_pim", ("lpddr5", "", "")),
    ],
)
def test_currents_are_those_of_the_references(reference: Path, entry: str, names: tuple[str, str, str]):
    table: dict[str, Any] = yaml.safe_load((reference / "dram" / "energy.yaml").read_text())[entry]
    power = make_device(STANDARDS[names[0]], *names[1:]).power
    assert power is not None
    keys = {"idd5_ma": "IDD5AB", "vdd_v": "VDD"}
    for name in (*IDD, "vdd_v"):
        assert getattr(power.supplies[0], name) == table[keys.get(name, name[:-3].upper())], name


def test_a_refresh_of_one_bank_is_its_share_of_all():
    """LPDDR4, 6 Gb: ((10 − 2.25) · 1.8 + (90 − 30) · 1.1) V mA · 280 ns = 22 386 pJ; one bank of eight: 2798.25 pJ."""
    energies = action_energies(make_device(STANDARDS["lpddr4"], "LPDDR4_3200", "LPDDR4_6Gb_x16"))
    assert energies["refresh"].pj == pytest.approx(22_386)
    assert energies["refresh_bank"].pj == pytest.approx(2798.25)
    assert energies["refresh"].origin == "published"
    assert energies["refresh_bank"].origin == "derived"
    assert "1 of 8 banks" in energies["refresh_bank"].source


def test_what_a_standard_cannot_do_has_no_energy():
    assert "refresh_bank" not in action_energies(ddr4(VDD))


def test_half_clocks_are_not_taken_for_clocks():
    """HBM3 counts half clocks: 295.5 − 27.5 mA at 1.1 V for 1.25 ns over 32 B."""
    device = make_device(STANDARDS["hbm3"], "HBM3_6400Mbps")
    assert device.standard.phases == 2
    assert pj(device)["read"] == pytest.approx(1.1 * 268 * 1.25 / 32)


def test_supplies_add_up():
    other = Currents(2.5, 3, 1, 1, 2, 1, 4, 4, 5)
    alone, both = pj(ddr4(VDD)), pj(ddr4(VDD, other))
    for action, energy in pj(ddr4(other)).items():
        if action != "io":
            assert both[action] == pytest.approx(alone[action] + energy)


def test_devices_add_up():
    """A x16 rank is of four devices, a x4 rank of sixteen."""
    for organisation, devices in (("DDR4_8Gb_x16", 4), ("DDR4_8Gb_x4", 16)):
        device = make_device(STANDARDS["ddr4"], "DDR4_3200AA", organisation)
        device = replace(device, power=Power((VDD,)))
        assert pj(device)["standby_idle"] == pytest.approx(0.0444 * devices)


def test_no_current_no_energy():
    device = ddr4(Currents(1.2, 0, 0, 0, 0, 0, 0, 0, 0), io=0.0)
    assert pj(device) == dict.fromkeys(action_energies(device), 0.0)


@pytest.mark.parametrize("missing", IDD)
def test_an_unknown_current_is_unknown_and_named(missing: str):
    energies = action_energies(ddr4(replace(VDD, **{missing: None})))
    for action, needs in NEEDS.items():
        assert (energies[action].pj is None) == (missing in needs), action
        assert (f"{missing[:-3].upper()} at 1.2 V" in energies[action].source) == (missing in needs), action


def test_an_interface_that_nobody_has_published_is_unknown():
    energy = action_energies(ddr4(VDD))["io"]
    assert energy.pj is None
    assert "interface" in energy.source


def test_no_currents_at_all():
    for device in (ddr4(), replace(ddr4(), power=None), ddr4(Currents(2.5, idd0_ma=3))):
        assert set(pj(device).values()) == {None}


def test_a_supply_of_which_idd0_alone_is_known_is_left_out_and_named():
    """It cannot be divided: what flows while a row is open may flow while none is."""
    energies = action_energies(ddr4(VDD, Currents(2.5, idd0_ma=3)))
    assert energies["activate"].pj == 4200.0
    assert "without 2.5 V" in energies["activate"].source


def test_energies_say_where_they_are_from():
    energies = action_energies(ddr4(VDD, io=1.0))
    assert {(energy.origin, energy.source, energy.band) for energy in energies.values()} == {
        ("published", "a data sheet", "20 %")
    }


@pytest.mark.parametrize(
    ("currents", "action"),
    [({"idd5_ma": 51}, "refresh"), ({"idd4r_ma": 51}, "read"), ({"idd4w_ma": 51}, "write"), ({"idd0_ma": 40}, "activate")],
)
def test_less_than_standing_by_is_refused(currents: Mapping[str, float], action: str):
    with pytest.raises(DeviceError, match=f"expected {action} to take more than standing by.*IDD3N 52 mA"):
        action_energies(ddr4(replace(VDD, **currents)))


@pytest.mark.parametrize(("name", "preset", "organisation"), EVERY)
def test_every_device_has_energies_or_says_why_not(name: str, preset: str, organisation: str):
    device = make_device(STANDARDS[name], preset, organisation)
    energies = action_energies(device)
    assert set(ACTIONS) - set(energies) <= {"refresh_bank"}
    assert ("refresh_bank" in energies) == bool(device.standard.refresh_banks)
    for action, energy in energies.items():
        assert energy.source, action
        assert energy.pj is None or (energy.pj > 0 and energy.origin and energy.band), action
    if energies["read"].pj is not None:
        idle, active = energies["standby_idle"].pj, energies["standby_active"].pj
        assert energies["down_idle"].pj <= idle <= active
        assert energies["down_active"].pj <= active


def test_rows_by_hand():
    """The figures of the first test; 3 µs open are 3e6 ps, 1 µs closed, 2 µs and 0.5 µs powered down."""
    device = ddr4(VDD, io=5.5)
    rows = command_energy(
        device, commands(ACT=3, PREpb=3, RD=5, WR=2, REFab=1), 5 * 64, 2 * 64,
        3 * 10**9, 10**9, 2 * 10**9, 5 * 10**8,
    )  # fmt: skip
    assert [(row.action, row.count) for row in rows if row.count] == [
        ("activate", 3), ("read", 320), ("write", 128), ("io", 448), ("refresh", 1),
        ("standby_active", 3 * 10**6), ("standby_idle", 10**6), ("down_active", 2 * 10**6), ("down_idle", 5 * 10**5),
    ]  # fmt: skip
    assert {row.action: row.pj for row in rows} == pytest.approx(
        {
            "activate": 12_600, "read": 13_920, "write": 4704, "io": 19_712, "refresh": 684_288, "refresh_bank": 0,
            "standby_active": 1_497_600, "standby_idle": 355_200, "down_active": 825_600, "down_idle": 120_000,
        }
    )  # fmt: skip


def test_unknown_in_rows():
    """Unknown where it happened; what did not happen took nothing."""
    device = ddr4(replace(VDD, idd5_ma=None))
    rows = {row.action: row for row in command_energy(device, commands(REFab=2), 0, 64, 0, 0)}
    assert rows["refresh"] == EnergyRow("refresh", 2, None, None)
    assert rows["io"] == EnergyRow("io", 64, None, None)
    assert rows["write"].pj == pytest.approx(2352)
    assert command_energy(device, commands(), 0, 0, 0, 0)[ACTIONS.index("refresh")].pj == 0.0


COUNT = st.integers(0, 10**9)
COUNTS = st.tuples(*[COUNT] * 9)


def total(device: Device, counts: tuple[int, ...], times: int = 1) -> dict[str, float | None]:
    act, rd, wr, ref, refpb, *states = (count * times for count in counts)
    rows = command_energy(
        device, commands(ACT=act, RD=rd, WR=wr, REFab=ref, REFpb=refpb), rd * device.access_bytes,
        wr * device.access_bytes, *(1000 * each for each in states),
    )  # fmt: skip
    return {row.action: row.pj for row in rows}


@settings(max_examples=50, deadline=None)
@given(counts=COUNTS, others=COUNTS, times=st.integers(0, 1000))
def test_linear_in_counts(counts, others, times):
    device = make_device(STANDARDS["hbm2"])
    one, other = total(device, counts), total(device, others)
    assert total(device, counts, times) == pytest.approx({action: times * energy for action, energy in one.items()})
    added = tuple(a + b for a, b in zip(counts, others, strict=True))
    assert total(device, added) == pytest.approx({action: one[action] + other[action] for action in one})


@settings(max_examples=50, deadline=None)
@given(counts=COUNTS)
def test_energy_is_conserved(counts):
    """The rows are all there is: their sum is V times the mean current times the time, worked out on its own.

    Counted apart, standing by and actions: a device of which IDD3N flows all the time takes IDD4R while it reads.
    """
    device = make_device(STANDARDS["lpddr4"], "LPDDR4_3200", "LPDDR4_6Gb_x16")
    device = replace(device, power=replace(device.power, io_pj_per_bit=0.5))
    act, rd, wr, ref, refpb, active, idle, down_active, down_idle = counts
    ns = {name: float(device.timing[name] * device.tck_fs) / 1e6 for name in ("nRC", "nRAS", "nBL", "nRFC")}
    expected = 0.5 * 8 * (rd + wr) * device.access_bytes
    for rail in device.power.supplies:
        charge = act * (rail.idd0_ma * ns["nRC"] - rail.idd3n_ma * ns["nRAS"] - rail.idd2n_ma * (ns["nRC"] - ns["nRAS"]))
        charge += (rd * (rail.idd4r_ma - rail.idd3n_ma) + wr * (rail.idd4w_ma - rail.idd3n_ma)) * ns["nBL"]
        charge += (ref + refpb / 8) * (rail.idd5_ma - rail.idd3n_ma) * ns["nRFC"]
        charge += (rail.idd3n_ma * active + rail.idd2n_ma * idle + rail.idd3p_ma * down_active + rail.idd2p_ma * down_idle) / 1e3
        expected += rail.vdd_v * charge
    assert sum(total(device, counts).values()) == pytest.approx(expected)
