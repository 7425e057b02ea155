"""explain: why a layer or a network takes what it takes, and which parameter of the chip would help most."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from simulator.base.clock import Clock
from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.experiment.overrides import run_command, split_overrides
from simulator.experiment.single import finish, load_network, prepare
from simulator.experiment.whatif import Case, Change, Outcome, changes, outcomes
from simulator.hw.chip import Chip, load_chip
from simulator.mapping.alternatives import alternatives
from simulator.mapping.limits import Roof, compute_roofs, memory_roofs, room_bytes
from simulator.mapping.schedule import Buffer, Schedule, TaskPlan, tiling_words, work_words
from simulator.report.rounding import binary, number, si
from simulator.results.causes import in_cycles, run_causes
from simulator.results.explanation import (
    Alternative,
    Explanation,
    Hint,
    LayerCost,
    LayerView,
    Limit,
    TaskView,
)
from simulator.results.result import NodeRow, Result
from simulator.workload.graph import Graph

#: Seconds of work below which starting processes for it takes longer.
WORTH_PROCESSES_S = 8.0
#: An alternative is called slower from this share on; the planner's estimate cannot tell less apart.
TELLABLE = 1.005


def explain(
    chip: str | Path,
    network: str | Path | Graph,
    layer: str | None = None,
    *,
    overrides: Mapping[str, object] | None = None,
    batch: int | None = None,
    hints: bool = True,
    most: int = 6,
    workers: int = 1,
    plugins: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
) -> Explanation:
    """Explain a run, or one of its layers.

    Parameters
    ----------
    chip, network
        Path or name (``npu/edge_npu``); a network may be what ``load_graph`` gave.
    layer
        Name of a node, its index, or a part of the name that no other has; None: the whole network.
    overrides, batch
        As for ``run``.
    hints
        Whether to change every parameter of the chip in turn, plan and simulate anew.
    most
        Alternatives of the planner to list per task.
    workers
        Processes for the hints, where there is enough to do for them and the network is given by name. Their
        number changes nothing but the time.
    plugins
        Modules that such processes import first.
    progress
        Called with a line of text for each change that is through.

    Raises
    ------
    InputError
        As ``run`` does; there is no such layer, or there are several.
    """
    asked = dict(overrides or {})
    for_chip, settings = split_overrides(asked)
    graph = load_network(network, settings, batch, load_chip(chip, for_chip))
    index = None if layer is None else find_layer([node.name for node in graph.nodes], layer)
    began = time.perf_counter()
    built, schedule = prepare(chip, graph, overrides=asked)
    result = finish(built, schedule, beside=False)
    taken_s = time.perf_counter() - began
    costs = [cost_of(row) for row in result.rows]
    name = network.name if isinstance(network, Graph) else str(network)
    tried = changes(built) if hints else []
    if isinstance(network, Graph) or taken_s * len(tried) < WORTH_PROCESSES_S:
        workers = 1
    case = Case(str(chip), name, asked, batch)
    found = outcomes(case, graph, tried, workers=workers, plugins=plugins, progress=progress)
    given, refused = ranked_hints(tried, found, result, index)
    return Explanation(
        chip=result.chip,
        network=result.network,
        command=run_command(str(chip), name, asked, {"batch": batch or None}),
        latency_fs=sum(row.exposed_fs for row in result.rows),
        causes_fs=run_causes(result),
        layers=tuple(sorted(costs, key=lambda cost: -cost.exposed_fs)),
        layer=None if index is None else _view(index, result, schedule, most),
        hints=given,
        refused=refused,
    )


def ranked_hints(
    tried: Sequence[Change], found: Sequence[Outcome], result: Result, index: int | None
) -> tuple[tuple[Hint, ...], tuple[tuple[str, str], ...]]:
    """What changes give, the largest gain first, and those under which the network does not run.

    Of several that come to the same in every latency, one is given.
    """
    before_fs = sum(row.exposed_fs for row in result.rows)
    given, refused = [], []
    for change, outcome in zip(tried, found, strict=True):
        if outcome.refused:
            refused.append((f"{change.path}={change.after}", outcome.refused))
            continue
        layer = None
        if index is not None:
            layer = (result.rows[index].end_fs - result.rows[index].start_fs, outcome.layers_fs[index])
        latencies = (before_fs, outcome.latency_fs)
        energies = (result.metrics.energy_j, outcome.energy_j)
        energy_j = None if energies[0] is None or energies[1] is None else (energies[0], energies[1])
        areas = (result.metrics.area_mm2, outcome.area_mm2)
        area_mm2 = None if areas[0] is None or areas[1] is None else (areas[0], areas[1])
        given.append(Hint(change.path, change.before, change.after, latencies, layer, energy_j, area_mm2))
    given.sort(key=lambda hint: (-hint.gain, hint.latency_fs[1], _standing(hint.path)))
    once: dict[tuple[object, ...], Hint] = {}
    for hint in given:
        same = (hint.latency_fs, hint.layer_fs) if hint.gain > 0 else hint.path
        once.setdefault((same,), hint)
    return tuple(once.values()), tuple(refused)


def _standing(path: str) -> int:
    """Of changes that come to the same, counts and clocks are asked for before others."""
    return 0 if path.rsplit(".", 1)[1] in ("count", "channels", "engines", "rows", "cols", "clock") else 1


def find_layer(names: Sequence[str], asked: str) -> int:
    """Index of a node by its name, its number, or a part of its name that no other has.

    Raises
    ------
    InputError
        None or several are meant; the message lists what comes near.
    """
    if asked in names:
        return list(names).index(asked)
    if asked.isdecimal() and int(asked) < len(names):
        return int(asked)
    inside = [i for i, name in enumerate(names) if asked.lower() in name.lower()]
    if len(inside) == 1:
        return inside[0]
    if inside:
        some = ", ".join(names[i] for i in inside[:5]) + (", ..." if len(inside) > 5 else "")
        raise InputError(Problem(f"{len(inside)} layers are meant by '{asked}': {some}", path="LAYER"))
    hint = (
        did_you_mean(asked, names)
        or f"; expected one of {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
    )
    raise InputError(
        Problem(f"no layer is called '{asked}'{hint}, or a number from 0 to {len(names) - 1}", path="LAYER")
    )


def cost_of(row: NodeRow) -> LayerCost:
    """A row by what it adds to the run."""
    return LayerCost(
        row.node,
        row.op,
        row.core,
        row.bound,
        row.exposed_fs,
        row.end_fs - row.start_fs,
        row.exposed_causes_fs,
    )


def _view(index: int, result: Result, schedule: Schedule, most: int) -> LayerView:
    row, chip = result.rows[index], schedule.chip
    core = chip.cores.get(row.core) or next(iter(chip.cores.values()))
    clock = Clock.from_hz(core.clock_hz)
    moved = {
        memory.name: sum(int(result.ledger.per_node(memory.name, way)[index]) for way in ("read", "write"))
        for memory in result.memories
    }
    roofs = [*_longest(compute_roofs(schedule, index), schedule.chip), *memory_roofs(schedule, index, moved)]
    limits = [Limit(_roof_words(roof), clock.cycles_of(round(roof.time_fs))) for roof in roofs]
    plans = [
        i
        for i, plan in enumerate(schedule.tasks)
        if plan.task.node == index and (plan.task.part is None or plan.task.part.index == 0)
    ]
    return LayerView(
        node=row.node,
        index=index,
        op=row.op,
        core=row.core,
        shape=row.shape,
        bound=row.bound,
        clock_hz=core.clock_hz,
        cycles=clock.cycles_of(row.end_fs - row.start_fs),
        latency_fs=row.end_fs - row.start_fs,
        exposed_fs=row.exposed_fs,
        utilization=row.utilization,
        causes_cycles=in_cycles(row.causes_fs, core.clock_hz),
        limits=tuple(sorted(limits, key=lambda limit: -limit.cycles)),
        tasks=tuple(_task(i, schedule, clock, most) for i in plans),
        limiter=row.limiter,
        limiter_cycles=clock.cycles_of(row.limiter_fs),
    )


def _longest(roofs: Sequence[Roof], chip: Chip) -> list[Roof]:
    """Of copies of a core that share the layer, the one with most to do."""
    longest: dict[str, Roof] = {}
    for roof in roofs:
        first = chip.alike(roof.resource)[0]
        if first not in longest or roof.time_fs > longest[first].time_fs:
            longest[first] = roof
    return list(longest.values())


def _beside(plan: TaskPlan, schedule: Schedule) -> str:
    """Who does the other parts of a task, and how it is cut; "" where one core does all."""
    part = plan.task.part
    if part is None:
        return ""
    others = [other.task.core for other in schedule.tasks if other.step == plan.step and other is not plan]
    what = {"n": "output channels", "rows": "output rows", "batch": "images"}.get(part.along, part.along)
    shared = f"; {plan.shared} comes once for all" if plan.shared else ""
    return f"part 1 of {part.count}, cut along its {what}; the others on {', '.join(others)}{shared}"


def _roof_words(roof: Roof) -> str:
    if roof.unit == "MAC":
        return f"{number(roof.amount)} MACs on {roof.resource}, {si(roof.per_s, 'MAC/s')}"
    if roof.unit == "B":
        return f"{binary(roof.amount)} of {roof.resource}, each byte once, {si(roof.per_s, 'B/s')}"
    return f"operations on {roof.resource}"


def _task(index: int, schedule: Schedule, clock: Clock, most: int) -> TaskView:
    plan = schedule.tasks[index]
    task = plan.task
    operands = [
        (name, schedule.places[name].memory, schedule.places[name].bytes, way)
        for names, way in ((task.reads, "read"), (task.writes, "written"))
        for name in names
    ]
    return TaskView(
        name=task.name,
        core=task.core,
        beside="; ".join(text for text in (_beside(plan, schedule), _chained(index, schedule)) if text),
        work=work_words(task.work),
        tiling=tiling_words(plan),
        operands=tuple(operands),
        buffers=tuple((b.role, b.memory, b.copies, b.bytes) for b in plan.buffers),
        alternatives=() if _chained(index, schedule) else tuple(_considered(index, schedule, clock, most)),
    )


def _chained(index: int, schedule: Schedule) -> str:
    """The chain that a task is part of; its tiling is the chain's, so that of no task alone compares."""
    numbers = (n for n, chain in enumerate(schedule.chains, 1) if chain.first <= index <= chain.last)
    return next((f"part of chain {n}: tiled with the chain" for n in numbers), "")


