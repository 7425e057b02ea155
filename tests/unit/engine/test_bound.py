"""Which resource limits a node: programs by hand on the small chip (64 B of DRAM or DMA take 1 ns)."""

from __future__ import annotations

import pytest

from simulator.engine.bound import Bound, bound_of
from simulator.engine.causes import Stretch
from simulator.engine.simulate import simulate

NS = 10**6


def rows_of(made):
    return simulate(made.program(), made.chip).rows


def test_a_memory_busier_than_the_core_limits_though_the_core_works_most_of_the_time(sheet):
    """A burst is there at 31; 80 operations to 111 run beside 6016 B, served until 95, there at 125."""
    made = sheet({"links.dma.outstanding": "4"}).load(64, 0).load(3008, 64).load(3008, 64, 3072)
    made.lanes(80, [("sram", 0, 64)])
    row = rows_of(made)[0]
    assert (row.bound, row.limiter, row.limiter_fs) == ("dram", "dram", 95 * NS)
    assert row.causes_fs["vector"] == 80 * NS
    assert row.causes_fs["vector"] > sum(t for c, t in row.causes_fs.items() if c.endswith("wait"))


def test_a_core_busier_than_the_memory_limits(sheet):
    made = sheet().load(64, 0).load(3008, 64).lanes(90, [("sram", 0, 64)])
    row = rows_of(made)[0]
    assert (row.bound, row.limiter, row.limiter_fs) == ("vector", "lanes", 90 * NS)


def test_what_was_prefetched_under_earlier_nodes_does_not_limit(sheet):
    """c's 3072 B take the DRAM 48 ns, all of them under a's 500 operations; its own time is 4 and 5 ns."""
    made = sheet().at(0).lanes(500).at(2).load(3072, 0).lanes(10, [("sram", 0, 3072)])
    row = rows_of(made)[2]
    assert row.busy_fs["dram"] == 48 * NS
    assert (row.end_fs - row.start_fs, row.bound, row.limiter) == (15 * NS, "vector", "lanes")


def test_with_nothing_near_its_roof_the_causes_tell(sheet):
    """31 ns for a burst that takes 1, an operation, 5 ns of depth."""
    row = rows_of(sheet().load(64, 0).lanes(1, [("sram", 0, 64)]))[0]
    assert (row.bound, row.limiter, row.limiter_fs) == ("latency", "", 0)


def test_one_of_several_engines_is_busy_for_its_share(sheet):
    """Two transfers of 32 ns each at 64 B/ns, beside a DRAM 16 times as fast."""
    fast = {"memories.dram.bandwidth": "1024 GB/s", "memories.dram.burst": "1024 B"}
    for engines, limiter_fs in ((1, 64 * NS), (2, 32 * NS)):
        made = sheet(fast | {"links.dma.engines": str(engines)}).load(2048, 0).load(2048, 2048)
        row = rows_of(made.lanes(1, [("sram", 0, 4096)]))[0]
        assert (row.bound, row.limiter, row.limiter_fs) == ("dram", "dma", limiter_fs)


@pytest.mark.parametrize(
    ("stretches", "roofs", "said"),
    [
        ([("fill_drain", 60), ("vector", 40)], {"lanes": 100}, Bound("latency", "lanes", 100)),
        ([("vector", 51), ("sync", 49)], {"lanes": 50, "dram": 50}, Bound("vector", "lanes", 50)),
        ([("vector", 30), ("sync", 70)], {"lanes": 49}, Bound("sync")),
        ([("input_wait", 40), ("fill_drain", 20), ("sync", 40)], {}, Bound("latency")),
        ([("noc", 60), ("vector", 40)], {"dram": 40}, Bound("noc")),
        ([], {}, Bound("latency")),
    ],
)
def test_words(small, stretches, roofs, said):
    at, parts = 0, []
    for cause, length in stretches:
        parts.append(Stretch(at, at + length, cause))
        at += length
    assert bound_of(parts, 0, at, "lanes", roofs, small()) == said
