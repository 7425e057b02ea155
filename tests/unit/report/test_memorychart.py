"""Charts of one memory over time: values, units, ends of axes, what the caption says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.report.memorychart import follows_rows, room, row_shares, rows, traffic
from simulator.report.palette import OUTCOMES
from simulator.results.result import MemoryInfo
from simulator.results.timeline import MemoryUse, Timeline

TIMELINE = Timeline(8 * 10**9, 4, (), (), ())  # 8 us in bins of 2 us
INFO = MemoryInfo("dram", "dram", None, 8e9, True, "DDR4", hits=270, misses=20, conflicts=10)


def use_of(hits: tuple[int, ...], misses: tuple[int, ...], conflicts: tuple[int, ...]) -> MemoryUse:
    return MemoryUse("dram", (0,) * 4, (0,) * 4, hits=hits, misses=misses, conflicts=conflicts)


def test_traffic_is_bytes_per_second_below_the_peak():
    """4 000 B in 2 us are 2 GB/s, of 8."""
    use = MemoryUse("dram", (4000, 0, 0, 0), (0, 2000, 0, 0))
    chart = traffic(use, MemoryInfo("dram", "dram", None, 8e9, True), TIMELINE, [])
    assert chart.caption == "dram (GB/s)"
    assert chart.note == "at most 2 GB/s, 25 % of the peak; on average 750 MB/s, 9.38 %"
    assert "peak 8 GB/s" in chart.drawing
    assert [text for text, _ in chart.numbers] == ["2", "4", "6"]
    assert chart.values == "dram read|GB/s|2,0*3;dram written|GB/s|0,1,0*2"


def test_room_is_below_the_capacity_in_binary_units():
    use = MemoryUse("sram", (), (), (1024, 2048, 0, 0), (1024, 0, 0, 0))
    chart = room([use], MemoryInfo("sram", "sram", 4096, None, False), TIMELINE, [], "sram")
    assert chart.caption == "sram (KiB)"
    assert chart.note == "at most 2 KiB, 50 % of the capacity"
    assert "capacity 4 KiB" in chart.drawing
    assert chart.values == "sram: tensors that lie there|KiB|1,2,0*2;sram: buffers of tiles|KiB|1,0*3"


def test_an_unlimited_memory_has_no_line():
    use = MemoryUse("sram", (5, 0, 0, 0), (0, 0, 0, 0), (1024, 0, 0, 0), (0, 0, 0, 0))
    info = MemoryInfo("sram", "sram", None, None, False)
    for chart in (room([use], info, TIMELINE, [], "sram"), traffic(use, info, TIMELINE, [])):
        assert "roof" not in chart.drawing
        assert " of the " not in chart.note


def test_what_was_lost_stands_in_the_caption_of_the_traffic():
    use = MemoryUse("dram", (4000, 0, 0, 0), (0, 0, 0, 0))
    chart = traffic(use, replace(INFO, bandwidth_bytes_per_s=None), TIMELINE, [], "7 refreshes")
    assert chart.note == "at most 2 GB/s; on average 500 MB/s; 7 refreshes"


def test_traffic_at_the_peak_all_the_time_fills_the_chart():
    """16 000 B in 2 us are the 8 GB/s of the peak."""
    use = MemoryUse("dram", (16_000,) * 4, (0,) * 4)
    assert traffic(use, INFO, TIMELINE, []).note == (
        "at most 8 GB/s, 100 % of the peak; on average 8 GB/s, 100 %"
    )


def test_accesses_are_shares_of_what_they_found_and_hits_fill_a_short_axis():
    """Of 100 accesses 10 open a row in the first bin, none in the second; the third has no access."""
    use = use_of((90, 100, 0, 80), (6, 0, 0, 14), (4, 0, 0, 6))
    found = row_shares(use)
    assert list(found.values) == list(OUTCOMES) == ["conflicts", "misses", "hits"], "from the bottom"
    assert found.values == {"conflicts": [4, 0, 0, 6], "misses": [6, 0, 0, 14], "hits": [90, 100, 0, 80]}
    assert found.top == 20
    assert found.shown["hits"] == [10, 20, 0, 0]
    chart = rows(use, INFO, TIMELINE, [])
    assert chart.caption == "dram (%)"
    assert chart.note == (
        "row hits 90 %, misses 6.67 %, conflicts 3.33 %; the axis ends at 20 %, hits fill the rest"
    )
    assert "20 % of the accesses" in chart.drawing
    assert [text for text, _ in chart.numbers] == ["5", "10", "15"]
    assert chart.values.split(";") == [
        "dram row hits|%|90,100,0,80",
        "dram misses|%|6,0*2,14",
        "dram conflicts|%|4,0*2,6",
    ]
    for name in ("row hits", "misses", "conflicts"):
        assert f"<title>dram {name}</title>" in chart.drawing


@pytest.mark.parametrize(
    ("hits", "end"),
    [((100,) * 4, 4), ((96,) * 4, 4), ((95, 100, 100, 100), 10), ((60,) * 4, 40), ((59,) * 4, 100)],
)
def test_the_axis_ends_above_what_is_lost(hits, end):
    lost = tuple(100 - each for each in hits)
    assert row_shares(use_of(hits, lost, (0,) * 4)).top == end


def test_an_axis_of_all_accesses_says_nothing_of_its_end():
    use = use_of((0,) * 4, (0,) * 4, (7,) * 4)
    assert rows(use, INFO, TIMELINE, []).note == "row hits 90 %, misses 6.67 %, conflicts 3.33 %"


def test_bins_of_few_accesses_are_cut_and_read_out_whole():
    """Half of 4 accesses open a row, and 2 of 100 elsewhere: the axis ends at 4 %."""
    use = use_of((98, 98, 98, 2), (2, 2, 2, 2), (0, 0, 0, 0))
    found = row_shares(use)
    assert found.top == 4
    assert found.shown["misses"] == [2, 2, 2, 4]
    assert found.shown["hits"] == [2, 2, 2, 0]
    assert "dram misses|%|2*3,50" in rows(use, INFO, TIMELINE, []).values


def test_rows_are_followed_only_where_something_was_found():
    assert follows_rows(use_of((0, 0, 0, 0), (0, 0, 0, 1), (0, 0, 0, 0)))
    assert not follows_rows(use_of((0,) * 4, (0,) * 4, (0,) * 4))
    assert not follows_rows(use_of((), (), ()))
