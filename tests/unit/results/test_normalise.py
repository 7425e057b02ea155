"""Results at another node: each energy by what it is spent in, DRAM as it is, what is unknown stays unknown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulator.hw import scaling
from simulator.results.ledger import Ledger
from simulator.results.metrics import measure
from simulator.results.normalise import node_of, normalise
from simulator.results.result import EnergyEntry, MemoryInfo, Result
from simulator.results.stream import Stream

COUNTS = {
    ("npu", "mac_int8"): (1000, 0.25), ("npu", "requant"): (10, 3.8), ("npu", "static"): (5000, 0.004),
    ("sram", "read"): (2000, 1.34), ("dma", "byte"): (300, 0.8), ("dram", "read"): (300, 36.0),
    ("dram", "pim_op"): (50, 0.75), ("dram", "standby_idle"): (5000, 0.04),
}  # fmt: skip
CHIP = {
    "technology": {"node": "28 nm"},
    "cores": {"npu": {"kind": "systolic", "area": {"value": "2 mm2", "origin": "estimate"}}},
    "memories": {
        "sram": {"kind": "sram", "capacity": "2 MiB", "banks": 2, "area": "3 mm2"},
        "dram": {"kind": "dram", "area": "unknown"},
    },
    "links": {"dma": {"kind": "dma", "area": "unknown"}},
}


def made(chip=CHIP, **prices) -> Result:
    """A run of one node on a chip of 28 nm."""
    energy = tuple(EnergyEntry(*c, prices.get(f"{c[0]}_{c[1]}", pj)) for c, (_, pj) in COUNTS.items())
    ledger = Ledger(("all",), tuple(COUNTS), np.array([[count for count, _ in COUNTS.values()]], np.int64))
    memories = (MemoryInfo("sram", "sram", 2**21, None, False), MemoryInfo("dram", "dram", 2**32, 1e10, True))
    metrics = measure(5 * 10**6, (), ledger, energy, memories, peak_macs_per_s=0, area_mm2=5.0, peak_memory_bytes=0)
    return Result("chip", "net", "int8", 1, metrics, (), ledger, energy, memories, (), (), {}, {"chip": chip})


def joules(column) -> float:
    return COUNTS[column][0] * COUNTS[column][1] * 1e-12


def test_a_run_from_28_to_7_nm_by_hand():
    result = made()
    found = normalise(result, 7.0)
    mac = scaling.energy("logic", 28, 7, like="int8")
    factors = {
        ("npu", "mac_int8"): mac,
        ("npu", "requant"): scaling.energy("logic", 28, 7, like="int32"),
        ("npu", "static"): scaling.leakage("logic", 28, 7),
        ("sram", "read"): scaling.energy("sram", 28, 7, kib=1024),
        ("dma", "byte"): scaling.energy("wire", 28, 7),
    }
    for i, each in enumerate(found.each):
        expected = sum(joules(c) * (factors[c].each[i] if c in factors else 1.0) for c in COUNTS)
        assert each.metrics.energy_j == pytest.approx(expected)
        assert each.metrics.average_power_w == pytest.approx(expected / result.metrics.latency_s)
        assert each.metrics.edp_js == pytest.approx(expected * result.metrics.latency_s)
        static = joules(("npu", "static")) * factors["npu", "static"].each[i] + joules(("dram", "standby_idle"))
        assert each.metrics.static_energy_j == pytest.approx(static)
    logic, cells = scaling.area("logic", 28, 7), scaling.area("sram", 28, 7)
    assert found.central.metrics.area_mm2 == pytest.approx(2 * logic.central + 3 * cells.central)
    assert found.low.metrics.energy_j < found.central.metrics.energy_j < found.high.metrics.energy_j
    assert sum(share.was_j for share in found.shares) == pytest.approx(result.metrics.energy_j)


def test_time_and_what_was_simulated_stay():
    result = made()
    found = normalise(result, 7.0)
    assert found.result is result
    same = ("latency_s", "throughput_per_s", "tops", "utilization", "traffic_bytes")
    assert all(getattr(found.central.metrics, name) == getattr(result.metrics, name) for name in same)
    assert found.central.ledger is result.ledger


def test_dram_and_what_computes_inside_it_are_not_scaled():
    found = normalise(made(), 7.0)
    before, after = ({(e.component, e.action): e.pj for e in r.energy} for r in (found.result, found.central))
    for column in (("dram", "read"), ("dram", "pim_op"), ("dram", "standby_idle")):
        assert before[column] == after[column]
    kept = {share.spent_in: share for share in found.shares if share.kept}
    assert set(kept) == {"external memory and its interface", "units inside DRAM dies"}
    assert kept["units inside DRAM dies"].was_j == pytest.approx(joules(("dram", "pim_op")))


def test_at_its_own_node_a_result_is_itself():
    result = made()
    found = normalise(result, 28.0)
    assert all(each is result for each in found.each)
    assert found.factor().each == (1.0, 1.0, 1.0)


def test_what_is_unknown_stays_unknown():
    result = made(sram_read=None)
    found = normalise(result, 7.0)
    assert not found.central.metrics.energy_complete
    assert next(e.pj for e in found.central.energy if e.component == "sram") is None
    assert found.central.metrics.tops_per_w is None
    assert "SRAM" not in [share.spent_in for share in found.shares]


@pytest.mark.parametrize(
    ("technology", "reason"),
    [({}, "its chip states no process node"), ({"node": "unknown"}, "its chip states no process node"),
     ({"node": None}, "its chip states no process node"),
     ({"node": "180 nm"}, "its process, 180 nm, is outside 5 to 130 nm"),
     ({"node": {"value": "3 nm"}}, "its process, 3 nm, is outside 5 to 130 nm")],
)  # fmt: skip
def test_a_chip_without_a_node_in_the_tables_is_not_normalised(technology, reason):
    found = normalise(made({**CHIP, "technology": technology}), 7.0)
    assert (found.reason, found.each, found.shares) == (reason, None, ())


def test_no_known_energy_is_nothing_to_scale():
    nothing = made(**{f"{component}_{action}": None for component, action in COUNTS})
    assert normalise(nothing, 7.0).reason == "no energy of it is known"


def test_a_kind_that_is_not_known_here_is_kept_and_named():
    """A core of a plug-in that is not imported: nobody knows what it spends its energy in."""
    chip = {**CHIP, "cores": {"npu": {"kind": "somebody_s", "area": "2 mm2"}}}
    found = normalise(made(chip), 7.0)
    kept = {share.kept: share for share in found.shares}
    assert "what npu spends it in is not stated" in kept
    assert kept["what npu spends it in is not stated"].factor.central == 1


def test_the_area_of_a_kind_that_is_not_known_here_stays():
    """2 mm2 of a core that nobody knows, 3 mm2 of SRAM."""
    found = normalise(made({**CHIP, "cores": {"npu": {"kind": "somebody_s", "area": "2 mm2"}}}), 7.0)
    sram = scaling.area("sram", 28, 7)
    for each, factor in zip(found.each, sram.each, strict=True):
        assert each.metrics.area_mm2 == pytest.approx(2 + 3 * factor)


def test_a_resolved_chip_that_somebody_wrote_has_no_traceback():
    for members in ([], {"npu": 1}, {"npu": {"kind": ["x"]}}, None):
        assert normalise(made({**CHIP, "cores": members}), 7.0).each is not None


def test_leakage_above_45_nm_is_kept_and_named():
    found = normalise(made({**CHIP, "technology": {"node": "110 nm"}}), 7.0)
    assert [share.kept for share in found.shares if share.spent_in == "leakage"] == [
        "no figure per area for nodes above 45 nm"
    ]


def test_energies_without_counts_are_not_known_at_another_node():
    stream = Stream(2, 2, 10, 5, 0, 1e-9, {}, 0, 1, True)
    found = normalise(replace(made(), stream=stream), 7.0)
    assert found.central.stream.energy_j is None
    assert found.central.stream.interval_fs == 5


def test_a_resolved_chip_that_is_none_states_no_node():
    assert node_of({}) is None
    assert node_of({"technology": "7 nm"}) is None
