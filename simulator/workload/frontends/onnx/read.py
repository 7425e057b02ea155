"""Bytes of a file to a checked ONNX model; its large weights stay where they are until asked for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from simulator.base.errors import InputError, Problem
from simulator.workload.op import NUMPY
from simulator.workload.ops.conversion import ELEMENT_TYPES
from simulator.workload.tensor import BITS, Constant, Tensor

OLDEST_OPSET = 7
_ABSURD_OPSET = 1000
_ABSURD_OPSET = 1000
_DEFAULT_DOMAINS = ("", "ai.onnx")
_SMALL = 1024  # elements up to which a constant takes part in shape inference, where its values may matter


@dataclass
class Source:
    """A parsed file. ``model`` is a ModelProto whose large constants have been moved to ``constants``."""

    path: Path
    model: Any
    opset: int
    digest: str
    constants: dict[str, Tensor] = field(default_factory=dict)


def read(path: Path) -> Source:
    """Parse and check a file.

    Raises
    ------
    InputError
        It cannot be read, is no ONNX model, is older than opset 7, or lacks external data.
    """
    data = _bytes(path)
    model = _parse(data, path)
    versions = [item.version for item in model.opset_import if item.domain in _DEFAULT_DOMAINS]
    if not model.graph.node or not model.opset_import:
        missing = "nodes" if model.opset_import else "operator set"
        raise InputError(
            Problem(f"not an ONNX file, or a truncated one: it parses but has no {missing}", str(path))
        )
    opset = max(versions, default=1)
    if versions and not OLDEST_OPSET <= opset <= _ABSURD_OPSET:
        hint = "onnx.version_converter can raise it" if opset < OLDEST_OPSET else "is the file damaged?"
        text = f"expected an operator set of version {OLDEST_OPSET} or later, got {opset}; {hint}"
        raise InputError(Problem(text, str(path)))
    names = (n for node in model.graph.node for n in (node.op_type, node.domain, *node.input, *node.output))
    if not all(isinstance(name, str) for name in names):  # protobuf gives bytes for what is no UTF-8
        raise InputError(Problem("not an ONNX file, or a damaged one: a name in it is no text", str(path)))
    name_nodes(model.graph)
    source = Source(path, model, opset, "")
    external = sorted(_take_constants(source))
    digest = hashlib.sha256(data)
    for name in external:
        digest.update(repr((name, (path.parent / name).stat().st_size)).encode())
    source.digest = digest.hexdigest()
    return source


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(Problem(f"cannot read the network: {error.strerror}", str(path))) from error


def _parse(data: bytes, path: Path) -> Any:
    import onnx  # heavy: 0.3 s, needed for ONNX files alone
    from google.protobuf.message import DecodeError  # comes with onnx

    try:
        return onnx.ModelProto.FromString(data)
    except DecodeError:
        kind = "it is empty" if not data else f"its {len(data)} bytes do not parse"
        hint = ""
        if data.startswith(b"version https://git-lfs"):
            hint = "; this is a Git LFS pointer: `git lfs pull` fetches the file itself"
        elif data.lstrip()[:1] == b"<":
            hint = "; this is a web page: was the download link right?"
        elif data[:1] == b"\x08":
            hint = "; it begins like one: is it truncated?"
        raise InputError(Problem(f"not an ONNX file: {kind} as one{hint}", str(path))) from None


def name_nodes(graph: Any) -> None:
    """Give every node a name that no other has, from its results where the file gives none."""
    taken: set[str] = set()
    for i, node in enumerate(graph.node):
        wanted = node.name or next((name for name in node.output if name), f"{node.op_type}_{i}")
        name, n = wanted, 2
        while name in taken:
            name, n = f"{wanted}_{n}", n + 1
        taken.add(name)
        node.name = name


def _take_constants(source: Source) -> set[str]:
    """Move initializers out of the model; small ones and the types of large ones stay for shape inference.

    Returns the names of the files that hold external data.
    """
    graph = source.model.graph
    initializers = list(graph.initializer) + _constant_nodes(graph)
    sparse = list(graph.sparse_initializer)
    del graph.initializer[:]
    inputs = {value.name for value in graph.input}
    for proto in initializers:
        tensor = tensor_of(proto, source.path)
        source.constants[tensor.name] = tensor
        if tensor.elements <= _SMALL and not proto.external_data:
            graph.initializer.append(proto)
        elif tensor.name not in inputs:
            _declare(graph, tensor.name, proto.data_type, tensor.shape)
    for proto in sparse:
        name, shape = proto.values.name, tuple(proto.dims)
        source.constants[name] = Tensor(
            name, shape, _dtype(proto.values, source.path), constant=_densify(proto)
        )
        if name not in inputs:
            _declare(graph, name, proto.values.data_type, shape)
    del graph.sparse_initializer[:]
    return {entry.value for proto in initializers for entry in proto.external_data if entry.key == "location"}


def _constant_nodes(graph: Any) -> list[Any]:
    """Tensors of large Constant nodes, which are taken out of the graph."""
    found, kept = [], []
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and prod(node.attribute[0].t.dims) > _SMALL:
            node.attribute[0].t.name = node.output[0]
            found.append(node.attribute[0].t)
        else:
            kept.append(node)
    if found:
        del graph.node[:]
        graph.node.extend(kept)
    return found


def _declare(graph: Any, name: str, element_type: int, shape: tuple[int, ...]) -> None:
    value = graph.input.add()
    value.name = name
    value.type.tensor_type.elem_type = element_type
    value.type.tensor_type.shape.SetInParent()
    for extent in shape:
        value.type.tensor_type.shape.dim.add().dim_value = extent


def tensor_of(proto: Any, path: Path) -> Tensor:
    """Tensor of a TensorProto, its value not yet decoded.

    Raises
    ------
    InputError
        Its element type is none that is simulated, or its data is absent or of the wrong length.
    """
    dtype, shape = _dtype(proto, path), tuple(proto.dims)
    expected = (prod(shape) * BITS[dtype] + 7) // 8
    if proto.data_location == proto.EXTERNAL:
        place = _place(proto, path, expected)
        return Tensor(proto.name, shape, dtype, constant=Constant(lambda: _map(proto, dtype, *place)))
    if proto.HasField("raw_data") and len(proto.raw_data) != expected:
        text = f"constant '{proto.name}': expected {expected} bytes for shape {list(shape)} of {dtype}"
        raise InputError(Problem(f"{text}, got {len(proto.raw_data)}; is the file truncated?", str(path)))
    return Tensor(proto.name, shape, dtype, constant=Constant(lambda: _decode(proto, dtype)))


def _dtype(proto: Any, path: Path) -> str:
    if proto.data_type not in ELEMENT_TYPES:
        kind = (
            proto.DataType.Name(proto.data_type) if proto.data_type in proto.DataType.values() else "unknown"
        )
        raise InputError(Problem(f"constant '{proto.name}': element type {kind} is not supported", str(path)))
    return ELEMENT_TYPES[proto.data_type]


def _decode(proto: Any, dtype: str) -> np.ndarray:
    from onnx import numpy_helper  # heavy: loaded with the file

    return np.asarray(numpy_helper.to_array(proto)).astype(NUMPY[dtype], copy=False)


def _densify(proto: Any) -> Constant:
    def make() -> np.ndarray:
        values = _decode(proto.values, ELEMENT_TYPES[proto.values.data_type])
        indices = _decode(proto.indices, "int64")
        dense = np.zeros(tuple(proto.dims), values.dtype)
        if indices.ndim == 1:
            dense.flat[indices] = values
        else:
            dense[tuple(indices.T)] = values
        return dense

    return Constant(make)


def _place(proto: Any, path: Path, expected: int) -> tuple[Path, int, int]:
    """File, offset and length in bytes of external data, checked."""
    entries = {entry.key: entry.value for entry in proto.external_data}
    what = f"external data of constant '{proto.name}'"
    location = entries.get("location", "")
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", expected))
    except ValueError as error:
        raise InputError(Problem(f"{what}: offset and length must be integers", str(path))) from error
    file = path.parent / location
    if not file.resolve().is_relative_to(path.parent.resolve()):
        raise InputError(Problem(f"{what}: '{location}' lies outside the folder of the network", str(path)))
    if not file.is_file():
        raise InputError(Problem(f"{what}: there is no file '{location}' beside the network", str(path)))
    size = file.stat().st_size
    if length != expected or offset + length > size:
        text = f"{what}: expected {expected} bytes from byte {offset} of '{location}', which holds {size}"
        raise InputError(
            Problem(text + ("" if length == expected else f"; the entry says {length}"), str(path))
        )
    return file, offset, length


def _map(proto: Any, dtype: str, file: Path, offset: int, length: int) -> np.ndarray:
    shape = tuple(proto.dims)
    if length and np.dtype(NUMPY[dtype]).itemsize * 8 == BITS[dtype]:
        return np.memmap(file, NUMPY[dtype], "r", offset, shape or (1,)).reshape(shape)
    held = type(proto)()
    held.data_type = proto.data_type
    held.dims.extend(proto.dims)
    with file.open("rb") as stream:
        stream.seek(offset)
        held.raw_data = stream.read(length)
    return _decode(held, dtype)
