"""Functions of one operand in numpy: what activations and other pointwise operators compute."""

from __future__ import annotations

from collections.abc import Callable
from math import erf, pi, sqrt

import numpy as np

Function = Callable[..., np.ndarray]

_erf = np.frompyfunc(erf, 1, 1)


def gauss_error(x: np.ndarray) -> np.ndarray:
    """erf, element by element, in the type of the operand."""
    return np.asarray(_erf(x.astype(np.float64))).astype(x.dtype)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(−x)), in the type of the operand."""
    one = x.dtype.type(1)
    return one / (one + np.exp(-x))


def gelu(x: np.ndarray) -> np.ndarray:
    """x/2 · (1 + erf(x/√2)), in the type of the operand."""
    half, root = x.dtype.type(0.5), x.dtype.type(sqrt(2))
    return half * x * (1 + gauss_error(x / root))


def gelu_by_tanh(x: np.ndarray) -> np.ndarray:
    """x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))), in the type of the operand."""
    half, root = x.dtype.type(0.5), x.dtype.type(sqrt(2 / pi))
    return half * x * (1 + np.tanh(root * (x + x.dtype.type(0.044715) * x * x * x)))


def hard_swish(x: np.ndarray) -> np.ndarray:
    """Product x · clip(x + 3, 0, 6) / 6, in the type of the operand."""
    return x * np.clip(x + x.dtype.type(3), 0, 6) * x.dtype.type(1 / 6)


def bfloat16(x: np.ndarray) -> np.ndarray:
    """float32 rounded to the nearest bfloat16, ties to even, still held as float32."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    even = bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))
    return np.where(np.isnan(x), x, (even & np.uint32(0xFFFF0000)).view(np.float32)).reshape(x.shape)


#: Epilogue -> its function of x and the parameters that ``Node.attrs`` holds under its name.
EPILOGUE_FUNCTIONS: dict[str, Function] = {
    "relu": lambda x: np.maximum(x, 0),
    "clip": lambda x, low, high: np.clip(x, x.dtype.type(low), x.dtype.type(high)),
    "leaky_relu": lambda x, a: np.where(x >= 0, x, x.dtype.type(a) * x),
    "elu": lambda x, a: np.where(x > 0, x, x.dtype.type(a) * np.expm1(np.minimum(x, 0))),
    "sigmoid": sigmoid,
    "hard_sigmoid": lambda x, a, b: np.clip(x.dtype.type(a) * x + x.dtype.type(b), 0, 1),
    "hard_swish": hard_swish,
    "silu": lambda x: x * sigmoid(x),
    "tanh": np.tanh,
    "gelu": gelu,
}

#: Operator -> function of x, for those without attributes.
FUNCTIONS: dict[str, Function] = {
    "Relu": EPILOGUE_FUNCTIONS["relu"],
    "Sigmoid": sigmoid,
    "HardSwish": hard_swish,
    "Silu": EPILOGUE_FUNCTIONS["silu"],
    "QuickGelu": lambda x: x * sigmoid(x.dtype.type(1.702) * x),
    "Tanh": np.tanh,
    "Gelu": gelu,
    "Mish": lambda x: x * np.tanh(np.logaddexp(x.dtype.type(0), x)),
    "Softplus": lambda x: np.logaddexp(x.dtype.type(0), x),
    "Softsign": lambda x: x / (1 + np.abs(x)),
    "Erf": gauss_error,
    "Rsqrt": lambda x: x.dtype.type(1) / np.sqrt(x),
    "Reciprocal": lambda x: x.dtype.type(1) / x,
    "Exp": np.exp, "Log": np.log, "Sqrt": np.sqrt, "Neg": np.negative, "Abs": np.abs, "Sign": np.sign,
    "Floor": np.floor, "Ceil": np.ceil, "Round": np.rint, "Sin": np.sin, "Cos": np.cos, "Tan": np.tan,
    "Asin": np.arcsin, "Acos": np.arccos, "Atan": np.arctan, "Sinh": np.sinh, "Cosh": np.cosh,
    "Asinh": np.arcsinh, "Acosh": np.arccosh, "Atanh": np.arctanh, "Not": np.logical_not, "IsNaN": np.isnan,
}  # fmt: skip

#: Operator with attributes -> function of x and of their values; name and ONNX's default of each.
PARAMETERS: dict[str, tuple[Function, tuple[tuple[str, float], ...]]] = {
    "LeakyRelu": (EPILOGUE_FUNCTIONS["leaky_relu"], (("alpha", 0.01),)),
    "Elu": (EPILOGUE_FUNCTIONS["elu"], (("alpha", 1.0),)),
    "HardSigmoid": (EPILOGUE_FUNCTIONS["hard_sigmoid"], (("alpha", 0.2), ("beta", 0.5))),
    "Celu": (lambda x, a: np.maximum(x, 0) + np.minimum(0, a * np.expm1(x / a)), (("alpha", 1.0),)),
    "Selu": (
        lambda x, a, g: g * np.where(x > 0, x, a * np.expm1(np.minimum(x, 0))),
        (("alpha", 1.6732631921768188), ("gamma", 1.0507010221481323)),
    ),
    "ThresholdedRelu": (lambda x, a: np.where(x > a, x, x.dtype.type(0)), (("alpha", 1.0),)),
    "Shrink": (
        lambda x, b, dead: np.where(x < -dead, x + b, np.where(x > dead, x - b, 0)).astype(x.dtype),
        (("bias", 0.0), ("lambd", 0.5)),
    ),
    "IsInf": (
        lambda x, below, above: np.isinf(x) & np.where(x < 0, below == 1, above == 1),
        (("detect_negative", 1), ("detect_positive", 1)),
    ),
}
