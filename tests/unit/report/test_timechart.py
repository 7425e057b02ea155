"""Charts over time: nothing hides, nothing is lost, everything is XML with units."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from simulator.report.timechart import (
    AREA,
    HEAD,
    LANE,
    Piece,
    Series,
    areas,
    bars,
    gathered,
    rows_of,
    time_axis,
)

SVG = "{http://www.w3.org/2000/svg}"


def piece(start: float, end: float, **more) -> Piece:
    return Piece(start, end, more.pop("colour", 0), more.pop("title", f"{start} to {end}"), **more)


def rects(text: str) -> list[tuple[float, float]]:
    found = ElementTree.fromstring(text).iter(f"{SVG}rect")
    return [(float(rect.get("x")[:-1]), float(rect.get("width")[:-1])) for rect in found]


def test_bars_that_follow_each_other_share_a_row_and_others_do_not():
    rows = rows_of([piece(0, 10), piece(5, 15), piece(10, 20), piece(15, 30)], 100)
    assert [[(each.start, each.end) for each in row] for row in rows] == [
        [(0, 10), (10, 20)],
        [(5, 15), (15, 30)],
    ]


def test_bars_may_touch_a_little_and_rows_are_few():
    assert len(rows_of([piece(0, 10), piece(9.9, 20)], 100)) == 1
    many = rows_of([piece(i, 100 + i) for i in range(9)], 100)
    assert [[(each.start, each.end) for each in row] for row in many] == [
        [(0, 100), (100, 103), (103, 106)],
        [(1, 101), (101, 104), (104, 107)],
        [(2, 102), (102, 105), (105, 108)],
    ]
    assert [len(row) for row in rows_of([piece(0, 100) for _ in range(9)], 100)] == [1, 1, 1]


def test_thin_neighbours_are_gathered_and_keep_their_time():
    row = [piece(0, 50), *(piece(50 + i / 8, 50.0625 + i / 8) for i in range(20)), piece(60, 100)]
    found = gathered(row, 1.0)
    assert [(each.start, each.end) for each in found] == [
        (0, 50),
        (50, 50.9375),
        (51, 51.9375),
        (52, 52.4375),
        (60, 100),
    ]
    assert found[1].title == "8 short ones, from 50.0 to 50.0625 to 50.875 to 50.9375"
    assert found[1].share == pytest.approx(8 * 0.0625 / 0.9375)
    assert gathered(row, 0.01) == row


def test_bars_have_their_places_in_per_cent():
    assert rects(bars("Units", [piece(0, 1), piece(1, 3), piece(9, 10)], 10.0)) == [
        (0, 10),
        (10, 20),
        (90, 10),
    ]


def test_a_bar_too_short_to_see_is_drawn_and_stays_inside():
    assert rects(bars("Units", [piece(1 - 1e-9, 1)], 1.0)) == [(99.88, 0.12)]


def test_a_pale_bar_is_busy_for_a_part():
    drawing = ElementTree.fromstring(bars("Units", [piece(0, 1, share=0.5), piece(2, 3)], 3.0))
    assert [rect.get("fill-opacity") for rect in drawing.iter(f"{SVG}rect")] == ["0.68", None]


@pytest.mark.parametrize(
    ("width", "style"), [(50, "mid in"), (10, "mid in w1"), (5, "mid in w2"), (1, "mid in wz")]
)
def test_a_label_shows_where_there_is_room(width, style):
    drawing = ElementTree.fromstring(bars("Units", [piece(0, width, label="conv1")], 100))
    assert [text.get("class") for text in drawing.iter(f"{SVG}text")] == [style]


def test_a_label_that_never_fits_is_left_out():
    assert "text" not in bars("Units", [piece(0, 0.3, label="a name of many signs")], 100)


def test_an_area_is_its_values_over_time():
    """Two of three bins are full: 0..2 s at 4, 2..3 s at 8, of 8 at most, over 10 s."""
    chart = areas("Room", [Series("maps", 1, [4, 8, 0])], [0, 2, 3, 10], [(4, "4")], limit=(8, "capacity 8"))
    half = AREA / 2
    assert f'd="M0 {AREA}V{half:.0f}H200V0H300V{AREA}H0Z"' in chart.drawing
    assert chart.numbers == (("4", HEAD + half),)
    texts = [text.text for text in ElementTree.fromstring(chart.drawing).iter(f"{SVG}text")]
    assert texts == ["capacity 8"]


def test_stacked_areas_stand_on_each_other():
    chart = areas("Traffic", [Series("a", 0, [1, 0]), Series("b", 1, [1, 2])], [0, 1, 2], [])
    paths = re.findall(r'd="([^"]*)" class="c', chart.drawing)
    assert paths == [
        f"M0 {AREA}V{AREA / 2:.0f}H500V{AREA}H0Z",
        f"M0 {AREA / 2:.0f}V0H1000V{AREA}H500V{AREA / 2:.0f}H0Z",
    ]


def test_areas_apart_are_drawn_apart():
    chart = areas("Traffic", [Series("a", 0, [1, 0, 1])], [0, 1, 2, 4], [], marks=[1, 3])
    assert chart.drawing.count("Z") == 2
    assert f'd="M250.0 0V{AREA}M750.0 0V{AREA}" class="edge"' in chart.drawing


def test_an_empty_area_is_xml():
    ElementTree.fromstring(areas("Nothing", [Series("a", 0, [0, 0])], [0, 1, 2], []).drawing)


@pytest.mark.parametrize("seconds", [2.6e-3, 1e-6, 0.97, 3.3, 12e-15])
def test_the_axis_has_a_unit_and_finer_numbers_between(seconds):
    drawing = ElementTree.fromstring(time_axis(seconds))
    texts = [(text.text, (text.get("class") or "").split()) for text in drawing.iter(f"{SVG}text")]
    assert re.fullmatch(r"time \([fnµm]?s\)", texts[-1][0])
    coarse = [text for text, style in texts[:-1] if "fine" not in style]
    assert coarse[0] == "0"
    assert 3 <= len(coarse) <= 9
    assert len(texts) > 4 * len(coarse) - 3


def test_hostile_names_stay_text():
    evil = "<script>alert(1)</script>&\"'"
    drawing = ElementTree.fromstring(bars(evil, [piece(0, 10, title=evil, label=evil)], 10.0))
    assert not [each for each in drawing.iter() if each.tag.endswith("script")]
    assert [text.text for text in drawing.iter(f"{SVG}text")] == [evil]
    assert drawing.get("height") == str(LANE + 3)
