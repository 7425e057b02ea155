"""A run of steps on a kernel, or in plain numpy: arguments, and growth of the raster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from simulator.workload.spiking.pack import Packed, SpikingState

#: Steps of one call at most: what float32 counts exactly, with room.
LONGEST = 1 << 22
#: Numbers that are put into the type of a kernel at a time: currents from outside, traces.
PORTION = 1 << 22
#: Spikes that one call has room for, if the network has not more neurons.
ROOM = 1 << 20


@dataclass(eq=False)
class Window:
    """Arguments of a kernel in their order, see ``simulator.kernels.spiking``; some of them are written."""

    state: np.ndarray
    free: np.ndarray
    inbox: np.ndarray
    arrived: np.ndarray
    numbers: np.ndarray
    keeps: np.ndarray
    rests: np.ndarray
    soft: np.ndarray
    scalars: np.ndarray
    offsets: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    delays: np.ndarray
    delay: int
    drive: np.ndarray
    forced: np.ndarray
    busy: np.ndarray
    slot: int
    steps: int
    traced: np.ndarray
    traces: np.ndarray
    spike_steps: np.ndarray
    spike_neurons: np.ndarray
    first: int

    @property
    def arguments(self) -> list[Any]:
        """All of them, in order."""
        return [getattr(self, each.name) for each in fields(self)]


#: Of (T, n) uint8, 1 where a neuron has something to do in a step: what is kept, a row for each step.
Keep = Callable[[np.ndarray], np.ndarray]
#: Runs a window of a kind of network: (steps done, spikes).
Runner = Callable[[Packed, Window], tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Outside:
    """What comes from outside: currents (T or 1, width), spikes (T, n); no rows: none."""

    drive: np.ndarray
    forced: np.ndarray


@dataclass(frozen=True, eq=False)
class Ran:
    """Raster, what was kept of busy neurons (T, any), traces (k, T, m) of a run, and where it ended."""

    spike_steps: np.ndarray
    spike_neurons: np.ndarray
    updated: np.ndarray
    traces: np.ndarray
    state: SpikingState


def run(
    state: SpikingState, steps: int, outside: Outside, keep: Keep | None, traced: np.ndarray, runner: Runner
) -> Ran:
    """Run ``steps`` steps from a state, which stays as it is.

    Parameters
    ----------
    state
        Where to begin.
    steps
        How many.
    outside
        Currents and spikes from outside.
    keep
        What is kept of who had something to do; None: nothing, it is not noted.
    traced
        int64 (m,): neurons whose state variables are kept.
    runner
        Kernels or plain numpy.
    """
    packed, n = state.packed, len(state.rest)
    live = _Live(state, keep is not None)
    updated: list[np.ndarray] = []
    traces = np.zeros((len(packed.states), steps, len(traced)), packed.real)
    room = max(ROOM, n)
    raster = np.empty(room, np.int32), np.empty(room, np.int32)
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    done = 0
    while done < steps:
        length = min(steps - done, _portion(outside, traced, packed, 0 if keep is None else n))
        if packed.kind == "sanafe" and state.step + done == 0:
            length = 1  # nothing decays before the first step
        window = live.window(packed, done, length, outside, traced, raster)
        did, spikes = runner(packed, window)
        parts.append((raster[0][:spikes].copy(), raster[1][:spikes].copy()))
        traces[:, done : done + did] = window.traces[:, :did]
        if keep is not None:
            updated.append(keep(window.busy[:did]))
        live.forward(did)
        done += did
    joined = [np.concatenate([part[i] for part in parts] or [raster[i][:0]]) for i in (0, 1)]
    kept = np.concatenate(updated) if updated else np.zeros((steps, 0), np.int64)
    return Ran(joined[0], joined[1], kept, traces, live.frozen())


def _portion(outside: Outside, traced: np.ndarray, packed: Packed, noted: int) -> int:
    """Steps of one call: so many that what is made for them stays small."""
    entering = outside.drive.shape[1] if len(outside.drive) > 1 else 0
    forced = outside.forced.shape[1] if len(outside.forced) else 0
    per_step = max(entering, forced, len(traced) * len(packed.states), noted, 1)
    return max(1, min(LONGEST, PORTION // per_step))


class _Live:
    """A state that moves."""

    def __init__(self, state: SpikingState, noting: bool) -> None:
        self.began, self.step = state, state.step
        real = state.packed.real
        self.state = np.ascontiguousarray(np.stack([state.variables[name] for name in state.packed.states]))
        self.free = state.rest.astype(real)
        direct = state.packed.kind == "cuba" and state.packed.slots == 1
        self.inbox = self.state[:2].reshape(1, -1) if direct else state.inbox.copy()
        self.noting = noting
        self.arrived = state.arrived.copy()

    def window(
        self, packed: Packed, done: int, length: int, outside: Outside, traced: np.ndarray,
        raster: tuple[np.ndarray, np.ndarray],
    ) -> Window:  # fmt: skip
        """Arguments of the next call."""
        drive = outside.drive if len(outside.drive) <= 1 else outside.drive[done : done + length]
        first = packed.kind == "sanafe" and self.step == 0
        return Window(
            state=self.state,
            free=self.free,
            inbox=self.inbox,
            arrived=self.arrived if self.noting and packed.kind != "cuba" else self.arrived[:0, :0].copy(),
            numbers=packed.numbers,
            keeps=np.ones_like(packed.keeps) if first else packed.keeps,
            rests=packed.rests,
            soft=packed.soft,
            scalars=packed.scalars,
            offsets=packed.offsets,
            targets=packed.targets,
            weights=packed.weights,
            delays=packed.delays,
            delay=packed.delay,
            drive=np.array(drive, packed.real, order="C"),
            forced=np.array(outside.forced[done : done + length], np.uint8, order="C"),
            busy=np.zeros((length if self.noting else 0, len(self.free)), np.uint8),
            slot=self.step % packed.slots,
            steps=length,
            traced=traced,
            traces=np.zeros((len(packed.states), length, len(traced)), packed.real),
            spike_steps=raster[0],
            spike_neurons=raster[1],
            first=self.step,
        )

    def forward(self, steps: int) -> None:
        """Count on; waits for that many steps less."""
        self.step += steps
        self.free = np.maximum(self.free - self.free.dtype.type(steps), self.free.dtype.type(0))

    def frozen(self) -> SpikingState:
        """Where it stands, in arrays of its own."""
        names = self.began.packed.states
        variables = {name: row.copy() for name, row in zip(names, self.state, strict=True)}
        inbox = self.inbox.copy()
        return SpikingState(
            self.step, variables, self.free.astype(np.int64), inbox, self.arrived.copy(), self.began.packed
        )
