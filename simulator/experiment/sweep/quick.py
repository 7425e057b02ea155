"""A quick sweep: those values of the axes and those workloads that its file says, for a look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from simulator.base.errors import Problem, did_you_mean, shown
from simulator.base.yamlio import Document
from simulator.experiment.sweep.axes import Axis

if TYPE_CHECKING:
    from simulator.experiment.sweep.load import Workload
    from simulator.experiment.sweep.spec import Quick


def shortened_axes(
    axes: Sequence[Axis], quick: Quick, document: Document
) -> tuple[list[Axis], list[Problem]]:
    """The axes with the values that a quick sweep keeps, and what is wrong with what it asks for.

    Parameters
    ----------
    axes
        Of the file; a tied one is known by the values of its first path.
    quick
        What the file says under ``quick``; an axis that is not named keeps all its values.
    document
        Where it stands.
    """
    problems, kept = [], {axis.name: axis for axis in axes}
    for name, wanted in quick.axes.items():
        axis = kept.get(name)
        if axis is None:
            message = f"no axis is called '{name}'{did_you_mean(name, list(kept))}"
            problems.append(document.problem(message, ("quick", "axes", name)))
            continue
        there = [row[0] for row in axis.values]
        for i, value in enumerate(wanted):
            if value not in there:
                listed = ", ".join(str(each) for each in there[:12])
                message = f"expected a value of the axis ({listed}), got {shown(value)}"
                problems.append(document.problem(message, ("quick", "axes", name, i)))
        rows = tuple(row for row in axis.values if row[0] in wanted)
        if rows:
            kept[name] = replace(axis, values=rows)
        elif not wanted:
            problems.append(document.problem("expected at least one value", ("quick", "axes", name)))
    return list(kept.values()), problems


def shortened_workloads(
    workloads: Sequence[Workload], quick: Quick, document: Document
) -> tuple[list[Workload], list[Problem]]:
    """The workloads that a quick sweep keeps, all where it names none, and what is wrong with the names."""
    names: list[Any] = [workload.name for workload in workloads]
    problems = [
        document.problem(
            f"no workload is called '{name}'{did_you_mean(name, names)}", ("quick", "workloads", i)
        )
        for i, name in enumerate(quick.workloads)
        if name not in names
    ]
    kept = [workload for workload in workloads if workload.name in quick.workloads]
    return kept or list(workloads), problems
