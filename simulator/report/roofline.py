"""The roofline of a run: what each layer achieved against peak arithmetic and external bandwidth."""

from __future__ import annotations

import math
from dataclasses import dataclass

from simulator.report.figure import colour, safe, svg
from simulator.report.palette import COLOURS
from simulator.report.rounding import number, si
from simulator.results.result import Result

HEIGHT = 420
TOP, BOTTOM = 26, 44
NAMED = 6


@dataclass(frozen=True)
class Dot:
    """One layer. ``ops_per_byte`` is None if it moved nothing to or from external memory.

    Bytes of a layer that a memory computed are those that its units took from its banks.
    """

    name: str
    ops_per_byte: float | None
    ops_per_s: float
    bound: str


@dataclass(frozen=True)
class Roofline:
    """What the figure shows; ``left_out`` counts layers with no MACs or no time of their own.

    ``peak_ops_per_s`` and ``bytes_per_s`` (sum over external memories) are None where unknown or unlimited;
    ``inside_bytes_per_s`` is what units inside memories take from their banks, None where there are none.
    """

    dots: tuple[Dot, ...]
    left_out: int
    peak_ops_per_s: float | None
    bytes_per_s: float | None
    inside_bytes_per_s: float | None = None

    @property
    def ridge(self) -> float | None:
        """Ops per byte at which the two roofs meet."""
        return self.peak_ops_per_s / self.bytes_per_s if self.peak_ops_per_s and self.bytes_per_s else None


def roofline(result: Result) -> Roofline:
    """Place each computing layer: ops over external bytes, ops over the time for which it held the chip."""
    external = [memory for memory in result.memories if memory.external]
    moved = [0] * len(result.rows)
    for memory in external:
        for way in ("read", "write"):
            counts = result.ledger.per_node(memory.name, way).tolist()
            moved = [total + count for total, count in zip(moved, counts, strict=True)]
    for memory in external:
        if memory.inside_bytes_per_s:
            counts = result.ledger.per_node(memory.name, "pim_column").tolist()
            moved = [inside or total for total, inside in zip(moved, counts, strict=True)]
    dots = []
    for row, count in zip(result.rows, moved, strict=True):
        held_fs = row.end_fs - row.start_fs
        if row.macs and held_fs:
            intensity = 2 * row.macs / count if count else None
            dots.append(Dot(row.node, intensity, 2e15 * row.macs / held_fs, row.bound))
    rates = [memory.bandwidth_bytes_per_s for memory in external]
    known = [rate for rate in rates if rate]
    peak = result.metrics.peak_tops
    return Roofline(
        dots=tuple(dots),
        left_out=len(result.rows) - len(dots),
        peak_ops_per_s=peak * 1e12 if peak else None,
        bytes_per_s=sum(known) if known and len(known) == len(rates) else None,
        inside_bytes_per_s=sum(memory.inside_bytes_per_s or 0.0 for memory in external) or None,
    )


