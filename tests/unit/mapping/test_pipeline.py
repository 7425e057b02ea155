"""The pipeline of the search against times by hand; the chip is that of ``golden/test_chain``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simulator.hw.chip import Chip, load_chip
from simulator.mapping.cost import Operands
from simulator.mapping.tile import Search
from simulator.workload.work import Contraction

CHIP = """
name: four_by_four
cores:
  array: {kind: systolic, rows: 4, cols: 4, clock: 1 GHz, dataflow: ws, weights: exposed, precision: {int8: 1},
          buffers: {ifmap: sram, weight: sram, ofmap: sram, psum: acc}}
memories:
  sram: {kind: sram, capacity: 64 KiB, port: unlimited, clock: 1 GHz}
  acc: {kind: sram, capacity: 4 KiB, port: unlimited, clock: 1 GHz}
  dram: {kind: bandwidth, capacity: 1 MiB, bandwidth: 64 GB/s, burst: 64 B, latency: 50 ns}
links:
  dma: {kind: dma, from: dram, to: sram, width: 32 B/cycle, clock: 1 GHz, start_cycles: 10}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "four_by_four.yaml"
    path.write_text(CHIP)
    return path


def searched(chip: Chip, work: Contraction, room: dict[str, int] | None = None) -> Search:
    room = {name: memory.capacity_bytes for name, memory in chip.memories.items()} | (room or {})
    return Search(work, Operands(8, 8, 8), "array", chip, room, chip.rules.for_node("gemm"), "gemm")


def finish_ns(search: Search, i: int, limit_ns: int | None = None) -> float:
    search.pipeline.finish_fs[i] = 0
    limit = None if limit_ns is None else limit_ns * 10**6
    search.pipeline.run(np.array([i]), limit=limit)
    return search.pipeline.finish_fs[i] / 10**6


@pytest.mark.parametrize(("overrides", "m", "k", "end_ns"), [
    ({"mapping.m": "4"}, 4, 4, 147),  # load to 61, load to 72, compute to 86, store to 147
    ({"mapping.m": "4"}, 8, 4, 161),  # the second ifmap comes under the first tile
    ({"mapping.m": "4", "links.dma.outstanding": "1"}, 8, 4, 305),  # every latency is exposed
    ({"mapping.m": "4", "mapping.k": "256"}, 4, 256, 1075),  # 1 KiB takes the engine 42 ns
    ({"mapping.m": "4", "mapping.k": "256", "memories.dram.bandwidth": "1 GB/s"}, 4, 256, 3186),  # a burst per 64 ns
])  # fmt: skip
def test_times_by_hand(file: Path, overrides: dict[str, str], m: int, k: int, end_ns: int):
    """As derived in ``golden/test_chain``, command by command."""
    search = searched(load_chip(file, overrides), Contraction(k=4, c=k, oy=m))
    assert {finish_ns(search, i) for i in range(search.cand.rows.size)} == {float(end_ns)}


def test_what_ends_too_late_is_left_off(file: Path):
    search = searched(load_chip(file), Contraction(k=4, c=4, oy=4))
    assert finish_ns(search, 0, 147) == 147
    assert finish_ns(search, 0, 146) > 10**9


def test_a_refresh_holds_up_what_follows(file: Path):
    """Due at 60 ns, for 40 ns: the store asks at 96, is served at 100, and ends 4 ns later."""
    overrides = {"memories.dram.refresh_interval": "60 ns", "memories.dram.refresh_time": "40 ns"}
    chip = load_chip(file, {"mapping.m": "4", **overrides})
    assert finish_ns(searched(chip, Contraction(k=4, c=4, oy=4)), 0) == 151


def test_no_run_beats_its_bound(file: Path):
    """Nor, with unlimited slots, does a single copy of a buffer beat two."""
    chip = load_chip(file, {"memories.dram.bandwidth": "4 GB/s", "memories.sram.capacity": "1 KiB"})
    search = searched(chip, Contraction(k=24, c=20, oy=30))
    ends = np.array([finish_ns(search, i) for i in range(search.cand.rows.size)])
    assert ends.size > 100
    assert (ends * 1.01 >= search.least_fs / 10**6).all()
    assert (search.cand.ifmap_copies == 1).any()


def test_the_fastest_is_found_and_traffic_decides_among_those_alike(file: Path):
    chip = load_chip(file, {"memories.dram.bandwidth": "4 GB/s", "memories.sram.capacity": "1 KiB"})
    choice = searched(chip, Contraction(k=24, c=20, oy=30)).best()
    search = searched(chip, Contraction(k=24, c=20, oy=30))
    ends = np.array([finish_ns(search, i) for i in range(search.cand.rows.size)])
    alike = ends <= 1.01 * ends.min() * (1 + 1e-9)
    assert choice.expected_fs / 10**6 <= 1.012 * ends.min()
    assert choice.traffic_bytes <= search.traffic[alike].max()


def test_more_bandwidth_never_raises_the_estimate(file: Path):
    """Behind a link of 4 B/cycle too: short runs waste the far memory's time, not the link's."""
    rows = {"memories.dram.row_cycle": "40 ns", "memories.dram.banks": "4", "links.dma.width": "4 B/cycle"}
    work = Contraction(k=24, c=12, oy=10, ox=7, fy=3, fx=3, pad_top=1, pad_left=1, iy=10, ix=7)
    before = None
    for bandwidth in (1, 2, 3, 5, 8, 13, 40, 100, 1000):
        chip = load_chip(file, {**rows, "memories.dram.bandwidth": f"{bandwidth} GB/s"})
        moving = searched(chip, work).bounds.moving_fs
        assert before is None or (moving <= before * (1 + 1e-12)).all()
        before = moving
