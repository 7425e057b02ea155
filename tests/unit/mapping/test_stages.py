"""Stages: the balance of consecutive tasks, and what of a memory each has."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.base.errors import InputError
from simulator.experiment.run import run
from simulator.hw.chip import Chip, load_chip
from simulator.mapping.plan import plan
from simulator.mapping.stages import balance
from simulator.results.stream import Stream
from simulator.workload.graph import Graph, Node
from simulator.workload.tensor import Constant, Tensor


def longest(times: list[int], ends: tuple[int, ...]) -> int:
    return max(sum(times[a:b]) for a, b in pairwise((0, *ends, len(times))))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=9), st.data())
def test_no_other_cut_has_a_shorter_longest_stage(times: list[int], data: st.DataObject):
    count = data.draw(st.integers(1, len(times)))
    stages = balance(times, count)
    assert list(stages.of_task) == sorted(stages.of_task)
    assert set(stages.of_task) == set(range(count))
    found = max(
        sum(t for t, s in zip(times, stages.of_task, strict=True) if s == stage) for stage in range(count)
    )
    assert found == min(longest(times, ends) for ends in combinations(range(1, len(times)), count - 1))


def test_spans_are_those_of_the_tasks():
    stages = balance([5, 5, 1, 1, 8], 3)
    assert stages.of_task == (0, 0, 1, 1, 2) or max(stages.of_task) == 2
    assert [stages.span(s)[0] for s in range(3)][0] == 0
    assert all(b == a + 1 for (_, a), (b, _) in pairwise([stages.span(s) for s in range(3)]))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_equal_tasks_are_shared_equally(count: int):
    assert balance([1] * 6, count).of_task == tuple(i * count // 6 for i in range(6))


CHIP = """\
name: two_arrays
clusters: {pair: {count: 2, members: [npu, acc]}}
cores:
  npu: {kind: systolic, rows: 8, cols: 8, clock: 1 GHz, precision: {int8: 1},
        buffers: {ifmap: sram, weight: sram, psum: acc, ofmap: sram}}
  vec: {kind: vector, lanes: 8, clock: 1 GHz, buffers: {data: sram}}
memories:
  sram: {kind: sram, capacity: 64 KiB, banks: 4, port: 8 B/cycle, clock: 1 GHz}
  acc: {kind: sram, capacity: 16 KiB, banks: 2, port: 32 B/cycle, clock: 1 GHz}
"""
BEHIND = """\
  dram: {kind: bandwidth, capacity: 64 MiB, bandwidth: 16 GB/s}
links:
  dma: {kind: dma, from: dram, to: sram, width: 16 B/cycle, clock: 1 GHz}
"""


def chip(tmp_path: Path, overrides: dict[str, str], behind: str = BEHIND) -> Chip:
    file = tmp_path / "two_arrays.yaml"
    file.write_text(CHIP + behind)
    return load_chip(file, overrides)


def products(count: int = 4, size: int = 32) -> Graph:
    """Products of square matrices, one after the other."""
    tensors = {"t0": Tensor("t0", (size, size), "int8")}
    nodes = []
    for i in range(count):
        tensors[f"w{i}"] = Tensor(f"w{i}", (size, size), "int8", constant=Constant(lambda: np.zeros(1)))
        tensors[f"t{i + 1}"] = Tensor(f"t{i + 1}", (size, size), "int8")
        nodes.append(Node(f"n{i}", "MatMul", (f"t{i}", f"w{i}"), (f"t{i + 1}",), {}, ("requant",)))
    return Graph("products", tuple(nodes), tensors, ("t0",), (f"t{count}",))


def streamed(graph: Graph, chip: Chip, inferences: int = 4) -> Stream | None:
    return run(chip, graph, stream=inferences).stream


def test_stages_do_not_overrule_where_a_node_is_done(tmp_path: Path):
    """Left to the planner, a stream is not run in stages then; asked for, stages are refused."""
    pinned = {"mapping.nodes.n1.core": "npu_1"}
    assert streamed(products(), chip(tmp_path, pinned)).stages == 1
    with pytest.raises(InputError, match="a rule says that 'npu_1' does node 'n1'; leave `core` out"):
        streamed(products(), chip(tmp_path, {**pinned, "mapping.parallel": "pipeline"}))


def test_the_settings_of_a_result_say_how_many_inferences(tmp_path: Path):
    """`resolved.yaml` holds all that was asked for."""
    result = run(chip(tmp_path, {}), products(2), stream=3)
    assert result.resolved["experiment"]["stream"] == 3
    assert "stream" not in run(chip(tmp_path, {}), products(2)).resolved["experiment"]


def test_where_stages_have_no_room_a_stream_runs_all_the_same(tmp_path: Path):
    """Without a memory behind, 160 KiB of weights and maps are more than half of 256 KiB; both arrays share each
    layer then, and that is what is reported.
    """
    small = {"memories.sram.capacity": "256 KiB"}
    found = streamed(products(4, 128), chip(tmp_path, small, "links: {}\n"))
    assert found is not None
    assert found.stages == 1
    with pytest.raises(InputError, match="memories.sram.capacity"):
        streamed(products(4, 128), chip(tmp_path, {**small, "mapping.parallel": "pipeline"}, "links: {}\n"))


def test_stages_work_where_all_lies_on_chip(tmp_path: Path):
    """No memory behind: what a stage leaves to the next has two places on chip."""
    built = chip(tmp_path, {"memories.sram.capacity": "1 MiB", "mapping.parallel": "pipeline"}, "links: {}\n")
    assert streamed(products(), built).stages == 2


def test_a_rule_that_no_node_can_keep_is_refused(tmp_path: Path):
    with pytest.raises(InputError) as wrong:
        plan(products(), chip(tmp_path, {"mapping.nodes.n*.split": "groups"}))
    assert [p.message for p in wrong.value.problems] == [
        "node 'n0' cannot be cut along groups; it can be cut along n, rows"
    ]
    rows = plan(products(), chip(tmp_path, {"mapping.nodes.n*.split": "rows"}))
    assert {planned.task.part.along for planned in rows.tasks} == {"rows"}
