"""Poolings: windows over rows, or over the whole plane."""

from __future__ import annotations

from math import prod

from simulator.workload.graph import Graph, Node
from simulator.workload.op import Attrs, Example, Op, Operands, Shape, enter_op, positional, required, tensor
from simulator.workload.window import axes
from simulator.workload.work import Elementwise, Window, Work

#: Operator -> formula, operations per window position, operations per output, whether values pass through.
_WINDOWS = {
    "MaxPool": ("max over the window", "max", (), True),
    "AveragePool": ("sum over the window · 1/n", "add", (("mul", 1),), False),
    "LpPool": ("sqrt(Σ x²) over the window", "mac", (("sqrt", 1),), False),
}
_GLOBAL = {
    "GlobalMaxPool": ("max over the plane", "max", (), True),
    "GlobalAveragePool": ("sum over the plane · 1/n", "add", (("mul", 1),), False),
    "GlobalLpPool": ("sqrt(Σ x²) over the plane", "mac", (("sqrt", 1),), False),
}


class Pool(Op):
    """Pooling by a window, padding included; it is cut between output rows of the first spatial axis."""

    def __init__(self, name: str) -> None:
        self.formula, self._each, self._last, self.keeps_values = _WINDOWS[name]
        ops = {self._each: 2 * 6 * 5 * 3 * 3 * 2, **{cls: 2 * 6 * 5 * 3 for cls, _ in self._last}}
        ceil = {"ceil_mode": 1} if name != "LpPool" else {}
        row = {self._each: 4 * 6 * 3, **{cls: 4 * 6 for cls, _ in self._last}}
        self.EXAMPLES = (
            Example(
                name,
                (tensor((2, 6, 9, 7)),),
                {"kernel_shape": (3, 2), "strides": (2, 3), "pads": (1, 0, 1, 1)},
                ops=ops,
            ),
            Example(name, (tensor((1, 4, 12)),), {"kernel_shape": (3,), "strides": (2,), **ceil}, ops=row)
            if ceil
            else Example(name, (tensor((1, 4, 13)),), {"kernel_shape": (3,), "strides": (2,)}, ops=row),
        )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Batch, channels, and one extent per spatial axis; MaxPool's indices have the same shape."""
        ifmap = required(inputs, 0).shape
        result = (*ifmap[:2], *(axis.out for axis in axes(ifmap[2:], attrs["kernel_shape"], attrs)))
        return [result, result]

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Return that of the operand, and int64 for indices."""
        return [required(inputs, 0).dtype, "int64"][:outputs]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work with a row window."""
        ifmap = required(positional(node, graph), 0).shape
        placed = axes(ifmap[2:], node.attrs["kernel_shape"], node.attrs)
        out = prod(ifmap[:2]) * prod(axis.out for axis in placed)
        ops = (
            (self._each, out * prod(axis.kernel for axis in placed)),
            *((cls, n * out) for cls, n in self._last),
        )
        row = placed[0]
        window = Window(kernel=row.reach, stride=row.stride, pad=row.begin, iy=row.size, oy=row.out)
        return (Elementwise(ops, split=ifmap[0] * row.out, window=window),)


class GlobalPool(Op):
    """Pooling over all spatial axes; images are independent (channels lie innermost)."""

    def __init__(self, name: str) -> None:
        self.formula, self._each, self._last, self.keeps_values = _GLOBAL[name]
        ops = {self._each: 2 * 6 * 9 * 7, **{cls: 2 * 6 for cls, _ in self._last}}
        self.EXAMPLES = (Example(name, (tensor((2, 6, 9, 7)),), ops=ops),)

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Batch, channels, and 1 per spatial axis."""
        ifmap = required(inputs, 0).shape
        return [(*ifmap[:2], *(1 for _ in ifmap[2:]))]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work."""
        ifmap = required(positional(node, graph), 0)
        ops = ((self._each, ifmap.elements), *((cls, n * prod(ifmap.shape[:2])) for cls, n in self._last))
        return (Elementwise(ops, split=ifmap.shape[0]),)


for _name in _WINDOWS:
    enter_op(Pool(_name), _name)
for _name in _GLOBAL:
    enter_op(GlobalPool(_name), _name)
