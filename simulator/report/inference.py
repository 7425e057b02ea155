"""One inference of a run, whatever chip ran it: its time, its energy, and what that energy holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt

from simulator.report.energy import prices_pj
from simulator.report.groups import ledger_labels
from simulator.report.rounding import UNKNOWN, si
from simulator.results.ledger import STATIC
from simulator.results.result import Result

#: Kinds of chips by what did the work.
NPU, PIM, SPIKING, MATCHING = "NPU", "NPU + PIM", "spiking", "pattern matching"
KINDS = (NPU, PIM, SPIKING, MATCHING)
#: Operations of neurons that match patterns which are an inference.
_RECOGNIZE = "Match"
#: Standard score of an interval that holds 95 of 100.
_SCORE = 1.959963984540054


@dataclass(frozen=True)
class Inference:
    """One inference.

    Attributes
    ----------
    result
        The run that it is of.
    kind
        Of ``KINDS``.
    latency_s
        Of one inference alone.
    chip_j, static_j, memory_j
        Known energy of what happens on the chip, of power over time (of memories as well), and of accesses to
        external memories.
    unknown
        ``component.action`` of what occurred and has no known energy.
    known
        Whether the energy of anything is known.
    note
        How it was taken from the run.
    steady_s, steady_j
        Of inferences back to back, once steady: from the end of one to the end of the next, and known energy
        of one. Weights that fit stay on the chip. None: not simulated.
    """

    result: Result
    kind: str
    latency_s: float
    chip_j: float
    static_j: float
    memory_j: float
    unknown: tuple[str, ...]
    known: bool
    note: str
    steady_s: float | None = None
    steady_j: float | None = None

    @property
    def complete(self) -> bool:
        """Whether the energy of everything that occurred is known."""
        return not self.unknown and self.result.metrics.energy_complete

    @property
    def energy_j(self) -> float:
        """Known energy."""
        return self.chip_j + self.static_j + self.memory_j

    @property
    def edp_js(self) -> float:
        """Energy x latency."""
        return self.energy_j * self.latency_s

    @property
    def power_w(self) -> float:
        """Mean power while it runs."""
        return self.energy_j / self.latency_s if self.latency_s else 0.0

    def text(self, value: float, unit: str) -> str:
        """An energy, or what follows from it, as readers should see it: ``≥`` where some of it is unknown."""
        return UNKNOWN if not self.known else f"{'' if self.complete else '≥ '}{si(value, unit)}"


def inference(result: Result) -> Inference:
    """One inference of a result: a sample of a batch, or one recognition of neurons that match patterns.

    Neurons keep what they were taught: back to back they do what they do alone.
    """
    rows, share, note = rows_of(result), 1.0 / max(result.batch, 1), "all of the run"
    latency_s = result.metrics.latency_s
    if result.batch > 1:
        note = f"energy of a batch of {result.batch}, by {result.batch}; latency of the batch"
    if result.matching is not None:
        asked = [each for each in result.matching.operations if _op(result, each.node) == _RECOGNIZE]
        count = sum(each.count for each in asked)
        if count:
            share, latency_s = 1 / count, sum(each.latency_s for each in asked) / count
            note = f"mean of {count} recognitions; teaching is not in it"
            alone = _taken(result, rows, share, latency_s, note)
            return replace(alone, steady_s=latency_s, steady_j=alone.energy_j if alone.known else None)
    if result.spiking is not None:
        latency_s *= share
        steps = (result.metrics.steps or 0) // max(result.batch, 1)
        note = f"mean of {result.batch} samples, one after the other, {steps} steps each"
    alone = _taken(result, rows, share, latency_s, note)
    if result.spiking is not None:
        return replace(alone, steady_s=latency_s, steady_j=alone.energy_j if alone.known else None)
    if result.stream is None:
        return alone
    joules, interval_s = result.stream.energy_j, result.stream.interval_fs / 1e15
    return replace(
        alone, steady_s=interval_s * share, steady_j=None if joules is None else joules * share
    )


def rows_of(result: Result) -> list[int]:
    """Rows of which inferences are: all, or of neurons that match patterns those in which they recognize."""
    asked = [i for i, row in enumerate(result.rows) if row.op == _RECOGNIZE]
    return asked if result.matching is not None and asked else list(range(len(result.rows)))


def _op(result: Result, node: str) -> str:
    return next((row.op for row in result.rows if row.node == node), "")


def _taken(result: Result, rows: Sequence[int], share: float, latency_s: float, note: str) -> Inference:
    """So much of some nodes' energy, split."""
    external = {memory.name for memory in result.memories if memory.external}
    label, unknown, known = ledger_labels(result), dict[str, None](), False
    joules = {"chip": 0.0, "static": 0.0, "memory": 0.0}
    counts = result.ledger.counts[list(rows)].sum(axis=0).tolist()
    for (component, action), pj, count in zip(result.ledger.columns, prices_pj(result), counts, strict=True):
        if not count:
            continue
        if pj is None:
            unknown[f"{label[component]}.{action}"] = None
            continue
        known = True
        part = "static" if action in STATIC else "memory" if component in external else "chip"
        joules[part] += pj * count * share * 1e-12
    return Inference(
        result, _kind(result), latency_s, joules["chip"], joules["static"], joules["memory"], tuple(unknown),
        known, note,
    )  # fmt: skip


def _kind(result: Result) -> str:
    if result.matching is not None:
        return MATCHING
    if result.spiking is not None:
        return SPIKING
    if any(result.ledger.total(memory.name, "pim_column") for memory in result.memories):
        return PIM
    return NPU


def interval(right: int, samples: int) -> tuple[float, float]:
    """Shares between which an accuracy lies with 95 % confidence (Wilson, JASA 22, 1927)."""
    if not samples:
        return 0.0, 1.0
    share, square = right / samples, _SCORE**2
    middle = (share + square / (2 * samples)) / (1 + square / samples)
    reach = sqrt(share * (1 - share) / samples + square / (4 * samples**2)) * _SCORE / (1 + square / samples)
    return middle - reach, middle + reach
