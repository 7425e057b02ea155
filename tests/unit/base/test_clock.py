"""Cycles and femtoseconds of clocks that do and do not divide the second."""

from fractions import Fraction

import pytest

from simulator.base.clock import Clock


def test_one_gigahertz_is_a_million_femtoseconds_per_cycle() -> None:
    clock = Clock.from_hz(10**9)
    assert (clock.num, clock.den) == (10**6, 1)
    assert clock.fs(3) == 3_000_000
    assert clock.hz == 10**9


def test_three_gigahertz_does_not_drift() -> None:
    clock = Clock.from_hz(3 * 10**9)
    assert (clock.num, clock.den) == (10**6, 3)
    assert [clock.fs(n) for n in range(4)] == [0, 333_333, 666_666, 1_000_000]
    assert clock.fs(3 * 10**12) == 10**18  # a thousand seconds later it is still exact


def test_a_fractional_frequency_is_kept_exactly() -> None:
    clock = Clock.from_hz(Fraction(800 * 10**6, 3))
    assert clock.hz == Fraction(800 * 10**6, 3)
    assert clock.fs(1) == 3_750_000


def test_cycle_at_is_tight_on_both_sides_of_an_edge() -> None:
    clock = Clock.from_hz(3 * 10**9)
    assert [clock.cycle_at(fs) for fs in (0, 1, 333_333, 333_334, 666_666, 666_667)] == [0, 1, 1, 2, 2, 3]


def test_a_minimum_becomes_the_fewest_cycles_that_last_as_long() -> None:
    clock = Clock.from_hz(800 * 10**6)  # 1.25 ns
    assert clock.cycles_of(13_750_000) == 11
    assert clock.cycles_of(13_750_001) == 12
    assert clock.cycles_of(0) == 0


class FixedWidth(int):
    """Stands for a numpy integer, whose product would wrap: only its conversion to int may be used."""

    def __mul__(self, other: object) -> int:
        raise AssertionError("multiplied before conversion")

    __rmul__ = __neg__ = __mul__


def test_fixed_width_integers_are_converted_before_arithmetic() -> None:
    clock = Clock.from_hz(3 * 10**9)
    assert clock.fs(FixedWidth(3)) == 1_000_000
    assert clock.cycle_at(FixedWidth(1_000_000)) == 3


def test_instants_beyond_int64_are_refused() -> None:
    clock = Clock.from_hz(10**9)
    last = (2**63 - 1) // 10**6
    assert clock.fs(last) <= 2**63 - 1
    with pytest.raises(OverflowError, match="does not fit a signed 64-bit integer"):
        clock.fs(last + 1)
    with pytest.raises(OverflowError, match="does not fit a signed 64-bit integer"):
        Clock.from_hz(10**18).cycle_at(2**62)


@pytest.mark.parametrize("hz", [0, -5])
def test_a_clock_has_a_positive_frequency(hz: int) -> None:
    with pytest.raises(ValueError, match=f"expected a frequency above 0 Hz, got {hz} Hz"):
        Clock.from_hz(hz)


def test_only_reduced_fractions_are_clocks() -> None:
    with pytest.raises(ValueError, match="expected a positive, reduced fraction, got 4/2"):
        Clock(4, 2)
