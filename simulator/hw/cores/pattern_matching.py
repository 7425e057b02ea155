"""Pattern-matching core: neurons that each store a prototype and compare it with what all of them hear."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from simulator.base.units import format
from simulator.hw import scaling
from simulator.hw.component import CORES, Core
from simulator.workload.work import MATCH_CLASSES, Match

if TYPE_CHECKING:
    import numpy as np
else:
    from simulator.base.lazy import numpy as np

#: Cycles per class by the totals of the NM500 manual (v1.6.3, table 9.2): a vector of L components L+3, and
#: then to learn it 18, its status 1, each match 37 (distance and category); a session of saving or restoring
#: 4, each neuron 260.
PUBLISHED = {
    "component": 1, "vector": 3, "teach": 18, "status": 1, "distance": 18, "category": 19,
    "session": 4, "save": 260, "restore": 260,
}  # fmt: skip
#: The same as the sum of single accesses (table 2.2): a component 1, the last one 3, or 1 where no neuron is
#: committed; a category written 19, or 1 where it is known; the status 1; a distance 18; a category 19, or 3
#: where the vector is identified.
REGISTERS = PUBLISHED | {
    "vector": 2, "onto_empty": -2, "teach": 19, "teach_known": -18, "category_identified": -16,
}  # fmt: skip
#: What is counted with an energy of its own; an access that is shorter than others of its kind is among them.
_ACTIONS = ("component", "compare", "teach", "commit", "shrink", "status", "distance", "category", "session",
            "save", "restore")  # fmt: skip
#: Bytes of a register, and those of a neuron beside its prototype: context, category and two fields.
_REGISTER_BYTES, _NEURON_REGISTERS = 2, 4


@CORES.register("pattern_matching")
class PatternMatching(Core):
    """A chain of identical neurons on one bus (NeuroMem), on one chip or on several.

    Model
    -----
    A vector of L components is broadcast once to all neurons, which accumulate their distances meanwhile:
    time does not depend on their number. ``published``: L+3 cycles, and 18 more to learn it, 1 for its
    status, 37·K for the K nearest. ``registers``: the sum of single accesses, some of which are shorter
    where the vector is known (see ``REGISTERS``). One operation follows the other.

    Not modelled
    ------------
    The host and its bus beside the chip's own; a host that stops reading once nothing fires any more;
    POWERSAVE; the current of pull-ups as it depends on the data.

    Source
    ------
    NM500 User's Manual v1.6.3 (2019), tables 2.2 and 9.2. docs/models/pattern_matching.md.
    """

    ACTIONS: ClassVar = _ACTIONS
    ROLES: ClassVar = ("vectors",)
    ALONE: ClassVar = True
    #: Accesses are lines of the bus that pull-ups outside draw up; a neuron compares beside its own memory.
    SPENT_IN: ClassVar = {
        **dict.fromkeys(_ACTIONS, scaling.BOARD),
        **dict.fromkeys(("compare", "commit", "shrink", "*"), scaling.MIXED),
    }

    neurons: int = Field(description="Neurons of one chip, a prototype each", gt=0)
    prototype_bytes: int = Field(description="Memory of a neuron: components of the longest vector", gt=0)
    chips: int = Field(1, description="Chips in a chain, whose neurons work as one", gt=0)
    chain_clock_hz: int | None = Field(None, description="Highest clock of a chain of several chips", gt=0)
    timing: Literal["published", "registers"] = Field(
        "published",
        description="Cycles: the manual's totals per operation, or the sum of its single accesses",
    )

    @model_validator(mode="after")
    def _slow_enough(self) -> PatternMatching:
        most = self.chain_clock_hz
        if self.chips > 1 and most is not None and self.clock_hz > most:
            raise ValueError(
                f"a chain of {self.chips} chips runs at {format(most, 'hz')} at most, got "
                f"{format(self.clock_hz, 'hz')}; set its clock as well"
            )
        return self

    @property
    def capacity(self) -> int:
        """Neurons of all chips."""
        return self.neurons * self.chips

    def dies(self) -> int:
        """One per chip of the chain."""
        return self.chips

    def accepts(self, work: object) -> bool:
        """Matching of vectors that a neuron can hold, by at most as many neurons as there are."""
        if not isinstance(work, Match):
            return False
        return work.length <= self.prototype_bytes and work.neurons <= self.capacity

    def cycles(self, tiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Operations one after the other; a result is there when its operation ends."""
        cost = REGISTERS if self.timing == "registers" else PUBLISHED
        taken = tiles["match"] @ np.array([cost.get(name, 0) for name in MATCH_CLASSES], np.int64)
        return taken, np.zeros(tiles.size, np.int64)

    def counts(self, tiles: np.ndarray) -> np.ndarray:
        """Accesses, comparisons and changes of neurons, int64, shape (tiles, actions)."""
        return tiles["match"][:, [MATCH_CLASSES.index(name) for name in _ACTIONS]]

    def accesses(self, tiles: np.ndarray) -> np.ndarray:
        """What passes between host and chip: a byte per component, two per other register."""
        found = dict(zip(MATCH_CLASSES, tiles["match"].T, strict=True))
        neuron = self.prototype_bytes + _NEURON_REGISTERS * _REGISTER_BYTES
        moved = np.zeros((tiles.size, 1, 2), np.int64)
        moved[:, 0, 0] = found["component"] + _REGISTER_BYTES * found["teach"] + neuron * found["restore"]
        answers = found["status"] + found["distance"] + found["category"]
        moved[:, 0, 1] = _REGISTER_BYTES * answers + neuron * found["save"]
        return moved

    def extent(self) -> str:
        """Neurons and their size."""
        chips = f"{self.chips} chips of " if self.chips > 1 else ""
        return f"{chips}{self.neurons} neurons of {self.prototype_bytes} B"
