"""A design sweep as its page gets it: records of made-up figures on a grid."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.report.sweep import SweepPage
from simulator.results.front import pareto
from simulator.results.sensitivity import envelope, interactions, main_effects

AXES = ("cores.npu.rows", "cores.npu.cols", "memories.sram.capacity", "cores.npu.clock")
FIGURES = ("latency_s", "energy_j", "area_mm2", "edp_js", "tops", "utilization", "tops_per_w", "average_power_w",
           "peak_memory_bytes", "one.latency_s", "one.energy_j", "two.latency_s", "two.energy_j")  # fmt: skip


def make_page(points: int, rng: np.random.Generator, **more: Any) -> SweepPage:
    """So many records, some of them without figures."""
    records = []
    for i in range(points):
        done = i % 50 != 7
        record: dict[str, Any] = {"key": f"{i:032x}", "chosen": "grid", "chip": "npu/edge_npu"}
        record |= {"status": "done" if done else "refused", "error": "" if done else "too small for node 'x'"}
        record |= dict(zip(AXES, (8 * (1 + i % 9), 16 * (1 + i % 7), f"{2 ** (i % 6)} MiB", f"{500 + i % 11} MHz"),
                           strict=True))  # fmt: skip
        record |= {name: float(rng.random()) if done else None for name in FIGURES}
        records.append(record)
    able = [i for i, record in enumerate(records) if record["status"] == "done"]
    best = pareto([(records[i]["latency_s"], records[i]["energy_j"]) for i in able])
    fields: dict[str, Any] = {
        "name": "study", "description": "What is asked", "axes": AXES,
        "objectives": {"latency_s": "minimize", "energy_j": "minimize"}, "columns": FIGURES, "records": records,
        "front": [able[i] for i in best],
        "settings": [{axis: str(r[axis]) for axis in AXES} | {"cores.npu.area": f"{i % 300} um2"}
                     for i, r in enumerate(records)],
        "chips": {"npu/edge_npu": {"name": "edge_npu", "cores": {"npu": {"rows": 32}}}},
        "effects": {"latency_s": main_effects(records, AXES, "latency_s")},
        "interactions": {"latency_s": interactions(records, AXES, "latency_s")},
        "facts": ["best latency_s: 1 at x"],
        "envelopes": {"latency_s": {axis: envelope([records[i] for i in able], axis, "latency_s") for axis in AXES}},
        "picks": [("A", "least latency", records[able[best[0]]]), ("B", "the baseline", records[able[1]])] if best else [],
        "baseline": records[able[1]] if best else None,
        "bests": {name: {"latency_s": records[able[best[0]]]} for name in ("one", "two")} if best else {},
        "enough": {"latency_s": dict(zip(AXES, (16, 32, "2 MiB", "505 MHz"), strict=True))},
    }  # fmt: skip
    return SweepPage(**{**fields, **more})
