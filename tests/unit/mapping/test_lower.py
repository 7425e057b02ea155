"""Lowering of single nodes whose bytes are easy to get wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from simulator.hw.chip import Chip
from simulator.mapping.lower import lower
from simulator.mapping.plan import plan
from simulator.mapping.program import COMPUTE, LOAD, Program
from simulator.workload.graph import Graph


def on_array(**rules: str) -> dict[str, str]:
    return {"cores.lanes.contractions": "false", **{f"mapping.{key}": value for key, value in rules.items()}}


def loads(program: Program) -> list[tuple[int, int, int]]:
    """(external address, bytes, address on chip) of every load."""
    found = []
    for command in np.flatnonzero(program.commands["kind"] == LOAD):
        move = program.moves[program.commands["work"][command]]
        near = program.accesses[(program.accesses["command"] == command) & program.accesses["write"]][0]
        found.append((int(program.requests["addr"][move["first"]]), int(move["bytes"]), int(near["low"])))
    return found


def test_rows_that_a_stride_skips_are_not_put_where_others_belong(
    network: Callable[..., Graph], small: Callable[..., Chip]
):
    """A 1 x 1 window of stride 2 over 8 rows of 32 B, ifmap held: rows 0, 2, 4, 6, each at its place."""
    graph = network("Conv", (1, 4, 8, 8), (8, 4, 1, 1), strides=(2, 2))
    schedule = plan(graph, small(on_array(order="nm", hold="ifmap", m="4", n="4")))
    program = lower(schedule)
    ifmap, buffer = schedule.places["x"], schedule.buffers[0, "ifmap"]
    held = {far - ifmap.address: near - buffer.address for far, _, near in loads(program) if far < ifmap.end}
    assert held == {0: 0, 64: 64, 128: 128, 192: 192}
    assert sum(size for far, size, _ in loads(program) if far < ifmap.end) == 4 * 32


def test_weights_of_one_element_are_weights(network: Callable[..., Graph], small: Callable[..., Chip]):
    """A constant of a single element with axes is no scale: a product by 1 x 1 reads it."""
    schedule = plan(network("MatMul", (5, 1), (1, 1)), small(on_array()))
    assert schedule.tasks[0].task.reads == ("x", "w")


@pytest.mark.parametrize("hold", ["none", "weight", "auto"])
@pytest.mark.parametrize("order", ["mn", "nm"])
def test_slices_of_rows_of_an_odd_number_of_nibbles_fit_their_buffer(
    network: Callable[..., Graph], small: Callable[..., Chip], order: str, hold: str
):
    """17 rows of 67 int4: a slice of 16 begins inside a byte in every other row and touches 9."""
    graph = network("MatMul", (17, 67), (67, 8), types="int4/int4")
    chip = small({**on_array(order=order, hold=hold, k="16", m="17"), "memories.acc.capacity": "4 KiB",
                  "cores.array.precision": "{int4: 1}"})  # fmt: skip
    schedule = plan(graph, chip)
    program = lower(schedule)
    room = schedule.buffers[0, "ifmap"]
    weights = schedule.places["w"]
    for far, size, near in loads(program):
        if far < weights.address:
            assert room.address <= near
            assert near + size <= room.end


@pytest.mark.parametrize("hold", ["none", "ifmap", "weight", "both"])
@pytest.mark.parametrize("order", ["mn", "nm"])
def test_what_is_held_is_loaded_once(
    network: Callable[..., Graph], small: Callable[..., Chip], order: str, hold: str
):
    """48 x 40 by 40 x 36 in 6 x 3 tiles: what is not held comes again for every tile of the other loop.

    Outside is m for mn and n for nm: the operand of the outer loop alone is loaded once even where only its
    tile stays, because all of K is one tile.
    """
    graph = network("MatMul", (48, 40), (40, 36))
    schedule = plan(graph, small(on_array(order=order, hold=hold, m="8", n="12", k="40")))
    moved = loads(lower(schedule))
    split = schedule.places["w"].address
    ifmap = sum(size for far, size, _ in moved if far < split)
    weight = sum(size for far, size, _ in moved if far >= split)
    assert ifmap == 48 * 40 * (1 if order == "mn" or hold in ("ifmap", "both") else 3)
    assert weight == 40 * 36 * (1 if order == "nm" or hold in ("weight", "both") else 6)


def test_partial_sums_stay_in_their_memory(network: Callable[..., Graph], small: Callable[..., Chip]):
    """K in five tiles: only the last of them writes results, and only the first begins the sums."""
    program = lower(plan(network("MatMul", (8, 40), (40, 4)), small(on_array(m="8", n="4", k="8"))))
    tiles = program.tiles["array"]
    assert tiles["first"].tolist() == [True, False, False, False, False]
    assert tiles["last"].tolist() == [False, False, False, False, True]
    written = program.accesses[program.accesses["write"]]
    computed = program.commands["kind"][written["command"]] == COMPUTE
    assert (written["high"] - written["low"])[computed].tolist() == [32]
