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
from simulator.mapping.hazard import NOBODY, Region
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
from simulator.mapping.schedule import Place

#: A transfer is cut into commands of at most this size, so that masters interleave and several engines help.
PIECE_BYTES = 64 * 1024

#: A transfer of more runs than this is taken to touch all between its first and its last byte.
MOST_RUNS = 256

Span = tuple[str, int, int]  # memory, low, high
Ends = Sequence[tuple[str, int]]  # near memories and the address of the transfer in each
Runs = Sequence[tuple[int, int]]  # address and bytes of consecutive pieces in the far memory


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
    _waits: list[list[int]] = field(default_factory=list)
    _early: list[list[bool]] = field(default_factory=list)
    _ways: dict[Way, int] = field(default_factory=dict)
    _moves: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    _requests: list[tuple[int, int, int, int]] = field(default_factory=list)
    _accesses: list[tuple[int, int, bool, int, int]] = field(default_factory=list)
    _present: list[tuple[int, int, int]] = field(default_factory=list)
    _rooms: dict[tuple[int, int], list[tuple[int, int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._units = [*self.chip.cores, *self.chip.links]
        self._memories = list(self.chip.memories)
        self._regions = {name: Region() for name in self._memories}
        self._tiles: dict[str, list[tuple]] = {name: [] for name in self.chip.cores}

    def hold(self, memory: str, low: int, high: int) -> None:
        """Bytes that are there before the run."""
        self._regions[memory].write(low, high, NOBODY, set(), set())
        self._present.append((self._memories.index(memory), low, high))

    def allow(self, node: int, memory: str, low: int, high: int) -> None:
        """Bytes that commands of a node may touch: one of its buffers, or a storage."""
        self._rooms.setdefault((self.first_node + node, self._memories.index(memory)), []).append((low, high))

    def compute(
        self, core: str, node: int, tile: tuple, reads: Sequence[Span], writes: Sequence[Span]
    ) -> None:
        """Append one tile for a core; ``tile`` is a row as ``tile_row`` makes it."""
        self._tiles[core].append(tile)
        self._append(
            self._units.index(core), self.stage, COMPUTE, node, len(self._tiles[core]) - 1, reads, writes
        )

    def load(self, link: str, far: Place, node: int, runs: Runs, near: Ends, role: str = "ifmap") -> None:
        """Append a transfer of a storage to consecutive bytes of one or more near memories (multicast)."""
        for piece, offset, size in _pieces(runs):
            work = self._move(link, piece, READ, node, size, near, far, role)
            spans = [(far.memory, a, a + b) for a, b in _merged(piece)]
            into = [(memory, address + offset, address + offset + size) for memory, address in near]
            self._append(self._units.index(link), 2 * self.stage, LOAD, node, work, spans, into)

    def store(self, link: str, far: Place, node: int, runs: Runs, near: Ends, role: str = "ofmap") -> None:
        """Append a transfer from consecutive bytes of the near memory to a storage."""
        for piece, offset, size in _pieces(runs):
            work = self._move(link, piece, WRITE, node, size, near, far, role)
            spans = [(far.memory, a, a + b) for a, b in _merged(piece)]
            out = [(memory, address + offset, address + offset + size) for memory, address in near]
            self._append(self._units.index(link), 2 * self.stage + 1, STORE, node, work, out, spans)

    def finish(self, macs: np.ndarray, about: About) -> Program:
        """The tables as arrays."""
        first = np.zeros(len(self._waits) + 1, np.int64)
        np.cumsum([len(waits) for waits in self._waits], out=first[1:])
        return Program(
            units=tuple(self._units),
            memories=tuple(self._memories),
            nodes=self.nodes,
            commands=np.array(self._commands, COMMAND),
            dependency_first=first,
            dependencies=np.array([w for waits in self._waits for w in waits], np.int64),
            early=np.array([e for early in self._early for e in early], bool),
            moves=np.array(self._moves, MOVE),
            requests=np.array(self._requests, REQUEST),
            ways=tuple(self._ways),
            tiles={core: np.array(rows, TILE) for core, rows in self._tiles.items()},
            accesses=np.array(self._accesses, ACCESS),
            present=tuple(self._present),
            rooms={key: tuple(rooms) for key, rooms in self._rooms.items()},
            capacity=tuple(self.chip.memories[name].capacity_bytes for name in self._memories),
            macs=macs,
            about=about,
        )

    def _move(
        self, link: str, piece: Runs, op: int, node: int, size: int, near: Ends, far: Place, role: str
    ) -> int:
        """A row of the moves; what a link compresses lies at the start of where it would lie whole."""
        first, left = len(self._requests), self.chip.links[link].left_of(far.bits, far.density)
        sizes = [length if left >= 1 else ceil(length * left) for _, length in piece]
        self._requests += [
            (address, length, op, self.first_node + node)
            for (address, _), length in zip(piece, sizes, strict=True)
        ]
        way = self._ways.setdefault(Way(far.memory, tuple(memory for memory, _ in near)), len(self._ways))
        self._moves.append((first, len(self._requests), size, sum(sizes), way, MOVE_ROLES.index(role)))
        return len(self._moves) - 1

    def _append(
        self,
        unit: int,
        queue: int,
        kind: int,
        node: int,
        work: int,
        reads: Sequence[Span],
        writes: Sequence[Span],
    ) -> None:
        command = len(self._commands)
        waits: set[int] = set()
        readers: set[int] = set()
        for memory, low, high in reads:
            if high > low and not self._regions[memory].read(low, high, command, waits):
                raise ProgramError(
                    f"node '{self.nodes[node]}' reads {memory}[{low}:{high}] before it is written"
                )
        for memory, low, high in writes:
            if high > low:
                self._regions[memory].write(low, high, command, waits, readers)
        for spans, write in ((reads, False), (writes, True)):
            for memory, low, high in spans:
                self._accesses.append((command, self._memories.index(memory), write, low, high))
        sources = sorted((waits | readers) - {command})
        self._commands.append((unit, queue, kind, self.first_node + node, work))
        self._waits.append(sources)
        self._early.append([source not in waits for source in sources])


def _pieces(runs: Runs) -> list[tuple[list[tuple[int, int]], int, int]]:
    """Runs grouped into commands: (runs of the command, offset of its bytes in the transfer, its bytes)."""
    pieces: list[tuple[list[tuple[int, int]], int, int]] = []
    current: list[tuple[int, int]] = []
    offset = size = 0
    for address, length in runs:
        while length > 0:
            part = min(length, PIECE_BYTES - size)
            current.append((address, part))
            address, length, size = address + part, length - part, size + part
            if size == PIECE_BYTES:
                pieces.append((current, offset, size))
                current, offset, size = [], offset + size, 0
    if current:
        pieces.append((current, offset, size))
    return pieces


def _merged(piece: Runs) -> list[tuple[int, int]]:
    """What a strided piece touches: every run, or the hull of very many.

    Neighbours in a row, which other tiles or other cores write, do not wait for each other then.
    """
    if len(piece) <= MOST_RUNS:
        return list(piece)
    low, (last, length) = piece[0][0], piece[-1]
    return [(low, last + length - low)]
