"""Many designs by two figures as inline SVG: small dots, the best of them joined, a few with letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.report.figure import colour, safe, svg
from simulator.report.scatter import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, Axis, Scale, Spot, grid, scale_of

#: Radii of dots in pixels: those of the front, all others.
LARGE, SMALL = 4.5, 2.5
#: Least width in pixels of a drawing, by the screens that it is for.
WIDTHS = {"wide": 560.0, "slim": 320.0}
#: Pixels of a letter, across and up, and where it may stand: so far below its design, nearest first.
LETTER_WIDE, LETTER_HIGH = 12.0, 14.0
PLACES = (-10.0, 19.0, -25.0, 34.0, -40.0, 49.0, -55.0, 64.0, -70.0)


@dataclass(frozen=True)
class Speck:
    """A design: where, the index of its colour, its name; ``front``: on the front of all objectives."""

    x: float
    y: float
    colour: int
    name: str
    front: bool = False


def cloud(title: str, specks: Sequence[Speck], marks: Sequence[Spot], across: Axis, up: Axis) -> str:
    """Draw designs, both figures to be small; empty if there are none.

    Parameters
    ----------
    title
        What a screen reader says.
    specks
        Values in the units of the axes without prefix, above 0 on logarithmic ones.
    marks
        Designs that stand out, each with a letter; they lie over the others.
    across, up
        The axes.
    """
    drawings = cloud_drawings(title, specks, marks, across, up)
    return "".join(drawings.values())


def cloud_drawings(
    title: str, specks: Sequence[Speck], marks: Sequence[Spot], across: Axis, up: Axis
) -> dict[str, str]:
    """The same for a wide and a slim screen, by the class that the style sheet shows there."""
    places = [*((speck.x, speck.y) for speck in specks), *((mark.x, mark.y) for mark in marks)]
    if not places:
        return {}
    x = scale_of(across, [place[0] for place in places], LEFT, RIGHT)
    y = scale_of(up, [place[1] for place in places], HEIGHT - BOTTOM, TOP)
    body = [*grid(x, y), *_stairs(specks, x, y)]
    for speck in sorted(specks, key=lambda each: each.front):
        radius, style = (LARGE, "dot") if speck.front else (SMALL, "dot faint")
        body.append(
            f'<circle cx="{x.at(speck.x):.2f}%" cy="{y.at(speck.y):.1f}" r="{radius}" '
            f'class="{style} {colour(speck.colour)}"><title>{safe(speck.name)}</title></circle>'
        )
    return {
        style: svg(title, HEIGHT, [*body, *_letters(marks, x, y, width)], f"scatter {style}")
        for style, width in WIDTHS.items()
    }


def _letters(marks: Sequence[Spot], x: Scale, y: Scale, width: float) -> list[str]:
    """A ring around each design that stands out, and its letter above or below it where there is room."""
    body: list[str] = []
    taken: list[tuple[float, float]] = []
    for mark in marks:
        across, height = x.at(mark.x), y.at(mark.y)
        px = across * width / 100

        def free(place: float, px: float = px, height: float = height) -> bool:
            near = [py for at, py in taken if abs(at - px) < LETTER_WIDE]
            inside = TOP <= height + place <= HEIGHT - BOTTOM - 2
            return inside and all(abs(py - height - place) >= LETTER_HIGH for py in near)

        place = next((place for place in PLACES if free(place)), PLACES[0])
        taken.append((px, height + place))
        said = f"<title>{safe(f'{mark.label} {mark.name}')}</title>"
        at = f'x="{across:.2f}%" y="{height + place:.1f}"'
        ends = f'x1="{across:.2f}%" x2="{across:.2f}%" y1="{height:.1f}" y2="{height + place - 4:.1f}"'
        body += [
            f'<line {ends} class="axis"/>',
            f'<circle cx="{across:.2f}%" cy="{height:.1f}" r="6.5" class="ring">{said}</circle>',
            f'<text {at} class="mid letter">{safe(mark.label)}{said}</text>',
        ]
    return body


def _stairs(specks: Sequence[Speck], x: Scale, y: Scale) -> list[str]:
    """Steps below which nothing lies: the least of one figure for no more than so much of the other."""
    least: list[tuple[float, float]] = []
    for speck in sorted(specks, key=lambda each: (each.x, each.y)):
        if not least or speck.y < least[-1][1]:
            least.append((speck.x, speck.y))
    lines = []
    for (x1, y1), (x2, y2) in zip(least, least[1:], strict=False):
        for ends in ((x1, y1, x2, y1), (x2, y1, x2, y2)):
            lines.append(
                f'<line x1="{x.at(ends[0]):.2f}%" y1="{y.at(ends[1]):.1f}" x2="{x.at(ends[2]):.2f}%" '
                f'y2="{y.at(ends[3]):.1f}" class="ridge"/>'
            )
    return lines
