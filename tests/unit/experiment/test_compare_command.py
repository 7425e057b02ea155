"""`chipsim compare` on results of all kinds of chips: what is compared, what is said not to be, what is refused."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import pytest

from simulator.report.layout import folder_name

NPU, PIM, SPIKES, MATCH = (
    "edge_npu__digits_mlp", "edge_npu_lpddr5_pim__digits_mlp", "loihi_1__digits_snn", "nm500__digits_nm500",
)  # fmt: skip


@pytest.fixture
def there(digits, tmp_path: Path) -> Path:
    """A folder of four results of one task; that of the NPU has a page."""
    for result in digits.values():
        (tmp_path / "done" / folder_name(result)).mkdir(parents=True)
        result.to_json(tmp_path / "done" / folder_name(result) / "result.json")
    (tmp_path / "done" / NPU / "report.html").write_text("<!doctype html>")
    return tmp_path


def test_one_task_on_four_kinds_of_chips(chipsim, there: Path, digits):
    done = chipsim("compare", "done", "--out", "o")
    assert done.code == 0, done.err
    for said in (
        "not comparable: Different networks do different work",
        "edge_npu_lpddr5_pim / digits_mlp: precision fp16, the reference int8.",
        "note: Processes and years differ (7 nm: edge_npu, edge_npu_lpddr5_pim; 14 nm, 2018: loihi_1; 110 nm, 2019: nm500)",
        "One inference. 200 labelled samples of optical_digits.csv, the same for all.",
        "pattern matching",
    ):  # fmt: skip
        assert said in done.out, said
    assert done.out.splitlines()[-1] == "wrote o/report.html and 2 more files"
    rows = {row["chip"]: row for row in csv.DictReader((there / "o" / "compare.csv").open())}
    spikes = digits["neuromorphic/loihi_1"]
    assert float(rows["loihi_1"]["inference_latency_s"]) == pytest.approx(spikes.metrics.latency_s / 200)
    assert float(rows["loihi_1"]["latency_s"]) == spikes.metrics.latency_s, "that of the run, exactly"
    assert rows["edge_npu"]["inference_latency_s"] == rows["edge_npu"]["latency_s"]
    assert rows["nm500"]["inference_energy_complete"] == "False"
    page = (there / "o" / "report.html").read_text()
    assert f'href="../done/{NPU}/report.html"' in page
    assert f'href="../done/{MATCH}' not in page, "no link to a page that is not there"
    assert 'href="families.html"' in page
    assert "Latency of one inference" in page
    assert 'href=""' not in (there / "o" / "families.html").read_text()


def test_whole_runs_where_that_is_asked_for(chipsim, there: Path):
    found = chipsim("compare", "done", "--out", "o", "--per", "run", "--json").json
    assert (found["per_inference"], found["same_task"], found["notes"]) == (False, True, [])
    assert not (there / "o" / "families.html").exists()
    by_chip = {record["chip"]: record for record in found["results"]}
    assert by_chip["edge_npu_lpddr5_pim"]["ratios"]["latency_s"].endswith("x slower")
    assert by_chip["loihi_1"]["ratios"]["latency_s"] == "", "the first of its network"
    assert by_chip["nm500"]["ratios"]["tops"] == ""


def test_different_tasks_are_told_apart(chipsim, there: Path, digits):
    other = dataclasses.replace(digits["neuromorphic/loihi_1"], values=None, network="other")
    other.to_json(there / "other.json")
    plain = chipsim("compare", f"done/{NPU}", "other.json", "--out", "o", "--json").json
    assert not plain["per_inference"]
    asked = chipsim("compare", f"done/{NPU}", "other.json", "--out", "o", "--json", "--per", "inference").json
    assert any(text.startswith("The runs do not all do the same task (200 labelled") for text in asked["notes"])
    assert not any(text.startswith("Each kind of chip") for text in asked["notes"])


def test_what_is_no_result_is_refused_and_nothing_written(chipsim, there: Path):
    (there / "text").write_text("hello")
    done = chipsim("compare", "nosuch", "text", f"done/{NPU}", "--out", "o")
    assert done.code == 2
    assert done.err.splitlines()[0].startswith("nosuch: no such result; expected a result.json, a folder")
    assert "text: not a result" in done.err
    assert chipsim("compare", f"done/{NPU}", f"done/{NPU}", "--out", "o").err.startswith(
        "compare: expected two results or more, got 1"
    )
    assert chipsim("compare", "done", "--per", "chip", "--out", "o").err.startswith(
        "--per: expected run or inference, got 'chip'"
    )
    assert not (there / "o").exists()
