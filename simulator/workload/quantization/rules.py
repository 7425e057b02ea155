"""What is asked for: element types, method, and rules by node name or operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from pydantic import Field

from simulator.base import yamlio
from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.base.spec import Spec, build
from simulator.base.yamlio import KeyPath, dotted
from simulator.workload.quantization.calibrate import METHODS

WEIGHTS = ("int8", "int4", "int16", "float")
ACTIVATIONS = ("int8", "uint8", "int16", "uint16", "int4", "uint4", "float")


class Rule(Spec):
    """Element types for the nodes that a pattern or an operator names; the later rule wins."""

    node: str | None = Field(None, description="Node name or pattern with * and ?")
    op: str | None = Field(None, description="Operator, as ONNX names it")
    weights: Literal["int8", "int4", "int16", "float"] | None = Field(
        None, description="Element type of its weights; float leaves them alone"
    )
    activations: Literal["int8", "uint8", "int16", "uint16", "int4", "uint4", "float"] | None = Field(
        None, description="Element type of its results; float leaves operands and results alone"
    )

    def matches(self, node: str, op: str) -> bool:
        """Whether a node is meant: by its name and its operator, where each is stated."""
        named = self.node is None or fnmatchcase(node, self.node)
        return named and (self.op is None or op == self.op)


class Rules(Spec):
    """Rules of a mixed precision."""

    rules: list[Rule] = Field(description="Rules in order; of those that match a node the last one wins")


@dataclass(frozen=True)
class Settings:
    """How a network is quantized.

    Attributes
    ----------
    weights, activations
        Element types, of ``WEIGHTS`` and ``ACTIVATIONS``; ``float`` leaves them alone.
    per_channel
        A weight scale per output channel instead of one per tensor.
    symmetric
        Activations with the zero point in the middle (0, or 128 of uint8, 8 of uint4).
    method
        Of ``METHODS``: how the range of a tensor follows from the samples.
    percentile
        Percentage of values that the method of that name keeps.
    """

    weights: str = "int8"
    activations: str = "int8"
    per_channel: bool = False
    symmetric: bool = False
    method: str = "minmax"
    percentile: float = 99.99

    def check(self) -> None:
        """Raise InputError for every value that is none of those known."""
        problems = [
            Problem(f"expected one of {', '.join(known)}, got '{got}'{did_you_mean(got, known)}", f"--{name}")
            for name, got, known in (
                ("weights", self.weights, WEIGHTS),
                ("activations", self.activations, ACTIVATIONS),
                ("method", self.method, METHODS),
            )
            if got not in known
        ]
        if not 50 <= self.percentile <= 100:
            text = f"expected a percentage from 50 to 100, got {self.percentile:g}"
            problems.append(Problem(text, "--percentile"))
        if problems:
            raise InputError(*problems)


@dataclass(frozen=True)
class Types:
    """Element types of one node's weights and results."""

    weights: str
    activations: str


class RuleBook:
    """Settings for all nodes, and the rules of a file over them."""

    def __init__(self, settings: Settings, rules: str | Path | Sequence[Rule] = ()) -> None:
        self._default = Types(settings.weights, settings.activations)
        self._document = yamlio.load(rules) if isinstance(rules, str | Path) else None
        self._rules = () if isinstance(rules, str | Path) else rules
        if self._document is not None:
            self._rules = build(Rules, self._document.data, self._document).rules

    def types(self, node: str, op: str) -> Types:
        """Element types of a node."""
        weights, activations = self._default.weights, self._default.activations
        for rule in self._rules:
            if rule.matches(node, op):
                weights, activations = rule.weights or weights, rule.activations or activations
        return Types(weights, activations)

    def check(self, nodes: Sequence[tuple[str, str]], parts: dict[str, str]) -> None:
        """Raise unless every rule says something about a node.

        Parameters
        ----------
        nodes
            Name and operator of every node that has types of its own.
        parts
            Nodes that are computed as part of another -> that one.
        """
        problems = []
        for i, rule in enumerate(self._rules):
            text, key = self._fault(rule, nodes, parts)
            place: KeyPath = ("rules", i, *key)
            if text:
                known = self._document
                problems.append(known.problem(text, place) if known else Problem(text, path=dotted(place)))
        if problems:
            raise InputError(*problems)

    def _fault(
        self, rule: Rule, nodes: Sequence[tuple[str, str]], parts: dict[str, str]
    ) -> tuple[str, tuple[str, ...]]:
        """What is wrong with a rule, and the key that it is at; "" if it is right."""
        if rule.node is None and rule.op is None:
            return "expected node or op, to say which nodes are meant", ()
        if rule.weights is None and rule.activations is None:
            return "expected weights or activations, to say what is asked of these nodes", ()
        names, ops = [name for name, _ in nodes], sorted({op for _, op in nodes})
        if any(rule.matches(*node) for node in nodes):
            return "", ()
        whole = next((parts[name] for name in parts if rule.node and fnmatchcase(name, rule.node)), None)
        if whole is not None:
            return f"'{rule.node}' is computed as part of node '{whole}': name that one", ("node",)
        if rule.op is not None and rule.op not in ops:
            hint = did_you_mean(rule.op, ops)
            return f"no node that is quantized is a '{rule.op}'; there are {', '.join(ops)}{hint}", ("op",)
        if rule.op is None or not any(fnmatchcase(name, rule.node or "*") for name in names):
            return f"no node is named '{rule.node}'{did_you_mean(rule.node, names)}", ("node",)
        return f"no {rule.op} is named '{rule.node}'", ("node",)
