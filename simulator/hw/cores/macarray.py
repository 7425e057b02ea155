"""What arrays of MACs have in common, whatever their shape: precisions, sums, epilogues, gated zeros."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, field_validator

from simulator.base.errors import did_you_mean
from simulator.hw import scaling
from simulator.hw.component import Core
from simulator.hw.tiling import PRECISIONS, macs, zero_share
from simulator.workload.work import Contraction

if TYPE_CHECKING:
    import numpy as np
else:
    from simulator.base.lazy import numpy as np

Operand = Literal["ifmap", "weight"]


class MacArray(Core):
    """Contractions on MACs that work side by side; a subclass says how, and what that takes."""

    ACTIONS: ClassVar = tuple(f"mac_{p}" for p in PRECISIONS) + ("requant", "gated")
    ROLES: ClassVar = ("ifmap", "weight", "psum", "ofmap")
    BETTER: ClassVar = {"psum_bits": ""}  # fewer are another arithmetic
    SPENT_IN: ClassVar = {"*": scaling.LOGIC}

    conv: Literal["im2col", "channel_first"] = Field(
        "im2col",
        description="What of a convolution is summed side by side: with positions, or channels alone",
    )
    precision: dict[str, float] = Field(
        default_factory=lambda: {"int8": 1.0}, description="Products per MAC and cycle at each precision"
    )
    gates: tuple[Operand, ...] = Field((), description="Operands whose zeros keep a MAC from switching")
    psum_bits: int = Field(32, description="Width of a partial sum", gt=0)
    epilogue: tuple[str, ...] = Field(
        ("bias", "requant", "relu", "clip", "leaky_relu"),
        description="What is applied on the way out, at no time",
    )

    @field_validator("precision")
    @classmethod
    def _known_precisions(cls, rates: dict[str, float]) -> dict[str, float]:
        for name, rate in rates.items():
            if name not in PRECISIONS:
                hint = did_you_mean(name, PRECISIONS)
                raise ValueError(f"unknown precision '{name}', expected one of {', '.join(PRECISIONS)}{hint}")
            if rate <= 0:
                raise ValueError(
                    f"expected a rate above 0 for {name}, got {rate:g}; leave it out if it cannot"
                )
        if not rates:
            raise ValueError("expected at least one precision, such as {int8: 1}")
        return rates

    def actions(self) -> tuple[str, ...]:
        """MACs at its own precisions, requantization, and MACs that it gates where it does."""
        own = (*(f"mac_{name}" for name in PRECISIONS if name in self.precision), "requant")
        return (*own, "gated") if self.gates else own

    def accepts(self, work: object) -> bool:
        """Contractions at a precision that the array has."""
        return isinstance(work, Contraction) and work.precision in self.precision

    def inner(self, c: int, positions: int) -> tuple[int, int]:
        """im2col: positions and channels together; channel_first: each position by itself."""
        return (c, positions) if self.conv == "channel_first" else (c * positions, 1)

    def sum_bits(self) -> int:
        """Width of a sum in the accumulators."""
        return self.psum_bits

    def applies(self, name: str) -> bool:
        """What ``epilogue`` lists."""
        return name in self.epilogue

    def precisions(self) -> tuple[str, ...]:
        """Those that ``precision`` states, in its order."""
        return tuple(self.precision)

    def follows_zeros(self) -> bool:
        """Where it gates zeros."""
        return bool(self.gates)

    def rate(self, precision: str) -> float:
        """Products per MAC and cycle; 0 at a precision that it lacks."""
        return self.precision.get(precision, 0.0)

    def counts(self, tiles: np.ndarray) -> np.ndarray:
        """MACs at the tile's precision, outputs requantized by tiles that end their sums, gated MACs."""
        counts = np.zeros((tiles.size, len(self.ACTIONS)), np.int64)
        done = self.products(tiles)
        gated = np.rint(done * self.gated_share(tiles)).astype(np.int64)
        counts[np.arange(tiles.size), tiles["precision"]] = done - gated
        counts[:, -2] = tiles["m"] * tiles["n"] * tiles["count"] * (tiles["last"] & tiles["requant"])
        counts[:, -1] = gated
        return counts

    def products(self, tiles: np.ndarray) -> np.ndarray:
        """Products that reach the MACs, int64, shape (tiles,)."""
        return macs(tiles)

    def gated_share(self, tiles: np.ndarray) -> np.ndarray:
        """Share of those of which an operand that it watches is zero, float64, shape (tiles,)."""
        return zero_share(tiles, self.gates)

    def _rates(self, tiles: np.ndarray) -> np.ndarray:
        """Products per MAC and cycle of each tile, float64, shape (tiles,)."""
        return np.array([self.precision.get(p, 1.0) for p in PRECISIONS])[tiles["precision"]]
