"""Graphs of pattern matching: restore, learn, recognize, save; what is not asked for is left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simulator.base.errors import InputError, Problem
from simulator.workload import neurons
from simulator.workload.arrays import read_table
from simulator.workload.frontends.matching.args import Matching
from simulator.workload.frontends.matching.data import Samples, make_samples, read_knowledge
from simulator.workload.graph import Graph, Node
from simulator.workload.op import OPS
from simulator.workload.tensor import Constant, Tensor

#: Inputs of the graph: what is taught, its categories, what is recognized.
TAUGHT, CATEGORIES, VECTORS = "taught", "categories_taught", "vectors"
#: What the neurons hold after all that is restored and learned: what `execute` writes, and restores.
STATE = ("prototypes", "registers")
#: Outputs of recognition.
ANSWERS = ("categories", "distances", "identifiers", "degenerate", "status")


@dataclass(frozen=True)
class Size:
    """Rows that are taught and recognized, components of each, neurons that there are."""

    taught: int
    recognized: int
    components: int
    neurons: int


def build(args: Matching, name: str) -> Graph:
    """The graph for the data that the arguments name, or for the sizes that they state."""
    samples = None
    if args.data:
        samples = make_samples(args, read_table(args.data, args.labels, args.vectors), args.data)
    return build_sized(args, name, size_of(args, samples, args.neurons, args.components))


def size_of(args: Matching, samples: Samples | None, stored: int, most: int) -> Size:
    """How much is taught and recognized.

    Parameters
    ----------
    args, samples
        The arguments, and the data if there are any.
    stored, most
        Neurons that there are, and components that each stores.

    Raises
    ------
    InputError
        There are fewer rows than are asked for, vectors that no neuron can hold, or nothing to match with.
    """
    problems: list[Problem] = []

    def wrong(path: str, text: str) -> None:
        """Enter a problem of an argument."""
        problems.append(Problem(text, path=f"args.{path}"))

    components = args.length if samples is None else samples.vectors.shape[1]
    if components is None:
        wrong("data", "expected a file of vectors here or with --inputs, or `length` for sizes alone")
    elif args.length not in (None, components):
        wrong("length", f"{args.length} stated, the vectors have {components} components")
    elif components > most:
        text = f"a neuron stores at most {most} components, the vectors have {components}"
        file = None if samples is None else samples.file
        problems.append(Problem(text, file) if file else Problem(text, path="args.length"))
    left = None if samples is None else len(samples.vectors) - args.learn
    recognized = left if args.recognize is None else args.recognize
    if left is not None and left < 0:
        wrong("learn", f"{args.learn} rows to learn, the data have {left + args.learn}")
    elif left is not None and args.recognize is not None and args.recognize > left:
        wrong("recognize", f"{args.recognize} rows to recognize, {left} are left after those to learn")
    elif recognized is None:
        wrong("recognize", "expected a number of vectors where there are no data")
    if not args.learn and not args.knowledge and samples is not None:
        wrong("learn", "no neuron would hold anything: teach some rows, or name the file of a `knowledge`")
    elif not args.learn and not recognized and not args.save:
        wrong("learn", "nothing is taught and nothing recognized")
    if problems:
        raise InputError(*problems)
    assert components is not None
    assert recognized is not None
    return Size(args.learn, recognized, components, stored)


def build_sized(args: Matching, name: str, size: Size) -> Graph:
    """The graph of known sizes.

    Raises
    ------
    InputError
        The file of the knowledge is not as it should be.
    """
    norm = neurons.NORMS.index(args.norm)
    held = None
    if args.knowledge:
        held = read_knowledge(args.knowledge, size.neurons, size.components)
    net = _Net(size)
    stored = net.stored(held) if held is not None or not size.taught else ()
    if held is not None:
        count = {"counts": {"restore": neurons.count_committed(held[1])}}
        names = ("restored", "restored_registers") if size.taught else STATE
        stored = net.add("restore", "MatchRestore", stored, names, count)
    if size.taught:
        rules = {"minif": args.minif, "maxif": args.maxif, "epochs": args.epochs, "neurons": size.neurons}
        rules |= {"context": args.context, "norm": norm}
        vectors = net.entry(TAUGHT, (size.taught, size.components), "uint8")
        operands = (vectors, net.entry(CATEGORIES, (size.taught,), "uint16"), *stored)
        stored = net.add("learn", "MatchLearn", operands, (*STATE, "learning"), rules)[:2]
    if size.recognized:
        asked = {"context": args.context, "norm": norm, "nearest": args.mode == "knn", "k": args.k}
        vectors = net.entry(VECTORS, (size.recognized, size.components), "uint8")
        answers = ANSWERS if args.k else ("", "", "", "", ANSWERS[-1])
        net.add("recognize", "Match", (vectors, *stored), answers, asked)
    if args.save:
        net.add("save", "MatchSave", stored, ("saved", "saved_registers"), {})
    outputs = [tensor for node in net.nodes for tensor in node.outputs if tensor]
    return Graph(name, tuple(net.nodes), net.tensors, tuple(net.inputs), tuple(outputs))


@dataclass
class _Net:
    """The graph so far."""

    size: Size
    nodes: list[Node] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)

    def entry(self, name: str, shape: tuple[int, ...], dtype: str) -> str:
        """An input of the graph."""
        self.tensors[name] = Tensor(name, shape, dtype)
        self.inputs.append(name)
        return name

    def stored(self, held: tuple[np.ndarray, np.ndarray] | None) -> tuple[str, ...]:
        """Names of what the neurons hold at first, as constants; nothing where they are blank."""
        blank = neurons.blank(self.size.neurons, self.size.components)
        for name, array in zip(("held", "held_registers"), held or blank, strict=True):
            dtype = "uint8" if array.dtype == np.uint8 else "int32"
            self.tensors[name] = Tensor(name, array.shape, dtype, constant=Constant(array.copy))
        return "held", "held_registers"

    def add(
        self, name: str, op: str, inputs: tuple[str, ...], outputs: tuple[str, ...], attrs: dict[str, Any]
    ) -> tuple[str, ...]:
        """Append a node; its outputs."""
        operands = [self.tensors[one] for one in inputs]
        shapes, dtypes = OPS[op].shape(operands, attrs), OPS[op].dtypes(operands, attrs, len(outputs))
        for out, shape, dtype in zip(outputs, shapes, dtypes, strict=True):
            if out:
                self.tensors[out] = Tensor(out, shape, dtype)
        self.nodes.append(Node(name, op, inputs, outputs, attrs, origin=name))
        return outputs
