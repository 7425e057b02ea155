"""``Program.check`` accepts what lowering makes and refuses every mutation that would compute with wrong
bytes.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from simulator.hw.chip import Chip
from simulator.hw.tiling import NO_OPS, tile_row
from simulator.mapping.builder import Builder
from simulator.mapping.lower import lower
from simulator.mapping.plan import plan
from simulator.mapping.program import COMPUTE, LOAD, STORE, Program, ProgramError
from simulator.workload.graph import Graph, Node
from simulator.workload.tensor import Constant, Tensor

ON_ARRAY = {"cores.lanes.contractions": "false"}


def network() -> Graph:
    """Two products and a sum of both: a chain with a residual."""
    tensors = {
        name: Tensor(name, shape, "int8", constant=Constant(lambda: np.zeros(1)) if name in "uv" else None)
        for name, shape in {
            "x": (12, 8),
            "u": (8, 8),
            "v": (8, 8),
            "y": (12, 8),
            "z": (12, 8),
            "s": (12, 8),
        }.items()
    }
    nodes = (
        Node("first", "MatMul", ("x", "u"), ("y",)),
        Node("second", "MatMul", ("y", "v"), ("z",)),
        Node("sum", "Add", ("y", "z"), ("s",)),
    )
    return Graph("residual", nodes, tensors, ("x",), ("s",))


@pytest.fixture(params=["auto", "spill"])
def program(request: pytest.FixtureRequest, small: Callable[..., Chip]) -> Program:
    """The network on the small chip, its feature maps on chip and off."""
    chip = small({**ON_ARRAY, "mapping.output": request.param, "mapping.m": "4", "mapping.k": "4"})
    return lower(plan(network(), chip))


def changed(program: Program, table: str, row: int, **values: int) -> Program:
    copy = getattr(program, table).copy()
    for field, value in values.items():
        copy[field][row] = value
    return dataclasses.replace(program, **{table: copy})


def without(program: Program, index: int) -> Program:
    """The program without one of its dependencies."""
    first = program.dependency_first.copy()
    first[np.searchsorted(first, index, side="right") :] -= 1
    return dataclasses.replace(
        program,
        dependency_first=first,
        dependencies=np.delete(program.dependencies, index),
        early=np.delete(program.early, index),
    )


def data_dependencies(program: Program) -> Iterator[tuple[int, int, int]]:
    """(index, command, source) of every dependency by which a command reads what the source wrote, byte by
    byte.
    """
    writer = {memory: np.full(1 << 20, -1) for memory in range(len(program.memories))}
    read: list[set[int]] = [set() for _ in range(program.size)]
    for access in program.accesses:
        held = writer[access["memory"]][access["low"] : access["high"]]
        if access["write"]:
            held[:] = access["command"]
        else:
            read[access["command"]].update(held[held >= 0].tolist())
    for command in range(program.size):
        for index in range(program.dependency_first[command], program.dependency_first[command + 1]):
            source = int(program.dependencies[index])
            if source in read[command] and source != command:
                yield index, command, source


def test_what_lowering_makes_is_sound(program):
    program.check()
    assert {COMPUTE, LOAD, STORE} <= set(program.commands["kind"].tolist())
    assert program.size > 20


def test_what_reads_before_anything_is_written_is_named(small: Callable[..., Chip], program: Program):
    """A tile that wants 64 B of which 32 B are there, another that writes the rest behind it."""
    builder = Builder(small(), ("first", "second"))
    builder.hold("sram", 0, 32)
    tile = tile_row(ops=NO_OPS)
    builder.compute("lanes", 1, tile, [("sram", 0, 16), ("sram", 8, 24, 16, 3)], [("sram", 32, 64)])
    with pytest.raises(ProgramError, match=re.escape("node 'second' reads sram[24:40] before it is written")):
        builder.finish(np.zeros(2, np.int64), program.about)


def test_no_dependency_on_data_can_be_dropped(program):
    """Each is refused, and the message names both commands."""
    dropped = list(data_dependencies(program))
    assert len(dropped) > 20
    for index, command, source in dropped:
        with pytest.raises(
            ProgramError, match=rf"^command {command} .* does not wait for command {source}, which"
        ):
            without(program, index).check()


def test_waiting_for_the_intake_of_a_writer_is_not_enough(program):
    """Its results must be out."""
    for index, command, source in data_dependencies(program):
        early = program.early.copy()
        early[index] = True
        with pytest.raises(ProgramError, match=rf"command {command} .* does not wait for command {source}"):
            dataclasses.replace(program, early=early).check()


def test_bytes_that_nothing_wrote_cannot_be_read(program):
    """Every read, moved behind all that was ever written, is refused with its place."""
    for row in np.flatnonzero(~program.accesses["write"]):
        access = program.accesses[row]
        inside = program.capacity[access["memory"]]
        size = int(access["high"] - access["low"])
        top = int(program.accesses["high"][program.accesses["memory"] == access["memory"]].max())
        moved = changed(program, "accesses", int(row), low=top, high=top + size)
        name = program.memories[access["memory"]]
        moved = dataclasses.replace(moved, rooms={})
        expected = "ends behind the memory" if top + size > inside else "reads bytes that nothing has written"
        with pytest.raises(ProgramError, match=re.escape(f"{name}[{top}:{top + size}]: {expected}")):
            moved.check()


def test_a_read_that_reaches_one_byte_too_far_is_refused(program):
    refused = 0
    for row in np.flatnonzero(~program.accesses["write"]):
        try:
            changed(program, "accesses", int(row), high=int(program.accesses["high"][row]) + 1).check()
        except ProgramError:
            refused += 1
    assert refused > 0.4 * np.count_nonzero(~program.accesses["write"]), (
        "the others reach into another piece of theirs"
    )


def test_a_write_that_goes_elsewhere_leaves_its_reader_without_bytes(program):
    """Every load shifted by its own size, and every tile's result."""
    written = np.flatnonzero(program.accesses["write"] & (program.accesses["high"] > program.accesses["low"]))
    read_later = {source for _, _, source in data_dependencies(program)}
    shifted = [row for row in written.tolist() if int(program.accesses["command"][row]) in read_later]
    assert len(shifted) > 10
    for row in shifted:
        size = int(program.accesses["high"][row] - program.accesses["low"][row])
        low = int(program.accesses["low"][row]) + size
        with pytest.raises(ProgramError):
            changed(program, "accesses", row, low=low, high=low + size).check()


