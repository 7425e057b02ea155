"""Softmax and its relatives."""

from __future__ import annotations

from math import prod

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


for _name in _KINDS:
    enter_op(Softmax(_name), _name)
