"""Element-wise operators of several operands, broadcast as numpy does."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from simulator.workload.epilogue import Ops
from simulator.workload.graph import Graph, Node
from simulator.workload.op import (
    Attrs,
    Example,
    Op,
    Operands,
    Shape,
    constant,
    enter_op,
    operator,
    positional,
    required,
    tensor,
)
from simulator.workload.work import Elementwise, Work

#: Operator -> (formula, operations per result element).
_BINARY: dict[str, tuple[str, Ops]] = {
    "Add": ("a + b", (("add", 1),)),
    "Sub": ("a − b", (("add", 1),)),
    "Mul": ("a · b", (("mul", 1),)),
    "Div": ("a / b", (("div", 1),)),
    "Mod": ("a − b·floor(a/b)", (("div", 1), ("round", 1), ("mul", 1), ("add", 1))),
    "PRelu": ("max(x, 0) + s·min(x, 0)", (("mul", 1), ("max", 1))),
    "BitShift": ("a << b", (("logic", 1),)),
    "BitwiseAnd": ("a & b", (("logic", 1),)),
    "BitwiseOr": ("a | b", (("logic", 1),)),
    "BitwiseXor": ("a ^ b", (("logic", 1),)),
}
_INTEGERS = {"BitShift": "uint8", "BitwiseAnd": "int32", "BitwiseOr": "int32", "BitwiseXor": "int32"}
_EXAMPLE_ATTRS: dict[str, dict[str, Any]] = {"BitShift": {"direction": "LEFT"}, "Mod": {"fmod": 1}}

#: Operator -> operand type of its example; each gives a truth value by one comparison.
_TRUTH = {
    "Equal": "fp32", "Greater": "fp32", "GreaterOrEqual": "fp32", "Less": "fp32", "LessOrEqual": "fp32",
    "And": "bool", "Or": "bool", "Xor": "bool",
}  # fmt: skip

#: Operator of any number of operands -> (operation per further operand, operations at the end).
_VARIADIC: dict[str, tuple[str, Ops]] = {
    "Sum": ("add", ()),
    "Mean": ("add", (("mul", 1),)),
    "Max": ("max", ()),
    "Min": ("max", ()),
}


def broadcast(inputs: Operands) -> Shape:
    """Shape to which all operands that are present extend.

    Raises
    ------
    ValueError
        They do not fit each other.
    """
    shapes = [operand.shape for operand in inputs if operand is not None]
    try:
        return tuple(np.broadcast_shapes(*shapes))
    except ValueError:
        raise ValueError(
            f"operands of shapes {', '.join(str(list(s)) for s in shapes)} do not broadcast"
        ) from None


class Broadcast(Op):
    """One result element per element of the broadcast shape; elements are independent."""

    def __init__(self, name: str, formula: str, ops: Ops) -> None:
        self.formula, self._ops = formula, ops
        dtype = _INTEGERS.get(name, "fp32")
        operands = (tensor((2, 3, 4), dtype), tensor((3, 1), dtype, "b"))
        attrs = _EXAMPLE_ATTRS.get(name, {})
        self.EXAMPLES = (Example(name, operands, attrs, ops={cls: 24 * n for cls, n in ops}),)

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return the broadcast shape."""
        return [broadcast(inputs)]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """Operations of the formula on every element of the result."""
        operands = positional(node, graph)
        elements = prod(broadcast(operands))
        ops = self._per_element(operands)
        return (Elementwise(tuple((cls, n * elements) for cls, n in ops), split=elements),)

    def _per_element(self, operands: Operands) -> Ops:
        return self._ops


class Comparison(Broadcast):
    """A truth value per element of the broadcast shape."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "truth value", (("logic", 1),))
        operands = (tensor((2, 3, 4), _TRUTH[name]), tensor((4,), _TRUTH[name], "b"))
        self.EXAMPLES = (Example(name, operands, ops={"logic": 24}),)

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Truth values."""
        return ["bool"] * outputs


class Variadic(Broadcast):
    """One operation per element for every operand after the first; a single operand still passes once."""

    def __init__(self, name: str) -> None:
        self._each, self._last = _VARIADIC[name]
        self.keeps_values = name in ("Max", "Min")
        self.formula = f"{self._each} over the operands"
        ops = {self._each: 48} | {cls: 24 * n for cls, n in self._last}
        self.EXAMPLES = (
            Example(name, (tensor((2, 3, 4)), tensor((4,), name="b"), tensor((), name="c")), ops=ops),
        )

    def _per_element(self, operands: Operands) -> Ops:
        return ((self._each, max(1, len(operands) - 1)), *self._last)


@operator("BitwiseNot")
class BitwiseNot(Broadcast):
    """Complement of every bit."""

    def __init__(self) -> None:
        super().__init__("BitwiseNot", "~x", (("logic", 1),))
        self.EXAMPLES = (Example("BitwiseNot", (tensor((2, 3), "int32"),), ops={"logic": 6}),)


@operator("Pow")
class Pow(Broadcast):
    """a ** b: a multiplication for a constant 2, two for 3, a root for 0.5, else the general power."""

    def __init__(self) -> None:
        super().__init__("Pow", "a ** b", (("pow", 1),))
        x = tensor((2, 3))
        self.EXAMPLES = (
            Example("Pow", (x, tensor((3,), name="b")), ops={"pow": 6}),
            Example("Pow", (x, constant(2.0, "fp32")), ops={"mul": 6}),
            Example("Pow", (x, constant([3.0], "fp32")), ops={"mul": 12}),
            Example("Pow", (x, constant(0.5, "fp32")), ops={"sqrt": 6}),
        )

    def _per_element(self, operands: Operands) -> Ops:
        exponent = required(operands, 1)
        if exponent.constant is None or exponent.elements != 1:
            return self._ops
        cheap: dict[float, Ops] = {2.0: (("mul", 1),), 3.0: (("mul", 2),), 0.5: (("sqrt", 1),)}
        return cheap.get(float(exponent.constant.array().item()), self._ops)


@operator("Where")
class Where(Broadcast):
    """a if condition else b: one selection."""

    def __init__(self) -> None:
        super().__init__("Where", "a if condition else b", (("logic", 1),))
        operands = (tensor((2, 1, 4), "bool", "if"), tensor((3, 1)), tensor((), name="b"))
        self.EXAMPLES = (Example("Where", operands, ops={"logic": 24}),)

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Return that of what is selected."""
        return [required(inputs, 1).dtype]


for _name, (_formula, _ops) in _BINARY.items():
    enter_op(Broadcast(_name, _formula, _ops), _name)
for _name in _TRUTH:
    enter_op(Comparison(_name), _name)
for _name in _VARIADIC:
    enter_op(Variadic(_name), _name)
