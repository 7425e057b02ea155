"""list: what there is. Light: nothing here imports numba, onnx or matplotlib."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from simulator.base import yamlio
from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.base.locate import names
from simulator.workload.numerics import PROFILES

Row = tuple[str, str]

#: Sort of thing -> where its registry is; imported when asked for, because some hold heavy modules.
REGISTRIES = {
    "cores": ("simulator.hw.component", "CORES"),
    "memories": ("simulator.hw.component", "MEMORIES"),
    "links": ("simulator.hw.component", "LINKS"),
    "operators": ("simulator.workload.op", "OPS"),
    "reports": ("simulator.report", "REPORTS"),
}
SORTS = ("chips", "workloads", *REGISTRIES, "profiles")


def list_chips() -> list[Row]:
    """(name, description) of every chip that can be used by name."""
    return [(name, _first_line(file)) for name, file in names("hwconfigs").items()]


def list_workloads() -> list[Row]:
    """(name, description) of every network that can be used by name."""
    return [
        (name, _first_line(file) if file.suffix == ".yaml" else "")
        for name, file in names("workloads").items()
    ]


def _first_line(file: Path) -> str:
    try:
        data = yamlio.load(file).data
    except InputError as error:
        return f"(cannot be read: {error.problems[0].message})"
    return str(data.get("description", "")) if isinstance(data, dict) else ""


def _summary(item: Any) -> str:
    text = (item.__doc__ or "").strip()
    return text.splitlines()[0] if text else ""


def listing(what: str) -> list[Row]:
    """(name, summary) of everything of one sort.

    Raises
    ------
    InputError
        There is no such sort.
    """
    if what not in SORTS:
        raise InputError(
            Problem(f"expected one of {', '.join(SORTS)}, got '{what}'{did_you_mean(what, SORTS)}", "list")
        )
    if what == "chips":
        return list_chips()
    if what == "workloads":
        return list_workloads()
    if what == "profiles":
        return [(profile.name, profile.sources[0]) for profile in PROFILES.values()]
    module, name = REGISTRIES[what]
    registry = getattr(import_module(module), name)
    return [(entry, _summary(registry[entry])) for entry in registry.names()]
