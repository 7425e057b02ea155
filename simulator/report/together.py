"""Why several cores of a kind are not so many times as fast: how many were busy, what kept the rest."""

from __future__ import annotations

from simulator.report.figure import Bar, Part, bar_chart, legend
from simulator.report.palette import BLUE, GREY
from simulator.report.rounding import number, percent, si
from simulator.results.result import Result
from simulator.results.timeline import Together

#: What a core that stands still waits for, by the cause that the layer of that time has.
WAITS = {
    "weight_wait": "waits for weights",
    "input_wait": "waits for inputs",
    "output_wait": "waits for results to be stored",
    "noc": "transfers held up by a bus or mesh",
    "sync": "waits for other layers",
}
ELSEWHERE, FEWER, REST = (
    "layers on other units",
    "layers cut for fewer cores",
    "uneven parts, filling and draining",
)


def idle_reasons(each: Together, result: Result) -> dict[str, float]:
    """Time in fs for which cores of a kind stood still, over what kept them, most first; core x time.

    The time of a run is that of its layers, one after the other, each for as long as it is exposed. While a
    layer runs on other units, that keeps all; a layer on some of the cores keeps the others; the rest is
    split as the exposed time of the layer is over its waits.
    """
    assert result.timeline is not None
    spans = [
        (start, end, busy / (end - start))
        for lane in result.timeline.lanes
        if lane.kind == "compute" and lane.unit in each.cores
        for start, end, busy in zip(lane.start_fs, lane.end_fs, lane.busy_fs, strict=True)
    ]
    kept: dict[str, float] = {}
    now = 0
    for row in result.rows:
        first, now = now, now + row.exposed_fs
        near = [(max(a, first), min(b, now), share) for a, b, share in spans if a < now and b > first]
        idle = max(len(each.cores) * row.exposed_fs - sum((b - a) * share for a, b, share in near), 0.0)
        used = sum(core in each.cores for core in row.core.split("+"))
        if idle and not used:
            kept[ELSEWHERE] = kept.get(ELSEWHERE, 0.0) + idle
            continue
        fewer = min(float((len(each.cores) - used) * row.exposed_fs), idle)
        waits = {WAITS[cause]: time for cause, time in row.exposed_causes_fs.items() if cause in WAITS}
        # a wait of the layer holds up the cores that it uses, no longer than they stood still
        total = sum(waits.values())
        waiting = min(float(used * total), idle - fewer)
        shares = {name: waiting * time / total for name, time in waits.items()} if total else {}
        for name, time in {FEWER: fewer, **shares, REST: idle - fewer - waiting}.items():
            kept[name] = kept.get(name, 0.0) + time
    return {name: kept[name] for name in sorted(kept, key=lambda name: -kept[name]) if kept[name] >= 1}


def together(each: Together, result: Result) -> dict[str, str]:
    """How many cores of a kind were busy at once, and what kept the others, as the template shows it."""
    assert result.timeline is not None
    total = result.timeline.end_fs / 1e15
    count = len(each.cores)
    mean = sum(n * time for n, time in enumerate(each.time_fs)) / (total * 1e15)
    parts, names = [], []
    for n, time in sorted(enumerate(each.time_fs), reverse=True):
        if time:
            word = "none" if n == 0 else f"all {count}" if n == count else str(n)
            shade, solid = (BLUE, 0.25 + 0.75 * n / count) if n else (GREY, 1.0)
            parts.append(Part(time / 1e15, shade, f"{word} busy: {si(time / 1e15, 's')}", solid))
            names.append((shade, f"{word} busy {percent(time / (total * 1e15))}"))
    bars = [Bar("busy at once", f"{number(round(mean, 2))} of {count}", tuple(parts))]
    for core, busy in zip(each.cores, each.busy_fs, strict=True):
        part = Part(busy / 1e15, BLUE, f"{core}: {si(busy / 1e15, 's')}")
        bars.append(Bar(core, percent(busy / (total * 1e15)), (part,)))
    reasons = idle_reasons(each, result)
    idle = sum(reasons.values())
    kept = ", ".join(f"{name} {percent(time / idle)}" for name, time in reasons.items() if time >= idle / 200)
    return {
        "title": f"Why {count} {each.kind} cores are not {count} times as fast",
        "said": f"On average {number(round(mean, 2))} of {count} were busy at once."
        + (f" What kept the others, of the time that they stood still: {kept}." if kept else ""),
        "legend": legend(names, [part.solid for part in parts]),
        "chart": bar_chart(f"Busy {each.kind} cores", bars, "time", "s", longest=total),
    }
