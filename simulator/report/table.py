"""The tables of a report as plain headers and rows of text, for the page and for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simulator.report.energy import EnergySum, split_by_component, split_by_node
from simulator.report.groups import groups, ledger_labels
from simulator.report.headline import Table, headline, metric_table
from simulator.report.rounding import UNKNOWN, binary, binary_scale, decimal_scale, number, percent, si
from simulator.report.spiking import population_table
from simulator.results.ledger import STATIC
from simulator.results.result import NodeRow, Result

__all__ = [
    "TEXT_COLUMNS",
    "Table",
    "busy_table",
    "component_table",
    "energy_table",
    "energy_text",
    "headline",
    "layer_table",
    "memory_table",
    "metric_table",
    "provenance_table",
]
TEXT_COLUMNS = ("node", "population", "op", "core", "M x N x K", "part of", "bound")


@dataclass(frozen=True)
class _Scaled:
    """A numeric column: header without unit, values in ``unit``."""

    header: str
    unit: str
    values: Sequence[float | None]
    lower_bound: Sequence[bool] = ()

    def texts(self) -> tuple[str, list[str]]:
        largest = max((value for value in self.values if value is not None), default=0.0)
        step, unit = binary_scale(largest) if self.unit == "B" else decimal_scale(largest, self.unit)
        texts = [UNKNOWN if value is None else number(value / step) for value in self.values]
        if self.lower_bound:
            marked = zip(texts, self.lower_bound, strict=True)
            texts = [f"≥ {text}" if low and text != UNKNOWN else text for text, low in marked]
        return f"{self.header} ({unit})" if unit else self.header, texts


def layer_table(result: Result) -> Table:
    """Give a row per node; numbers share one unit per column, which stands in the header.

    What a layer costs comes first, memories and instants last. Memory columns that are 0 for every node are
    left out. An energy of which a part is unknown reads ``≥``.
    """
    if result.spiking is not None:
        return population_table(result)
    rows, latency_fs = result.rows, result.metrics.latency_s * 1e15
    energies = split_by_node(result)
    columns = [("op", [row.op for row in rows]), ("core", [cores_text(result, row.core) for row in rows])]
    if any(row.shape for row in rows):
        columns.append(("M x N x K", [row.shape for row in rows]))
    if any(row.origin not in ("", row.node) for row in rows):
        columns.append(("part of", [row.origin for row in rows]))
    share = [100 * row.exposed_fs / latency_fs if latency_fs else 0.0 for row in rows]
    held_fs = [row.end_fs - row.start_fs for row in rows]
    achieved = [2e15 * row.macs / held if held else 0.0 for row, held in zip(rows, held_fs, strict=True)]
    joules = [None if energy.pj is None else energy.pj / 1e12 for energy in energies]
    products = [
        _Scaled("work", "MAC", [row.macs for row in rows]),
        _Scaled("utilization (%)", "", [round(100 * row.utilization, 2) for row in rows]),
        _Scaled("achieved", "OPS", achieved),
    ]
    numeric = [
        _Scaled("exposed", "s", [row.exposed_fs / 1e15 for row in rows]),
        _Scaled("share (%)", "", [round(value, 3) for value in share]),
        _Scaled("latency", "s", [held / 1e15 for held in held_fs]),
        *(products if result.matching is None else []),
        *_densities(rows),
        _Scaled("energy", "J", joules, [not energy.complete for energy in energies]),
    ]
    for memory in result.memories:
        for action in ("read", "write"):
            counts = result.ledger.per_node(memory.name, action).tolist()
            if any(counts):
                numeric.append(_Scaled(f"{memory.name} {action}", "B", counts))
    numeric.append(_Scaled("start", "s", [row.start_fs / 1e15 for row in rows]))
    numeric.append(_Scaled("end", "s", [row.end_fs / 1e15 for row in rows]))
    exposed, share_of, *others = [column.texts() for column in numeric]
    first = [("node", [row.node for row in rows]), exposed, share_of, ("bound", [row.bound for row in rows])]
    columns = [*first, *columns, *others]
    headers, texts = [header for header, _ in columns], [column for _, column in columns]
    return headers, [list(row) for row in zip(*texts, strict=True)]


def _densities(rows: Sequence[NodeRow]) -> list[_Scaled]:
    """Columns of what is not zero, where the chip makes something of it."""
    if all(row.ifmap_density == row.weight_density == 1 for row in rows):
        return []
    return [
        _Scaled(f"{name} not 0 (%)", "", [round(100 * getattr(row, f"{name}_density"), 1) for row in rows])
        for name in ("ifmap", "weight")
    ]


def cores_text(result: Result, cores: str) -> str:
    """Cores of a row, copies as ``npu ×4``; layers.csv names each."""
    return " + ".join(groups(result, cores.split("+"))).replace(" ×", "\u00a0×")


def component_table(result: Result) -> Table:
    """Energy split per component: dynamic, static, sum, share of what is known."""
    split = split_by_component(result)
    known = sum(each.total.pj or 0.0 for each in split)
    rows = []
    for each in split:
        kinds = [
            [pj for action, pj in each.actions if (action in STATIC) == static] for static in (False, True)
        ]
        cells = [energy_text(EnergySum.of(energies)) if energies else "–" for energies in kinds]
        share = percent(each.total.pj / known) if each.total.pj is not None and known else "–"
        rows.append([each.component, *cells, energy_text(each.total), share])
    return ["component", "dynamic", "static", "energy", "share of known"], rows


def energy_text(energy: EnergySum) -> str:
    """Energy with its unit; ``≥`` where a part of it is unknown."""
    if energy.pj is None:
        return UNKNOWN
    return ("" if energy.complete else "≥ ") + si(energy.pj / 1e12, "J")


def energy_table(result: Result) -> Table:
    """Every action that occurred: count, energy each, energy, where the figure is from; copies are one."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    records = result.energy_table()
    label = ledger_labels(result)
    for record in records:
        key = label[record["component"]], record["action"]
        before = found.setdefault(key, {**record, "component": key[0], "count": 0})
        before["count"] += record["count"]
    rows = []
    for record in found.values():
        each = record["pJ_each"]
        rows.append(
            [
                record["component"],
                record["action"],
                number(record["count"]),
                UNKNOWN if each is None else si(each * 1e-12, "J"),
                UNKNOWN if each is None else si(each * record["count"] * 1e-12, "J"),
                record["origin"],
                record["band"],
                record["source"],
            ]
        )
    return ["component", "action", "count", "each", "energy", "origin", "band", "source"], rows


