"""Convolutions: one contraction per node, its multiply-accumulates exact."""

from __future__ import annotations

from math import prod

import numpy as np

from simulator.workload.call import Call, NotExecuted
from simulator.workload.graph import Graph, Node
from simulator.workload.op import (
    Attrs,
    Example,
    Op,
    Operands,
    Shape,
    multiplication,
    operator,
    positional,
    required,
    tensor,
)
from simulator.workload.plain import windows
from simulator.workload.window import Axis, axes, channels_first, in_layout
from simulator.workload.work import Contraction, Work

_UNIT = Axis(size=1, kernel=1, stride=1, dilation=1, begin=0, end=0, out=1)


@operator("Conv", "ConvInteger")
class Conv(Op):
    """Convolution over 1 to 3 spatial axes, in groups: out[b, k, o] = Σ ifmap[b, c, o·s + f·d − p] · weight.

    A single axis is x, with y of extent 1. Depth is folded: output planes count as images and kernel planes
    as channels, which keeps the multiply-accumulates exact and overstates the ifmap by the overlap of kernel
    planes. With ``layout: NHWC`` images are batch, rows, columns, channels, and weights filters, rows,
    columns, channels of a group.
    """

    EXAMPLES = (
        Example(
            "Conv",
            (tensor((2, 6, 9, 7)), tensor((8, 6, 3, 2), name="w"), tensor((8,), name="b")),
            {"pads": (1, 0, 2, 1), "strides": (2, 1), "dilations": (1, 2)},
            macs=2 * 8 * 5 * 6 * 6 * 3 * 2,
        ),
        Example(
            "Conv",
            (tensor((1, 6, 8, 8)), tensor((6, 1, 3, 3), name="w")),
            {"group": 6, "auto_pad": "SAME_UPPER", "strides": (2, 2)},
            macs=6 * 4 * 4 * 9,
        ),
        Example(
            "Conv", (tensor((3, 4, 20)), tensor((6, 2, 3), name="w")), {"group": 2}, macs=3 * 6 * 18 * 2 * 3
        ),
        Example(
            "Conv", (tensor((1, 2, 5, 6, 7)), tensor((4, 2, 2, 3, 3), name="w")), macs=4 * 4 * 4 * 5 * 2 * 18
        ),
        Example(
            "ConvInteger",
            (tensor((1, 3, 8, 8), "uint8"), tensor((4, 3, 3, 3), "int8", "w"), tensor((), "uint8", "zero")),
            {"auto_pad": "VALID"},
            macs=4 * 6 * 6 * 27,
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Batch, filters, and one extent per spatial axis."""
        ifmap, weight = (channels_first(required(inputs, i).shape, attrs) for i in (0, 1))
        groups = attrs.get("group", 1)
        if len(ifmap) != len(weight) or len(ifmap) < 3:
            raise ValueError(
                f"operands of {len(ifmap)} and {len(weight)} dimensions; both need the same, at least 3"
            )
        if ifmap[1] != weight[1] * groups or weight[0] % groups:
            raise ValueError(
                f"{ifmap[1]} channels and {weight[0]} filters do not fit {groups} groups of {weight[1]}"
            )
        spatial = (axis.out for axis in axes(ifmap[2:], weight[2:], attrs))
        return [in_layout((ifmap[0], weight[0], *spatial), attrs)]

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Return int32 for sums of integers."""
        dtype = required(inputs, 0).dtype
        return ["int32" if "int" in dtype else dtype]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One contraction."""
        operands = positional(node, graph)
        ifmap, weight = required(operands, 0), required(operands, 1)
        groups = node.attrs.get("group", 1)
        seen, filters = (channels_first(operand.shape, node.attrs) for operand in (ifmap, weight))
        *deep, y, x = [_UNIT, *axes(seen[2:], filters[2:], node.attrs)]
        return (
            Contraction(
                k=filters[0] // groups,
                c=filters[1] * prod(axis.kernel for axis in deep),
                oy=y.out,
                ox=x.out,
                fy=y.kernel,
                fx=x.kernel,
                batch=ifmap.shape[0] * prod(axis.out for axis in deep),
                groups=groups,
                sy=y.stride,
                sx=x.stride,
                dy=y.dilation,
                dx=x.dilation,
                pad_top=y.begin,
                pad_left=x.begin,
                iy=y.size,
                ix=x.size,
                precision=multiplication(ifmap, weight),
            ),
        )

    def run(self, call: Call) -> list[np.ndarray]:
        """Return sums of products of stored integers, rescaled; or of reals, in their type."""
        ifmap, weight, bias = call.operand(0), call.operand(1), call.optional(2)
        if call.node.op == "ConvInteger":
            given = zero_point(call, 2), zero_points(call, 3)
            return [convolved(call, ifmap.array, weight.array, given, None, call.node.attrs)]
        if ifmap.array.dtype.kind == "f":
            made = convolved_reals(ifmap.array, weight.real(), call.node.attrs)
            shift = None if bias is None else _along_channels(bias.real(), made.ndim, call.node.attrs)
            return [call.store_real(made if shift is None else made + shift.astype(made.dtype))]
        zeros, addend = (ifmap.zero_point, weight.zero_points), call.addend(len(weight.array))
        sums = convolved(call, ifmap.array, weight.array, zeros, addend, call.node.attrs)
        scales = () if weight.tensor.quant is None else (ifmap.scale, np.array(weight.quant.scale))
        last = call.node.attrs.get("layout") == "NHWC"
        made = call.store_sums(sums if last else np.moveaxis(sums, 1, -1), *scales)
        return [made if last else np.moveaxis(made, -1, 1)]


def convolved(
    call: Call,
    ifmap: np.ndarray,
    weight: np.ndarray,
    zeros: tuple[int, np.ndarray],
    bias: np.ndarray | None,
    attrs: Attrs,
) -> np.ndarray:
    """Sums of a convolution of stored integers over one to three spatial axes, in the layout of ``attrs``."""
    last = attrs.get("layout") == "NHWC"
    image, filters = (array if last else np.moveaxis(array, 1, -1) for array in (ifmap, weight))
    placed, groups = axes(image.shape[1:-1], filters.shape[1:-1], attrs), attrs.get("group", 1)
    image, filters, plane = _planes(image, filters, placed, groups, zeros[0])
    sums = call.arithmetic.convolve(image, filters, plane, groups, zeros, bias, call.numerics)
    sums = sums.reshape(len(ifmap), *(axis.out for axis in placed), len(weight))
    return sums if last else np.moveaxis(sums, -1, 1)


def _planes(
    image: np.ndarray, filters: np.ndarray, places: list[Axis], groups: int, padding: int
) -> tuple[np.ndarray, np.ndarray, list[Axis]]:
    """Two spatial axes, channels last, for any number: output planes as images, kernel planes as channels."""
    if len(places) == 1:
        return image[:, None], filters[:, None], [_UNIT, *places]
    if len(places) == 2:
        return image, filters, places
    deep, *plane = places
    still = [Axis(n, 1, 1, 1, 0, 0, n) for n in image.shape[2:-1]]
    seen = windows(image, [deep, *still], padding)  # (B, OZ, Y, X, FZ, 1, 1, C)
    split = seen.reshape(-1, *image.shape[2:-1], deep.kernel, groups, image.shape[-1] // groups)
    folded = np.swapaxes(split, 3, 4).reshape(*split.shape[:3], -1)  # each group: its kernel planes
    turned = np.moveaxis(filters, 1, 3)
    return folded, turned.reshape(*turned.shape[:3], -1), plane


def zero_point(call: Call, index: int) -> int:
    """Zero point that is an operand, one for all of the data.

    Raises
    ------
    NotExecuted
        It holds several.
    """
    given = call.optional(index)
    if given is not None and given.array.size != 1:
        raise NotExecuted("is executed with one zero point for the activations")
    return 0 if given is None else int(given.array.item())


def zero_points(call: Call, index: int) -> np.ndarray:
    """Zero points that are an operand, one or one per output channel, int64."""
    given = call.optional(index)
    return np.zeros(1, np.int64) if given is None else given.array.reshape(-1).astype(np.int64)


def _along_channels(vector: np.ndarray, rank: int, attrs: Attrs) -> np.ndarray:
    """One value per channel of a result of so many axes."""
    return vector if attrs.get("layout") == "NHWC" else vector.reshape(-1, *(1 for _ in range(rank - 2)))


def convolved_reals(ifmap: np.ndarray, weight: np.ndarray, attrs: Attrs) -> np.ndarray:
    """Convolution of reals over any spatial axes; the order of its additions is numpy's."""
    last, groups = attrs.get("layout") == "NHWC", attrs.get("group", 1)
    image, filters = (array if last else np.moveaxis(array, 1, -1) for array in (ifmap, weight))
    placed = axes(image.shape[1:-1], filters.shape[1:-1], attrs)
    seen, depth, size = windows(image, placed, 0), filters.shape[-1], len(filters) // groups
    outer = seen.shape[: 1 + len(placed)]
    parts = []
    for g in range(groups):
        rows = np.ascontiguousarray(seen[..., g * depth : (g + 1) * depth]).reshape(*outer, -1)
        parts.append(rows @ filters[g * size : (g + 1) * size].reshape(size, -1).T)
    made = np.concatenate(parts, axis=-1)
    return made if last else np.moveaxis(made, -1, 1)
