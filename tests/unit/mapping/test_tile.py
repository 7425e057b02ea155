"""The search of tilings: what fits, what rules bind, and that its estimates are what lowering does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise, product

import numpy as np
import pytest

from simulator.base.errors import InputError
from simulator.hw.chip import Chip
from simulator.hw.tiling import macs
from simulator.mapping.cost import Candidates, Operands, core_times, traffic_bytes, trips
from simulator.mapping.lower import lower
from simulator.mapping.plan import plan
from simulator.mapping.program import LOAD, STORE, Program
from simulator.mapping.schedule import Schedule
from simulator.workload.graph import Graph
from simulator.workload.op import work_of
from simulator.workload.work import Contraction

GEMM = ("MatMul", (48, 40), (40, 36))
CONV = ("Conv", (2, 12, 9, 7), (20, 12, 3, 3))
CONV_ATTRS = {"strides": (2, 1), "pads": (1, 1, 1, 1)}


def planned(graph: Graph, chip: Chip) -> tuple[Schedule, Program]:
    schedule = plan(graph, chip)
    return schedule, lower(schedule)


def overrides(**rules: str) -> dict[str, str]:
    return {"cores.lanes.contractions": "false", **{f"mapping.{key}": value for key, value in rules.items()}}


def estimated(graph: Graph, schedule: Schedule) -> tuple[Contraction, Candidates, Operands]:
    """The chosen tiling as a candidate of its own."""
    (work,) = work_of(graph.nodes[0], graph)
    assert isinstance(work, Contraction)
    t = schedule.tasks[0].tiling
    columns = [t.rows, t.groups, t.n, t.c, int(t.order == "nm"), int(t.hold_ifmap), int(t.hold_weight)]
    return work, Candidates.of(np.array(columns, np.int64)[:, None]), Operands(8, 8, 8)


@pytest.mark.parametrize(
    "rules", list(product(("mn", "nm"), ("none", "ifmap", "weight", "both"))), ids="-".join
)
@pytest.mark.parametrize(
    ("m", "n", "k"), [("max", "max", "max"), ("8", "12", "40"), ("8", "12", "8"), ("7", "5", "3")]
)
def test_estimated_traffic_of_a_product_is_what_is_moved(
    network: Callable[..., Graph], small: Callable[..., Chip], rules: tuple[str, str], m: str, n: str, k: str
):
    """Byte for byte, for every loop order and whatever is held."""
    order, hold = rules
    graph = network(*GEMM)
    schedule, program = planned(graph, small(overrides(order=order, hold=hold, m=m, n=n, k=k)))
    work, candidate, operands = estimated(graph, schedule)
    expected = traffic_bytes(work, candidate, trips(work, candidate), operands)
    moved = program.moves["bytes"]
    stores = program.commands["kind"] == STORE
    loads = program.commands["kind"] == LOAD
    work_rows = program.commands["work"]
    assert moved[work_rows[stores]].sum() == expected["ofmap"][0] == 48 * 36
    assert moved[work_rows[loads]].sum() == expected["ifmap"][0] + expected["weight"][0]


@pytest.mark.parametrize("hold", ["none", "ifmap", "weight", "both"])
@pytest.mark.parametrize("order", ["mn", "nm"])
@pytest.mark.parametrize("m", ["7", "14", "max"])
def test_estimated_traffic_of_a_convolution_is_at_least_what_is_moved(
    network: Callable[..., Graph], small: Callable[..., Chip], order: str, hold: str, m: str
):
    """Halos are estimated as if no tile touched the border, whose padding needs no bytes: 25 % too much at
    most.
    """
    graph = network(*CONV, **CONV_ATTRS)
    chip = small({**overrides(order=order, hold=hold, m=m, n="8", k="6"), "memories.sram.capacity": "32 KiB"})
    schedule, program = planned(graph, chip)
    work, candidate, operands = estimated(graph, schedule)
    expected = sum(
        int(size[0]) for size in traffic_bytes(work, candidate, trips(work, candidate), operands).values()
    )
    moved = int(program.moves["bytes"].sum())
    assert moved <= expected <= 1.25 * moved


@pytest.mark.parametrize("conv", ["im2col", "channel_first"])
@pytest.mark.parametrize("dataflow", ["ws", "os", "is"])
@pytest.mark.parametrize(("m", "n", "k"), [("max", "max", "max"), ("14", "8", "6"), ("7", "3", "5")])
def test_estimated_core_time_is_that_of_the_tiles(
    network: Callable[..., Graph],
    small: Callable[..., Chip],
    conv: str,
    dataflow: str,
    m: str,
    n: str,
    k: str,
):
    """A few kinds of tile stand for all; and the tiles make up the convolution."""
    graph = network(*CONV, **CONV_ATTRS)
    chip = small({
        **overrides(m=m, n=n, k=k), "memories.sram.capacity": "64 KiB", "memories.acc.capacity": "64 KiB",
        "cores.array.conv": conv, "cores.array.dataflow": dataflow,
    })  # fmt: skip
    schedule, program = planned(graph, chip)
    work, candidate, operands = estimated(graph, schedule)
    array = chip.cores["array"]
    times = core_times(work, candidate, operands, array, chip.ports("array"))
    busy, latency = times.busy(), times.latency()
    cycles, last = array.cycles(program.tiles["array"])
    assert int(busy[0]) == int(cycles.sum()) * 10**15 // array.clock_hz
    assert int(latency[0]) == int(last.max()) * 10**15 // array.clock_hz
    assert int(macs(program.tiles["array"]).sum()) == work.macs
    assert int(trips(work, candidate).total[0]) == schedule.tasks[0].tiles == len(program.tiles["array"])


def tiles_of(graph: Graph, chip: Chip) -> Iterator[tuple[int, int, int]]:
    for tile in planned(graph, chip)[1].tiles["array"]:
        yield int(tile["m"]), int(tile["n"]), int(tile["k"])


def test_numbers_bind_every_dimension(network, small):
    found = set(tiles_of(network(*GEMM), small(overrides(m="10", n="9", k="7"))))
    assert found == set(product((10, 8), (9,), (7, 5)))


def test_core_means_the_size_of_the_array(network, small):
    """ws on 4 x 4: K on rows, N on columns; a row of M at a time."""
    assert set(tiles_of(network(*GEMM), small(overrides(m="core", n="core", k="core")))) == {(1, 4, 4)}


def test_max_takes_m_first_then_n_then_k(network, small):
    """Two copies of partial sums, 4 B each, share 1 KiB: 24 of 48 rows by the 4 columns of the array; then
    all of K.
    """
    found = set(tiles_of(network(*GEMM), small(overrides(m="max", n="max", k="max"))))
    assert found == {(24, 4, 40)}


def test_a_rule_for_one_node_wins_over_the_general_one(network, small):
    chip = small({**overrides(m="8"), "mapping.nodes": "{o*: {m: 12}, one: {k: 20}}"})
    assert {(m, k) for m, _, k in tiles_of(network(*GEMM), chip)} == {(12, 20)}


def test_a_rule_for_a_node_that_is_not_there_is_refused(network, small):
    with pytest.raises(InputError, match=r"mapping\.nodes\.othr: no node of one is called 'othr'"):
        plan(network(*GEMM), small({"mapping.nodes": "{othr: {m: 12}}"}))


def test_buffers_fit_and_take_turns(network, small):
    schedule, _ = planned(network(*GEMM), small(overrides()))
    buffers = schedule.tasks[0].buffers
    by_memory = {memory: sum(b.total for b in buffers if b.memory == memory) for memory in ("sram", "acc")}
    assert by_memory["sram"] <= 4096
    assert by_memory["acc"] <= 1024
    assert {b.role for b in buffers} == {"ifmap", "weight", "ofmap", "psum"}
    assert {b.copies for b in buffers} <= {1, 2}


def test_the_smallest_tile_that_does_not_fit_says_what_it_needs(network, small):
    """A row of 300 pixels and 3 channels reads three rows; even one channel of it needs more than 512 B."""
    graph = network("Conv", (1, 3, 5, 300), (8, 3, 3, 3))
    with pytest.raises(InputError) as caught:
        plan(graph, small({**overrides(), "memories.sram.capacity": "512 B"}))
    (problem,) = caught.value.problems
    assert problem.path == "memories.sram.capacity"
    found = re.fullmatch(
        r"too small for node 'one': the smallest tile of its 894 x 8 x 27 contraction needs (\d+) B of "
        r"buffers there, "
        r"512 B are free; enlarge the memory or shrink the array",
        problem.message,
    )
    assert found is not None
    assert int(found[1]) > 3 * 300


def test_accumulators_that_are_too_small_are_named(network, small):
    with pytest.raises(InputError, match=r"memories\.acc\.capacity: too small for node 'one'"):
        plan(
            network("Conv", (1, 3, 5, 300), (8, 3, 3, 3)),
            small({**overrides(), "memories.acc.capacity": "64 B"}),
        )


def test_more_room_never_costs_expected_time(network, small):
    """Of what fits in less, all fits in more (as long as no tiling is left out for being too fine)."""
    graph = network(*CONV, **CONV_ATTRS)
    expected = []
    for capacity in ("2 KiB", "4 KiB", "8 KiB", "16 KiB", "64 KiB"):
        chip = small({**overrides(), "memories.sram.capacity": capacity})
        expected.append(plan(graph, chip).tasks[0].expected_fs)
    assert all(more <= 1.005 * less for less, more in pairwise(expected))
