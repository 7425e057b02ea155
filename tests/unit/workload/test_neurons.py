"""Neurons that match patterns: learning and recognition by hand, in numpy and in compiled kernels."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.workload import fast, neurons, plain
from simulator.workload.neurons import DEGENERATE_BIT, IDENTIFIED, LSUP_BIT, NOTHING, UNCERTAIN, UNKNOWN

#: What is taught, one component each, and what it does: (vector, category) -> status, known, committed,
#: refused, shrunk, compared; with MINIF 2 and MAXIF 100.
TAUGHT = (
    ((50, 1), (UNKNOWN, 0, 1, 0, 0, 0)),  # the first neuron, its field is MAXIF
    ((60, 2), (IDENTIFIED, 0, 1, 0, 1, 1)),  # 10 from the first, whose field shrinks to 10, as is the new one's
    ((58, 2), (UNCERTAIN, 1, 0, 0, 1, 2)),  # the first shrinks to 8, the second knows it
    ((51, 2), (UNCERTAIN, 1, 0, 0, 1, 2)),  # 1 from the first: held at MINIF, degenerate
    ((50, 0), (IDENTIFIED, 0, 0, 0, 1, 2)),  # a counterexample: 0 from the first, which is at MINIF already
    ((90, 3), (UNKNOWN, 0, 1, 0, 0, 2)),  # 30 from the second, 40 from the first
    ((75, 1), (IDENTIFIED, 0, 1, 0, 1, 3)),  # 15 from the third, which shrinks to 15; 15 from the second
)
HELD = [
    [1, 1 | DEGENERATE_BIT, 2, 2],
    [1, 2, 10, 2],
    [1, 3, 15, 2],
    [1, 1, 15, 2],
]


def column(*values: int) -> np.ndarray:
    return np.array(values, np.uint8)[:, None]


@pytest.fixture(params=[plain, fast], ids=["plain", "fast"])
def arithmetic(request):
    return request.param


@pytest.fixture
def taught(arithmetic):
    """(prototypes, registers) of six neurons after ``TAUGHT``, and what was told."""
    prototypes, registers = neurons.blank(6, 1)
    vectors, categories = column(*(v for (v, _), _ in TAUGHT)), np.array([c for (_, c), _ in TAUGHT], np.int32)
    told = arithmetic.learn(vectors, categories, prototypes, registers, 1, 0, 2, 100)
    return prototypes, registers, told


def answers(arithmetic, vectors, prototypes, registers, *, context=1, norm=0, nearest=False, k=3):
    """Per vector its status and (distance, category register, identifier) of what answers."""
    found = arithmetic.recognize(vectors, prototypes, registers, context, norm, nearest, k)
    far, category, identifier, status = (array.tolist() for array in found)
    return [
        (state, [each for each in zip(*rows, strict=True) if each[0] != NOTHING])
        for state, *rows in zip(status, far, category, identifier, strict=True)
    ]


class TestLearning:
    def test_each_step(self, taught):
        for i, (vector, wanted) in enumerate(TAUGHT):
            assert tuple(taught[2][i].tolist()) == wanted, f"vector {i}: {vector}"

    def test_what_the_neurons_hold(self, taught):
        prototypes, registers, _ = taught
        assert prototypes[:, 0].tolist() == [50, 60, 90, 75, 0, 0]
        assert registers.tolist() == [*HELD, [0] * 4, [0] * 4]
        assert neurons.count_committed(registers) == 4

    def test_a_field_that_reaches_its_least_is_degenerate_from_the_start(self, arithmetic):
        prototypes, registers = neurons.blank(4, 1)
        arithmetic.learn(column(10, 12), np.array([1, 2], np.int32), prototypes, registers, 1, 0, 2, 100)
        assert registers[:2].tolist() == [[1, 1 | DEGENERATE_BIT, 2, 2], [1, 2 | DEGENERATE_BIT, 2, 2]]
        prototypes, registers = neurons.blank(4, 1)
        arithmetic.learn(column(10, 13), np.array([1, 2], np.int32), prototypes, registers, 1, 0, 2, 100)
        assert registers[:2].tolist() == [[1, 1, 3, 2], [1, 2, 3, 2]]

    def test_one_vector_of_two_categories(self, arithmetic):
        prototypes, registers = neurons.blank(4, 1)
        arithmetic.learn(column(9, 9), np.array([1, 2], np.int32), prototypes, registers, 1, 0, 2, 100)
        assert (registers[:2, neurons.CATEGORY] & DEGENERATE_BIT != 0).all()
        assert answers(arithmetic, column(9), prototypes, registers) == [
            (UNCERTAIN, [(0, 1 | DEGENERATE_BIT, 1), (0, 2 | DEGENERATE_BIT, 2)])
        ]

    def test_a_full_network_learns_nothing(self, arithmetic):
        prototypes, registers = neurons.blank(2, 1)
        vectors, categories = column(10, 90, 40, 12, 10), np.array([1, 2, 3, 1, 2], np.int32)
        told = arithmetic.learn(vectors, categories, prototypes, registers, 1, 0, 2, 100)
        assert told[:, neurons.COMMITTED].tolist() == [1, 1, 0, 0, 0]
        assert told[:, neurons.REFUSED].tolist() == [0, 0, 1, 0, 1]
        assert told[:, neurons.SHRUNK].tolist() == [0, 1, 0, 0, 0]
        assert registers[:, neurons.FIELD].tolist() == [80, 80]

    def test_contexts_do_not_meet(self, arithmetic):
        prototypes, registers = neurons.blank(4, 1)
        arithmetic.learn(column(10), np.array([1], np.int32), prototypes, registers, 1, 0, 2, 100)
        told = arithmetic.learn(column(11), np.array([2], np.int32), prototypes, registers, 2, 0, 2, 100)
        assert told[0].tolist() == [UNKNOWN, 0, 1, 0, 0, 0]
        assert registers[:2].tolist() == [[1, 1, 100, 2], [2, 2, 100, 2]]
        assert answers(arithmetic, column(10), prototypes, registers, context=1) == [(IDENTIFIED, [(0, 1, 1)])]
        assert answers(arithmetic, column(10), prototypes, registers, context=2) == [(IDENTIFIED, [(1, 2, 2)])]
        both = [(0, 1, 1), (1, 2, 2)]
        assert answers(arithmetic, column(10), prototypes, registers, context=0) == [(UNCERTAIN, both)]
        assert answers(arithmetic, column(10), prototypes, registers, context=3) == [(UNKNOWN, [])]

    def test_norms_do_not_meet_either(self, arithmetic):
        prototypes, registers = neurons.blank(4, 2)
        vector = np.array([[3, 4]], np.uint8)
        arithmetic.learn(vector, np.array([1], np.int32), prototypes, registers, 1, 1, 2, 100)
        assert registers[0].tolist() == [1 | LSUP_BIT, 1, 100, 2]
        asked = np.array([[0, 0]], np.uint8)
        assert answers(arithmetic, asked, prototypes, registers, norm=1) == [(IDENTIFIED, [(4, 1, 1)])]
        assert answers(arithmetic, asked, prototypes, registers, norm=0) == [(UNKNOWN, [])]


class TestRecognition:
    def test_influence_fields(self, arithmetic, taught):
        found = answers(arithmetic, column(50, 66, 82, 70, 200), *taught[:2])
        assert found == [
            (IDENTIFIED, [(0, 1 | DEGENERATE_BIT, 1)]),
            (UNCERTAIN, [(6, 2, 2), (9, 1, 4)]),
            (UNCERTAIN, [(7, 1, 4), (8, 3, 3)]),
            (IDENTIFIED, [(5, 1, 4)]),  # 10 from the second, whose field of 10 it does not hold
            (UNKNOWN, []),
        ]

    def test_all_neurons(self, arithmetic, taught):
        assert answers(arithmetic, column(200), *taught[:2], nearest=True, k=9) == [
            (UNCERTAIN, [(110, 3, 3), (125, 1, 4), (140, 2, 2), (150, 1 | DEGENERATE_BIT, 1)])
        ]

    def test_the_first_of_equal_distances_has_the_smallest_category_a_degenerate_one_comes_last(
        self, arithmetic, taught
    ):
        found = answers(arithmetic, column(55), *taught[:2], nearest=True, k=2)
        assert found == [(UNCERTAIN, [(5, 2, 2), (5, 1 | DEGENERATE_BIT, 1)])]
        prototypes, registers = column(10, 20, 10), np.array([[1, 9, 50, 2], [1, 4, 50, 2], [1, 7, 50, 2]], np.int32)
        assert answers(arithmetic, column(15), prototypes, registers) == [
            (UNCERTAIN, [(5, 4, 2), (5, 7, 3), (5, 9, 1)])
        ]

    def test_neurons_equal_in_both_answer_as_one_with_the_and_of_their_identifiers(self, arithmetic):
        registers = np.array([[1, 8, 50, 2], [1, 8, 50, 2], [1, 8, 50, 2], [1, 9, 50, 2]], np.int32)
        found = answers(arithmetic, column(15), column(10, 99, 20, 30), registers)
        assert found == [(UNCERTAIN, [(5, 8, 1 & 3), (15, 9, 4)])]

    def test_no_answer_reads_as_the_chip_has_it(self, arithmetic, taught):
        far, category, identifier, status = arithmetic.recognize(column(200), *taught[:2], 1, 0, False, 2)
        assert far.tolist() == category.tolist() == [[NOTHING] * 2]
        assert identifier.tolist() == [[0, 0]]
        assert status.tolist() == [UNKNOWN]

    @pytest.mark.parametrize(("norm", "wanted"), [(0, 255 * 256), (1, 255)])
    def test_the_largest_distance(self, arithmetic, norm, wanted):
        prototypes = np.full((1, 256), 255, np.uint8)
        registers = np.array([[1 | norm * LSUP_BIT, 1, 65535, 2]], np.int32)
        found = answers(arithmetic, np.zeros((1, 256), np.uint8), prototypes, registers, norm=norm)
        assert found == [(IDENTIFIED, [(wanted, 1, 1)])]

    def test_the_status_alone(self, arithmetic, taught):
        *empty, status = arithmetic.recognize(column(50, 66, 200), *taught[:2], 1, 0, False, 0)
        assert [array.shape for array in empty] == [(3, 0)] * 3
        assert status.tolist() == [IDENTIFIED, UNCERTAIN, UNKNOWN]
