"""Causes of single waits: programs by hand on the small chip (an operation of `lanes` takes 1 ns, its result 5
more; 64 B pass the DMA in 1 ns and are there after 30 more)."""

from __future__ import annotations

import numpy as np

from simulator.engine.causes import History, Stretch, _side_by_side, node_stretches, total_fs
from simulator.engine.finished import run_on

NS = 10**6


def played(made) -> list[list[tuple[int, int, str]]]:
    """Stretches of each node in ns."""
    program = made.program()
    found = node_stretches(History(run_on(program, made.chip)))
    return [[(s.start_fs // NS, s.end_fs // NS, s.cause) for s in stretches] for stretches in found]


def test_a_tile_waits_for_its_load_and_the_end_for_the_store(sheet):
    """Load to 31, 10 operations to 41 and 5 of depth, store to 77."""
    made = sheet().load(64, 0).lanes(10, [("sram", 0, 64)], [("sram", 64, 128)]).store(64, 64)
    assert played(made)[0] == [
        (0, 31, "input_wait"), (31, 41, "vector"), (41, 46, "fill_drain"), (46, 77, "output_wait"),
    ]  # fmt: skip


def test_a_tile_waits_for_the_copy_that_a_store_has_yet_to_empty(sheet):
    """Both tiles write the same 64 B: the second begins when the first's store is out, at 10 + 5 + 31 = 46."""
    made = sheet().lanes(10, [], [("sram", 0, 64)]).store(64, 0).lanes(10, [], [("sram", 0, 64)])
    assert played(made)[0][:4] == [
        (0, 10, "vector"), (10, 15, "fill_drain"), (15, 46, "output_wait"), (46, 56, "vector"),
    ]  # fmt: skip


def test_a_core_that_works_on_another_node_is_waited_for(sheet):
    """Node b's tile is in the queue behind a's, which waits for a load: all of it is a's doing."""
    made = sheet().at(0).load(64, 0).lanes(10, [("sram", 0, 64)])
    made.at(1).lanes(4, [], [("sram", 128, 192)]).at(0).lanes(100).at(1).lanes(4, [("sram", 128, 192)])
    assert played(made)[1] == [
        (41, 45, "vector"), (45, 145, "sync"), (145, 149, "vector"), (149, 154, "fill_drain"),
    ]  # fmt: skip


def test_another_nodes_results_are_waited_for(sheet):
    """Node a's tile takes 100 ns and its result 5 more; b loads nothing and reads what a wrote."""
    made = sheet().at(0).lanes(100, [], [("sram", 0, 64)]).at(1).lanes(4, [("sram", 0, 64)])
    rows = played(made)
    assert rows[0] == [(0, 100, "vector"), (100, 105, "fill_drain")]
    assert rows[1] == [(105, 109, "vector"), (109, 114, "fill_drain")]


def test_a_load_behind_others_waits_for_what_they_carry(sheet):
    """Two transfers are in flight; the third begins at 31, when the first is through, and is there at 62.

    The tile reads the third alone. Until 31 it waits for the first, after that for its own: inputs both.
    """
    made = sheet().load(64, 0).load(64, 64).load(64, 128).lanes(1, [("sram", 128, 192)])
    assert played(made)[0][:2] == [(0, 31, "input_wait"), (31, 62, "input_wait")]


def test_tiles_on_several_cores_count_once():
    """Useful steps on one core outrank whatever another does; a wait counts where nothing runs."""
    parts = [
        Stretch(0, 10, "fill_drain"), Stretch(10, 30, "compute"),
        Stretch(5, 20, "vector"), Stretch(20, 40, "output_wait", "acc"),
        Stretch(50, 60, "compute"), Stretch(50, 60, "compute"),
    ]  # fmt: skip
    assert _side_by_side(parts) == [
        (0, 5, "fill_drain", ""), (5, 10, "vector", ""), (10, 20, "compute", ""), (20, 30, "compute", ""),
        (30, 40, "output_wait", "acc"), (50, 60, "compute", ""),
    ]  # fmt: skip


def test_sums_begin_where_they_are_asked_to():
    stretches = [Stretch(0, 10, "sync"), Stretch(10, 30, "compute"), Stretch(30, 31, "output_wait", "dram")]
    assert total_fs(stretches, 0) == {"compute": 20, "output_wait": 1, "sync": 10}
    assert total_fs(stretches, 25) == {"compute": 5, "output_wait": 1}
    assert total_fs(stretches, 99) == {}


def test_useful_steps_are_no_more_than_the_time_in_the_core(small):
    """Folds times stream for every dataflow, filled exposed or behind the fold before."""
    from simulator.hw.tiling import TILE, tile_row

    rng = np.random.default_rng(7)
    rows = [
        tile_row(m=m, n=n, k=k, taps=t, count=c) for m, n, k, t, c in rng.integers(1, 40, (50, 5)).tolist()
    ]
    tiles = np.array(rows, TILE)
    for dataflow in ("ws", "os", "is"):
        for weights in ("exposed", "double_buffered"):
            chip = small({"cores.array.dataflow": dataflow, "cores.array.weights": weights})
            array = chip.cores["array"]
            useful, occupancy = array.streaming(tiles), array.cycles(tiles)[0]
            assert (useful > 0).all()
            assert (useful <= occupancy).all()
            assert (
                useful * 16 >= tiles["m"] * tiles["n"] * tiles["k"] * tiles["taps"] * tiles["count"]
            ).all()
