"""What TensorFlow Lite computes on stored integers by arithmetic of its own, operator by operator.

A profile whose ``library`` is set asks here first; operators that are not here follow the profile's rules.
Where a runtime's arithmetic is not known, or scales contradict what it does, the operator is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from math import frexp, prod

import numpy as np

from simulator.workload import tables
from simulator.workload.call import BOUNDS, Call, NotExecuted, Value, stored_type
from simulator.workload.functions import EPILOGUE_FUNCTIONS, FUNCTIONS, gelu, gelu_by_tanh
from simulator.workload.numerics import Rescaling
from simulator.workload.op import Op
from simulator.workload.ops.reduce import axes_of
from simulator.workload.rescale import (
    Factors,
    factors,
    fixed_point,
    limits,
    rescale,
    round_half_away,
    shift_half_away,
    wrap,
)

Results = list[np.ndarray]
Own = Callable[[Call], Results | None]
_DOUBLE, _FIXED15 = Rescaling("fixed31", "double"), Rescaling("fixed15", "half_up")
#: Functions of one operand that 16-bit integers have by the rules of the profile.
_BY_RULE = frozenset({"Relu", "Clip", "LeakyRelu", "Abs", "Sqrt"})
#: Ratios of scales that the delegate takes for multipliers of 8 bits after the point.
_RATIOS_OF_DELEGATE = (2.0**-8, 2.0**7)


def run(op: Op, call: Call) -> Results | None:
    """Results of a node by arithmetic of the library's own; None where the rules of the profile hold.

    Raises
    ------
    NotExecuted
        The library's arithmetic is not known, or it takes no such element types or scales.
    """
    if not call.integer and call.node.op not in _ORDERS:
        return None
    own = _OWN.get(call.node.op)
    results = own(call) if own is not None else None
    if results is None and op.pointwise and _wide(call) and call.node.op not in _BY_RULE:
        raise NotExecuted("of 16-bit integers is nothing that TensorFlow Lite has")
    return results


def _wide(call: Call) -> bool:
    return call.operand(0).tensor.bits > 8


def _delegated(call: Call) -> bool:
    """Whether the delegate takes the node: its arithmetic is that of 8 bits."""
    return call.numerics.library == "xnnpack" and not _wide(call)


def _store(call: Call, whole: np.ndarray) -> Results:
    """Integers without zero point as the result."""
    bounded = np.clip(whole + call.result_quant()[1], *call.bounds())
    return [bounded.astype(stored_type(call.results[0]))]


def _whole(value: Value) -> np.ndarray:
    return value.array.astype(np.int64) - value.zero_point


def _segments(function: Callable[[Call], tables.Real]) -> Own:
    """A function of 16-bit integers by a table of 512 segments; of 8 bits by the rules of the profile."""

    def own(call: Call) -> Results | None:
        if not _wide(call):
            return None
        value, (scale, _) = call.operand(0), call.result_quant()
        return _store(call, tables.by_segments(function(call), value.array, value.scale, scale))

    return own


def _logarithm(call: Call) -> tables.Real:
    """Logarithm; of 0 and below the least number of the result."""
    least = np.float32(call.result_quant()[0]) * np.float32(limits(call.results[0].dtype)[0])
    return lambda x: np.where(x > 0, np.log(np.where(x > 0, x, x.dtype.type(1))), least)


def _inverse_root(call: Call) -> tables.Real:
    """Inverse root; of 0 and below the largest number of the result."""
    most = np.float32(call.result_quant()[0]) * np.float32(limits(call.results[0].dtype)[1])
    return lambda x: np.where(x > 0, 1 / np.sqrt(np.where(x > 0, x, x.dtype.type(1))), most)


def _reciprocal_root(call: Call) -> Results | None:
    """1/√x of 16-bit integers by segments; of 8 bits by Newton's method on the stored integer."""
    if _wide(call):
        return _segments(_inverse_root)(call)
    value, result = call.operand(0), call.results[0]
    whole = _whole(value)
    if (whole < 0).any():
        raise NotExecuted("of a negative number is none")
    inverse = 1.0 / float(np.sqrt(np.float32(value.scale)) * np.float32(call.result_quant()[0]))
    mantissa, shift = _fixed(inverse)
    by = Factors(_DOUBLE, np.array([mantissa]), np.array([shift - 20]), np.zeros(1, np.float32))
    found = {0: limits(result.dtype)[1] - call.result_quant()[1]}
    for each in np.unique(whole).tolist():
        if each:
            root, places = tables.inverse_root(each)
            unit = Factors(_DOUBLE, np.array([root]), np.array([places + 20]), by.ratio)
            found[each] = int(rescale(rescale(np.ones(1, np.int64), unit), by)[0])
    table = np.array([found.get(each, 0) for each in range(max(found) + 1)])
    return _store(call, table[whole])


