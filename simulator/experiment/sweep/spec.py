"""What a sweep's file says."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from simulator.base.spec import Spec
from simulator.experiment.experiment import WorkloadEntry

#: How points are chosen, and what each does.
SEARCHES = {
    "grid": "every point",
    "random": "points drawn at random, each once",
    "nsga2": "a genetic search for the Pareto front (NSGA-II)",
    "tpe": "a model of good and bad points (tree-structured Parzen estimator)",
}


class SweepWorkload(WorkloadEntry):
    """A network with its share in the mix."""

    name: str = Field("", description="In columns and expressions; the network's if left out")
    weight: float = Field(1.0, description="Inferences of it, in proportion to the others'", gt=0, le=1e12)


class Search(Spec):
    """How points are chosen."""

    kind: str = Field("grid", description="grid, random, nsga2 or tpe")
    evaluations: int = Field(
        200, description="Designs that random, nsga2 and tpe look at", ge=1, le=1_000_000
    )
    population: int = Field(
        20, description="Designs per generation of nsga2, and per round of tpe", ge=2, le=10_000
    )


class Screening(Spec):
    """A closed form first, the simulator for what is left."""

    keep: int | str = Field(description="Points to simulate: a number, or a share such as 10 %")
    check: int = Field(
        16, description="Points drawn from the others and simulated too, to tell the screening's error", ge=0
    )


class Quick(Spec):
    """What a quick sweep (``--quick``) keeps."""

    axes: dict[str, list[Any]] = Field(
        default_factory=dict,
        description="Axis -> those of its values that are kept, of a tied one those of its first path; an "
        "axis that is left out keeps all",
    )
    workloads: list[str] = Field(default_factory=list, description="Names of those that are kept [all]")


class SweepFile(Spec):
    """What a sweep's file says."""

    name: str = Field("", description="Short name; the file's if left out")
    description: str = Field("", description="What is asked")
    chips: list[str] = Field(description="Chips by path or name", min_length=1)
    workloads: list[str | SweepWorkload] = Field(
        description="Networks, or mappings with their settings and weights", min_length=1
    )
    set: dict[str, Any] = Field(
        default_factory=dict,
        description="Path -> value for every point; paths start with chip., workload., mapping. "
        "or a chip's name",
    )
    axes: dict[str, Any] = Field(
        description="Path -> list of values, or {from, to} with step, count (spacing: log) or factor, or "
        "{values, when: condition}; name -> {tie: {path: values}} for paths that move together"
    )
    derived: dict[str, str | int | float] = Field(
        default_factory=dict,
        description="Path -> expression over other paths: what follows from the axes, such as "
        "cores.npu.area: 224 um2 * cores.npu.rows * cores.npu.cols",
    )
    constraints: list[str | bool] = Field(
        default_factory=list,
        description="Conditions on paths that a point must meet, such as cores.npu.rows <= cores.npu.cols",
    )
    objectives: dict[str, str] = Field(
        default_factory=lambda: {"latency_s": "minimize"},
        description="Metric -> minimize or maximize; a metric of one workload has its name in front",
    )
    limits: list[str | bool] = Field(
        default_factory=list,
        description="Conditions on metrics that a point of the Pareto front must meet, such as area_mm2 <= 4",
    )
    search: str | Search = Field(
        "grid", description="How points are chosen: grid, random, nsga2, tpe, or a mapping with its settings"
    )
    screening: Screening | None = Field(
        None, description="Estimate all points in closed form and simulate the best"
    )
    baseline: dict[str, Any] | None = Field(
        None,
        description="Path -> value of a point to compare with, {} is the chip as it is; simulated as well",
    )
    quick: Quick = Field(
        default_factory=Quick, description="What a quick sweep (`--quick`) keeps of axes and workloads"
    )
    seed: int = Field(0, description="Of random choices; recorded in every result", ge=0, lt=2**32)
