"""The timeline of a run, from its spans: what units did, what memories moved and held."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulator.engine.finished import Finished
from simulator.engine.occupancy import occupancy
from simulator.engine.traffic import traffic
from simulator.hw.chip import Chip
from simulator.hw.profile import OUTCOMES
from simulator.mapping.program import KINDS, Program
from simulator.results.ledger import Ledger
from simulator.results.timeline import BINS, Lane, MemoryUse, Timeline, Together, edges


def make_timeline(ran: Finished, ledger: Ledger) -> Timeline:
    """Condense a finished run; the bytes of the bins sum to its ledger's counts."""
    program, chip, spans, held = ran.program, ran.chip, ran.spans, ran.held
    end_fs = int(spans[:, 1].max()) if spans.size else 0
    bins = BINS if end_fs else 0
    rooms = occupancy(program, spans, edges(end_fs, bins)) if bins else {}
    return Timeline(
        end_fs=end_fs,
        bins=bins,
        lanes=tuple(_lanes(program, chip, held, max(end_fs // BINS, 1))),
        memories=tuple(_memories(ran, ledger, edges(end_fs, bins), rooms)),
        together=tuple(_together(program, chip, held, end_fs)),
    )


def _lanes(program: Program, chip: Chip, held: np.ndarray, gap_fs: int) -> list[Lane]:
    """Merged spans per unit and kind."""
    lanes = []
    commands = program.commands
    for index, unit in enumerate(program.units):
        for kind, name in enumerate(KINDS):
            mine = np.flatnonzero((commands["unit"] == index) & (commands["kind"] == kind))
            mine = mine[held[mine, 1] > held[mine, 0]]
            if not mine.size:
                continue
            merged = []
            for node in np.unique(commands["node"][mine]).tolist():
                spans = held[mine[commands["node"][mine] == node]]
                merged += [(start, end, node, busy) for start, end, busy in merge(spans, gap_fs)]
            starts, ends, nodes, busy = zip(*sorted(merged), strict=True)
            total_fs = sum(busy for _, _, busy in merge(held[mine], 1))
            lanes.append(Lane(unit, chip.components[unit].kind, name, total_fs, nodes, starts, ends, busy))
    return lanes


def merge(spans: np.ndarray, gap_fs: int) -> list[tuple[int, int, int]]:
    """(start, end, time covered) of intervals joined where less than ``gap_fs`` lies between them."""
    merged: list[tuple[int, int, int]] = []
    for start, end in spans[np.argsort(spans[:, 0], kind="stable")].tolist():
        if merged and start - merged[-1][1] < gap_fs:
            first, last, busy = merged[-1]
            merged[-1] = (first, max(last, end), busy + max(end - max(start, last), 0))
        else:
            merged.append((start, end, end - start))
    return merged


def _memories(
    ran: Finished, ledger: Ledger, instants: list[int], rooms: dict[str, tuple[np.ndarray, np.ndarray]]
) -> list[MemoryUse]:
    """Traffic of every memory, and the room taken in those on the chip."""
    uses = []
    for name, ways in traffic(ran, ledger, instants).items():
        none = np.zeros(len(instants) - 1, np.int64)
        room = () if ran.chip.memories[name].EXTERNAL else rooms.get(name, (none, none))
        use = MemoryUse(name, *(tuple(each.tolist()) for each in (*ways, *room)))
        shared = ran.machine.shared.get(name)
        profile = shared.profile() if shared is not None and len(instants) > 1 else None
        if profile is not None:
            hits, misses, conflicts = (profile.per_bin(n, instants).tolist() for n in OUTCOMES.values())
            use = replace(use, hits=tuple(hits), misses=tuple(misses), conflicts=tuple(conflicts))
        uses.append(use)
    return uses


def _together(program: Program, chip: Chip, held: np.ndarray, end_fs: int) -> list[Together]:
    """Time for which 0, 1, 2, ... cores of a kind were busy, where there are several of it."""
    kinds: dict[str, list[str]] = {}
    for name, core in chip.cores.items():
        kinds.setdefault(core.kind, []).append(name)
    found = []
    for kind, cores in kinds.items():
        if len(cores) < 2:
            continue
        spans = [merge(held[program.commands["unit"] == program.units.index(core)], 1) for core in cores]
        starts = np.array([start for each in spans for start, _, _ in each], np.int64)
        ends = np.array([end for each in spans for _, end, _ in each], np.int64)
        times = np.concatenate([[0], starts, ends, [end_fs]])
        change = np.concatenate([[0], np.ones(starts.size), -np.ones(ends.size), [0]]).astype(np.int64)
        order = np.lexsort((change, times))
        busy = np.cumsum(change[order])[:-1]
        time_fs = np.zeros(len(cores) + 1, np.int64)
        np.add.at(time_fs, busy, np.diff(times[order]))
        busy_fs = tuple(sum(busy for _, _, busy in each) for each in spans)
        found.append(Together(kind, tuple(cores), busy_fs, tuple(time_fs.tolist())))
    return found