def _gelu(call: Call) -> tables.Real:
    return gelu_by_tanh if call.node.attrs.get("approximate") == "tanh" else gelu


def _sigmoid_table(function: Callable[[np.ndarray, float], np.ndarray], plain: tuple[int, ...]) -> Own:
    """Sigmoid or tanh of 16-bit integers; ``plain``: binary places of scales with kernels of their own."""

    def own(call: Call) -> Results | None:
        if not _wide(call):
            return None
        scale = call.operand(0).scale
        exponent = tables.power_of_two(scale)
        if call.numerics.library == "xnnpack" and exponent is not None and -exponent in plain:
            raise NotExecuted(
                f"of 16-bit integers at scale 2^{exponent} rounds in a way that is not known here"
            )
        return _store(call, function(call.operand(0).array, scale))

    return own


def _softmax(call: Call) -> Results | None:
    """Softmax of 16-bit integers by tables; to 16 bits it is float32 summed in the runtime's own order."""
    if not _wide(call):
        if call.results[0].bits > 8:
            raise NotExecuted(
                "of 8-bit integers to 16 bits depends on sums of float32 that are not known here"
            )
        return None
    value, attrs = call.operand(0), call.node.attrs
    axis = attrs.get("axis", -1)
    ratio = np.float64(value.scale) * float(attrs.get("beta", 1.0)) / (10 / 65535)
    made = tables.softmax(np.moveaxis(value.array, axis, -1), factors(np.asarray(ratio), _DOUBLE))
    return _store(call, np.moveaxis(made, -1, axis))


def _log_softmax(call: Call) -> Results | None:
    """LogSoftmax: the reference kernels have their own way with ties, as powers of 2 give them."""
    if call.numerics.library == "tflite" and frexp(call.operand(0).scale)[0] == 0.5:
        raise NotExecuted("at a scale that is a power of 2 has ties that are not known here")
    return None


def _hard_swish(call: Call) -> Results | None:
    """HardSwish, x · relu6(x + 3) / 6, in 16 bits: factors from x·2^7, the second as (clip(x/3) + 1)/2."""
    if _wide(call):
        return None
    value, (scale, _) = call.operand(0), call.result_quant()
    raised = _whole(value) << 7
    step = np.float32(value.scale) * np.float32(1 / 128)
    mantissa, exponent = _half_of(_fixed(float(step / np.float32(scale))))
    if exponent > 0:
        raise NotExecuted(f"is not known here where the scale of the result is below {step:.3g}")
    slope, places = _half_of(_fixed(float(step / np.float32(3 / 32768))))
    gate = raised if places <= 0 else _sixteen(raised << (places - 1))
    gate = _high_half(gate, slope)
    gate = _sixteen(gate << 1) if places > 0 else shift_half_away(gate, np.asarray(-places))
    product = ((gate + (1 << 15)) >> 1) * _high_half(raised, mantissa)
    cut = np.sign(product) * (np.abs(product) >> 15)
    return _store(call, shift_half_away(cut, np.asarray(-exponent)))


def _fixed(ratio: float) -> tuple[int, int]:
    """Mantissa of 31 bits and exponent of one ratio."""
    mantissa, exponent = fixed_point(np.asarray(ratio))
    return int(mantissa), int(exponent)


