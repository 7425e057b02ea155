"""Pictures of a spiking run: who spiked when, and which cores and links of the mesh were busy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from simulator.report.figure import colour, safe, svg
from simulator.report.palette import BLUE, ORANGE
from simulator.report.rounding import number, percent, si
from simulator.results.spiking import CoreRun, Spiking

#: Height of a row of the picture of activity, most of it in all.
ROW, MOST = 7, 340
#: Shades from the palest to the full colour, and from which share of the largest value on each is used.
SHADES = ((0.0, 0.18), (0.1, 0.38), (0.3, 0.6), (0.6, 1.0))
TILE = 54
GAP = 24


def activity(spiking: Spiking, edges: Sequence[float]) -> tuple[str, tuple[tuple[str, float], ...], int]:
    """Spikes of groups of neurons over time: drawing, names of populations on its left, height.

    ``edges`` are the ends of the bins in seconds. Shades are shares of the neurons of a group that spike in
    a step, relative to the highest of the picture.
    """
    groups, bins = spiking.activity.groups, spiking.activity.bins
    height = min(ROW * max(len(groups), 4), MOST)
    row = height / max(len(groups), 1)
    rates = [
        [count / ((end - first) * (last - begin)) for count, (begin, last) in zip(counts, bins, strict=True)]
        for counts, (first, end) in zip(spiking.activity.counts, groups, strict=True)
    ]
    most = max((max(each) for each in rates if each), default=0.0)
    paths = []
    for level, (_, solid) in enumerate(SHADES):
        cells = []
        for r, each in enumerate(rates):
            levels = [_level(rate, most) for rate in each]
            for level_of, run in groupby(range(len(bins)), key=levels.__getitem__):
                if level_of == level:
                    places = list(run)
                    x, end = edges[places[0]] / edges[-1], edges[places[-1] + 1] / edges[-1]
                    cells.append(f"M{1000 * x:.1f} {r * row:.1f}H{1000 * end:.1f}v{row:.1f}H{1000 * x:.1f}z")
        if cells:
            paths.append(f'<path d="{"".join(cells)}" class="{colour(BLUE)}" fill-opacity="{solid}"/>')
    view = f'viewBox="0 0 1000 {height}" preserveAspectRatio="none"'
    drawing = svg(
        "Spikes of groups of neurons over time",
        height,
        [f'<svg width="100%" height="{height}" {view}>{"".join(paths)}</svg>'],
        "lane",
    )
    return drawing, _names(spiking, row), height


def _level(rate: float, most: float) -> int:
    """Shade of a rate; -1 where there is nothing."""
    if rate <= 0:
        return -1
    return max(i for i, (least, _) in enumerate(SHADES) if rate >= least * most)


def _names(spiking: Spiking, row: float) -> tuple[tuple[str, float], ...]:
    """Population -> where its rows begin, those that lie too close left out."""
    found: list[tuple[str, float]] = []
    firsts = {first: r for r, (first, _) in enumerate(spiking.activity.groups)}
    begin = 0
    for each in spiking.populations:
        r = firsts.get(begin)
        begin += each.neurons
        if r is None:
            continue
        at = min(r * row + 8, len(spiking.activity.groups) * row - 6)
        if not found or at - found[-1][1] >= 15:
            found.append((each.name if len(each.name) <= 24 else f"{each.name[:23]}…", at))
    return tuple(found)


def chip_map(spiking: Spiking, latency_fs: int) -> str:
    """Tiles with their cores, shaded by how busy each was, and links as wide as their messages."""
    height = spiking.rows * (TILE + GAP)
    cores = {core.core: core for core in spiking.cores}
    most = max((_busy(core, latency_fs) for core in spiking.cores), default=0.0)
    placed = {(core.column, core.row): core.tile for core in spiking.cores}
    body = []
    for x in range(spiking.columns):
        for y in range(spiking.rows):
            body += _tile(x, y, placed.get((x, y)), cores, spiking, latency_fs, most)
    return svg("Tiles and cores by how busy they were", height, [*_links(spiking), *body], "lane")


def _busy(core: CoreRun, latency_fs: int) -> float:
    """Share of the run for which the busier side of a core worked."""
    return max(core.send_fs, core.receive_fs) / latency_fs if latency_fs else 0.0


def _tile(
    x: int,
    y: int,
    tile: int | None,
    cores: dict[int, CoreRun],
    spiking: Spiking,
    latency_fs: int,
    most: float,
) -> list[str]:
    """One tile: its cores in two rows, those without neurons empty."""
    wide, left, top = 100 / spiking.columns, 100 * x / spiking.columns, y * (TILE + GAP) + GAP / 2
    body = [
        f'<rect x="{left + 0.18 * wide:.3f}%" y="{top:.1f}" width="{0.64 * wide:.3f}%" height="{TILE}" '
        'class="edge" style="fill:var(--page)"/>'
    ]
    if tile is None:
        return body
    per_row = -(-spiking.cores_per_tile // 2)
    for i in range(spiking.cores_per_tile):
        core = cores.get(tile * spiking.cores_per_tile + i)
        at = left + (0.18 + 0.64 * (i % per_row) / per_row) * wide
        down, tall = top + (i // per_row) * TILE / 2, TILE / 2
        place = f'x="{at:.3f}%" y="{down:.1f}" width="{0.62 * wide / per_row:.3f}%" height="{tall - 2:.1f}"'
        if core is None:
            body.append(f'<rect {place} class="edge" style="fill:var(--page)"/>')
            continue
        busy = _busy(core, latency_fs)
        solid = 0.15 + 0.85 * busy / most if most else 0.15
        title = (
            f"core {core.core}, tile {core.tile} at {core.column}, {core.row}: busy {percent(busy)} of the "
            f"run; {core.neurons} neurons, {number(core.spikes)} spikes, {number(core.sops)} synaptic ops, "
            f"{number(core.messages_in)} messages in, {number(core.messages_out)} out"
        )
        shade = f'class="{colour(BLUE)}" fill-opacity="{solid:.2f}"'
        body.append(f'<rect {place} style="fill:var(--page)"/>')
        body.append(f"<rect {place} {shade}><title>{safe(title)}</title></rect>")
    return body


def _links(spiking: Spiking) -> list[str]:
    """Links that messages passed, side by side in both directions, wider the more they were."""
    most = max((link.messages for link in spiking.links), default=0)
    body = []
    for link in spiking.links:
        ahead = 1 if (link.to_column, link.to_row) > (link.column, link.row) else -1
        across = link.row == link.to_row
        x = [100 * (each + 0.5) / spiking.columns for each in (link.column, link.to_column)]
        y = [each * (TILE + GAP) + (GAP + TILE) / 2 for each in (link.row, link.to_row)]
        if across:
            y = [each + 4 * ahead for each in y]
        else:
            x = [each + 0.8 * ahead for each in x]
        width = 1 + 6 * link.messages / most
        title = (
            f"from tile {link.column}, {link.row} to {link.to_column}, {link.to_row}: "
            f"{number(link.messages)} messages"
        )
        ends = f'x1="{x[0]:.2f}%" y1="{y[0]:.1f}" x2="{x[1]:.2f}%" y2="{y[1]:.1f}"'
        stroke = f'stroke-width="{width:.1f}" stroke="var(--c{ORANGE})" stroke-opacity="0.75"'
        body.append(f"<line {ends} {stroke}><title>{safe(title)}</title></line>")
    return body


def rate_words(fs: int, latency_fs: int) -> str:
    """A time and its share of the run."""
    return f"{si(fs / 1e15, 's')} · {percent(fs / latency_fs)}" if latency_fs else si(fs / 1e15, "s")
