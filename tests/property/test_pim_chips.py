"""What holds for every network on a chip with a memory that computes, wherever its nodes are placed.

Random layers, sums, products and activations, each node on a core drawn from those that can do it.
"""

from __future__ import annotations

from functools import cache
from math import ceil
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pim_networks import KINDS, Sketch, chip_text
from replay import check_conflicts_are_ordered, check_one_tile_at_a_time, play

from simulator.engine.simulate import simulate
from simulator.experiment.single import placed_inside
from simulator.hw.chip import Chip, load_chip
from simulator.mapping.lower import lower
from simulator.mapping.plan import plan
from simulator.mapping.program import LOAD, STORE
from simulator.results.result import Result
from simulator.workload.execute import execute
from simulator.workload.graph import Graph
from simulator.workload.op import work_of
from simulator.workload.pim.devices import DEVICES
from simulator.workload.work import Contraction

STEADY = settings(
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
ROUNDING = 1 - 1e-9


@cache
def file(kind: str, channels: int) -> Path:
    path = Path(mkdtemp()) / f"{kind}_{channels}.yaml"
    path.write_text(chip_text(kind, channels))
    return path


@cache
def _loaded(kind: str, channels: int, rules: tuple[tuple[str, str], ...]) -> Chip:
    return load_chip(file(kind, channels), dict(rules))


def chip_of(kind: str, channels: int = 2, **rules: str) -> Chip:
    return _loaded(kind, channels, tuple((f"mapping.{name}", text) for name, text in rules.items()))


@st.composite
def networks(draw: st.DrawFn) -> Graph:
    """One to four nodes deep, with a second operand of the same shape at hand for sums and products."""
    net = Sketch(rng=np.random.default_rng(draw(st.integers(0, 99))))
    rows, inputs = draw(st.integers(1, 3)), draw(st.integers(1, 300))
    there = [net.input("x", rows, inputs), net.input("z", rows, inputs)]
    for i in range(draw(st.integers(1, 4))):
        last = there[-1]
        alike = [name for name in there if net.tensors[name].shape == net.tensors[last].shape]
        kind = draw(st.sampled_from(["linear", "linear", "linear", "Add", "Mul", "Sub", "Relu", "Tanh"]))
        if kind == "linear":
            epilogue = draw(st.sampled_from([(), ("bias",), ("bias", "relu"), ("tanh",), ("bias", "silu")]))
            there.append(net.linear(f"n{i}", draw(st.sampled_from(there)), draw(st.integers(1, 300)), epilogue))
        elif kind in ("Relu", "Tanh"):
            there.append(net.node(kind, f"n{i}", last))
        else:
            there.append(net.node(kind, f"n{i}", last, draw(st.sampled_from(alike))))
    read = {name for node in net.nodes for name in node.inputs}
    return net.graph(*(node.name for node in net.nodes if node.name not in read))


@st.composite
def placements(draw: st.DrawFn) -> tuple[str, str]:
    """A kind of memory, and rules of its chip."""
    kind = draw(st.sampled_from(list(KINDS)))
    return kind, draw(st.sampled_from(["{}", "{pim: prefer}", "{pim: off}", "{npu: prefer, pim: prefer}"]))


def ran(graph: Graph, chip: Chip) -> Result:
    return simulate(lower(plan(graph, chip)), chip)


def works_inside(graph: Graph, chip: Chip) -> list[object]:
    return [each.task.work for each in plan(graph, chip).tasks if each.task.core == "pim"]


@settings(STEADY, max_examples=40)
@given(networks(), placements())
def test_counts_are_those_of_the_work(graph: Graph, where: tuple[str, str]):
    """MACs of the graph, each once; operations of lanes and bytes of banks: whole columns, tiles and turns."""
    kind, rules = where
    chip = chip_of(kind, cores=rules)
    result, core, memory = ran(graph, chip), chip.cores["pim"], chip.memories["dram"]
    works = [work for node in graph for work in work_of(node, graph)]
    assert result.metrics.macs == sum(work.macs for work in works if isinstance(work, Contraction))
    inside = works_inside(graph, chip)
    products = [work for work in inside if isinstance(work, Contraction)]
    ops, columns = 0, 0
    for work in products:
        turns = core.turns(work.N, work.K, "fp16") * work.M
        if kind == "gddr6_aim":
            each = ceil(work.K / 16) * 16 * 32 // 2 * memory.channels  # a multiplication and an addition, 16 lanes, 16 banks
            ops += 2 * each * turns
            columns += ceil(work.K / 16) * 16 * 32 * memory.channels * turns
            continue
        units = memory.device.standard.pim.units
        tiles = ceil(ceil(work.K / core.parts(work.N, work.K, "fp16")) / 128)
        ops += 2 * turns * tiles * 64 * units * 16 * memory.channels
        columns += turns * (tiles * 64 + 8) * units * 32 * memory.channels
    if len(products) == len(inside):
        activated = result.ledger.total("dram", "pim_op") - ops
        assert 0 <= activated <= sum(work.M * (work.N + 32) for work in products) * (kind == "gddr6_aim")
        modes = 17 * 32 * memory.channels * len(products) * (kind != "gddr6_aim")
        assert result.ledger.total("dram", "pim_column") == columns + modes
    if not inside:
        assert result.ledger.total("dram", "pim_op") == result.ledger.total("dram", "pim_column") == 0


@settings(STEADY, max_examples=40)
@given(networks(), placements())
def test_bytes_on_the_interface_are_those_that_were_asked_for(graph: Graph, where: tuple[str, str]):
    """Of transfers, in whole accesses; of streams: registers, answers of reserved rows, results of AiM."""
    kind, rules = where
    chip = chip_of(kind, cores=rules)
    program = lower(plan(graph, chip))
    result, memory, core = simulate(program, chip), chip.memories["dram"], chip.cores["pim"]
    access = memory.device.access_bytes
    spare, kept = 2 * access * program.requests.size, 0  # what still waits to be written is read from there
    for way, which in (("write", STORE), ("read", LOAD)):
        moved = program.commands["work"][program.commands["kind"] == which]
        size = int(program.moves["far_bytes"][moved].sum())
        assert size - kept <= result.ledger.total("dram", way) <= size + spare
        kept = size + spare
    ordinary = result.ledger.total("dram", "read") + result.ledger.total("dram", "write")
    inside = result.ledger.total("dram", "io") - ordinary - result.ledger.total("dram", "pim_register")
    works = works_inside(graph, chip)
    if kind == "gddr6_aim":
        turns = sum(core.turns(work.N, work.K, "fp16") * work.M for work in works if isinstance(work, Contraction))
        assert inside == 32 * memory.channels * turns
    else:
        assert inside == 17 * 32 * memory.channels * len(works)


@settings(STEADY, max_examples=40)
@given(networks(), placements())
def test_no_faster_than_interface_banks_and_arrays(graph: Graph, where: tuple[str, str]):
    kind, rules = where
    chip = chip_of(kind, cores=rules)
    result, memory = ran(graph, chip), chip.memories["dram"]
    latency_s, ledger = result.metrics.latency_s, result.ledger
    outside, inside = ledger.total("dram", "io"), ledger.total("dram", "pim_column")
    assert latency_s >= ROUNDING * outside / memory.peak_bytes_per_s()
    assert latency_s >= ROUNDING * (inside / memory.inside_bytes_per_s() + (outside / memory.peak_bytes_per_s() if not inside else 0))
    for row in result.rows:
        assert row.utilization <= 1 / ROUNDING, row.node


@settings(STEADY, max_examples=40)
@given(networks(), placements())
def test_hazards_and_turns(graph: Graph, where: tuple[str, str]):
    """The program proves itself; then no command of the run begins before its bytes are there."""
    kind, rules = where
    played = play(graph, chip_of(kind, cores=rules))
    check_one_tile_at_a_time(played)
    check_conflicts_are_ordered(played)


@settings(STEADY, max_examples=25)
@given(networks(), st.sampled_from(list(KINDS)))
def test_more_channels_are_not_slower(graph: Graph, kind: str):
    """Without refresh, whose instants are luck; small transfers may meet a row more, which takes a row cycle."""
    taken = []
    for channels in (1, 2, 4):
        chip = load_chip(file(kind, channels), {"memories.dram.controller": "{refresh: none}", "mapping.cores": "{pim: prefer}"})
        taken.append(ran(graph, chip).metrics.latency_s)
    row_cycle_s = 70e-9
    assert taken[1] <= taken[0] + row_cycle_s
    assert taken[2] <= taken[1] + row_cycle_s


@settings(STEADY, max_examples=40)
@given(networks(), st.sampled_from(list(KINDS)))
def test_placing_nodes_changes_the_values_of_no_other(graph: Graph, kind: str):
    """Nodes inside are in the device's arithmetic; what does not come from them is bit for bit the host's."""
    feeds = {name: np.random.default_rng(3).standard_normal(graph.tensors[name].shape).astype(np.float16) for name in graph.inputs}
    placed = placed_inside(graph, chip_of(kind, cores="{pim: prefer}"), {})
    assert set(placed.values()) <= {kind}
    host = execute(graph, feeds, "onnxruntime", all_tensors=True).tensors
    there = execute(graph, feeds, "onnxruntime", all_tensors=True, pim=placed).tensors
    touched: set[str] = set()
    for node in graph:
        if node.name in placed or touched & set(node.inputs):
            touched.update(node.outputs)
            continue
        np.testing.assert_array_equal(there[node.outputs[0]], host[node.outputs[0]])
    for node in graph:  # alone: only its own results differ
        if node.name in placed:
            alone = execute(graph, feeds, "onnxruntime", all_tensors=True, pim={node.name: kind}).tensors
            for each in graph.nodes[: graph.nodes.index(node)]:
                np.testing.assert_array_equal(alone[each.outputs[0]], host[each.outputs[0]])
            assert DEVICES[kind].has(node.op)


@pytest.mark.parametrize("kind", KINDS)
def test_an_array_works_while_a_memory_computes(kind: str):
    """Two branches: what a slow array has on chip it multiplies while the memory is busy inside.

    64 x 64 x 64 on 16 MACs a cycle are 16.4 us; its 16 KiB of operands come before the stream begins, as
    rules say, and its 8 KiB of results wait for the stream's end.
    """
    net = Sketch()
    net.linear("dense", net.input("many", 64, 64), 64)
    net.linear("vector", net.input("few", 1, 512), 2048)
    slow = {"cores.npu.rows": "1", "cores.npu.cols": "4", "cores.npu.lanes": "4"}
    slow |= {f"mapping.{size}": "max" for size in "mnk"} | {"mapping.hold": "both"}
    cores = {"dense": "npu", "vector": "pim"}

    def alone(name: str) -> Result:
        return ran(_only(net.graph(), name), load_chip(file(kind, 1), {**slow, "mapping.core": cores[name]}))

    rules = "{dense: {core: npu}, vector: {core: pim}}"
    both = ran(net.graph("dense", "vector"), load_chip(file(kind, 1), {**slow, "mapping.nodes": rules}))
    spans = {row.node: (row.start_fs, row.end_fs) for row in both.rows}
    assert min(spans["dense"][1], spans["vector"][1]) > max(spans["dense"][0], spans["vector"][0])
    hidden = sum(alone(name).metrics.latency_s for name in cores) - both.metrics.latency_s
    shorter = min(alone(name).metrics.latency_s for name in cores)
    assert hidden > 0.8 * shorter


def _only(graph: Graph, name: str) -> Graph:
    (node,) = (node for node in graph if node.name == name)
    tensors = {each: graph.tensors[each] for each in (*node.inputs, *node.outputs)}
    return Graph(name, (node,), tensors, (node.inputs[0],), node.outputs)
