"""The panels over time: what the result says is what they show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.report.memorychart import room
from simulator.report.page import bound_colours, component_colours, render
from simulator.report.palette import BLUE, GREEN, KINDS, ORANGE
from simulator.report.timeline import lane_colour, panels
from simulator.results.result import MemoryInfo
from simulator.results.timeline import Lane, MemoryUse, Timeline

TIMELINE = Timeline(8 * 10**9, 4, (), (), ())  # 8 us in bins of 2 us


def shown(result):
    return panels(result, bound_colours(result))["timeline"]


def test_a_result_without_timeline_has_no_panel(result, make, run):
    assert panels(result, {}) == {"timeline": None}
    assert 'id="timeline"' not in render(result)
    empty = replace(run(make()), timeline=Timeline(0, 0, (), (), ()))
    assert panels(empty, {}) == {"timeline": None}


def test_every_unit_has_a_lane_and_layers_come_first(result, run):
    charts = shown(run(result))["lanes"]
    assert [chart.caption for chart in charts] == ["layers", "npu", "dma · load"]
    assert charts[0].drawing.count("<rect") == 3, "the layer without time has no bar"
    assert "<title>fc (Op): exposed 7 µs from 3.5 µs, bound by dram</title>" in charts[0].drawing
    assert "<title>conv1: 3 µs from 0 s, busy 75 %</title>" in charts[1].drawing
    assert [chart.note for chart in charts[1:]] == ["busy 75 %", "in flight 50 %"]


def test_what_a_unit_does_has_a_colour():
    assert lane_colour(Lane("npu", "systolic", "compute", 0, (), (), (), ())) == BLUE
    assert lane_colour(Lane("vec", "vector", "compute", 0, (), (), (), ())) == GREEN
    assert lane_colour(Lane("dma", "dma", "load", 0, (), (), (), ())) == KINDS["load"]


def test_copies_share_a_plot_of_their_mean_and_the_fullest(result, run):
    uses = [
        MemoryUse("acc_0", (), (), (1024, 3072, 0, 0), (1024, 0, 0, 0)),
        MemoryUse("acc_1", (), (), (0, 1024, 0, 0), (0, 0, 0, 0)),
    ]
    info = MemoryInfo("acc_0", "sram", 4096, None, False)
    chart = room(uses, info, TIMELINE, [], "acc ×2")
    assert chart.caption == "acc ×2 (KiB)"
    assert chart.note == "at most 3 KiB in one copy, 75 % of the capacity"
    assert chart.values.split(";") == [
        "acc ×2: tensors that lie there, mean|KiB|0.5,2,0*2",
        "acc ×2: buffers of tiles, mean|KiB|0.5,0*3",
        "acc ×2: fullest copy|KiB|2,3,0*2",
    ]
    timed = run(result)
    both = [replace(use, memory=name) for use in timed.timeline.memories[:1] for name in ("s_0", "s_1")]
    clustered = replace(
        timed,
        timeline=replace(timed.timeline, memories=tuple(both)),
        memories=tuple(replace(timed.memories[0], name=name) for name in ("s_0", "s_1")),
        copies={"s_0": "s", "s_1": "s"},
    )
    found = shown(clustered)
    assert [chart.caption for chart in found["rooms"]] == ["s ×2 (MiB)"]
    assert [chart.caption for chart in found["copies"]] == ["s_0 (MiB)", "s_1 (MiB)"]
    assert shown(timed)["copies"] == []
    assert "Room of each copy" in render(clustered)
    assert "Room of each copy" not in render(timed)


def test_memories_without_traffic_are_left_out(result, run):
    with_traffic = run(result)
    silent = tuple(
        replace(use, read_bytes=(0,) * 400, write_bytes=(0,) * 400) for use in with_traffic.timeline.memories
    )
    quiet = replace(with_traffic, timeline=replace(with_traffic.timeline, memories=silent))
    assert [chart.caption for chart in shown(with_traffic)["external"]] == ["dram (GB/s)"]
    assert shown(quiet)["external"] == shown(quiet)["internal"] == []


def test_what_accesses_found_has_a_panel_where_rows_are_followed(result, run, commands, bandwidth):
    found = shown(commands(run(result)))
    assert [chart.caption for chart in found["found"]] == ["dram (%)"]
    page = render(commands(run(result)))
    assert "row buffers of external memory</h3>" in page
    assert "row hits: the row was open" in page
    for other in (run(result), bandwidth(run(result))):
        assert shown(other)["found"] == []
        assert "row buffers of external memory</h3>" not in render(other)


def test_the_page_has_the_panels_only_where_they_say_something(result, run, make):
    page = render(run(result))
    for text in (
        "Timeline",
        "Bandwidth of external memory",
        "Room taken in on-chip memory",
        "Why layers take",
    ):
        assert f">{text}" in page
    assert "times as fast" not in page
    assert "Why 4 systolic cores are not 4 times as fast" in render(run(result, cores=4))


def test_components_have_the_colours_of_their_bounds(result, run):
    colours = component_colours(run(result), ["dma", "npu", "dram", "sram"])
    assert colours["npu"] == BLUE
    assert colours["dram"] == ORANGE
    assert len(set(colours.values())) == 4
    many = component_colours(run(result), ["npu", *(f"c{i}" for i in range(12))])
    assert list(many.values()).count(8) == 5, "what is past the palette shares one"


@pytest.mark.parametrize("count", [430, 2000])
def test_a_large_network_fits_one_megabyte(make, run, count):
    layers = [
        (f"/model/layers.{i // 20}/block{i}/MatMul", ("compute", "dram")[i % 2], 1000 + 37 * i % 9001, 10 + i,
         [10 + i, 1000 + i, 90_000 + 7 * i, i, 1000])
        for i in range(count)
    ]  # fmt: skip
    page = render(run(make(layers)))
    assert len(page.encode()) < 1_000_000
    assert page.count("<tr>") > count
