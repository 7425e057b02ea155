"""Every operator that is read from TensorFlow Lite, with random shapes, scales and zero points, beside its runtime.

Equal bit for bit, or refused by name: what is refused is stated here, so that neither can change unseen.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from tflite_cases import CASES, Case, make
from tflite_file import write

from simulator.base.errors import InputError
from simulator.workload.execute import execute
from simulator.workload.load import load_graph

runtime = pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert is not installed")
REF, DEFAULT = "tflite_ref", "tflite_xnnpack"
KERNELS = {REF: runtime.OpResolverType.BUILTIN_REF, DEFAULT: runtime.OpResolverType.AUTO}
SEEDS = range(12)
ANY = {(dtype, profile) for dtype in ("int8", "uint8", "int16") for profile in KERNELS}


def _only(*dtypes: str, profiles: tuple[str, ...] = (REF, DEFAULT)) -> set[tuple[str, str]]:
    return {(dtype, profile) for dtype in dtypes for profile in profiles}


#: Operator -> element types and kernels under which some or all of its cases are refused.
REFUSED = {
    **dict.fromkeys(("NEG", "MAXIMUM", "MINIMUM", "DIV", "FLOOR_DIV", "FLOOR_MOD", "NEG same scale"), ANY),
    **dict.fromkeys(("SQUARED_DIFFERENCE", "L2_NORMALIZATION", "PRELU"), ANY),
    **dict.fromkeys(("LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL", "CONCATENATION"), _only("int16")),
    **dict.fromkeys(("LOGISTIC power of two", "TANH power of two"), _only("int16", profiles=(DEFAULT,))),
    **dict.fromkeys(("SUM", "SUM same scale"), _only("int8", "int16", profiles=(REF,))),
    "REDUCE_PROD": _only("int8", "int16", profiles=(DEFAULT,)),
    "SOFTMAX to 16 bits": _only("int8", "uint8"),
    **dict.fromkeys(
        ("MEAN same scale", "MEAN plane same scale"), _only("int8", "uint8", profiles=(DEFAULT,))
    ),
    "HARD_SWISH": _only("int8", "uint8"),
    **{name: _only("uint8", profiles=(DEFAULT,)) for name in CASES if "CONV_2D" in name},  # of one channel
    "FULLY_CONNECTED": _only("int16", profiles=(DEFAULT,)),
    "FULLY_CONNECTED per channel": _only("int16", profiles=(DEFAULT,)),
    "FULLY_CONNECTED 4 bits": _only("int8", "uint8", "int16", profiles=(DEFAULT,)),
    "QUANTIZE to int8": _only("uint8", profiles=(DEFAULT,)),
    "QUANTIZE to uint8": _only("int8", profiles=(DEFAULT,)),
    "LOG_SOFTMAX": _only("int8", "uint8", profiles=(REF,)),
    "RESIZE_BILINEAR": _only("uint8", profiles=(REF,)),
}


def by_runtime(path, case: Case, profile: str) -> list[np.ndarray] | None:
    """Results of the runtime; None where it does not take the operator at these types, or these numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            interpreter = runtime.Interpreter(str(path), experimental_op_resolver_type=KERNELS[profile])
            interpreter.allocate_tensors()
        except (RuntimeError, ValueError):
            return None
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], case.feeds[detail["name"]])
    try:
        interpreter.invoke()
    except RuntimeError:
        return None
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def _executed(path, case: Case, profile: str) -> dict[str, np.ndarray] | InputError:
    try:
        return dict(execute(load_graph(path), case.feeds, profile).outputs)
    except InputError as error:
        return error


@pytest.mark.parametrize("profile", KERNELS)
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16"])
@pytest.mark.parametrize("name", CASES)
def test_operator_equals_the_runtime_or_is_refused(name, dtype, profile, tmp_path):
    compared = 0
    for seed in SEEDS:
        case = make(name, dtype, seed)
        path = write(tmp_path / f"{seed}.tflite", case.entries, case.steps, case.inputs, case.outputs)
        expected = by_runtime(path, case, profile)
        if expected is None:
            continue
        compared += 1
        found = _executed(path, case, profile)
        if isinstance(found, InputError):
            allowed = (dtype, profile) in REFUSED.get(name, set())
            assert allowed, found
            continue
        for output, array in zip(case.outputs, expected, strict=True):
            np.testing.assert_array_equal(found[output], array, err_msg=f"seed {seed}")
    if not compared:
        pytest.skip("this runtime does not take the operator at this element type")
