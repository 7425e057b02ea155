"""Bytes that memories read and wrote over time, from the spans of commands and the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from simulator.engine.finished import Finished
from simulator.hw.chip import Chip
from simulator.hw.timing import bytes_by_memory
from simulator.mapping.program import STORE, Program
from simulator.results.ledger import Ledger

WAYS = ("read", "write")


def traffic(ran: Finished, ledger: Ledger, instants: Sequence[int]) -> dict[str, list[np.ndarray]]:
    """Memory -> bytes read and bytes written per bin, two int64 arrays of shape (bins,).

    Parameters
    ----------
    ran, ledger
        A finished run and its counts, to which the bins sum exactly.
    instants
        Ends of the bins in fs, one more than there are bins.
    """
    program, chip, machine, held = ran.program, ran.chip, ran.machine, ran.held
    moved, nodes = _moved(program, chip), program.commands["node"]
    found = {}
    for name, memory in chip.memories.items():
        profile = machine.shared[name].profile() if name in machine.shared else None
        if profile is not None and len(instants) > 1:
            ways = [profile.per_bin(way, instants) for way in WAYS]
        else:
            ways = [
                spread(ledger.per_node(name, way), *moved[name, way], nodes, held, instants) for way in WAYS
            ]
        peak = memory.peak_bytes_per_s()
        if name in machine.shared and peak is not None:
            ways = level(ways, [int(peak * (b - a) / 1e15) + 1 for a, b in pairwise(instants)])
        found[name] = ways
    return found


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
                size = moves["far_bytes" if memory == path.far else "bytes"]
                found[memory, "read"].append((mine[from_it], size[from_it]))
                found[memory, "write"].append((mine[into_it], size[into_it]))
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
    if not sums.size:
        return sums
    ends = np.array(instants, np.int64)
    start, end = held[commands, 0], held[commands, 1]
    first = np.clip(np.searchsorted(ends, start, "right") - 1, 0, sums.size - 1)
    last = np.clip(np.searchsorted(ends, end, "left") - 1, first, sums.size - 1)
    many = last - first + 1
    row = np.repeat(np.arange(commands.size), many)
    bin = first[row] + np.arange(row.size) - np.repeat(np.cumsum(many) - many, many)
    passed = (ends[bin + 1] - start[row]) / np.maximum(end - start, 1)[row]
    done = np.where(bin == last[row], shares[row], np.floor(shares[row] * passed).astype(np.int64))
    before = np.where(bin == first[row], 0, np.roll(done, 1))
    np.add.at(sums, bin, done - before)
    for node in np.flatnonzero((counts > 0) & ~np.isin(np.arange(counts.size), nodes[commands])).tolist():
        mine = np.flatnonzero(nodes == node)  # it moved bytes that none of its commands asked for
        span = [held[mine, 0].min(), held[mine, 1].max()] if mine.size else [instants[0], instants[-1]]
        sums += spread(
            counts[[node]], np.zeros(1, int), counts[[node]], np.zeros(1, int), np.array([span]), instants
        )
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
