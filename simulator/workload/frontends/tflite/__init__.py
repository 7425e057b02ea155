"""TensorFlow Lite files: float, or quantized to integers of 8 or 16 bits, per tensor or per channel."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from simulator.base.errors import InputError, Problem
from simulator.workload.frontends.tflite import layers, movement
from simulator.workload.frontends.tflite.draft import Draft
from simulator.workload.frontends.tflite.operators import convert
from simulator.workload.frontends.tflite.read import read
from simulator.workload.graph import Graph, sort_nodes
from simulator.workload.tensor import Tensor

__all__ = ["layers", "load", "movement"]  # the first and the last enter their operators when imported


def load(path: Path, *, batch: int | None = None, dims: Mapping[str, int] | None = None) -> Graph:
    """Read a network.

    Images stay channels-last, as the file has them; nodes say so in their attribute ``layout``.

    Parameters
    ----------
    path
        File with one subgraph, without control flow.
    batch
        Extent of the leading axis of the inputs instead of the file's.
    dims
        For formats with named free dimensions; this one has none.

    Raises
    ------
    InputError
        The file is no such model, is damaged, has an operator that is not read, or contradicts itself.
    """
    if dims:
        text = "a TensorFlow Lite file states all its extents: only batch can be set"
        raise InputError(Problem(text, str(path)))
    source = read(Path(path))
    draft = Draft(source)
    if batch is not None:
        draft.resize(batch)
    problems: list[Problem] = []
    for index, operator in enumerate(source.operators):
        try:
            convert(draft, index, operator)
        except InputError as error:
            problems += error.problems
        except (ValueError, IndexError, KeyError) as error:
            problems.append(draft.problem(index, f"its operands or options do not fit: {error}"))
    if problems:
        raise InputError(*problems)
    inputs = tuple(source.tensors[i].name for i in source.inputs)
    outputs = tuple(source.tensors[i].name for i in source.outputs)
    touched = dict.fromkeys([*inputs, *outputs])
    for node in draft.nodes:
        touched.update(dict.fromkeys(name for name in (*node.inputs, *node.outputs) if name))
    tensors = {name: draft.tensors[name] for name in touched}
    known = {name for name in touched if name in inputs or tensors[name].constant is not None}
    digest = source.digest
    if batch is not None:
        digest = hashlib.sha256(f"{digest} batch {batch}".encode()).hexdigest()
    return Graph(
        name=source.name,
        nodes=sort_nodes(draft.nodes, known, str(path)),
        tensors={name: _as_map(tensor) for name, tensor in tensors.items()},
        inputs=inputs,
        outputs=outputs,
        digest=digest,
        native="tflite_ref",
    )


def _as_map(tensor: Tensor) -> Tensor:
    """Tensor marked as a feature map where it has four axes and is computed."""
    return replace(tensor, channels_last=len(tensor.shape) == 4 and tensor.constant is None)
