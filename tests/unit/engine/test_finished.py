"""A finished run: when nodes began, ended, and what each added to the run."""

from __future__ import annotations

import numpy as np

from simulator.engine.finished import node_times

NS = 10**6


def three_nodes(sheet):
    """Node a loads and computes, b only computes, c prefetches under both and computes last."""
    made = sheet().at(0).load(64, 0).lanes(10, [("sram", 0, 64)])
    made.at(2).load(64, 64)
    made.at(1).lanes(20).at(2).lanes(5, [("sram", 64, 128)])
    return made


def test_nodes_are_exposed_one_after_the_other(sheet):
    """a until its result is out at 46 (load 31, 10 operations, 5 of latency); b from its tile at 41 to 66; c
    from 61 to 71.

    What each adds to the end of the run: 46, 20, 5.
    """
    program = three_nodes(sheet).program()
    spans = np.array([[0, 31], [31, 46], [0, 32], [41, 66], [61, 71]]) * NS
    start, end, exposed = (times // NS for times in node_times(program, spans))
    assert start.tolist() == [0, 41, 61]
    assert end.tolist() == [46, 66, 71]
    assert exposed.tolist() == [46, 20, 5]


def test_a_node_that_ends_under_another_is_not_exposed(sheet):
    program = three_nodes(sheet).program()
    spans = np.array([[0, 31], [31, 146], [0, 32], [41, 66], [66, 150]]) * NS
    start, end, exposed = (times // NS for times in node_times(program, spans))
    assert exposed.tolist() == [146, 0, 4]
    assert (start[1], end[1]) == (41, 66)


def test_a_node_without_commands_takes_no_time(sheet):
    made = sheet().at(0).lanes(10)
    program = made.program()
    start, end, exposed = node_times(program, np.array([[0, 15]]) * NS)
    assert exposed.tolist() == [15 * NS, 0, 0]
    assert start.tolist() == [0, 15 * NS, 15 * NS]
    assert end.tolist() == [15 * NS] * 3
