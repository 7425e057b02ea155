"""One graph on one chip: what a run prepares, and how it is finished; from names to a Result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from simulator import __version__
from simulator.base.errors import InputError, Problem
from simulator.experiment.execute import located
from simulator.experiment.matching import matching, refuse_others, with_matching
from simulator.experiment.overrides import ARGUMENTS, split_overrides
from simulator.experiment.quantized import is_quantized, load_quantized
from simulator.experiment.values import Given, execute_on, with_zeros
from simulator.hw.chip import Chip, load_chip
from simulator.mapping.plan import plan
from simulator.mapping.program import Program
from simulator.mapping.schedule import Schedule
from simulator.mapping.stages import most_stages
from simulator.mapping.tasks import make_tasks
from simulator.results.result import Beside, Result
from simulator.results.stream import Stream
from simulator.results.trace import Trace
from simulator.results.values import Values
from simulator.workload.graph import Graph
from simulator.workload.load import load_graph
from simulator.workload.op import work_of
from simulator.workload.pim.devices import DEVICES
from simulator.workload.pim.run import refusal
from simulator.workload.precision import assume
from simulator.workload.tensor import FLOATS
from simulator.workload.work import Contraction

#: What stands in for a precision that the arrays of a chip lack, best first.
_STAND_INS = {
    "fp64": ("fp32", "fp16", "bf16", "int16", "int8", "int4"),
    "fp32": ("fp16", "bf16", "int8", "int16", "int4"),
    "fp16": ("bf16", "fp32", "int8", "int16", "int4"),
    "bf16": ("fp16", "fp32", "int8", "int16", "int4"),
}


def with_values(result: Result, values: Values | None) -> Result:
    """The result with what was executed beside it."""
    if values is None:
        return result
    return replace(result, values=values, metrics=replace(result.metrics, accuracy=values.accuracy))


def prepare(
    chip: str | Path | Chip,
    network: str | Path | Graph,
    *,
    overrides: Mapping[str, object] | None = None,
    batch: int | None = None,
) -> tuple[Chip, Schedule]:
    """The chip and the schedule of a run, before anything is simulated; parameters as for ``run.run``."""
    return prepare_with_values(chip, network, overrides=overrides, batch=batch)[:2]


def prepare_with_values(
    chip: str | Path | Chip,
    network: str | Path | Graph,
    *,
    overrides: Mapping[str, object] | None = None,
    batch: int | None = None,
    given: Given | None = None,
) -> tuple[Chip, Schedule, Values | None]:
    """As ``prepare``, and what the network did with the inputs that it was given."""
    for_chip, settings = split_overrides(overrides or {})
    if isinstance(chip, Chip):
        if for_chip:
            raise InputError(
                Problem("a chip that is already built cannot be overridden; give its path or name")
            )
        built = chip
    else:
        built = load_chip(chip, for_chip)
    matched = matching(network, settings, built, given, batch)
    if matched is not None:
        return built, plan(matched.graph, built), matched.values
    graph = load_network(network, settings, batch)
    refuse_others(graph, built)
    activity = values = None
    if given is not None:
        try:
            activity, values = execute_on(built, graph, given, placed_inside(graph, built, settings))
        except InputError as error:
            name = str(network) if not isinstance(network, Graph) else network.name
            raise located(error, given.files, name) from error
    graph = with_precision(graph, built, settings.get("precision"))
    graph, said = with_zeros(graph, built, settings, activity)
    if said:
        graph = graph.with_tensors(graph.tensors, *said)
    return built, plan(graph, built), values


def placed_inside(graph: Graph, chip: Chip, settings: Mapping[str, str]) -> dict[str, str]:
    """Node -> memory in whose arithmetic it is executed, of those that a plan places inside memories.

    Not those that a run only takes as if they were quantized: their real numbers stay the host's.
    """
    if not any(core.RESIDENT for core in chip.cores.values()):
        return {}
    taken = with_precision(graph, chip, settings.get("precision"))
    found = {}
    for task in make_tasks(taken, chip).tasks:
        node, kind = graph.nodes[task.node], chip.cores[task.core].kind
        if task.name != node.name or kind not in DEVICES or not chip.cores[task.core].RESIDENT:
            continue
        there, costed = ([g.tensors[name] if name else None for name in node.inputs] for g in (graph, taken))
        real = [each is not None and each.dtype in FLOATS for each in (there[0], costed[0])]
        if real[0] == real[1] and not refusal(DEVICES[kind], node, there):
            found[node.name] = kind
    return found


def finish(
    chip: Chip,
    schedule: Schedule,
    *,
    command: str = "",
    seed: int = 0,
    settings: Mapping[str, object] | None = None,
    beside: bool = True,
    details: bool = True,
) -> Result:
    """Simulate what ``prepare`` made; ``settings`` are what was asked for, for resolved.yaml.

    ``beside``: also by coarser models of the memories that have one; ``details``: also what the time of each
    node went to, and the timeline.
    """
    from simulator.engine.simulate import simulate  # simpy and numba: only when something is simulated
    from simulator.mapping.lower import lower

    program = lower(schedule)
    result = simulate(program, chip, _provenance(command, seed), details=details)
    return _finished(result, program, chip, schedule, settings, seed, beside)


def finish_with_trace(
    chip: Chip,
    schedule: Schedule,
    *,
    command: str = "",
    seed: int = 0,
    settings: Mapping[str, object] | None = None,
    beside: bool = True,
) -> tuple[Result, Trace]:
    """Simulate what ``prepare`` made, and give what ran when; parameters as for ``finish``."""
    from simulator.engine.simulate import (
        simulate_with_trace,
    )  # simpy and numba: only when something is simulated
    from simulator.mapping.lower import lower

    program = lower(schedule)
    result, trace = simulate_with_trace(program, chip, _provenance(command, seed))
    return _finished(result, program, chip, schedule, settings, seed, beside), trace


def _provenance(command: str, seed: int) -> dict[str, object]:
    return {"chipsim": __version__, "command": command, "seed": seed}


def _finished(
    result: Result, program: Program, chip: Chip, schedule: Schedule,
    settings: Mapping[str, object] | None, seed: int, beside: bool,
) -> Result:  # fmt: skip
    """The result with what the engine does not know."""
    result = with_matching(result, schedule.graph, chip)
    if beside:
        result = replace(result, beside=_beside(program, chip))
    experiment = {**(settings or {}), "precision": result.precision, "batch": result.batch, "seed": seed}
    return replace(result, resolved={"experiment": experiment, "chip": result.resolved})


def _beside(program: Program, chip: Chip) -> Beside | None:
    """What a coarser model of the memories says of the same program; None where no memory has one."""
    from simulator.engine.simulate import simulate  # simpy and numba: only when something is simulated

    coarser = {name: memory.coarser() for name, memory in chip.memories.items()}
    others = {name: memory for name, memory in coarser.items() if memory is not None}
    if not others:
        return None
    coarse = replace(chip, memories={**chip.memories, **others})
    found = simulate(program, coarse, details=False)
    exposed = tuple(row.exposed_fs for row in found.rows)
    return Beside(tuple(others), found.metrics.latency_s, found.metrics.energy_j, exposed)


def with_stream(result: Result, schedule: Schedule, inferences: int) -> Result:
    """The result of a run with what back-to-back inferences do; nothing is added to a stream of one.

    Weights may stay on chip then. Where the chip has copies of a core, both ways to use them are simulated
    unless a rule (``mapping.parallel``) says which: all share each layer, or each has layers of its own; of
    those that are possible, the one of higher throughput is kept.
    """
    if inferences < 2:
        return result
    from simulator.engine.stream import stream  # simpy and numba: only when something is simulated

    graph, chip = schedule.graph, schedule.chip
    copies = most_stages([planned.task for planned in schedule.tasks], chip)
    ways = {"auto": (False, True), "split": (False,), "pipeline": (True,)}[chip.rules.parallel]
    ways = ways if copies > 1 else (False,)
    found: list[Stream] = []
    for pipelined in ways:
        try:
            schedule = plan(graph, chip, stream=True, pipelined=pipelined)
        except InputError:
            if found:  # stages need not be possible where nobody asks for them
                continue
            raise
        found.append(stream(schedule, inferences))
    best = max(found, key=lambda each: each.throughput_per_s)
    metrics = replace(result.metrics, throughput_per_s=best.throughput_per_s)
    asked = {**result.resolved, "experiment": {**result.resolved.get("experiment", {}), "stream": inferences}}
    return replace(result, metrics=metrics, stream=best, resolved=asked)


def load_network(
    network: str | Path | Graph, settings: Mapping[str, str], batch: int | None, chip: Chip | None = None
) -> Graph:
    """The network as its file has it, with the dimensions that settings of the workload bind.

    One that matches patterns is for the neurons of the ``chip``, and its own data have been put through it.
    """
    if isinstance(network, Graph):
        return network
    matched = matching(network, settings, chip, batch=batch)
    if matched is not None:
        return matched.graph
    dims = {
        name.removeprefix("dims."): _count(name, text) for name, text in settings.items() if "dims." in name
    }
    if batch is None and "batch" in settings:
        batch = _count("batch", settings["batch"])
    if is_quantized(settings):
        return load_quantized(network, settings, batch=batch, dims=dims)
    arguments = {name: text for name, text in settings.items() if name in ARGUMENTS}
    return load_graph(network, batch=batch, dims=dims, arguments=arguments)


def _count(name: str, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise InputError(
            Problem(f"expected a whole number of at least 1, got {text}", path=f"workload.{name}")
        )
    return int(text)


def with_precision(graph: Graph, chip: Chip, precision: str | None) -> Graph:
    """The graph at the precision asked for; where none is, at one that the chip's arrays have.

    A float network on a chip whose arrays are for integers is taken as if quantized, and the result says so.
    What stands in is a precision of arrays that are no memory: that one does not have all operators.
    """
    if precision is not None and precision != "auto":
        try:
            return assume(graph, precision)
        except InputError as error:
            asked = f"--set workload.precision={precision}"
            raise InputError(
                *(replace(p, file=asked, path="workload.precision") for p in error.problems)
            ) from None
    there = {name for core in chip.cores.values() for name in core.precisions()}
    if not there:
        return graph
    works = [work for node in graph.nodes for work in work_of(node, graph) if isinstance(work, Contraction)]
    lacking = sorted({work.precision for work in works} - there)
    arrays = {name for core in chip.cores.values() if not core.RESIDENT for name in core.precisions()}
    for name in lacking:
        stand_in = next((p for p in _STAND_INS.get(name, ()) if p in (arrays or there)), None)
        if stand_in is not None:
            reason = f"no array of {chip.name} multiplies {name}; choose with --set workload.precision=..."
            assumed = assume(graph, stand_in)
            return assumed.with_tensors(assumed.tensors, reason)
    return graph
