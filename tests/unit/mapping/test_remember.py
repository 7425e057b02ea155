"""What is remembered is bounded and can be forgotten."""

from __future__ import annotations

from simulator.mapping.remember import Remembered, forget


def test_the_older_half_goes_when_there_is_too_much():
    kept: Remembered[int, int] = Remembered(4)
    for i in range(5):
        kept[i] = i
    assert list(kept) == [2, 3, 4]


def test_all_is_forgotten_together():
    one: Remembered[int, int] = Remembered()
    other: Remembered[int, int] = Remembered()
    one[1], other[2] = 1, 2
    forget()
    assert not one
    assert not other
