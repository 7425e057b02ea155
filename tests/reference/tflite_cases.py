"""Random small networks of one operator each, for every operator of TensorFlow Lite that is read.

``test_tflite_operators.py`` executes them beside the runtime.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from tflite_file import Entry, Step

Random = np.random.Generator


@dataclass
class Case:
    """A network and the stored integers it is fed with."""

    entries: list[Entry]
    steps: list[Step]
    feeds: dict[str, np.ndarray]
    outputs: list[str]

    @property
    def inputs(self) -> list[str]:
        """Names of what it is fed with, in the order of its file."""
        return list(self.feeds)


def a_shape(rng: Random, rank: int = 0) -> tuple[int, ...]:
    """Some shape, of 1 to 4 axes unless said."""
    return tuple(int(n) for n in rng.integers(1, 8, rank or int(rng.integers(1, 5))))


def a_scale(rng: Random, low: float = 0.001, high: float = 0.3) -> float:
    """Some scale, spread evenly over magnitudes."""
    return float(np.float32(np.exp(rng.uniform(np.log(low), np.log(high)))))


def a_zero(rng: Random, dtype: str) -> int:
    """Some zero point, often one of the ends; 0 for 16 bits, which TensorFlow Lite keeps symmetric."""
    if dtype not in ("int8", "uint8"):
        return 0
    info = np.iinfo(dtype)
    return int(rng.choice([info.min, info.max, 0, *rng.integers(info.min, info.max + 1, 3)]))


def numbers(rng: Random, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Stored integers, one in five of them at an end of the type."""
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    info = np.iinfo(dtype)
    low = info.min + (dtype == "int16" and bool(rng.integers(2)))
    spread = rng.integers(info.min, info.max + 1, shape)
    ends = rng.choice([low, info.max], shape)
    return np.where(rng.random(shape) < 0.2, ends, spread).astype(dtype)


class Maker:
    """Makes the case of one operator and element type, step by step."""

    def __init__(self, rng: Random, dtype: str) -> None:
        self.rng, self.dtype = rng, dtype
        self.entries: list[Entry] = []
        self.feeds: dict[str, np.ndarray] = {}

    def data(self, name: str, shape: tuple[int, ...], like: str = "", dtype: str = "", **more) -> str:
        """Enter a quantized tensor; ``like`` gives it the scale of another."""
        dtype = dtype or self.dtype
        scale, zero = more.pop("scale", a_scale(self.rng)), more.pop("zero", a_zero(self.rng, dtype))
        if like:
            other = next(e for e in self.entries if e.name == like)
            scale, zero = other.scale, other.zero
        self.entries.append(Entry(name, shape, dtype, scale, zero))
        return name

    def feed(self, name: str, shape: tuple[int, ...], like: str = "", **more) -> str:
        """Enter a quantized operand with random values."""
        self.data(name, shape, like, **more)
        self.feeds[name] = numbers(self.rng, shape, self.entries[-1].dtype)
        return name

    def constant(self, name: str, values) -> str:
        """Enter int32 values."""
        self.entries.append(Entry(name, np.shape(values), "int32", value=np.array(values)))
        return name

    def case(self, code: str, inputs: list[str], outputs: list[str], kind: str = "", **options) -> Case:
        """Finish with one operator."""
        return Case(self.entries, [Step(code, inputs, outputs, kind, options)], self.feeds, outputs)


Make = Callable[[Maker], Case]
#: Operator, or use of one -> what makes a case of it.
CASES: dict[str, Make] = {}


def enter(*names: str) -> Callable[[Callable[[Maker, str], Case]], Callable[[Maker, str], Case]]:
    """Enter a function under operators."""

    def add(function: Callable[[Maker, str], Case]) -> Callable[[Maker, str], Case]:
        for name in names:
            CASES[name] = lambda maker, name=name: function(maker, name)
        return function

    return add


def options_of(code: str) -> str:
    """Name of the options of an operator in the schema."""
    return "".join(word.capitalize() for word in code.split("_")) + "Options"


