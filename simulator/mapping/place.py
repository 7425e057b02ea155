"""Which core does a piece of work: the one that a rule names, else the one expected to end it first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

import numpy as np

from simulator.base.errors import InputError, did_you_mean
from simulator.hw.chip import Chip
from simulator.hw.component import Core
from simulator.hw.tiling import TILE, tile_row
from simulator.hw.timing import tile_times_fs
from simulator.mapping.remember import Remembered
from simulator.mapping.route import route
from simulator.workload.graph import Node
from simulator.workload.pim.devices import DEVICES
from simulator.workload.tensor import FLOATS, Tensor
from simulator.workload.work import MATCH_CLASSES, OPERATION_CLASSES, Contraction, Elementwise, Match, Work

#: An activation of at most this share of an on-chip memory is taken to lie there already.
ON_CHIP = 0.5


@dataclass(frozen=True, slots=True)
class Placement:
    """The core of a piece of work, by what it was chosen, and what each able core is expected to take.

    ``why`` is "" where there was nothing to choose. ``expected_fs`` is empty where cores of one kind differ
    in nothing but their own time.
    """

    core: str
    why: Literal["", "pinned", "rule", "cost"] = ""
    expected_fs: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Given:
    """A piece of work with what it reads and writes.

    ``beside`` are bytes that ride with its weights, ``outside`` operands and results that are the network's.
    """

    work: Work
    node: Node
    operands: Sequence[Tensor]
    result: Tensor
    density: tuple[float, float] = (1.0, 1.0)
    beside: int = 0
    outside: frozenset[str] = frozenset()

    def stays(self, tensor: Tensor, room_bytes: float) -> bool:
        """Whether an operand or result is taken to lie on chip, in a memory of so much room."""
        inner = tensor.constant is None and tensor.name not in self.outside
        return inner and tensor.bytes <= ON_CHIP * room_bytes


def place(given: Given, chip: Chip, pinned: str | None = None) -> Placement:
    """Choose a core for work.

    Raises
    ------
    InputError
        The core that is named cannot do it, or none can.
    """
    able = {name: core for name, core in chip.cores.items() if not hindrance(given, core)}
    if pinned is not None:
        if pinned not in able:
            raise InputError(
                chip.problem(_cannot(given, chip, pinned, list(able)), _rule_of(given.node, chip))
            )
        return Placement(pinned, "pinned")
    rules = chip.rules.cores
    left = {name: core for name, core in able.items() if rules.get(name, "auto") != "off"}
    if not left:
        raise InputError(chip.problem(_nobody(given, chip, list(able)), "mapping.cores" if able else "cores"))
    preferred = [name for name in left if rules.get(name) == "prefer"]
    if not any(core.RESIDENT for core in left.values()):
        name = min(left, key=lambda name: _whole_time(name, given, chip))
        return Placement(preferred[0], "rule") if preferred else Placement(name)
    expected = {name: expected_fs(name, given, chip) for name in left}
    best = min(preferred or left, key=lambda name: expected[name])
    why: Literal["", "rule", "cost"] = "rule" if preferred else "cost" if len(left) > 1 else ""
    return Placement(best, why, expected)


def check_rules(chip: Chip) -> None:
    """Refuse rules for cores that the chip does not have."""
    unknown = [name for name in chip.rules.cores if name not in chip.cores]
    if unknown:
        known = ", ".join(chip.cores)
        problems = [
            chip.problem(
                f"no core is called '{name}'; there is {known}{did_you_mean(name, list(chip.cores))}",
                f"mapping.cores.{name}",
            )
            for name in unknown
        ]
        raise InputError(*problems)


def hindrance(given: Given, core: Core) -> str:
    """Why a core cannot do work; "" where it can.

    A device whose arithmetic is known does the operators that this has: nothing runs in it of which nobody
    could say what comes out.
    """
    op, device = given.node.op, DEVICES.get(core.kind)
    if not core.accepts(given.work) or (device is not None and not device.has(op)):
        return f"{core.kind} has no {op}"
    if core.RESIDENT and isinstance(given.work, Contraction) and given.work.precision not in FLOATS:
        size = given.node.attrs.get("block_size", given.work.K)
        if size < given.work.K:
            return f"{core.kind} adds up integers of one scale, not of one for each {size}"
    return core.hindrance(given.work, given.operands, given.result)


def expected_fs(name: str, given: Given, chip: Chip) -> int:
    """What a core is expected to take, with what is moved for it over links.

    Constants come from behind the core's memory, and so do the network's inputs and what fills more than
    ``ON_CHIP`` of it; loads and stores go on beside the work. A core that computes in a memory has its
    weights there, waits for its inputs, and leaves sums that are read and added up behind it; what it does
    element by element has all operands there, so that those that others would have kept on chip are stored,
    and loaded again.
    """
    core, work = chip.cores[name], given.work
    own = _whole_time(name, given, chip)
    if core.RESIDENT and not isinstance(work, Contraction):
        return own + int(_off_chip_fs(given, chip))
    roles = [("weight" if i == 1 and isinstance(work, Contraction) else "ifmap", one)
             for i, one in enumerate(given.operands)]  # fmt: skip
    moving = sum(_moving_fs(chip, core, role, one, given) for role, one in roles)
    moving += _moving_fs(chip, core, "ofmap", given.result, given)
    if not core.RESIDENT:
        return max(own, int(moving))
    return own + int(moving) + _added_up_fs(given, core, chip)


def _off_chip_fs(given: Given, chip: Chip) -> float:
    """Time to store or load what fits on chip and has to be off it, one transfer after the other."""
    others = [c for c in chip.cores.values() if not c.RESIDENT and c.accepts(given.work)]
    if not others:
        return 0.0
    way = route(chip, others[0], "ifmap")
    if not way.link or not way.bytes_per_s:
        return 0.0
    service = chip.memories[way.far].service()
    fixed = way.start_fs + (service.latency_fs if service is not None else 0)
    room = chip.memories[way.memory].capacity_bytes
    small = [one.bytes for one in (*given.operands, given.result) if given.stays(one, room)]
    return sum(fixed + size / way.bytes_per_s * 1e15 for size in small)


def _moving_fs(chip: Chip, core: Core, role: str, tensor: Tensor, given: Given) -> float:
    """Time of an operand on the links, at their rate for long transfers."""
    if core.RESIDENT and (role == "weight" or core.leaves_sums() and role == "ofmap"):
        return 0.0
    way = route(chip, core, role)
    if not way.link or not way.bytes_per_s:
        return 0.0
    if given.stays(tensor, chip.memories[way.memory].capacity_bytes):
        return 0.0
    beside = given.beside if role == "weight" else 0
    return (tensor.bytes + beside) / way.bytes_per_s * 1e15


def _added_up_fs(given: Given, core: Core, chip: Chip) -> int:
    """Reading the sums that a core leaves and adding them up, one after the other."""
    sums, size = core.partial_sums(given.work)
    if not sums or not isinstance(given.work, Contraction):
        return 0
    outputs = given.work.M * given.work.N
    adding = Elementwise((("add", outputs * (sums - 1)),))
    others = [name for name, other in chip.cores.items() if other.accepts(adding) and not other.RESIDENT]
    if not others:
        return 0
    after = replace_work(given, adding)
    best = min(others, key=lambda name: _whole_time(name, after, chip))
    way = route(chip, chip.cores[best], "ifmap")
    reading = outputs * size / way.bytes_per_s * 1e15 if way.bytes_per_s else 0.0
    return _whole_time(best, after, chip) + int(reading)


def replace_work(given: Given, work: Work) -> Given:
    """Other work on the same operands."""
    return Given(work, given.node, given.operands, given.result)


_WHOLE_FS: Remembered[tuple, int] = Remembered()


def _whole_time(name: str, given: Given, chip: Chip) -> int:
    key = chip.core_digest(name), given.work, given.density
    if key not in _WHOLE_FS:
        core = chip.cores[name]
        tile = whole_tile(given.work, core, given.density)
        _WHOLE_FS[key] = int(tile_times_fs(core, chip.ports(name), tile)[0].sum())
    return _WHOLE_FS[key]


def whole_tile(work: Work, core: Core, density: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """The work as one tile, TILE, shape (1,)."""
    if isinstance(work, Contraction):
        k, taps = core.inner(work.c, work.fy * work.fx)
        row = tile_row(
            m=work.M, n=work.N, k=k, taps=taps, count=work.groups, precision=work.precision, bits=(8, 8, 8),
            density=density,
        )  # fmt: skip
    elif isinstance(work, Elementwise):
        counts = dict(work.ops)
        row = tile_row(ops=tuple(counts.get(name, 0) for name in OPERATION_CLASSES))
    elif isinstance(work, Match):
        counts = dict(work.counts)
        row = tile_row(match=tuple(counts.get(name, 0) for name in MATCH_CLASSES))
    else:
        row = tile_row(read_bytes=work.bytes_read, write_bytes=work.bytes_written)
    return np.array([row], TILE)


def _rule_of(node: Node, chip: Chip) -> str:
    """Path of the rule that names a node's core: the last one by name, else that of all nodes."""
    rules = chip.rules.nodes.items()
    named = [name for name, rule in rules if "core" in rule.model_fields_set and fnmatchcase(node.name, name)]
    return f"mapping.nodes.{named[-1]}.core" if named else "mapping.core"


