"""Matrix products: GEMMs, batches of GEMMs, einsum."""

from __future__ import annotations

from math import prod

import numpy as np

from simulator.workload.call import Call, NotExecuted, Value
from simulator.workload.graph import Graph, Node
from simulator.workload.op import (
    Attrs,
    Example,
    Op,
    Operands,
    Shape,
    multiplication,
    operator,
    optional,
    positional,
    required,
    tensor,
)
from simulator.workload.tensor import Tensor
from simulator.workload.work import Contraction, Elementwise, Work


def product(first: Shape, second: Shape, precision: str) -> Contraction:
    """Contraction of a (batched, broadcasting) matrix product of two operands of at least 2 dimensions.

    A second operand without batch serves all rows of the first, so that the batch folds into the rows;
    otherwise every pair of matrices is a group.
    """
    *lead, m, c = first
    *batch, _, k = second
    if prod(batch) == 1:
        return Contraction(k=k, c=c, oy=prod(lead) * m, precision=precision)
    groups = prod(np.broadcast_shapes(tuple(lead), tuple(batch)))
    return Contraction(k=k, c=c, oy=m, groups=groups, batched=True, precision=precision)


def _result(first: Shape, second: Shape) -> Shape:
    if not first or not second or first[-1] != (second[-2] if len(second) > 1 else second[0]):
        raise ValueError(f"cannot multiply {list(first)} by {list(second)}: the inner dimensions differ")
    rows = (first[-2],) if len(first) > 1 else ()
    columns = (second[-1],) if len(second) > 1 else ()
    return (*np.broadcast_shapes(first[:-2], second[:-2]), *rows, *columns)


