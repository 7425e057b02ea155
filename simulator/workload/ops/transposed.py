"""Transposed convolutions: a GEMM whose products are added where windows overlap."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from simulator.workload.call import Call
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
from simulator.workload.ops.convolution import convolved, convolved_reals
from simulator.workload.window import Axis, channels_first, in_layout
from simulator.workload.work import Contraction, Elementwise, Work


@operator("ConvTranspose")
class ConvTranspose(Op):
    """Transposed convolution: every input pixel adds its channels times a kernel to the output.

    A GEMM of input pixels by (filters × kernel positions), then the addition of products that meet in one
    output element: products − outputs additions. Its multiply-accumulates are those that published counts
    state. With ``layout: NHWC`` channels are last; weights are channels, rows, columns, filters of a group.
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
        ifmap, weight = (channels_first(required(inputs, i).shape, attrs) for i in (0, 1))
        if len(ifmap) != len(weight) or ifmap[1] != weight[0]:
            raise ValueError(f"ifmap {list(ifmap)} and weight {list(weight)} do not fit")
        spatial = (axis.out for axis in _placed(ifmap[2:], weight[2:], attrs))
        return [in_layout((ifmap[0], weight[1] * attrs.get("group", 1), *spatial), attrs)]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """Return a contraction without kernel positions, and the additions where windows overlap."""
        operands = positional(node, graph)
        ifmap, weight = required(operands, 0), required(operands, 1)
        seen, filters = (channels_first(operand.shape, node.attrs) for operand in (ifmap, weight))
        groups = node.attrs.get("group", 1)
        *deep, y, x = (1, *seen[2:])
        gemm = Contraction(
            k=filters[1] * prod(filters[2:]),
            c=filters[0] // groups,
            oy=y,
            ox=x,
            iy=y,
            ix=x,
            batch=seen[0] * prod(deep),
            groups=groups,
            precision=multiplication(ifmap, weight),
        )
        adds = gemm.M * gemm.N * groups - graph.results(node)[0].elements
        return (gemm, Elementwise((("add", adds),), split=seen[0])) if adds > 0 else (gemm,)

    def run(self, call: Call) -> list[np.ndarray]:
        """Return the convolution of the spread ifmap by the turned kernel; of stored integers, rescaled."""
        attrs, ifmap, weight, bias = call.node.attrs, call.operand(0), call.operand(1), call.optional(2)
        last, groups = attrs.get("layout") == "NHWC", attrs.get("group", 1)
        real = ifmap.array.dtype.kind == "f"
        image, kernel = ifmap.array, weight.real() if real else weight.array
        if last:
            image, kernel = np.moveaxis(image, -1, 1), np.moveaxis(kernel, -1, 1)
        placed = _placed(image.shape[2:], kernel.shape[2:], attrs)
        spread, filters = _spread(image, placed, 0 if real else ifmap.zero_point), _turned(kernel, groups)
        plain = {"dilations": tuple(axis.dilation for axis in placed), "group": groups}
        if real:
            made = np.moveaxis(convolved_reals(spread, filters, plain), 1, -1)
            made = call.store_real(made if bias is None else made + bias.real().astype(made.dtype))
        else:
            zeros, scale = (
                np.tile(each, groups if len(each) == kernel.shape[1] > 1 else 1)
                for each in (weight.zero_points, np.array(weight.quant.scale))
            )
            addend = call.addend(len(filters))
            sums = convolved(call, spread, filters, (ifmap.zero_point, zeros), addend, plain)
            made = call.store_sums(np.moveaxis(sums, 1, -1), ifmap.scale, scale)
        return [made if last else np.moveaxis(made, -1, 1)]


def _placed(sizes: Sequence[int], kernel: Sequence[int], attrs: Attrs) -> list[Axis]:
    """Every spatial axis: ``begin`` and ``end`` are what is cut off the sum of all windows."""
    rank, auto = len(sizes), attrs.get("auto_pad") or "NOTSET"
    strides = attrs.get("strides") or (1,) * rank
    dilations = attrs.get("dilations") or (1,) * rank
    pads = attrs.get("pads") or (0,) * 2 * rank
    extra = attrs.get("output_padding") or (0,) * rank
    given = attrs.get("output_shape") or ()
    if not len(strides) == len(dilations) == len(pads) // 2 == len(extra) == len(kernel) == rank:
        raise ValueError(
            f"kernel {list(kernel)}, strides {list(strides)}, dilations {list(dilations)}, pads {list(pads)} "
            f"and output_padding {list(extra)} do not fit {rank} spatial axes"
        )
    found = []
    for i, size in enumerate(sizes):
        whole = (size - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 + extra[i]
        if given or auto.startswith("SAME"):
            out = given[i - rank] if given else size * strides[i]
            cut = max(whole - out, 0)
            begin = cut // 2 if auto == "SAME_UPPER" else cut - cut // 2
            end = cut - begin
        else:
            begin, end = (pads[i], pads[rank + i]) if auto == "NOTSET" else (0, 0)
            out = whole - begin - end
        found.append(Axis(size, kernel[i], strides[i], dilations[i], begin, end, out))
    return found


def _spread(image: np.ndarray, places: list[Axis], fill: int) -> np.ndarray:
    """Ifmap with its pixels a stride apart and so much around them that a convolution gives every output."""
    reach = [axis.reach - 1 for axis in places]
    extents = [
        max((a.size - 1) * a.stride + 1 + r, a.begin + a.out) + r for a, r in zip(places, reach, strict=True)
    ]
    spread = np.full((*image.shape[:2], *extents), fill, image.dtype)
    spots = (slice(r, r + (a.size - 1) * a.stride + 1, a.stride) for a, r in zip(places, reach, strict=True))
    spread[(slice(None), slice(None), *spots)] = image
    seen = (slice(a.begin, a.begin + a.out + r) for a, r in zip(places, reach, strict=True))
    return spread[(slice(None), slice(None), *seen)]


def _turned(kernel: np.ndarray, groups: int) -> np.ndarray:
    """Kernels, channels by filters of a group, as of a convolution: filters by channels of a group."""
    channels, size, *spatial = kernel.shape
    split = np.swapaxes(kernel.reshape(groups, channels // groups, size, *spatial), 1, 2)
    filters = split.reshape(groups * size, channels // groups, *spatial)
    return np.flip(filters, axis=tuple(range(2, filters.ndim)))
