"""Sparse linear maps against the sums that they stand for."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from simulator.workload.spiking.linear import (
    LinearMap,
    add,
    compose,
    convolution,
    dense,
    identity,
    merge,
    pooling,
    scale,
)


def matrix(linear: LinearMap) -> np.ndarray:
    made = np.zeros((np.prod(linear.outputs, dtype=int), np.prod(linear.inputs, dtype=int)))
    np.add.at(made, (linear.rows, linear.columns), linear.weights)
    return made


def convolved(x, kernel, stride, padding, dilation, groups) -> np.ndarray:
    """Sums over windows, one after the other."""
    wide = np.pad(x, [(0, 0), *padding])
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel.shape[2:], strict=True)]
    extents = [(w - s) // t + 1 for w, s, t in zip(wide.shape[1:], spans, stride, strict=True)]
    made = np.zeros((kernel.shape[0], *extents))
    per = kernel.shape[0] // groups
    for o in range(kernel.shape[0]):
        first = o // per * kernel.shape[1]
        for at in product(*map(range, extents)):
            window = tuple(
                slice(a * t, a * t + s, d) for a, t, s, d in zip(at, stride, spans, dilation, strict=True)
            )
            made[(o, *at)] = (wide[(slice(first, first + kernel.shape[1]), *window)] * kernel[o]).sum()
    return made


@pytest.mark.parametrize(
    ("extent", "kernel", "stride", "padding", "dilation", "groups"),
    [
        ((5, 6), (4, 2, 3, 2), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
        ((7, 6), (4, 3, 3, 3), (2, 1), ((1, 2), (0, 1)), (1, 2), 2),
        ((6, 6), (6, 1, 2, 2), (2, 2), ((1, 1), (1, 1)), (1, 1), 6),
        ((9,), (3, 2, 4), (2,), ((2, 1),), (2,), 1),
    ],
)
def test_convolution(rng, extent, kernel, stride, padding, dilation, groups):
    weights = rng.normal(size=kernel)
    x = rng.normal(size=(kernel[1] * groups, *extent))
    linear = convolution(weights, extent, stride, padding, dilation, groups)
    wanted = convolved(x, weights, stride, padding, dilation, groups)
    assert linear.outputs == wanted.shape
    assert np.allclose(linear.apply(x.ravel()), wanted.ravel())
    assert not linear.delays.any()


def test_weights_of_zero_are_no_synapses(rng):
    kernel = np.ones((2, 1, 3, 3))
    kernel[0, 0, 1] = 0
    linear = convolution(kernel, (5, 5), (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    assert len(linear.rows) == 9 * (6 + 9)
    assert len(dense(np.array([[0.0, 1.0], [2.0, 0.0]])).rows) == 2


def test_separate_products_over_leading_axes(rng):
    weights, x = rng.normal(size=(3, 4, 5)), rng.normal(size=(3, 5))
    linear = dense(weights)
    assert (linear.outputs, linear.inputs) == ((3, 4), (3, 5))
    assert np.allclose(linear.apply(x.ravel()).reshape(3, 4), np.einsum("bmn,bn->bm", weights, x))


def test_pooling_counts_padding_as_zero():
    linear = pooling(2, (4, 4), (2, 2), (2, 2), (1, 1), 0.25)
    made = linear.apply(np.ones(32)).reshape(2, 3, 3)
    assert made[0].tolist() == [[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]]


def test_composition_multiplies_adds_and_merges(rng):
    """A pooling behind a convolution: pairs of pixels that meet in one sum are one synapse."""
    first = convolution(rng.normal(size=(3, 2, 3, 3)), (6, 6), (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    second = pooling(3, (6, 6), (2, 2), (2, 2), (0, 0), 1.0)
    both = compose(second, first)
    assert np.allclose(matrix(both), matrix(second) @ matrix(first))
    pairs = set(zip(both.rows.tolist(), both.columns.tolist(), strict=True))
    assert len(pairs) == len(both.rows) == np.count_nonzero(matrix(both))


def test_delays_add_up_and_keep_synapses_apart():
    early, late = scale(np.ones(2), np.array([0, 3])), scale(np.full(2, 5.0), 2)
    both = compose(late, early)
    assert both.delays.tolist() == [2, 5]
    summed = add(both, scale(np.ones(2), np.array([2, 2])))
    assert sorted(zip(summed.rows, summed.delays, summed.weights, strict=True)) == [
        (0, 2, 6),
        (1, 2, 1),
        (1, 5, 5),
    ]


def test_nothing_composed_is_nothing():
    none = dense(np.zeros((3, 2)))
    assert len(compose(identity((3,)), none).rows) == 0
    assert len(merge(none).rows) == 0