def _considered(index: int, schedule: Schedule, clock: Clock, most: int) -> list[Alternative]:
    """The tiling that was taken and those beside it, with what speaks against each."""
    plan, room = schedule.tasks[index], room_bytes(schedule, index)
    choices = alternatives(schedule, index, most)
    own = next((choice for choice in choices if choice.tiling == plan.tiling), None)
    traffic = None if own is None else own.traffic_bytes
    others = [
        Alternative(
            tiling_words(plan, choice.tiling, choice.tiles),
            _size(choice.buffers),
            clock.cycles_of(choice.expected_fs),
            choice.traffic_bytes,
            choice.tiles,
            _no_room(choice.buffers, room, schedule.chip)
            or _lost(choice.expected_fs, choice.traffic_bytes, plan.expected_fs, traffic),
        )
        for choice in choices
        if choice.tiling != plan.tiling
    ][:most]
    cycles = clock.cycles_of(plan.expected_fs)
    taken = Alternative(tiling_words(plan), _size(plan.buffers), cycles, traffic, plan.tiles, "")
    return [taken, *others] if others else []


def _size(buffers: Sequence[Buffer]) -> int:
    return sum(buffer.total for buffer in buffers)


def _no_room(buffers: Sequence[Buffer], room: Mapping[str, int], chip: Chip) -> str:
    """The memory that has no room for the buffers of a tiling, in words; "" where they fit."""
    need: dict[str, int] = {}
    for buffer in buffers:
        need[buffer.memory] = need.get(buffer.memory, 0) + buffer.total
    for memory, size in need.items():
        if size > chip.memories[memory].capacity_bytes:
            return f"does not fit {memory}: {binary(size)} of {binary(chip.memories[memory].capacity_bytes)}"
        if size > room[memory]:
            return f"no room in {memory}: {binary(size)} of {binary(max(room[memory], 0))} left to it"
    return ""


def _lost(expected_fs: int, traffic: int, taken_fs: int, taken_traffic: int | None) -> str:
    """Why the planner did not take a tiling that fits: slower, or as fast and no better otherwise."""
    if expected_fs > TELLABLE * taken_fs:
        return f"slower: +{100 * (expected_fs / taken_fs - 1):.3g} %"
    if taken_traffic is not None and traffic > taken_traffic:
        return f"as fast, more traffic: +{binary(traffic - taken_traffic)}"
    if taken_fs > TELLABLE * expected_fs:
        return "faster alone; the buffers of the layers beside it need the room"
    return "as fast; its pieces overlap less well with the layers beside it"
