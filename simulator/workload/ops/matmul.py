"""Matrix products: GEMMs, batches of GEMMs, einsum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

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
        if call.node.op == "MatMulInteger":
            left, right = first.array, second.array
            zeros = [zero for zero in (call.optional(2), call.optional(3)) if zero is not None]
            if any(zero.array.any() for zero in zeros):
                left, right = _without_zero_points(call)
            sums = pairwise(
                left, right, lambda a, b: call.arithmetic.multiply(a, b, _NO_ZEROS, None, call.numerics)
            )
            return [sums.astype(np.int32).reshape(call.results[0].shape)]
        bias = call.optional(2)
        if first.array.dtype.kind == "f":
            real = first.array @ second.real()
            return [call.store_real(real if bias is None else real + bias.real())]
        sums = pairwise(first.array, second.array, lambda a, b: _sums(call, a, b))
        made = call.store_sums(sums, *_scales(first, second))
        return [made.reshape(call.results[0].shape)]


_NO_ZEROS = (0, np.zeros(1, np.int64))


def _without_zero_points(call: Call) -> tuple[np.ndarray, np.ndarray]:
    """Operands of a product minus zero points that are operands: one, per row, or per column; as int16."""
    found = []
    for index in (0, 1):
        value, zero = call.operand(index), call.optional(index + 2)
        offset: np.ndarray = np.zeros((), np.int16) if zero is None else zero.array.astype(np.int16)
        along_rows = index == 0 and offset.ndim == 1 and offset.size > 1
        found.append(value.array.astype(np.int16) - (offset[:, None] if along_rows else offset))
    return found[0], found[1]


def pairwise(
    first: np.ndarray, second: np.ndarray, multiply: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Products (batch, M, N) of broadcasting batches of matrices, each by (M, K) and (N, K)."""
    left, right = np.atleast_2d(first), second[:, None] if second.ndim == 1 else second
    batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    pairs = (
        np.broadcast_to(left, (*batch, *left.shape[-2:])).reshape(-1, *left.shape[-2:]),
        np.broadcast_to(right, (*batch, *right.shape[-2:])).reshape(-1, *right.shape[-2:]),
    )
    return np.stack([multiply(a, b.T) for a, b in zip(*pairs, strict=True)])


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

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the scaled product."""
        if attrs.get("transBatchA", 0) or attrs.get("transBatchB", 0):
            raise NotExecuted("is executed with its batch in front")
        first, second = (
            np.swapaxes(array, -1, -2) if attrs.get(name, 0) else array
            for array, name in zip(arrays, ("transA", "transB"), strict=True)
        )
        return [first.dtype.type(attrs.get("alpha", 1.0)) * (first @ second)]

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

    def values(self, arrays: Sequence[Any], attrs: Attrs) -> list[np.ndarray]:
        """Return the product with (q − zero) · scale; a zero point left out is half of the range."""
        x, *others = arrays
        wide = np.promote_types(x.dtype, np.float32)
        weight, bias = unpacked_weights(wide, others, attrs)
        made = x.astype(wide) @ weight.T
        return [(made if bias is None else made + bias).astype(x.dtype)]


def unpacked_weights(
    wide: np.dtype, arrays: Sequence[Any], attrs: Attrs
) -> tuple[np.ndarray, np.ndarray | None]:
    """Weights of few bits as real numbers, (N, K), and the bias; of all operands but the first.

    Raises
    ------
    NotExecuted
        Weights are not in the order of the inner dimension.
    """
    packed, scales, zeros, order, bias = (*arrays, None, None, None)[:5]
    if order is not None:
        raise NotExecuted("is executed with its weights in order, without group indices")
    bits, size, n = attrs.get("bits", 4), attrs["block_size"], attrs["N"]
    blocks = -(-attrs["K"] // size)
    stored = _unpacked(packed, bits).reshape(n, blocks, size)
    if zeros is None:
        zeros = np.full((n, blocks), 1 << (bits - 1))
    elif zeros.dtype.kind != "f":
        zeros = _unpacked(zeros.reshape(n, -1), bits)[:, :blocks]
    weight = (stored - zeros.reshape(n, blocks, 1)).astype(wide) * scales.reshape(n, blocks, 1)
    return weight.reshape(n, -1)[:, : attrs["K"]], bias


def _unpacked(packed: np.ndarray, bits: int) -> np.ndarray:
    """Integers of few bits along the last axis; the lowest bits of a byte are the first."""
    shifts = np.arange(0, 8, bits)
    parts = packed[..., None].astype(np.int64) >> shifts & ((1 << bits) - 1)
    return parts.reshape(*packed.shape[:-1], -1)


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
        if first.array.dtype.kind == "f":
            left = first.array.T if attrs.get("transA", 0) else first.array
            real = np.float32(attrs.get("alpha", 1.0)) * (left @ _columns(second.real(), attrs).T)
            addend = 0 if third is None else np.float32(attrs.get("beta", 1.0)) * third.real()
            return [call.store_real(real + addend)]
        factor = () if attrs.get("alpha", 1.0) == 1.0 else (np.float32(attrs["alpha"]),)
        scales = (*factor, *_scales(first, second))
        if third is not None:
            _check_addend(call, third, scales if factor else ())
        rows = first.array.T if attrs.get("transA", 0) else first.array
        sums = _sums(call, rows, _columns(second.array, attrs))
        return [call.store_sums(sums, *scales)]

    def _sizes(self, inputs: Operands, attrs: Attrs) -> tuple[int, int, int]:
        first, second = required(inputs, 0).shape, required(inputs, 1).shape
        if len(first) != 2 or len(second) != 2:
            raise ValueError(f"Gemm takes matrices, not {list(first)} and {list(second)}")
        rows, inner = reversed(first) if attrs.get("transA", 0) else first
        return rows, inner, second[0 if attrs.get("transB", 0) else 1]


def _check_addend(call: Call, third: Value, scales: Sequence[np.ndarray | float]) -> None:
    """Refuse what cannot be added to the sums of a Gemm of stored integers.

    Real numbers are added after scaling; integers begin the sums, and have to be at the scale of these, which
    is the product of ``scales`` (none: that of the operands, whatever the bias says of itself).
    """
    name, beta = third.tensor.name, call.node.attrs.get("beta", 1.0)
    if beta != 1.0:
        raise NotExecuted(f"of integers is executed with beta 1, not {beta:g}")
    if "bias" not in call.node.epilogue:
        raise NotExecuted(f"of integers is executed with one addend per column, which '{name}' is not")
    if not scales or third.array.dtype.kind == "f":
        return
    quant, expected = third.tensor.quant, np.prod(np.broadcast_arrays(*scales), axis=0)
    if quant is None or not np.allclose(quant.scale, expected, rtol=1e-5):
        text = f"with alpha {scales[0]:g} and a stored bias at alpha times the product of the scales"
        raise NotExecuted(f"of integers is executed {text}; that of '{name}' is another one")


def _columns(second: np.ndarray, attrs: Attrs) -> np.ndarray:
    """Second operand of a Gemm with a row per column of the result."""
    return second if attrs.get("transB", 0) else second.T


def is_bias(addend: Tensor, columns: int) -> bool:
    """Whether what is added to a GEMM is one value per column (or one value), the same for all rows."""
    return addend.elements == 1 or (addend.elements == columns == addend.shape[-1])
