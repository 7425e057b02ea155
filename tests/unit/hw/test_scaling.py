"""Factors between process nodes: by hand, their limits, what must hold of any, and that every component has one."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.hw import scaling
from simulator.hw.component import CORES, LINKS, MEMORIES
from simulator.hw.scaling import Factor

NODES = st.floats(5, 130)
SPENT = st.sampled_from([scaling.LOGIC, scaling.SRAM, scaling.WIRE, scaling.MIXED])


def test_an_int8_mac_from_45_to_7_nm_by_hand():
    """Central (0.07 + 0.03) / (0.2 + 0.1) pJ; low 0.7 V over 0.9 V of the polynomials; high int32_mult 1.48 / 3.1."""
    seven = 0.1776 * 0.7**2 - 0.09097 * 0.7 + 0.02447
    forty_five = 1.103 * 0.9**2 - 0.362 * 0.9 + 0.2767
    found = scaling.energy("logic", 45, 7, like="int8")
    assert found.each == pytest.approx((seven / forty_five, 0.1 / 0.3, 1.48 / 3.1))
    assert found.low == pytest.approx(0.0566, abs=5e-5), "as the reference works it out"


def test_between_the_tables_energy_is_a_power_law():
    """Half of the way in log(node) is the root of the factor of the whole."""
    middle = math.sqrt(45 * 7)
    half = scaling.energy("logic", 45, middle)
    assert half.central == pytest.approx(math.sqrt(1 / 3))
    assert scaling.energy("logic", 28, 7).central == pytest.approx((7 / 28) ** (math.log(3) / math.log(45 / 7)))


def test_sram_by_its_capacity():
    """8 KiB hardly gains (7.5 / 10 pJ), 1 MiB does (14 / 100); 128 KiB lies between the rows of 32 KiB and 1 MiB."""
    assert scaling.energy("sram", 45, 7, kib=8).central == pytest.approx(0.75)
    assert scaling.energy("sram", 45, 7, kib=1024).central == pytest.approx(0.14)
    between = scaling.energy("sram", 45, 7, kib=128)
    assert between.central == pytest.approx((8.5 + 0.4 * 5.5) / (20 + 0.4 * 80))
    assert between.high == pytest.approx(8.5 / 20), "the nearer of the two rows says the least gain"
    assert scaling.energy("sram", 45, 7, kib=2).central == pytest.approx(0.75), "smaller ones as the smallest"
    assert scaling.energy("sram", 45, 7, kib=9999).central == pytest.approx(0.14)


def test_wires_by_supply_and_length():
    """One length: (0.7 / 0.9)^2; shrinking with the die's edge: times the root of the area, 0.059."""
    found = scaling.energy("wire", 45, 7)
    assert found.high == pytest.approx((0.7 / 0.9) ** 2)
    assert found.low == pytest.approx((0.7 / 0.9) ** 2 * math.sqrt(0.059))


def test_leakage_is_power_per_area_times_area():
    """16 to 7 nm: 10 / 8 mW/mm2 on 0.059 / 0.19 of the area; above 45 nm nothing is known."""
    found = scaling.leakage("logic", 16, 7)
    assert found is not None
    assert found.central == pytest.approx(10 / 8 * 0.059 / 0.19)
    assert scaling.leakage("logic", 110, 7) is None
    assert scaling.leakage("logic", 7, 65) is None
    assert scaling.leakage("logic", 110, 110) == Factor()


def test_area_of_logic_and_of_bit_cells():
    assert scaling.area("logic", 45, 7).each == pytest.approx((0.059, 0.059, 0.027 / 0.299))
    assert scaling.area("sram", 45, 7).central == pytest.approx(0.027 / 0.299)
    assert scaling.area("logic", 7, 5).central == pytest.approx(5 / 7)


def test_above_the_silicon_tables_gates_take_over_and_the_band_is_wide():
    """130 to 45 nm: the power law of 45 to 7 nm would say 0.53, gates at their supplies 0.163."""
    found = scaling.energy("logic", 130, 45)
    assert found.central == found.low == pytest.approx(0.163, abs=5e-4)
    assert found.high > 3 * found.central


@pytest.mark.parametrize("kept", scaling.KEPT)
def test_what_is_not_in_the_logic_s_process_stays(kept):
    assert scaling.energy(kept, 45, 7) == scaling.area(kept, 45, 7) == scaling.leakage(kept, 130, 7) == Factor()


@given(NODES, SPENT)
def test_to_the_same_node_nothing_changes(node, spent_in):
    assert scaling.energy(spent_in, node, node) == Factor(1.0, 1.0, 1.0) == scaling.area(spent_in, node, node)


@given(NODES, NODES, NODES, SPENT)
def test_central_factors_compose_and_bands_hold_them(first, second, third, spent_in):
    """Over a node in between it is the same; there and back is 1, and the band turns round."""
    one, two, whole = (
        scaling.energy(spent_in, *pair) for pair in ((first, second), (second, third), (first, third))
    )
    assert one.central * two.central == pytest.approx(whole.central)
    assert one.low <= one.central <= one.high
    back = scaling.energy(spent_in, second, first)
    assert (back.low * one.high, back.central * one.central) == pytest.approx((1, 1))


@given(NODES, NODES, SPENT)
def test_a_smaller_node_takes_less_of_everything(one, other, spent_in):
    small, large = sorted((one, other))
    if small < large:
        assert scaling.energy(spent_in, large, small).central < 1
        assert scaling.area(spent_in, large, small).high <= 1


@pytest.mark.parametrize("registry", [CORES, MEMORIES, LINKS], ids=lambda registry: registry.family)
def test_every_component_says_what_its_energy_is_spent_in(registry):
    for name in registry.names():
        kind = registry[name]
        assert kind.spent_in("static") in scaling.WORDS, name
        assert {kind.spent_in(action) for action in kind.ACTIONS} <= set(scaling.WORDS), name
        assert set(kind.SPENT_IN) - {"*"} <= {*kind.ACTIONS, "static", "area"}, name
        assert getattr(kind, "EXTERNAL", False) == (kind.spent_in("static") in (scaling.DRAM, scaling.BOARD)), name


def test_the_table_of_the_documentation():
    """Every cell of docs/models/normalising.md is what the code says, to three digits."""
    page = (Path(__file__).parents[3] / "docs" / "models" / "normalising.md").read_text()
    lines = [line for line in page.splitlines() if line.startswith("| factor (band)")]
    nodes = [tuple(map(float, re.findall(r"\d+", head))) for head in lines[0].split("|")[2:-1]]
    ask = {
        "logic, int8": lambda *pair: scaling.energy("logic", *pair),
        "SRAM, 8 KiB": lambda *pair: scaling.energy("sram", *pair, kib=8),
        "SRAM, 1 MiB": lambda *pair: scaling.energy("sram", *pair, kib=1024),
        "wires": lambda *pair: scaling.energy("wire", *pair),
        "leakage of logic": lambda *pair: scaling.leakage("logic", *pair),
        "area of logic": lambda *pair: scaling.area("logic", *pair),
    }
    rows = page[page.index(lines[0]) :].splitlines()[2 : 2 + len(ask)]
    for row in rows:
        name, *written = [cell.strip() for cell in row.strip("|").split("|")]
        for pair, cell in zip(nodes, written, strict=True):
            found = ask[name](*pair)
            said = "–" if found is None else f"{found.central:.3g} ({found.low:.3g} to {found.high:.3g})"
            assert cell == said, (name, pair)
