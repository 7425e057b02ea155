"""gemm: one matrix product on one chip, under one or several dataflows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.experiment.overrides import split_overrides
from simulator.experiment.single import finish
from simulator.hw.chip import Chip, load_chip
from simulator.hw.component import Core
from simulator.mapping.place import whole_tile
from simulator.mapping.plan import plan
from simulator.results.result import Result
from simulator.workload.graph import Graph, Node
from simulator.workload.tensor import Constant, Tensor
from simulator.workload.work import Contraction

DATAFLOWS = ("ws", "os", "is")


@dataclass(frozen=True)
class GemmResult:
    """One GEMM under one dataflow.

    ``compute_cycles`` is the array alone with ideal memory, the whole GEMM as one tile; ``cycles`` is the
    simulation, first byte in to last byte out. ``accesses`` counts elements at the array's buffers for the
    whole GEMM as one tile.
    """

    dataflow: str
    core: str
    m: int
    n: int
    k: int
    precision: str
    compute_cycles: int
    cycles: int
    utilization: float
    accesses: dict[str, int]
    result: Result

    def record(self) -> dict[str, Any]:
        """Plain form for ``--json``."""
        metrics = self.result.metrics
        return {
            "chip": self.result.chip,
            "core": self.core,
            "dataflow": self.dataflow,
            "m": self.m,
            "n": self.n,
            "k": self.k,
            "precision": self.precision,
            "macs": metrics.macs,
            "compute_cycles": self.compute_cycles,
            "cycles": self.cycles,
            "latency_s": metrics.latency_s,
            "utilization": self.utilization,
            "accesses": self.accesses,
            "traffic_bytes": metrics.traffic_bytes,
            "energy_j": metrics.energy_j,
            "energy_complete": metrics.energy_complete,
            "tops_per_w": metrics.tops_per_w,
            "not_modelled": list(self.result.not_modelled),
            "assumptions": list(self.result.assumptions),
        }


def gemm(
    chip: str,
    m: int,
    n: int,
    k: int,
    *,
    dataflows: list[str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> list[GemmResult]:
    """Simulate an M x K by K x N product, once per dataflow (default: the chip's own).

    ``workload.precision`` among the overrides chooses the precision; else it is the array's first.

    Raises
    ------
    InputError
        A size is not positive, a dataflow unknown, the chip has no array.
    """
    problems = [
        Problem(f"expected at least 1, got {v}", path=f"--{s}")
        for s, v in zip("mnk", (m, n, k), strict=True)
        if v < 1
    ]
    problems += [
        Problem(f"unknown dataflow '{name}', expected one of {', '.join(DATAFLOWS)}", path="--dataflow")
        for name in dataflows or []
        if name not in DATAFLOWS
    ]
    if problems:
        raise InputError(*problems)
    for_chip, settings = split_overrides(overrides or {})
    built = load_chip(chip, for_chip)
    core = _array(built)
    precision = settings.get("precision", _precisions(built.cores[core])[0])
    results = []
    able = _precisions(built.cores[core])
    if precision not in able:
        message = f"core {core} of {built.name} multiplies {', '.join(able)}, not '{precision}'"
        raise InputError(Problem(message + did_you_mean(precision, able), path="workload.precision"))
    own = str(built.resolved["cores"][core].get("dataflow", ""))
    for dataflow in dataflows or [own]:
        variant = load_chip(chip, {**for_chip, f"cores.{core}.dataflow": dataflow}) if dataflows else built
        results.append(_one(variant, core, dataflow, m, n, k, precision))
    return results


def gemm_graph(m: int, n: int, k: int, precision: str) -> Graph:
    """A network of one product with constant weights."""
    weights = Constant(lambda: np.zeros((k, n), np.float32))
    tensors = {
        "ifmap": Tensor("ifmap", (m, k), precision),
        "weight": Tensor("weight", (k, n), precision, constant=weights),
        "ofmap": Tensor("ofmap", (m, n), precision),
    }
    node = Node("gemm", "MatMul", ("ifmap", "weight"), ("ofmap",))
    return Graph(f"gemm_{m}x{n}x{k}", (node,), tensors, ("ifmap",), ("ofmap",))


def _array(chip: Chip) -> str:
    """The core with most MAC slots."""
    work = Contraction(k=1, c=1)
    able = {name: core for name, core in chip.cores.items() if core.precisions() or core.accepts(work)}
    if not able:
        raise InputError(Problem("the chip has no core that multiplies matrices", chip.file, path="cores"))
    return max(able, key=lambda name: _slots(able[name]))


def _slots(core: Core) -> float:
    return max(core.macs_per_cycle(name) for name in _precisions(core))


def _precisions(core: Core) -> tuple[str, ...]:
    """Those of an array; what is no array is asked for int8."""
    return core.precisions() or ("int8",)


def _one(chip: Chip, core_name: str, dataflow: str, m: int, n: int, k: int, precision: str) -> GemmResult:
    rules = chip.rules.model_copy(update={"core": core_name})
    pinned = replace(chip, rules=rules)
    result = finish(pinned, plan(gemm_graph(m, n, k, precision), pinned), beside=False)
    core = chip.cores[core_name]
    work = Contraction(k=n, c=k, oy=m, precision=precision)
    tile = whole_tile(work, core)
    occupancy, latency = core.cycles(tile)
    period_fs = 1e15 / core.clock_hz
    compute_cycles = int(occupancy[0] + latency[0])
    slots = core.macs_per_cycle(precision)
    return GemmResult(
        dataflow=dataflow,
        core=core_name,
        m=m,
        n=n,
        k=k,
        precision=precision,
        compute_cycles=compute_cycles,
        cycles=round(result.metrics.latency_s * 1e15 / period_fs),
        utilization=m * n * k / (slots * compute_cycles) if slots else 0.0,
        accesses=_accesses(core, tile),
        result=result,
    )


def _accesses(core: Core, tile: np.ndarray) -> dict[str, int]:
    """Elements read and written per operand.

    The tile's elements are one byte each, its partial sums as wide as they are.
    """
    moved = core.accesses(tile)[0]
    if "psum" not in core.ROLES:
        return {
            f"{role}_{way}s": int(moved[j, w])
            for j, role in enumerate(core.ROLES)
            for w, way in enumerate(("read", "write"))
        }
    psum_bytes = core.sum_bits() // 8
    by_role = {role: moved[j] for j, role in enumerate(core.ROLES)}
    drained = int(by_role["ofmap"][1])
    return {
        "ifmap_reads": int(by_role["ifmap"][0]),
        "filter_reads": int(by_role["weight"][0]),
        "ofmap_writes": int(by_role["psum"][1]) // psum_bytes,
        "ofmap_reads": int(by_role["psum"][0]) // psum_bytes - drained,
    }