@enter("ABS", "NEG", "EXP", "ELU", "HARD_SWISH", "RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1",
       "COS", "SIN", "FLOOR", "CEIL", "ROUND", "SIGN")  # fmt: skip
def unary(m: Maker, code: str) -> Case:
    shape = a_shape(m.rng)
    return m.case(code, [m.feed("x", shape)], [m.data("y", shape)])


@enter("NEG same scale", "FLOOR same scale", "CEIL same scale", "ROUND same scale")
def unary_same(m: Maker, name: str) -> Case:
    shape = a_shape(m.rng)
    return m.case(name.split()[0], [m.feed("x", shape)], [m.data("y", shape, "x")])


@enter("LOG", "SQRT", "RSQRT")
def of_positive(m: Maker, code: str) -> Case:
    shape, low = a_shape(m.rng), np.iinfo(m.dtype).min if m.dtype != "int16" else 0
    m.feed("x", shape, zero=low)
    m.feeds["x"] = np.maximum(m.feeds["x"], low + (code != "SQRT")).astype(m.dtype)
    return m.case(code, ["x"], [m.data("y", shape)])


@enter("LOGISTIC", "TANH")
def bounded(m: Maker, code: str) -> Case:
    scale, zero = {
        ("LOGISTIC", "int8"): (1 / 256, -128), ("LOGISTIC", "uint8"): (1 / 256, 0),
        ("LOGISTIC", "int16"): (1 / 32768, 0), ("TANH", "int8"): (1 / 128, 0),
        ("TANH", "uint8"): (1 / 128, 128), ("TANH", "int16"): (1 / 32768, 0),
    }[code, m.dtype]  # fmt: skip
    shape = a_shape(m.rng)
    wide = m.dtype == "int16"
    m.feed("x", shape, scale=a_scale(m.rng, *((1e-5, 0.01) if wide else (0.001, 0.3))))
    return m.case(code, ["x"], [m.data("y", shape, scale=scale, zero=zero)])


@enter("LOGISTIC power of two", "TANH power of two")
def bounded_by_power(m: Maker, name: str) -> Case:
    made = bounded(m, name.split()[0])
    made.entries[0].scale = 2.0 ** -int(m.rng.integers(9, 16))
    return made


@enter("LEAKY_RELU")
def leaky(m: Maker, code: str) -> Case:
    shape, alpha = a_shape(m.rng), float(m.rng.choice([0.01, 0.1, 0.3, 0.9, -0.2]))
    return m.case(code, [m.feed("x", shape)], [m.data("y", shape)], "LeakyReluOptions", Alpha=alpha)


@enter("GELU", "GELU approximate")
def gelu(m: Maker, name: str) -> Case:
    shape = a_shape(m.rng)
    m.feed("x", shape)
    return m.case("GELU", ["x"], [m.data("y", shape)], "GeluOptions", Approximate=" " in name)


@enter("ADD", "SUB", "MUL", "DIV", "POW", "SQUARED_DIFFERENCE", "FLOOR_DIV", "FLOOR_MOD", "MAXIMUM",
       "MINIMUM", "ADD same scales", "SUB same scales", "MAXIMUM same scales",
       "MINIMUM same scales")  # fmt: skip
def binary(m: Maker, name: str) -> Case:
    code, same = name.split()[0], " " in name
    shape = a_shape(m.rng)
    other = shape
    if m.rng.integers(2):
        keep = m.rng.integers(0, 2, len(shape))
        other = tuple(n if k else 1 for n, k in zip(shape, keep, strict=True))
    shapes = (shape, other) if m.rng.integers(2) else (other, shape)
    m.feed("x", shapes[0])
    m.feed("w", shapes[1], "x" if same else "")
    kind = {"MAXIMUM": "MaximumMinimumOptions", "MINIMUM": "MaximumMinimumOptions"}.get(
        code, options_of(code)
    )
    act = {}
    if code in ("ADD", "SUB", "MUL", "DIV"):
        act = {"FusedActivationFunction": int(m.rng.choice([0, 0, 1, 2, 3]))}
    return m.case(code, ["x", "w"], [m.data("y", shape, "x" if same else "")], kind, **act)


