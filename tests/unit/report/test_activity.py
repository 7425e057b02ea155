"""Tables of several runs, and the page of spiking runs over their activity."""

from __future__ import annotations

import pytest

from simulator.experiment.spikingrun import run_spiking
from simulator.report.activity import draw, table
from simulator.report.runs import activity, dynamic_j, runs_table


@pytest.fixture(scope="module")
def runs():
    return [
        run_spiking(
            "neuromorphic/loihi_1", "spiking/keyword_spotting", seed=seed,
            overrides={"workload.rate": rate}, settings={"set": {"workload.rate": rate}},
        )
        for rate, seed in (("0.2", 0), ("0.02", 3))
    ]  # fmt: skip


def test_a_row_per_run_with_what_differs(runs, result):
    headers, rows = runs_table([*runs, result])
    assert headers[:4] == ["chip", "network", "settings", "spikes per step"]
    assert [row[2] for row in rows] == ["rate=0.2", "rate=0.02", ""]
    assert rows[2][3] == "–"
    assert rows[2][:2] == [result.chip, result.network]
    assert "accuracy" not in headers, "none has one"
    headers, rows = runs_table([result])
    assert "settings" not in headers


def test_activity_is_that_of_neurons_on_cores(runs, result):
    assert activity(runs[0]) == runs[0].metrics.spikes / (931 * 10)
    assert activity(result) is None
    assert dynamic_j(runs[0]) == runs[0].metrics.energy_j - runs[0].metrics.static_energy_j


def test_the_seed_of_an_experiment_is_that_of_random_spikes(runs):
    assert any("probability 0.02, seed 3" in text for text in runs[1].assumptions)
    other = run_spiking(
        "neuromorphic/loihi_1", "spiking/keyword_spotting", seed=3,
        overrides={"workload.rate": "0.02", "workload.seed": "7"},
    )  # fmt: skip
    assert any("seed 7" in text for text in other.assumptions)


def test_the_page(runs, result, tmp_path):
    (path,) = draw([*runs, result], tmp_path)
    text = path.read_text()
    assert text.index("rate=0.02") < text.index(">rate=0.2<"), "by activity"
    for figure in table(runs)[1][0]:
        assert figure in text
    assert text.count("<svg") == 2
    assert "refresh of the DRAM" not in text, "other runs are left out"
    (path,) = draw([result], tmp_path)
    assert "No result is of a spiking network." in path.read_text()
