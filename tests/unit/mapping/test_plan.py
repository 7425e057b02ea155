"""The plan: which core, what stays on chip, at which addresses; rules; what cannot be planned."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest

from simulator.base.errors import InputError
from simulator.hw.chip import Chip
from simulator.mapping.plan import plan
from simulator.mapping.schedule import Schedule
from simulator.workload.graph import Graph, Node
from simulator.workload.tensor import Constant, Tensor

ON_ARRAY = {"cores.lanes.contractions": "false"}


def chain(rows: int = 12, dtype: str = "int8", weights: str = "int8") -> Graph:
    """x·u -> y, relu(y) -> r, r·v -> z, z + r -> s: r lives from the second node to the last."""
    names = {
        "x": (rows, 8),
        "u": (8, 8),
        "v": (8, 8),
        "y": (rows, 8),
        "r": (rows, 8),
        "z": (rows, 8),
        "s": (rows, 8),
    }
    tensors = {
        name: Tensor(name, shape, weights, constant=Constant(lambda: np.zeros(1)))
        if name in "uv"
        else Tensor(name, shape, dtype)
        for name, shape in names.items()
    }
    nodes = (
        Node("first", "MatMul", ("x", "u"), ("y",)),
        Node("relu", "Relu", ("y",), ("r",)),
        Node("second", "MatMul", ("r", "v"), ("z",)),
        Node("sum", "Add", ("z", "r"), ("s",)),
    )
    return Graph("chain", nodes, tensors, ("x",), ("s",))


def lives(schedule: Schedule) -> dict[object, tuple[str, int, int, int, int]]:
    """Everything with a room: memory, addresses, first and last task that it is needed for."""
    tasks = [planned.task for planned in schedule.tasks]
    found: dict[object, tuple[str, int, int, int, int]] = {}
    for name, place in schedule.places.items():
        using = [i for i, task in enumerate(tasks) if name in (*task.reads, *task.writes)]
        written = any(name in task.writes for task in tasks)
        kept = name in {schedule.storage[out] for out in schedule.graph.outputs}
        first, last = using[0] if written else 0, len(tasks) - 1 if kept or not written else using[-1]
        found[name] = (place.memory, place.address, place.end, first, last)
    for (i, role), place in schedule.buffers.items():
        found[i, role] = (place.memory, place.address, place.end, i, i)
    return found


@pytest.mark.parametrize("capacity", ["512 B", "768 B", "1 KiB", "4 KiB"])
def test_what_is_needed_at_the_same_time_lies_apart(small: Callable[..., Chip], capacity: str):
    schedule = plan(chain(), small({**ON_ARRAY, "memories.sram.capacity": capacity}))
    for (a, one), (b, other) in combinations(lives(schedule).items(), 2):
        together = one[0] == other[0] and one[3] <= other[4] and other[3] <= one[4]
        assert not together or one[2] <= other[1] or other[2] <= one[1], (a, b)
    for memory, _, end, _, _ in lives(schedule).values():
        assert end <= schedule.chip.memories[memory].capacity_bytes


def test_feature_maps_stay_where_they_fit(small):
    places = plan(chain(), small(ON_ARRAY)).places
    assert {name: place.memory for name, place in places.items()} == {
        "x": "dram", "u": "dram", "v": "dram", "s": "dram", "y": "sram", "z": "sram",
    }  # fmt: skip


def test_an_activation_takes_the_place_of_its_operand(small):
    """Where the operand is not needed again; the sum is a network output and has a place of its own."""
    schedule = plan(chain(), small(ON_ARRAY))
    assert schedule.storage["r"] == "y"
    assert schedule.storage["s"] == "s"


def test_a_rule_sends_results_off_chip(small):
    chip = small({**ON_ARRAY, "mapping.nodes": "{first: {output: spill}}"})
    places = plan(chain(), chip).places
    assert places["y"].memory == "dram"
    assert places["z"].memory == "sram"


def test_what_does_not_fit_leaves_the_chip(small):
    """2400 B of y and as much of z do not fit in 4 KiB beside tiles."""
    alone = {**ON_ARRAY, "mapping.fuse": "off"}
    places = plan(chain(rows=300), small(alone)).places
    assert "dram" in {places["y"].memory, places["z"].memory}
    roomy = small({**alone, "memories.sram.capacity": "64 KiB"})
    assert plan(chain(rows=300), roomy).places["y"].memory == "sram"


def test_in_a_chain_only_some_rows_of_what_does_not_fit_are_there(small):
    """All four tasks run stripe by stripe; of y (in whose place r is written) and z there are rows at a time."""
    schedule = plan(chain(rows=300), small(ON_ARRAY))
    (found,) = schedule.chains
    assert (found.first, found.last) == (0, 3)
    assert found.inner() == ["y", "z"]
    lines = dict(found.lines)
    for name in ("y", "z"):
        assert schedule.places[name].memory == "sram"
        assert schedule.places[name].bytes == 8 * lines[name] < 2400
    assert schedule.fusion.unfused_bytes - schedule.fusion.bytes >= 2400
    records = schedule.describe()
    assert records[0]["chain"].startswith(f"1, first to sum: {found.stripes} stripes of {found.rows} rows, ")
    assert f"y {lines['y']} rows of 8 B" in records[0]["chain"]
    assert [record["chain"] for record in records[1:]] == ["1", "1", "1"]
    broken = plan(chain(rows=300), small({**ON_ARRAY, "mapping.nodes": "{relu: {fuse: off}}"})).chains
    assert not any(c.first <= 1 <= c.last for c in broken)


def test_work_goes_to_the_core_that_is_done_first(small):
    """512 products on one lane take 512 ns, on 16 MACs at half the clock less."""
    tasks = plan(chain(), small()).tasks
    assert [planned.task.core for planned in tasks] == ["array", "lanes", "array", "lanes"]
    slow = plan(chain(), small({"cores.array.clock": "1 MHz"})).tasks
    assert [planned.task.core for planned in slow] == ["lanes"] * 4


def test_a_rule_pins_a_node_to_a_core(small):
    chip = small({"mapping.nodes": "{second: {core: lanes}}"})
    assert [planned.task.core for planned in plan(chain(), chip).tasks] == [
        "array",
        "lanes",
        "lanes",
        "lanes",
    ]


def test_a_core_that_cannot_run_a_node_is_refused_with_those_that_can(small):
    with pytest.raises(InputError) as caught:
        plan(chain(), small({"mapping.nodes": "{relu: {core: array}}"}))
    (problem,) = caught.value.problems
    assert problem.message == "core 'array' cannot run Relu; cores that can: lanes"
    assert problem.path == "mapping.nodes.relu.core"


def test_a_precision_that_no_core_has_is_named_with_those_that_there_are(small):
    with pytest.raises(InputError) as caught:
        plan(chain(dtype="fp16", weights="fp16"), small(ON_ARRAY))
    assert len(caught.value.problems) == 2, "one per node"
    message = caught.value.problems[0].message
    assert message.startswith("node 'first' (MatMul) multiplies in fp16, which no core of small does")
    assert "array: int8" in message
    assert message.endswith("choose with --set workload.precision=...")


def test_a_network_larger_than_its_memory_is_refused(small):
    with pytest.raises(
        InputError, match=r"memories\.dram\.capacity: the network 'chain' does not fit: its weights"
    ) as caught:
        plan(chain(rows=300), small({**ON_ARRAY, "memories.dram.capacity": "4 KiB"}))
    assert caught.value.problems[0].message.endswith("the memory has 4096 B")


def test_a_view_moves_no_byte(small):
    graph = chain()
    tensors = {**graph.tensors, "view": Tensor("view", (96,), "int8"), "end": Tensor("end", (96,), "int8")}
    nodes = (
        *graph.nodes,
        Node("flat", "Reshape", ("s",), ("view",), {"shape": (96,)}),
        Node("last", "Relu", ("view",), ("end",)),
    )
    schedule = plan(Graph("view", nodes, tensors, ("x",), ("end",)), small(ON_ARRAY))
    assert schedule.storage["view"] == schedule.storage["s"]
    assert [planned.task.name for planned in schedule.tasks] == ["first", "relu", "second", "sum", "last"]


def test_peaks_are_what_is_alive_at_once(small):
    """Never less than what the largest task needs, never more than there is."""
    schedule = plan(chain(), small(ON_ARRAY))
    for memory, peak in schedule.peak_bytes.items():
        at_once = [
            sum(
                end - low
                for m, low, end, first, last in lives(schedule).values()
                if m == memory and first <= i <= last
            )
            for i in range(len(schedule.tasks))
        ]
        assert max(at_once) <= peak <= schedule.chip.memories[memory].capacity_bytes


def test_the_same_network_gets_the_same_plan(small):
    first, again = (plan(chain(rows=100), small(ON_ARRAY)) for _ in range(2))
    assert first.describe() == again.describe()
    assert first.layout() == again.layout()


def test_a_plan_can_be_read(small):
    schedule = plan(chain(), small(ON_ARRAY))
    records = schedule.describe()
    assert [record["task"] for record in records] == ["first", "relu", "second", "sum"]
    assert all(record["tiles"] >= 1 and record["expected_us"] > 0 for record in records)
    layout = schedule.layout()
    assert {record["storage"] for record in layout} == set(schedule.places)
    assert layout == sorted(layout, key=lambda r: (r["memory"], r["address"], r["storage"]))
