"""Resampling of images."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

from simulator.workload.graph import Graph, Node
from simulator.workload.op import (
    Attrs,
    Example,
    Op,
    Operands,
    Shape,
    axis_of,
    constant,
    operator,
    positional,
    required,
    rows,
    tensor,
)
from simulator.workload.work import Elementwise, Move, Work

_TAPS = {"linear": 2, "cubic": 4}


@operator("Resize")
class Resize(Op):
    """Nearest: a move that reads the operand once. Linear and cubic: 2 or 4 taps per resampled axis."""

    parameters = {1: "roi", 2: "scales", 3: "sizes"}

    EXAMPLES: Sequence[Example] = (
        Example(
            "Resize",
            (tensor((1, 2, 4, 5)), None, constant([1, 1, 2, 2], "fp32")),
            {"mode": "nearest"},
            moved=(160, 640),
        ),
        Example(
            "Resize",
            (tensor((1, 2, 4, 5)), None, None, constant([1, 2, 7, 10])),
            {"mode": "linear"},
            ops={"mac": 2 * 7 * 10 * 4},
        ),
        Example(
            "Resize",
            (tensor((1, 2, 4, 5)), None, constant([1, 1, 1, 1.5], "fp32")),
            {"mode": "cubic"},
            ops={"mac": 2 * 4 * 7 * 4},
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return the asked sizes, or extents times scales rounded down."""
        shape = list(required(inputs, 0).shape)
        axes = [axis_of(axis, len(shape)) for axis in attrs.get("axes") or range(len(shape))]
        sizes = self.integers(inputs, attrs, "sizes")
        scales = self.numbers(inputs, attrs, "scales") or []
        if sizes and attrs.get("keep_aspect_ratio_policy", "stretch") != "stretch":
            pick = min if attrs["keep_aspect_ratio_policy"] == "not_larger" else max
            scale = pick(size / shape[axis] for size, axis in zip(sizes, axes, strict=True))
            sizes = [floor(scale * shape[axis] + 0.5) for axis in axes]
        for i, axis in enumerate(axes):
            shape[axis] = sizes[i] if sizes else floor(shape[axis] * scales[i])
        return [tuple(shape)]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """Return a move, or macs on every result element."""
        source, result = required(positional(node, graph), 0), graph.results(node)[0]
        taps = _TAPS.get(node.attrs.get("mode", "nearest"))
        if taps is None:
            return (Move(source.bytes, result.bytes, rows(result)),)
        resampled = sum(a != b for a, b in zip(source.shape, result.shape, strict=True))
        return (Elementwise((("mac", result.elements * taps**resampled),), split=result.shape[0]),)


@operator("Upsample")
class Upsample(Resize):
    """As Resize, by scales alone (before opset 10)."""

    parameters = {1: "scales"}
    EXAMPLES = (
        Example(
            "Upsample",
            (tensor((1, 2, 4, 5)), constant([1, 1, 2, 3], "fp32")),
            shapes=((1, 2, 8, 15),),
            moved=(160, 960),
        ),
    )


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
        taps = _TAPS.get(mode, 1) ** grid.shape[-1]
        return (
            Elementwise((("mac", result.elements * taps), ("round", grid.elements)), split=result.shape[0]),
        )
