"""What attention does beside its products: rotations by position, the softmax of scores, growing caches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simulator.workload.epilogue import Ops
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
from simulator.workload.work import Elementwise, Work

#: c·tanh(x/c).
_CAP: Ops = (("mul", 2), ("tanh", 1))


class _Kept(Op):
    """Keeps the shape of its operand."""

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of the operand."""
        return [required(inputs, 0).shape]


@operator("Rotate")
class Rotate(_Kept):
    """Pairs (x, y) of a head's elements become (x·cos − y·sin, x·sin + y·cos), by token and place in it.

    Operands: B x S x heads x d, and S x r of cosines and sines, r <= d: elements from r on stay. Two
    multiplications and an addition per element that is rotated.
    """

    EXAMPLES = (
        Example(
            "Rotate",
            (tensor((2, 3, 4, 8)), tensor((3, 8), name="angles")),
            shapes=((2, 3, 4, 8),),
            ops={"mul": 2 * 192, "add": 192},
        ),
        Example(
            "Rotate",
            (tensor((2, 3, 4, 8)), tensor((3, 2), name="angles")),
            shapes=((2, 3, 4, 8),),
            ops={"mul": 2 * 48, "add": 48},
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of the operand, whose tokens and heads the angles must fit."""
        shape, angles = required(inputs, 0).shape, required(inputs, 1).shape
        if len(shape) != 4 or len(angles) != 2 or angles[0] != shape[1] or angles[1] > shape[3]:
            raise ValueError(f"angles {list(angles)} do not fit tokens and heads of {list(shape)}")
        return [shape]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work, cut between tokens."""
        operands = positional(node, graph)
        b, s, heads, _ = required(operands, 0).shape
        rotated = b * s * heads * required(operands, 1).shape[1]
        return (Elementwise((("mul", 2 * rotated), ("add", rotated)), split=b * s),)


@operator("ScoreSoftmax")
class ScoreSoftmax(_Kept):
    """Softmax over the last axis of scores, scaled by 1/√d, soft-capped and masked as the attributes say.

    Per element: scaling (1 mul), with ``cap`` c·tanh(x/c) (2 mul, 1 tanh), with ``masked`` the selection of
    what a token may see (1 logic), then 1 max, 2 add, 1 exp, 1 mul; per slice the reciprocal of the sum.
    """

    _OPS = {"mul": 2 * 24, "max": 24, "add": 2 * 24, "exp": 24, "div": 6}
    EXAMPLES = (
        Example("ScoreSoftmax", (tensor((2, 3, 4)),), shapes=((2, 3, 4),), ops=_OPS),
        Example(
            "ScoreSoftmax",
            (tensor((2, 3, 4)),),
            {"masked": 1, "cap": 50.0},
            shapes=((2, 3, 4),),
            ops={**_OPS, "mul": 4 * 24, "tanh": 24, "logic": 24},
        ),
    )

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work, cut between slices."""
        operand = required(positional(node, graph), 0)
        slices = operand.elements // operand.shape[-1]
        each = {"mul": 2, "max": 1, "add": 2, "exp": 1}
        if node.attrs.get("cap", 0):
            each |= {name: each.get(name, 0) + n for name, n in _CAP}
        if node.attrs.get("masked", 0):
            each["logic"] = 1
        ops = tuple((name, n * operand.elements) for name, n in each.items())
        return (Elementwise((*ops, ("div", slices)), split=slices),)


@operator("SoftCap")
class SoftCap(_Kept):
    """c·tanh(x/c): two multiplications and a tanh per element."""

    EXAMPLES = (
        Example(
            "SoftCap", (tensor((2, 3, 4)),), {"cap": 30.0}, shapes=((2, 3, 4),), ops={"mul": 48, "tanh": 24}
        ),
    )
    pointwise = True

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work; elements are independent."""
        elements = required(positional(node, graph), 0).elements
        return (Elementwise(tuple((name, n * elements) for name, n in _CAP), split=elements),)

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the function of the operand; c is 1 where it is left out."""
        cap = arrays[0].dtype.type(attrs.get("cap", 1.0))
        return [cap * np.tanh(arrays[0] / cap)]


@operator("CacheAppend")
class CacheAppend(_Kept):
    """The cache with new rows at its end, for which it has room: the same bytes.

    Whoever makes the rows, the second operand, writes them where they belong; nothing else moves.
    """

    alias = True
    arithmetic = False
    keeps_values = True
    EXAMPLES = (
        Example("CacheAppend", (tensor((2, 9, 4)), tensor((2, 1, 4), name="rows")), shapes=((2, 9, 4),)),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of the cache, which has room for the rows along its second axis."""
        cache, rows = required(inputs, 0).shape, required(inputs, 1).shape
        fits = len(rows) == len(cache) > 1 and (rows[0], *rows[2:]) == (cache[0], *cache[2:])
        if not fits or rows[1] > cache[1]:
            raise ValueError(f"rows {list(rows)} do not fit a cache of {list(cache)}")
        return [cache]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """Nothing."""
        return ()
