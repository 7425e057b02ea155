"""PNG pictures: written, whole, the same for the same results."""

from __future__ import annotations

from simulator.report import REPORTS


def test_pictures_are_png_and_repeatable(make, tmp_path):
    results = [make(), make(chip="x")]
    first = REPORTS["pictures"](results, tmp_path / "a")
    second = REPORTS["pictures"](results, tmp_path / "b")
    assert [path.name for path in first] == ["roofline.png", "comparison.png"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes().startswith(b"\x89PNG")
        assert one.read_bytes() == other.read_bytes()
