"""`chipsim sweep`, `chipsim merge` and `chipsim schema sweep` as a user calls them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Chipsim = Callable[..., Any]


@pytest.fixture
def small(write: Callable[[str], str]) -> str:
    """Four designs, one of which has too little room."""
    text = Path(write()).read_text().replace("rows: [4, 8, 16]", "rows: [8]").replace("[4, 8, 16]", "[8, 16]")
    return write(text.replace("[16 KiB, 64 KiB]", "[128 B, 64 KiB]") + "baseline: {}\n")


def test_a_sweep_says_what_it_found(chipsim: Chipsim, small: str, here: Path):
    done = chipsim("sweep", small, "--workers", 1, "--out", "o")
    assert done.code == 0
    assert done.err.splitlines()[-1].startswith("sweep: 5/5 points")
    assert "2 failed, front " in done.err.splitlines()[-1]
    assert "study: Pareto front, of 5 points" in done.out
    assert "best latency_s: " in done.out
    assert "against the baseline)" in done.out
    assert "latency_s varies with: cores.array.cols 100 %" in done.out
    assert "2 points have no figures (status and error in points.csv), such as:" in done.out
    assert "  refused: cores.array.rows=8, cores.array.cols=" in done.out
    assert done.out.splitlines()[-1] == "wrote o/report.html, points.csv, pareto.csv and store.sqlite"
    again = chipsim("sweep", small, "--out", "o", "--json")
    assert again.json["points"] == 5
    assert again.json["failed"] == 2
    assert len(again.json["front"]) >= 1
    merged = chipsim("merge", "o", "--out", "m", "--quiet")
    assert (merged.code, merged.out, merged.err) == (0, "", "")
    assert (here / "m" / "points.csv").read_bytes() == (here / "o" / "points.csv").read_bytes()


def test_a_sweep_without_any_figures_is_no_success(chipsim: Chipsim, small: str, here: Path):
    text = Path(small).read_text().replace("[128 B, 64 KiB]", "[64 B, 128 B]").replace("baseline: {}\n", "")
    Path("none.yaml").write_text(text)
    done = chipsim("sweep", "none.yaml", "--workers", 1, "--out", "o")
    assert done.code == 2
    assert done.err.splitlines()[-1] == "none of 4 points has figures"
    assert "front, of" not in done.out
    assert "4 points have no figures" in done.out
    assert (here / "o" / "points.csv").is_file()


def test_the_default_folder_is_named_by_the_sweep(chipsim: Chipsim, small: str, here: Path):
    text = Path(small).read_text().replace("[8, 16]", "[8]").replace("[128 B, 64 KiB]", "[64 KiB]")
    Path("tiny.yaml").write_text(text.replace("name: study\n", "").replace("baseline: {}\n", ""))
    assert chipsim("sweep", "tiny.yaml", "--quiet", "--workers", 1).code == 0
    assert (here / "reports" / "tiny" / "points.csv").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--shard", "3"), "--shard: expected I/N such as 1/3, got '3'"),
        (("--shard", "4/3"), "--shard: expected I/N with 1 <= I <= N such as 1/3, got 4/3"),
        (("--cluster", "tcp://x:1", "--workers", "2"), "--workers: a cluster has its own workers"),
        (("--plugin", "no_such_module"), "plugin no_such_module: no module 'no_such_module'"),
    ],
)
def test_wrong_options(chipsim: Chipsim, small: str, here: Path, arguments: tuple[str, ...], message: str):
    done = chipsim("sweep", small, "--out", "o", *arguments)
    assert done.code == 2
    assert done.err.startswith(message)
    assert not (here / "o").exists()


def test_a_wrong_file_is_refused_before_anything_is_written(
    chipsim: Chipsim, write: Callable[[str], str], here: Path
):
    text = Path(write()).read_text().replace("cores.array.rows:", "cores.array.rowz:", 1)
    done = chipsim("sweep", write(text), "--out", "o")
    assert done.code == 2
    assert "study.yaml:5:22: axes.cores.array.rowz.0: unknown key; did you mean 'rows'?" in done.err
    assert "Traceback" not in done.err
    assert not (here / "o").exists()


def test_a_store_that_is_damaged_is_left_alone(chipsim: Chipsim, small: str, here: Path):
    (here / "o").mkdir()
    (here / "o" / "store.sqlite").write_text("no database at all, " * 100)
    done = chipsim("sweep", small, "--out", "o")
    assert done.code == 2
    assert done.err.startswith("o/store.sqlite: the store is damaged (file is not a database)")
    assert (here / "o" / "store.sqlite").read_text().startswith("no database")


def test_merge_of_nothing(chipsim: Chipsim, here: Path):
    done = chipsim("merge", "nowhere", "--out", "m")
    assert (done.code, done.err) == (2, "nowhere: no such store; expected a folder with store.sqlite\n")


def test_the_schema_knows_the_file(chipsim: Chipsim):
    fields = chipsim("schema", "sweep").out
    for name in ("axes", "constraints", "objectives", "screening.keep", "search.evaluations", "derived"):
        assert name in fields
    schema = chipsim("schema", "sweep", "--json").json
    assert set(schema["required"]) == {"chips", "workloads", "axes"}
    assert "population" in str(schema["$defs"])
