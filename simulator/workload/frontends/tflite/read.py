"""Bytes of a TensorFlow Lite file to plain, checked tables: tensors with constants and scales, operators.

The format is a flatbuffer; its schema comes with the package ``tflite``. Everything is read here and now, so
that a damaged file is found before anything is made of it; only constants stay bytes until asked for.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from simulator.base.errors import InputError, Problem
from simulator.workload.rescale import limits
from simulator.workload.tensor import BITS, NUMPY, Constant, Quant, Tensor

#: Element type of the schema -> name in ``tensor.BITS``.
ELEMENT_TYPES = {
    "FLOAT32": "fp32", "FLOAT16": "fp16", "FLOAT64": "fp64", "INT4": "int4", "INT8": "int8", "UINT8": "uint8",
    "INT16": "int16", "UINT16": "uint16", "INT32": "int32", "UINT32": "uint32", "INT64": "int64",
    "UINT64": "uint64", "BOOL": "bool", "BFLOAT16": "bf16",
}  # fmt: skip
_IDENTIFIER = b"TFL3"
#: What following an offset of a damaged file can raise: it leads out of the file, or to what is no number.
_DAMAGED = (
    struct.error,
    IndexError,
    ValueError,
    TypeError,
    OverflowError,
    AttributeError,
    UnicodeDecodeError,
)


@dataclass(frozen=True)
class Operator:
    """One operator of the file: its name in the schema, tensor indices (−1: left out), options by name."""

    code: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """A parsed file; names of tensors are unique."""

    path: Path
    name: str
    digest: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def problem(self, text: str) -> InputError:
        """Error that names the file."""
        return InputError(Problem(text, str(self.path)))


def read(path: Path) -> Source:
    """Parse and check a file.

    Raises
    ------
    InputError
        It cannot be read, is no TensorFlow Lite model or a damaged one, has several subgraphs or control
        flow, or states quantization parameters that cannot be meant.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(Problem(f"cannot read the network: {error.strerror}", str(path))) from error
    _check_kind(data, path)
    import tflite  # 0.1 s, needed for these files alone

    try:
        model = tflite.Model.GetRootAsModel(data, 0)
        count = model.SubgraphsLength()
        graph = model.Subgraphs(0) if count else None
        operators = _operators(model, graph, tflite) if graph is not None else []
        raw = (
            [_RawTensor.of(model, graph, i) for i in range(graph.TensorsLength())]
            if graph is not None
            else []
        )
        ends = [_indices(graph, end) for end in ("Inputs", "Outputs")] if graph is not None else []
    except _DAMAGED as error:
        text = f"not a TensorFlow Lite file, or a truncated or damaged one: {error}"
        raise InputError(Problem(text, str(path))) from error
    if count != 1:
        raise InputError(Problem(f"expected one subgraph, got {count}: control flow is not read", str(path)))
    if not operators:
        raise InputError(Problem("the network has no operators", str(path)))
    types = {number: name for name, number in vars(tflite.TensorType).items() if isinstance(number, int)}
    tensors = _tensors(raw, types, path)
    _check_indices(operators, ends, len(tensors), path)
    digest = hashlib.sha256(data).hexdigest()
    return Source(path, path.stem, digest, tensors, tuple(operators), ends[0], ends[1])


def _check_kind(data: bytes, path: Path) -> None:
    if data[4:8] == _IDENTIFIER:
        return
    kind = "it is empty" if not data else "its bytes 5 to 8 are not TFL3"
    hint = ""
    if data.startswith(b"version https://git-lfs"):
        hint = "; this is a Git LFS pointer: `git lfs pull` fetches the file itself"
    elif data.lstrip()[:1] == b"<":
        hint = "; this is a web page: was the download link right?"
    raise InputError(Problem(f"not a TensorFlow Lite file: {kind}{hint}", str(path)))


def _operators(model: Any, graph: Any, tflite: Any) -> list[Operator]:
    codes = {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}
    kinds = {number: name for name, number in vars(tflite.BuiltinOptions).items() if isinstance(number, int)}
    found = []
    for i in range(graph.OperatorsLength()):
        operator = graph.Operators(i)
        entry = model.OperatorCodes(operator.OpcodeIndex())
        number = max(entry.BuiltinCode(), entry.DeprecatedBuiltinCode())  # below 127 both are written
        code = codes.get(number, f"BUILTIN_{number}")
        if code == "CUSTOM":
            code = (entry.CustomCode() or b"custom").decode()
        options = _options(operator, kinds.get(operator.BuiltinOptionsType(), "NONE"), tflite)
        found.append(Operator(code, _indices(operator, "Inputs"), _indices(operator, "Outputs"), options))
    return found


def _indices(table: Any, field: str) -> tuple[int, ...]:
    if not getattr(table, f"{field}Length")():
        return ()
    return tuple(int(i) for i in getattr(table, f"{field}AsNumpy")())


def _options(operator: Any, kind: str, tflite: Any) -> dict[str, Any]:
    """Every field of an operator's options, by its name in the schema's code; vectors as tuples."""
    table = operator.BuiltinOptions()
    cls = getattr(tflite, kind, None)
    if table is None or cls is None:
        return {}
    options = cls()
    options.Init(table.Bytes, table.Pos)
    methods = [name for name in vars(cls) if name[0].isupper() and not name.startswith("GetRootAs")]
    methods = [name for name in methods if name != "Init" and not name.endswith("BufferHasIdentifier")]
    vectors = {name.removesuffix("AsNumpy") for name in methods if name.endswith("AsNumpy")}
    found: dict[str, Any] = {name: _indices(options, name) for name in sorted(vectors)}
    for name in methods:
        if not name.startswith(tuple(vectors) or ("\0",)):
            found[name] = getattr(options, name)()
    return found


