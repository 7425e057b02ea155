"""TensorFlow Lite's operators as the project's own: a table here, functions in layers.py and movement.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator.base.errors import InputError, did_you_mean
from simulator.workload.frontends.tflite.draft import Draft
from simulator.workload.frontends.tflite.read import Operator
from simulator.workload.tensor import Quant

#: Fused activation of the schema -> epilogue and its attributes.
_ACTIVATIONS: dict[int, tuple[str, Any]] = {
    0: ("", None), 1: ("relu", None), 2: ("clip", (-1.0, 1.0)), 3: ("clip", (0.0, 6.0)), 4: ("tanh", None),
}  # fmt: skip
#: Operators that take their operands as they are -> name, attributes.
_SAME: dict[str, tuple[str, dict[str, Any]]] = {
    "ADD": ("Add", {}), "SUB": ("Sub", {}), "MUL": ("Mul", {}), "DIV": ("Div", {}), "POW": ("Pow", {}),
    "MAXIMUM": ("Max", {}), "MINIMUM": ("Min", {}), "PRELU": ("PRelu", {}), "FLOOR_MOD": ("Mod", {}),
    "RELU": ("Relu", {}), "RELU6": ("Clip", {"min": 0.0, "max": 6.0}),
    "RELU_N1_TO_1": ("Clip", {"min": -1.0, "max": 1.0}), "RELU_0_TO_1": ("Clip", {"min": 0.0, "max": 1.0}),
    "LOGISTIC": ("Sigmoid", {}), "TANH": ("Tanh", {}), "HARD_SWISH": ("HardSwish", {}), "ELU": ("Elu", {}),
    "EXP": ("Exp", {}), "LOG": ("Log", {}), "SQRT": ("Sqrt", {}), "RSQRT": ("Rsqrt", {}),
    "ABS": ("Abs", {}), "NEG": ("Neg", {}),
    "SIN": ("Sin", {}), "COS": ("Cos", {}), "FLOOR": ("Floor", {}), "CEIL": ("Ceil", {}),
    "ROUND": ("Round", {}), "SIGN": ("Sign", {}), "LOG_SOFTMAX": ("LogSoftmax", {"axis": -1}),
    "LOGICAL_NOT": ("Not", {}), "LOGICAL_AND": ("And", {}), "LOGICAL_OR": ("Or", {}), "EQUAL": ("Equal", {}),
    "NOT_EQUAL": ("NotEqual", {}), "GREATER": ("Greater", {}), "GREATER_EQUAL": ("GreaterOrEqual", {}),
    "LESS": ("Less", {}), "LESS_EQUAL": ("LessOrEqual", {}), "SELECT": ("Where", {}),
    "SELECT_V2": ("Where", {}),
    "QUANTIZE": ("QuantizeLinear", {}), "DEQUANTIZE": ("DequantizeLinear", {}), "GATHER_ND": ("GatherND", {}),
}  # fmt: skip
VIEWS = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
#: Results that are one of the operand's values, or its bytes: another scale would make them other numbers.
_SCALE_STAYS = (*VIEWS, "MAX_POOL_2D", "AVERAGE_POOL_2D", "TRANSPOSE", "SLICE", "STRIDED_SLICE", "SPLIT",
                "SPLIT_V", "GATHER", "DEPTH_TO_SPACE", "SPACE_TO_DEPTH", "TILE", "UNPACK")  # fmt: skip
Converter = Callable[[Draft, int, Operator], None]
_CONVERTERS: dict[str, Converter] = {}


def converter(*codes: str) -> Callable[[Converter], Converter]:
    """Enter a function under operators of the schema."""

    def enter(function: Converter) -> Converter:
        _CONVERTERS.update(dict.fromkeys(codes, function))
        return function

    return enter


def convert(draft: Draft, index: int, operator: Operator) -> None:
    """Append an operator of the file to the draft.

    Raises
    ------
    InputError
        It is not read, or its scales contradict each other.
    ValueError
        Its operands or options do not fit.
    """
    code = operator.code
    if code in _SCALE_STAYS:
        _check_scale_stays(draft, index, operator)
    if code in _CONVERTERS:
        _CONVERTERS[code](draft, index, operator)
    elif code in _SAME:
        op, attrs = _SAME[code]
        epilogue, more = epilogue_of(draft, operator, computes=code not in ("QUANTIZE", "DEQUANTIZE"))
        draft.add(index, op, names(draft, operator.inputs), names(draft, operator.outputs),
                  {**attrs, **more}, epilogue)  # fmt: skip
    else:
        known = sorted({*_CONVERTERS, *_SAME})
        text = f"operator {code} is not supported{did_you_mean(code, known)}"
        raise InputError(draft.problem(index, text))


def names(draft: Draft, indices: tuple[int, ...]) -> list[str]:
    """Names of tensors of the file; "" for what is left out."""
    return [draft.source.tensors[i].name if i >= 0 else "" for i in indices]


def _check_scale_stays(draft: Draft, index: int, operator: Operator) -> None:
    data = operator.inputs[1 if operator.code == "SPLIT" else 0]
    quant = draft.tensor(data).quant
    for result in operator.outputs:
        other = draft.tensor(result).quant
        if quant != other:
            text = f"its operand has {_shown(quant)}, its result {_shown(other)}, and it keeps values"
            raise InputError(draft.problem(index, f"contradictory quantization: {text}"))


def _shown(quant: Quant | None) -> str:
    if quant is None:
        return "no scale"
    return f"scale {quant.scale[0]:.9g} and zero point {quant.zero_point[0]}"


def epilogue_of(
    draft: Draft, operator: Operator, bias: bool = False, computes: bool = True
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """What is applied on the way out, and its attributes."""
    number = operator.options.get("FusedActivationFunction", 0)
    if number not in _ACTIVATIONS:
        raise ValueError(f"fused activation {number} is not supported")
    name, value = _ACTIVATIONS[number]
    steps = ["bias"] if bias else []
    steps += [name] if name else []
    if computes and draft.tensor(operator.outputs[0]).quant is not None:
        steps.append("requant")
    return tuple(steps), {} if value is None else {name: value}
