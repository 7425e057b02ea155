"""The program: a flat table of commands with their dependencies. No objects inside, only arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.hw.component import Way
from simulator.kernels.request import REQUEST
from simulator.mapping.life import Life
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
        wrote them, over the distinct ends of all accesses.

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
            rows = np.flatnonzero(
                (self.accesses["memory"] == memory) & (self.accesses["high"] > self.accesses["low"])
            )
            if rows.size:
                self._check_memory(memory, rows)

    def _check_rooms(self) -> None:
        """Every access lies inside one room (buffer or storage) of its node, where rooms are stated."""
        nodes = self.commands["node"][self.accesses["command"]]
        table = zip(nodes, self.accesses["memory"], self.accesses["low"], self.accesses["high"], strict=True)
        for row, (node, memory, low, high) in enumerate(table if self.rooms else ()):
            rooms = self.rooms.get((int(node), int(memory)), ())
            if high > low and not any(first <= low and high <= end for first, end in rooms):
                self._fail(row, "is in no buffer or storage of its node")

    def _check_memory(self, memory: int, rows: np.ndarray) -> None:
        table = self.accesses[rows]
        there = [(low, high) for m, low, high in self.present if m == memory]
        ends = [table["low"], table["high"], np.array(there, np.int64).reshape(-1)]
        edges = np.unique(np.concatenate(ends))
        low, high = np.searchsorted(edges, table["low"]), np.searchsorted(edges, table["high"])
        writer = np.full(edges.size, -2)
        for start, end in there:
            writer[np.searchsorted(edges, start) : np.searchsorted(edges, end)] = -1
        waits = self._waits
        for row, a, b, command, write in zip(
            rows.tolist(),
            low.tolist(),
            high.tolist(),
            table["command"].tolist(),
            table["write"].tolist(),
            strict=True,
        ):
            before = writer[a:b]
            if write:
                before[:] = command
                continue
            sources = set(before.tolist())
            if -2 in sources:
                self._fail(row, "reads bytes that nothing has written")
            for source in sorted(sources):
                if source >= 0 and source != command and source not in waits[command]:
                    self._fail(row, f"does not wait for command {source}, which writes what it reads")

    @cached_property
    def _waits(self) -> list[set[int]]:
        first, waits, early = self.dependency_first.tolist(), self.dependencies.tolist(), self.early.tolist()
        return [
            {waits[i] for i in range(a, b) if not early[i]}
            for a, b in zip(first[:-1], first[1:], strict=True)
        ]

    def _fail(self, row: int, why: str) -> None:
        access = self.accesses[row]
        command = self.commands[access["command"]]
        where = f"{self.memories[access['memory']]}[{access['low']}:{access['high']}]"
        unit, node = self.units[command["unit"]], self.nodes[command["node"]]
        what = f"{KINDS[command['kind']]} on {unit} for node '{node}'"
        raise ProgramError(f"command {access['command']} ({what}), {where}: {why}")
