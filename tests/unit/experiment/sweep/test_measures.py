"""Figures of a mix of workloads, by hand."""

from __future__ import annotations

import pytest

from simulator.experiment.sweep.measures import figures_of, mixed
from simulator.results.result import Metrics


def run(latency_s: float, ops: int, energy_j: float | None, **more: object) -> dict[str, object]:
    macs = ops // 2
    complete = energy_j is not None
    return {
        "latency_s": latency_s, "throughput_per_s": 1 / latency_s, "macs": macs, "ops": ops,
        "tops": ops / latency_s / 1e12, "peak_tops": 1.0, "utilization": ops / latency_s / 1e12,
        "energy_j": energy_j, "static_energy_j": 0.0, "energy_complete": complete,
        "average_power_w": energy_j / latency_s if energy_j else None,
        "tops_per_w": ops / energy_j / 1e12 if energy_j else None,
        "tops_per_w_chip": None, "edp_js": energy_j * latency_s if energy_j else None, "area_mm2": 2.0,
        "peak_memory_bytes": 100, "accuracy": None, "dram_read_B": 10, **more,
    }  # fmt: skip


def test_one_run_is_the_mix():
    assert mixed([run(1.0, 10, 2.0)], [3.0]) == run(1.0, 10, 2.0)


def test_two_runs_by_hand():
    """Three of 1 s, 10 ops, 2 J for one of 5 s, 30 ops, 6 J: 2 s, 15 ops, 3 J on average."""
    mix = mixed([run(1.0, 10, 2.0), run(5.0, 30, 6.0, peak_memory_bytes=300, dram_read_B=50)], [3, 1])
    assert mix["latency_s"] == 2.0
    assert mix["ops"] == 15
    assert mix["energy_j"] == 3.0
    assert mix["throughput_per_s"] == pytest.approx(0.5)
    assert mix["tops"] == pytest.approx(15 / 2 / 1e12)
    assert mix["average_power_w"] == pytest.approx(1.5)
    assert mix["edp_js"] == pytest.approx(6.0)
    assert mix["tops_per_w"] == pytest.approx(15 / 3 / 1e12)
    assert mix["utilization"] == pytest.approx(15 / 2 / 1e12)
    assert mix["peak_memory_bytes"] == 300
    assert mix["dram_read_B"] == 20
    assert mix["area_mm2"] == 2.0
    assert mix["energy_complete"] is True
    assert mix["tops_per_w_chip"] is None


def test_only_proportions_of_weights_count():
    runs = [run(1.0, 10, 2.0), run(5.0, 30, 6.0)]
    assert mixed(runs, [3, 1]) == pytest.approx(mixed(runs, [6, 2]))


def test_what_one_run_does_not_know_the_mix_does_not_know():
    mix = mixed([run(1.0, 10, 2.0), run(5.0, 30, None)], [1, 1])
    assert mix["energy_j"] is None
    assert mix["tops_per_w"] is None
    assert mix["edp_js"] is None
    assert mix["average_power_w"] is None
    assert mix["energy_complete"] is False
    assert mix["latency_s"] == 3.0


def test_every_metric_has_a_rule_for_the_mix():
    """A new metric must be told how it mixes; none may silently be None."""
    from dataclasses import fields

    numbers = {
        field.name: 1.0 for field in fields(Metrics) if field.name not in ("energy_complete", "traffic_bytes")
    }
    full = {**numbers, "energy_complete": True, "dram_read_B": 1}
    mix = mixed([full, full], [1, 1])
    assert {name for name, value in mix.items() if value is None} == set()


def test_figures_are_the_metrics_with_traffic_per_memory():
    metrics = Metrics(
        1.0, 1.0, 1, 2, 0.1, None, None, None, None, False, None, None, None, None, None, 5,
        {"dram": {"read": 7, "write": 8}},
    )  # fmt: skip

    class Result:
        pass

    result = Result()
    result.metrics = metrics  # type: ignore[attr-defined]
    figures = figures_of(result)  # type: ignore[arg-type]
    assert figures["dram_read_B"] == 7
    assert figures["dram_write_B"] == 8
    assert figures["energy_j"] is None
    assert "traffic_bytes" not in figures
