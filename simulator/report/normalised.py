"""Results at one technology node beside those as simulated: figures with their bands, and what stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from simulator.hw.scaling import WORDS
from simulator.report.figure import Bar, Part, bar_chart, legend
from simulator.report.headline import OF_MACS, Table, metric_text
from simulator.report.inference import Inference, inference, rows_of
from simulator.report.palette import BLUE, GREEN, GREY, ORANGE, VIOLET, WINE, YELLOW
from simulator.report.rounding import PREFIXES, UNKNOWN, exponent, metric_scale, number, percent
from simulator.results.ledger import Ledger
from simulator.results.normalise import LEAKAGE, Normalised, Share, normalise

#: Metrics that are brought to a node, and the columns of a table of them.
METRICS = ("energy_j", "tops_per_w", "area_mm2", "edp_js", "average_power_w")
_COLUMNS = ("energy", "efficiency", "area", "energy × delay", "average power")
_COLOURS = {"logic": BLUE, "SRAM": VIOLET, "wires": GREEN, LEAKAGE: YELLOW, WORDS["mixed"]: WINE}
#: Columns of compare.csv: kinds of things with factors of their own.
_FACTORS = {"logic": "logic", "sram": "SRAM", "wires": "wires", "mixed": WORDS["mixed"], "leakage": LEAKAGE}
#: A share of an energy that is named.
_SHARE = 0.005
_NM = 45


def at(node_nm: float) -> str:
    """A node as readers see it: ``7 nm``."""
    return f"{node_nm:g} nm"


def banded(each: Sequence[float], unit: str, mark: str = "") -> str:
    """Central value and its band: ``1.23 µJ (0.6 to 1.9)``; the value alone where there is no band."""
    power = exponent(each[1], unit) if unit else 0
    return _banded([value / 10.0**power for value in each], f"{PREFIXES[power]}{unit}", mark)


def _banded(each: Sequence[float], unit: str, mark: str) -> str:
    """Values as they are, with a unit; three digits where there is a band, which makes more of them idle."""
    low, central, high = (number(float(f"{value:.3g}")) for value in each)
    if low == high:
        return f"{mark}{number(float(f'{each[1]:.4g}'))} {unit}".rstrip()
    return f"{mark}{central} {unit}".rstrip() + f" ({low} to {high})"


def figure(normal: Normalised, name: str) -> str:
    """A metric at the node with its band; ``–`` where the result could not be brought there."""
    if normal.each is None or (name in OF_MACS and not normal.result.metrics.macs):
        return "–"
    text = metric_text(normal.result, name)
    values = [getattr(each.metrics, name) for each in normal.each]
    if text == UNKNOWN or any(value is None for value in values):
        return UNKNOWN
    times, unit = metric_scale(name, values[1])
    ends = [value * times for value in (min(values), values[1], max(values))]
    return _banded(ends, unit, "≥ " if text.startswith("≥") else "")


def table(normals: Sequence[Normalised], names: Sequence[str], references: Sequence[int]) -> Table:
    """Runs at the node as plain headers and rows."""
    node = at(normals[0].node_nm)
    now = [f"{column} at {node}" for column in _COLUMNS]
    first = ["result", "process", "energy as simulated", now[0], "against the reference"]
    headers = [*first, *now[1:], "factor"]
    rows = []
    for i, (normal, name) in enumerate(zip(normals, names, strict=True)):
        factor = "–" if normal.each is None else banded(normal.factor().each, "", "×")
        rows.append(
            [name, "not stated" if normal.was_nm is None else at(normal.was_nm),
             metric_text(normal.result, "energy_j"), figure(normal, METRICS[0]),
             _against(normal, normals[references[i]]), *(figure(normal, metric) for metric in METRICS[1:]),
             factor]
        )  # fmt: skip
    return headers, rows


def _against(normal: Normalised, base: Normalised) -> str:
    """Ratio of energies at the node; its band is that of both at the same end of theirs."""
    if normal is base:
        return ""
    both = [each.result.metrics.energy_complete for each in (normal, base)]
    if normal.each is None or base.each is None or not all(both) or normal.result.batch != base.result.batch:
        return "–"
    pairs = zip(normal.each, base.each, strict=True)
    ratios = [(a.metrics.energy_j or 0.0) / (b.metrics.energy_j or 1.0) for a, b in pairs]
    return banded((min(ratios), ratios[1], max(ratios)), "", "×")


def parts(normals: Sequence[Normalised], names: Sequence[str]) -> Table:
    """What each energy was spent in, and what became of it."""
    headers = ["result", "spent in", "share as simulated", "factor", "why it stays"]
    rows = []
    for normal, name in zip(normals, names, strict=True):
        if normal.each is None:
            rows.append([name, "–", "–", "–", normal.reason])
        whole = sum(share.was_j for share in normal.shares)
        for share in normal.shares:
            factor = "as it is" if share.kept else banded(share.factor.each, "", "×")
            rows.append([name, share.spent_in, percent(share.was_j / whole), factor, share.kept])
    return headers, rows


def how(node_nm: float) -> list[str]:
    """What was done to bring results to a node, a sentence or two each."""
    return [
        f"Energies, leakage and areas at {at(node_nm)} stand beside those as simulated. The energy of each "
        "action is scaled by what it is spent in: logic, SRAM of its capacity, wires, leakage. DRAM, what "
        "computes inside it and buses off the chip stay as they are.",
        "Beside or below a figure is its band: the least and the most that other methods and tables give, "
        "which disagree (silicon at 45 and 7 nm; Stillmaker and Baas). That is the band of the scaling "
        "alone; the figures that are scaled have bands of their own.",
        "Latency, clock, throughput and TOPS are not scaled: a clock is part of a design, which would have "
        "another in another process. Power and energy × delay are with the latency as simulated.",
    ]


def beside(normal: Normalised) -> str:
    """What follows for figures as simulated where the process differs from that of the reference."""
    if normal.each is None:
        return "Its figures are as simulated alone."
    node = at(normal.node_nm)
    return f"Ratios of figures as simulated are also of processes; energies at {node} stand beside them."


def not_comparable(normals: Sequence[Normalised], names: Sequence[str]) -> list[str]:
    """What was not brought to the node, or only in part, and why; a sentence each."""
    said: list[str] = []
    kept: dict[str, list[str]] = {}
    mixed: list[str] = []
    old: list[str] = []
    for normal, name in zip(normals, names, strict=True):
        node = at(normal.node_nm)
        if normal.each is None:
            said.append(f"{name} is not brought to {node}: {normal.reason}.")
            continue
        if normal.was_nm == normal.node_nm:
            continue
        whole = sum(share.was_j for share in normal.shares)
        stays = [share for share in normal.shares if share.kept and share.was_j / whole >= _SHARE]
        if stays:
            what = ", ".join(f"{share.spent_in} ({share.kept})" for share in stays)
            part = percent(sum(share.was_j for share in stays) / whole)
            kept.setdefault(what, []).append(f"{part} of the energy of {name}")
        mixed += [name] if any(share.spent_in == WORDS["mixed"] for share in normal.shares) else []
        scaled = any(not share.kept for share in normal.shares)
        old += [name] if scaled and max(normal.was_nm or 0.0, normal.node_nm) > _NM else []
    said += [f"Not scaled, and as simulated: {what}: {', '.join(who)}." for what, who in kept.items()]
    if mixed:
        said.append(
            f"The energy of an event of {', '.join(mixed)} is one figure for logic and SRAM, which scale "
            "differently: the band spans both."
        )
    if old:
        said.append(
            f"{', '.join(old)}: above 45 nm there is no silicon table; the central estimate there is that of "
            "single gates (Stillmaker and Baas), and the band is wide."
        )
    lost = [name for normal, name in zip(normals, names, strict=True) if _lost(normal)]
    if lost:
        said.append(
            "Energies back to back and of tokens are not brought to a node, as results hold no counts of "
            f"them alone: {', '.join(lost)}."
        )
    return said


def _lost(normal: Normalised) -> bool:
    """Whether a result has an energy that it holds no counts of."""
    one = normal.result
    moved = normal.each is not None and normal.was_nm != normal.node_nm
    streams = one.stream is not None and one.stream.energy_j is not None
    return moved and (streams or one.metrics.energy_per_token_j is not None)


def inferences(normal: Normalised) -> tuple[Inference, Inference, Inference] | None:
    """One inference at the node: low, central, high."""
    if normal.each is None:
        return None
    low, central, high = (inference(each) for each in normal.each)
    return low, central, high


def inference_table(normals: Sequence[Normalised], names: Sequence[str]) -> Table:
    """One inference of each result at the node as plain headers and rows, for the terminal."""
    node, rows = at(normals[0].node_nm), []
    for normal, name in zip(normals, names, strict=True):
        was, cells = inference(normal.result), inference_cells(normal)
        process = "not stated" if normal.was_nm is None else at(normal.was_nm)
        now = [f"{text} ({band})" if band else text for text, band in cells]
        rows.append([name, process, was.text(was.energy_j, "J"), *now])
    now = [f"{what} at {node}" for what in ("energy", "energy × delay")]
    return ["result", "process", "energy as simulated", *now], rows


def inference_cells(normal: Normalised) -> list[tuple[str, str]]:
    """Energy and energy × delay of one inference at the node, each with its band."""
    found = inferences(normal)
    if found is None:
        return [("–", normal.reason), ("–", "")]
    mark = "" if found[1].complete else "≥ "
    cells = []
    for name, unit in (("energy_j", "J"), ("edp_js", "J·s")):
        text = banded([getattr(each, name) for each in found], unit, mark) if found[1].known else UNKNOWN
        central, _, band = text.partition(" (")
        cells.append((central, band.rstrip(")")))
    return cells


def chart(normals: Sequence[Normalised], names: Sequence[str], each: bool = False) -> str:
    """Bars of the energies at the node by what they are spent in, with their bands; of one inference each."""
    bars, used = [], dict[str, int]()
    for normal, name in zip(normals, names, strict=True):
        if normal.each is None:
            bars.append(Bar(name, normal.reason, ()))
            continue
        ends = [found.metrics.energy_j or 0.0 for found in normal.each]
        text, shares = figure(normal, "energy_j"), normal.shares
        if each:
            ends = [inference(found).energy_j for found in normal.each]
            cells, shares = inference_cells(normal)[0], _shares_of_one(normal)
            text = f"{cells[0]} ({cells[1]})" if cells[1] else cells[0]
        used |= {_word(share): _colour(share) for share in shares}
        now = sum(share.was_j * share.factor.central for share in shares)
        parts = [(share, ends[1] * share.was_j * share.factor.central / now) for share in shares]
        pieces = [Part(j, _colour(s), f"{name}, {s.spent_in}: {banded((j, j, j), 'J')}") for s, j in parts]
        bars.append(Bar(name, text, tuple(pieces), span=(ends[0], ends[2]) if ends[0] < ends[2] else None))
    if not any(bar.parts for bar in bars):
        return ""
    drawn = bar_chart(chart_title(normals, each), bars, "energy, known part", "J")
    return drawn + legend([(colour, word) for word, colour in used.items()])


def chart_title(normals: Sequence[Normalised], each: bool) -> str:
    """What ``chart`` shows."""
    return f"Energy{' of one inference' if each else ''} at {at(normals[0].node_nm)}"


def _shares_of_one(normal: Normalised) -> tuple[Share, ...]:
    """Shares of the energy of inferences alone: teaching is not in them."""
    ledger, rows = normal.result.ledger, rows_of(normal.result)
    if len(rows) == len(ledger.nodes):
        return normal.shares
    some = Ledger(tuple(ledger.nodes[i] for i in rows), ledger.columns, ledger.counts[rows])
    return normalise(replace(normal.result, ledger=some), normal.node_nm).shares


def _word(share: Share) -> str:
    return "stays as it is" if share.kept else share.spent_in


def _colour(share: Share) -> int:
    return ORANGE if share.kept else _COLOURS.get(share.spent_in, GREY)


def record(normal: Normalised) -> dict[str, Any]:
    """Columns of compare.csv about a result at a node; what is not known is None."""
    found: dict[str, Any] = {
        "node_nm": normal.node_nm,
        "chip_node_nm": normal.was_nm,
        "not_normalised": normal.reason or None,
    }
    for name in METRICS:
        found |= _ends(f"node_{name}", [getattr(each.metrics, name) for each in normal.each or ()])
    ones = inferences(normal) or ()
    found |= _ends("node_inference_energy_j", [one.energy_j if one.known else None for one in ones])
    for column, spent_in in _FACTORS.items():
        mine = [s for s in normal.shares if s.spent_in == spent_in and not s.kept]
        was = sum(share.was_j for share in mine)
        each = [sum(s.was_j * s.factor.each[i] for s in mine) / was for i in range(3)] if was else []
        found |= _ends(f"factor_{column}", each)
    whole = sum(share.was_j for share in normal.shares)
    kept = sum(share.was_j for share in normal.shares if share.kept)
    found["kept_pct"] = 100 * kept / whole if whole else None
    return found


def _ends(name: str, each: Sequence[float | None]) -> dict[str, float | None]:
    """Three columns of a figure: least, central, most."""
    known = [value for value in each if value is not None]
    low, central, high = (min(known), known[1], max(known)) if len(known) == 3 else (None, None, None)
    return {f"{name}_low": low, name: central, f"{name}_high": high}
