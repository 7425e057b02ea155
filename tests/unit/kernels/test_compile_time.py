"""Kernels must not make a first run wait: all of them compile within two minutes from nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).parent.parent.parent
MESH = TESTS / "unit" / "engine" / "two_cores.yaml"
PROBE = f"""
from simulator.experiment.gemm import gemm
gemm("npu/edge_npu", 64, 64, 64)
gemm({str(MESH)!r}, 64, 64, 64)

import numpy as np
from simulator.workload import fast
from simulator.workload.numerics import PROFILES, Numerics
from simulator.workload.rescale import factors
from simulator.workload.window import axes

reference, zeros = PROFILES["tflite_ref"], (0, np.zeros(1, np.int64))
saturating = Numerics("saturating", reference.rescaling, (), overflow="saturate")
image, places = np.ones((1, 4, 4, 2), np.int8), axes((4, 4), (2, 2), {{}})
by = factors(np.array(0.5), reference.rescaling)
result = (by, 0, (-128, 127), "int8")
for numerics in (reference, saturating):
    fast.convolve(image, np.ones((3, 2, 2, 2), np.int8), places, 1, zeros, None, numerics)
fast.convolve(image, np.ones((2, 2, 2, 1), np.int8), places, 2, zeros, None, reference)
fast.convolve(image.astype(np.int16), np.ones((3, 2, 2, 2), np.int8), places, 1, zeros, None, reference)
fast.store(np.ones((2, 2), np.int32), *result)
fast.add((image, image), (0, 0), (by, by), 20, result)
fast.product((image, image), (0, 0), result)
fast.combine("Add", (image, image), (0, 0), (0.5, 0.5), (0.5, 0, (-128, 127), "int8"))
fast.nonzeros(image, 0)
fast.add_ratios((image, image), (np.float32(1), np.float32(1)), np.float32(0), (-128, 127), "int8")
fast.average(image, places, (-128, 127))
fast.maximum(image, places, (-128, 127))
fast.look_up(image, np.zeros(256, np.int8))

from simulator.hw.device import make_device
from simulator.hw.pim import aim, stream
from simulator.hw.standard import STANDARDS
stream.compute(aim.gemv(make_device(STANDARDS["gddr6_aim"]), 16, 16, 1))

import tempfile
from pathlib import Path
from spiking_cases import PARAMETERS, arrays, load
from simulator.workload.spiking.execute import execute_spikes
for model in PARAMETERS:
    with tempfile.TemporaryDirectory() as folder:
        network = load(arrays(model, np.random.default_rng(1)), Path(folder))
    execute_spikes(network)
"""


def test_all_kernels_compile_within_two_minutes_from_nothing(tmp_path):
    """A product on a chip with an array, SRAM and DRAM, and one over a mesh, compile every kernel of timing;
    the functions that execute networks compile the others.
    """
    paths = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": paths}
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", PROBE], env=environment, check=True)
    assert time.monotonic() - started < 120
    compiled = {path.name.split("-")[0].split(".")[1] for path in tmp_path.rglob("*.nbc")}
    wanted = {
        "array_cycles",
        "array_accesses",
        "serve_until",
        "offer",
        "serve_pim",
        "enter_pim",
        "deliver_until",
        "finish_times",
        "run_costs",
        "multiply_panels",
        "spread",
        "dot64",
        "dot_saturating",
        "gather_windows",
        "depthwise32",
        "store_rows",
        "add_rows",
        "multiply_rows",
        "look_up_rows",
        "average_pool",
        "combine_rows",
        "add_ratio_rows",
        "count_other",
        "max_pool",
        "run_cuba",
        "run_integer",
        "run_sanafe",
        "run_linear",
    }
    assert wanted <= compiled
