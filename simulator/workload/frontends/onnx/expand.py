"""Composite operators become the primitive nodes of their function bodies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from simulator.workload.frontends.onnx.read import Source
from simulator.workload.op import is_modelled

_DEEPEST = 8  # functions within functions
#: Read or decomposed by the reader itself, or without a body that it could use.
_KEPT = ("Constant", "LSTM", "GRU", "RNN", "If", "Loop", "Scan", "SequenceMap")

#: Operators of com.microsoft that have a model under the same name, or mean what ONNX's mean.
MICROSOFT = (
    "BiasGelu", "DequantizeLinear", "FastGelu", "FusedMatMul", "Gelu", "LayerNormalization", "MatMulNBits",
    "QGemm", "QLinearAdd", "QLinearAveragePool", "QLinearConcat", "QLinearGlobalAveragePool",
    "QLinearLeakyRelu", "QLinearMul", "QLinearReduceMean", "QLinearSigmoid", "QLinearSoftmax", "QLinearWhere",
    "QuantizeLinear", "QuickGelu", "SimplifiedLayerNormalization", "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization", "Trilu",
)  # fmt: skip


def op_name(node: Any) -> str:
    """Name of a node's operator: bare for ONNX's own and what means the same, else with its domain."""
    if node.domain in ("", "ai.onnx") or (node.domain == "com.microsoft" and node.op_type in MICROSOFT):
        return node.op_type
    return f"{node.domain}.{node.op_type}"


def expand(source: Source, infer_types: Callable[[], Mapping[str, Any]]) -> dict[str, str]:
    """Replace composite nodes of the model, in place, until none is left that has a body.

    Parameters
    ----------
    source
        Its model is changed.
    infer_types
        Gives tensor name -> TypeProto of the model as it is, as far as known: some bodies depend on them.

    Returns
    -------
    dict
        New node's name -> name of the composite of the file that it came from.
    """
    origins: dict[str, str] = {}
    for _ in range(_DEEPEST):
        if not _has_composites(source) or not _expand_once(source, infer_types(), origins):
            break
    return origins


def _expand_once(source: Source, types: Mapping[str, Any], origins: dict[str, str]) -> bool:
    local = {(function.domain, function.name): function for function in source.model.functions}
    nodes: list[Any] = []
    changed = False
    for node in source.model.graph.node:
        function = local.get((node.domain, node.op_type)) or _schema_body(node, source.opset, types)
        if function is None:
            nodes.append(node)
            continue
        changed = True
        body = _instantiate(node, function)
        for inner in body:
            origins[inner.name] = origins.get(node.name, node.name)
        nodes += body
    if changed:
        copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
        del source.model.graph.node[:]
        source.model.graph.node.extend(copies)
    return changed


def _has_composites(source: Source) -> bool:
    return bool(source.model.functions) or any(_may_expand(node) for node in source.model.graph.node)


def _may_expand(node: Any) -> bool:
    return node.domain in ("", "ai.onnx") and node.op_type not in _KEPT and not is_modelled(node.op_type)


def _schema_body(node: Any, opset: int, types: Mapping[str, Any]) -> Any:
    """FunctionProto of an operator of the standard, None if it is primitive or modelled."""
    if not _may_expand(node):
        return None
    import onnx  # heavy: loaded with the file

    try:
        schema: Any = onnx.defs.get_schema(node.op_type, opset, "")
    except onnx.defs.SchemaError:
        return None
    defaults = [a.default_value for a in schema.attributes.values() if a.default_value.name]
    for version in reversed([v for v in schema.function_opset_versions if v <= opset]):
        function = onnx.FunctionProto.FromString(schema.get_function_with_opset_version(version))
        function.attribute_proto.extend(defaults)
        return function
    for version in reversed([v for v in schema.context_dependent_function_opset_versions if v <= opset]):
        if all(name in types for name in node.input if name):
            operands = [types[name].SerializeToString() if name else b"" for name in node.input]
            body = schema.get_context_dependent_function_with_opset_version(
                version, node.SerializeToString(), operands
            )
            function = onnx.FunctionProto.FromString(body)
            function.attribute_proto.extend(defaults)
            return function if function.node else None
    return None


def _instantiate(node: Any, function: Any) -> list[Any]:
    """Nodes of a function body over the operands and results of the node that calls it."""
    names = dict(zip(function.input, list(node.input) + [""] * len(function.input), strict=False))
    names.update({name: actual for name, actual in zip(function.output, node.output, strict=False) if actual})
    attributes = {attribute.name: attribute for attribute in function.attribute_proto}
    attributes.update({attribute.name: attribute for attribute in node.attribute})
    body = []
    for i, inner in enumerate(function.node):
        copy = type(inner).FromString(inner.SerializeToString())
        copy.name = f"{node.name}/{next(iter(inner.output), i)}"
        _rename(copy, names, f"{node.name}/", attributes)
        body.append(copy)
    return body


def _rename(node: Any, names: dict[str, str], prefix: str, attributes: Mapping[str, Any]) -> None:
    """Give the tensors of a body their names outside it, and its attributes their values, in place."""
    for values in (node.input, node.output):
        for i, name in enumerate(values):
            if name:
                values[i] = names.setdefault(name, prefix + name)
    for i in reversed(range(len(node.attribute))):
        attribute = node.attribute[i]
        if attribute.ref_attr_name:
            given = attributes.get(attribute.ref_attr_name)
            if given is None:
                del node.attribute[i]
                continue
            name = attribute.name
            attribute.CopyFrom(given)
            attribute.name = name
        for graph in (
            (attribute.g, *attribute.graphs) if attribute.type in (attribute.GRAPH, attribute.GRAPHS) else ()
        ):
            for value in (*graph.input, *graph.output, *graph.initializer):
                value.name = names.setdefault(value.name, prefix + value.name)
            for inner in graph.node:
                inner.name = prefix + inner.name
                _rename(inner, names, prefix, attributes)
