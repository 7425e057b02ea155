"""NIR's primitives without state as sparse linear maps, and a constant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from simulator.workload.spiking.linear import (
    LinearMap,
    convolution,
    dense,
    identity,
    pooling,
    reshape,
    scale,
)

Fields = Mapping[str, Any]
Shape = tuple[int, ...]
Mapped = tuple[LinearMap, np.ndarray | float]


@dataclass(frozen=True)
class Stateless:
    """A primitive: its map for an input shape and a time step, and the input shape that its fields tell.

    ``map`` raises ValueError where the input does not fit.
    """

    map: Callable[[Fields, Shape, float], Mapped]
    expects: Callable[[Fields], Shape | None]


def _check(shape: Shape, wanted: Shape) -> None:
    if shape != wanted:
        raise ValueError(f"expected an input of shape {list(wanted)}, got {list(shape)}")


def _affine(fields: Fields, shape: Shape, dt_s: float) -> Mapped:
    linear = dense(_matrix(fields))
    if prod(shape) != prod(linear.inputs):
        _check(shape, linear.inputs)
    bias = np.asarray(fields.get("bias", 0.0))
    if bias.size not in (1, prod(linear.outputs)):
        raise ValueError(f"expected {prod(linear.outputs)} numbers as bias, got {bias.size}")
    return linear, np.broadcast_to(bias.reshape(-1), prod(linear.outputs))


def _matrix(fields: Fields) -> np.ndarray:
    weight = np.asarray(fields["weight"])
    if weight.ndim < 2:
        raise ValueError(f"expected a matrix as weight, got shape {list(weight.shape)}")
    return weight


def _affine_input(fields: Fields) -> Shape | None:
    weight = np.asarray(fields["weight"])
    return (*weight.shape[:-2], weight.shape[-1]) if weight.ndim >= 2 else None


def _scale(fields: Fields, shape: Shape, dt_s: float) -> Mapped:
    factors = np.asarray(fields["scale"], np.float64)
    return scale(_each(factors, shape, "scale")), 0.0


def _each(numbers: np.ndarray, shape: Shape, what: str) -> np.ndarray:
    """A number per element; one holds for all."""
    if numbers.size != 1 and numbers.size != prod(shape):
        wanted = f"{list(numbers.shape)}, as `{what}` has"
        raise ValueError(f"expected an input of shape {wanted}, got {list(shape)}")
    return np.broadcast_to(numbers.reshape(-1), prod(shape)).reshape(shape)


def _delay(fields: Fields, shape: Shape, dt_s: float) -> Mapped:
    times = np.asarray(fields["delay"], np.float64)
    if (times < 0).any():
        raise ValueError(f"expected delays of 0 or more, got {times.min():g} s")
    steps = _each(np.rint(times / dt_s).astype(np.int64), shape, "delay")
    if steps.max() > LONGEST:
        raise ValueError(f"expected delays of at most {LONGEST} steps, got {steps.max()} of {dt_s:g} s")
    return scale(np.ones(shape), steps), 0.0


#: Longest delay, in steps.
LONGEST = 1023


def _convolution(fields: Fields, shape: Shape, dt_s: float) -> Mapped:
    weight = np.asarray(fields["weight"], np.float64)
    axes, groups = weight.ndim - 2, int(fields["groups"])
    if groups < 1 or weight.shape[0] % groups:
        raise ValueError(f"expected groups that divide {weight.shape[0]} channels, got {groups}")
    if len(shape) != axes + 1 or shape[0] != weight.shape[1] * groups:
        wanted = ", ".join([str(weight.shape[1] * groups), *["any"] * axes])
        raise ValueError(f"expected an input of shape [{wanted}], got {list(shape)}")
    dilation, stride = _axes(fields["dilation"], axes), _axes(fields["stride"], axes)
    spans = [step * (taps - 1) for step, taps in zip(dilation, weight.shape[2:], strict=True)]
    padding = _padding(fields["padding"], spans, stride)
    linear = convolution(weight, shape[1:], stride, padding, dilation, groups)
    bias = np.asarray(fields["bias"], np.float64)
    if bias.size not in (1, weight.shape[0]):
        raise ValueError(f"expected a bias per output channel ({weight.shape[0]}), got {bias.size}")
    each = np.broadcast_to(bias.reshape(-1), weight.shape[0])
    return linear, np.repeat(each, prod(linear.outputs[1:]))


def _axes(value: Any, axes: int) -> list[int]:
    return [int(each) for each in np.broadcast_to(np.asarray(value), axes)]


def _padding(value: Any, spans: list[int], stride: list[int]) -> list[tuple[int, int]]:
    """Before and after, per axis; ``same`` (with a stride of 1) puts what is odd after, as PyTorch does."""
    if isinstance(value, str):
        if value not in ("same", "valid"):
            raise ValueError(f"expected 'same', 'valid' or numbers as padding, got '{value}'")
        if value == "same" and set(stride) != {1}:
            raise ValueError(f"expected a stride of 1 with padding 'same', got {stride}")
        return [(span // 2, span - span // 2) if value == "same" else (0, 0) for span in spans]
    return [(each, each) for each in _axes(value, len(spans))]


def _convolution_input(fields: Fields) -> Shape | None:
    if "input_shape" not in fields:
        return None
    channels = np.asarray(fields["weight"]).shape[1] * int(fields["groups"])
    return (channels, *_axes(fields["input_shape"], np.asarray(fields["weight"]).ndim - 2))


def _pool(mean: bool) -> Callable[[Fields, Shape, float], Mapped]:
    def pool(fields: Fields, shape: Shape, dt_s: float) -> Mapped:
        if len(shape) != 3:
            raise ValueError(f"expected an input of channels, height, width, got shape {list(shape)}")
        kernel, stride, padding = (_axes(fields[key], 2) for key in ("kernel_size", "stride", "padding"))
        weight = 1 / prod(kernel) if mean else 1.0
        return pooling(shape[0], shape[1:], kernel, stride, padding, weight), 0.0

    return pool


def _flatten(fields: Fields, shape: Shape, dt_s: float) -> Mapped:
    first, last = (int(fields[key]) % len(shape) for key in ("start_dim", "end_dim"))
    if first > last:
        raise ValueError(f"expected start_dim before end_dim, got {first} and {last} of {len(shape)}")
    flat = (*shape[:first], prod(shape[first : last + 1]), *shape[last + 1 :])
    return reshape(identity(shape), flat), 0.0


def _stated(key: str) -> Callable[[Fields], Shape | None]:
    return lambda fields: np.shape(fields[key])


def _unknown(fields: Fields) -> None:
    return None


def _flatten_input(fields: Fields) -> Shape | None:
    given = fields.get("input_type")
    return None if given is None else tuple(int(each) for each in np.atleast_1d(given))


STATELESS = {
    "Affine": Stateless(_affine, _affine_input),
    "Linear": Stateless(_affine, _affine_input),
    "Scale": Stateless(_scale, _stated("scale")),
    "Delay": Stateless(_delay, _stated("delay")),
    "Conv1d": Stateless(_convolution, _convolution_input),
    "Conv2d": Stateless(_convolution, _convolution_input),
    "SumPool2d": Stateless(_pool(mean=False), _unknown),
    "AvgPool2d": Stateless(_pool(mean=True), _unknown),
    "Flatten": Stateless(_flatten, _flatten_input),
}
