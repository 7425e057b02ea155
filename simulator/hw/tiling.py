"""Tiles: the unit in which work reaches a core."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.workload.work import MATCH_CLASSES, OPERATION_CLASSES

if TYPE_CHECKING:
    import numpy as np
else:
    from simulator.base.lazy import numpy as np

#: One tile. A contraction tile is ``count`` GEMMs of m x k by k x n for each of ``taps`` kernel positions;
#: ``first``/``last``: it begins/ends its sums. An element-wise tile has operations per class instead, and the
#: bytes that it reads and writes; one of matching has counts per class. ``requant``: it requantizes what it
#: ends. ``*_bits`` are bits per element; ``density`` is the share of elements of ifmap and weight that are
#: not zero.
TILE: np.dtype


def __getattr__(name: str) -> np.dtype:
    """Make ``TILE`` when it is first asked for."""
    if name != "TILE":
        raise AttributeError(name)
    globals()[name] = _tile()
    return globals()[name]


def _tile() -> np.dtype:
    return np.dtype(
        [
            ("m", "i8"), ("n", "i8"), ("k", "i8"), ("taps", "i8"), ("count", "i8"),
            ("first", "?"), ("last", "?"), ("precision", "i2"),
            ("ifmap_bits", "i2"), ("weight_bits", "i2"), ("ofmap_bits", "i2"),
            ("requant", "?"), ("density", "f8", (2,)),
            ("ops", "i8", (len(OPERATION_CLASSES),)),
            ("read_bytes", "i8"), ("write_bytes", "i8"),
            ("match", "i8", (len(MATCH_CLASSES),)),
        ],
        align=True,
    )  # fmt: skip


#: Index of a precision in ``TILE.precision``.
PRECISIONS = (
    "int2", "int4", "int8", "int16", "int32", "int64", "fp4", "fp8", "bf16", "fp16", "fp32", "fp64", "bool",
)  # fmt: skip


NO_OPS = (0,) * len(OPERATION_CLASSES)
NO_MATCH = (0,) * len(MATCH_CLASSES)


def tile_row(
    *, m: int = 0, n: int = 0, k: int = 0, taps: int = 1, count: int = 1,
    first: bool = True, last: bool = True,
    precision: str = "int8", bits: tuple[int, ...] = (0, 0, 0), requant: bool = False,
    density: tuple[float, float] = (1.0, 1.0),
    ops: tuple[int, ...] = NO_OPS, read_bytes: int = 0, write_bytes: int = 0,
    match: tuple[int, ...] = NO_MATCH,
) -> tuple[object, ...]:  # fmt: skip
    """One row of a TILE table, as numpy takes it; ``bits`` are those of ifmap, weight and ofmap."""
    head = (m, n, k, taps, count, first, last, PRECISIONS.index(precision))
    return (*head, *bits, requant, density, ops, read_bytes, write_bytes, match)


def macs(tiles: np.ndarray) -> np.ndarray:
    """Multiply-accumulates of each tile, int64, shape (tiles,)."""
    return tiles["m"] * tiles["n"] * tiles["k"] * tiles["taps"] * tiles["count"]


def zero_share(tiles: np.ndarray, operands: tuple[str, ...]) -> np.ndarray:
    """Share of the products of each tile in which one of the operands (ifmap, weight) is zero.

    float64, shape (tiles,). Zeros of the two are taken as independent: 1 − di·dw.
    """
    left = np.ones(tiles.size)
    for i, name in enumerate(("ifmap", "weight")):
        if name in operands:
            left = left * tiles["density"][:, i]
    return 1 - left
