"""ONNX files: float, with QuantizeLinear pairs, or with operators on quantized tensors."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from simulator.base.errors import InputError, Problem
from simulator.workload.frontends.onnx.bind import bind, infer
from simulator.workload.frontends.onnx.draft import Draft
from simulator.workload.frontends.onnx.expand import expand
from simulator.workload.frontends.onnx.fold import fold
from simulator.workload.frontends.onnx.fuse import fuse
from simulator.workload.frontends.onnx.qdq import PRODUCTS, absorb_conversions
from simulator.workload.frontends.onnx.read import read
from simulator.workload.frontends.onnx.recurrent import unroll
from simulator.workload.frontends.onnx.simplify import simplify
from simulator.workload.graph import Graph, Node, sort_nodes
from simulator.workload.op import OPS, UnknownShape, is_modelled, positional

_SMALL = 1 << 16  # elements: a mask or bias of an attention, not a table of weights


def load(path: Path, *, batch: int | None = None, dims: Mapping[str, int] | None = None) -> Graph:
    """Read a network.

    Composite operators become primitive ones, constants fold away without being evaluated, and padding,
    scales, biases, activations and conversions become part of their neighbours.

    Parameters
    ----------
    path
        File of opset 7 or later; external data beside it is read when a weight's value is asked for.
    batch
        Extent of the leading axis of the inputs, where the file leaves it free (then 1 unless given) or fixes
        it.
    dims
        Extents of the other free dimensions, by their name in the file or ``input[axis]``.

    Returns
    -------
    Graph
        With every shape known.

    Raises
    ------
    InputError
        The file is no ONNX model, is damaged, leaves a dimension or shape open, or has a cycle.
    """
    try:
        return _load(Path(path), batch, dims or {})
    except UnicodeDecodeError as error:  # protobuf decodes names when they are looked at
        raise InputError(Problem(f"not an ONNX file, or a damaged one: {error}", str(path))) from error


def load_model(
    model: Any, file: str | Path, *, batch: int | None = None, dims: Mapping[str, int] | None = None
) -> Graph:
    """A ModelProto that holds all its data as the reader has it; problems name ``file``, which it came from.

    ``batch`` and ``dims`` are those of ``load``.

    Raises
    ------
    InputError
        As for ``load``.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{Path(file).stem}.onnx"
        path.write_bytes(model.SerializeToString())
        try:
            return load(path, batch=batch, dims=dims)
        except InputError as error:
            raise InputError(*(replace(each, file=str(file)) for each in error.problems)) from error


def _load(path: Path, batch: int | None, dims: Mapping[str, int]) -> Graph:
    source = read(path)
    binding = bind(source, batch, dims)
    values = dict(binding.values)
    origins = expand(source, lambda: infer(source, values))
    # Shapes in the file and constant targets of Reshape still hold the old batch where it changes.
    types = {} if binding.resized else infer(source, values)
    draft = fold(source, binding, types, origins)
    unroll(draft)
    simplify(draft)
    fuse(draft)
    absorb_conversions(draft)
    simplify(draft, largest=_SMALL)
    digest = hashlib.sha256(repr((source.digest, binding.values, binding.resized)).encode()).hexdigest()
    graph = _finish(draft, source.model.graph.name or source.path.stem, digest, binding.assumptions)
    _check_operands(graph, path)
    return graph


def _check_operands(graph: Graph, path: Path) -> None:
    """Refuse nodes whose operands contradict each other, whatever shapes the file states."""
    problems = []
    for node in graph:
        if is_modelled(node.op):
            try:
                OPS[node.op].shape(positional(node, graph), node.attrs)
            except UnknownShape:
                continue
            except ValueError as error:
                problems.append(Problem(f"node '{node.name}' ({node.op}): {error}", str(path)))
    if problems:
        raise InputError(*problems)


def _finish(draft: Draft, name: str, digest: str, assumptions: tuple[str, ...]) -> Graph:
    """Graph of the nodes that are left and the tensors that they touch."""
    nodes = [_with_extras(node, draft) for node in draft.nodes]
    names = dict.fromkeys([*draft.inputs, *draft.outputs])
    for node in nodes:
        names.update(dict.fromkeys(name for name in (*node.inputs, *node.outputs) if name))
    tensors = {name: draft.tensors[name] for name in names}
    known = {name for name in names if name in draft.inputs or tensors[name].constant is not None}
    return Graph(
        name=name,
        nodes=sort_nodes(nodes, known, draft.file),
        tensors=tensors,
        inputs=tuple(draft.inputs),
        outputs=tuple(draft.outputs),
        assumptions=(*assumptions, *draft.assumptions),
        digest=digest,
    )


def _with_extras(node: Node, draft: Draft) -> Node:
    """Node that reads the scales of its weights as well, behind all operands that the operator can have."""
    extras = [extra for used in node.inputs for extra in draft.extras.get(used, ())]
    left_out = ("",) * (3 - len(node.inputs)) if extras and node.op in PRODUCTS else ()
    return replace(node, inputs=(*node.inputs, *left_out, *extras))