def _half_of(parts: tuple[int, int]) -> tuple[int, int]:
    """Mantissa of 15 bits of one of 31."""
    return min((parts[0] + (1 << 15)) >> 16, (1 << 15) - 1), parts[1]


def _sixteen(values: np.ndarray) -> np.ndarray:
    return np.clip(values, -(1 << 15), (1 << 15) - 1)


def _high_half(values: np.ndarray, mantissa: int) -> np.ndarray:
    """Product over 2^15, to the nearest, half up."""
    return (values * mantissa + (1 << 14)) >> 15


def _negative(call: Call) -> Results:
    """−x of the stored integers, which is meant where both ends have zero point 0 and one scale."""
    value = call.operand(0)
    if value.quant != call.results[0].quant or value.zero_point:
        raise NotExecuted("negates stored integers: operand and result need one scale and zero point 0")
    return [wrap(-value.array.astype(np.int64), value.tensor.bits).astype(value.array.dtype)]


def _parametric(call: Call) -> Results:
    """PRelu: x − z rescaled by s/so where it is not negative, else times slope by s·sa/so."""
    value, slope = call.operand(0), call.operand(1)
    if _wide(call):
        raise NotExecuted("of 16-bit integers is nothing that TensorFlow Lite has")
    scale = np.float32(call.result_quant()[0])
    steep = np.float32(value.scale) * np.float32(slope.scale) / scale
    whole = _whole(value)
    above = rescale(whole, factors(np.asarray(np.float32(value.scale) / scale), _DOUBLE))
    below = rescale(whole * _whole(slope), factors(np.asarray(steep), _DOUBLE))
    return _store(call, np.where(whole >= 0, above, below))


def _leaky(call: Call) -> Results | None:
    """LeakyRelu of the delegate: multipliers of 8 bits after the point, if neither ratio is far from 1."""
    value = call.operand(0)
    ratio = np.float32(value.scale) / np.float32(call.result_quant()[0])
    steep = ratio * np.float32(call.node.attrs.get("alpha", 0.01))
    low, high = _RATIOS_OF_DELEGATE
    if not _delegated(call) or any(not low <= abs(each) <= high for each in (ratio, steep)):
        return None
    whole = _whole(value)
    by = np.where(whole >= 0, round(256 * float(ratio)), round(256 * float(steep)))
    return _store(call, (whole * by + 128) >> 8)


def _reduced(call: Call) -> tuple[np.ndarray, tuple[int, ...], int]:
    """Stored integers, the axes reduced, and how many elements go into one."""
    if len(call.operands) > 1 or any(name not in BOUNDS for name in call.activations):
        raise NotExecuted("of integers is executed over constant axes")
    array = call.operand(0).array
    axes = axes_of(np.ravel(call.node.attrs.get("axes", ())).tolist(), call.node.attrs, array.ndim)
    return array.astype(np.int64), axes, prod(array.shape[axis] for axis in axes)


def _mean(call: Call) -> Results | None:
    """ReduceMean of the delegate: in float32, half to even after the zero point was added."""
    if not _delegated(call):
        return None
    _, axes, count = _reduced(call)
    ratio = np.float32(call.operand(0).scale) / np.float32(call.result_quant()[0])
    if len(axes) > 1 and frexp(float(ratio))[0] == 0.5:  # then means lie halfway between two integers
        raise NotExecuted("over several axes, scales a power of 2 apart, has ties that are not known here")
    return _average(call, count)


def _sum(call: Call) -> Results:
    """ReduceSum: by the delegate as a mean; of 16 bits in float32, half away; uint8 rescaled."""
    if _delegated(call):
        return _average(call, 1)
    value, (scale, _) = call.operand(0), call.result_quant()
    if call.numerics.library == "tflite" and value.tensor.dtype != "uint8":
        raise NotExecuted("of signed integers has no result that can be relied on in the reference kernels")
    total, ratio = _total(call), np.float32(value.scale) / np.float32(scale)
    if _wide(call):
        return _store(call, round_half_away(total.astype(np.float32) * ratio))
    return _store(call, rescale(total, factors(np.asarray(ratio), _DOUBLE)).reshape(total.shape))


