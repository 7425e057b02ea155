"""Two profiles on one network: how many outputs differ, where the first difference arises, which nodes do.

A node differs *by itself* if it gives other numbers from the same operands; what it passes on of the
differences before it is not counted there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simulator.workload.execute import execute, samples_of
from simulator.workload.graph import Graph, Node
from simulator.workload.numerics import Numerics, profile


@dataclass(frozen=True, slots=True)
class Apart:
    """How one tensor differs: elements of it, differing ones, and the largest difference as stored."""

    tensor: str
    node: str
    op: str
    elements: int
    differing: int
    largest: float


@dataclass(frozen=True)
class Difference:
    """A profile beside another on one network.

    Attributes
    ----------
    base, other
        Names of the profiles.
    samples
        Inputs that both were given.
    outputs
        Every network output.
    first
        The first tensor, in the order of execution, that differs; None if none does.
    sources
        Results of the nodes that differ by themselves, given the operands of ``base``, in order of execution.
    deciding
        Samples of which the largest element of the first output is another; None for outputs of one element.
    """

    base: str
    other: str
    samples: int
    outputs: tuple[Apart, ...]
    first: Apart | None
    sources: tuple[Apart, ...]
    deciding: int | None


def compare_profiles(
    graph: Graph, inputs: Mapping[str, np.ndarray], base: str | Numerics, others: Sequence[str | Numerics]
) -> list[Difference]:
    """Every one of some profiles beside a base; inputs as for ``execute``.

    Raises
    ------
    InputError
        Inputs do not fit, there is no such profile, or a node cannot be executed under one.
    """
    base, chosen = profile(base), [profile(other) for other in others]
    tallies = [_Tally(graph) for _ in chosen]
    samples = samples_of(graph, inputs)
    for feeds in samples:
        here = {**feeds, **execute(graph, feeds, base, all_tensors=True).tensors}
        for tally, other in zip(tallies, chosen, strict=True):
            tally.add(feeds, here, other)
    return [
        tally.difference(base.name, other.name, len(samples))
        for tally, other in zip(tallies, chosen, strict=True)
    ]


class _Tally:
    """Differences of one profile, summed over samples."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.overall: dict[str, Apart] = {}
        self.alone: dict[str, Apart] = {}
        self.deciding = 0

    def add(self, feeds: Mapping[str, np.ndarray], here: Mapping[str, np.ndarray], other: Numerics) -> None:
        """Execute a sample under the other profile: the network, and node by node on the base's operands."""
        there = execute(self.graph, feeds, other, all_tensors=True).tensors
        for node in self.graph:
            own = self._by_itself(node, here, other)
            for name in node.outputs:
                if name:
                    _count(self.overall, name, node, here[name], there[name])
                    _count(self.alone, name, node, here[name], own[name])
        output = self.graph.outputs[0]
        self.deciding += int(here[output].argmax() != there[output].argmax())

    def _by_itself(
        self, node: Node, here: Mapping[str, np.ndarray], other: Numerics
    ) -> Mapping[str, np.ndarray]:
        given = tuple(dict.fromkeys(name for name in node.inputs if name in here))
        results = tuple(name for name in node.outputs if name)
        alone = replace(self.graph, nodes=(node,), inputs=given, outputs=results)
        return execute(alone, {name: here[name] for name in given}, other).outputs

    def difference(self, base: str, other: str, samples: int) -> Difference:
        """What was found."""
        outputs = tuple(self.overall[name] for name in self.graph.outputs if name in self.overall)
        return Difference(
            base=base,
            other=other,
            samples=samples,
            outputs=outputs,
            first=next((apart for apart in self.overall.values() if apart.differing), None),
            sources=tuple(apart for apart in self.alone.values() if apart.differing),
            deciding=self.deciding if outputs and outputs[0].elements > samples else None,
        )


def _count(into: dict[str, Apart], name: str, node: Node, here: np.ndarray, there: np.ndarray) -> None:
    """Add a sample of one tensor."""
    before = into.get(name, Apart(name, node.name, node.op, 0, 0, 0.0))
    same = (here == there) | ((here != here) & (there != there))
    apart = np.abs(np.where(same, 0, here).astype(np.float64) - np.where(same, 0, there))
    into[name] = replace(
        before,
        elements=before.elements + here.size,
        differing=before.differing + int(same.size - np.count_nonzero(same)),
        largest=max(before.largest, float(apart.max(initial=0.0))),
    )
