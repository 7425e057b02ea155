"""Systolic array: a grid of MACs through which operands are shifted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from simulator.hw.component import CORES, Granule
from simulator.hw.cores.macarray import MacArray
from simulator.workload.work import Contraction

if TYPE_CHECKING:
    import numpy as np
else:
    from simulator.base.lazy import numpy as np


@CORES.register("systolic")
class Systolic(MacArray):
    """Rows x columns of processing elements (PE), one MAC each, with one operand stationary.

    Model
    -----
    A GEMM of M x K by K x N is cut into folds that fill the array: ws puts K on rows and N on columns and
    streams M; os puts M on rows and N on columns and streams K; is puts K on rows and M on columns and
    streams N. With R rows, C columns and stream length T, a fold takes

    - weights ``exposed``: ``T + 2R + C - 2`` cycles (ws, is: shift in R, then skewed streaming) or
      ``T + R + C - 2`` (os); folds follow each other.
    - ``double_buffered``: ``max(T, R)`` cycles, because the next stationary operand is shifted in meanwhile;
      the first shift, the skew and the drain, ``(2R-1) + (R+C-2)`` (os: ``R + R+C-2``), are latency after the
      last one.

    Convolution: ``im2col`` puts kernel positions and channels together on K; ``channel_first`` maps channels
    alone, each kernel position being a fold of its own. Groups are computed one after the other. A precision
    of rate r computes r products per PE and cycle along K. A tile cannot go faster than the ports of its
    buffers allow. Bias, requantization and a clamping activation act on the way out at no further time.
    ``gates``: a PE that sees a zero in one of these operands holds still: no time is saved, and the product
    counts as ``gated`` instead of a MAC (docs/models/sparsity.md).

    Not modelled
    ------------
    Bank conflicts in the buffers beyond their total port width; packing of several groups side by side.

    Source
    ------
    Samajdar et al., "SCALE-Sim", arXiv:1811.02883 (exposed folds); Genc et al., "Gemmini", DAC 2021 (double
    buffering); equations and comparison in docs/models/systolic.md.
    """

    rows: int = Field(description="PEs along the reduction (ws, is) or the output pixels (os)", gt=0)
    cols: int = Field(description="PEs along the output channels (ws, os) or the output pixels (is)", gt=0)
    dataflow: Literal["ws", "os", "is"] = Field(
        "ws", description="What stays in a PE: weights, outputs or inputs"
    )
    weights: Literal["exposed", "double_buffered"] = Field(
        "double_buffered", description="Whether loading the stationary operand is hidden behind computing"
    )

    def granule(self, work: object) -> Granule:
        """Array rows and columns on the dimensions that the dataflow puts there."""
        rate = self.precision.get(work.precision, 1.0) if isinstance(work, Contraction) else 1.0
        deep = max(1, int(self.rows * rate))
        if self.dataflow == "ws":
            return Granule(1, self.cols, deep)
        return Granule(self.cols, 1, deep) if self.dataflow == "is" else Granule(self.rows, self.cols, 1)

    def macs_per_cycle(self, precision: str) -> float:
        """PEs times the rate of the precision."""
        return self.rows * self.cols * self.rate(precision)

    def extent(self) -> str:
        """Rows x columns."""
        return f"{self.rows} x {self.cols}"

    def traits(self) -> tuple[str, ...]:
        """What stays in the PEs, how it gets there, and how convolutions fill the rows."""
        gated = (f"gates zeros of {' and '.join(self.gates)}",) if self.gates else ()
        return self.dataflow, f"weights {self.weights}", self.conv, *gated

    def cycles(self, tiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Occupancy and further latency of each tile in cycles, int64, shape (tiles,)."""
        from simulator.kernels.systolic import array_cycles  # numba: only when something is simulated

        occupancy, latency = np.empty(tiles.size, np.int64), np.empty(tiles.size, np.int64)
        overlapped = self.weights == "double_buffered"
        m, n, k, taps, count = self._columns(tiles)
        array_cycles(
            m, n, k, taps, count, self.rows, self.cols, self._dataflow(), overlapped, occupancy, latency
        )
        return occupancy, latency

    def streaming(self, tiles: np.ndarray) -> np.ndarray:
        """Folds times stream length; shifting in or out, skew and drain are the rest of the occupancy."""
        m, n, k, taps, count = self._columns(tiles)
        down, across, stream, again = {
            "ws": (k, n, m, taps), "is": (k, m, n, taps), "os": (m, n, k * taps, np.ones_like(taps)),
        }[self.dataflow]  # fmt: skip
        return again * -(-down // self.rows) * -(-across // self.cols) * stream * count

    def accesses(self, tiles: np.ndarray) -> np.ndarray:
        """Bytes at the buffers; the ofmap is written by tiles that end their sums, from the partial sums."""
        from simulator.kernels.systolic import array_accesses  # numba: only when something is simulated

        elements = [np.empty(tiles.size, np.int64) for _ in range(4)]
        m, n, k, taps, count = self._columns(tiles, packed=False)
        deep = self._columns(tiles)[2]
        first = np.ascontiguousarray(tiles["first"])
        array_accesses(m, n, k, taps, count, deep, first, self.rows, self.cols, self._dataflow(), *elements)
        ifmap, weight, psum_read, psum_write = elements
        out = np.where(tiles["last"], m * n * count, 0)
        moved = np.zeros((tiles.size, len(self.ROLES), 2), np.int64)
        moved[:, 0, 0] = ifmap * tiles["ifmap_bits"] // 8
        moved[:, 1, 0] = weight * tiles["weight_bits"] // 8
        moved[:, 2, 0] = (psum_read + out) * self.psum_bits // 8
        moved[:, 2, 1] = psum_write * self.psum_bits // 8
        moved[:, 3, 1] = out * tiles["ofmap_bits"] // 8
        return moved

    def _dataflow(self) -> int:
        return ("ws", "os", "is").index(self.dataflow)

    def _columns(self, tiles: np.ndarray, packed: bool = True) -> list[np.ndarray]:
        m, n, k, taps, count = (np.ascontiguousarray(tiles[f]) for f in ("m", "n", "k", "taps", "count"))
        if packed and any(rate != 1 for rate in self.precision.values()):
            k = np.ceil(k / self._rates(tiles)).astype(np.int64)
        return [m, n, k, taps, count]
