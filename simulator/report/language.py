"""Language models on several chips: tokens per second, energy per token, where time goes, who wins when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from simulator.base.files import fresh_folder
from simulator.report import REPORTS
from simulator.report.causes import NAMES
from simulator.report.compare import titles
from simulator.report.figure import Bar, Part, bar_chart, legend
from simulator.report.headline import Table, metric_text
from simulator.report.lines import Line, line_chart
from simulator.report.page import bound_colours, fill
from simulator.report.palette import CAUSES, COLOURS
from simulator.report.placement import cores_used, placement_table
from simulator.report.roofline import draw_roofline, roofline
from simulator.report.rounding import binary, number, percent, si
from simulator.results.result import MemoryInfo, Result

#: Sizes over which curves are drawn: setting -> what the axis says.
SIZES = {"batch": "sequences side by side (batch)", "prompt": "tokens in the cache (context)"}
#: How a sentence begins that every result has with figures of its own, and what stands for all of them.
OWN, STEPS = "decode steps are simulated", (
    "decode steps are simulated at a few contexts, on straight lines between; each result says how far off"
)
CURVES: dict[str, tuple[str, str]] = {
    "tokens_per_s": ("tokens per second, all sequences together", "/s"),
    "energy_per_token_j": ("energy per token", "J"),
}


@REPORTS.register("language_models")
def draw(results: Sequence[Result], folder: Path) -> list[Path]:
    """Write ``language_models.html``, a page that stands alone; results without tokens are left out."""
    folder = Path(folder)
    with fresh_folder(folder) as temporary:
        (temporary / "language_models.html").write_text(render(results), encoding="utf-8", newline="\n")
    return [folder / "language_models.html"]


def render(results: Sequence[Result]) -> str:
    """HTML text of the page."""
    named = {id(result): name for result, name in zip(results, titles(results), strict=True)}
    mine = [result for result in results if result.metrics.tokens_per_s is not None]
    models = []
    for network in dict.fromkeys(_model(result) for result in mine):
        of_network = [result for result in mine if _model(result) == network]
        chips = list(dict.fromkeys(_chip(result) for result in of_network))
        base = _base(of_network)
        models.append(
            {
                "name": network,
                "sizes": _sizes_words(base[0]),
                "figures": _figures(base),
                "time": _time(base),
                "roofs": [
                    (_chip(each), draw_roofline(roofline(_decode(each)), bound_colours(each), 3))
                    for each in base
                ],
                "placed": [
                    (_chip(each), table)
                    for each in base
                    if (table := placement_table(_decode(each)))[1]
                ],
                "curves": _curves(of_network, chips),
                "winners": _winners(of_network),
            }
        )
    return fill(
        "language_models.html.j2",
        {
            "models": models,
            "memories": _memories(mine),
            "assumed": _assumed(mine, named),
            "legend": legend([(CAUSES[cause], NAMES[cause]) for cause in CAUSES]),
            "chips": legend([(i, chip) for i, chip in enumerate(dict.fromkeys(_chip(r) for r in mine))]),
        },
    )


def setting(result: Result, name: str) -> int:
    """A size that a language model was run with."""
    return int(result.resolved.get("experiment", {}).get("args", {}).get(name, 0))


def _model(result: Result) -> str:
    """Name of the network, with the precision of its weights."""
    return f"{result.network}, {_arg(result, 'weights')} weights"


def _chip(result: Result) -> str:
    """Name of the chip, with what its rules switch off."""
    cores = result.resolved.get("chip", {}).get("mapping", {}).get("cores", {})
    off = [name for name, rule in cores.items() if rule == "off"]
    return f"{result.chip}, {' and '.join(off)} off" if off else result.chip


def _base(results: Sequence[Result]) -> list[Result]:
    """One result per chip: the sizes that most results share."""
    sizes = Counter(tuple(setting(result, name) for name in SIZES) for result in results)
    most = max(sizes, key=lambda size: (sizes[size], _whole(results, size)))
    found: dict[str, Result] = {}
    for result in results:
        if tuple(setting(result, name) for name in SIZES) == most:
            before = found.get(_chip(result))
            if before is None or (before.metrics.ttft_s is None and result.metrics.ttft_s is not None):
                found[_chip(result)] = result
    return list(found.values())


def _whole(results: Sequence[Result], size: tuple[int, ...]) -> int:
    """How many results of a size have the prompt simulated as well."""
    return sum(
        result.metrics.ttft_s is not None
        for result in results
        if tuple(setting(result, name) for name in SIZES) == size
    )


def _sizes_words(result: Result) -> str:
    return (
        f"prompt of {number(setting(result, 'prompt'))} tokens, {number(setting(result, 'generate'))} "
        f"generated, batch {number(setting(result, 'batch'))}, weights {_arg(result, 'weights')}, "
        f"activations {_arg(result, 'activations')}"
    )


def _arg(result: Result, name: str) -> str:
    return str(result.resolved.get("experiment", {}).get("args", {}).get(name, ""))


def _decode(result: Result) -> Result:
    """The result with the rows of its decode steps alone."""
    keep = [i for i, row in enumerate(result.rows) if not row.node.startswith("prefill/")]
    ledger = type(result.ledger)(
        tuple(result.ledger.nodes[i] for i in keep), result.ledger.columns, result.ledger.counts[keep]
    )
    return replace(result, rows=tuple(result.rows[i] for i in keep), ledger=ledger)


def _figures(results: Sequence[Result]) -> Table:
    """Headline figures of each chip, with what they are to the first."""
    headers = ["chip", "tokens/s", "", "energy per token", "", "time to first token", "DRAM per token",
               "products on", "KV cache", "memory in use"]  # fmt: skip
    first = results[0]
    rows = []
    for result in results:
        steps = _decode(result)
        tokens = max((setting(result, "generate") - 1) * setting(result, "batch"), 1)
        moved = sum(
            int(steps.ledger.per_node(memory.name, way).sum())
            for memory in result.memories
            if memory.external
            for way in ("read", "write")
        )
        done = cores_used(steps.rows)
        whole = sum(done.values()) or 1
        rows.append(
            [
                _chip(result),
                number(result.metrics.tokens_per_s or 0.0),
                _times(result, first, lambda r: r.metrics.tokens_per_s),
                metric_text(result, "energy_per_token_j"),
                _times(result, first, lambda r: r.metrics.energy_per_token_j),
                metric_text(result, "ttft_s") if result.metrics.ttft_s is not None else "–",
                binary(moved / tokens),
                ", ".join(f"{core} {percent(macs / whole)}" for core, macs in done.items()),
                metric_text(result, "kv_bytes"),
                metric_text(result, "peak_memory_bytes"),
            ]
        )
    return headers, rows


def _times(result: Result, first: Result, value: Callable[[Result], float | None]) -> str:
    mine, base = value(result), value(first)
    if result is first or not mine or not base:
        return ""
    return f"×{number(float(f'{mine / base:.3g}'))}"


def _memories(results: Sequence[Result]) -> Table:
    """What each chip's external memory is: size, channels, width, rates outside and inside."""
    headers = ["chip", "memory", "capacity", "channels", "data pins", "outside", "inside", "inside / outside"]
    seen: dict[str, list[str]] = {}
    for result in results:
        for memory in result.memories:
            if memory.external:
                seen.setdefault(_chip(result), [_chip(result), *_memory_row(memory)])
    return headers, list(seen.values())


