"""LSTM, GRU and RNN become products and gates: one product of all inputs, then two nodes per step.

The steps wait for each other as they do in hardware; weights are read anew wherever a core does not keep
them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod

import numpy as np

from simulator.workload.frontends.onnx.draft import Draft
from simulator.workload.frontends.onnx.evaluate import as_real
from simulator.workload.graph import Node
from simulator.workload.op import OPS
from simulator.workload.tensor import Tensor

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_FULL_LENGTH = "lengths of sequences that a recurrent network gets during the run are taken as full"


def unroll(draft: Draft) -> None:
    """Replace every LSTM, GRU and RNN whose weights are constant; others stay, and have no model."""
    if not any(node.op in _GATES for node in draft.nodes):
        return
    uses = draft.uses()
    nodes: list[Node] = []
    for node in draft.nodes:
        weights = [draft.tensors[name] for name in node.inputs[1:3]] if node.op in _GATES else []
        if weights and all(weight.constant for weight in weights):
            nodes += _Layer(draft, node, [name if uses[name] else "" for name in node.outputs]).build()
        else:
            nodes.append(node)
    draft.nodes = nodes


@dataclass
class _Layer:
    """One recurrent node being taken apart."""

    draft: Draft
    node: Node
    wanted: list[str]  # its results, "" for those that nothing reads
    nodes: list[Node] = field(default_factory=list)

    def build(self) -> list[Node]:
        """Nodes that compute what the recurrent node did."""
        node, draft = self.node, self.draft
        if self._operand(4) and not self._operand(4).constant:  # type: ignore[union-attr]
            draft.assumptions.append(_FULL_LENGTH)
        x = node.inputs[0]
        if node.attrs.get("layout", 0):
            x = self.emit("Transpose", [x], {"perm": (1, 0, 2)})
        self.steps, self.batch, size = draft.tensors[x].shape
        self.hidden = draft.tensors[node.inputs[2]].shape[-1]
        self.gates = _GATES[node.op]
        if self.steps > 1:
            x = self.view(x, (self.steps * self.batch, size))
        else:
            x = self.view(x, (self.batch, size))
        directions = draft.tensors[node.inputs[1]].shape[0]
        runs = [self._run(x, direction) for direction in range(directions)]
        self._results(runs)
        return self.nodes

    def _run(self, x: str, direction: int) -> tuple[list[str], str]:
        """Hidden states in the order of time, and the last cell state ("" if there is none)."""
        kind = self.node.attrs.get("direction", "forward")
        backwards = kind == "reverse" or direction == 1
        inputs = self.product(x, self.weight(1, direction), self._input_bias(direction))
        parts = [inputs]
        if self.steps > 1:
            part = (self.batch, self.gates * self.hidden)
            attrs = {"axis": 0, "num_outputs": self.steps}
            parts = self.emit_all("Split", [inputs], attrs, [part] * self.steps)
        h, c = self._start(5, direction), self._start(6, direction) if self.node.op == "LSTM" else ""
        states: list[str] = []
        for part_name in reversed(parts) if backwards else parts:
            h, c = self._step(part_name, h, c, direction)
            states.append(h)
        return (states[::-1] if backwards else states), c

    def _step(self, x: str, h: str, c: str, direction: int) -> tuple[str, str]:
        attrs = {name: self.node.attrs[name] for name in ("activations", "clip") if name in self.node.attrs}
        state = (self.batch, self.hidden)
        if self.node.op == "GRU" and not self.node.attrs.get("linear_before_reset", 0):
            split = 2 * self.hidden
            hr = self.product(h, self.weight(2, direction, lambda w: w[:split], split))
            z, reset = self.emit_all("GRUReset", [x, hr, h], attrs, [state, state])
            hn = self.product(reset, self.weight(2, direction, lambda w: w[split:], self.hidden))
            return self.emit("GRUUpdate", [x, hn, z, h], attrs), ""
        hr = self.product(h, self.weight(2, direction), self._recurrent_bias(direction))
        if self.node.op == "GRU":
            return self.emit("GRUCell", [x, hr, h], attrs), ""
        if self.node.op == "LSTM":
            peepholes = [self._part(7, direction)] if self._operand(7) else []
            h, c = self.emit_all("LSTMCell", [x, hr, c, *peepholes], attrs, [state, state])
            return h, c
        functions = self.node.attrs.get("activations", ())
        function = functions[min(direction, len(functions) - 1)] if functions else "Tanh"
        return self.emit(function, [self.emit("Add", [x, hr], {})], {}), ""

    def _results(self, runs: list[tuple[list[str], str]]) -> None:
        """Join the states as the operator's results Y, Y_h and Y_c want them."""
        wanted, count = [*self.wanted, "", "", ""], len(runs)
        batch_first = self.node.attrs.get("layout", 0)
        if wanted[0]:
            every = [states[t] for t in range(self.steps) for states, _ in runs]
            perm = (2, 0, 1, 3) if batch_first else None
            self._join(every, (self.steps, count, self.batch, self.hidden), perm, wanted[0])
        backwards = self.node.attrs.get("direction") == "reverse"
        last = [states[0] if (backwards or d == 1) else states[-1] for d, (states, _) in enumerate(runs)]
        for names, result in ((last, wanted[1]), ([cell for _, cell in runs], wanted[2])):
            if result:
                self._join(
                    names, (count, self.batch, self.hidden), (1, 0, 2) if batch_first else None, result
                )

    def _join(
        self, names: list[str], shape: tuple[int, ...], perm: tuple[int, ...] | None, result: str
    ) -> None:
        joined = names[0] if len(names) == 1 else self.emit("Concat", names, {"axis": 0})
        if perm:
            self.emit("Transpose", [self.view(joined, shape)], {"perm": perm}, result)
        else:
            self.view(joined, shape, result)

    def _operand(self, index: int) -> Tensor | None:
        names = self.node.inputs
        return self.draft.tensors[names[index]] if index < len(names) and names[index] else None

    def weight(
        self, index: int, direction: int, cut: Callable[[np.ndarray], np.ndarray] | None = None, rows: int = 0
    ) -> str:
        """Weights of one direction (and some gates) as a matrix of gates × inputs, evaluated late."""
        return self._part(index, direction, cut, rows)

    def _part(
        self, index: int, direction: int, cut: Callable[[np.ndarray], np.ndarray] | None = None, rows: int = 0
    ) -> str:
        whole = as_real(self.draft.tensors[self.node.inputs[index]])
        constant = whole.constant
        shape = whole.shape[1:] if cut is None else (rows, *whole.shape[2:])
        name = f"{whole.name}[{direction}]" + (f"[{'zr' if rows > self.hidden else 'h'}]" if cut else "")
        if name in self.draft.tensors:
            return name
        if constant is None:
            raise self.draft.problem(self.node, f"operand {index + 1} must be constant")

        def make() -> np.ndarray:
            part = constant.array()[direction]
            return part if cut is None else cut(part)

        return self.draft.add(name, shape, whole.dtype, make)

    def _input_bias(self, direction: int) -> str:
        """Return what is added to the products of inputs: both biases, save the reset gate's inner one."""
        inner = self._inner()
        return self._bias(direction, lambda w, r: w + np.where(np.arange(r.size) < inner, r, 0), "input_bias")

    def _recurrent_bias(self, direction: int) -> str:
        """Return the bias that GRU scales by its reset gate, "" where there is none."""
        inner = self._inner()
        if inner == self.gates * self.hidden:
            return ""
        return self._bias(direction, lambda w, r: np.where(np.arange(r.size) < inner, 0, r), "recurrent_bias")

    def _inner(self) -> int:
        """Gates × hidden whose recurrent bias can be added to the products of the inputs."""
        reset_after = self.node.op == "GRU" and self.node.attrs.get("linear_before_reset", 0)
        return (self.gates - 1 if reset_after else self.gates) * self.hidden

    def _bias(self, direction: int, join: Callable[[np.ndarray, np.ndarray], np.ndarray], kind: str) -> str:
        both = self._operand(3)
        if both is None:
            return ""
        constant, size = as_real(both).constant, self.gates * self.hidden
        if constant is None:
            raise self.draft.problem(self.node, "the bias must be constant")

        def make() -> np.ndarray:
            values = constant.array()[direction]
            return join(values[:size], values[size:]).astype(values.dtype)

        return self.draft.add(f"{self.node.name}.{kind}[{direction}]", (size,), as_real(both).dtype, make)

    def _start(self, index: int, direction: int) -> str:
        """Return initial state of one direction: zeros, or its part of the operand."""
        given, shape = self._operand(index), (self.batch, self.hidden)
        if given is None:
            dtype = self.draft.tensors[self.node.inputs[0]].dtype
            zeros = np.broadcast_to(np.zeros((1, 1), np.float32), shape)
            return self.draft.add(f"{self.node.name}.zero_state", shape, dtype, lambda: zeros)
        batch_first = self.node.attrs.get("layout", 0)
        name = self.node.inputs[index]
        if given.shape[1 if batch_first else 0] == 1:
            return self.view(name, shape)
        if batch_first:
            name = self.emit("Transpose", [name], {"perm": (1, 0, 2)})
        parts = self.emit_all("Split", [name], {"axis": 0, "num_outputs": 2}, [(1, *shape)] * 2)
        return self.view(parts[direction], shape)

    def product(self, x: str, weight: str, bias: str = "") -> str:
        """Gemm with transposed weights, and a bias on the way out if there is one."""
        inputs = [x, weight, bias] if bias else [x, weight]
        return self.emit("Gemm", inputs, {"transB": 1}, epilogue=("bias",) if bias else ())

    def view(self, name: str, shape: tuple[int, ...], result: str = "") -> str:
        """Reshape to known extents."""
        assert prod(shape) == self.draft.tensors[name].elements
        return self.emit("Reshape", [name], {"shape": shape}, result)

    def emit(
        self, op: str, inputs: list[str], attrs: dict, result: str = "", epilogue: tuple[str, ...] = ()
    ) -> str:
        """Append a node with one result, whose shape follows from the operator's rule."""
        operands = [self.draft.tensors[name] for name in inputs]
        shape = OPS[op].shape(operands, attrs)[0]
        return self.emit_all(op, inputs, attrs, [shape], [result] if result else None, epilogue)[0]

    def emit_all(
        self,
        op: str,
        inputs: list[str],
        attrs: dict,
        shapes: list[tuple[int, ...]],
        results: list[str] | None = None,
        epilogue: tuple[str, ...] = (),
    ) -> list[str]:
        """Append a node with results of given shapes; their names."""
        name = f"{self.node.name}/{len(self.nodes)}_{op}"
        dtype = self.draft.tensors[inputs[0]].dtype
        outputs = results or [
            self.draft.add(name if len(shapes) == 1 else f"{name}.{i}", shape, dtype, None)
            for i, shape in enumerate(shapes)
        ]
        self.nodes.append(
            Node(name, op, tuple(inputs), tuple(outputs), attrs, epilogue, self.node.origin or self.node.name)
        )
        return outputs
