"""describe: a chip in plain words."""

from __future__ import annotations

from simulator.base.units import UNLIMITED, format
from simulator.hw.chip import Chip
from simulator.hw.component import Component, Core, Memory


def describe_chip(chip: Chip) -> list[str]:
    """The chip in plain words, a line each."""
    lines = [f"{chip.name}: {chip.description}" if chip.description else chip.name]
    if chip.technology.node_nm is not None:
        lines.append(f"Process: {format(chip.technology.node_nm, 'nm')}. {chip.technology.note}".strip())
    for name, core in chip.cores.items():
        lines.append(f"Core {name}: {_core_words(core)}")
    for name, memory in chip.memories.items():
        lines.append(f"Memory {name}: {_memory_words(memory)}")
    for name, link in chip.links.items():
        ends = f" between {link.transport.outer} and {link.transport.inner}" if link.transport else ""
        traits = "".join(f", {trait}" for trait in link.traits())
        lines.append(f"Link {name}: {link.kind}{ends}{traits} at {format(link.clock_hz, 'hz')}")
    lines += _balance(chip)
    missing = [f"{n}.{a}" for n, c in chip.components.items() for a in _unknown(c)]
    if missing:
        lines.append(f"Energy unknown: {', '.join(missing)}")
    return lines


def _core_words(core: Core) -> str:
    rates = [f"{2 * core.macs_per_cycle(p) * core.clock_hz / 1e12:g} TOPS {p}" for p in core.precisions()]
    size = f", {core.extent()}" if core.extent() else ""
    peak = f" = {', '.join(rates)}" if rates else ""
    traits = "".join(f", {trait}" for trait in core.traits())
    buffers = ", ".join(f"{role} in {memory}" for role, memory in core.buffers.items())
    return f"{core.kind}{size} at {format(core.clock_hz, 'hz')}{peak}{traits}; {buffers}"


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
        for precision in core.precisions()[:1]:
            ops = 2 * core.macs_per_cycle(precision) * core.clock_hz
            for memory, spec in chip.memories.items():
                bandwidth = spec.peak_bytes_per_s()
                if spec.EXTERNAL and bandwidth:
                    lines.append(
                        f"Balance: {name} needs {ops / bandwidth:.0f} {precision} ops per byte of {memory}"
                    )
    return lines


def _unknown(component: Component) -> list[str]:
    actions = [a for a in component.actions() if a not in component.energy or component.energy[a].pj is None]
    return actions + (["leakage"] if component.leakage_mw is None else [])
