"""The timeline of programs by hand: spans, bytes per bin, cores at once. Times in ns unless they say otherwise."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from simulator.engine.finished import Finished, run_on
from simulator.engine.machine import build_machine
from simulator.engine.simulate import simulate
from simulator.engine.timeline import make_timeline, merge
from simulator.engine.traffic import level, spread
from simulator.hw.chip import load_chip
from simulator.results.timeline import BINS

NS = 10**6
NODES = np.zeros(9, np.int64)


def in_bins(amounts, spans, instants, counts=None, nodes=NODES):
    """Bytes of commands with these spans, per bin."""
    commands = np.arange(len(spans))
    amounts = np.array(amounts, np.int64)
    counts = (
        np.bincount(nodes[: len(spans)], amounts).astype(np.int64) if counts is None else np.array(counts)
    )
    return spread(counts, commands, amounts, nodes, np.array(spans, np.int64), instants).tolist()


def test_spans_join_across_less_than_a_bin_and_keep_what_was_busy():
    spans = np.array([[20, 30], [0, 10], [5, 12], [14, 16], [36, 40]])
    assert merge(spans, 4) == [(0, 16, 14), (20, 30, 10), (36, 40, 4)]
    assert merge(spans, 5) == [(0, 30, 24), (36, 40, 4)]


def test_bytes_spread_evenly_over_a_span_and_no_byte_is_lost():
    """100 B from 5 to 35 over bins of 10: by 10 are 16.7 down to 16, by 20 50, by 30 83.3 down to 83."""
    assert in_bins([100], [[5, 35]], [0, 10, 20, 30, 40]) == [16, 34, 33, 17]


def test_a_span_that_ends_at_an_edge_stays_before_it():
    assert in_bins([7, 9], [[0, 10], [10, 20]], [0, 10, 20, 30]) == [7, 9, 0]


def test_a_span_without_length_is_in_one_bin_also_at_the_end():
    assert in_bins([7, 9], [[10, 10], [30, 30]], [0, 10, 20, 30]) == [0, 7, 9]


def test_whole_bursts_of_a_node_are_shared_among_its_commands_by_their_bytes():
    """Node 0 asked for 30 and 60 B and moved 128; node 1 asked for 10 and moved 64; node 2 moved nothing."""
    nodes = np.array([0, 1, 0])
    found = in_bins([30, 10, 60], [[0, 1], [1, 2], [2, 3]], [0, 1, 2, 3], [128, 64, 0], nodes)
    assert found == [42, 64, 86]


def test_bytes_that_no_command_asked_for_are_spread_over_the_node():
    """Node 1 has a command that moves nothing here; node 2 has none at all."""
    spans = np.array([[0, 10], [10, 20]])
    found = spread(
        np.array([5, 8, 9]), np.array([0]), np.array([5]), np.array([0, 1]), spans, [0, 10, 20, 30]
    )
    assert found.tolist() == [5 + 3, 8 + 3, 3]


def test_what_a_channel_cannot_carry_moves_to_the_next_bins():
    reads, writes = np.array([8, 2, 0, 0]), np.array([4, 1, 0, 0])
    found = level([reads, writes], [6, 6, 6, 6])
    assert sum(found).tolist() == [6, 6, 3, 0]
    assert [way.sum() for way in found] == [10, 5]


def test_what_finds_no_later_room_goes_to_earlier_bins():
    assert level([np.array([0, 3, 9])], [6, 6, 6])[0].tolist() == [0, 6, 6]
    assert level([np.array([9, 9])], [6, 6])[0].tolist() == [12, 6], "more than all of them carry"


def test_level_changes_nothing_that_fits():
    ways = [np.array([3, 0, 6]), np.array([3, 1, 0])]
    assert [way.tolist() for way in level(ways, [6, 6, 6])] == [way.tolist() for way in ways]


def three_layers(sheet):
    """a loads 128 B and computes; b computes twice with a load between; c stores."""
    made = sheet().at(0).load(128, 0).lanes(40, [("sram", 0, 128)], [("sram", 128, 192)])
    made.at(1).lanes(30, [("sram", 128, 192)]).load(64, 256).lanes(
        20, [("sram", 256, 320)], [("sram", 320, 384)]
    )
    return made.at(2).store(64, 320)


def test_lanes_say_what_ran_where_and_for_how_long(sheet):
    """The load ends at 32; tiles hold the lanes for 40, 30 and 20, and their results are out 5 later."""
    made = three_layers(sheet)
    timeline = simulate(made.program(), made.chip).timeline
    lanes = {(lane.unit, lane.kind): lane for lane in timeline.lanes}
    compute = lanes["lanes", "compute"]
    assert compute.unit_kind == "vector"
    assert compute.node == (0, 1)
    assert [t // NS for t in compute.start_fs] == [32, 77]
    assert [t // NS for t in compute.end_fs] == [72, 127]
    assert [t // NS for t in compute.busy_fs] == [40, 50]
    assert compute.total_fs == 90 * NS
    assert lanes["dma", "store"].node == (2,)
    assert lanes["dma", "store"].end_fs == (timeline.end_fs,)


def test_commands_hold_a_core_until_the_next_may_enter(sheet):
    made = three_layers(sheet)
    program = made.program()
    ran = run_on(program, made.chip)
    assert ((ran.spans - ran.held) // NS).tolist() == [[0, 0], [0, 5], [0, 5], [0, 0], [0, 5], [0, 0]]


@pytest.mark.parametrize("size", [64, 65, 1000, 3072])
def test_bins_sum_to_the_ledger(sheet, size):
    """Also where the DRAM moves whole bursts, more than was asked for."""
    made = sheet().at(0).load(size, 0).lanes(40, [("sram", 0, size)], [("sram", 3200, 3270)])
    made.at(1).store(70, 3200, far=70_000)
    result = simulate(made.program(), made.chip)
    for use in result.timeline.memories:
        assert len(use.read_bytes) == len(use.write_bytes) == BINS
        assert sum(use.read_bytes) == result.ledger.total(use.memory, "read")
        assert sum(use.write_bytes) == result.ledger.total(use.memory, "write")
    dram = {use.memory: use for use in result.timeline.memories}["dram"]
    assert sum(dram.read_bytes) >= size
    width_s = result.timeline.end_fs / BINS / 1e15
    most = max(a + b for a, b in zip(dram.read_bytes, dram.write_bytes, strict=True))
    assert most <= 64e9 * width_s + 2, "no more than the channel carries"


def test_a_run_without_commands_has_no_bins(sheet):
    made = sheet()
    timeline = simulate(made.program(), made.chip).timeline
    assert (timeline.end_fs, timeline.bins, timeline.lanes) == (0, 0, ())
    assert {use.read_bytes for use in timeline.memories} == {()}


def test_cores_of_a_kind_at_once(small_file, sheet):
    """Two vector units: one from 32 for 40, the other from 0 for 50; both 18, one 54, none the rest."""
    text = small_file.read_text().replace(
        "  array:",
        "  more: {kind: vector, lanes: 1, clock: 1 GHz, start_cycles: 5, buffers: {data: sram}}\n  array:",
    )
    small_file.write_text(text)
    chip = load_chip(small_file)
    made = sheet()
    made = type(made)(chip).load(128, 0).lanes(40, [("sram", 0, 128)])
    row = made.builder._tiles["lanes"][0]
    made.builder.compute("more", 1, (*row[:-1], row[-1]), [], [])
    program = made.program()
    machine = build_machine(program, chip)
    spans = np.array([[0, 32], [32, 77], [0, 55]]) * NS
    result = simulate(program, chip)
    together = make_timeline(Finished(program, chip, machine, spans), result.ledger).together
    assert [(each.kind, each.cores) for each in together] == [("vector", ("lanes", "more"))]
    assert [t // NS for t in together[0].busy_fs] == [40, 50]
    assert [t // NS for t in together[0].time_fs] == [5, 54, 18]
    assert sum(together[0].time_fs) == 77 * NS


def test_the_same_program_gives_the_same_timeline(sheet):
    made = three_layers(sheet)
    first, again = (simulate(made.program(), made.chip).timeline for _ in range(2))
    assert dataclasses.asdict(first) == dataclasses.asdict(again)
