"""The functions of ``simulator.workload.pim.plain`` over compiled kernels, equal bit for bit.

Importing this module loads numba.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulator.kernels import pim
from simulator.kernels.pim import BLOCK, LANES, NAN_BF16, REGISTERS
from simulator.workload.panels import remembered
from simulator.workload.pim import plain
from simulator.workload.pim.devices import PimArithmetic
from simulator.workload.pim.plain import relu_bf16, relu_fp16
from simulator.workload.pim.tables import LOW, PER_UNIT, Table

#: ReLU is the same function: it computes nothing.
__all__ = [
    "activate",
    "add_fp16",
    "dot_bf16",
    "dot_fp16",
    "multiply_bf16",
    "multiply_fp16",
    "relu_bf16",
    "relu_fp16",
]

#: Vectors that are multiplied by a block of outputs before the next ones: they stay in the cache.
CHUNK = 8


def dot_fp16(rows: np.ndarray, columns: np.ndarray, device: PimArithmetic) -> np.ndarray:
    """As ``plain.dot_fp16``."""
    blocks = remembered(columns, (device, "fp16"), lambda: _blocks_fp16(columns, device))
    vectors = plain.grouped(_fp16(rows), device).astype(np.float32)
    out = np.empty((len(rows), len(blocks) * REGISTERS), np.float32)
    sums = np.empty(REGISTERS * LANES, np.float32)
    for top in range(0, len(rows), CHUNK):
        repeated = np.tile(vectors[top : top + CHUNK], REGISTERS)
        pim.dot_fp16(repeated, blocks, sums, out[top : top + CHUNK])
    return out[:, : len(columns)]


def _blocks_fp16(columns: np.ndarray, device: PimArithmetic) -> np.ndarray:
    """Bits of FP16, (blocks, groups, REGISTERS · LANES): missing outputs are 0."""
    stored = plain.grouped(_fp16(columns), device).view(np.uint16)
    stored = np.pad(stored, ((0, -len(stored) % REGISTERS), (0, 0), (0, 0)))
    blocks, groups = len(stored) // REGISTERS, stored.shape[1]
    apart = stored.reshape(blocks, REGISTERS, groups, LANES).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(apart).reshape(blocks, groups, REGISTERS * LANES)


def dot_bf16(
    rows: np.ndarray, columns: np.ndarray, start: np.ndarray | None, device: PimArithmetic
) -> np.ndarray:
    """As ``plain.dot_bf16``."""
    blocks = remembered(columns, (device, "bf16"), lambda: _blocks_bf16(columns, device))
    vectors = plain.grouped(plain.bf16(rows), device)
    out = np.empty((len(rows), len(blocks) * BLOCK), np.float32)
    begin = np.zeros(out.shape[1], np.float32)
    if start is not None:
        begin[: len(columns)] = plain.bf16(start)
    pim.dot_bf16(
        np.ascontiguousarray(vectors).reshape(len(rows), vectors.shape[1] * LANES),
        blocks, begin, np.uint32(24 - device.aligned_bits), np.empty((LANES, BLOCK), np.uint32),
        np.empty(BLOCK, np.uint32), np.empty(BLOCK, np.int32), np.empty(BLOCK, np.float32),
        np.empty(BLOCK, np.float32), out,
    )  # fmt: skip
    return out[:, : len(columns)]


def _blocks_bf16(columns: np.ndarray, device: PimArithmetic) -> np.ndarray:
    """Bits of BF16, (blocks, groups, LANES, BLOCK): missing outputs are 0."""
    outputs, inputs = columns.shape
    made = np.zeros((-(-outputs // BLOCK), -(-inputs // LANES), LANES, BLOCK), np.uint16)
    for block, into in enumerate(made):  # block by block: it stays in the cache
        real = plain.bf16(columns[block * BLOCK : (block + 1) * BLOCK])
        bits = (real.view(np.uint32) >> np.uint32(16)).astype(np.uint16)
        stored = plain.grouped(np.where(np.isnan(real), np.uint16(NAN_BF16), bits), device)
        into[..., : len(stored)] = stored.transpose(1, 2, 0)
    return made


def add_fp16(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """As ``plain.add_fp16``."""
    return _bits(pim.add_fp16, first, second)


def multiply_fp16(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """As ``plain.multiply_fp16``."""
    return _bits(pim.multiply_fp16, first, second)


def multiply_bf16(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """As ``plain.multiply_bf16``."""
    left, right = _together(plain.bf16(first), plain.bf16(second))
    out = np.empty(left.shape, np.float32)
    pim.multiply_bf16(left.reshape(-1), right.reshape(-1), out.reshape(-1))
    return out


def activate(x: np.ndarray, by: Table) -> np.ndarray:
    """As ``plain.activate``."""
    real = np.ascontiguousarray(plain.bf16(x))
    out = np.empty(real.shape, np.float32)
    low, per_unit = np.float32(LOW), np.float32(PER_UNIT)
    pim.activate_bf16(real.reshape(-1), by.points, low, per_unit, by.passes, out.reshape(-1))
    return out


def _bits(
    kernel: Callable[[np.ndarray, np.ndarray, np.ndarray], None], first: np.ndarray, second: np.ndarray
) -> np.ndarray:
    """A kernel over the bits of two broadcasting operands in FP16."""
    left, right = (each.view(np.uint16) for each in _together(_fp16(first), _fp16(second)))
    out = np.empty(left.shape, np.uint16)
    kernel(left.reshape(-1), right.reshape(-1), out.reshape(-1))
    return out.view(np.float16)


def _fp16(x: np.ndarray) -> np.ndarray:
    """As ``plain.fp16``."""
    if x.dtype != np.float32:
        return plain.fp16(x)
    real = np.array(x, order="C")  # a copy: of what can be written to the kernel is compiled once
    out = np.empty(real.shape, np.uint16)
    pim.round_fp16(real.reshape(-1), out.reshape(-1))
    return out.view(np.float16)


def _together(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two operands, broadcast to one shape and contiguous."""
    left, right = np.broadcast_arrays(first, second)
    return np.array(left, order="C"), np.array(right, order="C")
