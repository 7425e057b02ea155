"""Effects and interactions against analyses of variance that can be done by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from simulator.results.sensitivity import (
    best,
    differences_pct,
    enough,
    envelope,
    interactions,
    main_effects,
    rank_correlation,
)


def grid(figure):
    return [{"a": a, "b": b, "c": c, "y": figure(a, b, c)} for a, b, c in product((0, 1), (0, 1, 2), "xy")]


def test_a_sum_has_main_effects_alone():
    """y = 3a + b: variances 9/4 and 2/3, so 27/35 and 8/35; means of a 1 and 4."""
    records = grid(lambda a, b, c: 3 * a + b)
    effects = {effect.axis: effect for effect in main_effects(records, "abc", "y")}
    assert effects["a"].share == pytest.approx(27 / 35)
    assert effects["b"].share == pytest.approx(8 / 35)
    assert effects["c"].share == pytest.approx(0)
    assert effects["a"].means == ((0, 1.0, 6), (1, 4.0, 6))
    assert effects["a"].range_pct == pytest.approx(100 * 3 / 2.5)
    assert all(each.share == pytest.approx(0, abs=1e-12) for each in interactions(records, "abc", "y"))


def test_effects_come_in_order():
    records = grid(lambda a, b, c: a + 5 * b)
    assert [effect.axis for effect in main_effects(records, "abc", "y")] == ["b", "a", "c"]


def test_an_exclusive_or_is_interaction_alone():
    records = grid(lambda a, b, c: a ^ (c == "y"))
    first, *others = interactions(records, "abc", "y")
    assert first.axes == ("a", "c")
    assert first.share == pytest.approx(1)
    assert all(each.share == pytest.approx(0) for each in others)
    assert all(effect.share == pytest.approx(0) for effect in main_effects(records, "abc", "y"))


def test_shares_of_a_full_grid_sum_to_one(rng: np.random.Generator):
    """Two axes, one value each cell: the variance is that of both and of their interaction."""
    records = [{"a": a, "b": b, "y": rng.random()} for a, b in product(range(4), range(5))]
    shares = [effect.share for effect in main_effects(records, "ab", "y")]
    assert sum(shares) + interactions(records, "ab", "y")[0].share == pytest.approx(1)


def test_what_does_not_vary_has_no_effects():
    records = grid(lambda a, b, c: 0.1 + 0.2 * (a > 5))
    assert {effect.share for effect in main_effects(records, "abc", "y")} == {0.0}
    assert {effect.range_pct for effect in main_effects(records, "abc", "y")} == {0.0}


def test_records_without_the_figure_are_left_out():
    records = [{"a": 0, "y": 1.0}, {"a": 1, "y": None}, {"a": 1}]
    (effect,) = main_effects(records, "a", "y")
    assert effect.means == ((0, 1.0, 1),)
    assert main_effects([], "a", "y") == []


def test_differences_are_in_percent_of_the_baseline():
    found = differences_pct({"x": 3.0, "y": 1.0, "z": 1.0}, {"x": 2.0, "y": None, "z": 0.0}, "xyz")
    assert found == {"x": pytest.approx(50), "y": None, "z": None}


def test_the_best_is_the_first_of_its_equals():
    records = [{"n": 0, "y": 2}, {"n": 1, "y": 1}, {"n": 2, "y": 1}, {"n": 3, "y": None}]
    assert best(records, "y") == records[1]
    assert best(records, "y", maximize=True) == records[0]
    assert best(records, "z") is None


def test_rank_correlation_by_hand():
    """1 - 6 x sum of squared rank differences / (n (n^2 - 1)): one neighbouring pair swapped of four."""
    assert rank_correlation([1, 2, 3, 4], [10, 30, 20, 40]) == pytest.approx(1 - 6 * 2 / 60)
    assert rank_correlation([1, 2, 3], [9, 5, 1]) == pytest.approx(-1)
    assert rank_correlation([1, 1, 2], [1, 1, 5]) == pytest.approx(1)
    assert rank_correlation([1, 1], [1, 2]) is None


def test_how_much_of_an_axis_is_enough():
    """The best at 1, 2, 4, 8 of ``a`` is 10, 5.2, 5.0, 5.1: 2 comes within 5 % of 5.0, and 4 within 1 %."""
    values = {1: (10, 12), 2: (5.2, 9), 4: (5.0, 8), 8: (5.1, 7)}
    records = [{"a": a, "b": b, "y": y} for a, each in values.items() for b, y in enumerate(each)]
    assert envelope(records, "a", "y") == [(1, 10.0), (2, 5.2), (4, 5.0), (8, 5.1)]
    assert envelope(records, "a", "y", maximize=True)[0] == (1, 12.0)
    assert enough(records, "a", "y") == 2
    assert enough(records, "a", "y", slack=0.01) == 4
    assert enough(records, "a", "y", maximize=True) == 1
    assert enough(records, "a", "unknown") is None
