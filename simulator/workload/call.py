"""One node being executed: its operands with their values, and how plain numbers become what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.workload.affine import dequantize_blocks
from simulator.workload.functions import EPILOGUE_FUNCTIONS, bfloat16
from simulator.workload.graph import Node
from simulator.workload.numerics import Numerics
from simulator.workload.rescale import Factors, factors, limits, round_half_away
from simulator.workload.tensor import NUMPY, Quant, Tensor

if TYPE_CHECKING:
    from simulator.workload.op import Op

#: Epilogues that only bound what is stored.
BOUNDS = ("relu", "clip")
_SILENT = ("bias", "requant", "dequant")
#: Beyond the integers of any type that is quantized, so that infinity saturates as well.
_FAR = np.float32(1 << 40)
#: Element types without a scale in which indices, bounds and conditions come: no data.
_INDICES = ("int32", "int64", "bool")


class NotExecuted(ValueError):
    """The operator, or this use of it, has a model for timing and none for values."""


@dataclass(frozen=True)
class Value:
    """A tensor and the numbers that it holds, stored as its element type has it."""

    tensor: Tensor
    array: np.ndarray

    @property
    def quant(self) -> Quant:
        """Scale and zero point.

        Raises
        ------
        ValueError
            The tensor has none.
        """
        if self.tensor.quant is None:
            raise ValueError(f"tensor '{self.tensor.name}' is {self.tensor.dtype} without scale")
        return self.tensor.quant

    @property
    def zero_point(self) -> int:
        """The one zero point; 0 for integers without scale."""
        return self.tensor.quant.zero_point[0] if self.tensor.quant else 0

    @property
    def zero_points(self) -> np.ndarray:
        """Zero points, one or one per channel, int64."""
        quant = self.tensor.quant
        return np.array(quant.zero_point if quant else (0,), np.int64)

    @property
    def scale(self) -> float:
        """The one scale.

        Raises
        ------
        ValueError
            There are none, or several.
        """
        if len(self.quant.scale) != 1:
            raise ValueError(f"tensor '{self.tensor.name}' has a scale per channel; here it must have one")
        return self.quant.scale[0]

    def real(self) -> np.ndarray:
        """What a quantized tensor stands for, in the type of its scale; other tensors as they are."""
        quant, blocks = self.tensor.quant, self.tensor.blocks
        if blocks is not None:
            return dequantize_blocks(self.tensor, blocks, self.array)
        if quant is None or self.array.dtype.kind == "f":
            return self.array
        along = [1] * self.array.ndim
        if quant.axis is not None:
            along[quant.axis] = -1
        scale = np.reshape(np.array(quant.scale, np.float32), along if len(quant.scale) > 1 else ())
        zero = np.reshape(np.array(quant.zero_point, np.int64), along if len(quant.zero_point) > 1 else ())
        return (self.array.astype(np.int64) - zero).astype(np.float32) * scale


@dataclass(frozen=True)
class Call:
    """A node, its operands (None: left out), tensors of its results, the profile, the arithmetic.

    ``arithmetic`` is the module ``simulator.workload.plain`` or ``simulator.workload.fast``.
    """

    node: Node
    operands: Sequence[Value | None]
    results: Sequence[Tensor]
    numerics: Numerics
    arithmetic: ModuleType | Any

    def operand(self, index: int) -> Value:
        """Operand that cannot be left out."""
        value = self.optional(index)
        if value is None:
            raise ValueError(f"operand {index + 1} is missing")
        return value

    def optional(self, index: int) -> Value | None:
        """Operand that may be left out."""
        return self.operands[index] if index < len(self.operands) else None

    @property
    def activations(self) -> tuple[str, ...]:
        """Functions that the epilogue applies, in order."""
        return tuple(name for name in self.node.epilogue if name not in _SILENT)

    @property
    def integer(self) -> bool:
        """Whether the data are quantized integers and the result is as well."""
        present = [v for v in self.operands if v is not None]
        data = [v for v in present if v.tensor.quant is not None or v.tensor.dtype not in _INDICES]
        computed = [v for v in data if v.tensor.constant is None] or data
        stored = bool(computed) and all(v.tensor.quant is not None for v in computed)
        return stored and self.results[0].quant is not None

    def result_quant(self) -> tuple[float, int]:
        """Scale and zero point of the result.

        Raises
        ------
        ValueError
            There is none, or one per channel.
        """
        quant = self.results[0].quant
        if quant is None:
            raise ValueError(f"its result '{self.results[0].name}' has no scale")
        if len(quant.scale) != 1:
            text = f"its result '{self.results[0].name}' has {len(quant.scale)} scales"
            raise ValueError(f"{text}; expected one for the whole tensor")
        return quant.scale[0], quant.zero_point[0]

    def bounds(self) -> tuple[int, int]:
        """What the result's type and the epilogue's relu and clip leave of the stored integers."""
        low, high = limits(self.results[0].dtype)
        if not self.activations:
            return low, high
        scale, zero = self.result_quant()
        for name in self.activations:
            least, most = (0.0, np.inf) if name == "relu" else self.node.attrs["clip"]
            low = max(low, self._stored(least, scale, zero, low))
            high = min(high, self._stored(most, scale, zero, high))
        return low, high

    def _stored(self, real: float, scale: float, zero: int, unbounded: int) -> int:
        if not np.isfinite(real):
            return unbounded
        ratio = np.asarray(np.float32(real) / np.float32(scale))
        return zero + int(self._whole(ratio))

    def _whole(self, reals: np.ndarray) -> np.ndarray:
        """Real numbers in units of a scale as integers, as the profile has them."""
        if self.node.op in self.numerics.cut:
            return np.floor(reals)
        return np.rint(reals) if self.numerics.elementwise == "real" else round_half_away(reals)

    def factors(self, *scales: np.ndarray | float) -> Factors:
        """Multipliers for the product of scales of operands over that of the result."""
        single = self.numerics.scale_arithmetic == "float32" or self.node.op in self.numerics.single_ratios
        kind: type = np.float32 if single else np.float64
        ratio: np.ndarray = np.asarray(scales[0], kind)
        for scale in scales[1:]:
            ratio = ratio * np.asarray(scale, kind)
        ratio = ratio / np.asarray(self.result_quant()[0], kind)
        bits = max((v.tensor.bits for v in self.operands if v and v.tensor.constant is None), default=8)
        return factors(ratio, self.numerics.rescaling_of(self.node.op, bits))

    def store_sums(self, sums: np.ndarray, *scales: np.ndarray | float) -> np.ndarray:
        """Sums of integers, channels in the last axis, as the node's result.

        Rescaled where the result is quantized; real where it is, or where a real bias is still to be added;
        as they are where it is an int32.
        """
        result, bias = self.results[0], self.optional(2)
        real_bias = bias is not None and bias.array.dtype.kind == "f"
        if result.quant is not None and not real_bias and all(name in BOUNDS for name in self.activations):
            zero = self.result_quant()[1]
            return self.arithmetic.store(
                sums, self.factors(*scales), zero, self.bounds(), stored_type(result)
            )
        if result.quant is None and result.dtype.startswith(("int", "uint")):
            return sums
        real = sums.astype(np.float32)
        factor: np.ndarray = np.ones((), np.float32)
        for scale in scales:
            factor = factor * np.asarray(scale, np.float32)
        real = real * factor
        return self.store_real(real + bias.array.reshape(-1) if bias is not None and real_bias else real)

    def addend(self, channels: int) -> np.ndarray | None:
        """Integers that sums of products begin with, one per channel; None: no bias, or a real one."""
        bias = self.optional(2)
        if bias is None or bias.array.dtype.kind == "f":
            return None
        return np.broadcast_to(bias.array.reshape(-1), (channels,))

    def store_real(self, real: np.ndarray, index: int = 0) -> np.ndarray:
        """Real numbers after the epilogue, quantized if the result is."""
        result = self.results[index]
        for name in self.activations:
            real = EPILOGUE_FUNCTIONS[name](real, *self.node.attrs.get(name, ()))
        return self.quantized(real, result)

    def quantized(self, real: np.ndarray, result: Tensor) -> np.ndarray:
        """Real numbers as a tensor stores them."""
        quant = result.quant
        if quant is None or real.dtype.kind != "f":
            stored: np.ndarray = real.astype(NUMPY[result.dtype], copy=False)
            return bfloat16(stored) if result.dtype == "bf16" else stored
        along = [1] * real.ndim
        if quant.axis is not None:
            along[quant.axis] = -1
        scale = np.array(quant.scale, np.float32).reshape(along if len(quant.scale) > 1 else ())
        zero = np.array(quant.zero_point).reshape(along if len(quant.zero_point) > 1 else ())
        whole = self._whole(np.clip(real / scale, -_FAR, _FAR))
        return np.clip(whole + zero, *limits(result.dtype)).astype(NUMPY[result.dtype])

    def aligned(self, value: Value) -> np.ndarray:
        """Stored integers of an operand at the scale of the result, within its bounds."""
        result = self.results[0]
        if value.tensor.quant == result.quant and value.tensor.dtype == result.dtype:
            return np.clip(value.array, *self.bounds()) if self.activations else value.array
        if self.numerics.elementwise == "real":
            return self.store_real(value.real())
        sums = value.array.astype(np.int64) - value.zero_point
        zero = self.result_quant()[1]
        by = self.factors(value.scale)
        return self.arithmetic.store(sums, by, zero, self.bounds(), stored_type(result))

    def finish(self, op: Op) -> list[np.ndarray]:
        """Results by an operator's ``values``: on stored integers where these only pass, else on reals."""
        bounded = all(name in BOUNDS for name in self.activations)
        if self.integer and op.keeps_values and bounded:
            arrays = [
                None if v is None else self.aligned(v) if v.tensor.quant is not None else v.array
                for v in self.operands
            ]
            return op.values(arrays, self.node.attrs)
        if self.integer and op.pointwise and self._has_table():
            return [self._by_table(op)]
        arrays = [None if v is None else v.real() for v in self.operands]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return self.stored(op.values(arrays, self.node.attrs))

    def stored(self, reals: Sequence[np.ndarray]) -> list[np.ndarray]:
        """All results that the operator can have, without those that nobody named, as they are stored."""
        named = [real for real, name in zip(reals, self.node.outputs, strict=False) if name]
        return [self.store_real(real, i) for i, real in enumerate(named)]

    def _has_table(self) -> bool:
        """Whether one table serves every element: few integers, at one scale, to integers at one scale."""
        ends = self.operand(0).tensor, self.results[0]
        return ends[0].bits <= 8 and all(end.quant is not None and end.quant.axis is None for end in ends)

    def _by_table(self, op: Op) -> np.ndarray:
        """A function of one operand, computed once for each integer that it can be."""
        value = self.operand(0)
        low, high = limits(value.tensor.dtype)
        every = Value(value.tensor, np.arange(low, high + 1).astype(value.array.dtype))
        others = [None if v is None else v.real() for v in self.operands[1:]]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            table = self.store_real(op.values([every.real(), *others], self.node.attrs)[0])
        return self.arithmetic.look_up(value.array, table)


def stored_type(tensor: Tensor) -> str:
    """Name of the numpy type that holds a tensor's elements."""
    return np.dtype(NUMPY[tensor.dtype]).name
