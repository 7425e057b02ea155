"""Pattern matching: from a workload and labelled data to a graph that knows what its values did.

Which neurons there are is the chip's business, so the graph is built for the chip that it runs on; without
one, for as many as the workload states.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from simulator.base.errors import InputError, Problem
from simulator.base.locate import locate
from simulator.experiment.execute import summary, write_arrays
from simulator.experiment.overrides import ARGUMENTS, split_overrides
from simulator.experiment.values import Given, compare, read_given
from simulator.hw.chip import Chip
from simulator.hw.cores.pattern_matching import PatternMatching
from simulator.mapping.place import whole_tile
from simulator.results.matching import Learning, Matching, Neurons, Operation, Recognition
from simulator.results.result import NodeRow, Result
from simulator.results.values import Values
from simulator.workload import neurons
from simulator.workload.arrays import read_table
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
from simulator.workload.frontends.matching.data import Samples, make_samples
from simulator.workload.graph import Graph, Node
from simulator.workload.matched import with_counts
from simulator.workload.op import work_of
from simulator.workload.work import Match

_NOTHING_EXECUTED = (
    "nothing was executed: every vector taught is taken to commit a neuron while one is free, all neurons to "
    "compare, and no vector to be identified"
)

_NO_PROFILE = "neurons are exact in integers: there is no profile to choose"


@dataclass(frozen=True)
class Matched:
    """A graph of pattern matching, and what it did where there were data."""

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
        raise InputError(Problem(_NO_PROFILE, "--profile"))
    others = [
        Problem("a workload of pattern matching has no such setting", f"--set workload.{name}={text}")
        for name, text in settings.items()
        if name not in ARGUMENTS
    ]
    if others:
        raise InputError(*others)
    request = built.read(path, batch=batch, arguments=settings)
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
    values = _values(graph, activity, samples, size, given)
    return Matched(with_counts(graph, activity.outputs), replace(activity, samples=values.samples), values)


def refuse_others(graph: Graph, chip: Chip) -> None:
    """Raise InputError for a network that does not match patterns on a chip that does nothing else."""
    if not all(core.ALONE for core in chip.cores.values()):
        return
    if any(isinstance(work, Match) for node in graph for work in work_of(node, graph)):
        return
    kinds = ", ".join(dict.fromkeys(core.kind for core in chip.cores.values()))
    text = (
        f"{chip.name} has cores of kind {kinds} alone, and nothing of {graph.name} is work for them; "
        "they run workloads of `builder: matching`, such as digits_nm500"
    )
    raise InputError(chip.problem(text, "cores"))


def execute_matching(
    network: str,
    inputs: str,
    out: Path,
    overrides: Mapping[str, object],
    numerics: str | None = None,
    others: str | None = None,
) -> dict[str, Any] | None:
    """Put the data of a file through a workload of pattern matching, on no chip; None for other networks.

    Answers and neurons are written to ``out``, as arrays by name.

    Returns
    -------
    dict or None
        What ``execute.summary`` gives, and ``neurons``.

    Raises
    ------
    InputError
        As for ``matching``; a profile, something of a chip, or a setting of another network was asked for.
    """
    for_chip, settings = split_overrides(overrides)
    if for_chip:
        path = next(iter(for_chip))
        raise InputError(Problem("there is no chip here; expected workload.NAME=VALUE", f"--set {path}"))
    found = matching(network, settings, given=read_given(inputs, None, numerics))
    if found is None and settings:
        path = next(iter(settings))
        raise InputError(Problem("only what matches patterns has settings here", f"--set workload.{path}"))
    if found is None:
        return None
    if others is not None:
        raise InputError(Problem(_NO_PROFILE, "--compare"))
    assert found.activity is not None
    assert found.values is not None
    assert found.values.neurons is not None
    write_arrays(found.activity.outputs, out)
    activity = replace(found.activity, profile=found.values.profile)
    return summary(activity, found.values.correct) | {"neurons": asdict(found.values.neurons)}


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


def _values(graph: Graph, activity: Activity, samples: Samples, size: Size, given: Given | None) -> Values:
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
        profile="the neurons (exact integers)",
        samples=size.recognized or size.taught,
        labelled=labelled,
        correct=correct,
        agreement=tuple(
            compare(name, outputs[name], expected, max(1, len(outputs[name])))
            for name, expected in golden.items()
        ),
        neurons=_neurons(graph, outputs),
        source=Path(samples.file or "").name,
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
    committed = neurons.count_committed(registers)
    return Neurons(len(registers), committed, degenerate, learning, recognition)


@dataclass(frozen=True)
class _Done:
    """A node that neurons did: its work, the core, cycles of all of it, its row, and what energy is known."""

    node: Node
    work: Match
    core: PatternMatching
    row: NodeRow
    energy_j: float

    def cycles(self, timing: str) -> int:
        """Cycles by one of the two ways to count them."""
        core = self.core.model_copy(update={"timing": timing})
        return int(core.cycles(whole_tile(self.work, core))[0][0])

    def operation(self, complete: bool) -> Operation:
        """The node as so many operations of one sort."""
        counts, k = dict(self.work.counts), self.node.attrs.get("k", 0)
        asked = "status of a vector" if k == 0 else "best match" if k == 1 else f"{k} best matches"
        name, what = {
            "MatchLearn": ("learn a vector", "teach"),
            "Match": (asked, "vector"),
            "MatchSave": ("save a neuron", "save"),
            "MatchRestore": ("restore a neuron", "restore"),
        }[self.node.op]
        cycles, time_s = self.cycles(self.core.timing), (self.row.end_fs - self.row.start_fs) / 1e15
        return Operation(name, self.node.name, counts.get(what, 0), cycles, time_s, self.energy_j, complete)


def with_matching(result: Result, graph: Graph, chip: Chip) -> Result:
    """The result with the operations of neurons that match patterns; as it is where there are none."""
    done = [
        _Done(node, work, core, row, pj * 1e-12)
        for node, row, pj in zip(graph.nodes, result.rows, result.node_energy_pj(), strict=True)
        for work in work_of(node, graph)
        if isinstance(work, Match) and isinstance(core := chip.cores.get(row.core), PatternMatching)
    ]
    if not done:
        return result
    core, attrs = done[0].core, {name: value for each in done for name, value in each.node.attrs.items()}
    matching = Matching(
        norm=neurons.NORMS[attrs.get("norm", 0)],
        mode="knn" if attrs.get("nearest") else "rce",
        matches=attrs.get("k", 0),
        components=done[0].work.length,
        capacity=core.capacity,
        chips=core.chips,
        clock_hz=core.clock_hz,
        timing=core.timing,
        operations=tuple(each.operation(result.metrics.energy_complete) for each in done),
    )
    said = (*result.assumptions, _timing_words(done))
    return replace(result, matching=matching, precision="uint8", assumptions=said)


def _timing_words(done: list[_Done]) -> str:
    """How cycles are counted, and what the other way gives."""
    ways = {"published": "the manual's totals per operation", "registers": "the manual's single accesses"}
    this = done[0].core.timing
    that = next(way for way in ways if way != this)
    mine, others = (sum(each.cycles(way) for each in done) for way in (this, that))
    off = f"{100 * (others - mine) / max(mine, 1):+.1f} %"
    return (
        f"cycles are {ways[this]}, {mine} in all; by {ways[that]} they would be {others} ({off}): "
        f"--set cores.{done[0].row.core}.timing={that}"
    )
