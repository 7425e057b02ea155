"""Replays of a program: what every byte holds when it is read, and in which order bytes are touched."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from simulator.engine.machine import CoreUnit, ResidentUnit, build_machine
from simulator.engine.run import run
from simulator.hw.chip import Chip
from simulator.mapping.lower import lower
from simulator.mapping.plan import plan
from simulator.mapping.program import COMPUTE, LOAD, STORE, Program
from simulator.mapping.schedule import Schedule, TaskPlan
from simulator.workload.graph import Graph
from simulator.workload.window import axes
from simulator.workload.work import Contraction, Elementwise

NOTHING = -1


@dataclass(frozen=True)
class Played:
    """A network on a chip from plan to spans; ``intake`` is when each command has taken in its operands.

    What computes inside a memory takes them in until its end.
    """

    chip: Chip
    schedule: Schedule
    program: Program
    spans: np.ndarray
    intake: np.ndarray


def play(graph: Graph, chip: Chip) -> Played:
    """Plan, lower and run."""
    schedule = plan(graph, chip)
    return ran_through(chip, schedule, lower(schedule))


def ran_through(chip: Chip, schedule: Schedule, program: Program) -> Played:
    """Run a program."""
    machine = build_machine(program, chip)
    spans = run(program, machine)
    intake = spans[:, 1].copy()
    for i, command in enumerate(program.commands):
        unit = machine.units[command["unit"]]
        if isinstance(unit, CoreUnit) and not isinstance(unit, ResidentUnit):
            intake[i], end = unit.serve(int(spans[i, 0]), int(command["work"]))
            assert end == spans[i, 1]
    return Played(chip, schedule, program, spans, intake)


def check_one_tile_at_a_time(played: Played) -> None:
    """A core takes in a tile only when it is done taking in the one before."""
    commands = played.program.commands
    for index, name in enumerate(played.program.units):
        if name in played.chip.cores:
            mine = np.flatnonzero(commands["unit"] == index)
            mine = mine[np.argsort(played.spans[mine, 0], kind="stable")]
            assert (played.spans[mine[1:], 0] >= played.intake[mine[:-1]]).all(), name


def check_conflicts_are_ordered(played: Played) -> None:
    """No read before the writer ended, no overwrite before readers took in, no two writers at once."""
    program, spans, intake = played.program, played.spans, played.intake
    for memory in range(len(program.memories)):
        rows = program.accesses[
            (program.accesses["memory"] == memory) & (program.accesses["high"] > program.accesses["low"])
        ]
        edges = np.unique(np.concatenate([rows["low"], rows["high"]]))
        writer, written = np.full(edges.size, NOTHING), np.full(edges.size, NOTHING)
        reader, taken_in = np.full(edges.size, NOTHING), np.full(edges.size, NOTHING)
        for row in rows:
            a, b = np.searchsorted(edges, (row["low"], row["high"]))
            command = int(row["command"])
            begins = spans[command, 0]
            ready = (begins >= written[a:b]) | (writer[a:b] == command)
            assert ready.all(), f"command {command} begins before its bytes are written"
            if row["write"]:
                free = (begins >= taken_in[a:b]) | (reader[a:b] == command)
                assert free.all(), f"command {command} overwrites what is still being read"
                writer[a:b], written[a:b] = command, spans[command, 1]
                reader[a:b], taken_in[a:b] = NOTHING, NOTHING
            else:
                later = intake[command] > taken_in[a:b]
                reader[a:b][later], taken_in[a:b][later] = command, intake[command]


def steps(schedule: Schedule) -> list[list[TaskPlan]]:
    """The plans of each task: one, or one per core that does a part of it."""
    return [list(parts) for _, parts in groupby(schedule.tasks, key=lambda planned: planned.step)]


class Bytes:
    """Every byte of a chip while a program runs in program order.

    A byte of external memory holds the number of the task that wrote it; one on chip that number as ``-2 -
    task``, or the external address that it is a copy of.
    """

    def __init__(self, schedule: Schedule, program: Program) -> None:
        self.schedule, self.program = schedule, program
        self.far = program.memories.index("dram")
        ends = [place.end for place in schedule.places.values() if place.memory == "dram"]
        sizes = [max(ends, default=0) if i == self.far else c for i, c in enumerate(program.capacity)]
        self.content = [np.full(size, NOTHING) for size in sizes]
        self.writer: dict[str, int] = {}  # storage -> last task before the current one that wrote it
        self.seen: dict[str, np.ndarray] = {}  # storage -> which of its bytes the current task has read
        rows = program.accesses
        self.first = np.searchsorted(rows["command"], np.arange(program.size + 1))

    def check(self) -> None:
        """Run all commands; every task must read all of its operands and nothing else."""
        commands, at = self.program.commands, 0
        for number, parts in enumerate(steps(self.schedule)):
            task, tiles, planned_tiles = parts[0].task, 0, sum(part.tiles for part in parts)
            self.seen = {name: np.zeros(self.schedule.places[name].bytes, bool) for name in task.reads}
            while at < len(commands) and (tiles < planned_tiles or commands[at]["kind"] == STORE):
                assert commands[at]["node"] == task.node
                tiles += int(commands[at]["kind"] == COMPUTE)
                self._step(at, number)
                at += 1
            assert tiles == planned_tiles
            for index, name in enumerate(task.reads):
                needed = self._needed(number, index)
                assert self.seen[name][needed].all(), f"{task.name} does not read all of {name}"
            self.writer.update(dict.fromkeys(task.writes, number))
            for name in task.writes:
                place = self.schedule.places[name]
                mark = number if place.memory == "dram" else -2 - number
                held = self.content[self.program.memories.index(place.memory)][place.address : place.end]
                assert (held == mark).all(), f"{task.name} does not write all of {name}"
        assert at == len(commands)

    def _step(self, at: int, number: int) -> None:
        rows = self.program.accesses[self.first[at] : self.first[at + 1]]
        kind = self.program.commands[at]["kind"]
        reads, writes = rows[~rows["write"]], rows[rows["write"]]
        if kind == COMPUTE:
            for row in reads:
                self._taken_in(self._on_chip(row), row, number)
            for row in writes:
                self._on_chip(row)[:] = -2 - number
            return
        move = self.program.moves[self.program.commands[at]["work"]]
        requests = self.program.requests[move["first"] : move["last"]]
        far = np.concatenate([np.arange(r["addr"], r["addr"] + r["bytes"]) for r in requests])
        assert far.size == move["bytes"]
        if kind == LOAD:
            for row in writes:  # several: multicast
                self._on_chip(row)[:] = far
        else:
            assert (self._on_chip(reads[0]) == -2 - number).all(), "a store takes what its task did not write"
            self.content[self.far][far] = number

    def _on_chip(self, row: np.void) -> np.ndarray:
        return self.content[row["memory"]][row["low"] : row["high"]]

    def _taken_in(self, held: np.ndarray, row: np.void, number: int) -> None:
        """Bytes that a tile reads are those of one operand of its task, as its maker left them, each once."""
        for name in steps(self.schedule)[number][0].task.reads:
            place, writer = self.schedule.places[name], self.writer.get(name, NOTHING)
            if place.memory == "dram":
                if ((held < place.address) | (held >= place.end)).any():
                    continue
                assert np.unique(held).size == held.size, f"{name} is in its buffer twice"
                assert (self.content[self.far][held] == writer).all(), f"{name} is loaded before it is stored"
                self.seen[name][held - place.address] = True
                return
            inside = place.address <= row["low"] and row["high"] <= place.end
            if inside and self.program.memories[row["memory"]] == place.memory:
                assert (held == -2 - writer).all(), f"{name} has been overwritten"
                self.seen[name][row["low"] - place.address : row["high"] - place.address] = True
                return
        where = f"{self.program.memories[row['memory']]}[{row['low']}:{row['high']}]"
        raise AssertionError(f"task {number} reads {where}, which holds none of its operands")

    def _needed(self, number: int, index: int) -> np.ndarray:
        """Which bytes of an operand a task has to read: all, of a window's input the rows that it covers."""
        task = steps(self.schedule)[number][0].task
        graph, name = self.schedule.graph, task.reads[index]
        needed = np.ones(self.schedule.places[name].bytes, bool)
        windowed = isinstance(task.work, Contraction) or (
            isinstance(task.work, Elementwise) and task.work.window is not None
        )
        if index or not windowed:
            return needed
        node = graph.nodes[task.node]
        rows = touched_rows(graph, task.node)
        bits = graph.tensors[node.inputs[0]].elements * graph.tensors[node.inputs[0]].bits / rows.size
        for row in np.flatnonzero(~rows):
            needed[int(row * bits // 8) : int(-(-(row + 1) * bits // 8))] = False
        return needed


def touched_rows(graph: Graph, index: int) -> np.ndarray:
    """Rows of all images of a node's first operand that its windows cover, bool, shape (rows,)."""
    node = graph.nodes[index]
    ifmap = graph.tensors[node.inputs[0]].shape
    if node.op not in ("Conv", "MaxPool"):
        return np.ones(1, bool)
    kernel = node.attrs.get("kernel_shape") or graph.tensors[node.inputs[1]].shape[2:]
    axis = axes(ifmap[2:], kernel, node.attrs)[0]
    reached = np.arange(axis.out)[:, None] * axis.stride - axis.begin + np.arange(axis.kernel) * axis.dilation
    covered = np.isin(np.arange(axis.size), reached)
    return np.tile(covered, ifmap[0])
