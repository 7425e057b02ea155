"""Charts over time as inline SVG: bars of what ran when, step areas of how much. All share one time axis.

Positions along time are per cent, so a chart is as wide as its place; stretching the place zooms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from simulator.report.figure import colour, linear_ticks, safe, svg
from simulator.report.rounding import decimal_scale, number

LANE, GAP = 18, 3
AREA = 120
#: Room above an area for the label of its limit.
HEAD = 18
#: A bar thinner than this share of the time is gathered with its neighbours.
THIN = 1 / 1600
#: Width in per cent below which no bar is drawn, so that it can be seen at all.
THINNEST = 0.12
#: Bars of one lane may lie over each other by this share of the time.
OVERLAP = 1 / 250
MOST_ROWS = 3
#: Width of a sign of a label, and the widths of a chart in pixels at which labels of each class show.
SIGN, ROOMS = 8.2, (("", 300), ("w1", 620), ("w2", 1000), ("wz", 9000))
FINER = 5


@dataclass(frozen=True)
class Piece:
    """A bar from ``start`` to ``end`` (s); ``share`` is for how much of that it is true."""

    start: float
    end: float
    colour: int
    title: str
    label: str = ""
    share: float = 1.0


def rows_of(pieces: Sequence[Piece], total: float) -> list[list[Piece]]:
    """Pieces in as few rows as keep them from hiding each other; beyond ``MOST_ROWS`` they are cut."""
    rows: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda each: (each.start, each.end)):
        ends = [row[-1].end for row in rows]
        free = [i for i, end in enumerate(ends) if end - piece.start <= total * OVERLAP]
        if not free and len(rows) < MOST_ROWS:
            rows.append([piece])
            continue
        row = rows[free[0] if free else ends.index(min(ends))]
        if piece.end > row[-1].end:
            row.append(replace(piece, start=max(piece.start, row[-1].end)))
    return rows


def gathered(row: Sequence[Piece], thin: float) -> list[Piece]:
    """Neighbours that are too thin to see as one piece, as long as nothing longer lies between them."""
    done: list[Piece] = []
    crowd: list[Piece] = []
    for piece in row:
        alone = piece.end - piece.start >= thin
        if crowd and (alone or piece.end - crowd[0].start >= thin):
            done.append(_crowd(crowd))
            crowd = []
        if alone:
            done.append(piece)
        else:
            crowd.append(piece)
    return [*done, _crowd(crowd)] if crowd else done


def _crowd(crowd: Sequence[Piece]) -> Piece:
    if len(crowd) == 1:
        return crowd[0]
    start, end = crowd[0].start, crowd[-1].end
    busy = sum((piece.end - piece.start) * piece.share for piece in crowd)
    longest = max(crowd, key=lambda piece: piece.end - piece.start)
    title = f"{len(crowd)} short ones, from {crowd[0].title} to {crowd[-1].title}"
    share = min(busy / (end - start), 1.0) if end > start else 1.0
    return Piece(start, end, longest.colour, title, "", share)


def bars(title: str, pieces: Sequence[Piece], total: float, coarse: float = 1.0) -> str:
    """Bars over time; ``coarse`` times thinner ones than usual are gathered."""
    body = []
    rows = rows_of(pieces, total)
    for j, row in enumerate(rows):
        body += [_bar(piece, j * (LANE + GAP), total) for piece in gathered(row, total * THIN * coarse)]
    return svg(title, max(len(rows), 1) * (LANE + GAP), body, "lane")


def _bar(piece: Piece, y: int, total: float) -> str:
    width = max(100 * (piece.end - piece.start) / total, THINNEST)
    x = min(100 * piece.start / total, 100 - width)
    faint = f' fill-opacity="{0.35 + 0.65 * piece.share:.2f}"' if piece.share < 0.99 else ""
    style = colour(piece.colour) + (" gap" if width > 0.3 else "")
    text = (
        f'<rect x="{x:.3f}%" y="{y}" width="{width:.3f}%" height="{LANE}" class="{style}"{faint}>'
        f"<title>{safe(piece.title)}</title></rect>"
    )
    need = len(piece.label) * SIGN + 6
    fits = next((name for name, room in ROOMS if piece.label and room * width / 100 >= need), None)
    if fits is not None:
        style = f"mid in {fits}".strip()
        at = f'x="{x + width / 2:.3f}%" y="{y + LANE - 5}" data-w="{width:.3f}" data-n="{need:.0f}"'
        text += f'<text {at} class="{style}">{safe(piece.label)}</text>'
    return text


@dataclass(frozen=True)
class Series:
    """Values per bin, in the unit of the chart without prefix."""

    name: str
    colour: int
    values: Sequence[float]


@dataclass(frozen=True)
class Area:
    """An area chart: its drawing, and numbers on its left as (text, pixels from the top)."""

    drawing: str
    numbers: tuple[tuple[str, float], ...]
    height: int


def areas(
    title: str,
    series: Sequence[Series],
    edges: Sequence[float],
    steps: Sequence[tuple[float, str]],
    *,
    limit: tuple[float, str] | None = None,
    marks: Sequence[float] = (),
) -> Area:
    """Stacked step areas over time.

    Parameters
    ----------
    title
        What a screen reader says.
    series
        From the bottom to the top.
    edges
        Ends of the bins in seconds.
    steps
        Values to write on the left, with their texts.
    limit
        A value for a line across, and its label.
    marks
        Instants in seconds for faint vertical lines.
    """
    largest = max(
        [*(sum(each) for each in zip(*(s.values for s in series), strict=True)), limit[0] if limit else 0.0]
    )
    total, scale = edges[-1], AREA / (largest or 1.0)
    body = [
        f'<line x1="0" x2="100%" y1="{HEAD + AREA - value * scale:.1f}" '
        f'y2="{HEAD + AREA - value * scale:.1f}" class="grid"/>'
        for value, _ in steps
    ]
    inner = [f'<path d="{"".join(f"M{1000 * at / total:.1f} 0V{AREA}" for at in marks)}" class="edge"/>']
    base = [0.0] * len(series[0].values)
    for each in series:
        top = [low + value for low, value in zip(base, each.values, strict=True)]
        inner.append(
            f'<path d="{_steps(base, top, edges, scale)}" class="{colour(each.colour)}">'
            f"<title>{safe(each.name)}</title></path>"
        )
        base = top
    view = f'viewBox="0 0 1000 {AREA}" preserveAspectRatio="none"'
    body.append(f'<svg y="{HEAD}" width="100%" height="{AREA}" {view}>{"".join(inner)}</svg>')
    if limit:
        y = HEAD + AREA - limit[0] * scale
        body.append(f'<line x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}" class="roof"/>')
        body.append(f'<text x="100%" y="{y - 5:.1f}" class="end halo">{safe(limit[1])}</text>')
    numbers = tuple((text, HEAD + AREA - value * scale) for value, text in steps)
    return Area(svg(title, HEAD + AREA + 1, body, "area"), numbers, HEAD + AREA + 1)


def _steps(low: Sequence[float], high: Sequence[float], edges: Sequence[float], scale: float) -> str:
    """Outline of the area between two step functions; empty bins are left out."""
    x = [f"{1000 * edge / edges[-1]:.1f}".removesuffix(".0") for edge in edges]
    lower, upper = (
        [f"{AREA - value * scale:.1f}".removesuffix(".0") for value in each] for each in (low, high)
    )
    path = []
    for filled, run in groupby(range(len(low)), key=lambda i: upper[i] != lower[i]):
        bins = list(run)
        if not filled:
            continue
        path.append(f"M{x[bins[0]]} {lower[bins[0]]}")
        for y, level in groupby(bins, key=upper.__getitem__):
            path.append(f"V{y}H{x[list(level)[-1] + 1]}")
        for y, level in groupby(reversed(bins), key=lower.__getitem__):
            path.append(f"V{y}H{x[list(level)[-1]]}")
        path.append("Z")
    return "".join(path)


def time_axis(total: float, quantity: str = "time") -> str:
    """Numbers and the unit below charts; finer ones show when the chart is stretched."""
    step, prefixed = decimal_scale(total, "s")
    ticks = linear_ticks(total, 8)
    distance = ticks[1] - ticks[0] if len(ticks) > 1 else total
    body = []
    for i in range(int(total / distance * FINER * (1 + 1e-9)) + 1):
        value, fine = i * distance / FINER, i % FINER != 0
        x = 100 * value / total
        if fine and x > 97:
            continue
        anchor = "end" if x > 97 else "mid" if x > 3 else ""
        style = f"{anchor} fine".strip() if fine else anchor
        shown = f' class="{style}"' if style else ""
        body.append(
            f'<line x1="{x:.3f}%" x2="{x:.3f}%" y1="0" y2="5" class="axis{" fine" if fine else ""}"/>'
        )
        body.append(f'<text x="{x:.3f}%" y="19"{shown}>{number(round(value / step, 9))}</text>')
    body.append('<line x1="0" x2="100%" y1="0" y2="0" class="axis"/>')
    body.append(f'<text x="100%" y="35" class="end quiet">{safe(quantity)} ({safe(prefixed)})</text>')
    return svg("Time axis", 40, body, "axis-x")
