"""Dependencies from bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.mapping.hazard import UnwrittenError, dependencies
from simulator.mapping.program import ACCESS

BYTES = 48
#: Of each command: what it reads and what it writes, (memory, low, bytes).
spans = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 30), st.integers(0, 12)), max_size=3)
commands = st.lists(st.tuples(spans, spans), max_size=20)
PRESENT = ((0, 0, 20), (0, 20, BYTES), (1, 0, BYTES))


def table(sequence) -> np.ndarray:
    """ACCESS of commands: (reads, writes) of each."""
    rows = [
        (command, memory, write, low, low + size)
        for command, each in enumerate(sequence)
        for write, spans in enumerate(each)
        for memory, low, size in spans
    ]
    return np.array(rows, ACCESS)


@given(commands)
def test_equals_a_history_per_byte(sequence):
    """The same dependencies as remembering the last writer and all readers of every single byte."""
    first, sources, early = dependencies(table(sequence), PRESENT, 2, len(sequence))
    writer, readers = [[None] * BYTES for _ in range(2)], [[set() for _ in range(BYTES)] for _ in range(2)]
    for command, (reads, writes) in enumerate(sequence):
        ended, taken = set(), set()
        for memory, low, size in reads:
            for i in range(low, low + size):
                ended.add(writer[memory][i])
                readers[memory][i].add(command)
        for memory, low, size in writes:
            for i in range(low, low + size):
                ended.add(writer[memory][i])
                taken |= readers[memory][i]
                writer[memory][i], readers[memory][i] = command, set()
        ended -= {None, command}
        taken -= {command}
        mine = slice(first[command], first[command + 1])
        assert sources[mine].tolist() == sorted(ended | taken)
        assert early[mine].tolist() == [source not in ended for source in sorted(ended | taken)]


def test_many_readers_of_one_byte_are_all_waited_for():
    """More than there is room for at first; the next writer waits for none of them any more."""
    many = 3000
    first, sources, early = dependencies(
        table([([], [(0, 0, 4)]), *[([(0, 0, 4)], [])] * many, ([], [(0, 0, 4)]), ([], [(0, 0, 4)])]), (), 1, many + 3
    )
    assert sources[: first[many + 1]].tolist() == [0] * many
    assert sources[first[many + 1] : first[many + 2]].tolist() == list(range(many + 1))
    assert early[first[many + 1] : first[many + 2]].tolist() == [False] + [True] * many
    assert sources[first[many + 2] :].tolist() == [many + 1]


@pytest.mark.parametrize(("low", "size"), [(9, 11), (10, 11), (30, 1)])
def test_bytes_that_nobody_wrote_are_noticed(low: int, size: int):
    begun = [([], [(0, 10, 10)]), ([(0, 10, 10)], [])]
    dependencies(table(begun), (), 1, 2)
    with pytest.raises(UnwrittenError) as error:
        dependencies(table([*begun, ([(0, low, size)], [])]), (), 1, 3)
    assert error.value.row == 2


def test_a_hole_between_two_writes_is_noticed():
    with pytest.raises(UnwrittenError):
        dependencies(table([([], [(0, 0, 4)]), ([], [(0, 8, 4)]), ([(0, 0, 12)], [])]), (), 1, 3)


def test_what_is_written_later_or_elsewhere_is_not_there_yet():
    for sequence in ([([(0, 0, 4)], [(0, 0, 4)])], [([], [(1, 0, 4)]), ([(0, 0, 4)], [])]):
        with pytest.raises(UnwrittenError):
            dependencies(table(sequence), (), 2, len(sequence))
