"""One task on chips of several kinds: accuracy, time, energy of one inference; what is not comparable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from simulator.base.files import fresh_folder
from simulator.report import REPORTS, normalised
from simulator.report.caveats import caveats, technology
from simulator.report.compare import omissions, titles, varied
from simulator.report.figure import Bar, Part, bar_chart, legend
from simulator.report.headline import Table
from simulator.report.inference import KINDS, Inference, inference, interval
from simulator.report.layout import folder_names
from simulator.report.page import fill
from simulator.report.palette import BLUE, GREEN, ORANGE, VIOLET, YELLOW
from simulator.report.picture import picture
from simulator.report.rounding import UNKNOWN, number, percent, si
from simulator.report.scatter import Axis, Spot, scatter
from simulator.results.normalise import Normalised
from simulator.results.result import Result

COLOURS = dict(zip(KINDS, (BLUE, VIOLET, GREEN, YELLOW), strict=True))
#: Parts of an energy: what they are, and their colours.
PARTS = (("on the chip", BLUE), ("power over time", YELLOW), ("external memory", ORANGE))
#: What ``cells`` gives.
COLUMNS = (
    "precision, process", "accuracy", "latency", "energy", "energy × delay", "mean power", "interval",
    "energy back to back",
)  # fmt: skip
#: What stands behind the number of a run for its inferences back to back.
STEADY = "s"


@REPORTS.register("families")
def draw(results: Sequence[Result], folder: Path) -> list[Path]:
    """Write ``families.html``, a page that stands alone, and its figure of energy over time as SVG."""
    folder = Path(folder)
    texts = {"families.html": render(results), "families.svg": drawn(results)}
    with fresh_folder(folder) as temporary:
        for name, text in texts.items():
            (temporary / name).write_text(text, encoding="utf-8", newline="\n")
    return [folder / name for name in texts]


def render(
    results: Sequence[Result],
    links: Sequence[str] | None = None,
    normals: Sequence[Normalised] = (),
    said: Sequence[str] = (),
) -> str:
    """HTML text of the page; ``links`` are the pages of the results [where ``write_report`` puts them].

    ``normals`` are the results at one node, where that was asked for, and ``said`` is what else is not
    comparable.
    """
    runs, names, order = inferences(results)
    if links is None:
        several = len(results) > 1
        links = [f"{folder}/report.html" if several else "report.html" for folder in folder_names(results)]
    links, normals = [links[i] for i in order], [normals[i] for i in order] if normals else []
    further = [normalised.inference_cells(normal) for normal in normals] or [[]] * len(runs)
    lost = normalised.not_comparable(normals, names) if normals else []
    return fill(
        "families.html.j2",
        {
            "task": task(results),
            "rows": [
                {"number": j, "name": name, "link": link, "kind": run.kind, "cells": cells(run) + more}
                for j, (run, name, link, more) in enumerate(zip(runs, names, links, further, strict=True), 1)
            ],
            "node": normalised.at(normals[0].node_nm) if normals else "",
            "how": normalised.how(normals[0].node_nm) if normals else [],
            "caveats": [*said, *caveats(runs, names, normals), *lost],
            "plane": _plane(runs, names),
            "right": _right(runs, names),
            "bars": [_latencies(runs, names), _energies(runs, names)],
            "at_node": normalised.chart(normals, _numbered(names), each=True) if normals else "",
            "kinds": legend([(COLOURS[kind], kind) for kind in KINDS if kind in [run.kind for run in runs]]),
            "parts": legend([(index, name) for name, index in PARTS]),
            "inside": inside(runs, names),
            "taken": [(name, run.note, _executed(run.result)) for run, name in zip(runs, names, strict=True)],
            "assumed": _where((r.assumptions for r in results), titles(results)),
            "omissions": omissions(results),
        },
    )


def drawn(results: Sequence[Result]) -> str:
    """Energy over latency of one inference of each result as an SVG file."""
    runs, names, _ = inferences(results)
    kinds = [(COLOURS[kind], kind) for kind in KINDS if kind in [run.kind for run in runs]]
    plane = _plane(runs, names)
    below = [
        "Dashed lines: equal energy × delay. Pale: a lower bound. s: inferences back to back, once steady."
    ]
    below += [
        f"{j}: {name}, {cells(run)[1][0]} right" if cells(run)[1][0] != "–" else f"{j}: {name}"
        for j, (run, name) in enumerate(zip(runs, names, strict=True), 1)
    ]
    wide = plane[: plane.index("</svg>") + len("</svg>")]
    return picture("Energy over latency of one inference", task(results), wide, kinds, below)


def inferences(results: Sequence[Result]) -> tuple[list[Inference], list[str], list[int]]:
    """One inference of each result, what each is called, and the index of its result; kind by kind."""
    found, settings = [inference(result) for result in results], varied(results)
    order = sorted(range(len(found)), key=lambda i: (KINDS.index(found[i].kind), i))
    return [found[i] for i in order], [_name(found[i], settings[i]) for i in order], order


def same_task(results: Sequence[Result]) -> bool:
    """Whether all results were tested on the same labelled samples."""
    asked = {(r.values.source, r.values.labelled) if r.values else ("", None) for r in results}
    return len(asked) == 1 and bool(next(iter(asked))[1])


def table(results: Sequence[Result]) -> Table:
    """One inference of each result as plain headers and rows, for the terminal."""
    runs, names, _ = inferences(results)
    rows = []
    for run, name in zip(runs, names, strict=True):
        figures = cells(run)
        texts = [
            f"{text} ({remark})" if remark and i < 2 else text for i, (text, remark) in enumerate(figures)
        ]
        rows.append([name, run.kind, *texts])
    return ["result", "kind", *COLUMNS], rows


def _numbered(names: Sequence[str]) -> list[str]:
    return [f"{j} {name}" for j, name in enumerate(names, 1)]


def task(results: Sequence[Result]) -> str:
    """What was asked of every chip, in a sentence."""
    values = results[0].values
    if not same_task(results) or values is None:
        return "The runs were not all given the same labelled samples."
    source, samples = values.source, values.labelled or 0
    return f"{number(samples)} labelled samples{f' of {source}' if source else ''}, the same for all."


def _name(run: Inference, settings: str) -> str:
    """Chip and network, with what tells it from other runs of them."""
    return f"{run.result.chip}, {run.result.network}{f' ({settings})' if settings else ''}"


def cells(run: Inference) -> list[tuple[str, str]]:
    """Figures of a row, each with a remark."""
    values, right, bounds = run.result.values, "–", ""
    if values is not None and values.labelled and values.correct is not None:
        low, high = interval(values.correct, values.labelled)
        right = percent(values.correct / values.labelled)
        bounds = f"{100 * low:.1f} to {100 * high:.1f} %"
    static = f"{percent(run.static_j / run.energy_j)} of it static" if run.energy_j else ""
    steady = ("–", "") if run.steady_s is None else (si(run.steady_s, "s"), "")
    joules = "–" if run.steady_s is None else UNKNOWN
    if run.steady_j is not None:
        joules = run.text(run.steady_j, "J")
    return [
        (run.result.precision, technology(run.result)),
        (right, bounds),
        (si(run.latency_s, "s"), ""),
        (run.text(run.energy_j, "J"), static if run.complete else "energy incomplete"),
        (run.text(run.edp_js, "J·s"), ""),
        (run.text(run.power_w, "W"), ""),
        steady,
        (joules, ""),
    ]


def _executed(result: Result) -> str:
    """What the samples were executed in."""
    if result.values is None:
        return "nothing was executed"
    return f"{number(result.values.samples)} samples, in the arithmetic of {result.values.profile}"


def _plane(runs: Sequence[Inference], names: Sequence[str]) -> str:
    """Energy over latency, with lines of equal products; back to back, energy over the interval."""
    spots = []
    for j, (run, name) in enumerate(zip(runs, names, strict=True), 1):
        points = [(str(j), run.latency_s, run.energy_j if run.known else None, "alone")]
        if run.result.stream is not None:
            points.append((f"{j}{STEADY}", run.steady_s or 0.0, run.steady_j, "back to back"))
        spots += [
            Spot(time, joules, label, COLOURS[run.kind],
                 f"{name}, {how}: {si(time, 's')}, {run.text(joules, 'J')}", not run.complete)
            for label, time, joules, how in points
            if time and joules
        ]  # fmt: skip
    return scatter(
        "Energy over latency of one inference, both logarithmic", spots,
        Axis("latency, or interval back to back", "s"), Axis("energy of one inference", "J"), products="J·s",
    )  # fmt: skip


def _right(runs: Sequence[Inference], names: Sequence[str]) -> str:
    """Accuracy over energy alone."""
    spots = []
    for j, (run, name) in enumerate(zip(runs, names, strict=True), 1):
        share = run.result.metrics.accuracy
        if share is not None and run.known and run.energy_j:
            text = f"{name}: {percent(share)}, {run.text(run.energy_j, 'J')}"
            spots.append(Spot(run.energy_j, 100 * share, str(j), COLOURS[run.kind], text, not run.complete))
    low = max(0.0, 5.0 * ((min((spot.y for spot in spots), default=0.0) - 5) // 5))
    return scatter(
        "Accuracy over energy of one inference", spots, Axis("energy of one inference, alone", "J"),
        Axis("right answers", "%", False, low, 102.0),
    )  # fmt: skip


def _latencies(runs: Sequence[Inference], names: Sequence[str]) -> tuple[str, str]:
    bars = [
        Bar(f"{j} {name}", si(run.latency_s, "s"), (Part(run.latency_s, COLOURS[run.kind], name),))
        for j, (run, name) in enumerate(zip(runs, names, strict=True), 1)
    ]
    return "Latency of one inference alone", bar_chart("Latency of one inference", bars, "latency", "s")


def _energies(runs: Sequence[Inference], names: Sequence[str]) -> tuple[str, str]:
    bars = []
    for j, (run, name) in enumerate(zip(runs, names, strict=True), 1):
        parts = [
            Part(joules, index, f"{name}, {what}: {si(joules, 'J')}")
            for (what, index), joules in zip(PARTS, (run.chip_j, run.static_j, run.memory_j), strict=True)
        ]
        bars.append(Bar(f"{j} {name}", run.text(run.energy_j, "J"), tuple(parts)))
    chart = bar_chart("Energy of one inference", bars, "energy, known part", "J")
    return "Energy of one inference alone", chart


def inside(runs: Sequence[Inference], names: Sequence[str]) -> Table:
    """What is in each energy."""
    headers = ["", "run", *(name for name, _ in PARTS), "energy unknown of"]
    rows = []
    for j, (run, name) in enumerate(zip(runs, names, strict=True), 1):
        figures = [si(joules, "J") if joules else "–" for joules in (run.chip_j, run.static_j, run.memory_j)]
        rows.append([str(j), name, *figures, ", ".join(run.unknown) or "nothing"])
    return headers, rows


def _where(said: Iterable[Sequence[str]], names: Sequence[str]) -> list[tuple[str, str]]:
    """Sentences, and in which results they are."""
    found: dict[str, list[str]] = {}
    for name, sentences in zip(names, said, strict=True):
        for sentence in sentences:
            found.setdefault(sentence, []).append(name)
    return [(text, "all" if len(who) == len(names) else ", ".join(who)) for text, who in found.items()]
