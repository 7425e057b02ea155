"""Whose time it is while a chain runs stripe by stripe: each instant's. Rule: docs/models/causes.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from simulator.engine.causes import History, Stretch
from simulator.mapping.program import Program
from simulator.results.causes import CAUSES


class _Piece(NamedTuple):
    """A stretch of a chain's time and the command whose node it is counted to."""

    stretch: Stretch
    command: int


def chain_causes(history: History) -> dict[int, dict[str, int]]:
    """Exposed time of the nodes of chains, cause by cause in fs.

    What a chain adds to the run stays as it is; each instant of it goes to one of the chain's nodes.

    Returns
    -------
    dict
        Node -> cause -> fs, zeros left out, for every node of a chain; its sum is the node's exposed time.
    """
    program = history.program
    chains = program.about.fusion.chains
    if not chains:
        return {}
    index = {name: i for i, name in enumerate(program.nodes)}
    end, exposed = history.ran.nodes.end.tolist(), history.ran.nodes.exposed.tolist()
    found: dict[int, dict[str, int]] = {}
    for chain in chains:
        nodes = [index[name] for name in chain.nodes]
        windows = sorted((end[i] - exposed[i], end[i]) for i in nodes if exposed[i])
        sums = {i: dict.fromkeys(CAUSES, 0) for i in nodes}
        commands = np.flatnonzero(np.isin(program.commands["node"], nodes)).tolist()
        if windows:
            taken = _by_core(program, commands, history.tiles)
            for stretch, command in _without_gaps(taken, windows[0][0], windows[-1][1], commands, history):
                for low, high in windows:
                    inside = min(stretch.end_fs, high) - max(stretch.start_fs, low)
                    sums[history.node[command]][stretch.cause] += max(inside, 0)
        found |= {i: {cause: fs for cause, fs in each.items() if fs} for i, each in sums.items()}
    return found


def _by_core(
    program: Program, commands: Sequence[int], tiles: Mapping[int, tuple[Stretch, ...]]
) -> list[_Piece]:
    """When tiles of a chain take cores, ascending, without overlap.

    The core that is busiest with the chain counts first, the next one where that one has no tile, and so on.
    """
    per_core: dict[int, list[_Piece]] = {}
    for command in commands:
        unit = int(program.commands["unit"][command])
        per_core.setdefault(unit, []).extend(_Piece(part, command) for part in tiles.get(command, ()))
    busiest = sorted(per_core.values(), key=lambda parts: -sum(s.end_fs - s.start_fs for s, _ in parts))
    merged: list[_Piece] = []
    for parts in busiest:
        merged = sorted([*merged, *_beside(parts, merged)], key=lambda piece: piece.stretch.start_fs)
    return merged


def _beside(parts: Iterable[_Piece], merged: Sequence[_Piece]) -> Iterable[_Piece]:
    """What of some pieces lies outside of others; both ascending and each without overlap."""
    first = 0
    for stretch, command in sorted(parts, key=lambda piece: piece.stretch.start_fs):
        while first < len(merged) and merged[first].stretch.end_fs <= stretch.start_fs:
            first += 1
        reached, i = stretch.start_fs, first
        while i < len(merged) and merged[i].stretch.start_fs < stretch.end_fs:
            if merged[i].stretch.start_fs > reached:
                free = stretch._replace(start_fs=reached, end_fs=merged[i].stretch.start_fs)
                yield _Piece(free, command)
            reached = max(reached, merged[i].stretch.end_fs)
            i += 1
        if reached < stretch.end_fs:
            yield _Piece(stretch._replace(start_fs=reached), command)


def _without_gaps(
    taken: Sequence[_Piece], low: int, high: int, commands: Sequence[int], history: History
) -> Iterable[_Piece]:
    """All of a chain's time from ``low`` to ``high``; a wait is of the node whose tile, or end, it is for."""
    own = {history.node[command] for command in commands}
    reached = low
    for stretch, command in taken:
        if stretch.start_fs > reached:
            for wait in history.explain(reached, stretch.start_fs, command, own):
                yield _Piece(wait, command)
        yield _Piece(stretch, command)
        reached = max(reached, stretch.end_fs)
    if high > reached:
        last = max(commands, key=lambda command: (history.end[command], command))
        for wait in history.explain(reached, high, last, own, itself=True):
            yield _Piece(wait, last)
