"""The page of a sweep: small enough, whole, offline, and safe against what names may hold."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from sweep_records import AXES, FIGURES, make_page

from simulator.report.sweep import DIGITS, MOST_POINTS, render


def data_of(text: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert found
    return json.loads(found[1])


def test_five_thousand_points_take_less_than_two_megabytes(rng: np.random.Generator):
    text = render(make_page(5000, rng))
    assert len(text.encode()) < 2_000_000
    assert len(data_of(text)["keys"]) == 5000


def test_the_page_carries_every_point_and_the_front(rng: np.random.Generator):
    page = make_page(200, rng)
    data = data_of(render(page))
    assert data["front"] == list(page.front)
    for name in FIGURES:
        for short, record in zip(data["columns"][name], page.records, strict=True):
            assert short == (None if record[name] is None else float(f"{record[name]:.{DIGITS}g}"))
    for axis in AXES:
        column = data["words"][axis]
        assert [column["values"][i] for i in column["at"]] == [record[axis] for record in page.records]
    assert list(data["set"]) == ["cores.npu.area"]


def test_more_points_than_a_page_carries_keep_the_front(rng: np.random.Generator):
    page = make_page(MOST_POINTS + 500, rng)
    text = render(page)
    data = data_of(text)
    assert len(data["keys"]) == MOST_POINTS
    assert len(data["front"]) == len(page.front)
    assert "500 designs are left out here; points.csv has all." in text


def test_it_needs_no_network(rng: np.random.Generator):
    text = render(make_page(20, rng))
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", text)
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "default-src 'none'" in text


@pytest.mark.parametrize(
    "evil", ["</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "a&b\"'"]
)
def test_names_cannot_break_out(rng: np.random.Generator, evil: str):
    page = make_page(10, rng)
    records = [{**record, "chip": evil, "error": evil, "status": "refused"} for record in page.records]
    text = render(make_page(10, rng, name=evil, records=records, front=[], facts=[evil], description=evil))
    assert "alert(1)</script>" not in text
    assert "<img src=x" not in text
    assert data_of(text)["words"]["chip"]["values"] == [evil]


def test_every_element_that_the_script_asks_for_is_there(rng: np.random.Generator):
    text = render(make_page(20, rng))

    class Ids(HTMLParser):
        found: set[str] = set()

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found |= {value for name, value in attrs if name == "id" and value}

    Ids().feed(text)
    asked = set(re.findall(r'id\("(\w+)"\)', text)) | {"data"}
    assert asked <= Ids.found


def test_failures_and_effects_are_told_without_a_script(rng: np.random.Generator):
    text = render(make_page(120, rng))
    assert "too small for node &#39;x&#39;" in text
    assert "range of the means" in text
    assert "best latency_s: 1 at x" in text


def test_the_same_sweep_gives_the_same_bytes():
    pages = [render(make_page(50, np.random.default_rng(1))) for _ in range(2)]
    assert pages[0] == pages[1]
