"""The one palette of pages and pictures, and what each colour stands for.

Eight colours that people with any kind of colour vision tell apart: found by a search for the greatest least
CIEDE2000 distance between any two of them as seen with normal vision, protanopia, deuteranopia and tritanopia
(Machado et al., IEEE TVCG 2009, severity 1), with a contrast to the page of at least 2.6.
"""

from __future__ import annotations

from collections.abc import Mapping

LIGHT = ("#104ea4", "#be4400", "#028b56", "#bc49f5", "#df8e16", "#701b4a", "#7a7d83", "#23b0bd")
DARK = ("#3d6be2", "#c68010", "#207848", "#f192da", "#ced36a", "#9d498a", "#8b8f95", "#7cd2b0")
REST_LIGHT, REST_DARK = "#bfc4cb", "#5b636e"
COLOURS = len(LIGHT)

BLUE, ORANGE, GREEN, VIOLET, YELLOW, WINE, GREY, TEAL = range(COLOURS)
#: What a layer is bound by; external memories take ``MEMORIES`` in turn.
BOUNDS = {"compute": BLUE, "vector": GREEN, "pim": VIOLET, "noc": YELLOW, "sync": WINE, "latency": GREY}
MEMORIES = (ORANGE, TEAL)
#: What a unit does; a read is a load and a write a store.
KINDS = {"compute": BLUE, "vector": GREEN, "load": ORANGE, "store": VIOLET}
WAYS = {"read": ORANGE, "write": VIOLET}
ROOMS = {"maps": TEAL, "buffers": YELLOW}
#: What an access found, from the bottom of a chart: another row open, the bank closed, its row open. What is
#: as it should be is pale.
OUTCOMES = {"conflicts": WINE, "misses": YELLOW, "hits": COLOURS}
CAUSES = {
    "compute": BLUE,
    "fill_drain": TEAL,
    "weight_wait": ORANGE,
    "input_wait": YELLOW,
    "output_wait": COLOURS,
    "vector": GREEN,
    "pim": VIOLET,
    "noc": GREY,
    "sync": WINE,
}


def style(colours: tuple[str, ...], rest: str) -> str:
    """Declarations of the custom properties ``--c0`` to ``--c7`` and ``--cx``."""
    named: Mapping[str, str] = {f"--c{i}": value for i, value in enumerate(colours)} | {"--cx": rest}
    return ";".join(f"{name}:{value}" for name, value in named.items())


def sheet() -> str:
    """Style sheet of the colours: properties for light, dark and print, and a class for each."""
    light, dark = style(LIGHT, REST_LIGHT), style(DARK, REST_DARK)
    names = [f"c{i}" for i in range(COLOURS)] + ["cx"]
    classes = "\n".join(f".{name}{{fill:var(--{name});background:var(--{name})}}" for name in names)
    classes += "\n" + "".join(f".s{name[1:]}{{stroke:var(--{name})}}" for name in names)
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{classes}"
