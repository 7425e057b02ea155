"""Nodes become tasks: pieces of work, each on one core; storages stand for the tensors whose bytes exist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from simulator.base.errors import InputError, Problem
from simulator.hw.chip import Chip
from simulator.hw.component import Core
from simulator.hw.tiling import TILE, tile_row
from simulator.hw.timing import tile_times_fs
from simulator.mapping.remember import Remembered
from simulator.mapping.schedule import Task
from simulator.workload.epilogue import EPILOGUES
from simulator.workload.graph import Graph, Node
from simulator.workload.op import is_alias, is_modelled, work_of
from simulator.workload.tensor import Tensor
from simulator.workload.work import OPERATION_CLASSES, Contraction, Elementwise, Move, Work


@dataclass(frozen=True)
class TaskList:
    """Tasks in order, with the storages that they name.

    ``storage`` maps tensor -> storage; ``sizes`` storage -> bytes; ``constants`` are there before the run.
    ``contents`` maps storage -> (bits of an element, share of elements that are not zero), where a tensor is
    known to lie; of tensors that take turns in one, the largest share.
    """

    tasks: tuple[Task, ...]
    storage: Mapping[str, str]
    sizes: Mapping[str, int]
    constants: frozenset[str]
    not_modelled: tuple[str, ...]
    contents: Mapping[str, tuple[int, float]]


def make_tasks(graph: Graph, chip: Chip) -> TaskList:
    """Tasks of a graph on a chip: every node's work, its core, and what of its epilogue the core cannot do.

    Raises
    ------
    InputError
        A rule names a core that does not exist or cannot do the work; a contraction that no core accepts.
    """
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
    constants = frozenset(storage.get(n, n) for n, t in graph.tensors.items() if t.constant is not None)
    notes = tuple(f"{reason} ({_some(names)})" for reason, names in left_out.items())
    return TaskList(tuple(tasks), storage, sizes, constants, notes, _contents(graph, storage))


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
    core = _core_for(works[0], node, chip, pinned, density)
    done, rest = _split_epilogue(node.epilogue, chip.cores[core])
    absorbed = rest if len(works) == 1 and chip.cores[core].ABSORBS else ()
    if rest and not absorbed:
        works.append(_doable(_epilogue_work(rest, graph.results(node)[0]), node, graph, chip))
    tasks: list[Task] = []
    left: tuple[str, ...] = ()  # operands that a contraction leaves to the work after it
    for i, work in enumerate(works):
        name = node.name if i == 0 else f"{node.name}#{i}"
        where = core if i == 0 else _core_for(work, node, chip)
        outs = writes if i == len(works) - 1 else (f"{name}:out",)
        if i < len(works) - 1:
            sizes[outs[0]] = _intermediate_bytes(work, graph.results(node))
        ins = reads if i == 0 else (*tasks[-1].writes, *left)
        bias, left = 0, ()
        if isinstance(work, Contraction) and i > 0:  # a product of more than two: the result so far, the next
            ins = (tasks[-1].writes[0], storage[graph.operands(node)[i + 1].name])
        elif isinstance(work, Contraction):
            ins, bias = _contraction_operands(node, graph, storage, sizes, work)
            computed = [t for t in graph.operands(node) if t.constant is None]
            products = sum(isinstance(other, Contraction) for other in works)
            others = [storage[t.name] for t in computed if storage[t.name] not in ins]
            left = tuple(others) if products == 1 else ()
        applied = (*done, *absorbed) if i == 0 else ()
        ops = tuple(_per_element(absorbed).items()) if i == 0 else ()
        tasks.append(
            Task(
                index, name, where, work, ins, outs, applied, bias, ops,
                density=density if i == 0 else (1.0, 1.0),
            )
        )  # fmt: skip
    return tasks


def _intermediate_bytes(work: Work, results: list[Tensor]) -> int:
    """Bytes between two works of one node: what a contraction gives, else as much as the node's results."""
    if isinstance(work, Contraction):
        return -(-work.groups * work.M * work.N * results[0].bits // 8)
    return sum(tensor.bytes for tensor in results)


def _doable(work: Work, node: Node, graph: Graph, chip: Chip) -> Work:
    """The work itself, or the movement of its data where no core does the arithmetic."""
    if isinstance(work, Contraction) or any(core.accepts(work) for core in chip.cores.values()):
        return work
    read = sum(tensor.bytes for tensor in graph.operands(node))
    return Move(read, sum(tensor.bytes for tensor in graph.results(node)), work.split)


def _has_arithmetic(node: Node, graph: Graph) -> bool:
    return bool(node.epilogue) or any(isinstance(work, Elementwise) for work in work_of(node, graph))


def _contraction_operands(
    node: Node, graph: Graph, storage: Mapping[str, str], sizes: dict[str, int], work: Contraction
) -> tuple[tuple[str, ...], int]:
    """(ifmap, weight) storages, and bytes per output channel of the constants that ride with the weights.

    Those are the bias, and the scales of weights that are quantized in blocks.
    """
    ifmap, weight = contraction_tensors(node, graph)
    bias_bytes = 0
    if weight.constant is not None:
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


def _epilogue_work(names: tuple[str, ...], result: Tensor) -> Elementwise:
    """What a core could not apply on the way out, as arithmetic of its own over the result."""
    ops = tuple((name, times * result.elements) for name, times in _per_element(names).items())
    return Elementwise(ops, split=max(1, result.elements // (result.shape[-1] or 1)))


def _per_element(names: tuple[str, ...]) -> dict[str, int]:
    """Operations per element of the result that epilogues mean."""
    counts: dict[str, int] = {}
    for name in names:
        for operation, times in EPILOGUES[name]:
            counts[operation] = counts.get(operation, 0) + times
    return counts


def _core_for(
    work: Work,
    node: Node,
    chip: Chip,
    pinned: str | None = None,
    density: tuple[float, float] = (1.0, 1.0),
) -> str:
    """The core that does the work soonest, by its own count of cycles for the whole."""
    if pinned is not None:
        if pinned not in chip.cores or not chip.cores[pinned].accepts(work):
            others = [name for name, core in chip.cores.items() if core.accepts(work)]
            message = f"core '{pinned}' cannot run {node.op}; cores that can: {', '.join(others) or 'none'}"
            raise InputError(chip.problem(message, f"mapping.nodes.{node.name}.core"))
        return pinned
    able = {name: core for name, core in chip.cores.items() if core.accepts(work)}
    if not able:
        assert isinstance(work, Contraction)
        has = "; ".join(f"{n}: {', '.join(c.precisions()) or c.kind}" for n, c in chip.cores.items())
        message = (
            f"node '{node.name}' ({node.op}) multiplies in {work.precision}, which no core of {chip.name} "
            f"does ({has}); choose with --set workload.precision=..."
        )
        raise InputError(chip.problem(message, "cores"))
    return min(able, key=lambda name: _whole_time(name, work, chip, density))


_WHOLE_FS: Remembered[tuple, int] = Remembered()


def _whole_time(name: str, work: Work, chip: Chip, density: tuple[float, float]) -> int:
    key = chip.core_digest(name), work, density
    if key not in _WHOLE_FS:
        core = chip.cores[name]
        tile = whole_tile(work, core, density)
        _WHOLE_FS[key] = int(tile_times_fs(core, chip.ports(name), tile)[0].sum())
    return _WHOLE_FS[key]


def whole_tile(work: Work, core: Core, density: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """The work as one tile, TILE, shape (1,)."""
    if isinstance(work, Contraction):
        k, taps = core.inner(work.c, work.fy * work.fx)
        row = tile_row(
            m=work.M, n=work.N, k=k, taps=taps, count=work.groups, precision=work.precision, bits=(8, 8, 8),
            density=density,
        )  # fmt: skip
    elif isinstance(work, Elementwise):
        counts = dict(work.ops)
        row = tile_row(ops=tuple(counts.get(name, 0) for name in OPERATION_CLASSES))
    else:
        row = tile_row(read_bytes=work.bytes_read, write_bytes=work.bytes_written)
    return np.array([row], TILE)