def _total(call: Call) -> np.ndarray:
    """Sum over the axes, without zero points."""
    array, axes, count = _reduced(call)
    total = array.sum(axis=axes, keepdims=bool(call.node.attrs.get("keepdims", 1)))
    return np.asarray(total - count * call.operand(0).zero_point)


def _average(call: Call, count: int) -> Results:
    """A sum over a count, in float32, half to even after the zero point was added."""
    scale, zero = call.result_quant()
    by = np.float32(call.operand(0).scale) / np.float32(scale) / np.float32(count)
    whole = np.rint(_total(call).astype(np.float32) * by + np.float32(zero)).astype(np.int64)
    return _store(call, whole - zero)


def _exponential_unit(call: Call) -> Results:
    """Elu of 8 bits, which the delegate alone has: half to even after the zero point was added."""
    value, (scale, zero) = call.operand(0), call.result_quant()
    if not _delegated(call) or value.tensor.dtype != "int8":
        raise NotExecuted("of these integers is nothing that these kernels have")
    real = EPILOGUE_FUNCTIONS["elu"](value.real(), call.node.attrs.get("alpha", 1.0)) / np.float32(scale)
    return _store(call, np.rint(real + np.float32(zero)).astype(np.int64) - zero)


def _addition(call: Call) -> Results | None:
    """Add and Sub: of 16 bits with powers of 2 for scales there is arithmetic of its own."""
    values = [v for v in call.operands if v is not None]
    scales = [*(v.quant.scale[0] for v in values if v.tensor.quant is not None), call.result_quant()[0]]
    if _wide(call) and all(tables.power_of_two(scale) is not None for scale in scales):
        raise NotExecuted("of 16-bit integers whose scales are powers of 2 is not known here")
    return None


def _multiplied(call: Call) -> Results:
    """ReduceProd: every product rescaled by s over the n-th root of so, the last once more."""
    if call.numerics.library == "xnnpack":
        raise NotExecuted("of stored integers multiplies in an order that is not known here")
    array, axes, count = _reduced(call)
    value, (scale, _) = call.operand(0), call.result_quant()
    by = factors(np.asarray(value.scale / scale ** (1 / count)), _FIXED15)
    factors_last = np.moveaxis(array - value.zero_point, axes, range(-len(axes), 0))
    terms = factors_last.reshape(*factors_last.shape[: array.ndim - len(axes)], count)
    total = terms[..., 0]
    for k in range(1, count):
        total = wrap(rescale(total * terms[..., k], by), 32)
    total = wrap(rescale(total, by), 32).reshape(terms.shape[:-1])
    return _store(call, np.expand_dims(total, axes) if call.node.attrs.get("keepdims", 1) else total)


def _layer(call: Call) -> Results | None:
    """Gemm: beside the reference kernels a few sums of 16-bit data or 4-bit weights are rounded otherwise."""
    kinds = {call.operand(0).tensor.dtype, call.operand(1).tensor.dtype}
    if call.numerics.library == "xnnpack" and kinds & {"int16", "int4"}:
        kind = "16-bit integers" if "int16" in kinds else "4-bit weights"
        raise NotExecuted(f"of {kind} rounds in a way that is not known here")
    return None


def _convolution(call: Call) -> Results | None:
    """Conv: unsigned depthwise ones, or of one channel, round a few sums otherwise under the delegate."""
    unsigned = call.operand(0).tensor.dtype == "uint8"
    if call.numerics.library == "xnnpack" and unsigned and call.operand(1).array.shape[-1] == 1:
        raise NotExecuted("of unsigned integers, depthwise, rounds in a way that is not known here")
    return None


