"""describe: a chip in plain words."""

from __future__ import annotations

import re

from simulator.base.units import UNLIMITED, format
from simulator.hw.chip import Chip
from simulator.hw.component import Component, Core, Link, Memory


def describe_chip(chip: Chip) -> list[str]:
    """The chip in plain words, a line each."""
    lines = [f"{chip.name}: {chip.description}" if chip.description else chip.name]
    if chip.technology.node_nm is not None:
        lines.append(f"Process: {format(chip.technology.node_nm, 'nm')}. {chip.technology.note}".strip())
    lines += _together("Core", {name: _core_words(core) for name, core in chip.cores.items()})
    lines += _together("Memory", {name: _memory_words(memory) for name, memory in chip.memories.items()})
    lines += _together("Link", {name: _link_words(link) for name, link in chip.links.items()})
    lines += _requant(chip)
    lines += _balance(chip)
    written = {chip.written_as(name): component for name, component in chip.components.items()}
    missing = [f"{n}.{a}" for n, c in written.items() for a in _unknown(c)]
    if missing:
        lines.append(f"Energy unknown: {', '.join(missing)}")
    return lines


def _requant(chip: Chip) -> list[str]:
    """How it rounds, where it says so."""
    stated = chip.requant
    said = [stated.profile] if stated.profile else []
    said += [f"sums of {stated.accumulator_bits} bits"] if stated.accumulator_bits else []
    said += [f"sums {stated.overflow}"] if stated.overflow else []
    return [f"Arithmetic: {', '.join(said)}"] if said else []


def _together(family: str, words: dict[str, str]) -> list[str]:
    """A line each; copies of a cluster, which differ in their numbers alone, on one line."""
    alike: dict[tuple[str, str], list[str]] = {}
    for name, text in words.items():
        base, _, number = name.rpartition("_")
        copy = base and number.isdecimal()
        key = (base, re.sub(rf"_{number}\b", "_i", text)) if copy else (name, text)
        alike.setdefault(key, []).append(name)
    return [
        f"{family} {names[0]}: {words[names[0]]}"
        if len(names) == 1
        else f"{family} {names[0]} to {names[-1]}, each: {text}"
        for (_, text), names in alike.items()
    ]


def _link_words(link: Link) -> str:
    ends = f" between {link.transport.outer} and {link.transport.inner}" if link.transport else ""
    traits = "".join(f", {trait}" for trait in link.traits())
    return f"{link.kind}{ends}{traits}{_clock(link, link.clock_hz)}"


def _clock(component: Component, clock_hz: int) -> str:
    return f" at {format(clock_hz, 'hz')}" if component.CLOCKED else ""


def _core_words(core: Core) -> str:
    rates = [f"{2 * core.macs_per_cycle(p) * core.clock_hz / 1e12:g} TOPS {p}" for p in core.precisions()]
    size = f", {core.extent()}" if core.extent() else ""
    peak = f" = {', '.join(rates)}" if rates else ""
    traits = "".join(f", {trait}" for trait in core.traits())
    buffers = ", ".join(f"{role} in {memory}" for role, memory in core.buffers.items())
    return f"{core.kind}{size}{_clock(core, core.clock_hz)}{peak}{traits}; {buffers}"


def _memory_words(memory: Memory) -> str:
    bandwidth = memory.peak_bytes_per_s()
    speed = "no bandwidth limit" if bandwidth is None else f"{bandwidth / 1e9:g} GB/s"
    size = "unlimited" if memory.capacity_bytes >= UNLIMITED else format(memory.capacity_bytes, "bytes")
    name = f" ({' '.join(memory.traits())})" if memory.traits() else ""
    return f"{memory.kind}{name}, {size}, {speed}, {'off' if memory.EXTERNAL else 'on'} chip"


def _balance(chip: Chip) -> list[str]:
    """Operations per external byte above which the fastest array, not memory, is the limit."""
    lines = []
    for name, core in chip.cores.items():
        copies = chip.alike(name)
        if name != copies[0]:
            continue
        who = name if len(copies) == 1 else f"all {len(copies)} of {chip.written_as(name)}"
        for precision in core.precisions()[:1]:
            ops = 2 * core.macs_per_cycle(precision) * core.clock_hz * len(copies)
            for memory, spec in chip.memories.items():
                mine = core.RESIDENT and memory == core.buffer("weight")
                inside = spec.inside_bytes_per_s() if mine else None
                bandwidth = inside or (None if core.RESIDENT else spec.peak_bytes_per_s())
                if spec.EXTERNAL and bandwidth:
                    need = "needs" if len(copies) == 1 else "need"
                    where = f"inside {memory}, {bandwidth / 1e9:.4g} GB/s" if inside else f"of {memory}"
                    per_byte = f"{ops / bandwidth:.0f} {precision} ops per byte {where}"
                    lines.append(f"Balance: {who} {need} {per_byte}")
    return lines


def _unknown(component: Component) -> list[str]:
    actions = [a for a in component.actions() if a not in component.energy or component.energy[a].pj is None]
    return actions + (["leakage"] if component.leakage_mw is None and not component.BACKGROUND else [])
