"""A chip: named components, put together from one YAML file. Frozen; it holds no run state."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field

from simulator.base import yamlio
from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.base.locate import locate, roots
from simulator.base.registry import Registry
from simulator.base.spec import Spec, build, resolved
from simulator.hw import built, digests
from simulator.hw.clusters import Cluster, expand
from simulator.hw.component import CORES, LINKS, MEMORIES, Component, Core, Link, Memory
from simulator.hw.requant import Requant
from simulator.hw.rules import MappingRules
from simulator.hw.wiring import Families, dangling, entangled, flaws, unreached, wrong_buffers
from simulator.workload.work import Move

FAMILIES: dict[str, Registry] = {"cores": CORES, "memories": MEMORIES, "links": LINKS}


class Technology(Spec):
    """The process that energies and areas refer to; for the reader, and for `compare --node`."""

    node_nm: float | None = Field(None, description="Process node", gt=0)
    voltage_v: float | None = Field(None, description="Supply", gt=0)
    year: int | None = Field(
        None, description="Year of the part, or of its manual; left out for what is no product", ge=1970
    )
    note: str = Field("", description="Anything to know about the figures")


class ChipFile(Spec):
    """The top level of a chip's file; the components are built by their kind."""

    name: str = Field(description="Short name, used in reports")
    description: str = Field("", description="One sentence for `describe` and `list`")
    source: str = Field("", description="Where the figures come from")
    technology: Technology = Field(default_factory=Technology, description="Process of the chip")
    cores: dict[str, Any] = Field(description="What computes: name -> component")
    memories: dict[str, Any] = Field(description="What holds data: name -> component")
    links: dict[str, Any] = Field(default_factory=dict, description="What moves data: name -> component")
    clusters: dict[str, Cluster] = Field(
        default_factory=dict, description="What of these the chip has several times: name -> cluster"
    )
    requant: Requant = Field(default_factory=Requant, description="Arithmetic in which networks are executed")
    mapping: MappingRules = Field(default_factory=MappingRules, description="Rules that bind the planner")


