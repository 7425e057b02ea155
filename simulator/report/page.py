"""The page of one result: one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from simulator.base.files import fresh_folder
from simulator.base.yamlio import dump
from simulator.report import REPORTS, table
from simulator.report.causes import draw_causes
from simulator.report.energy import (
    EnergySum,
    split_by_component,
    split_by_node,
    split_by_node_and_component,
    split_by_origin,
    unknown_actions,
)
from simulator.report.figure import Bar, Part, bar_chart, legend, strip
from simulator.report.groups import ledger_labels
from simulator.report.layout import folder_names
from simulator.report.matching import full, matching_words, operation_table
from simulator.report.matching import screen_lines as matching_figures
from simulator.report.memorymodel import beside_sentence, beside_table, finer, model_table
from simulator.report.palette import BOUNDS, COLOURS, MEMORIES, sheet
from simulator.report.placement import placement_table
from simulator.report.roofline import draw_roofline, roofline
from simulator.report.rounding import number, percent, si
from simulator.report.spiking import figures as spiking_figures
from simulator.report.stream import fusion_sentence, stream_figures, stream_title
from simulator.report.timeline import lane_colour, panels
from simulator.report.title import settings, title
from simulator.report.values import density_table, screen_lines
from simulator.results.result import NodeRow, Result

BUDGET_BYTES = 900_000
RESOLVED_CHARACTERS = 150_000
TOP_LAYERS = 12
#: How many times coarser figures get before layers are left out of the table.
COARSEST = 16
MOST_NAME_CHARACTERS = 44


@REPORTS.register("page")
def draw(results: Sequence[Result], folder: Path) -> list[Path]:
    """Write ``report.html`` for one result, ``<chip>__<network>/report.html`` for each of several."""
    folder = Path(folder)
    places = [Path(name) / "report.html" for name in folder_names(results)]
    if len(results) == 1:
        places = [Path("report.html")]
    with fresh_folder(folder) as temporary:
        for result, place in zip(results, places, strict=True):
            (temporary / place).parent.mkdir(exist_ok=True)
            (temporary / place).write_text(render(result), encoding="utf-8", newline="\n")
    return [folder / place for place in places]


def render(result: Result) -> str:
    """HTML text of the page of one result, less than 1 MB.

    A page that would be larger has coarser figures, then keeps the layers that cost most time and says so.
    """
    context = _context(result)
    rows = context["layers"][1]
    ranked = sorted(range(len(rows)), key=lambda i: -result.rows[i].exposed_fs)
    roof, colours = roofline(result), bound_colours(result)
    kept, grid = len(rows), 1
    while True:
        shown = [rows[i] for i in sorted(ranked[:kept])]
        figures = {"roofline": draw_roofline(roof, colours, grid), "rows": shown}
        figures |= panels(result, colours, float(grid))
        text = fill("page.html.j2", {**context, **figures})
        if len(text.encode()) <= BUDGET_BYTES or kept <= TOP_LAYERS:
            return text
        if grid < COARSEST:
            grid *= 2
        else:
            kept = kept * 2 // 3


def fill(template: str, values: Mapping[str, Any]) -> str:
    """Text of a template of this package with its values, everything escaped."""
    return str(_environment().get_template(template).render({**values, "colours": sheet()}))


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # late: costs 50 ms; lists need no page

    loader = FileSystemLoader(Path(__file__).parent)
    return Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def bound_colours(result: Result) -> dict[str, int]:
    """Index of the colour of each bound, the same on every page; external memories come first."""
    memories = sorted(result.memories, key=lambda memory: not memory.external)
    colours = {memory.name: index for memory, index in zip(memories, MEMORIES, strict=False)}
    return {memory.name: COLOURS for memory in memories} | colours | BOUNDS


def component_colours(result: Result, components: Sequence[str]) -> dict[str, int]:
    """Index of the colour of each component, as the bounds and the timeline have it where they show it.

    The others, and further cores of a kind, take what is left in the order given.
    """
    bounds = bound_colours(result)
    own = {memory.name: bounds[memory.name] for memory in result.memories if memory.external}
    label = ledger_labels(result)
    for lane in result.timeline.lanes if result.timeline else ():
        if lane.kind == "compute":
            own.setdefault(label.get(lane.unit, lane.unit), lane_colour(lane))
    colours: dict[str, int] = {}
    for component in components:
        if own.get(component, COLOURS) not in (COLOURS, *colours.values()):
            colours[component] = own[component]
    left = iter([index for index in range(COLOURS) if index not in colours.values()])
    return {component: colours[component] if component in colours else next(left, COLOURS)
            for component in components}  # fmt: skip


def _context(result: Result) -> dict[str, Any]:
    """Collect what the template shows, apart from what depends on its size."""
    layers = table.layer_table(result)
    resolved = dump(result.resolved)
    return {
        "result": result,
        "title": title(result),
        "settings": settings(result),
        "cards": table.headline(result),
        "stream": stream_figures(result),
        "stream_title": stream_title(result.stream) if result.stream else "",
        "fusion": fusion_sentence(result),
        "missing": [(name, number(count)) for name, count in unknown_actions(result)],
        "layers": layers,
        "numeric": [j for j, header in enumerate(layers[0]) if header not in table.TEXT_COLUMNS],
        "wide_from": next((j for j, header in enumerate(layers[0]) if header.startswith("energy")), 0) + 1,
        "name_length": min(MOST_NAME_CHARACTERS, max((len(row.node) for row in result.rows), default=0)),
        "metrics": table.metric_table(result),
        "components": table.component_table(result),
        "energies": table.energy_table(result),
        "memories": table.memory_table(result),
        "models": model_table(result),
        "finer": finer(result),
        "beside": beside_table(result),
        "beside_said": beside_sentence(result),
        "busy": table.busy_table(result),
        "executed": screen_lines(result),
        "matching": matching_figures(result),
        "matching_words": matching_words(result),
        "matching_full": full(result),
        "operations": operation_table(result),
        "spiking": spiking_figures(result),
        "things": "layers" if result.spiking is None else "populations",
        "densities": density_table(result),
        "placed": placement_table(result),
        "provenance": table.provenance_table(result),
        "resolved": resolved[:RESOLVED_CHARACTERS],
        "resolved_cut": len(resolved) > RESOLVED_CHARACTERS,
        "origins": _origins(result),
        "roof": roofline(result),
        **_time_figures(result),
        **draw_causes(result, TOP_LAYERS),
        **_energy_figures(result),
    }


def _origins(result: Result) -> list[tuple[str, str]]:
    """Origin of energy figures and the share of the known energy that rests on it."""
    shares = split_by_origin(result)
    total = sum(pj for _, pj in shares)
    return [(origin, percent(pj / total)) for origin, pj in shares] if total else []


def _time_figures(result: Result) -> dict[str, str]:
    """Where the time goes: in order of execution, by what bounds it, and the layers that cost most."""
    colours = bound_colours(result)
    spent: dict[str, int] = {}
    parts = []
    for row in result.rows:
        spent[row.bound] = spent.get(row.bound, 0) + row.exposed_fs
        seconds = row.exposed_fs / 1e15
        title = f"{row.node}: {si(seconds, 's')}, bound by {row.bound}"
        parts.append(Part(seconds, colours.get(row.bound, COLOURS), title))
    total_fs = sum(spent.values())
    order = sorted(spent, key=lambda bound: -spent[bound])

    def text(time_fs: int) -> str:
        return f"{si(time_fs / 1e15, 's')} · {percent(time_fs / total_fs)}"

    names = [
        (colours.get(bound, COLOURS), f"{bound} {text(spent[bound])}") for bound in order if spent[bound]
    ]
    ranked = sorted(range(len(parts)), key=lambda i: -parts[i].value)[:TOP_LAYERS]
    bars = [
        Bar(result.rows[i].node, text(result.rows[i].exposed_fs), (parts[i],), result.rows[i].op)
        for i in ranked
        if parts[i].value > 0
    ]
    if not bars:
        return {"time_strip": "", "time_legend": "", "time_bars": ""}
    return {
        "time_strip": strip("Exposed time of each layer in order of execution", parts, "time", "s"),
        "time_legend": legend(names),
        "time_bars": bar_chart("Layers with the most exposed time", bars, "exposed time", "s"),
    }


def _energy_figures(result: Result) -> dict[str, str]:
    """Energy of each component by action, and of the layers that need most by component."""
    split = split_by_component(result)
    colours = component_colours(result, [each.component for each in split])
    components = [
        Bar(
            each.component,
            table.energy_text(each.total),
            tuple(
                Part(pj / 1e12, colours[each.component], f"{each.component}.{action}: {si(pj / 1e12, 'J')}")
                for action, pj in sorted(each.actions, key=lambda pair: -(pair[1] or 0.0))
                if pj is not None
            ),
        )
        for each in split
    ]
    by_node = split_by_node_and_component(result)
    sums = split_by_node(result)
    layers = [
        _layer_bar(result.rows[i], sums[i], {name: float(pj[i]) for name, pj in by_node.items()}, colours)
        for i in sorted(range(len(sums)), key=lambda i: -(sums[i].pj or 0.0))[:TOP_LAYERS]
        if sums[i].pj
    ]
    known = [(colours[each.component], each.component) for each in split if each.total.pj is not None]
    return {
        "energy_bars": bar_chart("Energy of each component", components, "energy", "J") if layers else "",
        "energy_layers": bar_chart("Layers with the most energy", layers, "energy", "J") if layers else "",
        "energy_legend": legend(known),
    }


def _layer_bar(row: NodeRow, total: EnergySum, energies_pj: dict[str, float], colours: dict[str, int]) -> Bar:
    """Known energy of one layer stacked by component, in the order of the components' own chart."""
    parts = tuple(
        Part(energies_pj[name] / 1e12, index, f"{row.node}, {name}: {si(energies_pj[name] / 1e12, 'J')}")
        for name, index in colours.items()
    )
    return Bar(row.node, table.energy_text(total), parts, row.op)
