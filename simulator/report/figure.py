"""Bar charts as inline SVG whose widths are percentages: they fit a phone and text keeps its size.

Colours are classes (``c0`` to ``c7``, ``cx`` for the rest) that the style sheet of the page defines for light
and dark.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from posixpath import commonprefix
from xml.sax.saxutils import escape

from simulator.report.palette import COLOURS
from simulator.report.rounding import decimal_scale, number

ROW = 40
THINNEST = 500
THIN_PERCENT = 0.6
# The style sheet shows one of them, by the width of the screen.
LABEL_CHARACTERS = {"wide": 54, "slim": 30}
# XML 1.0 forbids these characters even when escaped.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Part:
    """A piece of a bar: its value in the unit of the chart, the index of its colour, its name, how solid."""

    value: float
    colour: int
    title: str
    solid: float = 1.0


@dataclass(frozen=True)
class Bar:
    """A labelled bar; ``text`` is its value as the reader should see it, ``about`` goes with the label.

    ``span`` is between which values the end of the bar lies.
    """

    label: str
    text: str
    parts: tuple[Part, ...]
    about: str = ""
    span: tuple[float, float] | None = None


def safe(text: object) -> str:
    """Text for XML: markup and quotes escaped, characters that XML forbids replaced."""
    return escape(_FORBIDDEN.sub("\ufffd", str(text)), {'"': "&quot;", "'": "&#39;"})


def shorten(text: str, length: int, shared: int = 0) -> str:
    """Keep the ends of a long name; a sign stands for its first ``shared`` characters, common to all."""
    if len(text) > length and shared > 1:
        text = f"…{text[shared:]}"
    keep = (length - 1) // 2
    return text if len(text) <= length else f"{text[:keep]}…{text[-keep:]}"


def colour(index: int) -> str:
    """Class of a colour; what is past the palette shares one."""
    return f"c{index}" if index < COLOURS else "cx"


def linear_ticks(largest: float, most: int = 5) -> list[float]:
    """Round numbers from 0 to at most ``largest``, ``most`` + 1 of them at most."""
    if largest <= 0:
        return [0.0]
    step = 10.0 ** math.floor(math.log10(largest))
    steps = [step * factor for factor in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)]
    chosen = next(step for step in steps if largest / step <= most)
    return [index * chosen for index in range(math.floor(largest / chosen * (1 + 1e-9)) + 1)]


def svg(title: str, height: int, body: Sequence[str], kind: str) -> str:
    """Make an SVG element as wide as its place and ``height`` pixels high."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{kind}" role="img" aria-label="{safe(title)}" '
        f'width="100%" height="{height}">{"".join(body)}</svg>'
    )


def bar_chart(title: str, bars: Sequence[Bar], quantity: str, unit: str, longest: float = 0.0) -> str:
    """Horizontal stacked bars, each below its label, over a common axis.

    Parameters
    ----------
    title
        What a screen reader says.
    bars
        Values in ``unit`` without prefix.
    quantity, unit
        For the axis, such as ``energy`` and ``J``.
    longest
        The axis reaches at least this far.
    """
    largest = max([longest, *(sum(part.value for part in bar.parts) for bar in bars)])
    largest = max([largest, *(bar.span[1] for bar in bars if bar.span)])
    body, bottom = [], len(bars) * ROW + 4
    shared = _shared([bar.label for bar in bars])
    body += _axis(largest, bottom, quantity, unit)
    for row, bar in enumerate(bars):
        y = row * ROW
        for style, length in LABEL_CHARACTERS.items():
            name = shorten(bar.label, length, shared)
            whole = f"<title>{safe(bar.label)}</title>"
            room = bar.about and len(name) + len(bar.about) < length
            about = f'<tspan class="quiet" dx="6">{safe(bar.about)}</tspan>' if room else ""
            body.append(f'<text x="0" y="{y + 15}" class="{style}">{safe(name)}{about}{whole}</text>')
        body.append(f'<text x="100%" y="{y + 15}" class="end">{safe(bar.text)}</text>')
        body += _pieces(bar.parts, largest, y + 20, 14)
        body += _whisker(bar.span, largest, y + 27) if bar.span else []
    return svg(title, bottom + 36, body, "bars")