@dataclass(frozen=True)
class _LogAxis:
    """Powers of ten ``low`` to ``high`` over the positions ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Position of a value."""
        return self.start + (math.log10(value) - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """Powers of ten, at most ``most`` of them."""
        low, high = math.ceil(self.low), math.floor(self.high)
        return [10.0**power for power in range(low, high + 1, max(1, -(-(high - low + 1) // most)))]


def draw_roofline(roof: Roofline, colours: dict[str, int], grid: int = 1) -> str:
    """Figure of a roofline as SVG; empty if no layer computes.

    Parameters
    ----------
    roof
        What to draw.
    colours
        Index of the colour of each bound.
    grid
        Layers of one bound closer than this many pixels share a dot, whose title names them.
    """
    if not roof.dots:
        return ""
    x, y = _axes(roof)
    places: dict[tuple[float, float, str, bool], list[Dot]] = {}
    for dot in roof.dots:
        inside = dot.ops_per_byte is not None
        across = x.at(dot.ops_per_byte) if dot.ops_per_byte is not None else x.end
        place = (round(across * 10 / grid) * grid / 10, round(y.at(dot.ops_per_s) / grid) * grid)
        places.setdefault((*place, dot.bound, inside), []).append(dot)
    inward = "ops per byte outside, or inside the memory where it computes (ops/B)"
    words = inward if roof.inside_bytes_per_s else "ops per external byte (ops/B)"
    body = _grid(x, y, words) + _roofs(roof, x, y)
    for (left, top, bound, inside), dots in places.items():
        shape, geometry = (
            ("circle", f'cx="{left}%" cy="{top}" r="4.5"')
            if inside
            else ("rect", f'x="{left}%" y="{top - 4}" width="8" height="8" transform="translate(-9)"')
        )
        style, title = colour(colours.get(bound, COLOURS)), safe(_names(dots))
        body.append(f'<{shape} {geometry} class="dot {style}"><title>{title}</title></{shape}>')
    title = "Roofline: achieved ops/s over ops per external byte, both logarithmic"
    return svg(title, HEIGHT, body, "roofline")


def _names(dots: list[Dot]) -> str:
    """List the layers at one place, a line each."""
    lines = []
    for dot in dots[:NAMED]:
        reach = "no external traffic" if dot.ops_per_byte is None else f"{number(dot.ops_per_byte)} ops/B"
        lines.append(f"{dot.name}: {si(dot.ops_per_s, 'OPS')}, {reach}, bound by {dot.bound}")
    if len(dots) > NAMED:
        lines.append(f"and {len(dots) - NAMED} more here")
    return "\n".join(lines)


def _axes(roof: Roofline) -> tuple[_LogAxis, _LogAxis]:
    """Axes that hold every dot and the ridge, with room for numbers on the left and labels above."""
    across = [dot.ops_per_byte for dot in roof.dots if dot.ops_per_byte] + [roof.ridge or 1.0]
    up = [dot.ops_per_s for dot in roof.dots] + ([roof.peak_ops_per_s] if roof.peak_ops_per_s else [])
    x = _LogAxis(math.log10(min(across)) - 0.6, math.log10(max(across)) + 0.6, 0.0, 100.0)
    y = _LogAxis(math.log10(min(up)) - 0.3, math.log10(max(up)) + 0.2, HEIGHT - BOTTOM, TOP)
    return x, y


def _grid(x: _LogAxis, y: _LogAxis, across: str) -> list[str]:
    """Grid lines at powers of ten, their values, what the axes show."""
    body = []
    for value in x.ticks(6):
        at = x.at(value)
        edge = ' class="end"' if at > 96 else ' class="mid"' if at > 4 else ""
        body.append(f'<line x1="{at:.2f}%" x2="{at:.2f}%" y1="{TOP}" y2="{y.start}" class="grid"/>')
        body.append(f'<text x="{at:.2f}%" y="{y.start + 18}"{edge}>{number(value)}</text>')
    for value in y.ticks(6):
        at = y.at(value)
        body.append(f'<line x1="0" x2="100%" y1="{at:.1f}" y2="{at:.1f}" class="grid"/>')
        body.append(f'<text x="2" y="{at - 4:.1f}" class="quiet">{si(value, "OPS")}</text>')
    body.append(f'<line x1="0" x2="100%" y1="{y.start}" y2="{y.start}" class="axis"/>')
    body.append(f'<text x="100%" y="{y.start + 37}" class="end quiet">{across}</text>')
    body.append('<text x="2" y="12" class="quiet">achieved (OPS = ops/s)</text>')
    return body


def _roofs(roof: Roofline, x: _LogAxis, y: _LogAxis) -> list[str]:
    """Lines of peak arithmetic and of external bandwidth, and the ridge where they meet."""
    body, ridge = [], roof.ridge
    if roof.bytes_per_s:
        left = max(10**x.low, 10**y.low / roof.bytes_per_s)
        right = min(ridge or 10**x.high, 10**x.high, 10**y.high / roof.bytes_per_s)
        low, high = y.at(left * roof.bytes_per_s), y.at(right * roof.bytes_per_s)
        body.append(_line(x.at(left), low, x.at(right), high, "roof"))
    if roof.peak_ops_per_s:
        height = y.at(roof.peak_ops_per_s)
        body.append(_line(x.at(ridge) if ridge else x.start, height, x.end, height, "roof"))
        text = f"peak {si(roof.peak_ops_per_s, 'OPS')}"
        body.append(f'<text x="100%" y="{height - 7:.1f}" class="end halo">{text}</text>')
    if roof.inside_bytes_per_s:
        body += _inside(roof.inside_bytes_per_s, roof, x, y)
    if ridge and roof.peak_ops_per_s and roof.bytes_per_s:
        at, anchor, shift = x.at(ridge), (" end" if x.at(ridge) > 50 else ""), (-6 if x.at(ridge) > 50 else 6)
        body.append(_line(at, y.at(roof.peak_ops_per_s), at, y.start, "ridge"))
        for line, text in enumerate((f"ridge {number(ridge)} ops/B", f"slope {si(roof.bytes_per_s, 'B/s')}")):
            place = f'x="{at:.2f}%" y="{y.start - 24 + 16 * line}" transform="translate({shift})"'
            body.append(f'<text {place} class="halo{anchor}">{text}</text>')
    return body


def _inside(rate: float, roof: Roofline, x: _LogAxis, y: _LogAxis) -> list[str]:
    """Draw what the banks give to units inside the memory, broken, with its slope."""
    left = max(10**x.low, 10**y.low / rate)
    most = roof.peak_ops_per_s or 10**y.high
    right = min(most / rate, 10**x.high)
    if right <= left:
        return []
    low, high = y.at(left * rate), y.at(right * rate)
    text = f"inside the memory {si(rate, 'B/s')}"
    place = f'x="{x.at(left):.2f}%" y="{low - 8:.1f}" transform="translate(8)"'
    line = _line(x.at(left), low, x.at(right), high, "roof inside")
    return [line, f'<text {place} class="halo">{text}</text>']


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """Draw a line; x in per cent, y in pixels."""
    return f'<line x1="{x1:.2f}%" y1="{y1:.1f}" x2="{x2:.2f}%" y2="{y2:.1f}" class="{kind}"/>'