def memory_table(result: Result) -> Table:
    """Traffic of each memory against its bandwidth."""
    rows, seconds = [], result.metrics.latency_s
    for memory in result.memories:
        traffic = result.metrics.traffic_bytes.get(memory.name, {})
        read, written = traffic.get("read", 0), traffic.get("write", 0)
        rate, peak = (read + written) / seconds if seconds else 0.0, memory.bandwidth_bytes_per_s
        rows.append(
            [
                memory.name,
                memory.kind + (", external" if memory.external else ""),
                "unlimited" if memory.capacity_bytes is None else binary(memory.capacity_bytes),
                binary(read),
                binary(written),
                si(rate, "B/s"),
                "unlimited" if peak is None else si(peak, "B/s"),
                percent(rate / peak) if peak else "–",
            ]
        )
    return ["memory", "kind", "capacity", "read", "written", "average rate", "peak rate", "of peak"], rows


def busy_table(result: Result) -> Table:
    """Time for which each unit or shared resource worked, over the whole run."""
    busy: dict[str, int] = {}
    for row in result.rows:
        for unit, time_fs in row.busy_fs.items():
            busy[unit] = busy.get(unit, 0) + time_fs
    latency_fs = result.metrics.latency_s * 1e15
    rows = [
        [unit, si(time_fs / 1e15, "s"), percent(time_fs / latency_fs) if latency_fs else "–"]
        for unit, time_fs in busy.items()
    ]
    return ["unit", "busy", "of the latency"], rows


def provenance_table(result: Result) -> Table:
    """Where the result comes from, nested entries with dotted names."""
    return ["what", "value"], [list(pair) for pair in flat("", result.provenance)]


def flat(name: str, value: Any) -> list[tuple[str, str]]:
    """Leaves of nested mappings as (dotted name, text)."""
    if isinstance(value, dict):
        prefix = f"{name}." if name else ""
        return [pair for key, inner in value.items() for pair in flat(f"{prefix}{key}", inner)]
    if isinstance(value, (list, tuple)):
        return [(name, " ".join(str(item) for item in value))]
    return [(name, "–" if value is None else str(value))]
