"""Everything under reports/ runs, quick and from nothing, and leaves pages whose links lead somewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from simulator.base import yamlio
from simulator.experiment.experiment import load_experiment
from simulator.experiment.sweep.load import load_sweep
from simulator.experiment.sweep.run import sweep
from simulator.report import REPORTS
from simulator.report.write import write_report
from simulator.results.result import Result

ROOT = Path(__file__).parent.parent
EXPERIMENTS = sorted(ROOT.glob("reports/*/experiment.yaml"))


def test_there_are_some():
    assert {"npu_array_sweep", "npu_vs_pim_llm", "quantization", "three_families"} <= {
        path.parent.name for path in EXPERIMENTS
    }


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.parent.name)
def test_it_runs_quick(path: Path, tmp_path: Path):
    is_sweep = "axes" in yamlio.load(path).data
    written = quick_sweep(path, tmp_path) if is_sweep else quick_experiment(path, tmp_path)
    assert f"chipsim sweep reports/{path.parent.name}/experiment.yaml" in path.read_text() or not is_sweep
    for file in written:
        assert file.stat().st_size > 100, file
        if file.suffix == ".html":
            check_page(file)
        if file.suffix == ".svg":
            assert file.read_text().startswith('<svg xmlns="http://www.w3.org/2000/svg" viewBox=')


def quick_experiment(path: Path, folder: Path) -> Sequence[Path]:
    experiment = load_experiment(path, quick=True)
    assert experiment.name == path.parent.name, "reports/<name> is where it goes"
    results = list(experiment.results())
    assert len(results) == len(experiment.points) > 1
    assert experiment.reports, "an experiment that ships has a picture or page of its own"
    further = [file for name in experiment.reports for file in REPORTS[name](results, folder)]
    written = [*write_report(results, folder, [file.name for file in further]), *further]
    found = [Result.from_json(file) for file in written if file.name == "result.json"]
    assert [each.network for each in found] == [result.network for result in results]
    assert all(each.metrics.latency_s > 0 for each in found)
    return written


def quick_sweep(path: Path, folder: Path) -> Sequence[Path]:
    asked = load_sweep(path, quick=True)
    assert asked.name == path.parent.name
    assert asked.space.size < load_sweep(path).space.size / 10
    result = sweep(asked, workers=1, out=folder)
    assert not result.failed
    assert len(result.done) == asked.space.size
    assert result.front
    written = [folder / name for name in ("points.csv", "pareto.csv", "report.html", "front.svg")]
    assert asked.description in written[2].read_text()
    return written


class Anchors(HTMLParser):
    """Links of a page and what they may lead to within it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.ids.add(named.get("id") or "")
        if tag == "a":
            self.links.append(named.get("href") or "")


def check_page(file: Path) -> None:
    """It is whole, small, offline, and every link leads somewhere."""
    text = file.read_text()
    assert text.startswith("<!doctype html>")
    assert text.rstrip().endswith("</html>")
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert len(text) < 1_000_000
    page = Anchors(text)
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    keys = json.loads(data[1])["keys"] if data else []
    for link in page.links:
        if link.startswith("#"):
            assert link == "#" or link[1:] in page.ids or link[1:] in keys, f"{file}: {link}"
        else:
            assert (file.parent / unquote(link)).is_file(), f"{file}: {link}"


def test_a_quick_run_is_smaller():
    path = ROOT / "reports" / "npu_vs_pim_llm" / "experiment.yaml"
    assert len(load_experiment(path, quick=True).points) < len(load_experiment(path).points) / 3


def test_the_readme_shows_pictures_that_are_there():
    shown = re.findall(r"!\[[^]]+\]\((docs/pictures/[^)]+)\)", (ROOT / "README.md").read_text())
    assert len(shown) == 2
    for name in shown:
        text = (ROOT / name).read_text()
        assert text.startswith('<svg xmlns="http://www.w3.org/2000/svg" viewBox=')
        assert len(text) < 60_000
        assert f"cp reports/{Path(name).stem}/" in (ROOT / "docs" / "guide.md").read_text(), "how it is made"
