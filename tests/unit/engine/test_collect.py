"""From spans to rows: exposed times, what bounds a node, where energies come from."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.engine.collect import energy_entries, exposed_times, memory_infos
from simulator.engine.simulate import simulate
from simulator.results.result import EnergyEntry

NS = 10**6


def three_nodes(sheet):
    """Node a loads and computes, b only computes, c prefetches under both and computes last."""
    made = sheet().at(0).load(64, 0).lanes(10, [("sram", 0, 64)])
    made.at(2).load(64, 64)
    made.at(1).lanes(20).at(2).lanes(5, [("sram", 64, 128)])
    return made


def test_nodes_are_exposed_one_after_the_other(sheet):
    """a until its result is out at 46 (load 31, 10 operations, 5 of latency); b from its tile at 41 to 66; c
    from 61 to 71.

    What each adds to the end of the run: 46, 20, 5.
    """
    program = three_nodes(sheet).program()
    spans = np.array([[0, 31], [31, 46], [0, 32], [41, 66], [61, 71]]) * NS
    start, end, exposed = (times // NS for times in exposed_times(program, spans))
    assert start.tolist() == [0, 41, 61]
    assert end.tolist() == [46, 66, 71]
    assert exposed.tolist() == [46, 20, 5]


def test_a_node_that_ends_under_another_is_not_exposed(sheet):
    program = three_nodes(sheet).program()
    spans = np.array([[0, 31], [31, 146], [0, 32], [41, 66], [66, 150]]) * NS
    start, end, exposed = (times // NS for times in exposed_times(program, spans))
    assert exposed.tolist() == [146, 0, 4]
    assert (start[1], end[1]) == (41, 66)


def test_a_node_without_commands_takes_no_time(sheet):
    made = sheet().at(0).lanes(10)
    program = made.program()
    start, end, exposed = exposed_times(program, np.array([[0, 15]]) * NS)
    assert exposed.tolist() == [15 * NS, 0, 0]
    assert start.tolist() == [0, 15 * NS, 15 * NS]
    assert end.tolist() == [15 * NS] * 3


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


def test_memories_without_limits_are_none_not_a_number(small):
    infos = {info.name: info for info in memory_infos(small({"memories.acc.capacity": "unlimited"}))}
    assert infos["acc"].capacity_bytes is None
    assert infos["acc"].bandwidth_bytes_per_s is None
    assert infos["sram"].capacity_bytes == 4096
    assert (infos["dram"].external, infos["sram"].external) == (True, False)
    assert infos["dram"].bandwidth_bytes_per_s == 64e9
