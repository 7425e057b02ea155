"""Bars as SVG."""

import re
from xml.etree import ElementTree

import pytest

from simulator.report.figure import Bar, Part, bar_chart, colour, legend, linear_ticks, safe, shorten, strip

SVG = "{http://www.w3.org/2000/svg}"


def widths(root):
    return [float(rect.get("width").rstrip("%")) for rect in root.iter(f"{SVG}rect")]


def test_bars_are_xml_with_an_axis_in_units_and_true_widths():
    bars = [
        Bar("big", "3 µJ", (Part(2e-6, 0, "a"), Part(1e-6, 1, "b"))),
        Bar("small", "1.5 µJ", (Part(1.5e-6, 0, "c"),)),
    ]
    root = ElementTree.fromstring(bar_chart("Energy", bars, "energy", "J"))
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert "energy (µJ)" in texts
    assert {"0", "1", "2", "3"} <= set(texts)
    assert widths(root) == [pytest.approx(66.667), pytest.approx(33.333), 50.0]


def test_hostile_labels_stay_text():
    name = "<script>alert(1)</script>&\"'\x00\x1b"
    root = ElementTree.fromstring(bar_chart(name, [Bar(name, name, (Part(1.0, 0, name),))], name, "s"))
    assert not [each for each in root.iter() if each.tag.endswith("script")]
    assert root.get("aria-label") == "<script>alert(1)</script>&\"'\ufffd\ufffd"


def test_a_chart_of_nothing_is_xml():
    root = ElementTree.fromstring(bar_chart("Energy", [Bar("none", "unknown", ())], "energy", "J"))
    assert widths(root) == []


def test_a_strip_keeps_the_total_and_gathers_what_is_too_thin_to_see():
    parts = [Part(1.0, 0, "thick")] + [Part(1e-4, 1 + i % 2, f"thin {i}") for i in range(1000)]
    root = ElementTree.fromstring(strip("Time", parts, "time", "s"))
    found = widths(root)
    assert sum(found) == pytest.approx(100.0, abs=0.1)
    assert len(found) < 100
    titles = [title.text for title in root.iter(f"{SVG}title")]
    assert titles[0] == "thick"
    assert re.fullmatch(r"\d+ pieces, from thin 0 to thin \d+", titles[1])


def test_a_crowd_has_the_colour_of_most_of_it():
    parts = [Part(1000.0, 0, "thick"), Part(0.5, 1, "a"), Part(0.2, 2, "b"), Part(0.2, 1, "c")]
    rects = list(ElementTree.fromstring(strip("Time", parts, "time", "s")).iter(f"{SVG}rect"))
    assert [rect.get("class").split()[0] for rect in rects] == ["c0", "c1"]


@pytest.mark.parametrize("largest", [1e-12, 0.3, 1, 7, 9.99, 25, 1e9])
def test_ticks_are_round_few_and_within(largest):
    ticks = linear_ticks(largest)
    assert ticks[0] == 0
    assert 2 <= len(ticks) <= 6
    assert ticks[-1] <= largest * (1 + 1e-6)


def test_no_ticks_without_extent():
    assert linear_ticks(0) == [0.0]


def test_long_names_keep_both_ends():
    assert shorten("short", 10) == "short"
    assert shorten("abcdefghijklmnop", 9) == "abcd…mnop"
    assert shorten("layers.12/mlp", 20, 7) == "layers.12/mlp"
    assert shorten("layers.12/mlp", 9, 7) == "…12/mlp"


def test_long_labels_leave_out_what_they_share():
    bars = [Bar(f"/a/long/path/of/a/model/layers.{i}/mlp", "1 s", (Part(1.0, 0, "x"),)) for i in (12, 134)]
    root = ElementTree.fromstring(bar_chart("Time", bars, "time", "s"))
    slim = [text.text for text in root.iter(f"{SVG}text") if text.get("class") == "slim"]
    assert slim == ["…12/mlp", "…134/mlp"]
    wide = [text.text for text in root.iter(f"{SVG}text") if text.get("class") == "wide"]
    assert wide == [bar.label for bar in bars]


def test_colours_past_the_palette_share_one():
    assert [colour(0), colour(7), colour(8), colour(99)] == ["c0", "c7", "cx", "cx"]


def test_a_legend_escapes_its_entries():
    assert legend([(1, "a<b")]) == '<ul class="legend"><li><i class="c1"></i>a&lt;b</li></ul>'


def test_safe_text_has_no_markup():
    assert safe("<a href='x'>") == "&lt;a href=&#39;x&#39;&gt;"


def test_a_span_is_a_line_with_ends_within_the_axis():
    """A bar of 2 that ends between 1 and 4 on an axis that reaches the 4."""
    drawn = bar_chart("t", [Bar("a", "2", (Part(2.0, 0, "a"),), span=(1.0, 4.0))], "energy", "J")
    lines = re.findall(r'<line x1="([\d.]+)%" x2="([\d.]+)%" y1="(\d+)" y2="(\d+)" class="band"/>', drawn)
    assert lines == [("25.000", "100.000", "27", "27"), ("25.000", "25.000", "22", "32"), ("100.000", "100.000", "22", "32")]
    assert 'width="50.000%"' in drawn
    assert 'class="band"' not in bar_chart("t", [Bar("a", "2", (Part(2.0, 0, "a"),))], "energy", "J")
