"""simulate: Program + Chip -> Result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.engine.causes import History
from simulator.engine.chains import chain_causes
from simulator.engine.collect import energy_entries, make_ledger, make_rows, memory_infos, plain_rows
from simulator.engine.finished import Finished, run_on
from simulator.engine.timeline import make_timeline
from simulator.engine.trace import make_trace
from simulator.hw.chip import Chip
from simulator.mapping.program import Program
from simulator.results.metrics import measure
from simulator.results.result import Result
from simulator.results.trace import Trace


def _peak_macs_per_s(chip: Chip, precision: str) -> float:
    """MAC slots per second of all arrays at a precision, of the fastest core where there is none; 0: none."""
    if not precision:
        return 0.0
    slots = {name: core.macs_per_cycle(precision) * core.clock_hz for name, core in chip.cores.items()}
    arrays = sum(slots[name] for name, core in chip.cores.items() if core.precisions())
    return arrays or max(slots.values())


def simulate(
    program: Program, chip: Chip, provenance: Mapping[str, Any] | None = None, *, details: bool = True
) -> Result:
    """Run a program on a chip and measure it.

    Parameters
    ----------
    program, chip, provenance
        As for ``simulate_with_trace``.
    details
        Also what rows went to, and the timeline; without them metrics and ledger are the same, and a third of
        the time is saved.
    """
    return _simulate(program, chip, provenance, details)[0]


def simulate_with_trace(
    program: Program, chip: Chip, provenance: Mapping[str, Any] | None = None
) -> tuple[Result, Trace]:
    """Run a program on a chip, measure it, and give what ran when.

    Parameters
    ----------
    program, chip
        The program and the chip that it was made for.
    provenance
        What the caller knows about where this comes from; the digests are added here.
    """
    result, ran = _simulate(program, chip, provenance, True)
    return result, make_trace(ran, result.rows)


def _simulate(
    program: Program, chip: Chip, provenance: Mapping[str, Any] | None, details: bool
) -> tuple[Result, Finished]:
    ran = run_on(program, chip)
    history = History(ran)
    in_chains = chain_causes(history)
    exposed_fs = ran.nodes.exposed.copy()
    for node, causes in in_chains.items():
        exposed_fs[node] = sum(causes.values())
    ledger = make_ledger(ran, exposed_fs)
    energy = energy_entries(chip)
    rows = make_rows(history, in_chains) if details else plain_rows(ran, exposed_fs)
    memories = memory_infos(chip, ran.machine)
    about = program.about
    precision = about.precision.split("+")[0]
    metrics = measure(
        int(ran.nodes.end.max()) if len(rows) else 0,
        rows,
        ledger,
        energy,
        memories,
        peak_macs_per_s=_peak_macs_per_s(chip, precision),
        area_mm2=chip.area_mm2(),
        peak_memory_bytes=about.peak_memory_bytes,
    )
    price = {(entry.component, entry.action): entry.pj for entry in energy}
    lacking = [pair for *pair, _ in ledger.totals() if price.get((pair[0], pair[1])) is None]
    digests = {"chip_sha256": chip.digest, "network_sha256": about.digest}
    result = Result(
        chip=chip.name,
        network=about.network,
        precision=about.precision,
        batch=about.batch,
        metrics=metrics,
        rows=rows,
        ledger=ledger,
        energy=energy,
        memories=memories,
        not_modelled=(*about.not_modelled, *unknown_energies(chip, lacking)),
        assumptions=about.assumptions,
        provenance={**(provenance or {}), **digests},
        resolved=dict(about.resolved),
        fusion=about.fusion,
        timeline=make_timeline(ran, ledger) if details else None,
        copies={name: chip.written_as(name) for name in chip.components if chip.written_as(name) != name},
    )
    return result, ran


def unknown_energies(chip: Chip, actions: list[list[str]]) -> list[str]:
    """A sentence for each (component, action) without a known energy, one for all copies of a component."""
    found: dict[tuple[str, str], list[str]] = {}
    for component, action in actions:
        found.setdefault((chip.written_as(component), action), []).append(component)
    return [
        f"energy of {written}.{action} ({len(names)} copies) is unknown"
        if len(names) > 1
        else f"energy of {names[0]}.{action} is unknown"
        for (written, action), names in found.items()
    ]
