"""Figures, tables and words of a sweep's page."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from simulator.report.cloud import Speck, cloud
from simulator.report.effects import HEIGHT, Series, effect_chart
from simulator.report.rounding import metric_scale
from simulator.report.scatter import Axis, Spot
from simulator.report.sweep import SweepPage, render
from simulator.report.sweepfigures import figure_words, front_drawings, short_names
from simulator.report.sweeptables import best_rows, change, enough_table, pick_table
from simulator.results.sensitivity import interactions, main_effects

TIME, ENERGY = Axis("latency", "s"), Axis("energy", "J")
AXES = ("cores.npu.rows", "memories.sram.capacity")


def records():
    """A grid of two axes; the second network wants memory, the first does not."""
    found = []
    for rows in (16, 32, 64):
        for size in ("1 MiB", "2 MiB"):
            one, two = 8e-3 / rows, 1e-4 if size == "1 MiB" else 5e-5
            figures = {"one.latency_s": one, "two.latency_s": two, "latency_s": (one + two) / 2,
                       "energy_j": rows * 1e-5, "one.energy_j": rows * 1e-5, "two.energy_j": rows * 1e-5}  # fmt: skip
            found.append({"key": f"{rows}{size[0]}", "chosen": "grid", "chip": "npu/x", "status": "done",
                          AXES[0]: rows, AXES[1]: size, "error": "", **figures})  # fmt: skip
    return found


@pytest.fixture
def page() -> SweepPage:
    rows = records()
    return SweepPage(
        name="s", description="", axes=AXES, objectives={"latency_s": "minimize", "energy_j": "minimize"},
        columns=("latency_s", "energy_j"), records=rows, front=[0, 1, 3, 5], settings=[{} for _ in rows], chips={},
        effects={"latency_s": main_effects(rows, AXES, "latency_s")},
        interactions={"latency_s": interactions(rows, AXES, "latency_s")},
        picks=[("A", "least latency", rows[5]), ("B", "the baseline", rows[2])], baseline=rows[2],
        bests={"one": {"latency_s": rows[4]}, "two": {"latency_s": rows[1]}},
        enough={"latency_s": {AXES[0]: 64, AXES[1]: "2 MiB"}},
        steps=[(AXES[1], 3, 1, 2.5, 4.0)], thrifty={"latency_s": rows[5]}, stated={AXES[0]: 32}, mix={"one": 0.75, "two": 0.25},
    )  # fmt: skip


def test_axes_are_named_by_what_tells_them_apart():
    assert short_names(["cores.npu.rows", "cores.npu.cols", "seed"]) == {
        "cores.npu.rows": "npu.rows", "cores.npu.cols": "npu.cols", "seed": "seed",
    }  # fmt: skip
    assert list(short_names(["a.x.rows", "b.x.rows"]).values()) == ["a.x.rows", "b.x.rows"]


@pytest.mark.parametrize(
    ("column", "words"),
    [("latency_s", "latency"), ("one.edp_js", "energy × delay of one"), ("screened_energy_j", "energy, estimated"),
     ("dram_read_B", "dram read"), ("odd", "odd")],
)  # fmt: skip
def test_columns_in_words(column: str, words: str):
    assert figure_words(column) == words


@pytest.mark.parametrize(
    ("name", "largest", "factor", "unit"),
    [("latency_s", 0.002, 1e3, "ms"), ("one.energy_j", 3e-4, 1e6, "µJ"), ("utilization", 0.5, 100, "%"),
     ("tops", 3.2, 1, "TOPS"), ("area_mm2", 1.5, 1, "mm²"), ("dram_read_B", 3 * 2**20, 2**-20, "MiB"), ("odd", 5, 1, "")],
)  # fmt: skip
def test_units_of_columns(name: str, largest: float, factor: float, unit: str):
    assert metric_scale(name, largest) == (pytest.approx(factor), unit)


def test_below_the_steps_lies_nothing():
    specks = [Speck(1e-3, 4e-3, 0, "a", True), Speck(2e-3, 2e-3, 0, "b", True), Speck(2e-3, 5e-3, 0, "c"),
              Speck(4e-3, 1e-3, 0, "d", True)]  # fmt: skip
    text = cloud("t", specks, [Spot(2e-3, 2e-3, "K", 6, "the knee")], TIME, ENERGY)
    wide = text[: text.index("</svg>")]
    dots = [(float(x), float(y)) for x, y in re.findall(r'<circle cx="([\d.]+)%" cy="([\d.]+)" r="[\d.]+" class="dot', wide)]
    steps = re.findall(r'x1="([\d.]+)%" y1="([\d.]+)" x2="([\d.]+)%" y2="([\d.]+)" class="ridge"', wide)
    assert len(dots) == 4
    assert len(steps) == 4, "a step to each further design of the two figures' front: across, then down"
    for x1, y1, x2, y2 in (map(float, step) for step in steps):
        assert x1 == x2 or y1 == y2
        assert not any(x < min(x1, x2) - 0.01 and y > max(y1, y2) + 0.01 for x, y in dots)
    assert wide.count('class="ring"') == 1
    assert "K the knee" in text
    assert cloud("t", [], [], TIME, ENERGY) == ""


def test_letters_of_designs_that_lie_together_stand_apart():
    specks = [Speck(1e-3, 1e-3, 0, "a"), Speck(1.0, 1.0, 0, "z")]
    text = cloud("t", specks, [Spot(1e-3, 1e-3, each, 6, "x") for each in "ABC"], TIME, ENERGY)
    found = re.findall(r'<text x="([\d.]+)%" y="([\d.]+)" class="mid letter">([ABC])', text[: text.index("</svg>")])
    assert [letter for _, _, letter in found] == ["A", "B", "C"]
    heights = sorted(float(y) for _, y, _ in found)
    assert min(b - a for a, b in pairwise(heights)) >= 14


def test_a_chart_of_an_axis_begins_at_zero():
    text = effect_chart(
        "t", ["1", "2"], [Series("best", 0, (1e-3, 2e-3)), Series("mean", 1, (2e-3, 4e-3))], 4e-3, 1e3, "ms"
    )
    heights = [float(y) for y in re.findall(r'<circle cx="[\d.]+%" cy="([\d.]+)"', text)]
    zero = max(float(y) for y in re.findall(r'y1="([\d.]+)" y2="[\d.]+" class="grid"', text))
    assert zero < HEIGHT
    assert (zero - heights[3]) / (zero - heights[0]) == pytest.approx(4, rel=0.01)
    assert ">(ms)<" in text
    assert "mean at 2: 4 ms" in text


def test_designs_that_stand_out_say_by_how_much(page: SweepPage):
    short = short_names(AXES)
    first, second = pick_table(page, short)["rows"]
    assert first["values"] == ["64", "2 MiB"]
    assert first["cells"] == [("87.5 µs", "−50 %"), ("640 µJ", "+100 %")]
    assert [remark for _, remark in second["cells"]] == ["", ""], "the baseline is not compared with itself"
    assert change(1.0, 1.0) == "as the baseline"
    assert change(None, 1.0) == ""


def test_each_network_has_its_own_best(page: SweepPage):
    rows = dict(best_rows(page, short_names(AXES)))
    assert rows["one"][0]["design"] == "npu.rows 64, sram.capacity 1 MiB"
    assert (rows["two"][0]["figure"], rows["two"][0]["change"]) == ("50 µs", "−50 %")
    assert enough_table(page, short_names(AXES))[1] == [["latency", "64", "2 MiB"]]


def test_the_page_says_it_in_words(page: SweepPage):
    """Means in µs are 250, 125, 62.5 by rows (variance 6076), 12.5 about the mean by memory (156): 97.5 and 2.51 %."""
    text = render(page)
    for said in (
        "What latency varies with, as shares of its variance: npu.rows 97.5 %, sram.capacity 2.51 %.",
        "In 1 of 3 pairs of neighbours more of sram.capacity is slower, by up to 2.5 % (for one network up to 4 %)",
        "Against the baseline, with no other objective worse: latency −50 % (npu.rows 64, sram.capacity 2 MiB).",
        "one 75 %, two 25 %", ">A</span>", "npu.rows · 97.5 %",
    ):  # fmt: skip
        assert said in text, said


def test_colours_are_those_of_the_axis_that_matters_most(page: SweepPage):
    drawings, entries, marks = front_drawings(page)
    assert list(drawings) == ["wide", "slim"]
    assert [text for _, text in entries] == ["npu.rows 16", "npu.rows 32", "npu.rows 64"]
    assert marks == [("A", "least latency"), ("B", "the baseline")]
