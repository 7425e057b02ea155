"""What is wrong with how the components of a chip refer to each other; every problem with its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from simulator.base import yamlio
from simulator.base.errors import Problem, did_you_mean
from simulator.hw.clusters import copied
from simulator.hw.component import Core, Link, Memory, Way


class Families(NamedTuple):
    """Components of a chip by name."""

    cores: dict[str, Core]
    memories: dict[str, Memory]
    links: dict[str, Link]


def dangling(families: Families, document: yamlio.Document) -> list[Problem]:
    """Names that refer to nothing."""
    memories = list(document.data.get("memories") or {}) if isinstance(document.data, dict) else []
    written = document.data.get("links") if isinstance(document.data, dict) else {}
    passed = [  # one that could not be built is there all the same
        name
        for name in (written if isinstance(written, dict) else {})
        if name not in families.links or families.links[name].transport is None
    ]
    references: list[tuple[tuple[str | int, ...], str, str, list[str]]] = [
        (("cores", name, "buffers", role), memory, "memory", memories)
        for name, core in families.cores.items()
        for role, memory in core.buffers.items()
    ]
    for name, link in families.links.items():
        if link.transport is not None:
            place, transport = ("links", name), link.transport
            references.append(((*place, "from"), transport.outer, "memory", memories))
            references.append(((*place, "to"), transport.inner, "memory", memories))
            references += [((*place, "via"), shared, "shared link", passed) for shared in transport.via]
        references += [
            (("links", name, *where), memory, "memory", memories) for where, memory in link.memories_named()
        ]
    return [
        document.problem(
            copied(document, place, name)
            or f"no {what} is called '{name}'; "
            f"there is {', '.join(known) or 'none'}{did_you_mean(name, known)}",
            place,
        )
        for place, name, what, known in references
        if name not in known
    ]


def flaws(families: Families, document: yamlio.Document) -> list[Problem]:
    """What memories find wrong, and links, given the transfers that pass them."""
    found = [
        document.problem(flaw.message, ("memories", name, *flaw.where))
        for name, memory in families.memories.items()
        for flaw in memory.flaws()
    ]
    found += [
        document.problem(flaw.message, ("cores", name, *flaw.where))
        for name, core in families.cores.items()
        for flaw in core.flaws(families.memories)
    ]
    inside: dict[str, str] = {}
    for name, core in families.cores.items():
        memory = core.buffers.get("weight", "") if core.RESIDENT else ""
        if memory in inside:
            text = f"core '{inside[memory]}' is what computes in '{memory}' already"
            found.append(document.problem(text, ("cores", name, "buffers", "weight")))
        inside.update({memory: name} if memory else {})
    ways: dict[str, list[Way]] = {name: [] for name in families.links}
    for link in families.links.values():
        transport = link.transport
        if transport is not None and {transport.outer, transport.inner} <= set(families.memories):
            for name in transport.via:
                ways.setdefault(name, []).append(Way(transport.outer, (transport.inner,)))
    return found + [
        document.problem(flaw.message, ("links", name, *flaw.where))
        for name, link in families.links.items()
        for flaw in link.flaws(ways[name])
    ]


def unreached(families: Families, document: yamlio.Document) -> list[Problem]:
    """External memories that neither a link nor a core touches: a run would be as if they were not there."""
    ends = {end for link in families.links.values() if (t := link.transport) for end in (t.outer, t.inner)}
    used = ends | {memory for core in families.cores.values() for memory in core.buffers.values()}
    return [
        document.problem(
            f"nothing reaches this memory; expected a dma with `from: {name}`", ("memories", name)
        )
        for name, memory in families.memories.items()
        if memory.EXTERNAL and name not in used
    ]


def entangled(families: Families, document: yamlio.Document) -> list[Problem]:
    """Links that the model has no rule for: two into one memory, or one behind the other."""
    filled: dict[str, str] = {}
    problems = []
    for name, link in families.links.items():
        if link.transport is None:
            continue
        inner = link.transport.inner
        if inner in filled:
            message = f"'{inner}' is filled by link '{filled[inner]}' already; one link fills a memory"
            problems.append(document.problem(message, ("links", name, "to")))
        filled.setdefault(inner, name)
    for name, link in families.links.items():
        if link.transport is not None and link.transport.outer in filled:
            outer = link.transport.outer
            message = (
                f"'{outer}' is itself filled by link '{filled[outer]}'; only one level of links is modelled"
            )
            problems.append(document.problem(message, ("links", name, "from")))
    return problems


def wrong_buffers(cores: Mapping[str, Core], document: yamlio.Document) -> list[Problem]:
    """Operands that a core does not have, and cores without any buffer."""
    problems = []
    for name, core in cores.items():
        place = ("cores", name, "buffers")
        problems += [
            document.problem(
                f"unknown operand; {core.kind} has {', '.join(core.ROLES)}{did_you_mean(role, core.ROLES)}",
                (*place, role),
            )
            for role in core.buffers
            if role not in core.ROLES
        ]
        if not core.buffers:
            problems.append(document.problem("expected at least one buffer", place))
    return problems
