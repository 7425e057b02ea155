"""Streams of a core inside a memory in the run: by arrival among transfers, their time that of the memory."""

from __future__ import annotations

import numpy as np
import pytest
from pim_networks import KINDS, Sketch, chip_text, small_chip

from simulator.engine.machine import ResidentUnit, build_machine
from simulator.engine.run import run
from simulator.engine.simulate import simulate
from simulator.hw.chip import load_chip
from simulator.hw.controller import Controller
from simulator.hw.pim.stream import compute
from simulator.mapping.lower import lower
from simulator.mapping.plan import plan
from simulator.mapping.program import COMPUTE, LOAD, STORE


def played(graph, chip):
    """(program, machine after the run, spans)."""
    program = lower(plan(graph, chip))
    machine = build_machine(program, chip)
    return program, machine, run(program, machine)


def streams_of(program) -> np.ndarray:
    inside = program.commands["unit"] == program.units.index("pim")
    return np.flatnonzero(inside & (program.commands["kind"] == COMPUTE))


def one_product(rows: int = 1):
    net = Sketch()
    net.linear("layer", net.input("x", rows, 512), 512)
    return net.graph()


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_alone_takes_what_the_device_takes(tmp_path, kind):
    """From the end of the load of its inputs, at the memory's next clock, without refresh."""
    small_chip(tmp_path, kind)
    over = {"memories.dram.controller": "{refresh: none}", "mapping.cores": "{pim: prefer}"}
    chip = load_chip(tmp_path / f"{kind}_2.yaml", over)
    program, machine, spans = played(one_product(), chip)
    (stream,) = streams_of(program)
    unit = machine.units[program.units.index("pim")]
    assert isinstance(unit, ResidentUnit)
    assert unit.memory == "dram"
    period = chip.memories["dram"].device.tck_fs
    alone = compute(unit.streams[0], Controller(refresh="none")).cycles
    taken = (spans[stream, 1] - spans[stream, 0]) / float(period)
    # a row that the load has left open is closed first
    assert alone - 2 <= taken <= alone + 2 * chip.memories["dram"].device.timing["nRC"]
    assert unit.occupancy_fs[0] <= spans[stream, 1] - spans[stream, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_transfers_that_come_later_wait_for_its_end(tmp_path, kind):
    """A store whose data are there while a stream is under way ends behind it; what came before ends first."""
    net = Sketch()
    net.node("Softmax", "beside", net.input("z", 64, 512), axis=-1)
    net.linear("inside", net.input("x", 1, 512), 1024)
    graph = net.graph("beside", "inside")
    program, _, spans = played(graph, small_chip(tmp_path, kind, nodes="{inside: {core: pim}}"))
    (stream,) = streams_of(program)
    begin, end = spans[stream]
    moves = np.flatnonzero((program.commands["kind"] == LOAD) | (program.commands["kind"] == STORE))
    late = [c for c in moves if begin < spans[c, 0] < end]
    assert late, "results of the other node come meanwhile"
    assert all(spans[c, 1] > end for c in late)
    assert all(spans[c, 1] <= end or spans[c, 0] >= begin for c in moves)


def test_time_that_it_waits_for_the_memory_is_not_its_own(tmp_path):
    """Beside 64 KiB that came before: busy for its stream, and no longer."""
    net = Sketch()
    net.node("Relu", "before", net.input("z", 64, 512))
    net.linear("inside", net.input("x", 1, 512), 1024)
    chip = small_chip(tmp_path, "hbm_pim", nodes="{inside: {core: pim}, before: {core: vec}}")
    result = simulate(lower(plan(net.graph("before", "inside"), chip)), chip)
    row = next(row for row in result.rows if row.node == "inside")
    stream_fs = int(chip.cores["pim"].cycles(lower(plan(net.graph("before", "inside"), chip)).tiles["pim"])[0][0]) * 10**6
    assert row.busy_fs["pim"] <= stream_fs
    assert row.causes_fs["pim"] == row.busy_fs["pim"]
    assert row.end_fs - row.start_fs > row.busy_fs["pim"]


def test_a_memory_alone_needs_no_array(tmp_path):
    """Its area is not on a chip, its operations are peak: the units of two channels."""
    path = tmp_path / "alone.yaml"
    path.write_text(chip_text("hbm_pim"))
    chip = load_chip(path)
    assert chip.area_mm2() is None, "the small chip states none"
    result = simulate(lower(plan(one_product(), chip)), chip)
    npu = 2 * 2 * 16 * 16 * 1e9
    assert result.metrics.peak_tops == pytest.approx((npu + 2 * 2 * 8 * 16 / 4 * 1e9) / 1e12)
