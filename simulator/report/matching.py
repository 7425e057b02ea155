"""Neurons that match patterns, for readers: what they hold, what they answered, what each operation takes."""

from __future__ import annotations

from simulator.report.headline import Table
from simulator.report.rounding import UNKNOWN, number, percent, si
from simulator.results.matching import Matching, Neurons, Operation
from simulator.results.result import Result

Figure = tuple[str, str, str]

_MODES = {
    "rce": "a neuron answers where its influence field holds the vector",
    "knn": "every neuron answers",
}


def screen_lines(result: Result) -> list[Figure]:
    """What the terminal shows as (label, value, remark); nothing where no neurons match patterns."""
    matching = result.matching
    if matching is None:
        return []
    held = result.values.neurons if result.values is not None else None
    lines = held_lines(held) if held is not None else [_sizes(matching)]
    return lines + [_line(operation) for operation in matching.operations]


def operation_table(result: Result) -> Table:
    """A row per sort of operation: how often, cycles, time and known energy of each and of all."""
    header = ["operation", "layer", "times", "cycles each", "time each", "energy each", "per second"]
    operations = () if result.matching is None else result.matching.operations
    return [*header, "cycles", "time", "energy"], [_row(each) for each in operations]


def matching_words(result: Result) -> str:
    """Which neurons, and how they answer, in a sentence."""
    matching = result.matching
    if matching is None:
        return ""
    chips = f"{matching.chips} chips in a chain" if matching.chips > 1 else "one chip"
    asked = f"; {matching.matches} answers are read per vector" if matching.matches > 1 else ""
    return (
        f"{matching.capacity} neurons on {chips} at {si(matching.clock_hz, 'Hz')} hear each vector of "
        f"{matching.components} components at the same time. Distance: {matching.norm}. "
        f"{matching.mode.upper()}: {_MODES[matching.mode]}{asked}."
    )


def full(result: Result) -> str:
    """Say that no neuron was free when one was wanted; "" where there always was."""
    held = result.values.neurons if result.values is not None else None
    if held is None or held.learning is None or not held.learning.refused:
        return ""
    return (
        f"All {held.capacity} neurons were committed: {held.learning.refused} of "
        f"{held.learning.taught} vectors taught wanted one more. A full network learns nothing."
    )


def _sizes(matching: Matching) -> Figure:
    return "Neurons", f"{matching.capacity}", f"{matching.norm}, {matching.mode.upper()}; none was executed"


def held_lines(held: Neurons) -> list[Figure]:
    """Neurons at the end, and what teaching and recognizing did, as (label, value, remark)."""
    degenerate = f", {held.degenerate} of them degenerate" if held.degenerate else ""
    share = percent(held.committed / held.capacity)
    lines = [
        ("Neurons committed", f"{held.committed} of {held.capacity}", f"{share} of all{degenerate}")
    ]
    if held.learning is not None:
        taught = held.learning
        epochs = ", ".join(str(count) for count in taught.committed)
        each = f"{epochs} epoch by epoch" if len(taught.committed) > 1 else epochs
        remark = f"neurons committed: {each}; influence fields shrank {taught.shrunk} times"
        lines.append(("Taught", f"{number(taught.taught)} vectors", remark))
        if taught.refused:
            remark = "wanted a neuron when none was free: a full network learns nothing"
            lines.append(("Network full", f"{taught.refused} vectors", remark))
    if held.recognition is not None:
        found = held.recognition
        vectors = found.identified + found.uncertain + found.unknown
        remark = (
            f"{found.identified} identified, {found.uncertain} uncertain (neurons that answer disagree), "
            f"{found.unknown} unknown (none answers)"
        )
        lines.append(("Recognized", f"{number(vectors)} vectors", remark))
    return lines


def _line(each: Operation) -> Figure:
    name = each.name[:1].upper() + each.name[1:]
    if not each.count:
        return name, "0 times", ""
    remark = f"{si(each.latency_s / each.count, 's')}, {_energy(each, each.count)} each; {each.count} times"
    return name, f"{number(each.each)} cycles", remark


def _energy(each: Operation, of: int) -> str:
    if each.energy_j is None:
        return UNKNOWN
    return f"{'' if each.complete else '≥ '}{si(each.energy_j / of, 'J')}"


def _row(each: Operation) -> list[str]:
    count = max(each.count, 1)
    rate = number(each.count / each.latency_s) if each.latency_s else UNKNOWN
    time = si(each.latency_s / count, "s")
    one = [number(each.each), time, _energy(each, count), rate]
    all_ = [number(each.cycles), si(each.latency_s, "s"), _energy(each, 1)]
    return [each.name, each.node, number(each.count), *one, *all_]
