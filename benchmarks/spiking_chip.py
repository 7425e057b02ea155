"""How fast a spiking chip is simulated: a random network on Loihi, by each timing. ``make bench``.

18 678 neurons, 3.56 million synapses, every neuron made to spike in 2 % of the steps. CPU time of one
process, the network's execution, counts by core and the time of every step included, best of five after one
warm-up (kernels are cached). Loading and mapping are timed apart, in a process of their own whose memory is
that of the whole run. Random targets are all over the chip, which takes more axons than a core of Loihi has:
for this measurement alone they are not limited.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from simulator.engine.spiking.steps import run_steps
from simulator.hw.chip import load_chip
from simulator.mapping.spiking.lower import lower_spiking
from simulator.mapping.spiking.plan import plan_spiking
from simulator.workload.load import load_spiking
from simulator.workload.spiking.drive import poisson
from simulator.workload.spiking.log import log_spikes

NEURONS, SYNAPSES, STEPS, RATE = 18_678, 3_560_000, 100, 0.02
UNLIMITED = {"cores.core.axons_in": "1000000", "cores.core.axons_out": "1000000"}
GOALS = {"simple": 100e6, "detailed": 40e6}
LOAD_GOAL_S, MEMORY_GOAL_MB = 5.0, 600


def write_network(path: Path) -> None:
    rng = np.random.default_rng(1)
    np.savez(
        path,
        pre=rng.integers(0, NEURONS, SYNAPSES), post=rng.integers(0, NEURONS, SYNAPSES),
        w=rng.integers(-40, 80, SYNAPSES), N=NEURONS, steps=STEPS, model="sanafe_lif", threshold=1e9,
        leak=0.9375, input_decay=0.5,
    )  # fmt: skip


def prepare(path: Path) -> None:
    """Load, map and run once: seconds of CPU and the most memory, as JSON."""
    chip = load_chip("neuromorphic/loihi_1", UNLIMITED)
    plan_spiking(load_spiking(small(path)), chip)  # kernels
    started = time.process_time()
    network = load_spiking(path)
    loaded = time.process_time()
    schedule = plan_spiking(network, chip)
    mapped = time.process_time()
    log = log_spikes(network, poisson(network, STEPS, RATE, 1), schedule.core_of)
    run_steps(lower_spiking(schedule, log))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"load": loaded - started, "map": mapped - loaded, "memory": memory}))


def small(path: Path) -> Path:
    """A few neurons of the same kind, to have everything compiled."""
    other = path.with_name("small.npz")
    np.savez(other, pre=[0, 1], post=[1, 0], w=[1, 1], N=2, steps=1, model="sanafe_lif", threshold=1e9)
    return other


def best(action, times: int = 5) -> float:
    action()
    spent = []
    for _ in range(times):
        started = time.process_time()
        action()
        spent.append(time.process_time() - started)
    return min(spent)


def measure(path: Path) -> None:
    network = load_spiking(path)
    forced = poisson(network, STEPS, RATE, 1)
    for timing in ("simple", "detailed", "events"):
        chip = load_chip("neuromorphic/loihi_1", {**UNLIMITED, "links.mesh.timing": timing})
        schedule = plan_spiking(network, chip)
        steps = 10 if timing == "events" else STEPS
        given = {name: array[:steps] for name, array in forced.items()}

        def run(schedule=schedule, given=given):
            log = log_spikes(network, given, schedule.core_of)
            return log, run_steps(lower_spiking(schedule, log))

        log, table = run()
        events = int(network.synapses.fan_out[log.spike_neurons].sum())
        messages = int(table.counts[:, 0].sum())
        seconds = best(run, 2 if timing == "events" else 5)
        goal = f" (goal {GOALS[timing] / 1e6:.0f})" if timing in GOALS else ""
        print(
            f"  {timing:<9} {events / seconds / 1e6:6.1f} M synaptic events/s{goal}, "
            f"{messages / seconds / 1e6:.1f} M messages/s; {len(schedule.cores)} cores, "
            f"{table.taken_fs.mean() / 1e9:.2f} us per step on the chip"
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.npz"
        write_network(path)
        print(
            f"{NEURONS} neurons, {SYNAPSES} synapses, {RATE:.0%} spike per step, {STEPS} steps; CPU seconds"
        )
        done = subprocess.run([sys.executable, __file__, path], capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        print(
            f"  load {found['load']:.2f} s, map {found['map']:.2f} s (goal {LOAD_GOAL_S:.0f} together), "
            f"{found['memory']:.0f} MB (goal {MEMORY_GOAL_MB})"
        )
        measure(path)


if __name__ == "__main__":
    prepare(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