def _memory_row(memory: MemoryInfo) -> list[str]:
    outside, inside = memory.bandwidth_bytes_per_s, memory.inside_bytes_per_s
    return [
        memory.model.split(":")[0],
        binary(memory.capacity_bytes) if memory.capacity_bytes else "unlimited",
        number(memory.channels),
        number(memory.data_bits),
        si(outside, "B/s") if outside else "unlimited",
        si(inside, "B/s") if inside else "–",
        number(inside / outside) if inside and outside else "–",
    ]


def _time(results: Sequence[Result]) -> str:
    """Bars of what the time of a token went to."""
    bars = []
    for result in results:
        rows = _decode(result).rows
        steps = max(setting(result, "generate") - 1, 1)
        spent = {
            cause: sum(row.exposed_causes_fs.get(cause, 0) for row in rows) / 1e15 / steps for cause in CAUSES
        }
        whole = sum(spent.values()) or 1.0
        parts = tuple(
            Part(time, CAUSES[cause], f"{NAMES[cause]} {si(time, 's')}, {percent(time / whole)}")
            for cause, time in spent.items()
            if time
        )
        bars.append(Bar(_chip(result), si(whole, "s"), parts))
    return bar_chart("What the time of a token goes to", bars, "time per token", "s")


def _curves(results: Sequence[Result], chips: Sequence[str]) -> list[tuple[str, str]]:
    """Charts over each size that varies, the other as most results have it."""
    charts = []
    for name, across in SIZES.items():
        series = _over(results, name)
        if len({x for points in series.values() for x in points}) < 2:
            continue
        for metric, (up, unit) in CURVES.items():
            lines = [
                Line(chip, chips.index(chip) if chips.index(chip) < COLOURS else COLOURS,
                     tuple((float(x), y) for x, each in sorted(points.items())
                           if (y := getattr(each.metrics, metric)) is not None))
                for chip, points in series.items()
            ]  # fmt: skip
            charts.append((f"{up} over {across}", line_chart(up, lines, across, up, unit)))
    return charts


