"""Nodes of the file become nodes of the draft: constants fold away unevaluated, results get shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from simulator.base.errors import InputError, Problem
from simulator.workload.frontends.onnx import quantops
from simulator.workload.frontends.onnx.bind import Binding, describe
from simulator.workload.frontends.onnx.draft import Draft
from simulator.workload.frontends.onnx.evaluate import as_real, lazily
from simulator.workload.frontends.onnx.expand import op_name
from simulator.workload.frontends.onnx.proto import attributes, constant_of, operand_names
from simulator.workload.frontends.onnx.read import Source, tensor_of
from simulator.workload.frontends.onnx.settle import settle
from simulator.workload.graph import Node, sort_nodes
from simulator.workload.op import (
    NUMPY,
    OPS,
    Operands,
    Shape,
    UnknownShape,
    axis_of,
    is_alias,
    optional,
    required,
)
from simulator.workload.ops.quantized import QUANTIZED
from simulator.workload.ops.source import extents
from simulator.workload.tensor import Blocks, Constant, Quant, Tensor

#: Shape and element type of a tensor, None where it is not known.
Described = tuple[Shape | None, str | None]

_RANDOM = (
    "RandomNormal",
    "RandomUniform",
    "RandomNormalLike",
    "RandomUniformLike",
    "Multinomial",
    "Bernoulli",
)
_CONTROL = ("If", "Loop", "Scan")
_RECURRENT = ("LSTM", "GRU", "RNN")


def fold(source: Source, binding: Binding, types: Mapping[str, Any], origins: Mapping[str, str]) -> Draft:
    """Draft of a model whose free dimensions are bound and whose composites are expanded.

    Raises
    ------
    InputError
        Nodes form a cycle or read what nothing writes, or a shape is not known.
    """
    graph = source.model.graph
    draft = Draft(str(source.path), source.opset, resized=binding.resized, tensors=dict(source.constants))
    for value in graph.input:
        if value.name not in draft.tensors:
            shape, dtype = describe(value.type)
            if shape is None or dtype is None:
                text = f"input '{value.name}': only tensors of numbers or truth values can be simulated"
                raise InputError(Problem(text, draft.file))
            draft.tensors[value.name] = Tensor(value.name, shape, dtype)
            draft.inputs.append(value.name)
    draft.outputs = [value.name for value in graph.output]
    _Folder(draft, types, origins).take(graph.node)
    missing = [name for name in draft.outputs if name not in draft.tensors]
    if missing:
        raise InputError(
            *(Problem(f"result '{n}' of the network is written by no node", draft.file) for n in missing)
        )
    return draft


class _Folder:
    """Walks nodes in order, entering tensors and nodes into a draft."""

    def __init__(self, draft: Draft, types: Mapping[str, Any], origins: Mapping[str, str]) -> None:
        self.draft, self.types, self.origins = draft, types, origins

    def take(self, protos: Any) -> None:
        """Enter the nodes of a graph."""
        by_name = {proto.name: proto for proto in protos}
        nodes = [
            Node(
                p.name, op_name(p), operand_names(p), tuple(p.output), origin=self.origins.get(p.name, p.name)
            )
            for p in protos
        ]
        for node in sort_nodes(nodes, set(self.draft.tensors), self.draft.file):
            try:
                self._enter(node, by_name[node.name])
            except (ValueError, KeyError, IndexError, TypeError) as error:
                text = f"attribute {error} is missing" if isinstance(error, KeyError) else str(error)
                raise self.draft.problem(node, text) from error

    def _enter(self, node: Node, proto: Any) -> None:
        tensors = self.draft.tensors
        if node.op == "Constant":
            tensors[node.outputs[0]] = constant_of(proto, Path(self.draft.file))
            return
        operands = [tensors[name] if name else None for name in node.inputs]
        if node.op == "If" and operands[0] is not None and operands[0].constant is not None:
            self._branch(node, proto, bool(operands[0].constant.array().item()))
            return
        node = replace(node, attrs=attributes(proto, node.op, self.draft.opset, len(node.outputs)))
        if node.op == "Resize" and len(operands) == 2:  # opset 10: no region of interest before the scales
            node = replace(node, inputs=(node.inputs[0], "", node.inputs[1]))
            operands = [operands[0], None, operands[1]]
        if node.op in ("QuantizeLinear", "DequantizeLinear"):
            quantops.check_conversion(node, operands)
        if node.op in ("Shape", "Size") and operands[0] is not None:
            self._shape(node, operands[0])
        elif node.op == "DequantizeLinear" and self._stored(node, operands):
            return
        elif node.op in QUANTIZED:
            self._quantized(node)
        elif self._folds(node, operands, proto):
            self._fold(node, operands, proto)
        else:
            self._emit(node, operands)

    def _folds(self, node: Node, operands: Operands, proto: Any) -> bool:
        known = all(operand is None or operand.constant is not None for operand in operands)
        primitive = proto.domain in ("", "ai.onnx") and node.op not in (*_RANDOM, *_CONTROL, *_RECURRENT)
        return known and primitive

    def _emit(self, node: Node, operands: Operands) -> None:
        """Enter a node that is computed during the run."""
        for name, tensor in zip(node.outputs, self._results(node, operands), strict=True):
            if name:
                self.draft.tensors[name] = tensor
        self.draft.nodes.append(settle(node, self.draft))

    def _fold(self, node: Node, operands: Operands, proto: Any) -> None:
        """Enter the results of a node over constants; they stay quantized where they can."""
        first = operands[0] if operands else None
        quant = _moved_quant(node, operands)
        if first is not None and quant is not None:
            operands = [replace(first, quant=None), *operands[1:]]
        results = self._results(node, operands)
        if node.op == "ConstantOfShape":
            made = [_fill(node, results[0])]
        else:
            made = lazily(proto, self.draft.opset, operands)
        for name, tensor, constant in zip(node.outputs, results, made, strict=True):
            if name:
                dtype = first.dtype if first is not None and quant is not None else tensor.dtype
                constant = _held(constant, dtype)
                self.draft.tensors[name] = replace(tensor, constant=constant, quant=quant, dtype=dtype)

    def _results(self, node: Node, operands: Operands) -> list[Tensor]:
        """Describe the results, by inference where it has an answer, else by the operator's own rule."""
        operands = [None if operand is None else as_real(operand) for operand in operands]
        inferred = [
            describe(self.types[name]) if name in self.types else (None, None) for name in node.outputs
        ]
        if node.attrs.get("ceil_mode", 0):
            inferred = self._pooled(node, operands, inferred)
        shapes = [shape for shape, _ in inferred]
        dtypes = [dtype for _, dtype in inferred]
        if any(name and shape is None for name, shape in zip(node.outputs, shapes, strict=True)):
            shapes = self._ruled_shapes(node, operands, shapes)
        if any(name and dtype is None for name, dtype in zip(node.outputs, dtypes, strict=True)):
            if node.op not in OPS:
                raise ValueError(f"the element type of its result '{node.outputs[0]}' is not known")
            ruled = OPS[node.op].dtypes(operands, node.attrs, len(node.outputs))
            dtypes = [dtype or other for dtype, other in zip(dtypes, ruled, strict=True)]
        return [
            Tensor(name, shape or (), dtype or "fp32")
            for name, shape, dtype in zip(node.outputs, shapes, dtypes, strict=True)
        ]

    def _pooled(self, node: Node, operands: Operands, inferred: list[Described]) -> list[Described]:
        """Description of a pooling whose extents are rounded up; a wrong one is dropped with all after it.

        No window starts in the padding at the end (ONNX since opset 19, and runtimes before). Inference of
        the onnx package counts such windows of an AveragePool.
        """
        ruled = OPS[node.op].shape(operands, node.attrs)
        if all(shape in (None, rule) for (shape, _), rule in zip(inferred, ruled, strict=False)):
            return inferred
        self.types = {}
        return [(None, dtype) for _, dtype in inferred]

    def _ruled_shapes(self, node: Node, operands: Operands, shapes: list[Shape | None]) -> list[Shape | None]:
        missing = next(
            name for name, shape in zip(node.outputs, shapes, strict=True) if name and shape is None
        )
        if node.op not in OPS:
            raise ValueError(
                f"the shape of its result '{missing}' is not known: the operator has no model, and the "
                "file states no shape (value_info) for it"
            )
        if node.op == "Reshape" and self.draft.resized:
            operands = _resized_target(operands, *self.draft.resized)
        try:
            ruled = OPS[node.op].shape(operands, node.attrs)
        except UnknownShape as error:
            raise ValueError(f"the shape of its result '{missing}' is not known: {error}") from error
        except ValueError as error:
            hint = "; the batch that the file fixes cannot be changed" if self.draft.resized else ""
            raise ValueError(f"{error}{hint}") from error
        return [ruled[i] if shape is None and i < len(ruled) else shape for i, shape in enumerate(shapes)]

    def _shape(self, node: Node, operand: Tensor) -> None:
        value = [operand.elements] if node.op == "Size" else list(extents(operand.shape, node.attrs))
        array = np.asarray(value[0] if node.op == "Size" else value, np.int64)
        name = node.outputs[0]
        self.draft.tensors[name] = Tensor(name, array.shape, "int64", constant=Constant(lambda: array))

    def _stored(self, node: Node, operands: Operands) -> bool:
        """Enter a dequantized constant as the stored integers and their scale; whether it is one."""
        stored, draft = operands[0], self.draft
        if stored is None or stored.constant is None:
            return False
        name, block = node.outputs[0], node.attrs.get("block_size", 0)
        scale, zero = (*node.inputs[1:], "")[:2]
        axis = node.attrs.get("axis", 1)
        if block:
            constants = [draft.tensors[each].constant if each else None for each in (scale, zero)]
            if constants[0] is None or (zero and constants[1] is None):
                return False
            blocks = Blocks(constants[0], constants[1], axis_of(axis, len(stored.shape)), block)
            draft.tensors[name] = replace(stored, name=name, blocks=blocks)
            draft.extras[name] = tuple(extra for extra in node.inputs[1:] if extra)
            return True
        quant = quantops.quant_of(draft, stored.name, scale, zero, axis)
        if quant is None:
            return False
        draft.tensors[name] = replace(stored, name=name, quant=quant)
        return True

    def _quantized(self, node: Node) -> None:
        """Enter an operator on quantized tensors in its plain form."""
        if node.op == "QLinearSoftmax":
            node = replace(node, attrs={"opset": self.draft.opset, **node.attrs})
        made = quantops.plain(node, self.draft)
        plain, give = made or (node, None)
        name = node.outputs[0]
        operands = [self.draft.tensors[i] if i else None for i in node.inputs]
        self._emit(plain, [self.draft.tensors[i] if i else None for i in plain.inputs])
        dtype = OPS[node.op].dtypes(operands, node.attrs, 1)[0]
        self.draft.tensors[name] = replace(self.draft.tensors[name], dtype=dtype)
        if give:
            give(name)

    def _branch(self, node: Node, proto: Any, taken: bool) -> None:
        """Enter the branch that a constant condition takes."""
        wanted = "then_branch" if taken else "else_branch"
        graph = next(attribute.g for attribute in proto.attribute if attribute.name == wanted)
        for initializer in graph.initializer:
            self.draft.tensors[initializer.name] = tensor_of(initializer, Path(self.draft.file))
        self.types = {**self.types, **{value.name: value.type for value in graph.value_info}}
        for i, inner in enumerate(graph.node):
            inner.name = f"{node.name}/{inner.name or i}"
        self.take(graph.node)
        for name, value in zip(node.outputs, graph.output, strict=True):
            tensor = self.draft.tensors[value.name]
            self.draft.tensors[name] = replace(tensor, name=name)
            if tensor.constant is None:
                self.draft.nodes.append(
                    Node(f"{node.name}/{name}", "Identity", (value.name,), (name,), origin=node.name)
                )


