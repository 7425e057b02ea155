"""Whole sweeps on two processes: tables, resuming, sharing, shards, failures, analysis."""

from __future__ import annotations

import csv
import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import simulator
from simulator.base.errors import InputError
from simulator.experiment.run import run
from simulator.experiment.sweep.collect import SweepResult, read_sweep
from simulator.experiment.sweep.evaluate import Job, evaluate
from simulator.experiment.sweep.export import export
from simulator.experiment.sweep.load import load_sweep
from simulator.experiment.sweep.measures import figures_of
from simulator.experiment.sweep.merge import merge, shard_facts, shards_of
from simulator.experiment.sweep.progress import Archive, Progress, duration
from simulator.experiment.sweep.run import sweep
from simulator.experiment.sweep.store import Store
from simulator.experiment.sweep.summary import notice_lines
from simulator.mapping.remember import forget
from simulator.results.front import pareto

#: Convolutions whose maps do not fit on chip, so that chains are weighed.
STACK = """
name: stack
precision: {weights: int8, activations: int8}
layers:
  - {op: Conv, input: [1, 8, 24, 24], filters: 16, kernel: [3, 3], pad: 1}
  - {op: Conv, filters: 16, kernel: [3, 3], pad: 1, groups: 16}
  - {op: Conv, filters: 24, kernel: [1, 1]}
  - {op: Conv, filters: 16, kernel: [3, 3], stride: 2, pad: 1}
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sweep of 18 points, three of which have too little room."""
    from simulator.base.yamlio import load

    folder = tmp_path_factory.mktemp("study")
    texts = _texts()
    (folder / "mini.yaml").write_text(texts["CHIP"])
    (folder / "pair.yaml").write_text(texts["NETWORK"])
    text = texts["SWEEP"].replace("[16 KiB, 64 KiB]", "[128 B, 64 KiB]")
    text = text.replace("mini.yaml", str(folder / "mini.yaml")).replace(
        "pair.yaml", str(folder / "pair.yaml")
    )
    (folder / "study.yaml").write_text(text + "baseline: {}\n")
    assert load(folder / "study.yaml").data
    return folder


def _texts() -> dict[str, str]:
    """The constants of conftest.py, which is no module of a package."""
    found: dict[str, Any] = {}
    text = (Path(__file__).parent / "conftest.py").read_text()
    for name in ("CHIP", "NETWORK", "SWEEP"):
        found[name] = text.split(f'{name} = """', 1)[1].split('"""', 1)[0].removeprefix("\\\n")
    return found


@pytest.fixture(scope="module")
def whole(study: Path) -> SweepResult:
    """The sweep, done once by two processes, in the folder `whole`."""
    return sweep(study / "study.yaml", workers=2, out=study / "whole")


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "points.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_point_has_a_row_by_key(whole: SweepResult, study: Path):
    table = rows(study / "whole")
    assert len(table) == len(whole.records) == 19
    assert [row["key"] for row in table] == sorted(row["key"] for row in table)
    assert {row["status"] for row in table} == {"done", "refused"}
    assert sum(row["chosen"] == "baseline" for row in table) == 1
    assert whole.missing == 0


def test_a_row_says_what_a_run_alone_says(whole: SweepResult, study: Path):
    record = next(
        r for r in whole.done if r["cores.array.rows"] == 16 and r["memories.sram.capacity"] == "64 KiB"
    )
    overrides = {axis: record[axis] for axis in whole.axes}
    area = 10000e-6 * record["cores.array.rows"] * record["cores.array.cols"]
    overrides["cores.array.area"] = f"{area} mm2"
    alone = run(study / "mini.yaml", study / "pair.yaml", overrides=overrides)
    assert record["latency_s"] == alone.metrics.latency_s
    assert record["energy_j"] == alone.metrics.energy_j
    assert record["dram_read_B"] == alone.metrics.traffic_bytes["dram"]["read"]
    assert record["area_mm2"] == pytest.approx(area + 0.3)


def test_points_that_cannot_be_say_why(whole: SweepResult, study: Path):
    refused = whole.failed
    assert refused
    assert {r["memories.sram.capacity"] for r in refused} == {"128 B"}
    assert all("too small for node" in r["error"] and r["latency_s"] is None for r in refused)
    assert all(row["latency_s"] == "" for row in rows(study / "whole") if row["status"] == "refused")


