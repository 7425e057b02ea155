"""Operators whose result does not come from data: shapes, fills, ranges. Readers fold most of them away."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np

from simulator.workload.call import Call, stored_type
from simulator.workload.graph import Graph, Node
from simulator.workload.op import (
    Attrs,
    Example,
    Op,
    Operands,
    Shape,
    constant,
    operator,
    required,
    rows,
    tensor,
)
from simulator.workload.ops.conversion import ELEMENT_TYPES
from simulator.workload.work import Move, Work


class _Source(Op):
    """Writes its result; reads nothing that counts."""

    arithmetic = False

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One move that only writes."""
        results = graph.results(node)
        return (Move(0, sum(result.bytes for result in results), rows(results[0])),)


@operator("Shape")
class ShapeOf(_Source):
    """Extents of the operand, from ``start`` to ``end``."""

    EXAMPLES = (
        Example("Shape", (tensor((2, 3, 4)),), moved=(0, 24)),
        Example("Shape", (tensor((2, 3, 4)),), {"start": -2, "end": 2}, moved=(0, 8)),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """One axis, an entry per extent."""
        return [(len(extents(required(inputs, 0).shape, attrs)),)]

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the extents."""
        return [np.array(extents(arrays[0].shape, attrs), np.int64)]

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Return int64."""
        return ["int64"]


def extents(shape: Shape, attrs: Attrs) -> Shape:
    """Value of the Shape operator for an operand of a shape."""
    return shape[attrs.get("start", 0) : attrs.get("end", len(shape))]


@operator("Size")
class Size(_Source):
    """Number of elements."""

    EXAMPLES = (Example("Size", (tensor((2, 3, 4)),), moved=(0, 8)),)

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return a scalar."""
        return [()]

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the number."""
        return [np.array(arrays[0].size, np.int64)]

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Return int64."""
        return ["int64"]


@operator("ConstantOfShape")
class ConstantOfShape(_Source):
    """One value everywhere."""

    parameters = {0: "shape"}

    EXAMPLES = (Example("ConstantOfShape", (constant([2, 3]),), moved=(0, 24)),)

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return the operand's values."""
        return [tuple(self.integers(inputs, attrs, "shape") or ())]

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Return that of ``value``, else fp32."""
        value = attrs.get("value")
        return ["fp32" if value is None else _NAMES.get(value.dtype.name, value.dtype.name)]

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the value everywhere."""
        shape = self.given(arrays, attrs, "shape")
        value = np.ravel(attrs.get("value", np.zeros(1, np.float32)))
        return [np.full(() if shape is None else shape.tolist(), value[0])]


_NAMES = {"float16": "fp16", "float32": "fp32", "float64": "fp64", "bfloat16": "bf16"}


@operator("Range")
class Range(_Source):
    """Numbers from start to limit in steps."""

    parameters = {0: "start", 1: "limit", 2: "delta"}

    EXAMPLES = (Example("Range", (constant(1), constant(10), constant(4)), moved=(0, 24)),)

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """One axis."""
        start, limit, step = (
            (self.numbers(inputs, attrs, name) or [0])[0] for name in self.parameters.values()
        )
        return [(max(0, ceil((limit - start) / step)),)]

    def run(self, call: Call) -> list[np.ndarray]:
        """Return start + i · delta, as many as the result has, in the type of its elements."""
        result, attrs = call.results[0], call.node.attrs
        operands = [None if value is None else value.array for value in call.operands]
        start, step = (self.given(operands, attrs, name) for name in ("start", "delta"))
        if start is None or step is None:
            raise ValueError("it has no start or no delta")
        kind = np.dtype(stored_type(result)).type
        steps = np.arange(result.elements).astype(kind)
        return [call.store_real(kind(start.item()) + steps * kind(step.item()))]


class _Like(_Source):
    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of the operand."""
        return [required(inputs, 0).shape]

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """``dtype``, else that of the operand."""
        return [ELEMENT_TYPES[attrs["dtype"]] if "dtype" in attrs else required(inputs, 0).dtype]


@operator("EyeLike")
class EyeLike(_Like):
    """Ones on the diagonal ``k`` in the shape of the operand, zeros beside it."""

    EXAMPLES = (Example("EyeLike", (tensor((3, 4)),), moved=(0, 48)),)

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the matrix."""
        height, width = arrays[0].shape
        return [np.eye(height, width, attrs.get("k", 0), arrays[0].dtype)]


@operator("RandomNormalLike", "RandomUniformLike")
class RandomLike(_Like):
    """Random numbers in the shape of the operand."""

    EXAMPLES = tuple(
        Example(name, (tensor((3, 4)),), moved=(0, 48)) for name in ("RandomNormalLike", "RandomUniformLike")
    )


@operator("RandomNormal", "RandomUniform")
class Random(_Source):
    """Random numbers in the shape of an attribute."""

    EXAMPLES = tuple(
        Example(name, (), {"shape": (3, 4)}, moved=(0, 48)) for name in ("RandomNormal", "RandomUniform")
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return the attribute ``shape``."""
        return [tuple(attrs["shape"])]

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """``dtype``, else fp32."""
        return [ELEMENT_TYPES[attrs.get("dtype", 1)]]
