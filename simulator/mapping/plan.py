"""plan: which core, which tiling, what stays on chip, at which addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

from simulator.base.errors import InputError, did_you_mean
from simulator.hw.chip import Chip
from simulator.mapping.attempt import Attempt
from simulator.mapping.fuse import Fuser
from simulator.mapping.inside import check_room
from simulator.mapping.layout import Layout
from simulator.mapping.parts import cuts
from simulator.mapping.schedule import Schedule
from simulator.mapping.stages import ONE_STAGE, Stages, balance, core_of_stage, most_stages
from simulator.mapping.storages import Storages
from simulator.mapping.tasks import TaskList, make_tasks
from simulator.mapping.tiler import NoRoom, Tiler
from simulator.results.result import Fusion
from simulator.workload.graph import Graph
from simulator.workload.work import Contraction

#: Shares of each on-chip memory that are set aside for tiles while feature maps are chosen to stay; all are
#: tried.
RESERVES = (0.125, 0.25, 0.5)
#: A tile is a few commands; the engine is meant for some 200 000 commands.
MOST_TILES_OF_A_RUN = 100_000


def plan(graph: Graph, chip: Chip, *, stream: bool = False, pipelined: bool = False) -> Schedule:
    """Decide everything that `lower` needs.

    Several shares of on-chip memory are tried for feature maps; for each, every task gets its cheapest tiling
    in what is left; the plan of least expected time is kept, or one with chains of tasks that run stripe by
    stripe, if that moves less off chip and takes no longer. Rules of the chip (``mapping:``) bind all of it.

    For a ``stream`` of inferences, weights may stay on chip from one to the next: they are loaded once. It
    may be ``pipelined``: copies of the cores then do consecutive layers, each of another inference.

    Raises
    ------
    InputError
        A buffer is too small for the smallest tile, a rule cannot be met, the network is larger than its
        memory.
    """
    _check_rules(graph, chip)
    tasks = make_tasks(graph, chip)
    check_room(chip, tasks.residents)
    stages = ONE_STAGE
    _check_splits(tasks, chip)
    if pipelined and most_stages(tasks.tasks, chip) > 1:
        _check_stages(tasks, chip)
        tasks, stages = _in_stages(graph, chip, tasks)
    planner = _Planner(graph, chip, tasks, stream, stages)
    plans = [
        planner.attempt(reserve, stays, spread)
        for spread, stays in planner.stay_choices()
        for reserve in (RESERVES if stays else RESERVES[:1])
    ]
    best = min(plans, key=Attempt.expected_fs)
    fused = planner.fuser.best(plans, best)
    if fused is not None and fused.tiles <= MOST_TILES_OF_A_RUN:
        return planner.layout.schedule(fused, planner.fuser.summary(fused, best))
    _check_size(graph, chip, plans)
    return planner.layout.schedule(best, Fusion())


def _in_stages(graph: Graph, chip: Chip, tasks: TaskList) -> tuple[TaskList, Stages]:
    """Tasks on the cores of their stages, which are balanced by what each task takes one core."""
    alone = _Planner(graph, chip, tasks, True, Stages((0,) * len(tasks.tasks), 1))
    stays = {
        name: memory for name, memory in alone.stay_choices()[0][1].items() if name in alone.storages.born
    }
    times = [
        max(plan.expected_fs for plan in step) for step in alone.attempt(RESERVES[0], stays, False).steps
    ]
    stages = balance(times, most_stages(tasks.tasks, chip))
    moved = [
        replace(task, core=core_of_stage(chip, task.core, stage))
        for task, stage in zip(tasks.tasks, stages.of_task, strict=True)
    ]
    return replace(tasks, tasks=tuple(moved)), stages


def _check_size(graph: Graph, chip: Chip, plans: list[Attempt]) -> None:
    """Refuse a plan of more tiles than the engine is meant for, before memory is spent on it."""
    fewest = min(attempt.tiles for attempt in plans)
    if fewest > MOST_TILES_OF_A_RUN:
        message = (
            f"{graph.name} needs {fewest} tiles on this chip, more than the {MOST_TILES_OF_A_RUN} "
            "that a run may have; enlarge the buffers or cut the network"
        )
        raise InputError(chip.problem(message, "memories"))


def _check_rules(graph: Graph, chip: Chip) -> None:
    """Refuse rules for nodes that the network does not have."""
    names = [node.name for node in graph]
    problems = [
        chip.problem(
            f"no node of {graph.name} is called '{pattern}'{did_you_mean(pattern, names)}; see --plan",
            f"mapping.nodes.{pattern}",
        )
        for pattern in chip.rules.nodes
        if not any(fnmatchcase(name, pattern) for name in names)
    ]
    if problems:
        raise InputError(*problems)


def _check_splits(tasks: TaskList, chip: Chip) -> None:
    """Refuse rules for nodes by name of which none can be cut as the rule says."""
    problems = []
    for pattern, rule in chip.rules.nodes.items():
        if rule.split in ("auto", "off"):
            continue
        meant = [task for task in tasks.tasks if fnmatchcase(task.name, pattern)]
        ways = {task.name: cuts(task.work) for task in meant if isinstance(task.work, Contraction)}
        if any(rule.split in there for there in ways.values()) or not meant:
            continue
        name, there = next(iter(ways.items()), (meant[0].name, []))
        able = f"along {', '.join(there)}" if there else "by the planner alone"
        message = f"node '{name}' cannot be cut along {rule.split}; it can be cut {able}"
        problems.append(chip.problem(message, f"mapping.nodes.{pattern}.split"))
    if problems:
        raise InputError(*problems)


def _check_stages(tasks: TaskList, chip: Chip) -> None:
    """Refuse stages where rules say which copy of a core does a node."""
    pinned = [t for t in tasks.tasks if chip.rules.for_node(t.name).core and len(chip.alike(t.core)) > 1]
    if pinned:
        message = (
            f"stages have cores of their own, and a rule says that '{pinned[0].core}' does node "
            f"'{pinned[0].name}'; leave `core` out or write `parallel: split`"
        )
        raise InputError(chip.problem(message, "mapping.parallel"))


class _Planner:
    """Storages, tilings, addresses and chains of one network on one chip."""

    def __init__(
        self, graph: Graph, chip: Chip, tasks: TaskList, stream: bool, stages: Stages = ONE_STAGE
    ) -> None:
        self.storages = Storages(graph, chip, tasks, stream, stages)
        self.chip, self.tasks, self.stages = chip, tasks.tasks, stages
        self.tiler, self.layout = Tiler(self.storages), Layout(self.storages)
        self.fuser = Fuser(self.storages, self.tiler, self.layout)
        self._attempts: dict[tuple[bool, tuple[tuple[str, str], ...]], Attempt] = {}

    def stay_choices(self) -> list[tuple[bool, dict[str, str]]]:
        """(whether tasks are shared among cores with memories of their own, what may stay on chip then)."""
        stays = self.storages.can_stay()
        apart = [task for task in self.tasks if self.tiler.apart(task) and not self.stages.of_task]
        if not apart:
            maps = {name: memory for name, memory in stays.items() if name in self.storages.born}
            return [(False, stays), (False, maps)] if len(maps) < len(stays) else [(False, stays)]
        touched = {name for task in apart for name in (*task.reads, *task.writes)}
        shared = (True, {n: m for n, m in stays.items() if n not in touched})
        return [shared] if any(self.tiler.must_cut(task) for task in apart) else [(False, stays), shared]

    def attempt(self, reserve: float, may_stay: Mapping[str, str], spread: bool) -> Attempt:
        """Plan with a share of each memory set aside for tiles; storages leave the chip until all fits."""
        stays = dict(may_stay)
        for memory in sorted(set(stays.values())):
            self.storages.evict_to(stays, memory, int(self.stages.share(self.chip, memory) * (1 - reserve)))
        key = spread, tuple(stays.items())
        if key not in self._attempts:  # where all that may stay has room, every reserve comes to the same
            self._attempts[key] = self._attempt(stays, spread)
        return self._attempts[key]

    def _attempt(self, stays: dict[str, str], spread: bool) -> Attempt:
        while True:
            try:
                plans = [self.tiler.plan_task(i, stays, spread) for i in range(len(self.tasks))]
            except NoRoom as full:
                self.storages.drop(stays, full.memory, full.task, full.error)
                continue
            addresses, misfit = self.layout.pack_chip(plans, stays)
            if misfit is None:
                return Attempt(plans, stays, addresses)
            memory, item = misfit
            self.storages.drop(stays, memory, item.first, None)
