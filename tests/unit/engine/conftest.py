"""Programs by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from simulator.hw.chip import Chip
from simulator.hw.tiling import NO_OPS, tile_row
from simulator.mapping.builder import Builder
from simulator.mapping.lower import lower
from simulator.mapping.plan import plan
from simulator.mapping.program import Program
from simulator.mapping.schedule import Place
from simulator.workload.graph import Graph, Node
from simulator.workload.tensor import Tensor

NODES = ("a", "b", "c")
Span = tuple[str, int, int]


def _chain() -> Graph:
    """Three activations one after the other, named as ``NODES``."""
    tensors = {f"t{i}": Tensor(f"t{i}", (4, 4), "int8") for i in range(len(NODES) + 1)}
    nodes = tuple(Node(name, "Relu", (f"t{i}",), (f"t{i + 1}",)) for i, name in enumerate(NODES))
    return Graph("by hand", nodes, tensors, ("t0",), (f"t{len(NODES)}",))


DRAM = Place("dram", 0, 1 << 20)


class Sheet:
    """Commands in program order; the node of each is the one given last."""

    def __init__(self, chip: Chip) -> None:
        self.chip, self.node = chip, 0
        self.builder = Builder(chip, NODES)
        self.about = lower(plan(_chain(), chip)).about
        self.builder.hold("dram", 0, 64 * 1024)

    def load(self, size: int, address: int, far: int = 0) -> Sheet:
        """Bytes of the DRAM to the SRAM."""
        self.builder.load("dma", DRAM, self.node, [(far, size)], [("sram", address)])
        return self

    def store(self, size: int, address: int, far: int = 64 * 1024) -> Sheet:
        """Bytes of the SRAM to the DRAM."""
        self.builder.store("dma", DRAM, self.node, [(far, size)], [("sram", address)])
        return self

    def lanes(self, operations: int, reads: Sequence[Span] = (), writes: Sequence[Span] = ()) -> Sheet:
        """So many additions on ``lanes``."""
        tile = tile_row(ops=(operations, *NO_OPS[1:]))
        self.builder.compute("lanes", self.node, tile, reads, writes)
        return self

    def at(self, node: int) -> Sheet:
        """What follows belongs to this node."""
        self.node = node
        return self

    def program(self) -> Program:
        """All of it, checked."""
        program = self.builder.finish(np.zeros(len(NODES), np.int64), self.about)
        program.check()
        return program


@pytest.fixture
def sheet(small: Callable[..., Chip]) -> Callable[..., Sheet]:
    """Begin a program for the small chip under overrides."""
    return lambda overrides=None: Sheet(small(overrides))
