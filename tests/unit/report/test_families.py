"""Chips of several kinds on one task: figures of one inference, caveats from the results, a page that holds."""

from __future__ import annotations

import dataclasses
from xml.etree import ElementTree

import pytest

from simulator.report import REPORTS
from simulator.report.caveats import caveats
from simulator.report.families import cells, inside, render, task
from simulator.report.inference import inference

NPU, PIM, SPIKES, MATCH = "npu/edge_npu", "pim/edge_npu_lpddr5_pim", "neuromorphic/loihi_1", "neuromorphic/nm500"


@pytest.fixture(scope="module")
def runs(digits):
    return [inference(digits[chip]) for chip in (NPU, PIM, SPIKES, MATCH)]


def said(runs):
    return caveats(runs, [run.result.chip for run in runs])


def one(texts, begin):
    (found,) = [text for text in texts if text.startswith(begin)]
    return found


def test_a_row_is_what_the_chip_s_own_result_says(runs):
    result = runs[0].result
    precision, right, latency, energy, edp, power, interval, steady = cells(runs[0])
    assert precision == ("int8", "7 nm")
    assert right == ("97 %", "93.6 to 98.6 %")
    assert latency[0] == "1.035 µs"
    assert energy == ("887.8 nJ", "15.2 % of it static")
    assert (edp[0], power[0]) == ("918.8 fJ·s", "857.7 mW")
    assert (interval[0], steady[0]) == ("640 ns", "142 nJ")
    assert result.stream.interval_fs == 640 * 10**6


def test_lower_bounds_are_marked(runs):
    found = dict(zip(("precision", "right", "latency", "energy", "edp", "power", "interval", "steady"), cells(runs[3]), strict=True))
    assert found["energy"] == ("≥ 9.806 nJ", "energy incomplete")
    for name in ("edp", "power", "steady"):
        assert found[name][0].startswith("≥ "), name
    assert cells(runs[1])[6:] == [("–", ""), ("–", "")], "back to back was not simulated"


def test_the_task_is_one(digits, result):
    results = list(digits.values())
    assert task(results) == "200 labelled samples of optical_digits.csv, the same for all."
    assert task([*results, result]) == "The runs were not all given the same labelled samples."
    other = dataclasses.replace(results[0], values=dataclasses.replace(results[0].values, source="other.csv"))
    assert task([*results, other]).startswith("The runs were not all")


def test_caveats_follow_from_the_results(runs):
    texts = said(runs)
    assert one(texts, "Processes and years").count("nm") >= 3
    assert "14 nm, 2018: loihi_1" in one(texts, "Processes and years")
    assert "edge_npu fetch their weights" in one(texts, "Alone")
    memory = one(texts, "External memory")
    assert "edge_npu (4 GiB, 89.9 % of the energy alone)" in memory
    assert "loihi_1, nm500 hold all on the chip" in memory
    assert "17\u202f024 multiplications" in one(texts, "The work is tiny")
    assert one(texts, "4 of 128 cores of loihi_1 hold the network").endswith("of the whole chip.")
    assert "neurons.compare" in one(texts, "≥ marks")
    assert "nm500: 100 % published" in one(texts, "Energies rest on")
    assert "into the memory of edge_npu_lpddr5_pim" in one(texts, "A rule sent")
    assert "edge_npu (15.1 %)" in one(texts, "Inputs and outputs")
    assert one(texts, "With 200 samples")
    assert one(texts, "Each kind of chip")


def test_what_does_not_apply_is_not_said(runs):
    """An NPU alone: one process, one arithmetic, one method, energy complete."""
    begins = [text.split()[0] for text in said(runs[:1])]
    assert begins == ["With", "Alone,", "The", "Inputs", "Power", "Energies"]


def test_parts_add_up(runs):
    headers, rows = inside(runs, ["a", "b", "c", "d"])
    assert headers == ["", "run", "on the chip", "power over time", "external memory", "energy unknown of"]
    assert rows[0][2:] == ["73.25 nJ", "135 nJ", "679.5 nJ", "nothing"]
    assert rows[3][2:5] == ["–", "9.806 nJ", "–"]
    for run in runs[:3]:
        assert run.energy_j * run.result.batch == pytest.approx(run.result.metrics.energy_j)


def test_the_page(digits, tmp_path):
    results = list(digits.values())
    path, picture = REPORTS["families"](results, tmp_path)
    assert (path, picture) == (tmp_path / "families.html", tmp_path / "families.svg")
    drawn = ElementTree.fromstring(picture.read_text())
    assert drawn.get("viewBox") == f"0 0 {drawn.get('width')} {drawn.get('height')}"
    assert "3: loihi_1, digits_snn, 94.5 % right" in [text.text for text in drawn.findall(".//{*}text")]
    page = path.read_text()
    assert page == render(results)
    for text in ("What is not comparable", "equal energy × delay", "back to back", "edge_npu__digits_mlp/report.html",
                 "NPU + PIM", "pattern matching", "spiking", "mean of 200 recognitions", "neurons.compare"):  # fmt: skip
        assert text in page, text
    assert len(page) < 200_000


def test_results_that_nobody_executed_have_a_page_too(result, unknown):
    page = render([result, unknown])
    assert "not all given the same labelled samples" in page
    assert "nothing was executed" in page
    assert ">unknown<" in page
