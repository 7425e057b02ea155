"""Tiles: the unit in which work reaches a core."""

from __future__ import annotations

import numpy as np

from simulator.workload.work import OPERATION_CLASSES

#: One tile. A contraction tile is ``count`` GEMMs of m x k by k x n for each of ``taps`` kernel positions;
#: ``first``/``last``: it begins/ends its sums. An element-wise tile has operations per class instead, and the
#: bytes that it reads and writes. ``*_bits`` are bits per element of the operands.
TILE = np.dtype(
    [
        ("m", "i8"), ("n", "i8"), ("k", "i8"), ("taps", "i8"), ("count", "i8"),
        ("first", "?"), ("last", "?"), ("precision", "i2"),
        ("ifmap_bits", "i2"), ("weight_bits", "i2"), ("ofmap_bits", "i2"),
        ("epilogue", "i2"),
        ("ops", "i8", (len(OPERATION_CLASSES),)),
        ("read_bytes", "i8"), ("write_bytes", "i8"),
    ],
    align=True,
)  # fmt: skip

#: Index of a precision in ``TILE.precision``.
PRECISIONS = ("int4", "int8", "int16", "bf16", "fp16", "fp32")


def macs(tiles: np.ndarray) -> np.ndarray:
    """Multiply-accumulates of each tile, int64, shape (tiles,)."""
    return tiles["m"] * tiles["n"] * tiles["k"] * tiles["taps"] * tiles["count"]