def test_the_front_is_the_points_that_nothing_dominates(whole: SweepResult, study: Path):
    done = whole.done
    best = [done[i]["key"] for i in pareto([(r["latency_s"], r["area_mm2"]) for r in done])]
    assert [record["key"] for record in whole.pareto] == best
    with (study / "whole" / "pareto.csv").open(newline="") as file:
        assert [row["key"] for row in csv.DictReader(file)] == best


def test_the_analysis_of_the_records(whole: SweepResult):
    effects = {effect.axis: effect for effect in whole.effects("latency_s")}
    assert set(effects) == {"cores.array.rows", "cores.array.cols"}  # all points of 128 B are refused
    best = whole.best("latency_s")
    assert best is not None
    assert best["latency_s"] == min(record["latency_s"] for record in whole.done)
    assert whole.best_per_workload()["pair"]["latency_s"] == best
    baseline = whole.baseline
    assert baseline is not None
    change = whole.against_baseline(best)
    assert change["latency_s"] == pytest.approx((best["latency_s"] / baseline["latency_s"] - 1) * 100)
    assert whole.to_dict()["points"] == 19
    thrifty = whole.thrifty("latency_s")
    assert thrifty is not None
    within = [r for r in whole.done if r["area_mm2"] <= baseline["area_mm2"]]
    assert thrifty["latency_s"] == min(record["latency_s"] for record in within)
    assert whole.enough("area_mm2") == {"cores.array.rows": 4, "cores.array.cols": 4}
    rows = dict(whole.envelopes("latency_s"))["cores.array.rows"]
    assert rows == [
        (n, min(r["latency_s"] for r in whole.done if r["cores.array.rows"] == n)) for n in (4, 8, 16)
    ]
    assert whole.steps() == [], "no axis of a memory varies"


def test_what_is_known_is_not_done_again(whole: SweepResult, study: Path, monkeypatch: pytest.MonkeyPatch):
    before = {name: (study / "whole" / name).read_bytes() for name in ("points.csv", "pareto.csv")}
    monkeypatch.setattr("simulator.experiment.sweep.crew.Processes.executor", _nobody)
    again = sweep(study / "study.yaml", workers=2, out=study / "whole")
    assert again.records == whole.records
    assert {name: (study / "whole" / name).read_bytes() for name in before} == before
    assert read_sweep(study / "whole").records == whole.records


def _nobody(crew: object, worker: int) -> None:
    raise AssertionError("a process was asked for")


def test_another_sweep_in_the_folder_finds_what_both_ask_for(whole: SweepResult, study: Path):
    """Half of the axes' values, another order, values spelled otherwise: the same chips."""
    shutil.copytree(study / "whole", study / "shared")
    text = (study / "study.yaml").read_text()
    text = text.replace("rows: [4, 8, 16]", "rows: [16, 8]").replace("[128 B, 64 KiB]", "[65536 B]")
    (study / "half.yaml").write_text(text.replace("name: study", "name: half"))
    seen: list[tuple[int, int]] = []
    result = sweep(study / "half.yaml", out=study / "shared", watch=lambda p: seen.append((p.known, p.done)))
    assert seen[-1] == (7, 0)
    theirs = {(r["cores.array.rows"], r["cores.array.cols"]): r["latency_s"] for r in whole.done
              if r["memories.sram.capacity"] == "64 KiB"}  # fmt: skip
    assert {(r["cores.array.rows"], r["cores.array.cols"]): r["latency_s"] for r in result.done} == {
        place: latency for place, latency in theirs.items() if place[0] > 4
    }


