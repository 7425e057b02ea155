"""Every experiment that ships runs, quick, and leaves its pages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulator.experiment.experiment import load_experiment
from simulator.report import REPORTS
from simulator.report.write import write_report

ROOT = Path(__file__).parent.parent
EXPERIMENTS = sorted(ROOT.glob("reports/*/experiment.yaml"))


def test_there_are_some():
    assert [path.parent.name for path in EXPERIMENTS] == [
        "loihi_keyword_spotting", "npu_vs_pim_llm", "quantization", "three_families", "two_npus",
    ]  # fmt: skip


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.parent.name)
def test_it_runs_quick(path, tmp_path):
    experiment = load_experiment(path, quick=True)
    assert experiment.name == path.parent.name, "reports/<name> is where it goes"
    results = list(experiment.results())
    assert len(results) == len(experiment.points) > 1
    written = write_report(results, tmp_path)
    for name in experiment.reports:
        written += REPORTS[name](results, tmp_path)
    assert experiment.reports, "an experiment that ships has a picture or page of its own"
    for file in written:
        assert file.stat().st_size > 100, file
        if file.suffix == ".html":
            text = file.read_text()
            assert text.startswith("<!doctype html>")
            assert text.rstrip().endswith("</html>")
            assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
            assert len(text) < 1_000_000
    found = [json.loads(file.read_text()) for file in written if file.name == "result.json"]
    assert [each["network"] for each in found] == [result.network for result in results]
    assert all(each["metrics"]["latency_s"] > 0 for each in found)


def test_a_quick_run_is_smaller():
    path = ROOT / "reports" / "npu_vs_pim_llm" / "experiment.yaml"
    assert len(load_experiment(path, quick=True).points) < len(load_experiment(path).points) / 3
