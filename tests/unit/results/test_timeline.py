"""The timeline as data: bins cover the run, JSON both ways, old results have none."""

from __future__ import annotations

import json

from simulator.base.jsontext import dumps
from simulator.results.timeline import Lane, MemoryUse, Timeline, Together, edges

TIMELINE = Timeline(
    end_fs=10,
    bins=4,
    lanes=(Lane("npu", "systolic", "compute", 7, (0, 1), (0, 5), (4, 10), (4, 3)),),
    memories=(MemoryUse("sram", (1, 0, 0, 2), (0, 3, 0, 0), (8, 8, 0, 0), (0, 2, 2, 0)),),
    together=(Together("systolic", ("a", "b"), (6, 3), (3, 5, 2)),),
)


def test_bins_cover_the_run_without_gaps():
    assert TIMELINE.edges_fs() == [0, 2, 5, 7, 10]
    assert edges(3 * 10**18, 400)[-1] == 3 * 10**18
    assert edges(0, 0) == [0]


def test_room_is_tensors_and_buffers():
    assert TIMELINE.memories[0].room_bytes == (8, 10, 2, 0)


def test_json_gives_the_same_timeline_with_a_line_per_column():
    text = dumps(TIMELINE.to_dict())
    again = Timeline.from_dict(json.loads(text))
    assert again == TIMELINE
    assert dumps(again.to_dict()) == text
    assert '   "start_fs": [0, 5],' in text.split("\n")
