"""Bars of causes."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

from simulator.report.causes import NAMES, draw_causes
from simulator.report.palette import CAUSES

SVG = "{http://www.w3.org/2000/svg}"


def caused(result, *causes):
    """The result whose layers have these causes, in us."""
    rows = [
        replace(row, causes_fs={name: us * 10**9 for name, us in each.items()})
        for row, each in zip(result.rows, causes, strict=True)
    ]
    return replace(result, rows=tuple(rows))


def test_nothing_is_drawn_where_nothing_is_explained(result):
    assert draw_causes(result, 5) == {"cause_total": "", "cause_bars": "", "cause_legend": ""}
    assert draw_causes(caused(result, {}, {}, {"compute": 0}, {}), 5)["cause_bars"] == ""


def test_longest_layers_and_the_sum_of_all(result):
    drawn = draw_causes(
        caused(result, {"compute": 3}, {}, {"vector": 1}, {"compute": 1, "weight_wait": 5}), 2
    )
    bars = ElementTree.fromstring(drawn["cause_bars"])
    labels = [text.text for text in bars.iter(f"{SVG}text") if text.get("class") == "wide"]
    assert labels == ["fc", "conv1"]
    titles = [title.text for rect in bars.iter(f"{SVG}rect") for title in rect]
    assert titles == [
        "fc: arrays working 1 µs, 16.7 %",
        "fc: waiting for weights 5 µs, 83.3 %",
        "conv1: arrays working 3 µs, 100 %",
    ]
    whole = ElementTree.fromstring(drawn["cause_total"])
    widths = [float(rect.get("width")[:-1]) for rect in whole.iter(f"{SVG}rect")]
    assert widths == [40.0, 50.0, 10.0]
    assert "layer time (µs)" in [text.text for text in whole.iter(f"{SVG}text")]
    assert re.findall(r"</i>([^<]*)<", drawn["cause_legend"]) == [
        "arrays working 40 %", "waiting for weights 50 %", "vector units working 10 %",
    ]  # fmt: skip


def test_a_cause_that_is_new_is_named_as_it_is(result):
    drawn = draw_causes(caused(result, {"magic": 3}, {}, {}, {}), 2)
    assert '<i class="cx"></i>magic 100 %' in drawn["cause_legend"]


def test_every_cause_has_a_name_and_a_colour():
    assert set(NAMES) == set(CAUSES)
