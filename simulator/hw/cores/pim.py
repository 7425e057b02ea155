"""What the cores that compute inside a DRAM have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, PrivateAttr

from simulator.base import units
from simulator.hw import scaling
from simulator.hw.component import Core, Flaw, Memory
from simulator.hw.controller import Controller
from simulator.hw.memories.dram import Dram
from simulator.hw.pim.stream import Stream, compute
from simulator.hw.tiling import PRECISIONS
from simulator.workload.work import OPERATION_CLASSES, Contraction, Elementwise

if TYPE_CHECKING:
    import numpy as np

    from simulator.workload.tensor import Tensor
else:
    from simulator.base.lazy import numpy as np

#: An estimate simulates no more than about so many commands of a channel; what is beyond goes on as evenly.
MOST_COMMANDS = 20_000


class PimCore(Core):
    """Units in the banks of a DRAM: a tile is a stream of the memory's commands on all its channels.

    A kind states ``STANDARD``, the only one whose memories it works in; ``MULTIPLIES``: precision of a
    contraction -> that in which it multiplies; ``ELEMENTWISE``: operation class -> operands, all of them in
    the banks; and makes its streams.
    """

    ROLES: ClassVar = ("ifmap", "weight", "ofmap")
    BOUND: ClassVar = "pim"
    BACKGROUND: ClassVar = True  # its energy is counted by the memory, at work and at rest
    RESIDENT: ClassVar = True
    SPENT_IN: ClassVar = {"*": scaling.IN_DRAM}
    BETTER: ClassVar = {"clock_hz": ""}  # the memory's
    STANDARD: ClassVar[str] = ""
    MULTIPLIES: ClassVar[Mapping[str, str]] = {}
    ELEMENTWISE: ClassVar[Mapping[str, int]] = {}

    clock_hz: int = Field(0, description="Clock of its memory; checked: it follows from that", ge=0)
    _memory: Dram | None = PrivateAttr(None)
    _known: dict[tuple, int] = PrivateAttr(default_factory=dict)

    @property
    def memory(self) -> Dram:
        """The memory that it computes in; TypeError before ``beside`` has told."""
        if self._memory is None:
            raise TypeError(f"{self.kind} computes in the memory of its weights, of which it knows none")
        return self._memory

    def beside(self, memories: Mapping[str, Memory]) -> Self:
        """Among memories of which that of its weights is a DRAM of its standard."""
        memory = memories.get(self.buffer("weight")) if self.buffers else None
        if not isinstance(memory, Dram) or self.flaws(memories) or memory.flaws():
            return self
        placed = self.model_copy(update={"clock_hz": _clock_hz(memory)})
        placed._memory, placed._known = memory, {}
        return placed

    def flaws(self, memories: Mapping[str, Memory]) -> list[Flaw]:
        """Weights in no memory of its standard, or in one that does not compute; operands in wrong places."""
        wrong = [role for role in self.ROLES if role not in self.buffers]
        if wrong:
            return [Flaw(("buffers",), f"expected a memory for each of {', '.join(self.ROLES)}")]
        name = self.buffers["weight"]
        memory = memories.get(name)
        if memory is None:
            return []
        if not isinstance(memory, Dram) or memory.standard != self.STANDARD:
            have = f"standard {memory.standard}" if isinstance(memory, Dram) else f"kind {memory.kind}"
            text = f"{self.kind} computes in a dram of standard {self.STANDARD}; '{name}' is of {have}"
            return [Flaw(("buffers", "weight"), text)]
        found = []
        if memory.model != "commands":
            text = f"{self.kind} needs the commands of '{name}'; its model is {memory.model}"
            found.append(Flaw(("buffers", "weight"), text))
        if self.buffers["ifmap"] == name:
            found.append(Flaw(("buffers", "ifmap"), f"inputs are sent to '{name}'; expected another memory"))
        if self.leaves_sums() != (self.buffers["ofmap"] == name):
            stay = f"stay in '{name}'; expected that" if self.leaves_sums() else "come out; expected another"
            found.append(Flaw(("buffers", "ofmap"), f"sums of {self.kind} {stay} memory"))
        if not memory.flaws() and self.clock_hz not in (0, _clock_hz(memory)):
            has = units.format(_clock_hz(memory), "hz")
            found.append(Flaw(("clock",), f"expected that of '{name}', {has}, or none"))
        return found

    def accepts(self, work: object) -> bool:
        """Products of a matrix at a precision that it has, and what it does element by element."""
        if isinstance(work, Contraction):
            plain = work.fy * work.fx * work.sy * work.sx * work.groups == 1 and not work.batched
            return plain and work.precision in self.MULTIPLIES and work.pad_top + work.pad_left == 0
        if isinstance(work, Elementwise):
            return len(work.ops) == 1 and work.window is None and work.ops[0][0] in self.ELEMENTWISE
        return False

    def hindrance(self, work: object, operands: Sequence[Tensor], result: Tensor) -> str:
        """Weights that are computed, weights wider than its lanes, operands that are broadcast."""
        if isinstance(work, Contraction):
            if len(operands) < 2:
                return f"{self.kind} multiplies with constants in its banks"
            weight = operands[1]
            if weight.constant is None:
                return f"'{weight.name}' is computed, and {self.kind} multiplies with constants in its banks"
            return ""
        assert isinstance(work, Elementwise)
        wanted = self.ELEMENTWISE[work.ops[0][0]]
        if len(operands) != wanted or work.ops[0][1] != result.elements:
            return f"{self.kind} does {work.ops[0][0]} once for each element of {wanted} operands"
        if any(one.constant is not None for one in operands):
            return f"{self.kind} does it with operands that are computed"
        if any(one.elements != result.elements or one.bits != self.width for one in (*operands, result)):
            return f"{self.kind} needs operands of one shape and {self.width} bit"
        return ""

    @property
    def width(self) -> int:
        """Bits of an element of what it does element by element."""
        return 16

    def lanes(self, precision: str) -> int:
        """Products of a column in each unit, at a precision of the network."""
        bits = {"int8": 8}.get(self.MULTIPLIES[precision], 16)
        return self.memory.device.access_bytes * 8 // bits

    def precisions(self) -> tuple[str, ...]:
        """Those that its units have; others of ``MULTIPLIES`` become one of them."""
        return tuple(dict.fromkeys(self.MULTIPLIES.values()))

    def macs_per_cycle(self, precision: str) -> float:
        """Lanes of all units of all channels over the clocks of a step."""
        if precision not in self.MULTIPLIES:
            return 0.0
        pim, device = self.memory.device.standard.pim, self.memory.device
        assert pim is not None
        return self.memory.channels * pim.units * self.lanes(precision) / device.clocks(pim.step)

    def extent(self) -> str:
        """Channels x units x lanes."""
        pim = self.memory.device.standard.pim
        assert pim is not None
        return f"{self.memory.channels} x {pim.units} x {pim.lanes}"

    def traits(self) -> tuple[str, ...]:
        """What it does."""
        done = ["GEMV", *self.ELEMENTWISE]
        return (f"in {self.buffer('weight')}", ", ".join(done))

    def cycles(self, tiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Clocks that the stream of each tile takes channels that do nothing else; no further latency.

        Long ones go on as evenly as their first ``MOST_COMMANDS`` do.
        """
        taken = [self._clocks(tile) for tile in tiles]
        return np.array(taken, np.int64).reshape(-1), np.zeros(tiles.size, np.int64)

    def counts(self, tiles: np.ndarray) -> np.ndarray:
        """None of its own: the memory counts what its commands do."""
        return np.zeros((tiles.size, 0), np.int64)

    def accesses(self, tiles: np.ndarray) -> np.ndarray:
        """Inputs, read once for each turn and sent to all channels at a time; results that come out."""
        moved = np.zeros((tiles.size, len(self.ROLES), 2), np.int64)
        for i, tile in enumerate(tiles):
            if tile["k"]:
                turns = self.turns(int(tile["n"]), int(tile["k"]), self._precision(tile))
                moved[i, 0, 0] = tile["m"] * tile["k"] * tile["ifmap_bits"] // 8 * turns
                if not self.leaves_sums():
                    moved[i, 2, 1] = tile["m"] * tile["n"] * tile["ofmap_bits"] // 8
        return moved

    def resident_room(self) -> int:
        """The first rank of each channel: streams use no other."""
        return self.memory.capacity_bytes // self.memory.device.ranks

    def stream(self, tile: np.ndarray) -> Stream:
        """The commands of one channel for a tile."""
        if tile["k"]:
            m, n, k = int(tile["m"]), int(tile["n"]), int(tile["k"])
            return self.gemv(n, k, m, self._precision(tile), bool(tile["ops"].any()))
        which = int(tile["ops"].argmax())
        return self.elementwise(OPERATION_CLASSES[which], int(tile["ops"][which]))

    def gemv(self, outputs: int, inputs: int, batch: int, precision: str, activated: bool) -> Stream:
        """Products of a matrix with ``batch`` vectors, with or without an activation function after it."""
        raise TypeError(f"{type(self).__name__} makes no streams")

    def some_turns(self, turns: int, like: tuple[int, int], precision: str, activated: bool) -> Stream:
        """So many whole turns of a matrix of ``like`` outputs and inputs."""
        raise TypeError(f"{type(self).__name__} makes no streams")

    def elementwise(self, operation: str, elements: int) -> Stream:
        """An operation class on all elements."""
        raise TypeError(f"{type(self).__name__} makes no streams")

    def turns(self, outputs: int, inputs: int, precision: str) -> int:
        """How often the inputs are sent for so many outputs."""
        return ceil(outputs / self.outputs_of_turn())

    def outputs_of_turn(self) -> int:
        """Outputs of all channels that are computed together."""
        raise TypeError(f"{type(self).__name__} makes no streams")

    def _precision(self, tile: np.ndarray) -> str:
        return PRECISIONS[int(tile["precision"])]

    def _clocks(self, tile: np.ndarray) -> int:
        if tile["k"]:
            n, k, m, precision = int(tile["n"]), int(tile["k"]), int(tile["m"]), self._precision(tile)
            activated = bool(tile["ops"].any())
            many = self.turns(n, k, precision) * m
            key = (n, k, precision, activated)

            def some(turns: int, quiet: bool) -> int:
                def make() -> Stream:
                    return self.some_turns(turns, (n, k), precision, activated)

                return self._taken(("turns", turns, *key), make, quiet)

            commands = sum(row[1] for row in self.some_turns(1, (n, k), precision, activated).rows)
            if many > _most(commands):
                return _going_on(some, many, _most(commands))
            return self._taken(("gemv", m, *key), lambda: self.stream(tile))
        which = int(tile["ops"].argmax())
        name, elements = OPERATION_CLASSES[which], int(tile["ops"][which])
        row = self.memory.device.row_bytes * 8 // self.width * self.memory.channels

        def rows(many: int, quiet: bool) -> int:
            return self._taken((name, many * row), lambda: self.elementwise(name, many * row), quiet)

        most = _most(sum(step[1] for step in self.elementwise(name, row).rows))
        if elements > most * row:
            return _going_on(rows, ceil(elements / row), most)
        return self._taken((name, elements), lambda: self.elementwise(name, elements))

    def _taken(self, key: tuple, make: Callable[[], Stream], quiet: bool = False) -> int:
        """Clocks of a stream that begins in the middle between two refreshes; ``quiet``: without any."""
        if (quiet, *key) not in self._known:
            controller = Controller(refresh="none") if quiet else self.memory.controller
            begin = 0 if controller.refresh == "none" else self.memory.device.timing["nREFI"] // 2
            self._known[quiet, *key] = compute(make(), controller, begin=begin).cycles
        return self._known[quiet, *key]


def _clock_hz(memory: Dram) -> int:
    return round(10**15 / memory.device.tck_fs)


def _most(commands: int) -> int:
    """How many equal parts of so many commands are simulated."""
    return max(4, MOST_COMMANDS // max(commands, 1))


def _going_on(taken: Callable[[int, bool], int], many: int, most: int) -> int:
    """Clocks of ``many`` equal parts, of which no more than ``most`` are simulated: they go on as they do.

    ``taken(parts, quiet)``: clocks of some, with refreshes or without. Without them parts go on evenly; they
    take the same share of a longer time.
    """
    half = most // 2
    quiet = taken(most, True)
    whole = quiet + (quiet - taken(half, True)) / (most - half) * (many - most)
    return round(taken(most, False) * whole / quiet)