def _concatenation(call: Call) -> Results | None:
    """Concat of unsigned integers at several scales in float32; others must have one scale."""
    result = call.results[0]
    if all(v is None or v.tensor.quant == result.quant for v in call.operands):
        return None
    if result.dtype != "uint8":
        raise NotExecuted("joins stored integers as they are: operands and result need one scale")
    scale, zero = call.result_quant()
    inverse = np.float32(1) / np.float32(scale)
    arrays = []
    for index in range(len(call.operands)):
        value = call.operand(index)
        ratio = np.float32(value.scale) * inverse
        real = value.array.astype(np.float32) * ratio + np.float32(-value.zero_point) * ratio
        whole = value.array if value.quant == result.quant else round_half_away(real) + zero
        arrays.append(np.clip(whole, *call.bounds()).astype(value.array.dtype))
    return [np.concatenate(arrays, axis=call.node.attrs["axis"])]


def _extreme(call: Call) -> Results | None:
    """Max and Min compare stored integers as they are, which is meant where these have one scale."""
    result = call.results[0]
    if any(v is not None and v.tensor.quant != result.quant for v in call.operands):
        raise NotExecuted("compares stored integers as they are: operands and result need one scale")
    return None


#: Orders that 16-bit integers have without regard to scales.
_ORDERS = {
    "Less": np.less, "LessOrEqual": np.less_equal, "Greater": np.greater, "GreaterOrEqual": np.greater_equal,
}  # fmt: skip


def _order(call: Call) -> Results | None:
    """An order of 16-bit integers, which is meant where they have one scale."""
    first, second = call.operand(0), call.operand(1)
    if first.tensor.dtype != "int16" or first.tensor.quant is None:
        return None
    if first.quant != second.quant:
        raise NotExecuted("compares 16-bit integers as they are: operands need one scale")
    return [_ORDERS[call.node.op](first.array, second.array)]


def _requantization(call: Call) -> Results | None:
    """QuantizeLinear between element types: only of equal ones by the delegate."""
    source, target = call.operand(0).tensor.dtype, call.results[0].dtype
    if call.numerics.library != "xnnpack" or source == target:
        return None
    if "int16" not in (source, target):
        raise NotExecuted(f"from {source} to {target} rounds in a way that is not known here")
    value = call.operand(0)
    by = factors(np.asarray(np.float64(value.scale) / call.result_quant()[0]), _DOUBLE)
    return _store(call, rescale(_whole(value), by))


def _product(call: Call) -> Results | None:
    """MatMul: of 8 bits as a layer by the delegate if the second has zero point 0."""
    first, second = call.operand(0), call.operand(1)
    if _delegated(call) and not second.zero_point:
        return None
    ratio = np.float64(first.scale) * second.scale / call.result_quant()[0]
    sums = _whole(first) @ _whole(second)
    if _wide(call):
        return _store(call, wrap(rescale(sums, factors(np.asarray(ratio), _FIXED15)), 32))
    return _store(call, rescale(wrap(sums, 32), factors(np.asarray(ratio), _DOUBLE)))


def _unknown(call: Call) -> Results:
    raise NotExecuted("of stored integers rounds in TensorFlow Lite in a way that is not known here")


_OWN: dict[str, Own] = {
    "Exp": _segments(lambda call: FUNCTIONS["Exp"]),
    "Log": _segments(_logarithm),
    "Rsqrt": _reciprocal_root,
    "Gelu": _segments(_gelu),
    "Sigmoid": _sigmoid_table(tables.sigmoid, (12,)),
    "Tanh": _sigmoid_table(tables.tanh, (11, 12)),
    "Softmax": _softmax,
    "LogSoftmax": _log_softmax,
    "Elu": _exponential_unit,
    "Add": _addition,
    "Sub": _addition,
    "HardSwish": _hard_swish,
    "Neg": _negative,
    "PRelu": _parametric,
    "LeakyRelu": _leaky,
    "ReduceMean": _mean,
    "ReduceSum": _sum,
    "ReduceProd": _multiplied,
    "Concat": _concatenation,
    "Max": _extreme,
    "Min": _extreme,
    **dict.fromkeys(_ORDERS, _order),
    "Gemm": _layer,
    "Conv": _convolution,
    "QuantizeLinear": _requantization,
    "MatMul": _product,
    **dict.fromkeys(("Div", "Mod", "Pow"), _unknown),
}
