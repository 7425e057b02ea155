"""Small synthetic results; their metrics are measured, not typed in."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from simulator.results.ledger import Ledger
from simulator.results.metrics import measure
from simulator.results.result import Beside, EnergyEntry, MemoryInfo, NodeRow, Result
from simulator.results.timeline import BINS, Lane, MemoryUse, Timeline, Together

NS_FS = 10**6
COLUMNS = (("npu", "mac_int8"), ("sram", "read"), ("dram", "read"), ("dram", "write"), ("npu", "static"))
ENERGY = (
    EnergyEntry("npu", "mac_int8", 0.07, "derived", "a paper, table 2", "30 %"),
    EnergyEntry("sram", "read", 0.5, "published", "a data sheet", "10 %"),
    EnergyEntry("dram", "read", 15.0, "estimate", "", ""),
    EnergyEntry("dram", "write", 16.0, "estimate", "", ""),
    EnergyEntry("npu", "static", 0.002, "fitted", "", ""),
)
MEMORIES = (
    MemoryInfo("sram", "sram", 2**20, None, False),
    MemoryInfo("dram", "dram", 2**32, 51.2e9, True),
)

Layer = tuple[str, str, int, int, list[int]]  # node, bound, ns, MACs, counts in the order of COLUMNS
LAYERS: Sequence[Layer] = (
    ("conv1", "compute", 3000, 4_000_000, [4_000_000, 300_000, 100_000, 20_000, 3_000_000]),
    ("reshape", "latency", 0, 0, [0, 0, 0, 0, 0]),
    ("relu", "vector", 500, 0, [0, 50_000, 0, 0, 500_000]),
    ("fc", "dram", 7000, 1_000_000, [1_000_000, 200_000, 310_000, 1_000, 7_000_000]),
)


def build(
    layers: Sequence[Layer] = LAYERS,
    *,
    chip: str = "npu/edge",
    network: str = "net",
    precision: str = "int8",
    batch: int = 1,
    energy: Sequence[EnergyEntry] = ENERGY,
    not_modelled: Sequence[str] = ("refresh of the DRAM",),
    assumptions: Sequence[str] = ("weights are in external memory at the start",),
    resolved: dict | None = None,
    peak_macs_per_s: float = 4.096e12,
) -> Result:
    """Result of layers that follow one another."""
    rows, now = [], 0
    for node, bound, ns, macs, _ in layers:
        end = now + ns * NS_FS
        busy = {"npu": ns * NS_FS // 2, "dma": ns * NS_FS // 4}
        rows.append(NodeRow(node, "Op", "npu", "", now, end, end - now, macs, 0.25, bound, busy))
        now = end
    counts = np.array([layer[4] for layer in layers], np.int64).reshape(len(rows), len(COLUMNS))
    ledger = Ledger(tuple(row.node for row in rows), COLUMNS, counts)
    metrics = measure(
        now,
        rows,
        ledger,
        energy,
        MEMORIES,
        peak_macs_per_s=peak_macs_per_s,
        area_mm2=None,
        peak_memory_bytes=123_456,
    )
    return Result(
        chip=chip,
        network=network,
        precision=precision,
        batch=batch,
        metrics=metrics,
        rows=tuple(rows),
        ledger=ledger,
        energy=tuple(energy),
        memories=MEMORIES,
        not_modelled=tuple(not_modelled),
        assumptions=tuple(assumptions),
        provenance={
            "version": "1.2.3",
            "command": ["chipsim", "run"],
            "hashes": {"chip": "abc"},
            "seed": None,
        },
        resolved=resolved or {"name": chip, "cores": {"npu": {"rows": 32, "clock": "1 GHz"}}},
    )


@pytest.fixture(scope="session")
def make() -> Callable[..., Result]:
    """Build a result; see ``build``."""
    return build


@pytest.fixture
def result() -> Result:
    """Four layers, one of them without time; every energy known."""
    return build()


@pytest.fixture
def unknown() -> Result:
    """The same run with no known energy at all."""
    return build(energy=())


@pytest.fixture
def partly() -> Result:
    """The same run where nobody knows the energy of a DRAM read or of a MAC."""
    return build(energy=[entry for entry in ENERGY if (entry.component, entry.action) not in COLUMNS[0:3:2]])


CAUSES = ("compute", "fill_drain", "weight_wait", "input_wait", "output_wait", "vector", "noc", "sync")


def run_of(result: Result, *, cores: int = 1) -> Result:
    """The result with a timeline and with causes, as an engine would give them; ``cores`` arrays take turns."""
    end = sum(row.exposed_fs for row in result.rows)
    there = [(i, row) for i, row in enumerate(result.rows) if row.exposed_fs]
    units = ["npu"] if cores == 1 else [f"npu{j}" for j in range(cores)]
    lanes = []
    for j, unit in enumerate(units):
        mine = [(i, row) for place, (i, row) in enumerate(there) if place % cores == j] or there[:1]
        columns = [(i, row.start_fs, row.end_fs, (row.end_fs - row.start_fs) * 3 // 4) for i, row in mine]
        lanes.append(Lane(unit, "systolic", "compute", end * 3 // 4, *zip(*columns, strict=True)))
    early = [(i, max(row.start_fs - end // 50, 0), row.end_fs, row.end_fs - row.start_fs) for i, row in there]
    lanes.append(Lane("dma", "dma", "load", end // 2, *zip(*early, strict=True)))
    sizes = [result.ledger.total("dram", way) // BINS for way in ("read", "write")]
    rooms = (
        tuple(2**18 + 2**11 * (i % 97) for i in range(BINS)),
        tuple(2**16 * (i // 90) for i in range(BINS)),
    )
    uses = (
        MemoryUse("sram", *((result.ledger.total("sram", "read") // BINS,) * BINS for _ in range(2)), *rooms),
        MemoryUse("dram", *(tuple(size + i % 40 for i in range(BINS)) for size in sizes)),
    )
    shares = [end // (cores + 1)] * cores
    together = Together("systolic", tuple(units), (end // 2,) * cores, (end - sum(shares), *shares))
    timeline = Timeline(end, BINS, tuple(lanes), uses, (together,) if cores > 1 else ())
    rows = []
    for row in result.rows:
        held = row.end_fs - row.start_fs
        causes = {cause: held // len(CAUSES) for cause in CAUSES}
        causes["compute"] += held - sum(causes.values())
        rows.append(replace(row, causes_fs=causes if held else {}))
    return replace(result, timeline=timeline, rows=tuple(rows))


@pytest.fixture(scope="session")
def run() -> Callable[..., Result]:
    """Give a result a timeline and causes; see ``run_of``."""
    return run_of


MODEL = "LPDDR5_6400, LPDDR5_16Gb_x16: every command, RoRaBaCoBgCh, frfcfs, open page, refresh all bank"
BY_BANDWIDTH = "LPDDR5_6400, LPDDR5_16Gb_x16: bandwidth, bursts, rows and refresh, no commands"


def commands_of(result: Result) -> Result:
    """The result as of a DRAM that is simulated command by command: 90 hits, 6 misses, 4 conflicts in a hundred.

    By bandwidth alone each layer is a tenth faster, and the last one a fifth.
    """
    sram, dram = result.memories
    dram = replace(dram, model=MODEL, hits=90 * BINS, misses=6 * BINS, conflicts=4 * BINS)
    rows = tuple(replace(row, busy_fs={**row.busy_fs, "dram": row.exposed_fs}) for row in result.rows)
    exposed = [9 * row.exposed_fs // 10 for row in rows[:-1]] + [4 * row.exposed_fs // 5 for row in rows[-1:]]
    beside = Beside(("dram",), sum(exposed) / 1e15, 0.9 * (result.metrics.energy_j or 0.0), tuple(exposed))
    timeline = result.timeline
    if timeline is not None:
        use = timeline.memories[1]
        found = replace(use, hits=(90,) * BINS, misses=(6,) * BINS, conflicts=(4,) * BINS)
        timeline = replace(timeline, memories=(timeline.memories[0], found))
    return replace(result, memories=(sram, dram), rows=rows, beside=beside, timeline=timeline)


def bandwidth_of(result: Result) -> Result:
    """The result as of a DRAM that was asked to be simulated by bandwidth alone."""
    sram, dram = result.memories
    return replace(result, memories=(sram, replace(dram, model=BY_BANDWIDTH)))


@pytest.fixture(scope="session")
def commands() -> Callable[[Result], Result]:
    """Give a result a DRAM of commands; see ``commands_of``."""
    return commands_of


@pytest.fixture(scope="session")
def bandwidth() -> Callable[[Result], Result]:
    """Give a result a DRAM of bandwidth alone; see ``bandwidth_of``."""
    return bandwidth_of
