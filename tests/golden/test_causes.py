"""What a layer's time goes to, by hand.

The chip: a 4 x 4 array at 1 GHz, weight stationary, weights exposed: a fold of T rows takes T + 2R + C - 2 =
T + 10 ns, T of them useful. One DMA engine of 32 B/ns that needs no start; a DRAM of 64 B bursts, one per ns,
whose data arrive 50 ns after their burst. Two transfers may be in flight.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.engine.simulate import simulate
from simulator.experiment.gemm import gemm_graph
from simulator.hw.chip import Chip, load_chip
from simulator.mapping.lower import lower
from simulator.mapping.plan import plan
from simulator.results.causes import run_causes
from simulator.results.result import NodeRow, Result
from simulator.workload.graph import Graph, Node
from simulator.workload.tensor import Tensor

NS = 10**6
CHIP = """
name: four_by_four
cores:
  array: {kind: systolic, rows: 4, cols: 4, clock: 1 GHz, dataflow: ws, weights: exposed,
          precision: {int8: 1}, buffers: {ifmap: sram, weight: sram, ofmap: sram, psum: acc}}
  lanes: {kind: vector, lanes: 64, lane: 1 B, clock: 1 GHz, start_cycles: 5, contractions: false,
          buffers: {data: sram}}
memories:
  sram: {kind: sram, capacity: 64 KiB, port: unlimited, clock: 1 GHz}
  acc: {kind: sram, capacity: 64 KiB, port: unlimited, clock: 1 GHz}
  dram: {kind: bandwidth, capacity: 1 MiB, bandwidth: 64 GB/s, burst: 64 B, latency: 50 ns}
links:
  dma: {kind: dma, from: dram, to: sram, width: 64 B/cycle, clock: 1 GHz, outstanding: 2}
