"""What a result says of a chip with copies."""

from __future__ import annotations

from pathlib import Path

from simulator.engine.simulate import simulate
from simulator.hw.chip import load_chip
from simulator.mapping.lower import lower
from simulator.mapping.plan import plan
from simulator.workload.load import load_graph

CHIP = """\
name: two_arrays
clusters: {arrays: {count: 2, members: [npu, acc]}}
cores:
  npu: {kind: systolic, rows: 8, cols: 8, clock: 1 GHz, precision: {int8: 1},
        buffers: {ifmap: sram, weight: sram, psum: acc, ofmap: sram}}
memories:
  sram: {kind: sram, capacity: 256 KiB, banks: 4, port: 8 B/cycle, clock: 1 GHz}
  acc: {kind: sram, capacity: 16 KiB, banks: 2, port: 32 B/cycle, clock: 1 GHz}
  dram: {kind: bandwidth, capacity: 64 MiB, bandwidth: 2 GB/s}
links:
  dma: {kind: dma, from: dram, to: sram, width: 16 B/cycle, clock: 1 GHz}
"""
NETWORK = """\
name: tiny
precision: {weights: int8, activations: int8}
layers:
  - {op: Conv, input: [1, 16, 16, 16], filters: 32, kernel: [3, 3], pad: 1}
"""


def test_copies_are_named_and_their_unknown_energies_told_once(tmp_path: Path):
    (tmp_path / "chip.yaml").write_text(CHIP)
    (tmp_path / "net.yaml").write_text(NETWORK)
    chip = load_chip(tmp_path / "chip.yaml")
    result = simulate(lower(plan(load_graph(tmp_path / "net.yaml"), chip)), chip)
    assert result.copies == {"npu_0": "npu", "npu_1": "npu", "acc_0": "acc", "acc_1": "acc"}
    macs = [text for text in result.not_modelled if "mac_int8" in text]
    assert macs == ["energy of npu.mac_int8 (2 copies) is unknown"]
    assert "energy of dram.read is unknown" in result.not_modelled
    assert len(set(result.not_modelled)) == len(result.not_modelled)
