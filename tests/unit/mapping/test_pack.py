"""Addresses: nothing that lives at the same time overlaps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simulator.mapping.pack import Item, pack, peak

items = st.lists(
    st.tuples(st.integers(1, 50), st.integers(0, 9), st.integers(0, 4), st.booleans()),
    min_size=1,
    max_size=20,
).map(
    lambda rows: [Item(i, size, first, first + more, top) for i, (size, first, more, top) in enumerate(rows)]
)


@given(items)
def test_no_overlap_in_space_and_time(rooms: list[Item]):
    capacity = 4 * sum(item.bytes for item in rooms)
    addresses, misfit = pack(rooms, capacity)
    assert misfit is None
    for a in rooms:
        assert 0 <= addresses[a.key] <= capacity - a.bytes
        for b in rooms:
            together = a.first <= b.last and b.first <= a.last
            apart = (
                addresses[a.key] + a.bytes <= addresses[b.key]
                or addresses[b.key] + b.bytes <= addresses[a.key]
            )
            assert a.key == b.key or not together or apart


@given(items)
def test_a_memory_smaller_than_the_peak_is_refused(rooms: list[Item]):
    addresses, misfit = pack(rooms, peak(rooms) - 1)
    assert misfit is not None
    assert misfit.key not in addresses


def test_rooms_are_used_again():
    rooms = [Item("a", 10, 0, 1), Item("b", 10, 2, 3), Item("c", 10, 1, 2)]
    addresses, misfit = pack(rooms, 20)
    assert misfit is None
    assert addresses["a"] == addresses["b"] != addresses["c"]
    assert peak(rooms) == 20


def test_neighbours_in_time_go_to_opposite_ends():
    addresses, _ = pack([Item(0, 10, 0, 0), Item(1, 10, 1, 1, from_top=True)], 100)
    assert addresses == {0: 0, 1: 90}
