"""How long a first run waits: all kernels compiled from nothing, CPU seconds. ``make bench``.

``--here`` compiles them where runs look for them instead, so that what follows is spared it; only the parts
named after it, if any: timing, values, memories, spikes.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

TESTS = Path(__file__).parent.parent / "tests"
GOAL_S = 120
#: One kernel of each part, to see that none was forgotten.
WANTED = {
    "array_cycles", "serve_until", "serve_pim", "fold", "waits", "deliver_until", "finish_times", "run_costs",
    "multiply_panels", "dot64", "dot_saturating", "gather_windows", "depthwise32", "store_rows", "add_rows",
    "look_up_rows", "average_pool", "max_pool", "combine_rows", "dot_fp16", "dot_bf16", "activate_bf16",
    "run_cuba", "run_integer", "run_sanafe", "run_linear", "queue_steps", "measure_steps",
}  # fmt: skip


def timing() -> None:
    """Products on a chip with an array, SRAM and DRAM, one with folded channels, and one over a mesh."""
    from simulator.experiment.gemm import gemm

    gemm("npu/edge_npu", 64, 64, 64)
    gemm("npu/edge_npu", 64, 64, 64, overrides={"memories.dram.fold_channels": "true"})
    gemm(str(TESTS / "unit" / "engine" / "two_cores.yaml"), 64, 64, 64)


def values() -> None:
    """Quantized operators."""
    from simulator.workload import fast
    from simulator.workload.numerics import PROFILES, Numerics
    from simulator.workload.rescale import factors
    from simulator.workload.window import axes

    reference, zeros = PROFILES["tflite_ref"], (0, np.zeros(1, np.int64))
    saturating = Numerics("saturating", reference.rescaling, (), overflow="saturate")
    image, places = np.ones((1, 4, 4, 2), np.int8), axes((4, 4), (2, 2), {})
    by = factors(np.array(0.5), reference.rescaling)
    result = (by, 0, (-128, 127), "int8")
    for numerics in (reference, saturating):
        fast.convolve(image, np.ones((3, 2, 2, 2), np.int8), places, 1, zeros, None, numerics)
    fast.convolve(image, np.ones((2, 2, 2, 1), np.int8), places, 2, zeros, None, reference)
    wide = image.astype(np.int16)
    fast.convolve(wide, np.ones((3, 2, 2, 2), np.int8), places, 1, zeros, None, reference)
    fast.store(np.ones((2, 2), np.int32), *result)
    fast.add((image, image), (0, 0), (by, by), 20, result)
    fast.product((image, image), (0, 0), result)
    fast.combine("Add", (image, image), (0, 0), (0.5, 0.5), (0.5, 0, (-128, 127), "int8"))
    fast.nonzeros(image, 0)
    fast.add_ratios((image, image), (np.float32(1), np.float32(1)), np.float32(0), (-128, 127), "int8")
    fast.average(image, places, (-128, 127))
    fast.maximum(image, places, (-128, 127))
    fast.look_up(image, np.zeros(256, np.int8))


def memories() -> None:
    """Memories that compute: values and a stream of each kind."""
    from simulator.hw.device import make_device
    from simulator.hw.pim import aim, stream
    from simulator.hw.standard import STANDARDS
    from simulator.workload.pim import devices, fast, tables

    half = np.ones((1, 16), np.float16)
    fast.dot_fp16(half, half, devices.HBM_PIM)
    fast.dot_bf16(half, half, None, devices.GDDR6_AIM)
    fast.add_fp16(half, half.astype(np.float32))
    fast.multiply_fp16(half, half)
    fast.multiply_bf16(half, half)
    fast.activate(half, tables.table("tanh"))
    stream.compute(aim.gemv(make_device(STANDARDS["gddr6_aim"]), 16, 16, 1))


def spikes() -> None:
    """A small network of each kind of neuron, and one on Loihi by each timing."""
    sys.path.insert(0, str(TESTS))
    from spiking_cases import PARAMETERS, arrays, load

    from simulator.experiment.spikingrun import run_spiking
    from simulator.workload.spiking.execute import execute_spikes

    for model in PARAMETERS:
        with tempfile.TemporaryDirectory() as folder:
            network = load(arrays(model, np.random.default_rng(1)), Path(folder))
        execute_spikes(network)
    for kind in ("detailed", "events"):
        settings = {"links.mesh.timing": kind, "workload.steps": "5", "workload.rate": "0.1"}
        run_spiking("neuromorphic/loihi_1", network.delayed(1), overrides=settings)


PARTS = {part.__name__: part for part in (timing, values, memories, spikes)}


def measure() -> None:
    """Compile in a process of its own, whose cache is empty."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "XDG_CACHE_HOME": folder}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, __file__, "--here"], env=environment, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        compiled = {path.name.split("-")[0].split(".")[1] for path in Path(folder).rglob("*.nbc")}
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"all kernels compiled from nothing: {seconds:.0f} s of CPU (goal {GOAL_S}), {len(compiled)} kernels"
    )
    if missing := WANTED - compiled:
        sys.exit(f"not compiled: {', '.join(sorted(missing))}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        for name in sys.argv[2:] or PARTS:
            PARTS[name]()
    else:
        measure()
