"""Softmax and its relatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from simulator.workload.call import Call, stored_type
from simulator.workload.functions import bfloat16
from simulator.workload.graph import Graph, Node
from simulator.workload.op import (
    Attrs,
    Example,
    Op,
    Operands,
    Shape,
    axis_of,
    enter_op,
    positional,
    required,
    tensor,
)
from simulator.workload.rescale import round_half_away
from simulator.workload.work import Elementwise, Work

#: Operator -> formula, operations per element, operations per normalized slice.
_KINDS = {
    "Softmax": (
        "e/Σe with e = exp(x − max x)",
        (("max", 1), ("add", 2), ("exp", 1), ("mul", 1)),
        (("div", 1),),
    ),
    "LogSoftmax": (
        "y − log Σ exp(y) with y = x − max x",
        (("max", 1), ("add", 3), ("exp", 1)),
        (("log", 1),),
    ),
    "Hardmax": ("1 where x is the largest, else 0", (("max", 1), ("logic", 1)), (("logic", 1),)),
}


class Softmax(Op):
    """Normalization of exponentials along one axis.

    Per element: comparison for the maximum, subtraction, exponential, addition to the sum, scaling by the
    reciprocal of the sum; per slice: that reciprocal. ``coerce`` in the attributes marks the operator before
    opset 13, which normalizes over all axes from ``axis`` on.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.formula, self._each, self._slice = _KINDS[name]
        ops = {cls: 24 * n for cls, n in self._each}
        for cls, n in self._slice:
            ops[cls] = ops.get(cls, 0) + 6 * n
        self.EXAMPLES = (Example(name, (tensor((2, 3, 4)),), {"axis": -1}, ops=ops),)

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of the operand."""
        return [required(inputs, 0).shape]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work, cut between slices."""
        operand = required(positional(node, graph), 0)
        coerce = node.attrs.get("coerce", 0)
        axis = axis_of(node.attrs.get("axis", 1 if coerce else -1), len(operand.shape))
        length = prod(operand.shape[axis:]) if coerce else prod(operand.shape[axis : axis + 1])
        slices = operand.elements // length
        ops = dict((cls, n * operand.elements) for cls, n in self._each)
        for cls, n in self._slice:
            ops[cls] = ops.get(cls, 0) + n * slices
        return (Elementwise(tuple(ops.items()), split=slices),)

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return exponentials over their sum, the logarithm of that, or a 1 at the first largest."""
        return [self._of(arrays[0], attrs)]

    def _of(
        self, x: np.ndarray, attrs: Attrs, each: Callable[[np.ndarray], np.ndarray] | None = None
    ) -> np.ndarray:
        """``each`` is what the type of the operand leaves of an intermediate value; None: all of it."""
        kept = each or (lambda y: y)
        coerce = attrs.get("coerce", 0)
        axis = axis_of(attrs.get("axis", 1 if coerce else -1), x.ndim)
        flat = x.reshape(*x.shape[:axis], -1) if coerce else np.moveaxis(x, axis, -1)
        if self._name == "Hardmax":
            made = (np.arange(flat.shape[-1]) == flat.argmax(-1)[..., None]).astype(x.dtype)
        else:
            shifted = kept(x.dtype.type(attrs.get("beta", 1.0)) * (flat - flat.max(-1, keepdims=True)))
            powers = kept(np.exp(shifted))
            total = self._sum(powers, each)
            made = shifted - kept(np.log(total)) if self._name == "LogSoftmax" else powers / total
        return made.reshape(x.shape) if coerce else np.moveaxis(made, -1, axis)

    @staticmethod
    def _sum(powers: np.ndarray, each: Callable[[np.ndarray], np.ndarray] | None) -> np.ndarray:
        """Sum along the last axis; one addition after the other where each is rounded."""
        if each is None:
            return powers.sum(-1, keepdims=True)
        total = powers[..., :1]
        for i in range(1, powers.shape[-1]):
            total = each(total + powers[..., i : i + 1])
        return total

    def run(self, call: Call) -> list[np.ndarray]:
        """Return Softmax of stored integers by a table of exponentials; others as ever.

        e[d] = exp(−β·s·d) in float32 for the distance d to the largest; each e · (1/Σe) over the result's
        scale is rounded half away from zero.
        """
        if call.operand(0).tensor.dtype == "bf16":
            with np.errstate(invalid="ignore"):
                return [call.store_real(self._of(call.operand(0).array, call.node.attrs, bfloat16))]
        if call.integer and call.numerics.elementwise == "real" and call.node.attrs.get("integer_sums", 0):
            return [self._by_integers(call)]
        if not call.integer or call.numerics.elementwise != "integer" or self._name != "Softmax":
            return super().run(call)
        value, (scale, zero) = call.operand(0), call.result_quant()
        axis = axis_of(call.node.attrs.get("axis", -1), value.array.ndim)
        stored = np.moveaxis(value.array, axis, -1).astype(np.int64)
        step = np.float32(-value.scale * call.node.attrs.get("beta", 1.0))
        exponentials = np.exp(step * (stored.max(-1, keepdims=True) - stored).astype(np.float32))
        inverse = np.float32(1) / exponentials.sum(-1, keepdims=True, dtype=np.float32)
        whole = round_half_away(exponentials * inverse / np.float32(scale)) + zero
        bounded = np.clip(whole, *call.bounds()).astype(stored_type(call.results[0]))
        return [np.moveaxis(bounded, -1, axis)]


    def _by_integers(self, call: Call) -> np.ndarray:
        """Return what onnxruntime's QLinearSoftmax gives: sums of exponentials that are integers.

        e[d] = ⌊q·exp(−s·d)⌋ for the distance d to the largest, with q as large as n of them fit 32 bits and
        2^23 − 1 at most; the result is e · ⌊1/so⌋ / Σe, rounded half up.
        """
        attrs, value, (scale, zero) = call.node.attrs, call.operand(0), call.result_quant()
        x, coerce = value.array.astype(np.int64), attrs.get("coerce", 0)
        axis = axis_of(attrs.get("axis", 1 if coerce else -1), x.ndim)
        flat = x.reshape(*x.shape[:axis], -1) if coerce else np.moveaxis(x, axis, -1)
        most = min((2**32 - 1) / flat.shape[-1], 2**23 - 1)
        table = np.floor(most * np.exp(np.arange(256) * -float(np.float32(value.scale)))).astype(np.int64)
        powers = table[flat.max(-1, keepdims=True) - flat]
        total = powers.sum(-1, keepdims=True)
        whole = (powers * int(1 / np.float32(scale)) + (total >> 1)) // total + zero
        made = np.clip(whole, *call.bounds()).astype(value.array.dtype)
        return made.reshape(x.shape) if coerce else np.moveaxis(made, -1, axis)


for _name in _KINDS:
    enter_op(Softmax(_name), _name)
