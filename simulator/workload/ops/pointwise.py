"""Element-wise functions of one operand, with the operations of their formula per element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from simulator.workload.call import Call, NotExecuted, stored_type
from simulator.workload.epilogue import ACTIVATIONS, Ops
from simulator.workload.functions import FUNCTIONS, PARAMETERS, gelu, gelu_by_tanh
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
    optional,
    positional,
    required,
    tensor,
)
from simulator.workload.work import Elementwise, Work

#: Operator -> formula and operations per element, beside those of ``epilogue.ACTIVATIONS``.
_FUNCTIONS: dict[str, tuple[str, Ops]] = {
    "Celu": ("max(x, 0) + min(0, a·(exp(x/a) − 1))", (("exp", 1), ("add", 2), ("mul", 2), ("max", 2))),
    "Selu": ("g·(x if x > 0 else a·(exp(x) − 1))", (("exp", 1), ("add", 1), ("mul", 2), ("max", 1))),
    "Mish": ("x · tanh(log(1 + exp(x)))", (("exp", 1), ("add", 1), ("log", 1), ("tanh", 1), ("mul", 1))),
    "Softplus": ("log(1 + exp(x))", (("exp", 1), ("add", 1), ("log", 1))),
    "Softsign": ("x / (1 + |x|)", (("max", 1), ("add", 1), ("div", 1))),
    "ThresholdedRelu": ("x if x > a else 0", (("logic", 1), ("max", 1))),
    "Shrink": ("x − b if x > l, x + b if x < −l, else 0", (("logic", 2), ("add", 1))),
    "QuickGelu": ("x · sigmoid(1.702 x)", (("sigmoid", 1), ("mul", 2))),
    "Erf": ("erf(x)", (("erf", 1),)),
    "Exp": ("exp(x)", (("exp", 1),)),
    "Log": ("log(x)", (("log", 1),)),
    "Sqrt": ("sqrt(x)", (("sqrt", 1),)),
    "Rsqrt": ("1 / sqrt(x)", (("sqrt", 1), ("div", 1))),
    "Reciprocal": ("1/x", (("div", 1),)),
    "Neg": ("0 − x", (("add", 1),)),
    "Abs": ("max(x, −x)", (("max", 1),)),
    "Sign": ("(x > 0) − (x < 0)", (("logic", 2),)),
    "Floor": ("floor(x)", (("round", 1),)),
    "Ceil": ("ceil(x)", (("round", 1),)),
    "Round": ("nearest integer", (("round", 1),)),
    "Sin": ("sin(x)", (("sin", 1),)),
    "Cos": ("cos(x)", (("sin", 1),)),
    "Tan": ("sin(x)/cos(x)", (("sin", 2), ("div", 1))),
    "Asin": ("a series like that of sin", (("sin", 1),)),
    "Acos": ("a series like that of sin", (("sin", 1),)),
    "Atan": ("a series like that of sin", (("sin", 1),)),
    "Sinh": ("(e − 1/e)/2 with e = exp(x)", (("exp", 1), ("div", 1), ("add", 1), ("mul", 1))),
    "Cosh": ("(e + 1/e)/2 with e = exp(x)", (("exp", 1), ("div", 1), ("add", 1), ("mul", 1))),
    "Asinh": ("log(x + sqrt(x² + 1))", (("mul", 1), ("add", 2), ("sqrt", 1), ("log", 1))),
    "Acosh": ("log(x + sqrt(x² − 1))", (("mul", 1), ("add", 2), ("sqrt", 1), ("log", 1))),
    "Atanh": ("log((1 + x)/(1 − x))/2", (("add", 2), ("div", 1), ("log", 1), ("mul", 1))),
}
_OUTSIDE_ONNX = ("QuickGelu", "Rsqrt", "Silu")
_PREDICATES = {"Not": "bool", "IsNaN": "fp32", "IsInf": "fp32"}


class Pointwise(Op):
    """One result element per operand element; a further operand is a parameter, not data."""

    pointwise = True

    def __init__(self, name: str, formula: str, ops: Ops, keeps_values: bool = False) -> None:
        self._name = name
        self.formula, self._ops, self.keeps_values = formula, ops, keeps_values
        shapes = ((2, 3, 4),) if name in _OUTSIDE_ONNX else None
        self.EXAMPLES = (
            Example(name, (tensor((2, 3, 4)),), shapes=shapes, ops={cls: 24 * n for cls, n in ops}),
        )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of the operand."""
        return [required(inputs, 0).shape]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """Operations of the formula on every element."""
        elements = required(positional(node, graph), 0).elements
        ops = self._per_element(positional(node, graph), node.attrs)
        return (Elementwise(tuple((cls, n * elements) for cls, n in ops), split=elements),)

    def _per_element(self, inputs: Operands, attrs: Attrs) -> Ops:
        return self._ops

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the function of the operand."""
        if self._name in PARAMETERS:
            function, parameters = PARAMETERS[self._name]
            return [function(arrays[0], *(attrs.get(key, value) for key, value in parameters))]
        return [FUNCTIONS[self._name](arrays[0])]

    def run(self, call: Call) -> list[np.ndarray]:
        """Return Relu of stored integers as bounds of them, others as ever."""
        if self._name == "Relu" and call.integer:
            node = replace(call.node, epilogue=("relu", *call.node.epilogue))
            bounded = replace(call, node=node)
            return [bounded.aligned(bounded.operand(0))]
        if self._name == "LeakyRelu" and call.integer and call.numerics.elementwise == "integer":
            return [_leaky(call)]
        if self._name == "Abs" and call.integer and call.numerics.elementwise == "integer":
            return [_absolute(call)]
        return super().run(call)


def _leaky(call: Call) -> np.ndarray:
    """LeakyRelu of stored integers: x − z rescaled by s/so where it is not negative, else by a·s/so."""
    value, result = call.operand(0), call.results[0]
    whole = value.array.astype(np.int64) - value.zero_point
    zero, bounds, dtype = call.result_quant()[1], call.bounds(), stored_type(result)
    above = call.arithmetic.store(whole, call.factors(value.scale), zero, bounds, dtype)
    steep = call.factors(value.scale, call.node.attrs.get("alpha", 0.01))
    return np.where(whole >= 0, above, call.arithmetic.store(whole, steep, zero, bounds, dtype))


def _absolute(call: Call) -> np.ndarray:
    """Abs of stored integers: |x − z| rescaled by s/so."""
    value, result = call.operand(0), call.results[0]
    whole = np.abs(value.array.astype(np.int64) - value.zero_point)
    stored = (call.result_quant()[1], call.bounds(), stored_type(result))
    return call.arithmetic.store(whole, call.factors(value.scale), *stored)


class Predicate(Pointwise):
    """A truth value per element."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "truth value", (("logic", 1),))
        self.EXAMPLES = (Example(name, (tensor((2, 3), _PREDICATES[name]),), ops={"logic": 6}),)

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Truth values."""
        return ["bool"] * outputs


@operator("Clip")
class Clip(Pointwise):
    """min(max(x, low), high): a comparison for each bound that is given, at least one."""

    parameters = {1: "min", 2: "max"}

    def __init__(self) -> None:
        super().__init__("Clip", *ACTIVATIONS["Clip"][1:])
        low, high = constant(0.0, "fp32", "low"), constant(6.0, "fp32", "high")
        self.EXAMPLES = (
            Example("Clip", (tensor((2, 3, 4)), low, high), ops={"max": 48}),
            Example("Clip", (tensor((2, 3, 4)), None, high), ops={"max": 24}),
        )

    def _per_element(self, inputs: Operands, attrs: Attrs) -> Ops:
        given = [name in attrs or optional(inputs, i) is not None for i, name in self.parameters.items()]
        return (("max", max(1, sum(given))),)

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Bounded from below, then from above."""
        result = arrays[0]
        for i, name, bound in ((1, "min", np.maximum), (2, "max", np.minimum)):
            given = arrays[i] if len(arrays) > i else None
            given = attrs.get(name) if given is None else given
            result = result if given is None else bound(result, np.asarray(given, result.dtype))
        return [result]

    def run(self, call: Call) -> list[np.ndarray]:
        """Return stored integers within the stored integers of the bounds, others as ever."""
        if not call.integer or len(call.operands) > 1:
            return super().run(call)
        limits = (call.node.attrs.get("min", -np.inf), call.node.attrs.get("max", np.inf))
        attrs = {**call.node.attrs, "clip": limits}
        bounded = replace(call, node=replace(call.node, epilogue=("clip", *call.node.epilogue), attrs=attrs))
        return [bounded.aligned(bounded.operand(0))]