def test_shards_joined_are_the_whole(whole: SweepResult, study: Path):
    parts = [study / f"part{i}" for i in (1, 2, 3)]
    sweep(study / "study.yaml", workers=1, shard=(1, 3), out=parts[0])
    for i in (2, 3):  # what a shard computes is what the whole computed: only who does it differs
        shutil.copytree(study / "whole", parts[i - 1])
        with sqlite3.connect(parts[i - 1] / "store.sqlite") as database:
            database.execute("DELETE FROM points")
            database.execute("DELETE FROM sweeps")
        database.close()
        sweep(study / "study.yaml", shard=(i, 3), out=parts[i - 1])
    assert all(rows(part) for part in parts[:2])
    assert sum(len(rows(part)) for part in parts) == 19
    half = merge(parts[1:], study / "half")
    assert half.facts["missing_shards"] == ["1/3"]
    assert "missing_shards" not in merge([study / "half", parts[0]], study / "later").facts
    assert "missing_shards" not in merge([study / "whole", parts[0]], study / "more").facts
    shutil.copytree(study / "half", study / "on")
    assert "missing_shards" not in merge([parts[0]], study / "on").facts  # beside what is there
    joined = merge(parts, study / "joined")
    assert "missing_shards" not in joined.facts
    for name in ("points.csv", "pareto.csv"):
        assert (study / "joined" / name).read_bytes() == (study / "whole" / name).read_bytes()


def test_shards_may_share_a_folder():
    assert shard_facts({(1, 2)}, told=False) == {"shards": [[1, 2]]}
    assert shard_facts({(1, 2), (2, 2), (1, 3)}, told=True) == {}
    facts = shard_facts({(1, 3), (3, 3)}, told=True)
    assert facts == {"shards": [[1, 3], [3, 3]], "missing_shards": ["2/3"]}
    assert shards_of(facts) == {(1, 3), (3, 3)}