@dataclass(frozen=True)
class _RawTensor:
    """What the file says of a tensor, unchecked."""

    name: str
    shape: tuple[int, ...]
    type: int
    data: np.ndarray | None
    scale: np.ndarray
    zero_point: np.ndarray
    axis: int
    sparse: bool

    @classmethod
    def of(cls, model: Any, graph: Any, index: int) -> _RawTensor:
        tensor = graph.Tensors(index)
        quant = tensor.Quantization()
        none: np.ndarray = np.zeros(0)
        buffer = model.Buffers(tensor.Buffer())
        data = buffer.DataAsNumpy() if buffer is not None and buffer.DataLength() else None
        return cls(
            (tensor.Name() or b"").decode(),
            _indices(tensor, "Shape"),
            tensor.Type(),
            data,
            quant.ScaleAsNumpy() if quant is not None and quant.ScaleLength() else none,
            quant.ZeroPointAsNumpy() if quant is not None and quant.ZeroPointLength() else none,
            quant.QuantizedDimension() if quant is not None else 0,
            tensor.Sparsity() is not None,
        )


def _tensors(raw: list[_RawTensor], types: Mapping[int, str], path: Path) -> tuple[Tensor, ...]:
    """Checked tensors under unique names; all problems at once."""
    problems: list[Problem] = []
    tensors: list[Tensor] = []
    taken: set[str] = set()
    for i, each in enumerate(raw):
        name = each.name or f"tensor_{i}"
        name = f"{name}_{i}" if name in taken else name
        taken.add(name)
        kind = types.get(each.type, str(each.type))
        where = f"tensor '{name}'"
        if kind not in ELEMENT_TYPES:
            problems.append(Problem(f"{where}: element type {kind} is not supported", str(path)))
            continue
        dtype = ELEMENT_TYPES[kind]
        if each.sparse or min(each.shape, default=0) < 0:
            what = "sparse storage is not read" if each.sparse else f"shape {list(each.shape)} is none"
            problems.append(Problem(f"{where}: {what}", str(path)))
            continue
        constant = None
        if each.data is not None:
            expected = (prod(each.shape) * BITS[dtype] + 7) // 8
            if each.data.size != expected:
                text = (
                    f"expected {expected} bytes for shape {list(each.shape)} of {dtype}, got {each.data.size}"
                )
                problems.append(Problem(f"{where}: {text}", str(path)))
                continue
            constant = _constant(each.data, each.shape, dtype)
        found = _flaws(each, dtype)
        problems += [Problem(f"{where}: {text}", str(path)) for text in found]
        quant = None if found else _quant(each)
        tensors.append(Tensor(name, each.shape, dtype, quant, constant))
    if problems:
        raise InputError(*problems)
    return tuple(tensors)


def _flaws(raw: _RawTensor, dtype: str) -> list[str]:
    """What is wrong with the quantization parameters of a tensor."""
    scales, zeros = raw.scale, raw.zero_point
    if not scales.size or dtype not in ("int4", "int8", "uint8", "int16", "int32", "int64"):
        return []
    flaws = []
    wrong = [float(scale) for scale in scales if not np.isfinite(scale) or scale <= 0]
    if wrong:
        flaws.append(f"expected scales above 0, got {wrong[0]:g}")
    low, high = limits(dtype)
    outside = [int(zero) for zero in zeros if not low <= zero <= high]
    if outside:
        flaws.append(f"expected a zero point from {low} to {high} as {dtype} has, got {outside[0]}")
    if zeros.size not in (0, 1, scales.size):
        flaws.append(f"contradictory quantization: {scales.size} scales and {zeros.size} zero points")
    if scales.size > 1:
        extent = raw.shape[raw.axis] if 0 <= raw.axis < len(raw.shape) else 0
        if extent != scales.size:
            text = f"{scales.size} scales along axis {raw.axis} of shape {list(raw.shape)}"
            flaws.append(f"contradictory quantization: {text}")
    return flaws


def _quant(raw: _RawTensor) -> Quant | None:
    if not raw.scale.size:
        return None
    zeros = raw.zero_point if raw.zero_point.size else np.zeros(1)
    zeros = np.broadcast_to(zeros, raw.scale.shape)
    scales = tuple(float(scale) for scale in raw.scale)
    return Quant(scales, tuple(int(zero) for zero in zeros), raw.axis if len(scales) > 1 else None)


def _constant(data: np.ndarray, shape: tuple[int, ...], dtype: str) -> Constant:
    return Constant(lambda: _decode(data, dtype)[: prod(shape)].reshape(shape))


def _decode(data: np.ndarray, dtype: str) -> np.ndarray:
    """Stored values; of 4-bit elements the low half of a byte is the first."""
    if dtype == "int4":
        halves = np.stack([data & 15, data >> 4], axis=1).reshape(-1)
        return ((halves ^ 8).astype(np.int8) - 8).astype(np.int8)
    if dtype == "bf16":
        return (data.view("<u2").astype(np.uint32) << 16).view(np.float32)
    return data.view(np.dtype(NUMPY[dtype]).newbyteorder("<")).astype(NUMPY[dtype], copy=False)


def _check_indices(operators: list[Operator], ends: list[tuple[int, ...]], tensors: int, path: Path) -> None:
    """Refuse operators and ends that name tensors which are not there."""
    for i, operator in enumerate(operators):
        for index in (*operator.inputs, *operator.outputs):
            if not -1 <= index < tensors:
                text = (
                    f"operator {i} ({operator.code}) names tensor {index} of {tensors}: is the file damaged?"
                )
                raise InputError(Problem(text, str(path)))
    for index in (*ends[0], *ends[1]):
        if not 0 <= index < tensors:
            raise InputError(Problem(f"an input or output is tensor {index} of {tensors}", str(path)))
