"""Kernels must not make a first run wait: all of them compile within two minutes from nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

MESH = Path(__file__).parent.parent / "engine" / "two_cores.yaml"
PROBE = f"""
from simulator.experiment.gemm import gemm
gemm("npu/edge_npu", 64, 64, 64)
gemm({str(MESH)!r}, 64, 64, 64)
"""


def test_all_kernels_compile_within_two_minutes_from_nothing(tmp_path):
    """A product on a chip with an array, SRAM and DRAM, and one over a mesh, compile every kernel there is."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", PROBE], env=environment, check=True)
    assert time.monotonic() - started < 120
    compiled = {path.name.split("-")[0].split(".")[1] for path in tmp_path.rglob("*.nbc")}
    wanted = {
        "array_cycles",
        "array_accesses",
        "serve_until",
        "offer",
        "deliver_until",
        "finish_times",
        "run_costs",
    }
    assert wanted <= compiled
