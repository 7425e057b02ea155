"""A spiking run for readers: what a step's time goes to, who spiked, what cores and the mesh did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from simulator.report.energy import split_by_node
from simulator.report.figure import Bar, Part, bar_chart, legend, linear_ticks, strip
from simulator.report.headline import Table
from simulator.report.memorychart import Chart, written_values
from simulator.report.palette import BLUE, GREEN, GREY, TEAL, WINE, YELLOW
from simulator.report.rounding import decimal_scale, number, percent, si
from simulator.report.spikingmap import activity, chip_map, rate_words
from simulator.report.timechart import Series, areas, time_axis
from simulator.results.result import Result
from simulator.results.spiking import Spiking

SENDS, RECEIVES, WAITS, BARRIER = "sends", "receives", "waits", "barrier"
#: What a step's time goes to: colour, and what it means.
PARTS = {
    SENDS: (BLUE, "the slowest core updates its neurons and sends"),
    RECEIVES: (TEAL, "the slowest core receives and goes over synapses"),
    WAITS: (YELLOW, "messages on their way and in queues"),
    BARRIER: (WINE, "barrier: all tiles wait for each other"),
}
TIMINGS = {
    "simple": "the slowest core and the barrier; messages take no time",
    "detailed": "messages go through the mesh and its queues, in the order in which they are ready",
    "events": "every message and queue, event by event",
}
MOST_BARS = 10
MOST_OUTPUTS = 32


def step_parts(spiking: Spiking) -> dict[str, list[int]]:
    """Part -> fs of each step; they sum to its time."""
    columns = spiking.per_step
    sides = columns["slowest_side"]
    slow = columns["slowest_fs"]
    return {
        SENDS: [time if side == 0 else 0 for time, side in zip(slow, sides, strict=True)],
        RECEIVES: [time if side == 1 else 0 for time, side in zip(slow, sides, strict=True)],
        WAITS: [
            taken - time - spiking.barrier_fs for taken, time in zip(columns["time_fs"], slow, strict=True)
        ],
        BARRIER: [spiking.barrier_fs] * spiking.steps,
    }


def population_table(result: Result) -> Table:
    """A row per population: what it is, where it is, what it did, its share of time and energy."""
    spiking = result.spiking
    assert spiking is not None
    latency_fs = sum(row.exposed_fs for row in result.rows)
    joules = [energy.pj for energy in split_by_node(result)]
    time_step, time_unit = decimal_scale(max((row.exposed_fs / 1e15 for row in result.rows), default=0), "s")
    energy_step, energy_unit = decimal_scale(max((pj or 0.0 for pj in joules), default=0.0) / 1e12, "J")
    headers = [
        "population", f"exposed ({time_unit})", "share (%)", "bound", "op", "core", "tiles", "neurons",
        "spikes", "per step (%)", "synaptic ops", "messages", "hops", f"energy ({energy_unit})",
    ]  # fmt: skip
    rows = []
    for row, each, pj in zip(result.rows, spiking.populations, joules, strict=True):
        rate = each.spikes / (each.neurons * spiking.steps) if each.neurons else 0.0
        rows.append(
            [
                row.node,
                number(row.exposed_fs / 1e15 / time_step),
                number(round(100 * row.exposed_fs / latency_fs, 3)) if latency_fs else "0",
                row.bound,
                row.op,
                row.core,
                str(len(each.tiles)),
                number(each.neurons),
                number(each.spikes),
                number(round(100 * rate, 3)),
                number(each.sops),
                number(each.messages),
                number(each.hops),
                "unknown" if pj is None else number(pj / 1e12 / energy_step),
            ]
        )
    return headers, rows


def screen_lines(result: Result) -> list[tuple[str, str, str]]:
    """What the terminal shows besides the headline, as (label, value, remark)."""
    spiking = result.spiking
    if spiking is None:
        return []
    parts = {name: sum(times) for name, times in step_parts(spiking).items()}
    total = sum(parts.values())
    lines = [
        (f"  {percent(fs / total)}", si(fs / spiking.steps / 1e15, "s"), PARTS[name][1])
        for name, fs in parts.items()
        if fs
    ]
    messages = sum(spiking.per_step["messages"])
    hops = sum(spiking.hops())
    each = f"{number(hops / messages)} hops each, {number(hops)} hops" if hops else "none left its tile"
    each = each if messages else "none was sent"
    where = f"{len(spiking.tiles)} of {spiking.columns * spiking.rows} tiles; {slowest_words(spiking)}"
    return [
        ("Of a step's time", "", ""),
        *lines,
        ("Messages", number(messages), f"{each}; one message per spike and destination core"),
        ("Cores with neurons", str(len(spiking.cores)), where),
    ]


def slowest_words(spiking: Spiking) -> str:
    """Which core holds the others up, and how often."""
    sides = zip(spiking.per_step["slowest_core"], spiking.per_step["slowest_side"], strict=True)
    (core, side), times = Counter(sides).most_common(1)[0]
    doing = "receiving" if side else "sending"
    return f"core {core}, {doing}, is the slowest in {number(times)} of {number(spiking.steps)} steps"


def hint(result: Result) -> str:
    """One sentence: what most of the time goes to, and what to try."""
    spiking = result.spiking
    assert spiking is not None
    parts = {name: sum(times) for name, times in step_parts(spiking).items()}
    total = sum(parts.values())
    most = max(parts, key=lambda name: parts[name])
    said = f"{PARTS[most][1]}: {percent(parts[most] / total)} of the run's time"
    if most == BARRIER and len(spiking.tiles) == 1:
        return f"{said}; it is that of one tile already: steps with more work share it better"
    if most == BARRIER:
        return f"{said}; fewer tiles have a shorter one, and steps with more work share it better"
    if most == WAITS:
        return f"{said}; deeper queues (links.*.queue) or neurons nearer to their targets would help"
    used, there = len(spiking.tiles), spiking.columns * spiking.rows
    spread = f"; `--set mapping.tiles={min(2 * used, there)}` spreads the neurons" if used < there else ""
    pinned = any(each.placed_by == "network" for each in spiking.populations)
    off = " (with mapping.pins=off, since the network pins them)" if pinned and spread else ""
    return f"{said}; {slowest_words(spiking)}{spread}{off}"


def figures(result: Result) -> dict[str, Any] | None:
    """What the template shows; None where no spiking network ran."""
    spiking = result.spiking
    if spiking is None:
        return None
    latency_fs = sum(spiking.per_step["time_fs"])
    parts = step_parts(spiking)
    totals = {name: sum(times) for name, times in parts.items()}
    shown = [
        Part(fs / 1e15, PARTS[name][0], f"{PARTS[name][1]}: {rate_words(fs, latency_fs)}")
        for name, fs in totals.items()
    ]
    entries = [
        (PARTS[name][0], f"{PARTS[name][1]}: {rate_words(fs, latency_fs)}")
        for name, fs in totals.items()
        if fs
    ]
    messages, hops = sum(spiking.per_step["messages"]), sum(spiking.hops())
    busiest = max(spiking.links, key=lambda link: link.messages, default=None)
    return {
        "lead": _lead(spiking),
        "timing": TIMINGS[spiking.timing],
        "strip": strip("What the time of all steps goes to", shown, "time", "s"),
        "strip_legend": legend(entries),
        "slowest": slowest_words(spiking),
        "slow_bars": _slow_bars(spiking, latency_fs),
        "seconds": latency_fs / 1e15,
        "charts": _charts(spiking, parts),
        "axis": time_axis(latency_fs / 1e15),
        "chart_legend": legend(
            [(PARTS[name][0], PARTS[name][1]) for name in parts if totals[name]]
            + [(GREEN, "neurons that spike"), (GREY, "synaptic operations")]
        ),
        "map": chip_map(spiking, latency_fs),
        "messages": number(messages),
        "hops": number(hops),
        "hops_each": number(hops / messages) if messages else "0",
        "busiest": ""
        if busiest is None
        else f"tile {busiest.column}, {busiest.row} to tile {busiest.to_column}, {busiest.to_row}: "
        f"{number(busiest.messages)} messages",
        "cores": core_table(spiking, latency_fs),
        "outputs": _outputs(spiking),
    }


def _lead(spiking: Spiking) -> str:
    neurons = sum(each.neurons for each in spiking.populations if each.kind == "neuron")
    return (
        f"{number(spiking.steps)} time steps of {number(neurons)} neurons ({spiking.model}) on "
        f"{len(spiking.cores)} cores of {len(spiking.tiles)} tiles; {number(sum(spiking.per_step['fired']))} "
        f"spikes, {number(sum(spiking.sops()))} synaptic operations."
    )


def _slow_bars(spiking: Spiking, latency_fs: int) -> str:
    """Cores that were the slowest, by the time for which they were."""
    order = sorted(spiking.cores, key=lambda core: -core.decisive_fs)[:MOST_BARS]
    bars = [
        Bar(
            f"core {core.core}",
            rate_words(core.decisive_fs, latency_fs),
            (Part(core.decisive_fs / 1e15, BLUE, f"core {core.core}"),),
            f"tile {core.tile}, {core.neurons} neurons",
        )
        for core in order
        if core.decisive_fs
    ]
    return bar_chart("Cores by the time for which they held up all others", bars, "time", "s") if bars else ""


def _charts(spiking: Spiking, parts: dict[str, list[int]]) -> list[Chart]:
    """Charts over time: who spiked, time of a step, spikes, synaptic operations."""
    bins = spiking.activity.bins
    ends = [0]
    for fs in spiking.per_step["time_fs"]:
        ends.append(ends[-1] + fs)
    edges = [ends[first] / 1e15 for first, _ in bins] + [ends[-1] / 1e15]
    drawing, names, height = activity(spiking, edges)
    groups = f"{number(len(spiking.activity.groups))} groups of neighbouring neurons"
    charts = [Chart("Who spiked", f"{groups}, darker where more of them spike", drawing, height, names)]
    mean = {
        name: [sum(times[first:end]) / (end - first) / 1e15 for first, end in bins]
        for name, times in parts.items()
    }
    times = [Series(PARTS[name][1], PARTS[name][0], mean[name]) for name in parts]
    most = max(sum(each) for each in zip(*mean.values(), strict=True))
    average = si(ends[-1] / spiking.steps / 1e15, "s")
    charts.append(_chart("Time of a step", "s", times, edges, most, f"{average} on average"))
    neurons = sum(each.neurons for each in spiking.populations if each.kind == "neuron")
    fired = spiking.per_step["fired"]
    shares = [100 * sum(fired[first:end]) / ((end - first) * max(neurons, 1)) for first, end in bins]
    average = f"{percent(sum(fired) / (spiking.steps * max(neurons, 1)))} on average"
    charts.append(
        _chart("Neurons that spike", "%", [Series("spike", GREEN, shares)], edges, max(shares), average)
    )
    sops = spiking.sops()
    rates = [
        sum(sops[first:end]) / (b - a) if b > a else 0.0
        for (first, end), (a, b) in zip(bins, pairwise(edges), strict=True)
    ]
    average = f"{number(sum(sops) / spiking.steps)} per step on average"
    charts.append(
        _chart(
            "Synaptic operations",
            "SOP/s",
            [Series("synaptic operations", GREY, rates)],
            edges,
            max(rates),
            average,
        )
    )
    return charts


def _chart(
    caption: str, unit: str, series: Sequence[Series], edges: Sequence[float], most: float, note: str
) -> Chart:
    scale, prefixed = (1.0, unit) if unit == "%" else decimal_scale(most, unit)
    ticks = [tick for tick in linear_ticks(most / scale, 3) if tick]
    steps = [(tick * scale, number(round(tick, 9))) for tick in ticks]
    area = areas(f"{caption} over time", series, edges, steps)
    values = written_values([(each.name, [v / scale for v in each.values]) for each in series], prefixed)
    return Chart(f"{caption} ({prefixed})", note, area.drawing, area.height, area.numbers, values)


def core_table(spiking: Spiking, latency_fs: int) -> Table:
    """A row per core with neurons, those that held up the others first."""
    limits = spiking.limits
    headers = [
        "core", "tile", "at", "neurons", "axons in", "axons out", "synapse memory", "spikes", "synaptic ops",
        "messages in", "messages out", "sends for", "receives for", "the slowest for",
    ]  # fmt: skip

    def of(value: int, limit: str) -> str:
        most = limits[limit]
        return number(value) if most is None else f"{number(value)} · {percent(value / most)}"

    rows = [
        [
            str(core.core), str(core.tile), f"{core.column}, {core.row}", of(core.neurons, "neurons"),
            of(core.axons_in, "axons_in"), of(core.axons_out, "axons_out"),
            of(core.synapse_bytes, "synapse_bytes") + " B" * (limits["synapse_bytes"] is None),
            number(core.spikes), number(core.sops), number(core.messages_in), number(core.messages_out),
            rate_words(core.send_fs, latency_fs), rate_words(core.receive_fs, latency_fs),
            rate_words(core.decisive_fs, latency_fs),
        ]
        for core in sorted(spiking.cores, key=lambda core: -core.decisive_fs)
    ]  # fmt: skip
    return headers, rows


def _outputs(spiking: Spiking) -> Table | None:
    """Spikes of each output neuron, where there are few."""
    rows = [
        [name, str(i), number(count)]
        for name, counts in spiking.outputs.items()
        if len(counts) <= MOST_OUTPUTS
        for i, count in enumerate(counts)
    ]
    return (["output", "neuron", "spikes"], rows) if rows else None
