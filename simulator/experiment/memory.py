"""memory: channels of a DRAM standard alone, driven by a trace of requests."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from fractions import Fraction
from pathlib import Path
from typing import Any

from simulator.base import units
from simulator.base.errors import InputError, Problem
from simulator.base.spec import resolved
from simulator.experiment.memorysetup import CONTROLLER
from simulator.hw.controller import Controller
from simulator.hw.dramenergy import EnergyRow, action_energies, command_energy
from simulator.hw.dramtrace import LONG_CYCLES, Served, Setup, serve_trace
from simulator.hw.standard import COMMANDS
from simulator.hw.tracefile import commands_file, read_trace
from simulator.report.rounding import THIN_SPACE, number, percent, si

#: Seconds that the first run of all takes longer, about.
COMPILE_S = 15
@dataclass(frozen=True)
class MemoryResult:
    """What came of a trace, with what it was served by."""

    setup: Setup
    controller: str
    trace: str
    served: Served

    @property
    def time_s(self) -> float:
        """Until everything is done."""
        return float(self.served.cycles * self.setup.device.tck_fs / 10**15)

    @property
    def bandwidth_bytes_per_s(self) -> float:
        """What went over the data pins per time."""
        moved = sum(self.served.accesses) * self.setup.device.access_bytes
        return float(moved / (self.served.cycles * self.setup.device.tck_fs / 10**15))

    @cached_property
    def energy(self) -> list[EnergyRow]:
        """What the commands and the time took, a row per action."""
        served, device = self.served, self.setup.device
        read, write = (n * device.access_bytes for n in served.accesses)
        states = ("standby_active", "standby_idle", "down_active", "down_idle")
        times = (int(served.background_cycles[state] * device.tck_fs) for state in states)
        return command_energy(device, [served.commands.get(name, 0) for name in COMMANDS], read, write, *times)

    @property
    def energy_j(self) -> float:
        """Sum of what is known."""
        return sum(row.pj for row in self.energy if row.pj is not None) / 1e12

    @property
    def energy_unknown(self) -> list[str]:
        """Actions that occurred and whose energy is not known."""
        return [row.action for row in self.energy if row.pj is None]

    @property
    def pj_per_bit(self) -> float | None:
        """Energy per bit that the DRAM read or wrote; None where some of it is unknown."""
        bits = 8 * sum(self.served.accesses) * self.setup.device.access_bytes
        return None if self.energy_unknown or not bits else self.energy_j * 1e12 / bits

    def record(self) -> dict[str, Any]:
        """Plain form for ``--json``."""
        setup, served, device = self.setup, self.served, self.setup.device
        tck_ps = device.tck_fs / 1000
        return {
            "standard": device.standard.name,
            "preset": device.preset,
            "organisation": device.organisation,
            "channels": setup.channels,
            "mapping": setup.addressing.name,
            "controller": self.controller,
            "controller_settings": resolved(setup.controller),
            "timing_cycles": dict(device.timing),
            "tck_ps": int(tck_ps) if tck_ps.denominator == 1 else float(tck_ps),
            "access_bytes": device.access_bytes,
            "capacity_bytes": setup.capacity_bytes,
            "peak_bytes_per_s": float(setup.peak_bytes_per_s),
            "trace": self.trace,
            "requests": served.reads + served.writes,
            "requests_per_channel": list(served.requests_per_channel),
            "reads": served.reads,
            "writes": served.writes,
            "forwarded": served.forwarded,
            "coalesced": served.coalesced,
            "cycles": served.cycles,
            "cycle_last_read": served.cycle_last_read if served.reads else None,
            "cycle_last_accept": served.cycle_last_accept,
            "time_s": self.time_s,
            "bandwidth_bytes_per_s": self.bandwidth_bytes_per_s,
            **self._latencies(),
            "row_hits": served.row_hits,
            "row_misses": served.row_misses,
            "row_conflicts": served.row_conflicts,
            "commands": dict(served.commands),
            "refreshes": served.refreshes,
            "energy_j": self.energy_j,
            "energy_complete": not self.energy_unknown,
            "energy_unknown": self.energy_unknown,
            "energy_pj_per_bit": self.pj_per_bit,
            "energy": self._energies(),
        }

    def _energies(self) -> dict[str, Any]:
        """Per action, with where its energy comes from."""
        known = action_energies(self.setup.device)
        return {
            row.action: {
                "count": row.count, "pj_each": row.pj_each, "pj": row.pj, "origin": known[row.action].origin,
                "source": known[row.action].source, "band": known[row.action].band,
            }
            for row in self.energy
            if row.action in known
        }  # fmt: skip

    def _latencies(self) -> dict[str, Any]:
        """Null without reads; a percentile among the longest latencies says so."""
        found = self.served.read_latency
        named = {f"p{p}": cycles for p, cycles in found.percentiles_cycles.items()} if found else {}
        values = {
            "mean": float(found.mean_cycles) if found else None,
            **{name: named.get(name) for name in ("p50", "p95", "p99")},
            "max": found.max_cycles if found else None,
        }
        return {
            **{f"{name}_read_latency_cycles": value for name, value in values.items()},
            "read_latency_at_least": [name for name, cycles in named.items() if cycles >= LONG_CYCLES],
        }


def memory(
    setup: Setup,
    trace: str,
    *,
    controller: str = CONTROLLER,
    commands: str | None = None,
    say: Callable[[str], None] = lambda text: None,
    progress: Callable[[str], None] = lambda text: None,
) -> MemoryResult:
    """Serve a trace.

    Parameters
    ----------
    setup
        See ``choose``.
    trace
        Its file; ``-``: standard input.
    controller
        What to call the controller.
    commands
        File for the commands.
    say, progress
        Told what is being done, and how far it is.

    Raises
    ------
    InputError
        The trace cannot be read, has wrong lines; the file for the commands cannot be written.
    """
    _check_commands(commands, trace)
    say(f"reading {'standard input' if trace == '-' else trace} ...")
    requests = read_trace(trace, setup)
    with commands_file(commands, setup) if commands else nullcontext() as log:
        if _kernel_is_new():
            say(f"compiling the DRAM kernel, once, about {COMPILE_S} s ...")
        say(f"serving {count(requests.pool.size)} requests ...")
        served = serve_trace(
            setup, requests, log=log, progress=lambda share: progress(f"{100 * share:.0f} % of the requests")
        )
    return MemoryResult(setup, controller, trace, served)


def memory_lines(result: MemoryResult) -> list[str]:
    """Show a result as plain lines."""
    setup, served, device = result.setup, result.served, result.setup.device
    period = device.tck_fs / 1000
    behind = percent(result.bandwidth_bytes_per_s / float(setup.peak_bytes_per_s))
    found = served.row_hits + served.row_misses + served.row_conflicts
    kinds = {"hits": served.row_hits, "misses": served.row_misses, "conflicts": served.row_conflicts}
    rows = ", ".join(f"{what} {count(n)} ({percent(n / found)})" for what, n in kinds.items())
    entries = [
        ("mapping", setup.addressing.name),
        ("controller", _policy(setup.controller, result.controller)),
        ("trace", "standard input" if result.trace == "-" else result.trace),
        (
            "requests",
            f"{count(served.reads + served.writes)} of {device.access_bytes} B: {count(served.reads)} reads "
            f"({count(served.forwarded)} forwarded), {count(served.writes)} writes "
            f"({count(served.coalesced)} coalesced)",
        ),
        *([("spread", _spread(served.requests_per_channel))] if setup.channels > 1 else []),
        ("cycles", f"{count(served.cycles)} of {number(float(period))} ps: {si(result.time_s, 's')}"),
        ("bandwidth", f"{si(result.bandwidth_bytes_per_s, 'B/s')}, {behind} of the peak"),
        *_latency_entries(served, device.tck_fs),
        ("rows", rows),
        ("commands", ", ".join(f"{name} {count(n)}" for name, n in served.commands.items() if n)),
        ("refreshes", count(served.refreshes)),
        ("energy", _energy(result)),
    ]
    return [_title(setup), *(f"  {name:<13} {text}" for name, text in entries), *_energy_lines(result)]


def count(n: int) -> str:
    """A whole number, thousands apart."""
    return f"{n:,}".replace(",", THIN_SPACE)


def _title(setup: Setup) -> str:
    device = setup.device
    many = f"{setup.channels} channel{'s' if setup.channels > 1 else ''}"
    if setup.ranks > setup.channels and "rank" in device.standard.levels:
        many += f" of {setup.ranks // setup.channels} ranks"
    size = units.format(setup.capacity_bytes, "bytes")
    peak = si(float(setup.peak_bytes_per_s), "B/s")
    return f"{device.standard.name} {device.preset}, {device.organisation}: {many}, {size}, peak {peak}"


def _policy(controller: Controller, name: str) -> str:
    refresh = {"none": "no", "all_bank": "all-bank", "per_bank": "per-bank"}[controller.refresh]
    queues = f"queues of {controller.read_queue} reads and {controller.write_queue} writes"
    down = controller.power_down_cycles
    return (
        ("" if name == controller.policy else f"{name}: ")
        + f"{controller.policy}, {controller.page} page, {refresh} refresh, {queues}"
        + (f", power-down after {down} quiet cycles" if down else "")
    )


def _spread(requests: tuple[int, ...]) -> str:
    return f"{count(min(requests))} to {count(max(requests))} requests per channel"


def _latency_entries(served: Served, tck_fs: Fraction) -> list[tuple[str, str]]:
    """A small table: a row in cycles, one in ns."""
    found = served.read_latency
    if found is None:
        return [("read latency", "no reads")]
    values = [("mean", found.mean_cycles)]
    values += [(f"p{p}", Fraction(n)) for p, n in found.percentiles_cycles.items()]
    values += [("max", Fraction(found.max_cycles))]
    rows: list[list[str]] = [[name for name, _ in values], [], []]
    for name, cycles in values:
        least = "≥ " if name.startswith("p") and cycles >= LONG_CYCLES else ""
        rows[1].append(least + number(float(cycles)))
        rows[2].append(least + number(float(cycles * tck_fs / 10**6)))
    lines = ["".join(f"{cell:>10}" for cell in row) for row in rows]
    return [("read latency", lines[0]), ("  in cycles", lines[1]), ("  in ns", lines[2])]


def _energy(result: MemoryResult) -> str:
    sum_of = si(result.energy_j, "J")
    if result.energy_unknown:
        return f"{sum_of} without what is unknown: {', '.join(result.energy_unknown)}"
    return f"{sum_of}, {number(result.pj_per_bit)} pJ per bit" if result.pj_per_bit else sum_of


def _energy_lines(result: MemoryResult) -> list[str]:
    """A row per action that occurred: how much, how much each, together, from where."""
    known = action_energies(result.setup.device)
    rows = []
    for row in result.energy:
        if not row.count:
            continue
        origin = " ".join(part for part in (known[row.action].origin, known[row.action].band) if part)
        each = row.pj_each
        if row.action.startswith(("standby", "down")):  # a picojoule per picosecond is a watt
            much, per = si(row.count / 1e12, "s"), "unknown" if each is None else si(each, "W")
        elif row.action in ("read", "write", "io"):
            much, per = f"{count(row.count)} B", "unknown" if each is None else f"{number(each)} pJ/B"
        else:
            much, per = count(row.count), "unknown" if each is None else f"{number(each)} pJ"
        total = "unknown" if row.pj is None else si(row.pj / 1e12, "J")
        rows.append([row.action, much, per, total, origin])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        f"    {name:<14}{much:>{widths[1]}}  {per:>{widths[2]}}  {total:>{widths[3]}}  {origin}".rstrip()
        for name, much, per, total, origin in rows
    ]


def _check_commands(commands: str | None, trace: str) -> None:
    if commands is None:
        return
    path = Path(commands)
    if path.is_dir():
        raise InputError(Problem("expected a file for --commands, this is a folder", commands))
    if trace != "-" and path.exists() and Path(trace).exists() and path.samefile(trace):
        raise InputError(Problem("expected another file for --commands than the trace", commands))


def _kernel_is_new() -> bool:
    """Whether the kernel has to be compiled first."""
    from simulator.kernels.jit import CACHE_FOLDER  # numba: only when something is simulated

    return not any(CACHE_FOLDER.rglob("dram.serve-*.nbi"))
