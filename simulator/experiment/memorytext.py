"""What ``chipsim memory`` shows, as plain lines."""

from __future__ import annotations

from fractions import Fraction

from simulator.base import units
from simulator.experiment.memory import MemoryResult, count
from simulator.hw.controller import Controller
from simulator.hw.dramenergy import action_energies
from simulator.hw.dramtrace import Served, Setup
from simulator.report.rounding import number, percent, si


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
            f"{count(served.reads + served.writes)} of {device.access_bytes} B: "
            f"reads {count(served.reads)} (forwarded {count(served.forwarded)}), "
            f"writes {count(served.writes)} (coalesced {count(served.coalesced)})",
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
    least, most = count(min(requests)), count(max(requests))
    return f"{least if least == most else f'{least} to {most}'} requests per channel"


def _latency_entries(served: Served, tck_fs: Fraction) -> list[tuple[str, str]]:
    """A small table: a row in cycles, one in ns."""
    found = served.read_latency
    if found is None:
        return [("read latency", "no reads")]
    values = [("mean", found.mean_cycles, "")]
    for p, n in found.percentiles_cycles.items():
        values.append((f"p{p}", Fraction(n), "≥ " if p in found.at_least() else ""))
    values.append(("max", Fraction(found.max_cycles), ""))
    rows = [
        [name for name, _, _ in values],
        [least + number(float(cycles)) for _, cycles, least in values],
        [least + number(float(cycles * tck_fs / 10**6)) for _, cycles, least in values],
    ]
    lines = ["".join(f"{cell:>10}" for cell in row) for row in rows]
    return [("read latency", lines[0]), ("  in cycles", lines[1]), ("  in ns", lines[2])]


def _energy(result: MemoryResult) -> str:
    sum_of = si(result.energy_j, "J")
    if not result.energy_j:
        return f"unknown: {', '.join(result.energy_unknown)}"
    if result.energy_unknown:
        return f"{sum_of} without what is unknown: {', '.join(result.energy_unknown)}"
    return f"{sum_of}, {number(result.pj_per_bit)} pJ per bit" if result.pj_per_bit else sum_of


def _energy_lines(result: MemoryResult) -> list[str]:
    """A row per action that occurred: how often, how much each, together, from where."""
    if not result.energy_j:
        return []
    known = action_energies(result.setup.device)
    rows = []
    for row in result.energy:
        if not row.count:
            continue
        energy, each = known[row.action], row.pj_each
        if row.action.startswith(("standby", "down")):  # a picojoule per picosecond is a watt
            much, per = si(row.count / 1e12, "s"), "" if each is None else si(each, "W")
        elif row.action in ("read", "write", "io"):
            much, per = f"{count(row.count)} B", "" if each is None else f"{number(each)} pJ/B"
        else:
            much, per = count(row.count), "" if each is None else si(each / 1e12, "J")
        total = "unknown" if row.pj is None else si(row.pj / 1e12, "J")
        band = f", ± {energy.band}" if energy.band else ""
        rows.append([row.action, much, per, total, f"{energy.origin}{band}" if row.pj is not None else ""])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "    " + "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:4], widths[1:4]), row[4]]).rstrip()
        for row in rows
    ]
