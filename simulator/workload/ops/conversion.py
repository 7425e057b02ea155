"""Changes of number format: quantization and casts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simulator.workload.affine import check_scale, check_shapes, check_zero_point, dequantize, quantize
from simulator.workload.call import Call, NotExecuted, stored_type
from simulator.workload.epilogue import REQUANT
from simulator.workload.graph import Graph, Node
from simulator.workload.op import (
    Attrs,
    Example,
    Op,
    Operands,
    Shape,
    constant,
    operator,
    optional,
    positional,
    required,
    tensor,
)
from simulator.workload.rescale import limits
from simulator.workload.tensor import FLOATS, NUMPY
from simulator.workload.work import Elementwise, Work

#: ONNX's number of an element type -> name in ``tensor.BITS``. Kinds of 8- and 4-bit floats differ in range
#: alone.
ELEMENT_TYPES = {
    1: "fp32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "fp16",
    11: "fp64", 12: "uint32", 13: "uint64", 16: "bf16", 17: "fp8", 18: "fp8", 19: "fp8", 20: "fp8",
    21: "uint4", 22: "int4", 23: "fp4", 24: "fp8", 25: "uint2", 26: "int2",
}  # fmt: skip


class _Conversion(Op):
    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of the operand."""
        return [required(inputs, 0).shape]

    def _elementwise(
        self, node: Node, graph: Graph, per_element: tuple[tuple[str, int], ...]
    ) -> tuple[Work, ...]:
        elements = required(positional(node, graph), 0).elements
        return (Elementwise(tuple((cls, n * elements) for cls, n in per_element), split=elements),)


@operator("QuantizeLinear")
class Quantize(_Conversion):
    """saturate(round(x / scale) + zero): multiply by 1/scale, round, add, two comparisons."""

    EXAMPLES = (
        Example(
            "QuantizeLinear",
            (tensor((2, 3)), constant(0.5, "fp32", "scale"), constant(3, "uint8", "zero")),
            ops={"mul": 6, "round": 6, "add": 6, "max": 12},
        ),
    )

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """``output_dtype``, else that of the zero point, else uint8."""
        zero = optional(inputs, 2)
        asked = attrs.get("output_dtype", 0)
        return [ELEMENT_TYPES[asked] if asked else zero.dtype if zero else "uint8"]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work."""
        return self._elementwise(node, graph, REQUANT)

    def run(self, call: Call) -> list[np.ndarray]:
        """Return the operand at the scale of the result, or that of the operands.

        Divided in float32 where the scale is narrower and the attribute ``precision`` does not say otherwise,
        as onnxruntime does.
        """
        value, result = call.operand(0), call.results[0]
        if result.dtype in FLOATS:
            raise NotExecuted(f"is executed to integers, not to {result.dtype}")
        if result.quant is not None and len(call.operands) == 1:
            return [call.aligned(value) if value.tensor.quant else call.quantized(value.array, result)]
        scale, zero, axis, block = _parameters(call, result.dtype)
        precision = ELEMENT_TYPES.get(call.node.attrs.get("precision", 0))
        wide = NUMPY[precision] if precision else np.promote_types(scale.dtype, np.float32)
        scale = scale.astype(wide)
        found = quantize(value.real(), scale, zero, axis, block, result.dtype)
        return [found.astype(NUMPY[result.dtype])]


@operator("DequantizeLinear")
class Dequantize(_Conversion):
    """(x − zero) · scale: an addition and a multiplication."""

    EXAMPLES = (
        Example(
            "DequantizeLinear",
            (tensor((2, 3), "int8"), constant(0.5, "fp32", "scale"), constant(0, "int8", "zero")),
            ops={"add": 6, "mul": 6},
        ),
    )

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """``output_dtype``, else that of the scale."""
        asked = attrs.get("output_dtype", 0)
        return [ELEMENT_TYPES[asked] if asked else required(inputs, 1).dtype]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work."""
        return self._elementwise(node, graph, (("add", 1), ("mul", 1)))

    def run(self, call: Call) -> list[np.ndarray]:
        """Return what the stored integers stand for, by their scale or that of the operands."""
        value = call.operand(0)
        if value.tensor.dtype in FLOATS:
            raise NotExecuted(f"is executed on integers, not on {value.tensor.dtype}")
        if len(call.operands) == 1:
            return [call.store_real(value.real())]
        return [call.store_real(dequantize(value.array, *_parameters(call, value.tensor.dtype)))]


