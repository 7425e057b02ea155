"""Screening: all points in closed form, the most promising simulated, and how far off the closed form was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.base.errors import InputError
from simulator.experiment.overrides import split_overrides
from simulator.hw.chip import load_chip

if TYPE_CHECKING:
    from simulator.experiment.sweep.closedform import ClosedForm
    from simulator.experiment.sweep.load import Sweep
    from simulator.experiment.sweep.space import Point, Space

#: Figures that the closed form has.
SCREENED = ("latency_s", "energy_j", "edp_js", "area_mm2")
#: Percentiles of the ratio of estimate and simulation that are reported.
PERCENTILES = (5, 25, 50, 75, 95)

Estimate = dict[str, Any]


def hindrances(chips: Sequence[str], workloads: Sequence[Any]) -> list[tuple[tuple[str | int, ...], str]]:
    """What the closed form has no equations for: where in the sweep's file it stands, and why.

    Parameters
    ----------
    chips
        As the file names them.
    workloads
        With ``network`` and ``settings``.
    """
    from simulator.experiment.language import language_model  # readers of networks: only for a screening

    instead = "leave `screening` out; to simulate fewer points, `search: {kind: nsga2, evaluations: 100}`"
    found: list[tuple[tuple[str | int, ...], str]] = []
    for i, name in enumerate(chips):
        chip = load_chip(name)
        for core, spec in chip.cores.items():
            if spec.RESIDENT or spec.ALONE:
                what = "computes inside a memory" if spec.RESIDENT else "has a model of its own"
                text = f"the closed form knows no core that {what} ('{core}', {spec.kind}); {instead}"
                found.append((("chips", i), text))
    for i, workload in enumerate(workloads):
        try:
            phases = language_model(workload.network, split_overrides(workload.settings)[1], None)
        except InputError:  # said elsewhere
            continue
        if phases is not None:
            text = (
                "the closed form is of one graph, not of a prompt and the tokens after it; set "
                f"workload.phase to prefill or decode, or {instead}"
            )
            found.append((("workloads", i), text))
    return found


@dataclass(frozen=True)
class Screened:
    """What a screening decided.

    Attributes
    ----------
    survivors, checks
        Points to simulate because they are promising, and some of the others.
    estimates
        Point's identity -> figures, with the names of the objectives.
    facts
        How many there were.
    """

    survivors: list[Point]
    checks: list[Point]
    estimates: Mapping[Any, Estimate]
    facts: dict[str, Any]


class Estimator:
    """Closed-form figures of the points of a space, for a mix of workloads."""

    def __init__(self, space: Space, workloads: Sequence[Any]) -> None:
        self.space, self.workloads = space, workloads
        self._variants: dict[str, Any] = {}
        self._forms: dict[Any, ClosedForm] = {}

    def estimate(self, point: Point) -> Estimate | None:
        """Figures of the mix, and of several workloads ``<workload>.<figure>``; None: it cannot be built."""
        from simulator.experiment.sweep.variants import Variants

        variants = self._variants.setdefault(point.chip, None) or Variants(point.chip)
        self._variants[point.chip] = variants
        for_chip, settings = split_overrides(self.space.overrides(point))
        try:
            variant = variants.at(for_chip)
            found = [self._form(point.chip, variant, settings, w).figures(variant) for w in self.workloads]
        except (InputError, ValueError):  # the simulation would refuse it, or says what is wrong
            return None
        return _mix(found, self.workloads)

    def _form(self, chip: str, variant: Any, settings: Mapping[str, str], workload: Any) -> ClosedForm:
        from simulator.experiment.single import load_network, with_precision
        from simulator.experiment.sweep.closedform import ClosedForm
        from simulator.experiment.values import with_zeros

        asked = {**settings, **split_overrides(workload.settings)[1]} if settings else None
        key = (chip, variant.base.digest, workload.name, tuple(sorted((asked or {}).items())))
        if key not in self._forms:
            own = {**settings, **split_overrides(workload.settings)[1]}
            graph = load_network(workload.network, own, None)
            graph = with_precision(graph, variant.base, own.get("precision"))
            graph = with_zeros(graph, variant.base, own, None)[0]
            self._forms[key] = ClosedForm(graph, variant.base)
        return self._forms[key]


def _mix(found: Sequence[Mapping[str, Any]], workloads: Sequence[Any]) -> Estimate:
    """As ``measures.mixed``, for the figures that there are."""
    if len(found) == 1:
        return dict(found[0])
    total = sum(workload.weight for workload in workloads)
    mix: Estimate = {"area_mm2": found[0]["area_mm2"]}
    for name in ("latency_s", "energy_j"):
        column = [figures[name] for figures in found]
        mix[name] = (
            None
            if None in column
            else sum(x * w.weight / total for x, w in zip(column, workloads, strict=True))
        )
    known = mix["energy_j"] is not None
    mix["edp_js"] = mix["energy_j"] * mix["latency_s"] if known else None
    for figures, workload in zip(found, workloads, strict=True):
        mix |= {f"{workload.name}.{name}": value for name, value in figures.items()}
    return mix


def screen(sweep: Sweep, points: Sequence[Point]) -> Screened:
    """Choose the points to simulate.

    They are taken by their rank in the Pareto order of the estimates (the front, then the front of the rest,
    and so on), of the last rank those with most room around them; points whose estimates miss a limit come
    last. Points that cannot be estimated are left to the simulator, as it can say why.
    """
    import numpy as np  # heavy; only for a screening

    plan = sweep.screening
    assert plan is not None
    estimator = Estimator(sweep.space, sweep.workloads)
    estimates = [estimator.estimate(point) for point in points]
    metrics = [(objective.metric, objective.maximize) for objective in sweep.objectives]
    able = [
        i for i, estimate in enumerate(estimates)
        if estimate is not None and all(estimate.get(metric) is not None for metric, _ in metrics)
    ]  # fmt: skip
    order = _by_promise(sweep, estimates, able, metrics)
    keep = plan.keeps(len(points))
    survivors = sorted(
        [*order[:keep], *(i for i in range(len(points)) if i not in set(able))][: max(keep, 1)]
    )
    chosen = set(survivors)
    others = [i for i in order if i not in chosen]
    rng = np.random.default_rng(sweep.seed)
    checks = sorted(rng.permutation(len(others))[: plan.check].tolist())
    looked_at = [others[i] for i in sorted(checks)]
    kept = {
        points[i].identity: {metric: (estimates[i] or {}).get(metric) for metric, _ in metrics}
        for i in (*survivors, *looked_at)
    }
    facts = {
        "points": len(points),
        "kept": len(survivors),
        "checked": len(looked_at),
        "not_estimated": len(points) - len(able),
    }
    return Screened([points[i] for i in survivors], [points[i] for i in looked_at], kept, facts)


def _by_promise(
    sweep: Sweep, estimates: Sequence[Estimate | None], able: Sequence[int],
    metrics: Sequence[tuple[str, bool]],
) -> list[int]:  # fmt: skip
    """Indices of estimated points, the most promising first; equal ones as they come."""
    import numpy as np  # heavy; only for a screening

    from simulator.results.front import crowding, ranks

    if not able:
        return []
    scores = np.array(
        [[-(estimates[i] or {})[m] if most else (estimates[i] or {})[m] for m, most in metrics] for i in able]
    )
    missed = np.array([_misses(sweep, estimates[i] or {}) for i in able])
    rank = ranks(scores) + np.where(missed, len(able), 0)
    lonely = np.zeros(len(able))
    for level in np.unique(rank):
        same = rank == level
        lonely[same] = crowding(scores[same])
    return [able[i] for i in np.lexsort([-lonely, rank]).tolist()]


def _misses(sweep: Sweep, estimate: Estimate) -> bool:
    """Whether an estimate misses one of the limits that it can tell."""
    told = [limit for limit in sweep.limits if all(estimate.get(name) is not None for name in limit.names)]
    return not all(limit.holds(estimate.__getitem__) for limit in told)


def errors(records: Sequence[Mapping[str, Any]], objectives: Sequence[str]) -> dict[str, Any]:
    """How far the closed form was off, over the points that were simulated.

    Returns
    -------
    dict
        Of each objective: ``rank_correlation`` (Spearman's), percentiles of estimate / simulated, over how
        many points; the same for the points that were drawn at random alone, where there are enough.
    """
    found: dict[str, Any] = {}
    for metric in objectives:
        column = f"screened_{metric}"
        known = [
            record for record in records
            if record["status"] == "done" and record.get(metric) and record.get(column) is not None
        ]  # fmt: skip
        drawn = [record for record in known if record["chosen"] == "check"]
        if known:
            found[metric] = _error(known, metric, column)
        if len(drawn) > 2:
            found[metric]["drawn"] = _error(drawn, metric, column)
    return {"errors": found}


def _error(records: Sequence[Mapping[str, Any]], metric: str, column: str) -> dict[str, Any]:
    import numpy as np  # heavy; only for a screening

    from simulator.results.sensitivity import rank_correlation

    estimated = [float(record[column]) for record in records]
    simulated = [float(record[metric]) for record in records]
    ratios = np.percentile(np.divide(estimated, simulated), PERCENTILES)
    return {
        "points": len(records),
        "rank_correlation": rank_correlation(estimated, simulated),
        "ratio": {f"p{p}": float(r) for p, r in zip(PERCENTILES, ratios, strict=True)},
    }
