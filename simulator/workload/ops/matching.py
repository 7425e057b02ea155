"""Pattern matching: prototypes that are learned, compared with vectors, written in, and read out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from simulator.workload import neurons
from simulator.workload.call import Call
from simulator.workload.graph import Graph, Node
from simulator.workload.op import Attrs, Example, Op, Operands, Shape, operator, positional, required, tensor
from simulator.workload.work import Match, Work

_STORED = (tensor((8, 6), "uint8", "prototypes"), tensor((8, 4), "int32", "registers"))


class _Matching(Op):
    """What operators on stored prototypes have in common.

    ``counts`` among the attributes is what happened when the node was executed (class of
    ``work.MATCH_CLASSES`` -> count); it takes the place of what is assumed where nothing was executed.
    """

    STORE: ClassVar[int]  # the operand that holds prototypes, the registers come behind it

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One work of matching."""
        operands = positional(node, graph)
        counts = {**self.assumed(operands, node.attrs), **node.attrs.get("counts", {})}
        stored, components = self.store(operands, node.attrs)
        split = required(operands, 0).shape[0]
        return (Match(tuple((k, v) for k, v in counts.items() if v), stored, components, max(1, split)),)

    def store(self, operands: Operands, attrs: Attrs) -> tuple[int, int]:
        """Neurons, and components of each."""
        rows, columns = required(operands, self.STORE).shape
        return rows, columns

    def assumed(self, operands: Operands, attrs: Attrs) -> Mapping[str, int]:
        """Counts by shapes alone: every neuron compares, no vector is identified."""
        raise NotImplementedError(f"{type(self).__name__} states no counts")


def _fit(operands: Operands, index: int, components: int) -> tuple[int, int]:
    """(neurons, components) of stored prototypes, which registers and vectors must fit."""
    stored, registers = required(operands, index).shape, required(operands, index + 1).shape
    if len(stored) != 2 or stored[1] != components or registers != (stored[0], neurons.REGISTERS):
        raise ValueError(
            f"prototypes {list(stored)} and registers {list(registers)} do not fit vectors of {components} "
            "components"
        )
    return stored[0], stored[1]


def _vectors(operands: Operands) -> tuple[int, int]:
    """(vectors, components) of the first operand."""
    shape = required(operands, 0).shape
    if len(shape) != 2:
        raise ValueError(f"expected vectors x components, got {list(shape)}")
    return shape[0], shape[1]


