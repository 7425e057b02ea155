"""Runs: consecutive bytes of a storage that a piece of a tensor touches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from simulator.mapping.schedule import Place
from simulator.mapping.shape import extent_x, extent_y
from simulator.workload.work import Contraction


class Run(NamedTuple):
    """So ``many`` runs of ``bytes`` each that begin ``pitch`` apart."""

    address: int
    bytes: int
    pitch: int = 0
    many: int = 1


Runs = Sequence[Run | tuple[int, int]]  # ascending; a pair is address and bytes of one


def groups_of(size: int, work: Contraction, elements: int, bits: int) -> int:
    """Groups that an operand of ``size`` bytes has; a batched product may broadcast one with fewer."""
    return min(work.groups, max(1, size * 8 // (elements * bits))) if work.batched else work.groups


def operand_groups(work: Contraction, sizes: tuple[int, int], bits: tuple[int, int]) -> tuple[int, int]:
    """Groups that ifmap and weights of ``sizes`` bytes and ``bits`` per element have."""
    inputs = extent_y(work) * extent_x(work) * work.batch * work.c
    return groups_of(sizes[0], work, inputs, bits[0]), groups_of(sizes[1], work, work.k * work.K, bits[1])


def bytes_in(runs: Runs) -> int:
    """Bytes of runs together."""
    return sum(length * many for _, length, _, many in (Run(*run) for run in runs))


def many_in(runs: Runs) -> int:
    """Number of runs."""
    return sum(Run(*run).many for run in runs)


def end_of(run: Run) -> int:
    """First address behind the last of runs of equal distance."""
    return run.address + run.pitch * (run.many - 1) + run.bytes


def inside(runs: list[Run], place: Place) -> list[Run]:
    """Runs moved into a storage: a convolution over depth, folded into rows, reads planes more than once."""
    if not runs or end_of(runs[-1]) <= place.end:
        return runs
    moved = []
    for address, length, pitch, many in runs:
        size = min(length, place.bytes)
        moved += [Run(min(address + i * pitch, place.end - size), size) for i in range(many)]
    return moved


def extend_rows(
    runs: list[Run], base: int, at_bits: int, row_bits: int, rows: int, low_bits: int, wide_bits: int
) -> None:
    """Append ``wide_bits`` from ``low_bits`` of each of some rows; whole rows are one run."""
    if wide_bits == row_bits:
        extend(runs, base, at_bits, rows * row_bits)
    elif row_bits % 8 == 0 and rows:
        first = at_bits + low_bits
        low, high = base + first // 8, base + -(-(first + wide_bits) // 8)
        _append(runs, Run(low, high - low, row_bits // 8, rows))
    else:
        for row in range(rows):
            extend(runs, base, at_bits + row * row_bits + low_bits, wide_bits)


def extend(runs: list[Run], base: int, at_bits: int, bits: int) -> None:
    """Append bits of a tensor as whole bytes, joined to the run before where they touch."""
    low, high = base + at_bits // 8, base + -(-(at_bits + bits) // 8)
    _append(runs, Run(low, high - low))


def _append(runs: list[Run], new: Run) -> None:
    """Append runs of equal distance, joined to each other and to the run before where they touch."""
    if new.many > 1 and new.bytes >= new.pitch:
        new = Run(new.address, end_of(new) - new.address)
    if runs and end_of(runs[-1]) >= new.address:
        last = runs.pop()
        if last.many > 1:
            runs.append(last._replace(many=last.many - 1))
        start = last.address + last.pitch * (last.many - 1)
        runs.append(Run(start, new.address + new.bytes - start))
        if new.many == 1:
            return
        new = new._replace(address=new.address + new.pitch, many=new.many - 1)
    runs.append(new)


def weight_span(
    work: Contraction,
    bits: int,
    bias_bytes: int,
    place: Place,
    group: tuple[int, int],
    n: tuple[int, int],
    c: tuple[int, int],
) -> tuple[int, int]:
    """Bytes (first, end) of a weight tile: groups, output channels and reduction channels of one.

    Weights lie in tile order, with the bias behind each block of output channels.
    """
    taps = work.fy * work.fx
    per_channel = work.c * taps * bits + 8 * bias_bytes
    channels = n[1] - n[0]
    start = (group[0] * work.k + n[0]) * per_channel
    low = start + channels * c[0] * taps * bits
    high = start + channels * c[1] * taps * bits
    if c[1] == work.c:
        high = start + channels * per_channel
    if group[1] - group[0] > 1:
        low, high = start, start + (group[1] - group[0]) * work.k * per_channel
    return place.address + low // 8, min(place.address + -(-high // 8), place.end)
