"""trace.json.gz: slices nest, layers are those of layers.csv, it opens as JSON, it is small."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import defaultdict
from decimal import Decimal

import numpy as np
import pytest

from simulator.experiment.single import finish_with_trace, prepare
from simulator.report.trace import write_trace
from simulator.report.write import layers_csv
from simulator.results.result import Result
from simulator.results.trace import SLICE, Trace, lanes

#: Clocks whose periods are no whole picoseconds: every instant has all its nine digits behind the point.
ODD = {
    "cores.npu.clock": "937 MHz", "links.dma.clock": "933 MHz",
    "memories.dram.model": "bandwidth", "memories.dram.bandwidth": "12.7 GB/s",
}  # fmt: skip
INT8 = {"workload.precision": "int8"}


@pytest.fixture(scope="module", params=[{}, ODD], ids=["round", "odd"])
def traced(request) -> tuple[Result, Trace]:
    return finish_with_trace(
        *prepare("npu/edge_npu", "light_squeezenet", overrides={**INT8, **request.param})
    )


def events(trace: Trace, folder) -> list[dict]:
    with gzip.open(write_trace(trace, folder)) as file:
        return json.load(file, parse_float=Decimal, parse_int=Decimal)["traceEvents"]


def by_track(trace: Trace, folder) -> dict[str, list[tuple[Decimal, Decimal, str]]]:
    """Track -> (start, end, name) in µs, in the order of the file."""
    found = events(trace, folder)
    names = {e["tid"]: e["args"]["name"] for e in found if e["ph"] == "M" and e["name"] == "thread_name"}
    tracks = defaultdict(list)
    for event in found:
        if event["ph"] == "X":
            tracks[names[event["tid"]]].append((event["ts"], event["ts"] + event["dur"], event["name"]))
    return tracks


def test_slices_of_a_track_nest_and_come_in_order(traced, tmp_path):
    tracks = by_track(traced[1], tmp_path)
    assert {"npu", "vec"} <= set(tracks)
    assert sum(len(slices) for slices in tracks.values()) == traced[1].slices.size
    for name, slices in tracks.items():
        open_until: list[Decimal] = []
        before = Decimal(0)
        for start, end, node in slices:
            assert before <= start <= end, f"{name}: {node}"
            before = start
            while open_until and open_until[-1] <= start:
                open_until.pop()
            assert not open_until or end <= open_until[-1], f"{name}: {node} leaves the slice that holds it"
            open_until.append(end)


def test_layers_are_those_of_the_table(traced, tmp_path):
    result, trace = traced
    layers = [
        s for name, slices in by_track(trace, tmp_path).items() if name.startswith("layers") for s in slices
    ]
    table = list(csv.DictReader(io.StringIO(layers_csv(result))))
    expected = sorted(
        (float(row["start_us"]), float(row["end_us"]), row["node"])
        for row in table
        if float(row["end_us"]) > float(row["start_us"])
    )
    assert sorted((float(start), float(end), node) for start, end, node in layers) == expected
    rows = {row.node: (row.start_fs, row.end_fs) for row in result.rows}
    for start, end, node in layers:
        assert (start * 10**9, end * 10**9) == rows[node], "exact to the femtosecond"


def test_every_tile_and_transfer_is_there_once(traced, tmp_path):
    kinds = [event["cat"] for event in events(traced[1], tmp_path) if event["ph"] == "X"]
    assert set(kinds) == {"layer", "compute", "load", "store"}
    assert kinds.count("layer") == sum(row.end_fs > row.start_fs for row in traced[0].rows)


def test_the_same_trace_gives_the_same_bytes(traced, tmp_path):
    one, two = (write_trace(traced[1], tmp_path / name).read_bytes() for name in ("one", "two"))
    assert one == two


def test_200_000_slices_are_less_than_2_mb(tmp_path):
    """Slices of a run with odd clocks, again and again: every instant is another one."""
    _, trace = finish_with_trace(*prepare("npu/edge_npu", "light_squeezenet", overrides={**INT8, **ODD}))
    times = -(-200_000 // trace.slices.size)
    latency = int(trace.slices["end"].max())
    slices = np.concatenate([trace.slices] * times)
    shift = np.repeat(np.arange(times), trace.slices.size) * (latency + 1_234_567)
    slices["start"] += shift
    slices["end"] += shift
    slices = slices[np.lexsort((slices["start"], slices["track"]))][:200_000]
    path = write_trace(Trace(trace.tracks, trace.nodes, trace.kinds, slices), tmp_path)
    assert slices.size == 200_000
    assert path.stat().st_size < 2_000_000


def test_lanes_hold_no_two_intervals_at_once(rng):
    starts = np.sort(rng.integers(0, 1000, 300))
    ends = starts + rng.integers(1, 50, 300)
    lane = lanes(starts, ends)
    for i in range(lane.max() + 1):
        mine = lane == i
        assert (starts[mine][1:] >= ends[mine][:-1]).all()
    overlapping = max(((starts <= t) & (ends > t)).sum() for t in starts)
    assert lane.max() + 1 == overlapping, "no more lanes than intervals at one instant"


def test_names_are_escaped(tmp_path):
    slices = np.array([(0, 0, 0, 0, 1_500_000_000)], SLICE)
    found = events(Trace(("layers",), ('a "b"\\c',), ("layer",), slices), tmp_path)
    assert found[-1]["name"] == 'a "b"\\c'
    assert found[-1]["dur"] == Decimal("1.5")
