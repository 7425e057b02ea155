"""Runs: consecutive bytes of a storage that a piece of a tensor touches."""

from __future__ import annotations

from simulator.mapping.schedule import Place
from simulator.mapping.shape import extent_x, extent_y
from simulator.workload.work import Contraction


def groups_of(size: int, work: Contraction, elements: int, bits: int) -> int:
    """Groups that an operand of ``size`` bytes has; a batched product may broadcast one with fewer."""
    return min(work.groups, max(1, size * 8 // (elements * bits))) if work.batched else work.groups


def operand_groups(work: Contraction, sizes: tuple[int, int], bits: tuple[int, int]) -> tuple[int, int]:
    """Groups that ifmap and weights of ``sizes`` bytes and ``bits`` per element have."""
    inputs = extent_y(work) * extent_x(work) * work.batch * work.c
    return groups_of(sizes[0], work, inputs, bits[0]), groups_of(sizes[1], work, work.k * work.K, bits[1])


def inside(runs: list[tuple[int, int]], place: Place) -> list[tuple[int, int]]:
    """Runs moved into a storage: a convolution over depth, folded into rows, reads planes more than once."""
    if not runs or runs[-1][0] + runs[-1][1] <= place.end:
        return runs
    sizes = [min(size, place.bytes) for _, size in runs]
    starts = [min(low, place.end - size) for (low, _), size in zip(runs, sizes, strict=True)]
    return list(zip(starts, sizes, strict=True))


def extend_rows(
    runs: list[tuple[int, int]],
    base: int,
    at_bits: int,
    row_bits: int,
    rows: int,
    low_bits: int,
    wide_bits: int,
) -> None:
    """Append ``wide_bits`` from ``low_bits`` of each of some rows; whole rows are one run."""
    if wide_bits == row_bits:
        extend(runs, base, at_bits, rows * row_bits)
        return
    for row in range(rows):
        extend(runs, base, at_bits + row * row_bits + low_bits, wide_bits)


def extend(runs: list[tuple[int, int]], base: int, at_bits: int, bits: int) -> None:
    """Append bits of a tensor as whole bytes, joined to the run before where they touch."""
    low, high = base + at_bits // 8, base + -(-(at_bits + bits) // 8)
    if runs and runs[-1][0] + runs[-1][1] >= low:
        runs[-1] = (runs[-1][0], high - runs[-1][0])
    else:
        runs.append((low, high - low))


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
