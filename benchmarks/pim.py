"""How fast: a GEMV inside memories that compute, and a language model on a chip with one. ``make bench``.

CPU time of this process; compilation of kernels is not counted (they are cached), one warm-up run before.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from simulator.experiment.run import run
from simulator.hw.device import Device, make_device
from simulator.hw.pim import aim, bankwise
from simulator.hw.pim.stream import Stream, compute
from simulator.hw.standard import STANDARDS

SIZE = 4096
#: Memory -> the stream of one of so many channels, which all do the same.
STREAMS: dict[str, Callable[[Device], Stream]] = {
    "hbm2_pim": lambda device: bankwise.gemv(device, SIZE, SIZE, 64),
    "gddr6_aim": lambda device: aim.gemv(device, SIZE, SIZE, 32),
    "lpddr5_pim": lambda device: bankwise.gemv(device, SIZE, SIZE, 8),
}


def cpu_ms(action: Callable[[], object], times: int = 9) -> float:
    """Median CPU milliseconds of an action after one warm-up."""
    action()
    spent = []
    for _ in range(times):
        started = time.process_time()
        action()
        spent.append((time.process_time() - started) * 1e3)
    return statistics.median(spent)


def gemv() -> None:
    """Build the stream of one channel and serve it command by command."""
    print(f"GEMV of {SIZE} x {SIZE} inside a memory, one channel, stream built and served; CPU milliseconds")
    for name, make in STREAMS.items():
        device = make_device(STANDARDS[name])
        ran = compute(make(device))
        commands = sum(ran.commands.values())
        taken = cpu_ms(lambda make=make, device=device: compute(make(device)))
        goal = " (goal 20)" if name == "hbm2_pim" else ""
        print(f"  {name:<12} {taken:8.2f}   {commands} commands, {ran.cycles} clocks{goal}")


def language_model() -> None:
    """Llama-3-8B: plans of prefill and of three decode steps, their runs, the integral over 128 tokens."""
    started = time.process_time()
    result = run(
        "pim/edge_npu_lpddr5_pim",
        "llm/llama-3-8b",
        overrides={"workload.prompt": 1024, "workload.generate": 128},
    )
    spent = time.process_time() - started
    metrics = result.metrics
    print("Llama-3-8B, int4 weights, 1024 + 128 tokens, on pim/edge_npu_lpddr5_pim; CPU seconds")
    told = f"first token {metrics.ttft_s:.3f} s, {metrics.tokens_per_s:.1f} tokens/s"
    print(f"  {'run (goal 30 s)':<28} {spent:7.1f}   {told}")


if __name__ == "__main__":
    gemv()
    language_model()
