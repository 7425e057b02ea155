"""Copies of a component as one: a chip of clusters has many, and a reader wants one row for all of them."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.results.result import Result


def groups(result: Result, components: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Label -> the components that it stands for, in the order given: ``npu ×4``, a lone one by its name."""
    found: dict[str, list[str]] = {}
    for component in components:
        found.setdefault(result.copies.get(component, component), []).append(component)
    return {
        members[0] if len(members) == 1 else f"{name} ×{len(members)}": tuple(members)
        for name, members in found.items()
    }


def ledger_labels(result: Result) -> dict[str, str]:
    """Component of the ledger -> label of its group."""
    names = dict.fromkeys(component for component, _ in result.ledger.columns)
    return {name: label for label, members in groups(result, names).items() for name in members}


def actions_once(result: Result, actions: Iterable[tuple[str, str]]) -> dict[str, list[tuple[str, str]]]:
    """``lanes.op_add (4 copies)`` -> the actions that it stands for as (component, action)."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for component, action in actions:
        found.setdefault((result.copies.get(component, component), action), []).append((component, action))
    named = {}
    for (name, action), pairs in found.items():
        several = f"{name}.{action} ({len(pairs)} copies)"
        named[several if len(pairs) > 1 else f"{pairs[0][0]}.{action}"] = pairs
    return named
