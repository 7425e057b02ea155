"""Free dimensions of a network's inputs, and the shapes that follow from binding them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.workload.frontends.onnx.read import Source
from simulator.workload.op import Shape
from simulator.workload.ops.conversion import ELEMENT_TYPES


@dataclass(frozen=True)
class Binding:
    """What was decided about free dimensions. ``resized``: (fixed batch of the file, batch asked for)."""

    values: tuple[tuple[str, int], ...]
    assumptions: tuple[str, ...] = ()
    resized: tuple[int, int] | None = None


def bind(source: Source, batch: int | None, dims: Mapping[str, int]) -> Binding:
    """Write numbers into the free dimensions of the model's inputs.

    A free leading dimension that no other axis shares is the batch: ``batch``, or 1. Every other one must be
    in ``dims``, by its name in the file, or ``input[axis]`` where it has none. If no leading dimension is
    free and ``batch`` differs from what the file fixes, all leading dimensions equal to the fixed batch
    change.

    Raises
    ------
    InputError
        A dimension is left free, or a name in ``dims`` is none of the file's.
    """
    inputs = [value for value in source.model.graph.input if value.name not in source.constants]
    free = _free(inputs, source)
    problems = [
        Problem(
            f"there is no free dimension '{name}'; {_listing(free)}{did_you_mean(name, free)}",
            str(source.path),
        )
        for name in dims
        if name not in free
    ]
    problems += [
        Problem(f"dimension '{name}' must be a positive integer, got {value!r}", str(source.path))
        for name, value in {**dims, **({} if batch is None else {"batch": batch})}.items()
        if not isinstance(value, int) or value < 1
    ]
    values, batches = dict(dims), [name for name, places in free.items() if _is_batch(name, free, dims)]
    for name, places in free.items():
        if name in batches:
            values[name] = batch or 1
        elif name not in values:
            where = f"input '{places[0][0]}' has the free dimension '{name}' (axis {places[0][1]})"
            problems.append(
                Problem(f"{where}; give it a value: --set workload.dims.{name}=128", str(source.path))
            )
    if problems:
        raise InputError(*problems)
    _write(inputs, values)
    assumptions = ("the file leaves the batch free; it is taken as 1",) if batches and batch is None else ()
    resized = None if batches or batch is None else _resize(inputs, batch, set(dims), source)
    if resized:
        assumptions = (f"the file fixes the batch at {resized[0]}; it is taken as {resized[1]}",)
    return Binding(tuple(sorted(values.items())), assumptions, resized)


def _free(inputs: list[Any], source: Source) -> dict[str, list[tuple[str, int]]]:
    """Free dimension -> (input, axis) where it stands."""
    free: dict[str, list[tuple[str, int]]] = {}
    for value in inputs:
        kind = value.type.tensor_type
        if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
            text = f"input '{value.name}' has no shape in the file: it must be a tensor of known rank"
            raise InputError(Problem(text, str(source.path)))
        for axis, dim in enumerate(kind.shape.dim):
            if not dim.HasField("dim_value") or dim.dim_value < 0:
                free.setdefault(dim.dim_param or f"{value.name}[{axis}]", []).append((value.name, axis))
    return free


def _is_batch(name: str, free: Mapping[str, list[tuple[str, int]]], dims: Mapping[str, int]) -> bool:
    return name not in dims and all(axis == 0 for _, axis in free[name])


def _listing(free: Mapping[str, Any]) -> str:
    return f"free are {', '.join(free)}" if free else "the file fixes all dimensions"


def _write(inputs: list[Any], values: Mapping[str, int]) -> None:
    for value in inputs:
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if not dim.HasField("dim_value") or dim.dim_value < 0:
                dim.dim_value = values[dim.dim_param or f"{value.name}[{axis}]"]


def _resize(inputs: list[Any], batch: int, named: set[str], source: Source) -> tuple[int, int] | None:
    """Change the batch that the file fixes: the leading extent of its first input."""
    leading = [dim for value in inputs for dim in list(value.type.tensor_type.shape.dim)[:1]]
    if not leading or leading[0].dim_value == batch:
        return None
    fixed = leading[0].dim_value
    for dim in leading:
        if dim.dim_value == fixed:
            dim.dim_value = batch
    return fixed, batch


def infer(source: Source, values: Mapping[str, int]) -> dict[str, Any]:
    """Type of every tensor that onnx.shape_inference has an answer for, as TypeProto by name.

    Names of free dimensions that stand elsewhere in the file are bound as well.
    """
    from onnx import shape_inference  # heavy: loaded with the file

    model = source.model
    for value in (*model.graph.value_info, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in values:
                dim.dim_value = values[dim.dim_param]
    # An operator that contradicts itself stops inference: the rules of OPS, node by node, then say where.
    with suppress(shape_inference.InferenceError):
        model = shape_inference.infer_shapes(model, data_prop=True)
    graph = model.graph
    return {value.name: value.type for value in (*graph.output, *graph.value_info, *graph.input)}


def describe(kind: Any) -> tuple[Shape | None, str | None]:
    """Shape and element type of a TypeProto, None for what it leaves open."""
    tensor = kind.tensor_type
    shape: Shape | None = None
    if tensor.HasField("shape") and all(dim.HasField("dim_value") for dim in tensor.shape.dim):
        shape = tuple(dim.dim_value for dim in tensor.shape.dim)
    return shape, ELEMENT_TYPES.get(tensor.elem_type)