def _cannot(given: Given, chip: Chip, pinned: str, able: list[str]) -> str:
    """Why the core that a rule names does not do, and who would."""
    others = ", ".join(able) or "none"
    if pinned not in chip.cores:
        near = did_you_mean(pinned, list(chip.cores))
        why = f"there is none of that name{near}"
        return f"core '{pinned}' cannot run {given.node.op}: {why}; cores that can: {others}"
    core = chip.cores[pinned]
    why = f": {hindrance(given, core)}" if core.RESIDENT else ""
    return f"core '{pinned}' cannot run {given.node.op}{why}; cores that can: {others}"


def _nobody(given: Given, chip: Chip, able: list[str]) -> str:
    """Why no core does a contraction; other work always finds one."""
    node, work = given.node, given.work
    if able:
        out = ", ".join(able)
        return f"node '{node.name}' ({node.op}) has no core: mapping.cores takes {out} out"
    if not isinstance(work, Contraction):
        return f"node '{node.name}' ({node.op}) is work that no core of {chip.name} does"
    has = "; ".join(f"{n}: {', '.join(c.precisions()) or c.kind}" for n, c in chip.cores.items())
    able_else = {name: core for name, core in chip.cores.items() if core.accepts(work)}
    stopped = "; ".join(f"{name}: {hindrance(given, core)}" for name, core in able_else.items())
    if stopped:
        return f"node '{node.name}' ({node.op}) finds no core of {chip.name} that can do it ({stopped})"
    there = {name for core in chip.cores.values() for name in core.precisions()}
    if work.precision in there:
        shape = f"{work.groups} x {work.M} x {work.N} x {work.K}" + (
            f", kernel {work.fy} x {work.fx}" if work.fy * work.fx > 1 else ""
        )
        return f"node '{node.name}' ({node.op}, {shape}) is no work for any core of {chip.name} ({has})"
    return (
        f"node '{node.name}' ({node.op}) multiplies in {work.precision}, which no core of {chip.name} "
        f"does ({has}); choose with --set workload.precision=..."
    )
