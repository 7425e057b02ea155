"""How full on-chip memories were, from the plan's rooms and the commands that touched them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.engine.machine import is_compute
from simulator.mapping.life import Life
from simulator.mapping.program import Program

Window = tuple[int, int, Life]


def occupancy(
    program: Program, spans: np.ndarray, instants: Sequence[int]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Memory -> bytes taken by tensors and by buffers at the fullest instant of each bin.

    A room is taken from the first command that touches it to the last one, a constant's or an input's for the
    whole run. A byte counts once, also where the tiles of one task enter before those of the task before it
    have left: rooms never add up to more than the memory.

    Parameters
    ----------
    program, spans
        A finished run; ``spans`` int64, shape (commands, 2), fs.
    instants
        Ends of the bins in fs, one more than there are bins.

    Returns
    -------
    dict
        Two int64 arrays, shape (bins,), per on-chip memory in which anything lies.
    """
    windows: dict[str, list[Window]] = {}
    touch = _Touches(program, spans)
    for life in program.about.lives:
        window = (0, instants[-1]) if life.whole else touch.window(life)
        if window is not None:
            windows.setdefault(life.memory, []).append((*window, life))
    return {memory: _fullest(each, instants) for memory, each in windows.items()}


class _Touches:
    """Which commands touch a room, looked up by node and memory."""

    def __init__(self, program: Program, spans: np.ndarray) -> None:
        self.program, self.spans = program, spans
        nodes = program.commands["node"]
        self.by_memory = {}
        for index, memory in enumerate(program.memories):
            table = program.accesses[program.accesses["memory"] == index]
            table = table[np.argsort(nodes[table["command"]], kind="stable")]
            self.by_memory[memory] = (table, nodes[table["command"]])
        tiles = np.flatnonzero(is_compute(program))
        self.tiles = tiles[np.argsort(nodes[tiles], kind="stable")]
        self.tile_nodes = nodes[self.tiles]

    def window(self, life: Life) -> tuple[int, int] | None:
        """First start and last end of the commands of its tasks that touch a room.

        Room for sums is touched by every tile, which says so nowhere; None where there are no commands.
        """
        nodes = self.program.about.task_nodes[life.first], self.program.about.task_nodes[life.last]
        table, by_node = self.by_memory[life.memory]
        part = table[slice(*np.searchsorted(by_node, (nodes[0], nodes[1] + 1)).tolist())]
        commands = part["command"][(part["low"] < life.end) & (part["high"] > life.address)]
        if not commands.size:
            place = np.searchsorted(self.tile_nodes, (nodes[0], nodes[1] + 1)).tolist()
            commands = self.tiles[slice(*place)]
        if not commands.size:
            return None
        return int(self.spans[commands, 0].min()), int(self.spans[commands, 1].max())


def _fullest(windows: Sequence[Window], instants: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Bytes of tensors and of buffers where they are most, per bin."""
    taken = np.zeros((2, len(instants) - 1), np.int64)
    ends = np.array(instants, np.int64)
    times = sorted({time for start, end, _ in windows for time in (start, end)})
    entering: dict[int, list[int]] = {}
    leaving: dict[int, list[int]] = {}
    for i, (start, end, _) in enumerate(windows):
        entering.setdefault(start, []).append(i)
        leaving.setdefault(end, []).append(i)
    alive: dict[int, Life] = {}
    for time, until in zip(times, times[1:], strict=False):
        for i in leaving.get(time, []):
            alive.pop(i, None)
        alive.update({i: windows[i][2] for i in entering.get(time, [])})
        maps = _union([life for life in alive.values() if not life.buffer])
        total = _union(list(alive.values()))
        first = max(int(np.searchsorted(ends, time, "right")) - 1, 0)
        last = max(int(np.searchsorted(ends, until, "left")) - 1, first)
        part = taken[:, first : last + 1]
        part[:, part.sum(axis=0) < total] = [[maps], [total - maps]]
    return taken[0], taken[1]


def _union(lives: Sequence[Life]) -> int:
    """Bytes that lie in at least one room."""
    total = reached = 0
    for low, high in sorted((life.address, life.end) for life in lives):
        total += max(high - max(low, reached), 0)
        reached = max(reached, high)
    return total