@operator("Gelu", "FastGelu", "BiasGelu")
class Gelu(Pointwise):
    """x/2 · (1 + erf(x/√2)), or with approximate = tanh (and FastGelu): x/2 · (1 + tanh(x·(c + d·x²))).

    BiasGelu and FastGelu of com.microsoft add their second operand first.
    """

    def __init__(self) -> None:
        super().__init__("Gelu", *ACTIVATIONS["Gelu"][1:])
        x, bias = tensor((2, 3, 4)), tensor((4,), name="bias")
        erf = {"erf": 24, "mul": 72, "add": 24}
        self.EXAMPLES = (
            Example("Gelu", (x,), ops=erf),
            Example("Gelu", (x,), {"approximate": "tanh"}, ops={"tanh": 24, "mul": 120, "add": 48}),
            Example("BiasGelu", (x, bias), shapes=((2, 3, 4),), ops=erf | {"add": 48}),
            Example("FastGelu", (x, bias), shapes=((2, 3, 4),), ops={"tanh": 24, "mul": 120, "add": 72}),
        )

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """Operations of the formula on every element."""
        operands = positional(node, graph)
        elements = required(operands, 0).elements
        bias = optional(operands, 1) is not None
        ops: dict[str, int] = {"erf": 1, "mul": 3, "add": 1 + bias}
        if node.op == "FastGelu" or node.attrs.get("approximate") == "tanh":
            ops = {"tanh": 1, "mul": 5, "add": 2 + bias}
        return (Elementwise(tuple((cls, n * elements) for cls, n in ops.items()), split=elements),)

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the function, exact or approximated."""
        return [gelu_by_tanh(arrays[0]) if attrs.get("approximate") == "tanh" else gelu(arrays[0])]

    def run(self, call: Call) -> list[np.ndarray]:
        """Return the function of the sum where there is a second operand, which are real numbers alone."""
        attrs: Attrs = call.node.attrs
        if call.node.op == "FastGelu":
            attrs = {**attrs, "approximate": "tanh"}
        if call.optional(1) is None:
            return replace(call, node=replace(call.node, attrs=attrs)).finish(self)
        if call.integer:
            raise NotExecuted("of a sum of stored integers is not executed")
        total = call.operand(0).real() + call.operand(1).real()
        return [call.store_real(self.values([total], attrs)[0])]


@operator("Swish")
class Swish(Pointwise):
    """x · sigmoid(a·x); a = 1 costs no multiplication."""

    def __init__(self) -> None:
        super().__init__("Swish", *ACTIVATIONS["Silu"][1:])
        x = tensor((2, 3, 4))
        self.EXAMPLES = (
            Example("Swish", (x,), ops={"sigmoid": 24, "mul": 24}),
            Example("Swish", (x,), {"alpha": 1.5}, ops={"sigmoid": 24, "mul": 48}),
        )

    def _per_element(self, inputs: Operands, attrs: Attrs) -> Ops:
        return (("sigmoid", 1), ("mul", 1 if attrs.get("alpha", 1.0) == 1.0 else 2))

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Product x · sigmoid(a·x)."""
        return [arrays[0] * FUNCTIONS["Sigmoid"](arrays[0].dtype.type(attrs.get("alpha", 1.0)) * arrays[0])]


def _enter() -> None:
    own: tuple[Any, ...] = ("Clip", "Gelu")
    for name, activation in ACTIVATIONS.items():
        if name not in own:
            enter_op(Pointwise(name, *activation[1:]), name)
    for name, (formula, ops) in _FUNCTIONS.items():
        enter_op(Pointwise(name, formula, ops), name)
    for name in _PREDICATES:
        enter_op(Predicate(name), name)


_enter()
