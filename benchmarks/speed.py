"""How fast: ResNet-50, a language model, a mesh, and one layer beside SCALE-Sim, in one run. ``make bench``.

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
from itertools import product
from pathlib import Path

import numpy as np

from simulator import run
from simulator.base.clock import Clock
from simulator.base.locate import locate
from simulator.engine.simulate import simulate
from simulator.experiment.gemm import gemm
from simulator.experiment.single import with_precision
from simulator.hw.chip import load_chip
from simulator.hw.mesh import route_table
from simulator.hw.noc import Noc
from simulator.kernels.noc import MESSAGE
from simulator.mapping.lower import lower
from simulator.mapping.plan import plan
from simulator.mapping.remember import forget
from simulator.workload.load import load_graph

HERE = Path(__file__).parent
PEER = HERE / ".venv-scalesim"
#: ResNet-50's fourth stage, 3 x 3: M = 7 x 7, N = 512, K = 4608, a size at which the peer needs seconds.
LAYER = {"m": 49, "n": 512, "k": 4608}
#: A chip for language models made of npu/edge_npu: 16 TOPS fp16, 8 MiB, 102 GB/s of LPDDR5.
LARGER = {
    "cores.npu.rows": 128,
    "cores.npu.precision": "{fp16: 1}",
    "memories.sram.capacity": "8 MiB",
    "memories.sram.port": "128 B/cycle",
    "memories.acc.capacity": "1 MiB",
    "memories.acc.port": "128 B/cycle",
    "memories.dram.channels": 8,
    "memories.dram.capacity": "16 GiB",
    "links.dma.width": "128 B/cycle",
}


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
    coarse = load_chip("npu/edge_npu", {"memories.dram.model": "bandwidth"})

    def plan_cold() -> None:
        forget()
        plan(graph, chip)

    steps: dict[str, Callable[[], object]] = {
        "read the ONNX file": lambda: load_graph(file),
        "plan, nothing remembered": plan_cold,
        "plan, remembered": lambda: plan(graph, chip),
        "lower and check": lambda: lower(schedule),
        "simulate (goal 3 s)": lambda: simulate(program, chip),
        "the same, DRAM by bandwidth": lambda: simulate(program, coarse),
    }
    print(f"ResNet-50 on npu/edge_npu: {program.size} commands; CPU seconds")
    for name, action in steps.items():
        print(f"  {name:<28} {cpu(action):7.3f}")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  {'peak memory (goal 500 MB)':<28} {peak_mb:7.0f} MB")


def language_model() -> None:
    """Llama 3 8B in int4, a prompt of 1024 and 128 tokens, every DRAM command: once, after a small one."""
    run("npu/edge_npu", "llm/gpt2", overrides={**LARGER, "workload.prompt": 16, "workload.generate": 2})
    forget()
    started = time.process_time()
    metrics = run("npu/edge_npu", "llm/llama-3-8b", overrides=LARGER).metrics
    spent = time.process_time() - started
    print(f"Llama 3 8B, 16 TOPS fp16, 102 GB/s: {metrics.tokens_per_s:.2f} tokens/s; CPU seconds (goal 30)")
    print(f"  {'prompt of 1024, 128 tokens':<28} {spent:7.3f}")


def mesh(size: int, rounds: int) -> None:
    """Every node sends 4 x 64 KiB to nodes drawn at random, so many times over; the kernel alone."""
    places = list(product(range(size), range(size)))
    live = Noc(
        clock=Clock.from_hz(10**9),
        width_bytes=32,
        packet_bytes=256,
        header_bytes=0,
        router_cycles=2,
        routes=route_table([(a, [b]) for a in places for b in places]),
        messages=np.array([(64 * 1024, 0)], MESSAGE),
        nodes=1,
    )
    rng = np.random.default_rng(1)
    now_fs, spent, packets = 0, 0.0, 0
    for _ in range(rounds + 1):  # the first one warms up
        for source, goal in enumerate(rng.integers(len(places), size=(len(places), 4)).tolist()):
            for place in goal:
                live.submit(now_fs, 0, source, 0, 1, source * len(places) + place)
        started = time.process_time()
        now_fs = max(done for _, done in live.advance(10**15))
        if packets:
            spent += time.process_time() - started
        packets += len(places) * 4 * 256
    rate = packets * rounds / (rounds + 1) / spent / 1e6
    hops = live.counts()["hop_byte"][0] / live.counts()["byte"][0]
    print(f"  {size} x {size} nodes, {hops:.1f} hops {rate:9.2f} M packets/s (goal 1)")


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
    language_model()
    print("mesh, uniform traffic, packets of 256 B; CPU time of the kernel")
    for nodes in (2, 4, 8):
        mesh(nodes, 160 // nodes**2)
    beside_scalesim()
