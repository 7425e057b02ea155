"""Operators one by one against the TensorFlow Lite runtime itself, where it is installed (extra ``golden``)."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from tflite_file import Entry, Step, write

from simulator.workload.execute import execute
from simulator.workload.load import load_graph

runtime = pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert is not installed")
REF, DEFAULT = "tflite_ref", "tflite_xnnpack"
BOTH = (REF, DEFAULT)
IMAGE = (1, 7, 6, 4)


def data(name, shape=IMAGE, scale=0.05, zero=3, dtype="int8"):
    return Entry(name, shape, dtype, scale, zero if dtype == "int8" else 0)


def indices(name, values):
    return Entry(name, np.shape(values), "int32", value=np.array(values))


def unary(code, scale, zero, kind="", **options):
    """One operand to one result of the same shape."""
    return [data("x"), data("y", IMAGE, scale, zero)], [Step(code, ["x"], ["y"], kind, options)]


def binary(code, kind, other=IMAGE, act=0, dtype="int8"):
    entries = [data("x", dtype=dtype), data("w", other, 0.03, -5, dtype), data("y", IMAGE, 0.08, 2, dtype)]
    options = {"FusedActivationFunction": act} if kind != "MaximumMinimumOptions" else {}
    if kind == "MaximumMinimumOptions":
        entries = [data("x"), data("w", other), data("y")]
    return entries, [Step(code, ["x", "w"], ["y"], kind, options)]


def weighted(code, kind, shape, result, options, axis=0, dtype="int8", per_channel=True):
    """A layer with constant weights and bias, a scale per channel or one."""
    rng = np.random.default_rng(5)
    weight, filters = rng.integers(-127, 128, shape), result[-1]
    scale = rng.uniform(0.001, 0.01, filters).tolist() if per_channel else [0.004]
    bias, zeros = rng.integers(-3000, 3000, filters), [0] * len(scale)
    wide = "int32" if dtype == "int8" else "int64"
    entries = [
        data("x", dtype=dtype),
        Entry("w", shape, "int8", scale, zeros, axis, weight),
        Entry("b", (filters,), wide, [0.05 * s for s in scale], zeros, 0, bias),
        data("y", result, 0.06, -4, dtype),
    ]
    return entries, [Step(code, ["x", "w", "b"], ["y"], kind, options)]


def convolution(result, stride=1, dilation=1, padding=0, act=0, groups=1, **more):
    options = {"Padding": padding, "StrideH": stride, "StrideW": stride, "DilationHFactor": dilation,
               "DilationWFactor": dilation, "FusedActivationFunction": act}  # fmt: skip
    shape = (result[-1], 3, 3, 4 // groups)
    return weighted("CONV_2D", "Conv2DOptions", shape, result, options, **more)


def depthwise(multiplier, **more):
    options = {"Padding": 0, "StrideH": 1, "StrideW": 1, "DepthMultiplier": multiplier}
    shape = (1, 3, 3, 4 * multiplier)
    result = (1, 7, 6, 4 * multiplier)
    return weighted("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions", shape, result, options, axis=3, **more)


def transposed(result, stride=2, padding=0, act=0, bias=True, **more):
    """The shape of the result comes first, the ifmap third, a bias last."""
    options = {"Padding": padding, "StrideH": stride, "StrideW": stride, "FusedActivationFunction": act}
    shape = (result[-1], 3, 3, 4)
    entries, (step,) = weighted("TRANSPOSE_CONV", "TransposeConvOptions", shape, result, options, **more)
    inputs = ["shape", "w", "x", *(["b"] if bias else [])]
    return [indices("shape", result), *entries], [Step(step.code, inputs, ["y"], step.kind, options)]


def dense(keep=False, **more):
    result = (1, 7, 6, 5) if keep else (42, 5)
    options = {"KeepNumDims": keep}
    return weighted("FULLY_CONNECTED", "FullyConnectedOptions", (5, 4), result, options, **more)


def shaped(code, kind, result, *operands, scale=0.05, zero=3, **options):
    """One operand and constants to a result of another shape."""
    names = [f"c{i}" for i in range(len(operands))]
    constants = [indices(name, values) for name, values in zip(names, operands, strict=True)]
    entries = [data("x"), *constants, data("y", result, scale, zero)]
    return entries, [Step(code, ["x", *names], ["y"], kind, options)]


def resized(code, rows, columns, dtype="int8", **options):
    """A resizing; ``dtype`` float32 as well."""
    kind = "ResizeBilinearOptions" if code == "RESIZE_BILINEAR" else "ResizeNearestNeighborOptions"
    ends = [Entry("x", IMAGE, dtype), Entry("y", (1, rows, columns, 4), dtype)]
    if dtype != "float32":
        ends = [data("x", dtype=dtype), data("y", (1, rows, columns, 4), dtype=dtype)]
    return [*ends, indices("c", [rows, columns])], [Step(code, ["x", "c"], ["y"], kind, options)]


def compared(code, scale):
    entries = [data("x"), data("w", IMAGE, scale, -5), Entry("y", IMAGE, "bool")]
    options = "".join(word.capitalize() for word in code.split("_")) + "Options"
    return entries, [Step(code, ["x", "w"], ["y"], options)]


def of_positive(code, scale, zero):
    return [data("x", zero=-128), data("y", IMAGE, scale, zero)], [Step(code, ["x"], ["y"])]


#: How a resizing counts from its old elements to the new ones.
CENTERS: dict[str, dict[str, bool]] = {
    "": {}, " corners": {"AlignCorners": True}, " centers": {"HalfPixelCenters": True}
}  # fmt: skip
RESIZED = {
    f"{code.removeprefix('RESIZE_').lower()} {rows}x{columns}{where}": (code, rows, columns, options)
    for code in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
    for rows, columns in ((14, 12), (11, 4), (1, 17))
    for where, options in CENTERS.items()
}

POOL = {"StrideH": 2, "StrideW": 2}
CASES = {
    "conv": (convolution((1, 7, 6, 5)), BOTH),
    "conv dilated": (convolution((1, 7, 6, 5), dilation=2), BOTH),
    "conv stride": (convolution((1, 4, 3, 5), stride=2), BOTH),
    "conv valid": (convolution((1, 3, 2, 5), stride=2, padding=1), BOTH),
    "conv relu6": (convolution((1, 7, 6, 5), act=3), BOTH),
    "conv one scale": (convolution((1, 7, 6, 5), act=1, per_channel=False), BOTH),
    "conv groups": (convolution((1, 7, 6, 6), groups=2), BOTH),
    "conv int16": (convolution((1, 7, 6, 5), dtype="int16"), BOTH),
    "depthwise": (depthwise(1), BOTH),
    "depthwise multiplier": (depthwise(2), BOTH),
    "depthwise int16": (depthwise(1, dtype="int16"), BOTH),
    "transposed": (transposed((1, 14, 12, 5)), BOTH),
    "transposed, odd": (transposed((1, 13, 11, 5)), BOTH),
    "transposed valid": (transposed((1, 15, 13, 5), padding=1), BOTH),
    "transposed stride 3": (transposed((1, 21, 18, 5), stride=3), BOTH),
    "transposed relu": (transposed((1, 14, 12, 5), act=1), BOTH),
    "transposed without bias": (transposed((1, 14, 12, 5), bias=False), BOTH),
    "transposed per tensor": (transposed((1, 14, 12, 5), per_channel=False), BOTH),
    "transposed int16": (transposed((1, 14, 12, 5), dtype="int16"), BOTH),
    "dense": (dense(per_channel=False), BOTH),
    "dense per channel": (dense(), BOTH),
    "dense keeps axes": (dense(keep=True, per_channel=False), BOTH),
    "dense int16": (dense(per_channel=False, dtype="int16"), (REF,)),
    "add": (binary("ADD", "AddOptions"), BOTH),
    "add broadcast relu6": (binary("ADD", "AddOptions", (1, 1, 1, 4), 3), BOTH),
    "add int16": (binary("ADD", "AddOptions", dtype="int16"), BOTH),
    "sub": (binary("SUB", "SubOptions"), BOTH),
    "mul": (binary("MUL", "MulOptions"), BOTH),
    "mul broadcast relu": (binary("MUL", "MulOptions", (1, 1, 1, 4), 1), BOTH),
    "maximum": (binary("MAXIMUM", "MaximumMinimumOptions"), BOTH),
    "minimum": (binary("MINIMUM", "MaximumMinimumOptions"), BOTH),
    "logistic": (unary("LOGISTIC", 1 / 256, -128), BOTH),
    "tanh": (unary("TANH", 1 / 128, 0), BOTH),
    "relu": (unary("RELU", 0.04, -128), BOTH),
    "leaky relu": (unary("LEAKY_RELU", 0.05, -3, "LeakyReluOptions", Alpha=0.1), (REF,)),
    "gelu": (unary("GELU", 0.04, -100, "GeluOptions", Approximate=False), BOTH),
    "abs": (unary("ABS", 0.05, -128), BOTH),
    "exp": (unary("EXP", 0.05, -128), BOTH),
    "abs rescaled": (unary("ABS", 0.021, -100), BOTH),
    "sqrt": (of_positive("SQRT", 0.02, -90), BOTH),
    "rsqrt": (of_positive("RSQRT", 0.04, -100), BOTH),
    "log": (of_positive("LOG", 0.04, 10), BOTH),
    **{
        code.lower().replace("_", " "): (compared(code, scale), BOTH)
        for code, scale in (("EQUAL", 0.05), ("NOT_EQUAL", 0.05), ("LESS", 0.03), ("GREATER_EQUAL", 0.03))
    },
    "not equal scaled": (compared("NOT_EQUAL", 0.025), BOTH),
    **{name: (resized(*case, **options), BOTH) for name, (*case, options) in RESIZED.items()},
    "bilinear int16": (resized("RESIZE_BILINEAR", 11, 4, "int16", HalfPixelCenters=True), BOTH),
    "requantize": (unary("QUANTIZE", 0.07, -9), BOTH),
    "softmax": (unary("SOFTMAX", 1 / 256, -128, "SoftmaxOptions", Beta=1.0), BOTH),
    "log softmax": (unary("LOG_SOFTMAX", 16 / 256, 127), BOTH),
    "mean plane": (shaped("MEAN", "ReducerOptions", (1, 4), [1, 2], scale=0.02, zero=-7), BOTH),
    "mean channels": (
        shaped("MEAN", "ReducerOptions", (1, 7, 6, 1), [3], scale=0.02, zero=-7, KeepDims=True), (REF,)
    ),
    "max of plane": (shaped("REDUCE_MAX", "ReducerOptions", (1, 4), [1, 2]), BOTH),
    "average pool": (
        shaped("AVERAGE_POOL_2D", "Pool2DOptions", (1, 4, 3, 4), FilterHeight=3, FilterWidth=3, **POOL), BOTH
    ),
    "max pool relu": (
        shaped("MAX_POOL_2D", "Pool2DOptions", (1, 3, 3, 4), Padding=1, FilterHeight=2, FilterWidth=2,
               FusedActivationFunction=1, **POOL), BOTH
    ),
    "pad": (shaped("PAD", "PadOptions", (1, 10, 9, 4), [[0, 0], [1, 2], [2, 1], [0, 0]]), BOTH),
    "transpose": (shaped("TRANSPOSE", "TransposeOptions", (1, 4, 7, 6), [0, 3, 1, 2]), BOTH),
    "slice": (shaped("SLICE", "SliceOptions", (1, 2, 6, 3), [0, 1, 0, 0], [1, 2, -1, 3]), BOTH),
    "strided slice": (
        shaped("STRIDED_SLICE", "StridedSliceOptions", (1, 3, 6, 4), [0, 1, 0, 0], [1, 7, 6, 4], [1, 2, 1, 1]),
        BOTH,
    ),
    "depth to space": (
        shaped("DEPTH_TO_SPACE", "DepthToSpaceOptions", (1, 14, 12, 1), BlockSize=2), BOTH
    ),
    "concat": (
        (
            [data("x"), data("w"), data("y", (1, 7, 6, 8))],
            [Step("CONCATENATION", ["x", "w"], ["y"], "ConcatenationOptions", {"Axis": 3})],
        ),
        BOTH,
    ),
    "pack": (
        (
            [data("x", (1, 4)), data("w", (1, 4)), data("y", (1, 2, 4))],
            [Step("PACK", ["x", "w"], ["y"], "PackOptions", {"ValuesCount": 2, "Axis": 1})],
        ),
        BOTH,
    ),
    "batch matmul": (
        (
            [data("x", (1, 3, 4)), data("w", (1, 4, 5), 0.03, -5), data("y", (1, 3, 5), 0.06, 4)],
            [Step("BATCH_MATMUL", ["x", "w"], ["y"], "BatchMatMulOptions")],
        ),
        BOTH,
    ),
    "argmax": (
        (
            [data("x"), indices("a", 3), Entry("y", (1, 7, 6), "int32")],
            [Step("ARG_MAX", ["x", "a"], ["y"], "ArgMaxOptions", {"OutputType": 2})],
        ),
        BOTH,
    ),
}  # fmt: skip


def by_runtime(path, feeds, profile):
    """Result of the runtime with the kernels that the profile stands for."""
    kinds = {REF: runtime.OpResolverType.BUILTIN_REF, DEFAULT: runtime.OpResolverType.AUTO}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        interpreter = runtime.Interpreter(str(path), experimental_op_resolver_type=kinds[profile])
    interpreter.allocate_tensors()
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], feeds[detail["name"]])
    try:
        interpreter.invoke()
    except RuntimeError as error:
        pytest.skip(f"this runtime does not run it: {error}")
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


@pytest.mark.parametrize(
    ("name", "profile"), [(n, p) for n, (_, profiles) in CASES.items() for p in profiles]
)
def test_operator_equals_the_runtime(name, profile, tmp_path, rng):
    entries, steps = CASES[name][0]
    named = {entry.name: entry for entry in entries}
    inputs = [n for n in ("x", "w") if n in named and named[n].value is None]
    path = write(tmp_path / "case.tflite", entries, steps, inputs, ["y"])
    feeds = {}
    for each in inputs:
        info = np.iinfo(named[each].dtype)
        feeds[each] = rng.integers(info.min, info.max + 1, named[each].shape).astype(named[each].dtype)
    found = execute(load_graph(path), feeds, profile).outputs["y"]
    np.testing.assert_array_equal(found, by_runtime(path, feeds, profile))


@pytest.mark.parametrize("profile", BOTH)
@pytest.mark.parametrize("name", RESIZED)
def test_float_resizing_equals_the_runtime(name, profile, tmp_path, rng):
    *case, options = RESIZED[name]
    entries, steps = resized(*case, "float32", **options)
    path = write(tmp_path / "case.tflite", entries, steps, ["x"], ["y"])
    feeds = {"x": rng.standard_normal(IMAGE).astype(np.float32)}
    found = execute(load_graph(path), feeds, profile).outputs["y"]
    np.testing.assert_allclose(found, by_runtime(path, feeds, profile), atol=2e-5)


@pytest.mark.parametrize("padding", [0, 1])
def test_a_transposed_convolution_of_reals(padding, tmp_path, rng):
    result = (1, 15, 13, 5) if padding else (1, 14, 12, 5)
    weight, bias = rng.normal(size=(5, 3, 3, 4)).astype(np.float32), rng.normal(size=5).astype(np.float32)
    entries = [
        indices("shape", result), Entry("x", IMAGE, "float32"), Entry("w", weight.shape, "float32", value=weight),
        Entry("b", (5,), "float32", value=bias), Entry("y", result, "float32"),
    ]  # fmt: skip
    options = {"Padding": padding, "StrideH": 2, "StrideW": 2}
    step = Step("TRANSPOSE_CONV", ["shape", "w", "x", "b"], ["y"], "TransposeConvOptions", options)
    path = write(tmp_path / "case.tflite", entries, [step], ["x"], ["y"])
    feeds = {"x": rng.normal(size=IMAGE).astype(np.float32)}
    found = execute(load_graph(path), feeds, DEFAULT).outputs["y"]
    np.testing.assert_allclose(found, by_runtime(path, feeds, DEFAULT), rtol=1e-5, atol=1e-5)