@enter("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")
def comparison(m: Maker, code: str) -> Case:
    shape = a_shape(m.rng)
    m.feed("x", shape)
    m.feed("w", shape, "x" if m.rng.integers(2) else "")
    m.entries.append(Entry("y", shape, "bool"))
    return m.case(code, ["x", "w"], ["y"], options_of(code))


@enter("SQUARE")
def square(m: Maker, code: str) -> Case:
    return unary(m, code)


@enter("PRELU")
def prelu(m: Maker, code: str) -> Case:
    shape = a_shape(m.rng, 4)
    m.feed("x", shape)
    m.data("w", (1, 1, shape[3]))
    m.entries[-1].value = numbers(m.rng, (1, 1, shape[3]), m.dtype)
    return m.case(code, ["x", "w"], [m.data("y", shape)])


@enter("MEAN", "SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN", "MEAN plane", "MEAN same scale",
       "SUM same scale", "MEAN plane same scale")  # fmt: skip
def reduction(m: Maker, name: str) -> Case:
    code, *how = name.split()
    plane = "plane" in how
    shape = a_shape(m.rng, 4 if plane else 0)
    axes = [1, 2] if plane else np.flatnonzero(m.rng.integers(0, 2, len(shape))).tolist() or [0]
    keep = bool(m.rng.integers(2))
    result = tuple(1 if i in axes else n for i, n in enumerate(shape) if keep or i not in axes)
    same = "same" in how or code in ("REDUCE_MAX", "REDUCE_MIN")
    m.feed("x", shape)
    m.data("y", result, "x" if same else "")
    return m.case(code, ["x", m.constant("a", axes)], ["y"], "ReducerOptions", KeepDims=keep)


@enter("CUMSUM")
def cumsum(m: Maker, code: str) -> Case:
    shape = a_shape(m.rng)
    m.feed("x", shape)
    m.data("y", shape, "x")
    flags = {"Exclusive": bool(m.rng.integers(2)), "Reverse": bool(m.rng.integers(2))}
    m.entries.append(Entry("a", (), "int32", value=np.array(m.rng.integers(len(shape)))))
    return m.case(code, ["x", "a"], ["y"], "CumsumOptions", **flags)


@enter("ARG_MAX", "ARG_MIN")
def arg(m: Maker, code: str) -> Case:
    shape = a_shape(m.rng)
    axis = int(m.rng.integers(len(shape)))
    m.feed("x", shape)
    m.entries.append(Entry("y", shape[:axis] + shape[axis + 1 :], "int32"))
    m.entries.append(Entry("a", (), "int32", value=np.array(axis)))
    kind = "ArgMaxOptions" if code == "ARG_MAX" else "ArgMinOptions"
    return m.case(code, ["x", "a"], ["y"], kind, OutputType=2)


@enter("SOFTMAX", "SOFTMAX to 16 bits")
def softmax(m: Maker, name: str) -> Case:
    shape = (*a_shape(m.rng, int(m.rng.integers(1, 4))), int(m.rng.integers(1, 40)))
    wide = m.dtype == "int16" or "16" in name
    m.feed("x", shape)
    low = {"int8": -128, "uint8": 0, "int16": 0}[m.dtype]
    made = ((1 / 32768, 0) if m.dtype == "int16" else (1 / 65536, -32768)) if wide else (1 / 256, low)
    m.data("y", shape, dtype="int16" if wide else "", scale=made[0], zero=made[1])
    beta = float(m.rng.choice([1.0, 1.0, 0.5, 2.0]))
    return m.case("SOFTMAX", ["x"], ["y"], "SoftmaxOptions", Beta=beta)


@enter("LOG_SOFTMAX")
def log_softmax(m: Maker, code: str) -> Case:
    shape = (*a_shape(m.rng, int(m.rng.integers(1, 4))), int(m.rng.integers(1, 40)))
    m.feed("x", shape)
    m.data("y", shape, scale=16 / 256, zero=np.iinfo(m.dtype).max)
    return m.case(code, ["x"], ["y"], "LogSoftmaxOptions")


