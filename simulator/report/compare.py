"""Several results side by side: absolute, relative to the first of their network, what cannot be compared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from simulator.base.files import fresh_folder
from simulator.report import REPORTS, normalised
from simulator.report.caveats import technology
from simulator.report.figure import Bar, Part, bar_chart
from simulator.report.headline import NEED_ENERGY, OF_MACS, Table, label, metric_text, missing_energy
from simulator.report.inference import inference
from simulator.report.memorymodel import model_words, row_words, short_models, ways
from simulator.report.page import fill
from simulator.report.rounding import binary, number, percent, si
from simulator.report.table import flat
from simulator.results.metrics import FORMULAS
from simulator.results.normalise import Normalised
from simulator.results.result import Result

#: Figures in the order of columns; the accuracy where any result has one.
COMPARED = (
    "accuracy",
    "latency_s",
    "throughput_per_s",
    "tops",
    "utilization",
    "energy_j",
    "external_bytes",
    "peak_memory_bytes",
    "average_power_w",
    "tops_per_w",
    "edp_js",
    "area_mm2",
)
PER_BATCH = ("latency_s", "throughput_per_s", "energy_j", "edp_js", "external_bytes", "peak_memory_bytes")
#: Whether more of it is faster.
RATES = {"latency_s": False, "throughput_per_s": True}
#: Rates and times that differ by less than this are the same.
HARDLY = 5e-5
#: What a figure of products reads where nothing is multiplied.
NOTHING = "–"
#: How a result names the energy of an action that it does not know.
_UNKNOWN_ENERGY = re.compile(r"energy of (\S+) is unknown")
EXTERNAL = "bytes read from and written to external memories"
CHARTS = {"latency_s": "s", "energy_j": "J"}
MOST_BARS = 40
MOST_DIFFERENCES = 60


@dataclass(frozen=True)
class Cell:
    """One figure: its text, its ratio to the reference (empty for that itself, ``–``: not comparable)."""

    text: str
    ratio: str


@REPORTS.register("compare")
def draw(results: Sequence[Result], folder: Path) -> list[Path]:
    """Write ``compare.html``, a page that stands alone."""
    folder = Path(folder)
    with fresh_folder(folder) as temporary:
        (temporary / "compare.html").write_text(render(results), encoding="utf-8", newline="\n")
    return [folder / "compare.html"]


def render(
    results: Sequence[Result],
    links: Sequence[str] = (),
    pages: Sequence[str] = (),
    normals: Sequence[Normalised] = (),
    said: Sequence[str] = (),
    before: Table | None = None,
    precision: str = "",
) -> str:
    """HTML text of the comparison.

    ``links`` are the pages of the results and ``pages`` further ones about all of them, and pictures, beside
    this one, where there are any. ``normals`` are the results at one node, where that was asked for, and
    ``said`` is what else is not comparable. ``before`` is a table of what results were before they were
    simulated again at a ``precision``.
    """
    names, reference = titles(results), references(results)
    order = sorted(range(len(results)), key=lambda i: (reference[i], i))
    rows = [
        {
            "name": names[i],
            "link": links[i] if links else "",
            "result": results[i],
            "first": reference[i] == i,
            "cells": cells(results[i], results[reference[i]], compared(results)),
        }
        for i in order
    ]
    return fill(
        "compare.html.j2",
        {
            "results": results,
            "pages": [(page, _called(page)) for page in pages],
            "rows": rows,
            "headers": [(_label(name), FORMULAS.get(name, EXTERNAL)) for name in compared(results)],
            "caveats": [*said, *caveats(results, normals)],
            "before": before,
            "precision": precision,
            "node": _node(normals, names, reference),
            "charts": _charts(results, names, order),
            "differences": differences(results),
            "models": models(results),
            "omissions": omissions(results),
        },
    )


def _node(
    normals: Sequence[Normalised], names: Sequence[str], reference: Sequence[int]
) -> dict[str, Any] | None:
    """What the page shows of the results at one node."""
    if not normals:
        return None
    each = _of_one([normal.result for normal in normals])
    return {
        "name": normalised.at(normals[0].node_nm),
        "title": normalised.chart_title(normals, each),
        "how": normalised.how(normals[0].node_nm),
        "table": normalised.table(normals, names, reference),
        "chart": normalised.chart(normals, names, each),
        "parts": normalised.parts(normals, names),
    }


def _called(page: str) -> str:
    """What a further page, or a picture, is called in a link."""
    path = PurePath(page)
    return path.stem.replace("_", " ") + ("" if path.suffix == ".html" else f" ({path.suffix[1:]})")


def comparison(results: Sequence[Result]) -> Table:
    """Comparison as plain headers and rows, for the terminal."""
    names, reference = titles(results), references(results)
    named = ["memory"] if models(results) else []
    rows = []
    for i, result in enumerate(results):
        found = cells(result, results[reference[i]], compared(results))
        figures = [f"{cell.text} ({cell.ratio})" if cell.ratio else cell.text for cell in found]
        told = [short_models(result)] if named else []
        rows.append([names[i], result.precision, str(result.batch), *told, *figures])
    return ["result", "precision", "batch", *named, *(_label(name) for name in compared(results))], rows


def titles(results: Sequence[Result]) -> list[str]:
    """``chip / network`` of each result, with the settings that tell repeated ones apart, else numbered."""
    seen: dict[str, int] = {}
    names = []
    for result, settings in zip(results, varied(results), strict=True):
        name = f"{result.chip} / {result.network}{f' ({settings})' if settings else ''}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def varied(results: Sequence[Result]) -> list[str]:
    """Of results of one chip and network, the overrides in which they differ: ``rows=16, cols=32``."""
    chosen = [dict(result.resolved.get("experiment", {}).get("set", {})) for result in results]
    alike: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for result, settings in zip(results, chosen, strict=True):
        alike.setdefault((result.chip, result.network), []).append(settings)
    texts = []
    for result, settings in zip(results, chosen, strict=True):
        group = alike[result.chip, result.network]
        keys = [key for key in settings if any(other.get(key) != settings[key] for other in group)]
        texts.append(", ".join(f"{key.rsplit('.', 1)[-1]}={settings[key]}" for key in keys))
    return texts


def references(results: Sequence[Result]) -> list[int]:
    """Index of what each result is compared with: the first result of the same network."""
    first: dict[str, int] = {}
    return [first.setdefault(result.network, i) for i, result in enumerate(results)]


def compared(results: Sequence[Result]) -> list[str]:
    """Names of the figures that are compared."""
    known = any(result.metrics.accuracy is not None for result in results)
    return [name for name in COMPARED if known or name != "accuracy"]


def cells(result: Result, reference: Result, names: Sequence[str]) -> list[Cell]:
    """Compare figures of a result with the reference."""
    return [Cell(_text(result, name), ratio(name, result, reference)) for name in names]


def ratio(name: str, result: Result, reference: Result) -> str:
    """How a figure compares with the reference: ``2.7x faster``, ``0.4 % slower``, ``×0.5``, ``the same``.

    ``–`` where that would mislead, empty for the reference itself.
    """
    if result is reference:
        return ""
    value, base = _value(result, name), _value(reference, name)
    complete = result.metrics.energy_complete and reference.metrics.energy_complete
    misleading = name in PER_BATCH and result.batch != reference.batch
    misleading = misleading or (name in NEED_ENERGY and not complete)
    if misleading or value is None or not base or _text(result, name) in ("unknown", NOTHING):
        return "–"
    times = value / base
    if name in RATES and times and abs(times - 1) >= HARDLY:
        quick = times if RATES[name] else 1 / times
        word, much = ("faster" if quick > 1 else "slower"), max(quick, 1 / quick)
        few = f"{much:.3g}" == "1"
        return f"{percent(much - 1) if few else number(float(f'{much:.3g}')) + 'x'} {word}"
    if f"{times:.3g}" == "1":
        return "the same"
    return f"×{number(float(f'{times:.3g}'))}"


def _value(result: Result, name: str) -> Any:
    """A figure of a result, with the bytes to and from all external memories beside its metrics."""
    if name != "external_bytes":
        return getattr(result.metrics, name)
    traffic = result.metrics.traffic_bytes
    return sum(sum(traffic.get(memory.name, {}).values()) for memory in result.memories if memory.external)


def _text(result: Result, name: str) -> str:
    if name == "external_bytes":
        return binary(_value(result, name))
    if name in OF_MACS and not result.metrics.macs:
        return NOTHING
    return metric_text(result, name)


def _label(name: str) -> str:
    return "External traffic" if name == "external_bytes" else label(name)


def caveats(results: Sequence[Result], normals: Sequence[Normalised] = ()) -> list[str]:
    """Say what cannot be compared, and why; a sentence each, with all results that it is about.

    ``normals`` are the results at one node, where that was asked for.
    """
    names, reference = titles(results), references(results)
    networks = list(dict.fromkeys(result.network for result in results))
    found: dict[tuple[str, str], list[str]] = {}
    for i, (name, result) in enumerate(zip(names, results, strict=True)):
        for differs, follows in _differs(result, results[reference[i]], normals[i] if normals else None):
            found.setdefault((differs, follows), []).append(name)
    said = []
    if len(networks) > 1:
        said.append(
            "Different networks do different work, so a result is compared with the first of its own network "
            f"only: {', '.join(networks)}."
        )
    others = [name for i, name in enumerate(names) if reference[i] != i]
    for (differs, follows), who in found.items():
        those = "All but the first" if who == others and len(networks) == 1 < len(who) else ", ".join(who)
        said.append(f"{those}: {differs}. {follows}".rstrip())
    return said + (normalised.not_comparable(normals, names) if normals else [])


def _differs(result: Result, base: Result, normal: Normalised | None) -> list[tuple[str, str]]:
    """In what a result differs from its reference, and what follows from that."""
    said = []
    if result.precision != base.precision:
        said.append(
            (
                f"precision {result.precision}, the reference {base.precision}",
                "Ratios compare different arithmetic, and accuracy may differ.",
            )
        )
    if result.values and base.values and result.values.profile != base.values.profile:
        said.append(
            (
                f"executed as {result.values.profile}, the reference as {base.values.profile}",
                "Accuracy compares different rounding.",
            )
        )
    if technology(result) != technology(base):
        said.append(
            (
                f"process {technology(result)}, the reference {technology(base)}",
                "Nothing is scaled to one node." if normal is None else normalised.beside(normal),
            )
        )
    if result.batch != base.batch:
        said.append(
            (
                f"batch {result.batch}, the reference {base.batch}",
                "Latency, throughput, energy and peak memory are those of one batch and are not compared.",
            )
        )
    if result.metrics.macs != base.metrics.macs and result.batch == base.batch:
        said.append(
            (
                f"{number(result.metrics.macs)} MACs, the reference {number(base.metrics.macs)}, "
                "though the network has the same name",
                "",
            )
        )
    if ways(result) != ways(base) and ways(result) and ways(base):
        said.append(
            (
                f"external memory known by {ways(result)}, the reference's by {ways(base)}",
                "Part of a difference may be that of the models.",
            )
        )
    missing = missing_energy(result)
    if missing:
        said.append((f"energy is a lower bound and is not compared ({missing})", ""))
    return said


def omissions(results: Sequence[Result]) -> list[tuple[str, str]]:
    """List what is not modelled, and in which of the results; energies that the same results lack as one."""
    names = titles(results)
    where: dict[str, list[str]] = {}
    for name, result in zip(names, results, strict=True):
        for omission in result.not_modelled:
            where.setdefault(omission, []).append(name)
    found: list[tuple[str, str]] = []
    energies: dict[str, list[str]] = {}
    for what, who in where.items():
        place = "all" if len(who) == len(results) else ", ".join(who)
        unknown = _UNKNOWN_ENERGY.fullmatch(what)
        if unknown is None:
            found.append((what, place))
        else:
            energies.setdefault(place, []).append(unknown[1])
    return [
        *found,
        *(
            (f"{'energies' if len(actions) > 1 else 'energy'} of {', '.join(actions)} "
             f"{'are' if len(actions) > 1 else 'is'} unknown", place)
            for place, actions in energies.items()
        ),
    ]  # fmt: skip


def models(results: Sequence[Result]) -> list[tuple[str, str, str, str]]:
    """List (result, external memory, how it was simulated, what its rows did); empty where all are alike."""
    found = [
        (name, memory.name, model_words(memory), row_words(memory))
        for name, result in zip(titles(results), results, strict=True)
        for memory in result.memories
        if memory.external
    ]
    return found if len({model for _, _, model, _ in found}) > 1 else []


def differences(results: Sequence[Result]) -> list[tuple[str, str, list[str]]]:
    """List (result, setting, [of the first, of this]) where results of one chip and network differ."""
    names = titles(results)
    first: dict[tuple[str, str], dict[str, str]] = {}
    found = []
    for name, result in zip(names, results, strict=True):
        settings = dict(flat("", result.resolved))
        base = first.setdefault((result.chip, result.network), settings)
        for key in dict.fromkeys([*base, *settings]):
            pair = [base.get(key, "–"), settings.get(key, "–")]
            if pair[0] != pair[1]:
                found.append((name, key, pair))
    return found[:MOST_DIFFERENCES]


def _of_one(results: Sequence[Result]) -> bool:
    """Whether bars are of one inference: where some run is of several."""
    return any(inference(result).latency_s != result.metrics.latency_s for result in results)


def _charts(results: Sequence[Result], names: Sequence[str], order: Sequence[int]) -> list[tuple[str, str]]:
    """Bars of the main figures, those that are known; of one inference where runs are of several."""
    charts: list[tuple[str, str]] = []
    networks = list(dict.fromkeys(result.network for result in results))
    runs = [inference(result) for result in results]
    each = _of_one(results)
    for name, unit in CHARTS.items():
        words = f"{label(name)} of one inference" if each else label(name)
        bars = []
        for i in order[:MOST_BARS]:
            value = runs[i].latency_s if name == "latency_s" else runs[i].energy_j
            text = si(value, unit) if name == "latency_s" else runs[i].text(value, unit)
            if not each:
                text, value = metric_text(results[i], name), getattr(results[i].metrics, name)
            part = Part(value or 0.0, networks.index(results[i].network), f"{names[i]}: {text}")
            bars.append(Bar(names[i], text, (part,) if text != "unknown" else ()))
        if any(part.value > 0 for bar in bars for part in bar.parts):
            charts.append((words, bar_chart(words, bars, label(name).lower(), unit)))
    return charts
