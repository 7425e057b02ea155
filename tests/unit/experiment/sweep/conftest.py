"""A small sweep: a chip of its own, a network of two products, points that take milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

CHIP = """
name: mini
cores:
  array: {kind: systolic, rows: 8, cols: 8, clock: 1 GHz, dataflow: ws, precision: {int8: 1},
          buffers: {ifmap: sram, weight: sram, psum: acc, ofmap: sram}, area: 0.5 mm2, leakage: 1 mW,
          energy: {mac_int8: 0.2 pJ, requant: 1 pJ}}
memories:
  sram: {kind: sram, capacity: 64 KiB, banks: 4, port: 16 B/cycle, clock: 1 GHz, area: 0.1 mm2, leakage: 2 mW,
         energy: {read: 1 pJ, write: 1 pJ}}
  acc: {kind: sram, capacity: 16 KiB, banks: 4, port: 32 B/cycle, clock: 1 GHz, area: 0.1 mm2, leakage: 1 mW,
        energy: {read: 1 pJ, write: 1 pJ}}
  dram: {kind: bandwidth, capacity: 1 GiB, bandwidth: 8 GB/s, latency: 50 ns, leakage: 10 mW,
         energy: {activate: 100 pJ, read: 20 pJ, write: 20 pJ}}
links:
  dma: {kind: dma, from: dram, to: sram, width: 16 B/cycle, clock: 1 GHz, area: 0.1 mm2, leakage: 1 mW,
        energy: {byte: 1 pJ}}
"""
NETWORK = """
name: pair
precision: {weights: int8, activations: int8}
layers:
  - {op: Gemm, m: 64, n: 64, k: 128}
  - {op: Gemm, m: 64, n: 32, k: 64}
"""
SWEEP = """\
name: study
chips: [mini.yaml]
workloads: [pair.yaml]
axes:
  cores.array.rows: [4, 8, 16]
  cores.array.cols: [4, 8, 16]
  memories.sram.capacity: [16 KiB, 64 KiB]
derived: {cores.array.area: 10000 um2 * cores.array.rows * cores.array.cols}
objectives: {latency_s: minimize, area_mm2: minimize}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a chip `mini.yaml` and a network `pair.yaml`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mini.yaml").write_text(CHIP)
    (tmp_path / "pair.yaml").write_text(NETWORK)
    return tmp_path


@pytest.fixture
def write(here: Path) -> Callable[[str], str]:
    """Write a sweep's file; its name."""

    def write(text: str = SWEEP) -> str:
        (here / "study.yaml").write_text(text)
        return "study.yaml"

    return write


@pytest.fixture
def chipsim(here: Path, chipsim: Callable[..., object]) -> Callable[..., object]:
    """The command line, in the folder that has the chip and the network."""
    return chipsim