@operator("MatMul", "MatMulInteger")
class MatMul(Op):
    """numpy's matrix product; a third operand is a bias where the node's epilogue says so."""

    EXAMPLES = (
        Example("MatMul", (tensor((2, 3, 8, 16)), tensor((16, 4), name="w")), macs=2 * 3 * 8 * 4 * 16),
        Example("MatMul", (tensor((2, 1, 8, 16)), tensor((3, 16, 4), name="b")), macs=2 * 3 * 8 * 4 * 16),
        Example("MatMul", (tensor((16,)), tensor((5, 16, 4), name="b")), macs=5 * 16 * 4),
        Example("MatMul", (tensor((5, 8, 16)), tensor((16,), name="b")), macs=5 * 8 * 16),
        Example("MatMulInteger", (tensor((7, 16), "uint8"), tensor((16, 4), "int8", "w")), macs=7 * 16 * 4),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Broadcast batch, rows of the first, columns of the second."""
        return [_result(required(inputs, 0).shape, required(inputs, 1).shape)]

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Return int32 for sums of integers."""
        dtype = required(inputs, 0).dtype
        return ["int32" if "int" in dtype else dtype]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One contraction."""
        operands = positional(node, graph)
        first, second = required(operands, 0), required(operands, 1)
        left = (1, *first.shape) if len(first.shape) == 1 else first.shape
        right = (*second.shape, 1) if len(second.shape) == 1 else second.shape
        return (product(left, right, multiplication(first, second)),)

    def run(self, call: Call) -> list[np.ndarray]:
        """Return the product of stored integers, rescaled; or of reals, in float32."""
        first, second = call.operand(0), call.operand(1)
        if call.node.op == "MatMulInteger" and len(call.operands) > 2:
            raise NotExecuted("is executed without zero points that are operands")
        bias = call.optional(2)
        if first.array.dtype.kind == "f":
            real = first.array @ second.real()
            return [call.store_real(real if bias is None else real + bias.real())]
        left, right = np.atleast_2d(first.array), second.array
        right = right[:, None] if right.ndim == 1 else right
        batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
        pairs = (
            np.broadcast_to(left, (*batch, *left.shape[-2:])).reshape(-1, *left.shape[-2:]),
            np.broadcast_to(right, (*batch, *right.shape[-2:])).reshape(-1, *right.shape[-2:]),
        )
        sums = [_sums(call, a, b.T) for a, b in zip(*pairs, strict=True)]
        made = call.store_sums(np.stack(sums), *_scales(first, second))
        return [made.reshape(call.results[0].shape)]


def _sums(call: Call, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Sums of products of (M, K) and (N, K) without their zero points."""
    first, second = call.operand(0), call.operand(1)
    zeros = (first.zero_point, second.zero_points)
    return call.arithmetic.multiply(rows, columns, zeros, call.addend(len(columns)), call.numerics)


def _scales(first: Value, second: Value) -> tuple[np.ndarray | float, ...]:
    """Scales of two operands; none for integers without."""
    return () if first.tensor.quant is None else (first.scale, np.array(second.quant.scale))


@operator("FusedMatMul")
class FusedMatMul(Op):
    """Matrix product alpha · A · B with either operand's last two axes swapped (com.microsoft)."""

    EXAMPLES = (
        Example(
            "FusedMatMul",
            (tensor((2, 16, 8)), tensor((2, 4, 16), name="b")),
            {"transA": 1, "transB": 1},
            shapes=((2, 8, 4),),
            macs=2 * 8 * 4 * 16,
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """As MatMul of the swapped operands."""
        return [_result(*self._operands(inputs, attrs))]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One contraction; the scale is part of its output."""
        operands = positional(node, graph)
        precision = multiplication(required(operands, 0), required(operands, 1))
        return (product(*self._operands(operands, node.attrs), precision),)

    def _operands(self, inputs: Operands, attrs: Attrs) -> tuple[Shape, Shape]:
        first, second = required(inputs, 0).shape, required(inputs, 1).shape
        if attrs.get("transA", 0):
            first = (*first[:-2], first[-1], first[-2])
        if attrs.get("transB", 0):
            second = (*second[:-2], second[-1], second[-2])
        return first, second


@operator("MatMulNBits")
class MatMulNBits(Op):
    """Product with packed weights of few bits and a scale per block of the inner dimension (com.microsoft).

    Multiplied at the precision of the activations: the weights are widened on their way into the array.
    """

    EXAMPLES = (
        Example(
            "MatMulNBits",
            (tensor((2, 5, 64), "fp16"), tensor((32, 2, 16), "uint8", "w"), tensor((64,), "fp16", "scales")),
            {"K": 64, "N": 32, "bits": 4, "block_size": 32},
            shapes=((2, 5, 32),),
            macs=2 * 5 * 64 * 32,
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Leading axes of the activations, then N."""
        return [(*required(inputs, 0).shape[:-1], attrs["N"])]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One contraction."""
        ifmap = required(positional(node, graph), 0)
        return (product(ifmap.shape, (node.attrs["K"], node.attrs["N"]), ifmap.dtype),)


@operator("Gemm")
class Gemm(Op):
    """alpha·A'·B' + beta·C. C is an addition of its own unless the node's epilogue says that it is a bias."""

    EXAMPLES = (
        Example("Gemm", (tensor((7, 16)), tensor((4, 16), name="w")), {"transB": 1}, macs=7 * 4 * 16),
        Example(
            "Gemm",
            (tensor((16, 7)), tensor((16, 4), name="w"), tensor((7, 4), name="c")),
            {"transA": 1, "beta": 0.5},
            macs=7 * 4 * 16,
            ops={"mul": 7 * 4, "add": 7 * 4},
        ),
        Example(
            "Gemm", (tensor((7, 16)), tensor((16, 4), name="w")), {"alpha": 2.0}, macs=448, ops={"mul": 28}
        ),
    )

    def shape(self, inputs: Operands, attrs: Attrs) -> list[Shape]:
        """Rows of A', columns of B'."""
        rows, inner, columns = self._sizes(inputs, attrs)
        second = required(inputs, 1).shape
        if inner != second[1 if attrs.get("transB", 0) else 0]:
            raise ValueError(f"cannot multiply {list(required(inputs, 0).shape)} by {list(second)} as Gemm")
        return [(rows, columns)]

    def dtypes(self, inputs: Operands, attrs: Attrs, outputs: int) -> list[str]:
        """Return int32 for sums of integers."""
        dtype = required(inputs, 0).dtype
        return ["int32" if "int" in dtype else dtype]

    def work(self, node: Node, graph: Graph) -> tuple[Work, ...]:
        """One contraction; scaling and adding where the node asks for it."""
        operands = positional(node, graph)
        rows, inner, columns = self._sizes(operands, node.attrs)
        precision = multiplication(required(operands, 0), required(operands, 1))
        gemm = Contraction(k=columns, c=inner, oy=rows, precision=precision)
        added = optional(operands, 2) is not None and "bias" not in node.epilogue
        scaled = (node.attrs.get("alpha", 1.0) != 1.0) + (added and node.attrs.get("beta", 1.0) != 1.0)
        counts = (("mul", scaled * rows * columns), ("add", added * rows * columns))
        ops = tuple((cls, count) for cls, count in counts if count)
        return (gemm, Elementwise(ops, split=rows)) if ops else (gemm,)

    def run(self, call: Call) -> list[np.ndarray]:
        """Return the product of stored integers, rescaled; or of reals, in float32."""
        first, second, third, attrs = call.operand(0), call.operand(1), call.optional(2), call.node.attrs
        plain = attrs.get("alpha", 1.0) == 1.0 and "bias" in call.node.epilogue or third is None
        if first.array.dtype.kind == "f":
            left = first.array.T if attrs.get("transA", 0) else first.array
            real = np.float32(attrs.get("alpha", 1.0)) * (left @ _columns(second.real(), attrs).T)
            addend = 0 if third is None else np.float32(attrs.get("beta", 1.0)) * third.real()
            return [call.store_real(real + addend)]
        if not plain or attrs.get("alpha", 1.0) != 1.0:
            raise NotExecuted("of integers is executed with a bias per column, and without factors")
        rows = first.array.T if attrs.get("transA", 0) else first.array
        sums = _sums(call, rows, _columns(second.array, attrs))
        return [call.store_sums(sums, *_scales(first, second))]

    def _sizes(self, inputs: Operands, attrs: Attrs) -> tuple[int, int, int]:
        first, second = required(inputs, 0).shape, required(inputs, 1).shape
        if len(first) != 2 or len(second) != 2:
            raise ValueError(f"Gemm takes matrices, not {list(first)} and {list(second)}")
        rows, inner = reversed(first) if attrs.get("transA", 0) else first
        return rows, inner, second[0 if attrs.get("transB", 0) else 1]


def _columns(second: np.ndarray, attrs: Attrs) -> np.ndarray:
    """Second operand of a Gemm with a row per column of the result."""
    return second if attrs.get("transB", 0) else second.T


def is_bias(addend: Tensor, columns: int) -> bool:
    """Whether what is added to a GEMM is one value per column (or one value), the same for all rows."""
    return addend.elements == 1 or (addend.elements == columns == addend.shape[-1])


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
