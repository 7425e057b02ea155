"""Gates of recurrent networks: what remains of one time step when its matrix products are nodes of their own.

Frontends decompose LSTM and GRU into a product of all inputs, one product per step and one of these per step;
an RNN needs none of them. Operands come as the products give them, gates side by side.
"""

from __future__ import annotations

from simulator.workload.graph import Graph, Node
from simulator.workload.op import (
    Attrs,
    Example,
    Op,
    Operands,
    Shape,
    operator,
    optional,
    positional,
    required,
    tensor,
)
from simulator.workload.work import Elementwise, Work


@operator("LSTMCell")
class LSTMCell(Op):
    """One LSTM step: (x·W [batch, 4·hidden], h·R [same], c, peepholes) → h, c; gates ordered i, o, f, c.

    i, o, f = sigmoid(…), g = tanh(…), c' = f·c + i·g, h' = o·tanh(c'): per hidden element 4 additions of the
    products, 3 sigmoids, 2 tanh, 3 multiplications, 1 addition; 3 macs more with peepholes, and 8 comparisons
    with ``clip``.
    """

    _OPERANDS = (tensor((2, 20)), tensor((2, 20), name="hr"), tensor((2, 5), name="c"))
    EXAMPLES = (
        Example(
            "LSTMCell",
            _OPERANDS,
            outputs=2,
            shapes=((2, 5), (2, 5)),
            ops={"add": 50, "sigmoid": 30, "tanh": 20, "mul": 30},
        ),
        Example(
            "LSTMCell",
            (*_OPERANDS, tensor((15,), name="p")),
            {"clip": 1.0},
            outputs=2,
            shapes=((2, 5), (2, 5)),
            ops={"add": 50, "sigmoid": 30, "tanh": 20, "mul": 30, "mac": 30, "max": 80},
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of c, twice."""
        return [required(inputs, 2).shape] * 2

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work, cut between the sequences of the batch."""
        operands = positional(node, graph)
        state = required(operands, 2)
        n = state.elements
        ops = [("add", 5 * n), ("sigmoid", 3 * n), ("tanh", 2 * n), ("mul", 3 * n)]
        if optional(operands, 3) is not None:
            ops.append(("mac", 3 * n))
        if node.attrs.get("clip"):
            ops.append(("max", 8 * n))
        return (Elementwise(tuple(ops), split=state.shape[0]),)


@operator("GRUCell")
class GRUCell(Op):
    """One GRU step, reset after the product: (x·W [batch, 3·hidden], h·R [same], h) → h; gates z, r, h.

    z, r = sigmoid(…), n = tanh(xn + r·hn), h' = (1 − z)·n + z·h: per hidden element 2 + 1 additions of
    products, 2 sigmoids, 1 tanh, 1 + 2 multiplications, 2 additions.
    """

    EXAMPLES = (
        Example(
            "GRUCell",
            (tensor((2, 15)), tensor((2, 15), name="hr"), tensor((2, 5), name="h")),
            shapes=((2, 5),),
            ops={"add": 50, "sigmoid": 20, "tanh": 10, "mul": 30},
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of h."""
        return [required(inputs, 2).shape]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work, cut between the sequences of the batch."""
        state = required(positional(node, graph), 2)
        n = state.elements
        return (
            Elementwise(
                (("add", 5 * n), ("sigmoid", 2 * n), ("tanh", n), ("mul", 3 * n)), split=state.shape[0]
            ),
        )


@operator("GRUReset")
class GRUReset(Op):
    """First half of a GRU step with the reset before the product: (x·W, h·R of z and r, h) → z, r·h.

    Per hidden element 2 additions, 2 sigmoids, 1 multiplication.
    """

    EXAMPLES = (
        Example(
            "GRUReset",
            (tensor((2, 15)), tensor((2, 10), name="hr"), tensor((2, 5), name="h")),
            outputs=2,
            shapes=((2, 5), (2, 5)),
            ops={"add": 20, "sigmoid": 20, "mul": 10},
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of h, twice."""
        return [required(inputs, 2).shape] * 2

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work, cut between the sequences of the batch."""
        state = required(positional(node, graph), 2)
        n = state.elements
        return (Elementwise((("add", 2 * n), ("sigmoid", 2 * n), ("mul", n)), split=state.shape[0]),)


@operator("GRUUpdate")
class GRUUpdate(Op):
    """Second half of it: (x·W, (r·h)·R, z, h) → h' = (1 − z)·tanh(xn + hn) + z·h.

    Per hidden element 3 additions, 1 tanh, 2 multiplications.
    """

    EXAMPLES = (
        Example(
            "GRUUpdate",
            (tensor((2, 15)), tensor((2, 5), name="hn"), tensor((2, 5), name="z"), tensor((2, 5), name="h")),
            shapes=((2, 5),),
            ops={"add": 30, "tanh": 10, "mul": 20},
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Return that of h."""
        return [required(inputs, 3).shape]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One element-wise work, cut between the sequences of the batch."""
        state = required(positional(node, graph), 3)
        n = state.elements
        return (Elementwise((("add", 3 * n), ("tanh", n), ("mul", 2 * n)), split=state.shape[0]),)
