"""What short runs cost a memory that is served in bursts and pages."""

from __future__ import annotations

import numpy as np

from simulator.kernels.jit import lean, part

#: Runs that the means are taken over, and how many at most follow each other before the next ones lie in the
#: next part of their rows: so they fall on all places in a burst soon.
SAMPLES, STRETCH = 48, 16


@part
def _bits(size: int) -> int:
    """How far to shift in order to divide by a power of two; -1: it is none."""
    bits = 0
    while 1 << bits < size:
        bits += 1
    return bits if 1 << bits == size else -1


@part
def _quotient(number: int, size: int, bits: int) -> int:
    """Whole part of a number, not negative, over a size; to divide takes ten times as long as to shift."""
    return number >> bits if bits >= 0 else number // size


@lean
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
    burst_bits, page_bits = _bits(burst_bytes), _bits(page_bytes)
    in_page = -(-page_bytes // burst_bytes)
    for i in range(run.size):
        total, visits, bursts = 0.0, 0, 0
        page_before = -1
        size, of_transfer, of_stretch, most = run[i], 0, 0, min(runs[i], STRETCH)
        start, shift = 0, 0  # of a run: of its pitch, and of the place in it
        for _ in range(SAMPLES):
            if of_transfer == runs[i]:
                page_before, of_transfer = -1, 0
            if of_stretch == most:
                shift, of_stretch = (shift + size) % pitch[i], 0
            low = start + shift
            high = low + size
            first, last = _quotient(low, page_bytes, page_bits), _quotient(high - 1, page_bytes, page_bits)
            for page in (first, last):
                begin, end = max(low, page * page_bytes), min(high, (page + 1) * page_bytes)
                touched = _quotient(end - 1, burst_bytes, burst_bits)
                touched += 1 - _quotient(begin, burst_bytes, burst_bits)
                bursts += touched
                taken = touched * burst_fs
                total += taken if page == page_before else max(taken, page_fs)
                visits += 1
                page_before = page
                if first == last:
                    break
            whole = max(last - first - 1, 0)
            total += whole * max(in_page * burst_fs, page_fs)
            bursts += whole * in_page
            visits += whole
            start, of_transfer, of_stretch = start + pitch[i], of_transfer + 1, of_stretch + 1
        byte_fs[i] = total / (SAMPLES * size)
        visit_fs[i] = total / visits
        moved[i] = bursts * burst_bytes / (SAMPLES * size)
