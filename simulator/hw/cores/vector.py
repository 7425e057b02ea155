"""Vector unit: lanes that each do one simple operation per cycle."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator

from simulator.base.errors import did_you_mean
from simulator.hw import scaling
from simulator.hw.component import CORES, Core
from simulator.hw.tiling import macs
from simulator.workload.work import OPERATION_CLASSES, Contraction, Elementwise, Move

if TYPE_CHECKING:
    import numpy as np
else:
    from simulator.base.lazy import numpy as np

#: Cycles per operation and lane. Add, multiply, compare and MAC are pipelined to one per cycle; a
#: transcendental is a table look-up with linear interpolation (look-up, multiply, add), a division or root a
#: look-up and two Newton steps (2 x (multiply, multiply-add) + look-up). An estimate of a plain design; a
#: chip states its own.
COSTS = {
    "add": 1.0, "mul": 1.0, "max": 1.0, "logic": 1.0, "round": 1.0, "mac": 1.0,
    "exp": 3.0, "log": 3.0, "sigmoid": 3.0, "tanh": 3.0, "erf": 3.0, "sin": 3.0,
    "div": 5.0, "sqrt": 5.0, "pow": 7.0,
}  # fmt: skip


@CORES.register("vector")
class Vector(Core):
    """Lanes beside the array, for everything that is not a large contraction.

    Model
    -----
    ``cycles = max(sum over classes of ceil(operations x cost / lanes), ceil(bytes / (lanes x lane)))``, the
    larger of bytes in and bytes out, and no faster than the port of its buffer; the result is out
    ``start_cycles`` later. It also takes contractions (depthwise convolutions, where an array idles) as MACs,
    and data that only changes place, which costs its bytes alone.

    Not modelled
    ------------
    Register pressure and instruction issue; packing of narrow elements beyond what ``lanes`` states.

    Source
    ------
    Costs per class: an estimate (see ``COSTS``), to be stated by the chip where known. docs/models/vector.md.
    """

    ACTIONS: ClassVar = tuple(f"op_{name}" for name in OPERATION_CLASSES)
    ROLES: ClassVar = ("data",)
    BOUND: ClassVar = "vector"
    ABSORBS: ClassVar = True
    SPENT_IN: ClassVar = {"*": scaling.LOGIC}
    ACCEPTS: ClassVar = (Elementwise, Move)

    lanes: int = Field(description="Operations per cycle", gt=0)
    lane_bytes: int = Field(2, description="Bytes that a lane takes in, and gives out, per cycle", gt=0)
    cost: dict[str, float] = Field(
        default_factory=dict,
        description="Cycles per operation and lane by class; classes left out have the defaults",
    )
    start_cycles: int = Field(8, description="Cycles to start a tile: the depth of the pipeline", ge=0)
    contractions: bool = Field(True, description="Whether it may compute contractions as MACs")

    @field_validator("cost")
    @classmethod
    def _known_classes(cls, costs: dict[str, float]) -> dict[str, float]:
        for name, cost in costs.items():
            if name not in OPERATION_CLASSES:
                hint = did_you_mean(name, OPERATION_CLASSES)
                known = ", ".join(OPERATION_CLASSES)
                raise ValueError(f"unknown operation class '{name}', expected one of {known}{hint}")
            if cost <= 0:
                raise ValueError(f"expected a cost above 0 for {name}, got {cost:g}")
        return costs

    def accepts(self, work: object) -> bool:
        """Everything but spikes; contractions where ``contractions`` says so."""
        return isinstance(work, self.ACCEPTS) or (isinstance(work, Contraction) and self.contractions)

    def macs_per_cycle(self, precision: str) -> float:
        """Lanes over the cost of a MAC."""
        return self.lanes / self._costs()[OPERATION_CLASSES.index("mac")]

    def extent(self) -> str:
        """Number of lanes."""
        return f"{self.lanes} lanes"

    def cycles(self, tiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Occupancy of each tile in cycles; its result leaves the pipeline ``start_cycles`` later."""
        per_class = np.ceil(self._operations(tiles) * self._costs() / self.lanes)
        through = np.maximum(tiles["read_bytes"], tiles["write_bytes"])
        moving = -(-through // (self.lanes * self.lane_bytes))
        occupancy = np.maximum(per_class.sum(axis=1).astype(np.int64), moving)
        return occupancy, np.full(tiles.size, self.start_cycles, np.int64)

    def counts(self, tiles: np.ndarray) -> np.ndarray:
        """Operations per class, int64, shape (tiles, classes)."""
        return self._operations(tiles)

    def accesses(self, tiles: np.ndarray) -> np.ndarray:
        """Operands are read and results written once; a contraction reads an input per MAC, weights once."""
        moved = np.zeros((tiles.size, 1, 2), np.int64)
        out = tiles["m"] * tiles["n"] * tiles["count"]
        inner = tiles["k"] * tiles["taps"]
        moved[:, 0, 0] = tiles["read_bytes"] + out * inner * tiles["ifmap_bits"] // 8
        moved[:, 0, 0] += inner * tiles["n"] * tiles["count"] * tiles["weight_bits"] // 8
        moved[:, 0, 1] = tiles["write_bytes"] + out * tiles["last"] * tiles["ofmap_bits"] // 8
        return moved

    def _costs(self) -> np.ndarray:
        return np.array([self.cost.get(name, COSTS[name]) for name in OPERATION_CLASSES])

    def _operations(self, tiles: np.ndarray) -> np.ndarray:
        ops = tiles["ops"].copy()
        ops[:, OPERATION_CLASSES.index("mac")] += macs(tiles)
        return ops
