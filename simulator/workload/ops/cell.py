"""Gates of recurrent networks: what remains of one time step when its matrix products are nodes of their own.

Frontends decompose LSTM and GRU into a product of all inputs, one product per step and one of these per step;
an RNN needs none of them. Operands come as the products give them, gates side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from simulator.workload.call import NotExecuted
from simulator.workload.functions import EPILOGUE_FUNCTIONS, FUNCTIONS
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

Function = Callable[[np.ndarray], np.ndarray]

#: Functions of gates beyond those without parameters, of x, alpha and beta.
_SCALED: dict[str, Callable[[np.ndarray, Any, Any], np.ndarray]] = {
    "Affine": lambda x, a, b: a * x + b,
    "ScaledTanh": lambda x, a, b: a * np.tanh(b * x),
    "ThresholdedRelu": lambda x, a, b: np.where(x > a, x, x.dtype.type(0)),
    "LeakyRelu": lambda x, a, b: EPILOGUE_FUNCTIONS["leaky_relu"](x, a),
    "Elu": lambda x, a, b: EPILOGUE_FUNCTIONS["elu"](x, a),
    "HardSigmoid": lambda x, a, b: EPILOGUE_FUNCTIONS["hard_sigmoid"](x, a, b),
}


def functions(attrs: Attrs, *names: str) -> list[Function]:
    """Functions of a cell's gates, ``names`` where its attributes do not say others.

    ``activations`` names one per gate kind, ``activation_alpha`` and ``activation_beta`` hold their
    parameters in the same order; ``clip`` bounds what each of them is applied to.
    """
    chosen = attrs.get("activations") or names
    alphas, betas = (attrs.get(f"activation_{name}") or (0.0,) * len(chosen) for name in ("alpha", "beta"))
    return [_function(*each, attrs.get("clip", 0.0)) for each in zip(chosen, alphas, betas, strict=True)]


def _function(name: str, alpha: float, beta: float, clip: float) -> Function:
    if name not in _SCALED and name not in FUNCTIONS:
        raise NotExecuted(f"has the function {name}, which is not known")

    def apply(x: np.ndarray) -> np.ndarray:
        bounded = np.clip(x, x.dtype.type(-clip), x.dtype.type(clip)) if clip else x
        if name in _SCALED:
            return _SCALED[name](bounded, x.dtype.type(alpha), x.dtype.type(beta))
        return FUNCTIONS[name](bounded)

    return apply


def _parts(array: np.ndarray, count: int) -> list[np.ndarray]:
    return np.split(array, count, axis=-1)


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

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return h and c; with ``input_forget`` the forget gate is 1 − i."""
        x, hr, c, peepholes = (*arrays, None)[:4]
        gate, inner, _ = functions(attrs, "Sigmoid", "Tanh", "Tanh")
        i, o, f, g = _parts(x + hr, 4)
        looks = [c.dtype.type(0)] * 3 if peepholes is None else _parts(peepholes, 3)
        opened = gate(i + looks[0] * c)
        kept = 1 - opened if attrs.get("input_forget", 0) else gate(f + looks[2] * c)
        state = kept * c + opened * inner(g)
        bounds = {name: value for name, value in attrs.items() if name != "clip"}
        outer = functions(bounds, "Sigmoid", "Tanh", "Tanh")[2]  # the state itself is not bounded
        return [gate(o + looks[1] * state) * outer(state), state]


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

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return h."""
        x, hr, h = arrays
        gate, inner = functions(attrs, "Sigmoid", "Tanh")
        (xz, xr, xn), (hz, reset, hn) = _parts(x, 3), _parts(hr, 3)
        z = gate(xz + hz)
        return [(1 - z) * inner(xn + gate(xr + reset) * hn) + z * h]


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

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return z and r·h."""
        x, hr, h = arrays
        gate = functions(attrs, "Sigmoid", "Tanh")[0]
        (xz, xr, _), (hz, reset) = _parts(x, 3), _parts(hr, 2)
        return [gate(xz + hz), gate(xr + reset) * h]


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

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return h'."""
        x, hn, z, h = arrays
        inner = functions(attrs, "Sigmoid", "Tanh")[1]
        return [(1 - z) * inner(_parts(x, 3)[2] + hn) + z * h]
