"""The graph of a language model while it grows: tensors, constants without values, nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator.base.errors import InputError, Problem
from simulator.workload.frontends.llm.architecture import Product
from simulator.workload.frontends.llm.args import LanguageModel
from simulator.workload.graph import Node
from simulator.workload.op import OPS
from simulator.workload.tensor import FLOATS, Constant, Tensor


@dataclass
class Net:
    """The graph so far; results have the type of activations unless another is given."""

    args: LanguageModel
    nodes: list[Node] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)

    def entry(self, name: str, shape: tuple[int, ...], dtype: str) -> str:
        """An input of the network; its name."""
        self.tensors[name] = Tensor(name, shape, dtype)
        self.inputs.append(name)
        return name

    def constant(self, name: str, shape: tuple[int, ...], dtype: str) -> str:
        """A constant without values, made once; its name."""
        if name not in self.tensors:
            self.tensors[name] = Tensor(name, shape, dtype, constant=Constant(_no_values))
        return name

    def add(
        self,
        name: str,
        op: str,
        operands: Sequence[str],
        attrs: dict[str, Any] | None = None,
        dtype: str = "",
        bias: bool = False,
    ) -> str:
        """Append a node with one result; the name of that."""
        return self.several(name, op, operands, attrs or {}, (f"{name}.out",), dtype, bias)[0]

    def several(
        self,
        name: str,
        op: str,
        operands: Sequence[str],
        attrs: dict[str, Any],
        results: tuple[str, ...],
        dtype: str = "",
        bias: bool = False,
    ) -> tuple[str, ...]:
        """Append a node with several results; their names."""
        rule, kind = OPS[op], dtype or self.args.activations
        given = [self.tensors[one] if one else None for one in operands]
        shapes = rule.shape(given, attrs)[: len(results)]
        for out, shape in zip(results, shapes, strict=True):
            self.tensors[out] = Tensor(out, shape, kind)
        requant = rule.arithmetic and not rule.keeps_values and kind in ("int4", "int8")
        quantizing = op == "QuantizeLinear"  # that is what it does
        epilogue = (*(("bias",) if bias else ()), *(("requant",) if requant and not quantizing else ()))
        self.nodes.append(Node(name, op, tuple(operands), results, attrs, epilogue, name))
        return results

    def view(self, name: str, operand: str, shape: tuple[int, ...]) -> str:
        """The operand in another shape."""
        return self.add(name, "Reshape", [operand], {"shape": shape}, self.tensors[operand].dtype)

    def weight(self, name: str, outputs: int, inputs: int, dtype: str) -> tuple[str, ...]:
        """Weights of outputs x inputs; where they are integers, then scales: the names."""
        table = self.constant(f"{name}.w", (outputs, inputs), dtype)
        if dtype in FLOATS:
            return (table,)
        groups = -(-inputs // self.group(inputs, dtype))
        return table, self.constant(f"{name}.scales", (outputs, groups), self.args.vector_type)

    def group(self, inputs: int, dtype: str) -> int:
        """Weights along the inner dimension that share a scale: all of int8."""
        return min(self.args.group, inputs) if dtype == "int4" else inputs

    def linear(self, name: str, operand: str, product: Product, dtype: str, weights: str = "") -> str:
        """A linear layer on rows of tokens, with weights of another name where they are shared."""
        table, *scales = self.weight(weights or name, product.outputs, product.inputs, dtype)
        bias = [self.constant(f"{name}.b", (product.outputs,), self.args.bias_type)] if product.bias else []
        if not scales:
            return self.add(name, "Gemm", [operand, table, *bias], {"transB": 1}, bias=product.bias)
        attrs = {
            "K": product.inputs, "N": product.outputs, "bits": self.tensors[table].bits,
            "block_size": self.group(product.inputs, dtype),
        }  # fmt: skip
        places = [operand, table, *scales, *(["", "", *bias] if bias else [])]
        return self.add(name, "MatMulNBits", places, attrs, bias=product.bias)

    def rows(self, name: str, weights: str, shape: tuple[int, int], indices: str, dtype: str) -> str:
        """Rows of a table, as activations."""
        table, *scales = self.weight(weights, *shape, dtype)
        found = self.add(name, "Gather", [table, indices], dtype=dtype)
        if not scales:
            return found
        beside = self.add(f"{name}_scales", "Gather", [*scales, indices], dtype=self.args.vector_type)
        attrs = {"axis": -1, "block_size": self.group(shape[1], dtype)}
        return self.add(f"{name}_values", "DequantizeLinear", [found, beside], attrs)

    def norm(self, name: str, operand: str) -> str:
        """A normalization of rows."""
        one, kind = self.args.architecture, self.args.vector_type
        scale = self.constant(f"{name}.scale", (one.hidden,), kind)
        if one.norm == "rms":
            return self.add(name, "RMSNormalization", [operand, scale], {"axis": -1})
        bias = self.constant(f"{name}.bias", (one.hidden,), kind)
        return self.add(name, "LayerNormalization", [operand, scale, bias], {"axis": -1})


def _no_values() -> Any:
    text = "a language model built from its hyperparameters has no weights: it can be timed, not executed"
    raise InputError(Problem(text))
