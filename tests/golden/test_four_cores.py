"""Four cores against one, on a whole network."""

from __future__ import annotations

import pytest

from simulator.experiment.run import run


def test_four_cores_are_more_than_three_times_as_fast_where_bandwidth_allows():
    """ResNet-50 on ``npu/quad_npu``, which has memory to match: at least 3.1 times one of its cores; 3.2 where
    their streams do not meet in the banks of the memory.

    It is the same work, no faster than four times one core, and the page's figures say why not four: cores
    that wait for each other, in the time that fewer than four are busy.
    """
    one, four = (
        run("npu/quad_npu", "light_resnet50", overrides={"clusters.quad.count": count}) for count in (1, 4)
    )
    assert four.metrics.macs == one.metrics.macs
    assert 3.1 <= one.metrics.latency_s / four.metrics.latency_s <= 4.0
    assert 3.2 <= one.beside.latency_s / four.beside.latency_s <= 4.0
    (arrays,) = [together for together in four.timeline.together if together.kind == "systolic"]
    assert arrays.cores == ("npu_0", "npu_1", "npu_2", "npu_3")
    assert sum(arrays.time_fs) == four.timeline.end_fs
    at_once = sum(cores * time for cores, time in enumerate(arrays.time_fs)) / four.timeline.end_fs
    assert at_once == pytest.approx(sum(arrays.busy_fs) / four.timeline.end_fs)
    for row in four.rows:
        assert sum(row.causes_fs.values()) == row.end_fs - row.start_fs
