"""A small chip whose times are easy to tell, for tests of mapping and engine; runs of one task on all kinds of chips."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from simulator.hw.chip import Chip, load_chip
from simulator.results.result import Result

SMALL = """
name: small
cores:
  lanes: {kind: vector, lanes: 1, clock: 1 GHz, start_cycles: 5, buffers: {data: sram}}
  array: {kind: systolic, rows: 4, cols: 4, clock: 500 MHz, weights: exposed, precision: {int8: 1},
          buffers: {ifmap: sram, weight: sram, ofmap: sram, psum: acc}}
memories:
  sram: {kind: sram, capacity: 4 KiB, port: unlimited, clock: 1 GHz}
  acc: {kind: sram, capacity: 1 KiB, port: unlimited, clock: 1 GHz}
  dram: {kind: bandwidth, capacity: 1 MiB, bandwidth: 64 GB/s, burst: 64 B, latency: 30 ns}
links:
  dma: {kind: dma, from: dram, to: sram, width: 64 B/cycle, clock: 1 GHz, outstanding: 2}
"""


@pytest.fixture
def small_file(tmp_path: Path) -> Path:
    """The small chip's file."""
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


@pytest.fixture
def small(small_file: Path) -> Callable[..., Chip]:
    """Build the small chip under overrides; 1 ns per operation of ``lanes``, 1 ns per 64 B of transfer."""
    return lambda overrides=None: load_chip(small_file, overrides)


@pytest.fixture(scope="session")
def digits() -> dict[str, Result]:
    """The digits on a chip of each kind: chip -> result, of the same 200 samples."""
    from simulator import run as simulate

    int8 = {"workload.quantize.weights": "int8"}
    return {
        "npu/edge_npu": simulate("npu/edge_npu", "digits_mlp", overrides=int8, stream=20),
        "pim/edge_npu_lpddr5_pim": simulate(
            "pim/edge_npu_lpddr5_pim", "digits_mlp", overrides={"mapping.cores.pim": "prefer"}
        ),
        "neuromorphic/loihi_1": simulate(
            "neuromorphic/loihi_1", "digits_snn", overrides={"workload.time_steps": 4}
        ),
        "neuromorphic/nm500": simulate("neuromorphic/nm500", "digits_nm500"),
    }
