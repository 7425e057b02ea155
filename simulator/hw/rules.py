"""Mapping rules: what a chip's compiler is known to do, or what a user wants done. They bind `plan`."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr

from simulator.base.spec import Spec

Size = Annotated[int, Field(ge=1)] | Literal["auto", "max", "core"]


class NodeRule(Spec):
    """Decisions for a node; what is left out is left to the planner."""

    core: str | None = Field(None, description="Core that runs it")
    m: Size = Field(
        "auto", description="Output pixels (GEMM rows) of a tile: a number, `max` that fits, or `core`"
    )
    n: Size = Field(
        "auto", description="Output channels of a tile: a number, `max` that fits, or `core` (the array)"
    )
    k: Size = Field("auto", description="Reduction channels of a tile: a number, `max` that fits, or `core`")
    groups: Size = Field("auto", description="Groups of a tile: a number, `max` that fits, or `core` (one)")
    order: Literal["auto", "mn", "nm"] = Field(
        "auto", description="Outer and inner tile loop: mn keeps the inputs, nm the weights"
    )
    hold: Literal["auto", "none", "ifmap", "weight", "both"] = Field(
        "auto",
        description="Operands that stay in their buffers for the whole inner loop, not for one tile's time",
    )
    split: Literal["auto", "off", "n", "rows", "batch", "groups"] = Field(
        "auto",
        description="What is cut to share the node among equal cores, where the node allows; `off`: one core",
    )
    output: Literal["auto", "spill"] = Field(
        "auto", description="`spill` sends the node's result off chip; `auto` keeps it where it fits"
    )
    fuse: Literal["auto", "off"] = Field(
        "auto",
        description="Whether it may be done stripe by stripe together with its neighbours (depth-first)",
    )


class PopulationRule(Spec):
    """Decisions for a population of a spiking network; what is left out is left to the mapper."""

    cores: list[Annotated[int, Field(ge=0)]] | None = Field(
        None, description="Numbers of the cores that share its neurons, in their order", min_length=1
    )
    synapses: Literal["auto", "dense", "sparse", "conv"] = Field(
        "auto", description="Format in which synapses that lead to it are stored"
    )


class MappingRules(NodeRule):
    """Rules for every node, and for nodes by name (patterns with * and ?); the later pattern wins."""

    parallel: Literal["auto", "split", "pipeline"] = Field(
        "auto",
        description="How a stream of inferences uses copies of a core: all share each layer (`split`), or "
        "each does layers of its own for an inference of its own (`pipeline`)",
    )
    cores: dict[str, Literal["auto", "off", "prefer"]] = Field(
        default_factory=dict,
        description="Core name -> whether it takes work by cost (`auto`), never, or all that it can do",
    )
    nodes: dict[str, NodeRule] = Field(default_factory=dict, description="Node name or pattern -> rule")
    tiles: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto", description="Spiking chips: tiles to spread neurons over; `auto`: the fewest that hold them"
    )
    balance: Literal["measured", "assumed"] = Field(
        "measured",
        description="Spiking chips: load by what neurons do in the first steps, or as if all spiked alike",
    )
    pins: Literal["network", "off"] = Field(
        "network", description="Spiking chips: whether cores that a network names (core_id) are kept to"
    )
    populations: dict[str, PopulationRule] = Field(
        default_factory=dict, description="Spiking chips: population name or pattern -> rule"
    )

    _known: dict[str, NodeRule] = PrivateAttr(default_factory=dict)

    def for_node(self, name: str) -> NodeRule:
        """The rule of one node: the general one, overlaid by every pattern that matches."""
        if name not in self._known:
            self._known[name] = self._overlaid(name)
        return self._known[name]

    def for_population(self, name: str) -> PopulationRule:
        """The rule of one population, overlaid by every pattern that matches."""
        fields: dict[str, object] = {}
        for pattern, rule in self.populations.items():
            if fnmatchcase(name, pattern):
                fields.update({field: getattr(rule, field) for field in rule.model_fields_set})
        return PopulationRule.model_validate(fields)

    def _overlaid(self, name: str) -> NodeRule:
        fields = {field: getattr(self, field) for field in NodeRule.model_fields}
        for pattern, rule in self.nodes.items():
            if fnmatchcase(name, pattern):
                fields.update({field: getattr(rule, field) for field in rule.model_fields_set})
        return NodeRule(**fields)
