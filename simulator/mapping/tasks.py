"""Nodes become tasks: pieces of work, each on one core; storages stand for the tensors whose bytes exist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from simulator.base.errors import InputError, Problem
from simulator.hw.chip import Chip
from simulator.hw.component import Core
from simulator.mapping.inside import kept_beside, lay_out
from simulator.mapping.place import Given, Placement, check_rules, place
from simulator.mapping.schedule import Resident, Task
from simulator.workload.epilogue import EPILOGUES
from simulator.workload.graph import Graph, Node
from simulator.workload.op import is_alias, is_modelled, work_of
from simulator.workload.tensor import Tensor
from simulator.workload.work import Contraction, Elementwise, Match, Move, Work


@dataclass(frozen=True)
class TaskList:
    """Tasks in order, with the storages that they name.

    ``storage`` maps tensor -> storage; ``sizes`` storage -> bytes; ``constants`` are there before the run.
    ``contents`` maps storage -> (bits of an element, share of elements that are not zero), where a tensor is
    known to lie; of tensors that take turns in one, the largest share. ``residents`` are
    weights inside memories that compute.
    """

    tasks: tuple[Task, ...]
    storage: Mapping[str, str]
    sizes: Mapping[str, int]
    constants: frozenset[str]
    not_modelled: tuple[str, ...]
    contents: Mapping[str, tuple[int, float]]
    residents: tuple[Resident, ...] = ()


def make_tasks(graph: Graph, chip: Chip) -> TaskList:
    """Tasks of a graph on a chip: every node's work, its core, and what of its epilogue the core cannot do.

    Raises
    ------
    InputError
        A rule names a core that does not exist or cannot do the work; a contraction that no core accepts.
    """
    check_rules(chip)
    storage = _storages(graph)
    tasks: list[Task] = []
    sizes: dict[str, int] = {}
    problems: list[Problem] = []
    left_out: dict[str, list[str]] = {}
    for index, node in enumerate(graph.nodes):
        if is_alias(node.op):
            continue
        if not is_modelled(node.op):
            left_out.setdefault(
                f"operator {node.op} has no model; only its data movement is counted", []
            ).append(node.name)
        try:
            new = _tasks_of_node(index, node, graph, chip, storage, sizes)
        except InputError as error:
            problems += error.problems
            continue
        if (
            is_modelled(node.op)
            and any(isinstance(t.work, Move) for t in new)
            and _has_arithmetic(node, graph)
        ):
            reason = (
                f"no core of {chip.name} does the arithmetic of {node.op}; only its data movement is counted"
            )
            left_out.setdefault(reason, []).append(node.name)
        tasks += new
    if problems:
        raise InputError(*problems)
    for name, tensor in graph.tensors.items():
        sizes.setdefault(storage.get(name, name), tensor.bytes)
    tasks = _in_place(tasks, graph, storage, sizes)
    tasks, inside = lay_out(tasks, graph, chip, sizes)
    constants = {storage.get(n, n) for n, t in graph.tensors.items() if t.constant is not None}
    constants |= {each.storage for each in inside}
    notes = tuple(f"{reason} ({_some(names)})" for reason, names in left_out.items())
    return TaskList(
        tuple(tasks), storage, sizes, frozenset(constants), notes, _contents(graph, storage), inside
    )


def _contents(graph: Graph, storage: Mapping[str, str]) -> dict[str, tuple[int, float]]:
    found: dict[str, tuple[int, float]] = {}
    for name, tensor in graph.tensors.items():
        before = found.get(storage[name], (tensor.bits, 0.0))
        found[storage[name]] = before[0], max(before[1], tensor.density)
    return found


def _some(names: list[str]) -> str:
    unique = list(dict.fromkeys(names))
    return f"{len(unique)} nodes: {', '.join(unique[:3])}, ..." if len(unique) > 3 else ", ".join(unique)


def _storages(graph: Graph) -> dict[str, str]:
    """Tensor -> the tensor whose bytes it shares: a reshaped tensor lies where its source lies."""
    storage = {name: name for name in graph.tensors}
    for node in graph.nodes:
        if is_alias(node.op):
            for out in node.outputs:
                if out:
                    storage[out] = storage[node.inputs[0]]
    return storage


def _in_place(
    tasks: list[Task], graph: Graph, storage: dict[str, str], sizes: Mapping[str, int]
) -> list[Task]:
    """Tasks with element-wise results put where an operand dies, as compilers do; ``storage`` is written.

    Slices of operand and result are the same bytes, and a tile reads before it writes. Of several operands
    that die, the youngest gives its room, so that the joint life is short. Network inputs, outputs and
    constants keep their own.
    """
    born = {name: i for i, task in enumerate(tasks) for name in task.writes}
    dies = {name: i for i, task in enumerate(tasks) for name in task.reads}
    kept = {storage[name] for name in (*graph.inputs, *graph.outputs)}
    moved: dict[str, str] = {}
    placed = []
    for i, task in enumerate(tasks):
        reads = tuple(moved.get(name, name) for name in task.reads)
        writes = task.writes
        if isinstance(task.work, Elementwise) and task.work.window is None and len(writes) == 1:
            out = writes[0]
            dying = [
                old
                for old in task.reads
                if dies[old] == i and old in born and sizes[old] == sizes[out] and not {old, out} & kept
            ]
            if dying:
                moved[out] = moved.get(youngest := max(dying, key=lambda name: born[name]), youngest)
                writes = (moved[out],)
        placed.append(replace(task, reads=reads, writes=writes))
    storage.update({tensor: moved.get(name, name) for tensor, name in storage.items()})
    return placed


def _tasks_of_node(
    index: int, node: Node, graph: Graph, chip: Chip, storage: Mapping[str, str], sizes: dict[str, int]
) -> list[Task]:
    reads = tuple(storage[name] for name in node.inputs if name)
    writes = tuple(storage[name] for name in node.outputs if name)
    works = [_doable(work, node, graph, chip) for work in work_of(node, graph)]
    pinned = chip.rules.for_node(node.name).core
    density = _densities(node, graph) if isinstance(works[0], Contraction) else (1.0, 1.0)
    placement = _place(works[0], node, graph, chip, pinned, density)
    core = placement.core
    done, rest = _split_epilogue(node.epilogue, chip.cores[core])
    absorbed = rest if len(works) == 1 and chip.cores[core].ABSORBS else ()
    sums = chip.cores[core].partial_sums(works[0])
    inside = chip.cores[core].RESIDENT and isinstance(works[0], Contraction)
    kept = tuple(storage[t.name] for t in kept_beside(node, graph, works[0])) if inside else ()
    if (rest and not absorbed) or sums[0]:
        after = _epilogue_work(rest, graph.results(node)[0], max(sums[0] - 1, 0))
        works.insert(1, after) if sums[0] else works.append(_doable(after, node, graph, chip))
    tasks: list[Task] = []
    left: tuple[str, ...] = ()  # operands that a contraction leaves to the work after it
    for i, work in enumerate(works):
        name = node.name if i == 0 else f"{node.name}#{i}"
        where = placement if i == 0 else place(Given(work, node, (), graph.results(node)[0]), chip)
        outs = writes if i == len(works) - 1 else (f"{name}:out",)
        if i < len(works) - 1:
            sizes[outs[0]] = _intermediate_bytes(work, graph.results(node), sums[1] if i == 0 else 0)
        ins = reads if i == 0 else (*tasks[-1].writes, *left)
        bias, left = 0, ()
        if isinstance(work, Contraction) and i > 0:  # a product of more than two: the result so far, the next
            ins = (tasks[-1].writes[0], storage[graph.operands(node)[i + 1].name])
        elif isinstance(work, Contraction):
            ins, bias = _contraction_operands(node, graph, storage, sizes, work, where.core, chip)
            computed = [t for t in graph.operands(node) if t.constant is None]
            products = sum(isinstance(other, Contraction) for other in works)
            others = [storage[t.name] for t in computed if storage[t.name] not in ins]
            left = tuple(others) if products == 1 else ()
            ins, left = ((*ins, *kept), left) if "bias" in done else (ins, (*left, *kept))
        applied = (*done, *absorbed) if i == 0 else ()
        ops = tuple(_per_element(absorbed).items()) if i == 0 else ()
        tasks.append(
            Task(
                index, name, where.core, work, ins, outs, applied, bias, ops,
                density=density if i == 0 else (1.0, 1.0), why=where.why, expected=dict(where.expected_fs),
            )
        )  # fmt: skip
    return tasks


def _place(
    work: Work, node: Node, graph: Graph, chip: Chip, pinned: str | None, density: tuple[float, float]
) -> Placement:
    """The core of a node's first work, with regard to the operands of the node."""
    operands, beside = graph.operands(node), 0
    if isinstance(work, Contraction):
        main = contraction_tensors(node, graph)
        beside = sum(t.bytes for t in operands if t.constant is not None and t not in main)
        operands = list(main)
    result, outside = graph.results(node)[0], frozenset((*graph.inputs, *graph.outputs))
    return place(Given(work, node, operands, result, density, beside, outside), chip, pinned)


