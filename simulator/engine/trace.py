"""The trace of a run, from its spans."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.engine.finished import Finished
from simulator.mapping.program import KINDS
from simulator.results.result import NodeRow
from simulator.results.trace import SLICE, Trace, lanes


def make_trace(ran: Finished, rows: Sequence[NodeRow]) -> Trace:
    """Slices of layers (as in layers.csv) and of every command.

    A tile's slice is the time that it takes its core; its result may be out later. Transfers that a link has
    in flight together lie on lanes of their own.  ``rows`` are those of its result.
    """
    program, machine = ran.program, ran.machine
    tracks: list[str] = []
    parts: list[np.ndarray] = []

    def add(name: str, node: np.ndarray, kind: np.ndarray | int, start: np.ndarray, end: np.ndarray) -> None:
        """Slices of a unit, on as many lanes as they overlap."""
        order = np.lexsort((-end, start))
        lane = lanes(start[order], end[order])
        part = np.zeros(order.size, SLICE)
        part["track"], part["node"] = len(tracks) + lane, node[order]
        part["kind"] = kind[order] if isinstance(kind, np.ndarray) else kind
        part["start"], part["end"] = start[order], end[order]
        parts.append(part)
        count = int(lane.max()) + 1 if order.size else 0
        tracks.extend(f"{name} {j + 1}" if count > 1 else name for j in range(count))

    there = [i for i, row in enumerate(rows) if row.end_fs > row.start_fs]
    begin, finish = (np.array([getattr(rows[i], f) for i in there], np.int64) for f in ("start_fs", "end_fs"))
    add("layers", np.array(there, np.int64), 0, begin, finish)
    for index, (name, unit) in enumerate(zip(program.units, machine.units, strict=True)):
        where = np.flatnonzero(program.commands["unit"] == index)
        if unit is None or not where.size:
            continue
        commands, (start, end) = program.commands[where], ran.held[where].T
        add(name, commands["node"].astype(np.int64), commands["kind"].astype(np.int64) + 1, start, end)
    slices = np.concatenate(parts) if parts else np.zeros(0, SLICE)
    order = np.lexsort((slices["start"], slices["track"]))
    return Trace(tuple(tracks), program.nodes, ("layer", *KINDS), slices[order])
