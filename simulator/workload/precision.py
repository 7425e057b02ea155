"""What a float network would cost at another precision. Shapes and element types change, no value does."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.workload.graph import Graph, Node
from simulator.workload.op import OPS, work_of
from simulator.workload.tensor import FLOATS, Tensor
from simulator.workload.work import Contraction, Move

WEIGHTS = ("int4", "int8", "int16", "fp8", "fp16", "bf16", "fp32")
ACTIVATIONS = WEIGHTS


def parse(text: str) -> tuple[str, str]:
    """Element types of weights and of activations.

    ``int8`` is both; ``int4/fp16`` one each; ``w4a8`` integers of 4 and 8 bits.

    Raises
    ------
    InputError
        It is none of these, or ``a16``, which may mean int16 or fp16.
    """
    short = re.fullmatch(r"w(\d+)a(\d+)", text)
    weights, slash, activations = text.partition("/")
    if short:
        weights, activations = f"int{short[1]}", f"int{short[2]}"
        if "int16" in (weights, activations):
            w, a = weights.removeprefix("int"), activations.removeprefix("int")
            either = [f"{kind}{w}/{other}{a}" for kind in _kinds(w) for other in _kinds(a)]
            message = f"'{text}' may mean {' or '.join(repr(form) for form in either)}: write which"
            raise InputError(Problem(message, path="precision"))
    elif not slash:
        activations = weights
    problems = [
        Problem(
            f"expected an element type ({', '.join(WEIGHTS)}), weights/activations such as int4/fp16, "
            f"or w4a8; got '{text}'{did_you_mean(name, WEIGHTS)}",
            path="precision",
        )
        for name in dict.fromkeys((weights, activations))
        if name not in WEIGHTS
    ]
    if problems:
        raise InputError(*problems)
    return weights, activations


def _kinds(bits: str) -> tuple[str, ...]:
    return ("int", "fp") if bits == "16" else ("int",)


def assume(graph: Graph, precision: str) -> Graph:
    """Return the graph with its float tensors of another element type, and a sentence that says so.

    Weights are what products multiply by and tables that are gathered from. Biases of integers are int32.
    Integer tensors, be they indices or already quantized, stay as they are. Nodes that compute on integers
    requantize.

    Parameters
    ----------
    graph
        A network with float tensors.
    precision
        As ``parse`` takes it.

    Raises
    ------
    InputError
        The precision is none, or the network multiplies in another, which its file states.
    """
    weights, activations = parse(precision)
    products = [node for node in graph if any(isinstance(work, Contraction) for work in work_of(node, graph))]
    floats = [tensor.dtype for tensor in graph.tensors.values() if tensor.dtype in FLOATS]
    operands = [graph.tensors[name] for node in products for name in node.inputs[:2]]
    if not any(tensor.dtype in FLOATS for tensor in operands) and (operands or not floats):
        seconds = {node.inputs[1] for node in products}
        constants = {name for name in seconds if graph.tensors[name].constant is not None}
        _check_quantized(operands, constants, weights, activations, precision)
        return graph
    kinds = _kinds_of_constants(graph, products, weights, activations)
    tensors = {
        name: _retyped(tensor, kinds.get(name, activations)) if tensor.dtype in FLOATS else tensor
        for name, tensor in graph.tensors.items()
    }
    retyped = replace(graph, tensors=tensors)
    nodes = tuple(_requantizing(node, graph, retyped) for node in graph)
    was = max(floats, key=floats.count)
    what = weights if weights == activations else f"{weights} weights and {activations} activations"
    action = "quantized" if "int" in what else "converted"
    sentence = f"the network file is {was}; it is costed as if {action} to {what} (no accuracy implied)"
    digest = hashlib.sha256(f"{graph.digest} {weights}/{activations}".encode()).hexdigest()
    return replace(retyped, nodes=nodes, assumptions=(*graph.assumptions, sentence), digest=digest)


def _check_quantized(
    operands: list[Tensor], constants: set[str], weights: str, activations: str, precision: str
) -> None:
    """Raise unless a network that is quantized already is so as asked; ``constants`` are its weights."""
    asked = {True: weights, False: activations}
    if any(tensor.dtype.removeprefix("u") != asked[tensor.name in constants] for tensor in operands):
        stated = " and ".join(sorted({tensor.dtype for tensor in operands}))
        text = f"the network file is quantized already, to {stated}; {precision} cannot be assumed"
        raise InputError(Problem(text, path="precision"))


def _kinds_of_constants(graph: Graph, products: list[Node], weights: str, activations: str) -> dict[str, str]:
    """Element types of constants by what they are to their readers; the rest is like activations."""
    kinds: dict[str, str] = {}
    bias = activations if activations in FLOATS else "int32"
    for node in products:
        if "bias" in node.epilogue and len(node.inputs) > 2:
            kinds[node.inputs[2]] = bias
        if graph.tensors[node.inputs[1]].constant is not None:
            kinds[node.inputs[1]] = weights
    for node in graph:
        if node.op == "Gather" and graph.tensors[node.inputs[0]].constant is not None:
            kinds.setdefault(node.inputs[0], weights)
    return kinds


def _retyped(tensor: Tensor, dtype: str) -> Tensor:
    return replace(tensor, dtype=dtype)


def _requantizing(node: Node, graph: Graph, retyped: Graph) -> Node:
    """Give a node that now computes integers its ``requant``; a cast without effect becomes a view."""
    result = retyped.results(node)[0]
    was = graph.tensors[result.name].dtype
    if node.op in ("Cast", "CastLike") and retyped.tensors[node.inputs[0]].dtype == result.dtype:
        return replace(node, op="Identity", attrs={})
    if result.dtype in FLOATS or was not in FLOATS or "requant" in node.epilogue:
        return node
    passes = node.op not in OPS or (OPS[node.op].keeps_values and not node.epilogue)
    if passes or all(isinstance(work, Move) for work in work_of(node, graph)):
        return node
    if OPS[node.op].keeps_values and all(name in ("relu", "clip") for name in node.epilogue):
        return node
    kept = tuple(name for name in node.epilogue if name != "dequant")
    return replace(node, epilogue=(*kept, "requant"))
