"""Messages of spiking cores in queues: the kernel against plain Python, against every event, and in its limits."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spiking_cases import arrays, load

from simulator.engine.spiking.own import own_times
from simulator.engine.spiking.steps import StepTable, run_steps
from simulator.hw.chip import load_chip
from simulator.mapping.spiking.lower import SpikingProgram, lower_spiking
from simulator.mapping.spiking.plan import plan_spiking
from simulator.workload.spiking.drive import poisson
from simulator.workload.spiking.log import log_spikes

STEPS = 12


@dataclass
class Queue:
    """``left``: when each message left, in their order; ``waiting``: (arrival, time taken) of a receiver."""

    left: list[int] = field(default_factory=list)
    waiting: list[tuple[int, int]] = field(default_factory=list)
    free: int = 0

    def room(self, places: int) -> int:
        """When there is a place for one more."""
        number = len(self.left) + len(self.waiting)
        return self.left[number - places] if number >= places else 0

    def serve(self, until: int) -> None:
        """Take in what arrived by then."""
        while self.waiting and self.waiting[0][0] <= until:
            self.serve_first()

    def serve_first(self) -> None:
        """Take in the one that arrived first."""
        arrived, taken = self.waiting.pop(0)
        self.left.append(max(self.free, arrived))
        self.free = self.left[-1] + taken


def path(mesh, here: tuple[int, int], there: tuple[int, int]) -> list[tuple[int, int]]:
    """(link, time of its hop) of a message: along the row, then along the column."""
    (x, y), found = here, []
    while x != there[0]:
        found.append(((y * mesh.columns + x) * 4 + (0 if there[0] > x else 1), mesh.hop_ew_fs))
        x += 1 if there[0] > x else -1
    while y != there[1]:
        found.append(((y * mesh.columns + x) * 4 + (2 if there[1] > y else 3), mesh.hop_ns_fs))
        y += 1 if there[1] > y else -1
    return found


def plain(program: SpikingProgram) -> list[int]:
    """Time of each step without its barrier, message by message."""
    schedule, log = program.schedule, program.log
    own, rows, mesh = own_times(schedule, log), schedule.rows, schedule.parts.mesh
    cores = len(schedule.cores)
    tiles = [tuple(each) for each in rows.tile_of.tolist()]
    taken = []
    for t in range(log.steps):
        links = [Queue() for _ in range(4 * mesh.tiles)]
        doors = [0] * len(links)
        senders, receivers = [Queue() for _ in range(cores + 1)], [Queue() for _ in range(cores)]
        front = {id(queue): 0 for queue in [*links, *senders]}  # nothing leaves before what is in front of it
        todo: list[list[tuple[int, int]]] = [[] for _ in range(cores + 1)]  # (soma's time, entry)
        for k in range(log.offsets[t], log.offsets[t + 1]):
            neuron = log.spike_neurons[k]
            for entry in range(rows.first[neuron], rows.first[neuron + 1]):
                todo[schedule.core_of[neuron]].append((int(own.ready[k]), entry))
        clock, soma = [0] * (cores + 1), [0] * (cores + 1)

        def due(c: int, todo=todo, clock=clock, soma=soma) -> int:
            gap = schedule.parts.core.axon_out_fs if c < cores else mesh.entry_time_fs
            return clock[c] + todo[c][0][0] - soma[c] + gap

        while any(todo):
            c = min((c for c in range(cores + 1) if todo[c]), key=lambda c: (due(c), c))
            ready = due(c)
            soma[c], entry = todo[c].pop(0)
            queue, to = senders[c], int(rows.core[entry])
            now = clock[c] = max(ready, queue.room(mesh.queue))
            for link, hop in path(mesh, tiles[c], tiles[to]):
                now = max(now, front[id(queue)], doors[link], links[link].room(mesh.queue))
                doors[link] = now + mesh.occupancy_fs
                front[id(queue)] = now
                queue.left.append(now)
                queue, now = links[link], now + hop
            receiver = receivers[to]
            receiver.serve(ready)
            if len(receiver.waiting) == mesh.queue:
                receiver.serve_first()
            now = max(now, front[id(queue)], receiver.room(mesh.queue))
            front[id(queue)] = now
            queue.left.append(now)
            receiver.waiting.append((now + mesh.within_tile_fs, int(rows.serve_fs[entry])))
            receiver.waiting.sort(key=lambda each: each[0])
        end = 0
        for c in range(cores):
            receivers[c].serve(2**62)
            end = max(end, clock[c] + int(own.soma[t, c]) - soma[c], receivers[c].free)
        taken.append(end)
    return taken


def run(seed: int, **mesh: object) -> tuple[SpikingProgram, StepTable]:
    """Random neurons on random cores of a chip of 3 x 2 tiles of 2 cores."""
    rng = np.random.default_rng(seed)
    made = arrays("sanafe_lif", rng, 60, 1)
    made["core_id"] = rng.integers(0, 12, 60)
    stated = {"columns": 3, "rows": 2, "cores_per_tile": 2, **mesh}
    chip = load_chip(
        "neuromorphic/loihi_1", {f"links.mesh.{name}": str(each) for name, each in stated.items()}
    )
    with tempfile.TemporaryDirectory() as folder:
        network = load(made, Path(folder))
    schedule = plan_spiking(network, chip)
    forced = poisson(network, STEPS, 0.2, seed)
    program = lower_spiking(schedule, log_spikes(network, forced, schedule.core_of))
    return program, run_steps(program)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    queue=st.sampled_from([1, 2, 3, 16]),
    occupancy=st.sampled_from(["0 ns", "1.16 ns", "40 ns"]),
    hop=st.sampled_from(["0 ns", "4.1 ns", "90 ns"]),
    within=st.sampled_from(["0 ns", "2.1 ns", "70 ns"]),
)
def test_the_kernel_is_the_plain_model(seed, queue, occupancy, hop, within):
    program, table = run(seed, queue=queue, occupancy=occupancy, hop_ew=hop, within_tile=within)
    assert (table.taken_fs - program.schedule.barrier_fs).tolist() == plain(program)
    assert (table.taken_fs - program.schedule.barrier_fs >= table.slowest_fs).all()


@pytest.mark.parametrize("seed", range(4))
def test_without_hops_and_receivers_only_senders_take_time(seed):
    """Links that take no time, room for all, nothing to do with what arrives: the slowest sender, exactly."""
    none = dict.fromkeys(("occupancy", "hop_ew", "hop_ns", "within_tile"), "0 ns")
    program, table = run(seed, queue=4096, **none)
    program.schedule.rows.serve_fs[:] = 0
    alone = run_steps(program)
    assert np.array_equal(alone.taken_fs, alone.slowest_fs + program.schedule.barrier_fs)
    assert (table.taken_fs >= alone.taken_fs).all()


@pytest.mark.parametrize("seed", range(3))
def test_whole_paths_and_every_event_agree_with_room(seed):
    """With room in every queue the two differ by who goes first at a link: by less than 3 % of a step."""
    paths = run(seed, queue=64)[1].taken_fs
    events = run(seed, queue=64, timing="events")[1].taken_fs
    assert np.abs(paths / events - 1).max() < 0.03
