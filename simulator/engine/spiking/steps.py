"""Run a spiking program: what each step counted, and how long it took."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.base.clock import Clock
from simulator.engine.machine import CoreUnit, Machine, SenderUnit, Unit
from simulator.engine.run import run
from simulator.engine.spiking.own import OwnTimes, own_times
from simulator.hw.spikenoc import SpikeNoc
from simulator.kernels.spikemesh import MESSAGE
from simulator.kernels.spikequeue import FIRST, make_queues, queue_steps
from simulator.kernels.spikerows import ACTIONS
from simulator.kernels.spikesteps import measure_steps
from simulator.mapping.program import BARRIER
from simulator.mapping.spiking.lower import SpikingProgram

#: Times are whole femtoseconds: no grid but that.
_GRID = Clock(1, 1)


@dataclass(frozen=True, eq=False)
class StepTable:
    """What happened step by step. T steps, C cores.

    Attributes
    ----------
    counts : (T, ACTIONS) int64
        See ``simulator.kernels.spikerows``.
    slowest_fs, slowest_core, slowest_side : (T,) int64
        The slowest core's time without queueing, an index of ``SpikingSchedule.cores``, its slower side.
    taken_fs : (T,) int64
        Time of the step by the mesh's timing, the barrier included.
    busy_fs, decisive_fs : (C, 2) int64
        Time of each side of each core, over all steps; and in the steps in which it was the slowest.
    """

    counts: np.ndarray
    slowest_fs: np.ndarray
    slowest_core: np.ndarray
    slowest_side: np.ndarray
    taken_fs: np.ndarray
    busy_fs: np.ndarray
    decisive_fs: np.ndarray


def run_steps(program: SpikingProgram) -> StepTable:
    """Run a program on the chip that it was made for."""
    own = own_times(program.schedule, program.log)
    counts, times, busy, decisive = _measure(program, own)
    timing = program.schedule.parts.mesh.timing
    barrier = program.schedule.barrier_fs
    if timing == "events":
        taken = _by_events(program, own)
    else:
        taken = times[0] + barrier if timing == "simple" else _queued(program, own) + barrier
        taken = _run_windows(program, taken)
    return StepTable(counts, times[0], times[1], times[2], taken, busy, decisive)


def _measure(program: SpikingProgram, own: OwnTimes) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Counts (T, ACTIONS), slowest cores (3, T), time of sides (C, 2) twice."""
    schedule, log = program.schedule, program.log
    cores, rows = len(schedule.cores), schedule.rows
    counts, times = np.zeros((log.steps, ACTIONS), np.int64), np.zeros((3, log.steps), np.int64)
    busy, decisive, now = (np.zeros((cores, 2), np.int64) for _ in range(3))
    for first, last in zip(program.windows[:-1].tolist(), program.windows[1:].tolist(), strict=True):
        found = np.zeros((3, last - first), np.int64)
        measure_steps(
            log.offsets[first : last + 1], log.spike_neurons, schedule.core_of, rows.first, rows.core,
            rows.serve_fs, rows.actions, own.send, log.updated[first:last], own.access,
            schedule.parts.core.update_fs, now, counts[first:last], found, busy, decisive,
        )  # fmt: skip
        times[:, first:last] = found
    return counts, times, busy, decisive


