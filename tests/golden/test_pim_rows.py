"""Excerpts of the reference tables of PIM, as facts, so that a clone alone checks something."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pimrows import aim_cycles, hbm_cycles, hbm_plain

from simulator.experiment.gemm import gemm

FACTS = json.loads((Path(__file__).parent / "pim.json").read_text())


@pytest.mark.parametrize("row", FACTS["hbm_pim"], ids=lambda row: "-".join(map(str, row[:4])))
def test_hbm_pim(row: list):
    *shape, plain, pim = row
    assert hbm_plain(*shape) == pytest.approx(plain, rel=0.10)
    if pim is not None:
        near = 0.10 if shape[0] != "GEMV" else 0.03 if shape[2] >= 1024 else 0.15
        assert hbm_cycles(*shape) == pytest.approx(pim, rel=near)


@pytest.mark.parametrize(("trace", "cycles"), FACTS["gddr6_aim"])
def test_gddr6_aim(trace: str, cycles: int):
    assert aim_cycles(trace) == cycles


def test_chips_of_these_memories_take_what_the_streams_take():
    """`chipsim gemm` on GEMV of both tables; AiM's without refresh, as its simulator runs."""
    for kernel, outputs, inputs, batch, _, cycles in FACTS["hbm_pim"]:
        if kernel == "GEMV":
            (found,) = gemm("pim/hbm_pim", batch, outputs, inputs)
            assert found.compute_cycles == pytest.approx(cycles, rel=0.03 if inputs >= 1024 else 0.15)
    cycles = dict(FACTS["gddr6_aim"])["gemv_4096x4096_32ch"]
    (found,) = gemm("pim/gddr6_aim", 1, 4096, 4096, overrides={"memories.dram.controller.refresh": "none"})
    assert found.compute_cycles == cycles
