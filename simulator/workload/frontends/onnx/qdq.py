"""QuantizeLinear and DequantizeLinear around an operator become the element type and scale of its tensors.

A node whose operands are all dequantized and whose result is only quantized computes on integers, with
``requant`` on its way out. Products of dequantized operands do so even if their result stays real
(``dequant``). Every other conversion is a node of its own, because hardware has to do it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from simulator.workload.frontends.onnx.draft import Draft
from simulator.workload.frontends.onnx.evaluate import as_real
from simulator.workload.frontends.onnx.quantops import quant_of
from simulator.workload.frontends.onnx.simplify import drop_dead
from simulator.workload.graph import Node
from simulator.workload.op import OPS
from simulator.workload.tensor import FLOATS, Quant, Tensor

#: Operators that multiply by weights; a bias is their third operand.
PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_CONVERSIONS = ("QuantizeLinear", "DequantizeLinear")


def absorb_conversions(draft: Draft) -> None:
    """Fold conversions into their neighbours; scales and zero points end up in ``Tensor.quant``."""
    _share_scales(draft)
    if any(node.op in _CONVERSIONS for node in draft.nodes):
        other = {node.name for node in draft.nodes if not _annotate(node, draft)}
        draft.nodes = _commuted(draft, other)
        _Absorption(draft, other).run()
        draft.nodes = [node if node.name in other else _settled(node, draft) for node in draft.nodes]
        drop_dead(draft)
    _make_real(draft)


def _share_scales(draft: Draft) -> None:
    """Give stored integers that are only chosen or moved the scale that their neighbours know."""
    for nodes, known, unknown in ((draft.nodes, 0, 1), (draft.nodes[::-1], 1, 0)):
        for node in nodes:
            if _passes(node, draft):
                ends = [draft.tensors[name] for name in (node.inputs[0], node.outputs[0])]
                quant = ends[known].quant
                if quant is not None and quant.axis is None and ends[unknown].quant is None:
                    draft.tensors[ends[unknown].name] = replace(ends[unknown], quant=quant)


def _settled(node: Node, draft: Draft) -> Node:
    """Return a conversion without operands for scale and zero point where its tensor carries them."""
    integer = node.outputs[0] if node.op == "QuantizeLinear" else node.inputs[0] if node.inputs else ""
    known = node.op in _CONVERSIONS and draft.tensors[integer].quant is not None
    return replace(node, inputs=node.inputs[:1]) if known else node


def _annotate(node: Node, draft: Draft) -> bool:
    """Give the integer side of a conversion its scale; False if it has another one already.

    Integers may be dequantized by other parameters than they were quantized by: that changes their meaning,
    and such a conversion stays a node with operands of its own.
    """
    if node.op not in _CONVERSIONS or node.attrs.get("block_size", 0):
        return True
    zero = node.inputs[2] if len(node.inputs) > 2 else ""
    name = node.outputs[0] if node.op == "QuantizeLinear" else node.inputs[0]
    tensor = draft.tensors[name]
    quant = quant_of(draft, name, node.inputs[1], zero, node.attrs.get("axis", 1))
    if quant is None or tensor.quant is None:
        draft.tensors[name] = replace(tensor, quant=quant or tensor.quant)
        return quant is not None or tensor.quant is None
    return quant == tensor.quant


def _commuted(draft: Draft, other: set[str]) -> list[Node]:
    """Nodes with quantization moved before, and dequantization behind, what only passes values on.

    Both are the same numbers: choosing or moving values commutes with a monotonic function of each.
    """
    nodes = _commuted_forward(draft, list(draft.nodes), other)
    return _commuted_forward(draft, nodes[::-1], other, backwards=True)[::-1]


def _commuted_forward(
    draft: Draft, nodes: list[Node], other: set[str], backwards: bool = False
) -> list[Node]:
    """Swap (DequantizeLinear, mover) pairs; backwards: (mover, QuantizeLinear) pairs, over reversed nodes."""
    op = "QuantizeLinear" if backwards else "DequantizeLinear"
    uses = draft.uses()
    place: dict[str, int] = {}  # the conversion's tensor that a mover would touch -> index
    for i, node in enumerate(nodes):
        if node.op == op and node.name not in other:
            place[node.inputs[0] if backwards else node.outputs[0]] = i
            continue
        touched = node.outputs[0] if backwards else (node.inputs[0] if node.inputs else "")
        if touched not in place or uses[touched] != 1 or not _passes(node, draft):
            continue
        at = place.pop(touched)
        conversion = nodes[at]
        stored = conversion.outputs[0] if backwards else conversion.inputs[0]
        quant = draft.tensors[stored].quant
        if quant is None or quant.axis is not None:
            continue
        first, last = (node, conversion) if backwards else (conversion, node)
        dtype = draft.tensors[stored].dtype
        middle_shape = draft.tensors[first.inputs[0] if backwards else last.outputs[0]].shape
        middle = draft.add(f"{node.name}.{dtype}", middle_shape, dtype, None)
        draft.tensors[middle] = replace(draft.tensors[middle], quant=quant)
        mover_in, mover_out = (middle, last.outputs[0]) if backwards else (first.inputs[0], middle)
        moved = replace(node, inputs=(mover_in, *node.inputs[1:]), outputs=(mover_out,))
        if backwards:
            changed = replace(conversion, inputs=(node.inputs[0], *conversion.inputs[1:]), outputs=(middle,))
            place[node.inputs[0]] = i
        else:
            changed = replace(conversion, inputs=(middle, *conversion.inputs[1:]), outputs=node.outputs)
            place[node.outputs[0]] = i
        nodes[at], nodes[i] = moved, changed
    return nodes


def _passes(node: Node, draft: Draft) -> bool:
    """Whether a node of one operand and one result only chooses or moves values."""
    data = [name for name in node.inputs if name and draft.tensors[name].constant is None]
    known = node.op in OPS and OPS[node.op].keeps_values and node.op not in ("Clip", "Relu", "Pad", "Scatter")
    single = len(data) == 1 and len([name for name in node.outputs if name]) == 1
    return (
        known and single and not node.epilogue and node.inputs[0] == data[0] and node.op not in ("Max", "Min")
    )


class _Absorption:
    """Which tensors are dequantized from what, and who reads them."""

    def __init__(self, draft: Draft, other: set[str]) -> None:
        self.draft, self.other = draft, other
        self.uses: Counter[str] = draft.uses()
        self.stored = {
            node.outputs[0]: node.inputs[0]
            for node in draft.nodes
            if node.op == "DequantizeLinear" and draft.tensors[node.inputs[0]].quant is not None
            if node.name not in other
        }
        self.quantizers: dict[str, Node] = {}  # real tensor -> the only quantization of it
        for node in draft.nodes:
            known = node.op == "QuantizeLinear" and draft.tensors[node.outputs[0]].quant is not None
            if known and node.name not in other:
                self.quantizers[node.inputs[0]] = node

    def run(self) -> None:
        """Replace the draft's nodes."""
        gone: set[str] = set()  # quantizations that became part of the node before them
        nodes: list[Node] = []
        for node in self.draft.nodes:
            if node.op == "QuantizeLinear" and node.inputs[0] in self.stored and node.name not in self.other:
                same = self._same_scale(node)
                nodes.append(replace(node, op="Identity", inputs=(same,), attrs={}) if same else node)
            elif node.op in _CONVERSIONS:
                nodes.append(node)
            else:
                nodes.append(self._absorbed(node, gone))
        self.draft.nodes = [node for node in nodes if node.name not in gone]

    def _absorbed(self, node: Node, gone: set[str]) -> Node:
        ends = [self._quantizer(name) for name in node.outputs if name]
        quantized = bool(ends) and all(end is not None for end in ends)
        if node.op in PRODUCTS:
            if not all(self._integer(name) for name in node.inputs[:2]):
                return node
        elif not quantized or not self._all_integer(node):
            return node
        inputs = tuple(self.stored.get(name, name) for name in node.inputs)
        if node.op in PRODUCTS and len(inputs) > 2 and not self._joins_sums(inputs):
            inputs = (*inputs[:2], _made_real(node.inputs[2], self.draft))
        epilogue = node.epilogue
        outputs = node.outputs
        if quantized:
            gone.update(end.name for end in ends if end)
            outputs = tuple(end.outputs[0] for end in ends if end)
            if not self._passes_scale(node, inputs, outputs):
                epilogue = (*epilogue, "requant")
        else:
            epilogue = (
                ("dequant", *epilogue) if epilogue[:1] != ("bias",) else ("bias", "dequant", *epilogue[1:])
            )
        return replace(node, inputs=inputs, outputs=outputs, epilogue=epilogue)

    def _joins_sums(self, inputs: tuple[str, ...]) -> bool:
        """Whether a stored bias is at the scale of the sums, so that these can begin with its integers.

        Scales are products that were rounded to float32, one way or another. Any other bias is added as the
        real numbers that it stands for.
        """
        ifmap, weight, bias = (self.draft.tensors[name].quant if name else None for name in inputs[:3])
        if ifmap is None or weight is None or bias is None:
            return True
        if any(bias.zero_point) or len(bias.scale) not in (1, len(weight.scale)):
            return False
        return np.allclose(bias.scale, np.array(ifmap.scale) * np.array(weight.scale), rtol=1e-5, atol=0)

    def _quantizer(self, name: str) -> Node | None:
        """Return the quantization that alone reads a tensor."""
        return self.quantizers.get(name) if self.uses[name] == 1 else None

    def _integer(self, name: str) -> bool:
        tensor = self.draft.tensors[name]
        return name in self.stored or (tensor.constant is not None and tensor.quant is not None)

    def _all_integer(self, node: Node) -> bool:
        """Whether every real operand is dequantized, or a scalar; and one is."""
        real = [name for name in node.inputs if name and self.draft.tensors[name].dtype in FLOATS]
        integer = [name for name in node.inputs if name and self._integer(name)]
        scalars = [n for n in real if self.draft.tensors[n].constant and self.draft.tensors[n].elements == 1]
        return bool(integer) and all(name in self.stored or name in scalars for name in real)

    def _passes_scale(self, node: Node, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> bool:
        """Whether values leave with the scale with which they came, so that nothing is left to do."""
        quants = {self.draft.tensors[name].quant for name in (*inputs, *outputs) if name}
        quants.discard(None)
        return node.op in OPS and OPS[node.op].keeps_values and len(quants) == 1

    def _same_scale(self, node: Node) -> str | None:
        """Return stored operand of a dequantization that this quantization undoes exactly."""
        stored, result = self.draft.tensors[self.stored[node.inputs[0]]], self.draft.tensors[node.outputs[0]]
        return stored.name if stored.quant == result.quant and stored.dtype == result.dtype else None


def _make_real(draft: Draft) -> None:
    """Make stored constants real where an operator on reals reads them; weights of products stay stored."""
    nodes = []
    for node in draft.nodes:
        first = draft.tensors[node.inputs[0]] if node.inputs and node.inputs[0] else None
        integers = first is not None and first.quant is not None and first.constant is None
        nodes.append(node if integers else replace(node, inputs=_real_inputs(node, draft)))
    draft.nodes = nodes


def _real_inputs(node: Node, draft: Draft) -> tuple[str, ...]:
    names = []
    for i, name in enumerate(node.inputs):
        tensor: Tensor | None = draft.tensors.get(name)
        weight = node.op in PRODUCTS and i in (1, 2)
        stored = tensor is not None and tensor.constant and isinstance(tensor.quant, Quant) and not weight
        names.append(_made_real(name, draft) if stored else name)
    return tuple(names)


def _made_real(name: str, draft: Draft) -> str:
    """Name of the real numbers that a stored constant stands for; what is computed keeps its own."""
    tensor = draft.tensors[name]
    if tensor.constant is None:
        return name
    draft.tensors.setdefault(f"{name}.real", replace(as_real(tensor), name=f"{name}.real"))
    return f"{name}.real"
