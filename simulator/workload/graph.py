"""The network as hardware-free, frozen nouns: nodes in topological order over named tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

from simulator.base.errors import InputError, Problem
from simulator.workload.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Node:
    """One operator instance.

    ``inputs`` and ``outputs`` are tensor names (``""``: an optional input left out). ``epilogue`` lists what
    was fused into it and is applied on the way out, in order: ``bias``, ``relu``, ``clip``, ``requant``, ...
    ``origin`` is the name of the composite node of the file that this one was decomposed from, or its own.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    epilogue: tuple[str, ...] = ()
    origin: str = ""


@dataclass(frozen=True)
class Graph:
    """A network: nodes in topological order, every tensor with a known shape.

    ``assumptions`` are sentences that a result must repeat, such as that a float network was taken as int8.
    ``native`` is the numerics profile of the runtime that the file's format belongs to.
    """

    name: str
    nodes: tuple[Node, ...]
    tensors: Mapping[str, Tensor]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    assumptions: tuple[str, ...] = ()
    digest: str = ""  # sha256 of the file and the binding of its free dimensions
    native: str = "onnxruntime"

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def operands(self, node: Node) -> list[Tensor]:
        """Input tensors of a node; inputs left out are skipped."""
        return [self.tensors[name] for name in node.inputs if name]

    def results(self, node: Node) -> list[Tensor]:
        """Output tensors of a node; outputs that nobody named are skipped."""
        return [self.tensors[name] for name in node.outputs if name]

    @cached_property
    def producer(self) -> dict[str, int]:
        """Tensor name -> index of the node that writes it (inputs and constants are absent)."""
        return {name: i for i, node in enumerate(self.nodes) for name in node.outputs if name}

    @cached_property
    def consumers(self) -> dict[str, tuple[int, ...]]:
        """Tensor name -> indices of the nodes that read it, ascending, each once."""
        readers: dict[str, list[int]] = {}
        for i, node in enumerate(self.nodes):
            for name in dict.fromkeys(node.inputs):
                if name:
                    readers.setdefault(name, []).append(i)
        return {name: tuple(where) for name, where in readers.items()}

    def with_tensors(self, tensors: Mapping[str, Tensor], *assumptions: str) -> Graph:
        """Return the graph over other tensors (a change of precision), and sentences added to assumptions."""
        return replace(self, tensors=dict(tensors), assumptions=(*self.assumptions, *assumptions))


def sort_nodes(nodes: list[Node], known: set[str], file: str | None = None) -> tuple[Node, ...]:
    """Nodes in a topological order that keeps the given order where it can.

    Parameters
    ----------
    nodes
        Nodes in any order.
    known
        Tensor names that exist without a node: inputs and constants.
    file
        Named in the message.

    Raises
    ------
    InputError
        A tensor has no producer, has two, or nodes wait for each other in a cycle.
    """
    problems: list[Problem] = []
    producer: dict[str, Node] = {}
    for node in nodes:
        for out in node.outputs:
            if out and (out in producer or out in known):
                other = f"node '{producer[out].name}'" if out in producer else "an input or constant"
                text = f"tensor '{out}' is written by node '{node.name}' and by {other}"
                problems.append(Problem(text, file))
            producer[out] = node
    for node in nodes:
        problems += [
            Problem(f"node '{node.name}' ({node.op}) reads tensor '{name}', which nothing writes", file)
            for name in node.inputs
            if name and name not in known and name not in producer
        ]
    if problems:
        raise InputError(*problems)
    return _kahn(nodes, known, file)


def _kahn(nodes: list[Node], known: set[str], file: str | None) -> tuple[Node, ...]:
    ready = set(known) | {""}
    pending, ordered = nodes, []
    while pending:
        rest = []
        for node in pending:
            if all(name in ready for name in node.inputs):
                ordered.append(node)
                ready.update(node.outputs)
            else:
                rest.append(node)
        if len(rest) == len(pending):
            names = ", ".join(f"'{node.name}'" for node in rest[:5])
            more = f" and {len(rest) - 5} more" if len(rest) > 5 else ""
            raise InputError(Problem(f"the graph has a cycle through or before nodes {names}{more}", file))
        pending = rest
    return tuple(ordered)
