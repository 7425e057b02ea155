"""Scatter charts as inline SVG: labelled dots over axes that are linear or logarithmic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from simulator.report.figure import colour, linear_ticks, safe, svg
from simulator.report.palette import GREY
from simulator.report.rounding import decimal_scale, number, si

HEIGHT, TOP, BOTTOM, CLEAR = 340, 30, 46, 6
LEFT, RIGHT = 7.0, 96.0
#: Dots nearer than this, across in per cent and up in pixels, are one with the labels of all; the style sheet
#: shows one of the drawings, by the width of the screen.
NEAR_PERCENT = {"wide": 4.6, "slim": 6.8}
NEAR_PIXELS = 22.0
#: Width in pixels of a dot with one label.
DOT = 20
#: Width in per cent of a value at the right, on a slim screen.
VALUE = 20.0
#: Labels that one dot shows.
MOST_LABELS = 6


@dataclass(frozen=True)
class Spot:
    """A point: where, its label in the table beside, the index of its colour, its name.

    ``open`` draws it pale: a bound, not a value.
    """

    x: float
    y: float
    label: str
    colour: int
    name: str
    open: bool = False


@dataclass(frozen=True)
class Axis:
    """What an axis shows, its unit, and whether it is logarithmic; a linear one may begin above 0."""

    words: str
    unit: str
    logarithmic: bool = True
    low: float = 0.0
    high: float | None = None


@dataclass(frozen=True)
class Scale:
    """Values to places: from ``start`` to ``end``, in per cent or pixels."""

    axis: Axis
    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Place of a value."""
        if self.axis.logarithmic:
            low, high, value = math.log10(self.low), math.log10(self.high), math.log10(value)
        else:
            low, high = self.low, self.high
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """Round values within the axis."""
        if not self.axis.logarithmic:
            steps = linear_ticks(self.high - self.low, most)
            step = steps[1] if len(steps) > 1 else self.high - self.low or 1.0
            first = math.ceil(self.low / step - 1e-9)
            return [i * step for i in range(first, math.floor(self.high / step + 1e-9) + 1)]
        low, high = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        powers = range(low, high + 1, max(1, -(-(high - low + 1) // most)))
        if len(powers) > 1:
            return [10.0**power for power in powers]
        return [m * 10.0**p for p in range(low - 1, high + 1) for m in (1, 2, 5)
                if self.low <= m * 10.0**p <= self.high]  # fmt: skip


def scatter(
    title: str,
    spots: Sequence[Spot],
    across: Axis,
    up: Axis,
    *,
    products: str = "",
    front: bool = False,
    level: tuple[float, str] | None = None,
) -> str:
    """Draw dots; empty if there are none.

    Parameters
    ----------
    title
        What a screen reader says.
    spots
        Values in the units of the axes without prefix, above 0 on logarithmic ones.
    across, up
        The axes.
    products
        Unit of x · y: lines of equal products are drawn, on two logarithmic axes.
    front
        Join the spots that no other beats: with no more x and no less y.
    level
        Height of a line across, and what it is.
    """
    if not spots:
        return ""
    x = scale_of(across, [spot.x for spot in spots], LEFT, RIGHT)
    y = scale_of(up, [spot.y for spot in spots], HEIGHT - BOTTOM, TOP)
    body = grid(x, y)
    if products:
        body += _products(x, y, products, spots)
    if front:
        body += joined(spots, x, y)
    if level is not None:
        body += _level(*level, spots, x, y)
    drawings = [
        (style, [part for group in groups(spots, x, y, near) for part in dot(group, x, y)])
        for style, near in NEAR_PERCENT.items()
    ]
    return "".join(svg(title, HEIGHT, [*body, *dots], f"scatter {style}") for style, dots in drawings)


def _level(value: float, what: str, spots: Sequence[Spot], x: Scale, y: Scale) -> list[str]:
    """A line across, and what it is, on the side with more room."""
    at, right = y.at(value), max(x.at(spot.x) for spot in spots)
    left = min(x.at(spot.x) for spot in spots)
    place = f'x="{LEFT}%"' if left - LEFT > RIGHT - right else 'x="100%"'
    style = "halo" if left - LEFT > RIGHT - right else "end halo"
    return [
        f'<line x1="0" x2="100%" y1="{at:.1f}" y2="{at:.1f}" class="roof"/>',
        f'<text {place} y="{at - 14:.1f}" class="{style}">{safe(what)}</text>',
    ]


def scale_of(axis: Axis, values: Sequence[float], start: float, end: float) -> Scale:
    """Hold all values with room around them."""
    if axis.logarithmic:
        room = max(0.12 * (math.log10(max(values)) - math.log10(min(values))), 0.15)
        return Scale(axis, min(values) / 10**room, max(values) * 10**room, start, end)
    high = axis.high if axis.high is not None else 1.08 * max(values)
    return Scale(axis, axis.low, high if high > axis.low else axis.low + 1, start, end)


def grid(x: Scale, y: Scale) -> list[str]:
    """Lines at round values, their numbers, what the axes show."""
    body = []
    steps = {id(scale): _unit(scale) for scale in (x, y)}
    for value in x.ticks(6):
        at = x.at(value)
        ends = f'x1="{at:.2f}%" x2="{at:.2f}%" y1="{TOP - 8}" y2="{HEIGHT - BOTTOM}"'
        body.append(f'<line {ends} class="grid"/>')
        text = _tick(value, x, steps[id(x)])
        edge = "end" if at > 97 else "mid"
        body.append(f'<text x="{at:.2f}%" y="{HEIGHT - BOTTOM + 18}" class="{edge}">{text}</text>')
    for value in y.ticks(6):
        at = y.at(value)
        body.append(f'<line x1="0" x2="100%" y1="{at:.1f}" y2="{at:.1f}" class="grid"/>')
        if at > TOP + CLEAR:  # below what the axis shows
            body.append(f'<text x="2" y="{at - 4:.1f}" class="quiet">{_tick(value, y, steps[id(y)])}</text>')
    corners = 'x="2" y="12" class="quiet"', f'x="100%" y="{HEIGHT - 6}" class="end quiet"'
    for scale, place in zip((y, x), corners, strict=True):
        unit = steps[id(scale)][1]
        body.append(f"<text {place}>{safe(scale.axis.words)} ({safe(unit)})</text>")
    return body


def _unit(scale: Scale) -> tuple[float, str]:
    """Divisor and unit of the numbers of an axis; those of a logarithmic one have units of their own."""
    if scale.axis.logarithmic or scale.axis.unit in ("", "%"):
        return 1.0, scale.axis.unit
    return decimal_scale(scale.high, scale.axis.unit)


def _tick(value: float, scale: Scale, unit: tuple[float, str]) -> str:
    if scale.axis.logarithmic and scale.axis.unit:
        return safe(si(value, scale.axis.unit))
    return number(round(value / unit[0], 9))


def _products(x: Scale, y: Scale, unit: str, spots: Sequence[Spot]) -> list[str]:
    """Lines of equal x · y at powers of ten, with their values where they leave the chart at the right.

    A value that would lie on a dot is left out.
    """
    body = []
    lowest, highest = math.log10(x.low * y.low), math.log10(x.high * y.high)
    powers = range(math.ceil(lowest), math.floor(highest) + 1)
    step = max(1, -(-len(powers) // 6))
    for power in powers[::step]:
        value = 10.0**power
        left, right = max(x.low, value / y.high), min(x.high, value / y.low)
        if right <= left:
            continue
        ends = (x.at(left), y.at(value / left), x.at(right), y.at(value / right))
        body.append(
            '<line x1="{:.2f}%" y1="{:.1f}" x2="{:.2f}%" y2="{:.1f}" class="ridge"/>'.format(*ends)
        )
        hidden = any(
            x.at(spot.x) > RIGHT - VALUE and abs(y.at(spot.y) - ends[3]) < NEAR_PIXELS for spot in spots
        )
        if right == x.high and TOP + 10 < ends[3] < HEIGHT - BOTTOM - 12 and not hidden:
            text = safe(si(value, unit))
            body.append(f'<text x="100%" y="{ends[3] + 4:.1f}" class="end quiet halo">{text}</text>')
    return body


def joined(spots: Sequence[Spot], x: Scale, y: Scale) -> list[str]:
    """A line through the spots that no other beats in both."""
    best = [spot for spot in spots if not any(_beats(other, spot) for other in spots)]
    places = sorted({(spot.x, spot.y) for spot in best})
    return [
        f'<line x1="{x.at(x1):.2f}%" y1="{y.at(y1):.1f}" x2="{x.at(x2):.2f}%" y2="{y.at(y2):.1f}" '
        'class="ridge"/>'
        for (x1, y1), (x2, y2) in zip(places, places[1:], strict=False)
    ]


def _beats(one: Spot, other: Spot) -> bool:
    return (one.x <= other.x and one.y >= other.y) and (one.x, one.y) != (other.x, other.y)


def groups(spots: Sequence[Spot], x: Scale, y: Scale, percent: float) -> list[list[Spot]]:
    """Spots that would lie on each other, together; ``percent`` is the width of a dot with one label."""
    found = [[spot] for spot in spots]
    while True:
        pair = next((p for p in combinations(found, 2) if _touch(*p, x, y, percent)), None)
        if pair is None:
            return found
        pair[0].extend(pair[1])
        found = [group for group in found if group is not pair[1]]


def _touch(one: Sequence[Spot], other: Sequence[Spot], x: Scale, y: Scale, percent: float) -> bool:
    """Whether the dots of two groups would overlap."""
    (x1, y1, wide1), (x2, y2, wide2) = _centre(one, x, y), _centre(other, x, y)
    return abs(x1 - x2) < percent * (wide1 + wide2) / (2 * DOT) and abs(y1 - y2) < NEAR_PIXELS


def _centre(group: Sequence[Spot], x: Scale, y: Scale) -> tuple[float, float, float]:
    """Place of the dot of a group, in per cent and pixels, and its width in pixels."""
    across = sum(x.at(spot.x) for spot in group) / len(group)
    height = sum(y.at(spot.y) for spot in group) / len(group)
    return across, height, DOT + 8 * (len(_labels(group)) - 1)


def _labels(group: Sequence[Spot]) -> str:
    return " ".join([*(spot.label for spot in group[:MOST_LABELS]), *["…"] * (len(group) > MOST_LABELS)])


def dot(group: Sequence[Spot], x: Scale, y: Scale) -> list[str]:
    """A dot with the labels of its spots."""
    across, height, width = _centre(group, x, y)
    text = _labels(group)
    title = safe("\n".join(f"{spot.label} {spot.name}" for spot in group))
    colours = {spot.colour for spot in group}
    style = f"dot {colour(colours.pop() if len(colours) == 1 else GREY)}"
    style += " open" * all(spot.open for spot in group)
    place = f'x="{across:.2f}%" y="{height - 10:.1f}" transform="translate({-width / 2:g})"'
    return [
        f'<rect {place} width="{width:g}" height="20" rx="10" class="{style}"><title>{title}</title></rect>',
        f'<text x="{across:.2f}%" y="{height + 4.5:.1f}" class="mid spot">{text}</text>',
    ]
