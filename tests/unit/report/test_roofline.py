"""The roofline: where dots lie, what is left out, what the axes say."""

import dataclasses
from xml.etree import ElementTree

import pytest

from simulator.report.page import bound_colours
from simulator.report.roofline import draw_roofline, roofline

SVG = "{http://www.w3.org/2000/svg}"


def drawn(result, grid=1):
    return ElementTree.fromstring(draw_roofline(roofline(result), bound_colours(result), grid))


def dots(root):
    return [each for each in root.iter() if "dot" in (each.get("class") or "").split()]


def test_dots_are_ops_over_external_bytes_and_ops_over_time(result):
    roof = roofline(result)
    assert [dot.name for dot in roof.dots] == ["conv1", "fc"]
    assert roof.dots[0].ops_per_byte == pytest.approx(8_000_000 / 120_000)
    assert roof.dots[0].ops_per_s == pytest.approx(8_000_000 / 3e-6)
    assert roof.left_out == 2
    assert roof.ridge == pytest.approx(8.192e12 / 51.2e9)


def test_the_figure_states_units_ridge_and_names(result):
    root = drawn(result)
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert "ops per external byte (ops/B)" in texts
    assert "achieved (OPS = ops/s)" in texts
    assert "ridge 160 ops/B" in texts
    assert "peak 8.192 TOPS" in texts
    assert "slope 51.2 GB/s" in texts
    titles = [title.text for title in root.iter(f"{SVG}title")]
    assert titles[0] == "conv1: 2.667 TOPS, 66.67 ops/B, bound by compute"
    assert [dot.get("class") for dot in dots(root)] == ["dot c0", "dot c1"]


def test_more_ops_per_byte_is_further_right_and_faster_is_higher(result):
    conv, fc = dots(drawn(result))
    assert float(conv.get("cx").rstrip("%")) > float(fc.get("cx").rstrip("%"))
    assert float(conv.get("cy")) < float(fc.get("cy"))


def test_a_layer_without_external_traffic_is_a_square_at_the_edge(make):
    result = make([("on chip", "compute", 1000, 1000, [1000, 10, 0, 0, 0])])
    (dot,) = dots(drawn(result))
    assert dot.tag == f"{SVG}rect"
    assert dot.get("x") == "100.0%"
    assert "on chip: 2 GOPS, no external traffic" in dot.find(f"{SVG}title").text


def test_layers_at_one_place_share_a_dot_that_counts_them(make):
    layer = ("compute", 1000, 1000, [1000, 10, 100, 0, 0])
    (dot,) = dots(drawn(make([(f"block{i}", *layer) for i in range(9)])))
    lines = dot.find(f"{SVG}title").text.splitlines()
    assert [line.split(":")[0] for line in lines[:-1]] == [f"block{i}" for i in range(6)]
    assert lines[-1] == "and 3 more here"


def test_a_coarser_grid_draws_fewer_dots(make):
    layers = [(f"n{i}", "dram", 1000 + 5 * i, 1000, [0, 0, 100 + i, 0, 0]) for i in range(200)]
    result = make(layers)
    assert len(dots(drawn(result, 16))) < len(dots(drawn(result))) <= 200


def test_without_peak_or_bandwidth_there_is_no_ridge(make, result):
    no_peak = make(peak_macs_per_s=0.0)
    assert roofline(no_peak).ridge is None
    assert not [text for text in drawn(no_peak).iter(f"{SVG}text") if text.text.startswith(("ridge", "peak"))]
    memories = tuple(dataclasses.replace(memory, bandwidth_bytes_per_s=None) for memory in result.memories)
    unlimited = dataclasses.replace(result, memories=memories)
    assert roofline(unlimited).bytes_per_s is None
    assert not [text for text in drawn(unlimited).iter(f"{SVG}text") if text.text.startswith("ridge")]


def test_nothing_that_computes_gives_no_figure(make):
    result = make([("reshape", "latency", 0, 0, [0, 0, 0, 0, 0])])
    assert draw_roofline(roofline(result), {}) == ""
