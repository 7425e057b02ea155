"""The timeline of a run, from its spans: what units did, what memories moved and held."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from simulator.engine.machine import CoreUnit, Machine
from simulator.engine.occupancy import occupancy
from simulator.hw.chip import Chip
from simulator.hw.timing import bytes_by_memory
from simulator.mapping.program import KINDS, STORE, Program
from simulator.results.ledger import Ledger
from simulator.results.timeline import BINS, Lane, MemoryUse, Timeline, Together, edges

WAYS = ("read", "write")


def make_timeline(
    program: Program, chip: Chip, machine: Machine, spans: np.ndarray, ledger: Ledger
) -> Timeline:
    """Condense a finished run.

    Parameters
    ----------
    program, chip, machine, spans
        The run; ``spans`` int64, shape (commands, 2), fs.
    ledger
        Its counts, which the bytes of the bins sum to.
    """
    end_fs = int(spans[:, 1].max()) if spans.size else 0
    bins = BINS if end_fs else 0
    held = held_spans(program, machine, spans)
    rooms = occupancy(program, spans, edges(end_fs, bins)) if bins else {}
    return Timeline(
        end_fs=end_fs,
        bins=bins,
        lanes=tuple(_lanes(program, chip, held, max(end_fs // BINS, 1))),
        memories=tuple(_memories(program, chip, machine, held, ledger, edges(end_fs, bins), rooms)),
        together=tuple(_together(program, chip, held, end_fs)),
    )


def held_spans(program: Program, machine: Machine, spans: np.ndarray) -> np.ndarray:
    """Time for which each command holds its unit, int64, shape (commands, 2), fs.

    A tile leaves its core before its result is out; a transfer holds its link from when it is asked for.
    """
    held = spans.copy()
    for index, unit in enumerate(machine.units):
        if isinstance(unit, CoreUnit):
            mine = np.flatnonzero(program.commands["unit"] == index)
            held[mine, 1] -= np.array(unit.latency_fs, np.int64)[program.commands["work"][mine]]
    return held


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
            lanes.append(Lane(unit, chip.components[unit].kind, name, nodes, starts, ends, busy))
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
    program: Program,
    chip: Chip,
    machine: Machine,
    held: np.ndarray,
    ledger: Ledger,
    instants: list[int],
    rooms: dict[str, tuple[np.ndarray, np.ndarray]],
) -> list[MemoryUse]:
    moved = _moved(program, chip)
    uses = []
    for name, memory in chip.memories.items():
        ways = [
            spread(ledger.per_node(name, way), *moved[name, way], program.commands["node"], held, instants)
            for way in WAYS
        ]
        peak = memory.peak_bytes_per_s()
        if name in machine.shared and peak is not None:
            ways = level(ways, [int(peak * (b - a) / 1e15) + 1 for a, b in pairwise(instants)])
        maps, buffers = rooms.get(name, (np.zeros(len(instants) - 1), np.zeros(len(instants) - 1)))
        room = () if memory.EXTERNAL else (tuple(maps.tolist()), tuple(buffers.tolist()))
        uses.append(MemoryUse(name, *(tuple(way.tolist()) for way in ways), *room))
    return uses


def _moved(program: Program, chip: Chip) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """(memory, way) -> commands that touch it, and how many bytes each moves; as the ledger counts them."""
    found: dict[tuple[str, str], list[tuple[np.ndarray, np.ndarray]]] = {
        (memory, way): [] for memory in program.memories for way in WAYS
    }
    commands = program.commands
    for index, unit in enumerate(program.units):
        mine = np.flatnonzero(commands["unit"] == index)
        work = commands["work"][mine]
        if unit in chip.cores:
            for memory, moved in bytes_by_memory(chip.cores[unit], program.tiles[unit][work]).items():
                for j, way in enumerate(WAYS):
                    found[memory, way].append((mine, moved[:, j]))
            continue
        moves, stores = program.moves[work], commands["kind"][mine] == STORE
        for row, path in enumerate(program.ways):
            for memory in (path.far, *path.near):
                from_it = (moves["way"] == row) & (stores != (memory == path.far))
                into_it = (moves["way"] == row) & (stores == (memory == path.far))
                found[memory, "read"].append((mine[from_it], moves["bytes"][from_it]))
                found[memory, "write"].append((mine[into_it], moves["bytes"][into_it]))
    none = np.zeros(0, np.int64)
    return {
        key: (np.concatenate([none, *(a for a, _ in parts)]), np.concatenate([none, *(b for _, b in parts)]))
        for key, parts in found.items()
    }


def spread(
    counts: np.ndarray,
    commands: np.ndarray,
    amounts: np.ndarray,
    nodes: np.ndarray,
    held: np.ndarray,
    instants: Sequence[int],
) -> np.ndarray:
    """Bytes per bin: each node's count, shared among its commands, each share evenly over the command's time.

    Parameters
    ----------
    counts
        What the ledger has per node, int64, shape (nodes,); the bins sum to it exactly. Memories that move
        whole bursts have more in it than the commands ask for.
    commands, amounts
        Rows of commands that move bytes, and the bytes of each.
    nodes, held
        Node, and start and end in fs, of every command of the program.
    instants
        Ends of the bins in fs.
    """
    order = np.lexsort((held[commands, 0], nodes[commands]))
    commands, amounts = commands[order], amounts[order]
    shares = _shares(counts, nodes[commands], amounts)
    sums = np.zeros(len(instants) - 1, np.int64)
    ends = np.array(instants, np.int64)
    start, end = held[commands, 0], held[commands, 1]
    first = np.clip(np.searchsorted(ends, start, "right") - 1, 0, None)
    last = np.clip(np.searchsorted(ends, end, "left") - 1, first, None)
    row = np.repeat(np.arange(commands.size), last - first + 1)
    bin = np.arange(row.size) - np.repeat(np.cumsum(last - first + 1) - (last - first + 1), last - first + 1)
    bin += first[row]
    passed = (ends[bin + 1] - start[row]) / np.maximum(end - start, 1)[row]
    done = np.where(bin == last[row], shares[row], np.floor(shares[row] * passed).astype(np.int64))
    before = np.where(bin == first[row], 0, np.roll(done, 1))
    np.add.at(sums, bin, done - before)
    return sums


def _shares(counts: np.ndarray, nodes: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Each command's share of its node's count, by its bytes; commands stand by node."""
    wanted = np.zeros(counts.size, np.int64)
    np.add.at(wanted, nodes, amounts)
    if (wanted == counts).all():
        return amounts
    shares = amounts.copy()
    for node in np.flatnonzero(wanted != counts).tolist():
        mine = slice(*np.searchsorted(nodes, (node, node + 1)).tolist())
        part = np.floor(counts[node] * (np.cumsum(amounts[mine]) / max(int(wanted[node]), 1)))
        if part.size:
            part[-1] = counts[node]
        shares[mine] = np.diff(part.astype(np.int64), prepend=0)
    return shares


def level(ways: Sequence[np.ndarray], limits: Sequence[int]) -> list[np.ndarray]:
    """Reads and writes per bin where no bin has more than its limit; what is too much goes to the next bins.

    A transfer that waits for others in a channel is spread over its wait too, so that early bins can have
    more than the channel carries. What finds no later room goes to earlier bins; if there is none at all it
    stays in the first. Sums do not change.
    """
    levelled = [way.tolist() for way in ways]
    count = len(limits)
    for step in (1, -1):
        order = range(count) if step == 1 else range(count - 1, -1, -1)
        for i in order:
            left = sum(way[i] for way in levelled)  # bytes of the ways that are still to be cut
            excess = left - limits[i]
            if excess <= 0 or not 0 <= i + step < count:
                continue
            for way in levelled:
                there = way[i]
                moved = -(-excess * there // left) if left else 0
                way[i], way[i + step] = there - moved, way[i + step] + moved
                left, excess = left - there, excess - moved
    return [np.array(way, np.int64) for way in levelled]


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
