"""How integer hardware rounds: profiles as data.

There is no single int8. What turns a 32-bit sum into a stored byte differs between runtimes and chips in the
kind of multiplier, in rounding, per operator, and in what an accumulator does when it overflows. A profile
states all of it; ``simulator.workload.rescale`` is the meaning of its words in numpy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.workload.pim.devices import DEVICES, PimArithmetic

#: Kind of multiplier -> what it is.
MULTIPLIERS = {
    "fixed31": "m · 2^e with m of 31 bits, from the float64 ratio by frexp, rounded half away from zero",
    "fixed15": "as fixed31, its mantissa rounded half up to 15 bits: leaves room in 64 bits for wide sums",
    "fixed8": "m · 2^−8, m the nearest integer to 256 times the ratio",
    "float32": "the ratio as float32, and the product of it and the sum as well",
}
#: Rounding -> what it is; the first four belong to fixed31 (half_up to all fixed), the last to float32.
ROUNDINGS = {
    "double": "high half of the doubled product, half up, then a shift rounded half away from zero",
    "half_up": "one shift of the 64-bit product, half towards plus infinity",
    "half_away": "one shift of the 64-bit product, half away from zero",
    "truncate": "one shift of the 64-bit product, towards minus infinity",
    "half_even": "nearest integer, half to even",
}


@dataclass(frozen=True, slots=True)
class Rescaling:
    """How a sum becomes a stored integer: a key of ``MULTIPLIERS`` and one of ``ROUNDINGS``."""

    multiplier: str
    rounding: str


@dataclass(frozen=True)
class Numerics:
    """One profile.

    Attributes
    ----------
    name
        As the command line takes it.
    rescaling
        Of sums of products, and of everything that no exception names.
    exceptions
        Operator -> its own rescaling.
    wide
        The same for operands of 16 bits.
    addition
        How Add and Sub find a common scale, if ``elementwise`` is ``integer``. ``shifted``: operands shifted
        left by 20 bits (of 16 bits: 15), rescaled by s / (2·max s); the sum by 2·max s / (2^shift·so).
        ``weighted``: operands times integers m = round(s/so · 2^shift), of which the larger has 21 bits; the
        sum by one shift, half up.
    bilinear
        Weights of a bilinear resizing, if ``elementwise`` is ``integer``: of 10 bits, rounded half away from
        zero (``fixed10``), or of 11 bits, half up (``fixed11``; operands of 16 bits as ``fixed10``).
    scale_arithmetic
        ``float32`` or ``float64``: in which the ratio of scales sx·sw/sy is formed.
    single_ratios
        Operators that form their ratio in float32 whatever ``scale_arithmetic`` says.
    library
        Whose arithmetic of its own, in ``simulator.workload.lite``, comes before these rules: ``tflite`` for
        TensorFlow Lite's reference kernels, ``xnnpack`` with that delegate, or nobody's.
    sixteen
        Rules for operands of 16 bits where they are others altogether, as where a delegate leaves them alone.
    cut
        Operators whose tables of their formula are cut off, not rounded.
    elementwise
        ``integer``: Add, Sub, Mul and poolings stay integers, rescaled; functions are tables of the real
        formula, rounded half away from zero. ``real``: dequantize, compute in float32, quantize half to even.
    accumulator_bits
        Width of the sum of products of operands of 8 bits (operands of 16 bits: 64).
    overflow
        ``wrap`` or ``saturate``: what such a sum does beyond its width, at every addition.
    pim
        Memory that computes, in whose arithmetic its operators are (``simulator.workload.pim``); all else is
        the host's.
    sources
        Where each statement comes from.
    """

    name: str
    rescaling: Rescaling
    sources: tuple[str, ...]
    exceptions: Mapping[str, Rescaling] = field(default_factory=lambda: MappingProxyType({}))
    wide: Mapping[str, Rescaling] = field(default_factory=lambda: MappingProxyType({}))
    addition: str = "shifted"
    bilinear: str = "fixed10"
    scale_arithmetic: str = "float64"
    single_ratios: frozenset[str] = frozenset()
    library: str = ""
    sixteen: Numerics | None = None
    cut: frozenset[str] = frozenset()
    elementwise: str = "integer"
    accumulator_bits: int = 32
    overflow: str = "wrap"
    pim: PimArithmetic | None = None

    def rescaling_of(self, op: str, bits: int = 8) -> Rescaling:
        """Rescaling of an operator, by its ONNX name, on operands of so many bits."""
        narrow = self.exceptions.get(op, self.rescaling)
        return self.wide.get(op, narrow) if bits > 8 else narrow


_DOUBLE, _HALF_UP = Rescaling("fixed31", "double"), Rescaling("fixed31", "half_up")
_FIXED15 = Rescaling("fixed15", "half_up")
_HALF_EVEN = Rescaling("float32", "half_even")
_NO_WIDTH = "accumulator: 32 bits wrapping, an assumption; no sum of the networks checked comes near it"

_COMPARISONS = ("Equal", "NotEqual", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")

_TFLITE_REF = Numerics(
    "tflite_ref",
    _DOUBLE,
    (
        "reference kernels of TensorFlow Lite on five MLPerf Tiny networks: convolutions 0 of "
        "1,213,248, fully connected layers 0 of 5,016 outputs differ",
        "Jacob et al., arXiv:1712.05877, section 2.2 and appendix B: multiplier of 31 bits, doubling "
        "high multiply, rounding shift; residual additions in a shifted common scale",
    ),
    exceptions=MappingProxyType({"Gemm": Rescaling("fixed31", "half_away")}),
    wide=MappingProxyType({"Conv": _FIXED15, "ConvTranspose": _FIXED15}),
    single_ratios=frozenset({"Relu", "Clip", "LeakyRelu", "Abs", "Mul"}),
    library="tflite",
    cut=frozenset({"Sqrt"}),
)

_ONNXRUNTIME = Numerics(
    "onnxruntime",
    _HALF_EVEN,
    (
        "QLinearConv, QLinearMatMul, QDQ: float32(sx·sw/sy), half to even, + zero point, saturate; "
        "0 of 186,624 outputs of onnxruntime differ",
        "ONNX operator specification, QuantizeLinear: half to even, then + zero point, then saturate",
    ),
    scale_arithmetic="float32",
    elementwise="real",
)


def on_device(host: Numerics, device: PimArithmetic) -> Numerics:
    """Numerics of what a memory computes for a host: the host's rules, the device's arithmetic and sums."""
    return replace(
        host, name=device.name, sources=device.sources, pim=device, accumulator_bits=32, overflow="wrap"
    )


PROFILES: dict[str, Numerics] = {
    profile.name: profile
    for profile in (
        _ONNXRUNTIME,
        _TFLITE_REF,
        Numerics(
            "tflite_xnnpack",
            _HALF_EVEN,
            ("TensorFlow Lite with the XNNPACK delegate: 0 outputs of five MLPerf Tiny networks differ",),
            exceptions=MappingProxyType(
                dict.fromkeys(("Relu", "Clip", "LeakyRelu", "Pad", "Abs", *_COMPARISONS), _DOUBLE)
                | {"QuantizeLinear": Rescaling("fixed8", "half_up")}
            ),
            addition="weighted",
            bilinear="fixed11",
            library="xnnpack",
            sixteen=replace(_TFLITE_REF, library="xnnpack"),
            cut=frozenset({"Sqrt"}),
            scale_arithmetic="float32",
        ),
        Numerics(
            "half_up",
            _HALF_UP,
            ("Arm Ethos-U, natural rounding: one shift, half up, whatever the operator", _NO_WIDTH),
        ),
        Numerics(
            "truncate",
            Rescaling("fixed31", "truncate"),
            ("Arm Ethos-U, truncating: one shift towards minus infinity, whatever the operator", _NO_WIDTH),
        ),
        Numerics(
            "gemmini",
            _HALF_EVEN,
            (
                "Genc et al., arXiv:1911.09925: accumulator scaled by a float32, rounded half to even",
                _NO_WIDTH,
            ),
            scale_arithmetic="float32",
        ),
        *(on_device(_ONNXRUNTIME, device) for device in DEVICES.values()),
    )
}


def profile(name: str | Numerics) -> Numerics:
    """Profile of a name; one that is a profile already is given back.

    Raises
    ------
    InputError
        There is no such profile.
    """
    if isinstance(name, Numerics):
        return name
    if name not in PROFILES:
        text = f"expected one of {', '.join(PROFILES)}, got '{name}'{did_you_mean(name, PROFILES)}"
        raise InputError(Problem(text, path="profile"))
    return PROFILES[name]
