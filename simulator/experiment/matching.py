"""Pattern matching: from a workload and labelled data to a graph that knows what its values did.

Which neurons there are is the chip's business, so the graph is built for the chip that it runs on; without
one, for as many as the workload states.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from simulator.base.errors import InputError, Problem
from simulator.base.locate import locate
from simulator.experiment.overrides import ARGUMENTS
from simulator.experiment.values import Given, compare
from simulator.hw.chip import Chip
from simulator.hw.cores.pattern_matching import PatternMatching
from simulator.mapping.tasks import whole_tile
from simulator.results.matching import Learning, Matching, Neurons, Operation, Recognition
from simulator.results.result import NodeRow, Result
from simulator.results.values import Values
from simulator.workload import neurons
from simulator.workload.execute import Activity, execute
from simulator.workload.frontends import built
from simulator.workload.frontends.matching.args import Matching as Arguments
from simulator.workload.frontends.matching.build import (
    CATEGORIES,
    TAUGHT,
    VECTORS,
    Size,
    build_sized,
    size_of,
)
from simulator.workload.frontends.matching.data import Samples, make_samples, read_table
from simulator.workload.graph import Graph, Node
from simulator.workload.matched import OPERATORS, with_counts
from simulator.workload.op import work_of

_NOTHING_EXECUTED = (
    "nothing was executed: every vector taught is taken to commit a neuron while one is free, all neurons to "
    "compare, and no vector to be identified"
)


@dataclass(frozen=True)
class Matched:
    """A graph of pattern matching, and what it did where there were data; ``right`` of the answers are."""

    graph: Graph
    activity: Activity | None = None
    values: Values | None = None


def matching(
    network: str | Path | Graph,
    settings: Mapping[str, str],
    chip: Chip | None = None,
    given: Given | None = None,
    batch: int | None = None,
) -> Matched | None:
    """The graph of a workload of pattern matching, executed if it has data; None for any other network.

    Parameters
    ----------
    network, settings, batch
        As for ``single.load_network``.
    chip
        Whose neurons there are; None: as many as the workload states.
    given
        Data in place of those that the workload names.

    Raises
    ------
    InputError
        The workload, or the data, are not as they should be; with all problems and their places.
    """
    if isinstance(network, Graph):
        return None
    path = locate(str(network), "workloads")
    if path.suffix not in (".yaml", ".yml") or not built.is_built(path, "matching"):
        return None
    if given is not None and given.numerics is not None:
        raise InputError(Problem("neurons are exact in integers: there is no profile to choose", "--profile"))
    arguments = {name: text for name, text in settings.items() if name in ARGUMENTS}
    request = built.read(path, batch=batch, arguments=arguments)
    args: Arguments = request.args
    samples = _samples(args, given)
    core = None if chip is None else _core_of(chip)
    stored, most = (core.capacity, core.prototype_bytes) if core else (args.neurons, args.components)
    try:
        size = size_of(args, samples, stored, most)
    except InputError as error:
        raise built.located(error, request.document) from None
    graph = replace(build_sized(args, request.name, size), digest=_digest(path, args, samples))
    if samples is None:
        return Matched(graph.with_tensors(graph.tensors, _NOTHING_EXECUTED))
    activity = execute(graph, _inputs(samples, size), graph.native)
    values = _values(args, graph, activity, samples, size, given)
    return Matched(with_counts(graph, activity.outputs), replace(activity, samples=values.samples), values)


def _core_of(chip: Chip) -> PatternMatching | None:
    return next((core for core in chip.cores.values() if isinstance(core, PatternMatching)), None)


def _samples(args: Arguments, given: Given | None) -> Samples | None:
    """Vectors and categories of what a run was given, or of what the workload names; None without both."""
    if given is not None:
        return make_samples(args, given.inputs, given.files.get("inputs", "inputs"))
    if not args.data:
        return None
    return make_samples(args, read_table(args.data, args.labels, args.vectors), args.data)


def _inputs(samples: Samples, size: Size) -> dict[str, np.ndarray]:
    """What the graph reads: rows to teach with their categories, rows to recognize."""
    inputs = {}
    if size.taught and samples.categories is not None:
        inputs[TAUGHT] = samples.vectors[: size.taught]
        inputs[CATEGORIES] = samples.categories[: size.taught].astype(np.uint16)
    if size.recognized:
        inputs[VECTORS] = samples.vectors[size.taught : size.taught + size.recognized]
    return inputs


def _digest(path: Path, args: Arguments, samples: Samples | None) -> str:
    digest = hashlib.sha256(path.read_bytes() + repr(args).encode())
    if samples is not None:
        digest.update(samples.vectors.tobytes())
        digest.update(b"" if samples.categories is None else samples.categories.tobytes())
    if args.knowledge:
        digest.update(Path(args.knowledge).read_bytes())
    return digest.hexdigest()


def _values(
    args: Arguments, graph: Graph, activity: Activity, samples: Samples, size: Size, given: Given | None
) -> Values:
    """What the neurons hold and answered; right is the nearest answer of the category that the label says."""
    outputs, labelled, correct = activity.outputs, None, None
    if samples.categories is not None and "categories" in outputs:
        wanted = samples.categories[size.taught : size.taught + size.recognized]
        labelled, correct = len(wanted), int((outputs["categories"][:, 0] == wanted).sum())
    golden = {} if given is None or given.golden is None else given.golden
    unknown = [name for name in golden if name not in graph.outputs]
    if unknown:
        names = ", ".join(f"'{name}'" for name in graph.outputs)
        text = f"expected outputs {names}, got '{unknown[0]}'"
        raise InputError(Problem(text, given.files.get("golden", "golden") if given else None))
    return Values(
        profile=f"the neurons (exact integers, {args.norm}, {args.mode.upper()})",
        samples=size.recognized or size.taught,
        labelled=labelled,
        correct=correct,
        agreement=tuple(
            compare(name, outputs[name], expected, max(1, len(outputs[name])))
            for name, expected in golden.items()
        ),
        neurons=_neurons(graph, outputs),
    )


def _neurons(graph: Graph, outputs: Mapping[str, np.ndarray]) -> Neurons:
    """Neurons at the end, and what teaching and recognizing did."""
    registers, learning, recognition = np.zeros((0, neurons.REGISTERS), np.int32), None, None
    for node in graph:
        if node.op in ("MatchRestore", "MatchLearn"):
            registers = outputs[node.outputs[1]]
        if node.op == "MatchLearn":
            told = outputs[node.outputs[2]]
            learning = Learning(
                taught=told.shape[0] * told.shape[1],
                committed=tuple(told[:, :, neurons.COMMITTED].sum(axis=1).tolist()),
                shrunk=int(told[:, :, neurons.SHRUNK].sum()),
                refused=int(told[:, :, neurons.REFUSED].sum()),
            )
        elif node.op == "Match":
            kinds = neurons.IDENTIFIED, neurons.UNCERTAIN, neurons.UNKNOWN
            status = outputs[node.outputs[4]]
            recognition = Recognition(*(int((status == kind).sum()) for kind in kinds))
    degenerate = int((registers[:, neurons.CATEGORY] & neurons.DEGENERATE_BIT != 0).sum())
    return Neurons(neurons.count_committed(registers), degenerate, learning, recognition)


def with_matching(result: Result, graph: Graph, chip: Chip) -> Result:
    """The result with the operations of neurons that match patterns; as it is where there are none."""
    found = [
        (node, row, core, energy)
        for node, row, energy in zip(graph.nodes, result.rows, result.node_energy_pj(), strict=True)
        if node.op in OPERATORS and isinstance(core := chip.cores.get(row.core), PatternMatching)
    ]
    if not found:
        return result
    core = found[0][2]
    attrs = {name: value for node, *_ in found for name, value in node.attrs.items()}
    works = [work_of(node, graph)[0] for node, *_ in found]
    complete = result.metrics.energy_complete
    matching = Matching(
        norm=neurons.NORMS[attrs.get("norm", 0)],
        mode="knn" if attrs.get("nearest") else "rce",
        matches=attrs.get("k", 0),
        components=graph.tensors[found[0][0].inputs[0]].shape[1],
        capacity=core.capacity,
        chips=core.chips,
        clock_hz=core.clock_hz,
        timing=core.timing,
        operations=tuple(
            _operation(node, row, dict(work.counts), int(core.cycles(whole_tile(work, core))[0][0]), pj, complete)  # type: ignore[union-attr]
            for (node, row, _, pj), work in zip(found, works, strict=True)
        ),
    )
    other = core.model_copy(update={"timing": "published" if core.timing == "registers" else "registers"})
    cycles = sum(each.cycles for each in matching.operations)
    others = sum(int(other.cycles(whole_tile(work, other))[0][0]) for work in works)
    said = (*result.assumptions, _other_timing(core.timing, cycles, others))
    return replace(result, matching=matching, precision="uint8", assumptions=said)


def _other_timing(timing: str, cycles: int, others: int) -> str:
    ways = ("the manual's totals per operation", "the sum of the manual's single accesses")
    this, that = ways if timing == "published" else ways[::-1]
    off = f"{100 * (others - cycles) / max(cycles, 1):+.1f} %"
    return f"cycles are {this}: {cycles}; {that} would be {others} ({off})"


def _operation(
    node: Node, row: NodeRow, counts: Mapping[str, int], cycles: int, energy_pj: float, complete: bool
) -> Operation:
    """One node as so many operations of one sort."""
    k = node.attrs.get("k", 0)
    name, count = {
        "MatchLearn": ("learn a vector", counts.get("teach", 0)),
        "Match": ("status of a vector" if k == 0 else "best match" if k == 1 else f"{k} best matches",
                  counts.get("vector", 0)),
        "MatchSave": ("save a neuron", counts.get("save", 0)),
        "MatchRestore": ("restore a neuron", counts.get("restore", 0)),
    }[node.op]  # fmt: skip
    time_fs = row.end_fs - row.start_fs
    return Operation(name, node.name, count, cycles, time_fs / 1e15, energy_pj * 1e-12, complete)
