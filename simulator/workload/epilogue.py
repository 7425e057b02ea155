"""What a node applies to its results on the way out, and the arithmetic that this means per element.

An epilogue is a name in ``Node.epilogue``; what it needs besides stands in ``Node.attrs`` under the same name
(bounds of ``clip``, slope of ``leaky_relu``), for ``bias`` in the node's third operand, for ``requant`` in
the ``quant`` of the result. A core that cannot apply one leaves it to a vector core, which pays these
operations.
"""

from __future__ import annotations

from typing import NamedTuple

Ops = tuple[tuple[str, int], ...]


class Activation(NamedTuple):
    """An element-wise function of one operand: its name as epilogue, its formula, operations per element."""

    epilogue: str
    formula: str
    ops: Ops
    keeps_values: bool = False


#: ONNX operator -> activation.
ACTIVATIONS = {
    "Relu": Activation("relu", "max(x, 0)", (("max", 1),), keeps_values=True),
    "Clip": Activation("clip", "min(max(x, low), high)", (("max", 2),), keeps_values=True),
    "LeakyRelu": Activation("leaky_relu", "max(x, a·x)", (("mul", 1), ("max", 1))),
    "Elu": Activation(
        "elu", "x if x > 0 else a·(exp(x) − 1)", (("exp", 1), ("add", 1), ("mul", 1), ("max", 1))
    ),
    "Sigmoid": Activation("sigmoid", "1 / (1 + exp(−x))", (("sigmoid", 1),)),
    "HardSigmoid": Activation("hard_sigmoid", "clip(a·x + b, 0, 1)", (("mul", 1), ("add", 1), ("max", 2))),
    "HardSwish": Activation("hard_swish", "x · clip(x/6 + 1/2, 0, 1)", (("mul", 2), ("add", 1), ("max", 2))),
    "Silu": Activation("silu", "x · sigmoid(x)", (("sigmoid", 1), ("mul", 1))),
    "Tanh": Activation("tanh", "tanh(x)", (("tanh", 1),)),
    "Gelu": Activation("gelu", "x/2 · (1 + erf(x/√2))", (("erf", 1), ("mul", 3), ("add", 1))),
}

#: Requantization: multiply by the ratio of scales, round, add the zero point, saturate at both ends.
REQUANT: Ops = (("mul", 1), ("round", 1), ("add", 1), ("max", 2))

#: Epilogue -> operations per element of the result.
EPILOGUES: dict[str, Ops] = {
    "bias": (("add", 1),),
    "requant": REQUANT,
    "dequant": (("mul", 1),),
    **{activation.epilogue: activation.ops for activation in ACTIVATIONS.values()},
}
