"""Element-wise operators of several operands, broadcast as numpy does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import frexp, prod
from typing import Any

import numpy as np

from simulator.workload import ratios
from simulator.workload.call import BOUNDS, Call, stored_type
from simulator.workload.epilogue import Ops
from simulator.workload.graph import Graph, Node
from simulator.workload.numerics import Rescaling
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
from simulator.workload.rescale import Factors, factors, rescale
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
    "Equal": "fp32", "NotEqual": "fp32", "Greater": "fp32", "GreaterOrEqual": "fp32", "Less": "fp32",
    "LessOrEqual": "fp32", "And": "bool", "Or": "bool", "Xor": "bool",
}  # fmt: skip

_OUTSIDE_ONNX = ("NotEqual",)

#: Operator of any number of operands -> (operation per further operand, operations at the end).
_VARIADIC: dict[str, tuple[str, Ops]] = {
    "Sum": ("add", ()),
    "Mean": ("add", (("mul", 1),)),
    "Max": ("max", ()),
    "Min": ("max", ()),
}


#: Operator -> what it means for two operands.
_MEANING: dict[str, Callable[..., np.ndarray]] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide, "Pow": np.power,
    "PRelu": lambda x, slope: np.where(x >= 0, x, slope * x),
    "BitwiseAnd": np.bitwise_and, "BitwiseOr": np.bitwise_or, "BitwiseXor": np.bitwise_xor,
    "Equal": np.equal, "NotEqual": np.not_equal, "Greater": np.greater, "GreaterOrEqual": np.greater_equal,
    "Less": np.less, "LessOrEqual": np.less_equal,
    "And": np.logical_and, "Or": np.logical_or, "Xor": np.logical_xor,
    "Max": np.maximum, "Min": np.minimum, "Sum": np.add,
}  # fmt: skip
#: The same for those with attributes.
_BY_ATTRS: dict[str, Callable[[Attrs], Callable[..., np.ndarray]]] = {
    "BitShift": lambda attrs: np.left_shift if attrs["direction"] == "LEFT" else np.right_shift,
    "Mod": lambda attrs: np.fmod if attrs.get("fmod", 0) else np.mod,
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
        self.formula, self._ops, self._name = formula, ops, name
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

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the formula over the operands from left to right."""
        result = np.asarray(arrays[0])
        if self._name == "Div" and result.dtype.kind != "f":
            return [np.trunc(result / arrays[1]).astype(result.dtype)]
        meaning = _BY_ATTRS[self._name](attrs) if self._name in _BY_ATTRS else _MEANING[self._name]
        for other in arrays[1:]:
            result = meaning(result, other)
        return [result]


class Sum(Broadcast):
    """Add and Sub, of stored integers in a common scale, which ``Numerics.addition`` finds."""

    def run(self, call: Call) -> list[np.ndarray]:
        """Return the sum of rescaled integers where the profile keeps to integers."""
        if ratios.applies(call):
            return [ratios.add(call)]
        if not call.integer or not _pair(call):
            return super().run(call)
        if call.numerics.elementwise == "real":
            return [_combined(call)]
        first, second = call.operand(0), call.operand(1)
        wide = first.tensor.bits > 8
        scales = [np.float64(first.scale), np.float64(second.scale)]
        scale, zero = call.result_quant()
        if call.numerics.addition == "weighted" and not wide:
            shift = 0
            bys, by = _weights([each / scale for each in scales])
        else:
            shift, twice = 15 if wide else 20, 2 * max(scales)
            rescaling = call.numerics.rescaling_of(self._name, first.tensor.bits)
            bys = [factors(np.asarray(each / twice), rescaling) for each in scales]
            by = factors(np.asarray(twice / ((1 << shift) * scale)), rescaling)
        if self._name == "Sub":
            bys[1] = replace(bys[1], mantissa=-bys[1].mantissa, ratio=-bys[1].ratio)
        stored = (by, zero, call.bounds(), stored_type(call.results[0]))
        zeros = [first.zero_point, second.zero_point]
        return [call.arithmetic.add([first.array, second.array], zeros, bys, shift, stored)]


def _weights(ratios: list[np.float64]) -> tuple[list[Factors], Factors]:
    """Integers that two operands are multiplied by, unrounded, and the shift of their sum.

    The larger gets 21 bits: 2^shift · ratio lies in [2^20, 2^21).
    """
    shift = 21 - frexp(float(np.float32(max(ratios))))[1]
    whole = [np.rint(np.float64(np.float32(ratio)) * 2.0**shift) for ratio in ratios]
    none = np.zeros(1, np.float32)
    exact = Rescaling("fixed31", "truncate")
    bys = [Factors(exact, np.array([int(m)]), np.array([31]), none) for m in whole]
    return bys, Factors(Rescaling("fixed31", "half_up"), np.array([1]), np.array([31 - shift]), none)


