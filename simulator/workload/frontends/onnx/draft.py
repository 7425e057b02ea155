"""A network between the file and the finished Graph: what the passes of the ONNX reader change in place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from simulator.base.errors import InputError, Problem
from simulator.workload.graph import Node
from simulator.workload.tensor import Constant, Tensor


@dataclass
class Draft:
    """Nodes in topological order over tensors whose shapes are known.

    ``extras`` names, for a weight tensor, further tensors that whoever reads it has to read too (block
    scales). ``resized`` is (batch in the file, batch asked for) where the reader changes a batch that the
    file fixes. ``made`` are the tensors that are not in the file.
    """

    file: str
    opset: int
    nodes: list[Node] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    extras: dict[str, tuple[str, ...]] = field(default_factory=dict)
    resized: tuple[int, int] | None = None
    assumptions: list[str] = field(default_factory=list)
    made: set[str] = field(default_factory=set)

    def problem(self, node: Node, text: str) -> InputError:
        """Error that names a node of the file."""
        return InputError(Problem(f"node '{node.origin or node.name}' ({node.op}): {text}", self.file))

    def uses(self) -> Counter[str]:
        """How often each tensor is read; being a result of the network counts as one."""
        count = Counter(name for node in self.nodes for name in node.inputs if name)
        count.update(self.outputs)
        return count

    def add(
        self,
        wanted: str,
        shape: tuple[int, ...],
        dtype: str,
        make: Callable[[], np.ndarray] | None,
        over: str = "",
    ) -> str:
        """Enter a tensor under the wanted name or one like it, and return the name.

        ``make`` computes it if it is constant; ``over`` is a tensor that it may take the place of, if that
        was entered here as well: nothing else reads those.
        """
        name = wanted
        while name in self.tensors and not (name == over and over in self.made):
            name += "_"
        self.made.add(name)
        self.tensors[name] = Tensor(name, shape, dtype, constant=Constant(make) if make else None)
        return name

    def value(self, name: str) -> np.ndarray | None:
        """Value of a constant, None if there is no such tensor or it is computed during the run."""
        tensor = self.tensors.get(name)
        return tensor.constant.array() if tensor and tensor.constant else None

    def rename(self, names: dict[str, str]) -> None:
        """Let every node read and write under new names."""
        if names:
            self.nodes = [
                replace(
                    node,
                    inputs=tuple(names.get(name, name) for name in node.inputs),
                    outputs=tuple(names.get(name, name) for name in node.outputs),
                )
                for node in self.nodes
            ]
