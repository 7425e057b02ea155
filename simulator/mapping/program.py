"""The program: a flat table of commands with their dependencies. No objects inside, only arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.hw.component import Way
from simulator.kernels.request import REQUEST
from simulator.mapping.life import Life
from simulator.mapping.segments import cut
from simulator.results.result import Fusion

COMMAND = np.dtype(
    [("unit", "i4"), ("queue", "i2"), ("kind", "i2"), ("node", "i4"), ("work", "i8")], align=True
)
COMPUTE, LOAD, STORE, SPIKE, BARRIER = 0, 1, 2, 3, 4
KINDS = ("compute", "load", "store", "spike", "barrier")

#: A transfer: rows ``first`` to ``last`` of the request table, along a row of ``ways``; ``bytes`` on the near
#: side, ``far_bytes`` on the far one (fewer where the link compresses); ``role`` is what it carries, a row of
#: ``MOVE_ROLES``.
MOVE = np.dtype(
    [
        ("first", "i8"), ("last", "i8"), ("bytes", "i8"), ("far_bytes", "i8"), ("way", "i4"), ("role", "i4"),
    ],
    align=True,
)  # fmt: skip
MOVE_ROLES = ("ifmap", "weight", "ofmap")
#: Bytes that a command reads or writes.
ACCESS = np.dtype(
    [("command", "i8"), ("memory", "i4"), ("write", "?"), ("low", "i8"), ("high", "i8")], align=True
)

__all__ = [
    "ACCESS",
    "BARRIER",
    "COMMAND",
    "COMPUTE",
    "KINDS",
    "LOAD",
    "MOVE",
    "MOVE_ROLES",
    "REQUEST",
    "SPIKE",
    "STORE",
    "Program",
    "ProgramError",
]


class ProgramError(Exception):
    """A program that would compute with bytes that are not there: a defect of ours."""


@dataclass(frozen=True, slots=True)
class About:
    """What a result must repeat of the network and of the plan; no command depends on it."""

    network: str
    digest: str
    precision: str
    batch: int
    ops: tuple[str, ...]  # operator of each node
    shapes: tuple[str, ...]  # what each node multiplies, as M x N x K; empty where nothing
    origins: tuple[str, ...]
    assumptions: tuple[str, ...]
    not_modelled: tuple[str, ...]
    peak_memory_bytes: int
    resolved: dict[str, object]
    fusion: Fusion = Fusion()
    lives: tuple[Life, ...] = ()  # rooms on chip; their tasks are indices of ``task_nodes``
    task_nodes: tuple[int, ...] = ()  # node of each task
    densities: tuple[tuple[float, float], ...] = ()  # of what each node multiplies: ifmap, weight
    placed: tuple[tuple[str, Mapping[str, int]], ...] = ()  # of each node: by what, expected fs per core


@dataclass(frozen=True)
class Program:
    """Commands in program order.

    Attributes
    ----------
    units
        Names: cores and links; ``COMMAND.unit`` is an index.
    memories
        Names; the memory columns of the other tables are indices.
    nodes
        Names of the graph's nodes; ``COMMAND.node`` is an index.
    commands
        COMMAND, shape (commands,). ``work`` is a row of ``moves`` (loads, stores) or of the unit's ``tiles``.
    dependency_first, dependencies
        CSR: command i waits for ``dependencies[dependency_first[i]:dependency_first[i+1]]``, all before i.
    early
        bool, beside ``dependencies``: it is enough that the other has taken in its operands (bytes are
        overwritten that it read); else its results must be out.
    moves, requests
        MOVE and REQUEST tables; each request lies in the far memory of the move's way.
    ways
        Where transfers go; ``MOVE.way`` is an index.
    tiles
        Core name -> ``tiling.TILE`` table.
    accesses
        ACCESS, by command: what ``check`` proves with.
    present
        (memory, low, high) that hold data before the run: constants and inputs.
    rooms
        (node, memory) -> (low, high) of the buffers and storages that the node may touch there.
    capacity
        Bytes per memory.
    macs
        int64, shape (nodes,).
    about
        Names and sentences for the result.
    """

    units: tuple[str, ...]
    memories: tuple[str, ...]
    nodes: tuple[str, ...]
    commands: np.ndarray
    dependency_first: np.ndarray
    dependencies: np.ndarray
    early: np.ndarray
    moves: np.ndarray
    requests: np.ndarray
    ways: tuple[Way, ...]
    tiles: dict[str, np.ndarray]
    accesses: np.ndarray
    present: tuple[tuple[int, int, int], ...]
    rooms: dict[tuple[int, int], tuple[tuple[int, int], ...]]
    capacity: tuple[int, ...]
    macs: np.ndarray
    about: About

    @cached_property
    def size(self) -> int:
        """Number of commands."""
        return int(self.commands.size)

    def check(self) -> None:
        """Prove that accesses stay inside memories and that bytes read were written before, and waited for.

        Independent of how the dependencies were made: bytes are painted with the number of the command that
        wrote them.

        Raises
        ------
        ProgramError
            Names the command, the node and the bytes.
        """
        capacity = np.array(self.capacity)
        below = np.flatnonzero(self.accesses["low"] < 0)
        if below.size:
            self._fail(below[0], "begins below the memory")
        outside = np.flatnonzero(self.accesses["high"] > capacity[self.accesses["memory"]])
        if outside.size:
            self._fail(
                outside[0], f"ends behind the memory of {capacity[self.accesses['memory'][outside[0]]]} B"
            )
        self._check_rooms()
        for memory in range(len(self.memories)):
            self._check_memory(memory)

    def _check_rooms(self) -> None:
        """Every access lies inside one room (buffer or storage) of its node, where rooms are stated."""
        if not self.rooms:
            return
        table, many = self.accesses, len(self.memories)
        whose = self.commands["node"][table["command"]].astype(np.int64) * many + table["memory"]
        order = np.argsort(whose, kind="stable")
        inside = table["high"] <= table["low"]
        for key, rows in zip(*_grouped(whose[order], order), strict=True):
            low, high = table["low"][rows], table["high"][rows]
            for first, end in self.rooms.get((key // many, key % many), ()):
                inside[rows] |= (first <= low) & (high <= end)
        outside = np.flatnonzero(~inside)
        if outside.size:
            self._fail(outside[0], "is in no buffer or storage of its node")

    def _check_memory(self, memory: int) -> None:
        from simulator.kernels.hazard import BEFORE, NEVER, unproved  # numba: only when a run is certain

        rows = np.flatnonzero(self.accesses["memory"] == memory)
        table = self.accesses[rows]
        segments = cut(table, self.present, len(self.memories))
        row, source = unproved(
            table["command"].copy(), segments.low, segments.high, table["write"].copy(),
            np.where(segments.there, BEFORE, NEVER), self.dependency_first, self.dependencies, self.early,
            np.zeros(self.size, np.int64),
        )  # fmt: skip
        if row >= 0 and source == NEVER:
            self._fail(rows[row], "reads bytes that nothing has written")
        if row >= 0:
            self._fail(rows[row], f"does not wait for command {source}, which writes what it reads")

    def _fail(self, row: int, why: str) -> None:
        access = self.accesses[row]
        command = self.commands[access["command"]]
        where = f"{self.memories[access['memory']]}[{access['low']}:{access['high']}]"
        unit, node = self.units[command["unit"]], self.nodes[command["node"]]
        what = f"{KINDS[command['kind']]} on {unit} for node '{node}'"
        raise ProgramError(f"command {access['command']} ({what}), {where}: {why}")


def _grouped(keys: np.ndarray, rows: np.ndarray) -> tuple[list[int], list[np.ndarray]]:
    """The distinct ones of ascending keys, and the rows of each."""
    if not keys.size:
        return [], []
    starts = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
    return keys[starts].tolist(), np.split(rows, starts[1:])
