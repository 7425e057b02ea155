"""Padding, scales, biases and activations become part of the node before or after them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import inf, sqrt
from typing import Any

import numpy as np

from simulator.workload.epilogue import ACTIVATIONS
from simulator.workload.frontends.onnx.affine import absorb
from simulator.workload.frontends.onnx.draft import Draft
from simulator.workload.frontends.onnx.evaluate import real
from simulator.workload.graph import Node
from simulator.workload.op import OPS
from simulator.workload.tensor import FLOATS
from simulator.workload.window import axes, explicit

_WINDOWED = ("Conv", "MaxPool", "AveragePool")
#: Nothing becomes part of these: what is between two of them is computed on integers.
_CONVERSIONS = ("QuantizeLinear", "DequantizeLinear", "Cast")
_NOT_NEGATIVE = ("relu", "sigmoid", "hard_sigmoid")
#: Attributes of an activation and their defaults, as its epilogue's parameters.
_PARAMETERS = {
    "LeakyRelu": (("alpha", 0.01),),
    "Elu": (("alpha", 1.0),),
    "HardSigmoid": (("alpha", 0.2), ("beta", 0.5)),
}


def fuse(draft: Draft) -> None:
    """One sweep in topological order; every node is offered to the one that computes its operand."""
    _Fusion(draft).sweep()


class _Fusion:
    """The nodes that are left so far, and which of them computes what."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.uses: Counter[str] = draft.uses()
        self.kept: list[Node | None] = []
        self.maker: dict[str, int] = {}  # tensor -> index in kept

    def sweep(self) -> None:
        """Replace the draft's nodes by what is left of them."""
        for node in self.draft.nodes:
            self._take(self._recognized(node))
        self.draft.nodes = [node for node in self.kept if node is not None]

    def _take(self, node: Node) -> None:
        if node.op in _WINDOWED:
            node = self._padded(node)
        for name in dict.fromkeys(node.inputs[:2]):
            before = self._only_maker(name)
            if before is None:
                continue
            joined = absorb(before, node, self.draft) or self._activated(before, node)
            if joined is not None:
                self._replace(self.maker[name], joined)
                return
        self.kept.append(None)
        self._replace(len(self.kept) - 1, node)

    def _replace(self, place: int, node: Node) -> None:
        self.kept[place] = node
        self.maker.update({name: place for name in node.outputs if name})

    def _made(self, name: str, *ops: str) -> Node | None:
        """Node that computes a tensor, if it is one of some operators."""
        node = self.kept[self.maker[name]] if name in self.maker else None
        return node if node is not None and (not ops or node.op in ops) else None

    def _only_maker(self, name: str) -> Node | None:
        """Node with a single result that one node alone reads."""
        node = self._made(name) if self.uses[name] == 1 else None
        return node if node is not None and len([out for out in node.outputs if out]) == 1 else None

    def _activated(self, before: Node, node: Node) -> Node | None:
        """Return the node before with an activation on its way out."""
        if node.op not in ACTIVATIONS or node.epilogue or node.inputs[0] != before.outputs[0]:
            return None
        arithmetic = (
            before.op in OPS and OPS[before.op].arithmetic and before.op not in _CONVERSIONS
        )
        if (
            not arithmetic
            or before.op in ACTIVATIONS
            or self.draft.tensors[before.outputs[0]].dtype not in FLOATS
        ):
            return None
        found = self._parameters(node)
        if found is None:
            return None
        name = ACTIVATIONS[node.op].epilogue
        attrs = before.attrs if found == () else {**before.attrs, name: found}
        return replace(before, outputs=node.outputs, epilogue=(*before.epilogue, name), attrs=attrs)

    def _parameters(self, node: Node) -> tuple[Any, ...] | None:
        """Parameters of an activation, () if it has none, None if they are computed during the run."""
        if node.op == "Gelu":
            return () if node.attrs.get("approximate", "none") == "none" and len(node.inputs) == 1 else None
        if node.op == "Clip":
            if len(node.inputs) > 1:
                return None
            return (float(node.attrs.get("min", -inf)), float(node.attrs.get("max", inf)))
        return tuple(node.attrs.get(name, default) for name, default in _PARAMETERS.get(node.op, ()))

    def _recognized(self, node: Node) -> Node:
        """Return the activation for a product that spells out SiLU, HardSwish or GELU; others as they are."""
        for x, gate in (
            (node.inputs, node.inputs[::-1]) if node.op in ("Mul", "Div") and len(node.inputs) == 2 else ()
        ):
            found = self._gated(node, x, gate) or self._gelu(node, x, gate)
            if found is not None:
                return found
        return node

    def _gated(self, node: Node, x: str, gate: str) -> Node | None:
        """Match x · sigmoid(x), x · hard_sigmoid(x), x · clip(x + 3, 0, 6) / 6."""
        if node.op == "Mul" and self._inner(gate, x, "Sigmoid"):
            return self._rewritten(node, "Silu", x, gate)
        slope = self._inner(gate, x, "HardSigmoid") if node.op == "Mul" else None
        if (
            slope
            and abs(slope.attrs.get("alpha", 0.2) - 1 / 6) < 1e-4
            and slope.attrs.get("beta", 0.5) == 0.5
        ):
            return self._rewritten(node, "HardSwish", x, gate)
        if (node.op == "Div" and self._scalar(gate) == 6) or (
            node.op == "Mul" and _near(self._scalar(gate), 1 / 6)
        ):
            product = self._only_maker(x)
            for base, clipped in (
                (product.inputs, product.inputs[::-1]) if product and product.op == "Mul" else ()
            ):
                shifted = self._made(clipped, "Add") if self.uses[clipped] == 1 else None
                bounds = shifted.attrs.get("clip") if shifted and shifted.epilogue == ("clip",) else None
                if (
                    shifted
                    and bounds == (0.0, 6.0)
                    and base in shifted.inputs
                    and self._other(shifted, base) == 3
                ):
                    return self._rewritten(node, "HardSwish", base, x, clipped)
        return None

    def _gelu(self, node: Node, x: str, gate: str) -> Node | None:
        """Match x · (1 + erf(x / √2)) · 1/2 in the orders in which frameworks write it."""
        if node.op != "Mul":
            return None
        if self._scalar(gate) == 0.5:  # (x · (1 + erf)) · 1/2
            product = self._only_maker(x)
            for base, tail in (
                (product.inputs, product.inputs[::-1]) if product and product.op == "Mul" else ()
            ):
                inner = self._erf(tail, base)
                if inner is not None:
                    return self._rewritten(node, "Gelu", base, x, tail, *inner)
            return None
        half = self._only_maker(x)  # (x · 1/2) · (1 + erf)
        for base, factor in (half.inputs, half.inputs[::-1]) if half and half.op == "Mul" else ():
            inner = self._erf(gate, base) if self._scalar(factor) == 0.5 else None
            if inner is not None:
                return self._rewritten(node, "Gelu", base, x, gate, *inner)
        return None

    def _erf(self, name: str, base: str) -> tuple[str, str] | None:
        """Tensors inside 1 + erf(base / √2)."""
        tail = self._only_maker(name)
        if tail is None or tail.op != "Add" or tail.epilogue:
            return None
        for inner, one in (tail.inputs, tail.inputs[::-1]):
            function = self._only_maker(inner)
            if self._scalar(one) != 1 or function is None or function.op != "Erf":
                continue
            scaled = self._only_maker(function.inputs[0])
            if scaled is None or base not in scaled.inputs:
                continue
            factor = self._other(scaled, base)
            if (scaled.op == "Div" and _near(factor, sqrt(2))) or (
                scaled.op == "Mul" and _near(factor, sqrt(0.5))
            ):
                return inner, function.inputs[0]
        return None

    def _inner(self, name: str, x: str, op: str) -> Node | None:
        """Node of an operator that computes a tensor from x, read once."""
        node = self._only_maker(name)
        return node if node and node.op == op and node.inputs[0] == x and not node.epilogue else None

    def _scalar(self, name: str) -> float | None:
        tensor = self.draft.tensors[name]
        return float(real(tensor).array().item()) if tensor.constant and tensor.elements == 1 else None

    def _other(self, node: Node, name: str) -> float | None:
        """Value of the scalar that stands beside an operand."""
        return self._scalar(node.inputs[1] if node.inputs[0] == name else node.inputs[0])

    def _rewritten(self, node: Node, op: str, x: str, *inside: str) -> Node:
        """Return the activation in place of the nodes that spelled it out: x is read once again."""
        for name in inside:
            node_inside = self.kept[self.maker[name]]
            if node_inside is not None:
                self.uses.subtract([used for used in node_inside.inputs if used])
                self.kept[self.maker[name]] = None
        self.uses[x] += 1 - list(node.inputs).count(x)
        return replace(node, op=op, inputs=(x,), attrs={})

    def _padded(self, node: Node) -> Node:
        """Return a convolution or pooling with the padding before it as its own."""
        pad = self._only_maker(node.inputs[0])
        if pad is None or pad.op != "Pad" or node.attrs.get("ceil_mode", 0):
            return node
        around = self._spatial_pads(pad)
        if around is None or not self._may_pad(node, pad):
            return node
        source = self.draft.tensors[pad.inputs[0]]
        rank = len(source.shape) - 2
        kernel = (
            self.draft.tensors[node.inputs[1]].shape[2:] if node.op == "Conv" else node.attrs["kernel_shape"]
        )
        attrs = explicit(axes(self.draft.tensors[node.inputs[0]].shape[2:], kernel, node.attrs))
        own = attrs["pads"]
        if node.op == "AveragePool" and any(own):
            return node  # its own padding and the one before it may count differently
        attrs["pads"] = tuple(own[i] + around[i] for i in range(2 * rank))
        rest = {name: value for name, value in node.attrs.items() if name != "auto_pad"}
        if node.op == "AveragePool":
            rest["count_include_pad"] = 1
        self.kept[self.maker[node.inputs[0]]] = None
        return replace(node, inputs=(source.name, *node.inputs[1:]), attrs={**rest, **attrs})

    def _spatial_pads(self, pad: Node) -> tuple[int, ...] | None:
        """Begins, then ends of the spatial axes; None if other axes are padded or anything is cropped."""
        given = pad.attrs.get("pads")
        if "axes" in pad.attrs or len(pad.inputs) > 1:
            return None  # only some axes are listed, or something is computed during the run
        rank = len(self.draft.tensors[pad.inputs[0]].shape)
        if (
            given is None
            or len(given) != 2 * rank
            or min(given) < 0
            or any(given[i] for i in (0, 1, rank, rank + 1))
        ):
            return None
        return (*given[2:rank], *given[rank + 2 :])

    def _may_pad(self, node: Node, pad: Node) -> bool:
        """Whether what is padded with is what the node takes for padding."""
        if pad.attrs.get("mode", "constant") != "constant":
            return False
        value = float(np.ravel(pad.attrs.get("value", 0.0))[0])
        if node.op != "MaxPool":
            return value == 0
        before = self._made(pad.inputs[0])
        above_zero = (
            before is not None and before.epilogue[-1:] != () and before.epilogue[-1] in _NOT_NEGATIVE
        )
        return value == -inf or (value == 0 and above_zero)


def _near(value: float | None, wanted: float) -> bool:
    return value is not None and abs(value - wanted) < 1e-3 * abs(wanted)
