"""Memory of a host: off the chip, without limits, its traffic counted."""

from __future__ import annotations

import pytest

from simulator.experiment.run import run
from simulator.hw.chip import load_chip
from simulator.hw.memories.host import Host


def test_it_limits_nothing():
    host = Host(kind="host")
    assert host.EXTERNAL
    assert host.peak_bytes_per_s() is None
    assert host.service() is None


def test_it_is_no_part_of_the_chips_area():
    assert load_chip("neuromorphic/nm500", {"cores.neurons.area": "3 mm2"}).area_mm2() == 3


def test_what_a_run_leaves_there():
    result = run("neuromorphic/nm500", "digits_nm500")
    (memory,) = result.memories
    assert (memory.name, memory.external, memory.capacity_bytes, memory.bandwidth_bytes_per_s) == ("host", True, None, None)
    assert result.metrics.traffic_bytes["host"]["read"] == pytest.approx(1100 * 64 + 900 * 2)
