"""The functions of ``simulator.workload.plain`` over compiled kernels, equal bit for bit.

Importing this module loads numba.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.kernels import conv, gemm, pool, requant
from simulator.workload.numerics import Numerics
from simulator.workload.plain import bits_of
from simulator.workload.rescale import Factors, limits
from simulator.workload.window import Axis

_ROUNDING = {
    "double": requant.DOUBLE,
    "half_up": requant.HALF_UP,
    "truncate": requant.TRUNCATE,
    "half_even": requant.HALF_EVEN,
    "half_away": requant.HALF_AWAY,
}


def convolve(
    ifmap: np.ndarray,
    weight: np.ndarray,
    places: Sequence[Axis],
    groups: int,
    zero_points: tuple[int, np.ndarray],
    bias: np.ndarray | None,
    numerics: Numerics,
) -> np.ndarray:
    """As ``plain.convolve``; depthwise in place, else window rows times filters, image by image."""
    bits, filters, packed = bits_of(ifmap, weight, numerics), len(weight), _packed(places)
    y, x = places
    ifmap = np.ascontiguousarray(ifmap)
    out = np.empty((len(ifmap), y.out, x.out, filters), np.int64 if bits == 64 else np.int32)
    start = np.zeros(filters, out.dtype) if bias is None else _as(bias, out.dtype)
    zeros = _as(np.broadcast_to(zero_points[1], (filters,)), np.dtype(np.int32))
    if groups == filters == ifmap.shape[3] and bits == 32 and numerics.overflow == "wrap":
        taps = np.ascontiguousarray(weight[..., 0].transpose(1, 2, 0))
        for image, into in zip(ifmap, out, strict=True):
            conv.depthwise32(image, taps, packed, start, zero_points[0], zeros, into)
        return out
    columns = np.ascontiguousarray(weight).reshape(filters, -1)
    rows = np.empty((y.out * x.out, columns.shape[1]), ifmap.dtype)
    size = filters // groups
    for image, into in zip(ifmap, out, strict=True):
        for g in range(groups):
            mine = slice(g * size, (g + 1) * size)
            conv.gather_windows(image, packed, g * weight.shape[3], zero_points[0], rows)
            sums = np.empty((len(rows), size), out.dtype)
            _dot(rows, columns[mine], start[mine], zero_points[0], zeros[mine], bits, numerics, sums)
            into[..., mine] = sums.reshape(y.out, x.out, size)
    return out


def multiply(
    first: np.ndarray,
    second: np.ndarray,
    zero_points: tuple[int, np.ndarray],
    bias: np.ndarray | None,
    numerics: Numerics,
) -> np.ndarray:
    """As ``plain.multiply``."""
    bits = bits_of(first, second, numerics)
    out = np.empty((len(first), len(second)), np.int64 if bits == 64 else np.int32)
    start = np.zeros(len(second), out.dtype) if bias is None else _as(bias, out.dtype)
    zeros = _as(np.broadcast_to(zero_points[1], (len(second),)), np.dtype(np.int32))
    rows, columns = np.ascontiguousarray(first), np.ascontiguousarray(second)
    _dot(rows, columns, start, zero_points[0], zeros, bits, numerics, out)
    return out


def _dot(
    rows: np.ndarray, columns: np.ndarray, start: np.ndarray, zero_rows: int, zero_columns: np.ndarray,
    bits: int, numerics: Numerics, out: np.ndarray,
) -> None:  # fmt: skip
    if bits == 64:
        gemm.dot64(rows, columns, start, zero_rows, zero_columns, out)
    elif numerics.overflow == "wrap":
        gemm.dot32(rows, columns, start, zero_rows, zero_columns, bits, out)
    else:
        gemm.dot_saturating(rows, columns, start, zero_rows, zero_columns, bits, out)


def store(sums: np.ndarray, by: Factors, zero_point: int, bounds: tuple[int, int], dtype: str) -> np.ndarray:
    """As ``plain.store``."""
    channels = sums.shape[-1] if sums.ndim else 1
    rows = np.ascontiguousarray(sums).reshape(-1, channels)
    out = np.empty(rows.shape, dtype)
    mantissa, shift, ratio = (
        np.ascontiguousarray(np.broadcast_to(each, (channels,))) for each in (by.mantissa, by.shift, by.ratio)
    )
    requant.store_rows(
        rows, mantissa, shift, ratio, _ROUNDING[by.rescaling.rounding], zero_point, *bounds, out
    )
    return out.reshape(sums.shape)


def add(
    operands: Sequence[np.ndarray],
    zero_points: Sequence[int],
    bys: Sequence[Factors],
    shift: int,
    result: tuple[Factors, int, tuple[int, int], str],
) -> np.ndarray:
    """As ``plain.add``."""
    by, zero_point, bounds, dtype = result
    first, second = np.broadcast_arrays(*operands)
    mantissa, shifts, ratio = (
        np.concatenate([getattr(each, name) for each in (*bys, by)])
        for name in ("mantissa", "shift", "ratio")
    )
    out = np.empty(first.shape, dtype)
    a, b = (np.ascontiguousarray(operand).reshape(-1) for operand in (first, second))
    rounding, last = (_ROUNDING[each.rescaling.rounding] for each in (bys[0], by))
    requant.add_rows(
        a, b, zero_points[0], zero_points[1], shift, mantissa, shifts, ratio, rounding, last,
        zero_point, bounds[0], bounds[1], out.reshape(-1),
    )  # fmt: skip
    return out


def product(
    operands: Sequence[np.ndarray],
    zero_points: Sequence[int],
    result: tuple[Factors, int, tuple[int, int], str],
) -> np.ndarray:
    """As ``plain.product``."""
    by, zero_point, bounds, dtype = result
    first, second = np.broadcast_arrays(*operands)
    out = np.empty(first.shape, dtype)
    a, b = (np.ascontiguousarray(operand).reshape(-1) for operand in (first, second))
    factors = (by.mantissa, by.shift, by.ratio, _ROUNDING[by.rescaling.rounding])
    requant.multiply_rows(
        a, b, zero_points[0], zero_points[1], *factors, zero_point, bounds[0], bounds[1], out.reshape(-1)
    )
    return out


def average(image: np.ndarray, places: Sequence[Axis], bounds: tuple[int, int]) -> np.ndarray:
    """As ``plain.average``."""
    out, image = _pooled(image, places)
    for one, into in zip(image, out, strict=True):
        pool.average_pool(one, _packed(places), *bounds, into)
    return out


def maximum(image: np.ndarray, places: Sequence[Axis], bounds: tuple[int, int]) -> np.ndarray:
    """As ``plain.maximum``."""
    out, image = _pooled(image, places)
    for one, into in zip(image, out, strict=True):
        pool.max_pool(one, _packed(places), limits(image.dtype.name)[0], *bounds, into)
    return out


def look_up(stored: np.ndarray, table: np.ndarray) -> np.ndarray:
    """As ``plain.look_up``."""
    out = np.empty(stored.shape, table.dtype)
    flat = np.ascontiguousarray(stored).reshape(-1)
    requant.look_up_rows(flat, limits(stored.dtype.name)[0], table, out.reshape(-1))
    return out


def _pooled(image: np.ndarray, places: Sequence[Axis]) -> tuple[np.ndarray, np.ndarray]:
    y, x = places
    return np.empty((len(image), y.out, x.out, image.shape[3]), image.dtype), np.ascontiguousarray(image)


def _packed(places: Sequence[Axis]) -> np.ndarray:
    fields = [(a.size, a.kernel, a.stride, a.dilation, a.begin, a.out) for a in places]
    return np.array(fields, np.int64)


def _as(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return np.ascontiguousarray(array, dtype)
