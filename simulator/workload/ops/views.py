"""Operators that give the same bytes another shape: no data moves, whether row-major or channels-last."""

from __future__ import annotations

from math import prod

import numpy as np

from simulator.workload.call import Call, NotExecuted
from simulator.workload.graph import Graph, Node
from simulator.workload.op import (
    Attrs,
    Example,
    Op,
    Operands,
    Shape,
    axis_of,
    constant,
    operator,
    required,
    tensor,
)
from simulator.workload.work import Work


class _View(Op):
    alias = True
    arithmetic = False
    keeps_values = True

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """Nothing."""
        return ()

    def run(self, call: Call) -> list[np.ndarray]:
        """Return the same numbers in the shape of the result.

        Raises
        ------
        ValueError
            The result claims another scale: that would be other numbers.
        """
        value, result = call.operand(0), call.results[0]
        if value.tensor.quant != result.quant:
            raise ValueError(
                f"'{result.name}' has another scale than '{value.tensor.name}', whose bytes it is"
            )
        return [value.array.reshape(result.shape)]


@operator("Identity", "Dropout")
class Identity(_View):
    """The operand itself; Dropout at inference."""

    EXAMPLES = (Example("Identity", (tensor((2, 3)),)), Example("Dropout", (tensor((2, 3)),)))

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of the operand, and of Dropout's mask."""
        return [required(inputs, 0).shape] * 2

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Return that of the operand; Dropout's mask is a truth value."""
        return [required(inputs, 0).dtype, "bool"][:outputs]

    def run(self, call: Call) -> list[np.ndarray]:
        """Return the operand, and the mask of what Dropout keeps: everything at inference.

        Raises
        ------
        NotExecuted
            Dropout in training, which is random.
        """
        ratio, training = call.optional(1), call.optional(2)
        if training is not None and training.array.item() and (ratio is None or ratio.array.item()):
            raise NotExecuted("drops elements at random here, as in training")
        mask = [np.ones(result.shape, bool) for result in call.results[1:]]
        return [*super().run(call), *mask]


@operator("Reshape")
class Reshape(_View):
    """A new shape, in which 0 copies an extent and −1 is what is left."""

    parameters = {1: "shape"}

    EXAMPLES = (
        Example("Reshape", (tensor((2, 3, 4)), constant([0, -1]))),
        Example("Reshape", (tensor((2, 3, 4)), constant([4, 6]))),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return the second operand's values, resolved."""
        operand = required(inputs, 0)
        asked = self.integers(inputs, attrs, "shape") or []
        zero = attrs.get("allowzero", 0)
        target = [operand.shape[i] if n == 0 and not zero else n for i, n in enumerate(asked)]
        if -1 in target:
            rest = prod(n for n in target if n != -1)
            target[target.index(-1)] = operand.elements // rest if rest else 0
        if prod(target) != operand.elements or min(target, default=0) < 0:
            raise ValueError(
                f"{operand.elements} elements of shape {list(operand.shape)} do not fill {list(asked)}"
            )
        return [tuple(target)]


@operator("Flatten")
class Flatten(_View):
    """Two axes: those before ``axis`` and the rest."""

    EXAMPLES = (
        Example("Flatten", (tensor((2, 3, 4)),)),
        Example("Flatten", (tensor((2, 3, 4)),), {"axis": -1}),
        Example("Flatten", (tensor((2, 3, 4)),), {"axis": 0}),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Product before and product from the axis on."""
        shape = required(inputs, 0).shape
        axis = attrs.get("axis", 1)
        axis += len(shape) if axis < 0 else 0
        return [(prod(shape[:axis]), prod(shape[axis:]))]


@operator("Squeeze")
class Squeeze(_View):
    """Drops axes of extent 1: those asked for, else all."""

    parameters = {1: "axes"}

    EXAMPLES = (
        Example("Squeeze", (tensor((1, 3, 1, 4)), constant([2]))),
        Example("Squeeze", (tensor((1, 3, 1, 4)),)),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return the axes that are left."""
        shape = required(inputs, 0).shape
        given = self.integers(inputs, attrs, "axes")
        axes = (
            [axis_of(a, len(shape)) for a in given] if given else [i for i, n in enumerate(shape) if n == 1]
        )
        if any(shape[axis] != 1 for axis in axes):
            raise ValueError(f"cannot squeeze axes {axes} of shape {list(shape)}: one is not 1")
        return [tuple(n for i, n in enumerate(shape) if i not in axes)]


@operator("Unsqueeze")
class Unsqueeze(_View):
    """Inserts axes of extent 1 at places counted in the result."""

    parameters = {1: "axes"}

    EXAMPLES = (Example("Unsqueeze", (tensor((3, 4)), constant([0, -1]))),)

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return the operand's with 1 inserted."""
        shape = list(required(inputs, 0).shape)
        given = self.integers(inputs, attrs, "axes") or []
        rank = len(shape) + len(given)
        for axis in sorted(axis_of(a, rank) for a in given):
            shape.insert(axis, 1)
        return [tuple(shape)]
