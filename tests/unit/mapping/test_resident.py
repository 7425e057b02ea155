"""Tiles of work inside a memory, the order of their commands, and what of a node is left to other cores."""

from __future__ import annotations

import numpy as np
import pytest
from pim_networks import KINDS, Sketch, small_chip

from simulator.base.errors import InputError
from simulator.hw.chip import load_chip
from simulator.mapping.lower import lower
from simulator.mapping.plan import plan
from simulator.mapping.program import COMPUTE, LOAD
from simulator.mapping.program import KINDS as COMMANDS

PREFER = {"cores": "{pim: prefer}"}


def commands(schedule) -> list[tuple[str, str, str]]:
    """(kind, unit, node) of every command, in program order."""
    program = lower(schedule)
    return [(COMMANDS[c["kind"]], program.units[c["unit"]], program.nodes[c["node"]]) for c in program.commands]


def one_layer(rows: int, outputs: int, inputs: int, epilogue=(), dtype="fp16"):
    net = Sketch(dtype)
    net.linear("layer", net.input("x", rows, inputs), outputs, epilogue)
    return net.graph()


def test_inputs_in_a_stream_and_its_sums_out(tmp_path):
    """One stream for all rows; the sums are read where the units left them, and added up by another core."""
    schedule = plan(one_layer(2, 200, 300), small_chip(tmp_path, "hbm_pim", **PREFER))
    first, adding = schedule.tasks
    assert [(b.role, b.memory, b.total) for b in first.buffers] == [("ifmap", "sram", 2 * 300 * 2)]
    assert first.tiles == 1
    assert adding.task.reads == ("layer:out",)
    lanes, parts = 16, schedule.chip.cores["pim"].parts(200, 300, "fp16")
    assert schedule.places["layer:out"].bytes == 2 * 200 * lanes * parts * 2
    assert schedule.places["layer:out"].memory == schedule.places["layer.w"].memory == "dram"
    assert adding.task.work.ops == (("add", 2 * 200 * (lanes * parts - 1)),)
    found = commands(schedule)
    assert found[:2] == [("load", "dma", "layer"), ("compute", "pim", "layer")]
    assert {each for each in found[2:]} == {("load", "dma", "layer"), ("compute", "vec", "layer"), ("store", "dma", "layer")}


def test_results_of_aim_come_out_and_need_no_other_core(tmp_path):
    schedule = plan(one_layer(2, 200, 300, ("bias", "tanh")), small_chip(tmp_path, "gddr6_aim", **PREFER))
    (only,) = schedule.tasks
    assert only.task.epilogue == ("bias", "tanh")
    assert [(b.role, b.total) for b in only.buffers] == [("ifmap", 1200), ("beside0", 400), ("ofmap", 800)]
    assert commands(schedule) == [
        ("load", "dma", "layer"), ("load", "dma", "layer"), ("compute", "pim", "layer"), ("store", "dma", "layer")
    ]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_bias_is_brought_to_whoever_adds_it(tmp_path, kind):
    """Its bytes cross the interface once: to the accumulators of AiM, else to the core that adds up the sums."""
    def read(epilogue):
        schedule = plan(one_layer(1, 1024, 256, epilogue), small_chip(tmp_path, kind, **PREFER))
        program = lower(schedule)
        moved = program.commands["work"][program.commands["kind"] == 1]
        return int(program.moves["bytes"][moved].sum()), schedule

    without, _ = read(())
    having, schedule = read(("bias",))
    assert having - without == 1024 * 2
    assert schedule.tasks[0].task.epilogue == (("bias",) if kind == "gddr6_aim" else ())
    assert schedule.residents[0].network_bytes == 1024 * 256 * 2, "the bias is no part of the layout"


def test_an_activation_that_has_no_table_is_left_to_another_core(tmp_path):
    """Published are ReLU, leaky ReLU, sigmoid, tanh and GELU."""
    chip = small_chip(tmp_path, "gddr6_aim", **PREFER)
    first, after = plan(one_layer(1, 64, 64, ("bias", "silu")), chip).tasks
    assert (first.task.epilogue, after.task.core) == (("bias",), "vec")
    assert dict(after.task.work.ops) == {"sigmoid": 64, "mul": 64}
    for name in ("relu", "leaky_relu", "sigmoid", "tanh", "gelu"):
        assert len(plan(one_layer(1, 64, 64, (name,)), chip).tasks) == 1


