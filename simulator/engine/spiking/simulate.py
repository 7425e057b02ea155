"""simulate, of spiking networks: SpikingProgram -> Result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from simulator.engine.collect import energy_entries
from simulator.engine.simulate import unknown_energies
from simulator.engine.spiking.collect import population_rows, said, spiking_ledger, spiking_run
from simulator.engine.spiking.split import Split
from simulator.engine.spiking.steps import StepTable, run_steps
from simulator.kernels.spikefill import BITS
from simulator.mapping.spiking.lower import SpikingProgram
from simulator.results.metrics import measure
from simulator.results.result import MemoryInfo, Metrics, Result
from simulator.results.trace import SLICE, Trace


def simulate_spiking(
    program: SpikingProgram, provenance: Mapping[str, Any] | None = None
) -> tuple[Result, Trace]:
    """Run a program on its chip, measure it, and give what ran when.

    Parameters
    ----------
    program
        What ``lower_spiking`` made.
    provenance
        What the caller knows about where this comes from; digests are added here.
    """
    schedule, log = program.schedule, program.log
    chip, network, parts = schedule.chip, schedule.network, schedule.parts
    table, split = run_steps(program), Split(program)
    rows = population_rows(program, table, split)
    exposed = np.array([row.exposed_fs for row in rows], np.int64)
    ledger = spiking_ledger(program, table, split, exposed)
    energy = energy_entries(chip)
    memory = parts.memory
    memories = (
        MemoryInfo(
            parts.memory_name, memory.kind, memory.capacity_bytes, memory.peak_bytes_per_s(), memory.EXTERNAL
        ),
    )
    latency_fs = int(table.taken_fs.sum())
    stored = int(schedule.used[:, BITS].sum())
    metrics = measure(
        latency_fs, rows, ledger, energy, memories, peak_macs_per_s=0.0, area_mm2=chip.area_mm2(),
        peak_memory_bytes=-(-stored // 8),
    )  # fmt: skip
    metrics = _spiking_metrics(metrics, program, split)
    price = {(entry.component, entry.action): entry.pj for entry in energy}
    lacking = [pair for *pair, _ in ledger.totals() if price.get((pair[0], pair[1])) is None]
    assumed, left_out = said(program)
    digests = {"chip_sha256": chip.digest, "network_sha256": network.digest}
    result = Result(
        chip=chip.name,
        network=network.name,
        precision="spikes",
        batch=1,
        metrics=metrics,
        rows=rows,
        ledger=ledger,
        energy=energy,
        memories=memories,
        not_modelled=(*left_out, *unknown_energies(chip, lacking)),
        assumptions=assumed,
        provenance={**(provenance or {}), **digests},
        resolved={},
        spiking=spiking_run(program, table, split),
    )
    assert log.steps == metrics.steps
    return result, step_trace(program, table)


def _spiking_metrics(metrics: Metrics, program: SpikingProgram, split: Split) -> Metrics:
    """Metrics with those of spiking networks."""
    steps, sops = program.log.steps, int(split.sops.sum())
    latency_s, energy_j = metrics.latency_s, metrics.energy_j
    return replace(
        metrics,
        steps=steps,
        step_s=latency_s / steps,
        spikes=int((split.counts * split.on_chip).sum()),
        sops=sops,
        sops_per_s=sops / latency_s if latency_s else 0.0,
        energy_per_sop_j=energy_j / sops if sops and energy_j is not None else None,
    )


def step_trace(program: SpikingProgram, table: StepTable) -> Trace:
    """Slices of every step: its slowest core, what messages add, and the barrier."""
    steps, barrier = program.log.steps, program.schedule.barrier_fs
    end = np.cumsum(table.taken_fs)
    start = end - table.taken_fs
    names = ["messages", "barrier", *(f"core {core}" for core in program.schedule.cores)]
    numbers = len(names) + np.arange(steps)
    names += [f"step {number}" for number in range(steps)]
    waits = table.taken_fs - table.slowest_fs - barrier
    parts = (
        (0, numbers, start, end),
        (1, 2 + table.slowest_core, start, start + table.slowest_fs),
        (2, 0, start + table.slowest_fs, start + table.slowest_fs + waits),
        (3, 1, end - barrier, end),
    )
    slices = np.zeros((len(parts), steps), SLICE)
    for track, (kind, node, begin, finish) in enumerate(parts):
        slices["track"][track], slices["kind"][track], slices["node"][track] = track, kind, node
        slices["start"][track], slices["end"][track] = begin, finish
    tracks = ("steps", "slowest core", "waiting for messages", "barrier")
    kinds = ("step", "compute", "noc", "sync")
    kept = slices.reshape(-1)
    return Trace(tracks, tuple(names), kinds, kept[kept["end"] > kept["start"]])