def _over(results: Sequence[Result], name: str) -> dict[str, dict[int, Result]]:
    """Chip -> size -> result, of those whose other sizes are what most results have."""
    others = [other for other in SIZES if other != name]
    common = Counter(tuple(setting(result, other) for other in others) for result in results)
    most = common.most_common(1)[0][0]
    found: dict[str, dict[int, Result]] = {}
    for result in results:
        if tuple(setting(result, other) for other in others) == most:
            found.setdefault(_chip(result), {}).setdefault(setting(result, name), result)
    return found


def _winners(results: Sequence[Result]) -> Table:
    """For each size, which chip is first and by how much, in speed and in energy."""
    headers = ["sizes", "most tokens/s", "next", "least energy per token", "next"]
    rows = []
    for name in SIZES:
        series = _over(results, name)
        sizes = sorted({size for points in series.values() for size in points})
        if len(sizes) < 2:
            continue
        for size in sizes:
            there = [points[size] for points in series.values() if size in points]
            fast = sorted(there, key=lambda r: -(r.metrics.tokens_per_s or 0.0))
            frugal = sorted(
                (r for r in there if r.metrics.energy_complete and r.metrics.energy_per_token_j),
                key=lambda r: r.metrics.energy_per_token_j or 0.0,
            )
            rows.append([f"{name} {number(size)}", *_first_two(fast, "tokens_per_s"),
                         *_first_two(frugal, "energy_per_token_j")])  # fmt: skip
    return headers, rows


def _first_two(ranked: Sequence[Result], metric: str) -> list[str]:
    if not ranked:
        return ["–", "–"]
    best: float = getattr(ranked[0].metrics, metric)
    text = f"{_chip(ranked[0])}: {metric_text(ranked[0], metric)}"
    if len(ranked) < 2:
        return [text, "–"]
    second: float = getattr(ranked[1].metrics, metric)
    return [text, f"{_chip(ranked[1])}, ×{number(float(f'{second / best:.3g}'))}"]


def _assumed(results: Sequence[Result], named: dict[int, str]) -> list[tuple[str, str]]:
    """Sentences that results assume, and in which of them."""
    where: dict[str, list[str]] = {}
    for result in results:
        for sentence in result.assumptions:
            short = STEPS if sentence.startswith(OWN) else sentence
            where.setdefault(short, []).append(named[id(result)])
    return [
        (sentence, "all" if len(who) == len(results) else f"{len(who)}: {who[0]}" + ", ..." * (len(who) > 1))
        for sentence, who in where.items()
    ]

