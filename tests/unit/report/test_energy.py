"""Splits of energy: sums are whole, unknown is not 0."""

import pytest

from simulator.report.energy import (
    EnergySum,
    split_by_component,
    split_by_node,
    split_by_node_and_component,
    split_by_origin,
    unknown_actions,
)


def test_a_sum_of_nothing_is_zero_and_a_sum_of_unknowns_is_unknown():
    assert EnergySum.of([]) == EnergySum(0, True)
    assert EnergySum.of([None]) == EnergySum(None, False)
    assert EnergySum.of([2.0, None, 3.0]) == EnergySum(5.0, False)
    assert EnergySum.of([0.0]) == EnergySum(0.0, True)


def test_every_split_sums_to_the_energy_of_the_run(result):
    pj = result.metrics.energy_j * 1e12
    assert sum(each.total.pj for each in split_by_component(result)) == pytest.approx(pj)
    assert sum(each.pj for each in split_by_node(result)) == pytest.approx(pj)
    assert sum(energy.sum() for energy in split_by_node_and_component(result).values()) == pytest.approx(pj)
    assert sum(share for _, share in split_by_origin(result)) == pytest.approx(pj)


def test_components_come_greatest_first_and_unknown_last(result, partly):
    assert [each.component for each in split_by_component(result)] == ["dram", "npu", "sram"]
    only_reads = [each for each in split_by_component(partly) if each.component == "dram"]
    assert only_reads[0].actions == (("read", None), ("write", pytest.approx(336_000.0)))
    assert not only_reads[0].total.complete


def test_a_component_of_which_nothing_is_known_is_last(make, result):
    known = [entry for entry in result.energy if entry.component != "dram"]
    split = split_by_component(make(energy=known))
    assert split[-1].component == "dram"
    assert split[-1].total == EnergySum(None, False)


def test_a_node_without_actions_needs_nothing_and_one_with_unknown_actions_is_unknown(unknown):
    sums = split_by_node(unknown)
    assert sums[1] == EnergySum(0, True)
    assert [sums[i] for i in (0, 2, 3)] == [EnergySum(None, False)] * 3


def test_unknown_actions_are_named_with_their_counts(result, partly, make):
    assert unknown_actions(result) == []
    assert unknown_actions(partly) == [("npu.mac_int8", 5_000_000), ("dram.read", 410_000)]
    never = make([("a", "compute", 1, 0, [0, 5, 0, 0, 0])], energy=())
    assert unknown_actions(never) == [("sram.read", 5)]