def test_integers_leave_fewer_and_wider_sums_and_are_requantized_outside(tmp_path):
    """32 products of a column are added in fours: 8 sums of 32 bits, then the bias, the scale, the bounds."""
    schedule = plan(one_layer(1, 64, 256, ("bias", "relu", "requant"), "int8"), small_chip(tmp_path, "lpddr5_pim", **PREFER))
    parts = schedule.chip.cores["pim"].parts(64, 256, "int8")
    assert schedule.places["layer:out"].bytes == 64 * 8 * 4 * parts
    after = schedule.tasks[1].task
    assert after.reads == ("layer:out", "layer.b")
    assert dict(after.work.ops) == {"add": 64 * (8 * parts - 1 + 1 + 1), "max": 64 * 3, "mul": 64, "round": 64}


def test_sums_are_added_in_pieces(tmp_path):
    """Of one row of results as well: sums of 8192 outputs, 256 KiB, do not have to lie on chip at once."""
    schedule = plan(one_layer(1, 8192, 128), small_chip(tmp_path, "hbm_pim", **PREFER))
    adding = schedule.tasks[1]
    assert adding.task.work.split == 8192
    assert adding.tiles > 1
    assert schedule.places["layer:out"].bytes == 8192 * 32


def test_rows_that_find_no_room_on_chip_come_in_several_streams(tmp_path):
    """1024 rows of 512 bytes on 256 KiB: two streams of 512, or more of fewer; every row once."""
    schedule = plan(one_layer(1024, 64, 256), small_chip(tmp_path, "hbm_pim", nodes="{layer: {core: pim}}"))
    program = lower(schedule)
    tiles = program.tiles["pim"]
    assert tiles.size > 1
    assert tiles["m"].sum() == 1024
    assert int(np.max(tiles["m"])) * 512 <= 256 * 1024


def test_a_row_that_finds_no_room(tmp_path):
    chip = load_chip(
        _written(tmp_path), {"memories.sram.capacity": "1 KiB", "mapping.cores": "{pim: prefer}"}
    )
    with pytest.raises(InputError, match=r"memories.sram.capacity: too small for node 'layer': a row of its inputs and results needs 2048 B there"):
        plan(one_layer(1, 64, 1024), chip)


def _written(folder):
    small_chip(folder, "hbm_pim")
    return folder / "hbm_pim_2.yaml"


@pytest.mark.parametrize(("kind", "op"), [("hbm_pim", "Add"), ("hbm_pim", "Mul"), ("hbm_pim", "Relu"), ("lpddr5_pim", "Add"), ("gddr6_aim", "Mul")])
def test_element_by_element_is_one_stream_on_data_that_lie_there(tmp_path, kind, op):
    net = Sketch()
    operands = [net.input(name, 64, 1024) for name in ("a", "b")[: 1 + (op != "Relu")]]
    net.node(op, "y", *operands)
    schedule = plan(net.graph(), small_chip(tmp_path, kind, **PREFER))
    assert commands(schedule) == [("compute", "pim", "y")]
    assert {place.memory for place in schedule.places.values()} == {"dram"}


def test_a_reader_of_what_a_stream_left_waits_for_it(tmp_path):
    """Program.check proves it as well; here the very dependencies."""
    net = Sketch()
    x = net.input("x", 1, 512)
    net.linear("second", net.linear("first", x, 512), 512)
    program = lower(plan(net.graph(), small_chip(tmp_path, "hbm_pim", **PREFER)))
    streams = np.flatnonzero((program.commands["kind"] == COMPUTE) & (program.commands["unit"] == program.units.index("pim")))
    waits = [set(program.dependencies[program.dependency_first[c] : program.dependency_first[c + 1]].tolist()) for c in range(program.size)]
    loads = [c for c in range(program.size) if program.commands["kind"][c] == LOAD and int(streams[0]) in waits[c]]
    assert loads
    assert all(program.nodes[program.commands["node"][c]] == "first" for c in loads), "those of its sums"
    behind = [c for c in waits[int(streams[1])] if program.commands["kind"][c] == COMPUTE]
    assert behind, "the second stream waits for the sums of the first, added up"