@operator("MatchLearn")
class MatchLearn(_Matching):
    """Vectors are taught one after the other: neurons commit, or shrink their influence field.

    Operands: vectors, their categories, and what the neurons hold already, if anything: prototypes and
    registers. Results: prototypes, registers, and what each vector did (columns of ``neurons.TOLD``), epoch
    by epoch. Attributes: ``neurons`` that there are, ``context``, ``norm`` (0: L1, 1: Lsup), ``minif``,
    ``maxif``, ``epochs``.
    """

    STORE = 2
    EXAMPLES = (
        Example(
            "MatchLearn",
            (tensor((5, 6), "uint8"), tensor((5,), "uint16", "categories")),
            {"neurons": 8, "context": 1, "norm": 0, "minif": 2, "maxif": 99, "epochs": 2},
            outputs=3,
            shapes=((8, 6), (8, 4), (2, 5, 6)),
        ),
        Example(
            "MatchLearn",
            (tensor((5, 6), "uint8"), tensor((5,), "uint16", "categories"), *_STORED),
            {"neurons": 8, "context": 1, "norm": 1, "minif": 2, "maxif": 99, "epochs": 1},
            outputs=3,
            shapes=((8, 6), (8, 4), (1, 5, 6)),
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Prototypes, registers and what was told."""
        vectors, components = _vectors(inputs)
        if required(inputs, 1).shape != (vectors,):
            raise ValueError(f"categories {list(required(inputs, 1).shape)} do not fit {vectors} vectors")
        stored = attrs["neurons"]
        if len(inputs) > self.STORE:
            stored, _ = _fit(inputs, self.STORE, components)
        told = (attrs["epochs"], vectors, neurons.TOLD)
        return [(stored, components), (stored, neurons.REGISTERS), told]

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Bytes, and integers."""
        return ["uint8", "int32", "int32"][:outputs]

    def store(self, operands: Operands, attrs: Attrs) -> tuple[int, int]:
        """As many neurons as there are, whether they hold something already or not."""
        return attrs["neurons"], required(operands, 0).shape[1]

    def assumed(self, operands: Operands, attrs: Attrs) -> Mapping[str, int]:
        """Every vector commits a neuron as long as there are free ones, and finds none that knows it."""
        vectors, components = _vectors(operands)
        taught, free = vectors * attrs["epochs"], attrs["neurons"]
        commits = min(vectors, free)
        heard = commits * (commits - 1) // 2 + (taught - commits) * commits
        return {
            "vector": taught,
            "component": taught * components,
            "onto_empty": min(taught, 1),
            "compare": heard * components,
            "teach": taught,
            "commit": commits,
        }

    def run(self, call: Call) -> list[np.ndarray]:
        """Teach all vectors, epoch after epoch."""
        attrs, vectors = call.node.attrs, call.operand(0).array
        stored = call.optional(self.STORE)
        if stored is None:
            prototypes, registers = neurons.blank(attrs["neurons"], vectors.shape[1])
        else:
            prototypes, registers = stored.array.copy(), call.operand(self.STORE + 1).array.copy()
        categories = call.operand(1).array.astype(np.int32)
        rules = attrs["context"], attrs["norm"], attrs["minif"], attrs["maxif"]
        told = [
            call.arithmetic.learn(vectors, categories, prototypes, registers, *rules)
            for _ in range(attrs["epochs"])
        ]
        return [prototypes, registers, np.stack(told)]


@operator("Match")
class MatchNearest(_Matching):
    """Vectors are compared with all prototypes; the nearest answer, the smaller category among equal ones.

    Operands: vectors, prototypes, registers. Results: categories, distances and identifiers of the answers,
    whether they come from a degenerate neuron, and the status of each vector. Attributes: ``context``,
    ``norm``, ``nearest`` (KNN; else RCE), ``k`` answers per vector, 0: the status alone.
    """

    STORE = 1
    EXAMPLES = (
        Example(
            "Match",
            (tensor((5, 6), "uint8"), *_STORED),
            {"context": 1, "norm": 0, "nearest": False, "k": 3},
            outputs=5,
            shapes=((5, 3), (5, 3), (5, 3), (5, 3), (5,)),
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Answers per vector, and a status."""
        vectors, components = _vectors(inputs)
        _fit(inputs, self.STORE, components)
        return [(vectors, attrs["k"])] * 4 + [(vectors,)]

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Registers of 16 bits, identifiers of 24, flags, and the chip's status bits."""
        return ["uint16", "uint16", "int32", "bool", "uint8"][:outputs]

    def assumed(self, operands: Operands, attrs: Attrs) -> Mapping[str, int]:
        """Every neuron compares; no vector is identified."""
        vectors, components = _vectors(operands)
        stored, _ = self.store(operands, attrs)
        answers = vectors * attrs["k"]
        asked = {"distance": answers, "category": answers} if answers else {"status": vectors}
        seen = {"vector": vectors, "component": vectors * components}
        return {**seen, "compare": stored * vectors * components, **asked}

    def run(self, call: Call) -> list[np.ndarray]:
        """Answers, categories without the degenerate bit but where nothing answered."""
        attrs, arrays = call.node.attrs, [call.operand(i).array for i in range(3)]
        rules = attrs["context"], attrs["norm"], attrs["nearest"], attrs["k"]
        far, raw, identifiers, status = call.arithmetic.recognize(*arrays, *rules)
        degenerate = (raw & neurons.DEGENERATE_BIT != 0) & (raw != neurons.NOTHING)
        category = np.where(degenerate, raw & ~neurons.DEGENERATE_BIT, raw).astype(np.uint16)
        results = [category, far.astype(np.uint16), identifiers, degenerate, status]
        return [result for result, name in zip(results, call.node.outputs, strict=True) if name]


class _Moved(_Matching):
    """Prototypes and registers pass as they are, one neuron after the other."""

    STORE = 0
    MOVED: ClassVar[str]

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Those of the operands."""
        stored, components = _vectors(inputs)
        _fit(inputs, self.STORE, components)
        return [(stored, components), (stored, neurons.REGISTERS)]

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Those of the operands."""
        return ["uint8", "int32"][:outputs]

    def assumed(self, operands: Operands, attrs: Attrs) -> Mapping[str, int]:
        """All neurons that there are."""
        return {"session": 1, self.MOVED: self.store(operands, attrs)[0]}

    def run(self, call: Call) -> list[np.ndarray]:
        """The same values."""
        return [call.operand(0).array, call.operand(1).array]


@operator("MatchSave")
class MatchSave(_Moved):
    """What the neurons hold is read out, so that it can be written back later."""

    MOVED = "save"
    EXAMPLES = (Example("MatchSave", _STORED, outputs=2, shapes=((8, 6), (8, 4))),)


@operator("MatchRestore")
class MatchRestore(_Moved):
    """What was read out before is written into the neurons."""

    MOVED = "restore"
    EXAMPLES = (Example("MatchRestore", _STORED, outputs=2, shapes=((8, 6), (8, 4))),)
