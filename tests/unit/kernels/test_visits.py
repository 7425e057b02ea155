"""What runs cost a paged memory, against a count of every burst and page."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.kernels.visits import SAMPLES, STRETCH, run_costs


def counted(run: int, pitch: int, runs: int, burst: int, page: int, burst_fs: float, page_fs: float):
    """Byte by byte: (fs per byte, fs per visit, bytes of whole bursts per byte)."""
    total, visits, bursts, before = 0.0, 0, 0, -1
    for j in range(SAMPLES):
        before = -1 if j % runs == 0 else before
        low = j * pitch + j // min(runs, STRETCH) * run % pitch
        for there in sorted({at // page for at in range(low, low + run)}):
            touched = {at // burst for at in range(low, low + run) if at // page == there}
            bursts, visits = bursts + len(touched), visits + 1
            total += len(touched) * burst_fs if there == before else max(len(touched) * burst_fs, page_fs)
            before = there
    return total / (SAMPLES * run), total / visits, bursts * burst / (SAMPLES * run)


@pytest.mark.parametrize("page_fs", [0.0, 9.0, 100.0])
@pytest.mark.parametrize(("run", "pitch", "runs"), [
    (64, 64, 1), (1, 300, 7), (300, 300, 1), (100, 112, 5), (1000, 1024, 3), (700, 700, 1), (17, 40, 40),
])  # fmt: skip
def test_runs_cost_what_their_bursts_and_pages_do(run: int, pitch: int, runs: int, page_fs: float):
    costs = [np.empty(1) for _ in range(3)]
    columns = [np.array([value], np.int64) for value in (run, pitch, runs)]
    run_costs(*columns, 32, 4.0, 256, page_fs, *costs)
    assert tuple(cost[0] for cost in costs) == pytest.approx(
        counted(run, pitch, runs, 32, 256, 4.0, page_fs), rel=1e-12
    )


def test_a_faster_memory_never_costs_more(rng: np.random.Generator):
    """Halving the time of bursts, or of pages, makes no run dearer, and none more than twice as cheap."""
    run = rng.integers(1, 5000, 200)
    columns = [run, run + rng.integers(0, 900, 200), rng.integers(1, 60, 200)]
    times = []
    for burst_fs, page_fs in ((8.0, 40.0), (4.0, 40.0), (4.0, 20.0)):
        costs = [np.empty(200) for _ in range(3)]
        run_costs(*columns, 64, burst_fs, 2048, page_fs, *costs)
        times.append(costs[0])
    assert (times[1] <= times[0]).all()
    assert (times[2] <= times[1]).all()
    np.testing.assert_allclose(times[2] * 2, times[0])
