"""Quick runs of experiments: last overrides, equal runs once, another network, wrong paths."""

from __future__ import annotations

import pytest

from simulator.base.errors import InputError
from simulator.experiment.experiment import load_experiment

EXPERIMENT = """
name: sizes
chips: [npu/edge_npu, npu/tpu_v1]
workloads:
  - {network: tiny.yaml, precision: int8}
  - {network: tiny.yaml, precision: int8, density: 0.5}
  - {network: other.yaml, precision: int8}
set: {edge_npu.memories.dram.channels: 2}
sweep: {edge_npu.cores.npu.rows: [8, 16]}
quick: {workload.density: 1, edge_npu.cores.npu.rows: 4}
"""


@pytest.fixture
def study(tmp_path, tiny, monkeypatch):
    """Write the experiment beside its networks, with one text replaced; its path."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.yaml").write_text(tiny.read_text().replace("tiny", "other"))

    def write(old: str = "", new: str = ""):
        assert old in EXPERIMENT
        (tmp_path / "e.yaml").write_text(EXPERIMENT.replace(old, new) if old else EXPERIMENT)
        return "e.yaml"

    return write


def runs(path, **named):
    return [(p.chip, p.network, p.settings()) for p in load_experiment(path, **named).points]


def test_without_the_option_nothing_changes(study):
    assert runs(study()) == runs(study(EXPERIMENT[EXPERIMENT.index("quick") :], ""))
    assert len(runs(study())) == 3 * 2 + 3


def test_last_overrides_win_and_equal_runs_are_run_once(study):
    edge, tpu = "npu/edge_npu", "npu/tpu_v1"
    mine = {"memories.dram.channels": 2, "cores.npu.rows": 4, "workload.precision": "int8", "workload.density": 1}
    theirs = {"workload.precision": "int8", "workload.density": 1}
    assert runs(study(), quick=True) == [
        (edge, "tiny.yaml", mine), (edge, "other.yaml", mine),
        (tpu, "tiny.yaml", theirs), (tpu, "other.yaml", theirs),
    ]  # fmt: skip


def test_another_network_takes_the_place_of_all(study):
    path = study("quick: {workload.density: 1,", "quick: {workload.network: other.yaml, workload.density: 1,")
    assert [(chip, network) for chip, network, _ in runs(path, quick=True)] == [
        ("npu/edge_npu", "other.yaml"), ("npu/tpu_v1", "other.yaml"),
    ]  # fmt: skip


def test_an_experiment_without_any_runs_whole(study):
    path = study(EXPERIMENT[EXPERIMENT.index("quick") :], "")
    assert runs(path, quick=True) == runs(path)


@pytest.mark.parametrize(
    ("new", "text"),
    [
        ("quick: {workload.batsch: 1}", "e.yaml:10:9: quick.workload.batsch: unknown setting of a workload"),
        ("quick: {cores.array.rows: 4}", "e.yaml:10:9: quick.cores.array.rows: chip edge_npu has no cores.array"),
        ("quick: {workload.network: none}", "e.yaml:10:9: quick.workload.network: no such network"),
        ("quick: {edge_npu.cores.npu.rows: none}", "expected a whole number, got 'none'"),
    ],
)  # fmt: skip
def test_wrong_paths_are_named(study, new, text):
    with pytest.raises(InputError) as error:
        load_experiment(study(EXPERIMENT[EXPERIMENT.index("quick") :], new + "\n"), quick=True)
    assert text in str(error.value)


def test_the_command_line(chipsim, study, files):
    path = study("[npu/edge_npu, npu/tpu_v1]", "[npu/edge_npu]")
    outcome = chipsim("run", path, "--quick")
    assert outcome.code == 0
    assert outcome.err.splitlines()[-1].startswith("2/2 edge_npu other")
    assert "reports/sizes_quick/report.html" in files()
    assert not any(file.startswith("reports/sizes/") for file in files()), "that of a whole run is kept"


def test_one_network_has_no_quick_run(chipsim, tiny):
    outcome = chipsim("run", "npu/edge_npu", tiny, "--quick")
    assert (outcome.code, outcome.err) == (2, "--quick: is for an experiment's file, not for CHIP NETWORK\n")
