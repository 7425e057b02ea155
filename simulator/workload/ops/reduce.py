"""Reductions along axes, and what orders or accumulates along one axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from simulator.workload.call import BOUNDS, Call, NotExecuted, stored_type
from simulator.workload.epilogue import Ops
from simulator.workload.graph import Graph, Node
from simulator.workload.op import (
    Attrs,
    Example,
    Op,
    Operands,
    Shape,
    UnknownShape,
    axis_of,
    constant,
    enter_op,
    operator,
    optional,
    positional,
    required,
    tensor,
)
from simulator.workload.rescale import Factors
from simulator.workload.work import Elementwise, Work

#: Operator -> (formula, operations per element, operations per result).
_KINDS: dict[str, tuple[str, Ops, Ops]] = {
    "ReduceSum": ("Σ x", (("add", 1),), ()),
    "ReduceMean": ("Σ x · 1/n", (("add", 1),), (("mul", 1),)),
    "ReduceMax": ("max x", (("max", 1),), ()),
    "ReduceMin": ("min x", (("max", 1),), ()),
    "ReduceProd": ("Π x", (("mul", 1),), ()),
    "ReduceL1": ("Σ |x|", (("max", 1), ("add", 1)), ()),
    "ReduceL2": ("sqrt(Σ x²)", (("mac", 1),), (("sqrt", 1),)),
    "ReduceSumSquare": ("Σ x²", (("mac", 1),), ()),
    "ReduceLogSum": ("log Σ x", (("add", 1),), (("log", 1),)),
    "ReduceLogSumExp": (
        "m + log Σ exp(x − m) with m = max x",
        (("max", 1), ("add", 2), ("exp", 1)),
        (("log", 1), ("add", 1)),
    ),
}


def _extreme(x: np.ndarray, largest: bool, **along: Any) -> np.ndarray:
    """Largest or smallest element; of none, what the type has at the other end."""
    ends: tuple[Any, Any] = (False, True) if x.dtype == bool else (-np.inf, np.inf)
    if x.dtype.kind in "iu":
        ends = (np.iinfo(x.dtype).min, np.iinfo(x.dtype).max)
    return np.asarray(np.max(x, initial=ends[0], **along) if largest else np.min(x, initial=ends[1], **along))


def _log_sum_exp(x: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:
    most = _extreme(x, True, axis=axis, keepdims=True)
    finite = np.where(np.isfinite(most), most, 0)
    total = np.log(np.sum(np.exp(x - finite), axis=axis, keepdims=True)) + finite
    return total if keepdims else np.squeeze(total, axis)


#: Operator -> its meaning over numpy's axes.
_MEANING: dict[str, Callable[..., np.ndarray]] = {
    "ReduceSum": np.sum,
    "ReduceMean": np.mean,
    "ReduceMax": lambda x, **along: _extreme(x, True, **along),
    "ReduceMin": lambda x, **along: _extreme(x, False, **along),
    "ReduceProd": np.prod,
    "ReduceL1": lambda x, **along: np.sum(np.abs(x), **along),
    "ReduceL2": lambda x, **along: np.sqrt(np.sum(np.square(x), **along)),
    "ReduceSumSquare": lambda x, **along: np.sum(np.square(x), **along),
    "ReduceLogSum": lambda x, **along: np.log(np.sum(x, **along)),
    "ReduceLogSumExp": _log_sum_exp,
}


def leading(shape: Shape, axes: tuple[int, ...]) -> int:
    """Slices along leading axes that a reduction leaves independent, whatever the layout.

    Spatial axes of an image lie before its channels in memory, so that images alone are independent; the
    channel axis lies innermost; otherwise the axes before the first that is reduced.
    """
    rank = len(shape)
    if rank >= 4 and axes == tuple(range(2, rank)):
        return shape[0]
    if rank >= 3 and axes == (1,):
        return prod(shape) // shape[1]
    return prod(shape[: axes[0]]) if axes else prod(shape)


def _divided(by: Factors, count: int) -> Factors:
    """Multiplier over a count: the mantissa, shifted left as far as the count has bits, over it, cut off."""
    bits = min(count.bit_length() - 1, 32, 31 + int(by.shift[0]))
    ratio = by.ratio / np.float32(count)
    return Factors(by.rescaling, (by.mantissa << bits) // count, by.shift - bits, ratio)


class Reduce(Op):
    """Reduction over ``axes`` (none: all, unless ``noop_with_empty_axes``)."""

    parameters = {1: "axes"}

    def __init__(self, name: str) -> None:
        self._name = name
        self.formula, self._each, self._last = _KINDS[name]
        self.keeps_values = name in ("ReduceMax", "ReduceMin")
        ops = {cls: 24 * n for cls, n in self._each}
        for cls, n in self._last:
            ops[cls] = ops.get(cls, 0) + 6 * n
        self.EXAMPLES = (
            Example(name, (tensor((2, 3, 4)), constant([-1])), {"keepdims": 0}, ops=ops),
            Example(
                name,
                (tensor((2, 3, 4)),),
                ops={
                    cls: dict(self._each).get(cls, 0) * 24 + dict(self._last).get(cls, 0)
                    for cls in dict.fromkeys([*dict(self._each), *dict(self._last)])
                },
            ),
        )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return the axes that are left, or 1 in place of each reduced one."""
        shape = required(inputs, 0).shape
        axes = self._axes(inputs, attrs)
        keep = attrs.get("keepdims", 1)
        return [tuple(1 if i in axes else n for i, n in enumerate(shape) if keep or i not in axes)]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work, cut between independent slices."""
        operands = positional(node, graph)
        operand = required(operands, 0)
        ops = dict((cls, n * operand.elements) for cls, n in self._each)
        for cls, n in self._last:
            ops[cls] = ops.get(cls, 0) + n * graph.results(node)[0].elements
        try:
            split = leading(operand.shape, self._axes(operands, node.attrs))
        except UnknownShape:  # the run computes the axes: nothing is known to be independent
            split = 1
        return (Elementwise(tuple(ops.items()), split=split),)

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the reduction over the axes, which are an attribute or an operand."""
        given = self.given(arrays, attrs, "axes")
        axes = axes_of([] if given is None else np.ravel(given).tolist(), attrs, arrays[0].ndim)
        result = _MEANING[self._name](arrays[0], axis=axes, keepdims=bool(attrs.get("keepdims", 1)))
        return [result.astype(arrays[0].dtype, copy=False)]

    def run(self, call: Call) -> list[np.ndarray]:
        """Return ReduceMean of stored integers as Σ(x − z), rescaled once by s/so with n in its mantissa.

        Others as ever.
        """
        if self._name != "ReduceMean" or not call.integer or call.numerics.elementwise != "integer":
            return super().run(call)
        if len(call.operands) > 1 or any(name not in BOUNDS for name in call.activations):
            raise NotExecuted("of integers is executed over constant axes")
        value, result, attrs = call.operand(0), call.results[0], call.node.attrs
        axes = axes_of(np.ravel(attrs.get("axes", ())).tolist(), attrs, value.array.ndim)
        whole = value.array.astype(np.int64) - value.zero_point
        total = whole.sum(axis=axes, keepdims=bool(attrs.get("keepdims", 1)))
        by = _divided(call.factors(value.scale), value.array.size // max(total.size, 1))
        return [call.arithmetic.store(total, by, call.result_quant()[1], call.bounds(), stored_type(result))]

    def _axes(self, inputs: Operands, attrs: Attrs) -> tuple[int, ...]:
        return axes_of(self.integers(inputs, attrs, "axes") or [], attrs, len(required(inputs, 0).shape))


def axes_of(given: Sequence[int], attrs: Attrs, rank: int) -> tuple[int, ...]:
    """Axes that are reduced, counted from the front: those given, else all or none."""
    if not given:
        return () if attrs.get("noop_with_empty_axes", 0) else tuple(range(rank))
    return tuple(sorted(axis_of(int(axis), rank) for axis in given))


@operator("ArgMax", "ArgMin")
class ArgMax(Op):
    """Index of the largest or smallest element of an axis: a comparison and a selection per element."""

    EXAMPLES = (
        Example("ArgMax", (tensor((2, 3, 4)),), {"axis": 1, "keepdims": 0}, ops={"max": 24, "logic": 24}),
        Example("ArgMin", (tensor((2, 3, 4)),), {"axis": -1}, ops={"max": 24, "logic": 24}),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return the operand's without the axis, or with 1 in its place."""
        shape = required(inputs, 0).shape
        axis = axis_of(attrs.get("axis", 0), len(shape))
        return [(*shape[:axis], *((1,) if attrs.get("keepdims", 1) else ()), *shape[axis + 1 :])]

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Return indices."""
        return ["int64"] * outputs

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work, cut between independent slices."""
        operand = required(positional(node, graph), 0)
        axis = axis_of(node.attrs.get("axis", 0), len(operand.shape))
        ops = (("max", operand.elements), ("logic", operand.elements))
        return (Elementwise(ops, split=leading(operand.shape, (axis,))),)

    def run(self, call: Call) -> list[np.ndarray]:
        """Return the first or last index of the largest or smallest stored value."""
        attrs, array = call.node.attrs, call.operand(0).array
        last = bool(attrs.get("select_last_index", 0))
        find = np.argmax if call.node.op == "ArgMax" else np.argmin
        axis, keep = axis_of(attrs.get("axis", 0), array.ndim), bool(attrs.get("keepdims", 1))
        found = find(np.flip(array, axis) if last else array, axis=axis, keepdims=keep)
        found = array.shape[axis] - 1 - found if last else found
        return [found.astype(stored_type(call.results[0]))]


@operator("TopK")
class TopK(Op):
    """The k largest along one axis, held in a heap: 1 + ceil(log2 k) comparisons per element."""

    EXAMPLES = (Example("TopK", (tensor((2, 16)), constant([5])), outputs=2, ops={"max": 32 * 4}),)
    keeps_values = True
    parameters = {1: "k"}

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return the operand's with k in place of the axis, for values and indices."""
        shape = required(inputs, 0).shape
        axis = axis_of(attrs.get("axis", -1), len(shape))
        result = (*shape[:axis], (self.integers(inputs, attrs, "k") or [0])[0], *shape[axis + 1 :])
        return [result, result]

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Values as the operand, indices int64."""
        return [required(inputs, 0).dtype, "int64"][:outputs]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work, cut between independent slices."""
        operands = positional(node, graph)
        operand = required(operands, 0)
        axis = axis_of(node.attrs.get("axis", -1), len(operand.shape))
        k = graph.results(node)[0].shape[axis]
        ops = (("max", operand.elements * (1 + max(k - 1, 0).bit_length())),)
        return (Elementwise(ops, split=leading(operand.shape, (axis,))),)

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the k largest or smallest and their indices, in order; of equal ones the first."""
        array, k = arrays[0], self.given(arrays, attrs, "k")
        axis = axis_of(attrs.get("axis", -1), array.ndim)
        if k is None:
            raise ValueError("it has no k")
        if attrs.get("largest", 1):  # sorted from the end, so that flipping puts the first of equals first
            order = np.argsort(np.flip(array, axis), axis=axis, kind="stable")
            order = np.flip(array.shape[axis] - 1 - order, axis)
        else:
            order = np.argsort(array, axis=axis, kind="stable")
        order = np.take(order, np.arange(int(k.item())), axis=axis)
        return [np.take_along_axis(array, order, axis=axis), order]


class _Cumulate(Op):
    parameters = {1: "axis"}
    _class: str
    _first: int
    _running: Callable[..., np.ndarray]

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of the operand."""
        return [required(inputs, 0).shape]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work, cut along the axes before the running one where it is known."""
        operands = positional(node, graph)
        operand = required(operands, 0)
        computed = optional(operands, 1) is not None and required(operands, 1).constant is None
        given = [0] if computed else self.integers(operands, node.attrs, "axis") or [0]
        axis = axis_of(given[0], len(operand.shape))
        return (Elementwise(((self._class, operand.elements),), split=prod(operand.shape[:axis])),)

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the running results; ``exclusive``: up to the element before; ``reverse``: from the end."""
        given = self.given(arrays, attrs, "axis")
        axis = 0 if given is None else axis_of(int(given.item()), arrays[0].ndim)
        array = np.flip(arrays[0], axis) if attrs.get("reverse", 0) else arrays[0]
        if attrs.get("exclusive", 0) and array.shape[axis]:
            before = np.take(array, np.arange(array.shape[axis] - 1), axis=axis)
            margins = [(int(i == axis), 0) for i in range(array.ndim)]
            array = np.pad(before, margins, constant_values=self._first)
        result = type(self)._running(array, axis=axis, dtype=array.dtype)
        return [np.flip(result, axis) if attrs.get("reverse", 0) else result]


@operator("CumSum")
class CumSum(_Cumulate):
    """Running sum along one axis: one addition per element."""

    EXAMPLES = (Example("CumSum", (tensor((2, 3, 4)), constant(1)), ops={"add": 24}),)
    _class, _first, _running = "add", 0, np.cumsum


@operator("CumProd")
class CumProd(_Cumulate):
    """Running product along one axis: one multiplication per element."""

    EXAMPLES = (Example("CumProd", (tensor((2, 3, 4)), constant(2)), ops={"mul": 24}),)
    _class, _first, _running = "mul", 1, np.cumprod


for _name in _KINDS:
    enter_op(Reduce(_name), _name)
