"""Copies of a component have one row, one bar and one colour."""

import dataclasses

import numpy as np
import pytest

from simulator.report.energy import split_by_component, split_by_node_and_component, unknown_actions
from simulator.report.groups import actions_once, groups
from simulator.report.page import component_colours, render
from simulator.report.table import component_table, energy_table
from simulator.results.ledger import Ledger
from simulator.results.result import EnergyEntry, Result


@pytest.fixture
def cluster(result):
    """The run with the work of its array done by two copies of it, half each."""
    counts = result.ledger.counts
    columns = (*result.ledger.columns, ("npu_1", "mac_int8"), ("npu_1", "static"))
    columns = tuple(("npu_0", action) if name == "npu" else (name, action) for name, action in columns)
    halves = np.column_stack([counts, counts[:, 0] // 2, counts[:, 4]])
    halves[:, 0] -= halves[:, 5]
    energy = [entry for entry in result.energy if entry.component != "npu"]
    energy += [EnergyEntry(f"npu_{i}", "static", 0.002, "fitted") for i in range(2)]
    energy += [EnergyEntry(f"npu_{i}", "mac_int8", 0.07, "derived") for i in range(2)]
    return dataclasses.replace(
        result,
        ledger=Ledger(result.ledger.nodes, columns, halves),
        energy=tuple(energy),
        copies={"npu_0": "npu", "npu_1": "npu"},
    )


def test_copies_are_one_group_and_a_name_that_only_looks_like_one_is_not(cluster):
    assert groups(cluster, ["npu_0", "sram", "npu_1", "dma_0"]) == {
        "npu ×2": ("npu_0", "npu_1"),
        "sram": ("sram",),
        "dma_0": ("dma_0",),
    }
    assert groups(cluster, ["npu_1"]) == {"npu_1": ("npu_1",)}


def test_the_energy_of_copies_is_one_sum(cluster, result):
    alone = {each.component: each for each in split_by_component(result)}["npu"]
    (both,) = [each for each in split_by_component(cluster) if each.component == "npu ×2"]
    assert dict(both.actions)["mac_int8"] == pytest.approx(dict(alone.actions)["mac_int8"])
    assert dict(both.actions)["static"] == pytest.approx(2 * dict(alone.actions)["static"])
    assert split_by_node_and_component(cluster)["npu ×2"].sum() == pytest.approx(both.total.pj)
    rows = [row[:3] for row in energy_table(cluster)[1] if row[0] == "npu ×2"]
    assert rows == [
        ["npu ×2", "mac_int8", "5\u202f000\u202f000"],
        ["npu ×2", "static", "21\u202f000\u202f000"],
    ]
    assert [row[0] for row in component_table(cluster)[1]].count("npu ×2") == 1


def test_copies_share_a_colour(cluster):
    names = [each.component for each in split_by_component(cluster)]
    assert len(set(component_colours(cluster, names).values())) == len(names)
    assert "npu ×2" in render(cluster)


def test_an_unknown_energy_is_told_once_for_all_copies(cluster):
    blind = dataclasses.replace(
        cluster, energy=tuple(each for each in cluster.energy if each.action != "mac_int8")
    )
    assert unknown_actions(blind) == [("npu.mac_int8 (2 copies)", 5_000_000)]
    assert list(actions_once(cluster, [("npu_1", "mac_int8")])) == ["npu_1.mac_int8"]


def test_copies_survive_json_and_older_results_have_none(cluster):
    plain = cluster.to_dict()
    assert Result.from_dict(plain).copies == {"npu_0": "npu", "npu_1": "npu"}
    del plain["copies"]
    assert Result.from_dict(plain).copies == {}