class Product(Broadcast):
    """Mul, of stored integers: (a − za)(b − zb), rescaled by sa·sb/so."""

    def run(self, call: Call) -> list[np.ndarray]:
        """Return the rescaled product where the profile keeps to integers."""
        if ratios.applies(call):
            return [ratios.multiply(call)]
        if not call.integer or not _pair(call):
            return super().run(call)
        if call.numerics.elementwise == "real":
            return [_combined(call)]
        first, second = call.operand(0), call.operand(1)
        by = call.factors(first.scale, second.scale)
        stored = (by, call.result_quant()[1], call.bounds(), stored_type(call.results[0]))
        zeros = [first.zero_point, second.zero_point]
        return [call.arithmetic.product([first.array, second.array], zeros, stored)]


def _pair(call: Call) -> bool:
    """Whether both operands are quantized, with one scale, and nothing but bounds follows."""
    quants = [value.tensor.quant if value is not None else None for value in call.operands]
    single = all(quant is not None and len(quant.scale) == 1 for quant in quants)
    return single and all(name in BOUNDS for name in call.activations)


def _combined(call: Call) -> np.ndarray:
    """Sum, difference or product of what the operands stand for, quantized at once."""
    operands = [call.operand(0), call.operand(1)]
    stored = (*call.result_quant(), call.bounds(), stored_type(call.results[0]))
    zeros, scales = [each.zero_point for each in operands], [each.scale for each in operands]
    return call.arithmetic.combine(call.node.op, [each.array for each in operands], zeros, scales, stored)


class Comparison(Broadcast):
    """A truth value per element of the broadcast shape."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "truth value", (("logic", 1),))
        operands = (tensor((2, 3, 4), _TRUTH[name]), tensor((4,), _TRUTH[name], "b"))
        shapes = ((2, 3, 4),) if name in _OUTSIDE_ONNX else None
        self.EXAMPLES = (Example(name, operands, shapes=shapes, ops={"logic": 24}),)

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Truth values."""
        return ["bool"] * outputs

    def run(self, call: Call) -> list[np.ndarray]:
        """Return the comparison, of stored integers at a common scale where the profile keeps to integers.

        Operands are shifted left by 8 bits and rescaled by their own scale, as TensorFlow Lite's
        ComparisonWithScaling has it.
        """
        values = [value for value in call.operands if value is not None]
        if call.numerics.elementwise != "integer" or any(value.tensor.quant is None for value in values):
            return super().run(call)
        scaled = []
        for value in values:
            by = factors(np.asarray(value.scale), call.numerics.rescaling_of(self._name, value.tensor.bits))
            scaled.append(rescale((value.array.astype(np.int64) - value.zero_point) << 8, by))
        return self.values(scaled, call.node.attrs)


class Variadic(Broadcast):
    """One operation per element for every operand after the first; a single operand still passes once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._each, self._last = _VARIADIC[name]
        self.keeps_values = name in ("Max", "Min")
        self.formula = f"{self._each} over the operands"
        ops = {self._each: 48} | {cls: 24 * n for cls, n in self._last}
        self.EXAMPLES = (
            Example(name, (tensor((2, 3, 4)), tensor((4,), name="b"), tensor((), name="c")), ops=ops),
        )

    def _per_element(self, operands: Operands) -> Ops:
        return ((self._each, max(1, len(operands) - 1)), *self._last)

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the operation over all operands; Mean divides their sum."""
        if self._name != "Mean":
            return super().values(arrays, attrs)
        return [np.asarray(sum(arrays)) / np.float32(len(arrays))]


@operator("BitwiseNot")
class BitwiseNot(Broadcast):
    """Complement of every bit."""

    def __init__(self) -> None:
        super().__init__("BitwiseNot", "~x", (("logic", 1),))
        self.EXAMPLES = (Example("BitwiseNot", (tensor((2, 3), "int32"),), ops={"logic": 6}),)

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the complement."""
        return [np.invert(arrays[0])]


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

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the selection."""
        return [np.where(arrays[0], arrays[1], arrays[2])]


_CLASSES = {"Add": Sum, "Sub": Sum, "Mul": Product}
for _name, (_formula, _ops) in _BINARY.items():
    enter_op(_CLASSES.get(_name, Broadcast)(_name, _formula, _ops), _name)
for _name in _TRUTH:
    enter_op(Comparison(_name), _name)
for _name in _VARIADIC:
    enter_op(Variadic(_name), _name)
