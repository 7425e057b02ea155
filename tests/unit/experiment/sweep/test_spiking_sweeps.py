"""Sweeps of spiking networks on spiking chips: figures of the same run alone, and what is refused."""

from __future__ import annotations

import pytest

from simulator.experiment.spikingrun import run_spiking
from simulator.experiment.sweep.evaluate import evaluate
from simulator.experiment.sweep.identity import Keys
from simulator.experiment.sweep.load import load_sweep

SPIKING = """\
chips: [neuromorphic/loihi_1]
workloads: [spiking/keyword_spotting]
set: {workload.rate: 0.05}
axes: {mapping.tiles: [1, 2], workload.steps: [4, 6]}
objectives: {latency_s: minimize, energy_j: minimize}
seed: 3
"""


def test_points_are_the_runs_alone(write):
    sweep = load_sweep(write(SPIKING))
    keys = Keys(sweep)
    found = {}
    for point in sweep.space.grid():
        (run,) = evaluate(keys.jobs(point))
        assert run.status == "done", run.error
        found[str(point.values["mapping.tiles"]), str(point.values["workload.steps"])] = run.figures
    assert len(found) == 4
    for steps in ("4", "6"):
        overrides = {"workload.rate": "0.05", "mapping.tiles": "1", "workload.steps": steps}
        alone = run_spiking("neuromorphic/loihi_1", "spiking/keyword_spotting", overrides=overrides, seed=3)
        for name in ("latency_s", "energy_j", "sops", "spikes"):
            assert found["1", steps][name] == getattr(alone.metrics, name) > 0, name
        assert found["2", steps]["sops"] == found["1", steps]["sops"]
        assert found["2", steps]["latency_s"] < found["1", steps]["latency_s"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rate: 0.05", "rate: 5", "study.yaml:3:7: set.workload.rate: expected spikes per step from 0 to 1, got 5"),
        ("[1, 2]", "[1, 40]",
         "study.yaml:4:27: axes.mapping.tiles.1: expected at most 32, the tiles of loihi_1, got 40"),
        ("[neuromorphic/loihi_1]", "[mini.yaml]",
         "study.yaml:2:13: workloads.0: is a spiking network; mini has no cores for spikes"),
        ("[spiking/keyword_spotting]", "[pair.yaml]", "study.yaml:2:13: workloads.0: expected a spiking network"),
        ("seed: 3", "screening: {keep: 1}",
         "study.yaml:1:9: chips.0: the closed form knows no core that has a model of its own ('core', spiking); "
         "leave `screening` out"),
    ],
)  # fmt: skip
def test_what_does_not_go_together(chipsim, write, files, old, new, message):
    name = write(SPIKING.replace(old, new).replace("mapping.tiles: [1, 2], ", ""))
    before = files()
    outcome = chipsim("sweep", name, "--workers", 1, "--out", "out")
    assert (outcome.code, message in outcome.err) == (2, True), outcome.err
    assert files() == before
