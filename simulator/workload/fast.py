"""The functions of ``simulator.workload.plain`` over compiled kernels, equal bit for bit.

Importing this module loads numba.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

import simulator.workload.pim.fast
from simulator.kernels import conv, gemm, matching, pool, requant
from simulator.kernels.block import ROWS, WIDTH
from simulator.workload import neurons, plain
from simulator.workload.numerics import Numerics
from simulator.workload.panels import panels, reading, spacious, whole
from simulator.workload.plain import bits_of
from simulator.workload.rescale import Factors, limits
from simulator.workload.window import Axis

#: The same of memories that compute.
PIM = simulator.workload.pim.fast

_ROUNDING = {
    "double": requant.DOUBLE,
    "half_up": requant.HALF_UP,
    "truncate": requant.TRUNCATE,
    "half_even": requant.HALF_EVEN,
    "half_away": requant.HALF_AWAY,
}

_FUNCTION = {"Add": requant.SUM, "Sub": requant.DIFFERENCE, "Mul": requant.PRODUCT}


def convolve(
    ifmap: np.ndarray,
    weight: np.ndarray,
    places: Sequence[Axis],
    groups: int,
    zero_points: tuple[int, np.ndarray],
    bias: np.ndarray | None,
    numerics: Numerics,
) -> np.ndarray:
    """As ``plain.convolve``, image by image."""
    bits, filters, packed = bits_of(ifmap, weight, numerics), len(weight), _packed(places)
    y, x = places
    ifmap = np.ascontiguousarray(ifmap)
    out = np.empty((len(ifmap), y.out, x.out, filters), np.int64 if bits == 64 else np.int32)
    start = np.zeros(filters, out.dtype) if bias is None else _as(bias, out.dtype)
    zeros = np.asarray(zero_points[1], np.int32)
    zeros = zeros if len(zeros) == filters else np.full(filters, zeros[0])
    if bits == 64 or numerics.overflow == "saturate":
        columns = np.ascontiguousarray(weight).reshape(filters, -1)
        rows = np.empty((y.out * x.out, columns.shape[1]), ifmap.dtype)
        size = filters // groups
        for image, into in zip(ifmap, out, strict=True):
            for g in range(groups):
                mine = slice(g * size, (g + 1) * size)
                conv.gather_windows(image, packed, g * weight.shape[3], zero_points[0], rows)
                sums = np.empty((len(rows), size), out.dtype)
                _dot(rows, columns[mine], start[mine], zero_points[0], zeros[mine], bits, sums)
                into[..., mine] = sums.reshape(y.out, x.out, size)
    elif groups == filters == ifmap.shape[3]:
        taps = np.array(weight[..., 0].transpose(1, 2, 0), order="C")
        for image, into in zip(ifmap, out, strict=True):
            conv.depthwise32(image, taps, packed, start, zero_points[0], zeros, bits, into)
    else:
        _in_blocks(ifmap, weight, places, groups, (zero_points[0], zeros), start, bits, out)
    return out


def _in_blocks(
    ifmap: np.ndarray, weight: np.ndarray, places: Sequence[Axis], groups: int,
    zero_points: tuple[int, np.ndarray], start: np.ndarray, bits: int, out: np.ndarray,
) -> None:  # fmt: skip
    """Convolution whose windows are read where they lie in an image with a border."""
    read = reading(*places, ifmap.shape[3], groups)
    columns = panels(weight, zero_points[1], len(read.runs), groups)
    dtype, offset, border = columns.rows(ifmap.dtype, zero_points[0])
    starts = [columns.start(each, border, g) for g, each in enumerate(start.reshape(groups, -1))]
    seen = spacious((*read.shape, ifmap.shape[3]), dtype)
    flat = seen.reshape(-1)
    size, depth = len(weight) // groups, weight.shape[3]
    scratch = np.empty((ROWS, WIDTH), np.int32)
    for image, into in zip(ifmap, out.reshape(len(out), -1, len(weight)), strict=True):
        conv.spread(image, offset, border, places[0].begin, places[1].begin, seen)
        for g, begin in enumerate(starts):
            where = read.places + g * depth if g else read.places
            gemm.multiply_panels(
                flat, where, read.runs, columns.values[g], begin, bits, g * size, size, scratch, into
            )


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
    if bits == 64 or numerics.overflow == "saturate":
        zeros = _as(np.broadcast_to(zero_points[1], (len(second),)), np.dtype(np.int32))
        rows, columns = np.ascontiguousarray(first), np.ascontiguousarray(second)
        _dot(rows, columns, start, zero_points[0], zeros, bits, out)
        return out
    arranged = panels(second, np.asarray(zero_points[1]), 1)
    dtype, offset, border = arranged.rows(first.dtype, zero_points[0])
    rows = spacious(first.shape, dtype)
    conv.spread(np.ascontiguousarray(first)[:, None], offset, border, 0, 0, rows[:, None])
    gemm.multiply_panels(
        rows.reshape(-1),
        whole(np.arange(len(rows)) * rows.shape[1]),
        np.zeros(1, np.int64),
        arranged.values[0],
        arranged.start(start, border, 0),
        bits,
        0,
        len(second),
        np.empty((ROWS, WIDTH), np.int32),
        out,
    )
    return out


def _dot(
    rows: np.ndarray, columns: np.ndarray, start: np.ndarray, zero_rows: int, zero_columns: np.ndarray,
    bits: int, out: np.ndarray,
) -> None:  # fmt: skip
    """Sums of 64 bits, or of less that saturate."""
    if bits == 64:
        gemm.dot64(rows, columns, start, zero_rows, zero_columns, out)
    else:
        gemm.dot_saturating(rows, columns, start, zero_rows, zero_columns, bits, out)


def store(sums: np.ndarray, by: Factors, zero_point: int, bounds: tuple[int, int], dtype: str) -> np.ndarray:
    """As ``plain.store``."""
    channels = sums.shape[-1] if sums.ndim else 1
    rows = np.ascontiguousarray(sums).reshape(-1, channels)
    out = np.empty(rows.shape, dtype)
    mantissa, shift, ratio = (
        each if len(each) == channels else np.full(channels, each[0], each.dtype)
        for each in (by.mantissa, by.shift, by.ratio)
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
    (a, b), shaped = _flat(*operands)
    mantissa, shifts, ratio = (
        np.concatenate([getattr(each, name) for each in (*bys, by)])
        for name in ("mantissa", "shift", "ratio")
    )
    out = np.empty(a.shape, dtype)
    rounding, last = (_ROUNDING[each.rescaling.rounding] for each in (bys[0], by))
    requant.add_rows(
        a, b, zero_points[0], zero_points[1], shift, mantissa, shifts, ratio, rounding, last,
        zero_point, bounds[0], bounds[1], out,
    )  # fmt: skip
    return shaped(out)


def product(
    operands: Sequence[np.ndarray],
    zero_points: Sequence[int],
    result: tuple[Factors, int, tuple[int, int], str],
) -> np.ndarray:
    """As ``plain.product``."""
    by, zero_point, bounds, dtype = result
    (a, b), shaped = _flat(*operands)
    out = np.empty(a.shape, dtype)
    factors = (by.mantissa, by.shift, by.ratio, _ROUNDING[by.rescaling.rounding])
    requant.multiply_rows(a, b, zero_points[0], zero_points[1], *factors, zero_point, *bounds, out)
    return shaped(out)


def combine(
    name: str,
    operands: Sequence[np.ndarray],
    zero_points: Sequence[int],
    scales: Sequence[float],
    result: tuple[float, int, tuple[int, int], str],
) -> np.ndarray:
    """As ``plain.combine``."""
    scale, zero_point, bounds, dtype = result
    (a, b), shaped = _flat(*operands)
    out = np.empty(a.shape, dtype)
    (za, zb), (sa, sb, so) = zero_points, (np.float32(each) for each in (*scales, scale))
    requant.combine_rows(a, b, za, zb, sa, sb, so, _FUNCTION[name], zero_point, *bounds, out)
    return shaped(out)


def add_ratios(
    operands: Sequence[np.ndarray],
    ratios: Sequence[np.float32],
    fixed: np.float32,
    bounds: tuple[int, int],
    dtype: str,
) -> np.ndarray:
    """As ``plain.add_ratios``."""
    (a, b), shaped = _flat(*operands)
    out = np.empty(a.shape, dtype)
    ra, rb, whole = (np.float64(each) for each in (*ratios, fixed))
    requant.add_ratio_rows(a, b, ra, rb, whole, bounds[0], bounds[1], out)
    return shaped(out)


def nonzeros(stored: np.ndarray, zero_point: int) -> int:
    """As ``plain.nonzeros``."""
    if stored.dtype.kind not in "iu":
        return plain.nonzeros(stored, zero_point)
    return int(requant.count_other(_flat(stored)[0][0], zero_point))


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
    (flat,), shaped = _flat(stored)
    out = np.empty(flat.shape, table.dtype)
    requant.look_up_rows(flat, limits(stored.dtype.name)[0], table, out)
    return shaped(out)


def learn(
    vectors: np.ndarray,
    categories: np.ndarray,
    prototypes: np.ndarray,
    registers: np.ndarray,
    context: int,
    norm: int,
    least_field: int,
    largest_field: int,
) -> np.ndarray:
    """As ``plain.learn``; prototypes and registers are C-contiguous."""
    told = np.zeros((len(vectors), neurons.TOLD), np.int32)
    taught = np.ascontiguousarray(vectors), _as(categories, np.dtype(np.int32))
    far = np.empty(len(registers), np.int32)
    matching.learn(
        *taught, prototypes, registers, context, norm, least_field, largest_field, far, told
    )
    return told


def recognize(
    vectors: np.ndarray,
    prototypes: np.ndarray,
    registers: np.ndarray,
    context: int,
    norm: int,
    nearest: bool,
    matches: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """As ``plain.recognize``."""
    shape, keys = (len(vectors), matches), np.empty(len(registers), np.int64)
    far, category, identifier = (np.empty(shape, np.int32) for _ in range(3))
    status = np.empty(len(vectors), np.uint8)
    vectors, prototypes, registers = (np.ascontiguousarray(a) for a in (vectors, prototypes, registers))
    rules = context, norm, nearest
    matching.recognize(vectors, prototypes, registers, *rules, keys, far, category, identifier, status)
    return far, category, identifier, status


def _flat(*operands: np.ndarray) -> tuple[list[np.ndarray], Callable[[np.ndarray], np.ndarray]]:
    """Broadcast operands, flat in the order in which the first lies in memory; what shapes a result."""
    arrays = operands if len(operands) == 1 else np.broadcast_arrays(*operands)
    order = sorted(range(arrays[0].ndim), key=lambda axis: -arrays[0].strides[axis])
    moved = [np.ascontiguousarray(array.transpose(order)) for array in arrays]
    shape, back = moved[0].shape, sorted(range(len(order)), key=order.__getitem__)
    return [array.reshape(-1) for array in moved], lambda flat: flat.reshape(shape).transpose(back)


def _pooled(image: np.ndarray, places: Sequence[Axis]) -> tuple[np.ndarray, np.ndarray]:
    y, x = places
    return np.empty((len(image), y.out, x.out, image.shape[3]), image.dtype), np.ascontiguousarray(image)


def _packed(places: Sequence[Axis]) -> np.ndarray:
    fields = [(a.size, a.kernel, a.stride, a.dilation, a.begin, a.out) for a in places]
    return np.array(fields, np.int64)


def _as(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return np.ascontiguousarray(array, dtype)
