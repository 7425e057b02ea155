"""Line charts as inline SVG: a few series over a logarithmic axis of sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.report.figure import colour, linear_ticks, safe, svg
from simulator.report.rounding import decimal_scale, number

HEIGHT, TOP, BOTTOM = 300, 24, 44


@dataclass(frozen=True)
class Line:
    """A series: its name, the index of its colour, points (x, y) with x above 0, in ascending order."""

    name: str
    colour: int
    points: tuple[tuple[float, float], ...]


def line_chart(title: str, lines: Sequence[Line], across: str, up: str, unit: str) -> str:
    """Lines over a logarithmic axis; empty if no series has a point.

    Parameters
    ----------
    title
        What a screen reader says.
    lines
        Series; values in ``unit`` without prefix.
    across, up, unit
        What the axes show, and the unit of the upright one.
    """
    points = [point for line in lines for point in line.points]
    if not points:
        return ""
    xs = sorted({x for x, _ in points})
    largest = max(y for _, y in points) or 1.0
    low, high = math.log(xs[0]), math.log(xs[-1])

    def at(x: float) -> float:
        """Position across in per cent."""
        return 4 + 92 * (math.log(x) - low) / (high - low) if high > low else 50.0

    def height(y: float) -> float:
        """Position up in pixels."""
        return HEIGHT - BOTTOM - y / largest * (HEIGHT - BOTTOM - TOP)

    step, prefixed = decimal_scale(largest, unit)
    body = []
    for value in linear_ticks(largest):
        y = height(value)
        body.append(f'<line x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        body.append(f'<text x="2" y="{y - 4:.1f}" class="quiet">{number(round(value / step, 9))}</text>')
    for x in xs:
        body.append(f'<text x="{at(x):.2f}%" y="{HEIGHT - BOTTOM + 18}" class="mid">{number(x)}</text>')
    body.append(f'<text x="2" y="12" class="quiet">{safe(up)} ({safe(prefixed)})</text>')
    body.append(f'<text x="100%" y="{HEIGHT - 6}" class="end quiet">{safe(across)}</text>')
    for line in lines:
        style = colour(line.colour)
        for (x1, y1), (x2, y2) in zip(line.points, line.points[1:], strict=False):
            ends = f'x1="{at(x1):.2f}%" y1="{height(y1):.1f}" x2="{at(x2):.2f}%" y2="{height(y2):.1f}"'
            body.append(f'<line {ends} class="curve s{line.colour}"/>')
        for x, y in line.points:
            said = safe(f"{line.name}: {number(y / step)} {prefixed} at {number(x)}")
            body.append(
                f'<circle cx="{at(x):.2f}%" cy="{height(y):.1f}" r="5" class="dot {style}">'
                f"<title>{said}</title></circle>"
            )
    return svg(title, HEIGHT, body, "lines")
