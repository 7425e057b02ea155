"""Writes small TensorFlow Lite files, for tests alone: tensors and operators as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import tflite

#: Operators whose first version is the only one, or already takes integers.
VERSION_1 = ("HARD_SWISH", "RELU_N1_TO_1", "RELU_0_TO_1", "ELU", "NEG", "DEPTH_TO_SPACE", "PRELU", "COS", "SIN", "FLOOR",
             "CEIL", "ROUND", "SIGN", "SQUARE", "POW", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "FLOOR_DIV", "CUMSUM", "REDUCE_PROD", "RSQRT", "L2_NORMALIZATION")  # fmt: skip

TYPES = {"int4": "INT4", "float32": "FLOAT32", "int8": "INT8", "uint8": "UINT8", "int16": "INT16", "int32": "INT32",
         "int64": "INT64", "bool": "BOOL", "float16": "FLOAT16"}  # fmt: skip


WEIGHT = np.arange(-36, 36).reshape(2, 3, 3, 4).astype(np.int8)


@dataclass
class Entry:
    """A tensor: ``value`` makes it a constant; ``scale`` and ``zero`` one or several."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "int8"
    scale: float | list[float] | None = None
    zero: int | list[int] = 0
    axis: int = 0
    value: np.ndarray | None = None


@dataclass
class Step:
    """An operator: its code, names of tensors ("": left out), kind of its options and their fields."""

    code: str
    inputs: list[str]
    outputs: list[str]
    kind: str = ""
    options: dict[str, Any] = field(default_factory=dict)


def convolution(**changes):
    """A convolution of 2 filters with bias and ReLU6, its tensors changed as asked."""
    entries = {
        "x": Entry("x", (1, 5, 5, 4), "int8", 0.5, 3),
        "w": Entry("w", (2, 3, 3, 4), "int8", [0.25, 0.125], [0, 0], 0, WEIGHT),
        "b": Entry("b", (2,), "int32", [0.125, 0.0625], [0, 0], 0, np.array([100, -100])),
        "y": Entry("y", (1, 3, 3, 2), "int8", 0.75, -5),
    }
    for key, value in changes.items():
        name, _, field = key.partition("_")
        setattr(entries[name], field, value)
    options = {"Padding": 0, "StrideH": 2, "StrideW": 2, "DilationHFactor": 1, "DilationWFactor": 1,
               "FusedActivationFunction": 3}  # fmt: skip
    step = Step("CONV_2D", ["x", "w", "b"], ["y"], "Conv2DOptions", options)
    return list(entries.values()), [step], ["x"], ["y"]


def write(path: Path, entries: list[Entry], steps: list[Step], inputs: list[str], outputs: list[str]) -> Path:
    """Write a file of one subgraph."""
    path.write_bytes(serialize(entries, steps, inputs, outputs))
    return path


def serialize(entries: list[Entry], steps: list[Step], inputs: list[str], outputs: list[str]) -> bytes:
    """Bytes of a file of one subgraph."""
    b = flatbuffers.Builder(1024)
    place = {entry.name: i for i, entry in enumerate(entries)} | {"": -1}
    data = [None if e.value is None else _bytes(b, _stored(e)) for e in entries]
    buffers = [_buffer(b, None), *(_buffer(b, one) for one in data)]
    tensors = [_tensor(b, entry, i + 1) for i, entry in enumerate(entries)]
    codes = sorted({step.code for step in steps})
    operators = [_operator(b, step, codes.index(step.code), place) for step in steps]
    code_offsets = [_code(b, code) for code in codes]
    ends = [_ints(b, [place[name] for name in names]) for names in (inputs, outputs)]
    vectors = [_offsets(b, each) for each in (tensors, operators, code_offsets, buffers)]
    tflite.SubGraphStart(b)
    tflite.SubGraphAddTensors(b, vectors[0])
    tflite.SubGraphAddInputs(b, ends[0])
    tflite.SubGraphAddOutputs(b, ends[1])
    tflite.SubGraphAddOperators(b, vectors[1])
    graphs = _offsets(b, [tflite.SubGraphEnd(b)])
    tflite.ModelStart(b)
    tflite.ModelAddVersion(b, 3)
    tflite.ModelAddOperatorCodes(b, vectors[2])
    tflite.ModelAddSubgraphs(b, graphs)
    tflite.ModelAddBuffers(b, vectors[3])
    b.Finish(tflite.ModelEnd(b), file_identifier=b"TFL3")
    return bytes(b.Output())


