"""Constant scales and shifts per channel become part of the weights and the bias before them, unevaluated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from simulator.workload.frontends.onnx.draft import Draft
from simulator.workload.frontends.onnx.evaluate import real
from simulator.workload.graph import Node
from simulator.workload.tensor import Constant, Tensor

_PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_EPSILON = 1e-5  # ONNX's default of BatchNormalization
_Make = Callable[[], np.ndarray]


@dataclass(frozen=True)
class _Affine:
    """y = x · scale + shift per channel; None: no such part. Each gives an array of shape (channels,)."""

    scale: _Make | None
    shift: _Make | None


def absorb(before: Node, node: Node, draft: Draft) -> Node | None:
    """Join a constant scale or shift ``node`` with the node before it; None if that cannot be.

    ``before`` is a product or a BatchNormalization without an activation; whoever asks has checked that
    nothing else reads its result.
    """
    if before.op not in (*_PRODUCTS, "BatchNormalization") or before.epilogue not in ((), ("bias",)):
        return None
    channels, axis = _channels(before, draft)
    affine = _affine(node, before.outputs[0], channels, axis, draft) if channels else None
    if affine is None:
        return None
    if before.op == "BatchNormalization":
        return _into_normalization(before, node, affine, draft)
    if not _can_absorb(before, affine, draft):
        return None
    stored = _stored_bias(before, node, channels, draft)
    if stored:
        return replace(before, inputs=(*before.inputs, stored), outputs=node.outputs, epilogue=("bias",))
    return _into_product(before, node, affine, channels, draft)


def _stored_bias(before: Node, node: Node, channels: int, draft: Draft) -> str:
    """Name of an integer bias with a scale, which stays as it is stored; "" if what is added is none."""
    if node.op != "Add" or len(before.inputs) > 2:
        return ""
    added = draft.tensors[next(name for name in node.inputs if name != before.outputs[0])]
    return added.name if added.quant is not None and added.elements == channels else ""


def _channels(node: Node, draft: Draft) -> tuple[int, int]:
    """Return number and axis of the channels of a result; 0 where it has none."""
    shape = draft.tensors[node.outputs[0]].shape
    if len(shape) < 2:
        return 0, 0
    axis = len(shape) - 1 if node.op in ("Gemm", "MatMul") else 1
    return shape[axis], axis


def _affine(node: Node, result: str, channels: int, axis: int, draft: Draft) -> _Affine | None:
    """Return what a node does to its operand ``result`` per channel; None if that is not constant."""
    rank = len(draft.tensors[result].shape)
    if node.op == "BatchNormalization" and node.inputs[0] == result and axis == 1:
        return _normalization(node, draft)
    if (
        node.op not in ("Mul", "Div", "Add", "Sub")
        or len(node.inputs) != 2
        or node.inputs[0] == node.inputs[1]
    ):
        return None
    place = 1 if node.inputs[0] == result else 0
    if place == 0 and node.op in ("Div", "Sub"):
        return None
    vector = _vector(draft.tensors[node.inputs[place]], channels, axis, rank)
    if vector is None or draft.tensors[node.outputs[0]].shape != draft.tensors[result].shape:
        return None
    return {
        "Mul": _Affine(vector, None),
        "Div": _Affine(lambda: 1 / vector(), None),
        "Add": _Affine(None, vector),
        "Sub": _Affine(None, lambda: -vector()),
    }[node.op]


def _vector(tensor: Tensor, channels: int, axis: int, rank: int) -> _Make | None:
    """Return a constant that broadcasts along the channel axis alone, as one value per channel."""
    constant = tensor.constant
    shape = (1,) * (rank - len(tensor.shape)) + tensor.shape
    if constant is None or len(shape) != rank:
        return None
    if any(n != 1 and (i != axis or n != channels) for i, n in enumerate(shape)):
        return None
    value = real(tensor)
    return lambda: np.broadcast_to(np.ravel(value.array()), (channels,))


def _normalization(node: Node, draft: Draft) -> _Affine | None:
    """Scale and shift of a BatchNormalization at inference."""
    constants = [draft.tensors[name].constant for name in node.inputs[1:5]]
    if len(constants) != 4 or not all(constants) or node.attrs.get("training_mode", 0):
        return None
    scale, bias, mean, variance = [constant for constant in constants if constant]
    epsilon = node.attrs.get("epsilon", _EPSILON)

    def factor() -> np.ndarray:
        return scale.array() / np.sqrt(variance.array() + np.float32(epsilon))

    return _Affine(factor, lambda: bias.array() - mean.array() * factor())


def _can_absorb(before: Node, affine: _Affine, draft: Draft) -> bool:
    weight, bias = draft.tensors[before.inputs[1]], _bias(before, draft)
    if bias is not None and (bias.constant is None or bias.quant is not None):
        return False
    if len(before.inputs) > 2 and bias is None:
        return False  # Gemm that adds a matrix
    plain = before.attrs.get("alpha", 1.0) == 1.0 and before.attrs.get("beta", 1.0) == 1.0
    if affine.scale is None:
        return plain
    # A product of two computed operands has no weights; stored integers keep their scale.
    matrix = before.op != "MatMul" or len(weight.shape) == 2
    return plain and matrix and weight.constant is not None and weight.quant is None and weight.blocks is None


def _bias(node: Node, draft: Draft) -> Tensor | None:
    return draft.tensors[node.inputs[2]] if "bias" in node.epilogue else None


def _into_product(before: Node, node: Node, affine: _Affine, channels: int, draft: Draft) -> Node:
    weight, bias = draft.tensors[before.inputs[1]], _bias(before, draft)
    name = before.inputs[1]
    if affine.scale is not None:
        scaled = _scaled(before, weight, affine.scale)
        name = draft.add(f"{before.name}.weight", weight.shape, weight.dtype, scaled, over=name)
    old = bias.constant if bias else None
    dtype = bias.dtype if bias else draft.tensors[before.outputs[0]].dtype

    def make() -> np.ndarray:
        value = np.zeros(channels, np.float32) if old is None else np.ravel(old.array())
        value = np.broadcast_to(value, (channels,))
        if affine.scale is not None:
            value = value * affine.scale()
        if affine.shift is not None:
            value = value + affine.shift()
        return np.asarray(value, np.float32 if old is None else old.array().dtype)

    if bias is None and affine.shift is None:
        return replace(before, inputs=(before.inputs[0], name), outputs=node.outputs)
    added = draft.add(f"{before.name}.bias", (channels,), dtype, make, over=bias.name if bias else "")
    return replace(before, inputs=(before.inputs[0], name, added), outputs=node.outputs, epilogue=("bias",))


def _scaled(node: Node, weight: Tensor, scale: _Make) -> _Make:
    """Weights with every output channel scaled."""
    constant, shape = weight.constant, weight.shape
    assert constant is not None, "checked by _can_absorb"
    if node.op == "ConvTranspose":
        groups = node.attrs.get("group", 1)

        def make() -> np.ndarray:
            grouped = constant.array().reshape(groups, -1, *shape[1:])
            factors = scale().reshape(groups, 1, shape[1], *(1 for _ in shape[2:]))
            return (grouped * factors).reshape(shape).astype(grouped.dtype)

        return make
    first = node.op == "Conv" or (node.op == "Gemm" and node.attrs.get("transB", 0))
    spread = (-1, *(1 for _ in shape[1:])) if first else (1, -1)
    return lambda: (constant.array() * scale().reshape(spread)).astype(constant.array().dtype)


def _into_normalization(before: Node, node: Node, affine: _Affine, draft: Draft) -> Node | None:
    """BatchNormalization with scale and bias changed: (n·γ + β)·s + t = n·(γ·s) + (β·s + t)."""
    own = [draft.tensors[name] for name in before.inputs[1:3]]
    gamma, beta = (tensor.constant for tensor in own)
    if gamma is None or beta is None or before.attrs.get("training_mode", 0):
        return None
    scale, bias = before.inputs[1:3]
    if affine.scale is not None:
        scale = _composed(draft, f"{before.name}.scale", own[0], gamma, affine.scale, None)
    bias = _composed(draft, f"{before.name}.bias", own[1], beta, affine.scale, affine.shift)
    return replace(before, inputs=(before.inputs[0], scale, bias, *before.inputs[3:]), outputs=node.outputs)


def _composed(
    draft: Draft, name: str, old: Tensor, value: Constant, scale: _Make | None, shift: _Make | None
) -> str:
    def make() -> np.ndarray:
        array = value.array()
        scaled = array if scale is None else array * scale()
        return (scaled if shift is None else scaled + shift()).astype(array.dtype)

    return draft.add(name, old.shape, old.dtype, make, over=old.name)
