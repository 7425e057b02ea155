"""Operators that compute: convolutions, products, poolings, reductions, and what they add to their sums."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from simulator.base.errors import InputError
from simulator.workload.frontends.tflite.draft import Draft, node_name
from simulator.workload.frontends.tflite.operators import converter, epilogue_of, names
from simulator.workload.frontends.tflite.read import Operator
from simulator.workload.tensor import FLOATS, Tensor
from simulator.workload.window import axes

_PADDING = {0: "SAME_UPPER", 1: "VALID"}  # more padding at the end, as TensorFlow has it
_REDUCTIONS = {
    "MEAN": "ReduceMean", "SUM": "ReduceSum", "REDUCE_MAX": "ReduceMax", "REDUCE_MIN": "ReduceMin",
    "REDUCE_PROD": "ReduceProd",
}  # fmt: skip
#: How far a bias may be off the product of its operands' scales, as a share of the scale of the result:
#: what TensorFlow Lite itself allows (kernel_util.cc, GetQuantizedConvolutionMultipler).
_BIAS_TOLERANCE = 0.02


def _check_bias(draft: Draft, index: int, operator: Operator) -> None:
    """Refuse a bias whose scale is not the product of those of ifmap and weights."""
    ifmap, weight, bias = (draft.tensor(i) for i in operator.inputs[:3])
    result = draft.tensor(operator.outputs[0])
    quants = (ifmap.quant, weight.quant, bias.quant, result.quant)
    if any(quant is None for quant in quants):
        if ifmap.dtype in FLOATS or bias.quant is None:
            return
        text = "contradictory quantization: a bias with a scale, and operands or a result without"
        raise InputError(draft.problem(index, text))
    first, second, third, fourth = (np.array(quant.scale) for quant in quants if quant is not None)
    if third.size not in (1, second.size):
        text = f"contradictory quantization: {second.size} scales of weights, {third.size} of the bias"
        raise InputError(draft.problem(index, text))
    off = np.abs(first * second - third) / fourth
    if off.max() > _BIAS_TOLERANCE:
        at = int(off.argmax())
        product = float(np.ravel(first * second)[at])
        stated = np.broadcast_to(third, off.shape)[at]
        text = f"the bias has scale {stated:.6g}, ifmap times weight {product:.6g}"
        raise InputError(draft.problem(index, f"contradictory quantization: {text}"))


def _with_bias(draft: Draft, index: int, operator: Operator) -> bool:
    present = len(operator.inputs) > 2 and operator.inputs[2] >= 0
    if present:
        _check_bias(draft, index, operator)
    return present


def _window(operator: Operator) -> dict[str, Any]:
    options = operator.options
    return {
        "strides": (options["StrideH"], options["StrideW"]),
        "auto_pad": _PADDING[options["Padding"]],
        "layout": "NHWC",
    }


@converter("CONV_2D")
def _convolution(draft: Draft, index: int, operator: Operator) -> None:
    ifmap, weight = draft.tensor(operator.inputs[0]), draft.tensor(operator.inputs[1])
    bias = _with_bias(draft, index, operator)
    epilogue, more = epilogue_of(draft, operator, bias)
    attrs = {
        **_window(operator),
        "dilations": (operator.options.get("DilationHFactor", 1), operator.options.get("DilationWFactor", 1)),
        "kernel_shape": weight.shape[1:3],
        "group": max(1, ifmap.shape[-1] // max(weight.shape[-1], 1)),
        **more,
    }
    inputs = names(draft, operator.inputs[: 3 if bias else 2])
    draft.add(index, "Conv", inputs, names(draft, operator.outputs), attrs, epilogue)


@converter("DEPTHWISE_CONV_2D")
def _depthwise(draft: Draft, index: int, operator: Operator) -> None:
    """Weights [1, rows, columns, channels × multiplier] become filters of one channel."""
    ifmap, weight = draft.tensor(operator.inputs[0]), draft.tensor(operator.inputs[1])
    bias = _with_bias(draft, index, operator)
    epilogue, more = epilogue_of(draft, operator, bias)
    _, rows, columns, filters = weight.shape
    quant = replace(weight.quant, axis=0) if weight.quant and weight.quant.axis is not None else weight.quant
    filter_shape = (filters, rows, columns, 1)
    name = draft.derive(weight, "filters", lambda a: a.transpose(3, 1, 2, 0), filter_shape, quant)
    attrs = {
        **_window(operator),
        "dilations": (operator.options.get("DilationHFactor", 1), operator.options.get("DilationWFactor", 1)),
        "kernel_shape": (rows, columns),
        "group": ifmap.shape[-1],
        **more,
    }
    inputs = names(draft, operator.inputs[: 3 if bias else 2])
    inputs[1] = name
    draft.add(index, "Conv", inputs, names(draft, operator.outputs), attrs, epilogue)


@converter("TRANSPOSE_CONV")
def _transposed(draft: Draft, index: int, operator: Operator) -> None:
    """Operands are the shape of the result, filters × rows × columns × channels, the ifmap, and a bias."""
    order = (operator.inputs[2], operator.inputs[1], *operator.inputs[3:])
    operator = replace(operator, inputs=order)
    ifmap, weight, result = draft.tensor(order[0]), draft.tensor(order[1]), draft.tensor(operator.outputs[0])
    bias = _with_bias(draft, index, operator)
    epilogue, more = epilogue_of(draft, operator, bias)
    filters, *kernel, depth = weight.shape
    quant = replace(weight.quant, axis=3) if weight.quant and weight.quant.axis is not None else weight.quant
    shape = (depth, *kernel, filters)
    name = draft.derive(weight, "turned", lambda a: a.transpose(3, 1, 2, 0), shape, quant)
    strides = (operator.options["StrideH"], operator.options["StrideW"])
    placing = {"strides": strides, "auto_pad": _PADDING[operator.options["Padding"]]}
    wanted = axes(result.shape[1:3], kernel, placing)
    whole = [(n - 1) * step + size for n, step, size in zip(ifmap.shape[1:3], strides, kernel, strict=True)]
    spare = [total - axis.begin - axis.size for total, axis in zip(whole, wanted, strict=True)]
    attrs = {
        "strides": strides,
        "pads": (*(axis.begin for axis in wanted), *(max(each, 0) for each in spare)),
        "output_padding": tuple(max(-each, 0) for each in spare),
        "layout": "NHWC",
        **more,
    }
    inputs = [names(draft, order)[0], name, *names(draft, order[2:3] if bias else ())]
    draft.add(index, "ConvTranspose", inputs, names(draft, operator.outputs), attrs, epilogue)


@converter("FULLY_CONNECTED")
def _fully_connected(draft: Draft, index: int, operator: Operator) -> None:
    """A Gemm of rows of the ifmap, which is reshaped to a matrix where it is none."""
    if operator.options.get("WeightsFormat", 0):
        raise ValueError("shuffled weights are not supported")
    ifmap, weight = draft.tensor(operator.inputs[0]), draft.tensor(operator.inputs[1])
    result = draft.tensor(operator.outputs[0])
    bias = _with_bias(draft, index, operator)
    epilogue, more = epilogue_of(draft, operator, bias)
    filters, depth = weight.shape
    rows = ifmap.elements // max(depth, 1)
    inputs = names(draft, operator.inputs[: 3 if bias else 2])
    base = node_name(index, operator.code)
    if ifmap.shape != (rows, depth):
        matrix = draft.middle(f"{base}.matrix", ifmap, (rows, depth))
        shape = {"shape": (rows, depth)}
        draft.add(index, "Reshape", [inputs[0]], [matrix], shape, suffix=".in")
        inputs[0] = matrix
    attrs = {"transB": 1, **more}
    keeps = operator.options.get("KeepNumDims", False)
    shape_out = (*ifmap.shape[:-1], filters) if keeps else (rows, filters)
    if shape_out == (rows, filters):
        draft.add(index, "Gemm", inputs, names(draft, operator.outputs), attrs, epilogue)
        return
    product = draft.middle(f"{base}.product", result, (rows, filters))
    draft.add(index, "Gemm", inputs, [product], attrs, epilogue)
    outputs = names(draft, operator.outputs)
    draft.add(index, "Reshape", [product], outputs, {"shape": shape_out}, suffix=".out")


@converter("AVERAGE_POOL_2D", "MAX_POOL_2D")
def _pool(draft: Draft, index: int, operator: Operator) -> None:
    op = "AveragePool" if operator.code == "AVERAGE_POOL_2D" else "MaxPool"
    kernel = (operator.options["FilterHeight"], operator.options["FilterWidth"])
    epilogue, more = epilogue_of(draft, operator, computes=op == "AveragePool")
    attrs = {**_window(operator), "kernel_shape": kernel, **more}
    inputs = names(draft, operator.inputs)
    draft.add(index, op, inputs, names(draft, operator.outputs), attrs, epilogue)


@converter("SOFTMAX")
def _softmax(draft: Draft, index: int, operator: Operator) -> None:
    beta = float(operator.options.get("Beta", 1.0))
    attrs = {"axis": -1} if beta == 1.0 else {"axis": -1, "beta": beta}
    epilogue, _ = epilogue_of(draft, operator)
    inputs = names(draft, operator.inputs)
    draft.add(index, "Softmax", inputs, names(draft, operator.outputs), attrs, epilogue)


@converter("LEAKY_RELU")
def _leaky(draft: Draft, index: int, operator: Operator) -> None:
    attrs = {"alpha": float(operator.options["Alpha"])}
    epilogue, _ = epilogue_of(draft, operator)
    inputs = names(draft, operator.inputs)
    draft.add(index, "LeakyRelu", inputs, names(draft, operator.outputs), attrs, epilogue)


@converter("GELU")
def _gelu(draft: Draft, index: int, operator: Operator) -> None:
    attrs = {"approximate": "tanh"} if operator.options.get("Approximate", False) else {}
    epilogue, _ = epilogue_of(draft, operator)
    inputs = names(draft, operator.inputs)
    draft.add(index, "Gelu", inputs, names(draft, operator.outputs), attrs, epilogue)


@converter(*_REDUCTIONS)
def _reduce(draft: Draft, index: int, operator: Operator) -> None:
    rank = len(draft.tensor(operator.inputs[0]).shape)
    axes = tuple(sorted({axis % rank for axis in draft.integers(operator.inputs[1])}))
    attrs = {"axes": axes, "keepdims": int(operator.options.get("KeepDims", False))}
    computes = operator.code not in ("REDUCE_MAX", "REDUCE_MIN")
    epilogue, _ = epilogue_of(draft, operator, computes=computes)
    inputs = names(draft, operator.inputs[:1])
    draft.add(index, _REDUCTIONS[operator.code], inputs, names(draft, operator.outputs), attrs, epilogue)


@converter("ARG_MAX", "ARG_MIN")
def _arg(draft: Draft, index: int, operator: Operator) -> None:
    attrs = {"axis": draft.integers(operator.inputs[1])[0], "keepdims": 0}
    op = "ArgMax" if operator.code == "ARG_MAX" else "ArgMin"
    inputs = names(draft, operator.inputs[:1])
    draft.add(index, op, inputs, names(draft, operator.outputs), attrs)


@converter("SQUARE")
def _square(draft: Draft, index: int, operator: Operator) -> None:
    epilogue, _ = epilogue_of(draft, operator)
    inputs = names(draft, operator.inputs) * 2
    draft.add(index, "Mul", inputs, names(draft, operator.outputs), {}, epilogue)


@converter("BATCH_MATMUL")
def _batch_matmul(draft: Draft, index: int, operator: Operator) -> None:
    """A product of two computed operands; one that is to be transposed gets a node for it."""
    epilogue, _ = epilogue_of(draft, operator)
    inputs = names(draft, operator.inputs)
    for i, option in enumerate(("AdjX", "AdjY")):
        data: Tensor = draft.tensors[inputs[i]]
        if operator.options.get(option, False):
            perm = (*range(len(data.shape) - 2), len(data.shape) - 1, len(data.shape) - 2)
            shape = (*data.shape[:-2], data.shape[-1], data.shape[-2])
            inputs[i] = draft.middle(f"{node_name(index, operator.code)}.turned.{i}", data, shape)
            draft.add(index, "Transpose", [data.name], [inputs[i]], {"perm": perm}, suffix=f".turn.{i}")
    draft.add(index, "MatMul", inputs, names(draft, operator.outputs), {}, epilogue)