def _stored(entry: Entry) -> bytes:
    """Bytes of a constant; of 4-bit elements two to a byte, the first in its low half."""
    if entry.dtype != "int4":
        return np.asarray(entry.value, entry.dtype).tobytes()
    halves = np.ravel(entry.value).astype(np.uint8) & 15
    halves = np.append(halves, np.zeros(len(halves) % 2, np.uint8))
    return (halves[::2] | halves[1::2] << 4).tobytes()


def _bytes(b: flatbuffers.Builder, data: bytes) -> int:
    b.StartVector(1, len(data), 16)
    b.head -= len(data)
    b.Bytes[b.head : b.head + len(data)] = data
    return b.EndVector()


def _ints(b: flatbuffers.Builder, values: list[int]) -> int:
    return b.CreateNumpyVector(np.array(values, np.int32))


def _offsets(b: flatbuffers.Builder, offsets: list[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()


def _buffer(b: flatbuffers.Builder, data: int | None) -> int:
    tflite.BufferStart(b)
    if data is not None:
        tflite.BufferAddData(b, data)
    return tflite.BufferEnd(b)


def _tensor(b: flatbuffers.Builder, entry: Entry, buffer: int) -> int:
    name, shape, quant = b.CreateString(entry.name), _ints(b, list(entry.shape)), None
    if entry.scale is not None:
        scale = b.CreateNumpyVector(np.atleast_1d(np.array(entry.scale, np.float32)))
        zero = b.CreateNumpyVector(np.atleast_1d(np.array(entry.zero, np.int64)))
        tflite.QuantizationParametersStart(b)
        tflite.QuantizationParametersAddScale(b, scale)
        tflite.QuantizationParametersAddZeroPoint(b, zero)
        tflite.QuantizationParametersAddQuantizedDimension(b, entry.axis)
        quant = tflite.QuantizationParametersEnd(b)
    tflite.TensorStart(b)
    tflite.TensorAddShape(b, shape)
    tflite.TensorAddType(b, getattr(tflite.TensorType, TYPES[entry.dtype]))
    tflite.TensorAddBuffer(b, buffer if entry.value is not None else 0)
    tflite.TensorAddName(b, name)
    if quant is not None:
        tflite.TensorAddQuantization(b, quant)
    return tflite.TensorEnd(b)


def _code(b: flatbuffers.Builder, code: str) -> int:
    number = getattr(tflite.BuiltinOperator, code)
    tflite.OperatorCodeStart(b)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(number, 127))
    tflite.OperatorCodeAddVersion(b, 1 if code in VERSION_1 else 2)
    tflite.OperatorCodeAddBuiltinCode(b, number)
    return tflite.OperatorCodeEnd(b)


def _operator(b: flatbuffers.Builder, step: Step, code: int, place: dict[str, int]) -> int:
    ends = [_ints(b, [place[name] for name in names]) for names in (step.inputs, step.outputs)]
    options = None
    if step.kind:
        values = {k: _ints(b, v) if isinstance(v, list) else v for k, v in step.options.items()}
        getattr(tflite, f"{step.kind}Start")(b)
        for key, value in values.items():
            getattr(tflite, f"{step.kind}Add{key}")(b, value)
        options = getattr(tflite, f"{step.kind}End")(b)
    tflite.OperatorStart(b)
    tflite.OperatorAddOpcodeIndex(b, code)
    tflite.OperatorAddInputs(b, ends[0])
    tflite.OperatorAddOutputs(b, ends[1])
    if options is not None:
        tflite.OperatorAddBuiltinOptionsType(b, getattr(tflite.BuiltinOptions, step.kind))
        tflite.OperatorAddBuiltinOptions(b, options)
    return tflite.OperatorEnd(b)
