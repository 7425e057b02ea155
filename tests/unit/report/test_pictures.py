"""PNG pictures: written, whole, the same for the same results."""

from __future__ import annotations

import pytest

from simulator.report import REPORTS
from simulator.report.pictures import DPI


def test_pictures_are_png_and_repeatable(make, run, tmp_path):
    results = [run(make()), make(chip="x")]
    first = REPORTS["pictures"](results, tmp_path / "a")
    second = REPORTS["pictures"](results, tmp_path / "b")
    assert [path.name for path in first] == ["roofline.png", "comparison.png", "timeline.png"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes().startswith(b"\x89PNG")
        assert one.read_bytes() == other.read_bytes()


def test_row_buffers_have_a_panel_where_rows_are_followed(make, run, commands, tmp_path):
    places = [
        REPORTS["pictures"]([result], tmp_path / name)[-1]
        for name, result in (("a", run(make())), ("b", commands(run(make()))))
    ]
    heights = [int.from_bytes(path.read_bytes()[20:24], "big") for path in places]
    assert heights[1] - heights[0] == pytest.approx(1.3 * DPI, abs=2)


def test_a_result_without_timeline_has_no_picture_of_it(make, tmp_path):
    assert [path.name for path in REPORTS["pictures"]([make()], tmp_path)] == [
        "roofline.png",
        "comparison.png",
    ]
