"""Samples of an image at places that another operand gives."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from simulator.workload.graph import Graph, Node
from simulator.workload.op import (
    Attrs,
    Example,
    Op,
    Operands,
    Shape,
    operator,
    positional,
    required,
    tensor,
)
from simulator.workload.ops.resize import TAPS, cubic
from simulator.workload.work import Elementwise, Work


@operator("GridSample")
class GridSample(Op):
    """Samples at places that the second operand gives: 2 taps (linear) or 4 (cubic) per axis, a mac each.

    Nearest reads one element per sample and rounds its coordinates.
    """

    EXAMPLES = (
        Example(
            "GridSample",
            (tensor((1, 3, 8, 8)), tensor((1, 5, 6, 2), name="grid")),
            {"mode": "linear"},
            ops={"mac": 3 * 5 * 6 * 4, "round": 5 * 6 * 2},
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Batch and channels of the image, extents of the grid."""
        return [(*required(inputs, 0).shape[:2], *required(inputs, 1).shape[1:-1])]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """Macs on every result element, rounding of every coordinate."""
        operands = positional(node, graph)
        grid, result = required(operands, 1), graph.results(node)[0]
        mode = node.attrs.get("mode", "linear").removeprefix("bi")  # opset 16 to 19 write bilinear, bicubic
        taps = TAPS.get(mode, 1) ** grid.shape[-1]
        return (
            Elementwise((("mac", result.elements * taps), ("round", grid.elements)), split=result.shape[0]),
        )

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the weighted sum of the elements around each place, computed in float64."""
        image, grid = arrays[0], np.moveaxis(arrays[1].astype(np.float64), -1, 0)[::-1]
        mode = attrs.get("mode", "linear").removeprefix("bi")
        padding, corners = attrs.get("padding_mode", "zeros"), bool(attrs.get("align_corners", 0))
        extents = image.shape[2:]
        batch = np.arange(len(image)).reshape(-1, *(1,) * len(extents))
        taps = [
            _taps((at + 1) / 2 * (n - 1) if corners else ((at + 1) * n - 1) / 2, mode)
            for at, n in zip(grid, extents, strict=True)
        ]
        total: np.ndarray = np.zeros((len(image), *grid.shape[2:], image.shape[1]))
        for chosen in product(*taps):
            weight: np.ndarray = np.ones(grid.shape[1:])
            places = []
            for (place, share), n in zip(chosen, extents, strict=True):
                inside, known = _padded(place, n, padding, corners)
                places.append(inside)
                weight = weight * share * known
            total += weight[..., None] * np.moveaxis(image, 1, -1)[(batch, *places)]
        return [np.moveaxis(total, -1, 1).astype(image.dtype)]


def _taps(at: np.ndarray, mode: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Elements around coordinates and their weights."""
    if mode == "nearest":
        return [(np.rint(at), np.ones(at.shape))]
    below = np.floor(at)
    if mode == "linear":
        return [(below, 1 - (at - below)), (below + 1, at - below)]
    return [(below + i, cubic(at - below - i, -0.75)) for i in (-1, 0, 1, 2)]


def _padded(place: np.ndarray, n: int, padding: str, corners: bool) -> tuple[np.ndarray, np.ndarray]:
    """Elements that stand for those outside, and whether they count."""
    if padding == "reflection":
        low, span = (0.0, n - 1.0) if corners else (-0.5, float(n))
        turned = np.abs(place - low) % (2 * span) if span else np.zeros(place.shape)
        place = np.minimum(turned, 2 * span - turned) + low
    inside = np.clip(place, 0, n - 1)
    return inside.astype(np.int64), (place == inside) | (padding != "zeros")
