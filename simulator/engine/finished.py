"""A finished run: what ran where and when, with what follows from that for every node."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from simulator.engine.machine import CoreUnit, Machine, build_machine, is_compute
from simulator.engine.run import run
from simulator.hw.chip import Chip
from simulator.mapping.program import Program


class NodeTimes(NamedTuple):
    """Start, end and exposed time of every node as ``NodeRow`` defines them: fs, int64, shape (nodes,)."""

    start: np.ndarray
    end: np.ndarray
    exposed: np.ndarray


@dataclass(frozen=True)
class Finished:
    """A program that has run on a chip.

    Attributes
    ----------
    program, chip, machine
        What ran, on what, and its units with their counters.
    spans
        Start and end of each command, int64, shape (commands, 2), fs; a core's ends when its result is out.
    """

    program: Program
    chip: Chip
    machine: Machine
    spans: np.ndarray

    @cached_property
    def held(self) -> np.ndarray:
        """Time for which each command holds its unit, int64, shape (commands, 2), fs.

        A tile leaves its core before its result is out; a transfer holds its link from when it is asked for.
        """
        held = self.spans.copy()
        for index, unit in enumerate(self.machine.units):
            if isinstance(unit, CoreUnit):
                mine = np.flatnonzero(self.program.commands["unit"] == index)
                held[mine, 1] -= np.array(unit.latency_fs, np.int64)[self.program.commands["work"][mine]]
        return held

    @cached_property
    def nodes(self) -> NodeTimes:
        """Times of the nodes."""
        return node_times(self.program, self.spans)


def run_on(program: Program, chip: Chip) -> Finished:
    """Run a program on the chip that it was made for."""
    machine = build_machine(program, chip)
    return Finished(program, chip, machine, run(program, machine))


def node_times(program: Program, spans: np.ndarray) -> NodeTimes:
    """Times of the nodes of a program from the spans of its commands, int64, shape (commands, 2), fs."""
    nodes = len(program.nodes)
    first = np.full(nodes, np.iinfo(np.int64).max)
    end = np.full(nodes, -1)
    np.minimum.at(first, program.commands["node"], spans[:, 0])
    np.maximum.at(end, program.commands["node"], spans[:, 1])
    compute = is_compute(program)
    own = first.copy()
    own[:] = np.iinfo(np.int64).max
    np.minimum.at(own, program.commands["node"][compute], spans[compute, 0])
    start, exposed, frontier = np.zeros(nodes, np.int64), np.zeros(nodes, np.int64), 0
    for i in range(nodes):
        if end[i] < 0:
            start[i] = end[i] = frontier
        elif end[i] <= frontier:
            start[i] = min(own[i], end[i])
        else:
            exposed[i] = end[i] - frontier
            start[i] = min(own[i], max(first[i], frontier))
            frontier = int(end[i])
    return NodeTimes(start, end, exposed)
