"""Figures of a design: the metrics of its runs as plain numbers, and those of a mix of workloads.

A mix is what one inference takes on average if each workload is run in proportion to its weight. With weights
``w`` that sum to 1:

- what is spent (time, energy, operations, bytes): the mean, sum of w x;
- rates (per second): one over the mean time, 1 / sum of w / x;
- quotients: of the means (``tops`` = mean operations / mean time, ``edp_js`` = mean energy x mean time);
- what has to be there (``peak_memory_bytes``, ``kv_bytes``, ``peak_tops``, ``area_mm2``): the most.

Equations: docs/models/sweeps.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from simulator.results.result import Metrics, Result

Figures = dict[str, Any]

#: Means of what is spent.
_SPENT = (
    "latency_s", "macs", "ops", "energy_j", "static_energy_j", "accuracy", "ttft_s", "tpot_s",
    "energy_per_token_j", "sops", "spikes", "steps", "step_s", "energy_per_sop_j",
)  # fmt: skip
_RATES = ("throughput_per_s", "tokens_per_s", "sops_per_s")
_MOST = ("peak_tops", "area_mm2", "peak_memory_bytes", "kv_bytes")
#: Metrics of a run that are numbers, in the order of ``Metrics``; traffic is beside them, per memory and way.
NAMES = tuple(
    field.name for field in fields(Metrics) if field.name not in ("energy_complete", "traffic_bytes")
)
#: Those of which more is better; of all others less is.
MORE_IS_BETTER = (
    "throughput_per_s", "tops", "peak_tops", "utilization", "tops_per_w", "tops_per_w_chip", "accuracy",
    "tokens_per_s", "sops_per_s",
)  # fmt: skip


def traffic_names(memories: Sequence[str]) -> list[str]:
    """Names of the traffic of memories, as the headers of layers.csv."""
    return [f"{memory}_{way}_B" for memory in memories for way in ("read", "write")]


def figures_of(result: Result) -> Figures:
    """Metrics of a run as one plain mapping; what is not known is None."""
    plain = asdict(result.metrics)
    traffic = plain.pop("traffic_bytes")
    return {
        **plain,
        **{f"{memory}_{way}_B": ways[way] for memory, ways in traffic.items() for way in ("read", "write")},
    }


def mixed(runs: Sequence[Mapping[str, Any]], weights: Sequence[float]) -> Figures:
    """Figures of a mix of runs; those of the run itself where there is one.

    Parameters
    ----------
    runs
        ``figures_of`` each workload.
    weights
        Above 0; only their proportions count.
    """
    if len(runs) == 1:
        return dict(runs[0])
    total = sum(weights)
    shares = [weight / total for weight in weights]
    names = dict.fromkeys(name for run in runs for name in run)
    found: Figures = {}
    for name in names:
        column = [run.get(name) for run in runs]
        if name == "energy_complete":
            found[name] = all(column)
        elif any(value is None for value in column):
            found[name] = None
        elif name in _MOST:
            found[name] = max(value for value in column if value is not None)
        elif name in _RATES:
            found[name] = 1 / slow if (slow := _mean([1 / x if x else 0.0 for x in column], shares)) else 0.0
        elif name in _SPENT or name.endswith("_B"):
            found[name] = _mean(column, shares)
    return {name: found.get(name) for name in names} | _quotients(runs, shares, found)


def _mean(values: Sequence[Any], shares: Sequence[float]) -> float:
    return float(sum(value * share for value, share in zip(values, shares, strict=True)))


def _quotients(runs: Sequence[Mapping[str, Any]], shares: Sequence[float], mean: Figures) -> Figures:
    """Figures that are one mean over, or times, another."""
    latency_s, energy_j = mean["latency_s"], mean["energy_j"]
    complete = mean["energy_complete"]
    slots = [_over(run["macs"], run["utilization"]) for run in runs]  # MAC slots x latency of each
    chip_j = [_over(run["ops"], run["tops_per_w_chip"]) for run in runs]  # J x 1e12
    known = energy_j is not None
    return {
        "tops": mean["ops"] / latency_s / 1e12 if latency_s else 0.0,
        "utilization": _over(mean["macs"], _known_mean(slots, shares)),
        "average_power_w": energy_j / latency_s if known and latency_s else None,
        "tops_per_w": mean["ops"] / energy_j / 1e12 if complete and energy_j else None,
        "tops_per_w_chip": _over(mean["ops"], _known_mean(chip_j, shares)),
        "edp_js": energy_j * latency_s if complete and known else None,
    }


def _known_mean(values: Sequence[float | None], shares: Sequence[float]) -> float | None:
    return None if None in values else _mean(values, shares)


def _over(number: float, divisor: float | None) -> float | None:
    return number / divisor if divisor else None
