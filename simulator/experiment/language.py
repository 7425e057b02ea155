"""A language model from the prompt to the last token: prefill, and decode steps integrated over the context.

Transformer blocks are alike: the first, a period of those between and the last are simulated, and the period
between stands for all others. Decode steps are simulated at a few context lengths; a step in between takes
what lies on the straight line. Channels of a memory are alike, so one is simulated. What this costs in
accuracy is said in the result or tested.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from simulator.base.errors import InputError, Problem
from simulator.base.locate import locate
from simulator.base.spec import resolved
from simulator.experiment.overrides import ARGUMENTS, split_overrides
from simulator.experiment.quantized import is_quantized
from simulator.experiment.single import finish, prepare
from simulator.hw.chip import Chip, load_chip
from simulator.mapping.inside import check_room, more_bytes, without
from simulator.mapping.schedule import Resident, Schedule
from simulator.results.compose import joined, repeated, weighted
from simulator.results.result import Result
from simulator.workload.frontends import built
from simulator.workload.frontends.llm import counts
from simulator.workload.frontends.llm.args import LanguageModel
from simulator.workload.frontends.llm.inside import as_inside
from simulator.workload.graph import Graph

#: Phases that take several graphs.
SEVERAL = ("all", "generate")
Say = Callable[[str], None]


@dataclass(frozen=True)
class _Run:
    """What all parts of one run share."""

    chip: Chip
    request: built.Request
    settings: Mapping[str, object]
    command: str
    seed: int
    fold: bool
    alike: tuple[str, ...]  # what was said of channels that stand for others


def language_model(
    network: str | Path | Graph, settings: Mapping[str, str], batch: int | None
) -> built.Request | None:
    """What a workload asks of the builder of language models; None where it asks for one graph."""
    if isinstance(network, Graph):
        return None
    path = locate(str(network), "workloads")
    if path.suffix not in (".yaml", ".yml") or not built.is_built(path, "llm"):
        return None
    if is_quantized(settings):
        text = "a language model has no values to quantize; its types are workload.weights and workload.kv"
        raise InputError(Problem(text, path="workload.quantize"))
    arguments = {name: text for name, text in settings.items() if name in ARGUMENTS}
    count = int(settings["batch"]) if batch is None and settings.get("batch", "").isdecimal() else batch
    request = built.read(path, batch=count, arguments=arguments)
    return request if request.args.phase in SEVERAL else None


def refuse(**asked: bool) -> None:
    """Raise InputError for options of a run that a language model has no use for."""
    wrong = [f"--{name}" for name, there in asked.items() if there]
    if wrong:
        text = (
            f"{', '.join(wrong)} is for one graph; choose one with --set workload.phase=prefill, or =decode"
        )
        raise InputError(Problem(text, wrong[0]))


def run_language_model(
    chip: str | Path | Chip,
    request: built.Request,
    *,
    overrides: Mapping[str, object] | None = None,
    command: str = "",
    seed: int = 0,
    settings: Mapping[str, object] | None = None,
    fold: bool = True,
    say: Say = lambda text: None,
) -> Result:
    """Simulate prefill and generation.

    Parameters
    ----------
    chip
        Path, name, or a chip.
    request
        What ``language_model`` gave.
    overrides
        As for ``run``; those of the network are in the request.
    command, seed, settings
        For the provenance.
    fold
        Let some blocks stand for all, and one channel of a memory; without, every one is simulated.
    say
        Told what is simulated next.

    Raises
    ------
    InputError
        The model does not fit into the memory, or the chip cannot run it.
    """
    for_chip, _ = split_overrides(overrides or {})
    ready = chip if isinstance(chip, Chip) else load_chip(chip, for_chip)
    args: LanguageModel = request.args
    _check_room(ready, args)
    ready, alike = _folded(ready) if fold else (ready, ())
    shared = _Run(ready, request, settings or {}, command, seed, fold, alike)
    alone = args.phase == "generate"  # the prompt is there already, and so is its token
    args = args.at(phase="all")
    points = _contexts(args) if args.generate > 1 else []
    if alone and not points:
        raise InputError(Problem("expected tokens after the first to generate", path="workload.generate"))
    parts = [_prepared(shared, args.at(phase="decode", context=context)) for context in points]
    inside = parts[0].residents if parts else ()
    first = None if alone else _prepared(shared, args.at(phase="prefill"), inside)
    if first is not None:
        inside = inside or first.residents
    _check_room(ready, args, inside)
    prefill = None
    if first is not None:
        say(f"prefill of {args.prompt} tokens")
        prefill = _part(shared, first)
    if not parts:
        assert prefill is not None
        return _measured(prefill, prefill, None, args, inside)
    steps = []
    for context, part in zip(points, parts, strict=True):
        say(f"a token after {context}")
        steps.append(_part(shared, part))
    shares = _shares(args, points)
    decode = weighted(list(zip(steps, shares, strict=True)))
    whole = decode if prefill is None else joined(prefill, decode, ("prefill", "decode"))
    said = _interpolated(points, steps)
    whole = replace(whole, assumptions=(*whole.assumptions, *said))
    return _measured(whole, prefill, decode, args, inside)


def _folded(chip: Chip) -> tuple[Chip, tuple[str, ...]]:
    """The chip with one channel of each memory for all, unless its file decides, and what was done."""
    found = {name: memory.folded() for name, memory in chip.memories.items()}
    folded = {name: each for name, each in found.items() if each is not None}
    memories = {name: memory for name, (memory, _) in folded.items()}
    written = {name: resolved(memory) for name, memory in memories.items()}
    plain = {**chip.resolved, "memories": {**chip.resolved["memories"], **written}}
    said = tuple(f"{name}: {text}, which stands for all" for name, (_, text) in folded.items())
    return replace(chip, memories={**chip.memories, **memories}, resolved=plain), said


@dataclass(frozen=True)
class _Prepared:
    """The plan of a phase, in which blocks ``period`` to ``2 period - 1`` occur ``times`` times more.

    ``residents`` are the weights of all blocks that lie in memories that compute.
    """

    chip: Chip
    schedule: Schedule
    residents: tuple[Resident, ...]
    layers: int
    some: int
    period: int
    times: int


def _prepared(run: _Run, args: LanguageModel, inside: Sequence[Resident] = ()) -> _Prepared:
    """Plan a phase, with blocks that stand for others where they are enough.

    Weights of ``inside`` lie in a memory that computes: whoever else reads them finds them as they are there,
    unless the network's are there as well, as they are where others do not reach that memory.
    """
    layers, period = args.layers, len(args.architecture.windows)
    some = 3 * period + layers % period
    times = (layers - some) // period if run.fold and layers > some else 0
    shown = args.at(blocks=some) if times else args
    types = {each.weight: each.multiplied for each in inside if not each.copied}
    graph = as_inside(run.request.builder.make(shown, run.request.name), types)
    chip, schedule = prepare(run.chip, graph)
    plain = {chip.backing(core.buffer("weight")) for core in chip.cores.values() if not core.RESIDENT}
    found = [replace(each, copied=each.copied or each.memory not in plain) for each in schedule.residents]
    alike = tuple(f"block{i}." for i in range(period, 2 * period))
    more = [
        replace(each, node=_shifted(each.node, by), storage=_shifted(each.storage, by))
        for by in range(layers, layers + times * period, period)  # names that no other block has
        for each in found
        if each.node.startswith(alike)
    ]
    residents = (*found, *more)
    schedule = replace(schedule, residents=() if inside else residents)  # said once, of the first phase
    return _Prepared(chip, schedule, residents, layers, some, period, times)


def _part(run: _Run, part: _Prepared) -> Result:
    """Simulate a phase."""
    layers, some, period, times = part.layers, part.some, part.period, part.times
    result = finish(
        part.chip, part.schedule, command=run.command, seed=run.seed, settings=run.settings, beside=False
    )
    result = replace(result, assumptions=(*result.assumptions, *run.alike))
    if not times:
        return result
    names = [f"block{i}." for i in range(period, 2 * period)]
    inside = [i for i, row in enumerate(result.rows) if row.node.startswith(tuple(names))]
    first, last = inside[0], inside[-1] + 1

    def name(turn: int, node: str) -> str:
        return _shifted(node, turn * period)

    tail = [_later(row.node, times * period, 2 * period) for row in result.rows]
    found = repeated(result, first, last, times, name)
    rows = tuple(
        replace(row, node=tail[i - times * len(inside)], origin=tail[i - times * len(inside)])
        if i >= last + times * len(inside)
        else row
        for i, row in enumerate(found.rows)
    )
    ledger = replace(found.ledger, nodes=tuple(row.node for row in rows))
    which = f"blocks {period} to {2 * period - 1} stand" if period > 1 else "block 1 stands"
    said = f"of {layers} blocks {some} are simulated; {which} for {times * period} more"
    return replace(found, rows=rows, ledger=ledger, assumptions=(*found.assumptions, said))


def _later(node: str, by: int, since: int) -> str:
    """Name of a node of a block behind those that are repeated."""
    number = node.partition(".")[0].removeprefix("block")
    if "." not in node or not number.isdecimal() or int(number) < since:
        return node
    return _shifted(node, by)


def _shifted(name: str, by: int) -> str:
    """Name of what a later block has in the place of something of a block."""
    block, dot, rest = name.partition(".")
    return f"block{int(block.removeprefix('block')) + by}{dot}{rest}"


def _contexts(args: LanguageModel) -> list[int]:
    """Context lengths at which a step is simulated: the first, one halfway, the last."""
    first, last = args.prompt, args.prompt + args.generate - 2
    return sorted({first, (first + last) // 2, last})


def _shares(args: LanguageModel, points: list[int]) -> list[float]:
    """How many steps each point stands for, on straight lines between; the first token is the prefill's."""
    shares = [0.0] * len(points)
    for context in range(args.prompt, args.prompt + args.generate - 1):
        i = max(j for j, point in enumerate(points) if point <= context)
        if points[i] == context:
            shares[i] += 1
            continue
        there = (context - points[i]) / (points[i + 1] - points[i])
        shares[i] += 1 - there
        shares[i + 1] += there
    return shares


