"""Sliding windows: how kernel, stride, dilation and padding place an operator's window along one axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Axis:
    """One spatial axis of a convolution or pooling: extents and paddings in elements."""

    size: int
    kernel: int
    stride: int
    dilation: int
    begin: int  # padding before the first element
    end: int
    out: int

    @property
    def reach(self) -> int:
        """Elements from the first to the last that a window touches."""
        return (self.kernel - 1) * self.dilation + 1


def axes(sizes: Sequence[int], kernel: Sequence[int], attrs: Mapping[str, Any]) -> list[Axis]:
    """Place a window on every spatial axis by ONNX's attributes.

    Parameters
    ----------
    sizes
        Extents of the spatial axes.
    kernel
        Extents of the window, as many.
    attrs
        ``strides``, ``dilations``, ``pads`` (all begins, then all ends), ``auto_pad``, ``ceil_mode``.

    Raises
    ------
    ValueError
        Lists of different lengths, or a window that fits nowhere.
    """
    rank = len(sizes)
    strides = attrs.get("strides") or (1,) * rank
    dilations = attrs.get("dilations") or (1,) * rank
    pads = attrs.get("pads") or (0,) * 2 * rank
    if min((*kernel, *strides, *dilations), default=1) < 1:
        raise ValueError(
            f"kernel {list(kernel)}, strides {list(strides)} and dilations {list(dilations)} "
            "must be at least 1"
        )
    if not len(kernel) == len(strides) == len(dilations) == len(pads) // 2 == rank:
        raise ValueError(
            f"kernel {list(kernel)}, strides {list(strides)}, dilations {list(dilations)} and pads "
            f"{list(pads)} do not fit {rank} spatial axes"
        )
    auto, ceil = attrs.get("auto_pad") or "NOTSET", bool(attrs.get("ceil_mode", 0))
    return [
        _axis(sizes[i], kernel[i], strides[i], dilations[i], (pads[i], pads[rank + i]), auto, ceil)
        for i in range(rank)
    ]


def _axis(
    size: int, kernel: int, stride: int, dilation: int, pads: tuple[int, int], auto: str, ceil: bool
) -> Axis:
    reach = (kernel - 1) * dilation + 1
    if auto.startswith("SAME"):
        out = -(-size // stride)
        total = max(0, (out - 1) * stride + reach - size)
        less, more = total // 2, total - total // 2
        pads = (less, more) if auto == "SAME_UPPER" else (more, less)
        return Axis(size, kernel, stride, dilation, *pads, out)
    begin, end = (0, 0) if auto == "VALID" else pads
    room = size + begin + end - reach
    if room < 0:
        raise ValueError(
            f"a window that reaches over {reach} does not fit {size} elements with padding {begin} + {end}"
        )
    out = room // stride + 1
    if (
        ceil and room % stride and out * stride < size + begin
    ):  # a window must not start in the padding at the end
        out += 1
    return Axis(size, kernel, stride, dilation, begin, end, out)


def channels_first(shape: Sequence[int], attrs: Mapping[str, Any]) -> tuple[int, ...]:
    """Extents with channels after the first axis, of an operand whose node may have them last.

    A node with the attribute ``layout: NHWC`` reads and writes images as batch, rows, columns, channels, and
    weights as filters, rows, columns, channels; others have channels (of weights: too) in the second place.
    """
    if attrs.get("layout") != "NHWC":
        return tuple(shape)
    return (shape[0], shape[-1], *shape[1:-1])


def in_layout(shape: Sequence[int], attrs: Mapping[str, Any]) -> tuple[int, ...]:
    """Undo ``channels_first``."""
    if attrs.get("layout") != "NHWC":
        return tuple(shape)
    return (shape[0], *shape[2:], shape[1])


def explicit(found: Sequence[Axis]) -> dict[str, tuple[int, ...]]:
    """Attributes of placed windows with every default and automatic padding filled in."""
    return {
        "kernel_shape": tuple(axis.kernel for axis in found),
        "strides": tuple(axis.stride for axis in found),
        "dilations": tuple(axis.dilation for axis in found),
        "pads": tuple(axis.begin for axis in found) + tuple(axis.end for axis in found),
    }
