"""Live units: a core with its latency, engines that take transfers in turn."""

from __future__ import annotations

import numpy as np

from simulator.base.clock import Clock
from simulator.engine.machine import CoreUnit, DmaUnit, build_machine
from simulator.hw.tiling import NO_OPS, TILE, tile_row
from simulator.hw.timing import tile_times_fs

NS = 10**6


def test_a_core_is_free_before_its_result_is_out():
    core = CoreUnit(Clock.from_hz(10**9), [10 * NS, 3 * NS], [7 * NS, 0])
    assert core.serve(0, 0) == (10 * NS, 17 * NS)
    assert core.serve(2 * NS, 1) == (5 * NS, 5 * NS)
    assert core.serve(2 * NS + 1, 1) == (6 * NS, 6 * NS), "the next edge of the clock"


def test_a_transfer_takes_the_engine_that_is_free_first():
    dma = DmaUnit(Clock.from_hz(10**9), [10, 4], 2 * NS, [0, 0], 4)
    assert dma.serve(0, 0) == (2 * NS, 10 * NS)
    assert dma.serve(0, 1) == (2 * NS, 4 * NS), "the other engine"
    assert dma.serve(0, 0) == (6 * NS, 14 * NS), "again the other one, free at 4"
    assert dma.serve(20 * NS, 1) == (22 * NS, 24 * NS)
    assert dma.occupancy_fs == [10 * NS, 4 * NS]


def test_units_and_shared_resources_of_a_chip(sheet):
    made = sheet({"links.dma.engines": "3"}).load(128, 0).lanes(10, [("sram", 0, 64)])
    program = made.program()
    machine = build_machine(program, made.chip)
    assert program.units == ("lanes", "array", "dma")
    lanes, array, dma = machine.units
    assert (lanes.occupancy_fs, lanes.latency_fs) == ([10 * NS], [5 * NS])
    assert array.occupancy_fs == []
    assert (dma.slots, len(dma.engine_free_fs), dma.cycles) == (6, 3, [2])
    assert list(machine.shared) == ["dram"], "the SRAM's ports belong to its users"
    assert machine.path == {2: ("dram",)}


def test_a_port_can_be_slower_than_the_core(small):
    """A tile that reads 100 B and writes 60 B through a port of 1 B per ns holds the lanes for 160 ns, not
    50.
    """

    chip = small({"memories.sram.port": "1 B/cycle"})
    tile = np.array([tile_row(ops=(10, *NO_OPS[1:]), read_bytes=100, write_bytes=60)], TILE)
    occupancy, latency = tile_times_fs(chip.cores["lanes"], chip.ports("lanes"), tile)
    assert (occupancy.tolist(), latency.tolist()) == ([160 * NS], [5 * NS])