@dataclass(frozen=True)
class Chip:
    """Components by name, in the order of the file."""

    name: str
    description: str
    technology: Technology
    cores: Mapping[str, Core]
    memories: Mapping[str, Memory]
    links: Mapping[str, Link]
    requant: Requant
    rules: MappingRules
    clusters: Mapping[str, Cluster]
    file: str
    digest: str
    resolved: Mapping[str, Any]
    document: yamlio.Document = field(repr=False, compare=False)

    def problem(self, message: str, path: str) -> Problem:
        """What is wrong at a dotted path of the chip's file, with its place."""
        return self.document.problem(message, tuple(path.split(".")))

    @property
    def components(self) -> dict[str, Component]:
        """All components; names are unique over the families."""
        return {**self.cores, **self.memories, **self.links}

    def link_into(self, memory: str) -> str | None:
        """Name of the DMA that fills a memory; None where data are simply there."""
        return self._links_into.get(memory)

    @cached_property
    def _links_into(self) -> dict[str, str]:
        into: dict[str, str] = {}
        for name, link in self.links.items():
            if link.transport:
                into.setdefault(link.transport.inner, name)
        return into

    @cached_property
    def derived(self) -> dict[Any, Any]:
        """What follows from the chip alone and was worked out once; the keys are those of who did."""
        return {}

    def backing(self, memory: str) -> str:
        """The memory on the far side of the link into ``memory``; itself where there is no link."""
        name = self.link_into(memory)
        transport = self.links[name].transport if name is not None else None
        return transport.outer if transport else memory

    @cached_property
    def timing_digest(self) -> str:
        """Digest of all that a plan's times depend on: chips that differ in other things share plans."""
        on_chip = [name for name, memory in self.memories.items() if not memory.EXTERNAL]
        return digests.of_times({key: self.resolved[key] for key in (*FAMILIES, "mapping")}, on_chip)

    def core_digest(self, core: str) -> str:
        """Digest of all that the times of a core's tiles depend on: its fields, and its buffers' ports.

        Of a core inside a memory, that memory as well.
        """
        return self._core_digests[core]

    @cached_property
    def _core_digests(self) -> dict[str, str]:
        return {
            name: digests.of_core(
                {
                    **built.plain_form(core),
                    "inside": built.plain_form(self.memories[core.buffer("weight")]),
                }
                if core.RESIDENT
                else built.plain_form(core),
                core.buffers,
                self.ports(name),
            )
            for name, core in self.cores.items()
        }

    @cached_property
    def _alike(self) -> dict[str, tuple[str, ...]]:
        groups: dict[str, list[str]] = {}
        for name, core in self.cores.items():
            groups.setdefault(json.dumps(self._likeness(core), sort_keys=True), []).append(name)
        return {name: tuple(names) for names in groups.values() for name in names}

    def _likeness(self, core: Core) -> list[Any]:
        """What two copies of a core have in common: all but names.

        A memory that nothing leads to is part of it by its name: what lies in another is out of reach.
        Sums of a core's own are nobody else's.
        """
        sides: list[Any] = [{key: value for key, value in built.plain_form(core).items() if key != "buffers"}]
        for role in sorted(core.buffers):
            memory = core.buffers[role]
            link = self.link_into(memory)
            way: dict[str, Any] = {} if link is not None or role == "psum" else {"name": memory}
            if link is not None:
                way = {k: v for k, v in built.plain_form(self.links[link]).items() if k not in ("to", "via")}
                transport = self.links[link].transport
                way["via"] = [
                    built.plain_form(self.links[via]) for via in (transport.via if transport else ())
                ]
            sides.append([role, built.plain_form(self.memories[memory]), way])
        return sides

    def written_as(self, name: str) -> str:
        """Name under which a component stands in the file: that of the member of which it is a copy."""
        copies = {
            f"{member}_{i}": member
            for cluster in self.clusters.values()
            for member in cluster.members
            for i in range(cluster.count)
        }
        return copies.get(name, name)

    def alike(self, core: str) -> tuple[str, ...]:
        """The cores that are copies of one, itself included, in the order of the file."""
        return self._alike[core]

    def ports(self, core: str) -> dict[str, float | None]:
        """Memory -> bytes/s that its ports give a core; copies of a core get equal shares. None: unlimited.

        Equal shares are what round-robin ports guarantee when all copies work, and the least they get.
        """
        shares: dict[str, float | None] = {}
        for name, memory in self.memories.items():
            peak = memory.peak_bytes_per_s()
            users = sum(name in self.cores[other].buffers.values() for other in self.alike(core))
            shares[name] = None if peak is None else peak / max(users, 1)
        return shares

    def follows_zeros(self) -> bool:
        """Whether zeros among data change its time, its energy or its traffic."""
        skipping = any(core.follows_zeros() for core in self.cores.values())
        return skipping or any(link.left_of(8, 0.0) < 1 for link in self.links.values())

    def area_mm2(self) -> float | None:
        """Sum of what the components state; None as soon as one on the chip does not."""
        outside = {name for name, memory in self.memories.items() if memory.EXTERNAL}
        outside |= {name for name, core in self.cores.items() if core.RESIDENT}
        on_chip = [c for name, c in self.components.items() if name not in outside]
        areas = [None if c.area_mm2 is None else c.area_mm2 * c.dies() for c in on_chip]
        return None if any(area is None for area in areas) else float(sum(a for a in areas if a is not None))


def load_chip(path: str | Path, overrides: Mapping[str, str] | None = None) -> Chip:
    """Read a chip from its YAML file.

    Parameters
    ----------
    path
        Path or name under hwconfigs/.
    overrides
        Dotted path -> value as YAML text, such as ``{"cores.npu.rows": "64"}``; a leading ``chip.`` may stand
        there.

    Raises
    ------
    InputError
        With every problem of the file at once, each with its place.
    """
    document = yamlio.load(locate(str(path), "hwconfigs"), search=roots("hwconfigs"))
    if (
        isinstance(document.data, dict)
        and "cores" not in document.data
        and {"layers", "package"} & set(document.data)
    ):
        raise InputError(document.problem("this is a network; expected a chip: chipsim run CHIP NETWORK"))
    problems = _override(document, overrides or {}) + expand(document)
    families = _build_families(document, problems)
    problems += dangling(families, document) + wrong_buffers(families.cores, document)
    problems += flaws(families, document)
    families.cores.update({name: core.beside(families.memories) for name, core in families.cores.items()})
    problems = problems or unreached(families, document) + entangled(families, document)
    try:
        top = build(ChipFile, document.data, document, "")
    except InputError as error:
        raise InputError(*_once([*error.problems, *problems])) from None
    if problems:
        raise InputError(*_once(problems))
    if not families.cores:
        raise InputError(document.problem("expected at least one core", ("cores",)))
    _add_mover(families.cores)
    plain = {
        **{key: value for key, value in resolved(top).items() if key != "clusters"},  # they are written out
        **{
            f: {n: built.plain_form(c) for n, c in members.items()}
            for f, members in families._asdict().items()
        },
    }
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
    return Chip(
        name=top.name,
        description=top.description,
        technology=top.technology,
        cores=families.cores,
        memories=families.memories,
        links=families.links,
        requant=top.requant,
        rules=top.mapping,
        clusters=top.clusters,
        file=document.file,
        digest=digest,
        resolved=plain,
        document=document,
    )


