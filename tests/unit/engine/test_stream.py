"""Streams: what stays is loaded once, intervals are steady, extrapolation equals simulation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simulator.engine import stream as module
from simulator.engine.simulate import simulate
from simulator.engine.stream import stream
from simulator.hw.chip import Chip, load_chip
from simulator.mapping.lower import lower
from simulator.mapping.plan import plan
from simulator.workload.graph import Graph, Node
from simulator.workload.op import OPS
from simulator.workload.tensor import Constant, Tensor

PROPERTY = Path(__file__).parents[2] / "property"
FOUR_ARRAYS = """\
name: four_arrays
clusters: {arrays: {count: 4, members: [npu, acc]}}
cores:
  npu: {kind: systolic, rows: 8, cols: 8, clock: 1 GHz, precision: {int8: 1},
        buffers: {ifmap: sram, weight: sram, psum: acc, ofmap: sram}}
  vec: {kind: vector, lanes: 8, clock: 1 GHz, buffers: {data: sram}}
memories:
  sram: {kind: sram, capacity: 256 KiB, banks: 4, port: 8 B/cycle, clock: 1 GHz}
  acc: {kind: sram, capacity: 16 KiB, banks: 2, port: 32 B/cycle, clock: 1 GHz}
  dram: {kind: bandwidth, capacity: 64 MiB, bandwidth: 2 GB/s}
links:
  dma: {kind: dma, from: dram, to: sram, width: 16 B/cycle, clock: 1 GHz}
