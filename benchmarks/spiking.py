"""How fast spiking networks run: Brian2's CUBA example and a random network, in one run. ``make bench``.

CPU time of this process, median of five after one warm-up; compilation of kernels is not counted (they are
cached). From arrays in memory: packing the network is counted, reading a file is not. Both paths, compiled
and plain numpy, and Brian2 beside them, have to give the same spikes.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from simulator.workload.load import load_spiking
from simulator.workload.spiking.execute import SpikeActivity, execute_spikes
from simulator.workload.spiking.network import SpikingNetwork

HERE = Path(__file__).parent
PEER = HERE / ".venv-brian2"
#: Milliseconds that the CUBA network is to take, by precision; synaptic events per CPU second of the other.
GOALS = {"float64": 150, "float32": 60}
EVENTS_GOAL = 100e6


def cpu(action: Callable[[], Any], times: int = 5) -> float:
    """Median CPU seconds of an action after one warm-up."""
    action()
    spent = []
    for _ in range(times):
        started = time.process_time()
        action()
        spent.append(time.process_time() - started)
    return statistics.median(spent)


def load(made: dict[str, Any], folder: Path) -> SpikingNetwork:
    path = folder / "net.npz"
    np.savez(path, **{name: np.asarray(value) for name, value in made.items()})
    return load_spiking(path)


def cuba() -> dict[str, Any]:
    """Vogels and Abbott's network as Brian2's example has it, by explicit Euler."""
    rng = np.random.default_rng(1)
    pre, post = np.nonzero(rng.random((4000, 4000)) < 0.02)
    return {
        "pre": pre, "post": post, "ne": 3200, "we": 1.62, "wi": -9.0, "v0": rng.uniform(-60, -50, 4000),
        "dt_ms": 0.1, "taum": 20.0, "taue": 5.0, "taui": 10.0, "Vt": -50.0, "Vr": -60.0, "El": -49.0,
        "refr_steps": 50, "steps": 10_000,
    }  # fmt: skip


def same(first: SpikeActivity, steps: np.ndarray, neurons: np.ndarray) -> str:
    equal = np.array_equal(first.spike_steps, steps) and np.array_equal(first.spike_neurons, neurons)
    return "the same spikes" if equal else "SPIKES DIFFER"


def run_cuba(folder: Path) -> None:
    made = cuba()
    network = load(made, folder)
    updates = network.neurons * made["steps"]
    print(f"CUBA: 4 000 neurons, {network.synapses.count} synapses, {made['steps']} steps; CPU milliseconds")
    found: dict[str, SpikeActivity] = {}
    for precision, goal in GOALS.items():
        found[precision] = execute_spikes(network, precision=precision)
        seconds = cpu(lambda precision=precision: execute_spikes(network, precision=precision))
        spikes = len(found[precision].spike_steps)
        rate = updates / seconds / 1e9
        print(f"  {precision} {1e3 * seconds:8.1f} (goal {goal})   {rate:.2f} G updates/s, {spikes} spikes")
    started = time.process_time()
    plain = execute_spikes(network, readable=True)
    seconds = time.process_time() - started
    print(
        f"  plain   {1e3 * seconds:8.0f}   {same(found['float64'], plain.spike_steps, plain.spike_neurons)}"
    )
    beside_brian2(made, folder, found["float64"])


def peer_python() -> Path | None:
    """Python of an environment with brian2, made on first use; None where it cannot be installed."""
    python = PEER / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", PEER], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if subprocess.run([*pip, "brian2==2.9.0", "numpy<2.4"]).returncode:
            return None
    ready = subprocess.run([python, "-c", "import brian2"], capture_output=True).returncode == 0
    return python if ready else None


def beside_brian2(made: dict[str, Any], folder: Path, ours: SpikeActivity) -> None:
    """The same network in Brian2's numpy target, which needs no compiler either."""
    python = peer_python()
    if python is None:
        print("  brian2  could not be installed here: skipped")
        return
    np.savez(folder / "given.npz", **{name: np.asarray(value) for name, value in made.items()})
    command = [python, HERE / "peer_brian2.py", folder / "given.npz", folder / "raster.npz"]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode:
        print(f"  brian2  failed here: {ran.stderr.strip().splitlines()[-1]}")
        return
    raster = np.load(folder / "raster.npz")
    seconds = json.loads(ran.stdout.splitlines()[-1])["cpu_s"]
    print(f"  brian2  {1e3 * seconds:8.0f}   numpy target; {same(ours, raster['steps'], raster['neurons'])}")


def run_random(folder: Path) -> None:
    """Every neuron is made to spike in 2 % of the steps; delays of one step, and of one to eight."""
    n, s, steps = 18_678, 3_560_000, 200
    rng = np.random.default_rng(1)
    made: dict[str, Any] = {
        "pre": rng.integers(0, n, s), "post": rng.integers(0, n, s), "w": rng.integers(-40, 80, s), "N": n,
        "steps": steps,
    }  # fmt: skip
    models = {
        "sanafe_lif": {"threshold": 1e9, "leak": 0.9375, "input_decay": 0.5},
        "loihi": {"du": 2048, "dv": 128, "vth": 2**17 - 1},
        "if": {"threshold": 1e9, "leak": 0.9},
    }
    print(f"random: {n} neurons, {s} synapses, 2 % of the neurons spike; M synaptic events per CPU second")
    forced = {"spikes": rng.random((steps, n)) < 0.02}
    cores = np.arange(n) // 1024
    for model, parameters in models.items():
        for delays in (1, rng.integers(1, 9, s)):
            network = load(made | {"model": model, "delay": delays} | parameters, folder)
            ran = execute_spikes(network, forced)
            events = network.synapses.fan_out[ran.spike_neurons].sum()
            rate = events / cpu(lambda network=network: execute_spikes(network, forced)) / 1e6
            counted = (
                events / cpu(lambda network=network: execute_spikes(network, forced, groups=cores)) / 1e6
            )
            what = "delay 1" if isinstance(delays, int) else "delays 1-8"
            print(
                f"  {model:<11} {what:<11} {rate:6.0f} (goal {EVENTS_GOAL / 1e6:.0f})   {counted:6.0f} with "
                "updated neurons counted by core"
            )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run_cuba(Path(folder))
        run_random(Path(folder))


if __name__ == "__main__":
    main()
