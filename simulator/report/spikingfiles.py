"""Files of a spiking run besides those of every run: steps.csv, cores.csv."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from simulator.report.csvtext import csv_text
from simulator.results.result import Result
from simulator.results.spiking import STEP_ACTIONS, CoreRun, Spiking

_STEP_COLUMNS = (
    "step", "time_us", "simple_us", "slowest_core", "slowest_side", "fired", "inputs", "updated", "sops",
    "messages", "hops", "energy_uJ",
)  # fmt: skip
_SIDES = ("sending", "receiving")


def steps_csv(result: Result) -> str:
    """Write a row per time step.

    ``simple_us`` is its time by the slowest core and the barrier alone; ``energy_uJ`` its known dynamic
    energy: actions that it counted times energy each.
    """
    spiking = result.spiking
    assert spiking is not None
    columns, sops, hops = spiking.per_step, spiking.sops(), spiking.hops()
    energy = step_energy_pj(result)
    records = [
        {
            "step": t,
            "time_us": columns["time_fs"][t] / 1e9,
            "simple_us": (columns["slowest_fs"][t] + spiking.barrier_fs) / 1e9,
            "slowest_core": columns["slowest_core"][t],
            "slowest_side": _SIDES[columns["slowest_side"][t]],
            "fired": columns["fired"][t],
            "inputs": columns["inputs"][t],
            "updated": columns["updated"][t],
            "sops": sops[t],
            "messages": columns["messages"][t],
            "hops": hops[t],
            "energy_uJ": sum(energy[part][t] for part in energy) / 1e6,
        }
        for t in range(spiking.steps)
    ]
    return csv_text(_STEP_COLUMNS, records)


def step_energy_pj(result: Result) -> dict[str, list[float]]:
    """Known dynamic energy of each step by part: synapse, soma, network.

    Soma is access, update and spike; network is axons, hops and barriers.
    """
    spiking = result.spiking
    assert spiking is not None
    price = {entry.action: entry.pj for entry in result.energy}
    parts = {
        "synapse": ("synapse_dense", "synapse_sparse", "synapse_conv"),
        "soma": ("access", "update", "spike"),
        "network": ("axon_in", "axon_out", "hop_ew", "hop_ns", "barrier"),
    }
    return {part: _energy(spiking, [(action, price.get(action) or 0.0) for action in actions])
            for part, actions in parts.items()}  # fmt: skip


def _energy(spiking: Spiking, priced: list[tuple[str, float]]) -> list[float]:
    columns = [(spiking.per_step[STEP_ACTIONS[action]], pj) for action, pj in priced]
    return [sum(counts[t] * pj for counts, pj in columns) for t in range(spiking.steps)]


def cores_csv(result: Result) -> str:
    """Write a row per core that holds neurons; times over the whole run."""
    spiking = result.spiking
    assert spiking is not None
    names = [each.name for each in fields(CoreRun)]
    records = []
    for core in spiking.cores:
        record: dict[str, Any] = asdict(core)
        records.append({_header(name): _value(name, record[name]) for name in names})
    return csv_text([_header(name) for name in names], records)


def _header(name: str) -> str:
    return name.removesuffix("_fs") + "_us" if name.endswith("_fs") else name


def _value(name: str, value: int) -> float | int:
    return value / 1e9 if name.endswith("_fs") else value
