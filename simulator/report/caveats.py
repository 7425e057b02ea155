"""What figures of chips of several kinds do not say, told from the results alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from simulator.report.energy import split_by_origin
from simulator.report.inference import MATCHING, PIM, Inference
from simulator.report.normalised import at
from simulator.report.rounding import binary, number, percent
from simulator.results.normalise import Normalised
from simulator.results.result import Result

#: An origin of energy figures that carries at least this share is named.
SHARE = 0.01
#: Work that uses less than this of an array is called tiny.
TINY = 0.05
_CONVERSIONS = ("QuantizeLinear", "DequantizeLinear")


def caveats(
    runs: Sequence[Inference], names: Sequence[str], normals: Sequence[Normalised] = ()
) -> list[str]:
    """Say what is not comparable, a sentence or two each; ``names`` are those of the runs.

    ``normals`` are their results at one node, where that was asked for.
    """
    makers: tuple[Callable[[Sequence[Inference], Sequence[str]], str], ...] = (
        _tasks, _methods, _samples, partial(_nodes, normals), _weights, _memories, _size, _part_used,
        _precision, _conversions, _placed, _static, _unknown, _origins,
    )  # fmt: skip
    return [text for make in makers if (text := make(runs, names))]


def technology(result: Result) -> str:
    """Process node and year of a chip, as far as its file states them."""
    stated = result.resolved.get("chip", {}).get("technology", {})
    node, year = (
        each["value"] if isinstance(each, dict) else each for each in (stated.get("node"), stated.get("year"))
    )
    known = [str(each) for each in (node, year) if each not in (None, "unknown")]
    return ", ".join(known) or "not stated"


def _chips(found: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Property -> chips that have it, each once, from pairs of both."""
    grouped: dict[str, dict[str, None]] = {}
    for what, chip in found:
        grouped.setdefault(what, {})[chip] = None
    return {what: ", ".join(chips) for what, chips in grouped.items()}


def _tasks(runs: Sequence[Inference], names: Sequence[str]) -> str:
    """Whether all runs were asked the same."""
    found: dict[str, list[str]] = {}
    for run, name in zip(runs, names, strict=True):
        values = run.result.values
        asked = "no labelled samples"
        if values is not None and values.labelled:
            asked = (
                f"{number(values.labelled)} labelled samples of {values.source or 'a file without a name'}"
            )
        found.setdefault(asked, []).append(name)
    if len(found) < 2:
        return ""
    listed = "; ".join(f"{what}: {', '.join(who)}" for what, who in found.items())
    return (
        f"The runs do not all do the same task ({listed}). Figures of different tasks stand side by side and "
        "are not comparable."
    )


def _methods(runs: Sequence[Inference], names: Sequence[str]) -> str:
    """Accuracy is the method's."""
    if len({run.result.network for run in runs}) < 2 or _tasks(runs, names):
        return ""
    taught = " The neurons that match patterns were taught the training samples themselves."
    some = any(run.kind == MATCHING for run in runs)
    return (
        "Each kind of chip runs what it can. Accuracies are those of the methods with so few training "
        f"samples, not of the silicon.{taught if some else ''}"
    )


def _samples(runs: Sequence[Inference], names: Sequence[str]) -> str:
    samples = max((run.result.values.labelled or 0 for run in runs if run.result.values), default=0)
    if not samples:
        return ""
    return (
        f"With {samples} samples one more or less is {percent(1 / samples)}. Below an accuracy stand its "
        "95 % bounds: accuracies whose bounds overlap are not told apart."
    )


def _nodes(normals: Sequence[Normalised], runs: Sequence[Inference], names: Sequence[str]) -> str:
    found = _chips((technology(run.result), run.result.chip) for run in runs)
    if len(found) < 2:
        return ""
    listed = "; ".join(f"{node}: {chips}" for node, chips in found.items())
    scaled = "Nothing is scaled to one node."
    if normals:
        scaled = (
            f"Energies at {at(normals[0].node_nm)} stand beside those as simulated, times are not scaled."
        )
    return f"Processes and years differ ({listed}). {scaled} A chip without a year is no product."


def _weights(runs: Sequence[Inference], names: Sequence[str]) -> str:
    """Whose weights come from outside in every inference alone."""
    streams = [(run.result.chip, run.result.stream) for run in runs]
    kept = dict.fromkeys(chip for chip, stream in streams if stream and stream.resident_bytes)
    if not kept:
        return ""
    return (
        f"Alone, {', '.join(kept)} fetch their weights from external memory, once for one inference. Back to "
        "back these weights stay on the chip, as those of neurons always do: for such use compare the "
        "columns on the right."
    )


def _memories(runs: Sequence[Inference], names: Sequence[str]) -> str:
    """Which energies hold an external memory."""
    shares: dict[str, list[float]] = {}
    without: dict[str, None] = {}
    for run in runs:
        external = [memory for memory in run.result.memories if memory.external]
        stated = [m for m in external if any(e.component == m.name and e.pj for e in run.result.energy)]
        if not stated:
            without[run.result.chip] = None
            continue
        sizes = ", ".join(binary(memory.capacity_bytes or 0) for memory in stated)
        shares.setdefault(f"{run.result.chip} ({sizes}", []).append(_of_memory(run))
    if not shares or not without:
        return ""
    listed = ", ".join(f"{chip}, {_range(found)} of the energy alone)" for chip, found in shares.items())
    return (
        f"External memory is in the energy of {listed}. {', '.join(without)} hold all on the chip, and what "
        "brings them their inputs is not counted."
    )


