"""Stages: the balance of consecutive tasks, and what of a memory each has."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.mapping.stages import balance


def longest(times: list[int], ends: tuple[int, ...]) -> int:
    return max(sum(times[a:b]) for a, b in pairwise((0, *ends, len(times))))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=9), st.data())
def test_no_other_cut_has_a_shorter_longest_stage(times: list[int], data: st.DataObject):
    count = data.draw(st.integers(1, len(times)))
    stages = balance(times, count)
    assert list(stages.of_task) == sorted(stages.of_task)
    assert set(stages.of_task) == set(range(count))
    found = max(
        sum(t for t, s in zip(times, stages.of_task, strict=True) if s == stage) for stage in range(count)
    )
    assert found == min(longest(times, ends) for ends in combinations(range(1, len(times)), count - 1))


def test_spans_are_those_of_the_tasks():
    stages = balance([5, 5, 1, 1, 8], 3)
    assert stages.of_task == (0, 0, 1, 1, 2) or max(stages.of_task) == 2
    assert [stages.span(s)[0] for s in range(3)][0] == 0
    assert all(b == a + 1 for (_, a), (b, _) in pairwise([stages.span(s) for s in range(3)]))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_equal_tasks_are_shared_equally(count: int):
    assert balance([1] * 6, count).of_task == tuple(i * count // 6 for i in range(6))
