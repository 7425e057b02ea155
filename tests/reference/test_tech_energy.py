"""The facts that results are brought to other nodes with are those of the reference, and so is what follows."""

from __future__ import annotations

import pytest

from simulator.base import yamlio
from simulator.hw import scaling


@pytest.fixture(scope="module")
def table(request):
    reference = request.getfixturevalue("reference")
    return yamlio.load(reference / "chips" / "tech_energy.yaml").data


def test_facts_are_those_of_the_reference(table):
    facts, primary = scaling.facts(), table["primary"]
    for name, row in facts["arithmetic_pj"].items():
        if name != "source":
            assert row[45] == primary["horowitz_45nm"]["energy_pj"][name]["value"], name
            assert row[7] == primary["tpuv4i_7nm"]["energy_pj"][name]["value"], name
    for kib, name in ((8, "8KB"), (32, "32KB"), (1024, "1MB")):
        assert facts["sram_pj"][kib][45] == primary["horowitz_45nm"]["sram_64b_read_pj"][name]["value"]
        assert facts["sram_pj"][kib][7] == primary["tpuv4i_7nm"]["sram_64b_pj"][name]["value"]
    gates = table["scaling_stillmaker_baas"]
    assert facts["gates"]["energy"] == gates["energy_poly_a2V2_a1V_a0"]
    forty_five = gates["area_factor_rows_from_to"][gates["nodes_nm"].index(45)]
    assert facts["gates"]["area"] == dict(zip(gates["nodes_nm"], forty_five, strict=True))
    cells = {node: cell["value"] for node, cell in table["area"]["sram_bitcell_um2"].items()}
    assert {node: area for node, area in facts["bitcell_um2"].items() if node != "source"} == cells
    leaks = {node: each["value"] for node, each in table["leakage_mw_per_mm2"].items() if node != "note"}
    assert {node: mw for node, mw in facts["leakage_mw_per_mm2"].items() if node != "source"} == leaks


@pytest.mark.parametrize("node", [40, 28, 16, 12, 7, 5])
def test_energies_between_the_tables_are_those_that_the_reference_recommends(table, node):
    """To the digits that it gives, which are four."""
    for like in ("int8", "fp16", "fp32"):
        values = table["recommended_mac_energy_pj"]["values"][like]
        factor = scaling.energy("logic", 45, node, like=like).central
        assert values[45] * factor == pytest.approx(values[node], rel=1e-3), like
    recommended = table["recommended_sram_pj_per_byte"]["values"]
    for kib in (8, 32, 1024):
        factor = scaling.energy("sram", 45, node, kib=kib).central
        assert recommended[45][f"{kib}KB"] * factor == pytest.approx(recommended[node][f"{kib}KB"], rel=1e-3), kib
    hops = table["noc"]["hop_pj_per_bit_by_node"]
    assert hops[45] * scaling.energy("wire", 45, node).central == pytest.approx(hops[node], rel=5e-3)


def test_gates_are_as_worked_out(table):
    worked = table["scaling_stillmaker_baas"]["worked"]
    assert scaling.energy("logic", 45, 7).low == pytest.approx(worked["45nm0.9V_to_7nm0.7V"], abs=5e-5)
    assert scaling.energy("logic", 16, 7).low == pytest.approx(worked["16nm0.8V_to_7nm0.7V"], abs=5e-5)
    assert scaling.energy("logic", 45, 16).low == pytest.approx(worked["45nm0.9V_to_16nm0.8V"], abs=5e-5)
    assert scaling._gate_same_v(7) / scaling._gate_same_v(45) == pytest.approx(
        worked["45nm0.8V_to_7nm0.8V"], abs=5e-5
    )


def test_one_row_of_areas_says_what_all_rows_say(table):
    """Entries have one or two digits: each is the quotient of two of one row to 10 %."""
    gates = table["scaling_stillmaker_baas"]
    for was, row in zip(gates["nodes_nm"], gates["area_factor_rows_from_to"], strict=True):
        for node, entry in zip(gates["nodes_nm"], row, strict=True):
            assert scaling.area("logic", was, node).each[1] == pytest.approx(entry, rel=0.1), (was, node)
