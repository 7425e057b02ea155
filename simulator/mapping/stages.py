"""Stages: consecutive tasks on a core group of their own, each busy with another inference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.hw.chip import Chip
from simulator.mapping.route import ALIGN
from simulator.mapping.schedule import Task
from simulator.workload.work import Contraction


@dataclass(frozen=True)
class Stages:
    """Which task belongs to which stage.

    Attributes
    ----------
    of_task
        Stage of each task, ascending.
    count
        How many there are; 1: all cores work on one inference.
    """

    of_task: tuple[int, ...]
    count: int

    def span(self, stage: int) -> tuple[int, int]:
        """First and last task of a stage."""
        return self.of_task.index(stage), len(self.of_task) - 1 - self.of_task[::-1].index(stage)

    def share(self, chip: Chip, memory: str) -> int:
        """Bytes of a memory that each stage has: equal parts of one that copies of a core share."""
        capacity = chip.memories[memory].capacity_bytes
        if self.count == 1 or chip.memories[memory].EXTERNAL:
            return capacity
        users = [group_users(chip, memory, stage) for stage in range(self.count)]
        return capacity // sum(users) // ALIGN * ALIGN if sum(users) > 1 else capacity


ONE_STAGE = Stages((), 1)


def group_users(chip: Chip, memory: str, stage: int) -> bool:
    """Whether the cores of a stage work from a memory."""
    return any(
        memory in chip.cores[core_of_stage(chip, name, stage)].buffers.values()
        for name in chip.cores
        if chip.alike(name)[0] == name
    )


def core_of_stage(chip: Chip, core: str, stage: int) -> str:
    """The copy of a core that works for a stage; a core without copies works for all."""
    alike = chip.alike(core)
    return alike[stage % len(alike)]


def most_stages(tasks: Sequence[Task], chip: Chip) -> int:
    """Stages that a chip can have: copies of the core that multiplies most; 1 where none multiplies."""
    macs: dict[str, int] = {}
    for task in tasks:
        if isinstance(task.work, Contraction):
            macs[task.core] = macs.get(task.core, 0) + task.work.macs
    most = max(macs, key=lambda core: macs[core], default=None)
    return 1 if most is None else min(len(chip.alike(most)), len(tasks))


def balance(times_fs: Sequence[int], count: int) -> Stages:
    """Cut tasks into stages so that the longest is as short as it can be (dynamic programming)."""
    total = [0]
    for time in times_fs:
        total.append(total[-1] + time)
    tasks = len(times_fs)
    longest = [[0.0] * (tasks + 1) for _ in range(count + 1)]
    cut = [[0] * (tasks + 1) for _ in range(count + 1)]
    longest[0] = [0.0] + [float("inf")] * tasks
    for k in range(1, count + 1):
        longest[k] = [float("inf")] * (tasks + 1)
        for end in range(k, tasks + 1):
            options = [(max(longest[k - 1][at], total[end] - total[at]), at) for at in range(k - 1, end)]
            longest[k][end], cut[k][end] = min(options)
    ends, end = [], tasks
    for k in range(count, 0, -1):
        ends.append(end)
        end = cut[k][end]
    stage, of_task = 0, []
    for i in range(tasks):
        while i >= ends[count - 1 - stage]:
            stage += 1
        of_task.append(stage)
    return Stages(tuple(of_task), count)
