"""Dependencies from bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simulator.mapping.hazard import NOBODY, PAGE_BYTES, Region

accesses = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12), st.booleans()), max_size=25)


@given(accesses, st.sampled_from([0, PAGE_BYTES - 20]))
def test_equals_a_history_per_byte(sequence, base):
    """The same dependencies as remembering the last writer and all readers of every single byte."""
    region = Region()
    region.write(base, base + 64, NOBODY, set(), set())
    writer, readers = [NOBODY] * 64, [set() for _ in range(64)]
    for command, (low, size, write) in enumerate(sequence):
        cells = range(low, low + size)
        waits, after = set(), set()
        expected = {writer[i] for i in cells} - {NOBODY}
        if write:
            region.write(base + low, base + low + size, command, waits, after)
            assert after == set().union(*(readers[i] for i in cells))
            for i in cells:
                writer[i], readers[i] = command, set()
        else:
            assert region.read(base + low, base + low + size, command, waits)
            for i in cells:
                readers[i].add(command)
        assert waits == expected


def test_bytes_that_nobody_wrote_are_noticed():
    region = Region()
    region.write(10, 20, 0, set(), set())
    assert region.read(10, 20, 1, set())
    assert not region.read(9, 20, 2, set())
    assert not region.read(10, 21, 3, set())
    assert not region.read(30, 31, 4, set())


def test_a_hole_between_two_writes_is_noticed():
    region = Region()
    region.write(0, 4, 0, set(), set())
    region.write(8, 12, 1, set(), set())
    assert not region.read(0, 12, 2, set())
