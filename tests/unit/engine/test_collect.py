"""From spans to rows: what bounds a node, where energies come from."""

from __future__ import annotations

import pytest

from simulator.engine.collect import energy_entries
from simulator.engine.simulate import simulate
from simulator.results.result import EnergyEntry

NS = 10**6


def test_rows_say_what_bound_them(sheet):
    """a waits for one load's latency, b is the lanes' alone, c streams 3 KiB for 4 operations."""
    made = sheet().at(0).load(64, 0).lanes(1, [("sram", 0, 64)])
    made.at(1).lanes(500).at(2).load(3072, 1024, far=1024).lanes(4, [("sram", 1024, 4096)])
    result = simulate(made.program(), made.chip)
    assert [row.bound for row in result.rows][:2] == ["latency", "vector"]
    assert result.rows[1].busy_fs == {"lanes": 500 * NS}
    assert result.rows[2].busy_fs["dram"] == 48 * NS
    assert result.rows[2].busy_fs["dma"] == 48 * NS
    assert [row.core for row in result.rows] == ["lanes"] * 3


def test_a_node_that_streams_is_bound_by_the_memory(sheet):
    made = sheet().at(0).load(3072, 0).lanes(4, [("sram", 0, 3072)])
    assert simulate(made.program(), made.chip).rows[0].bound == "dram"


def test_unknown_energies_are_listed_once_per_action_and_never_zero(sheet):
    made = sheet().at(0).load(64, 0).lanes(10, [("sram", 0, 64)])
    result = simulate(made.program(), made.chip)
    assert [text for text in result.not_modelled if "op_add" in text] == ["energy of lanes.op_add is unknown"]
    assert not any("op_mul" in text for text in result.not_modelled), "it did not occur"
    assert result.metrics.energy_complete is False
    assert result.metrics.tops_per_w is None
    assert {entry.pj for entry in result.energy} == {None}


def test_origins_of_energies_are_kept(small):
    overrides = {
        "cores.lanes.energy": "{op_add: {value: 2 pJ, origin: published, source: a paper, band: 5 %}, "
        "op_mul: unknown}",
        "cores.lanes.leakage": "{value: 3 mW, origin: estimate, source: a guess}",
        "cores.lanes.source": "the data sheet",
    }
    entries = {(e.component, e.action): e for e in energy_entries(small(overrides))}
    assert entries["lanes", "op_add"] == EnergyEntry("lanes", "op_add", 2.0, "published", "a paper", "5 %")
    assert entries["lanes", "op_mul"].pj is None
    assert entries["lanes", "op_div"] == EnergyEntry("lanes", "op_div", None, "unknown", "the data sheet")
    static = entries["lanes", "static"]
    assert (static.pj, static.origin, static.source) == (pytest.approx(3e-3), "estimate", "a guess")
    assert entries["dma", "static"].pj is None


def test_memories_without_limits_are_none_not_a_number(sheet):
    made = sheet({"memories.acc.capacity": "unlimited"}).at(0).load(64, 0).lanes(1, [("sram", 0, 64)])
    infos = {info.name: info for info in simulate(made.program(), made.chip).memories}
    assert infos["acc"].capacity_bytes is None
    assert infos["acc"].bandwidth_bytes_per_s is None
    assert infos["sram"].capacity_bytes == 4096
    assert (infos["dram"].external, infos["sram"].external) == (True, False)
    assert infos["dram"].bandwidth_bytes_per_s == 64e9