@enter("L2_NORMALIZATION")
def l2(m: Maker, code: str) -> Case:
    shape = a_shape(m.rng)
    m.feed("x", shape)
    m.data("y", shape, scale=1 / 128, zero=128 if m.dtype == "uint8" else 0)
    return m.case(code, ["x"], ["y"], "L2NormOptions")


@enter("BATCH_MATMUL", "BATCH_MATMUL turned", "BATCH_MATMUL constant")
def batch_matmul(m: Maker, name: str) -> Case:
    rows, depth, columns = a_shape(m.rng, 3)
    lead = a_shape(m.rng, int(m.rng.integers(1, 3)))
    turned = (bool(m.rng.integers(2)), bool(m.rng.integers(2))) if "turned" in name else (False, False)
    first = (*lead, *((depth, rows) if turned[0] else (rows, depth)))
    second = (*lead, *((columns, depth) if turned[1] else (depth, columns)))
    m.feed("x", first)
    m.feed("w", second)
    if "constant" in name:
        m.entries[-1].value = m.feeds.pop("w")
    m.data("y", (*lead, rows, columns))
    kind = {"AdjX": turned[0], "AdjY": turned[1]}
    return m.case("BATCH_MATMUL", ["x", "w"], ["y"], "BatchMatMulOptions", **kind)


def _weights(m: Maker, shape: tuple[int, ...], filters: int, axis: int, per_channel: bool) -> list[str]:
    """Weights of 8 bits (unsigned beside unsigned data) and a bias for them."""
    kind = "uint8" if m.dtype == "uint8" else "int8"
    scale = [a_scale(m.rng, 0.001, 0.02) for _ in range(filters if per_channel else 1)]
    zero = [a_zero(m.rng, kind) if kind == "uint8" else 0] * len(scale)
    values = numbers(m.rng, shape, kind)
    values = np.maximum(values, -127) if kind == "int8" else values
    m.entries.append(Entry("w", shape, kind, scale, zero, axis, values))
    wide = "int64" if m.dtype == "int16" else "int32"
    ifmap = float(m.entries[0].scale)
    bias = m.rng.integers(-20000, 20000, filters)
    m.entries.append(Entry("b", (filters,), wide, [ifmap * s for s in scale], [0] * len(scale), 0, bias))
    return ["x", "w", "b"] if m.rng.integers(4) else ["x", "w"]


