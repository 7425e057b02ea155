"""What tilings of a contraction need: tiles, buffers, traffic, the core's time, over arrays of candidates.

Equations and limits: docs/models/mapping.md. Capacity and traffic are exact; ``mapping.transfers`` prices the
traffic, ``mapping.pipeline`` runs what is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from simulator.hw.component import Core
from simulator.hw.tiling import PRECISIONS, TILE
from simulator.hw.timing import bytes_by_memory, tile_times_fs
from simulator.mapping.route import ALIGN
from simulator.mapping.shape import extent_x, extent_y, row_bytes, rows_read
from simulator.workload.work import OPERATION_CLASSES, Contraction

#: Kinds of tile: full or last along m, n and g; along c first, between or last.
KINDS = 24


@dataclass(frozen=True, slots=True)
class Operands:
    """Bits per element of the operands, and which of them already lie where the core wants them.

    ``ifmap_groups``, ``weight_groups``: how many groups an operand has, 0: as many as the work; fewer where
    it is broadcast. ``ops`` are the operations per result that join tiles. ``row_channels``: channels in a
    row of the storages of ifmap and ofmap, where the work is a part of them; 0: those of the work.
    ``density`` is the share of elements of ifmap and weight that are not zero.
    """

    ifmap_bits: int
    weight_bits: int
    ofmap_bits: int
    bias_bytes: int = 0
    ifmap_local: bool = False
    weight_local: bool = False
    ofmap_local: bool = False
    ifmap_groups: int = 0
    weight_groups: int = 0
    ops: tuple[tuple[str, int], ...] = ()
    row_channels: tuple[int, int] = (0, 0)
    density: tuple[float, float] = (1.0, 1.0)

    def local(self, role: str) -> bool:
        """Whether the operand of a role lies where the core wants it."""
        return {"ifmap": self.ifmap_local, "weight": self.weight_local, "ofmap": self.ofmap_local}[role]


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
    ifmap_copies: np.ndarray
    weight_copies: np.ndarray
    ofmap_copies: np.ndarray

    @classmethod
    def of(cls, columns: np.ndarray) -> Candidates:
        """Candidates from int64 columns in the order of the fields, shape (fields, candidates).

        Absent ones are 0.
        """
        rows = [np.ascontiguousarray(column) for column in columns]
        rows += [np.zeros_like(rows[0]) for _ in range(len(fields(cls)) - len(rows))]
        return cls(*rows)

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
    """Role -> (bytes of one copy, copies worth having), each int64, shape (candidates,).

    0 copies where none is needed, 1 where there is nothing to fill while the other is used.
    """
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


@dataclass(frozen=True)
class CoreTimes:
    """What the kinds of tile of each shape cost the core.

    Attributes
    ----------
    shape
        int64, shape (candidates,): row of the tables of each candidate; tilings of the same sizes share it.
    busy_fs, latency_fs
        int64, shape (shapes, KINDS), 0 for what cannot occur along n, c and g. Kind
        ``((2 a + b) 3 + c) 2 + g``: a, b, g say whether it is the last along m, n, g; c is 0 at the start of
        the sums, 2 at their end, 1 between.
    moved
        int64, shape (shapes, KINDS): bytes at the core's buffers.
    counts
        int64, shape (shapes, KINDS): how many there are.
    """

    shape: np.ndarray
    busy_fs: np.ndarray
    latency_fs: np.ndarray
    moved: np.ndarray
    counts: np.ndarray

    def busy(self) -> np.ndarray:
        """Time of the core over all tiles, fs, int64, shape (candidates,)."""
        return (self.busy_fs * self.counts).sum(axis=1)[self.shape]

    def latency(self) -> np.ndarray:
        """Latency of the last tile, fs, int64, shape (candidates,)."""
        return self.latency_fs.max(axis=1, where=self.counts > 0, initial=0)[self.shape]

    def on_chip_bytes(self) -> np.ndarray:
        """Bytes at the core's buffers over all tiles, int64, shape (candidates,)."""
        return (self.moved * self.counts).sum(axis=1)[self.shape]


