"""What an activation is to a spiking neuron: at which input it saturates, and at which output.

An integrate-and-fire neuron with threshold θ that subtracts θ when it spikes, starts at θ/2 and sends A per
spike gives, over T steps with a constant input p, A·clip(floor(p·T/θ + 1/2), 0, T) / T: a staircase around
A·clip(p/θ, 0, 1) (Bu et al., "Optimal ANN-SNN conversion", ICLR 2022). So any function of that shape can be
replaced: a clipped ReLU, a staircase of L levels (QCFS, or quantized activations), or a ReLU, with θ from
data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Function = Callable[[np.ndarray], np.ndarray]

#: Beyond any saturation, and still exact in float64 arithmetic.
_FAR = float(2**40)
#: More steps than this between 0 and saturation are taken as none.
MOST_LEVELS = 1024
#: Relative difference that rounding of float32 constants may make.
_NEAR = 1e-5


@dataclass(frozen=True)
class Response:
    """Shape of an activation: A·clip(p/θ, 0, 1), or slope·max(p, 0).

    Attributes
    ----------
    threshold, amplitude
        θ and A; infinite for a ReLU.
    slope
        A/θ.
    levels
        Steps between 0 and A of a staircase; 0: it has none.
    """

    threshold: float
    amplitude: float
    slope: float
    levels: int = 0

    @property
    def saturates(self) -> bool:
        """Whether θ is known without data."""
        return bool(np.isfinite(self.threshold))

    def at(self, threshold: float) -> Response:
        """The response cut off at a threshold that data tell."""
        return Response(threshold, self.slope * threshold, self.slope)


@dataclass(frozen=True)
class Affine:
    """A function that changes nothing but scale and offset."""

    scale: float
    offset: float


def response(function: Function) -> Response | Affine | None:
    """The shape of a function of one number, found by asking it; None: a spiking neuron has none like it."""
    far, one, zero = (function(np.array([x])).item() for x in (_FAR, 1.0, 0.0))
    minus_far, twice = (function(np.array([x])).item() for x in (-_FAR, 2 * _FAR))
    if not np.isfinite([far, one, zero, minus_far, twice]).all():
        return None
    scale = one - zero
    if np.allclose([far - zero, zero - minus_far], scale * _FAR, rtol=_NEAR, atol=0):
        return Affine(scale, zero)
    if zero != 0 or minus_far != 0 or far <= 0:
        return None
    if far != twice:
        return _rectified(function, far / _FAR)
    return _saturating(function, far)


def _rectified(function: Function, slope: float) -> Response | None:
    points = np.linspace(-8, 8, 257)
    wanted = slope * np.maximum(points, 0)
    same = np.allclose(function(points), wanted, rtol=_NEAR, atol=0)
    return Response(np.inf, np.inf, slope) if same else None


def _saturating(function: Function, amplitude: float) -> Response | None:
    """θ of a ramp is where it ends; of a staircase, as many times the width of a step as it has levels."""
    end = _first(function, lambda y: y >= amplitude)
    values = function(np.linspace(0, end, 16 * MOST_LEVELS + 1))
    if (np.diff(values) < -_NEAR * amplitude).any():
        return None
    seen = np.unique(values)
    levels = int((np.diff(seen) > _NEAR * amplitude).sum())
    if levels > MOST_LEVELS:
        threshold, levels = end, 0
    elif levels == 1:
        threshold = 2 * end  # one step, in the middle of the ramp that it stands for
    else:
        begin = _first(function, lambda y: y > _NEAR * amplitude)
        threshold = (end - begin) * levels / (levels - 1)
    ramp = amplitude * np.clip(np.linspace(0, 2 * end, 513) / threshold, 0, 1)
    step = amplitude / levels if levels else 0.0
    off = np.abs(function(np.linspace(0, 2 * end, 513)) - ramp).max()
    like = off <= 0.51 * step + 1e-4 * amplitude
    return Response(threshold, amplitude, amplitude / threshold, levels) if like else None


def _first(function: Function, reached: Callable[[float], bool]) -> float:
    """The least positive input at which a rising function has reached something, by bisection."""
    low, high = 0.0, _FAR
    while np.nextafter(low, high) < high:
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if reached(function(np.array([middle])).item()):
            high = middle
        else:
            low = middle
    return high
