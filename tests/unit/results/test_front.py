"""Pareto fronts, their volume and knees, on numbers that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.results.front import bulges, crowding, hypervolume, knee, pareto, ranks


def test_only_what_nothing_dominates_is_on_the_front():
    assert pareto([(1, 5), (2, 3), (3, 4), (4, 1), (5, 5)]) == [0, 1, 3]


def test_equal_points_do_not_dominate_each_other():
    assert pareto([(1, 1), (1, 1), (2, 1)]) == [0, 1]


def test_one_objective_leaves_the_least_and_its_equals():
    assert pareto([(3,), (1,), (2,), (1,)]) == [1, 3]


def test_of_nothing_there_is_nothing():
    assert pareto([]) == []
    assert ranks([]).size == 0
    assert hypervolume([], (1, 1)) == 0
    assert knee([]) is None


def test_the_front_is_that_of_all_pairs(rng: np.random.Generator):
    for objectives in (1, 2, 3, 4):
        table = rng.integers(0, 8, (200, objectives))
        slow = [
            i
            for i in range(200)
            if not any((table[j] <= table[i]).all() and (table[j] < table[i]).any() for j in range(200))
        ]
        assert pareto(table) == slow


def test_ranks_peel_front_after_front(rng: np.random.Generator):
    table = rng.random((60, 3))
    found = ranks(table)
    left = np.arange(60)
    for rank in range(found.max() + 1):
        assert left[pareto(table[left])].tolist() == np.flatnonzero(found == rank).tolist()
        left = left[found[left] > rank]


def test_crowding_by_hand():
    """x: 0 1 3, y: 3 1 0; the middle one has neighbours at distance 3 of 3 in both."""
    assert crowding([(0, 3), (1, 1), (3, 0)]).tolist() == [np.inf, 2.0, np.inf]


def test_the_volume_of_two_steps_by_hand():
    """Boxes up to (4, 4) from (1, 3) and (2, 1): 3 x 1 + 2 x 2."""
    assert hypervolume([(1, 3), (2, 1)], (4, 4)) == 7


def test_three_objectives_by_hand():
    """Unit cubes from two opposite corners of a 2-cube overlap in nothing but the far corner."""
    assert hypervolume([(0, 0, 1), (1, 1, 0)], (2, 2, 2)) == 4 + 2 - 1


def test_what_lies_beyond_the_reference_adds_nothing():
    assert hypervolume([(1, 3), (2, 1), (0, 9), (4, 0)], (4, 4)) == 7


@pytest.mark.parametrize("objectives", [2, 3, 4])
def test_the_volume_is_that_of_counted_cells(objectives: int, rng: np.random.Generator):
    table = rng.integers(0, 6, (12, objectives))
    cells = np.stack(np.meshgrid(*[np.arange(6)] * objectives), axis=-1).reshape(-1, objectives)
    inside = sum(bool((table <= cell).all(axis=1).any()) for cell in cells)
    assert hypervolume(table, (6,) * objectives) == inside


def test_more_points_never_lessen_the_volume(rng: np.random.Generator):
    table = rng.random((30, 3))
    volumes = [hypervolume(table[:n], (1, 1, 1)) for n in range(31)]
    assert all(b >= a - 1e-12 for a, b in zip(volumes, volumes[1:], strict=False))


def test_the_knee_bulges_most():
    """Scaled: (0, 1), (.1, .2), (.5, .1), (1, 0); 1 - .3 is the most that is left."""
    front = [(0, 10), (1, 2), (5, 1), (10, 0)]
    assert knee(front) == 1
    assert bulges(front)[1] == pytest.approx(0.7 / np.sqrt(2))


def test_a_straight_or_hollow_front_has_no_knee():
    assert knee([(0, 2), (1, 1), (2, 0)]) is None
    assert knee([(0, 2), (1.5, 1.5), (2, 0)]) is None
    assert knee([(1, 1)]) is None
