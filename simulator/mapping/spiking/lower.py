"""From a schedule and what the network did to commands: windows of steps, or each step of each core."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.hw.component import Way
from simulator.kernels.request import REQUEST
from simulator.mapping.program import ACCESS, BARRIER, COMMAND, MOVE, SPIKE, About, Program
from simulator.mapping.spiking.schedule import SpikingSchedule
from simulator.workload.spiking.log import SpikeLog

#: Spikes of one window of steps, about.
_WINDOW = 1 << 18
#: Names of units: all cores at once, the barrier, and where outside spikes enter.
CORES, SYNC, ENTRY = "cores", "barrier", "entry"


@dataclass(frozen=True, eq=False)
class SpikingProgram:
    """A run of a spiking network as commands.

    Attributes
    ----------
    schedule, log
        Where the neurons are, and what they did.
    program
        Commands. Without events one SPIKE per window of steps; ``work`` is the window. With events one SPIKE
        per step and sender, whose ``work`` is a row of ``moves`` (the messages that it sends), and one
        BARRIER per step.
    windows : (windows + 1,) int64
        First step of each window, and the end.
    """

    schedule: SpikingSchedule
    log: SpikeLog
    program: Program
    windows: np.ndarray


def lower_spiking(schedule: SpikingSchedule, log: SpikeLog) -> SpikingProgram:
    """Commands of a run."""
    events = schedule.parts.mesh.timing == "events"
    windows = np.arange(log.steps + 1) if events else _windows(log)
    program = _event_program(schedule, log) if events else _window_program(len(windows) - 1)
    return SpikingProgram(schedule, log, program, windows)


def senders_of(schedule: SpikingSchedule) -> list[str]:
    """Names of what sends: every core that holds neurons, and the entry if the network has inputs."""
    names = [f"core {core}" for core in schedule.cores]
    return [*names, ENTRY] if schedule.network.inputs else names


def messages_sent(schedule: SpikingSchedule, log: SpikeLog) -> np.ndarray:
    """Messages by step and sender, int64 (T, senders)."""
    senders = len(senders_of(schedule))
    sender = schedule.core_of[log.spike_neurons].astype(np.int64)
    sender[sender < 0] = senders - 1
    entries = np.diff(schedule.rows.first)[log.spike_neurons]
    key = log.spike_steps * np.int64(senders) + sender
    counts = np.bincount(key, entries, log.steps * senders)
    return counts.astype(np.int64).reshape(log.steps, senders)


def _windows(log: SpikeLog) -> np.ndarray:
    """Windows of steps with about as many spikes each, at least one step."""
    parts = max(1, min(log.steps, -(-len(log.spike_steps) // _WINDOW)))
    marks = np.arange(parts) * len(log.spike_steps) // parts
    first = np.unique(np.searchsorted(log.offsets[:-1], marks))
    first[0] = 0
    return np.append(first, log.steps)


def _window_program(windows: int) -> Program:
    """One window after the other."""
    commands = np.zeros(windows, COMMAND)
    commands["kind"], commands["work"] = SPIKE, np.arange(windows)
    waits = np.arange(windows - 1)
    first = np.append(0, np.arange(windows))
    return _program((CORES,), commands, first, waits, np.zeros(0, MOVE))


def _event_program(schedule: SpikingSchedule, log: SpikeLog) -> Program:
    """In every step all senders side by side, then the barrier, for which the next step waits."""
    units = (*senders_of(schedule), SYNC)
    senders, steps = len(units) - 1, log.steps
    commands = np.zeros((steps, senders + 1), COMMAND)
    commands["unit"] = np.arange(senders + 1)
    commands["kind"] = [SPIKE] * senders + [BARRIER]
    commands["work"][:, :senders] = np.arange(steps * senders).reshape(steps, senders)
    index = np.arange(commands.size).reshape(commands.shape)
    waits = np.empty((steps, 2 * senders), np.int64)
    waits[:, :senders] = index[:, -1:] - (senders + 1)
    waits[:, senders:] = index[:, :-1]
    lengths = np.full(commands.shape, 1)
    lengths[:, -1], lengths[0, :-1] = senders, 0
    first = np.append(0, np.cumsum(lengths))
    moves = np.zeros(steps * senders, MOVE)
    moves["last"] = np.cumsum(messages_sent(schedule, log))
    moves["first"][1:] = moves["last"][:-1]
    return _program(units, commands.reshape(-1), first, waits.reshape(-1)[senders:], moves)


def _program(
    units: tuple[str, ...], commands: np.ndarray, first: np.ndarray, waits: np.ndarray, moves: np.ndarray
) -> Program:
    nodes = ("network",)
    return Program(
        units=units,
        memories=(),
        nodes=nodes,
        commands=commands,
        dependency_first=first.astype(np.int64),
        dependencies=waits.astype(np.int64),
        early=np.zeros(waits.size, bool),
        moves=moves,
        requests=np.zeros(0, REQUEST),
        ways=(Way("", ()),),
        tiles={},
        accesses=np.zeros(0, ACCESS),
        present=(),
        rooms={},
        capacity=(),
        macs=np.zeros(len(nodes), np.int64),
        about=About("", "", "", 1, ("",), ("",), ("",), (), (), 0, {}),
    )
