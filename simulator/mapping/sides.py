"""Operands of a task on the way into its core: where they lie, and which copy of their buffer is whose."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from simulator.mapping.builder import Builder
from simulator.mapping.route import Route, route
from simulator.mapping.runs import Runs
from simulator.mapping.schedule import Place, Schedule


@dataclass(frozen=True)
class Side:
    """One operand of a task: where it lies, how it is reached, and the room it gets."""

    place: Place
    route: Route
    room: Place | None
    copies: int
    copy_bytes: int

    @property
    def local(self) -> bool:
        """Whether the core works on it where it lies."""
        return self.place.memory == self.route.memory

    def copy(self, turn: int) -> int:
        """Address of the copy whose turn it is."""
        assert self.room is not None
        return self.room.address + (turn % self.copies) * self.copy_bytes


def make_side(schedule: Schedule, index: int, storage: str, role: str, room: str) -> Side:
    """The side of a task for a storage in a role; ``room`` is the role of its buffer."""
    plan = schedule.tasks[index]
    core = schedule.chip.cores[plan.task.core]
    buffer = next((b for b in plan.buffers if b.role == room), None)
    place = schedule.buffers.get((index, room))
    copies, size = (buffer.copies, buffer.bytes) if buffer else (0, 0)
    return Side(schedule.places[storage], route(schedule.chip, core, role), place, copies, size)


@dataclass
class Intake:
    """What the copies of one operand hold as the loops go on.

    Parts of a task that want the same bytes at the same time have one intake together: what is loaded for
    one is loaded for all, into one buffer or, along the same way, into the buffer of each.

    Attributes
    ----------
    role
        ``ifmap`` or ``weight``.
    sides
        One for each core that takes part, in the order of the parts.
    turn
        Turns so far; the copy in use is ``turn`` modulo the copies.
    key
        What the current copy is for.
    held
        Of a copy that fills bit by bit: what is there.
    """

    role: str
    sides: Sequence[Side]
    turn: int = -1
    key: Hashable = None
    held: dict[Hashable, int] = field(default_factory=dict)

    def turns(self, key: Hashable) -> bool:
        """Go on to the next copy unless the current one is for ``key``; whether it did."""
        if self.key == key:
            return False
        self.key, self.turn, self.held = key, self.turn + 1, {}
        return True

    def load(self, builder: Builder, node: int, runs: Runs, offset: int) -> None:
        """Bring bytes to an offset in the current copy, everywhere; links of the cores take turns."""
        into = dict.fromkeys((side.route.memory, side.copy(self.turn) + offset) for side in self.sides)
        links = list(dict.fromkeys(side.route.link for side in self.sides))
        link = links[self.turn % len(links)] if len(into) > 1 else self.sides[0].route.link
        builder.load(link, self.sides[0].place, node, runs, list(into), self.role)
