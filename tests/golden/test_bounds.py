"""Taken to extremes, a run is bound by the one thing that is left: arithmetic or memory."""

from __future__ import annotations

import pytest

from simulator.experiment.gemm import gemm
from simulator.experiment.run import run
from simulator.hw.chip import load_chip
from simulator.results.causes import MEMORY_WAITS, run_causes

CHIP = "npu/edge_npu"
FAST_MEMORY = {
    "memories.dram.model": "bandwidth", "memories.dram.bandwidth": "12800 GB/s", "links.dma.width": "32000 B/cycle",
}  # fmt: skip
FAST_CHIP = {
    "cores.npu.clock": "1000 GHz",
    "memories.sram.clock": "1000 GHz",
    "memories.acc.clock": "1000 GHz",
}
INT8 = {"workload.precision": "int8"}


def stream_s(result, overrides: dict[str, str]) -> float:
    """Time of the run's external bytes in one stream: bytes / (peak bandwidth x share of time without
    refresh).
    """
    traffic = result.metrics.traffic_bytes["dram"]
    dram = load_chip(CHIP, overrides).memories["dram"]
    timing = dram.device.timing
    return (traffic["read"] + traffic["write"]) / (
        dram.peak_bytes_per_s() * (1 - timing["nRFC"] / timing["nREFI"])
    )


def test_bandwidth_x_1000_leaves_the_array():
    """1024 cubed on 32 x 64 MACs: 32 x 16 folds of 1024 cycles, 524 288 and 157 to fill and drain; 1 %."""
    (result,) = gemm(CHIP, 1024, 1024, 1024, overrides=FAST_MEMORY)
    assert result.compute_cycles == 32 * 16 * 1024 + (2 * 32 - 1) + (32 + 64 - 2)
    assert result.compute_cycles <= result.cycles <= 1.01 * result.compute_cycles
    assert result.result.rows[0].bound == "compute"


def test_array_x_1000_leaves_the_memory():
    """1024 cubed moves 1 MiB thrice: 122.9 us at 25.6 GB/s, 132.4 us with tRFC out of every tREFI; commands
    lose 3 % more where reads and writes take turns.
    """
    (result,) = gemm(CHIP, 1024, 1024, 1024, overrides=FAST_CHIP)
    traffic = result.result.metrics.traffic_bytes["dram"]
    assert traffic == {"read": 2 << 20, "write": 1 << 20}
    least = stream_s(result.result, FAST_CHIP)
    assert least == pytest.approx((3 << 20) / 25.6e9 / (1 - 224 / 3125))
    assert least <= result.result.metrics.latency_s <= 1.04 * least
    assert result.result.rows[0].bound == "dram"


def test_resnet_50_with_bandwidth_x_1000_is_bound_by_arithmetic():
    """Array and lanes: their times overlap in part (then a layer waits for another's tiles), memory adds nothing."""
    result = run(CHIP, "light_resnet50", overrides={**INT8, **FAST_MEMORY})
    array_s, lanes_s = (
        sum(row.busy_fs.get(core, 0) for row in result.rows) / 1e15 for core in ("npu", "vec")
    )
    assert array_s <= result.metrics.latency_s <= array_s + lanes_s
    assert {row.bound for row in result.rows} == {"compute", "vector", "sync", "latency"}
    assert sum(run_causes(result).get(wait, 0) for wait in MEMORY_WAITS) <= 0.01e15 * result.metrics.latency_s


def test_resnet_50_with_cores_x_1000_is_bound_by_memory():
    """Within 3 % of one stream of its 24.6 MiB of weights and image: rows that close between transfers."""
    overrides = {**FAST_CHIP, "cores.vec.clock": "1000 GHz"}
    result = run(CHIP, "light_resnet50", overrides={**INT8, **overrides})
    least = stream_s(result, overrides)
    assert least <= result.metrics.latency_s <= 1.03 * least
