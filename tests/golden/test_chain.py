"""A tile's way through a small chip, cycle by cycle: load, compute, store, by hand.

The chip: one DMA engine at 1 GHz, 32 B/cycle, 10 cycles to start a transfer; a DRAM of 64 B bursts, one per
ns, whose data arrive 50 ns after their burst; a 4 x 4 array at 1 GHz, weight stationary, weights exposed;
on-chip memories without limits. A transfer of up to 64 B therefore holds the engine for 10 + ceil(bytes / 32)
ns, asks memory 10 ns after it began, and ends 10 + 1 + 50 = 61 ns after it began. A tile of 4 x 4 x 4
takes T + 2R + C - 2 = 4 + 8 + 4 - 2 = 14 ns.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.engine.machine import build_machine
from simulator.engine.run import run
from simulator.engine.simulate import simulate
from simulator.experiment.gemm import gemm_graph
from simulator.hw.chip import Chip, load_chip
from simulator.mapping.lower import lower
from simulator.mapping.plan import plan
from simulator.mapping.program import KINDS
from simulator.results.result import Result

NS = 10**6
CHIP = """
name: four_by_four
cores:
  array: {kind: systolic, rows: 4, cols: 4, clock: 1 GHz, dataflow: ws, weights: exposed, leakage: 2 mW,
          precision: {int8: 1}, buffers: {ifmap: sram, weight: sram, ofmap: sram, psum: acc},
          energy: {mac_int8: 0.5 pJ}}
memories:
  sram: {kind: sram, capacity: 64 KiB, port: unlimited, clock: 1 GHz, leakage: 0 mW,
         energy: {read: 1 pJ, write: 2 pJ}}
  acc: {kind: sram, capacity: 4 KiB, port: unlimited, clock: 1 GHz, leakage: 0 mW,
        energy: {read: 0.25 pJ, write: 0.5 pJ}}
  dram: {kind: bandwidth, capacity: 1 MiB, bandwidth: 64 GB/s, burst: 64 B, latency: 50 ns, leakage: 10 mW,
         energy: {read: 20 pJ, write: 30 pJ, activate: 1000 pJ}}
