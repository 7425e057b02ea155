"""How fast: ResNet-50 on npu/edge_npu, and one layer beside SCALE-Sim, in one run. ``make bench``.

CPU time of this process, medians; compilation of kernels is not counted (they are cached), one warm-up run
before.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from simulator.base.locate import locate
from simulator.engine.simulate import simulate
from simulator.experiment.gemm import gemm
from simulator.experiment.run import with_precision
from simulator.hw.chip import load_chip
from simulator.mapping import tile
from simulator.mapping.lower import lower
from simulator.mapping.plan import plan
from simulator.workload.load import load_graph

HERE = Path(__file__).parent
PEER = HERE / ".venv-scalesim"
#: ResNet-50's fourth stage, 3 x 3: M = 7 x 7, N = 512, K = 4608, a size at which the peer needs seconds.
LAYER = {"m": 49, "n": 512, "k": 4608}


def cpu(action: Callable[[], object], times: int = 5) -> float:
    """Median CPU seconds of an action after one warm-up."""
    action()
    spent = []
    for _ in range(times):
        started = time.process_time()
        action()
        spent.append(time.process_time() - started)
    return statistics.median(spent)


def resnet50() -> None:
    """Each step of the pipeline apart."""
    chip = load_chip("npu/edge_npu")
    file = locate("light_resnet50", "workloads")
    graph = with_precision(load_graph(file), chip, "int8")
    schedule = plan(graph, chip)
    program = lower(schedule)

    def plan_cold() -> None:
        tile.forget()
        plan(graph, chip)

    steps: dict[str, Callable[[], object]] = {
        "read the ONNX file": lambda: load_graph(file),
        "plan, nothing remembered": plan_cold,
        "plan, remembered": lambda: plan(graph, chip),
        "lower and check": lambda: lower(schedule),
        "simulate (goal 0.5 s)": lambda: simulate(program, chip),
    }
    print(f"ResNet-50 on npu/edge_npu: {program.size} commands; CPU seconds")
    for name, action in steps.items():
        print(f"  {name:<26} {cpu(action):7.3f}")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  {'peak memory (goal 500 MB)':<26} {peak_mb:7.0f} MB")


def peer_python() -> Path | None:
    """Python of an environment with scalesim, made on first use; None where it cannot be installed."""
    python = PEER / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", PEER], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if subprocess.run([*pip, "scalesim==3.0.0", "numpy<2.4"]).returncode:
            return None
    return (
        python
        if subprocess.run([python, "-c", "import scalesim"], capture_output=True).returncode == 0
        else None
    )


def beside_scalesim() -> None:
    """One layer in both tools: the same cycles, and how many times faster."""
    m, n, k = LAYER.values()
    print(f"one layer, M {m} N {n} K {k}, 32 x 32, weight stationary; CPU seconds")
    ours = gemm("npu/systolic_32x32", m, n, k)[0]
    seconds = cpu(lambda: gemm("npu/systolic_32x32", m, n, k))
    print(f"  chipsim    {seconds:9.4f}   {ours.compute_cycles} cycles (the YAML chip read each time)")
    python = peer_python()
    if python is None:
        print("  scalesim   could not be installed here: skipped")
        return
    arguments = [str(x) for x in (m, n, k, 32, 32)]
    run = subprocess.run(
        [python, HERE / "peer_scalesim.py", *arguments, "ws"], capture_output=True, text=True, check=True
    )
    peer = json.loads(run.stdout)
    print(f"  scalesim   {peer['cpu_s']:9.4f}   {peer['cycles']} cycles (it counts from zero: one less)")
    same = "same cycles" if peer["cycles"] == ours.compute_cycles - 1 else "CYCLES DIFFER"
    print(f"  ratio      {peer['cpu_s'] / seconds:9.0f}   {same} (goal 1000)")


if __name__ == "__main__":
    resnet50()
    beside_scalesim()
