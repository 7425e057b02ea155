"""A figure of a page as an SVG file that stands alone: its own colours, light and dark, title and legend."""

from __future__ import annotations

import re
from collections.abc import Sequence

from simulator.report.figure import colour, safe
from simulator.report.palette import sheet

#: Width of a picture, and what is around the figure, in pixels.
WIDTH, MARGIN = 880, 16
#: Height of the lines above the figure: title, what it shows, legend; and of those below.
TITLE, LINE = 26, 20
#: Pixels of a character of the legend.
CHARACTER = 7.0
_STYLE = """
text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;fill:var(--text)}
.title{font-size:16px;font-weight:650}.quiet{fill:var(--quiet)}.back{fill:var(--page)}
.mid{text-anchor:middle}.end{text-anchor:end}
.grid{stroke:var(--line)}.ridge{stroke:var(--quiet);stroke-dasharray:4 4}
.halo{paint-order:stroke;stroke:var(--page);stroke-width:4px;stroke-linejoin:round}
.spot{fill:#fff;font-size:12px;font-weight:650;
stroke:rgb(0 0 0/.55);stroke-width:2.5px;paint-order:stroke;stroke-linejoin:round}
.dot{stroke:var(--page);stroke-width:1px;fill-opacity:.85}.dot.faint{fill-opacity:.6}
.axis{stroke:var(--quiet)}.ring{fill:none;stroke:var(--text);stroke-width:1.5px}
.letter{font-weight:700;paint-order:stroke;stroke:var(--page);stroke-width:4px;stroke-linejoin:round}
.dot.open{fill-opacity:.45;stroke:var(--text);stroke-dasharray:3 2}
:root{--page:#fff;--line:#d9dde3;--text:#16191d;--quiet:#545d69}
@media (prefers-color-scheme:dark){:root{--page:#14171b;--line:#3a424c;--text:#e9ecf0;--quiet:#a9b2bd}}
"""


def picture(
    title: str, subtitle: str, drawing: str, legend: Sequence[tuple[int, str]], below: Sequence[str] = ()
) -> str:
    """Text of an SVG file.

    Parameters
    ----------
    title, subtitle
        Lines above the figure.
    drawing
        One SVG element of this package, as wide as its place.
    legend
        Colours and what they stand for.
    below
        Lines below the figure.
    """
    found = re.match(r'<svg [^>]*height="(\d+)"', drawing)
    assert found, "a drawing states its height"
    rows = _legend(legend)
    top = MARGIN + TITLE + LINE + LINE * (1 + max((row for row, _ in rows), default=-1)) + 8
    height = top + int(found[1]) + LINE * len(below) + MARGIN + 4
    body = [
        f'<rect class="back" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="{MARGIN}" y="{MARGIN + 14}">{safe(title)}</text>',
        f'<text class="quiet" x="{MARGIN}" y="{MARGIN + TITLE + 10}">{safe(subtitle)}</text>',
    ]
    for (row, x), (index, text) in zip(rows, legend, strict=True):
        y = MARGIN + TITLE + LINE * (row + 1) + 2
        body.append(f'<rect class="{colour(index)}" x="{x:.0f}" y="{y}" width="11" height="11" rx="2"/>')
        body.append(f'<text x="{x + 16:.0f}" y="{y + 10}">{safe(text)}</text>')
    body.append(f'<svg x="{MARGIN}" y="{top}" width="{WIDTH - 2 * MARGIN}">{drawing}</svg>')
    for i, line in enumerate(below):
        y = top + int(found[1]) + LINE * (i + 1)
        body.append(f'<text class="quiet" x="{MARGIN}" y="{y}">{safe(line)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-label="{safe(title)}"><style>{safe(sheet() + _STYLE)}</style>'
        f"{''.join(body)}</svg>\n"
    )


def _legend(entries: Sequence[tuple[int, str]]) -> list[tuple[int, float]]:
    """(row, place across) of each entry."""
    places, row, x = [], 0, float(MARGIN)
    for _, text in entries:
        width = 16 + CHARACTER * len(text) + 18
        if x + width > WIDTH - MARGIN and x > MARGIN:
            row, x = row + 1, float(MARGIN)
        places.append((row, x))
        x += width
    return places
