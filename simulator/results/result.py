"""The result of one simulation: plain, frozen, JSON both ways. It refers to no chip and no graph."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from simulator.base import jsontext
from simulator.base.errors import InputError, Problem
from simulator.base.files import write_atomic
from simulator.results.causes import CAUSES
from simulator.results.ledger import Ledger
from simulator.results.matching import Matching
from simulator.results.shapes import misfit
from simulator.results.spiking import Spiking
from simulator.results.stream import Stream
from simulator.results.timeline import Timeline
from simulator.results.values import Values

SCHEMA = 1
#: What layers.csv says of a population besides.
POPULATION_COLUMNS = ("neurons", "spikes", "sops", "messages", "hops")


@dataclass(frozen=True, slots=True)
class EnergyEntry:
    """Energy of one action: ``pj`` each (None: unknown), with where the number comes from."""

    component: str
    action: str
    pj: float | None
    origin: str = "estimate"
    source: str = ""
    band: str = ""


@dataclass(frozen=True, slots=True)
class MemoryInfo:
    """A memory as the result saw it; ``external`` means off chip. None: unlimited.

    ``model`` says how it was simulated, where there is more than one way. ``hits``, ``misses`` and
    ``conflicts`` are accesses that found their row open, the bank closed, another row open; None where rows
    are not followed. ``inside_bytes_per_s`` is what the units of a memory that computes take from its banks
    at most; None where it does not. ``channels`` side by side have ``data_bits`` pins in all; 0: not stated.
    """

    name: str
    kind: str
    capacity_bytes: int | None
    bandwidth_bytes_per_s: float | None
    external: bool
    model: str = ""
    hits: int | None = None
    misses: int | None = None
    conflicts: int | None = None
    inside_bytes_per_s: float | None = None
    channels: int = 0
    data_bits: int = 0


@dataclass(frozen=True, slots=True)
class Beside:
    """The same program on the same chip with its memories known by their bandwidth alone.

    ``exposed_fs`` is that of every node, as in ``NodeRow``.
    """

    memories: tuple[str, ...]
    latency_s: float
    energy_j: float | None
    exposed_fs: tuple[int, ...]

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Beside:
        """Inverse of ``asdict``."""
        memories, exposed = tuple(data["memories"]), tuple(data["exposed_fs"])
        return cls(memories, data["latency_s"], data["energy_j"], exposed)


@dataclass(frozen=True, slots=True)
class NodeRow:
    """What one node did.

    ``start_fs`` to ``end_fs`` is when it held the chip: from its first tile on a core, or from the end of all
    nodes before it where it then waits for data (prefetching under an earlier node is that node's time), to
    its last command. Nodes that run side by side overlap.
    ``exposed_fs`` is by how much it moved the end of the run; the column sums to the latency exactly. Nodes
    of a chain share what the chain adds, each the instants that are its own (docs/models/causes.md).
    ``busy_fs`` is the time that each unit and shared resource spent on it. ``shape`` is M x N x K of what it
    multiplies, with the number of groups before it; empty where it multiplies nothing. ``causes_fs`` says
    what the time from ``start_fs`` to ``end_fs`` went to (see ``results.causes``), ``exposed_causes_fs`` the
    same for the ``exposed_fs``, outside chains the last before ``end_fs``; each
    sums to its time exactly, zeros are left out.
    ``bound`` is the word for what limited it; ``limiter`` the resource that worked for it most of its time,
    ``limiter_fs`` how long of that time, "" and 0 where none did. ``ifmap_density`` and ``weight_density``
    are the shares of elements of what it multiplies that are not zero, as far as the chip makes use of them.
    On a chip with cores of different kinds for the same work, ``placed_by`` says what chose the core
    (``cost``, ``rule``, ``pinned``) and ``expected_fs`` what each core was expected to take.
    """

    node: str
    op: str
    core: str
    origin: str
    start_fs: int
    end_fs: int
    exposed_fs: int
    macs: int
    utilization: float
    bound: str
    busy_fs: dict[str, int] = field(default_factory=dict)
    shape: str = ""
    causes_fs: dict[str, int] = field(default_factory=dict)
    exposed_causes_fs: dict[str, int] = field(default_factory=dict)
    limiter: str = ""
    limiter_fs: int = 0
    ifmap_density: float = 1.0
    weight_density: float = 1.0
    placed_by: str = ""
    expected_fs: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Headline figures; each is defined, with its formula, in ``results.metrics``. None: not known."""

    latency_s: float
    throughput_per_s: float
    macs: int
    ops: int
    tops: float
    peak_tops: float | None
    utilization: float | None
    energy_j: float | None
    static_energy_j: float | None
    energy_complete: bool
    average_power_w: float | None
    tops_per_w: float | None
    tops_per_w_chip: float | None
    edp_js: float | None
    area_mm2: float | None
    peak_memory_bytes: int
    traffic_bytes: dict[str, dict[str, int]]
    accuracy: float | None = None
    ttft_s: float | None = None
    tpot_s: float | None = None
    tokens_per_s: float | None = None
    energy_per_token_j: float | None = None
    kv_bytes: int | None = None
    steps: int | None = None
    step_s: float | None = None
    spikes: int | None = None
    sops: int | None = None
    sops_per_s: float | None = None
    energy_per_sop_j: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain form; what does not apply to a run is left out."""
        where_they_apply = {field.name for field in fields(self) if field.default is None}
        return {k: v for k, v in asdict(self).items() if v is not None or k not in where_they_apply}


@dataclass(frozen=True, slots=True)
class FusedChain:
    """Nodes that ran together, stripe by stripe of rows, so that what passes between them stayed on chip.

    ``rows`` of the last node's result make a stripe, of which an image has ``stripes``. ``line_bytes`` is
    what the line buffers hold. ``bytes`` goes to and from the memories behind, ``unfused_bytes`` would
    without the chain, both as the planner counts.
    """

    nodes: tuple[str, ...]
    stripes: int
    rows: int
    line_bytes: int
    bytes: int
    unfused_bytes: int


@dataclass(frozen=True, slots=True)
class Fusion:
    """What depth-first execution did: chains, and traffic of the whole network with and without them.

    The bytes go to and from the memories behind the on-chip ones; both are the planner's, the second of the
    best plan without chains.
    """

    chains: tuple[FusedChain, ...] = ()
    bytes: int = 0
    unfused_bytes: int = 0

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Fusion:
        """Inverse of ``asdict``."""
        chains = (FusedChain(**{**chain, "nodes": tuple(chain["nodes"])}) for chain in data["chains"])
        return cls(tuple(chains), data["bytes"], data["unfused_bytes"])


@dataclass(frozen=True)
class Result:
    """Everything a report needs about one run.

    ``copies`` names, for each component that is one of several copies, the one of the chip's file. ``beside``
    is what a coarser model of the memories says; None where there is none. ``values`` is what the network did
    with the inputs of the run; None where it was given none. ``matching`` is about neurons that match
    patterns, ``spiking`` the steps of a spiking network; None where there are none.
    """

    chip: str
    network: str
    precision: str
    batch: int
    metrics: Metrics
    rows: tuple[NodeRow, ...]
    ledger: Ledger
    energy: tuple[EnergyEntry, ...]
    memories: tuple[MemoryInfo, ...]
    not_modelled: tuple[str, ...]
    assumptions: tuple[str, ...]
    provenance: dict[str, Any]
    resolved: dict[str, Any]
    fusion: Fusion = Fusion()
    stream: Stream | None = None
    timeline: Timeline | None = None
    copies: dict[str, str] = field(default_factory=dict)
    beside: Beside | None = None
    values: Values | None = None
    matching: Matching | None = None
    spiking: Spiking | None = None

    def layers(self) -> list[dict[str, Any]]:
        """Per-node table as plain records; keys are the headers of layers.csv, units in the names."""
        from_ledger = {
            f"{memory.name}_{action}_B": self.ledger.per_node(memory.name, action)
            for memory in self.memories
            for action in ("read", "write")
        }
        energy = self.node_energy_pj()
        table = []
        for i, row in enumerate(self.rows):
            latency_fs = row.end_fs - row.start_fs
            record: dict[str, Any] = {
                "node": row.node,
                "op": row.op,
                "core": row.core,
                "latency_us": latency_fs / 1e9,
                "start_us": row.start_fs / 1e9,
                "end_us": row.end_fs / 1e9,
                "exposed_us": row.exposed_fs / 1e9,
                "macs": row.macs,
                "utilization_pct": 100 * row.utilization,
                "tops": 2e3 * row.macs / latency_fs if latency_fs else 0.0,
                "energy_uJ": energy[i] / 1e6,
                "bound": row.bound,
                "shape": row.shape,
                "ifmap_density_pct": 100 * row.ifmap_density,
                "weight_density_pct": 100 * row.weight_density,
            }
            record.update({name: int(counts[i]) for name, counts in from_ledger.items()})
            record.update({f"{cause}_us": row.causes_fs.get(cause, 0) / 1e9 for cause in CAUSES})
            if self.spiking is not None:
                each = self.spiking.populations[i]
                record.update({name: getattr(each, name) for name in POPULATION_COLUMNS})
            table.append(record)
        return table

    def node_energy_pj(self) -> list[float]:
        """Known energy of each node in pJ, static share included."""
        price = {(e.component, e.action): e.pj or 0.0 for e in self.energy}
        weights = [price.get(column, 0.0) for column in self.ledger.columns]
        return [
            float(sum(w * c for w, c in zip(weights, row, strict=True)))
            for row in self.ledger.counts.tolist()
        ]

    def energy_table(self) -> list[dict[str, Any]]:
        """Component x action that occurred: count, pJ each, µJ; an unknown energy is None, never 0."""
        price = {(e.component, e.action): e for e in self.energy}
        table = []
        for component, action, count in self.ledger.totals():
            entry = price.get((component, action), EnergyEntry(component, action, None))
            table.append(
                {
                    "component": component,
                    "action": action,
                    "count": count,
                    "pJ_each": entry.pj,
                    "energy_uJ": None if entry.pj is None else count * entry.pj / 1e6,
                    "origin": entry.origin if entry.pj is not None else "unknown",
                    "band": entry.band,
                    "source": entry.source,
                }
            )
        return table

    def to_dict(self) -> dict[str, Any]:
        """Plain form, JSON-ready; same input gives the same bytes."""
        return {
            "schema_version": SCHEMA,
            "chip": self.chip,
            "network": self.network,
            "precision": self.precision,
            "batch": self.batch,
            "provenance": self.provenance,
            "metrics": self.metrics.to_dict(),
            "not_modelled": list(self.not_modelled),
            "assumptions": list(self.assumptions),
            "nodes": [asdict(row) for row in self.rows],
            "memories": [asdict(memory) for memory in self.memories],
            "energy_table": [asdict(entry) for entry in self.energy],
            "ledger": self.ledger.to_dict(),
            "fusion": asdict(self.fusion),
            "stream": None if self.stream is None else asdict(self.stream),
            "timeline": None if self.timeline is None else self.timeline.to_dict(),
            "copies": self.copies,
            "beside": None if self.beside is None else asdict(self.beside),
            "values": None if self.values is None else asdict(self.values),
            "matching": None if self.matching is None else asdict(self.matching),
            "spiking": None if self.spiking is None else self.spiking.to_dict(),
            "resolved": self.resolved,
        }

    def dumps(self) -> str:
        """The JSON text of result.json."""
        return jsontext.dumps(self.to_dict()) + "\n"

    def to_json(self, path: str | Path) -> None:
        """Write result.json, whole or not at all."""
        write_atomic(Path(path), self.dumps())

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Result:
        """Inverse of ``to_dict``."""
        return cls(
            chip=data["chip"],
            network=data["network"],
            precision=data["precision"],
            batch=data["batch"],
            metrics=Metrics(**data["metrics"]),
            rows=tuple(NodeRow(**row) for row in data["nodes"]),
            ledger=Ledger.from_dict(data["ledger"]),
            energy=tuple(EnergyEntry(**entry) for entry in data["energy_table"]),
            memories=tuple(MemoryInfo(**memory) for memory in data["memories"]),
            not_modelled=tuple(data["not_modelled"]),
            assumptions=tuple(data["assumptions"]),
            provenance=data["provenance"],
            resolved=data["resolved"],
            fusion=Fusion.from_dict(data["fusion"]) if "fusion" in data else Fusion(),
            stream=Stream(**data["stream"]) if data.get("stream") else None,
            timeline=Timeline.from_dict(data["timeline"]) if data.get("timeline") else None,
            copies=data.get("copies", {}),
            beside=Beside.from_dict(data["beside"]) if data.get("beside") else None,
            values=Values.from_dict(data["values"]) if data.get("values") else None,
            matching=Matching.from_dict(data["matching"]) if data.get("matching") else None,
            spiking=Spiking.from_dict(data["spiking"]) if data.get("spiking") else None,
        )

    @classmethod
    def from_json(cls, path: str | Path) -> Result:
        """Read result.json, or the one inside a folder.

        Raises
        ------
        InputError
            The file is missing, is no JSON, or is a result of another schema.
        """
        path = Path(path)
        file = path / "result.json" if path.is_dir() else path
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(
                Problem("no such result; expected a result.json or a folder with one", str(file))
            ) from None
        except (ValueError, OSError, RecursionError) as error:
            raise InputError(Problem(f"not a result: {error}", str(file))) from None
        if not isinstance(data, dict) or data.get("schema_version") != SCHEMA:
            found = data.get("schema_version") if isinstance(data, dict) else None
            raise InputError(Problem(f"expected a result of schema_version {SCHEMA}, got {found}", str(file)))
        try:
            found = cls.from_dict(data)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise InputError(Problem(f"not a result: it lacks or misshapes {error}", str(file))) from None
        wrong = misfit(found) or found._odd()
        if wrong:
            place, _, expected = wrong.lstrip(".").rpartition(": ")
            raise InputError(Problem(f"not a result: expected {expected}", str(file), path=place))
        return found

    def _odd(self) -> str:
        """What no type tells: a time that cannot be, a resolved input without mappings."""
        if self.metrics.latency_s and not 1e-60 < self.metrics.latency_s < 1e60:
            return "metrics.latency_s: a time in seconds"
        for key, inner in (("chip", "technology"), ("experiment", "set")):
            outer = self.resolved.get(key, {})
            if not isinstance(outer, dict):
                return f"resolved.{key}: a mapping"
            if not isinstance(outer.get(inner, {}), dict):
                return f"resolved.{key}.{inner}: a mapping"
        return ""
