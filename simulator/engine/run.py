"""The loop: commands wait for their dependencies, units drain their queues.

Shared resources decide as late as they can.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import cast

import numpy as np
import simpy

from simulator.engine.machine import CoreUnit, Machine, ResidentUnit
from simulator.hw.component import UNDECIDED, ComputingUnit, SharedUnit
from simulator.hw.pim.stream import Stream
from simulator.mapping.program import KINDS, STORE, Program

#: Later than any event.
FOREVER_FS = 2**62


class DeadlockError(Exception):
    """Commands are left that wait for each other: a defect of the program."""


def run(program: Program, machine: Machine) -> np.ndarray:
    """Run a program to its end.

    Returns
    -------
    spans : int64, shape (commands, 2)
        Start and end of each command in fs; a core's command ends when its result is out.

    Raises
    ------
    DeadlockError
        Names the first command that could never start.
    """
    return _Loop(program, machine).run()


class _Event:
    """An action in simpy's queue, in the place of a ``Timeout``, which takes three times as long to make."""

    __slots__ = ("callbacks",)
    _ok = True

    def __init__(self, action: Callable[[object], None]) -> None:
        self.callbacks = (action,)


class _Loop:
    def __init__(self, program: Program, machine: Machine) -> None:
        self.env = simpy.Environment(0)
        self.now_fs = 0
        self.program, self.machine = program, machine
        commands = program.commands
        self.unit, self.kind, self.work, self.node = (
            commands[f].tolist() for f in ("unit", "kind", "work", "node")
        )
        self.first, self.last, self.way = (program.moves[f].tolist() for f in ("first", "last", "way"))
        self.missing = np.diff(program.dependency_first).tolist()
        self.after_intake, self.after_end = _followers(program)
        queues = int(commands["queue"].max()) + 1 if commands.size else 1
        self.queues: list[list[deque[int]]] = [[deque() for _ in range(queues)] for _ in program.units]
        for i, (unit, queue) in enumerate(zip(self.unit, commands["queue"].tolist(), strict=True)):
            self.queues[unit][queue].append(i)
        self.free = [unit.slots if unit else 0 for unit in machine.units]
        self.turn = [0] * len(machine.units)
        self.start = [-1] * program.size
        self.end = [-1] * program.size
        self.parts = [0] * program.size
        self.hosts = {name: _Host(self, name, unit) for name, unit in machine.shared.items()}

    def run(self) -> np.ndarray:
        """Run to the end; spans as ``run`` returns them."""
        for unit in range(len(self.machine.units)):
            self._dispatch(unit)
        instant = self.env.peek()
        while instant < FOREVER_FS:
            self.now_fs = int(instant)  # whole already: every delay is; simpy's type allows fractions
            self.env.step()
            following = self.env.peek()
            if following != instant:
                self._look_ahead(following)
                following = self.env.peek()
            instant = following
        stuck = [i for i, end in enumerate(self.end) if end < 0]
        if stuck:
            raise DeadlockError(_describe(self.program, stuck, self.missing))
        for shared in self.machine.shared.values():
            shared.finish(max(self.end, default=0))
        return np.array([self.start, self.end], np.int64).T.reshape(-1, 2)

    def _look_ahead(self, following: float) -> None:
        """The instant is over: shared resources say what ends next if nothing more is submitted.

        One that is alone learns until when that is certain: the next event, if it causes none itself.
        """
        next_fs = int(min(following, FOREVER_FS)) if len(self.hosts) == 1 else None
        for host in self.hosts.values():
            if host.settling:
                host.look_ahead(next_fs)

    def _dispatch(self, unit: int) -> None:
        """Start what can start on a unit: heads of its queues in turn, as long as it has a free slot."""
        queues, missing = self.queues[unit], self.missing
        while self.free[unit] > 0:
            turn = self.turn[unit]
            for queue in (*queues[turn:], *queues[:turn]) if turn else queues:
                turn += 1
                if queue and missing[queue[0]] == 0:
                    self.turn[unit] = turn % len(queues)
                    self.free[unit] -= 1
                    self._begin(unit, queue.popleft())
                    break
            else:
                return

    def _begin(self, unit: int, command: int) -> None:
        now = self.now_fs
        live = self.machine.units[unit]
        assert live is not None
        self.start[command] = now
        if isinstance(live, ResidentUnit):
            self.parts[command] = 1
            ask, stream = self.hosts[live.memory].submit_pim, live.streams[self.work[command]]
            self._at(now, ask, command, stream, self.node[command])
            return
        if isinstance(live, CoreUnit):
            free_fs, done_fs = live.serve(now, self.work[command])
            self._at(free_fs, self._leave, unit, command)
            self._at(done_fs, self._finish, command)
            return
        work = self.work[command]
        asked_fs, done_fs = live.serve(now, work)
        path = self.machine.path[unit]
        self.parts[command] = 1 + len(path)
        self._at(done_fs, self._part_done, command)
        if path:
            self._at(asked_fs, self._submit, path, command, work)

    def _submit(self, path: tuple[str, ...], command: int, work: int) -> None:
        """Ask the shared resources; the loads of a link are one master, its stores another."""
        master = 2 * self.unit[command] + (self.kind[command] == STORE)
        for resource in path:
            self.hosts[resource].submit(command, master, self.first[work], self.last[work], self.way[work])

    def _part_done(self, command: int, by: str = "") -> None:
        """One of link ("") and shared resources is done with a transfer; the last one ends it."""
        self.parts[command] -= 1
        if self.parts[command] == 0:
            unit = self.machine.units[self.unit[command]]
            if isinstance(unit, ResidentUnit):
                work = self.work[command]
                unit.occupancy_fs[work] = min(unit.occupancy_fs[work], self.now_fs - self.start[command])
            elif by:
                self.machine.held_by[command] = by
            self._finish(command)
            self._leave(self.unit[command], command)

    def _leave(self, unit: int, command: int) -> None:
        """The unit has taken in the command's operands and can begin another."""
        self.free[unit] += 1
        self._count_down(self.after_intake[command])
        self._dispatch(unit)

    def _finish(self, command: int) -> None:
        self.end[command] = self.now_fs
        self._count_down(self.after_end[command])

    def _count_down(self, followers: list[int]) -> None:
        for follower in followers:
            self.missing[follower] -= 1
            if self.missing[follower] == 0:
                self._dispatch(self.unit[follower])

    def _at(self, instant_fs: int, action: Callable[..., None], *arguments: object) -> None:
        event = cast(simpy.Event, _Event(lambda _: action(*arguments)))
        self.env.schedule(event, delay=max(instant_fs - self.now_fs, 0))