def test_only_shards_of_one_sweep_are_joined(whole: SweepResult, study: Path, tmp_path: Path):
    with Store(tmp_path / "other") as store:
        store.begin("x", "another", {})
    with pytest.raises(InputError, match="expected a shard of the sweep in .*whole, got another sweep"):
        merge([study / "whole", tmp_path / "other"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="no such store"):
        merge([tmp_path / "nothing"], tmp_path / "out")
    shutil.copytree(study / "whole", tmp_path / "old")
    with sqlite3.connect(tmp_path / "old" / "store.sqlite") as database:
        database.execute("UPDATE sweeps SET facts = json_set(facts, '$.model', '0.0.1+old')")
    database.close()
    with pytest.raises(InputError, match=r"expected runs of chipsim .*, got those of 0\.0\.1\+old"):
        merge([study / "whole", tmp_path / "old"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_search_and_screening_on_top_of_what_is_known(whole: SweepResult, study: Path):
    """Every point of the space is in the store, so nothing is simulated: the ways to choose alone are run."""
    shutil.copytree(study / "whole", study / "ways")
    text = (study / "study.yaml").read_text()
    (study / "nsga2.yaml").write_text(text + "search: {kind: nsga2, evaluations: 10, population: 4}\n")
    (study / "tpe.yaml").write_text(text + "search: {kind: tpe, evaluations: 8, population: 4}\n")
    (study / "random.yaml").write_text(text + "search: {kind: random, evaluations: 6}\n")
    (study / "screened.yaml").write_text(text + "screening: {keep: 30 %, check: 4}\n")
    for kind, count in (("nsga2", 10), ("tpe", 8), ("random", 6)):
        found = sweep(study / f"{kind}.yaml", out=study / "ways")
        chosen = [record for record in found.records if record["chosen"] == kind]
        assert len(chosen) == count
        assert found.facts["model"]
    found = sweep(study / "screened.yaml", out=study / "ways")
    kept = [record for record in found.records if record["chosen"] == "screened"]
    checked = [record for record in found.records if record["chosen"] == "check"]
    assert (len(kept), len(checked)) == (5, 4)
    assert all(record["screened_latency_s"] > 0 for record in kept)
    facts = found.facts["screening"]
    assert (facts["points"], facts["kept"], facts["checked"]) == (18, 5, 4)
    error = facts["errors"]["area_mm2"]
    assert error["ratio"]["p50"] == pytest.approx(1)
    assert 0.5 < facts["errors"]["latency_s"]["ratio"]["p50"] < 2


def test_an_edited_chip_replaces_its_points(whole: SweepResult, study: Path):
    """Runs of the chip as it was stay in the store; rows are those of the chip as it is."""
    shutil.copytree(study, study.parent / "edited")
    place = study.parent / "edited"
    chip = (place / "mini.yaml").read_text()
    (place / "mini.yaml").write_text(chip.replace("leakage: 10 mW", "leakage: 20 mW"))
    text = (place / "study.yaml").read_text().replace("rows: [4, 8, 16]", "rows: [4]")
    text = text.replace("cols: [4, 8, 16]", "cols: [4, 8]").replace("[128 B, 64 KiB]", "[64 KiB]")
    (place / "study.yaml").write_text(text.replace("baseline: {}\n", ""))
    before = sweep(place / "study.yaml", out=place / "whole", workers=1)
    (place / "study.yaml").write_text((place / "study.yaml").read_text().replace(str(study), str(place)))
    with Store(place / "whole") as store:  # the same question, of a chip that has been edited
        after = load_sweep(place / "study.yaml")
        stale = [replace(p, chip=after.space.chips[0]) for p in store.points(before.digest)]
        store.begin(after.digest, after.name, after.definition)
        store.add_points(after.digest, stale)
    found = sweep(place / "study.yaml", out=place / "whole", workers=1)
    assert len(found.records) == 2
    static = [{r["cores.array.cols"]: r["static_energy_j"] for r in each.done} for each in (before, found)]
    assert all(static[1][cols] > static[0][cols] for cols in (4, 8))


def test_limits_keep_points_off_the_front(whole: SweepResult, study: Path):
    shutil.copytree(study / "whole", study / "limited")
    (study / "limited.yaml").write_text((study / "study.yaml").read_text() + "limits: [area_mm2 <= 1]\n")
    found = sweep(study / "limited.yaml", out=study / "limited")
    assert found.front
    assert all(record["area_mm2"] <= 1 for record in found.pareto)
    assert any(not record["within_limits"] for record in found.done)


def test_a_mix_of_workloads(study: Path):
    text = (study / "study.yaml").read_text()
    other = (study / "pair.yaml").read_text().replace("m: 64", "m: 256")
    (study / "large.yaml").write_text(other)
    pair = str(study / "pair.yaml")
    text = text.replace(
        f"workloads: [{pair}]", f"workloads: [{{network: {pair}, weight: 3}}, {study / 'large.yaml'}]"
    )
    text = text.replace("rows: [4, 8, 16]", "rows: [8]").replace("cols: [4, 8, 16]", "cols: [8, 16]")
    (study / "mix.yaml").write_text(text.replace("[128 B, 64 KiB]", "[64 KiB]"))
    found = sweep(study / "mix.yaml", workers=1, out=study / "mix")
    for record in found.done:
        expected = (3 * record["pair.latency_s"] + record["large.latency_s"]) / 4
        assert record["latency_s"] == pytest.approx(expected)
        assert record["large.latency_s"] > record["pair.latency_s"]
    assert set(found.best_per_workload()) == {"pair", "large"}


def test_points_come_to_the_same_in_any_order_and_from_nothing(here: Path):
    """What planning and building remember from point to point must not show: figures exactly, cold and warm."""
    Path("stack.yaml").write_text(STACK)
    changes = [
        {"cores.array.rows": rows, "memories.sram.capacity": sram, "memories.dram.bandwidth": speed, **more}
        for rows in (8, 16)
        for sram, speed in (("8 KiB", "1 GB/s"), ("12 KiB", "1 GB/s"), ("12 KiB", "8 GB/s"))
        for more in ({}, {"cores.array.clock": "700 MHz", "memories.acc.capacity": "2 KiB"})
    ]
    overrides = [tuple((path, str(value)) for path, value in change.items()) for change in changes]
    jobs = [Job(str(i), "mini.yaml", "stack.yaml", each) for i, each in enumerate(overrides)]
    forget()
    warm = [run.figures for run in evaluate(jobs)]
    forget()
    back = [run.figures for run in evaluate(jobs[::-1])][::-1]
    cold = []
    for job in jobs:
        forget()
        cold.append(evaluate([job])[0].figures)
    assert all(figures["latency_s"] > 0 for figures in cold)
    assert len({figures["latency_s"] for figures in cold}) > 8
    assert warm == back == cold


def test_a_run_of_a_sweep_is_a_whole_run(here: Path):
    """Timelines and causes are left out in a sweep; figures are those of a run, to the last digit."""
    Path("stack.yaml").write_text(STACK)
    for network in ("stack.yaml", "pair.yaml"):
        (found,) = evaluate([Job("k", "mini.yaml", network, (("memories.sram.capacity", "12 KiB"),))])
        alone = run("mini.yaml", network, overrides={"memories.sram.capacity": "12 KiB"})
        assert found.figures == figures_of(alone)
        assert found.about["assumptions"] == list(alone.assumptions)


def test_records_make_a_frame(whole: SweepResult):
    """What the guide shows: pandas takes records as they are; here its rule, all keys alike."""
    assert len({tuple(record) for record in whole.records}) == 1


@pytest.mark.parametrize(("shard", "message"), [((0, 2), "expected I/N"), ((3, 2), "expected I/N")])
def test_wrong_shards(study: Path, shard: tuple[int, int], message: str):
    with pytest.raises(InputError, match=message):
        sweep(study / "study.yaml", shard=shard, out=study / "no")


def test_a_search_that_learns_has_no_shards(study: Path):
    (study / "learns.yaml").write_text((study / "study.yaml").read_text() + "search: nsga2\n")
    with pytest.raises(InputError, match="shards are for grid and random"):
        sweep(study / "learns.yaml", shard=(1, 2), out=study / "no")
    assert not (study / "no").exists()


def test_the_verb_is_at_the_front_door():
    assert simulator.sweep is sweep
    assert simulator.read_sweep is read_sweep


def test_a_defect_of_ours_costs_the_point_and_shows_where_it_was(
    study: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken(*args: object, **options: object) -> None:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr("simulator.experiment.single.finish", broken)
    (found,) = evaluate([Job("k", str(study / "mini.yaml"), str(study / "pair.yaml"), ())])
    assert (found.status, found.error) == ("failed", "ZeroDivisionError: of ours")
    assert "broken" in "".join(found.about["traceback"])


def test_progress_in_a_line():
    progress = Progress(total=100, known=10, done=30, failed=2)
    progress._began -= 60
    for scores in ((1, 5), (2, 3), (3, 4), (0, 9)):
        progress.front.add(scores)
    assert progress.line().startswith("40/100 points, 0.5/s, 2 min 0 s left, 2 failed, front 3")
    assert [duration(s) for s in (5, 65, 7260)] == ["5 s", "1 min 5 s", "2 h 1 min"]
    assert len(Archive()) == 0


def test_the_archive_is_the_front(rng: Any):
    table = rng.integers(0, 9, (300, 3))
    archive = Archive()
    for row in table:
        archive.add(row)
    assert len(archive) == len(pareto(table))


def test_a_name_for_the_folder_cannot_lead_out_of_it(
    study: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.chdir(tmp_path)
    for name in ("../up", "/abs", "a/b", ".hidden", "..", "a\\b"):
        (tmp_path / "evil.yaml").write_text(
            (study / "study.yaml").read_text().replace("name: study", f"name: '{name}'")
        )
        with pytest.raises(InputError, match="expected a plain word"):
            sweep(tmp_path / "evil.yaml")
    assert os.listdir(tmp_path) == ["evil.yaml"]


def test_the_table_as_parquet(whole: SweepResult, study: Path, tmp_path: Path):
    """Run with pyarrow on the path to see it; it is an extra that nothing else needs."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` (pyarrow) is not installed")
    written = export(whole, tmp_path)
    assert written[-1] == tmp_path / "points.parquet"
    assert parquet.read_table(written[-1]).to_pylist() == [dict(record) for record in whole.records]


def test_an_axis_of_a_memory_that_varies_only_under_a_condition(write: Callable[..., str], here: Path):
    text = (
        "name: study\nchips: [mini.yaml]\nworkloads: [pair.yaml]\naxes:\n  cores.array.rows: [4, 8]\n"
        "  memories.sram.banks: {values: [4, 8], when: cores.array.rows == 8}\nlimits: [latency_s < 0]\n"
    )
    result = sweep(write(text), workers=1, out=here / "out")
    assert [record["memories.sram.banks"] for record in result.done].count(None) == 1
    assert (here / "out" / "report.html").is_file()
    assert result.steps() == []  # nothing is within the limit, and the summary says so
    assert notice_lines(result) == ["the front is empty: no point is within the limits (latency_s < 0)"]
    widened = replace(result, records=tuple({**r, "within_limits": True} for r in result.records))
    assert [(axis, pairs) for axis, pairs, *_ in widened.steps()] == [("memories.sram.banks", 1)]