def _once(problems: list[Problem]) -> list[Problem]:
    """Problems without those that copies of a cluster repeat."""
    kept = {
        (p.message, p.file, p.line, p.col) if p.line else (p.message, p.path, 0, 0): p for p in problems[::-1]
    }
    return list(kept.values())[::-1]


def _override(document: yamlio.Document, overrides: Mapping[str, str]) -> list[Problem]:
    """Set values; what cannot be set is reported."""
    problems: list[Problem] = []
    for where, value in overrides.items():
        path = where.removeprefix("chip.")
        _make_way(document.data, path)
        try:
            document.set(path, str(value), f"--set {where}={value}")
        except InputError as error:
            problems += error.problems
    return problems


def _make_way(data: dict[str, Any], path: str) -> None:
    """What the file leaves out may be set: mappings above it come into being, inside rules and components."""
    *above, _ = path.split(".")
    for depth, key in enumerate(above):
        there = depth >= 2 or above[0] in ("mapping", "requant")
        if not isinstance(data, dict) or (key not in data and not there):
            return
        data = data.setdefault(key, {})


def _add_mover(cores: dict[str, Core]) -> None:
    """Give a chip that cannot move data something that can, beside its first core, unless all do without."""
    if not any(core.ALONE or core.accepts(Move(0, 0)) for core in cores.values()):
        first = next(iter(cores.values()))
        mover = CORES["mover"](kind="mover", clock_hz=first.clock_hz, buffers={"data": first.buffer("ifmap")})
        cores["mover"] = mover.model_copy(update={"leakage_mw": 0.0, "area_mm2": 0.0})


def _build_families(document: yamlio.Document, problems: list[Problem]) -> Families:
    """Every component that can be built; what is wrong with the others is added to ``problems``."""
    families: dict[str, dict[str, Any]] = {}
    seen: dict[str, str] = {}
    for family, registry in FAMILIES.items():
        families[family] = {}
        members = document.data.get(family, {}) if isinstance(document.data, dict) else {}
        for name, fields in members.items() if isinstance(members, dict) else ():
            if name in seen:
                problems.append(
                    document.problem(
                        f"the name is taken by {seen[name]}.{name}; names are unique", (family, name)
                    )
                )
            seen[name] = family
            try:
                families[family][name] = _build_component(registry, fields, document, (family, name))
            except InputError as error:
                problems += error.problems
    return Families(**families)


def _build_component(
    registry: Registry, fields: Any, document: yamlio.Document, path: tuple[str, ...]
) -> Component:
    known = registry.names()
    if not isinstance(fields, dict) or not isinstance(fields.get("kind"), str):
        expected = f"expected a mapping with a kind, one of {', '.join(known)}"
        raise InputError(document.problem(expected, path))
    kind = fields["kind"]
    if kind not in known:
        message = f"unknown kind '{kind}', expected one of {', '.join(known)}{did_you_mean(kind, known)}"
        raise InputError(document.problem(message, (*path, "kind")))
    component = built.component(registry[kind], fields, document, path)
    actions = component.ACTIONS
    problems = [
        document.problem(
            f"unknown action; {kind} has {', '.join(actions)}{did_you_mean(action, actions)}",
            (*path, "energy", action),
        )
        for action in component.energy
        if action not in actions
    ]
    if problems:
        raise InputError(*problems)
    return component