def test_an_access_outside_its_memory_is_refused(program):
    end = program.capacity[program.accesses["memory"][0]]
    moved = changed(program, "accesses", 0, low=end - 1, high=end + 1)
    with pytest.raises(ProgramError, match=rf"\[{end - 1}:{end + 1}\]: ends behind the memory of {end} B"):
        moved.check()


def test_bytes_of_others_are_no_business_of_a_node(program):
    """Every access of the first node, moved into a room that only the sum has, is refused before anything else."""
    own = {(memory, room) for (node, memory), rooms in program.rooms.items() if node == 0 for room in rooms}
    foreign = [
        (memory, room)
        for (node, memory), rooms in program.rooms.items()
        for room in rooms
        if node == 2 and all(m != memory or room[1] <= low or high <= room[0] for m, (low, high) in own)
    ]
    assert foreign
    row = int(np.flatnonzero(program.commands["node"][program.accesses["command"]] == 0)[0])
    for memory, (low, _) in foreign:
        moved = changed(program, "accesses", row, memory=memory, low=low, high=low + 1)
        with pytest.raises(ProgramError, match="is in no buffer or storage of its node"):
            moved.check()


def test_an_access_below_its_memory_is_refused(program):
    """Before address 0 there is nothing to write to either."""
    row = int(np.flatnonzero(program.accesses["write"])[-1])
    with pytest.raises(ProgramError, match="begins below the memory"):
        changed(program, "accesses", row, low=-64).check()


def test_inputs_and_constants_have_to_be_there(program):
    for gone in range(len(program.present)):
        left = tuple(p for i, p in enumerate(program.present) if i != gone)
        with pytest.raises(ProgramError, match="reads bytes that nothing has written"):
            dataclasses.replace(program, present=left).check()


def test_the_message_names_command_unit_and_node(program):
    index, command, source = next(iter(data_dependencies(program)))
    row = program.commands[command]
    unit, node = program.units[row["unit"]], program.nodes[row["node"]]
    place = f"command {command} (compute on {unit} for node '{node}'), sram["
    with pytest.raises(ProgramError) as caught:
        without(program, index).check()
    assert str(caught.value).startswith(place)
    assert str(caught.value).endswith(f"does not wait for command {source}, which writes what it reads")
