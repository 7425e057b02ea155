"""What else the planner could have done with a task."""

from __future__ import annotations

from collections.abc import Callable

from simulator.hw.chip import Chip
from simulator.mapping.alternatives import alternatives
from simulator.mapping.plan import plan
from simulator.workload.graph import Graph

CONV = ("Conv", (2, 12, 9, 7), (20, 12, 3, 3))


def test_the_best_tilings_the_fastest_first(network: Callable[..., Graph], small: Callable[..., Chip]):
    chip = small({"cores.lanes.contractions": "false"})
    schedule = plan(network(*CONV, pads=(1, 1, 1, 1)), chip)
    taken = schedule.tasks[0]
    found = alternatives(schedule, 0)
    assert len(found) == 8
    assert len({choice.tiling for choice in found}) == 8
    assert [c.expected_fs for c in found] == sorted(c.expected_fs for c in found)
    (own,) = (choice for choice in found if choice.tiling == taken.tiling)
    assert own.expected_fs == taken.expected_fs
    assert own.buffers == taken.buffers
    assert own.tiles == taken.tiles
    assert found[0].expected_fs >= taken.expected_fs / 1.02
    for choice in found:
        assert sum(b.total for b in choice.buffers if b.memory == "sram") <= 4096
        assert choice.traffic_bytes >= 2 * 12 * 9 * 7 + 20 * 12 * 9 + 2 * 20 * 9 * 7
        assert choice.bound in ("compute", "dram")


def test_fewer_are_the_first_of_more(network: Callable[..., Graph], small: Callable[..., Chip]):
    schedule = plan(network(*CONV), small({"cores.lanes.contractions": "false"}))
    few, many = alternatives(schedule, 0, 3), alternatives(schedule, 0, 12)
    assert len(few) == 3
    own = schedule.tasks[0].tiling
    assert [c for c in few if c.tiling != own] == [c for c in many if c.tiling != own][:2]


def test_work_that_is_no_contraction_has_its_slices(
    network: Callable[..., Graph], small: Callable[..., Chip]
):
    """ReLU has a task of its own where the array applies nothing on the way out."""
    graph = network(*CONV)
    node = graph.nodes[0]
    with_relu = Graph(
        "two",
        (type(node)(node.name, node.op, node.inputs, node.outputs, node.attrs, ("sigmoid",)),),
        graph.tensors,
        graph.inputs,
        graph.outputs,
    )
    schedule = plan(with_relu, small({"cores.lanes.contractions": "false"}))
    (index,) = (i for i, planned in enumerate(schedule.tasks) if planned.task.core == "lanes")
    found = alternatives(schedule, index)
    assert len(found) > 2
    assert [c.expected_fs for c in found] == sorted(c.expected_fs for c in found)
    own = [choice for choice in found if choice.tiling == schedule.tasks[index].tiling]
    assert [choice.expected_fs for choice in own] == [schedule.tasks[index].expected_fs]
