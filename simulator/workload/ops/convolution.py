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
from simulator.workload.work import Contraction, Elementwise, Work

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
        """Return sums of products of stored integers, rescaled; or of reals, in float32."""
        attrs, ifmap, weight = call.node.attrs, call.operand(0), call.operand(1)
        last = attrs.get("layout") == "NHWC"
        if ifmap.array.ndim > 4:
            raise NotExecuted("is executed over one or two spatial axes")
        if call.node.op == "ConvInteger" and len(call.operands) > 2:
            raise NotExecuted("is executed without zero points that are operands")
        image, filters = (_channels_last(value.array, last) for value in (ifmap, weight))
        sizes, kernel = (channels_first(v.array.shape, attrs)[2:] for v in (ifmap, weight))
        placed = [_UNIT, *axes(sizes, kernel, attrs)][-2:]
        groups = attrs.get("group", 1)
        bias = call.optional(2)
        if image.dtype.kind == "f":
            real = _real(image, _channels_last(weight.real(), last), placed, groups)
            sums = call.store_real(real if bias is None else real + bias.real().astype(np.float32))
        else:
            zeros = (ifmap.zero_point, weight.zero_points)
            addend = call.addend(len(filters))
            sums = call.arithmetic.convolve(image, filters, placed, groups, zeros, addend, call.numerics)
            scales = () if weight.tensor.quant is None else (ifmap.scale, np.array(weight.quant.scale))
            sums = call.store_sums(sums, *scales)
        made = sums if last else np.moveaxis(sums, -1, 1)
        return [made.reshape(call.results[0].shape)]


def _channels_last(array: np.ndarray, is_last: bool) -> np.ndarray:
    """Axes as batch (or filters), rows, columns, channels; a single spatial axis is x."""
    moved = array if is_last else np.moveaxis(array, 1, -1)
    return moved if moved.ndim == 4 else moved[:, None]


def _real(image: np.ndarray, filters: np.ndarray, places: list[Axis], groups: int) -> np.ndarray:
    """Convolution of float32; the order of its additions is numpy's."""
    seen, depth, size = windows(image, places, 0), filters.shape[3], len(filters) // groups
    parts = []
    for g in range(groups):
        rows = np.ascontiguousarray(seen[..., g * depth : (g + 1) * depth]).reshape(*seen.shape[:3], -1)
        parts.append(rows @ filters[g * size : (g + 1) * size].reshape(size, -1).T)
    return np.concatenate(parts, axis=3)


@operator("ConvTranspose")
class ConvTranspose(Op):
    """Transposed convolution: every input pixel adds its channels times a kernel to the output.

    A GEMM of input pixels by (filters × kernel positions), then the addition of products that meet in one
    output element: products − outputs additions. Its multiply-accumulates are those that published counts
    state.
    """

    EXAMPLES = (
        Example(
            "ConvTranspose",
            (tensor((2, 6, 5, 4)), tensor((6, 4, 3, 3), name="w")),
            {"strides": (2, 2), "pads": (1, 1, 1, 1), "output_padding": (1, 1), "group": 2},
            macs=2 * 5 * 4 * 6 * 4 * 9,
            ops={"add": 2 * 5 * 4 * 8 * 9 - 2 * 8 * 10 * 8},
        ),
        Example(
            "ConvTranspose",
            (tensor((1, 3, 4, 4)), tensor((3, 5, 2, 2), name="w")),
            {"strides": (2, 2)},
            macs=4 * 4 * 3 * 5 * 4,
        ),
        Example(
            "ConvTranspose",
            (tensor((1, 3, 7)), tensor((3, 2, 4), name="w")),
            {"strides": (3,), "auto_pad": "SAME_LOWER"},
            macs=7 * 3 * 2 * 4,
            ops={"add": 7 * 2 * 4 - 2 * 21},
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Batch, filters, and one extent per spatial axis."""
        ifmap, weight = required(inputs, 0).shape, required(inputs, 1).shape
        if len(ifmap) != len(weight) or ifmap[1] != weight[0]:
            raise ValueError(f"ifmap {list(ifmap)} and weight {list(weight)} do not fit")
        rank, auto = len(ifmap) - 2, attrs.get("auto_pad", "NOTSET")
        strides = attrs.get("strides") or (1,) * rank
        dilations = attrs.get("dilations") or (1,) * rank
        pads = attrs.get("pads") or (0,) * 2 * rank
        extra = attrs.get("output_padding") or (0,) * rank
        given = attrs.get("output_shape")
        if given:
            spatial = tuple(given[-rank:])
        elif auto.startswith("SAME"):
            spatial = tuple(size * stride for size, stride in zip(ifmap[2:], strides, strict=True))
        else:
            spatial = tuple(
                (ifmap[2 + i] - 1) * strides[i]
                + extra[i]
                + (weight[2 + i] - 1) * dilations[i]
                + 1
                - (pads[i] + pads[rank + i] if auto == "NOTSET" else 0)
                for i in range(rank)
            )
        return [(ifmap[0], weight[1] * attrs.get("group", 1), *spatial)]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """Return a contraction without kernel positions, and the additions where windows overlap."""
        operands = positional(node, graph)
        ifmap, weight = required(operands, 0), required(operands, 1)
        groups = node.attrs.get("group", 1)
        *deep, y, x = (1, *ifmap.shape[2:])
        gemm = Contraction(
            k=weight.shape[1] * prod(weight.shape[2:]),
            c=weight.shape[0] // groups,
            oy=y,
            ox=x,
            iy=y,
            ix=x,
            batch=ifmap.shape[0] * prod(deep),
            groups=groups,
            precision=multiplication(ifmap, weight),
        )
        adds = gemm.M * gemm.N * groups - graph.results(node)[0].elements
        return (gemm, Elementwise((("add", adds),), split=ifmap.shape[0])) if adds > 0 else (gemm,)
