"""Weights inside a memory that computes: who reads them there, in which layout, and what stays beside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from simulator.base.errors import InputError, Problem
from simulator.base.units import format
from simulator.hw.chip import Chip
from simulator.mapping.schedule import Resident, Task
from simulator.workload.graph import Graph, Node
from simulator.workload.tensor import FLOATS, Tensor
from simulator.workload.work import Contraction, Work


def lay_out(
    tasks: Sequence[Task], graph: Graph, chip: Chip, sizes: dict[str, int]
) -> tuple[list[Task], tuple[Resident, ...]]:
    """Give weights of cores that compute in a memory the room of their layout; ``sizes`` is written.

    Weights that are read there alone, and in one layout, lie in it instead of the network's. Others keep
    theirs for whoever else reads them (rows of a token table, another core), and each layout is a copy.

    Returns
    -------
    tasks, residents
        Tasks that read the layout, and what lies in one: once for each task that reads it.
    """
    ways: dict[str, set[object]] = {}
    for task in tasks:
        for i, name in enumerate(task.reads):
            ways.setdefault(name, set()).add(_layout(task, i, chip))
    placed, found = [], []
    for task in tasks:
        work, layout = task.work, _layout(task, 1, chip)
        if layout is None or not isinstance(work, Contraction):
            placed.append(task)
            continue
        core, weight = chip.cores[task.core], task.reads[1]
        copied = len(ways[weight]) > 1
        storage = f"{weight} in {task.core} as {work.N} x {work.K}" if copied else weight
        sizes[storage] = core.resident_bytes(work)
        placed.append(replace(task, reads=(task.reads[0], storage, *task.reads[2:])))
        has = work.precision
        node = graph.nodes[task.node]
        kept = kept_beside(node, graph, work)
        folded = [t for t in graph.operands(node)[2:] if t.constant is not None and t not in kept]
        found.append(
            Resident(
                node=task.name,
                weight=weight,
                core=task.core,
                memory=core.buffer("weight"),
                storage=storage,
                bytes=sizes[storage],
                network_bytes=graph.tensors[weight].bytes + sum(tensor.bytes for tensor in folded),
                precision=has,
                multiplied=has if has in core.precisions() else core.precisions()[0],
                copied=copied,
            )
        )
    return placed, tuple(found)


def _layout(task: Task, operand: int, chip: Chip) -> object:
    """How an operand of a task lies: as in the network (None), or as a core wants a matrix of that size."""
    work = task.work
    if operand != 1 or not isinstance(work, Contraction) or not chip.cores[task.core].RESIDENT:
        return None
    return task.core, work.N, work.K


def kept_beside(node: Node, graph: Graph, work: Work) -> list[Tensor]:
    """Constants beside the weights that do not become part of them in a layout: the bias above all.

    Scales of weights stored as integers, which are multiplied as real numbers, are in the layout's elements.
    """
    weight, *others = graph.operands(node)[1:]
    constants = [tensor for tensor in others if tensor.constant is not None]
    if not isinstance(work, Contraction) or work.precision not in FLOATS or weight.dtype in FLOATS:
        return constants
    return constants[-1:] if "bias" in node.epilogue else []


def distinct(residents: Iterable[Resident]) -> list[Resident]:
    """Of nodes that read the same layout, the first."""
    return list({(each.memory, each.storage): each for each in reversed(list(residents))}.values())[::-1]


def more_bytes(residents: Iterable[Resident], memory: str) -> int:
    """Bytes of layouts in a memory beyond those of the network that they take the place of."""
    mine = [each for each in distinct(residents) if each.memory == memory]
    return sum(each.bytes - (0 if each.copied else each.network_bytes) for each in mine)


def resident_words(residents: Sequence[Resident]) -> list[str]:
    """What weights take inside memories that compute, and what they are multiplied in there; sentences."""
    said = []
    for core in dict.fromkeys(each.core for each in residents):
        mine = [each for each in residents if each.core == core]
        layouts = distinct(mine)
        room, before = (sum(getattr(each, name) for each in layouts) for name in ("bytes", "network_bytes"))
        text = (
            f"weights of {len(mine)} node{'s' * (len(mine) > 1)} lie in '{mine[0].memory}' in the layout of "
            f"{core}, placed before the run: {format(room, 'bytes')}, {room / max(before, 1):.3g} times what "
            "they take in the network"
        )
        copied = sum(each.bytes for each in layouts if each.copied)
        said.append(text + f"; {format(copied, 'bytes')} are copies, as others read them too" * bool(copied))
        other = [each for each in mine if each.multiplied != each.precision]
        if other:
            names = ", ".join(each.node for each in other[:3]) + ", ..." * (len(other) > 3)
            has, gets = other[0].precision, other[0].multiplied
            said.append(f"multiplied in {gets} on {core}, {has} in the network: {len(other)} nodes, {names}")
    return said


def without(cores: Iterable[str]) -> str:
    """The rule that makes do without layouts of some cores, in words."""
    return ", ".join(f"`mapping.cores.{core}: off`" for core in dict.fromkeys(cores)) + " does without"


def check_room(chip: Chip, residents: Sequence[Resident]) -> None:
    """Refuse more weights than the units of a memory reach: streams compute in a channel's first rank.

    Raises
    ------
    InputError
        At the memory, with what is wanted and what there is.
    """
    problems: list[Problem] = []
    for name in dict.fromkeys(each.memory for each in residents):
        mine = [each for each in distinct(residents) if each.memory == name]
        core = chip.cores[mine[0].core]
        need, room = sum(each.bytes for each in mine), core.resident_room()
        if need > room:
            text = (
                f"weights of {len(mine)} node{'s' * (len(mine) > 1)} take {need} B in the layout of "
                f"{mine[0].core}, whose units reach {room} B of the memory; {without(e.core for e in mine)}"
            )
            problems.append(chip.problem(text, f"memories.{name}.capacity"))
    if problems:
        raise InputError(*problems)