"""


@pytest.fixture
def chip(tmp_path: Path):
    path = tmp_path / "four_by_four.yaml"
    path.write_text(CHIP)
    return lambda **overrides: load_chip(path, {k.replace("__", "."): v for k, v in overrides.items()})


def simulated(graph: Graph, chip: Chip) -> Result:
    return simulate(lower(plan(graph, chip)), chip)


def row_of(graph: Graph, chip: Chip) -> NodeRow:
    result = simulated(graph, chip)
    (row,) = result.rows
    assert sum(row.causes_fs.values()) == row.end_fs - row.start_fs
    assert run_causes(result) == row.exposed_causes_fs
    return row


def ns(row: NodeRow) -> dict[str, float]:
    return {cause: time_fs / NS for cause, time_fs in row.causes_fs.items()}


def largest(extent: int) -> Graph:
    tensors = {"x": Tensor("x", (1, extent), "int8"), "y": Tensor("y", (1, 1), "int8")}
    node = Node("largest", "ReduceMax", ("x",), ("y",), {"axes": [1]})
    return Graph("largest", (node,), tensors, ("x",), ("y",))


def test_a_product_that_the_array_bounds(chip):
    """512 x 4 x 4 as one tile: 522 ns in the array, of which 512 stream.

    The ifmap (2048 B) takes 32 ns and is there at 82; the weights (16 B) follow at 83. The results (2048 B)
    leave the array at 605 and take 82 ns. So 1 ns is waited for weights, 82 for inputs: the time until 83 is
    that of what came last, the weights' transfer, which both began at 0 (two are in flight).
    """
    row = row_of(gemm_graph(512, 4, 4, "int8"), chip(mapping__m="512"))
    assert row.end_fs == 687 * NS
    assert ns(row) == {"compute": 512, "fill_drain": 10, "weight_wait": 83, "output_wait": 82}
    assert row.bound == "compute"


def test_a_product_of_one_row_that_its_weights_bound(chip):
    """1 x 4 x 4096 in four tiles of 1024 channels, 4 KiB of weights each; 256 folds of 1 + 10 ns, 1 useful.

    The DRAM gives 64 B per 8 ns here: ifmap 1 KiB and weights 4 KiB per tile, 80 bursts or 640 ns. A tile
    takes 2816 ns. All four tiles' loads take 2560 ns: later tiles find their weights there. The first waits
    640 + 50 ns. The last result, 4 B, takes a burst from 640 + 50 + 4 x 2816 = 11 954 on: the DRAM decides at
    multiples of 8 ns, so it is served from 11 960 to 11 968 and is out at 12 018.
    """
    row = row_of(gemm_graph(1, 4, 4096, "int8"), chip(mapping__k="1024", memories__dram__bandwidth="8 GB/s"))
    assert row.end_fs == 12_018 * NS
    assert ns(row) == {"compute": 1024, "fill_drain": 10_240, "weight_wait": 690, "output_wait": 64}
    assert row.bound == "latency"


def test_the_same_with_a_slow_memory(chip):
    """A burst per 512 ns: a tile's 80 bursts take 40 960 ns, far more than its 2816 in the array.

    Tiles begin when their weights are there, at 41 010 and every 40 960 after that; between them the array is
    idle for 38 144. The last begins at 163 890 and ends at 166 706; its result is served from 166 912 (the
    next multiple of 512) to 167 424, out at 167 474: 768 ns.
    """
    row = row_of(
        gemm_graph(1, 4, 4096, "int8"),
        chip(mapping__k="1024", memories__dram__bandwidth="0.125 GB/s"),
    )
    assert row.end_fs == 167_474 * NS
    assert ns(row) == {
        "compute": 1024,
        "fill_drain": 10_240,
        "weight_wait": 41_010 + 3 * 38_144,
        "output_wait": 768,
    }
    assert row.bound == "dram"


def test_a_reduction_that_its_input_bounds(chip):
    """The largest of 4096 B on 64 lanes, a burst per 64 ns.

    64 bursts are there at 4096 + 50. The lanes take 64 ns and 5 of depth, to 4215. The result, one burst, is
    served from 4224 (a multiple of 64) to 4288 and out at 4338.
    """
    row = row_of(largest(4096), chip(memories__dram__bandwidth="1 GB/s"))
    assert row.end_fs == 4338 * NS
    assert ns(row) == {"fill_drain": 5, "input_wait": 4146, "output_wait": 123, "vector": 64}
    assert row.bound == "dram"


def test_an_outer_product_that_its_output_bounds(chip):
    """64 x 64 x 1 as one tile: 128 B in, 4096 out, a burst per 64 ns; 16 folds of 64 + 10 ns.

    Ifmap served to 64, weights to 128, there at 178. The tile ends at 178 + 1184 = 1362; its 64 bursts are
    served from 1408 (a multiple of 64) to 5504 and out at 5554.
    """
    rules = {"mapping__m": "64", "mapping__n": "64"}
    row = row_of(gemm_graph(64, 64, 1, "int8"), chip(**rules, memories__dram__bandwidth="1 GB/s"))
    assert row.end_fs == 5554 * NS
    assert ns(row) == {"compute": 1024, "fill_drain": 160, "weight_wait": 178, "output_wait": 4192}
    assert row.bound == "dram"


def test_a_narrow_port_is_waited_for(chip):
    """512 x 4 x 4 with 16 B/ns at the accumulators: 2048 sums of 4 B written and read are 16 384 B, 1024 ns.

    The tile lasts that long; 522 ns of it are the array's own, the rest waits for room for results.
    """
    row = row_of(gemm_graph(512, 4, 4, "int8"), chip(mapping__m="512", memories__acc__port="16 B/cycle"))
    assert ns(row) == {"compute": 512, "fill_drain": 10, "weight_wait": 83, "output_wait": 1024 - 522 + 82}
    assert row.bound == "acc"


def test_a_bus_that_is_slower_than_the_memory(chip, tmp_path: Path):
    """One tile of 512 x 4 x 4 over a bus of 1 B/ns: its ifmap passes it in 2048 ns, its weights in 16 more.

    The bus takes turns of 1024 B: ifmap to 1024, weights to 1040, ifmap to 2064; the tile runs from there to
    2586, and its results pass the bus until 4634.
    """
    file = tmp_path / "four_by_four.yaml"
    file.write_text(CHIP.replace("outstanding: 2", "outstanding: 2, via: bus"))
    file.write_text(file.read_text() + "  bus: {kind: bus, width: 1 B/cycle, clock: 1 GHz}\n")
    row = row_of(gemm_graph(512, 4, 4, "int8"), load_chip(file, {"mapping.m": "512"}))
    assert ns(row) == {"compute": 512, "fill_drain": 10, "noc": 2064 + 2048}
    assert row.bound == "noc"