def _intermediate_bytes(work: Work, results: list[Tensor], sums: int) -> int:
    """Bytes between two works of one node: what a contraction gives, else as much as the node's results.

    ``sums`` are bytes of the sums of an output that its core leaves, 0 where it ends them itself.
    """
    if isinstance(work, Contraction):
        if sums:
            return work.groups * work.M * work.N * sums
        return -(-work.groups * work.M * work.N * results[0].bits // 8)
    return sum(tensor.bytes for tensor in results)


def _doable(work: Work, node: Node, graph: Graph, chip: Chip) -> Work:
    """The work itself, or the movement of its data where no core does the arithmetic."""
    others = [core for core in chip.cores.values() if not core.RESIDENT]
    if isinstance(work, Contraction) or any(core.accepts(work) for core in others):
        return work
    read = sum(tensor.bytes for tensor in graph.operands(node))
    return Move(read, sum(tensor.bytes for tensor in graph.results(node)), work.split)


def _has_arithmetic(node: Node, graph: Graph) -> bool:
    return bool(node.epilogue) or any(isinstance(work, Elementwise | Match) for work in work_of(node, graph))


def _contraction_operands(
    node: Node, graph: Graph, storage: Mapping[str, str], sizes: dict[str, int], work: Contraction,
    core: str, chip: Chip,
) -> tuple[tuple[str, ...], int]:  # fmt: skip
    """(ifmap, weight) storages, and bytes per output channel of the constants that ride with the weights.

    Those are the bias, and the scales of weights that are quantized in blocks; none inside a memory.
    """
    ifmap, weight = contraction_tensors(node, graph)
    bias_bytes = 0
    if weight.constant is not None and not chip.cores[core].RESIDENT:
        beside = [
            t
            for t in graph.operands(node)
            if t.constant is not None and t.name not in (ifmap.name, weight.name)
        ]
        channels = work.groups * work.k
        bias_bytes = -(-sum(tensor.bytes for tensor in beside) // channels)
        sizes[storage[weight.name]] = max(
            weight.bytes + bias_bytes * channels, sizes.get(storage[weight.name], 0)
        )
    return (storage[ifmap.name], storage[weight.name]), bias_bytes


def contraction_tensors(node: Node, graph: Graph) -> tuple[Tensor, Tensor]:
    """Ifmap and weight: the first two operands, as the readers of network files leave them."""
    ifmap, weight = graph.operands(node)[:2]
    return ifmap, weight


def _densities(node: Node, graph: Graph) -> tuple[float, float]:
    """Shares of elements of ifmap and weight that are not zero."""
    ifmap, weight = contraction_tensors(node, graph)
    return ifmap.density, weight.density


def _split_epilogue(epilogue: tuple[str, ...], core: Core) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the core applies on the way out, and what is left for a vector core."""
    for i, name in enumerate(epilogue):
        if not core.applies(name):
            return epilogue[:i], epilogue[i:]
    return epilogue, ()


def _epilogue_work(names: tuple[str, ...], result: Tensor, adds: int = 0) -> Elementwise:
    """What a core could not apply on the way out, as arithmetic of its own over the result.

    ``adds``: additions of each element before, where the core leaves sums; those of every element lie
    together, so that it may be cut between any two.
    """
    counts = _per_element(names)
    if adds:
        counts["add"] = counts.get("add", 0) + adds
    ops = tuple((name, times * result.elements) for name, times in counts.items())
    row = 1 if adds else result.shape[-1] if result.shape else 1
    return Elementwise(ops, split=max(1, result.elements // (row or 1)))


def _per_element(names: tuple[str, ...]) -> dict[str, int]:
    """Operations per element of the result that epilogues mean."""
    counts: dict[str, int] = {}
    for name in names:
        for operation, times in EPILOGUES[name]:
            counts[operation] = counts.get(operation, 0) + times
    return counts
