"""Titles say what was overridden."""

import dataclasses

from simulator.report.page import render
from simulator.report.title import settings, title

CHANGED = {"experiment": {"set": {"cores.npu.clock": "2GHz", "memories.dram.bandwidth": "9 GB/s"}}}


def test_a_title_names_network_chip_and_overrides(result):
    assert title(result) == "net on npu/edge"
    changed = dataclasses.replace(result, resolved=CHANGED)
    assert settings(changed) == ["cores.npu.clock=2GHz", "memories.dram.bandwidth=9 GB/s"]
    assert title(changed) == "net on npu/edge · cores.npu.clock=2GHz · memories.dram.bandwidth=9 GB/s"
    assert f"<title>{title(changed)} · chipsim</title>" in render(changed)
    assert "<small>· cores.npu.clock=2GHz · memories" in render(changed)
