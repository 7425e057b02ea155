"""Rounding of each kind, on sums whose results are worked out by hand or by exact fractions."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from simulator.base.errors import InputError
from simulator.workload.numerics import MULTIPLIERS, PROFILES, ROUNDINGS, Rescaling, profile
from simulator.workload.rescale import (
    divide_half_away,
    factors,
    fixed_point,
    limits,
    rescale,
    round_half_away,
    wrap,
)

#: Sums times 1/4: -1.5, -1.25, -0.5, 0.5, 1.25, 1.5, 2.5.
SUMS = np.array([-6, -5, -2, 2, 5, 6, 10])
BY_HAND = {
    "double": [-2, -1, -1, 1, 2, 2, 3],  # 5/4: the high half is 2.5, up to 3; 3/2 is 2
    "half_up": [-1, -1, 0, 1, 1, 2, 3],
    "truncate": [-2, -2, -1, 0, 1, 1, 2],
    "half_away": [-2, -1, -1, 1, 1, 2, 3],
    "half_even": [-2, -1, 0, 0, 1, 2, 2],
}


@pytest.mark.parametrize("rounding", sorted(BY_HAND))
def test_rounding_by_hand(rounding):
    kind = "float32" if rounding == "half_even" else "fixed31"
    by = factors(np.array(0.25), Rescaling(kind, rounding))
    assert rescale(SUMS, by).tolist() == BY_HAND[rounding]


def test_every_word_of_a_profile_is_explained_and_tested():
    assert set(BY_HAND) == set(ROUNDINGS)
    for each in PROFILES.values():
        for rescaling in (each.rescaling, *each.exceptions.values()):
            assert rescaling.multiplier in MULTIPLIERS
            assert (rescaling.multiplier == "float32") == (rescaling.rounding == "half_even")
        assert each.sources
        assert each.overflow in ("wrap", "saturate")
        assert 8 <= each.accumulator_bits <= 32


def test_fixed_point_is_the_ratio_to_31_bits(rng):
    for ratio in np.exp2(rng.uniform(-20, 10, 500)):
        mantissa, exponent = (int(part) for part in fixed_point(ratio))
        assert 1 << 30 <= mantissa < 1 << 31
        error = abs(Fraction(mantissa) * Fraction(2) ** (exponent - 31) / Fraction(float(ratio)) - 1)
        assert error <= Fraction(1, 1 << 31)


def test_fixed_point_at_its_ends():
    assert fixed_point(1.0) == (1 << 30, 1)
    assert fixed_point(1 - 2.0**-40) == (1 << 30, 1), "the mantissa rounds up to the next power of two"
    assert fixed_point(2.0**-40) == (0, 0)


@pytest.mark.parametrize(("rounding", "shift"), [("half_up", Fraction(1, 2)), ("truncate", Fraction(0))])
def test_one_shift_is_exact_for_its_multiplier(rounding, shift, rng):
    sums = rng.integers(-(2**31), 2**31, 200)
    for ratio in np.exp2(rng.uniform(-20, -1, 20)):
        mantissa, exponent = (int(part) for part in fixed_point(ratio))
        factor = Fraction(mantissa) * Fraction(2) ** (exponent - 31)
        by = factors(np.array(ratio), Rescaling("fixed31", rounding))
        assert rescale(sums, by).tolist() == [floor(int(s) * factor + shift) for s in sums]


def test_small_helpers():
    assert wrap(np.array([127, 128, -129, 256]), 8).tolist() == [127, -128, 127, 0]
    assert divide_half_away(np.array([-5, -3, 3, 5, 4]), 2).tolist() == [-3, -2, 2, 3, 2]
    values = np.array([-1.5, -0.5, 0.49999997, 0.5, 2.5], np.float32)
    assert round_half_away(values).tolist() == [-2, -1, 0, 1, 3]
    assert (limits("int8"), limits("uint4"), limits("int16")) == ((-128, 127), (0, 15), (-32768, 32767))


def test_an_unknown_profile_is_answered_with_the_nearest():
    with pytest.raises(InputError, match="got 'tflit_ref'; did you mean 'tflite_ref'"):
        profile("tflit_ref")
    assert profile(PROFILES["gemmini"]) is PROFILES["gemmini"]