def _interpolated(points: list[int], steps: list[Result]) -> list[str]:
    """What the straight line from the first point to the last is off by halfway."""
    named = ", ".join(str(point) for point in points)
    if len(points) < 3:
        return [f"decode steps are simulated after {named} tokens"]
    times = [step.metrics.latency_s for step in steps]
    there = (points[1] - points[0]) / (points[2] - points[0])
    line = times[0] + there * (times[2] - times[0])
    off = f"{100 * (line - times[1]) / times[1]:+.2g} %"
    text = f"decode steps are simulated after {named} tokens, on straight lines between"
    return [f"{text}; without the middle one it would be off there by {off}"]


def _measured(
    whole: Result, prefill: Result | None, decode: Result | None, args: LanguageModel,
    inside: Sequence[Resident],
) -> Result:  # fmt: skip
    """The result with the metrics of a language model, and the room of all blocks."""
    tokens, more = args.generate - 1, sum(more_bytes(inside, memory) for memory in _memories(inside))
    kv = counts.kv_bytes(args, args.prompt + tokens)
    tpot = decode.metrics.latency_s / tokens if decode is not None else None
    energy = decode.metrics.energy_j if decode is not None else None
    metrics = replace(
        whole.metrics,
        ttft_s=prefill.metrics.latency_s if prefill is not None else None,
        tpot_s=tpot,
        tokens_per_s=args.batch / tpot if tpot else None,
        energy_per_token_j=energy / (tokens * args.batch) if energy is not None else None,
        kv_bytes=kv,
        peak_memory_bytes=max(whole.metrics.peak_memory_bytes, counts.weight_bytes(args) + more + kv),
    )
    asked = {**whole.resolved.get("experiment", {}), "args": args.model_dump(), "batch": args.batch}
    resolved = {**whole.resolved, "experiment": asked}
    return replace(whole, metrics=metrics, batch=args.batch, resolved=resolved)


def _memories(inside: Sequence[Resident]) -> list[str]:
    return list(dict.fromkeys(each.memory for each in inside))


def _check_room(chip: Chip, args: LanguageModel, inside: Sequence[Resident] = ()) -> None:
    """Raise where weights and cache are more than the largest memory holds, or layouts than units reach."""
    check_room(chip, inside)
    outside = {name: memory for name, memory in chip.memories.items() if memory.EXTERNAL}
    name, memory = max((outside or chip.memories).items(), key=lambda item: item[1].capacity_bytes)
    tokens, more = args.prompt + args.generate, more_bytes(inside, name)
    need = counts.weight_bytes(args) + counts.kv_bytes(args, tokens) + more
    if need > memory.capacity_bytes:
        text = (
            f"{args.architecture.name} does not fit: weights and the cache of "
            f"{tokens} tokens need {need} B, the memory has {memory.capacity_bytes} B"
        )
        if more:
            cores = [each.core for each in inside if each.memory == name]
            text += f"; {more} B of these are the layout of {cores[0]}: {without(cores)}"
        raise InputError(chip.problem(text, f"memories.{name}.capacity"))
