"""Results of parts as one: identical parts repeated, steps weighted and added, phases one after the other.

Everything that a row or the ledger counts is added or multiplied; metrics are measured anew. What a sum would
not be true of (timelines, chains, the coarser model of memories) is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from simulator.results.ledger import Ledger
from simulator.results.metrics import measure
from simulator.results.result import Fusion, MemoryInfo, NodeRow, Result

_TIMES = ("start_fs", "end_fs", "exposed_fs", "limiter_fs")
_SPLITS = ("busy_fs", "causes_fs", "exposed_causes_fs")


def repeated(result: Result, first: int, last: int, times: int, name: Callable[[int, str], str]) -> Result:
    """A result in which rows ``first`` to ``last`` occur ``times`` times more, behind themselves.

    Parameters
    ----------
    result
        Its rows in that range stand for one of several identical parts in a steady state.
    first, last
        Rows, the last one excluded.
    times
        Further occurrences.
    name
        Of a row (occurrence from 1 on, name of the row that it repeats).
    """
    part = result.rows[first:last]
    step_fs = sum(row.exposed_fs for row in part)
    copies = [
        replace(_moved(row, i * step_fs), node=name(i, row.node), origin=name(i, row.origin))
        for i in range(1, times + 1)
        for row in part
    ]
    rest = [_moved(row, times * step_fs) for row in result.rows[last:]]
    counts = result.ledger.counts
    ledger = np.concatenate([counts[:last], np.tile(counts[first:last], (times, 1)), counts[last:]])
    return _remeasured(result, (*result.rows[:last], *copies, *rest), ledger)


def weighted(parts: Sequence[tuple[Result, float]]) -> Result:
    """Results with the same rows, each so many times, added row by row; words are those of the first.

    Parameters
    ----------
    parts
        Results, and how often each occurs; need not be whole.
    """
    result, _ = parts[0]
    rows = [
        _summed([part.rows[i] for part, _ in parts], [times for _, times in parts])
        for i in range(len(result.rows))
    ]
    counts = sum(times * part.ledger.counts.astype(np.float64) for part, times in parts)
    return _remeasured(result, tuple(rows), np.rint(counts).astype(np.int64))


def joined(first: Result, second: Result, names: tuple[str, str]) -> Result:
    """Two results of one chip one after the other; each part's rows have its name in front."""
    after = sum(row.exposed_fs for row in first.rows)
    rows = [_named(row, names[0]) for row in first.rows]
    rows += [_named(_moved(row, after), names[1]) for row in second.rows]
    ledger = np.concatenate([first.ledger.counts, second.ledger.counts])
    said = tuple(dict.fromkeys((*first.assumptions, *second.assumptions)))
    left_out = tuple(dict.fromkeys((*first.not_modelled, *second.not_modelled)))
    return _remeasured(
        replace(first, assumptions=said, not_modelled=left_out), tuple(rows), ledger, _most(first, second)
    )


def _most(first: Result, second: Result) -> int:
    return max(first.metrics.peak_memory_bytes, second.metrics.peak_memory_bytes)


def _moved(row: NodeRow, by_fs: int) -> NodeRow:
    return replace(row, start_fs=row.start_fs + by_fs, end_fs=row.end_fs + by_fs)


def _named(row: NodeRow, part: str) -> NodeRow:
    return replace(row, node=f"{part}/{row.node}", origin=f"{part}/{row.origin}")


def _summed(rows: Sequence[NodeRow], times: Sequence[float]) -> NodeRow:
    """One row of several runs, added up; its utilization is the mean over the time."""
    row = rows[0]
    plain = {name: _sum([getattr(each, name) for each in rows], times) for name in (*_TIMES, "macs")}
    splits = {
        name: {
            key: _sum([getattr(each, name).get(key, 0) for each in rows], times)
            for key in dict.fromkeys(key for each in rows for key in getattr(each, name))
        }
        for name in _SPLITS
    }
    if splits["exposed_causes_fs"]:
        plain["exposed_fs"] = sum(splits["exposed_causes_fs"].values())
    if splits["causes_fs"]:
        plain["end_fs"] = plain["start_fs"] + sum(splits["causes_fs"].values())
    held = [(each.end_fs - each.start_fs) * share for each, share in zip(rows, times, strict=True)]
    used = sum(each.utilization * time for each, time in zip(rows, held, strict=True))
    utilization = used / sum(held) if sum(held) else row.utilization
    return replace(row, **plain, **splits, utilization=utilization)  # type: ignore[arg-type]


def _sum(values: Sequence[int], times: Sequence[float]) -> int:
    return round(sum(value * share for value, share in zip(values, times, strict=True)))


def _remeasured(result: Result, rows: tuple[NodeRow, ...], counts: np.ndarray, peak: int = 0) -> Result:
    """The result with other rows and counts, and the metrics that they have."""
    ledger = Ledger(tuple(row.node for row in rows), result.ledger.columns, counts)
    before = result.metrics
    metrics = measure(
        sum(row.exposed_fs for row in rows),
        rows,
        ledger,
        result.energy,
        result.memories,
        peak_macs_per_s=(before.peak_tops or 0.0) / 2 * 1e12,
        area_mm2=before.area_mm2,
        peak_memory_bytes=peak or before.peak_memory_bytes,
    )
    memories = tuple(_more(memory, result.ledger, ledger) for memory in result.memories)
    return replace(
        result, metrics=metrics, rows=rows, ledger=ledger, memories=memories, fusion=Fusion(),
        stream=None, timeline=None, beside=None,
    )  # fmt: skip


def _more(memory: MemoryInfo, before: Ledger, now: Ledger) -> MemoryInfo:
    """What rows of a memory did, in proportion to its traffic."""
    if memory.hits is None or memory.misses is None or memory.conflicts is None:
        return memory
    bytes_ = [sum(each.total(memory.name, way) for way in ("read", "write")) for each in (before, now)]
    times = bytes_[1] / bytes_[0] if bytes_[0] else 1.0
    found = (round(count * times) for count in (memory.hits, memory.misses, memory.conflicts))
    hits, misses, conflicts = found
    return replace(memory, hits=hits, misses=misses, conflicts=conflicts)