@enter("CONV_2D", "CONV_2D per channel", "CONV_2D dilated", "CONV_2D pointwise")
def conv(m: Maker, name: str) -> Case:
    per_channel = "per channel" in name or (m.dtype != "uint8" and bool(m.rng.integers(2)))
    batch, rows, columns, depth = a_shape(m.rng, 4)
    size = 1 if "pointwise" in name else int(m.rng.integers(1, 4))
    stride, dilation = (1, 2) if "dilated" in name else (int(m.rng.integers(1, 3)), 1)
    filters = int(m.rng.integers(1, 9))
    m.feed("x", (batch, rows, columns, depth))
    inputs = _weights(m, (filters, size, size, depth), filters, 0, per_channel)
    m.data("y", (batch, -(-rows // stride), -(-columns // stride), filters))
    options = {"Padding": 0, "StrideH": stride, "StrideW": stride, "DilationHFactor": dilation,
               "DilationWFactor": dilation, "FusedActivationFunction": int(m.rng.choice([0, 1, 3]))}  # fmt: skip
    return m.case("CONV_2D", inputs, ["y"], "Conv2DOptions", **options)


@enter("DEPTHWISE_CONV_2D", "DEPTHWISE_CONV_2D multiplied")
def depthwise(m: Maker, name: str) -> Case:
    batch, rows, columns, depth = a_shape(m.rng, 4)
    multiplier = int(m.rng.integers(2, 4)) if "multiplied" in name else 1
    size, stride, filters = int(m.rng.integers(1, 4)), int(m.rng.integers(1, 3)), depth * multiplier
    m.feed("x", (batch, rows, columns, depth))
    _weights(m, (1, size, size, filters), filters, 3, m.dtype != "uint8")  # without bias the runtime crashes
    inputs = ["x", "w", "b"]
    m.data("y", (batch, -(-rows // stride), -(-columns // stride), filters))
    options = {"Padding": 0, "StrideH": stride, "StrideW": stride, "DepthMultiplier": multiplier,
               "FusedActivationFunction": int(m.rng.choice([0, 1, 3]))}  # fmt: skip
    return m.case("DEPTHWISE_CONV_2D", inputs, ["y"], "DepthwiseConv2DOptions", **options)


@enter("FULLY_CONNECTED", "FULLY_CONNECTED per channel", "FULLY_CONNECTED 4 bits")
def dense(m: Maker, name: str) -> Case:
    rows, depth, filters = int(m.rng.integers(1, 6)), int(m.rng.integers(1, 40)), int(m.rng.integers(1, 20))
    m.feed("x", (rows, depth))
    inputs = _weights(m, (filters, depth), filters, 0, "per channel" in name)
    if "4 bits" in name:
        weight = next(e for e in m.entries if e.name == "w")
        weight.dtype, weight.value = "int4", m.rng.integers(-7, 8, (filters, depth)).astype(np.int8)
    m.data("y", (rows, filters))
    act = int(m.rng.choice([0, 1, 3]))
    return m.case("FULLY_CONNECTED", inputs, ["y"], "FullyConnectedOptions", FusedActivationFunction=act)


@enter("AVERAGE_POOL_2D", "MAX_POOL_2D")
def pool(m: Maker, code: str) -> Case:
    batch, rows, columns, depth = a_shape(m.rng, 4)
    size, stride = int(m.rng.integers(1, 4)), int(m.rng.integers(1, 3))
    m.feed("x", (batch, rows, columns, depth))
    m.data("y", (batch, -(-rows // stride), -(-columns // stride), depth), "x")
    options = {"Padding": 0, "StrideH": stride, "StrideW": stride, "FilterHeight": size, "FilterWidth": size,
               "FusedActivationFunction": int(m.rng.choice([0, 1, 3]))}  # fmt: skip
    return m.case(code, ["x"], ["y"], "Pool2DOptions", **options)


@enter("PAD", "PADV2", "MIRROR_PAD")
def pad(m: Maker, code: str) -> Case:
    shape = a_shape(m.rng)
    margins = m.rng.integers(0, 3, (len(shape), 2))
    if code == "MIRROR_PAD":
        margins = np.minimum(margins, np.array(shape)[:, None] - 1)
    m.feed("x", shape)
    m.data("y", tuple(int(n + p.sum()) for n, p in zip(shape, margins, strict=True)), "x")
    inputs = ["x", m.constant("p", margins.tolist())]
    if code == "PADV2":
        m.data("v", (1,), "x")
        m.entries[-1].value = numbers(m.rng, (1,), m.dtype)
        inputs.append("v")
    kind = {"PAD": "PadOptions", "PADV2": "PadV2Options", "MIRROR_PAD": "MirrorPadOptions"}[code]
    return m.case(code, inputs, ["y"], kind, **({"Mode": 0} if code == "MIRROR_PAD" else {}))


@enter("CONCATENATION", "CONCATENATION same scales", "PACK")
def concatenation(m: Maker, name: str) -> Case:
    shape = a_shape(m.rng)
    same = name != "CONCATENATION"
    m.feed("x", shape)
    axis = int(m.rng.integers(len(shape)))
    if name == "PACK":
        m.feed("w", shape, "x")
        m.data("y", (*shape[:axis], 2, *shape[axis:]), "x")
        return m.case("PACK", ["x", "w"], ["y"], "PackOptions", ValuesCount=2, Axis=axis)
    second = tuple(int(m.rng.integers(1, 5)) if i == axis else n for i, n in enumerate(shape))
    m.feed("w", second, "x" if same else "")
    result = tuple(n + second[i] if i == axis else n for i, n in enumerate(shape))
    m.data("y", result, "x" if same or m.rng.integers(2) else "")
    return m.case("CONCATENATION", ["x", "w"], ["y"], "ConcatenationOptions", Axis=axis)


@enter("SPLIT", "SPLIT_V", "UNPACK")
def split(m: Maker, code: str) -> Case:
    shape = list(a_shape(m.rng))
    axis = int(m.rng.integers(len(shape)))
    shape[axis] = 6 if code != "UNPACK" else 3
    m.feed("x", tuple(shape))
    parts = {"SPLIT": [2, 2, 2], "SPLIT_V": [1, 3, 2], "UNPACK": [1, 1, 1]}[code]
    results = [
        m.data(f"y{i}", tuple(n if a != axis else p for a, n in enumerate(shape) if a != axis or code != "UNPACK"),
               "x") for i, p in enumerate(parts)
    ]  # fmt: skip
    m.entries.append(Entry("a", (), "int32", value=np.array(axis)))
    if code == "SPLIT":
        return m.case(code, ["a", "x"], results, "SplitOptions", NumSplits=3)
    if code == "SPLIT_V":
        return m.case(code, ["x", m.constant("s", parts), "a"], results, "SplitVOptions", NumSplits=3)
    return m.case(code, ["x"], results, "UnpackOptions", Num=3, Axis=axis)


@enter("GATHER", "GATHER_ND")
def gather(m: Maker, code: str) -> Case:
    shape = a_shape(m.rng)
    m.feed("x", shape)
    if code == "GATHER_ND":
        places = m.rng.integers(0, shape[0], (4, 1))
        m.data("y", (4, *shape[1:]), "x")
        return m.case(code, ["x", m.constant("i", places.tolist())], ["y"], "GatherNdOptions")
    axis = int(m.rng.integers(len(shape)))
    m.data("y", (*shape[:axis], 4, *shape[axis + 1 :]), "x")
    places = m.rng.integers(0, shape[axis], 4)
    return m.case(code, ["x", m.constant("i", places.tolist())], ["y"], "GatherOptions", Axis=axis)


@enter("SLICE")
def slicing(m: Maker, code: str) -> Case:
    shape = a_shape(m.rng)
    begin = [int(m.rng.integers(n)) for n in shape]
    size = [int(m.rng.integers(1, n - b + 1)) for n, b in zip(shape, begin, strict=True)]
    m.feed("x", shape)
    m.data("y", tuple(size), "x")
    return m.case(code, ["x", m.constant("b", begin), m.constant("s", size)], ["y"], "SliceOptions")


@enter("STRIDED_SLICE")
def strided(m: Maker, code: str) -> Case:
    """Bounds far outside on either side, steps of either sign; TensorFlow Lite follows Python."""
    shape = a_shape(m.rng)
    while True:
        steps = [int(s) for s in m.rng.choice([-3, -2, -1, 1, 2, 3], len(shape))]
        begins, ends = ([int(m.rng.integers(-2 * n, 2 * n + 1)) for n in shape] for _ in range(2))
        result = tuple(
            len(range(*slice(b, e, s).indices(n)))
            for b, e, s, n in zip(begins, ends, steps, shape, strict=True)
        )
        if all(result):
            break
    m.feed("x", shape)
    m.data("y", result, "x")
    operands = [m.constant(n, v) for n, v in zip("bes", (begins, ends, steps), strict=True)]
    return m.case(code, ["x", *operands], ["y"], "StridedSliceOptions")


@enter("TRANSPOSE", "RESHAPE", "TILE", "BROADCAST_TO", "SQUEEZE", "EXPAND_DIMS", "DEPTH_TO_SPACE",
       "SPACE_TO_DEPTH")  # fmt: skip
def moved(m: Maker, code: str) -> Case:
    shape = a_shape(m.rng, 4 if "DEPTH" in code else 0)
    if code == "DEPTH_TO_SPACE":
        shape = (*shape[:3], 4 * shape[3])
    if code == "SPACE_TO_DEPTH":
        shape = (shape[0], 2 * shape[1], 2 * shape[2], shape[3])
    shape = (1, *shape) if code == "SQUEEZE" else shape
    rank = len(shape)
    m.feed("x", shape)
    perm = m.rng.permutation(rank).tolist()
    repeats = m.rng.integers(1, 4, rank).tolist()
    b, h, w, c = shape if rank == 4 else (1, 1, 1, 1)
    operand, result, kind = {
        "TRANSPOSE": (perm, tuple(shape[p] for p in perm), "TransposeOptions"),
        "RESHAPE": ([int(np.prod(shape))], (int(np.prod(shape)),), ""),
        "TILE": (repeats, tuple(n * r for n, r in zip(shape, repeats, strict=True)), "TileOptions"),
        "BROADCAST_TO": ([3, *shape], (3, *shape), "BroadcastToOptions"),
        "SQUEEZE": (None, tuple(n for n in shape if n != 1) or (1,), "SqueezeOptions"),
        "EXPAND_DIMS": ([0], (1, *shape), "ExpandDimsOptions"),
        "DEPTH_TO_SPACE": (None, (b, 2 * h, 2 * w, c // 4), "DepthToSpaceOptions"),
        "SPACE_TO_DEPTH": (None, (b, h // 2, w // 2, 4 * c), "SpaceToDepthOptions"),
    }[code]
    m.data("y", result, "x")
    inputs = ["x"] if operand is None else ["x", m.constant("o", operand)]
    options = {"BlockSize": 2} if "DEPTH" in code else {}
    if code == "SQUEEZE":
        options = {"SqueezeDims": [i for i, n in enumerate(shape) if n == 1][: rank - 1]}
        result = tuple(n for i, n in enumerate(shape) if i not in options["SqueezeDims"])
        m.entries[-1].shape = result
    return m.case(code, inputs, ["y"], kind, **options)


@enter("SELECT_V2")
def select(m: Maker, code: str) -> Case:
    shape = a_shape(m.rng)
    m.entries.append(Entry("c", shape, "bool"))
    m.feeds["c"] = numbers(m.rng, shape, "bool")
    m.feed("x", shape)
    m.feed("w", shape, "x")
    m.data("y", shape, "x")
    return m.case(code, ["c", "x", "w"], ["y"], "SelectV2Options")


@enter("QUANTIZE to int8", "QUANTIZE to uint8", "QUANTIZE to int16")
def quantize(m: Maker, name: str) -> Case:
    shape = a_shape(m.rng)
    m.feed("x", shape)
    m.data("y", shape, dtype=name.split()[-1])
    return m.case("QUANTIZE", ["x"], ["y"])


@enter("QUANTIZE from float")
def quantize_real(m: Maker, name: str) -> Case:
    shape = a_shape(m.rng)
    m.entries.append(Entry("x", shape, "float32"))
    m.data("y", shape)
    m.feeds["x"] = (m.rng.standard_normal(shape) * 30 * m.entries[-1].scale).astype(np.float32)
    return m.case("QUANTIZE", ["x"], ["y"])


@enter("DEQUANTIZE")
def dequantize(m: Maker, code: str) -> Case:
    shape = a_shape(m.rng)
    m.feed("x", shape)
    m.entries.append(Entry("y", shape, "float32"))
    return m.case(code, ["x"], ["y"])


@enter("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
def resize(m: Maker, code: str) -> Case:
    shape = a_shape(m.rng, 4)
    rows, columns = a_shape(m.rng, 2)
    m.feed("x", shape)
    m.data("y", (shape[0], rows, columns, shape[3]), "x")
    kind = "ResizeBilinearOptions" if code == "RESIZE_BILINEAR" else "ResizeNearestNeighborOptions"
    how = [{}, {"AlignCorners": True}, {"HalfPixelCenters": True}][int(m.rng.integers(3))]
    return m.case(code, ["x", m.constant("c", [rows, columns])], ["y"], kind, **how)


def make(name: str, dtype: str, seed: int) -> Case:
    """Case of an operator: the same for the same seed."""
    return CASES[name](Maker(np.random.default_rng([seed, len(name)]), dtype))
