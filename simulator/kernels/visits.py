"""What short runs cost a memory that is served in bursts and pages."""

from __future__ import annotations

import numpy as np

from simulator.kernels.jit import kernel

#: Runs that the means are taken over, and how many at most follow each other before the next ones lie in the
#: next part of their rows: so they fall on all places in a burst soon.
SAMPLES, STRETCH = 48, 16


@kernel
def run_costs(
    run: np.ndarray, pitch: np.ndarray, runs: np.ndarray,
    burst_bytes: int, burst_fs: float, page_bytes: int, page_fs: float,
    byte_fs: np.ndarray, visit_fs: np.ndarray, moved: np.ndarray,
) -> None:  # fmt: skip
    """Time of a paged memory per byte of runs at regular distance, and of one visit of a page.

    Parameters
    ----------
    run, pitch, runs
        int64, shape (any,): bytes of a run, distance of their starts, runs of one transfer.
    burst_bytes, burst_fs, page_bytes, page_fs
        A run takes whole bursts of each page that it touches; a page that the transfer has not just used
        takes at least ``page_fs``.
    byte_fs, visit_fs, moved
        float64, shape (any,), written: fs per byte and per visit, and bytes moved in whole bursts per byte
        that is wanted; means over ``SAMPLES`` runs, the first at a page's start.
    """
    for i in range(run.size):
        total, visits, bursts = 0.0, 0, 0
        page_before = -1
        for j in range(SAMPLES):
            if j % runs[i] == 0:
                page_before = -1
            low = j * pitch[i] + j // min(runs[i], STRETCH) * run[i] % pitch[i]
            high = low + run[i]
            first, last = low // page_bytes, (high - 1) // page_bytes
            for page in (first, last):
                start, end = max(low, page * page_bytes), min(high, (page + 1) * page_bytes)
                touched = (end - 1) // burst_bytes - start // burst_bytes + 1
                bursts += touched
                taken = touched * burst_fs
                total += taken if page == page_before else max(taken, page_fs)
                visits += 1
                page_before = page
                if first == last:
                    break
            whole = max(last - first - 1, 0)
            touched = -(-page_bytes // burst_bytes)
            total += whole * max(touched * burst_fs, page_fs)
            bursts += whole * touched
            visits += whole
        byte_fs[i] = total / (SAMPLES * run[i])
        visit_fs[i] = total / visits
        moved[i] = bursts * burst_bytes / (SAMPLES * run[i])
