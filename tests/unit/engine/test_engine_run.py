"""The loop: dependencies, in-order queues, slots, clock edges, deadlock. Times by hand, in ns.

A transfer of 64 B takes the engine 1 ns, and memory 1 + 30 ns after it is asked: 31 ns in all.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from simulator.engine.machine import build_machine
from simulator.engine.run import DeadlockError, run
from simulator.mapping.program import COMPUTE, Program

NS = 10**6
BUFFER = ("sram", 0, 64)


def spans(sheet) -> list[list[int]]:
    """[start, end] of every command in ns."""
    program = sheet.program()
    return (run(program, build_machine(program, sheet.chip)) // NS).tolist()


def test_a_reader_waits_until_the_writer_is_done(sheet):
    """The load ends at 31; 10 operations occupy the lanes to 41, and their result is out 5 cycles later."""
    made = sheet().load(64, 0).lanes(10, [BUFFER], [("sram", 64, 128)]).lanes(3, [("sram", 64, 128)])
    assert spans(made) == [[0, 31], [31, 46], [46, 54]]


def test_an_overwriter_waits_until_readers_have_taken_in(sheet):
    """The second load may overwrite at 41, when the tile has left the lanes, not at 46, when its result is
    out.
    """
    assert spans(sheet().load(64, 0).lanes(10, [BUFFER]).load(64, 0)) == [[0, 31], [31, 46], [41, 72]]


def test_tiles_follow_each_other_at_their_occupancy(sheet):
    """The lanes take the next tile while the result of the one before is still on its way."""
    assert spans(sheet().lanes(10).lanes(20).lanes(1)) == [[0, 15], [10, 35], [30, 36]]


def test_a_queue_is_in_order(sheet):
    """A tile that could run at once stands behind one that waits for a load."""
    assert spans(sheet().load(64, 0).lanes(10, [BUFFER]).lanes(10)) == [[0, 31], [31, 46], [41, 56]]


def test_a_store_that_waits_holds_up_no_load(sheet):
    """Loads and stores wait in queues of their own: the second load runs long before the first store can."""
    made = sheet().load(64, 0).lanes(100, [BUFFER], [("sram", 64, 128)]).store(64, 64).load(64, 128)
    assert spans(made) == [[0, 31], [31, 136], [136, 167], [0, 32]]


def test_slots_limit_what_is_in_flight(sheet):
    """Two transfers at once: the third begins when the first is done, though the engine has been free."""
    made = sheet().load(64, 0).load(64, 64).load(64, 128)
    assert spans(made) == [[0, 31], [0, 32], [31, 62]]
    made = sheet({"links.dma.outstanding": "1"}).load(64, 0).load(64, 64)
    assert spans(made) == [[0, 31], [31, 62]]


def test_an_engine_serves_one_transfer_after_the_other_and_two_engines_two(sheet):
    """At 8 B/cycle 640 B take an engine 80 ns; the memory's 10 + 30 ns hide behind it."""
    narrow = {"links.dma.width": "8 B/cycle"}
    assert spans(sheet(narrow).load(640, 0).load(640, 640)) == [[0, 80], [0, 160]]
    assert spans(sheet({**narrow, "links.dma.engines": "2"}).load(640, 0).load(640, 640)) == [
        [0, 80],
        [0, 80],
    ]


def test_a_tile_begins_at_an_edge_of_its_clock(sheet):
    """31 ns is 9.3 cycles of 300 MHz: the tile starts at cycle 10 (33.3 ns) and holds the lanes for 3 cycles
    (10 ns).
    """
    made = (
        sheet({"cores.lanes.clock": "300 MHz", "cores.lanes.start_cycles": "0"})
        .load(64, 0)
        .lanes(3, [BUFFER])
    )
    program = made.program()
    result = run(program, build_machine(program, made.chip))
    assert result[1].tolist() == [31 * NS, 13 * 10**15 // (300 * 10**6)]


def test_a_transfer_in_pieces_is_several_commands(sheet):
    """64 KiB at most each, so that others get their turn."""
    program = sheet({"memories.sram.capacity": "1 MiB"}).load(64 * 1024, 0).load(1, 64 * 1024).program()
    assert program.moves["bytes"].tolist() == [64 * 1024, 1]


def test_nothing_to_do_takes_no_time(sheet):
    made = sheet()
    program = made.program()
    assert run(program, build_machine(program, made.chip)).shape == (0, 2)


def test_the_same_program_gives_the_same_spans(sheet):
    made = sheet().load(640, 0).lanes(7, [BUFFER]).store(64, 0).load(64, 64).lanes(2, [("sram", 64, 128)])
    assert spans(made) == spans(made)


def tangle(program: Program, waits: dict[int, list[int]]) -> Program:
    """The program with other dependencies."""
    lists = [waits.get(i, []) for i in range(program.size)]
    first = np.cumsum([0, *map(len, lists)])
    flat = np.array(sum(lists, []), np.int64)
    return dataclasses.replace(
        program, dependency_first=first, dependencies=flat, early=np.zeros(flat.size, bool)
    )


def test_commands_that_wait_for_each_other_are_named(sheet):
    made = sheet().at(0).lanes(1).at(1).lanes(1).at(2).load(64, 0)
    program = tangle(made.program(), {1: [2], 2: [1]})
    message = (
        r"2 of 3 commands never ran; the first is command 1 \(compute on lanes for node 'b'\), "
        r"which waits for commands \[2\]"
    )
    with pytest.raises(DeadlockError, match=message):
        run(program, build_machine(program, made.chip))


def test_a_queue_behind_a_stuck_head_is_stuck_too(sheet):
    """Command 0 waits for command 1, which stands behind it in the same queue."""
    made = sheet().lanes(1).lanes(1)
    program = tangle(made.program(), {0: [1]})
    with pytest.raises(DeadlockError, match=r"2 of 2 commands never ran.*command 1 \(compute on lanes"):
        run(program, build_machine(program, made.chip))


def test_a_core_of_a_program_gets_its_tiles(sheet):
    """What runs on a core is a row of that core's table, in the order of the program."""
    program = sheet().lanes(4).load(64, 0).lanes(5, [BUFFER]).program()
    mine = program.commands[program.commands["kind"] == COMPUTE]
    assert program.tiles["lanes"]["ops"][mine["work"], 0].tolist() == [4, 5]