def _range(shares: Sequence[float]) -> str:
    low, high = percent(min(shares)), percent(max(shares))
    return low if low == high else f"{low} to {high}"


def _of_memory(run: Inference) -> float:
    """Share of external memories in the known energy of a run, their power over time included."""
    external = {memory.name for memory in run.result.memories if memory.external}
    prices = {(entry.component, entry.action): entry.pj or 0.0 for entry in run.result.energy}
    sums = [0.0, 0.0]
    for component, action, count in run.result.ledger.totals():
        sums[component in external] += prices.get((component, action), 0.0) * count
    return sums[1] / sum(sums) if sum(sums) else 0.0


def _size(runs: Sequence[Inference], names: Sequence[str]) -> str:
    """How small the work is for chips that multiply."""
    found: dict[str, list[float]] = {}
    for run in runs:
        used = run.result.metrics.utilization
        if used and used < TINY and run.result.metrics.macs:
            found.setdefault(f"{run.result.network}, {number(run.result.metrics.macs)}", []).append(used)
    if not found:
        return ""
    shares = [share for each in found.values() for share in each]
    return (
        f"The work is tiny ({'; '.join(found)} multiplications) and uses {_range(shares)} of what arrays can "
        "do. Fill, latency and static power are most of it; nothing here tells how large networks compare."
    )


def _part_used(runs: Sequence[Inference], names: Sequence[str]) -> str:
    """How little of a spiking chip holds the network, all of which leaks."""
    found: dict[str, None] = {}
    for run in runs:
        spiking = run.result.spiking
        if spiking is not None and spiking.cores:
            cores = spiking.columns * spiking.rows * spiking.cores_per_tile
            found[f"{len(spiking.cores)} of {cores} cores of {run.result.chip}"] = None
    return f"{', '.join(found)} hold the network; the leakage is that of the whole chip." if found else ""


def _precision(runs: Sequence[Inference], names: Sequence[str]) -> str:
    found = _chips((run.result.precision, run.result.chip) for run in runs)
    if len(found) < 2:
        return ""
    listed = "; ".join(f"{kind}: {chips}" for kind, chips in found.items())
    return f"Arithmetic differs ({listed}): part of a difference in energy is that of the precision."


def _conversions(runs: Sequence[Inference], names: Sequence[str]) -> str:
    """Whose runs begin or end with real numbers."""
    found: dict[str, None] = {}
    for run in runs:
        spent = sum(row.exposed_fs for row in run.result.rows if row.op in _CONVERSIONS)
        if spent:
            found[f"{run.result.chip} ({percent(spent / 1e15 / run.result.metrics.latency_s)})"] = None
    if not found:
        return ""
    return (
        "Inputs and outputs of the quantized network are real numbers; converting them is part of the time "
        f"of {', '.join(found)}."
    )


def _placed(runs: Sequence[Inference], names: Sequence[str]) -> str:
    """Where a rule sent work into a memory against what the planner expects."""
    against = [
        run.result.chip
        for run in runs
        if run.kind == PIM
        and any(
            row.placed_by in ("rule", "pinned") and min(row.expected_fs.values()) < row.expected_fs[row.core]
            for row in run.result.rows
            if row.core in row.expected_fs
        )
    ]
    if not against:
        return ""
    return (
        f"A rule sent the work into the memory of {', '.join(dict.fromkeys(against))}. The planner expects "
        "the NPU to be faster: memories that compute pay where weights are large and used once."
    )


def _static(runs: Sequence[Inference], names: Sequence[str]) -> str:
    return (
        "Power over time (leakage, standby and refresh of memories) counts while an inference runs. A chip "
        "that waits for the next one goes on burning it."
    )


def _unknown(runs: Sequence[Inference], names: Sequence[str]) -> str:
    missing = [
        f"{name}: {', '.join(run.unknown)}" for run, name in zip(runs, names, strict=True) if run.unknown
    ]
    if not missing:
        return ""
    return (
        f"≥ marks lower bounds, where the energy of some actions is not known ({'; '.join(missing)}). They "
        "cannot be ranked against full figures."
    )


def _origins(runs: Sequence[Inference], names: Sequence[str]) -> str:
    """What kinds of figures energies rest on."""
    said: dict[str, str] = {}
    for run in runs:
        shares = split_by_origin(run.result)
        total = sum(pj for _, pj in shares)
        kept = [f"{percent(pj / total)} {origin}" for origin, pj in shares if total and pj / total >= SHARE]
        said.setdefault(run.result.chip, ", ".join(kept))
    listed = "; ".join(f"{chip}: {text}" for chip, text in said.items() if text)
    return f"Energies rest on figures of different kinds ({listed}); each chip's page has their bands."
