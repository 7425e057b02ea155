"""Scatter charts: places of values, ticks, lines of equal products, fronts, dots that would lie on each other."""

from __future__ import annotations

import re

import pytest

from simulator.report.scatter import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, Axis, Spot, scatter

TIME, ENERGY = Axis("time", "s"), Axis("energy", "J")
SHARE = Axis("right", "%", False, 90.0, 100.0)


def spot(x, y, label="1", colour=0, **named):
    return Spot(x, y, label, colour, f"run {label}", **named)


def dots(text):
    """(x %, y px, label) of each dot, of the drawing for wide screens."""
    wide = text[: text.index("</svg>")]
    found = re.findall(r'<text x="([\d.]+)%" y="([\d.]+)" class="mid spot">([^<]*)</text>', wide)
    return [(float(x), float(y) - 4.5, label) for x, y, label in found]


def test_places_on_linear_and_logarithmic_axes():
    found = dots(scatter("t", [spot(1e-6, 90), spot(1e-3, 100, "2"), spot(10**-4.5, 95, "3")], TIME, SHARE))
    (x1, y1, _), (x2, y2, _), (x3, y3, _) = found
    assert (y1, y2, y3) == (HEIGHT - BOTTOM, TOP, pytest.approx((HEIGHT - BOTTOM + TOP) / 2, abs=0.1))
    assert x3 == pytest.approx((x1 + x2) / 2, abs=0.01), "half way between powers"
    assert LEFT < x1 < x2 < RIGHT


def test_ticks_have_units():
    text = scatter("t", [spot(2e-6, 91), spot(3e-3, 99, "2")], TIME, SHARE)
    for tick in ("1 µs", "10 µs", "100 µs", "1 ms"):
        assert f">{tick}</text>" in text or tick == "1 µs", tick
    assert ">time (s)</text>" in text
    assert ">right (%)</text>" in text
    narrow = scatter("t", [spot(2e-6, 91), spot(3e-6, 99, "2")], TIME, SHARE)
    assert ">2 µs</text>" in narrow, "less than a power of ten has other round values"


def test_equal_products_are_straight_lines_with_their_value():
    text = scatter("t", [spot(1e-6, 1e-9), spot(1e-3, 1e-6, "2")], TIME, ENERGY, products="J·s")
    lines = re.findall(r'<line x1="([\d.]+)%" y1="([\d.]+)" x2="([\d.]+)%" y2="([\d.]+)" class="ridge"', text)
    assert len(lines) >= 4
    slopes = {round((float(y2) - float(y1)) / (float(x2) - float(x1)), 1) for x1, y1, x2, y2 in lines}
    assert len(slopes) == 1, "x · y is constant along parallels of a double logarithmic chart"
    assert re.search(r'class="end quiet halo">\d+ [a-zµ]?J·s<', text)


def test_a_front_joins_what_none_beats():
    spots = [spot(1, 91), spot(2, 95, "2"), spot(3, 94, "3"), spot(4, 99, "4"), spot(5, 99, "5")]
    text = scatter("t", spots, Axis("x", "J"), SHARE, front=True)
    lines = re.findall(r'<line x1="([\d.]+)%" y1="[\d.]+" x2="([\d.]+)%" y2="[\d.]+" class="ridge"', text)
    places = {label: x for x, _, label in dots(text)}
    wide = lines[: len(lines) // 2]
    assert [(float(a), float(b)) for a, b in wide] == [
        (places["1"], places["2"]), (places["2"], pytest.approx(places.get("4", places.get("4 5")), abs=6)),
    ]  # fmt: skip


def test_dots_on_each_other_are_one_with_all_labels():
    near = [spot(1e-6, 95, "1", 2), spot(1.02e-6, 95, "2", 2), spot(1e-3, 95, "3", 4), spot(1.01e-3, 95, "4", 5)]
    text = scatter("t", near, TIME, SHARE)
    assert [label for _, _, label in dots(text)] == ["1 2", "3 4"]
    assert "<title>1 run 1\n2 run 2</title>" in text
    assert 'class="dot c2"' in text
    assert 'class="dot c6"' in text, "of several colours none is shown"
    many = [spot(1e-6, 95, str(i)) for i in range(9)] + [spot(1e-3, 95, "far")]
    assert dots(scatter("t", many, TIME, SHARE))[0][2] == "0 1 2 3 4 5 …"


def test_bounds_are_pale_and_levels_are_named():
    text = scatter("t", [spot(1e-6, 95, open=True)], TIME, SHARE, level=(97.0, "real <numbers>"))
    assert 'class="dot c0 open"' in text
    assert "real &lt;numbers&gt;" in text
    assert scatter("t", [], TIME, SHARE) == ""


def test_a_linear_axis_of_a_unit_has_a_prefix():
    text = scatter("t", [spot(1e-6, 2e-3), spot(1e-3, 4e-3, "2")], TIME, Axis("power", "W", False))
    assert ">power (mW)</text>" in text
    assert ">4</text>" in text
