"""Clusters: components that a chip has several times, written once in its file."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from pydantic import Field

from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.base.spec import Spec, build
from simulator.base.yamlio import Document

FAMILIES = ("cores", "memories", "links")
#: Fields that name another component: family -> fields; a mapping names components in its values.
_REFERENCES = {"cores": ("buffers",), "memories": (), "links": ("from", "to", "via")}


class Cluster(Spec):
    """Components that stand together, and how often they are there."""

    count: int = Field(description="How often the members are there", ge=1, le=1024)
    members: tuple[str, ...] = Field(
        min_length=1,
        description="Names of cores, memories and links; copy i of `npu` is called `npu_i`, and members name "
        "each other within a copy",
    )


def expand(document: Document) -> list[Problem]:
    """Write every member of a cluster out as often as it is there; ``document`` is changed.

    Places of the copies are those of the one that was written, so that messages point at it. What is wrong
    is returned; a cluster with problems is left out.
    """
    stated = document.data.get("clusters") if isinstance(document.data, dict) else None
    if not isinstance(stated, dict):
        return []
    families = {f: v for f in FAMILIES if isinstance(v := document.data.get(f), dict)}
    problems: list[Problem] = []
    taken: dict[str, str] = {}
    for name, fields in stated.items():
        place = ("clusters", name)
        try:
            cluster: Cluster = build(Cluster, fields, document, place)
        except InputError as error:
            problems += error.problems
            continue
        known = [member for members in families.values() for member in members]
        wrong = _wrong_members(cluster, known, taken, document, place)
        problems += wrong
        taken.update({member: str(name) for member in cluster.members})
        if not wrong:
            for family, members in families.items():
                _copy_members(family, members, cluster, document)
    return problems


def copied(document: Document, place: tuple[str | int, ...], name: str) -> str:
    """What to say of a reference to a member of a cluster from outside it; "" where it is none."""
    stated = document.data.get("clusters")
    for cluster, fields in stated.items() if isinstance(stated, dict) else ():
        members = fields.get("members") if isinstance(fields, dict) else None
        if isinstance(members, list) and name in members:
            return (
                f"'{name}' is there in every copy of cluster '{cluster}'; make '{place[1]}' a member too, "
                f"or name one, such as '{name}_0'"
            )
    return ""


def _wrong_members(
    cluster: Cluster, known: list[str], taken: dict[str, str], document: Document, place: tuple[str, ...]
) -> list[Problem]:
    problems = []
    for i, member in enumerate(cluster.members):
        if member in taken:
            message = f"'{member}' is in cluster '{taken[member]}' already"
        elif member in cluster.members[:i]:
            message = f"'{member}' is named twice"
        elif member not in known:
            message = (
                f"no core, memory or link is called '{member}'; there is {', '.join(map(str, known))}"
                f"{did_you_mean(member, known)}"
            )
        else:
            continue
        problems.append(document.problem(message, (*place, "members", str(i))))
    return problems


def _copy_members(family: str, members: dict[str, Any], cluster: Cluster, document: Document) -> None:
    """Replace each member of one family by its copies, in its place in the order."""
    written = dict(members)
    members.clear()
    for name, fields in written.items():
        if name not in cluster.members:
            members[name] = fields
            continue
        marks = {path[2:]: mark for path, mark in document.marks.items() if path[:2] == (family, name)}
        for i in range(cluster.count):
            members[f"{name}_{i}"] = _renamed(family, fields, cluster.members, i)
            document.marks.update({(family, f"{name}_{i}", *rest): mark for rest, mark in marks.items()})


def _renamed(family: str, fields: Any, names: tuple[str, ...], i: int) -> Any:
    """A copy of a component's fields that names the members of its own copy of the cluster."""
    if not isinstance(fields, dict):
        return fields
    copied = deepcopy(fields)
    for field in _REFERENCES[family]:
        there = copied.get(field)
        if isinstance(there, str) and there in names:
            copied[field] = f"{there}_{i}"
        elif isinstance(there, dict):
            copied[field] = {
                role: f"{to}_{i}" if isinstance(to, str) and to in names else to for role, to in there.items()
            }
    return copied