def strip(title: str, parts: Sequence[Part], quantity: str, unit: str) -> str:
    """One bar of consecutive pieces over an axis; neighbours too thin to see are drawn together."""
    total = sum(part.value for part in parts)
    body = _axis(total, 48, quantity, unit)
    return svg(title, 84, body + _pieces(_merged(parts, total / THINNEST), total, 4, 40), "strip")


def legend(entries: Sequence[tuple[int, str]], solid: Sequence[float] = ()) -> str:
    """Colours and what they stand for, as an HTML list; ``solid`` is how solid each is drawn."""
    items = []
    for (index, text), share in zip(entries, solid or [1.0] * len(entries), strict=True):
        faint = f' style="opacity:{share:.2f}"' if share < 1 else ""
        items.append(f'<li><i class="{colour(index)}"{faint}></i>{safe(text)}</li>')
    return f'<ul class="legend">{"".join(items)}</ul>'


def _shared(labels: Sequence[str]) -> int:
    """Length of what labels begin with in common, up to the last separator so that no number is cut."""
    prefix = commonprefix(list(labels)) if len(labels) > 1 else ""
    return max((place + 1 for place, sign in enumerate(prefix) if sign in "/._:"), default=0)


def _axis(largest: float, y: int, quantity: str, unit: str) -> list[str]:
    """Grid lines, numbers and the unit, below ``y``."""
    step, prefixed = decimal_scale(largest, unit)
    body = []
    for value in linear_ticks(largest):
        x = 100 * value / largest if largest else 0.0
        anchor = ' class="end"' if x > 97 else ' class="mid"' if x > 3 else ""
        body.append(f'<line x1="{x:.2f}%" x2="{x:.2f}%" y1="0" y2="{y + 4}" class="grid"/>')
        body.append(f'<text x="{x:.2f}%" y="{y + 17}"{anchor}>{number(round(value / step, 9))}</text>')
    body.append(f'<text x="100%" y="{y + 33}" class="end quiet">{safe(quantity)} ({safe(prefixed)})</text>')
    return body


def _pieces(parts: Sequence[Part], largest: float, y: int, height: int) -> list[str]:
    """Rectangles side by side; what has no width is left out."""
    body, x = [], 0.0
    for part in parts:
        width = 100 * part.value / largest if largest else 0.0
        if width > 0:
            style = colour(part.colour) + (" gap" if width > THIN_PERCENT else "")
            faint = f' fill-opacity="{part.solid:.2f}"' if part.solid < 1 else ""
            body.append(
                f'<rect x="{x:.3f}%" y="{y}" width="{width:.3f}%" height="{height}" class="{style}"{faint}>'
                f"<title>{safe(part.title)}</title></rect>"
            )
        x += width
    return body


def _whisker(span: tuple[float, float], largest: float, y: int) -> list[str]:
    """A line from one value to another, with ends."""
    low, high = (f"{100 * value / largest:.3f}%" for value in span)
    lines = ((low, high, y, y), (low, low, y - 5, y + 5), (high, high, y - 5, y + 5))
    return [f'<line x1="{a}" x2="{b}" y1="{c}" y2="{d}" class="band"/>' for a, b, c, d in lines]


def _merged(parts: Sequence[Part], thin: float) -> list[Part]:
    """Neighbours below ``thin`` gathered until they are that wide, in the colour of most of their width."""
    merged: list[Part] = []
    crowd: list[Part] = []
    for part in parts:
        if crowd and (part.value >= thin or sum(each.value for each in crowd) >= thin):
            merged.append(_one(crowd))
            crowd = []
        if part.value >= thin:
            merged.append(part)
        elif part.value > 0:
            crowd.append(part)
    return [*merged, _one(crowd)] if crowd else merged


def _one(crowd: Sequence[Part]) -> Part:
    """Join a crowd of thin parts into one."""
    if len(crowd) == 1:
        return crowd[0]
    widths: dict[int, float] = {}
    for part in crowd:
        widths[part.colour] = widths.get(part.colour, 0.0) + part.value
    title = f"{len(crowd)} pieces, from {crowd[0].title} to {crowd[-1].title}"
    return Part(sum(widths.values()), max(widths, key=lambda each: widths[each]), title)
