"""What an operator is: a rule for shapes, and the work it means to hardware. Operators never name cores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from simulator.base.registry import Registry
from simulator.workload.call import Call, NotExecuted
from simulator.workload.graph import Graph, Node
from simulator.workload.tensor import FLOATS, NUMPY, Constant, Tensor
from simulator.workload.work import Move, Work

Attrs = Mapping[str, Any]
Operands = Sequence[Tensor | None]  # in the operator's order; None: an optional input left out
Shape = tuple[int, ...]


class UnknownShape(ValueError):
    """The shape of a result depends on a value that exists only during the run."""


@dataclass(frozen=True)
class Example:
    """A small case of an operator: what the contract tests check it with, and what shows how it is meant.

    ``shapes`` is needed where the onnx package has no shape rule for the operator. ``macs`` and ``ops``
    (count per operation class) are the closed form, written as a product where it says more; ``moved`` is
    (read, written) bytes.
    """

    op: str
    inputs: tuple[Tensor | None, ...]
    attrs: Attrs = field(default_factory=dict)
    outputs: int = 1
    shapes: tuple[Shape, ...] | None = None
    macs: int = 0
    ops: Mapping[str, int] = field(default_factory=dict)
    moved: tuple[int, int] | None = None


class Op:
    """An operator type; one object may serve several ONNX names. Stateless."""

    EXAMPLES: Sequence[Example] = ()
    formula: str = ""
    #: No data moves: the result is the operand's bytes under another shape. ``work`` returns ().
    alias: bool = False
    #: Computes values, so that an activation can be applied on the way out. False: only moves them.
    arithmetic: bool = True
    #: Every result is one of the operand's values (Relu, MaxPool, moves): quantization parameters pass
    #: through.
    keeps_values: bool = False
    #: Operands that configure the operator (axes, pads, target shapes) -> attribute that holds their value
    #: instead where it is known before the run; readers move it there, so that no such operand is loaded as
    #: data.
    parameters: Mapping[int, str] = MappingProxyType({})
    #: Every result element depends on the element of the one operand in its place, and on nothing else.
    pointwise: bool = False

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Shapes of all results that the operator can have, in order.

        Raises
        ------
        UnknownShape
            It depends on the value of an operand that is not constant.
        ValueError
            The operands do not fit the operator.
        """
        raise NotImplementedError(f"{type(self).__name__} states no shape rule")

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Element types of the results; that of the first operand unless the operator says otherwise."""
        return [required(inputs, 0).dtype] * outputs

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """Return what hardware has to do for one node, without its epilogue."""
        raise NotImplementedError(f"{type(self).__name__} states no work")

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Results for plain numbers, in numpy: what the operator means.

        Parameters
        ----------
        arrays
            Operands in the operator's order, None for those left out; float32, or integers where values are
            only chosen or moved.
        attrs
            As those of the node.

        Raises
        ------
        NotExecuted
            The operator has a model for timing alone.
        """
        raise NotExecuted("has a model for timing, and none for its values")

    def run(self, call: Call) -> list[np.ndarray]:
        """Results of a node as they are stored: ``values``, and what ``Call.finish`` adds to them."""
        return call.finish(self)

    def numbers(self, inputs: Operands, attrs: Attrs, name: str) -> list[float] | None:
        """Values of one of ``parameters``, flattened; None if it was left out.

        Raises
        ------
        UnknownShape
            It is computed during the run.
        """
        if name in attrs:
            return np.ravel(attrs[name]).tolist()
        given = optional(
            inputs, next((i for i, known in self.parameters.items() if known == name), len(inputs))
        )
        if given is None:
            return None
        if given.constant is None:
            raise UnknownShape(
                f"it depends on the value of tensor '{given.name}', which is computed during the run"
            )
        return np.ravel(given.constant.array()).tolist()

    def given(self, arrays: Sequence[Any], attrs: Attrs, name: str) -> np.ndarray | None:
        """Value of one of ``parameters`` during the run; None if it was left out."""
        if name in attrs:
            return np.asarray(attrs[name])
        at = next(i for i, known in self.parameters.items() if known == name)
        return arrays[at] if at < len(arrays) else None

    def integers(self, inputs: Operands, attrs: Attrs, name: str) -> list[int] | None:
        """As ``numbers``, as integers."""
        found = self.numbers(inputs, attrs, name)
        return None if found is None else [int(value) for value in found]


OPS = Registry("operators", package="simulator.workload.ops")

OpClass = TypeVar("OpClass", bound=type[Op])


def operator(*names: str) -> Callable[[OpClass], OpClass]:
    """Enter one object of the decorated class under every given ONNX operator name."""

    def enter(cls: OpClass) -> OpClass:
        op = cls()
        for name in names:
            OPS.register(name)(op)
        return cls

    return enter


def enter_op(op: Op, name: str) -> None:
    """Enter an operator object of a table, which its formula describes."""
    op.__doc__ = f"{op.formula}."
    OPS.register(name)(op)


def is_modelled(op_name: str) -> bool:
    """Whether an operator has a model; what has none is costed as a move of its data and must be reported."""
    return op_name in OPS


def is_alias(op_name: str) -> bool:
    """Whether an operator moves no data: its result is its operand under another shape."""
    return op_name in OPS and OPS[op_name].alias


def work_of(node: Node, graph: Graph) -> tuple[Work, ...]:
    """Work of a node; for an operator without a model, moving what it reads and writes."""
    if node.op in OPS:
        return OPS[node.op].work(node, graph)
    read = sum(tensor.bytes for tensor in graph.operands(node))
    results = graph.results(node)
    return (Move(read, sum(tensor.bytes for tensor in results), rows(results[0]) if results else 1),)


def positional(node: Node, graph: Graph) -> list[Tensor | None]:
    """Operands of a node in the operator's order, with None for those left out."""
    return [graph.tensors[name] if name else None for name in node.inputs]


def required(inputs: Operands, index: int) -> Tensor:
    """Operand that the operator cannot do without.

    Raises
    ------
    ValueError
        It is absent.
    """
    tensor = inputs[index] if index < len(inputs) else None
    if tensor is None:
        raise ValueError(f"operand {index + 1} is missing")
    return tensor


def optional(inputs: Operands, index: int) -> Tensor | None:
    """Operand that may have been left out."""
    return inputs[index] if index < len(inputs) else None


def axis_of(axis: int, rank: int) -> int:
    """Axis counted from the front.

    Raises
    ------
    ValueError
        There is no such axis.
    """
    if not -rank <= axis < max(rank, 1):
        raise ValueError(f"axis {axis} does not exist in a tensor of {rank} dimensions")
    return axis % max(rank, 1)


def rows(tensor: Tensor) -> int:
    """Slices along all axes but the last; how finely a move can be cut."""
    return max(1, tensor.elements // tensor.shape[-1]) if tensor.shape and tensor.shape[-1] else 1


def multiplication(first: Tensor, second: Tensor) -> str:
    """Name of the multiplication of two operands: the wider element type; a float, if one is a float."""
    candidates = [operand for operand in (first, second) if operand.dtype in FLOATS] or [first, second]
    return max(candidates, key=lambda operand: operand.bits).dtype.removeprefix("u")


def tensor(shape: Shape, dtype: str = "fp32", name: str = "x") -> Tensor:
    """Operand of an example, computed during the run."""
    return Tensor(name, shape, dtype)


def constant(value: Any, dtype: str = "int64", name: str = "c") -> Tensor:
    """Operand of an example, with its value."""
    array: np.ndarray = np.asarray(value, NUMPY[dtype])
    return Tensor(name, array.shape, dtype, constant=Constant(lambda: array))
