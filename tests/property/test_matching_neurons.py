"""What holds of neurons whatever they are taught, and compiled kernels beside numpy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.workload import fast, neurons, plain


class Case(NamedTuple):
    """A drawn history: what is taught and asked, how many neurons there are, and their rules."""

    vectors: np.ndarray
    categories: np.ndarray
    asked: np.ndarray
    neurons: int
    norm: int
    least: int
    most: int

    def teach(self, arithmetic=plain, count=None):
        prototypes, registers = neurons.blank(self.neurons, self.vectors.shape[1])
        vectors, categories = self.vectors[:count], self.categories[:count]
        rules = 1, self.norm, self.least, self.most
        told = arithmetic.learn(vectors, categories, prototypes, registers, *rules)
        return prototypes, registers, told


@st.composite
def cases(draw, least_field=0, most_neurons=24):
    """Few values, so that distances are often equal and vectors meet again."""
    components, values = draw(st.integers(1, 5)), draw(st.sampled_from([2, 5, 256]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    vectors = rng.integers(0, values, (draw(st.integers(1, 40)), components), np.uint8)
    categories = rng.integers(0, draw(st.integers(2, 5)), len(vectors), np.int32)
    asked = rng.integers(0, values, (12, components), np.uint8)
    least = draw(st.integers(least_field, 6))
    most = draw(st.integers(max(least, 1), 400))
    return Case(vectors, categories, asked, draw(st.integers(1, most_neurons)), draw(st.integers(0, 1)), least, most)


@settings(deadline=None)
@given(cases(), st.integers(0, 6), st.booleans(), st.sampled_from([0, 1, 2]))
def test_kernels_are_numpy(case, k, nearest, context):
    slow, quick = case.teach(plain), case.teach(fast)
    for one, other in zip(slow, quick, strict=True):
        np.testing.assert_array_equal(one, other)
    asked = case.asked, *slow[:2], context, case.norm, nearest, k
    for one, other in zip(plain.recognize(*asked), fast.recognize(*asked), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@settings(deadline=None)
@given(cases(), st.integers(1, 30), st.booleans())
def test_answers_are_the_sorted_distances_of_what_fires(case, k, nearest):
    prototypes, registers, _ = case.teach(fast)
    found = fast.recognize(case.asked, prototypes, registers, 1, case.norm, nearest, k)
    far, category = (array.tolist() for array in found[:2])
    for i, vector in enumerate(case.asked.astype(int)):
        pairs = set()
        for prototype, (_, register, field, _) in zip(prototypes.astype(int), registers.tolist(), strict=True):
            apart = np.abs(prototype - vector)
            distance = int(apart.max() if case.norm else apart.sum())
            if register and (nearest or distance < field):
                pairs.add((distance, register))
        wanted = sorted(pairs)[:k]
        nothing = [(neurons.NOTHING, neurons.NOTHING)] * (k - len(wanted))
        assert list(zip(far[i], category[i], strict=True)) == wanted + nothing


@settings(deadline=None)
@given(cases())
def test_neurons_commit_one_by_one_and_fields_only_shrink(case):
    before, fields = 0, np.zeros(0)
    for count in range(1, len(case.vectors) + 1):
        _, registers, told = case.teach(fast, count)
        committed = neurons.count_committed(registers)
        assert before <= committed <= min(before + 1, case.neurons)
        assert committed - before == told[-1, neurons.COMMITTED]
        now = registers[:before, neurons.FIELD]
        assert (now <= fields).all()
        assert (now >= case.least).all()
        assert (registers[:committed, neurons.FIELD] <= max(case.most, case.least)).all()
        before, fields = committed, registers[:committed, neurons.FIELD].copy()


@settings(deadline=None)
@given(cases(least_field=1, most_neurons=60))
def test_what_committed_is_recognized_at_no_distance(case):
    prototypes, registers, told = case.teach(fast)
    taught = told[:, neurons.COMMITTED] == 1
    found = fast.recognize(case.vectors[taught], prototypes, registers, 1, case.norm, False, 1)
    assert (found[0] == 0).all()
    assert (found[3] != neurons.UNKNOWN).all()


@settings(deadline=None)
@given(cases(least_field=1, most_neurons=60))
def test_a_vector_just_taught_fires_its_category_and_else_degenerate_neurons_alone(case):
    prototypes, registers, told = case.teach(fast)
    vector, category = case.vectors[-1:], int(case.categories[-1])
    if told[-1, neurons.REFUSED] or neurons.count_committed(registers) == case.neurons:
        return
    found = fast.recognize(vector, prototypes, registers, 1, case.norm, False, 60)[1][0]
    fired = found[found != neurons.NOTHING]
    own = fired & ~neurons.DEGENERATE_BIT
    assert (fired[own != category] & neurons.DEGENERATE_BIT != 0).all()
    assert category == 0 or (own == category).any()


@settings(deadline=None)
@given(cases(most_neurons=60))
def test_status_says_how_many_categories_answer(case):
    prototypes, registers, _ = case.teach(fast)
    _, category, _, status = fast.recognize(case.asked, prototypes, registers, 1, case.norm, False, 60)
    for row, state in zip(category, status.tolist(), strict=True):
        kinds = len(set((row[row != neurons.NOTHING] & ~neurons.DEGENERATE_BIT).tolist()))
        assert state == {0: neurons.UNKNOWN, 1: neurons.IDENTIFIED}.get(kinds, neurons.UNCERTAIN)
