"""A program in the making: commands are appended, dependencies follow from the bytes that they touch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

import numpy as np

from simulator.hw.chip import Chip
from simulator.hw.component import Way
from simulator.hw.tiling import TILE
from simulator.kernels.request import READ, REQUEST, WRITE
from simulator.mapping.hazard import UnwrittenError, dependencies
from simulator.mapping.program import (
    ACCESS,
    COMMAND,
    COMPUTE,
    LOAD,
    MOVE,
    MOVE_ROLES,
    STORE,
    About,
    Program,
    ProgramError,
)
from simulator.mapping.runs import Run, Runs, end_of, many_in
from simulator.mapping.schedule import Place

#: A transfer is cut into commands of at most this size, so that masters interleave and several engines help.
PIECE_BYTES = 64 * 1024

#: A transfer of more runs than this is taken to touch all between its first and its last byte.
MOST_RUNS = 256

Span = tuple[str, int, int]  # memory, low, high
Rows = tuple[str, int, int, int, int]  # so many spans: memory, low and high of the first, pitch, count
Spans = Sequence[Span | Rows]
Ends = Sequence[tuple[str, int]]  # near memories and the address of the transfer in each


@dataclass
class Builder:
    """Collects the tables of a program."""

    chip: Chip
    nodes: tuple[str, ...]
    first_node: int = 0  # added to node numbers: where the nodes of an inference begin
    stage: int = 0  # commands of each stage have queues of their own
    _units: list[str] = field(init=False)
    _memories: list[str] = field(init=False)
    _commands: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    _ways: dict[Way, int] = field(default_factory=dict)
    _moves: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    _asked: int = 0  # requests so far
    _requests: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    _accesses: list[tuple[int, int, bool, int, int, int, int]] = field(default_factory=list)
    _present: list[tuple[int, int, int]] = field(default_factory=list)
    _rooms: dict[tuple[int, int], list[tuple[int, int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._units = [*self.chip.cores, *self.chip.links]
        self._memories = list(self.chip.memories)
        self._number = {name: i for i, name in enumerate(self._memories)}
        self._unit = {name: i for i, name in enumerate(self._units)}
        self._tiles: dict[str, list[tuple]] = {name: [] for name in self.chip.cores}

    def hold(self, memory: str, low: int, high: int) -> None:
        """Bytes that are there before the run."""
        self._present.append((self._number[memory], low, high))

    def allow(self, node: int, memory: str, low: int, high: int) -> None:
        """Bytes that commands of a node may touch: one of its buffers, or a storage."""
        self._rooms.setdefault((self.first_node + node, self._number[memory]), []).append((low, high))

    def compute(self, core: str, node: int, tile: tuple, reads: Spans, writes: Spans) -> None:
        """Append one tile for a core; ``tile`` is a row as ``tile_row`` makes it."""
        self._tiles[core].append(tile)
        self._append(self._unit[core], self.stage, COMPUTE, node, len(self._tiles[core]) - 1, reads, writes)

    def load(self, link: str, far: Place, node: int, runs: Runs, near: Ends, role: str = "ifmap") -> None:
        """Append a transfer of a storage to consecutive bytes of one or more near memories (multicast)."""
        for piece, offset, size in _pieces(runs):
            work = self._move(link, piece, READ, node, size, near, far, role)
            spans = [(far.memory, a, a + b, pitch, many) for a, b, pitch, many in _merged(piece)]
            into = [(memory, address + offset, address + offset + size) for memory, address in near]
            self._append(self._unit[link], 2 * self.stage, LOAD, node, work, spans, into)

    def store(self, link: str, far: Place, node: int, runs: Runs, near: Ends, role: str = "ofmap") -> None:
        """Append a transfer from consecutive bytes of the near memory to a storage."""
        for piece, offset, size in _pieces(runs):
            work = self._move(link, piece, WRITE, node, size, near, far, role)
            spans = [(far.memory, a, a + b, pitch, many) for a, b, pitch, many in _merged(piece)]
            out = [(memory, address + offset, address + offset + size) for memory, address in near]
            self._append(self._unit[link], 2 * self.stage + 1, STORE, node, work, out, spans)

    def finish(self, macs: np.ndarray, about: About) -> Program:
        """The tables as arrays.

        Raises
        ------
        ProgramError
            A command reads bytes that none before it has written.
        """
        commands = np.array(self._commands, COMMAND)
        accesses = self._all_accesses()
        try:
            first, sources, early = dependencies(accesses, self._present, len(self._memories), commands.size)
        except UnwrittenError as error:
            wrong = accesses[error.row]
            where = f"{self._memories[wrong['memory']]}[{wrong['low']}:{wrong['high']}]"
            node = self.nodes[commands["node"][wrong["command"]]]
            raise ProgramError(f"node '{node}' reads {where} before it is written") from None
        return Program(
            units=tuple(self._units),
            memories=tuple(self._memories),
            nodes=self.nodes,
            commands=commands,
            dependency_first=first,
            dependencies=sources,
            early=early,
            moves=np.array(self._moves, MOVE),
            requests=self._all_requests(),
            ways=tuple(self._ways),
            tiles={core: _table(rows) for core, rows in self._tiles.items()},
            accesses=accesses,
            present=tuple(self._present),
            rooms={key: tuple(rooms) for key, rooms in self._rooms.items()},
            capacity=tuple(self.chip.memories[name].capacity_bytes for name in self._memories),
            macs=macs,
            about=about,
        )

    def _all_requests(self) -> np.ndarray:
        """REQUEST, a row for each run."""
        table = np.array(self._requests, np.int64).reshape(-1, 6)
        row, shift = _each(table[:, 4], table[:, 5])
        found = np.zeros(row.size, REQUEST)
        for column, name in enumerate(("addr", "bytes", "op", "node")):
            found[name] = table[row, column]
        found["addr"] += shift
        return found

    def _all_accesses(self) -> np.ndarray:
        """ACCESS, a row for each span."""
        table = np.array(self._accesses, np.int64).reshape(-1, 7)
        row, shift = _each(table[:, 5], table[:, 6])
        found = np.zeros(row.size, ACCESS)
        for column, name in enumerate(("command", "memory", "write", "low", "high")):
            found[name] = table[row, column]
        found["low"] += shift
        found["high"] += shift
        return found

    def _move(
        self, link: str, piece: Sequence[Run], op: int, node: int, size: int, near: Ends, far: Place,
        role: str,
    ) -> int:  # fmt: skip
        """A row of the moves; what a link compresses lies at the start of where it would lie whole."""
        first, left = self._asked, self.chip.links[link].left_of(far.bits, far.density)
        moved = 0
        for address, length, pitch, many in piece:
            short = length if left >= 1 else ceil(length * left)
            self._requests.append((address, short, op, self.first_node + node, pitch, many))
            self._asked += many
            moved += short * many
        way = self._ways.setdefault(Way(far.memory, tuple(memory for memory, _ in near)), len(self._ways))
        self._moves.append((first, self._asked, size, moved, way, MOVE_ROLES.index(role)))
        return len(self._moves) - 1

    def _append(
        self, unit: int, queue: int, kind: int, node: int, work: int, reads: Spans, writes: Spans
    ) -> None:
        command = len(self._commands)
        for spans, write in ((reads, False), (writes, True)):
            for span in spans:
                memory, low, high, pitch, many = span if len(span) == 5 else (*span, 0, 1)
                self._accesses.append((command, self._number[memory], write, low, high, pitch, many))
        self._commands.append((unit, queue, kind, self.first_node + node, work))


def _table(rows: Sequence[tuple]) -> np.ndarray:
    """TILE, a row for each; most are equal to others, and to make one takes numpy microseconds."""
    place: dict[tuple, int] = {}
    which = [place.setdefault(row, len(place)) for row in rows]
    return np.array(list(place), TILE)[which] if rows else np.zeros(0, TILE)


def _each(pitch: np.ndarray, many: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For rows that stand for so many: whose each is, and by what it lies behind the first of them."""
    row = np.repeat(np.arange(many.size), many)
    turn = np.arange(row.size) - np.repeat(np.cumsum(many) - many, many)
    return row, turn * pitch[row]


