"""memory: channels of a DRAM standard alone, driven by a trace of requests."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from simulator.base.errors import InputError, Problem
from simulator.base.spec import resolved
from simulator.experiment.memorysetup import CONTROLLER
from simulator.hw.dramenergy import EnergyRow, action_energies, command_energy
from simulator.hw.dramtrace import Served, Setup, serve_trace
from simulator.hw.standard import COMMANDS
from simulator.hw.tracefile import commands_file, read_trace
from simulator.report.rounding import THIN_SPACE

#: Seconds that the first run of all takes longer, about.
COMPILE_S = 20


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
        commands = [served.commands.get(name, 0) for name in COMMANDS]
        read, write = (n * device.access_bytes for n in served.accesses)
        states = ("standby_active", "standby_idle", "down_active", "down_idle")
        times = (int(served.background_cycles[state] * device.tck_fs) for state in states)
        return command_energy(device, commands, read, write, *times)

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
            "energy_j": self.energy_j or None,
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
            "read_latency_at_least": [f"p{p}" for p in found.at_least()] if found else [],
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
        say(f"serving {count(requests.pool.size)} request{'s' if requests.pool.size > 1 else ''} ...")
        served = serve_trace(
            setup, requests, log=log, progress=lambda share: progress(f"{100 * share:.0f} % of the requests")
        )
    return MemoryResult(setup, controller, trace, served)


def count(n: int) -> str:
    """A whole number, thousands apart."""
    return f"{n:,}".replace(",", THIN_SPACE)


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
