"""Removes nodes that change nothing and nodes whose results nothing reads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulator.workload.frontends.onnx.draft import Draft
from simulator.workload.frontends.onnx.evaluate import real
from simulator.workload.graph import Node
from simulator.workload.tensor import Tensor

#: Operators that give their first operand back when its shape and type do not change.
_SAME_SHAPE = (
    "Reshape",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "Expand",
    "Tile",
    "Pad",
    "Slice",
    "Resize",
    "Upsample",
)
#: Operators that give their operand back when it is the only one.
_SINGLE = ("Concat", "Sum", "Mean", "Max", "Min", "Einsum")


def simplify(draft: Draft, largest: int = 1) -> None:
    """Remove Identity, inference-time Dropout and everything else without effect, then dead nodes.

    ``largest`` is the number of elements up to which a constant operand is evaluated to see whether it does
    anything.
    """
    drop_dead(draft)
    draft.nodes = [_as_view(node, draft) for node in draft.nodes]
    names: dict[str, str] = {}
    kept: list[Node] = []
    uses = draft.uses()
    for node in draft.nodes:
        source = _unchanged(node, draft, uses, largest)
        if source is None or not _bypass(node.outputs[0], _final(source, names), names, draft):
            kept.append(node)
    draft.nodes = kept
    draft.rename({old: _final(old, names) for old in names})
    drop_dead(draft)


def drop_dead(draft: Draft) -> None:
    """Remove nodes whose results neither the network gives nor another node reads."""
    wanted = set(draft.outputs)
    kept = []
    for node in reversed(draft.nodes):
        if wanted.intersection(node.outputs):
            kept.append(node)
            wanted.update(node.inputs)
    draft.nodes = kept[::-1]


def _bypass(result: str, source: str, names: dict[str, str], draft: Draft) -> bool:
    """Let readers of a result read its source; whether that can be.

    A result of the network keeps its name, so that its source takes it, unless that has a name to keep as
    well.
    """
    if result not in draft.outputs:
        names[result] = source
        return True
    fixed = source in draft.outputs or source in draft.inputs or draft.tensors[source].constant is not None
    if fixed:
        return False
    names[source] = result
    draft.tensors[result] = replace(draft.tensors[source], name=result)
    return True


def _final(name: str, names: dict[str, str]) -> str:
    while name in names:
        name = names[name]
    return name


def _unchanged(node: Node, draft: Draft, uses: dict[str, int], largest: int) -> str | None:
    """Operand that a node gives back as it is; None if it does something."""
    if not node.inputs or not node.inputs[0] or any(uses[name] for name in node.outputs[1:]):
        return None
    source, result = draft.tensors[node.inputs[0]], draft.tensors[node.outputs[0]]
    if node.epilogue or (source.dtype != result.dtype and node.op != "Where"):
        return None
    if node.op in ("Identity", "Dropout", "Cast", "CastLike"):
        return source.name
    if source.shape == result.shape and (
        node.op in _SAME_SHAPE
        or (node.op in _SINGLE and len(node.inputs) == 1 and not node.attrs.get("equation"))
    ):
        return source.name
    if node.op == "Split" and len(node.outputs) == 1:
        return source.name
    return _neutral(node, draft, largest)


def _neutral(node: Node, draft: Draft, largest: int) -> str | None:
    """Operand that adding zeros, multiplying by ones, or a selection known before the run leaves as it is."""
    if node.op == "Where":
        condition = draft.tensors[node.inputs[0]]
        value = _value(condition, largest)
        chosen = None if value is None else 1 if value.all() else None if value.any() else 2
        return None if chosen is None else _of_full_shape(node.inputs[chosen], node, draft)
    if node.op not in ("Add", "Sub", "Mul", "Div") or len(node.inputs) != 2:
        return None
    neutral = 0 if node.op in ("Add", "Sub") else 1
    for i in (1, 0) if node.op in ("Add", "Mul") else (1,):
        value = _value(draft.tensors[node.inputs[i]], largest)
        if value is not None and (value == neutral).all():
            return _of_full_shape(node.inputs[1 - i], node, draft)
    return None


def _value(tensor: Tensor, largest: int) -> np.ndarray | None:
    return real(tensor).array() if tensor.constant is not None and tensor.elements <= largest else None


def _of_full_shape(name: str, node: Node, draft: Draft) -> str | None:
    """Return the operand if it is computed and has the shape and type of the result."""
    operand, result = draft.tensors[name], draft.tensors[node.outputs[0]]
    fits = operand.constant is None and operand.shape == result.shape and operand.dtype == result.dtype
    return name if fits else None


def _as_view(node: Node, draft: Draft) -> Node:
    """Make a transposition that moves axes of extent 1 alone a Reshape: the bytes stay where they are."""
    if node.op != "Transpose":
        return node
    shape = draft.tensors[node.inputs[0]].shape
    perm = node.attrs.get("perm") or tuple(reversed(range(len(shape))))
    long = [axis for axis in perm if shape[axis] != 1]
    if long != sorted(long):
        return node
    return replace(
        node, op="Reshape", inputs=node.inputs[:1], attrs={"shape": draft.tensors[node.outputs[0]].shape}
    )
