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
from simulator.workload.op import OPS, Attrs
from simulator.workload.ops.quantized import QUANTIZED
from simulator.workload.tensor import FLOATS, Quant, Tensor

#: Operators that multiply by weights; a bias is their third operand.
PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_CONVERSIONS = ("QuantizeLinear", "DequantizeLinear")
_SCALED = {"requant", "dequant"}
_OF_INTEGERS = ("MatMulInteger", "ConvInteger")  # by their definition whatever the scale


def absorb_conversions(draft: Draft) -> None:
    """Fold conversions into their neighbours; scales and zero points end up in ``Tensor.quant``."""
    _share_scales(draft)
    if any(node.op in _CONVERSIONS for node in draft.nodes):
        other = _annotated(draft)
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


def _annotated(draft: Draft) -> set[str]:
    """Give stored integers the scales of their conversions; names of the conversions that keep theirs apart.

    Integers may be dequantized by other parameters than they were quantized by: that changes their meaning,
    and such a conversion stays a node with operands of its own. So do all conversions of integers on which
    an operator computes as such, and of integers that are only moved if their scales differ or are several:
    moved, they would be other channels.
    """
    groups = _groups(draft)
    sizes = Counter(groups.values())
    apart = {groups[name] for name in _read_as_integers(draft)}
    conversions = [n for n in draft.nodes if n.op in _CONVERSIONS and not n.attrs.get("block_size", 0)]
    found: dict[str, list[Quant | None]] = {}
    for node in conversions:
        found.setdefault(groups[_integers(node)], []).append(_quant(node, draft))
    for name, group in groups.items():
        if sizes[group] > 1 and draft.tensors[name].quant is not None and group in found:
            found[group].append(draft.tensors[name].quant)
    for group, quants in found.items():
        one = len(set(quants)) == 1 and (quants[0] is None or quants[0].axis is None)
        if sizes[group] > 1 and not one:
            apart.add(group)
    other = set()
    for node in conversions:
        name, quant = _integers(node), _quant(node, draft)
        known = draft.tensors[name].quant
        if groups[name] in apart or (known is not None and quant != known):
            other.add(node.name)
        elif quant is not None and known is None:
            moved = [each for each, group in groups.items() if group == groups[name]]
            draft.tensors.update({each: replace(draft.tensors[each], quant=quant) for each in moved})
    return other


def _integers(conversion: Node) -> str:
    """Tensor on the integer side of a conversion."""
    return conversion.outputs[0] if conversion.op == "QuantizeLinear" else conversion.inputs[0]


def _quant(conversion: Node, draft: Draft) -> Quant | None:
    """Parameters of a conversion; None if they are computed during the run."""
    zero = conversion.inputs[2] if len(conversion.inputs) > 2 else ""
    axis = conversion.attrs.get("axis", 1)
    return quant_of(draft, _integers(conversion), conversion.inputs[1], zero, axis)


def _groups(draft: Draft) -> dict[str, str]:
    """Tensor -> the tensor of which it holds the same stored integers, chosen or moved; else itself."""
    groups = {name: name for name in draft.tensors}
    for node in draft.nodes:
        if _passes(node, draft) and draft.tensors[node.inputs[0]].dtype not in FLOATS:
            groups[node.outputs[0]] = groups[node.inputs[0]]
    return groups


def _read_as_integers(draft: Draft) -> set[str]:
    """Computed integers on which an operator works without regard to a scale, movers apart."""
    names = set()
    for node in draft.nodes:
        by_name = node.op in (*_CONVERSIONS, *QUANTIZED, *_OF_INTEGERS)
        scaled = by_name or any(draft.tensors[name].quant for name in node.outputs if name)
        if scaled or not _SCALED.isdisjoint(node.epilogue) or _passes(node, draft):
            continue
        operands = [draft.tensors[name] for name in node.inputs if name]
        names |= {each.name for each in operands if each.constant is None and each.dtype not in FLOATS}
    return names


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
        self.quantizers: dict[str, Node] = {}  # real tensor -> the only quantization of it, by one scale
        for node in draft.nodes:
            if node.op == "QuantizeLinear" and node.name not in other and self._single(node.outputs[0]):
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
            if not all(self._integer(name) for name in node.inputs[:2]) or not self._factors_out(node):
                return node
        elif not quantized or not self._all_integer(node):
            return node
        inputs = tuple(self.stored.get(name, name) for name in node.inputs)
        scaled = node.attrs.get("alpha", 1.0) != 1.0  # Gemm's bias is added to the scaled product
        if node.op in PRODUCTS and len(inputs) > 2 and (scaled or not self._joins_sums(inputs)):
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

    def _single(self, name: str) -> bool:
        """Whether a tensor has one scale."""
        quant = self.draft.tensors[name].quant
        return quant is not None and quant.axis is None

    def _factors_out(self, node: Node) -> bool:
        """Whether all that a sum of products adds up has one scale, and what is added to it a place there.

        Scales of the weights may differ between output channels, along no other axis.
        """
        first, second = (self.draft.tensors[self.stored.get(name, name)] for name in node.inputs[:2])
        if first.quant is None or second.quant is None or first.quant.axis is not None:
            return False
        if node.op == "Gemm" and any(node.inputs[2:3]) and "bias" not in node.epilogue:
            return False
        return second.quant.axis in (None, channels_of(node.op, node.attrs, len(second.shape)))

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
        single = all(self._single(self.stored.get(name, name)) for name in integer)
        return bool(integer) and single and all(name in self.stored or name in scalars for name in real)

    def _passes_scale(self, node: Node, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> bool:
        """Whether values leave with the scale with which they came, so that nothing is left to do."""
        quants = {self.draft.tensors[name].quant for name in (*inputs, *outputs) if name}
        quants.discard(None)
        return node.op in OPS and OPS[node.op].keeps_values and len(quants) == 1

    def _same_scale(self, node: Node) -> str | None:
        """Return stored operand of a dequantization that this quantization undoes exactly."""
        stored, result = self.draft.tensors[self.stored[node.inputs[0]]], self.draft.tensors[node.outputs[0]]
        return stored.name if stored.quant == result.quant and stored.dtype == result.dtype else None


def channels_of(op: str, attrs: Attrs, rank: int) -> int | None:
    """Axis of a product's second operand along which its output channels lie; None if it has none."""
    if op == "MatMul":
        return rank - 1 if rank > 1 else None
    if op == "Gemm":
        return 0 if attrs.get("transB", 0) else 1
    return 0 if op == "Conv" else 1


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
