"""What holds when several cores share each node: random networks on copies of the edge NPU's cores."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from networks import graphs, variants
from replay import (
    Bytes,
    Played,
    check_conflicts_are_ordered,
    check_one_tile_at_a_time,
    play,
    ran_through,
    steps,
)
from test_run import STEADY, compulsory_bytes, macs_of

from simulator.base.errors import InputError
from simulator.engine.simulate import simulate
from simulator.hw.chip import Chip, load_chip
from simulator.mapping.lower import lower
from simulator.mapping.plan import plan
from simulator.workload.graph import Graph
from simulator.workload.work import Contraction

CHIPS = {name: Path(__file__).with_name(f"{name}.yaml") for name in ("shared_memory", "private_memories")}
CUTS = st.sampled_from(["auto", "n", "rows", "batch", "groups"])


def played(graph: Graph, chip: Chip) -> Played:
    """Planned and run; a network too large for the memories drawn, under the rules drawn, is another's test."""
    try:
        plan(graph, chip)
    except InputError:
        assume(False)
    return play(graph, chip)


def chip_of(name: str, overrides: dict[str, str], cut: str) -> Chip:
    return load_chip(CHIPS[name], {**overrides, "mapping.split": cut})


@pytest.mark.parametrize("name", CHIPS)
@settings(STEADY, max_examples=30)
@given(graphs(), variants(), CUTS)
def test_every_byte_is_the_right_one_on_every_core(name: str, graph: Graph, overrides: dict, cut: str):
    """Parts read all of their task's operands as their makers left them, and write the whole result."""
    ran = played(graph, chip_of(name, overrides, cut))
    Bytes(ran.schedule, ran.program).check()
    check_one_tile_at_a_time(ran)
    check_conflicts_are_ordered(ran)


@pytest.mark.parametrize("name", CHIPS)
@settings(STEADY, max_examples=30)
@given(graphs(), variants(), CUTS)
def test_parts_make_up_the_whole(name: str, graph: Graph, overrides: dict, cut: str):
    """Every MAC once, over all cores; all that must move moves; a rule to cut is kept where a node allows it."""
    chip = chip_of(name, overrides, cut)
    ran = played(graph, chip)
    for parts in steps(ran.schedule):
        task = parts[0].task
        if isinstance(task.whole, Contraction):
            assert sum(part.task.work.macs for part in parts) == task.whole.macs
            assert len({part.task.core for part in parts}) == len(parts)
            if cut != "auto" and task.part is not None:
                assert task.part.along == cut
        elif task.part is not None:
            ends = [(part.task.part.first, part.task.part.end) for part in parts]
            assert ends[0][0] == 0
            assert ends[-1][1] == task.whole.split
            assert all(end == first for (_, end), (first, _) in zip(ends, ends[1:], strict=False))
    result = simulate(ran.program, chip)
    assert result.metrics.macs == macs_of(graph)
    read, written = compulsory_bytes(graph)
    assert result.metrics.traffic_bytes["dram"]["read"] >= read
    assert result.metrics.traffic_bytes["dram"]["write"] >= written


@settings(STEADY, max_examples=30)
@given(graphs(), variants())
def test_shared_operands_cross_the_bus_once(graph: Graph, overrides: dict):
    """What all parts want alike is loaded for all at once: DRAM reads do not grow with the number of cores."""
    chip = chip_of("private_memories", overrides, "n")
    schedule = played(graph, chip).schedule
    for parts in steps(schedule):
        if len(parts) > 1 and parts[0].task.part.along == "n":
            assert {part.shared for part in parts} == {"ifmap"}
            sizes = {
                tuple((b.role, b.bytes, b.copies) for b in part.buffers if b.role == "ifmap")
                for part in parts
            }
            assert len(sizes) == 1


@pytest.mark.parametrize("name", CHIPS)
@settings(STEADY, max_examples=25)
@given(graphs(), variants(), st.booleans())
def test_inferences_of_a_stream_keep_their_order(name: str, graph: Graph, overrides: dict, pipelined: bool):
    """Three inferences back to back: every byte is read before it is written again, by the next one too."""
    chip = chip_of(name, overrides, "auto")
    try:
        schedule = plan(graph, chip, stream=True, pipelined=pipelined)
    except InputError:
        assume(False)
    program = lower(schedule, 3)
    ran = ran_through(chip, schedule, program)
    check_one_tile_at_a_time(ran)
    check_conflicts_are_ordered(ran)
    assert program.macs.sum() == 3 * macs_of(graph)