def core_times(
    work: Contraction, cand: Candidates, ops: Operands, core: Core, ports: Mapping[str, float | None]
) -> CoreTimes:
    """Times of every kind of tile of every candidate: each loop has at most two sizes, sums three places."""
    first, shape = distinct(cand.rows, cand.groups, cand.n, cand.c)
    own = cand.take(first)
    t = trips(work, own)
    images = np.maximum(own.rows // work.oy, 1)
    inside = own.rows < work.oy
    last_rows = work.oy - (-(-work.oy // np.minimum(own.rows, work.oy)) - 1) * own.rows
    m_last = np.where(inside, last_rows, (work.batch - (t.m - 1) * images) * work.oy) * work.ox
    m_lasts = np.where(inside, work.batch, 1)
    c_last = work.c - (t.c - 1) * own.c
    one = np.ones_like(t.c)
    along_m = ((np.where(inside, own.rows, work.oy * images) * work.ox, t.m - m_lasts), (m_last, m_lasts))
    along_n = ((own.n, t.n - 1), (work.k - (t.n - 1) * own.n, one))
    along_c = ((np.where(t.c > 1, own.c, c_last), one), (own.c, np.maximum(t.c - 2, 0)), (c_last, t.c > 1))
    along_g = ((own.groups, t.g - 1), (work.groups - (t.g - 1) * own.groups, one))
    tiles = np.zeros((own.rows.size, KINDS), TILE)
    counts = np.zeros((own.rows.size, KINDS), np.int64)
    there = np.zeros((own.rows.size, KINDS), bool)  # both sizes along m: which of them a tile is, rows say
    on_k, apart = core.inner(1, work.fy * work.fx)
    kind = 0
    for m, many_m in along_m:
        for n, many_n in along_n:
            for place, (c, many_c) in enumerate(along_c):
                for g, many_g in along_g:
                    there[:, kind] = (many_n > 0) & (many_c > 0) & (many_g > 0)
                    if not there[:, kind].any():
                        kind += 1
                        continue
                    tile = tiles[:, kind]
                    tile["m"], tile["n"], tile["k"], tile["count"] = m, n, c * on_k, g
                    tile["first"] = place == 0
                    tile["last"] = (t.c == 1) if place == 0 else place == 2
                    counts[:, kind] = many_m * many_n * many_c * many_g
                    kind += 1
    tiles = tiles[there]
    tiles["taps"] = apart
    tiles["ifmap_bits"], tiles["weight_bits"], tiles["ofmap_bits"] = (
        ops.ifmap_bits, ops.weight_bits, ops.ofmap_bits,
    )  # fmt: skip
    tiles["precision"], tiles["density"] = PRECISIONS.index(work.precision), ops.density
    for name, times in ops.ops:
        results = np.where(tiles["last"], tiles["m"] * tiles["n"] * tiles["count"], 0)
        tiles["ops"][..., OPERATION_CLASSES.index(name)] = results * times
    found = np.zeros((3, *counts.shape), np.int64)
    found[0][there], found[1][there] = tile_times_fs(core, ports, tiles)
    found[2][there] = sum(bytes_.sum(axis=1) for bytes_ in bytes_by_memory(core, tiles).values())
    return CoreTimes(shape, found[0], found[1], found[2], counts)


def distinct(*columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a table that differ: (where each is found first, which of them every row is).

    Parameters
    ----------
    columns
        int64, shape (rows,) each.
    """
    key = np.zeros(columns[0].size, np.int64)
    for column in columns:
        values, rank = np.unique(column, return_inverse=True)
        key = key * values.size + rank.reshape(-1)
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    return first, which.reshape(-1)


def _rows_read(work: Contraction, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``shape.rows_read`` of each candidate."""
    sizes, where = np.unique(rows, return_inverse=True)
    table = np.array([rows_read(work, size) for size in sizes.tolist()], np.int64)[where.reshape(-1)]
    return table[:, 0], table[:, 1], table[:, 2]


def _aligned(bits: np.ndarray) -> np.ndarray:
    return -(-bits // (8 * ALIGN)) * ALIGN
