"""Quantized networks: what types of weights and feature maps cost in accuracy, and what they save."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from simulator.base.files import fresh_folder
from simulator.base.yamlio import parse
from simulator.report import REPORTS
from simulator.report.figure import legend
from simulator.report.inference import Inference, inference, interval
from simulator.report.layout import folder_names
from simulator.report.page import fill
from simulator.report.palette import BLUE, GREEN, ORANGE, VIOLET
from simulator.report.placement import cores_used
from simulator.report.rounding import UNKNOWN, binary, number, percent, si
from simulator.report.scatter import Axis, Spot, scatter
from simulator.results.result import Result

#: Settings of a run that say how its network was quantized, and the words of a table.
PREFIX = "workload.quantize."
#: What the colours of dots say: types of weights.
COLOURS = {"int8": BLUE, "int4": ORANGE, "mixed": GREEN, "int16": VIOLET}


@dataclass(frozen=True)
class Point:
    """One way to quantize a network: its weights, feature maps, and how; and what came of it."""

    run: Inference
    weights: str
    activations: str
    how: str

    @property
    def colour(self) -> int:
        """Index of the colour of its weights."""
        return COLOURS.get("mixed" if "mixed" in self.weights else self.weights, VIOLET)

    @property
    def name(self) -> str:
        """In words."""
        return f"weights {self.weights}, maps {self.activations}{f', {self.how}' if self.how else ''}"


@REPORTS.register("quantization")
def draw(results: Sequence[Result], folder: Path) -> list[Path]:
    """Write ``quantization.html``, a page that stands alone; runs without labelled samples are left out."""
    folder = Path(folder)
    with fresh_folder(folder) as temporary:
        (temporary / "quantization.html").write_text(render(results), encoding="utf-8", newline="\n")
    return [folder / "quantization.html"]


def render(results: Sequence[Result]) -> str:
    """HTML text of the page: a section for each chip and network."""
    folders = folder_names(results)
    sections = []
    for chip, network in dict.fromkeys((result.chip, result.network) for result in results):
        mine = [i for i, r in enumerate(results) if (r.chip, r.network) == (chip, network)]
        labelled = [i for i in mine if results[i].metrics.accuracy is not None]
        chosen = [(i, point) for i in labelled if (point := point_of(results[i])) is not None]
        if not chosen:
            continue
        real = next((results[i] for i in labelled if point_of(results[i]) is None), None)
        points = [point for _, point in chosen]
        links = [f"{folders[i]}/report.html" if len(results) > 1 else "report.html" for i, _ in chosen]
        weights = dict.fromkeys("mixed" if "mixed" in p.weights else p.weights for p in points)
        sections.append(
            {
                "title": f"{network} on {chip}",
                "lead": _lead(points, real),
                "rows": _rows(points, links),
                "alone": _chart(points, real, steady=False),
                "steady": _chart(points, real, steady=True),
                "weights": legend([(COLOURS.get(each, VIOLET), f"weights {each}") for each in weights]),
                "said": _said(points, real),
            }
        )
    return fill("quantization.html.j2", {"sections": sections})


def point_of(result: Result) -> Point | None:
    """How the network of a result was quantized; None where its workload does not say."""
    settings = result.resolved.get("experiment", {}).get("set", {})
    asked = {k.removeprefix(PREFIX): v for k, v in settings.items() if k.startswith(PREFIX)}
    if not asked:
        return None
    weights, activations = str(asked.get("weights", "int8")), str(asked.get("activations", "int8"))
    method = str(asked.get("method", "minmax"))
    how = ["a scale per channel"] if str(asked.get("per_channel", "")).lower() == "true" else []
    how += [method] if method != "minmax" else []
    how += ["symmetric"] if str(asked.get("symmetric", "")).lower() == "true" else []
    if str(asked.get("rules", "[]")) not in ("", "[]"):
        stated = asked["rules"]
        rules = stated if isinstance(stated, list) else parse(f"rules: {stated}").data["rules"]
        weights = f"mixed: {weights} but for {', '.join(str(rule.get('node', '*')) for rule in rules)}"
        how += [_rule(rule) for rule in rules]
    return Point(inference(result), weights, activations, ", ".join(how))


def _rule(rule: Mapping[str, object]) -> str:
    """A rule in words: ``fc3 with weights int8 and maps int8``."""
    words = {"weights": "weights", "activations": "maps"}
    stated = [f"{words.get(key, key)} {value}" for key, value in rule.items() if key != "node"]
    return f"{rule.get('node', '*')} with {' and '.join(stated)}"


def _lead(points: Sequence[Point], real: Result | None) -> str:
    values = points[0].run.result.values
    labelled = values.labelled if values else 0
    source = f" of {values.source}" if values and values.source else ""
    text = f"Accuracy on {number(labelled or 0)} samples{source} that calibration did not see; batch 1."
    if real is not None and real.metrics.accuracy is not None:
        text += f" In real numbers the network is right on {percent(real.metrics.accuracy)}."
    return text


def _rows(points: Sequence[Point], links: Sequence[str]) -> list[dict[str, object]]:
    """Give a row per point: types, accuracy with its bounds, cost alone and back to back."""
    rows = []
    for j, (point, link) in enumerate(zip(points, links, strict=True), 1):
        run, values = point.run, point.run.result.values
        assert values is not None
        low, high = interval(values.correct or 0, values.labelled or 0)
        external = [memory.name for memory in run.result.memories if memory.external]
        moved = sum(sum(run.result.metrics.traffic_bytes.get(name, {}).values()) for name in external)
        steady = "–" if run.steady_s is None else si(run.steady_s, "s")
        joules = "–" if run.steady_s is None else UNKNOWN
        figures = [
            (percent(values.accuracy or 0.0), f"{100 * low:.1f} to {100 * high:.1f} %"),
            (" + ".join(cores_used(run.result.rows)) or "–", ""),
            (si(run.latency_s, "s"), ""),
            (run.text(run.energy_j, "J"), ""),
            (run.text(run.edp_js, "J·s"), ""),
            (binary(moved), ""),
            (steady, ""),
            (joules if run.steady_j is None else run.text(run.steady_j, "J"), ""),
        ]
        rows.append({"number": j, "point": point, "link": link, "figures": figures})
    return rows


def _chart(points: Sequence[Point], real: Result | None, *, steady: bool) -> str:
    """Accuracy over energy, with the points that no other beats joined; empty without energies."""
    spots = []
    for j, point in enumerate(points, 1):
        joules = point.run.steady_j if steady else point.run.energy_j if point.run.known else None
        share = point.run.result.metrics.accuracy
        if joules and share is not None:
            text = f"{point.name}: {percent(share)}, {point.run.text(joules, 'J')}"
            spots.append(Spot(joules, 100 * share, str(j), point.colour, text, not point.run.complete))
    if not spots:
        return ""
    known = [spot.y for spot in spots]
    line = None if real is None or real.metrics.accuracy is None else 100 * real.metrics.accuracy
    low = max(0.0, 2.0 * ((min(known) - 1) // 2))
    high = min(max([*known, line or 0.0]) + 2, 101.5)
    how = "back to back" if steady else "alone"
    return scatter(
        f"Accuracy over energy of one inference {how}", spots, Axis(f"energy of one inference, {how}", "J"),
        Axis("right answers", "%", False, low, high), front=True,
        level=None if line is None else (line, "real numbers"),
    )  # fmt: skip


def _said(points: Sequence[Point], real: Result | None) -> list[str]:
    """What a reader must know beside the figures."""
    values = points[0].run.result.values
    samples = values.labelled if values else 0
    said = [
        f"With {samples} samples one more or less is {percent(1 / max(samples or 1, 1))}; accuracies whose "
        "95 % bounds overlap are not told apart.",
        "An array multiplies at the wider of two types: weights of 4 bits with feature maps of 8 save memory "
        "and traffic; both of 4 bits also run at the rate of 4 bits.",
    ]
    if any(point.run.steady_s is not None for point in points):
        said.append(
            "Alone, weights are fetched from external memory for one inference, which is most of its energy. "
            "Back to back those that fit stay on the chip."
        )
    if any("mixed" in point.weights for point in points):
        said.append(
            "A rule is for the nodes that it names, all others have the row's own types; of several rules "
            "the last one wins."
        )
    return said
