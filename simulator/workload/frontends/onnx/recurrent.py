"""LSTM, GRU and RNN become products and gates: one product of all inputs, then two nodes per step.

The steps wait for each other as they do in hardware; weights are read anew wherever a core does not keep
them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from simulator.workload.frontends.onnx.draft import Draft
from simulator.workload.frontends.onnx.evaluate import as_real
from simulator.workload.graph import Node
from simulator.workload.op import NUMPY, OPS
from simulator.workload.tensor import Tensor

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
#: Function of a gate -> which of alpha and beta it has.
PARAMETERS = {
    "Affine": ("alpha", "beta"), "ScaledTanh": ("alpha", "beta"), "HardSigmoid": ("alpha", "beta"),
    "LeakyRelu": ("alpha",), "ThresholdedRelu": ("alpha",), "Elu": ("alpha",),
}  # fmt: skip
_ALPHA = {"Affine": 1.0, "ScaledTanh": 1.0, "HardSigmoid": 0.2, "LeakyRelu": 0.01, "ThresholdedRelu": 1.0,
          "Elu": 1.0}  # fmt: skip
_BETA = {"Affine": 0.0, "ScaledTanh": 1.0, "HardSigmoid": 0.5}
#: Names of functions may be written in any case.
_NAMES = {name.lower(): name for name in (*PARAMETERS, "Relu", "Tanh", "Sigmoid", "Softsign", "Softplus")}
_FULL_LENGTH = "lengths of sequences that a recurrent network gets during the run are taken as full"


def unroll(draft: Draft) -> None:
    """Replace every LSTM, GRU and RNN."""
    if not any(node.op in _GATES for node in draft.nodes):
        return
    uses = draft.uses()
    nodes: list[Node] = []
    for node in draft.nodes:
        if node.op in _GATES:
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
    parts: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # of computed operands

    def build(self) -> list[Node]:
        """Nodes that compute what the recurrent node did."""
        node, draft = self.node, self.draft
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
        self.directions = draft.tensors[node.inputs[1]].shape[0]
        self.active = self._active()
        runs = [self._run(x, direction) for direction in range(self.directions)]
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
        for t in reversed(range(self.steps)) if backwards else range(self.steps):
            before = h, c
            h, c = (
                self._kept(t, *pair)
                for pair in zip(self._step(parts[t], h, c, direction), before, strict=True)
            )
            states.append(h)
        return (states[::-1] if backwards else states), c

    def _kept(self, step: int, state: str, before: str) -> str:
        """State after a step: unchanged for sequences that are shorter."""
        if not self.active or not state:
            return state
        return self.emit("Where", [self.active[step], state, before], {}, dtype=self.dtype)

    def _active(self) -> list[str]:
        """Per step, which sequences of the batch are so long, (batch, 1); empty where all are always."""
        lengths, draft = self._operand(4), self.draft
        self.dtype = draft.tensors[self.node.inputs[0]].dtype
        if lengths is None:
            return []
        name, steps = f"{self.node.name}.active", np.arange(self.steps, dtype=np.int32)[:, None]
        if lengths.constant is not None:
            taken = steps < lengths.constant.array().astype(np.int32)
            if taken.all():
                return []
            made = [(lambda row=row[:, None]: row) for row in taken]
            return [draft.add(f"{name}[{t}]", (self.batch, 1), "bool", make) for t, make in enumerate(made)]
        draft.assumptions.append(_FULL_LENGTH)
        step = draft.add(f"{self.node.name}.steps", (self.steps, 1), "int32", lambda: steps)
        taken_name = self.emit("Greater", [lengths.name, step], {}, dtype="bool")
        flat = self.view(taken_name, (self.steps * self.batch, 1))
        if self.steps == 1:
            return [flat]
        attrs = {"axis": 0, "num_outputs": self.steps}
        return self.emit_all("Split", [flat], attrs, [(self.batch, 1)] * self.steps)

    def _step(self, x: str, h: str, c: str, direction: int) -> tuple[str, str]:
        attrs = self._functions(direction)
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
            peepholes = [self.weight(7, direction)] if self._operand(7) else []
            h, c = self.emit_all("LSTMCell", [x, hr, c, *peepholes], attrs, [state, state])
            return h, c
        total = self.emit("Add", [x, hr], {})
        if "clip" in attrs:
            total = self.emit("Clip", [total], {"min": -attrs["clip"], "max": attrs["clip"]})
        function = attrs.get("activations", ("Tanh",))[0]
        if function not in OPS:
            raise self.draft.problem(self.node, f"the function {function} is not supported here")
        taken = {key: attrs[f"activation_{key}"][0] for key in PARAMETERS.get(function, ())}
        return self.emit(function, [total], taken), ""

    def _functions(self, direction: int) -> dict[str, Any]:
        """Attributes of a step: functions of one direction, a parameter for each, and what bounds them."""
        given = self.node.attrs
        attrs = {name: given[name] for name in ("clip", "input_forget") if given.get(name)}
        if not given.get("activations"):
            return attrs
        names = [_NAMES.get(name.lower(), name) for name in given["activations"]]
        count = len(names) // self.directions
        mine = slice(direction * count, (direction + 1) * count)
        attrs["activations"] = tuple(names[mine])
        for key, default in (("alpha", _ALPHA), ("beta", _BETA)):
            left = list(given.get(f"activation_{key}") or ())
            values = [
                (left.pop(0) if left else default[name]) if key in PARAMETERS.get(name, ()) else 0.0
                for name in names
            ]
            if any(values[mine]):
                attrs[f"activation_{key}"] = tuple(values[mine])
        return attrs

    def _results(self, runs: list[tuple[list[str], str]]) -> None:
        """Join the states as the operator's results Y, Y_h and Y_c want them."""
        wanted, count = [*self.wanted, "", "", ""], len(runs)
        batch_first = self.node.attrs.get("layout", 0)
        if wanted[0]:
            every = [self._masked(states[t], t) for t in range(self.steps) for states, _ in runs]
            perm = (2, 0, 1, 3) if batch_first else None
            self._join(every, (self.steps, count, self.batch, self.hidden), perm, wanted[0])
        backwards = self.node.attrs.get("direction") == "reverse"
        last = [states[0] if (backwards or d == 1) else states[-1] for d, (states, _) in enumerate(runs)]
        for names, result in ((last, wanted[1]), ([cell for _, cell in runs], wanted[2])):
            if result:
                self._join(
                    names, (count, self.batch, self.hidden), (1, 0, 2) if batch_first else None, result
                )

    def _masked(self, state: str, step: int) -> str:
        """State as part of all states: zeros behind the end of a sequence."""
        if not self.active:
            return state
        return self.emit("Where", [self.active[step], state, self._zeros()], {}, dtype=self.dtype)

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
        whole = as_real(self.draft.tensors[self.node.inputs[index]])
        constant = whole.constant
        if constant is None:
            part = self._direction(whole.name, direction)
            if cut is None:
                return part
            sizes = (2 * self.hidden, self.hidden)
            return self._cut(part, sizes)[rows == self.hidden]
        shape = whole.shape[1:] if cut is None else (rows, *whole.shape[2:])
        name = f"{whole.name}[{direction}]" + (f"[{'zr' if rows > self.hidden else 'h'}]" if cut else "")
        if name in self.draft.tensors:
            return name

        def make() -> np.ndarray:
            part = constant.array()[direction]
            return part if cut is None else cut(part)

        return self.draft.add(name, shape, whole.dtype, make)

    def _direction(self, name: str, direction: int) -> str:
        """Part of a computed operand that belongs to one direction, without that axis."""
        if (name, "") not in self.parts:
            shape, names = self.draft.tensors[name].shape, [name]
            if self.directions > 1:
                attrs = {"axis": 0, "num_outputs": self.directions}
                names = self.emit_all("Split", [name], attrs, [(1, *shape[1:])] * self.directions)
            self.parts[name, ""] = [self.view(each, shape[1:]) for each in names]
        return self.parts[name, ""][direction]

    def _cut(self, name: str, sizes: tuple[int, ...]) -> list[str]:
        """Consecutive parts of a computed matrix or vector."""
        if (name, "cut") not in self.parts:
            shape = self.draft.tensors[name].shape
            shapes = [(size, *shape[1:]) for size in sizes]
            self.parts[name, "cut"] = self.emit_all("Split", [name], {"axis": 0, "split": sizes}, shapes)
        return self.parts[name, "cut"]

    def _input_bias(self, direction: int) -> str:
        """Return what is added to the products of inputs: both biases, save the reset gate's inner one."""
        return self._bias(direction, "input_bias")

    def _recurrent_bias(self, direction: int) -> str:
        """Return the bias that GRU scales by its reset gate, "" where there is none."""
        return "" if self._inner() == self.gates * self.hidden else self._bias(direction, "recurrent_bias")

    def _inner(self) -> int:
        """Gates × hidden whose recurrent bias can be added to the products of the inputs."""
        reset_after = self.node.op == "GRU" and self.node.attrs.get("linear_before_reset", 0)
        return (self.gates - 1 if reset_after else self.gates) * self.hidden

    def _bias(self, direction: int, kind: str) -> str:
        """Bias of one direction: of the inputs with what joins it, or the rest of the recurrent one."""
        both, size, inner = self._operand(3), self.gates * self.hidden, self._inner()
        if both is None:
            return ""
        added = np.arange(size) < inner  # recurrent biases that join those of the inputs
        chosen = added if kind == "input_bias" else ~added
        constant, name = as_real(both).constant, f"{self.node.name}.{kind}[{direction}]"
        if constant is not None:

            def make() -> np.ndarray:
                of_inputs, recurrent = np.split(constant.array()[direction], 2)
                own = of_inputs if kind == "input_bias" else np.zeros_like(of_inputs)
                return own + np.where(chosen, recurrent, recurrent.dtype.type(0))

            return self.draft.add(name, (size,), as_real(both).dtype, make)
        of_inputs, recurrent = self._cut(self._direction(both.name, direction), (size, size))
        if not chosen.all():
            kind_of = NUMPY[both.dtype]
            mask = self.draft.add(f"{name}.mask", (size,), both.dtype, lambda: chosen.astype(kind_of))
            recurrent = self.emit("Mul", [recurrent, mask], {})
        return self.emit("Add", [of_inputs, recurrent], {}) if kind == "input_bias" else recurrent

    def _zeros(self) -> str:
        """State of zeros."""
        zeros: np.ndarray = np.broadcast_to(np.zeros((1, 1), NUMPY[self.dtype]), (self.batch, self.hidden))
        name = f"{self.node.name}.zero_state"
        if name in self.draft.tensors:
            return name
        return self.draft.add(name, zeros.shape, self.dtype, lambda: zeros)

    def _start(self, index: int, direction: int) -> str:
        """Return initial state of one direction: zeros, or its part of the operand."""
        given, shape = self._operand(index), (self.batch, self.hidden)
        if given is None:
            return self._zeros()
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
        self, op: str, inputs: list[str], attrs: dict, result: str = "", epilogue: tuple[str, ...] = (),
        dtype: str = "",
    ) -> str:  # fmt: skip
        """Append a node with one result, whose shape follows from the operator's rule."""
        operands = [self.draft.tensors[name] for name in inputs]
        shape = OPS[op].shape(operands, attrs)[0]
        return self.emit_all(op, inputs, attrs, [shape], [result] if result else None, epilogue, dtype)[0]

    def emit_all(
        self,
        op: str,
        inputs: list[str],
        attrs: dict,
        shapes: list[tuple[int, ...]],
        results: list[str] | None = None,
        epilogue: tuple[str, ...] = (),
        dtype: str = "",
    ) -> list[str]:
        """Append a node with results of given shapes; their names."""
        name = f"{self.node.name}/{len(self.nodes)}_{op}"
        dtype = dtype or self.draft.tensors[inputs[0]].dtype
        outputs = results or [
            self.draft.add(name if len(shapes) == 1 else f"{name}.{i}", shape, dtype, None)
            for i, shape in enumerate(shapes)
        ]
        self.nodes.append(
            Node(name, op, tuple(inputs), tuple(outputs), attrs, epilogue, self.node.origin or self.node.name)
        )
        return outputs
