"""A sweep as plain records: a row per design point, the Pareto front, what its analysis says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from simulator.base.errors import InputError, Problem
from simulator.experiment.sweep.expression import Expression, ExpressionError, parse, quantity
from simulator.experiment.sweep.measures import mixed
from simulator.experiment.sweep.store import KeptPoint, Run, Store
from simulator.results import front, sensitivity

Record = dict[str, Any]
#: Columns of a record that are neither axes nor figures.
HEAD = ("key", "chosen", "chip", "status", "within_limits")
#: What the definition of a sweep has at least.
_ASKED = ("chips", "axes", "workloads", "objectives", "limits")


@dataclass(frozen=True)
class SweepResult:
    """What a sweep found, as far as it is finished.

    Attributes
    ----------
    name, digest
        Of the sweep.
    axes
        Columns of the axes.
    objectives
        Metric -> ``minimize`` or ``maximize``.
    records
        A mapping per design point, by key: ``HEAD``, the axes, the figures of the mix and, of several
        workloads, ``<workload>.<figure>`` of each, and ``error``. Figures that are not known are None.
    front
        Indices of the records on the Pareto front.
    missing
        Points whose runs are not all there.
    settings
        Of each record, path -> value of everything that was set there, as text.
    facts
        What else is known, such as the error of a screening.
    definition
        The question.
    """

    name: str
    digest: str
    axes: tuple[str, ...]
    objectives: Mapping[str, str]
    records: tuple[Record, ...]
    front: tuple[int, ...]
    missing: int
    settings: tuple[Mapping[str, str], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    definition: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def done(self) -> list[Record]:
        """Records of the design space that have figures; the baseline is not among them."""
        return [r for r in self.records if r["status"] == "done" and r["chosen"] != "baseline"]

    @property
    def pareto(self) -> list[Record]:
        """Records of the Pareto front."""
        return [self.records[i] for i in self.front]

    @property
    def baseline(self) -> Record | None:
        """The record to compare with, if it is there."""
        return next((r for r in self.records if r["chosen"] == "baseline" and r["status"] == "done"), None)

    @property
    def failed(self) -> list[Record]:
        """Records without figures, each with its error."""
        return [record for record in self.records if record["status"] != "done"]

    def knee(self) -> Record | None:
        """The record of the front beyond which little is won for much; see ``results.front.knee``."""
        found = front.knee([scores(record, self.objectives) for record in self.pareto])
        return None if found is None else self.pareto[found]

    def effects(self, figure: str) -> list[sensitivity.Effect]:
        """What each axis does to a figure; see ``results.sensitivity.main_effects``.

        Of paths that are tied the first stands for all.
        """
        return sensitivity.main_effects(self._in_order(), self._varying(), figure)

    def interactions(self, figure: str) -> list[sensitivity.Interaction]:
        """What pairs of axes do to a figure; see ``results.sensitivity.interactions``."""
        return sensitivity.interactions(self.done, self._varying(), figure)

    def best(self, figure: str) -> Mapping[str, Any] | None:
        """The best record within limits by one objective, also of one workload (``<workload>.latency_s``)."""
        within = [record for record in self._in_order() if record["within_limits"]]
        maximize = self.objectives.get(figure) == "maximize"
        return sensitivity.best(within, figure, maximize=maximize)

    def best_per_workload(self) -> dict[str, dict[str, Mapping[str, Any] | None]]:
        """Workload -> objective -> the best record for that workload alone."""
        names = [workload["name"] for workload in self.definition["workloads"]]
        found: dict[str, dict[str, Mapping[str, Any] | None]] = {}
        for name in names:
            found[name] = {}
            for figure, way in self.objectives.items():
                column = f"{name}.{figure}" if len(names) > 1 and "." not in figure else figure
                within = [record for record in self._in_order() if record["within_limits"]]
                found[name][figure] = sensitivity.best(within, column, maximize=way == "maximize")
        return found

    def thrifty(self, figure: str) -> Mapping[str, Any] | None:
        """The best record by one objective among those no worse than the baseline in all others.

        None without a baseline, or where there is no such record.
        """
        base = self.baseline
        others = {name: way for name, way in self.objectives.items() if name != figure}
        if base is None or any(base.get(name) is None for name in self.objectives):
            return None
        limit = scores(base, others)
        within = [
            record for record in self._in_order()
            if record["within_limits"] and all(record.get(name) is not None for name in others)
            and all(mine <= most for mine, most in zip(scores(record, others), limit, strict=True))
        ]  # fmt: skip
        return sensitivity.best(within, figure, maximize=self.objectives[figure] == "maximize")

    def envelopes(self, figure: str) -> dict[str, list[tuple[Any, float]]]:
        """Axis -> (value, the best of a figure there); of records within limits."""
        within = [record for record in self._in_order() if record["within_limits"]]
        most = self.objectives.get(figure) == "maximize"
        return {axis: sensitivity.envelope(within, axis, figure, maximize=most) for axis in self._varying()}

    def enough(self, figure: str) -> dict[str, Any]:
        """Axis -> the first of its values with which the best of a figure is within 5 % of the best of all.

        ``figure`` may be that of one workload, ``<workload>.latency_s``; it is to be small unless an
        objective of this name says otherwise.
        """
        within = [record for record in self._in_order() if record["within_limits"]]
        most = self.objectives.get(figure.rpartition(".")[2]) == "maximize"
        return {axis: sensitivity.enough(within, axis, figure, maximize=most) for axis in self._varying()}

    def steps(self) -> list[tuple[str, int, int, float, float]]:
        """Where more of a memory makes runs slower, which is not what one would expect.

        Returns
        -------
        list of tuple
            (axis, pairs of designs that differ by one place along the axis alone, those of them where the one
            with more is slower, by how much at most in per cent, and that for one workload) of each axis of a
            memory with ascending numbers along which the best latency falls.
        """
        found = []
        names = [workload["name"] for workload in self.definition["workloads"]]
        columns = ["latency_s", *(f"{name}.latency_s" for name in names if len(names) > 1)]
        for axis, everywhere in self.envelopes("latency_s").items():
            best = [pair for pair in everywhere if pair[0] is not None]  # None: where it does not vary
            sizes = [quantity(value).value for value, _ in best]
            if not axis.startswith("memories.") or not sizes or any(isinstance(s, str) for s in sizes):
                continue
            if sizes != sorted(sizes) or best[-1][1] > best[0][1]:
                continue
            rises = [self._rises(axis, column) for column in columns]
            worse = [rise for rise in rises[0] if rise > 0]
            single = max((rise for each in rises for rise in each), default=0.0)
            found.append((axis, len(rises[0]), len(worse), max(worse, default=0.0), single))
        return found

    def _rises(self, axis: str, figure: str) -> list[float]:
        """By how many per cent a figure rises from a design to the next along an axis, all else equal."""
        lines: dict[tuple[str, ...], list[float]] = {}
        for record in self._in_order():
            others = tuple(str(record.get(o)) for o in ("chip", *self._varying()) if o != axis)
            if record.get(figure) and record.get(axis) is not None:
                lines.setdefault(others, []).append(record[figure])
        return [(b / a - 1) * 100 for line in lines.values() for a, b in pairwise(line)]

    def against_baseline(self, record: Mapping[str, Any]) -> dict[str, float | None]:
        """Figure -> by how many percent a record is above the baseline; empty without one."""
        if self.baseline is None:
            return {}
        return sensitivity.differences_pct(record, self.baseline, figure_names(self.records, self.axes))

    def to_dict(self) -> dict[str, Any]:
        """Plain form, JSON-ready."""
        return {
            "name": self.name,
            "objectives": dict(self.objectives),
            "axes": list(self.axes),
            "points": len(self.records),
            "missing": self.missing,
            "failed": len(self.failed),
            "front": [self.records[i]["key"] for i in self.front],
            "facts": dict(self.facts),
            "records": list(self.records),
        }

    def _varying(self) -> list[str]:
        """Columns of the axes that take several values, one of each axis."""
        tied = {path for axis in self.definition["axes"] for path in axis["paths"][1:]}
        columns = (*(("chip",) if len(self.definition["chips"]) > 1 else ()), *self.axes)
        return [
            axis for axis in columns
            if axis not in tied and len({record.get(axis) for record in self.done}) > 1
        ]  # fmt: skip

    def _in_order(self) -> list[Record]:
        """Records with figures in the order of the axes, each value where the file has it."""
        place = {
            path: {str(row[i]): number for number, row in enumerate(axis["values"])}
            for axis in self.definition["axes"]
            for i, path in enumerate(axis["paths"])
        }
        return sorted(
            self.done,
            key=lambda record: [place.get(a, {}).get(str(record.get(a)), -1) for a in self.axes],
        )


def read_sweep(folder: str | Path) -> SweepResult:
    """The latest sweep of a folder, from its store alone.

    Raises
    ------
    InputError
        There is no store, or no sweep in it.
    """
    with Store(folder, write=False) as store:
        return collect(store)


def collect(store: Store) -> SweepResult:
    """The latest sweep of a store as records."""
    latest = store.latest()
    if latest is None:
        raise InputError(Problem("no sweep was begun here", str(store.folder)))
    digest, name, definition, facts = latest
    lacking = [key for key in _ASKED if key not in definition]
    if lacking:
        raise store.damaged(f"its sweep lacks {', '.join(lacking)}")
    points = store.points(digest)
    runs = store.known([key for point in points for key in point.runs])
    workloads = definition["workloads"]
    limits = [parse(text) for text in definition["limits"]]
    axes = axis_columns(definition, points)
    whole = [point for point in points if all(key in runs for key in point.runs)]
    rows = [make_record(p, [runs[key] for key in p.runs], workloads, limits, axes) for p in whole]
    columns = dict.fromkeys(column for row in rows for column in row if column != "error")
    records = tuple({**{c: row.get(c) for c in columns}, "error": row["error"]} for row in rows)
    objectives = definition["objectives"]
    able = [
        i for i, record in enumerate(records)
        if record["within_limits"] and record["chosen"] != "baseline"
        and all(record.get(metric) is not None for metric in objectives)
    ]  # fmt: skip
    best = front.pareto([scores(records[i], objectives) for i in able])
    return SweepResult(
        name, digest, axes, objectives, records, tuple(able[i] for i in best), len(points) - len(whole),
        tuple(dict(runs[point.runs[0]].about.get("set", {})) for point in whole), facts, definition,
    )  # fmt: skip


def axis_columns(definition: Mapping[str, Any], points: Sequence[KeptPoint]) -> tuple[str, ...]:
    """Columns of the axes, in the order of the file; paths as the chips that have them know them."""
    stated = [path for axis in definition["axes"] for path in axis["paths"]]
    there = dict.fromkeys(path for point in points for path in point.values)
    local = {path: next((p for p in there if path == p or path.endswith(f".{p}")), path) for path in stated}
    return tuple(dict.fromkeys([*local.values(), *there]))


def make_record(
    point: KeptPoint, runs: Sequence[Run], workloads: Sequence[Mapping[str, Any]],
    limits: Sequence[Expression], axes: Sequence[str],
) -> Record:  # fmt: skip
    """One row of a point whose runs are all there."""
    worst = next((run for run in runs if run.status != "done"), None)
    figures: Record = {}
    if worst is None:
        figures = figures_of_point(runs, workloads)
    error = "" if worst is None else worst.error
    if worst is not None and len(runs) > 1:
        error = f"{workloads[list(runs).index(worst)]['name']}: {error}"
    return {
        "key": point.key,
        "chosen": point.chosen,
        "chip": point.chip,
        "status": worst.status if worst else "done",
        "within_limits": worst is None and not any(misses(figures, limits)),
        **{axis: point.values.get(axis) for axis in axes},
        **figures,
        **{f"screened_{name}": value for name, value in point.estimate.items()},
        "error": " | ".join(error.splitlines()),
    }


def figures_of_point(runs: Sequence[Run], workloads: Sequence[Mapping[str, Any]]) -> Record:
    """Figures of the mix and, of several workloads, of each."""
    apart: Record = {}
    if len(runs) > 1:
        for run, workload in zip(runs, workloads, strict=True):
            apart |= {f"{workload['name']}.{name}": value for name, value in run.figures.items()}
    return {**mixed([run.figures for run in runs], [w["weight"] for w in workloads]), **apart}


def misses(figures: Mapping[str, Any], limits: Sequence[Expression]) -> list[float]:
    """By how much each limit is missed: 0 where it holds, 1 where its figure is not known."""
    found = []
    for limit in limits:
        if any(figures.get(name) is None for name in limit.names):
            found.append(1.0)
            continue
        try:
            found.append(limit.miss(figures.__getitem__))
        except ExpressionError as error:
            raise InputError(Problem(f"'{limit.text}' has no value: {error}", path="limits")) from None
    return found


def scores(record: Mapping[str, Any], objectives: Mapping[str, str]) -> tuple[float, ...]:
    """Objectives of a record, all to be small."""
    return tuple(-record[m] if way == "maximize" else record[m] for m, way in objectives.items())


def figure_names(records: Sequence[Mapping[str, Any]], axes: Sequence[str]) -> list[str]:
    """Columns that are figures."""
    columns = dict.fromkeys(column for record in records for column in record)
    return [
        column for column in columns
        if column not in (*HEAD, *axes, "error", "energy_complete") and not column.startswith("screened_")
        and not column.endswith(".energy_complete")
    ]  # fmt: skip
