"""What tilings of a contraction would cost: an analytic estimate over arrays of candidates.

Equations and limits: docs/models/mapping.md. Time = max(core, each link, each memory) + the first tile's way
in and the last tile's way out; traffic follows from loop order and from what is held; capacity is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from simulator.hw.component import Core
from simulator.hw.tiling import PRECISIONS, TILE
from simulator.hw.timing import bytes_by_memory, tile_times_fs
from simulator.mapping.route import ALIGN, Route
from simulator.mapping.shape import extent_x, extent_y, row_bytes, rows_read
from simulator.workload.work import Contraction


@dataclass(frozen=True, slots=True)
class Operands:
    """Bits per element of the operands, and which of them already lie where the core wants them."""

    ifmap_bits: int
    weight_bits: int
    ofmap_bits: int
    bias_bytes: int = 0
    ifmap_local: bool = False
    weight_local: bool = False
    ofmap_local: bool = False


@dataclass(frozen=True)
class Candidates:
    """Tilings side by side; every field is int64, shape (candidates,). ``order`` 0 is mn, 1 is nm."""

    rows: np.ndarray
    groups: np.ndarray
    n: np.ndarray
    c: np.ndarray
    order: np.ndarray
    hold_ifmap: np.ndarray
    hold_weight: np.ndarray

    @classmethod
    def of(cls, columns: np.ndarray) -> Candidates:
        """Candidates from int64 columns in the order of the fields, shape (fields, candidates).

        Absent ones are 0.
        """
        rows = [np.ascontiguousarray(column) for column in columns]
        rows += [np.zeros_like(rows[0]) for _ in range(len(fields(cls)) - len(rows))]
        rows_, groups, n, c, order, hold_ifmap, hold_weight = rows
        return cls(rows_, groups, n, c, order, hold_ifmap, hold_weight)

    def take(self, where: np.ndarray) -> Candidates:
        """Those that a mask or index selects."""
        return Candidates(*(getattr(self, field.name)[where] for field in fields(self)))


@dataclass(frozen=True)
class Trips:
    """How many tiles there are along each loop, int64, shape (candidates,)."""

    m: np.ndarray
    n: np.ndarray
    c: np.ndarray
    g: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """Tiles altogether."""
        return self.m * self.n * self.c * self.g


def trips(work: Contraction, cand: Candidates) -> Trips:
    """Tile counts of each candidate."""
    inside = cand.rows < work.oy
    images = np.maximum(cand.rows // work.oy, 1)
    m = np.where(inside, -(-work.oy // cand.rows) * work.batch, -(-work.batch // images))
    return Trips(m, -(-work.k // cand.n), -(-work.c // cand.c), -(-work.groups // cand.groups))


def buffer_bytes(
    work: Contraction, cand: Candidates, t: Trips, ops: Operands, psum_bits: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Role -> (bytes of one copy, copies), each int64, shape (candidates,); 0 copies where none is needed."""
    taps = work.fy * work.fx
    images = np.maximum(cand.rows // work.oy, 1)
    rows_in = _rows_read(work, cand.rows)[0]
    piece = row_bytes(extent_x(work) * cand.groups * cand.c, ops.ifmap_bits)
    tile_in = rows_in * piece
    strip_in = tile_in * t.c
    all_in = work.batch * extent_y(work) * piece * t.c
    held_in = np.where(cand.order == 0, strip_in, all_in)
    held_in_copies = np.where((np.where(cand.order == 0, t.m, 1) * t.g) > 1, 2, 1)
    bias = ops.bias_bytes * 8
    tile_w = cand.groups * cand.n * (cand.c * taps * ops.weight_bits + bias)
    held_w = (
        cand.groups * np.where(cand.order == 0, work.k, cand.n) * (work.c * taps * ops.weight_bits + bias)
    )
    held_w_copies = np.where((np.where(cand.order == 1, t.n, 1) * t.g) > 1, 2, 1)
    out_rows = np.minimum(cand.rows, work.oy) * images
    out = out_rows * work.ox * cand.n * cand.groups
    twice = np.where(t.total > 1, 2, 1)
    out_twice = np.where(t.m * t.n * t.g > 1, 2, 1)
    rooms = {
        "ifmap": (
            np.where(cand.hold_ifmap, held_in, tile_in) * 8,
            np.where(ops.ifmap_local, 0, np.where(cand.hold_ifmap, held_in_copies, twice)),
        ),
        "weight": (
            np.where(cand.hold_weight, held_w, tile_w) + (16 if ops.weight_bits < 8 else 0),
            np.where(ops.weight_local, 0, np.where(cand.hold_weight, held_w_copies, twice)),
        ),
        "ofmap": (
            out_rows * row_bytes(work.ox * cand.n * cand.groups, ops.ofmap_bits) * 8,
            np.where(ops.ofmap_local, 0, out_twice),
        ),
    }
    if psum_bits:
        rooms["psum"] = (out * psum_bits, out_twice)
    return {
        role: (_aligned(bits), np.broadcast_to(copies, cand.rows.shape))
        for role, (bits, copies) in rooms.items()
    }


def traffic_bytes(work: Contraction, cand: Candidates, t: Trips, ops: Operands) -> dict[str, np.ndarray]:
    """Role -> bytes over its link for the whole work, int64, shape (candidates,).

    0 where the operand is local.
    """
    _, every, union = _rows_read(work, cand.rows)
    kept = (cand.order == 1) & (cand.hold_ifmap == 1)  # a wholly held ifmap needs no halo twice
    rows_once = np.where(kept, union, every)
    once_in = rows_once * extent_x(work) * work.c * work.groups * ops.ifmap_bits // 8
    again_in = np.where(
        cand.order == 0, np.where(t.c == 1, 1, t.n), np.where((t.c == 1) & (t.m == 1), 1, t.n)
    )
    all_w = work.groups * work.k * (work.K * ops.weight_bits // 8 + ops.bias_bytes)
    again_w = np.where(cand.order == 1, np.where(t.c == 1, 1, t.m), np.where((t.c == 1) & (t.n == 1), 1, t.m))
    zero = np.zeros_like(cand.rows)
    out = work.groups * work.M * work.N * ops.ofmap_bits // 8
    return {
        "ifmap": zero if ops.ifmap_local else once_in * np.where(cand.hold_ifmap, 1, again_in),
        "weight": zero if ops.weight_local else all_w * np.where(cand.hold_weight, 1, again_w),
        "ofmap": zero if ops.ofmap_local else zero + out,
    }


def core_time(
    work: Contraction,
    cand: Candidates,
    t: Trips,
    ops: Operands,
    core: Core,
    ports: Mapping[str, float | None],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Time of the core over all tiles and its latency, in fs, and bytes at its buffers, each (candidates,).

    Each of the four loops has at most two tile sizes (full and last), so sixteen kinds of tile stand for all.
    """
    images = np.maximum(cand.rows // work.oy, 1)
    inside = cand.rows < work.oy
    m_full = np.where(inside, cand.rows, work.oy * images) * work.ox
    last_rows = np.where(inside, work.oy - (-(-work.oy // np.minimum(cand.rows, work.oy)) - 1) * cand.rows, 0)
    m_last = np.where(inside, last_rows, (work.batch - (t.m - 1) * images) * work.oy) * work.ox
    m_lasts = np.where(inside, work.batch, 1)
    n_last = work.k - (t.n - 1) * cand.n
    c_last = work.c - (t.c - 1) * cand.c
    g_last = work.groups - (t.g - 1) * cand.groups
    kinds: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, bool]] = []
    for m, m_count in ((m_full, t.m - m_lasts), (m_last, m_lasts)):
        for n, n_count in ((cand.n, t.n - 1), (n_last, np.ones_like(t.n))):
            for c, c_count, last in ((cand.c, t.c - 1, False), (c_last, np.ones_like(t.c), True)):
                for g, g_count in ((cand.groups, t.g - 1), (g_last, np.ones_like(t.g))):
                    kinds.append((m, n, c, g, m_count * n_count * c_count * g_count, last))
    tiles = np.zeros((len(kinds), cand.rows.size), TILE)
    on_k, apart = core.inner(1, work.fy * work.fx)
    for i, (m, n, c, g, _, last) in enumerate(kinds):
        tiles[i]["m"], tiles[i]["n"], tiles[i]["count"] = m, n, g
        tiles[i]["k"], tiles[i]["taps"] = c * on_k, apart
        tiles[i]["last"] = last
        tiles[i]["first"] = (t.c == 1) & last
    for field in ("ifmap_bits", "weight_bits", "ofmap_bits"):
        tiles[field] = getattr(ops, field)
    tiles["precision"] = PRECISIONS.index(work.precision)
    flat = tiles.reshape(-1)
    occupancy, latency = tile_times_fs(core, ports, flat)
    counts = np.stack([kind[4] for kind in kinds])
    moved = sum(bytes_.sum(axis=1) for bytes_ in bytes_by_memory(core, flat).values())
    shape = counts.shape
    return (
        (occupancy.reshape(shape) * counts).sum(axis=0),
        latency.reshape(shape).max(axis=0),
        (np.asarray(moved).reshape(shape) * counts).sum(axis=0),
    )


def in_whole_grains(
    traffic: dict[str, np.ndarray],
    work: Contraction,
    cand: Candidates,
    ops: Operands,
    routes: dict[str, Route],
) -> dict[str, np.ndarray]:
    """Traffic with what short runs waste: a tile of some channels is a run per row, whole rows are one run.

    Weights lie in the order of the tiles and have no short runs.
    """
    whole_groups = work.batched | (cand.groups == work.groups)
    groups = 1 if work.batched else cand.groups
    runs = {
        "ifmap": ((cand.c == work.c) & whole_groups, extent_x(work) * cand.c * groups * ops.ifmap_bits),
        "ofmap": ((cand.n == work.k) & whole_groups, work.ox * cand.n * groups * ops.ofmap_bits),
    }
    wasted = dict(traffic)
    pitch = {
        "ifmap": extent_x(work) * work.c * ops.ifmap_bits,
        "ofmap": work.ox * work.k * ops.ofmap_bits,
    }
    for role, (whole, run_bits) in runs.items():
        rows = _rows_read(work, cand.rows)[0] if role == "ifmap" else np.minimum(cand.rows, work.oy)
        run = np.maximum(np.where(whole, run_bits * rows, run_bits) // 8, 1)
        grain = routes[role].grain_bytes
        fits = (run % grain == 0) & (whole | (pitch[role] % (8 * grain) == 0))
        wasted[role] = np.where(fits, traffic[role], traffic[role] * ((run + grain - 1) / run))
    return wasted


def link_time(traffic: dict[str, np.ndarray], routes: dict[str, Route]) -> tuple[np.ndarray, np.ndarray]:
    """Time in fs that the busiest far memory needs for the traffic, and which role's route takes longest."""
    roles = list(traffic)
    per_role = [_seconds_fs(traffic[role], routes[role].bytes_per_s) for role in roles]
    per_far: dict[str, np.ndarray] = {}
    for role, time in zip(roles, per_role, strict=True):
        far = routes[role].far
        per_far[far] = per_far[far] + time if far in per_far else time
    return np.max(np.stack(list(per_far.values())), axis=0), np.argmax(np.stack(per_role), axis=0)


def _seconds_fs(moved: np.ndarray, bytes_per_s: float) -> np.ndarray:
    return moved * (1e15 / bytes_per_s) if bytes_per_s else np.zeros(moved.shape)


def _rows_read(work: Contraction, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``shape.rows_read`` of each candidate."""
    sizes, where = np.unique(rows, return_inverse=True)
    table = np.array([rows_read(work, size) for size in sizes.tolist()], np.int64)[where.reshape(-1)]
    return table[:, 0], table[:, 1], table[:, 2]


def _aligned(bits: np.ndarray) -> np.ndarray:
    return -(-bits // (8 * ALIGN)) * ALIGN