def _queued(program: SpikingProgram, own: OwnTimes) -> np.ndarray:
    """Time of each step with messages going through the mesh, barriers left out; int64 (T,)."""
    schedule, log, mesh = program.schedule, program.log, program.schedule.parts.mesh
    cores, rows = len(schedule.cores), schedule.rows
    half = 1 << cores.bit_length()  # places for cores + 1 senders
    send_fs = schedule.parts.core.axon_out_fs
    times = (send_fs, mesh.entry_time_fs, mesh.occupancy_fs, mesh.queue, mesh.within_tile_fs)
    shape = np.array([mesh.columns, *times], np.int64)
    live = (
        np.zeros(len(log.spike_neurons), np.int64), np.zeros((cores + 1, 4), np.int64),
        np.zeros((cores + 1, 2), np.int64), np.zeros(2 * half, np.int64),
        make_queues(4 * mesh.tiles, 2 * cores + 1, mesh.queue, (mesh.hop_ew_fs, mesh.hop_ns_fs)),
        np.zeros(cores * (FIRST + 2 * mesh.queue), np.int64),
    )  # fmt: skip
    taken, start = np.zeros(log.steps, np.int64), 0
    for first, last in zip(program.windows[:-1].tolist(), program.windows[1:].tolist(), strict=True):
        start = queue_steps(
            log.offsets[first : last + 1], log.spike_neurons, schedule.core_of, rows.first, rows.core,
            rows.serve_fs, own.ready, own.soma[first:last], rows.tile_of, shape, *live, start,
            taken[first:last],
        )  # fmt: skip
    return taken


def _run_windows(program: SpikingProgram, taken: np.ndarray) -> np.ndarray:
    """Run the windows one after the other; the time of each step, which they take."""
    spent = np.add.reduceat(taken, program.windows[:-1]).tolist()
    unit = CoreUnit(_GRID, spent, [0] * len(spent))
    spans = run(program.program, Machine([unit], {}, {}))
    assert (np.diff(spans, axis=1)[:, 0] == spent).all()
    return taken


def _by_events(program: SpikingProgram, own: OwnTimes) -> np.ndarray:
    """Time of each step, barrier included, with every message in the event engine; int64 (T,)."""
    schedule = program.schedule
    commands = program.program.commands
    senders = len(program.program.units) - 1
    messages, tails = _messages(program, own, senders)
    noc = SpikeNoc(
        mesh=schedule.parts.mesh,
        tile_of=schedule.rows.tile_of[:senders],
        cores=len(schedule.cores),
        messages=messages,
        tails=tails,
    )
    units: list[Unit | None] = [SenderUnit() for _ in range(senders)]
    units.append(CoreUnit(_GRID, [schedule.barrier_fs], [0]))
    name = schedule.parts.mesh_name
    machine = Machine(units, {name: noc}, {index: (name,) for index in range(senders)})
    spans = run(program.program, machine)
    ends = spans[commands["kind"] == BARRIER, 1]
    return np.diff(ends, prepend=0)


def _messages(program: SpikingProgram, own: OwnTimes, senders: int) -> tuple[np.ndarray, np.ndarray]:
    """MESSAGE table in the order of commands, and the time of each command behind its last message."""
    schedule, log, core = program.schedule, program.log, program.schedule.parts.core
    rows, mesh = schedule.rows, schedule.parts.mesh
    sender = schedule.core_of[log.spike_neurons].astype(np.int64)
    outside = sender < 0
    sender[outside] = senders - 1
    key = log.spike_steps * np.int64(senders) + sender
    order = np.argsort(key, kind="stable")
    order = order[np.diff(rows.first)[log.spike_neurons[order]] > 0]
    key, neuron, ready = key[order], log.spike_neurons[order], own.ready[order]
    before = np.append(0, ready[:-1])
    before[np.diff(key, prepend=-1) != 0] = 0
    lengths = np.diff(rows.first)[neuron]
    begins = np.cumsum(lengths) - lengths
    entry = np.arange(int(lengths.sum())) - np.repeat(begins - rows.first[neuron], lengths)
    messages = np.zeros(len(entry), MESSAGE)
    messages["to"], messages["serve"] = rows.core[entry], rows.serve_fs[entry]
    messages["gap"] = np.repeat(np.where(outside[order], mesh.entry_time_fs, core.axon_out_fs), lengths)
    messages["gap"][begins] += ready - before
    command = key // senders * (senders + 1) + key % senders
    messages["sender"] = np.repeat(key % senders, lengths)
    by_step = np.zeros((log.steps, senders + 1), np.int64)
    by_step[:, : len(schedule.cores)] = own.soma
    tails = by_step.reshape(-1)
    last = np.flatnonzero(np.diff(key, append=-1))
    tails[command[last]] -= ready[last]
    return messages, tails
