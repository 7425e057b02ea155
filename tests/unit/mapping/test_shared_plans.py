"""Chips that differ in what no plan depends on share plans; others do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.hw.chip import load_chip
from simulator.mapping.plan import plan
from simulator.mapping.remember import forget
from simulator.mapping.schedule import Schedule
from simulator.workload.load import load_graph

CHIP = "npu/edge_npu"


def digests(**overrides: str) -> tuple[str, str]:
    chip = load_chip(CHIP, {path.replace("__", "."): value for path, value in overrides.items()})
    return chip.timing_digest, chip.core_digest("npu")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("cores.npu.leakage", "1 mW"),
        ("cores.npu.area", "9 mm2"),
        ("cores.npu.energy.mac_int8", "9 pJ"),
        ("memories.dram.model", "bandwidth"),
        ("memories.sram.capacity", "1 MiB"),
        ("description", "another"),
    ],
)
def test_what_no_time_depends_on_changes_neither_digest(path: str, value: str):
    chip = load_chip(CHIP, {path: value})
    assert (chip.timing_digest, chip.core_digest("npu")) == digests()
    assert chip.digest != load_chip(CHIP).digest


@pytest.mark.parametrize(
    ("path", "value", "core_too"),
    [
        ("cores.npu.rows", "16", True),
        ("cores.npu.clock", "900 MHz", True),
        ("memories.sram.banks", "8", True),
        ("cores.vec.lanes", "16", False),
        ("memories.dram.bandwidth", "3 GB/s", False),
        ("links.dma.engines", "1", False),
        ("memories.dram.controller.refresh", "none", False),
        ("mapping.fuse", "off", False),
    ],
)
def test_what_a_time_depends_on_changes_the_digest_of_the_chip_and_of_whom_it_concerns(
    path: str, value: str, core_too: bool
):
    also = {"memories.dram.model": "bandwidth"} if "bandwidth" in path else {}
    chip = load_chip(CHIP, {**also, path: value})
    timing, core = digests()
    assert chip.timing_digest != timing
    assert (chip.core_digest("npu") != core) == core_too


NETWORK = """
name: stack
precision: {weights: int8, activations: int8}
layers:
  - {op: Conv, input: [1, 8, 32, 32], filters: 32, kernel: [3, 3], pad: 1}
  - {op: Conv, filters: 32, kernel: [3, 3], pad: 1, groups: 32}
  - {op: Conv, filters: 64, kernel: [1, 1]}
  - {op: GlobalAveragePool}
  - {op: Gemm, m: 1, n: 10, k: 64}
"""


def test_plans_do_not_depend_on_what_was_planned_before(tmp_path: Path):
    """Chips one after the other, each changing something else, against each planned from nothing."""
    (tmp_path / "stack.yaml").write_text(NETWORK)
    graph = load_graph(tmp_path / "stack.yaml")
    changes: list[dict[str, str]] = [
        {"memories.dram.bandwidth": "3 GB/s"},
        {"memories.dram.bandwidth": "20 GB/s"},
        {"memories.dram.bandwidth": "20 GB/s", "memories.sram.capacity": "96 KiB"},
        {"memories.dram.bandwidth": "3 GB/s", "memories.sram.capacity": "96 KiB"},
        {"memories.sram.capacity": "96 KiB", "links.dma.outstanding": "1"},
        {"memories.sram.capacity": "96 KiB", "cores.vec.lanes": "16"},
        {"memories.sram.capacity": "96 KiB", "memories.acc.capacity": "16 KiB"},
        {"cores.npu.clock": "700 MHz"},
    ]
    chips = [load_chip(CHIP, {"memories.dram.model": "bandwidth", **change}) for change in changes]
    forget()
    after_each_other = [words(plan(graph, chip)) for chip in chips]
    for chip, found in zip(chips, after_each_other, strict=True):
        forget()
        assert words(plan(graph, chip)) == found


def words(schedule: Schedule) -> list[object]:
    """Everything that a schedule says."""
    return [*schedule.describe(), *schedule.layout()]
