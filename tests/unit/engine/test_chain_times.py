"""Whose time a chain's is: programs by hand on the small chip, whose nodes are said to be a chain."""

from __future__ import annotations

from dataclasses import replace

from simulator.engine.causes import History, Stretch
from simulator.engine.chains import _beside, _Piece, chain_causes
from simulator.engine.finished import run_on
from simulator.results.result import FusedChain, Fusion

NS = 10**6


def shared(made, *nodes: str):
    """(exposed time by the frontier, causes that a chain of these nodes has), in ns."""
    program = made.program()
    fusion = Fusion((FusedChain(nodes, 2, 1, 0, 0, 0),)) if nodes else Fusion()
    program = replace(program, about=replace(program.about, fusion=fusion))
    ran = run_on(program, made.chip)
    causes = chain_causes(History(ran))
    parts = {i: {cause: fs // NS for cause, fs in each.items()} for i, each in causes.items()}
    return (ran.nodes.exposed // NS).tolist(), parts


def two_stripes(sheet):
    """A load to 31; then a, b, a, b for 10, 100, 10 and 100 ns: the first node ends at 161, the second at 266.

    Each waits for what is before it: 5 ns of depth between tiles of different nodes.
    """
    made = sheet().at(0).load(64, 0).lanes(10, [("sram", 0, 64)], [("sram", 64, 128)])
    made.at(1).lanes(100, [("sram", 64, 128)]).at(0).lanes(10, [("sram", 0, 64)], [("sram", 128, 192)])
    return made.at(1).lanes(100, [("sram", 128, 192)])


def test_each_has_its_tiles_and_the_waits_for_them(sheet):
    """By the frontier the first has all until its last result, though the second's tiles take most of that."""
    frontier, causes = shared(two_stripes(sheet), "a", "b")
    assert frontier == [161, 105, 0]
    assert causes == {
        0: {"input_wait": 31, "vector": 20},
        1: {"vector": 200, "fill_drain": 15},
    }
    assert sum(sum(each.values()) for each in causes.values()) == sum(frontier)


def test_without_chains_nothing_is_shared(sheet):
    assert shared(two_stripes(sheet))[1] == {}


def test_what_is_free_beside_another_core():
    def pieces(*spans):
        return [_Piece(Stretch(low, high, "vector"), low) for low, high in spans]

    free = _beside(pieces((0, 10), (12, 30), (40, 50)), pieces((5, 14), (20, 22), (38, 60)))
    assert [(p.stretch.start_fs, p.stretch.end_fs, p.command) for p in free] == [
        (0, 5, 0), (14, 20, 12), (22, 30, 12),
    ]  # fmt: skip
