"""Whole cycles of causes that add up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simulator.base.clock import Clock
from simulator.results.causes import CAUSES, in_cycles

FS = st.dictionaries(st.sampled_from(list(CAUSES)), st.integers(0, 10**13))


def test_the_largest_remainders_get_the_missing_cycles():
    """At 1 GHz: 1.6, 2.3 and 0.4 cycles are 4.3, so 5 are begun; 3 are whole, 0.6 and then 0.4 round up."""
    causes = {"compute": 1_600_000, "vector": 2_300_000, "sync": 400_000}
    assert in_cycles(causes, 10**9) == {"compute": 2, "vector": 2, "sync": 1}


def test_equal_remainders_go_to_the_earlier_cause():
    assert in_cycles({"sync": 500_000, "compute": 500_000}, 10**9) == {"compute": 1, "sync": 0}


def test_a_whole_number_of_cycles_stays_as_it_is():
    assert in_cycles({"compute": 3_000_000, "sync": 5_000_000}, 10**9) == {"compute": 3, "sync": 5}


@given(FS, st.integers(1, 3 * 10**9))
def test_cycles_add_up_and_none_is_off_by_one(causes: dict[str, int], clock_hz: int):
    found = in_cycles(causes, clock_hz)
    clock = Clock.from_hz(clock_hz)
    assert sum(found.values()) == clock.cycles_of(sum(causes.values()))
    for cause, cycles in found.items():
        assert abs(cycles - causes[cause] * clock.den / clock.num) < 1 + 1e-6
