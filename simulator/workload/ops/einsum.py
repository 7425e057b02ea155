"""Sums over labelled axes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from simulator.workload.graph import Graph, Node
from simulator.workload.op import (
    Attrs,
    Example,
    Op,
    Operands,
    Shape,
    multiplication,
    operator,
    positional,
    required,
    tensor,
)
from simulator.workload.tensor import Tensor
from simulator.workload.work import Contraction, Elementwise, Work


@operator("Einsum")
class Einsum(Op):
    """Sum over labelled axes. Operands are joined from left to right, each pair as one batch of GEMMs.

    Labels of both operands and the result count as groups, those that the result lacks as the inner
    dimension. One operand: a reduction or a transposition, an addition per element.
    """

    EXAMPLES = (
        Example(
            "Einsum",
            (tensor((2, 8, 4, 16)), tensor((2, 6, 4, 16), name="k")),
            {"equation": "bqhd,bkhd->bhqk"},
            macs=2 * 4 * 8 * 6 * 16,
        ),
        Example("Einsum", (tensor((5, 7)), tensor((7, 3), name="y")), {"equation": "ij,jk"}, macs=5 * 7 * 3),
        Example("Einsum", (tensor((5, 7)),), {"equation": "ij->j"}, ops={"add": 35}),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Extents of the result's labels."""
        terms, result = _terms(inputs, attrs)
        sizes = _sizes(inputs, terms)
        return [tuple(sizes[label] for label in result)]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """Return a contraction for every operand after the first."""
        operands = positional(node, graph)
        terms, result = _terms(operands, node.attrs)
        sizes = _sizes(operands, terms)
        if len(terms) == 1:
            return (Elementwise((("add", required(operands, 0).elements),)),)
        precision = multiplication(required(operands, 0), required(operands, 1))
        joined, works = terms[0], []
        for i, term in enumerate(terms[1:], start=1):
            kept = set(result).union(*terms[i + 1 :])
            both = [label for label in joined if label in term]
            groups = prod(sizes[label] for label in both if label in kept)
            works.append(
                Contraction(
                    k=prod(sizes[label] for label in term if label not in joined),
                    c=prod(sizes[label] for label in both if label not in kept),
                    oy=prod(sizes[label] for label in joined if label not in term),
                    groups=groups,
                    batched=groups > 1,
                    precision=precision,
                )
            )
            joined = "".join(dict.fromkeys(label for label in joined + term if label in kept))
        return tuple(works)

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the sum over labels that the result lacks; a label twice in an operand is its diagonal."""
        operands = [Tensor("", array.shape) for array in arrays]
        terms, result = _terms(operands, attrs)
        number = {label: i for i, label in enumerate(dict.fromkeys("".join(terms)))}
        pairs = [
            item
            for array, term in zip(arrays, terms, strict=True)
            for item in (array, [number[label] for label in term])
        ]
        return [np.asarray(np.einsum(*pairs, [number[label] for label in result], optimize=True))]


def _terms(inputs: Operands, attrs: Attrs) -> tuple[list[str], str]:
    """Labels of each operand and of the result; an ellipsis becomes labels of its own."""
    left, arrow, right = attrs["equation"].replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(inputs):
        raise ValueError(
            f"equation '{attrs['equation']}' names {len(terms)} operands, there are {len(inputs)}"
        )
    widths = [len(required(inputs, i).shape) - len(term.replace("...", "")) for i, term in enumerate(terms)]
    hidden = [
        chr(0x100 + i) for i in range(max([0, *widths]))
    ]  # beyond every letter that an equation may use
    expanded = [
        term.replace("...", "".join(hidden[len(hidden) - width :]))
        for term, width in zip(terms, widths, strict=True)
    ]
    if arrow:
        return expanded, right.replace("...", "".join(hidden))
    letters = "".join(terms).replace(".", "")
    return expanded, "".join(hidden) + "".join(
        sorted(label for label in set(letters) if letters.count(label) == 1)
    )


def _sizes(inputs: Operands, terms: list[str]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for i, term in enumerate(terms):
        shape = required(inputs, i).shape
        if len(shape) != len(term):
            raise ValueError(f"labels '{term}' do not fit an operand of shape {list(shape)}")
        for label, size in zip(term, shape, strict=True):
            sizes[label] = max(size, sizes.get(label, 1))
    return sizes
