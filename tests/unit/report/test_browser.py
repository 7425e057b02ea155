"""Pages as a browser lays them out: nothing overlaps, is cut or overflows; the script works, without errors."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sweep_records import make_page

from simulator import run as simulate
from simulator.report.compare import render as render_comparison
from simulator.report.families import render as render_families
from simulator.report.page import render
from simulator.report.quantization import render as render_quantization
from simulator.report.sweep import render as render_sweep
from simulator.results.result import Result

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDTHS = (375, 1280, 1920)
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--enable-logging=stderr",
    "--virtual-time-budget=5000", "--window-size=1920,1200", "--dump-dom",
)  # fmt: skip
BROKEN = """
<svg class="bars" aria-label="broken" width="200" height="40"><text x="0" y="20">one label</text>
<text x="8" y="20">another</text><text x="190" y="38" font-size="8">cut off</text></svg>
<div style="width:3000px">wide</div>
<script>missing();</script>
"""
PAGES = ("few", "many", "cores", "rows", "old", "real", "comparison", "families", "quantization", "sweep")

Seen = tuple[dict[tuple[str, int], dict[str, Any]], list[str]]


def look(pages: Mapping[str, str], folder: Path) -> Seen:
    """What ``probe.js`` finds on each page at each width, and what the browser's console says."""
    browser = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if browser is None:
        pytest.skip(f"no browser to lay pages out with; looked for {', '.join(BROWSERS)}")
    places = [(name, width) for name in pages for width in WIDTHS]
    frames = "".join(
        f'<iframe style="width:{width}px;height:900px;border:0" srcdoc="{html.escape(pages[name])}"></iframe>'
        for name, width in places
    )
    probe = (Path(__file__).parent / "probe.js").read_text(encoding="utf-8")
    file = folder / "frames.html"
    file.write_text(f"<!doctype html><body>{frames}<script>{probe}</script></body>", encoding="utf-8")
    command = [browser, *OPTIONS, f"--user-data-dir={folder / 'profile'}", file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    said = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    assert said, done.stderr[-2000:]
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return dict(zip(places, json.loads(html.unescape(said.group(1))), strict=True)), console


def many(make, count: int) -> Result:
    layers = []
    for i in range(count):
        name = f"/model/layers.{i // 20}/self_attn/block{i}/q_proj/MatMul"
        counts = [1_000_000 + i, 1000 + i, 90_000 + 7 * i, i, 1000]
        layers.append((name, ("compute", "dram")[i % 2], 1000 + 3701 * i % 9001, 1_000_000 + i, counts))
    return make(layers)


def quantized() -> list[Result]:
    """The digits in four precisions and in real numbers."""
    ways = ({}, {"weights": "int8"}, {"weights": "int4"}, {"activations": "int16"}, {"rules": "[{node: fc1, weights: int4}]"})
    settings = [{f"workload.quantize.{name}": text for name, text in way.items()} for way in ways]
    return [simulate("npu/edge_npu", "digits_mlp", overrides=each, stream=3) for each in settings]


@pytest.fixture(scope="module")
def seen(make, run, commands, bandwidth, digits, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Every page looked at in one go: a browser takes seconds to start."""
    long = make(chip="a/chip/with/a/long/name" * 3)
    pages = {
        "few": render(run(make())),
        "many": render(run(many(make, 200))),
        "cores": render(run(many(make, 30), cores=4)),
        "rows": render(commands(run(make()))),
        "old": render(make()),
        "real": render(
            simulate("npu/edge_npu", "light_squeezenet", overrides={"workload.precision": "int8"})
        ),
        "comparison": render_comparison([commands(make()), bandwidth(make()), long, make(network="other")]),
        "families": render_families(list(digits.values())),
        "quantization": render_quantization(quantized()),
        "sweep": render_sweep(make_page(120, np.random.default_rng(7))),
    }
    assert tuple(pages) == PAGES
    return look(pages, tmp_path_factory.mktemp("browser"))


def test_no_page_has_errors_on_the_console(seen: Seen):
    assert seen[1] == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_reads_well(page: str, width: int, seen: Seen):
    found = seen[0][page, width]
    assert found["width"] == width
    assert found["drawings"] >= 2
    assert found["overflow"] <= 0
    for what in ("overlap", "cut", "small", "outside", "without_unit"):
        assert found[what] == [], what


@pytest.mark.parametrize("width", WIDTHS)
def test_a_click_on_a_header_sorts(width: int, seen: Seen):
    down, up, none = seen[0]["cores", width]["sorted"]
    assert [down["order"], up["order"], none["order"]] == ["descending", "ascending", "none"]
    assert down["values"] == sorted(down["values"], reverse=True)
    assert up["values"] == sorted(up["values"])
    assert none["values"] not in (down["values"], up["values"])


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_of_a_sweep_sorts_filters_and_selects(width: int, seen: Seen):
    found = seen[0]["sweep", width]["sweep"]
    assert found["rows"] == 120
    assert found["orders"] == ["descending", "ascending"], "it is sorted by its first objective from the start"
    down, up = found["sorted"]
    assert down == sorted(down, reverse=True)
    assert up == sorted(up)
    assert len(set(up)) > 100
    assert found["filtered"] == 14, "every ninth design has 8 rows"
    assert found["chosen"][0] != found["chosen"][1], "the two axes that act together most"
    assert found["cells"] > 12
    assert found["coloured"] >= 8, "a colour for each number of rows"
    assert re.search(r"npu\.rows \d+, .* · latency [\d.]+ ms, energy [\d.]+ mJ$", found["said"])
    assert "name: edge_npu" in found["yaml"]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", PAGES)
def test_links_within_a_page_lead_somewhere(page: str, width: int, seen: Seen):
    assert seen[0][page, width]["lost"] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_charts_over_time_zoom_and_read_out(width: int, seen: Seen):
    found = seen[0]["few", width]
    assert found["zoomed"] == pytest.approx(2, abs=0.01)
    assert found["zoom_scrolls"]
    assert found["zoom_overflow"] <= 0
    assert found["readout"].startswith("5.250 µs · "), "half of 10.5 µs"
    assert re.search(r" · dram read [\d.]+ [KMG]?B/s · ", found["readout"])
    assert found["labels"] > 0


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", ["rows", "real"])
def test_what_accesses_found_zooms_and_reads_out_with_the_rest(page: str, width: int, seen: Seen):
    found = seen[0][page, width]
    assert found["zoomed"] == pytest.approx(2, abs=0.01)
    assert re.search(
        r" · dram row hits [\d.]+ % · dram misses [\d.]+ % · dram conflicts [\d.]+ %", found["readout"]
    )
    assert found["drawings"] > seen[0]["few", width]["drawings"]


def test_the_probe_sees_what_is_wrong(tmp_path: Path):
    found, console = look({"broken": BROKEN}, tmp_path)
    assert len(console) == len(WIDTHS)
    assert all("missing is not defined" in line for line in console)
    for each in found.values():
        assert each["overflow"] > 0
        assert each["overlap"] == ['broken: "one label" and "another"']
        assert each["cut"] == each["small"] == ['"cut off"']
        assert each["without_unit"] == ["broken"]
