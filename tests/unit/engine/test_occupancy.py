"""Room taken over time: rooms are taken while commands touch them, and a byte counts once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulator.engine.occupancy import occupancy
from simulator.mapping.life import Life, lives_of
from simulator.mapping.pack import Item


def program(sheet, *lives: Life):
    """a (task 0) loads 0..64 and computes into 64..128; b (task 1) computes from there."""
    made = sheet().at(0).load(64, 0).lanes(10, [("sram", 0, 64)], [("sram", 64, 128)])
    finished = made.at(1).lanes(10, [("sram", 64, 128)]).program()
    return replace(finished, about=replace(finished.about, lives=lives, task_nodes=(0, 1)))


SPANS = np.array([[0, 30], [30, 50], [50, 80]])
INSTANTS = list(range(0, 101, 10))


def rooms(made):
    return {
        memory: [each.tolist() for each in pair] for memory, pair in occupancy(made, SPANS, INSTANTS).items()
    }


def test_a_buffer_is_taken_from_its_first_load_to_its_last_reader(sheet):
    made = program(sheet, Life("sram", "a: ifmap", 0, 64, 0, 0, True, False))
    assert rooms(made) == {"sram": [[0] * 10, [64] * 5 + [0] * 5]}


def test_a_tensor_is_taken_from_its_writer_to_its_last_reader(sheet):
    made = program(sheet, Life("sram", "t1", 64, 64, 0, 1, False, False))
    assert rooms(made) == {"sram": [[0] * 3 + [64] * 5 + [0] * 2, [0] * 10]}


def test_a_constant_lies_there_for_the_whole_run(sheet):
    made = program(sheet, Life("acc", "scale", 0, 16, 0, 1, False, True))
    assert rooms(made) == {"acc": [[16] * 10, [0] * 10]}


def test_room_for_sums_is_taken_while_tiles_run(sheet):
    """No access names it: psums stay inside the core's own buffer."""
    made = program(sheet, Life("acc", "b: psum", 0, 32, 1, 1, True, False))
    assert rooms(made) == {"acc": [[0] * 10, [0] * 5 + [32] * 3 + [0] * 2]}


def test_rooms_of_neighbouring_tasks_that_overlap_count_once(sheet):
    """The buffer of b lies over half of a's; tensors come first where a byte is both."""
    lives = (
        Life("sram", "a: ifmap", 0, 64, 0, 0, True, False),
        Life("sram", "t1", 64, 64, 0, 1, False, False),
        Life("sram", "b: ifmap", 96, 64, 1, 1, True, False),
    )
    maps, buffers = rooms(program(sheet, *lives))["sram"]
    assert maps == [0] * 3 + [64] * 5 + [0] * 2
    assert buffers == [64] * 5 + [32] * 3 + [0] * 2


def test_a_bin_has_its_fullest_instant(sheet):
    made = program(sheet, Life("sram", "a: ifmap", 0, 64, 0, 0, True, False))
    found = occupancy(made, SPANS, [0, 60, 100])
    assert [each.tolist() for each in found["sram"]] == [[0, 0], [64, 0]]


def test_lives_name_buffers_by_task_and_storages_by_name():
    items = [Item("t1", 64, 0, 1), Item("w", 32, 0, 2), Item((1, 0, "ifmap", "sram"), 16, 1, 1)]
    lives = lives_of("sram", items, {"t1": 0, "w": 64, (1, 0, "ifmap", "sram"): 96}, ["a", "b", "c"])
    assert lives == [
        Life("sram", "t1", 0, 64, 0, 1, False, False),
        Life("sram", "w", 64, 32, 0, 2, False, True),
        Life("sram", "b: ifmap", 96, 16, 1, 1, True, False),
    ]
    assert lives[2].end == 112
