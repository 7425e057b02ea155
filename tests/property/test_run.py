"""What holds for every run: random small networks on random variants of ``npu/edge_npu``.

Networks and chips come from ``networks``; ``replay`` follows every byte of a program.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from networks import CHIP, INT8, graphs, to_onnx, variants
from replay import (
    Bytes,
    check_conflicts_are_ordered,
    check_one_tile_at_a_time,
    play,
    touched_rows,
)

from simulator.engine.simulate import simulate
from simulator.experiment.run import run
from simulator.hw.chip import Chip, load_chip
from simulator.hw.cores.vector import COSTS
from simulator.mapping.lower import lower
from simulator.mapping.plan import plan
from simulator.mapping.remember import forget
from simulator.results.causes import CAUSES, run_causes
from simulator.results.ledger import STATIC
from simulator.results.result import Result
from simulator.workload.graph import Graph
from simulator.workload.op import work_of
from simulator.workload.work import Contraction

#: The same examples every time, so that a failure is a change of the code and not of the luck; none is
#: shrunk,
#: which would take minutes of simulation, because all are small.
STEADY = settings(
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
ROUNDING = 1 - 1e-9  # of the floating-point arithmetic in these tests; times in the simulator are exact


def simulated(graph: Graph, overrides: dict[str, str]) -> tuple[Chip, Result]:
    chip = load_chip(CHIP, overrides)
    return chip, simulate(lower(plan(graph, chip)), chip)


def macs_of(graph: Graph) -> int:
    works = [work for node in graph for work in work_of(node, graph)]
    return sum(work.macs for work in works if isinstance(work, Contraction))


def compulsory_bytes(graph: Graph) -> tuple[int, int]:
    """Bytes that must be read (constants, rows of inputs that a window covers) and written (outputs)."""
    read = sum(tensor.bytes for tensor in graph.tensors.values() if tensor.constant is not None)
    for name in graph.inputs:
        shares = [1.0 if graph.nodes[i].inputs[0] != name else touched_rows(graph, i).mean()
                  for i in graph.consumers[name]]  # fmt: skip
        read += int(graph.tensors[name].bytes * max(shares))
    return read, sum(graph.tensors[name].bytes for name in graph.outputs)


@settings(STEADY, max_examples=40)
@given(graphs(), variants())
def test_counts_and_times_are_possible(graph: Graph, overrides: dict[str, str]):
    """Every MAC once; traffic at least what must move; no faster than arrays, lanes, DRAM and DMA at their
    peaks.
    """
    chip, result = simulated(graph, overrides)
    ledger, latency_s = result.ledger, result.metrics.latency_s
    actions = [
        (name, action) for name, core in chip.cores.items() for action in core.ACTIONS if "mac" in action
    ]
    assert sum(ledger.total(*action) for action in actions) == result.metrics.macs == macs_of(graph)

    traffic = result.metrics.traffic_bytes["dram"]
    read, written = compulsory_bytes(graph)
    assert traffic["read"] >= read
    assert traffic["write"] >= written

    npu, vec, dma = chip.cores["npu"], chip.cores["vec"], chip.links["dma"]
    slots = {name: npu.macs_per_cycle(name) * npu.clock_hz for name in npu.precisions()}
    at_array = sum(ledger.total("npu", f"mac_{name}") / rate for name, rate in slots.items())
    at_lanes = (
        sum(ledger.total("vec", f"op_{name}") * cost for name, cost in COSTS.items())
        / vec.lanes
        / vec.clock_hz
    )
    at_dram = (traffic["read"] + traffic["write"]) / chip.memories["dram"].peak_bytes_per_s()
    at_dma = ledger.total("dma", "byte") / dma.peak_bytes_per_s()
    assert latency_s >= ROUNDING * max(at_array, at_lanes, at_dram, at_dma)
    if at_array > at_lanes and result.metrics.peak_tops:
        assert result.metrics.tops <= result.metrics.peak_tops * max(npu.precision.values()) / ROUNDING


@settings(STEADY, max_examples=40)
@given(graphs(), variants())
def test_time_and_energy_add_up(graph: Graph, overrides: dict[str, str]):
    """Exposed times sum to the latency; energy is counts x energy each, by component and by node."""
    _, result = simulated(graph, overrides)
    latency_fs = round(result.metrics.latency_s * 1e15)
    assert sum(row.exposed_fs for row in result.rows) == latency_fs
    assert max(row.end_fs for row in result.rows) == latency_fs
    assert all(0 <= row.start_fs <= row.end_fs and row.exposed_fs <= row.end_fs for row in result.rows)

    price = {(entry.component, entry.action): entry.pj for entry in result.energy}
    counts = list(result.ledger.totals())
    assert result.metrics.energy_complete
    assert result.metrics.energy_j == pytest.approx(
        sum(price[component, action] * count for component, action, count in counts) * 1e-12, rel=1e-12
    )
    assert sum(result.node_energy_pj()) * 1e-12 == pytest.approx(result.metrics.energy_j, rel=1e-9)
    assert sum(line["energy_uJ"] for line in result.energy_table()) * 1e-6 == pytest.approx(
        result.metrics.energy_j, rel=1e-12
    )
    static = sum(price[c, a] * n for c, a, n in counts if a in STATIC) * 1e-12
    assert result.metrics.static_energy_j == pytest.approx(static, rel=1e-12)
    standing = {action: n for component, action, n in counts if component == "dram" and action in STATIC}
    assert sum(standing.values()) >= 2 * latency_fs // 1000 - 2, "each of two ranks is in one state at a time"


@settings(STEADY, max_examples=25)
@given(graphs(), variants())
def test_same_input_gives_the_same_bytes(graph: Graph, overrides: dict[str, str]):
    """From nothing and from remembered tilings; and a result survives JSON."""
    _, result = simulated(graph, overrides)
    text = result.dumps()
    assert simulated(graph, overrides)[1].dumps() == text
    forget()
    assert simulated(graph, overrides)[1].dumps() == text
    again = Result.from_dict(json.loads(text))
    assert again.dumps() == text
    assert again.metrics == result.metrics
    assert again.rows == result.rows
    np.testing.assert_array_equal(again.ledger.counts, result.ledger.counts)


@settings(STEADY, max_examples=40)
@given(graphs(), variants())
def test_commands_keep_their_order(graph: Graph, overrides: dict[str, str]):
    """In the simulated spans a core takes in one tile at a time, and conflicting accesses to a byte are
    ordered.
    """
    played = play(graph, load_chip(CHIP, overrides))
    assert (played.spans[:, 0] >= 0).all()
    assert (played.spans[:, 1] >= played.spans[:, 0]).all()
    check_one_tile_at_a_time(played)
    check_conflicts_are_ordered(played)


@settings(STEADY, max_examples=50)
@given(graphs(), variants())
def test_every_byte_is_the_right_one(graph: Graph, overrides: dict[str, str]):
    """Tiles read all of their operands as their makers left them, and nothing else; results are written
    whole.

    Tasks one after the other: chains have their own replay in ``test_chains``.
    """
    schedule = plan(graph, load_chip(CHIP, {**overrides, "mapping.fuse": "off"}))
    program = lower(schedule)
    program.check()
    Bytes(schedule, program).check()


@settings(STEADY, max_examples=40)
@given(graphs(activations=("int4",)), variants())
def test_elements_of_half_a_byte_fit_their_buffers(graph: Graph, overrides: dict[str, str]):
    """Rows of an odd number of nibbles begin inside a byte, and their slices touch one byte more.

    Rules are left out: such rows are not held in a buffer, and a rule that asks for it is refused.
    """
    free = {key: value for key, value in overrides.items() if not key.startswith("mapping.")}
    played = play(graph, load_chip(CHIP, free))
    check_conflicts_are_ordered(played)
    spans = played.program.accesses
    assert (spans["low"] >= 0).all()
    assert (spans["high"] <= np.array(played.program.capacity)[spans["memory"]]).all()
    for (task, role), place in played.schedule.buffers.items():
        buffer = next(b for b in played.schedule.tasks[task].buffers if b.role == role)
        assert place.bytes == buffer.total


BANDWIDTH = "memories.dram.bandwidth"
STEPS = {
    BANDWIDTH: ["1 GB/s", "2 GB/s", "4 GB/s", "12.8 GB/s", "50 GB/s", "1000 GB/s"],
    "links.dma.width": ["4 B/cycle", "8 B/cycle", "16 B/cycle", "32 B/cycle", "256 B/cycle"],
    "memories.sram.capacity": ["8 KiB", "16 KiB", "32 KiB", "64 KiB", "128 KiB", "512 KiB", "2 MiB"],
    "memories.acc.capacity": ["2 KiB", "4 KiB", "16 KiB", "64 KiB", "256 KiB"],
}


REAL_STEPS = {
    BANDWIDTH: ["3.2 GB/s", "6.4 GB/s", "12.8 GB/s", "51.2 GB/s"],
    "links.dma.width": ["8 B/cycle", "16 B/cycle", "32 B/cycle", "128 B/cycle"],
    "memories.sram.capacity": ["256 KiB", "512 KiB", "1 MiB", "2 MiB"],
    "memories.acc.capacity": ["32 KiB", "128 KiB", "256 KiB", "512 KiB"],
}


@pytest.mark.parametrize("path", STEPS)
@settings(STEADY, max_examples=30)
@given(graphs(**INT8), variants(), st.data())
def test_more_is_not_slower(path: str, graph: Graph, overrides: dict[str, str], data: st.DataObject):
    """More bandwidth or memory makes a small network at most 10 % and its longest command slower.

    The planner takes the tiling of least estimated time, and a small network on slow links is where the
    estimate is worst; a wider link also lets transfers meet in another order in the channel, an anomaly of
    any schedule without look-ahead. Of 1 667 random pairs, 70 became slower at all, 5 by more than 2 % and
    the longest command, 3 by more than 10 % (worst: 11.7 %, with 6 KiB of SRAM and one transfer in flight).
    Real networks: the test below.

    Without chains: they are taken only where a guarded estimate says that they cost no time, so with more
    memory or bandwidth there may be none any more where they would still have been sooner. With several
    transfers in flight: one alone exposes the latency of each, which the estimate does not count (worst seen:
    1.8 times slower, where a wider link made many small tiles look as good as a few).
    """
    free = {key: value for key, value in overrides.items() if not key.startswith("mapping.")}
    free |= {"mapping.fuse": "off", "links.dma.outstanding": "4"}
    if path == BANDWIDTH:
        free["memories.dram.model"] = "bandwidth"
    chosen = data.draw(st.lists(st.integers(0, len(STEPS[path]) - 1), min_size=2, max_size=2, unique=True))
    less, more = (STEPS[path][i] for i in sorted(chosen))
    slow, fast = (play(graph, load_chip(CHIP, {**free, path: value})) for value in (less, more))
    longest = int((fast.spans[:, 1] - fast.spans[:, 0]).max())
    assert fast.spans.max() <= 1.10 * slow.spans.max() + longest


@pytest.mark.parametrize("path", STEPS)
def test_more_is_not_slower_for_a_real_network(path: str):
    """SqueezeNet without chains: each step at most 5 % slower than the one before it; with them never slower.

    All but one are faster; 128 to 256 KiB of accumulators costs 3.5 %: larger tiles overlap less with what
    follows.
    """

    def latency(value: str, fuse: str) -> float:
        overrides = {path: value, "workload.precision": "int8", "mapping.fuse": fuse}
        if path == BANDWIDTH:
            overrides["memories.dram.model"] = "bandwidth"
        return run(CHIP, "light_squeezenet", overrides=overrides).metrics.latency_s

    latencies = [latency(value, "off") for value in REAL_STEPS[path]]
    for slow, fast in pairwise(latencies):
        assert fast <= 1.05 * slow
    assert latencies[-1] < 0.98 * latencies[0]
    for value, unfused in zip(REAL_STEPS[path], latencies, strict=True):
        assert latency(value, "auto") <= 1.01 * unfused


@settings(STEADY, max_examples=15)
@given(graph=graphs(**INT8), overrides=variants())
def test_a_network_from_a_file_is_the_same_work(
    graph: Graph, overrides: dict[str, str], tmp_path_factory: pytest.TempPathFactory
):
    """Written as ONNX and read back (scales, biases and activations fused again), it has the same MACs and
    weights.
    """
    file = Path(tmp_path_factory.mktemp("onnx")) / "random.onnx"
    onnx.save(to_onnx(graph), file)
    result = run(CHIP, file, overrides={**overrides, "workload.precision": "int8"})
    assert result.metrics.macs == macs_of(graph)
    assert result.metrics.traffic_bytes["dram"]["read"] >= compulsory_bytes(graph)[0]
    assert result.assumptions[-1].endswith("costed as if quantized to int8 (no accuracy implied)")


@settings(STEADY, max_examples=40)
@given(graphs(), variants())
def test_causes_add_up(graph: Graph, overrides: dict[str, str]):
    """Every node's time and what it adds to the run are split without rest; what an array does is in there."""
    chip, result = simulated(graph, overrides)
    for row in result.rows:
        assert sum(row.causes_fs.values()) == row.end_fs - row.start_fs
        assert sum(row.exposed_causes_fs.values()) == row.exposed_fs
        assert all(time_fs > 0 for time_fs in (*row.causes_fs.values(), *row.exposed_causes_fs.values()))
        assert set(row.causes_fs) <= set(CAUSES)
        in_cores = sum(time_fs for name, time_fs in row.busy_fs.items() if name in chip.cores)
        useful = row.causes_fs.get("compute", 0) + row.causes_fs.get("vector", 0)
        assert useful <= in_cores
        if row.core == "npu":
            rate = max(chip.cores["npu"].precision.values())
            slots_fs = row.macs * 1e15 / (chip.cores["npu"].rows * chip.cores["npu"].cols * rate)
            assert row.causes_fs["compute"] >= ROUNDING * slots_fs / chip.cores["npu"].clock_hz
    assert sum(run_causes(result).values()) == round(result.metrics.latency_s * 1e15)
