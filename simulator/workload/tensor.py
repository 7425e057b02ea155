"""Tensors: what a network's values look like, without their numbers unless they are constants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod

import numpy as np

BITS = {
    "int2": 2, "uint2": 2, "int4": 4, "uint4": 4, "int8": 8, "uint8": 8, "int16": 16, "uint16": 16,
    "int32": 32, "uint32": 32, "int64": 64, "uint64": 64,
    "fp4": 4, "fp8": 8, "fp16": 16, "bf16": 16, "fp32": 32, "fp64": 64, "bool": 8,
}  # fmt: skip
#: numpy type that holds an element type; narrower ones are held one per byte.
NUMPY = {
    "int2": np.int8, "uint2": np.uint8, "int4": np.int8, "uint4": np.uint8, "int8": np.int8,
    "uint8": np.uint8, "int16": np.int16, "uint16": np.uint16, "int32": np.int32, "uint32": np.uint32,
    "int64": np.int64, "uint64": np.uint64, "bool": np.bool_,
    "fp16": np.float16, "fp32": np.float32, "fp64": np.float64,
    "bf16": np.float32, "fp8": np.float32, "fp4": np.float32,
}  # fmt: skip
FLOATS = ("fp4", "fp8", "fp16", "bf16", "fp32", "fp64")


@dataclass(frozen=True, slots=True)
class Quant:
    """Affine quantization: ``real = scale * (stored - zero_point)``.

    ``scale`` and ``zero_point`` have one entry (per tensor) or one per index of ``axis`` (per channel).
    """

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int | None = None


class Constant:
    """A value known before the run, computed when first asked for.

    Weights of a network are large and timing needs their shape alone, so nothing is read or folded until
    ``array()`` is called.
    """

    __slots__ = ("_array", "_make")

    def __init__(self, make: Callable[[], np.ndarray]) -> None:
        self._make: Callable[[], np.ndarray] | None = make
        self._array: np.ndarray | None = None

    def array(self) -> np.ndarray:
        """Return the value, which cannot be written to; shape and dtype are those of its tensor."""
        if self._array is None:
            assert self._make is not None
            self._array = np.asarray(self._make()).view()
            self._array.flags.writeable = False
            self._make = None
        return self._array


@dataclass(frozen=True, slots=True)
class Blocks:
    """Affine quantization of a constant in blocks: ``size`` neighbours along ``axis`` share a scale.

    ``scale`` and ``zero_point`` (None: 0) have the shape of the tensor, with blocks in place of ``axis``.
    """

    scale: Constant
    zero_point: Constant | None
    axis: int
    size: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named value of a graph; ``shape`` is fully known, row-major, ``dtype`` is a key of ``BITS``."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "fp32"
    quant: Quant | None = None
    constant: Constant | None = field(default=None, compare=False)
    blocks: Blocks | None = field(default=None, compare=False)
    channels_last: bool = False  # a feature map whose axes are images, rows, columns, channels
    density: float = 1.0  # share of elements that are not zero; 1 where that is not known

    @property
    def elements(self) -> int:
        """Number of elements (1 for a scalar)."""
        return prod(self.shape)

    @property
    def map_shape(self) -> tuple[int, ...] | None:
        """Extents of a feature map as images, channels, rows, columns; None if it is none."""
        if len(self.shape) != 4:
            return None
        b, first, second, third = self.shape
        return (b, third, first, second) if self.channels_last else self.shape

    @property
    def bits(self) -> int:
        """Bits per element."""
        return BITS[self.dtype]

    @property
    def bytes(self) -> int:
        """Packed size in bytes: elements of less than a byte share one."""
        return (self.elements * self.bits + 7) // 8