def _parameters(call: Call, dtype: str) -> tuple[np.ndarray, np.ndarray | None, int, int]:
    """Scale, zero point, axis and block of a conversion whose parameters are operands, checked."""
    shape, scale, zero = call.operand(0).array.shape, call.operand(1).array, call.optional(2)
    axis, block = call.node.attrs.get("axis", 1), call.node.attrs.get("block_size", 0)
    try:
        check_scale(scale)
        check_shapes(shape, scale.shape, None if zero is None else zero.array.shape, axis, block)
        if zero is not None:
            check_zero_point(zero.array, dtype)
    except ValueError as error:
        raise ValueError(f"tensor '{call.operand(0).tensor.name}': {error}") from error
    return scale, None if zero is None else zero.array, axis, block


@operator("DynamicQuantizeLinear")
class DynamicQuantize(_Conversion):
    """Range of the data (two comparisons per element), then quantization by it."""

    EXAMPLES = (
        Example(
            "DynamicQuantizeLinear",
            (tensor((2, 3)),),
            outputs=3,
            ops={"mul": 6, "round": 6, "add": 6, "max": 4 * 6, "div": 2},
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of the operand; scale and zero point are scalars."""
        return [required(inputs, 0).shape, (), ()]

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Quantized value, scale, zero point."""
        return ["uint8", "fp32", "uint8"][:outputs]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work; the range needs all of the data, so that it is not cut."""
        n = required(positional(node, graph), 0).elements
        return (Elementwise((("max", 4 * n), ("div", 2), ("mul", n), ("round", n), ("add", n))),)

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the operand as uint8, its scale and zero point; its range is made to hold 0."""
        x = arrays[0].astype(np.float32)
        least, most = np.minimum(x.min(initial=0), 0), np.maximum(x.max(initial=0), 0)
        scale = np.float32(1) if least == most else (most - least) / np.float32(255)
        zero = np.clip(np.rint(-least / scale), 0, 255).astype(np.uint8)
        made = quantize(x, np.asarray(scale), np.asarray(zero), 0, 0, "uint8")
        return [made.astype(np.uint8), np.asarray(scale), np.asarray(zero)]


@operator("Cast", "CastLike")
class Cast(_Conversion):
    """Another element type: one rounding per element."""

    EXAMPLES = (
        Example("Cast", (tensor((2, 3)),), {"to": 10}, ops={"round": 6}),
        Example("CastLike", (tensor((2, 3)), tensor((), "int8", "like")), ops={"round": 6}),
    )

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """``to``, or the second operand's."""
        return [ELEMENT_TYPES[attrs["to"]] if "to" in attrs else required(inputs, 1).dtype]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work."""
        return self._elementwise(node, graph, (("round", 1),))

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the operand; storing it changes its type."""
        return [np.asarray(arrays[0])]

    def run(self, call: Call) -> list[np.ndarray]:
        """Return integers of fewer than 64 bits cut off towards zero, of which as many bits are kept."""
        result = call.results[0]
        if result.quant is not None or result.bits == 64 or not result.dtype.startswith(("int", "uint")):
            return super().run(call)
        least = limits(result.dtype)[0]
        with np.errstate(invalid="ignore"):
            whole = call.operand(0).real().astype(np.int64)
        return [((whole - least) % (1 << result.bits) + least).astype(stored_type(result))]
