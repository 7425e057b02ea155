"""From samples to ranges, and from ranges to scales and zero points."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from simulator.workload.rescale import limits
from simulator.workload.tensor import NUMPY, Quant

METHODS = ("minmax", "percentile", "mse")
BINS = 4096
_COARSE, _FINE = 20, 8  # candidates per end of a range, and around the best of them
#: Shares of max |w| that the search for the best clipping of weights tries.
_WEIGHT_SHARES = np.linspace(1, 0.2, 81)
_LEAST = float(np.finfo(np.float32).tiny)


class Range(NamedTuple):
    """What a tensor's real values are clipped to; 0 lies in it."""

    low: float
    high: float


@dataclass
class Extremes:
    """Least and largest value seen, 0 included: the first pass over the samples."""

    low: float = 0.0
    high: float = 0.0

    def see(self, array: np.ndarray) -> None:
        """Take an array's values in."""
        if array.size:
            self.low = min(self.low, float(array.min()))
            self.high = max(self.high, float(array.max()))

    @property
    def range(self) -> Range:
        """All that was seen: the method ``minmax``."""
        return Range(self.low, self.high)


@dataclass
class Histogram:
    """How often values fall into ``BINS`` equal parts of a range: the second pass over the samples.

    Zeros, which every quantization here represents exactly, are counted apart.
    """

    range: Range
    counts: np.ndarray = field(default_factory=lambda: np.zeros(BINS, np.int64))
    zeros: int = 0

    def see(self, array: np.ndarray) -> None:
        """Take an array's values in; they lie in the range."""
        values = np.ravel(array)
        kept = values[values != 0]
        self.zeros += values.size - kept.size
        if kept.size:
            self.counts += np.histogram(kept.astype(np.float64), BINS, self.range)[0]

    @property
    def centers(self) -> np.ndarray:
        """Middle of each part."""
        low, high = self.range
        return low + (np.arange(BINS) + 0.5) * (high - low) / BINS

    def quantile(self, share: float, *, magnitude: bool = False) -> float:
        """Value below which a share of all values lies, linear within a part; ``magnitude``: of |x|."""
        points, weights = self.centers, self.counts
        half = (self.range.high - self.range.low) / BINS / 2
        if magnitude:
            points = np.abs(points)
            order = np.argsort(points, kind="stable")
            points, weights = points[order], weights[order]
        at = int(np.searchsorted(points, 0.0))
        points = np.insert(points, at, 0.0)
        weights = np.insert(weights, at, self.zeros)
        reach = np.cumsum(weights)
        wanted = share * reach[-1]
        i = int(np.searchsorted(reach, wanted))
        if points[i] == 0.0:
            return 0.0
        inside = (wanted - (reach[i] - weights[i])) / max(int(weights[i]), 1)
        return float(points[i] - half + 2 * half * inside)


def percentile_range(histogram: Histogram, percent: float, *, symmetric: bool) -> Range:
    """Range that holds a percentage of the values.

    Asymmetric: half of the rest is cut from each tail. Symmetric: the percentile of |x|, both ways.
    """
    if not histogram.counts.any():
        return Range(0.0, 0.0)
    low, high = histogram.range
    if symmetric:
        end = histogram.quantile(percent / 100, magnitude=True)
        return Range(max(low, -end), min(high, end))
    tail = (1 - percent / 100) / 2
    return Range(
        min(0.0, max(low, histogram.quantile(tail))), max(0.0, min(high, histogram.quantile(1 - tail)))
    )


def mse_range(histogram: Histogram, dtype: str, *, symmetric: bool) -> Range:
    """Range with the least Σ (x − x̂)² over the histogram, by a search over both ends.

    Every pair of ``_COARSE`` low and high ends is tried, then finer steps around the best pair.
    """
    filled = histogram.counts > 0
    if not filled.any():
        return Range(0.0, 0.0)
    points, counts = histogram.centers[filled], histogram.counts[filled]
    low, high = histogram.range

    def best(lows: np.ndarray, highs: np.ndarray) -> tuple[float, float, float]:
        found = (np.inf, low, high)
        for start in lows:
            errors = [
                _squared_error(points, counts, quant_of(Range(start, end), dtype, symmetric=symmetric), dtype)
                for end in highs
            ]
            i = int(np.argmin(errors))
            found = min(found, (errors[i], -float(start), -float(highs[i])))
        return found[0], -found[1], -found[2]

    if symmetric:
        most = max(-low, high)
        steps = most * np.linspace(1 / 128, 1, 128)
        _, _, end = best(np.zeros(1), steps)
        return Range(-min(end, -low), min(end, high))
    shares = np.linspace(1 / _COARSE, 1, _COARSE)
    _, start, end = best(np.unique(low * shares), np.unique(high * shares))
    around = np.linspace(-1, 1, 2 * _FINE + 1) / _COARSE
    lows = np.unique(np.clip(start + low * around, low, 0.0))
    highs = np.unique(np.clip(end + high * around, 0.0, high))
    _, start, end = best(lows, highs)
    return Range(float(start), float(end))


