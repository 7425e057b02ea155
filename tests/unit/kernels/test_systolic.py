"""Array cycles and accesses: hand cases and limits."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.kernels.systolic import IS, OS, WS, array_accesses, array_cycles


def cycles(m, n, k, rows, cols, dataflow, overlapped, taps=1, count=1):
    one = [np.array([x], np.int64) for x in (m, n, k, taps, count)]
    occupancy, latency = np.empty(1, np.int64), np.empty(1, np.int64)
    array_cycles(*one, rows, cols, dataflow, overlapped, occupancy, latency)
    return int(occupancy[0]), int(latency[0])


def accesses(m, n, k, rows, cols, dataflow, first=True, taps=1, count=1):
    one = [np.array([x], np.int64) for x in (m, n, k, taps, count)]
    out = [np.empty(1, np.int64) for _ in range(4)]
    array_accesses(*one, one[2], np.array([first]), rows, cols, dataflow, *out)
    return [int(x[0]) for x in out]


@pytest.mark.parametrize(
    ("dataflow", "expected"), [(WS, 5 + 2 + 1 - 2), (OS, 7 + 1 + 1 - 2), (IS, 3 + 2 + 1 - 2)]
)
def test_one_pe_one_fold(dataflow, expected):
    """One PE: one fold per stationary element (ws, is), so M=5, N=3, K=7 gives folds of known length."""
    folds = {WS: 7 * 3, OS: 5 * 3, IS: 7 * 5}[dataflow]
    assert cycles(5, 3, 7, 1, 1, dataflow, False) == (folds * expected, 0)


def test_a_single_full_fold_by_hand():
    """4 x 4 array, weights exposed: 4 cycles of loading, then 10 rows through a skew of 4 + 4 - 2."""
    assert cycles(10, 4, 4, 4, 4, WS, False) == (4 + 10 + 6 + 4 - 2 + 2 - 4, 0)


def test_double_buffering_hides_all_but_the_first_load():
    """The fold takes max(M, R); the rest is latency once."""
    assert cycles(10, 8, 8, 4, 4, WS, True) == (4 * 10, (2 * 4 - 1) + (4 + 4 - 2))
    assert cycles(3, 8, 8, 4, 4, WS, True)[0] == 4 * 4  # shorter than the weights take to shift in


def test_kernel_positions_are_folds_of_their_own():
    """channel_first: 9 positions of 3 channels leave 1 of 4 rows idle, im2col packs 27 into 7 folds."""
    assert cycles(100, 4, 3, 4, 4, WS, True, taps=9)[0] == 9 * 100
    assert cycles(100, 4, 27, 4, 4, WS, True)[0] == 7 * 100


def test_groups_follow_each_other():
    assert cycles(10, 4, 4, 4, 4, WS, False, count=5)[0] == 5 * cycles(10, 4, 4, 4, 4, WS, False)[0]


@pytest.mark.parametrize("dataflow", [WS, OS, IS])
def test_never_faster_than_one_mac_per_pe_and_cycle(dataflow, rng):
    for _ in range(200):
        m, n, k = rng.integers(1, 300, 3)
        rows, cols = rng.integers(1, 40, 2)
        for overlapped in (False, True):
            occupancy, _ = cycles(m, n, k, rows, cols, dataflow, overlapped)
            assert occupancy * rows * cols >= m * n * k


def test_accesses_by_hand():
    """M=10, N=6, K=9 on 4 x 4: c(K,R)=3, c(N,C)=2, c(M,R)=c(M,C)=3."""
    assert accesses(10, 6, 9, 4, 4, WS) == [10 * 9 * 2, 9 * 6, 10 * 6 * 2, 10 * 6 * 3]
    assert accesses(10, 6, 9, 4, 4, OS) == [10 * 9 * 2, 9 * 6 * 3, 0, 10 * 6]
    assert accesses(10, 6, 9, 4, 4, IS) == [10 * 9, 9 * 6 * 3, 10 * 6 * 2, 10 * 6 * 3]


def test_a_later_tile_reads_its_partial_sums_back():
    assert accesses(10, 6, 9, 4, 4, WS, first=False)[2] == 10 * 6 * 3


@pytest.mark.parametrize("dataflow", [WS, OS, IS])
def test_kernel_equals_numpy(dataflow, rng):
    """The equations again, on arrays."""
    m, n, k, taps, count = (rng.integers(1, 500, 50) for _ in range(5))
    rows, cols = 12, 20
    occupancy, latency = np.empty(50, np.int64), np.empty(50, np.int64)
    array_cycles(m, n, k, taps, count, rows, cols, dataflow, False, occupancy, latency)
    up = lambda a, b: -(-a // b)  # noqa: E731
    expected = {
        WS: taps * up(k, rows) * up(n, cols) * (2 * rows + cols + m - 2),
        OS: up(m, rows) * up(n, cols) * (taps * k + rows + cols - 2),
        IS: taps * up(k, rows) * up(m, cols) * (2 * rows + cols + n - 2),
    }[dataflow]
    np.testing.assert_array_equal(occupancy, expected * count)
    assert not latency.any()
