"""Results put together: what is counted adds up, and times stay those of the rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulator.experiment.run import run
from simulator.results.compose import joined, repeated, weighted
from simulator.results.result import Result

LAYERS = """
name: three
layers:
  - {op: Gemm, m: 64, n: 64, k: 64}
  - {op: Gemm, m: 64, n: 64, k: 64}
  - {op: Gemm, m: 64, n: 32, k: 64}
"""


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    path = Path(tmp_path_factory.mktemp("three")) / "three.yaml"
    path.write_text(LAYERS)
    return run("npu/edge_npu", path)


def consistent(found: Result) -> None:
    latency_fs = sum(row.exposed_fs for row in found.rows)
    assert found.metrics.latency_s == latency_fs / 1e15
    assert found.ledger.nodes == tuple(row.node for row in found.rows)
    for row in found.rows:
        assert sum(row.exposed_causes_fs.values()) == row.exposed_fs
        assert sum(row.causes_fs.values()) == row.end_fs - row.start_fs
    assert Result.from_dict(found.to_dict()).to_dict() == found.to_dict()


def test_repeated(result):
    found = repeated(result, 1, 2, 3, lambda turn, node: f"{node}.{turn}")
    consistent(found)
    assert [row.node for row in found.rows][1:5] == [
        result.rows[1].node,
        *(f"{result.rows[1].node}.{i}" for i in (1, 2, 3)),
    ]
    assert found.metrics.macs == result.metrics.macs + 3 * result.rows[1].macs
    step = result.rows[1].exposed_fs
    assert found.metrics.latency_s == pytest.approx(result.metrics.latency_s + 3 * step / 1e15, rel=1e-12)
    assert found.rows[-1].start_fs == result.rows[2].start_fs + 3 * step
    counts = result.ledger.counts
    np.testing.assert_array_equal(found.ledger.counts.sum(axis=0), counts.sum(axis=0) + 3 * counts[1])


def test_repeated_no_times_is_the_same(result):
    found = repeated(result, 1, 2, 0, lambda turn, node: node)
    assert found.metrics == result.metrics
    assert found.rows == result.rows


def test_weighted(result):
    consistent(weighted([(result, 2.5), (result, 0.25)]))
    twice = weighted([(result, 1.0), (result, 1.0)])
    assert twice.metrics.macs == 2 * result.metrics.macs
    assert twice.metrics.latency_s == pytest.approx(2 * result.metrics.latency_s, rel=1e-12)
    assert twice.metrics.energy_j == pytest.approx(2 * result.metrics.energy_j, rel=1e-12)
    assert [row.utilization for row in twice.rows] == pytest.approx([row.utilization for row in result.rows])


def test_joined(result):
    other = replace(result, assumptions=("more",))
    found = joined(result, other, ("first", "second"))
    consistent(found)
    assert [row.node for row in found.rows[::3]] == [
        f"{part}/{result.rows[0].node}" for part in ("first", "second")
    ]
    assert found.metrics.energy_j == pytest.approx(2 * result.metrics.energy_j, rel=1e-12)
    assert found.assumptions == (*result.assumptions, "more")
    assert found.rows[3].start_fs == sum(row.exposed_fs for row in result.rows) + result.rows[0].start_fs