links:
  dma: {kind: dma, from: dram, to: sram, width: 32 B/cycle, clock: 1 GHz, start_cycles: 10, leakage: 0 mW,
        energy: {byte: 3 pJ}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "four_by_four.yaml"
    path.write_text(CHIP)
    return path


def times(chip: Chip, m: int, n: int, k: int) -> list[tuple[str, int, int]]:
    """(kind, start, end) of every command in ns, in program order."""
    program = lower(plan(gemm_graph(m, n, k, "int8"), chip))
    spans = run(program, build_machine(program, chip)).tolist()
    kinds = [KINDS[kind] for kind in program.commands["kind"].tolist()]
    return [(kind, start // NS, end // NS) for kind, (start, end) in zip(kinds, spans, strict=True)]


def test_one_tile(file: Path):
    """Load, load, compute, store.

    The ifmap is asked for at 10 and there at 61. The engine is free at 11: weights are asked for at 21, there
    at 72. The tile runs from 72 to 86. The store begins then, asks at 96, and its last byte is out at 147.
    """
    assert times(load_chip(file), 4, 4, 4) == [
        ("load", 0, 61),
        ("load", 0, 72),
        ("compute", 72, 86),
        ("store", 86, 147),
    ]


def test_two_tiles_overlap(file: Path):
    """Eight rows as two tiles of four under the same weights: the second ifmap comes while the first tile
    waits.

    It begins at 22, when the engine is free again, and is there at 22 + 61 = 83. The second tile follows the
    first at 86 and ends at 100; its store finds the engine free (the first one's part ended at 86 + 11 = 97)
    and ends at 161.
    """
    chip = load_chip(file, {"mapping.m": "4"})
    assert times(chip, 8, 4, 4) == [
        ("load", 0, 61),
        ("load", 0, 72),
        ("compute", 72, 86),
        ("store", 86, 147),
        ("load", 0, 83),
        ("compute", 86, 100),
        ("store", 100, 161),
    ]


def test_one_transfer_in_flight_exposes_every_latency(file: Path):
    """With one transfer outstanding each takes its 61 ns alone: 61, 122, 183 for the loads.

    The first tile runs 122 to 136, but its store waits for the third load, to 183, and ends at 244. The
    second tile, 183 to 197, waits for that store: 244 to 305.
    """
    chip = load_chip(file, {"mapping.m": "4", "links.dma.outstanding": "1"})
    assert times(chip, 8, 4, 4) == [
        ("load", 0, 61),
        ("load", 61, 122),
        ("compute", 122, 136),
        ("store", 183, 244),
        ("load", 122, 183),
        ("compute", 183, 197),
        ("store", 244, 305),
    ]


def test_a_wide_transfer_is_bound_by_the_engine(file: Path):
    """K = 256: 1 KiB of ifmap and of weights each, 32 cycles of the engine, 16 bursts of the DRAM.

    Ifmap: engine until 10 + 32 = 42, memory from 10 to 26 and there at 76. Weights: engine 42 to 84, memory
    asked at 52, done at 68, there at 118. The array: 256 / 4 = 64 folds of 14 cycles, 896 in all, to 1014;
    the store to 1075.
    """
    assert times(load_chip(file, {"mapping.k": "256"}), 4, 4, 256) == [
        ("load", 0, 76),
        ("load", 0, 118),
        ("compute", 118, 1014),
        ("store", 1014, 1075),
    ]


def test_a_slow_memory_is_waited_for(file: Path):
    """The same with 1 GB/s, a burst per 64 ns: the ifmap's 16 bursts take 1024 ns from the next slot on.

    Memory decides at multiples of 64 ns. Ifmap: asked at 10, served from 64 to 1088, there at 1138. Weights:
    asked at 52, served after it, to 2112, there at 2162. Compute to 3058. The store asks at 3068, is served
    from 3072 to 3136, and ends at 3186.
    """
    chip = load_chip(file, {"mapping.m": "4", "mapping.k": "256", "memories.dram.bandwidth": "1 GB/s"})
    assert times(chip, 4, 4, 256) == [
        ("load", 0, 1138),
        ("load", 0, 2162),
        ("compute", 2162, 3058),
        ("store", 3058, 3186),
    ]


def test_counts_and_energy_of_one_tile(file: Path):
    """Every count by hand, and their sum x energy each.

    MACs: 4 x 4 x 4 = 64. SRAM: the loads write 16 + 16 B, the array reads both once and writes 16 B of
    results, the store reads them. Partial sums, 4 B each: 16 written by the only fold, 16 read on the way
    out. DRAM moves whole bursts: two read, one written, a row opened each time. DMA: 48 B. Static: 147 ns x
    (2 + 10) mW = 1764 pJ.
    """
    chip = load_chip(file)
    result: Result = simulate(lower(plan(gemm_graph(4, 4, 4, "int8"), chip)), chip)
    counts = {(c, a): n for c, a, n in result.ledger.totals() if a != "static"}
    assert counts == {
        ("array", "mac_int8"): 64,
        ("sram", "read"): 16 + 16 + 16,
        ("sram", "write"): 16 + 16 + 16,
        ("acc", "read"): 64,
        ("acc", "write"): 64,
        ("dram", "read"): 128,
        ("dram", "write"): 64,
        ("dram", "activate"): 3,
        ("dma", "byte"): 48,
    }
    dynamic_pj = 64 * 0.5 + 48 * 1 + 48 * 2 + 64 * 0.25 + 64 * 0.5 + 128 * 20 + 64 * 30 + 3 * 1000 + 48 * 3
    assert result.metrics.static_energy_j == pytest.approx(1764e-12, rel=1e-12)
    assert result.metrics.energy_j == pytest.approx((dynamic_pj + 1764) * 1e-12, rel=1e-12)
    assert result.metrics.latency_s == 147e-9
    assert result.metrics.average_power_w == pytest.approx((dynamic_pj + 1764) * 1e-12 / 147e-9)
    assert result.metrics.tops == pytest.approx(2 * 64 / 147e-9 / 1e12)
    assert result.metrics.peak_tops == pytest.approx(2 * 16 * 1e9 / 1e12)
    assert result.metrics.utilization == pytest.approx(64 / (16 * 147))
    assert result.metrics.traffic_bytes == {
        "sram": {"read": 48, "write": 48},
        "acc": {"read": 64, "write": 64},
        "dram": {"read": 128, "write": 64},
    }
