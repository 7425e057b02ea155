"""A network between the file and the finished Graph: its nodes so far, and tensors with their shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from simulator.base.errors import Problem
from simulator.workload.frontends.tflite.read import Source
from simulator.workload.graph import Node
from simulator.workload.op import OPS
from simulator.workload.tensor import Constant, Quant, Tensor


class Draft:
    """Nodes in the file's order over its tensors by name.

    ``ratio`` is (leading extent in the file, leading extent asked for) where the batch changes.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.nodes: list[Node] = []
        self.tensors = {tensor.name: tensor for tensor in source.tensors}
        self.ratio: tuple[int, int] | None = None

    def resize(self, batch: int) -> None:
        """Give every input another leading extent."""
        for index in self.source.inputs:
            tensor = self.source.tensors[index]
            if not tensor.shape:
                raise self.source.problem(f"input '{tensor.name}' has no axis for a batch")
            self.ratio = (tensor.shape[0], batch)
            self.tensors[tensor.name] = replace(tensor, shape=(batch, *tensor.shape[1:]))

    def problem(self, index: int, text: str) -> Problem:
        """Problem that names an operator of the file."""
        code = self.source.operators[index].code
        return Problem(f"node '{node_name(index, code)}' ({code}): {text}", str(self.source.path))

    def tensor(self, index: int) -> Tensor:
        """Tensor of an index of the file."""
        return self.tensors[self.source.tensors[index].name]

    def integers(self, index: int) -> list[int]:
        """Values of a constant operand.

        Raises
        ------
        ValueError
            It is computed during the run.
        """
        tensor = self.tensor(index)
        if tensor.constant is None:
            raise ValueError(f"it depends on the value of tensor '{tensor.name}', computed during the run")
        return [int(value) for value in np.ravel(tensor.constant.array())]

    def batched(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape that the file states, with the batch asked for."""
        if self.ratio and shape and shape[0] == self.ratio[0]:
            return (self.ratio[1], *shape[1:])
        return shape

    def derive(
        self,
        tensor: Tensor,
        suffix: str,
        make: Callable[[np.ndarray], np.ndarray],
        shape: tuple[int, ...],
        quant: Quant | None,
    ) -> str:
        """Enter a constant made of another, and return its name; it is computed when asked for."""
        constant = tensor.constant
        if constant is None:
            raise ValueError(f"tensor '{tensor.name}' must be constant")
        name = f"{tensor.name}.{suffix}"
        value = Constant(lambda: np.ascontiguousarray(make(constant.array())))
        self.tensors[name] = Tensor(name, shape, tensor.dtype, quant, value)
        return name

    def middle(self, name: str, like: Tensor, shape: tuple[int, ...]) -> str:
        """Enter a computed tensor that the file does not have."""
        self.tensors[name] = Tensor(name, shape, like.dtype, like.quant)
        return name

    def add(
        self,
        index: int,
        op: str,
        inputs: list[str],
        outputs: list[str],
        attrs: Mapping[str, Any] | None = None,
        epilogue: tuple[str, ...] = (),
        suffix: str = "",
    ) -> None:
        """Append a node whose results get the shapes that follow from its operands.

        Raises
        ------
        ValueError
            The operands do not fit, or the shapes are not those of the file.
        """
        attrs = dict(attrs or {})
        name = node_name(index, self.source.operators[index].code)
        operands = [self.tensors[each] if each else None for each in inputs]
        shapes = OPS[op].shape(operands, attrs)
        for each, shape in zip(outputs, shapes, strict=False):
            tensor = self.tensors[each]
            if self.ratio is None and tensor.shape != shape:
                text = f"the file states {list(tensor.shape)}, operands and options give {list(shape)}"
                raise ValueError(f"result '{each}': {text}")
            self.tensors[each] = replace(tensor, shape=shape)
        self.nodes.append(Node(name + suffix, op, tuple(inputs), tuple(outputs), attrs, epilogue, name))


def node_name(index: int, code: str) -> str:
    """Name of an operator, which the file does not give: its kind and place."""
    return f"{code.lower()}_{index}"
