"""Affine quantization whose parameters are arrays: per tensor, along one axis, or in blocks along it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.workload.rescale import limits
from simulator.workload.tensor import FLOATS, Blocks, Quant, Tensor


def check_scale(scale: np.ndarray) -> None:
    """Refuse scales that no real number has.

    Raises
    ------
    ValueError
        A scale is zero, negative, infinite or no number.
    """
    flat = np.ravel(scale)
    wrong = np.flatnonzero(~(np.isfinite(flat) & (flat > 0)))
    if wrong.size:
        where = f" (entry {wrong[0]})" if flat.size > 1 else ""
        raise ValueError(f"its scale must be positive and finite, got {float(flat[wrong[0]])!r}{where}")


def check_zero_point(zero: np.ndarray, dtype: str) -> None:
    """Refuse zero points that an element type cannot hold.

    Raises
    ------
    ValueError
        One lies outside.
    """
    if dtype in FLOATS:
        return
    low, high = limits(dtype)
    wrong = np.ravel(zero)[(np.ravel(zero) < low) | (np.ravel(zero) > high)]
    if wrong.size:
        raise ValueError(f"its zero point {int(wrong[0])} lies outside {dtype} ({low} to {high})")


def check_shapes(
    shape: Sequence[int], scale: Sequence[int], zero: Sequence[int] | None, axis: int, block: int = 0
) -> None:
    """Refuse shapes of parameters that do not fit a tensor.

    Parameters
    ----------
    shape, scale, zero
        Extents of the tensor, its scale and its zero point (None: left out).
    axis
        Which the parameters belong to, where they are several.
    block
        Elements along the axis that share parameters; 0: one scale per index of the axis.

    Raises
    ------
    ValueError
        The axis does not exist, or there are more or fewer parameters than the tensor has channels or blocks.
    """
    several = int(np.prod(scale)) != 1 or block
    if several and not -len(shape) <= axis < len(shape):
        raise ValueError(f"axis {axis} of its scales does not exist in a tensor of {len(shape)} dimensions")
    if block:
        blocked = list(shape)
        blocked[axis] = -(-shape[axis] // block)
        if list(scale) != blocked:
            text = f"blocks of {block} along axis {axis} of {list(shape)} need scales of shape {blocked}"
            raise ValueError(f"{text}, got {list(scale)}")
    elif several and (len(scale) != 1 or scale[0] != shape[axis]):
        text = f"its scales have shape {list(scale)}, and axis {axis} has {shape[axis]} channels"
        raise ValueError(f"{text}; expected one scale, or one per channel")
    if zero is not None and int(np.prod(scale)) != int(np.prod(zero)):
        raise ValueError(f"its zero points have shape {list(zero)}, and its scales {list(scale)}")


def parameters(tensor: Tensor, scale: np.ndarray, zero: np.ndarray | None, axis: int | None) -> Quant:
    """Parameters that are one or one per index of an axis, checked, as a tensor carries them.

    Parameters
    ----------
    tensor
        What is quantized: its element type and shape.
    scale, zero
        Of any shape; one zero point serves all channels, None is 0.
    axis
        Of the channels, dropped where there is one scale; None: there must be one.

    Raises
    ------
    ValueError
        They contradict themselves, each other or the tensor; the message begins with the tensor's name.
    """
    flat, rank = np.ravel(scale).astype(float), len(tensor.shape)
    try:
        check_scale(scale)
        if flat.size > 1 and axis is None:
            raise ValueError(f"it has {flat.size} scales, and one is expected")
        offsets = np.zeros(flat.size, int) if zero is None else np.ravel(zero).astype(int)
        offsets = np.broadcast_to(offsets, flat.shape) if offsets.size == 1 else offsets
        check_shapes(tensor.shape, (flat.size,), (offsets.size,), axis or 0)
        check_zero_point(offsets, tensor.dtype)
    except ValueError as error:
        raise ValueError(f"tensor '{tensor.name}': {error}") from error
    along = axis % rank if flat.size > 1 and axis is not None else None
    return Quant(tuple(flat.tolist()), tuple(offsets.tolist()), along)


def spread(parameter: np.ndarray, shape: Sequence[int], axis: int, block: int = 0) -> np.ndarray:
    """Scales or zero points as an array that broadcasts to the tensor's shape."""
    if block:
        repeated = np.repeat(parameter, block, axis=axis)
        return np.take(repeated, range(shape[axis]), axis=axis)
    if parameter.size == 1:
        return parameter.reshape(())
    along = [1] * len(shape)
    along[axis] = -1
    return parameter.reshape(along)


def dequantize(
    stored: np.ndarray, scale: np.ndarray, zero: np.ndarray | None, axis: int, block: int = 0
) -> np.ndarray:
    """(stored − zero) · scale, in the type of the scale."""
    offset = 0 if zero is None else spread(zero, stored.shape, axis, block).astype(np.int64)
    factor = spread(scale, stored.shape, axis, block)
    return ((stored.astype(np.int64) - offset).astype(scale.dtype) * factor).astype(scale.dtype)


def dequantize_blocks(tensor: Tensor, blocks: Blocks, stored: np.ndarray) -> np.ndarray:
    """As ``dequantize``, by the parameters of a tensor's blocks.

    Raises
    ------
    ValueError
        A scale is none; the message begins with the tensor's name.
    """
    scale = blocks.scale.array()
    try:
        check_scale(scale)
    except ValueError as error:
        raise ValueError(f"tensor '{tensor.name}': {error}") from error
    zero = None if blocks.zero_point is None else blocks.zero_point.array()
    return dequantize(stored, scale, zero, blocks.axis, blocks.size)


def quantize(
    real: np.ndarray, scale: np.ndarray, zero: np.ndarray | None, axis: int, block: int, dtype: str
) -> np.ndarray:
    """saturate(round(real / scale) + zero), half to even, as int64; the division in the type of the scale."""
    ratio = real.astype(scale.dtype) / spread(scale, real.shape, axis, block)
    offset = 0 if zero is None else spread(zero, real.shape, axis, block).astype(np.int64)
    low, high = limits(dtype)
    whole = np.rint(np.clip(np.nan_to_num(ratio.astype(np.float64)), -(2.0**40), 2.0**40)).astype(np.int64)
    return np.clip(whole + offset, low, high)
