"""The headline figures of a result as text, with what a reader must know beside each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

from simulator.report.energy import EnergySum, split_by_component, unknown_actions
from simulator.report.rounding import UNKNOWN, binary, metric, number, percent, si
from simulator.results.ledger import STATIC
from simulator.results.metrics import FORMULAS
from simulator.results.result import Result

Table = tuple[list[str], list[list[str]]]

LABELS = {
    "latency_s": "Latency",
    "throughput_per_s": "Throughput",
    "ttft_s": "Time to first token",
    "tpot_s": "Time per token",
    "tokens_per_s": "Tokens",
    "accuracy": "Accuracy",
    "tops": "Achieved",
    "utilization": "Utilization",
    "steps": "Time steps",
    "step_s": "Time of a step",
    "spikes": "Spikes",
    "sops": "Synaptic operations",
    "sops_per_s": "Rate",
    "energy_per_sop_j": "Energy per SOP",
    "energy_j": "Energy",
    "energy_per_token_j": "Energy per token",
    "average_power_w": "Average power",
    "tops_per_w": "Efficiency",
    "tops_per_w_chip": "Efficiency of the chip",
    "edp_js": "Energy × delay",
    "area_mm2": "Area",
    "peak_memory_bytes": "Peak memory",
    "kv_bytes": "KV cache",
}
# What not every kind of run has: shown where there is a value; any other metric without one reads unknown.
OPTIONAL = (
    "ttft_s",
    "tpot_s",
    "tokens_per_s",
    "energy_per_token_j",
    "kv_bytes",
    "accuracy",
    "steps",
    "step_s",
    "spikes",
    "sops",
    "sops_per_s",
    "energy_per_sop_j",
)
#: What means nothing of a network without products.
OF_PRODUCTS = (
    "throughput_per_s", "tops", "utilization", "macs", "ops", "peak_tops", "tops_per_w", "tops_per_w_chip",
)  # fmt: skip
IN_THE_NOTES = ("macs", "ops", "peak_tops", "static_energy_j")
NO_SCALARS = ("energy_complete", "traffic_bytes")
#: More actions than these are not named on a card.
MOST_NAMED = 5
LOWER_BOUNDS = ("energy_j", "static_energy_j", "average_power_w", "energy_per_token_j")
#: What says nothing where nothing is multiplied.
OF_MACS = ("tops", "utilization", "tops_per_w", "tops_per_w_chip")
NEED_ENERGY = (*LOWER_BOUNDS, "tops_per_w", "tops_per_w_chip", "edp_js")


def metric_names(result: Result) -> list[str]:
    """Names of the scalar metrics that apply, headline ones first."""
    names = [field.name for field in fields(result.metrics) if field.name not in NO_SCALARS]
    order = [name for name in LABELS if name in names] + [name for name in names if name not in LABELS]
    order = [name for name in order if result.spiking is None or name not in OF_PRODUCTS]
    return [name for name in order if name not in OPTIONAL or getattr(result.metrics, name) is not None]


def label(name: str) -> str:
    """Name a metric for readers."""
    return LABELS.get(name, name.replace("_", " ").capitalize())


def metric_text(result: Result, name: str) -> str:
    """One metric with its unit; what rests on an unknown energy reads ``unknown`` or ``≥``, never 0."""
    value = getattr(result.metrics, name)
    if name not in LOWER_BOUNDS:
        return metric(name, value)
    actions = [pair for each in split_by_component(result) for pair in each.actions]
    if name == "static_energy_j":
        actions = [pair for pair in actions if pair[0] in STATIC]
    total = EnergySum.of(pj for _, pj in actions)
    if not actions or total.pj is None:
        return UNKNOWN
    complete = total.complete and (result.metrics.energy_complete or name == "static_energy_j")
    return metric(name, value) if complete else f"≥ {metric(name, value)}"


def headline(result: Result) -> list[tuple[str, str, str]]:
    """Headline figures as (label, value with unit, note)."""
    cards = [
        (label(name), metric_text(result, name), _note(result, name))
        for name in metric_names(result)
        if name not in IN_THE_NOTES and not (result.matching is not None and name in OF_MACS)
    ]
    external = [memory.name for memory in result.memories if memory.external]
    if external:
        traffic = [result.metrics.traffic_bytes.get(memory, {}) for memory in external]
        read, written = (sum(each.get(way, 0) for each in traffic) for way in ("read", "write"))
        note = f"{binary(read)} read, {binary(written)} written: {', '.join(external)}"
        cards.append(("External traffic", binary(read + written), note))
    return cards


def missing_energy(result: Result) -> str:
    """Sentence that names the actions that occurred without a known energy; empty if there are none."""
    missing = unknown_actions(result)
    if missing:
        return "left out, energy unknown: " + ", ".join(name for name, _ in missing)
    return "" if result.metrics.energy_complete else "incomplete; see what is not modelled"


def _note(result: Result, name: str) -> str:
    """Say what a reader must know beside the value."""
    metrics, missing = result.metrics, missing_energy(result)
    if name in NEED_ENERGY and not any(result.ledger.totals()):
        return "no action was counted"
    if name == "energy_j" and missing:
        count = len(unknown_actions(result))
        return (
            missing if count <= MOST_NAMED else f"{count} kinds of action left out, energy unknown: see below"
        )
    if name in NEED_ENERGY and missing and (name in LOWER_BOUNDS or getattr(metrics, name) is None):
        return "energy is incomplete"
    notes: dict[str, Callable[[], str]] = {
        "latency_s": lambda: (
            "of all operations, one after the other"
            if result.matching is not None
            else f"of all steps, timing {result.spiking.timing}"
            if result.spiking is not None
            else f"batch {result.batch}, {result.precision}"
        ),
        "throughput_per_s": lambda: (
            "1 / latency; that of each operation is with the neurons"
            if result.matching is not None
            else f"steady, of a stream of {result.stream.inferences}"
            if result.stream is not None
            else f"batches of {result.batch}: {number(result.batch * metrics.throughput_per_s)} samples/s"
            if result.batch > 1
            else "1 / latency"
        ),
        "tops": lambda: f"peak {metric('peak_tops', metrics.peak_tops)}",
        "utilization": lambda: f"{number(metrics.macs)} MACs done",
        "energy_j": lambda: f"of which static {metric_text(result, 'static_energy_j')}",
        "accuracy": lambda: (
            f"{result.values.correct} of {result.values.labelled} labelled samples"
            + (": their nearest answer" if result.matching is not None else "")
            if result.values
            else ""
        ),
        "tops_per_w": lambda: "chip and external memories, static included",
        "area_mm2": lambda: "" if metrics.area_mm2 else "the chip states none",
        "tops_per_w_chip": lambda: "without external memories",
        "peak_memory_bytes": lambda: (
            "vectors and answers with the host, and what the neurons hold"
            if result.matching is not None
            else "synapses on all cores"
            if result.spiking is not None
            else "weights + activations alive at once"
        ),
        "steps": lambda: "",
        "step_s": lambda: "mean" + ("" if result.spiking is None else _simple_words(result)),
        "spikes": lambda: "" if result.spiking is None else _rate_words(result),
        "sops": lambda: f"{number((metrics.sops or 0) / max(metrics.steps or 1, 1))} per step",
        "sops_per_s": lambda: "synaptic operations / latency",
        "energy_per_sop_j": lambda: _dynamic_words(result),
    }
    return notes[name]() if name in notes else FORMULAS.get(name, "")


def _simple_words(result: Result) -> str:
    """Time of a step by the slowest core and the barrier alone, where another timing was taken."""
    spiking = result.spiking
    if spiking is None or spiking.timing == "simple":
        return ""
    return f"; {si(spiking.simple_fs / spiking.steps / 1e15, 's')} if messages took no time"


def _rate_words(result: Result) -> str:
    populations = result.spiking.populations if result.spiking is not None else ()
    neurons = sum(each.neurons for each in populations if each.cores)
    steps = result.metrics.steps or 1
    return f"{percent((result.metrics.spikes or 0) / (steps * max(neurons, 1)))} of the neurons in a step"


def _dynamic_words(result: Result) -> str:
    metrics = result.metrics
    if metrics.energy_j is None or not metrics.sops:
        return ""
    dynamic = metrics.energy_j - (metrics.static_energy_j or 0.0)
    return f"everything included; {si(dynamic / metrics.sops, 'J')} without static power"


def metric_table(result: Result) -> Table:
    """Every scalar metric: name, value with unit, definition."""
    rows = [[name, metric_text(result, name), FORMULAS.get(name, "")] for name in metric_names(result)]
    complete = "yes" if result.metrics.energy_complete else "no"
    rows.append(["energy_complete", complete, missing_energy(result)])
    return ["metric", "value", "definition"], rows
