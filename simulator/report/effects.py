"""Small charts of what one axis of a sweep does to a figure: the mean of all designs there, and the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.report.figure import colour, linear_ticks, safe, svg
from simulator.report.rounding import number

HEIGHT, TOP, BOTTOM = 168, 20, 24
#: Places of the first and the last value, in per cent.
FIRST, LAST = 13.0, 89.0
#: Pixels between the first and the last value on the slimmest screen, and of a character of their words.
ROOM, CHARACTER = 180.0, 6.7


@dataclass(frozen=True)
class Series:
    """Values of a figure over the values of an axis: what they are, the index of their colour."""

    name: str
    colour: int
    values: tuple[float, ...]


def effect_chart(
    title: str, words: Sequence[str], series: Sequence[Series], largest: float, factor: float, unit: str
) -> str:
    """Lines over the values of an axis, evenly apart.

    Parameters
    ----------
    title
        What a screen reader says.
    words
        The values of the axis.
    series
        Lines, each with a value for each word; in the unit without prefix, at least 0.
    largest
        Where the upright axis ends, so that charts side by side compare.
    factor, unit
        What a value is multiplied with to be in this unit.
    """
    count = len(words)

    def at(i: int) -> float:
        """Place across in per cent."""
        return FIRST + (LAST - FIRST) * (i / (count - 1) if count > 1 else 0.5)

    def height(value: float) -> float:
        """Place up in pixels."""
        return HEIGHT - BOTTOM - value / (largest or 1.0) * (HEIGHT - BOTTOM - TOP)

    body = []
    for tick in linear_ticks(largest * factor, 3):
        y = height(tick / factor)
        body.append(f'<line x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        if y > TOP + 14:
            body.append(f'<text x="2" y="{y - 4:.1f}" class="quiet">{number(round(tick, 9))}</text>')
    body.append(f'<text x="2" y="13" class="quiet">({safe(unit)})</text>')
    most = 1 + int(ROOM // (10 + CHARACTER * max(map(len, words), default=1)))
    step = -(-count // most)
    for i in range(0, count, step):
        text = f'<text x="{at(i):.2f}%" y="{HEIGHT - 6}" class="mid">'
        body.append(f"{text}{safe(words[i])}</text>")
    for line in series:
        for i, (a, b) in enumerate(zip(line.values, line.values[1:], strict=False)):
            ends = f'x1="{at(i):.2f}%" y1="{height(a):.1f}" x2="{at(i + 1):.2f}%" y2="{height(b):.1f}"'
            body.append(f'<line {ends} class="curve s{line.colour}"/>')
        for i, value in enumerate(line.values):
            said = safe(f"{line.name} at {words[i]}: {number(value * factor)} {unit}")
            body.append(
                f'<circle cx="{at(i):.2f}%" cy="{height(value):.1f}" r="4" '
                f'class="dot {colour(line.colour)}"><title>{said}</title></circle>'
            )
    return svg(title, HEIGHT, body, "effect")
