"""Bytes off chip of one small chain of layers, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.engine.simulate import simulate
from simulator.hw.chip import load_chip
from simulator.mapping.lower import lower
from simulator.mapping.plan import plan
from simulator.mapping.schedule import Schedule
from simulator.results.result import Result
from simulator.workload.load import load_graph

CHIP = """
name: small
cores:
  array: {kind: systolic, rows: 8, cols: 8, clock: 1 GHz, dataflow: ws, precision: {int8: 1},
          buffers: {ifmap: sram, weight: sram, ofmap: sram, psum: acc}}
memories:
  sram: {kind: sram, capacity: 7680 B, port: unlimited, clock: 1 GHz}
  acc: {kind: sram, capacity: 16 KiB, port: unlimited, clock: 1 GHz}
  dram: {kind: bandwidth, capacity: 1 MiB, bandwidth: 1 GB/s, burst: 64 B, latency: 50 ns}
links:
  dma: {kind: dma, from: dram, to: sram, width: 32 B/cycle, clock: 1 GHz, start_cycles: 10}
"""
NETWORK = """
name: three
layers:
  - {op: Conv, name: conv, input: [1, 8, 32, 16], filters: 32, kernel: [3, 3], pad: 1}
  - {op: Conv, name: depthwise, filters: 32, kernel: [3, 3], stride: 2, pad: 1, groups: 32}
  - {op: Conv, name: pointwise, filters: 16, kernel: [1, 1]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(CHIP)
    (tmp_path / "three.yaml").write_text(NETWORK)
    return tmp_path


def ran(folder: Path, **overrides: str) -> tuple[Schedule, Result]:
    chip = load_chip(folder / "small.yaml", {f"mapping.{name}": text for name, text in overrides.items()})
    schedule = plan(load_graph(folder / "three.yaml"), chip)
    return schedule, simulate(lower(schedule), chip)


def test_a_chain_moves_its_input_its_weights_and_its_result_once(folder: Path):
    """The maps between, 32 x 32 x 16 = 16 384 B and 32 x 16 x 8 = 4 096 B, do not fit in 7 680 B.

    As a chain nothing but the ends goes off chip. Read: the input, 8 channels x 32 rows x 16 columns = 4 096 B;
    weights 32 x 8 x 9 = 2 304 B, 32 x 9 = 288 B, which take five bursts of 64 B, 320 B, and 16 x 32 = 512 B:
    7 232 B in all. Written: 16 channels x 16 rows x 8 columns = 2 048 B. Rows of the input (8 x 16 = 128 B) and
    of the result (16 x 8 = 128 B) are whole bursts, so stripes waste none.
    """
    schedule, result = ran(folder)
    (chain,) = schedule.chains
    assert (chain.first, chain.last) == (0, 2)
    assert result.metrics.traffic_bytes["dram"] == {"read": 4096 + 2304 + 320 + 512, "write": 2048}
    assert result.metrics.macs == 32 * 16 * 32 * 72 + 16 * 8 * 32 * 9 + 16 * 8 * 16 * 32
    assert (
        result.fusion.bytes == 4096 + 2304 + 288 + 64 + 512 + 2048
    )  # the planner adds a burst where one is cut


def test_without_chains_the_maps_between_go_off_chip_and_back(folder: Path):
    """The first map at least is written and read again: 16 384 B more each way.

    The planner counts no burst that is moved for part of its bytes, so it promises less than is saved.
    """
    fused, unfused = ran(folder)[1], ran(folder, fuse="off")[1]
    assert not unfused.fusion.chains
    moved = unfused.metrics.traffic_bytes["dram"]
    assert moved["read"] >= 7232 + 16384
    assert moved["write"] >= 2048 + 16384
    assert unfused.metrics.macs == fused.metrics.macs
    assert unfused.metrics.latency_s > fused.metrics.latency_s
    assert fused.fusion.unfused_bytes - fused.fusion.bytes >= 2 * 16384
    assert fused.fusion.unfused_bytes <= sum(moved.values())


def test_line_buffers_hold_the_stripe_and_its_halo(folder: Path):
    """Rows that must be there at once, by hand, for stripes of one row of the result and tasks a step apart.

    Row y of the depthwise layer reads rows 2y - 1 to 2y + 1 of the first map. In a step that layer makes row y
    while the first map grows by two rows for the next one, to row 2(y + 1) + 1: rows 2y - 1 to 2y + 3 are
    there, five. Between depthwise and pointwise: a row that is written and one that is read, two. The input
    comes a step before the first map needs it: for rows up to 2y + 5 of it, the first map (padding one) needs
    rows up to 2y + 6, while its rows 2y + 2 and 2y + 3 are made from row 2y + 1 on: six. A row of the result
    leaves while the next is made: two.
    """
    chain = ran(folder)[0].chains[0]
    assert (chain.rows, chain.pace) == (1, "apart")
    assert dict(chain.lines) == {"conv.in": 6, "conv.out": 5, "depthwise.out": 2, "pointwise.out": 2}


def test_in_the_same_step_they_hold_less(folder: Path):
    """In 7 KiB there is no room for that: within a step tasks follow each other.

    Then the first map holds the three rows of a window, the depthwise map the row of the stripe; input and
    result as before, for transfers still go on beside.
    """
    (folder / "small.yaml").write_text(CHIP.replace("7680 B", "7 KiB"))
    schedule, result = ran(folder)
    (chain,) = schedule.chains
    assert (chain.rows, chain.pace) == (1, "together")
    assert dict(chain.lines) == {"conv.in": 6, "conv.out": 3, "depthwise.out": 1, "pointwise.out": 2}
    assert result.metrics.traffic_bytes["dram"] == {"read": 7232, "write": 2048}


def test_a_rule_breaks_the_chain(folder: Path):
    """A node that is not to be fused ends the chain before it; its operand goes off chip."""
    schedule, result = ran(folder, nodes="{pointwise: {fuse: off}}")
    assert [(chain.first, chain.last) for chain in schedule.chains] == [(0, 1)]
    assert result.fusion.chains[0].nodes == ("conv", "depthwise")
    assert not ran(folder, nodes="{depthwise: {fuse: off}}")[0].chains


def test_what_a_chain_adds_to_the_run_is_shared_by_its_layers(folder: Path):
    """Every instant is one layer's: none has next to nothing, and together they have the whole run."""
    _, result = ran(folder)
    latency_fs = round(result.metrics.latency_s * 1e15)
    assert sum(row.exposed_fs for row in result.rows) == latency_fs
    assert all(sum(row.exposed_causes_fs.values()) == row.exposed_fs for row in result.rows)
    assert "sync" not in {cause for row in result.rows for cause in row.exposed_causes_fs}
    busy = [row.busy_fs["array"] for row in result.rows]
    for row, own in zip(result.rows, busy, strict=True):
        assert row.exposed_fs >= own, "the only core's tiles overlap nothing"
        assert row.exposed_causes_fs["compute"] > 0