def _squared_error(points: np.ndarray, counts: np.ndarray, quant: Quant, dtype: str) -> float:
    return float(np.sum(counts * (points - dequantize(quantize(points, quant, dtype), quant)) ** 2))


def quant_of(span: Range, dtype: str, *, symmetric: bool) -> Quant:
    """Scale and zero point of a range.

    Asymmetric: s = (high − low) / (qmax − qmin), z = round(qmin − low / s). Symmetric: z is the middle (0, or
    128 of uint8) and s = max(−low, high) / (qmax − z). A range of 0 alone has the scale 1.
    """
    least, most = limits(dtype)
    low, high = min(span.low, 0.0), max(span.high, 0.0)
    zero = (least + most + 1) // 2
    if low == high:
        return Quant((1.0,), (zero if symmetric else max(least, 0),))
    width = max(-low, high) / (most - zero) if symmetric else (high - low) / (most - least)
    scale = float(np.float32(max(width, _LEAST)))
    if not symmetric:
        zero = int(np.clip(np.rint(least - low / scale), least, most))
    return Quant((scale,), (zero,))


def quantize(real: np.ndarray, quant: Quant, dtype: str) -> np.ndarray:
    """Integers clip(round(x / s) + z), half to even, as ONNX's QuantizeLinear has it."""
    scale, zero = (_spread(each, quant, real.ndim) for each in (quant.scale, quant.zero_point))
    return np.clip(np.rint(real / scale) + zero, *limits(dtype)).astype(NUMPY[dtype])


def dequantize(stored: np.ndarray, quant: Quant) -> np.ndarray:
    """(q − z) · s, in float64."""
    scale, zero = (_spread(each, quant, stored.ndim) for each in (quant.scale, quant.zero_point))
    return (stored.astype(np.float64) - zero) * scale


def _spread(values: tuple[float, ...] | tuple[int, ...], quant: Quant, rank: int) -> np.ndarray:
    """One value, or one per channel along its axis."""
    array: np.ndarray = np.asarray(values)
    if quant.axis is None:
        return array.reshape(())
    return array.reshape([-1 if i == quant.axis else 1 for i in range(rank)])


def weight_quant(weight: np.ndarray, dtype: str, axis: int | None, method: str) -> Quant:
    """Symmetric scales of weights: s = max |w| / qmax, one, or one for each index of an axis.

    ``mse`` takes the share of max |w| with the least Σ (w − ŵ)² instead. Weights of zeros alone have the
    scale 1.
    """
    most = limits(dtype)[1]
    rows = weight.reshape(1, -1)
    if axis is not None:
        rows = np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1)
    reach = np.abs(rows).max(axis=1, initial=0).astype(np.float64)
    share = _weight_shares(rows, reach, dtype) if method == "mse" else np.ones(len(reach))
    scales = np.where(reach > 0, np.maximum(share * reach / most, _LEAST), 1.0).astype(np.float32)
    return Quant(tuple(scales.astype(float).tolist()), (0,) * len(scales), axis)


def _weight_shares(rows: np.ndarray, reach: np.ndarray, dtype: str) -> np.ndarray:
    """Share of the largest magnitude of each row that is best clipped to."""
    lowest, most = limits(dtype)
    best, least = np.ones(len(reach)), np.full(len(reach), np.inf)
    for share in _WEIGHT_SHARES:
        scale = np.where(reach > 0, share * reach / most, 1.0)[:, None].astype(np.float32)
        error = np.sum((np.clip(np.rint(rows / scale), lowest, most) * scale - rows) ** 2, axis=1)
        better = error < least
        best, least = np.where(better, share, best), np.where(better, error, least)
    return best
