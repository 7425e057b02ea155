"""PNG pictures: written, whole, the same for the same results."""

from __future__ import annotations

from simulator.report import REPORTS


def test_pictures_are_png_and_repeatable(make, run, tmp_path):
    results = [run(make()), make(chip="x")]
    first = REPORTS["pictures"](results, tmp_path / "a")
    second = REPORTS["pictures"](results, tmp_path / "b")
    assert [path.name for path in first] == ["roofline.png", "comparison.png", "timeline.png"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes().startswith(b"\x89PNG")
        assert one.read_bytes() == other.read_bytes()


def test_a_result_without_timeline_has_no_picture_of_it(make, tmp_path):
    assert [path.name for path in REPORTS["pictures"]([make()], tmp_path)] == [
        "roofline.png",
        "comparison.png",
    ]
