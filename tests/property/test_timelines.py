"""What holds for the timeline of every run: nothing is lost, nothing is outside the run or the memory."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import HealthCheck, Phase, given, reject, settings
from networks import CHIP, graphs, variants

from simulator.base.errors import InputError
from simulator.engine.simulate import simulate
from simulator.hw.chip import load_chip
from simulator.mapping.lower import lower
from simulator.mapping.plan import plan
from simulator.results.result import Result
from simulator.results.timeline import BINS
from simulator.workload.graph import Graph

STEADY = settings(
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=50,
)


def run(graph: Graph, overrides: dict[str, str]) -> Result:
    chip = load_chip(CHIP, overrides)
    try:
        schedule = plan(graph, chip)
    except InputError:  # a rule, such as holding both operands, that these buffers have no room for
        reject()
    return simulate(lower(schedule), chip)


@STEADY
@given(graphs(), variants())
def test_bytes_and_rooms_and_spans_are_possible(graph: Graph, overrides: dict[str, str]):
    """Bins sum to the ledger; room never exceeds the memory; spans lie inside the run, in order."""
    result = run(graph, overrides)
    timeline = result.timeline
    assert timeline.end_fs == round(result.metrics.latency_s * 1e15)
    assert timeline.bins == (BINS if timeline.end_fs else 0)
    assert [use.memory for use in timeline.memories] == [memory.name for memory in result.memories]
    for use, memory in zip(timeline.memories, result.memories, strict=True):
        for way, counts in (("read", use.read_bytes), ("write", use.write_bytes)):
            assert len(counts) == timeline.bins
            assert sum(counts) == result.ledger.total(use.memory, way)
            assert min(counts, default=0) >= 0
        if memory.external:
            assert use.room_bytes == ()
            limit = memory.bandwidth_bytes_per_s / 1e15
            for i, (start, end) in enumerate(pairwise(timeline.edges_fs())):
                carried = use.read_bytes[i] + use.write_bytes[i]
                assert carried <= limit * (end - start) + 1 or i == 0
        else:
            assert len(use.room_bytes) == timeline.bins
            assert max(use.room_bytes, default=0) <= memory.capacity_bytes
            assert min((*use.maps_bytes, *use.buffers_bytes), default=0) >= 0
    for lane in timeline.lanes:
        assert max(lane.busy_fs) <= lane.total_fs <= min(sum(lane.busy_fs), timeline.end_fs)
        assert lane.start_fs == tuple(sorted(lane.start_fs))
        for node, start, end, busy in zip(lane.node, lane.start_fs, lane.end_fs, lane.busy_fs, strict=True):
            assert 0 <= start < end <= timeline.end_fs
            assert 0 < busy <= end - start
            assert 0 <= node < len(result.rows)


@STEADY
@given(graphs(), variants())
def test_busy_times_are_those_of_the_rows(graph: Graph, overrides: dict[str, str]):
    """A core's spans hold as much busy time as its tiles took; of one node no two spans touch."""
    result = run(graph, overrides)
    gap = max(result.timeline.end_fs // BINS, 1)
    for lane in result.timeline.lanes:
        spans: dict[int, list[tuple[int, int]]] = {}
        for node, start, end in zip(lane.node, lane.start_fs, lane.end_fs, strict=True):
            spans.setdefault(node, []).append((start, end))
        for each in spans.values():
            assert all(start - end >= gap for (_, end), (start, _) in pairwise(each))
        if lane.kind == "compute":
            took = sum(row.busy_fs.get(lane.unit, 0) for row in result.rows)
            waited = lane.total_fs - took  # a tile that is ready between two edges of the clock waits
            assert 0 <= waited <= 1e-3 * took + 2e6 * len(lane.node)


@STEADY
@given(graphs(), variants())
def test_json_gives_the_same_timeline(graph: Graph, overrides: dict[str, str]):
    result = run(graph, overrides)
    assert Result.from_dict(json.loads(result.dumps())).timeline == result.timeline
