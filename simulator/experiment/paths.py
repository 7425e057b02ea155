"""Dotted paths that a file states for one or several chips: whether they lead somewhere, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simulator.base import yamlio
from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.base.locate import locate, roots
from simulator.experiment.overrides import WORKLOAD_SETTINGS
from simulator.hw.chip import FAMILIES, load_chip

#: Parts of a chip's file below which a path may lead.
_PARTS = (*FAMILIES, "clusters")


def chip_names(chips: Sequence[str], document: yamlio.Document) -> dict[str, str]:
    """Chip as written -> its own name.

    Raises
    ------
    InputError
        All chips that are missing or broken, each with its place.
    """
    names: dict[str, str] = {}
    problems: list[Problem] = []
    for i, chip in enumerate(chips):
        try:
            names[chip] = load_chip(chip).name
        except InputError as error:
            missing = [p for p in error.problems if p.file == chip and not p.line]
            problems += [document.problem(p.message, ("chips", i)) for p in missing] or list(error.problems)
    if problems:
        raise InputError(*problems)
    return names


def check_path(
    where: str, place: tuple[str | int, ...], names: Mapping[str, str], document: yamlio.Document
) -> list[Problem]:
    """A path must exist in every chip, or begin with the name of the one that it is for.

    Fields of components are not looked at; whoever builds the chip with a value there says what is wrong.

    Parameters
    ----------
    where, place
        The path, and where in the document it is written.
    names
        Chip as written -> its own name.
    """
    first, _, rest = where.partition(".")
    if first == "workload":
        known = rest.split(".")[0] in WORKLOAD_SETTINGS
        hint = did_you_mean(rest, WORKLOAD_SETTINGS)
        message = f"unknown setting of a workload, expected one of {', '.join(WORKLOAD_SETTINGS)}{hint}"
        return [] if known else [document.problem(message, place)]
    if first == "mapping":
        return []
    chips = {chip: name for chip, name in names.items() if first in (name, "chip", *_PARTS)}
    if not chips:
        words = ("chip", "workload", "mapping", *_PARTS, *names.values())
        message = f"expected a path that starts with one of {', '.join(words)}{did_you_mean(first, words)}"
        return [document.problem(message, place)]
    path = rest if first in (*names.values(), "chip") else where
    if path.startswith("mapping."):
        return []
    problems = []
    for chip, name in chips.items():
        parents = path.split(".")[:-1]
        level: Any = yamlio.load(locate(chip, "hwconfigs"), search=roots("hwconfigs")).data
        near = ""
        for key in parents[:2]:  # what is below a component may be left out: its fields have defaults
            near = did_you_mean(key, level) if isinstance(level, dict) else ""
            level = level.get(key) if isinstance(level, dict) else None
            if level is None:
                break
        if level is None:
            hint = near or "; prefix the path by the name of the chip it is for"
            problems.append(document.problem(f"chip {name} has no {'.'.join(parents)}{hint}", place))
    return problems


def for_chip(chosen: Mapping[str, Any], name: str, names: set[str]) -> dict[str, Any]:
    """The overrides that concern one chip, without its name or ``chip.`` in front."""
    mine = {}
    for path, value in chosen.items():
        first, _, rest = path.partition(".")
        if first in names and first != name:
            continue
        mine[rest if first in (name, "chip") else path] = value
    return mine
