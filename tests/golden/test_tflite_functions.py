"""Functions of stored integers as the reference kernels of TensorFlow Lite (ai-edge-litert 2.3.0) gave them."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.base.errors import InputError
from simulator.workload.execute import execute
from simulator.workload.graph import Graph, Node
from simulator.workload.tensor import Quant, Tensor

WIDE = [-32768, -20000, -3001, -1, 0, 77, 12345, 32767]
UNIT = 2.0**-15
#: Operator -> element type, stored integers, quantization of both ends, result.
FACTS = {
    "Exp": ("int16", WIDE, (0.0003, 0), (0.001, 0), [0, 3, 406, 999, 999, 1023, 32767, 32767]),
    "Tanh": ("int16", WIDE, (0.0003, 0), (UNIT, 0), [-32767, -32767, -23477, -11, 0, 758, 32729, 32767]),
    "Sigmoid": ("int16", WIDE, (0.0003, 0), (UNIT, 0), [2, 81, 9470, 16381, 16384, 16573, 31980, 32766]),
    "Softmax": ("int16", WIDE, (0.0003, 0), (UNIT, 0), [2, 2, 2, 2, 2, 2, 72, 32684]),
    "Gelu": ("int16", WIDE, (0.0003, 0), (0.0004, 0), [0, 0, -414, -1, -1, 29, 9258, 24575]),
    "Rsqrt": (
        "int8", [-128, -127, -126, -90, 0, 1, 99, 127], (0.05, -128), (0.04, -100),
        [127, 12, -21, -82, -90, -90, -93, -93],
    ),
    "HardSwish": (
        "int8", [-128, -90, -31, -1, 0, 1, 40, 127], (0.05, 3), (0.04, -100),
        [-100, -100, -109, -102, -102, -101, -63, 55],
    ),
}  # fmt: skip


def outcome(op, dtype, stored, before, after, profile="tflite_ref"):
    ends = [Tensor(n, (8,), dtype, Quant((s,), (z,))) for n, (s, z) in (("x", before), ("y", after))]
    node = Node("n", op, ("x",), ("y",), {}, ("requant",))
    graph = Graph("g", (node,), {t.name: t for t in ends}, ("x",), ("y",))
    return execute(graph, {"x": np.array(stored, dtype)}, profile).outputs["y"].tolist()


@pytest.mark.parametrize("op", FACTS)
def test_function_of_stored_integers(op):
    *case, expected = FACTS[op]
    assert outcome(op, *case) == expected


@pytest.mark.parametrize("op", ["Tanh", "Exp", "HardSwish"])
def test_profiles_of_other_chips_keep_to_the_formula(op):
    dtype, stored, before, after, _ = FACTS[op]
    real = (np.array(stored) - before[1]) * before[0]
    formula = {"Tanh": np.tanh, "Exp": np.exp, "HardSwish": lambda x: x * np.clip(x + 3, 0, 6) / 6}[op]
    info = np.iinfo(dtype)
    expected = np.clip(formula(real) / after[0] + after[1], info.min, info.max)
    np.testing.assert_allclose(outcome(op, dtype, stored, before, after, "half_up"), expected, atol=0.51)


@pytest.mark.parametrize(
    ("op", "profile", "scale", "text"),
    [
        ("Erf", "tflite_ref", 0.0003, "nothing that TensorFlow Lite has"),
        ("Tanh", "tflite_xnnpack", 2.0**-12, "scale 2\\^-12"),
        ("Neg", "tflite_ref", 0.0003, "one scale and zero point 0"),
    ],
)
def test_what_is_not_known_is_refused(op, profile, scale, text):
    with pytest.raises(InputError, match=text):
        outcome(op, "int16", WIDE, (scale, 0), (UNIT, 0), profile)