def _held(constant: Constant, dtype: str) -> Constant:
    """Value in the numpy type that holds an element type."""
    return Constant(lambda: constant.array().astype(NUMPY[dtype], copy=False))


def _fill(node: Node, result: Tensor) -> Constant:
    """One value everywhere, held once."""
    value: np.ndarray = np.ravel(node.attrs.get("value", np.float32(0)))[:1].astype(NUMPY[result.dtype])
    return Constant(lambda: np.broadcast_to(value.reshape((1,) * len(result.shape)), result.shape))


def _moved_quant(node: Node, operands: Operands) -> Quant | None:
    """Quantization of a stored constant after a view or transposition of it; None if it has or keeps none."""
    first = optional(operands, 0)
    if first is None or first.quant is None or not (is_alias(node.op) or node.op == "Transpose"):
        return None
    quant = first.quant
    if quant.axis is None:
        return quant
    if node.op == "Transpose":
        perm = node.attrs.get("perm") or tuple(reversed(range(len(first.shape))))
        return replace(quant, axis=perm.index(quant.axis))
    shape = OPS[node.op].shape(operands, node.attrs)[0]
    before, extent = prod(first.shape[: quant.axis]), first.shape[quant.axis]
    found = [i for i, n in enumerate(shape) if n == extent and prod(shape[:i]) == before]
    return replace(quant, axis=found[0]) if found else None


def _resized_target(operands: Operands, old: int, new: int) -> Operands:
    """Reshape's operands, with the batch that its constant target begins with changed to that asked for."""
    data, target = required(operands, 0), optional(operands, 1)
    if target is None or target.constant is None or target.elements == 0:
        return operands
    asked = [int(n) for n in target.constant.array()]
    whole = prod(n for n in asked if n != -1)
    fits = data.shape[:1] == (new,) if -1 in asked else data.elements * old == whole * new
    if asked[0] != old or not fits:
        return operands
    changed = np.asarray([new, *asked[1:]], np.int64)
    return [data, replace(target, constant=Constant(lambda: changed))]
