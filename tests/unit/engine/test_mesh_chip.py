"""Two cores with an SRAM each behind one DRAM over a mesh, from file to result."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from simulator.base.errors import InputError
from simulator.engine.machine import build_machine
from simulator.engine.run import run
from simulator.engine.simulate import simulate
from simulator.hw.chip import Chip, load_chip
from simulator.mapping.builder import Builder
from simulator.mapping.lower import lower
from simulator.mapping.plan import plan
from simulator.mapping.route import route
from simulator.mapping.schedule import Place
from simulator.results.result import Result
from simulator.workload.graph import Graph
from simulator.workload.load import load_graph

NS = 10**6
CHIP = Path(__file__).parent / "two_cores.yaml"
TILES = Path(__file__).parent / "four_tiles.yaml"
NETWORK = """
name: tiny
precision: {weights: int8, activations: int8}
layers:
  - {op: Conv, input: [1, 16, 32, 32], filters: 32, kernel: [3, 3], pad: 1}
  - {op: GlobalAveragePool}
  - {op: Gemm, m: 1, n: 10, k: 32}
"""


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    """A convolution, a pooling and a product."""
    file = tmp_path / "net.yaml"
    file.write_text(NETWORK)
    return load_graph(file)


@pytest.fixture
def result_of(graph: Graph) -> Callable[..., Result]:
    """Run the network on the chip under overrides."""

    def call(overrides: dict[str, str] | None = None) -> Result:
        chip = load_chip(CHIP, overrides)
        return simulate(lower(plan(graph, chip)), chip)

    return call


def test_every_byte_of_a_dma_crosses_the_mesh(result_of):
    """sram_0 is 1 hop from the DRAM, sram_1 is 3: 2 in the row, then 1."""
    result = result_of()
    first, second = (result.ledger.total(name, "byte") for name in ("dma_0", "dma_1"))
    assert first > 0 < second
    assert result.ledger.total("noc", "byte") == first + second
    assert result.ledger.total("noc", "hop_byte") == first + 3 * second


def test_what_four_cores_share_enters_the_mesh_once(tmp_path):
    """A product on four arrays at once: the mesh takes in both operands and the result, no byte twice.
    Of the tree to all four, one node is the DRAM's own: 3 links, where four paths have 0 + 1 + 1 + 2.
    """
    file = tmp_path / "net.yaml"
    file.write_text("name: product\nlayers:\n  - {op: Gemm, m: 256, n: 256, k: 256}\n")
    chip = load_chip(TILES)
    program = lower(plan(load_graph(file), chip))
    result = simulate(program, chip)
    shared = np.array([len(way.near) == 4 for way in program.ways])[program.moves["way"]]
    assert shared.any()
    assert not shared.all()
    assert result.ledger.total("noc", "byte") == program.moves["bytes"].sum() == 3 * 256 * 256
    hops = {("sram_0",): 0, ("sram_1",): 1, ("sram_2",): 1, ("sram_3",): 2}
    links = [hops.get(way.near, 3) for way in program.ways]
    bytes_over = (np.array(links)[program.moves["way"]] * program.moves["bytes"]).sum()
    assert result.ledger.total("noc", "hop_byte") == bytes_over


def test_a_narrow_mesh_is_what_nodes_wait_for(result_of):
    wide, narrow = result_of(), result_of({"links.noc.width": "1 B/cycle"})
    assert narrow.metrics.latency_s > wide.metrics.latency_s
    pool = next(row for row in narrow.rows if row.op == "GlobalAveragePool")
    assert pool.core == "lanes"
    assert pool.bound == "noc"
    assert pool.busy_fs["noc"] >= 32 * 1024 * NS, "32 KiB at a byte per ns"


def test_a_slower_router_is_never_faster(result_of):
    spent = [result_of({"links.noc.router_cycles": str(n)}).metrics.latency_s for n in (0, 2, 50)]
    assert spent == sorted(spent)
    assert spent[0] < spent[2]


def test_the_same_run_twice_is_the_same_to_the_byte(result_of, tmp_path):
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    result_of().to_json(first)
    result_of().to_json(second)
    assert first.read_bytes() == second.read_bytes()


def spans(chip: Chip, near: list[tuple[str, int]], graph: Graph) -> list[list[int]]:
    """Start and end in ns of one load of 640 B from the DRAM into some memories."""
    builder = Builder(chip, ("n",))
    builder.hold("dram", 0, 640)
    builder.load("dma_0", Place("dram", 0, 640), 0, [(0, 640)], near)
    program = builder.finish(np.zeros(1, np.int64), lower(plan(graph, chip)).about)
    program.check()
    return (run(program, build_machine(program, chip)) // NS).tolist()


def test_a_transfer_into_two_memories_is_done_with_the_farther_one(graph):
    """At 4 B per ns 640 B are 160 flits: 1 hop is 2 routers, 3 hops are 4. The DRAM takes 20 + 50 ns."""
    narrow, wide = (load_chip(CHIP, {"links.noc.width": width}) for width in ("4 B/cycle", "64 B/cycle"))
    assert spans(narrow, [("sram_0", 0)], graph) == [[0, 160 + 2 * 2 + 1]]
    assert spans(narrow, [("sram_0", 0), ("sram_1", 0)], graph) == [[0, 160 + 4 * 2 + 3]]
    assert spans(wide, [("sram_0", 0), ("sram_1", 0)], graph) == [[0, 70]]


RANGE = "expected [column, row] from [0, 0] to [2, 1]"


@pytest.mark.parametrize(
    ("key", "value", "messages"),
    [
        ("at.dram", "[3, 0]", [f"at.dram: {RANGE}, got [3, 0]"]),
        ("at.dram", "[1]", [f"at.dram: {RANGE}, got [1]"]),
        ("at.dram", "[]", [f"at.dram: {RANGE}, got []"]),
        ("at.dram", "[[0, 0], [0, 2]]", [f"at.dram.1: {RANGE}, got [0, 2]"]),
        ("at.dram", "[0, [0, 1]]", [f"at.dram: {RANGE}, got [0, [0, 1]]"]),
        ("at.dram", "here", ["at.dram: expected a list, got 'here'"]),
        ("at.dram", "[x, 1]", ["at.dram.0: expected a whole number or a list, got 'x'"]),
        (
            "at.sram_3",
            "[0, 0]",
            [
                "at.sram_3: no memory is called 'sram_3'; there is sram_0, sram_1, dram; "
                "did you mean 'sram_1'?"
            ],
        ),
        (
            "at",
            "{dram: [0, 0], sram_1: [3, 3]}",
            [
                f"at.sram_1: {RANGE}, got [3, 3]",
                "at: missing: the node of 'sram_0', whose transfers pass the mesh",
            ],
        ),
    ],
)
def test_wrong_places_are_named_where_they_stand(key, value, messages):
    with pytest.raises(InputError) as error:
        load_chip(CHIP, {f"links.noc.{key}": value})
    place = f"--set links.noc.{key}={value}: links.noc."
    assert [str(problem) for problem in error.value.problems] == [place + message for message in messages]


def test_a_place_in_the_file_is_found_by_line(tmp_path):
    path = tmp_path / "chip.yaml"
    path.write_text(CHIP.read_text().replace("sram_1: [2, 1]", "sram_1: [2, 2]"))
    with pytest.raises(InputError, match=rf"chip\.yaml:\d+:\d+: links\.noc\.at\.sram_1: {re.escape(RANGE)}"):
        load_chip(path)


def test_a_link_that_is_not_there_is_named():
    with pytest.raises(
        InputError, match=r"no shared link is called 'nocc'; there is noc; did you mean 'noc'\?"
    ):
        load_chip(CHIP, {"links.dma_0.via": "nocc"})


def test_several_places_are_allowed_and_the_nearest_is_used(graph):
    """With a DRAM port beside sram_1 the load into both still begins where the tree is smallest."""
    chip = load_chip(CHIP, {"links.noc.at.dram": "[[0, 0], [2, 0]]", "links.noc.width": "4 B/cycle"})
    assert spans(chip, [("sram_1", 0)], graph) == [[0, 160 + 2 * 2 + 1]]
    assert spans(chip, [("sram_0", 0), ("sram_1", 0)], graph) == [[0, 160 + 2 * 2 + 1]]


def test_the_planner_takes_the_mesh_as_a_limit():
    chip = load_chip(CHIP, {"links.noc.width": "2 B/cycle"})
    assert route(chip, chip.cores["array"], "ifmap").bytes_per_s == 2e9