def _pieces(runs: Runs) -> list[tuple[list[Run], int, int]]:
    """Runs grouped into commands: (runs of the command, offset of its bytes in the transfer, its bytes)."""
    pieces: list[tuple[list[Run], int, int]] = []
    current: list[Run] = []
    offset = size = 0
    left = [Run(*run) for run in reversed(runs)]
    while left:
        address, length, pitch, many = left.pop()
        if not length:
            continue
        room = PIECE_BYTES - size
        some, part = min(many, room // length), length
        if not some:  # a run that does not end in this command
            some, part = 1, room
        current.append(Run(address, part, pitch, some))
        size += some * part
        if many > some:
            left.append(Run(address + some * pitch, length, pitch, many - some))
        if part < length:
            left.append(Run(address + part, length - part))
        if size == PIECE_BYTES:
            pieces.append((current, offset, size))
            current, offset, size = [], offset + size, 0
    if current:
        pieces.append((current, offset, size))
    return pieces


def _merged(piece: Sequence[Run]) -> Sequence[Run]:
    """What a strided piece touches: every run, or the hull of very many.

    Neighbours in a row, which other tiles or other cores write, do not wait for each other then.
    """
    if many_in(piece) <= MOST_RUNS:
        return piece
    return [Run(piece[0].address, end_of(piece[-1]) - piece[0].address)]
