"""Array of dot products: adder trees over lanes of multipliers, with or without skipping of zeros."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from simulator.hw.component import CORES, Granule
from simulator.hw.cores.macarray import MacArray, Operand
from simulator.hw.skipping import slowest
from simulator.hw.tiling import macs
from simulator.workload.work import Contraction

if TYPE_CHECKING:
    import numpy as np
else:
    from simulator.base.lazy import numpy as np


@CORES.register("dot")
class Dot(MacArray):
    """Rows x columns of trees that each sum the products of ``lanes`` multipliers per cycle.

    Model
    -----
    A tree works on one output: rows are output pixels, columns output channels, and every step takes
    ``lanes`` elements of the reduction further. With L lanes times the rate of the precision, a GEMM of
    M x K by K x N for each of T kernel positions takes

    ``cycles = blocks · steps``, blocks = ceil(M / rows) · ceil(N / cols), steps = T · ceil(K / L),

    and its results are out ``depth`` cycles later. An ifmap vector serves all columns, a weight vector all
    rows and ``reuse`` blocks of pixels, whose sums wait inside.

    ``skips``: lanes pass over zeros of ifmap, weights or both. A lane that is ahead may go on inside a window
    of W steps, then waits for the slowest lane that shares the clock: of an ifmap these are L · rows, of
    weights L · cols, of both L · rows · cols. With d the density of what is skipped (of both the product),
    a window takes the mean of the largest of so many binomial counts (n = W, p = d;
    ``simulator.hw.skipping``), but no less than W / ``fetch``; windows do not reach over the end of a sum.
    Products that are skipped take neither time nor energy of a MAC.

    Not modelled
    ------------
    Zeros that come together (whole channels), which make lanes less equal than independent ones; skipped
    reads of buffers: they hold zeros and deliver them, and their ports limit what can be skipped.

    Source
    ------
    Adder trees: NVDLA hardware architecture (atomic-C by atomic-K). Skipping: Albericio et al., "Cnvlutin",
    ISCA 2016 (lanes of non-zero activations that wait for each other at the end of a window); Jang et al.,
    ISCA 2021 (activations, bounded look-ahead). docs/models/sparsity.md.
    """

    BETTER: ClassVar = {"psum_bits": "", "depth": "less"}

    lanes: int = Field(description="Products that a tree sums per cycle", gt=0)
    cols: int = Field(description="Trees along the output channels", gt=0)
    rows: int = Field(1, description="Trees along the output pixels", gt=0)
    reuse: int = Field(1, description="Blocks of output pixels that a weight vector serves", gt=0)
    depth: int = Field(8, description="Cycles from the last product to the result", ge=0)
    skips: tuple[Operand, ...] = Field((), description="Operands whose zeros are passed over")
    window: int = Field(16, description="Steps within which a lane may be ahead of the slowest", gt=0)
    fetch: float = Field(4.0, description="Vectors that lanes can pass over per cycle, at most", ge=1)

    def follows_zeros(self) -> bool:
        """Where it skips zeros, or gates them."""
        return bool(self.skips or self.gates)

    def granule(self, work: object) -> Granule:
        """Rows, columns, and lanes times the rate."""
        rate = self.rate(work.precision) if isinstance(work, Contraction) else 1.0
        return Granule(self.rows, self.cols, max(1, int(self.lanes * (rate or 1.0))))

    def macs_per_cycle(self, precision: str) -> float:
        """Multipliers times the rate of the precision; skipping can do the work of more."""
        return self.rows * self.cols * self.lanes * self.rate(precision)

    def extent(self) -> str:
        """Rows x columns x lanes."""
        return f"{self.rows} x {self.cols} x {self.lanes}"

    def traits(self) -> tuple[str, ...]:
        """How convolutions are summed, and what zeros do."""
        skipped = f"skips zeros of {' and '.join(self.skips)} in windows of {self.window}"
        gated = f"gates zeros of {' and '.join(self.gates)}"
        return (self.conv, *((skipped,) if self.skips else ()), *((gated,) if self.gates else ()))

    def cycles(self, tiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Blocks times steps, those without a product left out; the depth of the trees is latency."""
        steps = tiles["taps"] * -(-tiles["k"] // self._deep(tiles))
        blocks = -(-tiles["m"] // self.rows) * -(-tiles["n"] // self.cols) * tiles["count"]
        if self.skips:
            left = self._left(tiles)
            per_sum = [self._skipped(n, d) for n, d in zip(steps.tolist(), left.tolist(), strict=True)]
            occupancy = np.ceil(blocks * np.array(per_sum, np.float64) - 1e-9).astype(np.int64)
        else:
            occupancy = blocks * steps
        return occupancy, np.full(tiles.size, self.depth, np.int64)

    def products(self, tiles: np.ndarray) -> np.ndarray:
        """Those that no lane passes over."""
        return np.rint(macs(tiles) * self._left(tiles)).astype(np.int64)

    def gated_share(self, tiles: np.ndarray) -> np.ndarray:
        """Of what is left: zeros of the operands that are watched and not passed over."""
        left = np.ones(tiles.size)
        for i, name in enumerate(("ifmap", "weight")):
            if name in self.gates and name not in self.skips:
                left = left * tiles["density"][:, i]
        return 1 - left

    def accesses(self, tiles: np.ndarray) -> np.ndarray:
        """Bytes at the buffers: an ifmap for each block of columns, weights for each ``reuse`` of rows."""
        m, n, count = tiles["m"], tiles["n"], tiles["count"]
        inner = tiles["k"] * tiles["taps"]
        out = m * n * count
        moved = np.zeros((tiles.size, len(self.ROLES), 2), np.int64)
        moved[:, 0, 0] = m * inner * -(-n // self.cols) * count * tiles["ifmap_bits"] // 8
        moved[:, 1, 0] = n * inner * -(-m // (self.rows * self.reuse)) * count * tiles["weight_bits"] // 8
        moved[:, 2, 0] = out * (1 - tiles["first"]) * self.psum_bits // 8
        moved[:, 2, 1] = out * (1 - tiles["last"]) * self.psum_bits // 8
        moved[:, 3, 1] = out * tiles["last"] * tiles["ofmap_bits"] // 8
        return moved

    def _deep(self, tiles: np.ndarray) -> np.ndarray:
        return np.maximum((self.lanes * self._rates(tiles)).astype(np.int64), 1)

    def _left(self, tiles: np.ndarray) -> np.ndarray:
        """Share of products that no lane passes over."""
        left = np.ones(tiles.size)
        for i, name in enumerate(("ifmap", "weight")):
            if name in self.skips:
                left = left * tiles["density"][:, i]
        return left

    def _skipped(self, steps: int, density: float) -> float:
        """Cycles of one sum of so many steps."""
        whole, rest = divmod(steps, self.window)
        return whole * self._of_window(self.window, density) + self._of_window(rest, density)

    def _of_window(self, steps: int, density: float) -> float:
        lanes = self.lanes
        lanes *= self.rows if "ifmap" in self.skips else 1
        lanes *= self.cols if "weight" in self.skips else 1
        return max(slowest(steps, density, lanes), steps / self.fetch)
