"""Chips that differ in what no plan depends on share plans; others do not."""

from __future__ import annotations

import pytest

from simulator.hw.chip import load_chip

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
        ("links.dma.engines", "1", False),
        ("memories.dram.controller.refresh", "none", False),
        ("mapping.fuse", "off", False),
    ],
)
def test_what_a_time_depends_on_changes_the_digest_of_the_chip_and_of_whom_it_concerns(
    path: str, value: str, core_too: bool
):
    chip = load_chip(CHIP, {path: value})
    timing, core = digests()
    assert chip.timing_digest != timing
    assert (chip.core_digest("npu") != core) == core_too
