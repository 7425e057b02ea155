"""Every metric by its formula, on numbers by hand; what is not known is None, never 0."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from simulator.results.ledger import Ledger
from simulator.results.metrics import FORMULAS, measure
from simulator.results.result import EnergyEntry, MemoryInfo, Metrics, NodeRow

US = 10**9
COLUMNS = (
    ("npu", "mac_int8"), ("sram", "read"), ("dram", "read"), ("dram", "write"),
    ("npu", "static"), ("dram", "static"),
)  # fmt: skip
PJ = {
    COLUMNS[0]: 0.5,
    COLUMNS[1]: 1.0,
    COLUMNS[2]: 20.0,
    COLUMNS[3]: 30.0,
    COLUMNS[4]: 0.002,
    COLUMNS[5]: 0.01,
}
MEMORIES = (MemoryInfo("sram", "sram", 1024, None, False), MemoryInfo("dram", "dram", None, 1e9, True))


def measured(
    *, without: tuple[str, str] | None = None, latency_fs: int = 2 * US, macs: int = 4000, **others
) -> Metrics:
    """4000 MACs in 2 us on 4 G MAC slots per second; the energy of one action can be left out."""
    rows = [NodeRow("a", "Conv", "npu", "a", 0, latency_fs, latency_fs, macs, 0.5, "compute")]
    counts = np.array([[4000, 100, 64, 32, 2 * 10**6, 2 * 10**6]], np.int64)
    entries = [EnergyEntry(*key, None if key == without else pj) for key, pj in PJ.items()]
    given = {"peak_macs_per_s": 4e9, "area_mm2": 1.5, "peak_memory_bytes": 77, **others}
    return measure(latency_fs, rows, Ledger(("a",), COLUMNS, counts), entries, MEMORIES, **given)


def test_formulas():
    """Dynamic 2000 + 100 + 1280 + 960 pJ; static 2 us x (2 + 10) mW = 24 nJ."""
    metrics = measured()
    energy = (2000 + 100 + 1280 + 960 + 24000) * 1e-12
    chip = (2000 + 100 + 4000) * 1e-12
    assert metrics == Metrics(
        latency_s=2e-6,
        throughput_per_s=1 / 2e-6,
        macs=4000,
        ops=8000,
        tops=pytest.approx(0.004),
        peak_tops=pytest.approx(0.008),
        utilization=pytest.approx(0.5),
        energy_j=pytest.approx(energy, rel=1e-12),
        static_energy_j=pytest.approx(24e-9, rel=1e-12),
        energy_complete=True,
        average_power_w=pytest.approx(energy / 2e-6),
        tops_per_w=pytest.approx(8000 / energy / 1e12),
        tops_per_w_chip=pytest.approx(8000 / chip / 1e12),
        edp_js=pytest.approx(energy * 2e-6),
        area_mm2=1.5,
        peak_memory_bytes=77,
        traffic_bytes={"sram": {"read": 100, "write": 0}, "dram": {"read": 64, "write": 32}},
    )


@pytest.mark.parametrize("key", COLUMNS, ids=".".join)
def test_an_unknown_energy_leaves_efficiency_unknown(key: tuple[str, str]):
    """Only what lies in external memory leaves that of the chip known; the sum of what is known remains."""
    metrics = measured(without=key)
    assert metrics.energy_complete is False
    assert metrics.tops_per_w is None
    assert metrics.edp_js is None
    assert (metrics.tops_per_w_chip is None) == (key[0] != "dram")
    assert 0 < metrics.energy_j < measured().energy_j


def test_an_unknown_energy_of_what_never_happened_is_no_gap():
    counts = np.array([[4000]], np.int64)
    entries = [EnergyEntry("npu", "mac_int8", 0.5), EnergyEntry("npu", "mac_int4", None)]
    ledger = Ledger(("a",), COLUMNS[:1], counts)
    metrics = measure(
        US, [], ledger, entries, MEMORIES, peak_macs_per_s=1.0, area_mm2=None, peak_memory_bytes=0
    )
    assert metrics.energy_complete is True


def test_an_action_without_an_entry_is_unknown():
    ledger = Ledger(("a",), (("npu", "mac_int8"),), np.array([[1]], np.int64))
    metrics = measure(US, [], ledger, [], MEMORIES, peak_macs_per_s=1.0, area_mm2=None, peak_memory_bytes=0)
    assert metrics.energy_complete is False
    assert metrics.tops_per_w_chip is None


def test_what_has_no_array_has_no_utilization():
    metrics = measured(peak_macs_per_s=0.0)
    assert metrics.peak_tops is None
    assert metrics.utilization is None


def test_an_unknown_area_is_none():
    assert measured(area_mm2=None).area_mm2 is None


def test_nothing_that_ran_divides_nothing():
    metrics = measured(latency_fs=0, macs=0)
    assert (metrics.latency_s, metrics.tops, metrics.utilization) == (0.0, 0.0, None)


def test_every_formula_is_of_a_metric():
    assert set(FORMULAS) <= {field.name for field in fields(Metrics)}