class _Host:
    """Between the loop and a shared resource: one timer, set to its forecast, void after a newer submit."""

    def __init__(self, loop: _Loop, name: str, unit: SharedUnit) -> None:
        self.loop, self.name, self.unit = loop, name, unit
        self.version = 0
        self.settling = False  # what ends next is to be asked for

    def submit(self, command: int, master: int, first: int, last: int, way: int) -> None:
        """Ask for a transfer now; parameters as for ``SharedUnit.submit``."""
        now = self.loop.now_fs
        self._complete(self.unit.advance(now))
        self.unit.submit(now, command, master, first, last, way)
        self._settle()

    def submit_pim(self, command: int, stream: Stream, node: int) -> None:
        """Ask a memory to compute now."""
        now = self.loop.now_fs
        self._complete(self.unit.advance(now))
        cast(ComputingUnit, self.unit).submit_pim(now, command, stream, node)
        self._settle()

    def _settle(self) -> None:
        """Forecast once all submissions of this instant are in; what was forecast before is void."""
        self.settling = True
        self.version += 1

    def look_ahead(self, next_fs: int | None) -> None:
        """Set the timer, if what ends next can be known; parameters as for ``SharedUnit.forecast``."""
        ahead = self.unit.forecast(next_fs)
        self.settling = ahead is not None and ahead[0] == UNDECIDED
        if ahead is not None and not self.settling:
            self.loop._at(ahead[1], self._fire, self.version, ahead[1])

    def _fire(self, version: int, done_fs: int) -> None:
        if version == self.version:
            self._complete(self.unit.advance(done_fs))
            self._settle()

    def _complete(self, ended: list[tuple[int, int]]) -> None:
        for command, done_fs in ended:
            self.loop._at(done_fs, self.loop._part_done, command, self.name)


def _followers(program: Program) -> tuple[list[list[int]], list[list[int]]]:
    """For each command, who waits for its intake and who for its end."""
    intake: list[list[int]] = [[] for _ in range(program.size)]
    end: list[list[int]] = [[] for _ in range(program.size)]
    first, sources, early = (
        a.tolist() for a in (program.dependency_first, program.dependencies, program.early)
    )
    for command in range(program.size):
        for i in range(first[command], first[command + 1]):
            (intake if early[i] else end)[sources[i]].append(command)
    return intake, end


def _describe(program: Program, stuck: list[int], missing: list[int]) -> str:
    culprit = next((i for i in stuck if missing[i] == 0), stuck[0])
    command = program.commands[culprit]
    waits = program.dependencies[program.dependency_first[culprit] : program.dependency_first[culprit + 1]]
    pending = [int(w) for w in waits if int(w) in set(stuck)]
    return (
        f"{len(stuck)} of {program.size} commands never ran; the first is command {culprit} "
        f"({KINDS[command['kind']]} on {program.units[command['unit']]} for node "
        f"'{program.nodes[command['node']]}'), which waits for commands {pending[:5]}"
    )
