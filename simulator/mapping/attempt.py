"""An attempt: one plan among those that are weighed."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.mapping.chain import Chain
from simulator.mapping.schedule import TaskPlan


@dataclass(frozen=True)
class Attempt:
    """Plans of the parts of each task, what stays on chip, and where everything lies there."""

    steps: list[list[TaskPlan]]
    stays: dict[str, str]
    addresses: dict[str, dict[object, int]]
    chains: tuple[Chain, ...] = ()

    @property
    def tiles(self) -> int:
        """Tiles of all tasks."""
        return sum(plan.tiles for step in self.steps for plan in step)

    @property
    def heads(self) -> list[TaskPlan]:
        """The first part of each task."""
        return [step[0] for step in self.steps]

    def expected_fs(self) -> int:
        """Tasks one after the other, the parts of each side by side."""
        return sum(max(plan.expected_fs for plan in step) for step in self.steps)