"""


def convolutions(count: int, channels: int = 32, size: int = 28) -> Graph:
    """3 x 3 convolutions one after the other, ``channels`` x ``channels`` each."""
    shape = (channels, channels, 3, 3)
    tensors = {"t0": Tensor("t0", (1, channels, size, size), "int8")}
    nodes = []
    for i in range(count):
        tensors[f"w{i}"] = Tensor(f"w{i}", shape, "int8", constant=Constant(lambda: np.zeros(shape)))
        ins = (f"t{i}", f"w{i}")
        attrs = {"pads": (1, 1, 1, 1)}
        out = OPS["Conv"].shape([tensors[name] for name in ins], attrs)[0]
        tensors[f"t{i + 1}"] = Tensor(f"t{i + 1}", out, "int8")
        nodes.append(Node(f"n{i}", "Conv", ins, (f"t{i + 1}",), attrs, ("requant",)))
    return Graph("convolutions", tuple(nodes), tensors, ("t0",), (f"t{count}",))


@pytest.fixture(scope="module")
def edge() -> Chip:
    return load_chip("npu/edge_npu")


def test_weights_that_stay_are_loaded_once(edge: Chip):
    """Six layers of 9,216 B fit beside the maps: a steady inference moves its input and its output, no more."""
    graph = convolutions(6)
    found = stream(plan(graph, edge, stream=True), 8)
    assert found.resident_bytes == 6 * 32 * 32 * 9
    assert found.traffic_bytes["dram"] == {"read": 32 * 28 * 28, "write": 32 * 28 * 28}
    once = simulate(lower(plan(graph, edge)), edge)
    assert once.metrics.traffic_bytes["dram"]["read"] == 32 * 28 * 28 + 6 * 32 * 32 * 9


def test_what_does_not_fit_is_loaded_every_time():
    """In 64 KiB there is no room for 83 kB of weights a layer."""
    chip = load_chip("npu/edge_npu", {"memories.sram.capacity": "64 KiB"})
    graph = convolutions(3, channels=96, size=8)
    found = stream(plan(graph, chip, stream=True), 4)
    assert found.resident_bytes == 0
    assert found.traffic_bytes["dram"]["read"] >= 3 * 96 * 96 * 9


def test_a_steady_inference_takes_no_longer_than_one_alone(edge: Chip):
    graph = convolutions(6)
    found = stream(plan(graph, edge, stream=True), 8)
    alone = simulate(lower(plan(graph, edge)), edge)
    assert found.interval_fs <= alone.metrics.latency_s * 1e15
    assert found.throughput_per_s == pytest.approx(1e15 / found.interval_fs)
    assert found.energy_j < alone.metrics.energy_j


def test_what_is_extrapolated_equals_what_is_simulated(edge: Chip, monkeypatch: pytest.MonkeyPatch):
    graph = convolutions(4)
    schedule = plan(graph, edge, stream=True)
    short = stream(schedule, 24)
    assert short.simulated == 9
    monkeypatch.setattr(module, "MOST_INFERENCES", 24)
    whole = stream(schedule, 24)
    assert whole.simulated == 24
    assert short.latency_fs == pytest.approx(whole.latency_fs, rel=0.01)
    assert short.interval_fs == pytest.approx(whole.interval_fs, rel=0.01)


@pytest.mark.parametrize("name", ["shared_memory", "private_memories"])
def test_stages_raise_the_throughput(name: str):
    """Three copies of the cores, six equal layers: each copy does two, and inferences follow nearly three times
    as fast as one core does them; every inference does all of its MACs.
    """
    chip = load_chip(
        PROPERTY / f"{name}.yaml", {"memories.dram.model": "bandwidth", "memories.dram.bandwidth": "200 GB/s", "mapping.fuse": "off"}
    )
    graph = convolutions(6, channels=64)
    schedule = plan(graph, chip, stream=True, pipelined=True)
    assert schedule.stages == (0, 0, 1, 1, 2, 2)
    assert [planned.task.core for planned in schedule.tasks] == [
        "npu_0",
        "npu_0",
        "npu_1",
        "npu_1",
        "npu_2",
        "npu_2",
    ]
    assert lower(schedule, 3).macs.sum() == 3 * sum(node_macs(graph))
    found = stream(schedule, 16)
    alone = stream(plan(graph, load_chip(PROPERTY / f"{name}.yaml", {
        "memories.dram.model": "bandwidth", "memories.dram.bandwidth": "200 GB/s", "mapping.split": "off", "mapping.fuse": "off"}), stream=True), 16)  # fmt: skip
    assert found.stages == 3
    assert alone.interval_fs / found.interval_fs > 2.5


def test_what_stages_leave_to_each_other_has_two_places():
    """A stage writes the map of one inference while the next stage reads that of the one before."""
    chip = load_chip(PROPERTY / "private_memories.yaml")
    schedule = plan(convolutions(6), chip, stream=True, pipelined=True)
    assert sorted(schedule.twins) == ["t2", "t4"]
    for name, (twin,) in schedule.twins.items():
        place = schedule.places[name]
        assert twin.end <= place.address or place.end <= twin.address


def skipping(layers: int, channels: int = 32, size: int = 14) -> Graph:
    """Convolutions whose last result is added to that of the first."""
    chain = convolutions(layers, channels, size)
    last = f"t{layers}"
    tensors = {**chain.tensors, "sum": Tensor("sum", chain.tensors[last].shape, "int8")}
    return Graph(
        "skipping", (*chain.nodes, Node("add", "Add", (last, "t1"), ("sum",))), tensors, ("t0",), ("sum",)
    )


def test_a_map_that_skips_stages_holds_none_of_them_up():
    """What the first of three stages leaves to the last has three places: inferences follow as evenly as without
    it, by the time of the longest stage.
    """
    chip = load_chip(
        PROPERTY / "private_memories.yaml", {"memories.dram.model": "bandwidth", "memories.dram.bandwidth": "500 GB/s", "mapping.fuse": "off"}
    )
    schedule = plan(skipping(6), chip, stream=True, pipelined=True)
    assert len({*schedule.twins["t1"], schedule.places["t1"]}) == 3
    found = stream(schedule, 12)
    plain = stream(plan(convolutions(6, 32, 14), chip, stream=True, pipelined=True), 12)
    assert found.spread_fs <= 0.02 * found.interval_fs
    assert found.interval_fs == pytest.approx(plain.interval_fs, rel=0.1)


@pytest.mark.parametrize("inferences", [2, 3, 8, 30])
def test_what_follows_while_a_stream_runs_dry_is_not_steady(tmp_path: Path, inferences: int):
    """Stages take turns at the memory: when the first ones have no more to do, the others are faster. However few
    inferences there are, they follow no faster than by the time that the memory needs for what an inference moves.
    """
    file = tmp_path / "four_arrays.yaml"
    file.write_text(FOUR_ARRAYS)
    schedule = plan(convolutions(4, 32, 12), load_chip(file), stream=True, pipelined=True)
    assert max(schedule.stages) == 3
    found = stream(schedule, inferences)
    moved = sum(found.traffic_bytes["dram"].values())
    assert 0.97 * moved / 2e9 <= found.interval_fs / 1e15 <= 1.5 * moved / 2e9
    assert found.simulated == min(inferences, 15)


def test_static_energy_of_a_steady_inference_is_that_of_one_interval(edge: Chip):
    """Twice the leakage of one component costs its former leakage more, for one interval."""
    schedule = plan(convolutions(6), edge, stream=True)
    leakage = edge.memories["sram"].leakage_mw
    more = load_chip("npu/edge_npu", {"memories.sram.leakage": f"{2 * leakage} mW"})
    found = stream(schedule, 4)
    other = stream(plan(convolutions(6), more, stream=True), 4)
    assert other.interval_fs == found.interval_fs
    assert other.energy_j - found.energy_j == pytest.approx(
        leakage * 1e-3 * found.interval_fs * 1e-15, rel=1e-3
    )


def node_macs(graph: Graph) -> list[int]:
    from simulator.workload.op import work_of

    return [work.macs for node in graph for work in work_of(node, graph)]


def test_the_seams_of_a_stream_are_checked():
    """Several inferences pass ``Program.check`` with every memory small, so that all wait for each other."""
    chip = load_chip(PROPERTY / "private_memories.yaml", {"memories.sram.capacity": "24 KiB"})
    for pipelined in (False, True):
        lower(plan(convolutions(4, 8, 12), chip, stream=True, pipelined=pipelined), 3)
